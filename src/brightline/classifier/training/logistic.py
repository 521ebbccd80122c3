# SPDX-License-Identifier: Apache-2.0
"""Fitting heads on the states of an encoder as it is served: logistic, by Newton's method, each fact by itself.

While an encoder is trained, its heads learn along with it. Fitted once more, on the states that its eight bits give
and on every row, they find more at the same cost in wrongful holds; and facts get a head that few rows label, or that
nobody thought of when the encoder was trained. What pieces add is fitted beside them, and not changed by it.

Nothing is drawn by lot but what the pieces draw by the seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from brightline.classifier.corpus import Corpus, Row
from brightline.classifier.newton import Linear, least_loss
from brightline.classifier.training.target import BESIDE, EVERYDAY_WEIGHT, FACTS, MAIN, target
from brightline.core.screening.encoder import EVERYDAY_TOO
from brightline.core.screening.folding import fold
from brightline.core.screening.hashing import Adder
from brightline.core.screening.pieces import PieceHeads
from brightline.shell.inference.onnx import OnnxEncoder

PENALTY: Final = 0.03  # for each row's worth, of weights on states that are ten times as long as one
SCALE: Final = 10.0
STEPS_MAX: Final = 40
CLOSE: Final = 1e-6
BATCH: Final = 16  # windows that are read together
ROWS_MIN: Final = 60  # that are yes, and as many that are no: with fewer, a fact beside the red lines gets no head


class Read(msgspec.Struct, frozen=True):
    """Windows of texts as an encoder reads them.

    ``states`` has the shape (windows, dimensions), ``owners`` says of which text each is, and ``words`` what its
    pieces are taken from.
    """

    states: Any
    owners: Any
    words: tuple[str, ...]
    texts: int

    def firsts(self) -> Any:
        """The states of the first window of each text, shape (texts, dimensions)."""
        return self.states[np.unique(self.owners, return_index=True)[1]]

    def log_odds(self, head: Linear, added: Any) -> Any:
        """By text, the log-odds of its worst window, shape (texts,). ``added`` is what pieces add to each window."""
        found = np.full(self.texts, -np.inf)
        np.maximum.at(found, self.owners, head.of(self.states) + added)
        return found

    def added(self, heads: PieceHeads) -> Any:
        """What pieces add to every head, shape (windows, heads)."""
        adder = Adder(heads)
        of = {text: adder.of(text) for text in dict.fromkeys(self.words)}
        return np.array([of[text] for text in self.words]).reshape(len(self.words), len(heads.header.column))


def read(encoder: OnnxEncoder, texts: Sequence[str], whole: bool, step: Callable[[int], None]) -> Read:
    """Read texts, folded: all windows of the ``whole`` of each, or the first. ``step`` is told how many are done."""
    windows = []
    for number, text in enumerate(texts):
        of = encoder.windows(fold(text))
        windows += [(number, each) for each in (of if whole else [next(of)])]
    order = sorted(range(len(windows)), key=lambda i: len(windows[i][1].ids))  # windows of one length pad little
    states: list[Any] = [None] * len(windows)
    for first in range(0, len(order), BATCH):
        chosen = order[first : first + BATCH]
        for i, state in zip(chosen, encoder.embed([windows[i][1].ids for i in chosen]), strict=True):
            states[i] = state
        step(min(len(order), first + BATCH) * len(texts) // len(order))
    owners = np.array([number for number, _ in windows], np.int64)
    return Read(np.array(states, np.float32), owners, tuple(each.text for _, each in windows), len(texts))


def facts_of(corpora: Sequence[Corpus]) -> tuple[str, ...]:
    """The facts that get a head: those of the red lines of which there are rows, and those beside them with enough."""
    rows = [row for corpus in corpora for row in corpus.rows]

    def labelled(fact: str, value: str) -> int:
        return sum(row.facts.get(fact) == value for row in rows)

    def least(fact: str) -> int:
        return min(labelled(fact, "yes"), labelled(fact, "no"))

    main = (fact for fact in MAIN if least(fact))
    return (*main, *(fact for fact in BESIDE if least(fact) >= ROWS_MIN))


def fit_heads(states: Any, rows: Sequence[Row], everyday: Any, facts: Sequence[str]) -> Mapping[str, Linear]:
    """A head for each fact. ``states`` are those of ``rows``; of ``everyday`` texts no fact is yes that can be no."""
    given = np.concatenate([states, everyday]).astype(np.float64) * SCALE
    given = np.concatenate([given, np.ones((len(given), 1))], axis=1)
    goals = [target(row) for row in rows]
    found = {}
    for fact in facts:
        at = FACTS.index(fact)
        wanted = np.array([*(goal[at] for goal, _ in goals), *([0.0] * len(everyday))])
        plain = 0.0 if fact in EVERYDAY_TOO else EVERYDAY_WEIGHT
        counts = np.array([*(count[at] for _, count in goals), *([plain] * len(everyday))])
        counted = counts > 0
        found[fact] = _fit(given[counted], wanted[counted], counts[counted])
    return found


def _fit(given: Any, wanted: Any, counts: Any) -> Linear:
    """The least of the weighted log loss and the penalty; the last column of ``given`` is the constant."""
    penalties = np.full(given.shape[1], PENALTY * counts.sum())
    penalties[-1] = 0.0
    point = least_loss(given, wanted, counts, penalties, STEPS_MAX, CLOSE)
    return Linear((point[:-1] * SCALE).astype(np.float32), float(point[-1]))
