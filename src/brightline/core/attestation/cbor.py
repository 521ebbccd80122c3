# SPDX-License-Identifier: Apache-2.0
"""CBOR (RFC 8949) as attestation uses it: one value, of plain kinds, and nothing behind it.

``cbor2`` decodes tags into dates, patterns and rationals, and looks at nothing behind the first value. So the bytes
are walked once before it sees them: only integers, strings, arrays, maps, booleans and null, each within bounds.
Maps of indefinite length are real (some Nitro documents have them) and pass; a key that stands twice does not.
"""

from __future__ import annotations

from typing import Final

from brightline.core.attestation.cursor import Cursor
from brightline.core.attestation.fault import Fault, refuse

DEPTH_MAX: Final = 8
ITEMS_MAX: Final = 2_048
_PLAIN: Final = frozenset({20, 21, 22})  # false, true, null


def read_cbor(data: bytes, what: str) -> object:
    """One value. Raises ``EvidenceRefused`` (malformed) for everything else."""
    import cbor2  # costs 20 ms, and only a node that verifies needs it

    walk = _Walk(data, what)
    walk.item(DEPTH_MAX)
    walk.cursor.end()
    try:
        value: object = cbor2.loads(data, max_depth=DEPTH_MAX + 2, allow_duplicate_keys=False)
    except (cbor2.CBORDecodeError, ValueError, TypeError) as error:
        refuse(Fault.MALFORMED, f"{what} is no CBOR: {type(error).__name__}")
    return value


class _Walk:
    """Sees that an item is of a plain kind and whole; makes nothing of it."""

    def __init__(self, data: bytes, what: str) -> None:
        self.cursor = Cursor(data, what, "big")
        self._what = what
        self._items = 0

    def item(self, depth: int) -> None:
        self._any(self.cursor.number(1), depth, key=False)

    def _any(self, first: int, depth: int, *, key: bool) -> None:
        """An item whose first byte was read; a key is a number or a string."""
        self._items += 1
        major, extra = first >> 5, first & 0x1F
        if self._items > ITEMS_MAX:
            refuse(Fault.MALFORMED, f"{self._what} has more than {ITEMS_MAX} items")
        if major == 6 or (major == 7 and extra not in _PLAIN) or (key and major > 3):
            refuse(Fault.MALFORMED, f"{self._what} holds a tag, a float or an odd value at {self.cursor.place}")
        if major == 7:
            return
        if extra == 31:
            self._until_break(major, depth)
            return
        length = self._argument(extra)
        if major in (2, 3):
            self.cursor.take(length)
        elif major in (4, 5):
            self._nested(major, length, depth)

    def _argument(self, extra: int) -> int:
        if extra < 24:
            return extra
        if extra > 27:
            refuse(Fault.MALFORMED, f"{self._what} has a reserved length at {self.cursor.place}")
        return self.cursor.number(1 << (extra - 24))

    def _nested(self, major: int, count: int, depth: int) -> None:
        if depth == 0 or count > ITEMS_MAX:
            refuse(Fault.MALFORMED, f"{self._what} nests deeper than {DEPTH_MAX}, or has more than {ITEMS_MAX} items")
        for _ in range(count):
            if major == 5:
                self._any(self.cursor.number(1), depth - 1, key=True)
            self._any(self.cursor.number(1), depth - 1, key=False)

    def _until_break(self, major: int, depth: int) -> None:
        """An array or a map of indefinite length (RFC 8949, 3.2.2); strings in pieces are refused."""
        if major not in (4, 5) or depth == 0:
            refuse(Fault.MALFORMED, f"{self._what} holds a string in pieces, or nests deeper than {DEPTH_MAX}")
        while (first := self.cursor.number(1)) != 0xFF:
            self._any(first, depth - 1, key=major == 5)
            if major == 5:
                self._any(self.cursor.number(1), depth - 1, key=False)
