# SPDX-License-Identifier: Apache-2.0
"""``brightline classifier evaluate``: how good a release is on any rows, as tables, JSON and a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click
import msgspec

from brightline.classifier.corpus import FACTS, Line
from brightline.classifier.evaluation.chosen import chosen
from brightline.classifier.evaluation.crew import WORKERS_MAX, Chosen
from brightline.classifier.evaluation.evaluation import read_learning
from brightline.classifier.evaluation.page import to_html
from brightline.classifier.evaluation.probe import Source, one_in
from brightline.classifier.evaluation.reading import FIXED, Columns, read_benign, read_source
from brightline.classifier.evaluation.running import Wanted, evaluate
from brightline.classifier.evaluation.tables import print_evaluation
from brightline.core.errors import ConfigError
from brightline.shell.shipped import AGREEMENT, RELEASE
from brightline.terminal import as_json

EVASIONS_MAX: Final = 10_000
ONE_IN_MAX: Final = 1_000
MINUTES_MAX: Final = 1_000
DATA_SUFFIXES: Final = frozenset({".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt"})
_ONE_IN: Final = "Of the rows of FILES one in so many, pairs kept whole."
_MINUTES: Final = "What a case takes of somebody's time, to say what 1,000 benign requests take."
_CASE_MINUTES: Final = click.FloatRange(0, MINUTES_MAX)
_FILE: Final = click.Path(exists=True, path_type=Path)


@click.command("evaluate")
@click.argument("files", metavar="[FILE]...", nargs=-1, type=_FILE)
@click.option(
    "--release", default=RELEASE, show_default=True, help="A shipped release by name, or a release's folder."
)
@click.option("--agreement", default=AGREEMENT, show_default=True, help="A shipped agreement by name, or a folder.")
@click.option("--weights", default="", help="A folder with the encoder's parts, if they are not beside the release.")
@click.option("--split", type=click.Choice(["all", "train", "test"]), default="all", help="Of a folder's corpora.")
@click.option("--text", default="", metavar="COLUMN", help="The text that is asked, or answered.")
@click.option("--asked", default="", metavar="COLUMN", help="What an answer answers.")
@click.option("--messages", default="", metavar="COLUMN", help="A conversation: a list of role and content.")
@click.option("--tool-call", default="", metavar="COLUMN", help="A tool call: name and arguments.")
@click.option("--label", default="", metavar="COLUMN", help="Whether the row crosses.")
@click.option("--yes", multiple=True, metavar="VALUE", help="A label that means so; all others then do not.")
@click.option("--unknown", multiple=True, metavar="VALUE", help="A label that means that it cannot be told.")
@click.option("--pair", default="", metavar="COLUMN", help="Rows with the same value differ in one factor.")
@click.option("--surface", default="", metavar="COLUMN|=VALUE", help="prompt, output, tool_call, conversation, loop.")
@click.option("--lang", default="", metavar="COLUMN|=VALUE", help="The language of a row.")
@click.option(
    "--line", default="", metavar="COLUMN|LINE", help="surveillance, weapons or decisions: what labels mean."
)
@click.option("--fact", default="", metavar="FACT", help="Or the fact that labels mean.")
@click.option("--benign", multiple=True, metavar="[NAME=]PATH[:COLUMN[:output]]", help="Rows that cross nothing.")
@click.option("--without", multiple=True, metavar="LAYER", help="Measure with this layer off; only here is there one.")
@click.option("--evasions", default=0, type=click.IntRange(0, EVASIONS_MAX), help="Rows of a kind in each disguise.")
@click.option("--one-in", "every", default=1, show_default=True, type=click.IntRange(1, ONE_IN_MAX), help=_ONE_IN)
@click.option("--leave-one-out", is_flag=True, help="Also each corpus at the threshold that the others set.")
@click.option("--case-minutes", default=2.0, show_default=True, type=_CASE_MINUTES, help=_MINUTES)
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, WORKERS_MAX), help="Processes.")
@click.option("--learning", type=_FILE, help="A JSON list of rows and figures, to be drawn as a learning curve.")
@click.option("--html", "page", type=click.Path(dir_okay=False, path_type=Path), help="Write a page to read here.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the evaluation as JSON here.")
@click.option("--json", "json_wanted", is_flag=True, help="Print a JSON object.")
def evaluate_command(
    files: tuple[Path, ...],
    release: str,
    agreement: str,
    weights: str,
    split: str,
    line: str,
    fact: str,
    benign: tuple[str, ...],
    without: tuple[str, ...],
    evasions: int,
    every: int,
    leave_one_out: bool,
    case_minutes: float,
    workers: int,
    learning: Path | None,
    page: Path | None,
    out: Path | None,
    json_wanted: bool,
    **columns: Any,
) -> None:
    """Measure a release on the rows of FILES: corpora of ours, a folder of them, or any rows with their columns named.

    Each row goes through the very detectors, views and join of facts that a request would. Told are, for each red
    line and fact: outright (yes) and caught (yes or unknown) at the shipped thresholds with 95 % intervals; by score
    the area under the curve and the recall at 0.1, 0.5, 1 and 5 % false positives, of the hard neighbours and of the
    worst benign corpus; minimal pairs; corpora, surfaces and languages; what is caught while a layer is off. Of
    benign rows: how many a gateway would stop or hold, everything else being good, and what that takes of people. Of a
    release with a judge, also all of it without the judge.

    Exit codes: 0 measured; 2 bad usage, or a file that does not read.
    """
    given = Columns(question=_question(line, fact), **columns)
    sources = [source for path in files for source in _sources(path, given, split)]
    sources = [one_in(source, every) for source in sources]
    ordinary = [source for one in benign for source in _benign(one)]
    if not sources and not ordinary:
        raise click.UsageError("name files to measure on, or --benign")
    names = [source.name for source in (*sources, *ordinary)]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigError(f"two files are called {min(twice)!r}")
    bench = chosen(agreement, release, weights, without)
    learnt = read_learning(learning.read_bytes(), str(learning)) if learning else ()
    found = evaluate(
        bench,
        Chosen(agreement, release, weights, without),
        sources,
        ordinary,
        Wanted(evasions, leave_one_out, learnt, without, workers, every, case_minutes),
    )
    if out is not None:
        out.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    if page is not None:
        page.write_text(to_html(found), "utf-8")
    if json_wanted:
        click.echo(as_json(msgspec.to_builtins(found)))
    else:
        print_evaluation(found)


def _question(line: str, fact: str) -> str:
    if line and fact:
        raise click.UsageError("labels mean one thing: name --line or --fact")
    if fact and fact not in FACTS:
        raise click.UsageError(f"no fact is called {fact!r}; there are {', '.join(sorted(FACTS))}")
    if fact:
        return f"{FIXED}{fact}"
    return f"{FIXED}{line}" if line in set(Line) else line


def _sources(path: Path, columns: Columns, split: str) -> list[Source]:
    if path.is_dir():
        corpora = [read_source(file, Columns()) for file in sorted(path.glob("*.jsonl"))]
        if not corpora:
            raise ConfigError(f"{path} holds no corpus (*.jsonl)")
        return [one for one in corpora if split == "all" or (one.author is not None and one.author.split == split)]
    return [read_source(path, columns)]


def _benign(given: str) -> list[Source]:
    """``[NAME=]PATH[:COLUMN[:SURFACE]]``; of a folder every file that holds rows."""
    name, between, rest = given.partition("=")
    if not between:
        name, rest = "", given
    path, _, more = rest.partition(":")
    column, _, surface = more.partition(":")
    where = Path(path)
    if not where.exists():
        raise ConfigError(f"{path} cannot be read: there is no such file")
    if not where.is_dir():
        return [read_benign(where, name, column, surface)]
    files = sorted(file for file in where.rglob("*") if file.suffix.lower() in DATA_SUFFIXES)
    if not files:
        raise ConfigError(f"{path} holds no rows ({', '.join(sorted(DATA_SUFFIXES))})")
    return [read_benign(file, str(file.relative_to(where).with_suffix("")), column, surface) for file in files]
