# SPDX-License-Identifier: Apache-2.0
"""What is counted beside people, as sketches: of each scope's questions, latest, steps, cases and rows.

Each is a sketch (``sketch.py``) whose tokens are made so that the smallest ones are what is needed, and so it merges
like the others: twice, late or in another order gives the same bytes.

    questions   a person in a question. The last sixteen bits tell the question, so that the people in one of them are
                counted; over the agreement as a whole in sixteen parts, by question
    lately      a person: the later, the smaller the token, so that a short time is read exactly and not out of a part
    times       a request that asks a question: the later, the smaller its token, so the latest are kept
    steps, acts, force   a step of a loop, likewise
    cases       a case that is to be decided
    rows        a request that hands over rows; its ``about`` is how many

Questions, people and cases have tokens of both spans, so that what comes before the turn of a span and after it is
one. The others stand in the span that began last, and are read together with the one before it, so that each request
is there once.
"""

from __future__ import annotations

import enum
import hashlib
import math
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from statistics import median_low
from typing import Final, NamedTuple

from brightline.core.agreement.pattern import INQUIRY_BIT, MATTER_BITS, US_PERSON_BIT, Counts, Pattern
from brightline.core.patterns.asked import Asked
from brightline.core.patterns.seen import Seen
from brightline.core.patterns.shared import PERSONS_OF_ONE, people_in, people_in_shared, row_of
from brightline.core.patterns.sketch import SIZE, Sketch
from brightline.core.patterns.token import begins, spans_at

SURE: Final = 12
"""Of a sketch that holds only a part, so many rows of one question are needed to say how many there are."""
EVEN_SHARE: Final = 0.9
EVEN_EVERY: Final = 4
"""Whether requests come at even intervals is looked at once in so many."""
SHARED_EVERY: Final = 16
"""What units share is looked at once in so many."""
EVEN_SECONDS_MIN: Final = 5
"""Requests that follow one another more quickly are a burst, and not like clockwork."""
FOLD: Final = 0xFFFF
_PERSON: Final = 0xFFFFFF
_STEP: Final = 0xFFFFFF  # a machine takes many steps in one second, and each is one
_LATEST: Final = (1 << 40) - 1
_PAIR: Final = struct.Struct(">QQ")


class Kind(enum.StrEnum):
    """Of what a sketch is; of people where its name says none."""

    QUESTIONS = "questions"
    SHARED = "shared"
    LATELY = "lately"
    TIMES = "times"
    STEPS = "steps"
    ACTS = "acts"
    FORCE = "force"
    CASES = "cases"
    ROWS = "rows"


SIZES: Final = {
    Kind.QUESTIONS: 256,
    Kind.SHARED: SIZE,
    Kind.LATELY: 256,
    Kind.TIMES: 128,
    Kind.STEPS: 128,
    Kind.ACTS: 128,
    Kind.FORCE: 128,
    Kind.CASES: 256,
    Kind.ROWS: 128,
}
KIND_OF: Final = {
    Counts.TEMPLATE: Kind.QUESTIONS,
    Counts.STANDING: Kind.QUESTIONS,
    Counts.SHARED: Kind.SHARED,
    Counts.PACE: Kind.LATELY,
    Counts.CLOCKWORK: Kind.TIMES,
    Counts.LOOP: Kind.STEPS,
    Counts.ACTS: Kind.ACTS,
    Counts.FORCE: Kind.FORCE,
    Counts.CASES: Kind.CASES,
    Counts.ROWS: Kind.ROWS,
}


IN_BOTH_SPANS: Final = frozenset({Kind.QUESTIONS, Kind.SHARED})
"""What is read from the older span alone. The latest people and the cases stand in both too, and are read where there
are more of them: what was counted before they did is in the newer one alone."""

Entry = tuple[Kind, int, int, int, int]
"""A token for the sketches of a kind: kind, span, token, what came up, and by how much a count may grow."""


def entries(seen: Seen, request: int) -> Iterator[Entry]:
    """What a request, of which this is the token, adds beside its people."""
    asked, (older, newer), latest = seen.asked, seen.spans, _LATEST - seen.unix
    if asked.older:
        pairs = [(each.older, each.newer, each.about) for each in seen.subjects if each.about & MATTER_BITS]
        for first, second, about in pairs[:PERSONS_OF_ONE]:
            for span, question, person in ((older, asked.older, first), (newer, asked.newer, second)):
                yield Kind.SHARED, span, row_of(question, person, seen.whose.unit, seen.unix, begins(span)), about, 1
        if not pairs:
            pairs = [(0, 0, asked.about)]
        for first, second, about in pairs:
            yield Kind.QUESTIONS, older, _pair(asked.older, first), about, 1
            yield Kind.QUESTIONS, newer, _pair(asked.newer, second), about, 1
        if not asked.again:
            yield Kind.TIMES, newer, _latest(latest, request, asked.newer), seen.about | asked.about, 1
    for each in seen.subjects:
        for span, person in ((older, each.older), (newer, each.newer)):
            yield Kind.LATELY, span, latest << 24 | person & _PERSON, each.about, 1
    if asked.step:
        for kind, is_one in ((Kind.STEPS, True), (Kind.ACTS, asked.acts), (Kind.FORCE, asked.force)):
            if is_one:
                yield kind, newer, latest << 24 | request & _STEP, 0, 1
    if asked.case:
        yield Kind.CASES, newer, asked.case, 0, 1
        if asked.case_before:
            yield Kind.CASES, older, asked.case_before, 0, 1
    if asked.rows:
        yield Kind.ROWS, newer, request, asked.rows, asked.rows


def asked_of(seen: Seen) -> frozenset[Counts]:
    """Which patterns, by what they count, a request is one for."""
    asked = seen.asked
    return _asked_of(
        bool(seen.subjects), asked.older != 0, asked.step, asked.acts, asked.force, asked.case != 0, asked.rows != 0
    )


@lru_cache(maxsize=1 << 7)
def _asked_of(*asked: bool) -> frozenset[Counts]:
    return frozenset(counts for is_one, group in zip(asked, _GROUPS, strict=True) if is_one for counts in group)


def comes_up(pattern: Pattern, about: int) -> bool:
    """Whether enough comes up in a request that a pattern counts for it to be held once there are too many."""
    if (pattern.us_persons and not about & US_PERSON_BIT) or (pattern.inquiries and not about & INQUIRY_BIT):
        return False
    if not pattern.joins:
        return True
    joined = 1 if pattern.counts in _JOINED else pattern.joins
    return (about & pattern.mask).bit_count() >= joined


_JOINED: Final = frozenset(
    {Counts.PEOPLE, Counts.SPREAD, Counts.SHARED, Counts.PACE}
)  # what came up in other requests is joined
_GROUPS: Final = (
    (Counts.PEOPLE, Counts.SPREAD, Counts.PACE),
    (Counts.TEMPLATE, Counts.STANDING, Counts.SHARED, Counts.CLOCKWORK),
    (Counts.LOOP,),
    (Counts.ACTS,),
    (Counts.FORCE,),
    (Counts.CASES,),
    (Counts.ROWS,),
)


class Tally(NamedTuple):
    """How many there are; ``own``: of the one question that is asked, where a pattern counts by question."""

    most: int
    own: int


def tally(pattern: Pattern, sketches: Sequence[Sketch], unix: int, asked: Asked | None = None) -> Tally:
    """How many of what it counts there are in these sketches; ``asked`` has the question of the one who asks.

    Of a question of which too little is remembered to be sure nothing is said.
    """
    since, question = unix - pattern.window_seconds, asked.older if asked is not None else None
    if pattern.counts is Counts.TEMPLATE:
        return _in_questions(sketches[0], since, pattern, question) if sketches else Tally(0, 0)
    if pattern.counts is Counts.SHARED:
        return Tally(*people_in_shared(sketches[0], since, pattern, question)) if sketches else Tally(0, 0)
    if pattern.counts is Counts.CLOCKWORK:
        own = _folds(asked, unix) if asked is not None else None
        return _like_clockwork(_by_question(pattern, sketches, since), own)
    found = _found(pattern, sketches, since)
    return Tally(found, found)


def at_most(pattern: Pattern, sketches: Sequence[Sketch], unix: int) -> float:
    """So many there are at most: in a look at the columns and not at each row."""
    if pattern.counts is Counts.ROWS:
        return math.inf
    if pattern.counts is Counts.SHARED:
        return people_in(sum(each.found(0) for each in sketches))
    since = unix - pattern.window_seconds
    if pattern.counts in _FULLEST:
        sketches = _fullest(sketches, since)
    most = sum(each.total() for each in sketches)
    if most < pattern.subjects - 0.5 or not (pattern.days > 1 or pattern.counts in _ROW_BY_ROW):
        return most
    joins = pattern.joins if pattern.counts is not Counts.PACE else min(pattern.joins, 1)  # one came up in some row
    marked = US_PERSON_BIT if pattern.us_persons else 0
    mask = pattern.mask if joins else 0
    return sum(each.found(since, mask, joins, 1, marked) * each.scale for each in sketches)


_FULLEST: Final = frozenset({Counts.PACE, Counts.CASES})
_ROW_BY_ROW: Final = frozenset({Counts.PACE, Counts.TEMPLATE, Counts.CLOCKWORK})


def _found(pattern: Pattern, sketches: Sequence[Sketch], since: int) -> int:
    match pattern.counts:
        case Counts.SPREAD:
            return max((_spread(each, since, pattern) for each in sketches), default=0)
        case Counts.ROWS:
            return round(sum(each.scale * sum(row[2] for row in each.rows(since)) for each in sketches))
        case Counts.PACE:
            return sum(_different(each, since, pattern) for each in _fullest(sketches, since))
        case Counts.LOOP | Counts.ACTS | Counts.FORCE:
            return sum(each.found(since) for each in sketches)
        case Counts.PEOPLE:
            mask = pattern.mask if pattern.joins else 0
            marked = US_PERSON_BIT if pattern.us_persons else 0
            return sum(each.count_at_least(since, mask, pattern.joins, pattern.days, marked) for each in sketches)
        case _:
            mask = pattern.mask if pattern.joins else 0
            sketches = _fullest(sketches, since) if pattern.counts in _FULLEST else sketches
            return sum(each.count(since, mask, pattern.joins, pattern.days) for each in sketches)


def _fullest(sketches: Sequence[Sketch], since: int) -> list[Sketch]:
    """The one in which most came then or later: what stands in both spans is looked for once."""
    return sorted(sketches, key=lambda each: each.found(since))[-1:]


def _different(sketch: Sketch, since: int, pattern: Pattern) -> int:
    """How many people are among the latest, with what came up of each joined."""
    mask, joins, marks = pattern.mask, pattern.joins, INQUIRY_BIT if pattern.inquiries else 0
    if joins <= 1:  # a matter came up of somebody if it did in some row
        return len({token & _PERSON for token in sketch.matching(since, mask if joins else 0, joins, 1, marks)})
    matters: dict[int, int] = {}
    for token, _, about in sketch.rows(since):
        if about & marks != marks:
            continue
        person = token & _PERSON
        matters[person] = matters.get(person, 0) | about
    return sum((about & mask).bit_count() >= joins for about in matters.values())


def _joins(pattern: Pattern, about: int) -> bool:
    return not pattern.joins or (about & pattern.mask).bit_count() >= pattern.joins


def _spread(sketch: Sketch, since: int, pattern: Pattern) -> int:
    """Of so many people each of ``joins`` matters came up: as many as of the rarest of the commonest ones."""
    people = sorted(sketch.found_each(since, (each.bit for each in pattern.touching)), reverse=True)
    return sketch.at_least(people[pattern.joins - 1])


def _in_questions(sketch: Sketch, since: int, pattern: Pattern, question: int | None) -> Tally:
    """The people in the question that has most, and in the one that is asked."""
    mask = pattern.mask if pattern.joins else 0
    counted = Counter([token & FOLD for token in sketch.matching(since, mask, pattern.joins, pattern.days)])
    most = max(counted.values(), default=0)
    own = most if question is None else counted[question & FOLD]
    sure = sketch.scale == 1 or own >= SURE
    return Tally(round(most * sketch.scale), round(own * sketch.scale) if sure else 0)


_Fold = tuple[int, int]
"""A question: when a span began, and what is told of it under the key of that span."""


def _folds(asked: Asked, unix: int) -> tuple[_Fold, _Fold]:
    """The question that is asked: another number in each of the spans."""
    older, newer = spans_at(unix)
    return (begins(older), asked.older & FOLD), (begins(newer), asked.newer & FOLD)


def _by_question(pattern: Pattern, sketches: Iterable[Sketch], since: int) -> dict[_Fold, list[int]]:
    """When each question was asked."""
    found: dict[_Fold, list[int]] = {}
    for each in sketches:
        for token, unix, about in each.rows(since):
            if _joins(pattern, about):
                found.setdefault((each.since, token & FOLD), []).append(unix)
    return found


def _like_clockwork(by_question: Mapping[_Fold, list[int]], own: Iterable[_Fold] | None) -> Tally:
    """The most requests at even intervals: of any question or all together, and of the own one or all together.

    Nobody knows which of the others before the turn of a span is which after it: what they are at most is the most of
    each span.
    """
    even = {each: _evenly(times) for each, times in by_question.items()}
    if len(even) > 1:
        together = _evenly([unix for times in by_question.values() for unix in times])
    else:
        together = max(even.values(), default=0)
    if own is None:
        most = max(together, *even.values(), 0)
        return Tally(most, most)
    theirs = [each for each in own if each in even]
    if len(theirs) > 1:
        of_own = _evenly([unix for each in theirs for unix in by_question[each]])
    else:
        of_own = sum(even[each] for each in theirs)
    of_own = max(together, of_own)
    in_spans: dict[int, int] = {}
    for (span, _), count in even.items():
        in_spans[span] = max(in_spans.get(span, 0), count)
    return Tally(max(of_own, sum(in_spans.values())), of_own)


def _evenly(times: list[int]) -> int:
    """How many there are if they come at even intervals, else 0."""
    return len(times) if _even(times) else 0


def _even(times: list[int]) -> bool:
    """Whether nine of ten intervals are the middle one, or up to three of it where a request was missed."""
    times.sort()
    gaps = [later - earlier for earlier, later in pairwise(times)]
    if not gaps or (middle := median_low(gaps)) < EVEN_SECONDS_MIN:
        return False
    allowed, longest = max(1, middle // 10), 3 * middle + middle // 2
    even = sum(gap <= longest and (gap + allowed) % middle <= 2 * allowed and gap >= middle - allowed for gap in gaps)
    return even >= EVEN_SHARE * len(gaps)


def _pair(question: int, person: int) -> int:
    """A person in a question: forty-eight bits that are evenly spread, then sixteen of the question."""
    mixed = hashlib.blake2b(_PAIR.pack(question, person), digest_size=6).digest()
    return int.from_bytes(mixed, "big") << 16 | question & FOLD


def _latest(latest: int, request: int, question: int) -> int:
    """A request: the later the smaller, then eight bits of its own and sixteen of its question."""
    return latest << 24 | (request & 0xFF) << 16 | question & FOLD
