# SPDX-License-Identifier: Apache-2.0
"""How many different people: the smallest tokens of one span, each with when it came last, on which days, about what.

Tokens are evenly spread, so the share of them below a mark says how many there are above it (Bar-Yossef et al.,
Counting distinct elements in a data stream, 2002: the k smallest values). Up to ``SIZE`` people the count is exact;
beyond, it is off by about one part in the square root of ``SIZE``.

The state is a function of the *set* of what was added and of nothing else: of each token the latest time, the union of
days and of matters, and of all tokens the smallest. So additions may come twice, late, in any order or from several
writers, and sketches that were merged in any way have the same bytes. Nothing is ever taken away before its span ends.

It is held in columns (``columns.py``) that are as narrow as what is in them, and those that would say nothing are left
out: there are some twenty sketches for each unit, and a request changes nearly all of them.
"""

from __future__ import annotations

import operator
import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from itertools import compress, repeat
from typing import Final

from brightline.core.agreement.pattern import DAY_SECONDS, US_PERSON_BIT, Touches
from brightline.core.patterns.columns import (
    abouts,
    big,
    big_abouts,
    folded,
    hits,
    narrow,
    not_before,
    places,
    read_abouts,
    read_big,
    rest,
    table,
    unfolded,
)

SIZE: Final = 1_024
DAYS: Final = 61  # a span of sixty days touches so many
_HEAD: Final = struct.Struct(">4sBxHQ")
_MAGIC: Final = b"BLS2"
_ROW_BYTES: Final = 22
_WHOLE: Final = 1 << 64
_SECONDS: Final = DAYS * DAY_SECONDS
_UNKNOWN: Final = 1 << 40
_DAY: Final = tuple(1 << day for day in range(DAYS))


class Sketch:
    """Of one span that begins at ``since`` (Unix seconds), with up to ``size`` tokens.

    ``grown`` is by how many tokens any count of it can have grown since it was made. So whoever counted once knows
    later, without counting, how many there are at most.
    """

    __slots__ = (
        "_days",
        "_high",
        "_low",
        "_oldest",
        "_over",
        "_scale",
        "_since",
        "_size",
        "_times",
        "_tokens",
        "grown",
    )

    def __init__(self, since: int, size: int = SIZE) -> None:
        self.grown = 0
        self._since = since
        self._size = size
        self._tokens = array("Q")
        self._times = array("I")  # seconds after the begin
        self._low: bytearray | None = None  # what came up, folded; left out while nothing did
        self._high: bytearray | None = None  # the rest of it, likewise
        self._days: array[int] | None = None  # the days but the last; left out while nobody came on two
        self._over = False  # there were more than are here
        self._scale = 1.0  # 0.0: to be worked out
        self._oldest = _SECONDS  # nobody came before it

    @property
    def since(self) -> int:
        """When its span began, in Unix seconds."""
        return self._since

    @property
    def tokens(self) -> tuple[int, ...]:
        """The tokens, the smallest first."""
        return tuple(self._tokens)

    def add(self, token: int, unix: int, about: int, weight: int = 1) -> bool:
        """Add one person who came at this time; whether anything is another now. Times outside the span are lost.

        ``weight`` is by how much a count may grow by it.
        """
        time = unix - self._since
        if 0 <= time < _SECONDS and self._enter(token, time, 0, about):
            self.grown += weight
            return True
        return False

    def merge(self, other: Sketch) -> bool:
        """Take in another sketch of the same span; whether anything is another now."""
        if other._since != self._since:
            raise ValueError("sketches of two spans are not merged: their tokens have nothing in common")
        changed = other._over and self._one_more()
        for row in zip(other._tokens, other._times, other._before(), other._abouts(), strict=True):
            changed = self._enter(*row) or changed
        if changed:
            self.grown += _UNKNOWN
        return changed

    @property
    def scale(self) -> float:
        """For how many each token here stands."""
        if not self._scale:
            self._scale = _WHOLE / (self._tokens[-1] + 1) if self._tokens else 1.0
        return self._scale

    def total(self) -> float:
        """How many different people came in the whole span."""
        return len(self._tokens) * self.scale

    def at_least(self, found: float) -> int:
        """How many there are at least, if ``found`` of the tokens here are such.

        Exactly so many while all are here. Else two deviations less: four of them that stand for thirty each are no
        evidence of a hundred and twenty.
        """
        scale = self.scale
        return round(found) if scale == 1 else round(max(0.0, found - 2 * found**0.5) * scale)

    def count_at_least(self, since: int, mask: int = 0, joins: int = 0, days: int = 1, marked: int = 0) -> int:
        """As :meth:`count`, but how many there are at least."""
        return self.at_least(self.found(since, mask, joins, days, marked))

    def count(self, since: int, mask: int = 0, joins: int = 0, days: int = 1, marked: int = 0) -> int:
        """How many people came at ``since`` or later, on so many days since, with so many matters of ``mask`` and
        with all the bits of ``marked``.
        """
        return round(self.found(since, mask, joins, days, marked) * self.scale)

    def found(self, since: int, mask: int = 0, joins: int = 0, days: int = 1, marked: int = 0) -> int:
        """How many tokens there are here of whom :meth:`count` counts."""
        if days > 1 or (self._high is not None and (joins > 0 or marked)):
            return len(self.matching(since, mask, joins, days, marked))
        return self._among(self._recent(since), mask, joins, marked)

    def found_each(self, since: int, masks: Iterable[int]) -> list[int]:
        """For each mask, how many tokens there are here of people with any matter of it, who came then or later."""
        if self._high is not None:
            return [self.found(since, mask, 1) for mask in masks]
        recent = self._recent(since)
        return [self._among(recent, mask, 1, 0) for mask in masks]

    def matching(self, since: int, mask: int = 0, joins: int = 0, days: int = 1, marked: int = 0) -> list[int]:
        """The tokens of whom :meth:`count` counts, as far as they are here."""
        if days == 1 and self._high is None and self._low is not None and self._recent(since) is None:
            return list(compress(self._tokens, self._low.translate(table(mask, joins, marked))))
        return [
            token
            for token, _, about in self.rows(since, days)
            if (about & mask).bit_count() >= joins and about & marked == marked
        ]

    def by_day(self, since: int, until: int) -> tuple[tuple[int, int], ...]:
        """On each day (when it begins, in Unix seconds) from ``since`` to ``until``, how many people came."""
        first, last = ((unix - self._since) // DAY_SECONDS for unix in (since, until))
        came = [0] * DAYS
        for time, before in zip(self._times, self._before(), strict=True):
            came[time // DAY_SECONDS] += 1
            days = before
            while days:
                came[days.bit_length() - 1] += 1
                days ^= 1 << days.bit_length() - 1
        return tuple(
            (self._since + day * DAY_SECONDS, round(came[day] * self.scale))
            for day in range(max(0, first), min(DAYS - 1, last) + 1)
        )

    def joined(self, since: int, mask: int = ~US_PERSON_BIT) -> tuple[int, ...]:
        """Of how many people, who came at ``since`` or later, none of the matters of ``mask`` came up, one, two and so
        on up to all.
        """
        found = [0] * (len(Touches) + 1)
        for _, _, about in self.rows(since):
            found[(about & mask & ~US_PERSON_BIT).bit_count()] += 1
        return tuple(round(each * self.scale) for each in found)

    def rows(self, since: int, days: int = 1) -> list[tuple[int, int, int]]:
        """Token, time and matters of each that came at ``since`` or later, on so many days since."""
        begin, least = self._since, since - self._since
        columns = zip(self._tokens, self._times, self._abouts(), strict=True)
        if days == 1:
            return [(token, begin + time, about) for token, time, about in columns if time >= least]
        if self._days is None:
            return []
        recent = ((1 << DAYS) - 1) << max(0, least // DAY_SECONDS)
        return [
            (token, begin + time, about)
            for (token, time, about), on in zip(columns, self._days, strict=True)
            if time >= least and (on & recent).bit_count() >= days - 1  # the last is one
        ]

    def write(self) -> bytes:
        """The bytes: magic, whether there were more, how many, the begin; then tokens, times, other days, matters."""
        count = len(self._tokens)
        return b"".join(
            (
                _HEAD.pack(_MAGIC, self._over, count, self._since),
                big(self._tokens, 8),
                big(self._times, 4),
                big(self._days, 8) if self._days is not None else bytes(8 * count),
                big_abouts(self._low, self._high, count),
            )
        )

    @staticmethod
    def read(data: bytes, most: int = SIZE) -> Sketch:
        """The sketch of some bytes, with up to ``most`` tokens.

        Raises ``ValueError`` for what :meth:`write` does not write.
        """
        if len(data) < _HEAD.size:
            raise ValueError("a sketch has a head of 16 bytes")
        magic, over, count, since = _HEAD.unpack_from(data)
        if magic != _MAGIC or over > 1 or count > most or len(data) != _HEAD.size + _ROW_BYTES * count:
            raise ValueError("these bytes are no sketch")
        if not data.startswith(_HEAD.pack(magic, over, count, since)):
            raise ValueError("what fills the head of a sketch is zero")
        columns = []
        at = _HEAD.size
        for code, width in (("Q", 8), ("I", 4), ("Q", 8)):
            columns.append(read_big(code, data[at : at + width * count]))
            at += width * count
        tokens, times, days = columns
        if not all(map(operator.lt, tokens, tokens[1:])):
            raise ValueError("the tokens of a sketch are in order, each once")
        latest = max(days, default=0)
        if max(times, default=0) >= _SECONDS or latest >> DAYS:
            raise ValueError("a time is outside the span of its sketch")
        if latest and any(on & _DAY[time // DAY_SECONDS] for on, time in zip(days, times, strict=True) if on):
            raise ValueError("the day of the time is none of the others")
        sketch = Sketch(since, most)
        sketch._tokens, sketch._times, sketch._oldest = tokens, times, 0
        sketch._days = narrow(days, latest) if latest else None
        sketch._low, sketch._high = read_abouts(data[at:])
        if over:
            sketch._one_more()
        return sketch

    def _recent(self, since: int) -> int | None:
        """Who came at ``since`` or later, as :func:`not_before` has it; ``None`` for everybody."""
        least = since - self._since
        if least <= self._oldest:
            return None
        recent = not_before(self._times, least)
        if recent.bit_count() < len(self._times):
            return recent
        self._oldest = least
        return None

    def _among(self, recent: int | None, mask: int, joins: int, marked: int) -> int:
        """How many there are among these; nothing is left out of what came up but where it does not matter."""
        if joins <= 0 and not marked:
            return len(self._tokens) if recent is None else recent.bit_count()
        if self._low is None:
            return 0
        found = self._low.translate(table(mask, joins, marked))
        return hits(found) if recent is None else (recent & places(found)).bit_count()

    def _abouts(self) -> Iterable[int]:
        if self._low is None and self._high is None:
            return repeat(0, len(self._tokens))
        return abouts(self._low if self._low is not None else bytearray(len(self._tokens)), self._high)

    def _before(self) -> Iterable[int]:
        """Of each the days but the last."""
        return self._days if self._days is not None else repeat(0, len(self._tokens))

    def _enter(self, token: int, time: int, days: int, about: int) -> bool:
        """Enter a row; ``days`` are those beside the one of the time."""
        tokens, times = self._tokens, self._times
        at, count = bisect_left(tokens, token), len(tokens)
        if at < count and tokens[at] == token:
            return self._again(at, time, days, about)
        if count == self._size:
            if at == count:
                return self._one_more()
            self._over = True
            self._pop()
        if about or days:
            self._widen(days, about)
        tokens.insert(at, token)
        times.insert(at, time)
        if self._low is not None:
            self._low.insert(at, about if about < 128 else folded(about))
        if self._days is not None:
            self._days.insert(at, days)
        if self._high is not None:
            self._high.insert(at, rest(about))
        self._oldest = min(self._oldest, time)
        if self._over:
            self._scale = 0.0
        elif count + 1 == self._size:
            self._fit()
        return True

    def _one_more(self) -> bool:
        """There was one more than are here; whether that is new."""
        if self._over:
            return False
        self._over, self._scale = True, 0.0
        return True

    def _again(self, at: int, time: int, days: int, about: int) -> bool:
        """Enter a row of somebody who is here; whether anything is another now."""
        last, came, told = self._times[at], self._days[at] if self._days is not None else 0, self._about(at)
        later, about = max(last, time), about | told
        if last // DAY_SECONDS != time // DAY_SECONDS or days or came:
            days = (days | came | _DAY[last // DAY_SECONDS] | _DAY[time // DAY_SECONDS]) & ~_DAY[later // DAY_SECONDS]
        if later == last and days == came and about == told:
            return False
        self._widen(days, about)
        self._times[at] = later
        if self._days is not None:
            self._days[at] = days
        if self._low is not None:
            self._low[at] = folded(about)
        if self._high is not None:
            self._high[at] = rest(about)
        return True

    def _about(self, at: int) -> int:
        low = self._low[at] if self._low is not None else 0
        return unfolded(low, self._high[at] if self._high is not None else 0)

    def _widen(self, days: int, about: int) -> None:
        """Have the columns in which these days and matters have room."""
        if about and self._low is None and folded(about):
            self._low = bytearray(len(self._tokens))
        if about > 127 and self._high is None and rest(about):
            self._high = bytearray(len(self._tokens))
        if days:
            if self._days is None:
                self._days = array("I", bytes(4 * len(self._tokens)))
            if days.bit_length() > 8 * self._days.itemsize:
                self._days = array("Q", self._days)

    def _pop(self) -> None:
        self._tokens.pop()
        self._times.pop()
        if self._low is not None:
            self._low.pop()
        if self._high is not None:
            self._high.pop()
        if self._days is not None:
            self._days.pop()

    def _fit(self) -> None:
        """Hold no room to grow: one that is full stays as long as it is."""
        self._tokens, self._times = self._tokens[:], self._times[:]
        self._low = self._low[:] if self._low is not None else None
        self._high = self._high[:] if self._high is not None else None
        self._days = self._days[:] if self._days is not None else None
