# SPDX-License-Identifier: Apache-2.0
"""Whether a request is one too many: the agreement's patterns, asked of the counts with this request in them.

A pattern is asked only of requests that touch somebody in the way that it counts: a unit that has reached its number
goes on with everything else. It makes its fact unknown, never bad, so that people look; and never good.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import msgspec

from brightline.core.agreement.pattern import DAY_SECONDS, Counts, Over, Pattern
from brightline.core.canonical import JsonValue
from brightline.core.facts import UNKNOWN, FactSpec, Register, Source, Statement, Vocabulary
from brightline.core.patterns.book import PatternBook
from brightline.core.patterns.kinds import asked_of, comes_up
from brightline.core.patterns.places import places_at
from brightline.core.patterns.seen import Seen
from brightline.core.register import PurposeBounds


class Crossed(msgspec.Struct, frozen=True):
    """A pattern whose number is reached: over what, and how many people, or of what it counts, there are.

    ``record`` is where it stands, as shard and number, once that is known.
    """

    pattern: Pattern
    over: Over
    subjects: int
    record: str = ""

    @property
    def noticed(self) -> bool:
        """Whether it is a matter of standing."""
        return 0 < self.pattern.notice <= self.subjects


class Watched(msgspec.Struct, frozen=True):
    """What the counts say of one request: ``statements`` for its facts, ``fields`` for its ATTEMPT to commit to.

    Of an answer: for its facts, and for its OUTCOME. ``seen`` and ``about`` are what the request says of persons, and
    of nobody in particular; its answer is read together with them.
    """

    statements: tuple[Statement, ...] = ()
    fields: dict[str, JsonValue] = {}
    seen: Seen | None = None
    about: int = 0


NOTHING_WATCHED = Watched()


def crossings(book: PatternBook, patterns: Iterable[Pattern], seen: Seen) -> tuple[Crossed, ...]:
    """The patterns that a request crosses, once it is in the book; each over what has most people."""
    if not seen.counts:
        return ()
    about, asked, question = seen.about | seen.asked.about, asked_of(seen), seen.asked.older
    places, found = places_at(seen.whose, *seen.spans), []
    for pattern in patterns:
        if pattern.counts not in asked or not comes_up(pattern, about):
            continue
        most = None
        if seen.more and pattern.counts is Counts.PEOPLE:  # more people in one request than are told apart
            most = Crossed(pattern, pattern.over[0], max(pattern.subjects, len(seen.subjects)))
        for over in _in_order(pattern.over):
            count = book.reached(pattern, places.read(pattern.counts, over, question), seen)
            if count > (most.subjects if most is not None else 0):
                most = Crossed(pattern, over, count)
        if most is not None:
            found.append(most)
    return tuple(found)


@lru_cache(maxsize=256)
def _in_order(overs: tuple[Over, ...]) -> tuple[Over, ...]:
    """The narrowest first: of several that found as many, the first is told."""
    return tuple(over for over in Over if over in overs)


def statements_of(crossed: Iterable[Crossed]) -> tuple[Statement, ...]:
    """What is stated of a request that crosses patterns."""
    return tuple(Statement(each.pattern.fact, UNKNOWN, Source.PATTERN, each.pattern.id) for each in crossed)


def without_counts(vocabulary: Vocabulary) -> tuple[Statement, ...]:
    """What is stated while the counts are not fresh: whether anything is within its bounds is not known."""
    return tuple(Statement(spec.name, UNKNOWN, Source.PATTERN, "counts") for spec in _bounded(vocabulary))


def beyond_bounds(
    book: PatternBook, bounds: PurposeBounds, seen: Seen, vocabulary: Vocabulary
) -> tuple[Statement, ...]:
    """What is stated of a request that is one too many for the numbers of its purpose: it is not within its bounds.

    That is bad, not unknown: both parties signed the number, and nobody has to guess.
    """
    if not bounds.counted or not seen.subjects:
        return ()
    whose, since = seen.whose, seen.unix - bounds.days * DAY_SECONDS
    places = places_at(whose, *seen.spans)
    people, requests = places.read(Counts.PEOPLE, Over.PURPOSE, 0), places.requests[0]
    too_many = bounds.subjects_max and (seen.more or book.exceeds(people, since, bounds.subjects_max))
    too_often = bounds.requests_max and book.exceeds(requests, since, bounds.requests_max)
    if not (too_many or too_often):
        return ()
    return tuple(
        Statement(
            spec.name, next(value for value in spec.values if value != spec.good), Source.PATTERN, seen.whose.purpose
        )
        for spec in _bounded(vocabulary)
    )


def _bounded(vocabulary: Vocabulary) -> Iterator[FactSpec]:
    """The facts that say that something is within its bounds."""
    for spec in vocabulary.specs:
        if Source.PATTERN in spec.set_by and Register.BOUNDS in spec.needs:
            yield spec
