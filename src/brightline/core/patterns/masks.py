# SPDX-License-Identifier: Apache-2.0
"""What identifies persons of the United States in a text, and where it stands: what minimisation masks.

    SSN, ITIN     with an area, group and serial that are given out; without separators only after such a word
    passport      a number of the form of that country's passports, after the word
    telephone     of the North American plan, with an area and an exchange that can be; other countries' are left
    e-mail        any: an address says nothing of a country, and what is not known to be foreign is masked
    address       a street with a state, or its abbreviation, and where there is one a ZIP code
    name          in a sentence that says so of somebody, or that has one of the numbers above; where the sentence
                  names nobody, the name before it; then the same name, or a word of it, wherever it stands

Nothing here keeps anything. Every pattern takes time in proportion to the text (RE2, or without nested repetition).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import re2

from brightline.core.patterns.identifiers import places_of_identifiers
from brightline.core.patterns.names import is_ordinary, places_of_names, plainly
from brightline.core.patterns.words import PARTICLES, SHORTENED, TITLES

MASKS_MAX: Final = 2_000
"""In one text; beyond, the whole rest is masked."""

_STATES: Final = (
    r"(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]"
    r"|Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois"
    r"|Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri"
    r"|Montana|Nebraska|Nevada|New Hampshire|New Jersey|New Mexico|New York|North Carolina|North Dakota|Ohio|Oklahoma"
    r"|Oregon|Pennsylvania|Rhode Island|South Carolina|South Dakota|Tennessee|Texas|Utah|Vermont|Virginia|Washington"
    r"|West Virginia|Wisconsin|Wyoming)"
)
_STREET: Final = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Way|Place|Pl|Terrace|Circle|Cir"
    r"|Highway|Hwy|Parkway|Pkwy|Square|Sq)\b\.?"
)
_ADDRESS: Final = re2.compile(
    rf"\b[0-9]{{1,6}} (?:[NSEW]\.? )?(?:[A-Z0-9][\w'’-]* ){{1,4}}{_STREET}"
    r"(?:,? (?:Apt|Apartment|Suite|Unit|#)\.? ?\w+)?"
    rf",? (?:[A-Z][\w'’-]*,? ){{0,3}}{_STATES}\b(?:,? [0-9]{{5}}(?:-[0-9]{{4}})?\b)?"
)
_PASSPORT: Final = re2.compile(r"(?i:passport)[^0-9\n]{0,40}?\b([A-Z][0-9]{8}|[0-9]{9})\b")
_PHONE: Final = re2.compile(
    r"(?:\+?1[ .-]?)?(?:\([2-9][0-9]{2}\) ?|\b[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4}\b"
    r"|\+1[2-9][0-9]{2}[2-9][0-9]{6}\b"
)
_PHONE_AFTER_WORD: Final = re2.compile(
    r"(?i:phone|\btel\b|cell|mobile|\bcall\b|\btext\b|fax)[^0-9\n]{0,16}?\b(1?[2-9][0-9]{2}[2-9][0-9]{6})\b"
)
_TAXPAYER: Final = re2.compile(r"\b([0-9]{3})[- ]([0-9]{2})[- ]([0-9]{4})\b")
_TAXPAYER_AFTER_WORD: Final = re2.compile(
    r"(?i:\bssn\b|social security|\bitin\b|taxpayer id)[^0-9\n]{0,24}?\b([0-9]{3})([0-9]{2})([0-9]{4})\b"
)
US_PERSON: Final = (
    r"\bu\.?s\.? (?:persons?|citizens?|nationals?|residents?)\b|american (?:citizen|national)"
    r"|lawful permanent resident|green card|social security n|\bssn\b"
    r"|us-b[üu]rger|us-amerikan|amerikanische[nr]? staatsb"
    r"|citoyen(?:ne)? am[ée]ricain|ciudadan[oa]s? (?:estadounidense|american)|cittadin[oa] (?:american|statunitens)"
)
"""Words by which a text says that somebody is a person of the United States (50 U.S.C. 1801(i))."""
_SAYS_SO: Final = re2.compile(f"(?i){US_PERSON}")
_SENTENCE: Final = re.compile(
    "".join(rf"(?<!\b{each}\.)" for each in sorted(SHORTENED)) + r"(?<=[a-z0-9\])]{2}[.!?])[\"'”’)\]]*\s+|\n+"
)
_WORD: Final = re.compile(r"[^\W\d_][\w'’-]*")


class Mask(NamedTuple):
    """A stretch of a text that identifies a person of the United States; ``who`` is the same for the same one."""

    start: int
    end: int
    kind: str
    who: str


def marked_names(text: str) -> frozenset[str]:
    """Names that a text says are of persons of the United States, in their one spelling."""
    numbers = tuple(_numbers(text))
    if not any(each.kind != "e-mail" for each in numbers) and _SAYS_SO.search(text) is None:
        return frozenset()  # nobody is: names need not be looked for
    return frozenset(_marked(text, numbers, tuple(_names(text))))


def masks_in(text: str, marked: Iterable[str]) -> tuple[Mask, ...]:
    """What is masked in a text, in order, none over another; ``marked`` names are masked wherever they stand."""
    numbers, names = tuple(_numbers(text)), tuple(_names(text))
    known = {*marked, *_marked(text, numbers, names)}
    found = [*numbers, *(name for name in names if name.who in known)]
    if known:
        found += _parts_of(text, known)
    return _apart(found, len(text))


def _numbers(text: str) -> Iterator[Mask]:
    """Numbers and addresses that hold."""
    for shape in (_TAXPAYER, _TAXPAYER_AFTER_WORD):
        for found in shape.finditer(text):
            if _is_given_out(*found.groups()):
                yield Mask(found.start(1), found.end(3), "SSN", "".join(found.groups()))
    for found in _PASSPORT.finditer(text):
        yield Mask(found.start(1), found.end(1), "passport", found[1])
    for found in _PHONE.finditer(text):
        yield Mask(found.start(), found.end(), "phone", _digits(found[0]))
    for found in _PHONE_AFTER_WORD.finditer(text):
        yield Mask(found.start(1), found.end(1), "phone", _digits(found[1]))
    if "@" in text:
        for place in places_of_identifiers(text):
            if place.identifier.kind == "email":
                yield Mask(place.start, place.end, "e-mail", place.identifier.value)
    for found in _ADDRESS.finditer(text):
        yield Mask(found.start(), found.end(), "address", " ".join(found[0].casefold().split()))


def _is_given_out(area: str, group: str, serial: str) -> bool:
    """Whether a number of a taxpayer can be: an SSN, or an ITIN, which begins with 9."""
    if group == "00" or serial == "0000" or area in {"000", "666"}:
        return False
    return area[0] != "9" or 50 <= int(group) <= 99


def _digits(number: str) -> str:
    return "".join(filter(str.isdigit, number))[-10:]


def _names(text: str) -> Iterator[Mask]:
    """Where names stand: of the words in capitals those that are the name."""
    for start, end, names in places_of_names(text):
        own = {word for name in names for word in name.split(" ")}
        words = [found for found in _WORD.finditer(text, start, end) if plainly(found[0]) in own]
        if words and len(names) == 1:
            yield Mask(words[0].start(), words[-1].end(), "US person", names[0])
        elif words:  # several in a row: who is who is not told apart
            yield from (Mask(words[0].start(), words[-1].end(), "US person", name) for name in names)


def _marked(text: str, numbers: Iterable[Mask], names: tuple[Mask, ...]) -> Iterator[str]:
    """Whom the sentences that say so, or have a number of such a person, name; else whom the one before named."""
    saying = [found.start() for found in _SAYS_SO.finditer(text)]
    saying += [each.start for each in numbers if each.kind != "e-mail"]
    if not saying or not names:
        return
    begins = [found.end() for found in _SENTENCE.finditer(text)]
    named: dict[int, list[str]] = {}
    for name in (*names, *_parts_of(text, {each.who for each in names})):
        named.setdefault(bisect_right(begins, name.start), []).append(name.who)
    said = {bisect_right(begins, at) for at in saying}
    before: list[str] = []
    for sentence in range(len(begins) + 1):
        before = named.get(sentence, before)
        if sentence in said:
            yield from before


def _parts_of(text: str, known: Iterable[str]) -> Iterator[Mask]:
    """Words of a known name that stand without the others: a surname, a given name, or both in small letters."""
    whose = {word: name for name in sorted(known) for word in name.split(" ") if len(word) > 2}
    last = Mask(0, 0, "US person", "")
    for found in _WORD.finditer(text):
        word = plainly(found[0])
        name = whose.get(word)
        if name is None or word in TITLES or word in PARTICLES:
            continue
        if not found[0][0].isupper() and is_ordinary(word):
            continue
        begin, end = found.start(), found.start() + len(found[0].removesuffix("'s").removesuffix("’s"))
        if name == last.who and text[last.end : begin] == " ":
            last = last._replace(end=end)
            continue
        if last.who:
            yield last
        last = Mask(begin, end, "US person", name)
    if last.who:
        yield last


def _apart(found: Iterable[Mask], length: int) -> tuple[Mask, ...]:
    apart: list[Mask] = []
    for each in sorted(found, key=lambda one: (one.start, -one.end, one.kind)):
        if not apart or each.start >= apart[-1].end:
            apart.append(each)
        elif each.end > apart[-1].end:  # what goes on from within another is masked with it
            apart[-1] = apart[-1]._replace(end=each.end)
    if len(apart) > MASKS_MAX:
        first = apart[MASKS_MAX]
        apart[MASKS_MAX:] = [first._replace(end=length)]
    return tuple(apart)
