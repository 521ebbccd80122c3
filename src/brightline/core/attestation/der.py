# SPDX-License-Identifier: Apache-2.0
"""ASN.1 in DER (X.690), as far as vendors' extensions need it: elements, one behind another, each with its bounds.

For CMS that comes in BER, elements of indefinite length are read too where the caller says so.
"""

from __future__ import annotations

from typing import Final

import msgspec

from brightline.core.attestation.cursor import Cursor
from brightline.core.attestation.fault import Fault, refuse

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
OCTETS: Final = 0x04
OBJECT: Final = 0x06
TEXT: Final = 0x0C
IA5: Final = 0x16
SEQUENCE: Final = 0x30
SET: Final = 0x31
DEPTH_MAX: Final = 12


class Element(msgspec.Struct, frozen=True):
    """One element: its tag, what is in it, and all its bytes (content alone for one of indefinite length)."""

    tag: int
    content: bytes
    whole: bytes

    def expect(self, tag: int, what: str) -> Element:
        """This element, which must have this tag. Raises ``EvidenceRefused``."""
        if self.tag != tag:
            refuse(Fault.MALFORMED, f"{what} has an element {self.tag:#04x} where {tag:#04x} was expected")
        return self

    def inside(self, tag: int, what: str, *, ber: bool = False) -> list[Element]:
        """The elements inside this one, which must have this tag. Raises ``EvidenceRefused``."""
        return elements(self.expect(tag, what).content, what, ber=ber)

    def number(self, what: str) -> int:
        """An INTEGER that is not negative. Raises ``EvidenceRefused``."""
        self.expect(INTEGER, what)
        if not self.content or self.content[0] & 0x80 or len(self.content) > 64:
            refuse(Fault.MALFORMED, f"{what} has a number that is empty, negative or too long")
        return int.from_bytes(self.content, "big")

    def oid(self, what: str) -> str:
        """An OBJECT IDENTIFIER with dots. Raises ``EvidenceRefused``."""
        content = self.expect(OBJECT, what).content
        if not content or content[-1] & 0x80 or len(content) > 32:
            refuse(Fault.MALFORMED, f"{what} has an object identifier that does not end")
        arcs, value = [], 0
        for byte in content:
            value = value << 7 | byte & 0x7F
            if not byte & 0x80:
                arcs.append(value)
                value = 0
        first = min(arcs[0] // 40, 2)
        return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))

    def text(self, what: str) -> str:
        """A UTF8String or IA5String. Raises ``EvidenceRefused``."""
        if self.tag not in (TEXT, IA5):
            refuse(Fault.MALFORMED, f"{what} has an element {self.tag:#04x} where a text was expected")
        try:
            return self.content.decode("utf-8")
        except UnicodeDecodeError:
            refuse(Fault.MALFORMED, f"{what} has a text that is no UTF-8")


def element(data: bytes, what: str) -> Element:
    """The one element that these bytes are. Raises ``EvidenceRefused``."""
    found = elements(data, what)
    if len(found) != 1:
        refuse(Fault.MALFORMED, f"{what} holds {len(found)} elements where one was expected")
    return found[0]


def elements(data: bytes, what: str, *, ber: bool = False) -> list[Element]:
    """All elements in these bytes, one level of them. Raises ``EvidenceRefused`` (malformed)."""
    cursor = Cursor(data, what, "big")
    found = []
    while cursor.left:
        found.append(_element(cursor, data, what, ber, DEPTH_MAX))
    return found


def _element(cursor: Cursor, data: bytes, what: str, ber: bool, depth: int) -> Element:
    if depth == 0:
        refuse(Fault.MALFORMED, f"{what} nests deeper than {DEPTH_MAX}")
    start = cursor.place
    tag = cursor.number(1)
    if tag & 0x1F == 0x1F:
        return _high_tag(cursor, data, start, tag, what)
    length = cursor.number(1)
    if length == 0x80 and ber and tag & 0x20:
        return _indefinite(cursor, data, tag, what, depth)
    content = cursor.take(_length(cursor, length, what))
    return Element(tag, content, data[start : cursor.place])


def _high_tag(cursor: Cursor, data: bytes, start: int, first: int, what: str) -> Element:
    """A tag above 30, in two or three bytes, as Android and AMD number theirs; its number is put behind the first."""
    number = 0
    for _ in range(2):
        byte = cursor.number(1)
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            break
    else:
        refuse(Fault.MALFORMED, f"{what} has a tag that does not end")
    content = cursor.take(_length(cursor, cursor.number(1), what))
    return Element(first << 16 | number, content, data[start : cursor.place])


def _length(cursor: Cursor, first: int, what: str) -> int:
    if first < 0x80:
        return first
    width = first & 0x7F
    if not 1 <= width <= 3:
        refuse(Fault.MALFORMED, f"{what} has a length in {width} bytes at {cursor.place}")
    length = cursor.number(width)
    if length < 0x80 or length >> 8 * (width - 1) == 0:
        refuse(Fault.MALFORMED, f"{what} has a length that is not the shortest at {cursor.place}")
    return length


def _indefinite(cursor: Cursor, data: bytes, tag: int, what: str, depth: int) -> Element:
    """Elements up to two zero bytes (X.690, 8.1.3.6)."""
    start = cursor.place
    while data[cursor.place : cursor.place + 2] != b"\0\0":
        _element(cursor, data, what, True, depth - 1)
    content = data[start : cursor.place]
    cursor.take(2)
    return Element(tag, content, content)
