# SPDX-License-Identifier: Apache-2.0
"""Names that another reader found in an exchange, where structure and lists found none: as it stands in its texts.

A reader that learned what names look like says which words of a text belong to names. Words in a row are one name, as
they are in ``names.py``: two or more of them, or one after a title, and not ordinary ones alone. Wherever the same
words stand in the exchange they are the same person, so a name that is found in one turn is found in all.

A name that has the words of one that was found already, or a part of them, is nobody else. Nothing here keeps a name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from brightline.core.patterns.names import NAME_CHARS_MAX, is_ordinary, plainly, spelled
from brightline.core.patterns.words import PARTICLES, TITLES

FORMS_MAX: Final = 1_024
WORDS_MAX: Final = 5
_BETWEEN: Final = re.compile(rf"[ \u00a0-]|(?: (?:{'|'.join(sorted(PARTICLES))})){{1,3}} | [^\W\d_]\.? ")  # an initial
_WORD_BEFORE: Final = re.compile(r"([\w.]{1,12})[ \u00a0]$")
_LETTER: Final = re.compile(r"[^\W\d_]")


class Place(NamedTuple):
    """Where words of a name stand in a text, from where to where, in characters."""

    start: int
    end: int


def forms_in(text: str, places: Iterable[Place]) -> Iterator[str]:
    """The names of which these words are, as they are written in the text. Places are in order and lie apart."""
    row: list[Place] = []
    for place in places:
        if row and _BETWEEN.fullmatch(text, row[-1].end, place.start):
            row.append(place)
            continue
        yield from _forms(text, row)
        row = [place]
    yield from _forms(text, row)


def _forms(text: str, row: Sequence[Place]) -> Iterator[str]:
    if not row:
        return
    if len(row) > WORDS_MAX:  # a list without commas: as with capitals, each two are one
        for first in range(0, len(row) - 1, 2):
            yield from _forms(text, row[first : first + 2])
        return
    form = text[row[0].start : row[-1].end]
    words = spelled(form).split(" ")
    if len(form) > NAME_CHARS_MAX or all(is_ordinary(plainly(word)) for word in words):
        return
    if len(words) > 1 or _is_titled(text, row[0].start):
        yield form


def _is_titled(text: str, start: int) -> bool:
    before = _WORD_BEFORE.search(text, max(0, start - 14), start)
    return before is not None and before[1].lower().rstrip(".") in TITLES


class Further:
    """What another reader found in one exchange; without any forms it changes nothing."""

    def __init__(self, forms: Iterable[str] = ()) -> None:
        distinct = dict.fromkeys(forms)
        self.more = len(distinct) > FORMS_MAX
        self._forms = {form: name for form in list(distinct)[:FORMS_MAX] if (name := spelled(form))}

    def __bool__(self) -> bool:
        return bool(self._forms)

    def places(self, text: str, known: Collection[str]) -> Iterator[tuple[int, str]]:
        """Where its names stand in a text, each in the one spelling, but those that are somebody of ``known``."""
        sets = [frozenset(name.split(" ")) for name in known]
        for form, name in self._forms.items():
            at = _find(text, form, 0)
            if at < 0:
                continue
            words = frozenset(name.split(" "))
            if any(words <= other or other <= words for other in sets):
                continue
            while at >= 0:
                yield at, name
                at = _find(text, form, at + len(form))

    def names(self, text: str, known: Collection[str]) -> tuple[str, ...]:
        """The names of :meth:`places`, each once."""
        return tuple(dict.fromkeys(name for _, name in self.places(text, known)))


NOBODY_FURTHER: Final = Further()


def _find(text: str, form: str, start: int) -> int:
    """Where a form stands as words of its own; -1 if nowhere."""
    while (at := text.find(form, start)) >= 0:
        end = at + len(form)
        if not (at and _LETTER.match(text[at - 1]) and _LETTER.match(form[0])) and not (
            end < len(text) and _LETTER.match(text[end]) and _LETTER.match(form[-1])
        ):
            return at
        start = at + 1
    return -1
