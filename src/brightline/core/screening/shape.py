# SPDX-License-Identifier: Apache-2.0
"""The cheap question before the dear ones: can this text hold a disguise of this kind at all?

A regular expression of Python's costs tens of nanoseconds a character, and most text is plain prose in which dozens of
them find nothing. So each disguise has a *hint*, a short pattern without which there is none, and RE2 looks for all of
them in one pass of two nanoseconds a character. A text beyond ASCII is first made one in ASCII of the same shape.

A hint may be wrong in one direction only: it says yes where nothing is found, never no where something would be. So a
search that did not end, which the canary at the end of the text shows, says yes to everything.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable
from itertools import filterfalse, islice
from typing import Any, Final

import msgspec
import re2

from brightline.core.screening.folding import Beyond, Stages


class Shape(msgspec.Struct, frozen=True):
    """What a text may hold; False says that it holds none."""

    spelled: bool
    """Single letters in a row, with something between."""
    split: bool
    """Letters of one word with signs between, or the end of a line after a hyphen."""
    apostrophe: bool
    """An apostrophe."""
    camel: bool
    """A capital after a small letter or a digit, or before one in a row of capitals."""
    leet: bool
    """Digits, ``@`` or ``$`` beside letters, or strokes between them."""
    mixed: bool
    """What base64 of a text has in it: digits beside letters, or capitals within a word."""
    digits: bool
    """At least four digits, without which there is neither a list of numbers nor hex of four printable
    bytes."""
    bits: bool
    """Eight digits in a row."""
    hex: bool
    """Six digits of hex, the first an Arabic one, as they stand in a row of bytes."""
    base32: bool
    """Sixteen of its letters and digits in a row."""
    ascii85: bool
    """What stands before it."""
    html: bool
    """What begins an entity."""
    url: bool
    """What begins a byte in per cent."""
    escapes: bool
    """What begins an escape."""
    morse: bool
    """Two dots, and a dash before a blank or what else parts letters of Morse."""
    glued: bool
    """A plus between two quotes, or a list that is joined."""
    backwards: bool
    """An everyday word that stands backwards."""
    ends_in_ay: bool
    """Four words that end in ``ay``."""


_BLANK: Final = r"[\t-\r\x1c- ]"
_SIGN: Final = r"[^A-Za-z0-9\t-\r\x1c- ']"
_APART: Final = "[^A-Za-z0-9]"
_CAPITALS: Final = "[a-z][A-Z]|[A-Z][A-Z][a-z]"
_BESIDE: Final = "[A-Za-z][0-9@$]|[0-9@$][A-Za-z]"
_BACKWARDS: Final = "eht|dna|fo|ot|rof|htiw|lla|yreve|ohw|morf|taht"
_HINTS: Final = {
    "spelled": f"(?:^|{_APART})[A-Za-z]{_APART}{{1,8}}[A-Za-z0-9]{_APART}",
    "split": rf"[A-Za-z]{_SIGN}{{1,8}}[A-Za-z0-9]|'(?:'|{_SIGN})|{_SIGN}'|[-_]{_BLANK}?\n",
    "apostrophe": "'",
    "camel": f"{_CAPITALS}|[0-9][A-Z]",
    "leet": rf"{_BESIDE}|[|!][A-Za-z0-9@$|]|[A-Za-z0-9@$]\|",
    "mixed": f"{_BESIDE}|{_CAPITALS}",
    "digits": "[0-9](?:[^0-9]*[0-9]){3}",
    "bits": "[0-9]{8}",
    "hex": rf"""[0-9](?:(?:{_BLANK}|[:,;."'-]){{0,4}}(?:0x|\\x)?[0-9a-fA-F]){{5}}""",
    "base32": "[A-Z2-7]{16}",
    "ascii85": "<~",
    "html": "&",
    "url": "%",
    "escapes": r"[\\+]",
    "morse": r"\.\.(?s:.*)-[ /|\n]|-[ /|\n](?s:.*)\.\.",
    "glued": r"""["'] ?\+ ?["']|(?i:join\()""",
    "backwards": f"{_BLANK}(?i:{_BACKWARDS}){_BLANK}",
    "ends_in_ay": f"(?i:ay{_BLANK}(?s:.*)ay{_BLANK}(?s:.*)ay{_BLANK}(?s:.*)ay{_BLANK})",
}
_END: Final = b" \x00brightline"
"""The canary. It begins with a blank, which ends a word and is no sign, as the end of a text does."""
_NAMES: Final = tuple(_HINTS)
_ANYTHING: Final = Shape(**dict.fromkeys(_NAMES, True))


def _look_for(names: Iterable[str]) -> Any:
    options = re2.Options()
    options.never_capture = True
    together = re2.Set.SearchSet(options)
    for name in names:
        together.Add(_HINTS[name])
    together.Add(r"\x00brightline\z")
    together.Compile()
    return together


_FAR: Final = ("digits", "bits", "morse", "ends_in_ay")
"""Of things that stand far apart, and so are waited for at every place of a text."""
_COUNTED: Final = ("hex", "spelled")
_APARTS: Final = (_FAR, _COUNTED, tuple(name for name in _NAMES if name not in _FAR and name not in _COUNTED))
_ALL: Final = _look_for(_NAMES)
_PARTS: Final = tuple(map(_look_for, _APARTS))
_LONG_BYTES: Final = 4_096
"""Over noise an automaton for all hints meets a new state at nearly every byte, as many as its parts have multiplied.
Three automata over a long text take twice the time for prose, and a quarter for noise that they have not seen."""
_CANARY: Final = len(_NAMES)


def shape_of_stages(stages: Stages) -> Shape:
    """Return the hints for a text that was folded: for its words as they stand, and as they read."""
    seen, soft, _, beyond = stages
    shape = _shape(seen, beyond)
    if seen.isascii() or soft == seen.casefold():
        return shape
    return _either(shape, _shape(soft, beyond))


def shape_of(text: str) -> Shape:
    """Return the hints for a text, in some three microseconds for each kilobyte."""
    return _shape(text, Beyond(text))


def _shape(text: str, beyond: Beyond) -> Shape:
    data = text.encode() if text.isascii() else _in_ascii(text, beyond)
    if data is None:
        return _ANYTHING
    return in_one_pass(data) if len(data) <= _LONG_BYTES else in_parts(data)


def in_one_pass(data: bytes) -> Shape:
    """The hints for a text in ASCII, all looked for at once."""
    return _named(tuple(_ALL.Match(data + _END) or ()))


def in_parts(data: bytes) -> Shape:
    """The same, looked for in parts."""
    found: list[int] = []
    for part, names in zip(_PARTS, _APARTS, strict=True):
        places: list[int] = part.Match(data + _END) or []
        if len(names) not in places:
            return _ANYTHING
        found += [_NAMES.index(names[place]) for place in places if place < len(names)]
    return _named((*sorted(found), _CANARY))


@functools.lru_cache(4_096)
def _named(found: tuple[int, ...]) -> Shape:
    """The hints at these places. Without the canary, the search did not end."""
    return Shape(**{name: at in found for at, name in enumerate(_NAMES)}) if _CANARY in found else _ANYTHING


def _either(one: Shape, other: Shape) -> Shape:
    return Shape(*map(operator.or_, msgspec.structs.astuple(one), msgspec.structs.astuple(other)))


_KINDS_MAX: Final = 24
_FIRST_BYTE_A: Final = bytes(code if code < 0x80 else ord("a") for code in range(256))
_OTHER_BYTES: Final = bytes(range(0x80, 0xC0))


def _in_ascii(text: str, beyond: Beyond) -> bytes | None:
    """An ASCII text of the same shape: ``a`` for each letter beyond ASCII. None for one with many kinds of signs."""
    signs = list(islice(filterfalse(str.isalpha, beyond.chars), _KINDS_MAX + 1))
    if len(signs) > _KINDS_MAX:
        return None
    for char in signs:
        kind = "0" if char.isdecimal() else "a" if char.isalnum() else " " if char.isspace() else "."
        text = text.replace(char, kind)
    return text.encode("utf-8", "surrogatepass").translate(_FIRST_BYTE_A, _OTHER_BYTES)
