# SPDX-License-Identifier: Apache-2.0
"""``brightline classifier grammar``: composed rows as a file of a corpus."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import click
import msgspec

from brightline.classifier.corpus import Corpus, Line, write_corpus
from brightline.classifier.grammar.compose import compose
from brightline.classifier.words import ranked_by_words
from brightline.terminal import as_json, table

ROWS: Final = 20_000
ROWS_MAX: Final = 200_000
SEED_MAX: Final = 4_294_967_295


class Composed(msgspec.Struct, frozen=True):
    """What was written of one line. ``words`` is how well words alone rank its labels."""

    line: str
    rows: int
    by_label: dict[str, int]
    by_surface: dict[str, int]
    by_language: dict[str, int]
    words: float | None


@click.command("grammar")
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--rows", "count", default=ROWS, show_default=True, type=click.IntRange(1, ROWS_MAX), help="At least.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0, SEED_MAX))
@click.option("--json", "json_wanted", is_flag=True, help="Print a JSON object.")
def grammar(out: Path, count: int, seed: int, json_wanted: bool) -> None:
    """Compose rows from the factors of the red lines and write them to OUT (*.jsonl), in the format of the corpora.

    Each row is put together of the factors of its line, and its label follows from these; rows of a pair differ in
    one factor. The same seed gives the same file. They are for breadth, and no author's rows: `train --grammar` takes
    them with a weight.

    Exit codes: 0 written; 2 bad usage.
    """
    corpus = compose(count, seed)
    write_corpus(out, corpus)
    told = [_count(corpus, line) for line in Line]
    if json_wanted:
        click.echo(as_json(msgspec.to_builtins(told)))
        return
    table(
        "composed rows",
        ["line", "rows", "yes", "no", "unknown", "surfaces", "languages", "words alone"],
        [
            [
                one.line,
                f"{one.rows:,}",
                *(f"{one.by_label.get(label, 0):,}" for label in ("yes", "no", "unknown")),
                ", ".join(f"{name} {number}" for name, number in one.by_surface.items()),
                ", ".join(f"{name} {number}" for name, number in one.by_language.items()),
                "–" if one.words is None else f"{one.words:.2f}",
            ]
            for one in told
        ],
    )


def _count(corpus: Corpus, line: Line) -> Composed:
    rows = [row for row in corpus.rows if row.line is line]
    return Composed(
        line=line.value,
        rows=len(rows),
        by_label=dict(Counter(row.label for row in rows)),
        by_surface=dict(Counter(row.surface.value for row in rows).most_common()),
        by_language=dict(Counter(row.lang for row in rows).most_common()),
        words=ranked_by_words(rows),
    )
