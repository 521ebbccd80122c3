# SPDX-License-Identifier: Apache-2.0
"""Text that is written as something else, put back in its place: base64, hex, percent, entities, escapes,
numbers,
Morse, and what was packed before it was encoded.

A decoder takes a text and returns it with every encoded stretch replaced by what it says; a stretch that
says nothing printable stays. Each is linear, knows its alphabet only, and never raises. ``decode`` runs them
all once over, in an order in which the more particular alphabet comes first; ``views.py`` runs it twice.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from html.entities import html5
from operator import attrgetter
from typing import Final

import msgspec

from brightline.core.screening.shape import Shape, shape_of
from brightline.core.screening.stretches import read_each
from brightline.core.screening.unpacking import text_of_bytes, text_of_chars


class Decoded(msgspec.Struct, frozen=True):
    """A text after one round, and the kinds of encoding that were found in it, in the order of undoing."""

    text: str
    names: tuple[str, ...]


class Decoders:
    """The decoders for the readings of one text. What a stretch says is worked out once, however often it is met: the
    same stretches stand in the text, in what is decoded of it, and in each round."""

    __slots__ = ("_known", "_undone")

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._undone: dict[tuple[str, str], str] = {}

    def decode(self, text: str, shape: Shape) -> Decoded:
        """Undo every encoding once; the decoders see each other's results. ``shape`` is that of ``text``."""
        names: list[str] = []
        for kind in _KINDS:
            if kind.may_be_in(shape) and (undone := self._undo(kind, text)) != text:
                names.append(kind.name)
                text = undone
                shape = shape_of(text)
        return Decoded(text, tuple(names))

    def decode_apart(self, text: str, shape: Shape, decoded: Decoded) -> Iterator[tuple[str, str]]:
        """Undo each ambiguous encoding of ``text`` alone, when ``decode`` has found one of them in it.

        ``72 65 61 64`` is ``read`` in hex and ``HA=@`` in decimal: whichever ``decode`` takes first hides the
        other.
        """
        if _AMBIGUOUS.isdisjoint(decoded.names):
            return
        for kind in _KINDS:
            if kind.name not in _AMBIGUOUS or not kind.may_be_in(shape):
                continue
            if (undone := self._undo(kind, text)) != text:
                yield kind.name, undone

    def said(self, stretch_chars: int) -> Iterator[str]:
        """What encoded stretches of so many characters or more said so far."""
        for known in self._known.values():
            for stretch, read in known.items():
                if len(stretch) >= stretch_chars and read != stretch:
                    yield read

    def _undo(self, kind: _Kind, text: str) -> str:
        if (undone := self._undone.get((kind.name, text))) is None:
            known = self._known.setdefault(kind.name, _Known(kind.read))
            undone = self._undone[kind.name, text] = kind.undo(text, known)
        return undone


class _Known(dict[str, str]):
    """What stretches say, worked out when first asked for."""

    def __init__(self, read: Callable[[str], str]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, stretch: str) -> str:
        self[stretch] = read = self._read(stretch)
        return read


# ---- the decoders -----------------------------------------------------------------------------------

_ENTITY: Final = re.compile(r"&(?:#0*+([0-9]{1,7})|#[xX]0*+([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]{1,31}));?")


def _char(code: int) -> str:
    return chr(code) if code < 0xD800 or 0xDFFF < code < 0x110000 else "\ufffd"


def _entity(stretch: str) -> str:
    # html.unescape would do, but raises on a number of more than 4,300 digits.
    if (match := _ENTITY.match(stretch)) is None:
        return stretch
    decimal, hexadecimal, name = match.groups()
    if decimal:
        return _char(int(decimal))
    if hexadecimal:
        return _char(int(hexadecimal, 16))
    return html5.get(name + ";") or stretch


def _percent(stretch: str) -> str:
    return bytes.fromhex(stretch.replace("%", "")).decode("utf-8", "replace")


_ESCAPE: Final = re.compile(
    r"\\U([0-9a-fA-F]{8})|\\U([0-9a-fA-F]{5,6})(?![0-9a-fA-F])|\\u0000(00[0-9a-fA-F]{2})|\\[uU]([0-9a-fA-F]{4})"
    r"|\\[uU]\{0{0,8}([0-9a-fA-F]{1,6})\}|\\x([0-9a-fA-F]{2})|\\([0-3][0-7]{2})"
    r"|[uU]\+(?:0{0,2}(00[0-9a-fA-F]{2})|([0-9a-fA-F]{4,6}))[\s,]?"
)
"""``\\u0077``, ``\\U00000077``, ``\\u{77}``, ``\\x77``, ``\\167`` and ``U+0077``.

So many digits as belong to it, and no more: behind ``\\u0061`` there may stand letters that are digits of hex as well.
"""


def _escape(stretch: str) -> str:
    if (match := _ESCAPE.match(stretch)) is None:
        return stretch
    *sixteen, octal, padded, plus = match.groups()
    code = int(octal, 8) if octal else int(padded or plus or next(filter(None, sixteen)), 16)
    return chr(code) if code < 0x110000 else "\ufffd"


def _paired(text: str) -> str:
    """Escaped surrogates come in pairs that only UTF-16 puts together."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_NO_BIT: Final = re.compile("[^01]+")


def _bits(stretch: str) -> str:
    return _at_offsets(_NO_BIT.sub("", stretch), _of_bits, 8, 96) or stretch


def _of_bits(digits: str) -> str | None:
    whole = digits[: len(digits) & ~7]
    return text_of_bytes(int(whole, 2).to_bytes(len(whole) // 8, "big"))


def _at_offsets(digits: str, read: Callable[[str], str | None], offsets: int, length: int) -> str | None:
    """What digits say from one of so many offsets on, with what stands before it.

    A segment of a long text begins anywhere, so within a letter too, and something may be glued to the beginning.
    Fewer digits than ``length`` say something by chance at too many offsets, and are read from the first one alone.
    """
    for offset in range(offsets if len(digits) >= length else 1):
        if text := read(digits[offset:]):
            return f"{digits[:offset]} {text}" if offset else text
    return None


_NUMBER: Final = re.compile("[0-9]+")


def _numbers(stretch: str) -> str:
    values = list(map(int, _NUMBER.findall(stretch)))
    if max(values) < 256:
        return text_of_bytes(bytes(values)) or stretch
    return text_of_chars("".join(map(_char, values))) or stretch


_NO_HEX: Final = re.compile("[^0-9a-fA-F]+")


def _hex(stretch: str) -> str:
    digits = stretch.replace("0x", "")
    if not digits.isalnum() or not digits.isascii() or "x" in digits:
        digits = _NO_HEX.sub("", digits)
    return _at_offsets(digits, _of_hex, 2, 48) or stretch


def _of_hex(digits: str) -> str | None:
    return text_of_bytes(bytes.fromhex(digits[: len(digits) & ~1]))


_MIXED: Final = re.compile("[0-9][A-Za-z]|[A-Za-z][0-9]|[a-z][A-Z]|[A-Z]{2}[a-z]")
_OFFSETS_FROM: Final = 24
"""A stretch from this length on may have something glued to its beginning, and is tried at four offsets."""


def _base64(stretch: str) -> str:
    parts = stretch.replace(">", " ").split()  # lines that were quoted in an answer begin with it
    whole = "".join(parts)
    if (text := _text_of_base64(whole)) is not None:
        return text
    if len(parts) == 1:
        return stretch
    return "\n".join(_text_of_base64(part) or part for part in parts)


def _text_of_base64(token: str) -> str | None:
    token = token.rstrip("=")
    # Words of prose use this alphabet as well; encoded text of that length mixes cases or has digits.
    if len(token) < 8 or not _MIXED.search(token):
        return None
    token = token.replace("-", "+").replace("_", "/")
    for offset in range(4 if len(token) >= _OFFSETS_FROM else 1):
        usable = (len(token) - offset) & ~1 if (len(token) - offset) % 4 == 1 else len(token) - offset
        digits = token[offset : offset + usable]
        text = text_of_bytes(binascii.a2b_base64(digits + "=" * (-len(digits) % 4)))
        if text is not None:
            return f"{token[:offset]} {text}" if offset else text
    return None


def _base32(stretch: str) -> str:
    return _at_offsets(stretch.rstrip("="), _of_base32, 8, 32) or stretch


def _of_base32(digits: str) -> str | None:
    digits = digits[: len(digits) - (len(digits) % 8 in (1, 3, 6))]
    return text_of_bytes(base64.b32decode(digits + "=" * (-len(digits) % 8)))


def _ascii85(stretch: str) -> str:
    ended = stretch if stretch.endswith("~>") else f"{stretch}~>"
    try:
        return text_of_bytes(base64.a85decode(ended, adobe=True)) or stretch
    except ValueError:
        return stretch


def _base85(stretch: str) -> str:
    if stretch.isalnum() or not _MIXED.search(stretch):
        return stretch
    return _at_offsets(stretch, _of_base85, 5, 40) or stretch


def _of_base85(digits: str) -> str | None:
    digits = digits[: len(digits) - (len(digits) % 5 == 1)]
    try:
        return text_of_bytes(base64.b85decode(digits))
    except ValueError:
        return None


_MORSE_SIGNS: Final = """
.- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --..
----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----.
.-.-.- --..-- ..--.. .----. -.-.-- -..-. -.--. -.--.- ---... -.-.-. -...- .-.-. -....- .-..-. .--.-.
"""
_MORSE: Final = dict(zip(_MORSE_SIGNS.split(), "abcdefghijklmnopqrstuvwxyz0123456789.,?'!/():;=+-\"@", strict=True))


def _morse(stretch: str) -> str:
    between = max(" /|\n", key=stretch.count)  # the letters; by something else, or more of it, words are parted
    if between == " ":
        words = [word.split() for word in re.split(r"[/|\n]| {3,}", stretch)]
    else:
        words = [word.split(between) for word in re.split(rf"[^.\-{between}]+|[{between}]{{2,}}", stretch)]
    read = " ".join("".join(_MORSE.get(sign, "") for sign in word) for word in words).strip()
    return f" {read} " if sum(char.isalpha() for char in read) * 2 > len(read) else stretch


class _Kind(msgspec.Struct, frozen=True):
    """One encoding. ``may_be_in`` may be wrong in saying yes. The first group of ``stretch`` is all of it."""

    name: str
    may_be_in: Callable[[Shape], bool]
    stretch: re.Pattern[str]
    read: Callable[[str], str]
    after: Callable[[str], str] | None = None

    def undo(self, text: str, known: _Known) -> str:
        """The text with each stretch as what it says."""
        undone = read_each(self.stretch, text, lambda found: map(known.__getitem__, found))
        return undone if self.after is None or undone == text else self.after(undone)


_KINDS: Final = (
    _Kind("ascii85", attrgetter("ascii85"), re.compile(r"(<~[!-uz\s]{5,}+(?:~>)?)"), _ascii85),
    _Kind(
        "base85",
        attrgetter("mixed"),
        re.compile(r"([0-9A-Za-z!#$%&()*+\-;<=>?@^_`{|}~](?<!\S.)[0-9A-Za-z!#$%&()*+\-;<=>?@^_`{|}~]{19,}+(?!\S))"),
        _base85,
    ),
    _Kind("html", attrgetter("html"), re.compile(f"({_ENTITY.pattern})"), _entity),
    _Kind("url", attrgetter("url"), re.compile("((?:%[0-9a-fA-F]{2})++)"), _percent),
    _Kind(
        "escapes",
        attrgetter("escapes"),
        re.compile(f"({_ESCAPE.pattern})"),
        _escape,
        _paired,
    ),
    _Kind(
        "morse",
        attrgetter("morse"),
        re.compile(r"((?<![.\-])[.\-]{1,6}+(?:[ /|\n]{1,3}+[.\-]{1,6}+){7,}+(?![.\-]))"),
        _morse,
    ),
    _Kind("binary", attrgetter("bits"), re.compile(r"((?:[01]{8}[\s,]{0,2}+){3,}+)"), _bits),
    _Kind(
        "hex",
        attrgetter("hex"),
        re.compile(
            r"""([0-9a-fA-F\\](?:(?<=[0-9a-fA-F])[0-9a-fA-F]|(?<=[0\\])x[0-9a-fA-F]{2})[\s:,;."'\-]{0,4}+"""
            r"""(?:(?:0x|\\x)?[0-9a-fA-F]{2}[\s:,;."'\-]{0,4}+){3,}+)"""
        ),
        _hex,
    ),
    _Kind(
        "numbers",
        attrgetter("digits"),
        re.compile(r"([0-9](?<![0-9][0-9])[0-9]{1,6}+(?:[\s,;|/.\-]{1,64}+[0-9]{1,7}+){3,}+)"),
        _numbers,
    ),
    _Kind("base32", attrgetter("base32"), re.compile("([A-Z2-7]{16,}+={0,6}+)"), _base32),
    _Kind(
        "base64",
        attrgetter("mixed"),
        re.compile(r"([A-Za-z0-9+/_\-]{8,}+(?:[ \t]{0,4}+\r?\n[ \t>]{0,8}+[A-Za-z0-9+/_\-]{2,}+)*+={0,2}+)"),
        _base64,
    ),
)
_AMBIGUOUS: Final = frozenset({"binary", "hex", "numbers", "base64"})
