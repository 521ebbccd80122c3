# SPDX-License-Identifier: Apache-2.0
"""Whom a text means that names nobody, by what was named before it in the same conversation.

    subject 4, person #2, target 3     whoever the numbered line of that number named
    he, her, the same person …         the one person whom the last text with a name named, if it named one alone
    anything else, they, each of them  everybody whom the request names

Only these forms are followed. Where they lead nowhere the last rule holds, so that nobody is lost by a pronoun.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from typing import Final

LINES_MAX: Final = 2_000
_DIGIT: Final = re.compile("[0-9]")
_NUMBERED: Final = re.compile(
    r"^[ \t]*(?:[-*•][ \t]*)?(?:\w{1,20}[ \t]+)?(?:no\.?[ \t]*|#)?([0-9]{1,4})[ \t]*[.:)\]–-][ \t]*(\S.{2,300})$",
    re.MULTILINE,
)
_LABEL: Final = re.compile(
    r"(?i)\b(?:subjects?|persons?|targets?|suspects?|patients?|individuals?|candidates?|numbers?|no\.?|entry|entries)"
    r"[ \t]{0,3}#?[ \t]{0,3}([0-9]{1,4})(?![0-9.,]*[0-9])|(?<![\w&])#([0-9]{1,4})\b"
)
_ONE: Final = re.compile(
    r"(?i)\b(?:he|him|his|himself|she|her|hers|herself|the same (?:person|man|woman|one)|this (?:person|man|woman)"
    r"|er|ihn|ihm|sein|seine|dieselbe person|il|elle|lui|la même personne|él|ella|la misma persona"
    r"|lei|la stessa persona)\b"
)
_MANY: Final = re.compile(
    r"(?i)\b(?:they|them|their|all|each|every|everyone|everybody|both|these|those|alle|jede[nrs]?|beide|ils|elles|leur|tous"
    r"|chacun|ellos|ellas|todos|cada|loro|tutti|ciascuno)\b"
)


class Named:
    """Who was named so far in one conversation."""

    def __init__(self, persons_in: Callable[[str], Collection[str]]) -> None:
        self._persons_in = persons_in
        self._by_number: dict[str, str] = {}
        self._last: tuple[str, ...] = ()

    def hear(self, text: str, persons: Iterable[str]) -> None:
        """A text named these persons."""
        self._last = tuple(persons)
        if _DIGIT.search(text) is None:
            return
        for number, rest in _NUMBERED.findall(text)[:LINES_MAX]:
            named = tuple(self._persons_in(rest))
            if len(named) == 1:
                self._by_number[str(int(number))] = named[0]

    def meant(self, text: str) -> tuple[str, ...]:
        """Whom a text means besides those whom it names; empty where that cannot be told."""
        if self._by_number and _DIGIT.search(text):
            numbers = (found[1] or found[2] for found in _LABEL.finditer(text))
            found = [self._by_number[number] for each in numbers if (number := str(int(each))) in self._by_number]
            if found:
                return tuple(dict.fromkeys(found))
        return ()

    def meant_by_pronoun(self, text: str) -> tuple[str, ...]:
        """The one who was named last, where a text that names nobody speaks of one; else empty."""
        if len(self._last) == 1 and _ONE.search(text) and not _MANY.search(text):
            return self._last
        return ()
