# SPDX-License-Identifier: Apache-2.0
"""What a judge's heads come from: states that its decoder made of rows, or the tuning of the decoder itself.

Either way a head is known with what it says of each row that it learned from while it had not seen the author: nothing
else may set a threshold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
import numpy as np

from brightline.classifier.corpus import Corpus, Row
from brightline.classifier.judging.features import Store, in_order
from brightline.classifier.judging.heads import PENALTIES, fit, held_out, spread
from brightline.classifier.judging.measure import SHARES, told
from brightline.classifier.judging.neighbours import EVERYDAY
from brightline.classifier.judging.tuned import ADAPTER, TUNED, Tuned, read_tuned
from brightline.classifier.newton import Linear
from brightline.core.errors import ConfigError
from brightline.core.screening.encoder import Part
from brightline.core.screening.figures import area_under_curve

_T = TypeVar("_T")


class Point(msgspec.Struct, frozen=True):
    """What a head fitted on so many rows does on the test rows."""

    rows: int
    auroc: float | None
    pairs: float | None


class Side(msgspec.Struct, frozen=True):
    """The rows of one fact and split. ``leaning`` are the students' log-odds, 0 without students; ``asked`` whether
    the judge is asked; ``honest`` whether the students have not seen the author: each of shape (rows,).
    """

    rows: list[Row]
    authors: list[str]
    values: list[str]
    leaning: Any
    asked: Any
    honest: Any

    @property
    def pairs(self) -> list[str]:
        """The minimal pair of each row; empty where it is in none."""
        return [row.pair for row in self.rows]


Sides = Mapping[str, tuple[Side, Side]]
"""By fact: the rows to learn from, and the test rows."""


class Fitted(msgspec.Struct, frozen=True):
    """A head. ``held`` are its log-odds of the rows to learn from, their authors held out; ``penalty``, ``curve`` and
    ``untrained`` as a report has them, where they are known.
    """

    head: Linear
    held: Any
    penalty: float | None = None
    curve: tuple[Point, ...] = ()
    untrained: float | None = None


class Ground(Protocol):
    """What heads come from."""

    rows: list[Row]
    weights: str
    layers: tuple[int, ...]
    width: int
    adapter: Part | None

    def fitted(self, fact: str, sides: Sides) -> Fitted:
        """The head of a fact."""

    def of(self, fact: str, head: Linear, rows: Sequence[Row]) -> Any:
        """What the head of a fact says of rows that it may know, shape (rows,)."""


def ground_of(corpora: Sequence[Corpus], neighbours: Sequence[Corpus], folder: Path) -> Ground:
    """What is in a folder: what tuning left, or states. Raises ``ConfigError``."""
    every = in_order(corpora, neighbours)
    if not (folder / TUNED).exists():
        return OfStates(every, Store.open(folder))
    tested = frozenset(row.id for one in corpora if one.author.split == "test" for row in one.rows)
    return OfTuning(every, tested, read_tuned(folder))


class OfStates:
    """Heads are fitted on states, authors held out in turns."""

    def __init__(self, every: Sequence[Row], store: Store) -> None:
        self._numbers = {name: value for name, (_, value) in store.load().items()}
        self.rows = [row for row in every if row.id in self._numbers]
        self.weights, self.layers, self.width, self.adapter = (
            store.weights,
            store.layers,
            store.shape[1],
            store.adapter,
        )

    def fitted(self, fact: str, sides: Sides) -> Fitted:
        """The head, its penalty chosen on authors held out; how it grows with rows, and without rows of its line."""
        train, test = sides[fact]
        states = self._states(train.rows)
        tried = held_out(states, train.values, train.authors, PENALTIES, train.pairs)
        rows = [row.setting != EVERYDAY for row in train.rows]  # everyday text is told apart too easily to choose by
        penalty = max(PENALTIES, key=lambda one: area_of(_of(train.values, rows), tried[one][rows]))
        return Fitted(
            fit(spread(states), train.values, penalty, train.pairs),
            tried[penalty],
            penalty,
            tuple(self._point(train, test, states, penalty, share) for share in SHARES),
            self._untrained(fact, sides, penalty),
        )

    def of(self, fact: str, head: Linear, rows: Sequence[Row]) -> Any:
        """What a head says of the states of rows."""
        del fact
        return head.of(self._states(rows))

    def _states(self, rows: Sequence[Row]) -> Any:
        return np.array([read_of(self._numbers[row.id]) for row in rows])

    def _point(self, train: Side, test: Side, states: Any, penalty: float, share: float) -> Point:
        count = round(len(train.rows) * share)
        if not {"yes", "no"} <= set(train.values[:count]):
            return Point(count, None, None)
        head = fit(spread(states[:count]), train.values[:count], penalty, train.pairs[:count])
        one = told(test.rows, test.values, head.of(self._states(test.rows)))
        return Point(count, one.auroc, one.pairs.share)

    def _untrained(self, fact: str, sides: Sides, penalty: float) -> float | None:
        """The area on the test rows of a head that saw rows of other lines only, each fact's states standardised by
        its own rows, which takes no labels.
        """
        line = sides[fact][0].rows[0].line
        others = [train for train, _ in sides.values() if train.rows[0].line is not line]
        read = [self._states(one.rows) for one in others]
        head = fit(
            spread(np.concatenate([_even(one, one) for one in read])),
            [value for one in others for value in one.values],
            penalty,
        )
        train, test = sides[fact]
        return area_of(test.values, head.of(_even(self._states(test.rows), self._states(train.rows))))


class OfTuning:
    """Heads came with the decoder that was tuned; so did what was said of rows."""

    def __init__(self, every: Sequence[Row], tested: frozenset[str], tuned: Tuned) -> None:
        """Of ``tested`` rows counts what is shipped says, of all others only what was said without their authors."""
        said = {row.id: (tuned.test if row.id in tested else tuned.held).get(row.id) for row in every}
        self._said = {name: of for name, of in said.items() if of is not None}
        self._heads = tuned.heads
        self.rows = [row for row in every if row.id in self._said]
        self.weights, self.layers, self.width = tuned.model, tuned.layers, tuned.width
        self.adapter: Part | None = Part(ADAPTER, tuned.adapter)

    def fitted(self, fact: str, sides: Sides) -> Fitted:
        """The head, with what judges said that had not seen the authors."""
        if fact not in self._heads:
            raise ConfigError(f"the tuning knows no {fact}")
        one = self._heads[fact]
        head = Linear(np.frombuffer(one.weights, "<f4").astype(np.float64), one.bias)
        return Fitted(head, self.of(fact, head, sides[fact][0].rows))

    def of(self, fact: str, head: Linear, rows: Sequence[Row]) -> Any:
        """What was said of rows when they were read."""
        del head
        if missing := [row.id for row in rows if fact not in self._said[row.id]]:
            raise ConfigError(f"the tuning says nothing of {fact} in {missing[0]!r}")
        return np.array([self._said[row.id][fact] for row in rows])


def read_of(found: Any) -> Any:
    """What a head reads of a row's numbers, shape (questions + 1, layers, width): the exchange's mean, every layer.

    On rows of authors held out that told more than the state at the end of the question, or than both together, and
    three layers a little more than the last.
    """
    return found[-1].reshape(-1).astype(np.float32)


def area_of(values: Sequence[str], said: Any) -> float:
    """The area under the curve of those that are yes against those that are no."""
    yes, no = ([float(one) for one, is_ in zip(said, values, strict=True) if is_ == value] for value in ("yes", "no"))
    return area_under_curve(yes, no) or 0.0


def _even(states: Any, by: Any) -> Any:
    size = by.std(0)
    return np.where(size > 0, (states - by.mean(0)) / np.maximum(size, np.float32(1e-6)), 0).astype(np.float32)


def _of(values: Sequence[_T], chosen: Any) -> list[_T]:
    return [value for value, one in zip(values, chosen, strict=True) if one]
