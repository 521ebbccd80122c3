# SPDX-License-Identifier: Apache-2.0
"""Fitting what a first stage tells by its second table: a reading that can be read from one that makes no words.

What people wrote is legible, in whatever language and whether it crosses a line or not; the same texts turned, or
with the letters of another script put in the place of their own, are not. A reading is legible if one short part of it
is, because what is hidden may be a sentence among much that was never disguised. A language that no author writes in
has few pieces that weigh anything, and is taken for legible.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec
import numpy as np

from brightline.classifier.corpus import Corpus
from brightline.classifier.training.screen import BITS, Fitted, Piece, fit_linear, table_of
from brightline.core.screening.folding import fold
from brightline.core.screening.hashing import Scorer, numbers_of
from brightline.core.screening.ngrams import Legible
from brightline.core.screening.views import PLAIN_VIEWS, turn_of, views

PART_BYTES: Final = 64
STEP_BYTES: Final = 32
SLICES: Final = 2  # of each text
FOLDS: Final = 4
MISSES: Final = 0.001  # of what people wrote, by authors held out
MARGIN: Final = 0.25  # below that: who writes in disguise may write in another language than ours do
BEYOND_LATIN: Final = 0x24F
BEYOND_SHARE: Final = 0.5  # of the letters, from which look-alikes are no disguise but another script


class _Written(msgspec.Struct, frozen=True):
    """What somebody wrote, folded, and its readings that make no words."""

    text: str
    nonsense: tuple[str, ...]


def train_legible(corpora: Sequence[Corpus], everyday: Sequence[str], seed: int) -> tuple[Legible, bytes]:
    """Fit with authors held out in turns, set the threshold by what is said of their rows, and fit to all."""
    plain = [_written(text) for text in everyday]
    by_author = {corpus.author.author: [_written(row.judged) for row in corpus.rows] for corpus in corpora}
    authors = sorted(by_author)
    written: list[float] = []
    for number in range(FOLDS):
        theirs = authors[number::FOLDS]
        others = [one for author in authors if author not in theirs for one in by_author[author]]
        header, table = _whole(_fitted([*plain, *others], seed), 0.0)
        written += Scorer(header, BITS, table).scores([one.text for author in theirs for one in by_author[author]])
    threshold = float(np.quantile(written, MISSES)) - MARGIN
    return _whole(_fitted([*plain, *(one for author in authors for one in by_author[author])], seed), threshold)


def _whole(fitted: Fitted, threshold: float) -> tuple[Legible, bytes]:
    scale, table = table_of(fitted)
    return Legible(scale, fitted.bias, threshold, PART_BYTES, STEP_BYTES), table


def _written(text: str) -> _Written:
    plain = fold(text)
    return _Written(plain, tuple(_nonsense(plain)))


def _fitted(written: Sequence[_Written], seed: int) -> Fitted:
    dice = random.Random(seed)  # noqa: S311 - no secret
    legible = [piece for one in written for piece in _slices(one.text, SLICES, dice)]
    not_so = [piece for one in written for turned in one.nonsense for piece in _slices(turned, 1, dice)]
    # Neither side counts for more than the other.
    sides = [Piece(numbers, 1.0, min(1.0, len(not_so) / max(1, len(legible)))) for numbers in legible]
    sides += [Piece(numbers, 0.0, min(1.0, len(legible) / max(1, len(not_so)))) for numbers in not_so]
    return fit_linear(sides, dice)


def _slices(text: str, count: int, dice: random.Random) -> Iterator[object]:
    """The pieces of some parts of a text, as numbers; of a short one, of the whole."""
    data = text.encode("utf-8", "replace")
    places = [0] if len(data) <= PART_BYTES else [dice.randrange(len(data) - PART_BYTES) for _ in range(count)]
    for place in places:
        if text:
            yield numbers_of(data[place : place + PART_BYTES].decode("utf-8", "ignore"), BITS, 2 * PART_BYTES)


def _nonsense(text: str) -> Iterable[str]:
    """The readings of a text that was never disguised that make no words."""
    letters = [character for character in text if character.isalpha()]
    other_script = sum(ord(character) > BEYOND_LATIN for character in letters) > BEYOND_SHARE * len(letters)
    for view in views(text):
        if view.name in PLAIN_VIEWS:
            continue
        if turn_of(view.name) or (other_script and view.name.endswith("lookalikes")):
            yield view.text
