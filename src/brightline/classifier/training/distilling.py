# SPDX-License-Identifier: Apache-2.0
"""Learning from a judge: its word on the pool beside the rows, and if that is wanted mixed into their labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from brightline.classifier.corpus import Corpus, Row
from brightline.classifier.training.examples import Example, Words
from brightline.classifier.training.judged import MAKE, Judged
from brightline.classifier.training.pool import Pooled, pool_of
from brightline.classifier.training.target import FACTS, SURE, mixed_target, share_of, target, target_by_judge
from brightline.core.errors import ConfigError

ROWS_MIN: Final = 20  # on each side of a fact, to say how often the judge says yes too often
STEPS: Final = 40


class Taught(msgspec.Struct, frozen=True):
    """What a judge said, and how it is learned from.

    ``pool`` are the texts of which it said something. Each counts ``weight``; ``share`` is how many of them come in
    each epoch: if it is not said, as many as rows do. ``labels`` is the judge's part in what is wanted of a row.
    Log-odds are divided by ``temperature``, after ``shift`` is added to those of a fact.
    """

    judged: Judged
    pool: tuple[Pooled, ...]
    weight: float = 0.5
    share: float | None = None
    labels: float = 0.0
    temperature: float = 1.0
    shift: Mapping[str, float] = {}

    def each(self, pool: int, rows: int) -> int:
        """How many texts of a pool come in one epoch beside so many rows."""
        return min(pool, rows) if self.share is None else round(self.share * pool)

    def goal(self, row: Row) -> tuple[list[float], list[float]]:
        """What heads should say of a row, and how much it counts. Raises ``ConfigError``."""
        said = self._said(row) if self.labels else None
        return mixed_target(row, said, self.labels, self.temperature) if said else target(row)

    def examples(self, words: Words) -> list[Example]:
        """The texts of the pool as tokens. Raises ``ConfigError``."""
        rows = [one.row for one in self.pool]
        each = zip(self.pool, words.of([r.judged for r in rows]), words.of([r.asked for r in rows]), strict=True)
        found = []
        for one, ids, asked in each:
            wanted, counts = target_by_judge(self._said(one.row), self.weight, self.temperature)
            found.append(Example(one.row, one.author, ids, asked, wanted, counts, self.weight, whole=True))
        return found

    def _said(self, row: Row) -> dict[str, float]:
        said = self.judged.of(row) or {}
        return {fact: of + self.shift.get(fact, 0.0) for fact, of in said.items()}

    def report(self) -> dict[str, Any]:
        """What was used, for a release's report."""
        said = self.judged.header
        return {
            "digest": self.judged.digest,
            "model": said.model,
            "adapter": said.adapter,
            "judge": said.judge,
            "corpus": said.corpus,
            "texts": len(self.pool),
            "weight": self.weight,
            "share": self.share,
            "labels": self.labels,
            "temperature": self.temperature,
            "shift": self.shift,
        }


def heard_of(judged: Judged, corpora: Sequence[Corpus]) -> tuple[Pooled, ...]:
    """The texts of the pool of which a judge said something, held against what it read. Raises ``ConfigError``."""
    pool = tuple(one for one in pool_of(corpora) if judged.of(one.row) is not None)
    if not pool:
        raise ConfigError(f"the judge said nothing of what these rows become: {MAKE}")
    return pool


def shift_of(judged: Judged, corpora: Sequence[Corpus], temperature: float) -> dict[str, float]:
    """By fact, what is to be added to a judge's log-odds so that it says yes of the rows as often as their labels do.

    A judge may have learned from as many rows that are yes as rows that are no, and then finds rare things too often.
    Raises ``ConfigError`` if it was not asked about enough rows.
    """
    read = [
        (said, *target(row))
        for corpus in corpora
        if corpus.author.split == "train"
        for row in corpus.rows
        if (said := judged.of(row)) is not None
    ]
    return {fact: _shift(fact, read, temperature) for fact in judged.header.facts}


def _shift(
    fact: str, read: Sequence[tuple[Mapping[str, float], list[float], list[float]]], temperature: float
) -> float:
    at = FACTS.index(fact)
    ours = [(said[fact], wanted[at], counts[at]) for said, wanted, counts in read if fact in said and counts[at]]
    if min(sum(wanted == side for _, wanted, _ in ours) for side in (0.0, 1.0)) < ROWS_MIN:
        raise ConfigError(f"the judge said too little of rows that are yes or no on {fact} to set it right by them")
    low, high = -SURE * temperature, SURE * temperature
    for _ in range(STEPS):
        middle = (low + high) / 2
        more = sum((share_of(said + middle, temperature) - wanted) * count for said, wanted, count in ours)
        low, high = (low, middle) if more > 0 else (middle, high)
    return (low + high) / 2
