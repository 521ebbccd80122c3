# SPDX-License-Identifier: Apache-2.0
"""Fitting the first stage: topic against everyday text, by a linear score over hashed pieces, in numpy alone.

Rows that cross a line, or may, are worth a look; everyday text is not. Neighbours, which share the topic and cross
nothing, count for neither side: telling them apart is what the next stage is for, and pushing them down would push
rows down that cross. Length and company must not tell either: slices of both sides, and rows beside everyday text, are
there as well.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from brightline.classifier.corpus import Corpus, Line
from brightline.core.screening.folding import fold
from brightline.core.screening.hashing import Scorer, numbers_of
from brightline.core.screening.ngrams import Header, NGrams
from brightline.core.screening.views import turn_of, views

BITS: Final = 17
PART_BYTES: Final = 768
STEP_BYTES: Final = 512
EPOCHS: Final = 6
BATCH: Final = 64
RATE: Final = 0.2
SLICE_WORDS: Final = (8, 30)
SLICE_WEIGHT: Final = 0.5
TURNED_WEIGHT: Final = 0.3
MISSES: Final = 0.005  # of the rows that cross a line, by authors held out: more than the next stage would find
CANARIES: Final = 3
CANARY_CHARS_MAX: Final = 400


class Piece(msgspec.Struct, frozen=True):
    """A text of either side: the numbers of its pieces, whether it is worth a look, and how much it counts."""

    numbers: Any
    worth: float
    count: float


class Fitted(msgspec.Struct, frozen=True):
    """A weight for each number, and what is added."""

    weights: Any
    bias: float


class Fit:
    """Fits first stages to rows and everyday text."""

    def __init__(self, corpora: Sequence[Corpus], everyday: Sequence[str], seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311 - no secret
        self._seed = seed
        plain = [fold(text) for text in everyday]
        self._everyday = [piece for text in plain for piece in _sides(text, 0.0, (), dice)]
        self._turned = [piece for text in plain for piece in _turned(text)]
        self._by_author = {
            corpus.author.author: [
                piece
                for row in corpus.rows
                if row.label != "no"
                for piece in _sides(fold(row.judged), 1.0, plain, dice)
            ]
            for corpus in corpora
        }

    def without(self, authors: frozenset[str]) -> Fitted:
        """Fit to everything but the rows of these authors."""
        worth = [piece for name, pieces in self._by_author.items() if name not in authors for piece in pieces]
        return fit_linear([*worth, *self._everyday, *self._turned], random.Random(self._seed))  # noqa: S311 - no secret


def _sides(text: str, worth: float, beside: Sequence[str], dice: random.Random) -> list[Piece]:
    """A text, a slice of it, and the text beside something everyday."""
    found = [(text, 1.0)]
    words = text.split(" ")
    size = dice.randint(*SLICE_WORDS)
    if len(words) > 2 * size:
        begin = dice.randrange(len(words) - size)
        found.append((" ".join(words[begin : begin + size]), SLICE_WEIGHT))
    if beside:
        other = dice.choice(beside)[:300]
        found.append((f"{text} {other}" if dice.random() < 0.5 else f"{other} {text}", SLICE_WEIGHT))
    return [Piece(numbers_of(one, BITS, 2 * PART_BYTES), worth, count) for one, count in found if one]


def _turned(text: str) -> list[Piece]:
    """Plain words that were turned are words of nothing: a view of nearly every text, and not worth a look."""
    if not text.isascii():
        return []  # their runs of bytes are those of letters, whichever way they stand
    turned = [view.text for view in views(text) if turn_of(view.name) == view.name]
    return [Piece(numbers_of(one, BITS, PART_BYTES), 0.0, TURNED_WEIGHT) for one in turned]


def fit_linear(pieces: Sequence[Piece], dice: random.Random) -> Fitted:
    """Logistic regression by Adagrad: frequent pieces learn less with time, rare ones stay near nothing."""
    weights, seen = np.zeros(1 << BITS), np.full(1 << BITS, 1e-8)
    bias, bias_seen = -2.0, 1e-8
    order = list(range(len(pieces)))
    for _ in range(EPOCHS):
        dice.shuffle(order)
        for first in range(0, len(order), BATCH):
            chosen = [pieces[i] for i in order[first : first + BATCH]]
            sizes = np.array([len(piece.numbers) for piece in chosen])
            numbers = np.concatenate([piece.numbers for piece in chosen])
            starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
            length = np.sqrt(sizes)
            score = np.add.reduceat(weights[numbers], starts) / length + bias
            worth, count = (np.array([getattr(piece, name) for piece in chosen]) for name in ("worth", "count"))
            error = (1 / (1 + np.exp(-score)) - worth) * count / count.sum()
            slope = np.bincount(numbers, np.repeat(error / length, sizes), 1 << BITS)
            touched = np.flatnonzero(slope)
            seen[touched] += slope[touched] ** 2
            weights[touched] -= RATE * slope[touched] / np.sqrt(seen[touched])
            bias_seen += error.sum() ** 2
            bias -= RATE * float(error.sum() / np.sqrt(bias_seen))
    return Fitted(weights, bias)


def definition(fitted: Fitted, threshold: float, canaries: Sequence[str]) -> NGrams:
    """What is shipped of a fit."""
    scale, table = table_of(fitted)
    return NGrams(Header(BITS, scale, fitted.bias, threshold, PART_BYTES, STEP_BYTES, tuple(canaries)), table)


def table_of(fitted: Fitted) -> tuple[float, bytes]:
    """What a byte stands for, and a signed byte for each number; the few largest weights are cut to what it holds."""
    scale = float(np.quantile(np.abs(fitted.weights), 0.9999)) / 127 or 1.0
    return scale, np.clip(np.rint(fitted.weights / scale), -127, 127).astype(np.int8).tobytes()


def train_screen(
    corpora: Sequence[Corpus], everyday: Sequence[str], folds: int, seed: int, step: Callable[[int], None]
) -> NGrams:
    """Fit with authors held out in turns, set the threshold by what is said of their rows, and fit to all.

    ``step`` is told after each fit how many are done, of ``folds + 1``.
    """
    fit = Fit(corpora, everyday, seed)
    authors = sorted(corpus.author.author for corpus in corpora)
    crossing: list[float] = []
    for fold_number in range(folds):
        theirs = frozenset(authors[fold_number::folds])
        scorer = Scorer.of_topic(definition(fit.without(theirs), 0.0, ("-",)))
        for corpus in corpora:
            if corpus.author.author in theirs:
                rows = [row for row in corpus.rows if row.label == "yes"]
                crossing += scorer.scores([fold(row.judged) for row in rows])
        step(fold_number + 1)
    threshold = float(np.quantile(crossing, MISSES))
    fitted = fit.without(frozenset())
    step(folds + 1)
    return definition(fitted, threshold, _canaries(fitted, corpora))


def _canaries(fitted: Fitted, corpora: Sequence[Corpus]) -> list[str]:
    """Of each line the row that is raised most surely."""
    scorer = Scorer.of_topic(definition(fitted, 0.0, ("-",)))
    found = []
    for line in Line:
        rows = [row for corpus in corpora for row in corpus.rows if row.line is line and row.label == "yes"]
        texts = [row.judged for row in rows if len(row.judged) <= CANARY_CHARS_MAX]
        if texts:
            scores = scorer.scores([fold(text) for text in texts])
            found.append(texts[max(range(len(texts)), key=scores.__getitem__)])
    return found[:CANARIES]
