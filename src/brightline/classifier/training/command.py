# SPDX-License-Identifier: Apache-2.0
"""``brightline classifier train``: what it is told, and what it prints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from brightline.classifier.corpus import read_corpora, read_corpus
from brightline.classifier.everyday import read_everyday
from brightline.classifier.training.whole import Wanted, run
from brightline.core.errors import ConfigError
from brightline.core.screening.figures import Rate
from brightline.terminal import as_json, table

_WEIGHT: Final = click.FloatRange(0.0, 1.0, min_open=True)
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER: Final = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("train")
@click.argument("corpora", type=_FOLDER)
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--everyday", type=_FOLDER, help="Everyday text. [default: CORPORA/everyday]")
@click.option("--measure", type=_FOLDER, help="More everyday text, to measure and set thresholds by, not to train on.")
@click.option("--stage", type=click.Choice(["all", "screen", "encoder"]), default="all", show_default=True)
@click.option("--encoder", type=_FOLDER, help="A release whose encoder is taken as it is; the rest is made anew.")
@click.option("--from", "after", type=_FOLDER, help="A release whose encoder is trained further.")
@click.option(
    "--grammar", type=_FILE, help="Composed rows (`classifier grammar`), for the encoder; none unless named."
)
@click.option("--grammar-weight", default=0.3, show_default=True, type=_WEIGHT, help="What a composed row counts.")
@click.option(
    "--judged", type=_FILE, help="What a judge said (`classifier judge score`), for the encoder to learn from."
)
@click.option("--judged-weight", default=0.5, show_default=True, type=_WEIGHT, help="What a text of the pool counts.")
@click.option(
    "--judged-share",
    type=_WEIGHT,
    help="How many of the pool's texts come in each epoch. [default: as many as there are rows]",
)
@click.option(
    "--judged-labels",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0.0, 1.0),
    help="How much of what is learned of a row is the judge's word, and not its label.",
)
@click.option(
    "--judged-temperature",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0.1, 10.0),
    help="By how much the judge's log-odds are divided: above 1 it is taken to be less sure.",
)
@click.option(
    "--judged-shift",
    is_flag=True,
    help="Shift its log-odds of each fact so that it says yes of rows as often as their labels do.",
)
@click.option("--weights", type=_FOLDER, help="The base weights, if their package is not installed.")
@click.option("--epochs", default=4.0, show_default=True, type=click.FloatRange(0.01, 100.0))
@click.option("--seed", default=1, show_default=True)
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 256), help="Threads of a processor.")
@click.option("--json", "json_wanted", is_flag=True, help="Print the report as JSON.")
def train(
    corpora: Path,
    out: Path,
    everyday: Path | None,
    measure: Path | None,
    stage: str,
    encoder: Path | None,
    after: Path | None,
    grammar: Path | None,
    grammar_weight: float,
    judged: Path | None,
    judged_weight: float,
    judged_share: float | None,
    judged_labels: float,
    judged_temperature: float,
    judged_shift: bool,
    weights: Path | None,
    epochs: float,
    seed: int,
    threads: int,
    json_wanted: bool,
) -> None:
    """Train the students on the rows in CORPORA, and write a release to OUT.

    Authors of the test split are never trained on and set no threshold. Needs brightline[train]; on a processor or a
    GPU, the same rows, base weights, seed and machine give the same files. --stage encoder takes the first stage from
    OUT, as an earlier run left it; --stage screen needs an --encoder to stand before, and rows by authors whom it
    has not seen, to set its thresholds by.

    Exit codes: 0 written; 2 bad usage, rows that are wrong, weights that are not those pinned, or too few rows.
    """
    rows = read_corpora(corpora)
    try:
        taught = None
        if judged:
            from brightline.classifier.training.distilling import Taught, heard_of, shift_of
            from brightline.classifier.training.judged import read_judged

            said = read_judged(judged)
            taught = Taught(
                said,
                heard_of(said, rows),
                judged_weight,
                judged_share,
                judged_labels,
                judged_temperature,
                shift_of(said, rows, judged_temperature) if judged_shift else {},
            )
        report = run(
            Wanted(
                corpora=rows,
                everyday=read_everyday(everyday or corpora / "everyday"),
                measured=read_everyday(measure) if measure else (),
                out=out,
                stage=stage,
                encoder=encoder,
                after=after,
                weights=weights,
                epochs=epochs,
                seed=seed,
                threads=threads,
                composed=(read_corpus(grammar),) if grammar else (),
                composed_weight=grammar_weight,
                taught=taught,
            ),
            [*sorted(corpora.glob("*.jsonl"))],
        )
    except ImportError as error:
        raise ConfigError(f"{error.name} is not installed: pip install 'brightline[train]'") from error
    if json_wanted:
        click.echo(as_json(msgspec.to_builtins(report)))
    else:
        _print(report)


def _print(report: Mapping[str, Any]) -> None:
    def share(one: Rate) -> str:
        return "–" if one.share is None else f"{one.share:.1%} ({one.low:.1%} to {one.high:.1%})"

    table(
        f"{report['rows']['test']:,} rows by test authors",
        ["fact", "found", "outright", "neighbours held", "neighbours refused"],
        [
            [fact, share(at.found), share(at.found_outright), share(at.wrongful), share(at.wrongful_outright)]
            for fact, at in report["test"]["facts"].items()
        ],
    )
    table(
        "lines, whatever the thresholds",
        ["line", "area", "English", "other languages", "pairs in order", "found at 5 % of neighbours", "at 0.5 %"],
        [
            [line, *(f"{area or 0:.3f}" for area in (one.auroc, one.english, one.other)), *map(share, one.shares)]
            for line, one in report["test"]["lines"].items()
        ],
    )
    table(
        "everyday text held or refused",
        ["corpus", "share"],
        [
            [name, share(one)]
            for name, one in sorted(report["everyday"].items(), key=lambda each: -(each[1].share or 0))
        ],
    )
