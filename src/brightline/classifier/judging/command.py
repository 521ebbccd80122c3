# SPDX-License-Identifier: Apache-2.0
"""``brightline classifier judge``: read the corpora with its decoder, and fit heads on what it made of them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import click
import msgspec

from brightline.classifier.corpus import read_corpora
from brightline.core.errors import ConfigError
from brightline.decoder.published import MODELS, Published
from brightline.shell.shipped import read_agreement, shipped_agreement
from brightline.terminal import as_json, progress, table

FITTED: Final = Path(__file__).with_name("fitted")
_EXTRA: Final = "this needs what `pip install brightline[judge]` installs: {}"


@click.group()
def judge() -> None:
    """The judge: the stage that reads the definition beside the exchange."""


@judge.command()
@click.argument("corpora", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("states", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--weights", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True, help="The model's file."
)
@click.option(
    "--model",
    "name",
    type=click.Choice([model.name for model in MODELS]),
    default=MODELS[0].name,
    show_default=True,
    help="Which model it is.",
)
@click.option(
    "--part",
    default="1/1",
    show_default=True,
    metavar="N/M",
    help="Read the Nth of M parts, each by a process of its own.",
)
@click.option("--questions", is_flag=True, help="Also keep the states behind the questions, for whoever compares.")
@click.option("--minutes", type=click.FloatRange(min=0), help="Stop after so long; the next run goes on there.")
@click.option("--json", "json_wanted", is_flag=True, help="Print a JSON object.")
def read(
    corpora: Path,
    states: Path,
    weights: Path,
    name: str,
    part: str,
    questions: bool,
    minutes: float | None,
    json_wanted: bool,
) -> None:
    """Read the rows of CORPORA with the judge's model, and keep its hidden states in the folder STATES.

    This is the slow part, done once: about a second a row on one core with the 1.5 B model. It goes on where it was
    ended. Rows come in an order drawn by lot from their names, spread over authors and lines, so that what is there
    when you stop is a sample of the whole.

    Exit codes: 0 all is read, or the minutes are over; 2 bad usage, or another model's file.
    """
    number, count = _part(part)
    try:
        from brightline.classifier.judging.features import Store, in_order
        from brightline.decoder.asking import Asker
    except ImportError as error:
        raise ConfigError(_EXTRA.format(error.name)) from error
    model = next(one for one in MODELS if one.name == name)
    _must_be(model, weights)
    rows = in_order(read_corpora(corpora))
    asker = Asker(weights, model.layers)
    store = Store(states, model.sha256, model.layers, asker.decoder.shape.width)
    until = None if minutes is None else time.monotonic() + 60 * minutes
    done = tokens = 0
    with progress("reading rows", len(rows) // count) as step:
        for length in store.read(rows, asker, number, count, questions):
            done, tokens = done + 1, tokens + length
            step(done)
            if until is not None and time.monotonic() > until:
                break
    said = {"read": done, "tokens": tokens, "there": len(store.load()), "rows": len(rows)}
    click.echo(as_json(said) if json_wanted else f"read {done:,} rows; {said['there']:,} of {len(rows):,} are there")


@judge.command()
@click.argument("corpora", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("states", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--missed",
    type=click.FloatRange(0, 1),
    default=0.05,
    show_default=True,
    help="Of rows that are yes, how many may be settled as no.",
)
@click.option(
    "--wrongful",
    type=click.FloatRange(0, 1),
    default=0.01,
    show_default=True,
    help="Of rows that are no, how many may be said to be yes.",
)
@click.option("--json", "json_wanted", is_flag=True, help="Print the report as a JSON object.")
def fit(corpora: Path, states: Path, out: Path, missed: float, wrongful: float, json_wanted: bool) -> None:
    """Fit the judge's heads on the states of CORPORA in STATES, and write judge.json and report.json into OUT.

    Authors of the training split are held out in turns to choose the penalty and the two thresholds of each fact; what
    is reported was measured on the authors of the test split, who contributed nothing.

    Exit codes: 0 fitted; 2 bad usage, or too few rows were read.
    """
    try:
        from brightline.classifier.judging.making import make
    except ImportError as error:
        raise ConfigError(_EXTRA.format(error.name)) from error
    made, report = make(read_corpora(corpora), states, missed, wrongful)
    out.mkdir(parents=True, exist_ok=True)
    (out / "judge.json").write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")
    (out / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    if json_wanted:
        click.echo(as_json(msgspec.to_builtins(report)))
        return
    table(
        "test authors",
        [
            "",
            "rows that are yes",
            "no",
            "area",
            "pairs in order",
            "caught at 5 % wrongful",
            "at 1 %",
            "trained on other lines",
        ],
        [
            [
                name,
                one.test.yes,
                one.test.no,
                *(f"{value:.3f}" if value is not None else "–" for value in (one.test.auroc, one.test.pairs.share)),
                *(f"{one.test.recall_at[share].share or 0:.0%}" for share in ("5.0%", "1.0%")),
                f"{one.untrained:.3f}" if one.untrained is not None else "–",
            ]
            for name, one in report.facts.items()
        ],
    )


@judge.command()
@click.argument("release", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--fitted",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where `brightline classifier judge fit` wrote it. [default: the one that is shipped]",
)
@click.option("--id", "name", required=True, help="What the new release is called.")
@click.option("--version", type=click.IntRange(1, 1_000_000), default=1, show_default=True, help="Its version.")
@click.option("--after", default="", help="The detector whose unknowns it may settle. [default: the encoder]")
@click.option(
    "--agreement",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Another agreement than the one that is shipped.",
)
def add(
    release: Path, out: Path, fitted: Path | None, name: str, version: int, after: str, folder: Path | None
) -> None:
    """Write into OUT the release in RELEASE with a fitted judge.

    It may settle what the encoder leaves unknown, fact by fact, with the errors that its report measured on test
    authors. Nobody has signed the new release: `brightline classifier release` goes on from there.

    Exit codes: 0 written; 2 bad usage, or a release that does not load.
    """
    try:
        from brightline.classifier.judging.adding import add_judge
    except ImportError as error:
        raise ConfigError(_EXTRA.format(error.name)) from error
    if out.exists():
        raise ConfigError(f"{out} is there already")
    made = add_judge(
        release, fitted or FITTED, out, name, version, after, read_agreement(folder or shipped_agreement())
    )
    click.echo(f"{out}: {made.id} version {made.version}, {made.digest}")


def _part(text: str) -> tuple[int, int]:
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count) <= 64):
        raise click.BadParameter("a part is N/M, the Nth of M", param_hint="--part")
    return int(number), int(count)


def _must_be(model: Published, file: Path) -> None:
    import hashlib

    with file.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != model.sha256:
        raise ConfigError(f"{file} has digest {found}; {model.name} has {model.sha256}")
