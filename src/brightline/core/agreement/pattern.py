# SPDX-License-Identifier: Apache-2.0
"""What an agreement says of many requests together: how many people, of whom how much, over how long, is too much.

No single request shows mass surveillance; breadth and time do. A *pattern* counts different people in what one key,
unit or purpose asks, or the agreement as a whole, so that a new key does not begin afresh. Other patterns count what
machines do in nobody's presence: one question with many subjects, questions that come back, requests like clockwork,
rows, cases to decide, and steps from a tool's result to the next call. From ``subjects`` on a pattern makes its fact
unknown, so that people look before anything goes on; from ``notice`` on it is a matter of standing. A pattern never
says that a fact is good.
"""

from __future__ import annotations

import enum
from functools import lru_cache
from typing import Final

import msgspec

from brightline.core.facts import Source, Vocabulary

MINUTE_SECONDS: Final = 60
HOUR_SECONDS: Final = 3_600
DAY_SECONDS: Final = 86_400
WINDOW_SECONDS_MAX: Final = 30 * DAY_SECONDS
SUBJECTS_MAX: Final = 1_000_000
LATEST_MAX: Final = 100
PEOPLE_LATELY_MAX: Final = 200
"""So many requests, and people, are the most that a pattern of tempo may count: of each scope the latest 128, and the
latest 256 times that somebody was asked about, are remembered.
"""


class Over(enum.StrEnum):
    """Whose requests are counted together."""

    KEY = "key"
    UNIT = "unit"
    PURPOSE = "purpose"
    AGREEMENT = "agreement"


class Counts(enum.StrEnum):
    """What is counted."""

    PEOPLE = "people"  # different people; with `joins`, those of each of whom so many matters came up
    SPREAD = "spread"  # for each of so many matters so many people, of some this and of others that
    PACE = "pace"  # different people within minutes or hours, read out of the latest
    TEMPLATE = "template"  # different people put into one question
    SHARED = "shared"  # people for each of so many matters, in questions that many units share
    STANDING = "standing"  # questions that were asked again on so many days about the same people, or about nobody
    ROWS = "rows"  # rows of tables, members of lists and calls at once, handed over in requests
    CLOCKWORK = "clockwork"  # requests at even intervals
    LOOP = "loop"  # steps from a tool's result to the next call, whatever the tool
    ACTS = "acts"  # such steps with a tool that acts on the world
    FORCE = "force"  # such steps with a tool that uses force
    CASES = "cases"  # different single cases that are to be decided

    @property
    def noun(self) -> str:
        """What there are so many of."""
        return _NOUNS[self]


_NOUNS: Final = {
    Counts.PEOPLE: "people",
    Counts.SPREAD: "people for each matter",
    Counts.PACE: "people in a short time",
    Counts.TEMPLATE: "people in one question",
    Counts.SHARED: "people for each matter in questions that units share",
    Counts.STANDING: "questions",
    Counts.ROWS: "rows",
    Counts.CLOCKWORK: "requests like clockwork",
    Counts.LOOP: "steps from a tool to the next call",
    Counts.ACTS: "steps from a tool to the next act",
    Counts.FORCE: "steps from a tool to the next use of force",
    Counts.CASES: "cases to decide",
}
TEMPO: Final = frozenset({Counts.PACE, Counts.CLOCKWORK, Counts.LOOP, Counts.ACTS, Counts.FORCE})
"""What is read out of the latest requests alone, so also in minutes, and up to ``LATEST_MAX``."""
OVER_OF: Final = {
    Counts.TEMPLATE: (Over.UNIT, Over.AGREEMENT),
    Counts.SHARED: (Over.AGREEMENT,),
    Counts.STANDING: (Over.UNIT,),
    Counts.PACE: (Over.UNIT, Over.PURPOSE),
    Counts.CLOCKWORK: (Over.KEY, Over.UNIT),
}
"""Over what these are counted; all others over everything."""
MATTERS: Final = frozenset(
    {
        Counts.PEOPLE,
        Counts.SPREAD,
        Counts.PACE,
        Counts.TEMPLATE,
        Counts.SHARED,
        Counts.STANDING,
        Counts.CLOCKWORK,
    }
)
"""What may be counted by the matters of people's lives that come up."""


class Touches(enum.StrEnum):
    """What of a person's life a text is about."""

    PLACE = "place"
    DEVICE = "device"
    ASSOCIATION = "association"
    BELIEF = "belief"
    HEALTH = "health"
    MONEY = "money"
    FACE = "face"

    @property
    def bit(self) -> int:
        """Its bit in a set of them."""
        return 1 << _PLACES[self]


_PLACES: Final = {touches: place for place, touches in enumerate(Touches)}
US_PERSON_BIT: Final = 1 << 15
"""Beside what a text is about: that it says, or shows, that it is about a person of the United States."""
INQUIRY_BIT: Final = 1 << 14
"""Likewise: that a request asks for it and hands nothing over (``patterns/inquiry.py``)."""
MATTER_BITS: Final = (1 << len(Touches)) - 1
KNOWN_BITS: Final = US_PERSON_BIT | INQUIRY_BIT | MATTER_BITS


class Pattern(msgspec.Struct, frozen=True):
    """One thing that is counted.

    A person counts who was named in the last ``window_seconds`` on at least ``days`` days, and of whom at least
    ``joins`` of the matters in ``touching`` came up, in one request or in many; with ``us_persons``, only who was
    marked as a person of the United States. ``subjects`` of them make ``fact`` unknown; ``notice`` (0: never) call
    cleared people to look at the unit. Where ``counts`` is another thing than people, ``subjects`` is how many of it
    there are, ``days`` on how many days a question came, and ``joins`` how many of the matters are in the request.
    ``units`` is in how many units a question is shared; with ``inquiries``, only requests count that ask for something
    about somebody and hand nothing over.
    """

    id: str
    fact: str
    over: tuple[Over, ...]
    window_seconds: int
    subjects: int
    touching: tuple[Touches, ...] = tuple(Touches)
    joins: int = 0
    days: int = 1
    notice: int = 0
    says: str = ""
    us_persons: bool = False
    counts: Counts = Counts.PEOPLE
    units: int = 0
    inquiries: bool = False

    @property
    def mask(self) -> int:
        """The bits of ``touching``."""
        return _mask_of(self.touching)

    @property
    def words(self) -> str:
        """What is counted, as a sentence."""
        joins = f" {_JOINED[self.counts]} {self.joins} or more of {', '.join(self.touching)}" if self.joins else ""
        days = f" on {self.days} or more days" if self.days > 1 else ""
        over = ", ".join(self.over)
        notice = f"; from {self.notice:,} on, cleared people look at the unit" if self.notice else ""
        shared = f" in questions that {self.units} or more units share," if self.units else ""
        asked = " of inquiries" if self.inquiries else ""
        noun = (
            "people"
            if self.counts in {Counts.SPREAD, Counts.PACE, Counts.SHARED}
            else "U.S. persons"
            if self.us_persons
            else self.counts.noun
        )
        return (
            f"{self.subjects:,} {noun}{asked}{joins}{days}{shared} in {window_words(self.window_seconds)}, "
            f"counted by {over}, "
            f"make {self.fact} unknown{notice}"
        )


@lru_cache(maxsize=256)
def _mask_of(touching: tuple[Touches, ...]) -> int:
    return sum(touches.bit for touches in touching)


_JOINED: Final = {
    Counts.PEOPLE: "with",
    Counts.SPREAD: "for each of",
    Counts.PACE: "with",
    Counts.TEMPLATE: "about",
    Counts.SHARED: "for each of",
    Counts.STANDING: "about",
    Counts.CLOCKWORK: "about",
}


def window_words(seconds: int) -> str:
    """A window as it is written: ``30d``, ``1h``, ``90s``."""
    for size, unit in ((DAY_SECONDS, "d"), (HOUR_SECONDS, "h"), (MINUTE_SECONDS, "min")):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def why_not(pattern: Pattern, vocabulary: Vocabulary) -> str:
    """Why an agreement may not have this pattern; empty if it may."""
    spec = vocabulary.by_name.get(pattern.fact)
    if spec is None:
        return f"`{pattern.fact}` is not a fact of this agreement"
    if Source.PATTERN not in spec.set_by:
        return f"no pattern may set `{pattern.fact}`: its `set_by` does not say so"
    least = MINUTE_SECONDS if pattern.counts in TEMPO else HOUR_SECONDS
    if not least <= pattern.window_seconds <= WINDOW_SECONDS_MAX:
        counted = f"from {window_words(least)} to 30d {pattern.counts.noun} are counted"
        return f"a window of {window_words(pattern.window_seconds)}: {counted}"
    if pattern.joins > len(pattern.touching):
        return f"{pattern.joins} joins of {len(pattern.touching)} matters"
    if pattern.days > -(-pattern.window_seconds // DAY_SECONDS):
        return f"{pattern.days} days do not fit into {window_words(pattern.window_seconds)}"
    if pattern.notice and pattern.notice < pattern.subjects:
        return f"notice at {pattern.notice} people, before the hold at {pattern.subjects}"
    return _odd(pattern)


def _odd(pattern: Pattern) -> str:
    """Why what it counts cannot be counted in this way."""
    if pattern.joins and pattern.counts not in MATTERS:
        return f"{pattern.counts.noun} are not counted by matters"
    if lost := [over for over in pattern.over if over not in OVER_OF.get(pattern.counts, pattern.over)]:
        return f"{pattern.counts.noun} are not counted over {', '.join(lost)}"
    if pattern.us_persons and pattern.counts is not Counts.PEOPLE:
        return f"{pattern.counts.noun} are not told by whether they are of U.S. persons"
    if pattern.counts in {Counts.SPREAD, Counts.SHARED} and pattern.joins < 2:
        return "what is spread over matters has two or more `joins`"
    if (pattern.counts is Counts.SHARED) != (pattern.units > 1):
        return "what units share is counted, and nothing else, in two or more `units`"
    if pattern.inquiries and pattern.counts not in {Counts.PACE, Counts.SHARED}:
        return f"{pattern.counts.noun} are not told by whether they are inquired about"
    if pattern.counts is Counts.STANDING and pattern.days < 2:
        return "a question that comes back comes on two or more `days`"
    if pattern.days > 1 and pattern.counts not in {Counts.PEOPLE, Counts.TEMPLATE, Counts.STANDING}:
        return f"{pattern.counts.noun} are not counted by days"
    most = PEOPLE_LATELY_MAX if pattern.counts is Counts.PACE else LATEST_MAX
    if pattern.counts in {*TEMPO, Counts.SHARED} and max(pattern.subjects, pattern.notice) > most:
        return f"more than {most} {pattern.counts.noun} are not remembered: write a shorter window"
    return ""
