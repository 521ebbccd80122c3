# SPDX-License-Identifier: Apache-2.0
"""How many different people: the smallest tokens of one span, each with when it came last, on which days, about what.

Tokens are evenly spread, so the share of them below a mark says how many there are above it (Bar-Yossef et al.,
Counting distinct elements in a data stream, 2002: the k smallest values). Up to ``SIZE`` people the count is exact;
beyond, it is off by about one part in the square root of ``SIZE``.

The state is a function of the *set* of what was added and of nothing else: of each token the latest time, the union of
days and of matters, and of all tokens the smallest. So additions may come twice, late, in any order or from several
writers, and sketches that were merged in any way have the same bytes. Nothing is ever taken away before its span ends.
"""

from __future__ import annotations

import struct
import sys
from array import array
from bisect import bisect_left
from collections import Counter
from typing import Final

from brightline.core.agreement.pattern import DAY_SECONDS, US_PERSON_BIT, Touches

SIZE: Final = 1_024
DAYS: Final = 61  # a span of sixty days touches so many
_HEAD: Final = struct.Struct(">4sBxHQ")
_MAGIC: Final = b"BLS1"
_WHOLE: Final = 1 << 64


class Sketch:
    """Of one span that begins at ``since`` (Unix seconds), with up to ``size`` tokens."""

    __slots__ = ("_about", "_days", "_over", "_seen", "_since", "_size", "_tokens")

    def __init__(self, since: int, size: int = SIZE) -> None:
        self._since = since
        self._size = size
        self._tokens = array("Q")
        self._seen = array("Q")
        self._days = array("Q")
        self._about = array("H")
        self._over = False  # there were more than are here

    @property
    def tokens(self) -> tuple[int, ...]:
        """The tokens, the smallest first."""
        return tuple(self._tokens)

    def add(self, token: int, unix: int, about: int) -> bool:
        """Add one person who came at this time; whether anything is another now. Times outside the span are lost."""
        day = (unix - self._since) // DAY_SECONDS
        if not 0 <= day < DAYS:
            return False
        return self._enter(token, unix, 1 << day, about)

    def merge(self, other: Sketch) -> bool:
        """Take in another sketch of the same span; whether anything is another now."""
        if other._since != self._since:
            raise ValueError("sketches of two spans are not merged: their tokens have nothing in common")
        changed = other._over and not self._over
        self._over = self._over or other._over
        for row in zip(other._tokens, other._seen, other._days, other._about, strict=True):
            changed = self._enter(*row) or changed
        return changed

    @property
    def scale(self) -> float:
        """For how many each token here stands."""
        if not self._over or not self._tokens:
            return 1.0
        return _WHOLE / (self._tokens[-1] + 1)

    def total(self) -> float:
        """How many different people came in the whole span."""
        return len(self._tokens) * self.scale

    def count(self, since: int, mask: int = 0, joins: int = 0, days: int = 1, marked: int = 0) -> int:
        """How many people came at ``since`` or later, on so many days since, with so many matters of ``mask`` and
        with all the bits of ``marked``.
        """
        found = sum(
            people
            for about, people in self.matters(since, days).items()
            if (about & mask).bit_count() >= joins and about & marked == marked
        )
        return round(found * self.scale)

    def matching(self, since: int, mask: int = 0, joins: int = 0, days: int = 1, marked: int = 0) -> list[int]:
        """The tokens of whom :meth:`count` counts, as far as they are here."""
        return [
            token
            for token, _, about in self.rows(since, days)
            if (about & mask).bit_count() >= joins and about & marked == marked
        ]

    def by_day(self, since: int, until: int) -> tuple[tuple[int, int], ...]:
        """On each day (when it begins, in Unix seconds) from ``since`` to ``until``, how many people came."""
        first, last = ((unix - self._since) // DAY_SECONDS for unix in (since, until))
        days = range(max(0, first), min(DAYS - 1, last) + 1)
        return tuple(
            (self._since + day * DAY_SECONDS, round(sum(on >> day & 1 for on in self._days) * self.scale))
            for day in days
        )

    def joined(self, since: int, mask: int = ~US_PERSON_BIT) -> tuple[int, ...]:
        """Of how many people, who came at ``since`` or later, none of the matters of ``mask`` came up, one, two and so
        on up to all.
        """
        found = [0] * (len(Touches) + 1)
        for seen, about in zip(self._seen, self._about, strict=True):
            if seen >= since:
                found[(about & mask & ~US_PERSON_BIT).bit_count()] += 1
        return tuple(round(each * self.scale) for each in found)

    def rows(self, since: int, days: int = 1) -> list[tuple[int, int, int]]:
        """Token, time and matters of each that came at ``since`` or later, on so many days since."""
        columns = zip(self._tokens, self._seen, self._about, self._days, strict=True)
        if days == 1:
            return [(token, seen, about) for token, seen, about, _ in columns if seen >= since]
        recent = ((1 << DAYS) - 1) << max(0, (since - self._since) // DAY_SECONDS)
        return [
            (token, seen, about)
            for token, seen, about, on in columns
            if seen >= since and (on & recent).bit_count() >= days
        ]

    def matters(self, since: int, days: int = 1) -> Counter[int]:
        """How many there are with each set of matters, of those that came at ``since`` or later, on so many days."""
        if days == 1:  # the day on which it came last is one
            return Counter([about for seen, about in zip(self._seen, self._about, strict=True) if seen >= since])
        return Counter(about for _, _, about in self.rows(since, days))

    def write(self) -> bytes:
        """The bytes: magic, whether there were more, how many, the begin; then tokens, times, days, matters."""
        head = _HEAD.pack(_MAGIC, self._over, len(self._tokens), self._since)
        return head + b"".join(_big(each) for each in (self._tokens, self._seen, self._days, self._about))

    @staticmethod
    def read(data: bytes, most: int = SIZE) -> Sketch:
        """The sketch of some bytes, with up to ``most`` tokens.

        Raises ``ValueError`` for what :meth:`write` does not write.
        """
        if len(data) < _HEAD.size:
            raise ValueError("a sketch has a head of 16 bytes")
        magic, over, size, since = _HEAD.unpack_from(data)
        if magic != _MAGIC or over > 1 or size > most or len(data) != _HEAD.size + 26 * size:
            raise ValueError("these bytes are no sketch")
        if not data.startswith(_HEAD.pack(magic, over, size, since)):
            raise ValueError("what fills the head of a sketch is zero")
        sketch = Sketch(since, most)
        at = _HEAD.size
        sketch._over = bool(over)
        columns = []
        for code, width in (("Q", 8), ("Q", 8), ("Q", 8), ("H", 2)):
            column = array(code)
            column.frombytes(data[at : at + width * size])
            if sys.byteorder == "little":
                column.byteswap()
            columns.append(column)
            at += width * size
        if any(a >= b for a, b in zip(columns[0], columns[0][1:], strict=False)):
            raise ValueError("the tokens of a sketch are in order, each once")
        sketch._tokens, sketch._seen, sketch._days, sketch._about = columns
        return sketch

    def _enter(self, token: int, seen: int, days: int, about: int) -> bool:
        at = bisect_left(self._tokens, token)
        if at < len(self._tokens) and self._tokens[at] == token:
            changed = seen > self._seen[at] or days & ~self._days[at] or about & ~self._about[at]
            if changed:
                self._seen[at] = max(self._seen[at], seen)
                self._days[at] |= days
                self._about[at] |= about
            return bool(changed)
        if at == self._size:
            changed, self._over = not self._over, True
            return changed
        for column, value in ((self._tokens, token), (self._seen, seen), (self._days, days), (self._about, about)):
            column.insert(at, value)
        if len(self._tokens) > self._size:
            self._over = True
            for column in (self._tokens, self._seen, self._days, self._about):
                column.pop()
        return True


def _big(column: array[int]) -> bytes:
    if sys.byteorder == "little":
        column = array(column.typecode, column)
        column.byteswap()
    return column.tobytes()
