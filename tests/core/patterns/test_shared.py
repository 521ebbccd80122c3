# SPDX-License-Identifier: Apache-2.0
"""One work that is split over many units, told by the questions that they share."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.agreement.pattern import DAY_SECONDS, HOUR_SECONDS, INQUIRY_BIT, Counts, Over, Pattern, Touches
from brightline.core.patterns.book import PatternBook
from brightline.core.patterns.crossing import crossings
from brightline.core.patterns.kinds import Kind
from brightline.core.patterns.places import Counted, named
from brightline.core.patterns.question import ask
from brightline.core.patterns.seen import Seen, Touched, Whose, read_seen, see
from brightline.core.patterns.token import STEP_SECONDS, begins, spans_at
from tests.core.patterns.asking import asked_of

NOW = 1_800_000_000
KEYS = {span: bytes([span % 256]) * 32 for span in range(NOW // STEP_SECONDS - 4, NOW // STEP_SECONDS + 6)}
PLACE, DEVICE, FACE = Touches.PLACE, Touches.DEVICE, Touches.FACE
TEXTS = {PLACE: "Where does somebody live?", DEVICE: "Which handset does somebody use?", FACE: "Find a portrait."}
MATTERS = tuple(TEXTS)
SHARED = Pattern(
    "it", "mass_domestic", (Over.AGREEMENT,), 7 * DAY_SECONDS, 6, MATTERS, joins=3, counts=Counts.SHARED, units=4
)


def request(
    number: int, person: int, about: Touches, unit: str, at: int = NOW, text: str = "", inquiry: bool = False
) -> Seen:
    touched = Touched(((f"name person {person}", about.bit | (INQUIRY_BIT if inquiry else 0)),))
    asked = ask(asked_of(text or TEXTS[about]), touched.persons, at, KEYS)
    return msgspec.structs.replace(see(f"x{number}", touched, Whose("k", unit, "p"), at, KEYS), asked=asked)


def split(requests: int, units: int, matters: Sequence[Touches] = MATTERS, **more: Any) -> list[Seen]:
    """So many requests about as many people, over so many units in turn, each matter in turn for each unit."""
    return [request(n, n, matters[n // units % len(matters)], f"u{n % units}", **more) for n in range(requests)]


def counted(requests: Iterable[Seen], pattern: Pattern = SHARED) -> int:
    """What is counted once all these are in the book."""
    book, last = PatternBook(), NOW
    for last_seen in requests:
        book.enter(last_seen)
        last = last_seen.unix
    return book.count(pattern, place(last), last)


def place(unix: int) -> Counted:
    return Counted(spans_at(unix)[0], Over.AGREEMENT, named(Kind.SHARED, ""))


def test_questions_that_enough_units_share_count_together_and_a_matter_that_is_missing_counts_for_nothing() -> None:
    assert counted(split(30, 5)) >= 6
    assert counted(split(30, 3)) == 0  # too few units
    assert counted(split(30, 5, MATTERS[:2])) == 0  # two matters, of three


def test_what_asks_a_shared_question_is_held_and_everything_else_goes_on() -> None:
    book = PatternBook()
    for seen in split(60, 6):
        book.enter(seen)
    for about in MATTERS:
        one = request(100, 100, about, "u0")
        book.enter(one)
        assert [each.pattern.id for each in crossings(book, [SHARED], one)] == ["it"]
    other = request(101, 101, PLACE, "u0", text="Write to the new address.")
    book.enter(other)
    assert crossings(book, [SHARED], other) == ()


def test_units_of_two_kinds_are_not_added_up_and_those_that_do_both_works_are() -> None:
    """A help desk asks about places and devices, another desk about faces; no unit does both."""
    desks = [*split(40, 5, (PLACE, DEVICE))]
    others = [request(100 + n, 100 + n, FACE, f"other{n % 5}") for n in range(40)]
    assert counted([*desks, *others]) == 0
    both = [request(200 + n, 200 + n, FACE, f"u{n % 5}") for n in range(40)]
    assert counted([*desks, *both]) >= 6


def test_the_same_person_counts_once_whoever_asks_and_however_often() -> None:
    few = [request(n, n % 4, MATTERS[n // 5 % 3], f"u{n % 5}", NOW + 60 * n) for n in range(300)]
    assert counted(few) <= 5


@pytest.mark.parametrize("people", [20, 60, 100])
def test_so_many_people_are_told_within_a_quarter(people: int) -> None:
    assert abs(counted(split(3 * people, people // 2)) - people) <= people // 4


def test_more_people_than_rows_are_found_though_two_units_ask_all_of_it_within_one_hour() -> None:
    pattern = msgspec.structs.replace(SHARED, subjects=60, joins=2, units=2)
    book = PatternBook()
    found: list[int] = []
    for number in range(80):
        touched = Touched(((f"name person {number}", PLACE.bit | DEVICE.bit),))
        seen = see(f"x{number}", touched, Whose("k", f"u{number % 2}", "p"), NOW, KEYS)
        asked = ask(asked_of(TEXTS[PLACE]), touched.persons, NOW, KEYS)
        book.enter(seen := msgspec.structs.replace(seen, asked=asked))
        found.extend(each.subjects for each in crossings(book, [pattern], seen))
    sketch = book.sketch(place(NOW))
    assert sketch is not None
    assert len(sketch.tokens) < 60 <= max(found, default=0)


def test_no_unit_hides_a_work_behind_what_it_asks_itself() -> None:
    """One unit asks more often within the hour than there are rows; the latest rows still have what the others ask."""
    work = split(60, 6)
    flood = [request(1_000 + n, 1_000 + n, PLACE, "loud", NOW + n, text="Write to the address.") for n in range(1_200)]
    found = counted([*work, *flood])
    assert found >= 6


def test_what_was_before_the_window_does_not_count() -> None:
    late = request(500, 500, PLACE, "u0", NOW + 8 * DAY_SECONDS)
    assert counted([*split(60, 6), late]) == 0


def test_a_work_goes_on_across_the_turn_of_a_span() -> None:
    edge = begins(spans_at(NOW)[1] + 1)
    before = split(15, 5, at=edge - HOUR_SECONDS)
    after = [request(50 + n, 50 + n, MATTERS[n % 3], f"u{n % 5}", edge + 60 + n) for n in range(15)]
    assert counted(after) < 9 <= counted([*before, *after])


def test_inquiries_alone_are_counted_where_the_pattern_says_so() -> None:
    asked = msgspec.structs.replace(SHARED, inquiries=True)
    assert counted(split(60, 6), asked) == 0
    assert counted(split(60, 6, inquiry=True), asked) >= 6


WORK = st.lists(
    st.tuples(
        st.integers(0, 30), st.sampled_from(MATTERS), st.integers(0, 6), st.integers(NOW, NOW + 2 * DAY_SECONDS)
    ),
    max_size=25,
)


@given(WORK, st.randoms(use_true_random=False))
def test_in_any_order_from_several_writers_and_from_the_records_the_count_is_the_same(
    drawn: list[tuple[int, Touches, int, int]], rng: random.Random
) -> None:
    work = [request(n, person, about, f"u{unit}", at) for n, (person, about, unit, at) in enumerate(drawn)]
    pattern = msgspec.structs.replace(SHARED, units=2, joins=2)
    last = NOW + 2 * DAY_SECONDS
    online, workers, recounted = PatternBook(), (PatternBook(), PatternBook()), PatternBook()
    for seen in work:
        online.enter(seen)
        for worker in rng.choice(((0,), (1,), (0, 1))):
            workers[worker].enter(seen)
    for seen in rng.sample(work, len(work)):
        read = read_seen(seen.exchange, {"workload": "k", "unit": seen.whose.unit, **seen.fields()})
        assert read is not None
        recounted.enter(read)
    for one, sketch in workers[1]:
        workers[0].merge(one, sketch)
    counts = {book.count(pattern, place(last), last) for book in (online, workers[0], recounted)}
    assert len(counts) == 1
    assert {c: s.write() for c, s in online} == {c: s.write() for c, s in recounted}


def test_no_more_units_or_fewer_people_never_count_more() -> None:
    work = split(90, 9)
    counts = [counted(work, msgspec.structs.replace(SHARED, units=units)) for units in range(2, 12)]
    assert counts == sorted(counts, reverse=True)
    assert counted(work[:30]) <= counted(work[:60]) <= counted(work)
