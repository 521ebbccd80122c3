# SPDX-License-Identifier: Apache-2.0
"""What is counted quickly is what a look at each row counts, on every history: whole columns, bounds and looks.

The plain way is written down here once more, over the rows alone.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.agreement.pattern import (
    DAY_SECONDS,
    HOUR_SECONDS,
    OVER_OF,
    TEMPO,
    US_PERSON_BIT,
    Counts,
    Over,
    Pattern,
)
from brightline.core.patterns import places
from brightline.core.patterns.asked import Asked
from brightline.core.patterns.book import PatternBook
from brightline.core.patterns.crossing import crossings
from brightline.core.patterns.kinds import FOLD, KIND_OF, SURE, Kind, asked_of, comes_up
from brightline.core.patterns.seen import Seen, Subject, Whose
from brightline.core.patterns.sketch import DAYS, Sketch
from brightline.core.patterns.token import begins, spans_at

SMALL = 6
NOW = 1_800_000_000
Row = tuple[int, int, int]
MATTERS = st.sampled_from([0, 1, 2, 3, 16, 31, 127, US_PERSON_BIT, US_PERSON_BIT | 5])
TIMES = [0, 5 * HOUR_SECONDS, DAY_SECONDS, 33 * DAY_SECONDS]
ADDED = st.lists(
    st.tuples(
        st.sampled_from([n * (2**64 // 23) + 7 * n for n in range(1, 23)]),
        st.integers(0, DAYS * DAY_SECONDS - 1) | st.sampled_from(TIMES),
        MATTERS | st.integers(0, 0xFFFF),
    ),
    max_size=30,
)


class Plain:
    """A sketch as its docstring has it: of a set of rows the smallest tokens, each joined."""

    def __init__(self, added: list[Row], size: int) -> None:
        every: dict[int, list[tuple[int, int]]] = {}
        for token, time, about in added:
            every.setdefault(token, []).append((time, about))
        self.over = len(every) > size
        self.rows: dict[int, tuple[int, frozenset[int], int]] = {}
        for token in sorted(every)[:size]:
            about = 0
            for _, more in every[token]:
                about |= more
            days = frozenset(time // DAY_SECONDS for time, _ in every[token])
            self.rows[token] = (max(time for time, _ in every[token]), days, about)
        self.scale = 2**64 / (max(self.rows) + 1) if self.over else 1.0

    def matching(self, since: int, mask: int, joins: int, days: int, marked: int) -> list[int]:
        return [
            token
            for token, (time, on, about) in self.rows.items()
            if time >= since
            and len([day for day in on if day >= since // DAY_SECONDS]) >= days
            and (about & mask).bit_count() >= joins
            and about & marked == marked
        ]

    def by_day(self) -> tuple[tuple[int, int], ...]:
        came = Counter(day for _, on, _ in self.rows.values() for day in on)
        return tuple((day * DAY_SECONDS, round(came[day] * self.scale)) for day in range(DAYS))

    def write(self) -> bytes:
        head = struct.pack(">4sBxHQ", b"BLS2", self.over, len(self.rows), 0)
        times, days, abouts = [], [], []
        for time, on, about in self.rows.values():
            times.append(struct.pack(">I", time))
            days.append(struct.pack(">Q", sum(1 << day for day in on if day != time // DAY_SECONDS)))
            abouts.append(struct.pack(">H", about))
        return head + b"".join((*(struct.pack(">Q", token) for token in self.rows), *times, *days, *abouts))


def sketch_of(added: list[Row]) -> Sketch:
    sketch = Sketch(0, SMALL)
    for row in added:
        sketch.add(*row)
    return sketch


@given(
    ADDED,
    st.integers(0, 30),
    st.integers(-1, DAYS * DAY_SECONDS) | st.sampled_from([time + more for time in TIMES for more in (0, 1)]),
    st.sampled_from([0, 1, 3, 31, 127]),
    st.integers(0, 3),
    st.integers(1, 3),
    st.booleans(),
)
@settings(deadline=None)
def test_a_sketch_is_what_its_rows_are_however_it_was_put_together(
    added: list[Row], cut: int, since: int, mask: int, joins: int, days: int, us_persons: bool
) -> None:
    plain, whole, merged = Plain(added, SMALL), sketch_of(added), sketch_of(added[:cut])
    merged.merge(sketch_of(added[cut:]))
    marked = US_PERSON_BIT if us_persons else 0
    for sketch in (whole, merged, Sketch.read(whole.write(), SMALL)):
        for _ in range(2):  # the second time more is known
            found = plain.matching(since, mask, joins, days, marked)
            assert sketch.matching(since, mask, joins, days, marked) == found
            assert sketch.found(since, mask, joins, days, marked) == len(found)
            assert sketch.count(since, mask, joins, days, marked) == round(len(found) * plain.scale)
            each = [len(plain.matching(since, bit, 1, 1, 0)) for bit in (1, 2, 64)]
            assert sketch.found_each(since, (1, 2, 64)) == each
        assert sketch.by_day(0, DAYS * DAY_SECONDS) == plain.by_day()
        assert sketch.total() == len(plain.rows) * plain.scale
        assert sketch.write() == plain.write()


# ---- the patterns ------------------------------------------------------------------------------------------------


def tallied(pattern: Pattern, sketches: list[Sketch], unix: int, question: int) -> int:
    """The count that decides, in the plain way."""
    since, mask = unix - pattern.window_seconds, pattern.mask if pattern.joins else 0
    marked = US_PERSON_BIT if pattern.us_persons else 0
    match pattern.counts:
        case Counts.SPREAD:
            return max((_spread(each, since, pattern) for each in sketches), default=0)
        case Counts.ROWS:
            return round(sum(each.scale * sum(row[2] for row in each.rows(since)) for each in sketches))
        case Counts.LOOP | Counts.ACTS | Counts.FORCE:
            return sum(len(each.rows(since)) for each in sketches)
        case Counts.PACE:
            matters: dict[int, int] = {}
            for token, _, about in _fullest(sketches, since)[0]:
                matters[token & 0xFFFFFF] = matters.get(token & 0xFFFFFF, 0) | about
            return sum((about & mask).bit_count() >= pattern.joins for about in matters.values())
        case Counts.CASES:
            rows, scale = _fullest(sketches, since)
            return round(len(rows) * scale)
        case Counts.TEMPLATE:
            if not sketches:
                return 0
            rows = [row for row in sketches[0].rows(since, pattern.days) if _joins(row[2], mask, pattern.joins)]
            own = sum(token & FOLD == question & FOLD for token, _, _ in rows)
            scale = sketches[0].scale
            return round(own * scale) if scale == 1 or own >= SURE else 0
        case _:
            return sum(
                _told(
                    pattern,
                    each,
                    sum(
                        _joins(about, mask, pattern.joins) and about & marked == marked
                        for _, _, about in each.rows(since, pattern.days)
                    ),
                )
                for each in sketches
            )


def _fullest(sketches: list[Sketch], since: int) -> tuple[list[tuple[int, int, int]], float]:
    """The rows of the sketch that has most, and its scale: what stands in both spans is counted in one."""
    found = [(each.rows(since), each.scale) for each in sketches]
    return max(reversed(found), key=lambda each: len(each[0]), default=([], 1))


def _joins(about: int, mask: int, joins: int) -> bool:
    return (about & mask).bit_count() >= joins


def _spread(sketch: Sketch, since: int, pattern: Pattern) -> int:
    rows = sketch.rows(since)
    people = sorted((sum(bool(about & each.bit) for _, _, about in rows) for each in pattern.touching), reverse=True)
    return _told(pattern, sketch, people[pattern.joins - 1])


def _told(pattern: Pattern, sketch: Sketch, found: int) -> int:
    """Of people how many there are at least, where a sketch has a part of them: two deviations less."""
    if sketch.scale > 1 and pattern.counts in {Counts.PEOPLE, Counts.SPREAD}:
        return round(max(0.0, found - 2 * math.sqrt(found)) * sketch.scale)
    return round(found * sketch.scale)


def in_the_plain_way(book: PatternBook, patterns: list[Pattern], seen: Seen) -> list[tuple[str, Over, int]]:
    found = []
    for pattern in patterns:
        if pattern.counts not in asked_of(seen) or not comes_up(pattern, seen.about | seen.asked.about):
            continue
        best: tuple[Over, int] | None = None
        for over, name in seen.whose.scopes():
            if over not in pattern.over:
                continue
            where = [
                each
                for each in places.places_of(pattern, over, name, seen.unix)
                if KIND_OF.get(pattern.counts) is not Kind.QUESTIONS
                or over is not Over.AGREEMENT
                or each == places.part_of(each.span, places.part_in(seen.asked.older))
            ]
            if KIND_OF.get(pattern.counts, Kind.QUESTIONS) is not Kind.QUESTIONS:
                where += [each._replace(span=each.span - 1) for each in where]
            sketches = [sketch for each in where if (sketch := book.sketch(each)) is not None]
            count = tallied(pattern, sketches, seen.unix, seen.asked.older)
            if count >= pattern.subjects and (best is None or count > best[1]):
                best = over, count
        if best is not None:
            found.append((pattern.id, *best))
    return found


def _patterns() -> list[Pattern]:
    made = []
    for counts in sorted(
        set(Counts) - {Counts.CLOCKWORK, Counts.SHARED}
    ):  # which are looked at once in so many requests
        for subjects in (2, 5, 9):
            window = HOUR_SECONDS if counts in TEMPO else 20 * DAY_SECONDS
            pattern = Pattern(f"{counts}-{subjects}", "f", OVER_OF.get(counts, tuple(Over)), window, subjects)
            made.append(msgspec.structs.replace(pattern, counts=counts, days=2 if counts is Counts.STANDING else 1))
            if counts in {Counts.PEOPLE, Counts.SPREAD, Counts.PACE, Counts.TEMPLATE, Counts.STANDING}:
                joined = msgspec.structs.replace(made[-1], id=f"{counts}-{subjects}-joined", joins=2)
                made[-1 if counts is Counts.SPREAD else len(made) :] = [joined]
    many_days = Pattern("days", "f", tuple(Over), 9 * DAY_SECONDS, 3, days=3, joins=1)
    marked = Pattern("marked", "f", tuple(Over), DAY_SECONDS, 2, us_persons=True)
    return [*made, many_days, marked]


PATTERNS = _patterns()
EDGE = begins(spans_at(NOW)[1] + 1)
REQUESTS = st.lists(
    st.builds(
        lambda n, unix, whose, subjects, asked: Seen(f"x{n}", unix, whose, tuple(subjects), asked=asked),
        st.integers(0, 40),
        st.integers(EDGE - 5, EDGE + 5)
        | st.integers(0, 60).map(lambda step: EDGE - DAY_SECONDS + step * HOUR_SECONDS)
        | st.integers(0, 24).map(lambda day: EDGE - 9 * DAY_SECONDS + day * DAY_SECONDS),
        st.builds(Whose, st.sampled_from(["k1", "k2"]), st.sampled_from(["u1", "u2"]), st.just("p")),
        st.lists(
            st.builds(
                lambda person, about: Subject(person << 58 | person, (23 - person) << 58 | person, about),
                st.integers(1, 22),
                MATTERS,
            ),
            max_size=4,
            unique_by=lambda each: each.older,
        ),
        st.builds(
            lambda question, about, rows, step, acts, force, case: Asked(
                older=question << 61 | question,
                newer=question << 61 | question,
                about=about,
                rows=rows,
                step=step,
                acts=acts,
                force=force,
                case=case << 60,
                case_before=15 - case << 60 if case else 0,
            ),
            st.integers(0, 3),
            st.just(3),
            st.sampled_from([0, 0, 10, 300]),
            st.booleans(),
            st.booleans(),
            st.booleans(),
            st.integers(0, 9),
        ),
    ),
    max_size=30,
)


@contextmanager
def small_sketches() -> Iterator[None]:
    """Sketches that are soon full."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "SIZE", SMALL)
        patch.setattr(places, "SIZES", dict.fromkeys(Kind, SMALL))
        yield


@given(REQUESTS, st.booleans())
@settings(max_examples=40, deadline=None)
def test_what_is_not_counted_each_time_crosses_when_the_plain_way_says_so(requests: list[Seen], small: bool) -> None:
    with small_sketches() if small else contextmanager(lambda: iter([None]))():
        book, other = PatternBook(), PatternBook()
        for number, seen in enumerate(requests):
            if number % 3 == 1:  # another worker counts it, and it is heard of later
                other.enter(seen)
                continue
            if number % 4 == 3:
                for counted, sketch in other:
                    book.merge(counted, sketch)
            book.enter(seen)
            crossed = [(each.pattern.id, each.over, each.subjects) for each in crossings(book, PATTERNS, seen)]
            assert crossed == in_the_plain_way(book, PATTERNS, seen)
