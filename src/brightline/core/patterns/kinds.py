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

Only questions have tokens of both spans. The others stand in the span that began last, and are read together with the
one before it, so that each request is there once.
"""

from __future__ import annotations

import enum
import hashlib
import math
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from statistics import median_low
from typing import Final, NamedTuple

from brightline.core.agreement.pattern import INQUIRY_BIT, MATTER_BITS, US_PERSON_BIT, Counts, Pattern
from brightline.core.patterns.seen import Seen
from brightline.core.patterns.shared import PERSONS_OF_ONE, people_in_shared, row_of
from brightline.core.patterns.sketch import SIZE, Sketch
from brightline.core.patterns.token import begins

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
"""What has tokens of both spans, and so is read from the older."""

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
        yield Kind.LATELY, newer, latest << 24 | each.newer & _PERSON, each.about, 1
    if asked.step:
        for kind, is_one in ((Kind.STEPS, True), (Kind.ACTS, asked.acts), (Kind.FORCE, asked.force)):
            if is_one:
                yield kind, newer, latest << 24 | request & _STEP, 0, 1
    if asked.case:
        yield Kind.CASES, newer, asked.case, 0, 1
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


def tally(pattern: Pattern, sketches: Sequence[Sketch], unix: int, question: int | None = None) -> Tally:
    """How many of what it counts there are in these sketches; ``question`` is the token of the one that is asked.

    Of a question of which too little is remembered to be sure nothing is said.
    """
    since = unix - pattern.window_seconds
    if pattern.counts is Counts.TEMPLATE:
        return _in_questions(sketches[0], since, pattern, question) if sketches else Tally(0, 0)
    if pattern.counts is Counts.SHARED:
        return Tally(*people_in_shared(sketches[0], since, pattern, question)) if sketches else Tally(0, 0)
    if pattern.counts is Counts.CLOCKWORK:
        rows = [row for each in sketches for row in each.rows(since) if _joins(pattern, row[2])]
        return _like_clockwork([(token & FOLD, seen) for token, seen, _ in rows], question)
    found = _found(pattern, sketches, since)
    return Tally(found, found)


def at_most(pattern: Pattern, sketches: Sequence[Sketch], unix: int) -> float:
    """So many there are at most: in a look at the columns and not at each row."""
    if pattern.counts is Counts.ROWS:
        return math.inf
    most = sum(each.total() for each in sketches)
    if most < pattern.subjects - 0.5 or not (pattern.days > 1 or pattern.counts in _ROW_BY_ROW):
        return most
    joins = pattern.joins if pattern.counts is not Counts.PACE else min(pattern.joins, 1)  # one came up in some row
    marked = US_PERSON_BIT if pattern.us_persons else 0
    since, mask = unix - pattern.window_seconds, pattern.mask if joins else 0
    return sum(each.found(since, mask, joins, 1, marked) * each.scale for each in sketches)


_ROW_BY_ROW: Final = frozenset({Counts.PACE, Counts.TEMPLATE, Counts.CLOCKWORK})


def _found(pattern: Pattern, sketches: Iterable[Sketch], since: int) -> int:
    match pattern.counts:
        case Counts.SPREAD:
            return max((_spread(each, since, pattern) for each in sketches), default=0)
        case Counts.ROWS:
            return round(sum(each.scale * sum(row[2] for row in each.rows(since)) for each in sketches))
        case Counts.PACE:
            return sum(_different(each, since, pattern) for each in sketches)
        case Counts.LOOP | Counts.ACTS | Counts.FORCE:
            return sum(each.found(since) for each in sketches)
        case Counts.PEOPLE:
            mask = pattern.mask if pattern.joins else 0
            marked = US_PERSON_BIT if pattern.us_persons else 0
            return sum(each.count_at_least(since, mask, pattern.joins, pattern.days, marked) for each in sketches)
        case _:
            mask = pattern.mask if pattern.joins else 0
            return sum(each.count(since, mask, pattern.joins, pattern.days) for each in sketches)


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


def _like_clockwork(rows: Sequence[tuple[int, int]], question: int | None) -> Tally:
    """The most requests at even intervals: of one question, or all together."""
    by_question: dict[int, list[int]] = {}
    for each, unix in rows:
        by_question.setdefault(each, []).append(unix)
    if question is not None:
        fold = question & FOLD
        by_question = {fold: by_question.get(fold, [])}
    groups = [*by_question.values(), [unix for _, unix in rows]]
    found = max((len(times) for times in groups if _even(times)), default=0)
    return Tally(found, found)


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
