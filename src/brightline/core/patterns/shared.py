# SPDX-License-Identifier: Apache-2.0
"""One work that is split over many units, each of which does little of it: told by the questions that they share.

No person is asked about twice before much of such a work is done, and no unit asks enough to be seen. But its units
ask the same questions, about different people. So over the agreement as a whole a row is kept of which unit put which
question about whom, in which hour. A question is *shared* once ``units`` units ask it, and two shared questions belong
together where half as many units ask both. Of questions that belong together it is counted how many people there are
for each matter: the work of a desk has one matter or two, and a population that is asked through has many.

A row is a token of twelve bits for the hour, the later the smaller, fourteen that are mixed under the key of the span,
sixteen each of unit and question, and six of the person. So the latest hours are kept, whatever one unit does: of one
question it fills sixty-four rows an hour and no more. How many people there were is told from how many of the
sixty-four are taken (Whang et al., A linear-time probabilistic counting algorithm, 1990).
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from brightline.core.agreement.pattern import HOUR_SECONDS, INQUIRY_BIT, Pattern
from brightline.core.patterns.sketch import Sketch

PERSONS_OF_ONE: Final = 4
"""So many persons of one request are told apart here: this is about work in pieces."""
_PERSON_BITS: Final = 6
_FOLDS: Final = 1 << _PERSON_BITS
_QUESTION: Final = 0xFFFF
_HOURS: Final = (1 << 12) - 1
_MIXED: Final = (1 << 14) - 1
_PLACE: Final = (1 << 38) - 1
_WORD: Final = (1 << 64) - 1
_ODD: Final = 0x9E3779B97F4A7C15
_PEOPLE: Final = (0, *(round(-_FOLDS * math.log(1 - taken / _FOLDS)) for taken in range(1, _FOLDS)), 5 * _FOLDS)
"""How many people take so many of the folds."""


def row_of(question: int, person: int, unit: str, unix: int, since: int) -> int:
    """The token of one person in one question of one unit, in a span that began at ``since``."""
    hour = _HOURS - (unix - since) // HOUR_SECONDS & _HOURS
    place = _unit(unit) << 22 | (question & _QUESTION) << 6 | person & _FOLDS - 1
    mixed = ((question ^ place) + hour) * _ODD & _WORD
    return hour << 52 | (mixed >> 50 & _MIXED) << 38 | place


def people_in(rows: int) -> int:
    """So many people there are at most in so many rows: two may share one."""
    return _PEOPLE[min(rows, _FOLDS)]


def people_in_shared(sketch: Sketch, since: int, pattern: Pattern, question: int | None) -> tuple[int, int]:
    """The most people for each of ``joins`` matters in questions that belong together; and those with one question."""
    if not _shared({(token & _PLACE) >> _PERSON_BITS for token in sketch.tokens}, pattern.units):
        return 0, 0  # whatever the time and the matters
    mask, marks = pattern.mask, INQUIRY_BIT if pattern.inquiries else 0
    rows = sketch.rows(since)
    places = {token & _PLACE: about for token, _, about in rows if about & mask and about & marks == marks}
    asking = {place >> _PERSON_BITS for place in places}
    units: dict[int, set[int]] = {each: set() for each in _shared(asking, pattern.units)}
    if not units:
        return 0, 0
    for each in asking:
        if each & _QUESTION in units:
            units[each & _QUESTION].add(each >> 16)
    works = list(_together(units, max(2, pattern.units // 2)))
    counted = [_count(places, work, pattern) for work in works]
    most = max(counted)
    if question is None:
        return most, most
    fold = question & _QUESTION
    return most, next((count for work, count in zip(works, counted, strict=True) if fold in work), 0)


def _shared(asking: Iterable[int], units: int) -> list[int]:
    """The questions that so many units ask."""
    return [each for each, count in Counter([each & _QUESTION for each in asking]).items() if count >= units]


def _together(units: dict[int, set[int]], both: int) -> Iterator[set[int]]:
    """The sets of questions that belong together: each leads to each by pairs that ``both`` units ask."""
    left = set(units)
    while left:
        work, reached = set[int](), {left.pop()}
        while reached:
            one = reached.pop()
            work.add(one)
            found = {other for other in left if len(units[one] & units[other]) >= both}
            left -= found
            reached |= found
        yield work


def _count(places: dict[int, int], work: set[int], pattern: Pattern) -> int:
    """Of so many people each of ``joins`` matters came up, in questions of one work."""
    taken: dict[int, set[int]] = {each.bit: set() for each in pattern.touching}
    for place, about in places.items():
        if place >> _PERSON_BITS & _QUESTION in work:
            for bit, folds in taken.items():
                if about & bit:
                    folds.add(place & _FOLDS - 1)
    return sorted((_PEOPLE[len(folds)] for folds in taken.values()), reverse=True)[pattern.joins - 1]


@lru_cache(maxsize=65_536)
def _unit(unit: str) -> int:
    return int.from_bytes(hashlib.sha256(unit.encode()).digest()[:2], "big")
