# SPDX-License-Identifier: Apache-2.0
"""Binary structures read from front to end: no length is believed before it is there, and nothing may be left over."""

from __future__ import annotations

from typing import Literal

from brightline.core.attestation.fault import Fault, refuse


class Cursor:
    """Reads ``data`` once, from front to end. Every method raises ``EvidenceRefused`` (malformed) past the end."""

    def __init__(self, data: bytes, what: str, order: Literal["big", "little"]) -> None:
        self._data = data
        self._at = 0
        self._what = what
        self._order = order

    @property
    def place(self) -> int:
        """How many bytes were read."""
        return self._at

    @property
    def left(self) -> int:
        """How many bytes were not."""
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        if count > self.left:
            refuse(Fault.MALFORMED, f"{self._what} ends at byte {len(self._data)}, where {count} more were expected")
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken

    def number(self, width: int) -> int:
        """The next ``width`` bytes as an unsigned number."""
        return int.from_bytes(self.take(width), self._order)

    def sized(self, width: int, longest: int) -> bytes:
        """Bytes behind their length, which is a number of ``width`` bytes and at most ``longest``."""
        length = self.number(width)
        if length > longest:
            refuse(Fault.MALFORMED, f"{self._what} has a field of {length} bytes at {self._at}; at most {longest}")
        return self.take(length)

    def end(self) -> None:
        """Nothing is left over. Raises ``EvidenceRefused``."""
        if self.left:
            refuse(Fault.MALFORMED, f"{self._what} goes on for {self.left} bytes behind its end")
