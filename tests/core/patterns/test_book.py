# SPDX-License-Identifier: Apache-2.0
"""Counting over keys, units, purposes and the agreement: online and recounted, crossed and not, over spans."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.agreement.pattern import DAY_SECONDS, HOUR_SECONDS, US_PERSON_BIT, Over, Pattern, Touches
from brightline.core.facts import UNKNOWN, Source
from brightline.core.patterns import book as book_module
from brightline.core.patterns.book import PatternBook
from brightline.core.patterns.crossing import crossings, statements_of
from brightline.core.patterns.places import Counted, is_of_requests
from brightline.core.patterns.seen import Seen, Touched, Whose, read_seen, see
from brightline.core.patterns.token import SPAN_SECONDS, STEP_SECONDS, begins, ends, spans_at

NOW = 1_800_000_000
KEYS = {span: bytes([span % 256]) * 32 for span in range(NOW // STEP_SECONDS - 4, NOW // STEP_SECONDS + 6)}
PLACE, BELIEF, DEVICE = Touches.PLACE.bit, Touches.BELIEF.bit, Touches.DEVICE.bit
EVERYBODY = tuple(Over)
MANY = Pattern("many", "mass_domestic", EVERYBODY, 30 * DAY_SECONDS, subjects=5)


def request(
    persons: list[int], about: int = PLACE, at: int = NOW, key: str = "k", unit: str = "u", exchange: str = "x"
) -> Seen:
    touched = Touched(tuple((f"name person {number}", about) for number in persons))
    return see(exchange, touched, Whose(key, unit, "p"), at, KEYS)


def crossed_after(pattern: Pattern, *requests: Seen) -> list[bool]:
    book = PatternBook()
    found = []
    for seen in requests:
        book.enter(seen)
        found.append(bool(crossings(book, [pattern], seen)))
    return found


def with_(**changes: Any) -> Pattern:
    return msgspec.structs.replace(MANY, **changes)


def test_the_fifth_person_is_one_too_many_and_the_same_four_never_are() -> None:
    assert crossed_after(MANY, *(request([number % 4]) for number in range(40))) == [False] * 40
    assert crossed_after(MANY, *(request([number]) for number in range(6))) == [False] * 4 + [True] * 2


def test_what_is_split_over_keys_and_units_is_counted_for_the_agreement_as_a_whole() -> None:
    split = [request([number], key=f"k{number}", unit=f"u{number}") for number in range(5)]
    assert crossed_after(MANY, *split)[-1]
    assert not crossed_after(with_(over=(Over.KEY, Over.UNIT)), *split)[-1]


def test_what_is_asked_about_one_person_in_many_requests_is_joined() -> None:
    dossier = with_(joins=3, subjects=2)
    asked = [request([person], about) for about in (PLACE, BELIEF, DEVICE) for person in (1, 2)]
    assert crossed_after(dossier, *asked) == [False] * 5 + [True]
    assert not any(crossed_after(dossier, *(request([person], PLACE) for person in range(50))))


def test_who_reached_the_number_goes_on_with_what_touches_nobody_or_nothing_that_counts() -> None:
    dossier = with_(joins=1, touching=(Touches.BELIEF,))
    book = PatternBook()
    for person in range(6):
        book.enter(request([person], BELIEF))
    assert crossings(book, [dossier], request([1], BELIEF))
    assert not crossings(book, [dossier], request([1], PLACE))
    assert not crossings(book, [dossier], request([]))


def test_a_window_that_has_passed_counts_no_more() -> None:
    hour = with_(window_seconds=HOUR_SECONDS)
    slow = [request([number], at=NOW + number * HOUR_SECONDS) for number in range(20)]
    assert not any(crossed_after(hour, *slow))
    assert crossed_after(MANY, *slow)[4]


def test_a_clock_that_steps_back_hides_nobody() -> None:
    hour = with_(window_seconds=HOUR_SECONDS)
    book = PatternBook()
    for person in range(5):
        book.enter(request([person]))
    later, again = request([9], at=NOW + 10 * DAY_SECONDS), request([0])
    book.enter(later)
    assert not crossings(book, [hour], later)
    book.enter(again)
    assert crossings(book, [hour], again)


def test_a_pattern_of_persons_of_the_united_states_counts_those_who_were_marked() -> None:
    marked = with_(us_persons=True, subjects=2)
    mixed = [request([1, 2, 3]), request([1], PLACE | US_PERSON_BIT), request([4]), request([2], US_PERSON_BIT)]
    assert crossed_after(marked, *mixed) == [False, False, False, True]


def test_how_many_matters_came_up_of_how_many_people_is_counted_without_marks() -> None:
    book = PatternBook()
    for seen in (request([1, 2], PLACE | US_PERSON_BIT), request([2], BELIEF), request([3], 0)):
        book.enter(seen)
    span = spans_at(NOW)[0]
    sketch = book.sketch(Counted(span, Over.AGREEMENT, ""))
    assert sketch is not None
    assert sketch.joined(NOW) == (1, 1, 1, 0, 0, 0, 0, 0)
    assert sketch.joined(NOW, BELIEF) == (2, 1, 0, 0, 0, 0, 0, 0)
    assert sketch.joined(NOW + 1) == (0,) * 8


def test_persistence_is_counted_in_days() -> None:
    watched = with_(days=4, subjects=2)
    daily = [request([1, 2], at=NOW + day * DAY_SECONDS) for day in range(4)]
    assert crossed_after(watched, *daily) == [False, False, False, True]
    assert not any(crossed_after(watched, *(request([1, 2]) for _ in range(9))))


def test_nobody_gains_by_waiting_for_the_end_of_a_span() -> None:
    edge = begins(spans_at(NOW)[1] + 1)
    across = [request([number], at=edge - 3 + number) for number in range(5)]
    assert crossed_after(MANY, *across) == [False] * 4 + [True]


def test_any_window_of_thirty_days_lies_in_the_older_span() -> None:
    for unix in range(NOW, NOW + SPAN_SECONDS, DAY_SECONDS // 2):
        older, newer = spans_at(unix)
        assert begins(older) <= unix - 30 * DAY_SECONDS
        assert begins(newer) <= unix < ends(older)


def test_more_people_than_are_told_apart_cross_what_counts_people() -> None:
    seen = see("x", Touched((("name a b", PLACE),), more=True), Whose("k", "u", "p"), NOW, KEYS)
    (crossed,) = crossings(PatternBook(), [with_(subjects=900_000)], seen)
    assert crossed.subjects == 900_000


def test_a_pattern_says_unknown_and_never_good() -> None:
    book = PatternBook()
    seen = request([1, 2, 3, 4, 5, 6])
    book.enter(seen)
    (statement,) = statements_of(crossings(book, [MANY], seen))
    assert (statement.fact, statement.value, statement.source) == ("mass_domestic", UNKNOWN, Source.PATTERN)


def test_notice_is_called_for_at_its_number_and_not_before() -> None:
    book = PatternBook()
    warned = with_(notice=7)
    noticed = []
    for number in range(8):
        seen = request([number])
        book.enter(seen)
        noticed.append([each.noticed for each in crossings(book, [warned], seen)])
    assert noticed == [[]] * 4 + [[False], [False], [True], [True]]


REQUESTS = st.lists(
    st.builds(
        request,
        st.lists(st.integers(0, 30), max_size=6),
        st.integers(0, 127),
        st.integers(NOW, NOW + 45 * DAY_SECONDS),
        st.sampled_from(["k1", "k2", "k3"]),
        st.sampled_from(["u1", "u2"]),
    ),
    max_size=25,
)


def bytes_of(book: PatternBook) -> dict[Any, bytes]:
    return {counted: sketch.write() for counted, sketch in book}


@given(REQUESTS, st.data())
@settings(deadline=None)
def test_what_is_counted_online_by_several_workers_is_what_is_recounted_from_the_records(
    requests: list[Seen], data: st.DataObject
) -> None:
    workers = [PatternBook(), PatternBook()]
    for seen in requests:
        workers[data.draw(st.integers(0, 1))].enter(seen)
    for _ in range(2):
        for one, other in (workers, workers[::-1]):
            for counted, sketch in one:
                other.merge(counted, sketch)
    recounted = PatternBook()
    for seen in data.draw(st.permutations(requests)):
        committed = {"workload": seen.whose.key, "unit": seen.whose.unit, **seen.fields()}
        read = read_seen(seen.exchange, msgspec.json.decode(msgspec.json.encode(committed)))
        assert read is None or read == seen
        if read is not None:
            recounted.enter(read)
    assert bytes_of(workers[0]) == bytes_of(workers[1]) == bytes_of(recounted)


@given(REQUESTS)
@settings(deadline=None)
def test_that_not_everything_is_counted_each_time_changes_nothing(requests: list[Seen]) -> None:
    book = PatternBook()
    for seen in requests:
        book.enter(seen)
        lazy = {(each.over, each.subjects >= MANY.subjects) for each in crossings(book, [MANY], seen)}
        fresh = PatternBook()
        for counted, sketch in book:
            fresh.merge(counted, sketch)
        assert lazy == {(each.over, True) for each in crossings(fresh, [MANY], seen)}


def test_counts_are_whole_again_once_the_last_span_is_over_of_which_something_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(book_module, "SKETCHES_MAX", 20)
    older, newer = spans_at(NOW)
    book = PatternBook()
    for number in range(10):
        book.enter(request([number], key=f"k{number}"))
    full = [book.full]
    book.forget(ends(older))  # there is room again, and the newer span lacks what was not counted
    assert {counted.span for counted, _ in book} == {newer}
    full.append(book.full)
    book.forget(ends(newer))
    full.append(book.full)
    book.enter(request([1], at=ends(newer)))
    assert [*full, book.full] == [True, True, False, False]


def test_a_span_that_is_over_is_forgotten() -> None:
    book = PatternBook()
    book.enter(request([1]))
    book.forget(ends(spans_at(NOW)[0]))
    people = [counted for counted, _ in book if not is_of_requests(counted)]
    assert len(people) == len(EVERYBODY)
    assert {counted.span for counted, _ in book} == {spans_at(NOW)[1]}


@pytest.mark.parametrize(
    "told",
    [
        {"at": NOW, "purpose": "p", "subjects": "00"},
        {"at": NOW, "purpose": "p", "subjects": "0" * 34 + "80"},
        {"at": NOW, "purpose": "p", "subjects": "zz"},
        {"at": NOW, "subjects": ""},
        {"at": NOW, "purpose": "p", "subjects": "", "name": "Maria Jensen"},
    ],
)
def test_what_is_no_record_of_persons_is_refused(told: Any) -> None:
    with pytest.raises(ValueError):
        read_seen("x", {"touched": told})


def test_no_person_is_in_what_a_record_says() -> None:
    seen = see("x", Touched((("name jensen maria", PLACE),)), Whose("k", "u", "p"), NOW, KEYS)
    said = msgspec.json.encode(seen.fields()) + b"".join(bytes_of(_of(seen)).values())
    assert b"jensen" not in said
    assert b"maria" not in said


def _of(seen: Seen) -> PatternBook:
    book = PatternBook()
    book.enter(seen)
    return book
