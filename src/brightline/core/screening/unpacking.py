# SPDX-License-Identifier: Apache-2.0
"""Whether bytes that were decoded are a text, also where they were packed before.

Beside what is packed something else may stand: more members of one gzip, more files of an archive, packed in packed,
text behind the end. All of it is read, within one limit. A check sum that is wrong, or a stream that breaks off, hides
nothing of what stands before.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Final

from brightline.core.errors import ScreeningUnavailable

PRINTABLE_PERCENT_MIN: Final = 85
"""Below this share of printable characters, what was decoded is chance and no text."""


_PRINTABLE_ASCII: Final = bytes(range(0x20, 0x7F)) + b"\t\n\r"


def _is_text(chars: int, unprintable: int) -> bool:
    return chars > 0 and unprintable * 100 <= (100 - PRINTABLE_PERCENT_MIN) * chars


INFLATED_MAX: Final = 32
"""So many bytes may come of one that was packed, and a few more. Whatever is packed tighter is no letter."""
PARTS_MAX: Final = 256
"""So many files and members may stand in what was packed, and in what was packed in it."""
_SPARE: Final = 256
_STEPS: Final = (65_536, 1_024, 1)
_PACKED: Final = (
    (b"\x1f\x8b\x08", 31),  # gzip (RFC 1952)
    (b"\x78\x01", 15),  # zlib (RFC 1950), by its levels
    (b"\x78\x5e", 15),
    (b"\x78\x9c", 15),
    (b"\x78\xda", 15),
)
_PRINTABLE_MARK: Final = b"x^"
"""Texts begin with it too: then they are read as they stand, and not once more behind what was tried."""
_FIRST_OF_PACKED: Final = frozenset(b"\x1f\x78P")
_ZIP: Final = b"PK\x03\x04"
_ZIP_HEADER: Final = 30
_IN_ZIP: Final = re.compile(rb"PK(?:\x03\x04|\x01\x02|\x05\x06|\x07\x08)")


class _Unpacking:
    """What stands in some bytes, however deep it was packed, within one limit for all of it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._room = INFLATED_MAX * size + _SPARE
        self._parts = PARTS_MAX

    def parts(self, data: bytes) -> Iterator[bytes]:
        """The bytes themselves, and then what was packed in them. Raises ``ScreeningUnavailable`` beyond the limit."""
        left = [data]
        while left:
            one = left.pop()
            yield one
            if one and one[0] in _FIRST_OF_PACKED:
                left += reversed([*filter(None, self._files(one) if one.startswith(_ZIP) else self._opened(one))])

    def _opened(self, data: bytes) -> Iterator[bytes]:
        """What a stream says, and what stands behind its end."""
        for mark, bits in _PACKED:
            if data.startswith(mark):
                yield from self._inflated(data, bits)

    def _files(self, data: bytes) -> Iterator[bytes]:
        """The files of a zip archive, by the headers that stand before each."""
        for header in re.finditer(_ZIP, data):
            of = data[header.start() : header.start() + _ZIP_HEADER]
            size, name, extra = (int.from_bytes(of[at:end], "little") for at, end in ((18, 22), (26, 28), (28, 30)))
            start = header.start() + _ZIP_HEADER + name + extra
            if of[8:10] == b"\x08\x00":
                yield self._inflated(data[start:], -15)[0]
            elif of[8:10] == b"\x00\x00":
                self._take(0)
                # Where it was written as it came, its size stands behind it: it goes to where something else begins.
                after = _IN_ZIP.search(data, start)
                end = after.start() if after else len(data)
                yield data[start:end]
                yield data[start : start + size] if start + size > end else b""

    def _inflated(self, data: bytes, bits: int) -> tuple[bytes, bytes]:
        inflate = before = zlib.decompressobj(wbits=bits)
        read, at = bytearray(), 0
        for step in _STEPS:  # where something is wrong, what stands before it is read in smaller steps
            try:
                while at < len(data) and not inflate.eof:
                    before = inflate.copy() if step > 1 else inflate
                    read += inflate.decompress(data[at : at + step], self._room - len(read) + 1)
                    if inflate.unconsumed_tail or len(read) > self._room:
                        raise self._too_much()
                    at += step
                break
            except zlib.error:
                inflate = before
        self._take(len(read))
        behind = inflate.unused_data + data[at:] if inflate.eof or not data.startswith(_PRINTABLE_MARK) else b""
        return bytes(read), behind

    def _take(self, count: int) -> None:
        self._room -= count
        self._parts -= 1
        if self._parts < 0:
            raise self._too_much()

    def _too_much(self) -> ScreeningUnavailable:
        return ScreeningUnavailable(
            f"{self._size} bytes unpack to more than {INFLATED_MAX} times as much, or to more than {PARTS_MAX} parts"
        )


def may_be_packed(data: bytes) -> bool:
    """Whether bytes begin as what is packed does."""
    return data.startswith((_ZIP, *(mark for mark, _ in _PACKED)))


def text_of_bytes(data: bytes) -> str | None:
    """The text that the bytes are, or that was packed in them; None when too little of it is printable."""
    if not data or data[0] not in _FIRST_OF_PACKED:
        return _text_of_bytes(data)
    return "\n".join(filter(None, map(_text_of_bytes, _Unpacking(len(data)).parts(data)))) or None


def _text_of_bytes(data: bytes) -> str | None:
    """The text that the bytes are in ASCII, UTF-8 or UTF-16."""
    if len(data) >= 4 and data.count(0) * 3 > len(data):
        first_is_zero = data[::2].count(0) > data[1::2].count(0)
        return text_of_chars(data.decode("utf-16-be" if first_is_zero else "utf-16-le", "replace"))
    if data.isascii():
        unprintable = len(data.translate(None, _PRINTABLE_ASCII))
        return data.decode("ascii") if _is_text(len(data), unprintable) else None
    return text_of_chars(data.decode("utf-8", "replace"))


def text_of_chars(text: str) -> str | None:
    """The text, or None when too little is printable. Undecodable bytes (U+FFFD) count as unprintable."""
    unprintable = text.count("\ufffd")
    if not _is_text(len(text), unprintable):
        return None
    unprintable += len(text) - sum(map(str.isprintable, text)) - text.count("\n") - text.count("\r") - text.count("\t")
    return text if _is_text(len(text), unprintable) else None
