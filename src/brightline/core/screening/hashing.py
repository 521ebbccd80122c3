# SPDX-License-Identifier: Apache-2.0
"""Which pieces of a text a linear detector counts: runs of three to five bytes, words, and two words in a row, hashed.

The hash of a piece is its polynomial modulo 2^64, so that all pieces of all texts of a batch come from one running
sum: a batch costs some forty array operations, whatever it says. Pieces may fall together; that is priced in where it
is measured. Needs numpy (``brightline[encoder]``): only what runs or fits such a detector imports this.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Self

import msgspec
import numpy as np

from brightline.core.screening.ngrams import Header, Legible, NGrams
from brightline.core.screening.pieces import TEXT_BYTES_MAX, PieceHeads

RUNS: Final = (3, 4, 5)
BYTES_MAX: Final = 131_072  # of one batch of array operations
_BASE: Final = 0x9E3779B97F4A7C15
_WHOLE: Final = (1 << 64) - 1
_MIX: Final = np.uint64(0xD6E8FEB86659FD93)
_WORD: Final = np.uint64(0xA24BAED4963EE407)
_HALF: Final = np.uint64(32)


def _powers(base: int) -> Any:
    found, value = np.empty(BYTES_MAX + 1, np.uint64), 1
    for place in range(BYTES_MAX + 1):
        found[place] = value
        value = value * base & _WHOLE
    return found


_UP: Final = _powers(_BASE)
_DOWN: Final = _powers(pow(_BASE, -1, 1 << 64))
_IN_WORD: Final = np.array([code >= 0x80 or chr(code).isalnum() for code in range(256)])


class Pieces(msgspec.Struct, frozen=True):
    """The pieces of a stretch of bytes as numbers. ``runs[k][i]`` begins at byte i; ``words[i]`` at ``begins[i]``."""

    runs: tuple[Any, ...]
    begins: Any
    words: Any
    pairs: Any


def pieces_of(data: bytes, bits: int) -> Pieces:
    """All pieces of at most ``BYTES_MAX`` bytes, each as a number of ``bits`` bits."""
    given = np.frombuffer(data, np.uint8)
    size = len(given)
    sums = np.zeros(size + 1, np.uint64)
    np.cumsum((given + np.uint64(1)) * _UP[:size], out=sums[1:])
    runs = []
    for run in RUNS:
        count = max(0, size - run + 1)
        runs.append(_mixed((sums[run:] - sums[:count]) * _DOWN[:count] + np.uint64(run), bits))
    inside = np.concatenate(([False], _IN_WORD[given], [False]))
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    begins, ends = edges[::2], edges[1::2]
    words = (sums[ends] - sums[begins]) * _DOWN[begins] * _WORD
    pairs = (words[:-1] ^ (words[:-1] >> _HALF)) * _MIX + words[1:]
    return Pieces(tuple(runs), begins, _mixed(words, bits), _mixed(pairs, bits))


def _mixed(hashes: Any, bits: int) -> Any:
    return ((hashes ^ (hashes >> _HALF)) * _MIX) >> np.uint64(64 - bits)


def numbers_of(text: str, bits: int, bytes_max: int) -> Any:
    """The numbers of all pieces of a text's first bytes, in no order, as often as they occur (int64)."""
    found = pieces_of(padded(text)[:bytes_max], bits)
    return np.concatenate((*found.runs, found.words, found.pairs)).astype(np.int64)


class Adder:
    """What pieces add to the log-odds of heads."""

    def __init__(self, heads: PieceHeads) -> None:
        self._bits = heads.header.bits
        self._tables = np.frombuffer(heads.tables, np.int8).reshape(len(heads.header.column), 1 << self._bits)
        self._scale = np.array([column.scale for column in heads.header.column])
        self._bias = np.array([column.bias for column in heads.header.column])

    def of(self, text: str) -> Any:
        """What the pieces of a text add to each head, shape (heads,)."""
        numbers = different(text, self._bits)
        total = self._tables[:, numbers].sum(axis=1, dtype=np.int64)
        return self._scale * total / np.sqrt(max(1, len(numbers))) + self._bias


def different(text: str, bits: int) -> Any:
    """The numbers of the different pieces of a text (int64)."""
    return np.unique(numbers_of(text, bits, TEXT_BYTES_MAX))


def padded(text: str) -> bytes:
    """A text as bytes, a blank on either side."""
    return b" " + text.encode("utf-8", "replace") + b" "


class Scorer:
    """Scores texts by a table of weights."""

    def __init__(self, header: Header | Legible, bits: int, table: bytes) -> None:
        """``header`` says into which parts a text is taken, and how their pieces are weighed."""
        self._header = header
        self._bits = bits
        self._table = np.frombuffer(table, np.int8).astype(np.int32)

    @classmethod
    def of_topic(cls, stage: NGrams) -> Self:
        """Scores what is worth the next stage's time."""
        return cls(stage.header, stage.header.bits, stage.table)

    @classmethod
    def of_legible(cls, stage: NGrams) -> Self | None:
        """Scores what can be read, if this stage tells."""
        legible = stage.header.legible
        return cls(legible, stage.header.bits, stage.legible) if legible else None

    def passing(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text has a part at the threshold or over it. A score that is no number passes."""
        return [not score < self._header.threshold for score in self.scores(texts)]

    def scores(self, texts: Sequence[str]) -> list[float]:
        """The score of the highest part of each text."""
        if not texts:
            return []
        found = [-np.inf] * len(texts)
        for data, owners, begins, ends in self._groups(texts):
            for owner, score in zip(owners, self._of_parts(data, begins, ends).tolist(), strict=True):
                found[owner] = max(found[owner], score)
        return found

    def _groups(self, texts: Sequence[str]) -> Iterator[tuple[bytes, list[int], list[int], list[int]]]:
        """Texts run together as far as they fit: the bytes, and whose each part is, from where to where."""
        size, step = self._header.part_bytes, self._header.step_bytes
        data, owners, begins, ends = bytearray(), list[int](), list[int](), list[int]()
        for owner, text in enumerate(texts):
            whole = padded(text)
            for first in range(0, len(whole), BYTES_MAX - size):  # a text that is longer is taken in pieces
                piece = whole[first : first + BYTES_MAX]
                if first and len(piece) <= size:
                    break
                if len(data) + len(piece) > BYTES_MAX:
                    yield bytes(data), owners, begins, ends
                    data, owners, begins, ends = bytearray(), [], [], []
                for begin in range(0, max(1, len(piece) - (size - step)), step):
                    owners.append(owner)
                    begins.append(len(data) + begin)
                    ends.append(len(data) + min(begin + size, len(piece)))
                data += piece
        yield bytes(data), owners, begins, ends

    def _of_parts(self, data: bytes, begins: Sequence[int], ends: Sequence[int]) -> Any:
        begin, end = np.array(begins, np.int64), np.array(ends, np.int64)
        found = pieces_of(data, self._bits)
        total, count = np.zeros(len(begin), np.int64), np.zeros(len(begin), np.int64)
        for run, numbers in zip(RUNS, found.runs, strict=True):
            last = np.maximum(end - run + 1, begin)
            total += self._between(numbers, begin, last)
            count += last - begin
        first, last = np.searchsorted(found.begins, begin), np.searchsorted(found.begins, end)
        total += self._between(found.words, first, last)
        count += last - first
        last = np.maximum(last - 1, first)
        total += self._between(found.pairs, first, last)
        count += last - first
        return self._header.scale * total / np.sqrt(np.maximum(count, 1)) + self._header.bias

    def _between(self, numbers: Any, first: Any, last: Any) -> Any:
        sums = np.zeros(len(numbers) + 1, np.int64)
        np.cumsum(self._table[numbers], out=sums[1:])
        return sums[np.minimum(last, len(numbers))] - sums[np.minimum(first, len(numbers))]
