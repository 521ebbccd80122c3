# SPDX-License-Identifier: Apache-2.0
"""The cheap question before the dear ones: can this text hold a disguise of this kind at all?

A regular expression costs tens of nanoseconds a character, and most text is plain prose in which a dozen of
them find nothing. So an ASCII text is first translated to its *shape* (letters to ``a`` or ``A``, digits to
``0``, punctuation to ``.``), and each disguise is looked for as a short substring of it. A hint may be wrong
in one direction only: it says yes where nothing is found, never no where something would be.
"""

from __future__ import annotations

import operator
import re
from typing import Final

import msgspec

from brightline.core.screening.folding import Beyond, Stages


class Shape(msgspec.Struct, frozen=True):
    """What a text may hold; False says that it holds none."""

    spelled: bool
    """Single letters in a row, with something between."""
    split: bool
    """Letters of one word with signs between."""
    apostrophe: bool
    """An apostrophe after a letter."""
    camel: bool
    """A capital after a small letter, or before one in a row of capitals."""
    leet: bool
    """Digits, ``@`` or ``$`` beside letters, or signs between them."""
    mixed: bool
    """What base64 of a text has in it: digits beside letters, or capitals within a word."""
    digits: bool
    """At least four digits, without which there is neither a list of numbers nor hex of four printable
    bytes."""
    bits: bool
    """Eight digits in a row."""


_ANYTHING: Final = Shape(
    spelled=True, split=True, apostrophe=True, camel=True, leet=True, mixed=True, digits=True, bits=True
)


def _class_of(char: str) -> str:
    if char.isalpha():
        return "A" if char.isupper() else "a"
    if char.isdigit():
        return "0"
    if char.isspace():
        return " "
    return char if char in "'$" else "$" if char == "@" else "."


_CLASSES: Final = {code: _class_of(chr(code)) for code in range(0x80)}
_APART: Final = {code: kind if kind in "a0" else "." for code, kind in _CLASSES.items()} | dict.fromkeys(
    range(ord("A"), ord("Z") + 1), "a"
)


def shape_of_stages(stages: Stages) -> Shape:
    """Return the hints for a text that was folded: for its words as they stand, and as they read."""
    seen, soft, _, beyond = stages
    shape = _shape(seen, beyond)
    if seen.isascii() or soft == seen.casefold():
        return shape
    return Shape(*map(operator.or_, msgspec.structs.astuple(shape), msgspec.structs.astuple(_shape(soft, beyond))))


def shape_of(text: str) -> Shape:
    """Return the hints for a text, in some fifteen microseconds for each kilobyte."""
    return _shape(text, Beyond(text))


def _shape(text: str, beyond: Beyond) -> Shape:
    if not text.isascii():
        if (like := _in_ascii(text, beyond)) is None:
            return _ANYTHING
        text = like
    shape = text.translate(_CLASSES)
    small = shape.replace("A", "a")
    signs = small.replace("$", ".")
    split = _may_be_split(_squeezed(signs)) or ("\n" in text and _is_hyphenated(text))
    sums = small.replace("$", "0")
    has_sums = "0" in sums
    beside = has_sums and ("a0" in sums or "0a" in sums)
    capitals = "aA" in shape or "AAa" in shape
    return Shape(
        spelled=_SPELLED.search(f".{text.translate(_APART)}.") is not None,
        split=split,
        apostrophe="'" in small,
        camel=capitals or (has_sums and "0A" in shape),
        leet=beside or (("!" in text or "|" in text) and _STROKE.search(text) is not None),
        mixed=beside or capitals,
        digits=has_sums and shape.count("0") >= 4,
        bits=has_sums and "00000000" in shape,
    )


_STROKE: Final = re.compile(r"[|!](?:(?=[A-Za-z0-9@$|])|(?<=[A-Za-z0-9@$]\|))")
"""What may stand for an ``i`` or ``l``: a stroke beside a letter, or an exclamation mark before one."""
_KINDS_MAX: Final = 24
_FIRST_BYTE_A: Final = bytes(code if code < 0x80 else ord("a") for code in range(256))
_OTHER_BYTES: Final = bytes(range(0x80, 0xC0))


def _in_ascii(text: str, beyond: Beyond) -> str | None:
    """An ASCII text of the same shape: ``a`` for each letter beyond ASCII. None for one with many kinds of signs."""
    signs = [char for char in beyond.chars if not char.isalpha()]
    if len(signs) > _KINDS_MAX:
        return None
    for char in signs:
        kind = "0" if char.isdecimal() else "a" if char.isalnum() else " " if char.isspace() else "."
        text = text.replace(char, kind)
    return text.encode("utf-8", "surrogatepass").translate(_FIRST_BYTE_A, _OTHER_BYTES).decode("ascii")


def _squeezed(shape: str) -> str:
    """The shape with one sign for up to eight in a row."""
    for _ in range(3):
        if ".." not in shape:  # looking costs half of replacing, and prose has hardly any
            break
        shape = shape.replace("..", ".")
    return shape


_SPELLED: Final = re.compile(r"\.a\.{1,8}[a0]\.")
"""Two single letters, or a letter and a digit, with up to eight signs between."""


def _may_be_split(signs: str) -> bool:
    if "a.a" in signs or "a.0" in signs:
        return True
    return "'" in signs and (".'" in signs or "'." in signs or "''" in signs)


def _is_hyphenated(text: str) -> bool:
    """A word may go on after the end of a line."""
    if "-" not in text and "_" not in text:
        return False
    text = text.replace("_", "-")
    return "-\n" in text or any(f"-{blank}\n" in text for blank in "\t\v\f\r\x1c\x1d\x1e\x1f ")
