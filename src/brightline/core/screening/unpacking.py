# SPDX-License-Identifier: Apache-2.0
"""Whether bytes that were decoded are a text, also where they were packed before."""

from __future__ import annotations

import zlib
from typing import Final

from brightline.core.errors import ScreeningUnavailable

PRINTABLE_PERCENT_MIN: Final = 85
"""Below this share of printable characters, what was decoded is chance and no text."""


_PRINTABLE_ASCII: Final = bytes(range(0x20, 0x7F)) + b"\t\n\r"


def _is_text(chars: int, unprintable: int) -> bool:
    return chars > 0 and unprintable * 100 <= (100 - PRINTABLE_PERCENT_MIN) * chars


INFLATED_MAX: Final = 32
"""So many bytes may come of one that was packed, and a few more. Whatever is packed tighter is no letter."""
_SPARE: Final = 256
_PACKED: Final = (
    (b"\x1f\x8b\x08", 31),  # gzip (RFC 1952)
    (b"\x78\x01", 15),  # zlib (RFC 1950), by its levels
    (b"\x78\x5e", 15),
    (b"\x78\x9c", 15),
    (b"\x78\xda", 15),
)
_ZIP_HEADER: Final = 30
_FIRST_OF_PACKED: Final = frozenset(b"\x1f\x78P")


def _unpacked(data: bytes) -> bytes:
    """What was packed, or the bytes themselves. Raises ``ScreeningUnavailable`` for what unpacks beyond the limit."""
    if not data or data[0] not in _FIRST_OF_PACKED:
        return data
    if data.startswith(b"PK\x03\x04"):  # the first file of a zip archive, behind its header and names
        size, name, extra = (int.from_bytes(data[at:end], "little") for at, end in ((18, 22), (26, 28), (28, 30)))
        file = data[_ZIP_HEADER + name + extra :]
        return _inflated(file, -15) if data[8:10] == b"\x08\x00" else file[:size]
    for mark, bits in _PACKED:
        if data.startswith(mark):
            return _inflated(data, bits)
    return data


def _inflated(data: bytes, bits: int) -> bytes:
    inflate = zlib.decompressobj(wbits=bits)
    try:
        read = inflate.decompress(data, INFLATED_MAX * len(data) + _SPARE)
    except zlib.error:
        return data
    if inflate.unconsumed_tail:
        raise ScreeningUnavailable(f"{len(data)} bytes unpack to more than {INFLATED_MAX} times as much")
    return read


def text_of_bytes(data: bytes) -> str | None:
    """The text that the bytes are in ASCII, UTF-8 or UTF-16, or None when too little of it is printable."""
    data = _unpacked(data)
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
