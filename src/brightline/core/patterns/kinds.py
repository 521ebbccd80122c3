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
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from statistics import median_low
from typing import Final, NamedTuple

from brightline.core.agreement.pattern import OVER_OF, US_PERSON_BIT, Counts, Over, Pattern, Touches
from brightline.core.patterns.seen import Seen, Whose
from brightline.core.patterns.sketch import SIZE, Sketch

PARTS: Final = 16
SURE: Final = 12
"""Of a sketch that holds only a part, so many rows of one question are needed to say how many there are."""
EVEN_SHARE: Final = 0.9
EVEN_EVERY: Final = 4
"""Whether requests come at even intervals is looked at once in so many."""
EVEN_SECONDS_MIN: Final = 5
"""Requests that follow one another more quickly are a burst, and not like clockwork."""
_FOLD: Final = 0xFFFF
_MATTERS: Final = (1 << len(Touches)) - 1
_PERSON: Final = 0xFFFFFF
_LATEST: Final = (1 << 40) - 1
_PAIR: Final = struct.Struct(">QQ")


class Kind(enum.StrEnum):
    """Of what a sketch is; of people where its name says none."""

    QUESTIONS = "questions"
    LATELY = "lately"
    TIMES = "times"
    STEPS = "steps"
    ACTS = "acts"
    FORCE = "force"
    CASES = "cases"
    ROWS = "rows"

    def of(self, name: str) -> str:
        """The name of the sketch of a key, unit or purpose, none of which has a space in its id."""
        return _named(self, name)

    def part(self, token: int) -> str:
        """The name of the part of the agreement's sketch in which a question is."""
        return self.numbered((token & _FOLD) * PARTS >> 16)

    def numbered(self, part: int) -> str:
        """The name of a part."""
        return _named(f"{self.value}/{part}", "")


@lru_cache(maxsize=65_536)
def _named(kind: str, name: str) -> str:
    return f"{kind} of {name}"


SIZES: Final = {
    Kind.QUESTIONS: 256,
    Kind.LATELY: 256,
    Kind.TIMES: 128,
    Kind.STEPS: 128,
    Kind.ACTS: 128,
    Kind.FORCE: 128,
    Kind.CASES: 256,
    Kind.ROWS: 128,
}
_EVERYWHERE: Final = tuple(Over)
_OVER: Final = {
    Kind.QUESTIONS: OVER_OF[Counts.TEMPLATE],
    Kind.LATELY: OVER_OF[Counts.PACE],
    Kind.TIMES: OVER_OF[Counts.CLOCKWORK],
}
KIND_OF: Final = {
    Counts.TEMPLATE: Kind.QUESTIONS,
    Counts.STANDING: Kind.QUESTIONS,
    Counts.PACE: Kind.LATELY,
    Counts.CLOCKWORK: Kind.TIMES,
    Counts.LOOP: Kind.STEPS,
    Counts.ACTS: Kind.ACTS,
    Counts.FORCE: Kind.FORCE,
    Counts.CASES: Kind.CASES,
    Counts.ROWS: Kind.ROWS,
}


class Entry(NamedTuple):
    """One token for the sketches of a kind in a span; ``weight`` is by how much a count may grow by it."""

    kind: Kind
    span: int
    token: int
    about: int
    weight: int = 1


def size_of(name: str) -> int:
    """How many tokens a sketch of this name holds."""
    kind, between, _ = name.partition(" of ")
    return SIZES.get(Kind(kind), SIZE) if between and kind in set(Kind) else SIZE


def entries(seen: Seen) -> Iterator[Entry]:
    """What a request adds beside its people."""
    asked, (older, newer) = seen.asked, seen.spans
    if asked.older:
        pairs = [(each.older, each.newer, each.about) for each in seen.subjects if each.about & _MATTERS] or [
            (0, 0, asked.about)
        ]
        for first, second, about in pairs:
            yield Entry(Kind.QUESTIONS, older, _pair(asked.older, first), about)
            yield Entry(Kind.QUESTIONS, newer, _pair(asked.newer, second), about)
        if not asked.again:
            yield Entry(Kind.TIMES, newer, _latest(seen, asked.newer), seen.about | asked.about)
    for each in seen.subjects:
        yield Entry(Kind.LATELY, newer, (_LATEST - seen.unix) << 24 | each.newer & _PERSON, each.about)
    for kind, is_one in ((Kind.STEPS, asked.step), (Kind.ACTS, asked.acts), (Kind.FORCE, asked.force)):
        if is_one:
            yield Entry(kind, newer, _latest(seen, 0), 0)
    if asked.case:
        yield Entry(Kind.CASES, newer, asked.case, 0)
    if asked.rows:
        yield Entry(Kind.ROWS, newer, seen.request, asked.rows, asked.rows)


def places_of_entry(entry: Entry, whose: Whose) -> tuple[tuple[Over, str], ...]:
    """In which sketches of which scopes an entry is."""
    places = _places(entry.kind, whose)
    if entry.kind is not Kind.QUESTIONS:
        return places
    return (*places, (Over.AGREEMENT, entry.kind.part(entry.token)))


@lru_cache(maxsize=65_536)
def _places(kind: Kind, whose: Whose) -> tuple[tuple[Over, str], ...]:
    over_of = _OVER.get(kind, _EVERYWHERE)
    in_parts = (Over.AGREEMENT,) if kind is Kind.QUESTIONS else ()
    return tuple((over, kind.of(name)) for over, name in whose.scopes() if over in over_of and over not in in_parts)


def place_of(pattern: Pattern, over: Over, name: str, spans: tuple[int, int], question: int) -> tuple[int, str]:
    """The span and the name of the sketch from which a pattern is read for a request that asks this question."""
    older, newer = spans
    kind = KIND_OF.get(pattern.counts)
    if kind is None:
        return older, name
    if kind is not Kind.QUESTIONS:
        return newer, kind.of(name)
    return older, kind.part(question) if over is Over.AGREEMENT else kind.of(name)


def all_places(pattern: Pattern, over: Over, name: str, spans: tuple[int, int]) -> Iterator[tuple[int, str]]:
    """Every span and sketch of a scope from which a pattern is read for some request at a time in these spans."""
    older, newer = spans
    kind = KIND_OF.get(pattern.counts)
    if kind is None:
        yield older, name
    elif kind is not Kind.QUESTIONS:
        yield newer, kind.of(name)
    elif over is Over.AGREEMENT:
        yield from ((older, kind.numbered(part)) for part in range(PARTS))
    else:
        yield older, kind.of(name)


def is_asked(pattern: Pattern, seen: Seen, about: int) -> bool:
    """Whether a request is one of those that a pattern counts, so that it is held once there are too many.

    ``about`` is what came up in it.
    """
    if not _IS_ASKED[pattern.counts](seen):
        return False
    if not pattern.joins and not pattern.us_persons:
        return True
    joined = 1 if pattern.counts in _JOINED else pattern.joins
    if pattern.joins and (about & pattern.mask).bit_count() < joined:
        return False
    return not pattern.us_persons or about & US_PERSON_BIT != 0


_JOINED: Final = frozenset({Counts.PEOPLE, Counts.SPREAD, Counts.PACE})  # what came up in other requests is joined
_IS_ASKED: Final[dict[Counts, Callable[[Seen], bool]]] = {
    **dict.fromkeys(_JOINED, lambda seen: bool(seen.subjects)),
    **dict.fromkeys((Counts.TEMPLATE, Counts.STANDING, Counts.CLOCKWORK), lambda seen: seen.asked.older != 0),
    Counts.LOOP: lambda seen: seen.asked.step,
    Counts.ACTS: lambda seen: seen.asked.acts,
    Counts.FORCE: lambda seen: seen.asked.force,
    Counts.CASES: lambda seen: seen.asked.case != 0,
    Counts.ROWS: lambda seen: seen.asked.rows != 0,
}


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
    if pattern.counts is Counts.CLOCKWORK:
        rows = [row for each in sketches for row in each.rows(since) if _joins(pattern, row[2])]
        return _like_clockwork([(token & _FOLD, seen) for token, seen, _ in rows], question)
    found = _found(pattern, sketches, since)
    return Tally(found, found)


def _found(pattern: Pattern, sketches: Iterable[Sketch], since: int) -> int:
    match pattern.counts:
        case Counts.SPREAD:
            return max((_spread(each, since, pattern) for each in sketches), default=0)
        case Counts.ROWS:
            return round(sum(each.scale * sum(row[2] for row in each.rows(since)) for each in sketches))
        case Counts.PACE:
            return sum(_different(each, since, pattern) for each in sketches)
        case Counts.LOOP | Counts.ACTS | Counts.FORCE:
            return sum(len(each.rows(since)) for each in sketches)
        case _:
            mask = pattern.mask if pattern.joins else 0
            return sum(each.count(since, mask, pattern.joins, pattern.days) for each in sketches)


def _different(sketch: Sketch, since: int, pattern: Pattern) -> int:
    """How many people are among the latest, with what came up of each joined."""
    matters: dict[int, int] = {}
    for token, _, about in sketch.rows(since):
        person = token & _PERSON
        matters[person] = matters.get(person, 0) | about
    if not pattern.joins:
        return len(matters)
    mask, joins = pattern.mask, pattern.joins
    return sum((about & mask).bit_count() >= joins for about in matters.values())


def _joins(pattern: Pattern, about: int) -> bool:
    return not pattern.joins or (about & pattern.mask).bit_count() >= pattern.joins


def _spread(sketch: Sketch, since: int, pattern: Pattern) -> int:
    """Of so many people each of ``joins`` matters came up: as many as of the rarest of the commonest ones."""
    by_matters = sketch.matters(since).items()
    bits = [each.bit for each in pattern.touching]
    people = sorted((sum(count for about, count in by_matters if about & bit) for bit in bits), reverse=True)
    return round(people[pattern.joins - 1] * sketch.scale)


def _in_questions(sketch: Sketch, since: int, pattern: Pattern, question: int | None) -> Tally:
    """The people in the question that has most, and in the one that is asked."""
    rows = sketch.rows(since, pattern.days)
    counted = Counter(token & _FOLD for token, _, about in rows if _joins(pattern, about))
    most = max(counted.values(), default=0)
    own = most if question is None else counted[question & _FOLD]
    sure = sketch.scale == 1 or own >= SURE
    return Tally(round(most * sketch.scale), round(own * sketch.scale) if sure else 0)


def _like_clockwork(rows: Sequence[tuple[int, int]], question: int | None) -> Tally:
    """The most requests at even intervals: of one question, or all together."""
    by_question: dict[int, list[int]] = {}
    for each, unix in rows:
        by_question.setdefault(each, []).append(unix)
    if question is not None:
        fold = question & _FOLD
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
    return int.from_bytes(mixed, "big") << 16 | question & _FOLD


def _latest(seen: Seen, question: int) -> int:
    """A request: the later the smaller, then eight bits of its own and sixteen of its question."""
    return (_LATEST - seen.unix) << 24 | (seen.request & 0xFF) << 16 | question & _FOLD
