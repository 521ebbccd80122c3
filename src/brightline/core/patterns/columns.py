# SPDX-License-Identifier: Apache-2.0
"""Columns of numbers, as narrow as they may be, and questions that are put to a whole column at once.

A sketch (``sketch.py``) has up to a thousand rows, and to look at each of them takes a hundred times as long as to put
one question to all. So a set of matters is one byte, of which a table says whether it is asked for, and times are
compared side by side in one long number: a place of four bytes for each, of which the highest bit is free. It is set
before the least time is taken away from all of them, and is still there afterwards where a time is not below it.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

_PLACE: Final = 4
_HIT: Final = 0x80
_TOP: Final = _PLACE - 1 if sys.byteorder == "little" else 0
_ONES_OF: Final = 1_024
_ONES: Final = int.from_bytes(b"\0\0\0\1" * _ONES_OF, "big")
_LOW: Final = bytes(value & 0x7F for value in range(256))
_MARK: Final = bytes(value & 0x80 for value in range(256))
_ABOUT: Final = tuple((value & 0x80) << 8 | value & 0x7F for value in range(256))


def folded(about: int) -> int:
    """The matters and the mark of a U.S. person (the bits 0 to 6 and 15) as one byte."""
    return about & 0x7F | about >> 8 & 0x80


def rest(about: int) -> int:
    """The other bits (7 to 14), which no matter has, as one byte: of what counts rows and not people."""
    return about >> 7 & 0xFF


def unfolded(low: int, high: int) -> int:
    """What was folded, and the rest."""
    return _ABOUT[low] | high << 7


def abouts(low: bytearray, high: bytearray | None) -> Iterable[int]:
    """What was folded, as it was."""
    if high is None:
        return map(_ABOUT.__getitem__, low)
    return [_ABOUT[one] | other << 7 for one, other in zip(low, high, strict=True)]


@lru_cache(maxsize=1_024)
def table(mask: int, joins: int, marked: int) -> bytes:
    """By the byte of what came up: whether it has so many matters of ``mask`` and all bits of ``marked``."""
    return bytes(_HIT if (about & mask).bit_count() >= joins and about & marked == marked else 0 for about in _ABOUT)


def hits(found: bytes | bytearray) -> int:
    """How many bytes of a column a table found."""
    return found.count(_HIT)


def places(found: bytes | bytearray) -> int:
    """What a table found, each at the place at which :func:`not_before` has it."""
    spread = bytearray(_PLACE * len(found))
    spread[_TOP::_PLACE] = found
    return int.from_bytes(spread, sys.byteorder)


def not_before(times: array[int], least: int) -> int:
    """One bit, each at a place of its own, for each of the times (below 2³¹) that is not below ``least``."""
    count = len(times)
    ones = _ONES >> 8 * _PLACE * (_ONES_OF - count) if count <= _ONES_OF else _ones(count)
    top = ones << 31
    return (int.from_bytes(times, sys.byteorder) | top) - ones * min(max(least, 0), (1 << 31) - 1) & top


def _ones(count: int) -> int:
    return int.from_bytes(b"\0\0\0\1" * count, "big")


def narrow(column: array[int], largest: int) -> array[int]:
    """A column in four bytes each, if that is enough."""
    return array("I", column) if largest < 1 << 32 else column


def big(column: array[int], width: int) -> bytes:
    """The bytes of a column, the highest of each number first, ``width`` of each."""
    if sys.byteorder == "little":
        column = array(column.typecode, column)
        column.byteswap()
    narrow = column.itemsize
    data = column.tobytes()
    if narrow == width:
        return data
    wide = bytearray(width * len(column))
    for place in range(narrow):
        wide[width - narrow + place :: width] = data[place::narrow]
    return bytes(wide)


def read_big(code: str, data: bytes) -> array[int]:
    """A column of such bytes."""
    column = array(code)
    column.frombytes(data)
    if sys.byteorder == "little":
        column.byteswap()
    return column


def big_abouts(low: bytearray | None, high: bytearray | None, count: int) -> bytes:
    """The bytes of what came up, two of each."""
    low = low if low is not None else bytearray(count)
    if high is not None:
        return big(array("H", abouts(low, high)), 2)
    data = bytearray(2 * count)
    data[0::2], data[1::2] = low.translate(_MARK), low.translate(_LOW)
    return bytes(data)


def read_abouts(data: bytes) -> tuple[bytearray | None, bytearray | None]:
    """What came up, folded, and the rest of it, from such bytes; ``None`` for what is zero throughout."""
    upper, lower = data[0::2], data[1::2]
    if not any(upper) and not any(lower.translate(_MARK)):
        return (bytearray(lower) if any(lower) else None), None
    read = read_big("H", data)
    low, high = bytearray(map(folded, read)), bytearray(map(rest, read))
    return (low if any(low) else None), (high if any(high) else None)
