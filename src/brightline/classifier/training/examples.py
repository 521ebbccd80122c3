# SPDX-License-Identifier: Apache-2.0
"""Rows and everyday text as a trainer sees them: token ids, what each head should say, and how much that counts."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from tokenizers import Tokenizer

from brightline.classifier.corpus import Corpus, Row, RowSurface
from brightline.classifier.everyday import Everyday
from brightline.classifier.training.target import EVERYDAY_WEIGHT, FACTS, MAIN, target
from brightline.core.errors import ConfigError
from brightline.core.screening.folding import fold

BESIDE_TOKENS: Final = 40
PREFIX_SHARE: Final = 0.25  # of the outputs, in each epoch: what a stream has said so far
PREFIX_MIN: Final = 0.4  # of its tokens


class Example(msgspec.Struct, frozen=True):
    """One row as tokens. ``asked`` is what an output answers, or nothing.

    ``wanted`` and ``counts`` are what each head should say of it, and how much that counts; ``weight`` is how much its
    order within a pair counts. What is to be shown ``whole`` never ends early: nobody said what its beginning is.
    """

    row: Row
    author: str
    tokens: list[int]
    asked: list[int]
    wanted: Sequence[float]
    counts: Sequence[float]
    weight: float = 1.0
    whole: bool = False


class Plain(msgspec.Struct, frozen=True):
    """One everyday text as tokens."""

    corpus: str
    text: str
    tokens: list[int]


class Item(msgspec.Struct, frozen=True):
    """What one step is shown: tokens, what the heads should say (yes 1, unknown 0.5), and how much each counts.

    ``weight`` is how much its order within a pair counts.
    """

    tokens: list[int]
    wanted: Sequence[float]
    counts: Sequence[float]
    weight: float = 1.0


class Words:
    """The tokenizer of the encoder."""

    def __init__(self, data: bytes, tokens: int) -> None:
        """``tokens`` is the longest window, with its begin and end."""
        self._tokenizer = Tokenizer.from_str(data.decode())
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.tokens = tokens
        begin, end = self._tokenizer.token_to_id("[CLS]"), self._tokenizer.token_to_id("[SEP]")
        if begin is None or end is None:
            raise ConfigError("the tokenizer has no [CLS] and [SEP]")
        self._begin, self._end = begin, end

    def of(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text as an encoder reads it first: folded, and the whole of it."""
        return [list(one.ids) for one in self._tokenizer.encode_batch([*map(fold, texts)], add_special_tokens=False)]

    def batch(self, windows: Sequence[Sequence[int]]) -> tuple[Any, Any]:
        """Token ids and mask, shape (windows, longest window); what is longer than a window is cut off."""
        width = min(self.tokens, max(map(len, windows)) + 2)
        ids, mask = (np.zeros((len(windows), width), np.int64) for _ in range(2))
        for row, window in enumerate(windows):
            whole = [self._begin, *window[: width - 2], self._end]
            ids[row, : len(whole)], mask[row, : len(whole)] = whole, 1
        return ids, mask


Goal = Callable[[Row], tuple[list[float], list[float]]]


def examples_of(
    corpora: Iterable[Corpus], split: str, words: Words, weight: float = 1.0, goal: Goal = target
) -> list[Example]:
    """The rows of one split as tokens, each of which counts so much. ``goal`` is what heads should say of a row."""
    found: list[Example] = []
    for corpus in corpora:
        if corpus.author.split == split:
            judged = words.of([row.judged for row in corpus.rows])
            asked = words.of([row.asked for row in corpus.rows])
            for row, ids, question in zip(corpus.rows, judged, asked, strict=True):
                wanted, counts = goal(row)
                weighs = [count * weight for count in counts]
                found.append(Example(row, corpus.author.author, ids, question, wanted, weighs, weight))
    return found


def plain_of(everyday: Iterable[Everyday], words: Words) -> tuple[list[Plain], list[Plain]]:
    """Everyday text as tokens: the half to train on, and the half to set thresholds by."""
    halves: tuple[list[Plain], list[Plain]] = ([], [])
    for corpus in everyday:
        for number, (text, ids) in enumerate(zip(corpus.texts, words.of(corpus.texts), strict=True)):
            halves[number % 2].append(Plain(corpus.source.corpus, text, ids))
    return halves


def disguised(example: Example, beside: Sequence[Plain], window: int, dice: random.Random) -> Item:
    """The row as it is, behind what it answers, or beside something everyday: none of these carries a label.

    Of a row that is longer than a window, its beginning or its end. Of some outputs, as much as a stream has said so
    far (a monitor trained on whole texts knows little of begun ones: streaming content monitor, NeurIPS 2025). What
    makes it a yes may still be to come, so that a yes counts less the more is missing; a no stays a no.
    """
    tokens = example.tokens
    said = 1.0
    if example.row.surface is RowSurface.OUTPUT and not example.whole and dice.random() < PREFIX_SHARE:
        said = dice.uniform(PREFIX_MIN, 1.0)
        tokens = tokens[: math.ceil(len(tokens) * said)]
    if len(tokens) > window and dice.random() < 0.5:
        tokens = tokens[-window:]
    if example.asked and dice.random() < 0.4:
        tokens = example.asked + tokens
    if beside and (place := dice.random()) < 0.2:
        filler = dice.choice(beside).tokens[:BESIDE_TOKENS]
        tokens = filler + tokens if place < 0.1 else tokens + filler
    weighs = [said**2 if value else 1.0 for value in example.wanted]
    counts = [count * weight for count, weight in zip(example.counts, weighs, strict=True)]
    return Item(tokens, example.wanted, counts, example.weight)


def ordinary(plain: Plain) -> Item:
    """An everyday text: no on the facts of the lines, and nothing is known of the others."""
    return Item(plain.tokens, [0.0] * len(FACTS), [EVERYDAY_WEIGHT if fact in MAIN else 0.0 for fact in FACTS])
