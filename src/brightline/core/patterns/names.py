# SPDX-License-Identifier: Apache-2.0
"""Names of persons in a text, and in the columns of a table: structure first, then how names are written.

A column, or a member of an object, that is called after a person holds names, however they are written. In running
text a name is two to five words in capitals in a row, without what makes of it an office, a firm or a place. That
finds names in scripts that have capitals (Latin, Greek, Cyrillic) and takes some headings for names: who counts here
overcounts, and what turns on the count is held for people and never denied by it. Names in scripts without capitals,
and names in small letters outside a column, are not found.

Nothing here keeps a name: what comes back is made a token of, and forgotten.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from brightline.core.canonical import JsonValue
from brightline.core.patterns.given import GIVEN
from brightline.core.patterns.ordinary import ORDINARY
from brightline.core.patterns.words import EDGES, NAMED_AFTER_PERSONS, NO_PERSON, PARTICLES, TITLES

COLUMNS_MAX: Final = 64
NAME_CHARS_MAX: Final = 120
WORDS_MAX: Final = 4

_UPPER: Final = "A-ZÀ-ÖØ-ÞĀĂĄĆĈĊČĎĐĒĔĖĘĚĜĞĠĢĤĦĨĪĬĮİĴĶĹĻĽĿŁŃŅŇŊŌŎŐŒŔŖŘŚŜŞŠŢŤŦŨŪŬŮŰŲŴŶŸŹŻŽΆΈ-ΏΑ-ΫЀ-Я"
_REST: Final = (
    r"(?:(?:r|rs|s|rof|apt|aj|ol|t|gt|vt|pl|ra|me|ott|ig)\.|[\w'’-]{1,40}|\.)"  # a title, a word, an initial
)
_CAPITAL: Final = rf"[{_UPPER}]{_REST}"
_NAME: Final = re.compile(
    rf"[{_UPPER}](?<![\w@.-][{_UPPER}]){_REST}(?: (?:{_CAPITAL}|{'|'.join(sorted(PARTICLES))})){{1,5}}"
)
_MARKS: Final = (  # vowels and the like that are no letters by themselves: Hebrew, Arabic, scripts of India, Thai
    "\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0903\u093a-\u0963\u0981-\u09cd\u0a01-\u0a51\u0a81-\u0acd\u0b01-\u0b57"
    "\u0b82-\u0bcd\u0c00-\u0c56\u0c81-\u0cd6\u0d00-\u0d4d\u0e31\u0e34-\u0e4e"
)
_WORD: Final = re.compile(rf"[^\W\d_][\w'’{_MARKS}-]*")
_CJK: Final = "\u2e80"
_TITLES_ALONE: Final = TITLES - {"private", "major", "miss"}  # the others make no headings
_ABSTRACT: Final = (
    *("tion", "sion", "ment", "ments", "ness", "ity", "ism", "ance", "ence", "ology", "ship", "able", "ible", "ously"),
    *("tions", "sions", "ities", "ations", "ences", "ances", "ically", "tional", "ization", "ative"),
)
_ENDINGS: Final = (
    "'s",
    "s",
    "es",
    "ies",
    "ied",
    "ed",
    "d",
    "ing",
    "ings",
    "ly",
    "er",
    "ers",
    "al",
    "ical",
    "ian",
    "ians",
)
_SEPARATORS: Final = (",", ";", "\t", "|")


def names_in(text: str, *, written: bool = False) -> Iterator[str]:
    """Names in running text, each in the spelling of :func:`spelled`.

    ``written`` says that a model wrote it. Models make headings of ordinary words, in capitals, so there a name has a
    known given name or two words that are not ordinary.
    """
    for found in dict.fromkeys(_NAME.findall(text)):
        if not written or _is_noheading(found):
            yield from _persons(found)


def places_of_names(text: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Where names stand in what a model wrote, from where to where, each in the spelling of :func:`spelled`."""
    known: dict[str, tuple[str, ...]] = {}
    for found in _NAME.finditer(text):
        words = found[0]
        if words not in known:
            known[words] = tuple(_persons(words)) if _is_noheading(words) else ()
        if known[words]:
            yield *found.span(), known[words]


def columns_in(text: str) -> Iterator[str]:
    """Names in the columns of a table in text that are called after persons; the first line has the headings."""
    head, _, rest = text.lstrip().partition("\n")
    if not rest or len(head) > 4_096:
        return
    separator = next((each for each in _SEPARATORS if each in head), "")
    headings = [heading(each) for each in head.split(separator)] if separator else [heading(head)]
    places = [place for place, heading in enumerate(headings[:COLUMNS_MAX]) if heading in NAMED_AFTER_PERSONS]
    if not places:
        return
    for line in rest.splitlines():
        cells = line.split(separator) if separator else [line]
        name = spelled(" ".join(cells[place] for place in places if place < len(cells)))
        if name:
            yield name


def members_in(value: JsonValue, *, called: bool = False) -> Iterator[str]:
    """Names in a parsed value: what stands in members that are called after persons, one for each object."""
    if isinstance(value, dict):
        own = [
            child
            for key, child in value.items()
            if isinstance(child, str) and heading(key) in NAMED_AFTER_PERSONS and len(child) <= NAME_CHARS_MAX
        ]
        if own and (name := spelled(" ".join(own))):
            yield name
        for key, child in value.items():
            if not isinstance(child, str):
                yield from members_in(child, called=heading(key) in NAMED_AFTER_PERSONS)
    elif isinstance(value, list):
        for child in value:
            if isinstance(child, str):
                if called and len(child) <= NAME_CHARS_MAX and (name := spelled(child)):
                    yield name
            else:
                yield from members_in(child)


def spelled(name: str) -> str:
    """A name in one spelling: small letters without accents, no titles or initials, its words in order.

    So ``Dr. María B. Jensen`` and ``JENSEN, Maria`` are one. Empty where nothing is left.
    """
    plain = name[:NAME_CHARS_MAX]
    if not plain.isascii():
        plain = "".join(char for char in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(char))
        plain = unicodedata.normalize("NFC", plain)  # a syllable of Korean is one letter again
    words = _WORD.findall(plain.casefold())
    if words and min(words)[0] >= _CJK:  # Chinese, Japanese, Korean: blanks in a name are at will
        return "".join(words)
    return " ".join(sorted(word for word in words if word not in TITLES and len(word) > 1))


def _persons(found: str) -> Iterator[str]:
    """The persons in words in capitals in a row; of more than four words each two are one, whatever they are."""
    words = found.split(" ")
    while words and _is_edge(words[0]):
        words.pop(0)
    while words and (_is_edge(words[-1]) or words[-1] in PARTICLES):
        words.pop()
    titled = any(word.lower().rstrip(".") in TITLES for word in words)
    kept = [
        word
        for word in words
        if not word.endswith(".")
        and word.lower() not in TITLES
        and _lower(word) not in NO_PERSON
        and not any(map(str.isdigit, word))
    ]
    capitals = sum(word not in PARTICLES for word in kept)
    if capitals < (1 if titled else 2):
        return
    if capitals <= WORDS_MAX:
        yield spelled(" ".join(kept))
        return
    for i in range(0, len(kept) - 1, 2):
        yield spelled(" ".join(kept[i : i + 2]))


def _is_noheading(found: str) -> bool:
    special = 0
    for each in found.split(" "):
        word = plainly(each)
        if word in ORDINARY:
            continue
        if word in GIVEN or word.rstrip(".") in _TITLES_ALONE:
            return True
        special += not is_ordinary(word)
    return special >= 2


def is_ordinary(word: str) -> bool:
    """Whether a word, in small letters, is an ordinary one with or without an ending, or a number or an initial."""
    if len(word) < 3 or word in ORDINARY or word in EDGES or word in NO_PERSON or word in PARTICLES:
        return True
    if "-" in word or not word.replace("'", "").isalpha():
        return all(is_ordinary(part) for part in re.split(r"[^\w]+", word)) if "-" in word else True
    if len(word) > 6 and word.endswith(_ABSTRACT):
        return True
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            stem = word.removesuffix(ending)
            doubled = stem[:-1] if stem[-1] == stem[-2] else stem
            if any(each in ORDINARY for each in (stem, f"{stem}e", f"{stem}y", doubled)):
                return True
    return False


def plainly(word: str) -> str:
    """A word in small letters without accents and without what English adds for a possessor."""
    small = _lower(word)
    if small.isascii():
        return small
    return "".join(char for char in unicodedata.normalize("NFKD", small) if not unicodedata.combining(char))


def _is_edge(word: str) -> bool:
    return _lower(word) in EDGES


def _lower(word: str) -> str:
    return word.lower().removesuffix("'s").removesuffix("’s")


def heading(text: str) -> str:
    """What a column or a member is called, in one spelling."""
    return text.strip().strip("\"'*#:").strip().lower().replace(" ", "_").replace("-", "_")
