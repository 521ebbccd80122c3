# SPDX-License-Identifier: Apache-2.0
"""``brightline classifier streams``: how early a release stops answers that come in pieces."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click
import msgspec

from brightline.classifier.corpus import RowSurface
from brightline.classifier.evaluation.chosen import chosen
from brightline.classifier.evaluation.probe import LINES, one_in
from brightline.classifier.evaluation.reading import Columns, read_source
from brightline.classifier.evaluation.streaming import PIECE_CHARS, measure_streams, stream
from brightline.core.errors import ConfigError
from brightline.shell.inference.screen import Screen
from brightline.shell.shipped import AGREEMENT, RELEASE
from brightline.terminal import as_json, progress, table

ONE_IN_MAX: Final = 1_000
LABELS: Final = ("yes", "unknown", "no")
_FOLDER: Final = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("streams")
@click.argument("corpora", type=_FOLDER)
@click.option(
    "--release", default=RELEASE, show_default=True, help="A shipped release by name, or a release's folder."
)
@click.option("--agreement", default=AGREEMENT, show_default=True, help="A shipped agreement by name, or a folder.")
@click.option("--weights", default="", help="A folder with the encoder's parts, if they are not beside the release.")
@click.option("--split", type=click.Choice(["train", "test"]), default="test", show_default=True)
@click.option("--chars", default=PIECE_CHARS, show_default=True, type=click.IntRange(1, 4096), help="Of a piece.")
@click.option("--one-in", "every", default=1, show_default=True, type=click.IntRange(1, ONE_IN_MAX))
@click.option("--json", "json_wanted", is_flag=True, help="Print a JSON object.")
def streams(
    corpora: Path, release: str, agreement: str, weights: str, split: str, chars: int, every: int, json_wanted: bool
) -> None:
    """Stream the answers among the rows of CORPORA, piece by piece, and say when a release stops them.

    What is asked about, how far a stream is held back and how far it is read back are the release's, as behind a
    gateway. Of rows that cross a line, those that do not and those that nobody can tell: how many are stopped before
    their end, how many at all, and how much of those has left by then.

    Exit codes: 0 measured; 2 bad usage, or rows that do not read.
    """
    bench = chosen(agreement, release, weights)
    screen = Screen(bench.agreement, bench.folder, weights)
    sources = [read_source(file, Columns()) for file in sorted(corpora.glob("*.jsonl"))]
    sources = [one_in(one, every) for one in sources if one.author is not None and one.author.split == split]
    probes = [probe for one in sources for probe in one.probes if probe.surface is RowSurface.OUTPUT]
    if not probes:
        raise ConfigError(f"{corpora} holds no answers of the {split} split")
    found = {}
    with progress("streams", len(probes)) as step:
        for number, probe in enumerate(probes):
            found[probe.source, probe.id] = stream(screen, bench.agreement, probe, chars)
            step(number + 1)
    groups = {
        (line, label): [found[probe.source, probe.id] for probe in probes if probe.truths.get(line) == label]
        for line in LINES
        for label in LABELS
    }
    measured = {place: measure_streams(each) for place, each in groups.items() if each}
    if json_wanted:
        said = [
            {"line": line, "label": label, **msgspec.to_builtins(each)} for (line, label), each in measured.items()
        ]
        click.echo(as_json({"release": bench.release.id, "chars": chars, "streams": said}))
        return
    table(
        f"{len(probes):,} answers in pieces of {chars} characters",
        ["line", "rows that are", "answers", "stopped within", "stopped", "of these had left", "asks"],
        [
            [
                line,
                label,
                each.stopped.of,
                f"{each.within.share or 0:.1%}",
                f"{each.stopped.share or 0:.1%}",
                f"{each.left:.0%}" if each.left is not None else "–",
                f"{each.asks:.1f}",
            ]
            for (line, label), each in measured.items()
        ],
    )
