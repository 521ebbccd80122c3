# SPDX-License-Identifier: Apache-2.0
"""Learning from a judge: its word on the pool beside the rows, and if that is wanted mixed into their labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from brightline.classifier.corpus import Corpus, Row
from brightline.classifier.training.examples import Example, Words
from brightline.classifier.training.judged import MAKE, Judged
from brightline.classifier.training.pool import Pooled, pool_of
from brightline.classifier.training.target import mixed_target, target, target_by_judge
from brightline.core.errors import ConfigError


class Taught(msgspec.Struct, frozen=True):
    """What a judge said, and how it is learned from.

    ``pool`` are the texts of which it said something. Each counts ``weight``; ``share`` is how many of them come in
    each epoch: if it is not said, as many as rows do. ``labels`` is the judge's part in what is wanted of a row.
    Log-odds are divided by ``temperature``.
    """

    judged: Judged
    pool: tuple[Pooled, ...]
    weight: float = 0.5
    share: float | None = None
    labels: float = 0.0
    temperature: float = 1.0

    def each(self, pool: int, rows: int) -> int:
        """How many texts of a pool come in one epoch beside so many rows."""
        return min(pool, rows) if self.share is None else round(self.share * pool)

    def goal(self, row: Row) -> tuple[list[float], list[float]]:
        """What heads should say of a row, and how much it counts. Raises ``ConfigError``."""
        said = self.judged.of(row) if self.labels else None
        return target(row) if said is None else mixed_target(row, said, self.labels, self.temperature)

    def examples(self, words: Words) -> list[Example]:
        """The texts of the pool as tokens. Raises ``ConfigError``."""
        rows = [one.row for one in self.pool]
        each = zip(self.pool, words.of([r.judged for r in rows]), words.of([r.asked for r in rows]), strict=True)
        found = []
        for one, ids, asked in each:
            said = self.judged.of(one.row) or {}
            wanted, counts = target_by_judge(said, self.weight, self.temperature)
            found.append(Example(one.row, one.author, ids, asked, wanted, counts, self.weight, whole=True))
        return found

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
        }


def heard_of(judged: Judged, corpora: Sequence[Corpus]) -> tuple[Pooled, ...]:
    """The texts of the pool of which a judge said something, held against what it read. Raises ``ConfigError``."""
    pool = tuple(one for one in pool_of(corpora) if judged.of(one.row) is not None)
    if not pool:
        raise ConfigError(f"the judge said nothing of what these rows become: {MAKE}")
    return pool
