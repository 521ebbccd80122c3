# SPDX-License-Identifier: Apache-2.0
"""What people look at when they look at a pattern: whose counts there are, how they are spread, and over which days.

One work may be cut into pieces so small that no key shows it. So for people of one count it is told of how many the
single keys, or units, knew only a part: those who count for the pattern put together, and in none of the pieces. A
sketch of a part has every token that the sketch of the whole has of it, because both keep the smallest; so this is as
exact as the count is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

import msgspec

from brightline.core.agreement.pattern import US_PERSON_BIT, Counts, Over, Pattern
from brightline.core.patterns.book import PatternBook
from brightline.core.patterns.places import Counted, is_of_requests, owner_of, places_of
from brightline.core.patterns.sketch import Sketch
from brightline.core.patterns.token import spans_at

PIECES_SHOWN: Final = 6
"""Who is in so many pieces or more is told in one number."""


class Count(msgspec.Struct, frozen=True):
    """How many people, or of whatever it counts, a pattern counts in one scope. Of people also how many of them are
    marked as U.S. persons, and of how many of all in the window none of the matters came up, one, two and so on.
    """

    over: Over
    name: str
    people: int
    us_persons: int = 0
    matters: tuple[int, ...] = ()


class Spread(msgspec.Struct, frozen=True):
    """``among``: how many people one piece knows, how many two, and so on to :data:`PIECES_SHOWN` or more.

    ``together``: how many people count for the pattern in the whole and in none of the pieces, of ``people`` who do.
    """

    among: tuple[int, ...] = ()
    pieces: int = 0
    people: int = 0
    together: int = 0


def counts_of(book: PatternBook, pattern: Pattern, unix: int) -> Iterator[Count]:
    """What a pattern counts now, by whatever it is counted over."""
    marked = msgspec.structs.replace(pattern, us_persons=True)
    for over, name in dict.fromkeys((each.over, owner_of(each)) for each, _ in book):
        if over not in pattern.over:
            continue
        places = places_of(pattern, over, name, unix)
        many = max(book.count(pattern, place, unix) for place in places)
        sketch = book.sketch(places[0]) if pattern.counts is Counts.PEOPLE else None
        if sketch is None:
            yield Count(over, name, many)
            continue
        matters = sketch.joined(unix - pattern.window_seconds)
        yield Count(over, name, many, book.count(marked, places[0], unix), matters)


def whole_of(book: PatternBook, unix: int, over: Over = Over.AGREEMENT, name: str = "") -> Sketch | None:
    """The count of a whole: the agreement's unless another is asked for."""
    older, _ = spans_at(unix)
    return book.sketch(Counted(older, over, name))


def spread_of(whole: Sketch, pieces: Collection[Sketch], pattern: Pattern, unix: int) -> Spread:
    """How the people of a whole are spread over its pieces, in the window of a pattern."""
    since = unix - pattern.window_seconds
    told = since, pattern.mask if pattern.joins else 0, pattern.joins, pattern.days
    marked = US_PERSON_BIT if pattern.us_persons else 0
    here = set(whole.matching(since))
    among: dict[int, int] = {}
    alone: set[int] = set()
    for piece in pieces:
        for token in here.intersection(piece.matching(since)):
            among[token] = among.get(token, 0) + 1
        alone.update(piece.matching(*told, marked))
    found = [0] * PIECES_SHOWN
    for count in among.values():
        found[min(count, PIECES_SHOWN) - 1] += 1
    counted = set(whole.matching(*told, marked))
    scale = whole.scale
    return Spread(
        tuple(round(each * scale) for each in found),
        len(pieces),
        round(len(counted) * scale),
        round(len(counted - alone) * scale),
    )


def pieces_of(book: PatternBook, over: Over, unix: int, names: Collection[str] | None = None) -> list[Sketch]:
    """The counts of all keys, or units; with ``names``, of those alone."""
    older, _ = spans_at(unix)
    return [
        sketch
        for each, sketch in book
        if each.span == older
        and each.over is over
        and not is_of_requests(each)
        and (names is None or each.name in names)
    ]
