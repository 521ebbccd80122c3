# SPDX-License-Identifier: Apache-2.0
"""The test against a unit's own expectation: benign units never reach it, misusing ones soon do."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.expectation import BUNCH, DIGESTS_MAX, UnitCounts, _tail, likelihood

ALPHA = 1e-6
PER_MILLION = 1_000
DAY = 86_400
HALF_HOUR = 1_800


def poisson(rng: random.Random, mean: float) -> int:
    if mean > 30:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, count, product = math.exp(-mean), 0, rng.random()
    while product >= limit:
        count += 1
        product *= rng.random()
    return count


def bunch(rng: random.Random) -> int:
    """How many requests of one wrongly stopped template come: three on average, sometimes forty."""
    size = 1
    while rng.random() < 2 / 3 and size < 40:
        size += 1
    return size


def lowest_likelihood(rng: random.Random, days: int, requests_a_day: float, false_stops: float) -> float:
    """Walk a benign unit through its days and nights; return the least likely moment."""
    counts = UnitCounts(DAY)
    lowest, number = 1.0, itertools.count()
    for half_hour in range(days * 48):
        now = half_hour * HALF_HOUR
        busy = 1.6 if 16 <= half_hour % 48 < 36 else 0.4
        requests = poisson(rng, requests_a_day / 48 * busy)
        counts.requests(now, requests)
        causes = poisson(rng, requests * false_stops / 3)
        for _ in range(causes):
            for _ in range(bunch(rng)):
                counts.deny(now, str(next(number)))
        if causes:
            lowest = min(lowest, counts.figures(PER_MILLION).likelihood)
    return lowest


@pytest.mark.parametrize("units", [300, pytest.param(1_000, marks=pytest.mark.slow)])
def test_of_so_many_benign_units_none_reaches_a_pattern_in_a_month(units: int) -> None:
    """100 to 100,000 requests a day; 0.05 to 1 false stop in a thousand, in bunches, most of them by day."""
    rng = random.Random(20_261_125)  # noqa: S311 - nothing secret comes of it
    lowest = [lowest_likelihood(rng, 30, 10 ** rng.uniform(2, 5), 10 ** rng.uniform(-4.3, -3)) for _ in range(units)]
    assert [each for each in lowest if each < ALPHA] == []


@pytest.mark.parametrize(("requests_a_day", "denies_most"), [(100, 25), (1_000, 40), (10_000, 70), (100_000, 200)])
def test_misuse_is_found_within_so_many_denies_of_one_day(requests_a_day: int, denies_most: int) -> None:
    before = 30 * requests_a_day
    assert likelihood(denies_most, requests_a_day, before * 0.0003, before, PER_MILLION).likelihood < ALPHA
    assert likelihood(3, requests_a_day, before * 0.0003, before, PER_MILLION).likelihood > ALPHA


def found_on_day(requests_a_day: int, denies_a_day: int, days: int) -> int:
    """After thirty quiet days so many are denied each day, evenly; the day on which that is found, or 0."""
    counts, number = UnitCounts(DAY), itertools.count()
    for half_hour in range(48 * (30 + days)):
        now = half_hour * HALF_HOUR
        counts.requests(now, requests_a_day // 48)
        of_day = half_hour % 48
        share = denies_a_day if half_hour >= 48 * 30 else 0
        for _ in range((of_day + 1) * share // 48 - of_day * share // 48):
            counts.deny(now, str(next(number)))
            if counts.figures(PER_MILLION).likelihood < ALPHA:
                return half_hour // 48 - 29
    return 0


def test_a_unit_that_is_denied_a_little_every_day_is_found_although_no_day_shows_it() -> None:
    assert likelihood(10, 1_000, 0, 30_000, PER_MILLION).likelihood > 1e-3
    assert 1 < found_on_day(1_000, 10, 30) <= 21
    assert 1 < found_on_day(1_000, 20, 30) <= 7
    assert 1 < found_on_day(100, 10, 30) <= 7


def test_fifty_denies_in_one_hour_are_found_before_the_hour_is_over() -> None:
    counts = UnitCounts(DAY)
    for half_hour in range(48 * 30):
        counts.requests(half_hour * HALF_HOUR, 20)
    found = [
        counts.deny(48 * 30 * HALF_HOUR + minute * 60, str(minute)) and counts.figures(PER_MILLION).likelihood < ALPHA
        for minute in range(50)
    ]
    assert True in found


def test_nobody_teaches_the_test_to_put_up_with_misuse() -> None:
    """A unit that raises its denies day by day for three months is found as one that raises them at once."""
    counts = UnitCounts(DAY)
    number = itertools.count()
    for day in range(90):
        for half_hour in range(48):
            now = day * DAY + half_hour * HALF_HOUR
            counts.requests(now, 10_000 // 48)
            for _ in range(day // 20):
                counts.deny(now, str(next(number)))
            if counts.figures(PER_MILLION).likelihood < ALPHA:
                assert day >= 20
                return
    raise AssertionError("the slow unit was never found")


def test_what_a_unit_can_teach_ends_at_a_few_times_the_agreements_rate() -> None:
    taught = [
        likelihood(400, 100_000, share * 1e6, 1e6, PER_MILLION).likelihood for share in (0.001, 0.003, 0.05, 0.5)
    ]
    assert taught[0] < taught[1] == taught[2] == taught[3]


@given(st.integers(0, 200), st.integers(1, 100_000), st.integers(0, 1_000_000))
def test_more_denies_are_never_more_likely(denies: int, requests: int, before: int) -> None:
    first = likelihood(denies, requests, before * 0.001, before, PER_MILLION).likelihood
    second = likelihood(denies + 1, requests, before * 0.001, before, PER_MILLION).likelihood
    assert 0 <= second <= first <= 1


def test_the_more_of_what_a_unit_asks_is_denied_the_clearer_it_is_one_by_one() -> None:
    """Nine of nine and ten of ten: no step of a bunch between them makes the second look better."""
    seen = [likelihood(count, count, 0, 0, PER_MILLION).likelihood for count in range(1, 60)]
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == len(seen)


@given(st.integers(1, 40), st.floats(0.1, 50), st.floats(1, 1e6), st.floats(0.1, 1e5))
def test_the_tail_is_what_summing_the_distribution_gives(
    count: int, shape: float, weight: float, exposure: float
) -> None:
    success = exposure / (weight + exposure)
    below = sum(
        math.exp(
            math.lgamma(shape + k)
            - math.lgamma(shape)
            - math.lgamma(k + 1)
            + shape * math.log1p(-success)
            + k * math.log(success)
        )
        for k in range(count)
    )
    assert _tail(count, shape, weight, exposure) == pytest.approx(1 - below, abs=1e-7)


def test_what_no_float_holds_is_nothing_and_takes_no_time() -> None:
    assert likelihood(20_000, 100_000, 9_000, 9_000_000, PER_MILLION).likelihood == 0.0


def test_a_request_that_is_sent_again_counts_once_within_the_window() -> None:
    counts = UnitCounts(DAY)
    assert counts.deny(0, "a")
    assert not counts.deny(60, "a")
    assert counts.deny(2 * DAY, "a")
    assert counts.figures(PER_MILLION).denies == 1


def test_what_leaves_the_window_becomes_history_and_weighs_less_with_time() -> None:
    counts = UnitCounts(DAY)
    counts.requests(0, 100)
    counts.deny(0, "a")
    counts.requests(3 * DAY, 10)
    assert [(each.windows, each.denies, each.requests) for each in counts._horizons(PER_MILLION)] == [
        (1, 0, 10),
        (7, 1, 110),
        (30, 1, 110),
    ]
    counts.requests(60 * DAY, 10)
    *_, longest = counts._horizons(PER_MILLION)
    assert (longest.denies, longest.requests) == (0, 10)
    assert 109 < longest.requests_before <= 110
    assert 0.9 < longest.denies_before <= 1


def test_a_clock_that_steps_back_loses_nothing() -> None:
    counts = UnitCounts(DAY)
    counts.requests(10 * DAY, 5)
    counts.deny(0, "a")
    assert (counts.figures(PER_MILLION).requests, counts.figures(PER_MILLION).denies) == (5, 1)


def test_what_is_remembered_is_bounded() -> None:
    counts = UnitCounts(DAY)
    for number in range(DIGESTS_MAX + 10):
        counts.deny(0, str(number))
    assert len(counts._seen) == DIGESTS_MAX
    assert counts.figures(PER_MILLION).denies == DIGESTS_MAX + 10


def test_no_request_expects_nothing() -> None:
    assert likelihood(0, 0, 0, 0, PER_MILLION).likelihood == 1.0
    assert likelihood(int(BUNCH), 0, 0, 0, PER_MILLION).likelihood == 0.0


def test_a_window_that_shrinks_leaves_what_is_older_to_the_windows_before_it() -> None:
    counts = UnitCounts(DAY)
    for number in range(40):
        counts.deny(0, str(number))
        counts.requests(0)
    counts.over(60)
    counts.requests(3_600)
    assert counts.deny(3_600, "late")
    found = counts.figures(PER_MILLION)
    assert (found.denies, found.denies_before > 39, found.requests) == (1, True, 1)


def test_a_window_that_grows_takes_in_what_had_left_the_smaller_one() -> None:
    counts = UnitCounts(60)
    for number in range(40):
        counts.deny(0, str(number))
        counts.requests(0)
    counts.over(DAY)
    counts.requests(1_200)
    assert counts.deny(1_200, "late")
    found = counts.figures(PER_MILLION)
    assert (found.denies, found.windows, found.requests, found.denies_before) == (41, 1, 41, 0)


@given(st.lists(st.sampled_from([60, 3_600, DAY, 7 * DAY]), min_size=1, max_size=8))
def test_whatever_windows_follow_each_other_nothing_is_lost_or_counted_twice(windows: list[int]) -> None:
    counts, steps = UnitCounts(DAY), 30
    for step, window in enumerate(itertools.islice(itertools.cycle(windows), steps)):
        counts.over(window)
        counts.requests(step * 1_000)
        counts.deny(step * 1_000, str(step))
    found = counts.figures(PER_MILLION)
    assert 0.95 * steps < found.requests + found.requests_before <= steps  # the distant past weighs less
    assert 0.95 * steps < found.denies + found.denies_before <= steps
