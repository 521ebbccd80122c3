# SPDX-License-Identifier: Apache-2.0
"""What machines do in nobody's presence, counted: one question with many subjects, loops, clockwork, cases, rows."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.agreement.pattern import DAY_SECONDS, HOUR_SECONDS, OVER_OF, Counts, Over, Pattern, Touches
from brightline.core.exchange.model import Exchange
from brightline.core.patterns.asked import read_asked
from brightline.core.patterns.book import PatternBook
from brightline.core.patterns.crossing import Crossed, crossings
from brightline.core.patterns.kinds import SIZES, Kind
from brightline.core.patterns.places import Counted, named, size_of
from brightline.core.patterns.question import ask
from brightline.core.patterns.seen import Seen, Touched, Whose, read_seen, see
from brightline.core.patterns.token import STEP_SECONDS, begins, spans_at
from tests.core.patterns.asking import CASE, LOOP, asked_of, case, step, table

NOW = 1_800_000_000
KEYS = {span: bytes([span % 256]) * 32 for span in range(NOW // STEP_SECONDS - 4, NOW // STEP_SECONDS + 6)}
PLACE, BELIEF, DEVICE, FACE = Touches.PLACE, Touches.BELIEF, Touches.DEVICE, Touches.FACE
WHERE, WHICH = "Where does somebody live just now?", "Which church does somebody visit?"


def request(
    number: int,
    persons: Iterable[int] = (),
    about: Touches = PLACE,
    at: int = NOW,
    key: str = "k",
    unit: str = "u",
    text: str = WHERE,
    exchange: Exchange | None = None,
) -> Seen:
    touched = Touched(tuple((f"name person {person}", about.bit) for person in persons))
    asked = ask(exchange or asked_of(text), touched.persons, at, KEYS)
    seen = see(f"x{number}", touched, Whose(key, unit, "p"), at, KEYS)
    return msgspec.structs.replace(seen, asked=asked)


def pattern(counts: Counts, subjects: int, **changes: Any) -> Pattern:
    over = OVER_OF.get(counts, tuple(Over))
    made = Pattern("it", "acts_alone", over, 30 * DAY_SECONDS, subjects, counts=counts)
    return msgspec.structs.replace(made, **changes)


def crossed(which: Pattern, requests: Iterable[Seen], book: PatternBook | None = None) -> list[int]:
    """For each request the count that crossed, 0 if none did."""
    book = PatternBook() if book is None else book
    found = []
    for seen in requests:
        book.enter(seen)
        said: tuple[Crossed, ...] = crossings(book, [which], seen)
        found.append(said[0].subjects if said else 0)
    return found


# ---- one question, many subjects ---------------------------------------------------------------------------------


def test_one_question_with_a_fifth_subject_is_one_too_many_and_another_question_goes_on() -> None:
    template = pattern(Counts.TEMPLATE, 5)
    book = PatternBook()
    assert crossed(template, (request(n, [n]) for n in range(6)), book) == [0, 0, 0, 0, 5, 6]
    assert crossed(template, [request(9, [99], text=WHICH)], book) == [0]
    assert crossed(template, (request(20 + n, [1]) for n in range(9))) == [0] * 9


def test_a_question_that_is_split_over_keys_and_units_is_counted_for_the_agreement_as_a_whole() -> None:
    split = [request(n, [n], key=f"k{n}", unit=f"u{n}") for n in range(6)]
    assert crossed(pattern(Counts.TEMPLATE, 5, over=(Over.AGREEMENT,)), split) == [0, 0, 0, 0, 5, 6]
    assert crossed(pattern(Counts.TEMPLATE, 5, over=(Over.UNIT,)), split) == [0] * 6


def test_a_question_hidden_in_much_other_traffic_is_still_found_over_the_agreement_as_a_whole() -> None:
    """Twenty thousand other questions fill the sketches; what there is of one question is estimated, not lost."""
    rng = random.Random(1)  # noqa: S311 - a simulation
    book = PatternBook()
    words = ["alpha", "bravo", "delta", "gamma", "kappa", "sigma", "theta", "omega"]
    for number in range(20_000):
        text = f"Where does the {rng.choice(words)} {rng.choice(words)} {rng.choice(words)} of somebody live?"
        if number % 10 == 0:
            book.enter(request(number, [number], key="k2", unit="u2", text=text))
    template = pattern(Counts.TEMPLATE, 300, over=(Over.AGREEMENT,))
    found = crossed(template, (request(10**6 + n, [10**6 + n]) for n in range(500)), book)
    first = next(place for place, count in enumerate(found) if count)
    assert 200 < first < 400


def test_a_rare_question_in_a_full_sketch_is_not_taken_for_many() -> None:
    """A sketch of a part stands for more than it holds; one row of it is no evidence of fifty people."""
    book = PatternBook()
    for number in range(3_000):
        book.enter(request(number, [number]))
    template = pattern(Counts.TEMPLATE, 50, over=(Over.UNIT,))
    assert crossed(template, (request(10**6 + n, [10**6 + n], text=WHICH) for n in range(20)), book) == [0] * 20


# ---- what comes back ---------------------------------------------------------------------------------------------


def test_a_question_that_comes_back_on_four_days_is_a_standing_one_and_one_about_others_each_day_is_not() -> None:
    standing = pattern(Counts.STANDING, 2, days=4)
    daily = [request(10 * day + n, [n], at=NOW + day * DAY_SECONDS) for day in range(4) for n in (1, 2)]
    assert crossed(standing, daily) == [0] * 7 + [2]
    others = [request(10 * day + n, [10 * day + n], at=NOW + day * DAY_SECONDS) for day in range(9) for n in (1, 2)]
    assert not any(crossed(standing, others))


def test_a_standing_question_that_names_nobody_is_one_too() -> None:
    nobody = [request(day, at=NOW + day * DAY_SECONDS, text="Who was at the rally?") for day in range(4)]
    assert crossed(pattern(Counts.STANDING, 1, days=4), nobody) == [0, 0, 0, 1]


def test_it_comes_back_across_the_turn_of_a_span() -> None:
    edge = begins(spans_at(NOW)[1] + 1)
    daily = [request(day, [1], at=edge + (day - 2) * DAY_SECONDS + 60) for day in range(4)]
    assert crossed(pattern(Counts.STANDING, 1, days=4), daily) == [0, 0, 0, 1]


# ---- spread ------------------------------------------------------------------------------------------------------


def test_matters_that_come_up_of_different_people_are_spread_though_nobody_s_profile_is_whole() -> None:
    spread = pattern(Counts.SPREAD, 3, joins=3, touching=(PLACE, BELIEF, DEVICE, FACE))
    piecemeal = [request(n, [n], about) for n, about in enumerate([PLACE, BELIEF, DEVICE] * 3)]
    assert crossed(spread, piecemeal) == [0] * 8 + [3]
    assert crossed(pattern(Counts.PEOPLE, 1, joins=2), piecemeal) == [0] * 9
    two_matters = [request(n, [n], about) for n, about in enumerate([PLACE, BELIEF] * 20)]
    assert not any(crossed(spread, two_matters))


# ---- tempo -------------------------------------------------------------------------------------------------------


def test_steps_from_a_tool_to_the_next_act_that_nobody_reads_are_too_quick_and_the_same_in_a_day_are_not() -> None:
    acts = pattern(Counts.ACTS, 10, window_seconds=600)
    quick = [request(n, at=NOW + 20 * n, exchange=step("assign_effector")) for n in range(12)]
    assert crossed(acts, quick) == [0] * 9 + [10, 11, 12]
    slow = [request(n, at=NOW + 2 * HOUR_SECONDS * n, exchange=step("assign_effector")) for n in range(40)]
    assert not any(crossed(acts, slow))


def test_who_writes_code_in_a_loop_does_not_act_on_the_world_and_is_in_a_loop_all_the_same() -> None:
    coding = [request(n, at=NOW + 5 * n, exchange=step("write_file")) for n in range(12)]
    assert not any(crossed(pattern(Counts.ACTS, 10, window_seconds=600), coding))
    assert crossed(pattern(Counts.LOOP, 10, window_seconds=600), coding)[-1] == 12


def test_a_tool_that_uses_force_is_told_from_one_that_acts() -> None:
    force = pattern(Counts.FORCE, 10, window_seconds=600)
    assert crossed(force, (request(n, at=NOW + n, exchange=step("gun.fire")) for n in range(12)))[-1] == 12
    assert not any(crossed(force, (request(n, at=NOW + n, exchange=step("send_letter")) for n in range(12))))


def test_many_people_in_an_hour_are_counted_exactly_however_many_came_in_the_month_before() -> None:
    pace = pattern(Counts.PACE, 50, window_seconds=HOUR_SECONDS, joins=1)
    book = PatternBook()
    month = (request(n, [n], at=NOW - 30 * DAY_SECONDS + 1_200 * n) for n in range(2_100))
    assert not any(crossed(pace, month, book))
    hour = (request(10**6 + n, [10**6 + n], at=NOW + 60 * n) for n in range(60))
    assert crossed(pace, hour, book)[48:52] == [0, 50, 51, 52]


def test_few_people_who_are_asked_about_all_the_time_are_few() -> None:
    pace = pattern(Counts.PACE, 31, window_seconds=HOUR_SECONDS)
    assert not any(crossed(pace, (request(n, [n % 30], at=NOW + 5 * n) for n in range(700))))


def test_people_before_the_turn_of_a_span_and_after_it_are_the_same_people() -> None:
    edge = begins(spans_at(NOW)[1] + 1)
    pace = pattern(Counts.PACE, 31, window_seconds=HOUR_SECONDS)
    assert not any(crossed(pace, (request(n, [n % 30], at=edge + 5 * (n - 90)) for n in range(180))))
    joined = pattern(Counts.PACE, 3, window_seconds=HOUR_SECONDS, joins=2)
    matters = [request(n, [n % 3], (PLACE, BELIEF)[n // 3], at=edge + 20 * (n - 3)) for n in range(6)]
    assert crossed(joined, matters) == [0] * 5 + [3]


def test_people_whom_an_earlier_version_counted_in_the_newer_span_alone_are_counted() -> None:
    before, book = PatternBook(), PatternBook()
    for number in range(20):
        before.enter(request(number, [number]))
    for counted, sketch in before:
        if counted.span == spans_at(NOW)[1]:
            book.merge(counted, sketch)
    pace = pattern(Counts.PACE, 21, window_seconds=HOUR_SECONDS)
    assert crossed(pace, [request(20, [20], at=NOW + 60)], book) == [21]


def test_of_many_steps_in_one_second_each_is_counted() -> None:
    acts = pattern(Counts.ACTS, 1, window_seconds=600)
    assert crossed(acts, (request(n, exchange=step("engage")) for n in range(100))) == [*range(1, 101)]


def test_a_clock_that_jumps_ahead_and_back_hides_no_step() -> None:
    acts = pattern(Counts.ACTS, 10, window_seconds=600)
    book = PatternBook()
    jumped = [request(n, at=NOW + DAY_SECONDS + n, exchange=step("engage")) for n in range(200)]
    assert crossed(acts, jumped, book)[-1] >= 10
    again = [request(1_000 + n, at=NOW + n, exchange=step("engage")) for n in range(12)]
    assert min(crossed(acts, again, book)) >= 10  # what came "later" counts until its time has passed


def test_a_question_of_a_person_is_no_step() -> None:
    assert not any(crossed(pattern(Counts.LOOP, 1, window_seconds=600), [request(1, exchange=LOOP)]))


def test_requests_like_clockwork_are_told_from_those_of_people_who_ask_as_often() -> None:
    clockwork = pattern(Counts.CLOCKWORK, 20, window_seconds=DAY_SECONDS)
    even = [request(n, [n % 3], at=NOW + 300 * n + n % 2) for n in range(40)]
    assert crossed(clockwork, even)[-1] == 40
    rng = random.Random(2)  # noqa: S311 - a simulation
    times = sorted(rng.sample(range(NOW, NOW + 40 * 300), 40))
    assert not any(crossed(clockwork, (request(n, [n % 3], at=at) for n, at in enumerate(times))))


def test_a_clock_among_people_is_found_by_its_question() -> None:
    rng = random.Random(3)  # noqa: S311 - a simulation
    even = [request(n, [1], at=NOW + 600 * n) for n in range(30)]
    people = [
        request(100 + n, [n], at=at, text=f"Where is the {'abcdefgh'[n % 8] * 5} meeting of somebody?")
        for n, at in enumerate(rng.sample(range(NOW, NOW + 30 * 600), 60))
    ]
    found = crossed(
        pattern(Counts.CLOCKWORK, 20, window_seconds=DAY_SECONDS), sorted(even + people, key=lambda each: each.unix)
    )
    assert found[-1] == 30 or 20 <= max(found) <= 30


def _of_people(times: Iterable[int]) -> list[Seen]:
    return [
        request(100 + n, [n], at=at, text=f"Where is the {'abcdefgh'[n % 8] * 5} meeting of somebody?")
        for n, at in enumerate(times)
    ]


@pytest.mark.parametrize("phase", range(4))
def test_a_clock_is_found_though_as_many_others_ask_between_its_requests_as_are_not_looked_at(phase: int) -> None:
    rng = random.Random(phase)  # noqa: S311 - a simulation
    people = _of_people(NOW + 600 * n + rng.randrange(1, 600) for n in range(30) for _ in range(3))
    even = [request(n, [1], at=NOW + 600 * n) for n in range(30)]
    early = _of_people([NOW - 900, NOW - 700, NOW - 100])[:phase]
    clockwork = pattern(Counts.CLOCKWORK, 20, window_seconds=DAY_SECONDS)
    book = PatternBook()
    crossed(clockwork, early, book)
    in_time = sorted(even + people, key=lambda each: each.unix)
    found = crossed(clockwork, in_time, book)
    assert [count for seen, count in zip(in_time, found, strict=True) if seen in even][21:] == [*range(22, 31)]


def test_a_clock_among_people_is_found_across_the_turn_of_a_span() -> None:
    edge = begins(spans_at(NOW)[1] + 1)
    rng = random.Random(5)  # noqa: S311 - a simulation
    even = [request(n, [1], at=edge + 600 * (n - 15)) for n in range(30)]
    people = _of_people(rng.sample(range(edge - 9_000, edge + 9_000), 60))
    clockwork = pattern(Counts.CLOCKWORK, 20, window_seconds=DAY_SECONDS)
    found = crossed(clockwork, sorted(even + people, key=lambda each: each.unix))
    assert max(found) == 30


def test_a_burst_is_not_like_clockwork() -> None:
    burst = [request(n, [n], at=NOW + n) for n in range(60)]
    assert not any(crossed(pattern(Counts.CLOCKWORK, 20, window_seconds=HOUR_SECONDS), burst))


@pytest.mark.parametrize("counts", [Counts.ACTS, Counts.CASES, Counts.ROWS, Counts.CLOCKWORK])
def test_what_is_counted_once_is_counted_across_the_turn_of_a_span(counts: Counts) -> None:
    edge = begins(spans_at(NOW)[1] + 1)
    times = [edge - 60 + 20 * n for n in range(6)]
    shapes: dict[Counts, Callable[[int], Exchange]] = {
        Counts.ACTS: lambda _: step("engage"),
        Counts.CASES: case,
        Counts.ROWS: lambda _: table(100),
        Counts.CLOCKWORK: lambda _: asked_of("Where is the handset of the person?"),
    }
    made = shapes[counts]
    number = 600 if counts is Counts.ROWS else 6
    whole = pattern(counts, number, window_seconds=HOUR_SECONDS)
    found = crossed(whole, (request(n, at=at, exchange=made(n)) for n, at in enumerate(times)))
    assert found[-1] == number


def test_a_case_before_the_turn_of_a_span_and_after_it_is_one_case() -> None:
    edge = begins(spans_at(NOW)[1] + 1)
    cases = pattern(Counts.CASES, 5, over=(Over.UNIT,))
    twice = [
        request(10 * n + side, at=edge + at, exchange=case(n)) for side, at in ((0, -9), (1, 9)) for n in range(4)
    ]
    book = PatternBook()
    assert not any(crossed(cases, twice, book))
    assert max(crossed(cases, [request(99, at=edge + 10, exchange=case(9))], book)) == 5


def test_cases_that_an_earlier_version_counted_in_the_newer_span_alone_are_counted() -> None:
    def before(seen: Seen) -> Seen:
        return msgspec.structs.replace(seen, asked=msgspec.structs.replace(seen.asked, case_before=0))

    cases = pattern(Counts.CASES, 5)
    found = crossed(cases, (before(request(n, at=NOW + n, exchange=case(n))) for n in range(5)))
    assert found == [0, 0, 0, 0, 5]
    told = before(request(1, exchange=case(1))).asked
    assert len(told.fields()["asked"]["case"]) == 16  # type: ignore[index,call-overload,arg-type]
    assert read_asked(told.fields()) == told


# ---- cases and rows ----------------------------------------------------------------------------------------------


def test_ten_thousand_single_cases_are_too_many_within_what_a_sketch_can_tell() -> None:
    cases = pattern(Counts.CASES, 10_000, over=(Over.UNIT,))
    found = crossed(cases, (request(n, at=NOW + 60 * n, exchange=case(n)) for n in range(13_000)))
    first = next(place for place, count in enumerate(found) if count)
    assert 8_000 < first < 12_500


def test_the_same_case_again_is_one_case_and_a_letter_about_one_is_none() -> None:
    cases = pattern(Counts.CASES, 2)
    assert not any(crossed(cases, (request(n, exchange=CASE) for n in range(5))))
    letter = asked_of("Draft a letter that explains why the claim was approved.")
    assert not any(crossed(pattern(Counts.CASES, 1), [request(1, exchange=letter)]))


def test_rows_are_added_up_and_a_request_that_comes_twice_hands_them_over_once() -> None:
    rows = pattern(Counts.ROWS, 250)
    assert crossed(rows, (request(n, exchange=table(100)) for n in range(3))) == [0, 0, 300]
    assert crossed(rows, (request(1, exchange=table(100)) for _ in range(9))) == [0] * 9


# ---- kept, merged, recounted -------------------------------------------------------------------------------------

MADE: list[Callable[[int], Exchange]] = [
    lambda _: step("engage"),
    lambda _: step("read_file"),
    case,
    lambda n: table(20 + n),
    lambda _: asked_of(WHERE),
]
REQUESTS = st.lists(
    st.builds(
        lambda n, persons, at, key, unit, made: request(n, persons, BELIEF, at, key, unit, exchange=MADE[made](n)),
        st.integers(0, 40),
        st.lists(st.integers(0, 9), max_size=3),
        st.integers(NOW, NOW + 45 * DAY_SECONDS),
        st.sampled_from(["k1", "k2"]),
        st.sampled_from(["u1", "u2"]),
        st.integers(0, len(MADE) - 1),
    ),
    max_size=15,
    unique_by=lambda seen: seen.exchange,
)


def bytes_of(book: PatternBook) -> dict[Counted, bytes]:
    return {counted: sketch.write() for counted, sketch in book}


@given(REQUESTS, st.data())
def test_what_several_workers_count_online_is_what_is_recounted_from_the_records(
    requests: list[Seen], data: st.DataObject
) -> None:
    workers = [PatternBook(), PatternBook()]
    for seen in requests:
        for worker in data.draw(st.sampled_from([[0], [1], [0, 1], [1, 1]])):
            workers[worker].enter(seen)
    for one, other in (workers, workers[::-1]):
        for counted, sketch in one:
            other.merge(counted, sketch)
    recounted = PatternBook()
    for seen in data.draw(st.permutations(requests)):
        committed = {"workload": seen.whose.key, "unit": seen.whose.unit, **seen.fields()}
        read = read_seen(seen.exchange, msgspec.json.decode(msgspec.json.encode(committed)))
        assert (read or None) == (seen if seen.counts else None)
        if read is not None:
            recounted.enter(read)
    assert bytes_of(workers[0]) == bytes_of(workers[1]) == bytes_of(recounted)


def test_a_sketch_that_is_full_keeps_the_latest_and_comes_to_the_same_bytes_in_any_order() -> None:
    requests = [request(n, at=NOW + n, exchange=step("engage")) for n in range(300)]
    ordered, shuffled = PatternBook(), PatternBook()
    for seen in requests:
        ordered.enter(seen)
    random.Random(4).shuffle(requests)  # noqa: S311 - a simulation
    for seen in requests:
        shuffled.enter(seen)
    assert bytes_of(ordered) == bytes_of(shuffled)
    latest = ordered.count(pattern(Counts.ACTS, 10, window_seconds=60), _steps(Kind.ACTS), NOW + 299)
    assert latest == 61


def _steps(kind: Kind) -> Counted:
    return Counted(spans_at(NOW)[1], Over.UNIT, named(kind, "u"))


def test_no_sketch_of_anything_but_people_holds_more_than_its_size() -> None:
    book = PatternBook()
    for number in range(2_000):
        book.enter(request(number, [number], BELIEF))
    for counted, sketch in book:
        assert len(sketch.tokens) <= size_of(counted.name)
    assert size_of("u") == size_of("requests of p") == 1_024
    assert size_of("questions of u") == SIZES[Kind.QUESTIONS]


@pytest.mark.parametrize(
    "told",
    [
        {"question": "00"},
        {"question": "zz" * 16},
        {"case": "00"},
        {"rows": -1},
        {"rows": 65_536},
        {"about": 1 << 16},
        {"step": 1},
        {"words": "where does she live"},
    ],
    ids=str,
)
def test_what_says_otherwise_how_a_request_asks_is_refused(told: Any) -> None:
    with pytest.raises(ValueError):
        read_asked({"asked": told})


def test_no_word_of_a_question_is_in_what_a_record_says() -> None:
    seen = request(1, [1], text="Where does the zanzibar correspondent live?")
    said = msgspec.json.encode(seen.fields())
    assert b'"question"' in said
    assert b"zanzibar" not in said
