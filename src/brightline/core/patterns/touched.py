# SPDX-License-Identifier: Apache-2.0
"""Who is touched by a request, and what of their lives it is about: persons as texts that never leave this room.

    1. each text that a model is asked, its tool calls too, is read for persons: members of objects and columns of
       tables first, then identifiers that hold, then names
    2. of one text the kind of which there are most counts, so that a name beside its telephone number is one person
    3. what a text is about is said of the persons in it; of a text without any, of all persons in the request: a
       question of the second turn is about whom the first one named

Nothing here counts, keeps or tells. The caller makes tokens of what comes back and drops it (``token.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import re2

from brightline.core.agreement.pattern import Touches
from brightline.core.errors import CallerError
from brightline.core.exchange import strict_json
from brightline.core.exchange.model import Exchange
from brightline.core.patterns.identifiers import identifiers
from brightline.core.patterns.names import columns_in, members_in, names_in, spelled
from brightline.core.patterns.seen import SUBJECTS_MAX, Touched

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


def _compiled() -> re2.Set:
    options = re2.Options()
    options.case_sensitive = False
    options.never_capture = True
    together = re2.Set.SearchSet(options)
    for about in Touches:
        together.Add(rf"(?:\b|[^\pL])(?:{_ABOUT[about]})")
    together.Compile()
    return together


_TOGETHER: Final = _compiled()
_BITS: Final = tuple(about.bit for about in Touches)


def touched_by(exchange: Exchange) -> Touched:
    """Read a request. Pure; takes time in proportion to its texts."""
    persons: dict[str, int] = {}
    about_all = 0
    more = False
    for text in _texts(exchange):
        about = about_of(text)
        found = persons_in(text)
        if not found:
            about_all |= about
        for person in found:
            if person not in persons and len(persons) >= SUBJECTS_MAX:
                more = True
                break
            persons[person] = persons.get(person, 0) | about
    return Touched(tuple((person, about | about_all) for person, about in persons.items()), more)


def about_of(text: str) -> int:
    """The bits of what a text is about."""
    bits = 0
    for place in _TOGETHER.Match(text) or ():
        bits |= _BITS[place]
    return bits


def persons_in(text: str) -> dict[str, None]:
    """The persons in one text, in one spelling each, of the kind of which there are most."""
    kinds: dict[str, dict[str, None]] = {}
    for name in _structured(text):
        kinds.setdefault("name", {})[f"name {name}"] = None
    for name in names_in(text):
        kinds.setdefault("name", {})[f"name {name}"] = None
    for kind, value in identifiers(text):
        kinds.setdefault(kind, {})[f"{kind} {value}"] = None
    return max(kinds.values(), key=len, default={})


def _structured(text: str) -> Iterator[str]:
    if text.lstrip().startswith(("{", "[")):
        try:
            yield from members_in(strict_json.parse(text.encode(), strict_json.Limits()))
        except CallerError:
            pass  # no JSON: what is in it is found as in any other text
    elif "\n" in text:
        yield from columns_in(text)


def _texts(exchange: Exchange) -> Iterator[str]:
    for turn in exchange.turns:
        if turn.name and (name := spelled(turn.name)):
            yield f'{{"name":"{name}"}}'
        yield from turn.texts
        for call in turn.calls:
            yield call.arguments
