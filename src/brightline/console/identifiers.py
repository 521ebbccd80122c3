# SPDX-License-Identifier: Apache-2.0
"""Identifiers of persons in a text, which a page masks until somebody says why they must be seen.

They are found by their shape: addresses, numbers, and names that follow a title or a label. A name in running text has
no shape, and a disguised one neither, so this spares people what they need not see and is no promise of secrecy. The
same identifier has the same label wherever it stands in a case, so that one can follow who is meant without the name.
RE2 is linear in the text, whatever somebody wrote.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
import re2

FOUND_MAX: Final = 500  # in one text; beyond, the whole rest is masked
KINDS: Final = ("email", "ssn", "card", "phone", "address", "person")


class Identifier(msgspec.Struct, frozen=True):
    """A stretch of a text, in characters, that names a person; ``kind`` is one of ``KINDS``."""

    start: int
    end: int
    kind: str


_WORD: Final = r"[0-9A-Za-z._%+\-\x{80}-\x{10FFFF}]"
_PART: Final = r"[0-9A-Za-z\-\x{80}-\x{10FFFF}]"
_CAPITAL: Final = r"[A-Z\x{C0}-\x{DE}\x{391}-\x{3A9}\x{400}-\x{42F}]"
_REST: Final = r"[A-Za-z'’\x{C0}-\x{24F}\x{370}-\x{4FF}\-]+"
_NAME: Final = f"({_CAPITAL}{_REST}(?: {_CAPITAL}{_REST}){{0,3}})"
_TITLES: Final = "Mr|Mrs|Ms|Miss|Dr|Prof|Sgt|Cpl|Lt|Capt|Maj|Col|Gen|Adm|Judge|Senator"
_SHAPES: Final = (
    ("email", re2.compile(rf"{_WORD}+@{_PART}+(?:\.{_PART}+)+")),
    ("ssn", re2.compile(r"\b[0-9]{3}[- ][0-9]{2}[- ][0-9]{4}\b")),
    ("address", re2.compile(r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b")),
    ("card", re2.compile(r"\b(?:[0-9]{4}[ -]?){3}[0-9]{1,7}\b")),
    (
        "phone",
        re2.compile(r"(?:\+[0-9]{1,3}[ .-]?)?(?:\([0-9]{2,4}\)|\b[0-9]{2,4})[ .-]?[0-9]{3}[ .-]?[0-9]{3,4}\b"),
    ),
    ("person", re2.compile(rf"\b(?:{_TITLES})\.? {_NAME}")),
    ("person", re2.compile(rf"(?i:\b(?:full|first|last|given|family|sur)?[ _-]?name[\"']?\s*[:=]\s*[\"']?){_NAME}")),
)
_DATE: Final = re2.compile(r"(?:19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]")


def identifiers_in(text: str) -> tuple[Identifier, ...]:
    """Return what names persons in a text, in order, none over another."""
    found: list[Identifier] = []
    for shape, pattern in _SHAPES:
        for hit in pattern.finditer(text):
            start, end = hit.span(1) if pattern.groups else hit.span()
            if shape not in _NUMBERS or _NUMBERS[shape](text[start:end]):
                found.append(Identifier(start, end, shape))
    return _apart(found, len(text))


def masked_in(text: str, known: Iterable[tuple[str, str]]) -> tuple[Identifier, ...]:
    """What names persons in a reading of a text: by shape, and each of ``known`` (its words, its kind) in it."""
    found = list(identifiers_in(text))
    for words, kind in known:
        at = text.find(words) if words else -1
        while at >= 0 and len(found) <= FOUND_MAX:
            found.append(Identifier(at, at + len(words), kind))
            at = text.find(words, at + len(words))
    return _apart(found, len(text))


def _is_card(text: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    digits = [int(char) for char in text if char.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return 13 <= len(digits) <= 19 and sum(doubled) % 10 == 0


def _is_phone(text: str) -> bool:
    return not text.isdigit() and not _DATE.match(text)


_NUMBERS: Final = {"card": _is_card, "phone": _is_phone}


def _apart(found: list[Identifier], length: int) -> tuple[Identifier, ...]:
    apart: list[Identifier] = []
    for each in sorted(found, key=lambda one: (one.start, -one.end)):
        if not apart or each.start >= apart[-1].end:
            apart.append(each)
    if len(apart) > FOUND_MAX:
        first = apart[FOUND_MAX]
        apart[FOUND_MAX:] = [Identifier(first.start, length, first.kind)]
    return tuple(apart)


class Labels:
    """One label for each identifier of a case: ``email 1``, ``person 2``. What is the same has the same."""

    def __init__(self) -> None:
        self._by_words: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    def of(self, words: str, kind: str) -> str:
        """The label of these words."""
        key = kind, words.casefold()
        if key not in self._by_words:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._by_words[key] = f"{kind} {self._counts[kind]}"
        return self._by_words[key]

    def same(self, words: str, as_words: str, kind: str) -> None:
        """Have ``words`` mean what ``as_words`` do: a reading of a text has the labels of the text."""
        self._by_words.setdefault((kind, words.casefold()), self.of(as_words, kind))

    @property
    def all(self) -> tuple[str, ...]:
        """Every label that was given, in order."""
        return tuple(dict.fromkeys(self._by_words.values()))
