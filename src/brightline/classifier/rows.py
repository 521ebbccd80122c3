# SPDX-License-Identifier: Apache-2.0
"""``brightline classifier rows``: what a folder of corpora holds, and whether words alone give its labels away.

Exit codes: 0 sound, 1 words alone tell the labels of a line apart, 2 rows are wrong or do not read.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from brightline.classifier.corpus import Corpus, Line, Row, read_corpora
from brightline.classifier.words import ranked_by_words
from brightline.terminal import as_json, progress, table

SPLITS: Final = ("train", "test")
WORDS_MAX: Final = 0.80  # what words alone may rank; more gives the label away


class LineReport(msgspec.Struct, frozen=True):
    """What is there for one red line, in one split, or for one fact beside them.

    ``in_pairs`` is a share of the rows; ``words`` is how well words alone rank those written for it, or none.
    """

    line: str
    split: str
    rows: int
    authors: int
    in_pairs: float
    by_label: dict[str, int]
    by_surface: dict[str, int]
    by_language: dict[str, int]
    median_words: dict[str, int]
    words: float | None


@click.group()
def classifier() -> None:
    """Corpora and classifiers."""


@classifier.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "json_wanted", is_flag=True, help="Print a JSON object.")
def rows(folder: Path, json_wanted: bool) -> None:
    """Check the corpora in FOLDER and count them: by red line, label, surface and language, and by fact beside them.

    A model that knows only which words occur is fitted and tried on the rows themselves, pairs kept together; where it
    ranks them better than 0.80, topic or style gives the label away.

    Exit codes: 0 sound; 1 words alone tell labels apart; 2 bad usage, or rows are wrong.
    """
    reports = report(read_corpora(folder))
    told = [one for one in reports if one.words is not None and one.words > WORDS_MAX]
    if json_wanted:
        click.echo(as_json(msgspec.to_builtins(reports)))
    else:
        _print(reports)
        for one in told:
            click.echo(f"{one.line}, {one.split}: words alone rank the rows at {one.words:.2f}", err=True)
    if told:
        raise SystemExit(1)


def report(corpora: Sequence[Corpus]) -> list[LineReport]:
    """Count the rows of each line and split; then those that were written for each fact beside the lines."""
    found = []
    kinds = [(line, split) for line in Line for split in SPLITS]
    with progress("reading rows", len(kinds)) as step:
        for line, split in kinds:
            ours = [corpus for corpus in corpora if corpus.author.split == split]
            chosen = [row for corpus in ours for row in corpus.rows if row.line is line]
            if chosen:
                authors = sum(any(row.line is line for row in corpus.rows) for corpus in ours)
                for_it = [row for one in ours if not one.author.about for row in one.rows if row.line is line]
                found.append(_count(line.value, "", (split, authors), chosen, for_it))
            step(1)
    for fact in sorted({fact for corpus in corpora for fact in corpus.author.about}):
        for split in SPLITS:
            ours = [one for one in corpora if one.author.split == split and fact in one.author.about]
            if chosen := [row for corpus in ours for row in corpus.rows if fact in row.facts]:
                found.append(_count(fact, fact, (split, len(ours)), chosen, chosen))
    return found


def _count(name: str, fact: str, where: tuple[str, int], chosen: Sequence[Row], for_it: Sequence[Row]) -> LineReport:
    lengths: dict[str, list[int]] = {}
    for row in chosen:
        lengths.setdefault(row.labelled(fact), []).append(len(row.words.split()))
    return LineReport(
        line=name,
        split=where[0],
        rows=len(chosen),
        authors=where[1],
        in_pairs=sum(bool(row.pair) for row in chosen) / len(chosen),
        by_label=dict(Counter(row.labelled(fact) for row in chosen)),
        by_surface=dict(Counter(row.surface.value for row in chosen).most_common()),
        by_language=dict(Counter(row.lang for row in chosen).most_common()),
        median_words={label: round(statistics.median(lengths[label])) for label in sorted(lengths)},
        words=ranked_by_words(for_it, fact),
    )


def _print(reports: Sequence[LineReport]) -> None:
    table(
        "rows",
        [
            "line or fact",
            "split",
            "rows",
            "authors",
            "yes",
            "no",
            "unknown",
            "in pairs",
            "words alone",
            "median words",
        ],
        [
            [
                one.line,
                one.split,
                f"{one.rows:,}",
                one.authors,
                *(f"{one.by_label.get(label, 0):,}" for label in ("yes", "no", "unknown")),
                f"{one.in_pairs:.0%}",
                "–" if one.words is None else f"{one.words:.2f}",
                " / ".join(f"{label} {count}" for label, count in one.median_words.items()),
            ]
            for one in reports
        ],
    )
    table(
        "surfaces and languages",
        ["line", "split", "surfaces", "languages"],
        [
            [
                one.line,
                one.split,
                ", ".join(f"{name} {count}" for name, count in one.by_surface.items()),
                ", ".join(f"{name} {count}" for name, count in one.by_language.items()),
            ]
            for one in reports
        ],
    )
