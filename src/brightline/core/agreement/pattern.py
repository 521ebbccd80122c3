# SPDX-License-Identifier: Apache-2.0
"""What an agreement says of many requests together: how many people, of whom how much, over how long, is too much.

No single request shows mass surveillance; breadth and time do. A *pattern* counts different people in what one key,
unit or purpose asks, or the agreement as a whole, so that a new key does not begin afresh. From ``subjects`` people on
it makes its fact unknown, so that people look before anything goes on; from ``notice`` on it is a matter of standing.
A pattern never says that a fact is good.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from brightline.core.facts import Source, Vocabulary

HOUR_SECONDS: Final = 3_600
DAY_SECONDS: Final = 86_400
WINDOW_SECONDS_MAX: Final = 30 * DAY_SECONDS
SUBJECTS_MAX: Final = 1_000_000


class Over(enum.StrEnum):
    """Whose requests are counted together."""

    KEY = "key"
    UNIT = "unit"
    PURPOSE = "purpose"
    AGREEMENT = "agreement"


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
KNOWN_BITS: Final = US_PERSON_BIT | ((1 << len(Touches)) - 1)


class Pattern(msgspec.Struct, frozen=True):
    """One thing that is counted.

    A person counts who was named in the last ``window_seconds`` on at least ``days`` days, and of whom at least
    ``joins`` of the matters in ``touching`` came up, in one request or in many; with ``us_persons``, only who was
    marked as a person of the United States. ``subjects`` of them make ``fact`` unknown; ``notice`` (0: never) call
    cleared people to look at the unit.
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

    @property
    def mask(self) -> int:
        """The bits of ``touching``."""
        return sum(touches.bit for touches in self.touching)

    @property
    def words(self) -> str:
        """What is counted, as a sentence."""
        joins = f" with {self.joins} or more of {', '.join(self.touching)}" if self.joins else ""
        days = f" on {self.days} or more days" if self.days > 1 else ""
        over = ", ".join(self.over)
        people = "U.S. persons" if self.us_persons else "people"
        notice = f"; from {self.notice:,} on, cleared people look at the unit" if self.notice else ""
        return (
            f"{self.subjects:,} {people}{joins}{days} in {window_words(self.window_seconds)}, counted by {over}, "
            f"make {self.fact} unknown{notice}"
        )


def window_words(seconds: int) -> str:
    """A window as it is written: ``30d``, ``1h``, ``90s``."""
    for size, unit in ((DAY_SECONDS, "d"), (HOUR_SECONDS, "h"), (60, "min")):
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
    if not HOUR_SECONDS <= pattern.window_seconds <= WINDOW_SECONDS_MAX:
        return f"a window of {window_words(pattern.window_seconds)}: from 1h to 30d people are counted"
    if pattern.joins > len(pattern.touching):
        return f"{pattern.joins} joins of {len(pattern.touching)} matters"
    if pattern.days > -(-pattern.window_seconds // DAY_SECONDS):
        return f"{pattern.days} days do not fit into {window_words(pattern.window_seconds)}"
    if pattern.notice and pattern.notice < pattern.subjects:
        return f"notice at {pattern.notice} people, before the hold at {pattern.subjects}"
    return ""
