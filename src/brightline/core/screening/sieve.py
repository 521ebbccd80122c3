# SPDX-License-Identifier: Apache-2.0
"""Which of many patterns can be found in some texts at all, by the words that stand in them.

Each pattern has needs (``needs.py``): pieces of which a text must have one. Which needs a word satisfies is worked out
when it is first met, and remembered for the next text, because most words of a text are those of all texts. Only short
words of letters are remembered, each by itself: nothing that could be a number, a name of a file or a key.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from itertools import chain
from typing import Final

from brightline.core.screening.needs import PIECE_BYTES_MIN, Need, commonness

KNOWN_MAX: Final = 32_768
"""Words that are remembered, some six megabytes; then all are forgotten."""
LETTERS_REMEMBERED_MAX: Final = 16
OTHERS_REMEMBERED_MAX: Final = 4
WORKED_OUT_BYTES_MAX: Final = 96
"""Longer words may have any piece but a whole word."""

_WORD: Final = b"abcdefghijklmnopqrstuvwxyz0123456789"
_APART: Final = bytes(code if code in _WORD else ord(" ") for code in range(256))
_BEYOND: Final = bytes(code if code >= 0x80 else ord(" ") for code in range(256))


class Sieve:
    """``needs`` are those of each of some patterns, or of several that must be found together.

    ``turns`` are ways in which each word of a text may be turned, by their names.
    """

    def __init__(self, needs: Sequence[Sequence[Need]], turns: Mapping[str, Callable[[str], str]]) -> None:
        every = {need: 1 << number for number, need in enumerate(dict.fromkeys(chain.from_iterable(needs)))}
        self._needless = [place for place, each in enumerate(needs) if not each]
        self._by_rarest: dict[int, list[tuple[int, int]]] = {}
        for place, each in enumerate(needs):
            if each:
                rarest = every[min(each, key=commonness)]
                self._by_rarest.setdefault(rarest, []).append((place, sum({every[need] for need in each})))
        self._rarest = sum(self._by_rarest)
        self._words = _Words(every, tuple(turns.values()))
        self._turns = ("", *turns)

    def passing(self, words: Set[bytes]) -> Mapping[str, list[int]]:
        """The places of those whose needs are all satisfied by some of these words, as they are and by each turn."""
        return dict(zip(self._turns, map(self._passing, self._words.satisfied(words)), strict=True))

    def _passing(self, satisfied: int) -> list[int]:
        passing = [*self._needless]
        left = satisfied & self._rarest
        while left:
            lowest = left & -left
            left ^= lowest
            passing += [place for place, needed in self._by_rarest[lowest] if needed & satisfied == needed]
        return sorted(passing)


class _Satisfied:
    """The needs that some words satisfy, a bit each: as they are and by each turn, by the turn's place, unless none.

    One for all words that satisfy the same, and told apart by being another: numbers of so many bits are dear to hash.
    """

    __slots__ = ("by_turn",)

    def __init__(self, needs: Iterable[int]) -> None:
        self.by_turn = tuple((turn, mask) for turn, mask in enumerate(needs) if mask)


class _Words(dict[bytes, _Satisfied]):
    """The needs that words satisfy."""

    def __init__(self, needs: Mapping[Need, int], turns: Sequence[Callable[[str], str]]) -> None:
        super().__init__()
        self._turns = turns
        self._alike: dict[tuple[tuple[int, int], ...], _Satisfied] = {}
        self._by_piece: dict[bytes, int] = {}
        for need, bit in needs.items():
            for piece in need:
                self._by_piece[piece] = self._by_piece.get(piece, 0) | bit
        self._sizes: dict[bytes, tuple[int, ...]] = {}  # of the pieces that begin with these bytes
        for piece in self._by_piece:
            begins = piece[:PIECE_BYTES_MIN]
            self._sizes[begins] = tuple(sorted({*self._sizes.get(begins, ()), len(piece)}))
        whole = {piece for piece in self._by_piece if piece.startswith(b"^") and piece.endswith(b"$")}
        self._in_long = _Satisfied((self._united(self._by_piece.keys() - whole),) * (1 + len(turns)))

    def satisfied(self, words: Set[bytes]) -> list[int]:
        """The needs that at least one of these words satisfies, as they are and then by each turn."""
        known = [*map(self.get, words)]
        found = {*known}
        if None in found:
            found = {
                *filter(None, found),
                *(self._of(word) for word, one in zip(words, known, strict=True) if not one),
            }
        united = [0] * (1 + len(self._turns))
        for satisfied in found:
            if satisfied is not None:
                for turn, mask in satisfied.by_turn:
                    united[turn] |= mask
        return united

    def _of(self, word: bytes) -> _Satisfied:
        known = self.get(word)
        if known is None:
            known = self._worked_out(word)
            if len(word) <= (LETTERS_REMEMBERED_MAX if word.isalpha() else OTHERS_REMEMBERED_MAX):
                if len(self) >= KNOWN_MAX:
                    self.clear()
                    self._alike = {}
                known = self._alike.setdefault(known.by_turn, known)
                self[word] = known
        return known

    def _worked_out(self, word: bytes) -> _Satisfied:
        if len(word) > WORKED_OUT_BYTES_MAX:
            return self._in_long
        text = word.decode("utf-8", "surrogatepass")
        turned = [turn(text).encode("utf-8", "surrogatepass") for turn in self._turns]
        return _Satisfied([self._united(self._pieces_of(each)) for each in (word, *turned)])

    def _pieces_of(self, word: bytes) -> list[bytes]:
        """What a need could have of a word, and more that none has."""
        marked = b"^%b$" % word
        pieces = [] if word.isalpha() else [b"#"]  # it has a digit, or is beyond ASCII
        sizes_of = self._sizes.get
        for start in range(len(marked) - PIECE_BYTES_MIN + 1):
            if sizes := sizes_of(marked[start : start + PIECE_BYTES_MIN]):
                pieces += [marked[start : start + size] for size in sizes]
        return pieces

    def _united(self, pieces: Iterable[bytes]) -> int:
        return functools.reduce(operator.or_, filter(None, map(self._by_piece.get, pieces)), 0)


def words_of(texts: Iterable[str]) -> Set[bytes]:
    """All words of some texts, each once, in UTF-8. Texts of one batch share most of their sentences."""
    text = " ".join({sentence for text in texts for sentence in text.split(". ")})
    data = text.encode("utf-8", "surrogatepass")
    words = {*data.translate(_APART).split()}
    if not text.isascii():
        words.update(data.translate(_BEYOND).split())
    return words
