# SPDX-License-Identifier: Apache-2.0
"""Who is touched by a request, and what of their lives it is about: persons as texts that never leave this room.

    1. each text that a model is asked, its tool calls too, is read for persons: members of objects and columns of
       tables first, then identifiers that hold, then names
    2. of one text the kind of which there are most counts, so that a name beside its telephone number is one person
    3. what a text is about is said of the persons in it; of a text without any, of whom it means (``referring.py``),
       and where that is not told, of all persons in the request
    4. an answer is read passage by passage, once it is whole: a passage without persons goes on about those of the
       passage before, and where none were named yet, about whom the request names
    5. both are read again, off the way, where another reader found further names in them (``further.py``)

Nothing here counts, keeps or tells. The caller makes tokens of what comes back and drops it (``token.py``).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from typing import Final

import re2

from brightline.core.agreement.pattern import INQUIRY_BIT, US_PERSON_BIT, Touches
from brightline.core.errors import CallerError
from brightline.core.exchange import strict_json
from brightline.core.exchange.model import Exchange, Reply, Role
from brightline.core.patterns.further import NOBODY_FURTHER, Further
from brightline.core.patterns.identifiers import identifiers, places_of_identifiers
from brightline.core.patterns.inquiry import is_inquiry
from brightline.core.patterns.masks import US_PERSON
from brightline.core.patterns.names import columns_in, members_in, names_in, places_of_names, spelled
from brightline.core.patterns.referring import Named
from brightline.core.patterns.scripts import names_without_capitals
from brightline.core.patterns.seen import SUBJECTS_MAX, Touched
from brightline.core.patterns.small import names_in_small_letters

# Stems in English, German, French, Spanish and Italian.
_ABOUT: Final = {
    Touches.PLACE: r"where\b|whereabouts|locat|address|lives? (?:in|at)|home\b|gps|geofenc|route|travel|movement"
    r"|coordinates|seen (?:in|at|near)|wohn|adresse|aufenthalt|standort|bewegung|où|domicil|déplacement"
    r"|d[oó]nde|direcci[oó]n|ubicaci[oó]n|desplaza|dove\b|indirizzo|spostament|posizion",
    Touches.DEVICE: r"phone|imei|imsi|device|handset|sim card|licen[cs]e plate|number plate|ip address|mac address"
    r"|advertising id|telefon|handy\b|ger[aä]t|kennzeichen|t[eé]l[eé]phone|appareil|plaque|tel[eé]fono|dispositiv"
    r"|matr[ií]cula|targa\b",
    Touches.ASSOCIATION: r"associat|friend|contacts?\b|acquaint|met with|meets?\b|meeting with|whom\b|relatives?\b"
    r"|famil|network of|connections|follower|freund|bekannt|kontakt|verwandt|umfeld|ami(?:e|s|es)?\b|proches"
    r"|fréquent|relation|amig|contacto|allegad|familia|amic[io]|conoscen|parent",
    Touches.BELIEF: r"relig|politic|protest|demonstrat|rall(?:y|ies)|mosque|church|synagogue|temple\b|union member"
    r"|activis|ideolog|vote[ds]?\b|party member|opinion|belief|politisch|kirche|moschee|gewerkschaft|kundgebung"
    r"|politique|manifest|mosquée|[eé]glise|syndic|croyan|pol[ií]tic|mezquita|iglesia|sindicat|protesta|moschea|chiesa"
    r"|partito",
    Touches.HEALTH: r"health|diagnos|medica|prescri|patient|pregnan|disabilit|therap|gesundheit|krank|schwanger|santé"
    r"|malad|ordonnance|grossesse|salud|enferm|receta|embaraz|salute|malatt|ricett",
    Touches.MONEY: r"bank|account number|transaction|salar|income|debt|purchas|credit card|payment|konto|gehalt"
    r"|schulden|kauf|compte|salaire|dette|achat|cuenta|salario|deuda|compra|conto\b|stipend|debit|acquist",
    Touches.FACE: r"fac(?:e|es|ial)\b|biometric|cctv|photo|portrait|camera|gait|gesicht|biometri|kamera|visage"
    r"|vidéosurveill|caméra|rostro|c[aá]mara|volto|telecamer",
}

# That somebody is a person of the United States, said or shown by a number or an address of theirs.
_US_PERSON: Final = (
    rf"{US_PERSON}|\b[0-8][0-9]{{2}}-[0-9]{{2}}-[0-9]{{4}}\b|\+1[ (.-]*[2-9][0-9]{{2}}\b"
    r"|\b(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]"
    r"|W[AIVY]),? [0-9]{5}(?:-[0-9]{4})?\b"
)


def _compiled() -> re2.Set:
    options = re2.Options()
    options.case_sensitive = False
    options.never_capture = True
    together = re2.Set.SearchSet(options)
    for about in Touches:
        together.Add(rf"(?:\b|[^\pL])(?:{_ABOUT[about]})")
    together.Add(_US_PERSON)
    together.Compile()
    return together


_TOGETHER: Final = _compiled()
_BITS: Final = (*(about.bit for about in Touches), US_PERSON_BIT)
ANSWER_CHARS_MAX: Final = 262_144
"""So much of an answer is read for persons; one that is longer has more of them than are told apart."""
_MAY_IDENTIFY: Final = re.compile("[0-9@]")
_PASSAGE: Final = re.compile(r"\n(?=[ \t]*(?:\n|[-*•]\s|\d{1,3}[.)]\s))")


class _Persons:
    """Persons with what came up about them, up to so many as are told apart."""

    def __init__(self) -> None:
        self.bits: dict[str, int] = {}
        self.more = False

    def say(self, persons: Iterable[str], about: int) -> None:
        for person in persons:
            if person not in self.bits and len(self.bits) >= SUBJECTS_MAX:
                self.more = True
                return
            self.bits[person] = self.bits.get(person, 0) | about

    def touched(self, about_all: int, about_nobody: int, *, more: bool = False) -> Touched:
        rows = tuple((person, about | about_all) for person, about in self.bits.items())
        return Touched(rows, more or self.more, about_nobody)


def touched_by(exchange: Exchange, further: Further = NOBODY_FURTHER) -> Touched:
    """Read a request. Pure; takes time in proportion to its texts."""
    persons, named = _Persons(), Named(partial(persons_in, further=further) if further else persons_in)
    about_all = 0
    last = next((turn.texts for turn in reversed(exchange.turns) if turn.role is Role.USER), ())
    for text, written in _texts(exchange):
        about = about_of(text)
        if about and text in last and is_inquiry(text):
            about |= INQUIRY_BIT
        found = persons_in(text, written=written, further=further)
        meant = named.meant(text) or (() if found else named.meant_by_pronoun(text))
        if not found and not meant:
            about_all |= about
        persons.say((*found, *meant), about)
        if found:
            named.hear(text, found)
    return persons.touched(about_all, about_all)


def touched_by_answer(reply: Reply, asked_about: int, further: Further = NOBODY_FURTHER) -> Touched:
    """Read a whole answer; ``asked_about`` is what the request asked for, of nobody in particular.

    Pure; takes time in proportion to its texts, of which it reads ``ANSWER_CHARS_MAX`` characters.
    """
    persons = _Persons()
    about_nobody, left = 0, ANSWER_CHARS_MAX
    for text in _said(reply):
        for found, passages in _stretches(text[:left], further):
            about = about_of(passages)
            persons.say(found, about)
            if not found:
                about_nobody |= about
        left -= len(text)
        if left < 0:
            break
    return persons.touched(asked_about, about_nobody, more=left < 0)


def about_of(text: str) -> int:
    """The bits of what a text is about."""
    bits = 0
    for place in _TOGETHER.Match(text) or ():
        bits |= _BITS[place]
    return bits


def persons_in(text: str, *, written: bool = False, further: Further = NOBODY_FURTHER) -> dict[str, None]:
    """The persons in one text, in one spelling each, of the kind of which there are most; ``written`` by a model."""
    kinds = _kinds_in(text, written=written)
    if further:  # after the identifiers: of as many names as numbers the numbers were counted already
        known = [person.removeprefix("name ") for person in kinds.get("name", ())]
        for name in further.names(text, known):
            kinds.setdefault("name", {})[f"name {name}"] = None
    return max(kinds.values(), key=len, default={})


def texts_asked(exchange: Exchange) -> list[str]:
    """The texts of a request that are read for persons, in the order of the conversation."""
    return [text for text, _ in _texts(exchange)]


def texts_said(reply: Reply) -> list[str]:
    """Those of a whole answer, up to where it is read."""
    texts, left = [], ANSWER_CHARS_MAX
    for text in _said(reply):
        texts.append(text[:left])
        left -= len(text)
        if left < 0:
            break
    return texts


def _kinds_in(text: str, *, written: bool) -> dict[str, dict[str, None]]:
    """The persons in one text by kind, ``name`` or that of an identifier."""
    kinds: dict[str, dict[str, None]] = {}
    for name in _structured(text):
        kinds.setdefault("name", {})[f"name {name}"] = None
    for name in names_in(text, written=written):
        kinds.setdefault("name", {})[f"name {name}"] = None
    for name in (*names_in_small_letters(text), *filter(None, map(spelled, names_without_capitals(text)))):
        kinds.setdefault("name", {})[f"name {name}"] = None
    for kind, value in identifiers(text):
        kinds.setdefault(kind, {})[f"{kind} {value}"] = None
    return kinds


def _stretches(text: str, further: Further) -> Iterator[tuple[Collection[str], str]]:
    """Paragraphs and items of a list that go on about the same persons, with these.

    All persons of one text are told apart by one kind, that of which there are most: so a telephone number in the
    line below a name is no second person.
    """
    if text.lstrip().startswith(("{", "[")) or "\n" not in text:
        yield persons_in(text, written=True, further=further), text
        return
    starts = [0, *(found.end() for found in _PASSAGE.finditer(text))]
    kind, found = _mentions(text, starts, further)
    persons: Collection[str] = ()
    begin = 0
    for number, start in enumerate(starts):
        named = [person for person, mentioned in found.get(number, ()) if mentioned == kind]
        if named and named != persons:
            if start > begin:
                yield persons, text[begin:start]
            persons, begin = named, start
    yield persons, text[begin:]


def _mentions(text: str, starts: list[int], further: Further) -> tuple[str, dict[int, dict[tuple[str, str], None]]]:
    """The kind of which there are most persons, and who is named in which of the passages, with the kind."""
    found: dict[int, dict[tuple[str, str], None]] = {}
    for start, _, names in places_of_names(text):
        rows = found.setdefault(bisect_right(starts, start) - 1, {})
        rows.update(((f"name {name}", "name"), None) for name in names)
    if _MAY_IDENTIFY.search(text):
        for place in places_of_identifiers(text):
            kind, value = place.identifier
            found.setdefault(bisect_right(starts, place.start) - 1, {})[(f"{kind} {value}", kind)] = None
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(text)], strict=True)):
        passage = text[start:end].strip()
        if passage.startswith("```"):
            passage = passage.partition("\n")[2].rstrip("`")
        if "\n" not in passage and passage[:1] not in {"{", "["}:
            continue  # one line is no table
        for name in _structured(passage):
            found.setdefault(number, {})[(f"name {name}", "name")] = None
    if further:
        known = {person.removeprefix("name ") for rows in found.values() for person, kind in rows if kind == "name"}
        for start, name in further.places(text, known):
            found.setdefault(bisect_right(starts, start) - 1, {})[(f"name {name}", "name")] = None
    different = {row: None for rows in found.values() for row in rows}
    kinds = Counter(kind for _, kind in different)
    return max(kinds, key=lambda each: kinds[each], default=""), found


def _structured(text: str) -> Iterator[str]:
    if text.lstrip().startswith(("{", "[")):
        try:
            yield from members_in(strict_json.parse(text.encode(), strict_json.Limits()))
        except CallerError:
            pass  # no JSON: what is in it is found as in any other text
    elif "\n" in text:
        yield from columns_in(text)


def _said(reply: Reply) -> Iterator[str]:
    for choice in reply.choices:
        for text in (choice.reasoning, choice.text, choice.refusal):
            if text:
                yield text
        for call in choice.calls:
            yield call.arguments


def _texts(exchange: Exchange) -> Iterator[tuple[str, bool]]:
    """Each text, and whether a model wrote it."""
    for turn in exchange.turns:
        if turn.name and (name := spelled(turn.name)):
            yield f'{{"name":"{name}"}}', False
        for text in turn.texts:
            yield text, turn.role is Role.ASSISTANT
        for call in turn.calls:
            yield call.arguments, False
