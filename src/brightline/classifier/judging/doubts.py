# SPDX-License-Identifier: Apache-2.0
"""``brightline classifier judge doubts``: the rows of which a judge says otherwise than their authors, to be read.

A label that is wrong teaches every stage what is wrong, and nobody reads ten thousand rows twice. A judge that was not
taught by an author, and is sure of the opposite of what that author wrote, points at those that are worth it. It
changes nothing: whoever reads them decides whether the row errs, the definition, or the judge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from brightline.classifier.corpus import Corpus, Row, read_corpora
from brightline.classifier.judging.command import EXTRA
from brightline.classifier.training.target import share_of
from brightline.core.errors import ConfigError
from brightline.terminal import as_json, plain, table

if TYPE_CHECKING:
    from brightline.classifier.training.judged import Judged

SHOWN: Final = 20
SHOWN_MAX: Final = 10_000
CHARS_SHOWN: Final = 240


class Doubt(msgspec.Struct, frozen=True):
    """A row whose author says of ``fact`` the opposite of the judge, whose log-odds of yes are ``said``."""

    id: str
    author: str
    fact: str
    label: str
    said: float
    pair: str
    factor: str
    reason: str
    words: str


class Doubts(msgspec.Struct, frozen=True):
    """What was found: of ``compared`` labels by author, ``doubts`` are the judge's, the surest first."""

    compared: dict[str, int]
    doubts: tuple[Doubt, ...]


def doubts_of(corpora: Sequence[Corpus], judged: Judged) -> Doubts:
    """Compare. What cannot be told by its label, and what the judge did not read, is left out.

    Raises ``ConfigError`` for a row that reads otherwise than it was judged.
    """
    compared: Counter[str] = Counter()
    found = []
    for corpus in corpora:
        author = corpus.author.author
        for row in corpus.rows:
            said = judged.of(row) or {}
            told = [fact for fact in said if row.facts.get(fact) in ("yes", "no")]
            compared[author] += len(told)
            found += list(_doubts(author, row, {fact: said[fact] for fact in told}))
    return Doubts(
        {author: count for author, count in compared.items() if count},
        tuple(sorted(found, key=lambda one: (-abs(one.said), one.id, one.fact))),
    )


def _doubts(author: str, row: Row, said: Mapping[str, float]) -> Iterator[Doubt]:
    for fact, log_odds in said.items():
        label = row.facts[fact]
        if (log_odds > 0) != (label == "yes"):
            yield Doubt(row.id, author, fact, label, log_odds, row.pair, row.factor, row.reason, row.words)


@click.command()
@click.argument("corpora", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("judged", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--show", default=SHOWN, show_default=True, type=click.IntRange(0, SHOWN_MAX), help="So many of them.")
@click.option("--json", "json_wanted", is_flag=True, help="Print all of them as a JSON object.")
def doubts(corpora: Path, judged: Path, show: int, json_wanted: bool) -> None:
    """List the rows of CORPORA of which JUDGED, what a judge said, is the opposite of their label: to be read again.

    The surest come first. JUDGED is what `brightline classifier judge score` or `tune --judged` wrote; the committed
    one, in corpora/judged/, is by judges that had not seen the authors. Nothing is changed.

    Exit codes: 0 listed, whatever was found; 2 bad usage, or rows that changed since they were judged.
    """
    try:
        from brightline.classifier.training.judged import read_judged
    except ImportError as error:
        raise ConfigError(EXTRA.format(error.name)) from error
    found = doubts_of(read_corpora(corpora), read_judged(judged))
    if json_wanted:
        click.echo(as_json(msgspec.to_builtins(found)))
        return
    of = Counter(one.author for one in found.doubts)
    table(
        "labels that a judge doubts, by author",
        ["author", "labels", "doubted", "share"],
        [[name, f"{all_:,}", f"{of[name]:,}", f"{of[name] / all_:.1%}"] for name, all_ in found.compared.items()],
    )
    for one in found.doubts[:show]:
        likely = share_of(one.said, 1.0)
        also = f", pair {one.pair} ({one.factor})" if one.pair else ""
        click.echo(f"{one.id}: {one.fact} is {one.label}, and the judge says yes with {likely:.1%}{plain(also)}")
        click.echo(f"  because: {plain(one.reason)}")
        words = " ".join(one.words.split())
        click.echo(f"  {plain(words[:CHARS_SHOWN])}{'…' if len(words) > CHARS_SHOWN else ''}")
