# SPDX-License-Identifier: Apache-2.0
"""``brightline classifier judge``: read the corpora with its decoder, and fit heads on what it made of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from brightline.classifier.corpus import Corpus, Row, read_corpora
from brightline.classifier.everyday import Everyday, read_everyday
from brightline.core.errors import ConfigError
from brightline.decoder.published import MODELS, Published
from brightline.folders import named_folder, shipped_releases
from brightline.shell.inference.parts import read_part
from brightline.shell.shipped import read_agreement, shipped_agreement
from brightline.terminal import as_json, progress, table

if TYPE_CHECKING:
    from brightline.classifier.judging.making import Behind

SEED: Final = 1  # by which pieces are fitted
FITTED: Final = Path(__file__).with_name("fitted")
EXTRA: Final = "this needs what `pip install brightline[judge]` installs: {}"


@click.group()
def judge() -> None:
    """The judge: the stage that reads the definition beside the exchange."""


# Options that several commands of the judge have.
of_weights = click.option(
    "--weights", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True, help="The model's file."
)
of_model = click.option(
    "--model",
    "name",
    type=click.Choice([model.name for model in MODELS]),
    default=MODELS[0].name,
    show_default=True,
    help="Which model it is.",
)
in_parts = click.option(
    "--part",
    default="1/1",
    show_default=True,
    metavar="N/M",
    help="Read the Nth of M parts, each by a process of its own.",
)
for_minutes = click.option(
    "--minutes", type=click.FloatRange(min=0), help="Stop after so long; the next run goes on there."
)
_asked = click.option(
    "--ask",
    "asked",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What `brightline classifier judge ask` wrote.",
)
_everyday = click.option(
    "--everyday",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where those everyday texts are.",
)


@judge.command()
@click.argument("corpora", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("everyday", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("release")
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--share",
    type=click.FloatRange(0, 1),
    default=0.03,
    show_default=True,
    help="About which share of the worst everyday corpus the judge may be asked.",
)
@click.option(
    "--day",
    multiple=True,
    metavar="CORPUS=SHARE",
    help="Another share for a corpus that is close to the lines, such as this customer's ordinary day.",
)
@click.option("--json", "json_wanted", is_flag=True, help="Print a JSON object.")
def ask(
    corpora: Path, everyday: Path, release: str, out: Path, share: float, day: tuple[str, ...], json_wanted: bool
) -> None:
    """Say from which scores of RELEASE's students a judge is asked, and write it into OUT.

    With a judge behind them the students hand over what they are not sure of from far lower scores on: as low as a
    given share of everyday text allows. What their silence misses then is measured on the test authors of CORPORA.
    `read` and `fit` take OUT to learn from the everyday texts that are handed over, and `add` to set the thresholds of
    the release with the judge.

    Exit codes: 0 written; 2 bad usage, or a release without students.
    """
    try:
        from brightline.classifier.judging import neighbours
    except ImportError as error:
        raise ConfigError(EXTRA.format(error.name)) from error
    texts = read_everyday(everyday)
    rows = [row for one in read_corpora(corpora) if one.author.split == "test" for row in one.rows]
    others = _shares(day)
    with progress("trying on everyday text and rows", sum(len(one.texts) for one in texts) + len(rows)) as step:
        found = neighbours.ask(texts, rows, _folder_of(release), share, others, step)
    out.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    if json_wanted:
        click.echo(as_json({"facts": found.facts, "asked": found.asked}))
        return
    table("the judge is asked from", ["fact", "score"], [[fact, f"{at:.3f}"] for fact, at in found.facts.items()])
    table(
        "asked about", ["everyday corpus", "of its texts"], [[name, f"{of:.1%}"] for name, of in found.asked.items()]
    )


def _shares(day: tuple[str, ...]) -> dict[str, float]:
    found = {}
    for one in day:
        name, _, share = one.partition("=")
        try:
            found[name] = float(share)
        except ValueError:
            found[name] = -1.0
        if not 0 <= found[name] <= 1:
            raise click.BadParameter(f"{one!r}: a corpus and a share of it are CORPUS=SHARE", param_hint="--day")
    return found


def neighbouring(asked: Path | None, everyday: Path | None) -> tuple[Corpus, ...]:
    """The everyday texts that the judge is asked about, as rows; none without both. Raises ``UsageError``."""
    if asked is None or everyday is None:
        if asked is not everyday:
            raise click.UsageError("--ask and --everyday belong together")
        return ()
    from brightline.classifier.judging.neighbours import as_corpora, read_ask

    return as_corpora(read_everyday(everyday), read_ask(asked))


@judge.command()
@click.argument("corpora", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("states", type=click.Path(file_okay=False, path_type=Path))
@of_weights
@of_model
@click.option(
    "--adapter",
    "adapted",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What the model learned besides (adapter.npz): other states, so another folder.",
)
@in_parts
@click.option("--questions", is_flag=True, help="Also keep the states behind the questions, for whoever compares.")
@for_minutes
@_asked
@_everyday
@click.option("--json", "json_wanted", is_flag=True, help="Print a JSON object.")
def read(
    corpora: Path,
    states: Path,
    weights: Path,
    name: str,
    adapted: Path | None,
    part: str,
    questions: bool,
    minutes: float | None,
    asked: Path | None,
    everyday: Path | None,
    json_wanted: bool,
) -> None:
    """Read the rows of CORPORA with the judge's model, and keep its hidden states in the folder STATES.

    This is the slow part, done once: about a second a row on one core with the 1.5 B model. It goes on where it was
    ended. Rows come in an order drawn by lot from their names, spread over authors and lines, so that what is there
    when you stop is a sample of the whole.

    Exit codes: 0 all is read, or the minutes are over; 2 bad usage, or another model's file.
    """
    number, count = part_of(part)
    try:
        from brightline.classifier.judging.features import Store, in_order
        from brightline.decoder.adapter import Adapter
        from brightline.decoder.asking import Asker
    except ImportError as error:
        raise ConfigError(EXTRA.format(error.name)) from error
    model = next(one for one in MODELS if one.name == name)
    must_be(model, weights)
    rows = in_order(read_corpora(corpora), neighbouring(asked, everyday))
    adapter = adapted.read_bytes() if adapted else None
    asker = Asker(weights, model.layers, adapter=Adapter.read(adapter) if adapter is not None else None)
    store = Store(states, model.sha256, model.layers, asker.decoder.shape.width, adapter)
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
@click.option(
    "--held",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="Of everyday texts that the judge is asked about, how many may stay unknown, whatever is missed then.",
)
@_asked
@_everyday
@click.option(
    "--release",
    help="The release whose students the judge stands behind: what they lean to counts too.",
)
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 256), help="Threads of a processor.")
@click.option("--json", "json_wanted", is_flag=True, help="Print the report as a JSON object.")
def fit(
    corpora: Path,
    states: Path,
    out: Path,
    missed: float,
    wrongful: float,
    held: float,
    asked: Path | None,
    everyday: Path | None,
    release: str | None,
    threads: int,
    json_wanted: bool,
) -> None:
    """Fit the judge's heads on the states of CORPORA in STATES, and write judge.json and report.json into OUT.

    STATES is what `read` or `tune` left. After `tune` the heads are there already; their thresholds are set here. An
    adapter that belongs to them is copied into OUT.

    Authors of the training split are held out in turns to choose the penalty and the two thresholds of each fact; what
    is reported was measured on the authors of the test split, who contributed nothing. With --release, how much the
    students' scores count is fitted on the authors whom their encoder has not seen, by heads fitted without them.

    Exit codes: 0 fitted; 2 bad usage, or too few rows were read.
    """
    try:
        from brightline.classifier.judging.grounds import ground_of
        from brightline.classifier.judging.making import Goals, make
    except ImportError as error:
        raise ConfigError(EXTRA.format(error.name)) from error
    rows, neighbours = read_corpora(corpora), neighbouring(asked, everyday)
    ground = ground_of(rows, neighbours, states)
    behind = None
    if release:
        plain = read_everyday(everyday or corpora / "everyday")
        behind = _behind(_folder_of(release), rows, plain, asked, ground.rows, threads)
    made, report = make(rows, neighbours, ground, behind, Goals(missed, wrongful, held))
    out.mkdir(parents=True, exist_ok=True)
    (out / "judge.json").write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")
    (out / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    if made.model.adapter is not None:
        (out / made.model.adapter.file).write_bytes(read_part(made.model.adapter, (states,)))
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


def _behind(
    release: Path,
    corpora: Sequence[Corpus],
    everyday: Sequence[Everyday],
    asked: Path | None,
    rows: Sequence[Row],
    threads: int,
) -> Behind:
    """The students, and what they say of rows. Heads that learned from a row say less of it than they know: of an
    author whom only the encoder has not seen counts what heads say that were fitted without that author too.
    """
    from brightline.classifier.judging.making import Behind
    from brightline.classifier.judging.neighbours import lean, read_ask, students_of
    from brightline.classifier.training.heads import Given, said_without
    from brightline.classifier.training.whole import authors_of, heads_by

    students = students_of(release).students
    seen = frozenset(authors_of(release))
    train = [corpus for corpus in corpora if corpus.author.split == "train"]
    learned = (frozenset(heads_by(release)) - seen) & {corpus.author.author for corpus in train}
    plain = [text for corpus in everyday for text in corpus.learned]
    without = said_without(release, Given(train, learned, plain, {}, SEED, threads)) if learned else {}
    others = [row for row in rows if row.id not in without]
    with progress("trying the students on rows", len(others)) as step:
        scores = lean(students, others, step)
    ours = [row for row in rows if row.id in without]
    for row, raised in zip(ours, students.raises([row.judged for row in ours]), strict=True):
        scores[row.id] = without[row.id] if raised else dict.fromkeys(students.facts, 0.0)
    return Behind(scores, seen, read_ask(asked).facts if asked else {})


@judge.command()
@click.argument("release")
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
@click.option(
    "--ask",
    "asked",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What `brightline classifier judge ask` wrote: from where on the encoder asks. [default: with --fitted none]",
)
def add(
    release: str,
    out: Path,
    fitted: Path | None,
    name: str,
    version: int,
    after: str,
    folder: Path | None,
    asked: Path | None,
) -> None:
    """Write into OUT the release in RELEASE with a fitted judge.

    It may settle what the encoder leaves unknown, fact by fact, with the errors that its report measured on test
    authors. Nobody has signed the new release: `brightline classifier release` goes on from there.

    Exit codes: 0 written; 2 bad usage, or a release that does not load.
    """
    try:
        from brightline.classifier.judging.adding import Named, add_judge
        from brightline.classifier.judging.neighbours import read_ask
    except ImportError as error:
        raise ConfigError(EXTRA.format(error.name)) from error
    if out.exists():
        raise ConfigError(f"{out} is there already")
    if fitted is None and asked is None and not after:
        asked = FITTED / "ask.json"
    made = add_judge(
        _folder_of(release),
        fitted or FITTED,
        out,
        Named(name, version, after),
        read_agreement(folder or shipped_agreement()),
        read_ask(asked) if asked else None,
    )
    click.echo(f"{out}: {made.id} version {made.version}, {made.digest}")


def _folder_of(release: str) -> Path:
    return named_folder(release, shipped_releases(), "release.toml")


def part_of(text: str) -> tuple[int, int]:
    """Which of how many parts ``N/M`` means. Raises ``BadParameter``."""
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count) <= 64):
        raise click.BadParameter("a part is N/M, the Nth of M", param_hint="--part")
    return int(number), int(count)


def must_be(model: Published, file: Path) -> None:
    """Hold a file against a model's digest. Raises ``ConfigError``."""
    import hashlib

    with file.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != model.sha256:
        raise ConfigError(f"{file} has digest {found}; {model.name} has {model.sha256}")
