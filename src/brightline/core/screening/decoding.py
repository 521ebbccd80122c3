# SPDX-License-Identifier: Apache-2.0
"""Text that is written as something else, put back in its place: base64, hex, percent, entities, escapes,
numbers.

A decoder takes a text and returns it with every encoded stretch replaced by what it says; a stretch that
says nothing printable stays. Each is linear, knows its alphabet only, and never raises. ``decode`` runs them
all once over, in an order in which the more particular alphabet comes first; ``views.py`` runs it twice.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from html.entities import html5
from typing import Final
from urllib.parse import unquote

import msgspec

from brightline.core.screening.shape import Shape, shape_of

PRINTABLE_PERCENT_MIN: Final = 85
"""Below this share of printable characters, what was decoded is chance and no text."""


class Decoded(msgspec.Struct, frozen=True):
    """A text after one round, and the kinds of encoding that were found in it, in the order of undoing."""

    text: str
    names: tuple[str, ...]


def decode(text: str, shape: Shape) -> Decoded:
    """Undo every encoding once; the decoders see each other's results. ``shape`` is that of ``text``."""
    names: list[str] = []
    for name, undo, may_find in _DECODERS:
        if (undone := undo(text) if may_find(shape) else text) != text:
            names.append(name)
            text = undone
            shape = shape_of(text)
    return Decoded(text, tuple(names))


def decode_apart(text: str, decoded: Decoded) -> Iterator[tuple[str, str]]:
    """Undo each ambiguous encoding of ``text`` alone, when ``decode`` has found one of them in it.

    ``72 65 61 64`` is ``read`` in hex and ``HA=@`` in decimal: whichever ``decode`` takes first hides the
    other.
    """
    if _AMBIGUOUS.keys().isdisjoint(decoded.names):
        return
    for name, undo in _AMBIGUOUS.items():
        if (undone := undo(text)) != text:
            yield name, undone


# ---- what is a text ---------------------------------------------------------------------------------

_PRINTABLE_ASCII: Final = bytes(range(0x20, 0x7F)) + b"\t\n\r"


def _is_text(chars: int, unprintable: int) -> bool:
    return chars > 0 and unprintable * 100 <= (100 - PRINTABLE_PERCENT_MIN) * chars


def _text_of_bytes(data: bytes) -> str | None:
    """The text that the bytes are in ASCII, UTF-8 or UTF-16, or None when too little of it is printable."""
    if len(data) >= 4 and data.count(0) * 3 > len(data):
        first_is_zero = data[::2].count(0) > data[1::2].count(0)
        return _text_of_chars(data.decode("utf-16-be" if first_is_zero else "utf-16-le", "replace"))
    if data.isascii():
        unprintable = len(data.translate(None, _PRINTABLE_ASCII))
        return data.decode("ascii") if _is_text(len(data), unprintable) else None
    return _text_of_chars(data.decode("utf-8", "replace"))


def _text_of_chars(text: str) -> str | None:
    """The text, or None when too little is printable. Undecodable bytes (U+FFFD) count as unprintable."""
    unprintable = text.count("\ufffd")
    if not _is_text(len(text), unprintable):
        return None
    unprintable += len(text) - sum(map(str.isprintable, text)) - text.count("\n") - text.count("\r") - text.count("\t")
    return text if _is_text(len(text), unprintable) else None


# ---- the decoders -----------------------------------------------------------------------------------

_ENTITY: Final = re.compile(r"&(?:#0*+([0-9]{1,7})|#[xX]0*+([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]{1,31}));?")


def _char(code: int) -> str:
    return chr(code) if code < 0xD800 or 0xDFFF < code < 0x110000 else "\ufffd"


def _entity(match: re.Match[str]) -> str:
    decimal, hexadecimal, name = match.groups()
    if decimal:
        return _char(int(decimal))
    if hexadecimal:
        return _char(int(hexadecimal, 16))
    return html5.get(name + ";") or match[0]


def _undo_html(text: str) -> str:
    # html.unescape would do, but raises on a number of more than 4,300 digits.
    return _ENTITY.sub(_entity, text) if "&" in text else text


_PERCENT: Final = re.compile("%[0-9a-fA-F]{2}")


def _undo_url(text: str) -> str:
    return unquote(text, errors="replace") if _PERCENT.search(text) else text


_ESCAPE: Final = re.compile(
    r"(?:\\[uU]\{?0{0,4}([0-9a-fA-F]{4,5})\}?|\\u\{([0-9a-fA-F]{1,6})\}|\\x([0-9a-fA-F]{2})|\\([0-3][0-7]{2})"
    r"|[uU]\+([0-9a-fA-F]{4,6})[\s,]?)"
)
"""``\\u0077``, ``\\U00000077``, ``\\u{77}``, ``\\x77``, ``\\167`` and ``U+0077``."""


def _escape(match: re.Match[str]) -> str:
    four, braced, two, octal, plus = match.groups()
    code = int(octal, 8) if octal else int(four or braced or two or plus, 16)
    return chr(code) if code < 0x110000 else "\ufffd"


def _undo_escapes(text: str) -> str:
    if "\\" not in text and "+" not in text:
        return text
    # Escaped surrogates come in pairs that only UTF-16 puts together.
    undone = _ESCAPE.sub(_escape, text)
    return undone if undone == text else undone.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_BITS: Final = re.compile(r"(?:[01]{8}[\s,]{0,2}+){3,}+")


def _bits(match: re.Match[str]) -> str:
    digits = re.sub("[^01]", "", match[0])
    return _text_of_bytes(int(digits, 2).to_bytes(len(digits) // 8, "big")) or match[0]


def _undo_binary(text: str) -> str:
    return _BITS.sub(_bits, text)


_NUMBERS: Final = re.compile(r"[0-9](?<![0-9][0-9])[0-9]{1,6}+(?:[\s,;|/.\-]{1,64}+[0-9]{1,7}+){3,}+")
_NUMBER: Final = re.compile("[0-9]+")


def _numbers(match: re.Match[str]) -> str:
    values = [int(number) for number in _NUMBER.findall(match[0])]
    if max(values) < 256:
        return _text_of_bytes(bytes(values)) or match[0]
    return _text_of_chars("".join(map(_char, values))) or match[0]


def _undo_numbers(text: str) -> str:
    return _NUMBERS.sub(_numbers, text)


_HEX: Final = re.compile(r"""(?:(?:0x|\\x)?[0-9a-fA-F]{2}[\s:,;."'\-]{0,4}+){4,}+""")
_HEX_HINT: Final = re.compile(r"""[0-9](?:[\s:,;."'\-]{0,4}+(?:0x|\\x)?[0-9a-fA-F]){5}""")
"""Begins with a digit, which is found many times faster than what ``_HEX`` begins with."""
_NO_HEX: Final = re.compile("0x|[^0-9a-fA-F]+")


def _hex(match: re.Match[str]) -> str:
    digits = _NO_HEX.sub("", match[0])
    return _text_of_bytes(bytes.fromhex(digits[: len(digits) & ~1])) or match[0]


def _undo_hex(text: str) -> str:
    return _HEX.sub(_hex, text) if _HEX_HINT.search(text) else text


_BASE64: Final = re.compile(r"[A-Za-z0-9+/_\-]{8,}+(?:[ \t]{0,4}+\r?\n[ \t>]{0,8}+[A-Za-z0-9+/_\-]{2,}+)*+={0,2}+")
_MIXED: Final = re.compile("[0-9][A-Za-z]|[A-Za-z][0-9]|[a-z][A-Z]|[A-Z]{2}[a-z]")
_URL_SAFE: Final = str.maketrans("-_", "+/")
_OFFSETS_FROM: Final = 24
"""A stretch from this length on may have something glued to its beginning, and is tried at four offsets."""


def _base64(match: re.Match[str]) -> str:
    parts = match[0].split()
    whole = "".join(parts)
    if (text := _text_of_base64(whole)) is not None:
        return text
    if len(parts) == 1:
        return match[0]
    return "\n".join(_text_of_base64(part) or part for part in parts)


def _text_of_base64(token: str) -> str | None:
    token = token.rstrip("=")
    # Words of prose use this alphabet as well; encoded text of that length mixes cases or has digits.
    if len(token) < 8 or not _MIXED.search(token):
        return None
    token = token.translate(_URL_SAFE)
    for offset in range(4 if len(token) >= _OFFSETS_FROM else 1):
        usable = (len(token) - offset) & ~1 if (len(token) - offset) % 4 == 1 else len(token) - offset
        digits = token[offset : offset + usable]
        text = _text_of_bytes(base64.b64decode(digits + "=" * (-len(digits) % 4)))
        if text is not None:
            return f"{token[:offset]} {text}" if offset else text
    return None


def _undo_base64(text: str) -> str:
    return _BASE64.sub(_base64, text)


def _always(_: Shape) -> bool:
    return True


_DECODERS: Final[tuple[tuple[str, Callable[[str], str], Callable[[Shape], bool]], ...]] = (
    ("html", _undo_html, _always),
    ("url", _undo_url, _always),
    ("escapes", _undo_escapes, _always),
    ("binary", _undo_binary, lambda shape: shape.bits),
    ("hex", _undo_hex, lambda shape: shape.digits),
    ("numbers", _undo_numbers, lambda shape: shape.digits),
    ("base64", _undo_base64, lambda shape: shape.mixed),
)
"""Name, decoder, and whether a text of that shape can hold something for it."""
_AMBIGUOUS: Final = {name: undo for name, undo, _ in _DECODERS if name in ("binary", "hex", "numbers", "base64")}
