# SPDX-License-Identifier: Apache-2.0
"""Intervals cover as often as they say, areas count pairs, and a threshold holds for every corpus."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.evidence.odds import at_most as chance_of_at_most
from brightline.core.screening.figures import (
    area_under_curve,
    at_least,
    at_most,
    clopper_pearson,
    counted,
    curve,
    rate,
    recall_at,
    threshold_at,
    threshold_of_worst,
    wilson,
)

scores = st.lists(st.integers(0, 6).map(lambda tenth: tenth / 10), max_size=40)
some = st.lists(st.integers(0, 6).map(lambda tenth: tenth / 10), min_size=1, max_size=40)
shares = st.sampled_from([0.0, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0])
samples = st.integers(0, 60).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


def test_the_intervals_are_the_published_ones() -> None:
    assert wilson(15, 100).low == pytest.approx(0.0931, abs=5e-5)
    assert wilson(15, 100).high == pytest.approx(0.2328, abs=5e-5)
    assert clopper_pearson(15, 100).low == pytest.approx(0.0865, abs=5e-5)
    assert clopper_pearson(15, 100).high == pytest.approx(0.2353, abs=5e-5)


def test_nothing_in_ten_thousand_bounds_a_share_by_three_in_ten_thousand() -> None:
    assert at_most(0, 10_000) == pytest.approx(3 / 10_000, rel=0.01)
    assert at_least(10_000, 10_000) == pytest.approx(1 - 3 / 10_000, rel=0.01)


@given(samples)
def test_every_interval_holds_its_share_and_mirrors(sample: tuple[int, int]) -> None:
    hits, of = sample
    for interval in (wilson, clopper_pearson):
        found, other = interval(hits, of), interval(of - hits, of)
        assert 0 <= found.low <= found.high <= 1
        if of:
            assert found.low <= hits / of <= found.high
        assert found.low == pytest.approx(1 - other.high, abs=1e-9)


@given(samples.filter(lambda sample: sample[1] > 0))
def test_the_exact_bound_is_where_so_few_hits_become_unlikely(sample: tuple[int, int]) -> None:
    hits, of = sample
    bound = at_most(hits, of)
    if bound < 1:
        assert chance_of_at_most(hits, of, bound) == pytest.approx(0.05, abs=1e-6)
    assert at_least(of - hits, of) == pytest.approx(1 - bound)


def test_a_share_of_none_is_none_and_more_than_all_is_an_error() -> None:
    nothing = rate(0, 0)
    assert (nothing.share, nothing.low, nothing.high) == (None, 0.0, 1.0)
    assert at_most(0, 0) == 1.0
    for wrong in (rate, wilson, clopper_pearson, at_most, at_least):
        with pytest.raises(ValueError, match="2 of 1"):
            wrong(2, 1)


@given(some, some)
def test_the_area_is_the_share_of_pairs_in_order(positives: list[float], negatives: list[float]) -> None:
    pairs = [(p > n) + 0.5 * (p == n) for p in positives for n in negatives]
    assert area_under_curve(positives, negatives) == pytest.approx(sum(pairs) / len(pairs))


def test_there_is_no_area_without_both_kinds() -> None:
    assert area_under_curve([], [0.1]) is None
    assert area_under_curve([0.1], []) is None


@given(scores, shares)
def test_a_threshold_lets_no_more_through_than_allowed_and_is_the_lowest_that_does(
    negatives: list[float], wrongful: float
) -> None:
    threshold = threshold_at(negatives, wrongful)
    allowed = wrongful * len(negatives) + 1e-6
    assert sum(score >= threshold for score in negatives) <= allowed
    if threshold > -math.inf:
        lower = math.nextafter(threshold, -math.inf)
        assert sum(score >= lower for score in negatives) > allowed - 1e-6


def test_what_reaches_a_threshold_counts() -> None:
    assert counted([0.5, 0.4], 0.5).hits == 1


def test_an_interval_of_none_or_all_ends_at_none_or_all() -> None:
    for of in range(1, 60):
        assert wilson(0, of).low == 0.0
        assert wilson(of, of).high == 1.0


def test_a_share_of_a_round_number_is_whole_whatever_the_float_says() -> None:
    assert 0.29 * 100 < 29, "the float says less"
    assert counted([i / 100 for i in range(100)], threshold_at([i / 100 for i in range(100)], 0.29)).hits == 29


def test_one_in_a_thousand_of_a_thousand_is_one() -> None:
    negatives = [i / 1000 for i in range(1000)]
    assert sum(score >= threshold_at(negatives, 0.001) for score in negatives) == 1
    assert sum(score >= threshold_at([*negatives, 0.999], 0.001) for score in negatives) == 0, "ties go together"


@given(st.dictionaries(st.sampled_from("abc"), scores, min_size=1), shares)
def test_the_worst_corpus_sets_the_threshold_for_all(corpora: dict[str, list[float]], wrongful: float) -> None:
    threshold = threshold_of_worst(corpora, wrongful)
    for negatives in corpora.values():
        assert counted(negatives, threshold.value).hits <= wrongful * len(negatives) + 1e-6
    assert threshold.value == threshold_at(corpora[threshold.corpus], wrongful)


def test_of_corpora_that_ask_for_the_same_the_first_by_name_is_named() -> None:
    assert threshold_of_worst({"b": [0.5], "a": [0.5]}, 0.01).corpus == "a"


def test_a_pooled_threshold_would_not_hold_for_the_worst_corpus() -> None:
    corpora = {"chat": [0.0] * 95, "law": [0.9] * 5}
    pooled = threshold_at([score for each in corpora.values() for score in each], 0.05)
    assert counted(corpora["law"], pooled).share == 1.0
    worst = threshold_of_worst(corpora, 0.05)
    assert worst.corpus == "law"
    assert counted(corpora["law"], worst.value).hits == 0


def test_what_is_no_share_and_no_corpus_is_refused() -> None:
    with pytest.raises(ValueError, match="no share"):
        threshold_at([0.1], 1.5)
    with pytest.raises(ValueError, match="no corpus"):
        threshold_of_worst({}, 0.01)


@given(some, some)
def test_the_curve_rises_from_nothing_to_everything_and_recall_is_read_off_it(
    positives: list[float], negatives: list[float]
) -> None:
    points = curve(positives, negatives)
    assert (points[0].wrongful, points[0].recall) == (0, 0)
    assert (points[-1].wrongful, points[-1].recall) == (1, 1)
    for before, after in itertools.pairwise(points):
        assert before.threshold > after.threshold
        assert before.wrongful <= after.wrongful
        assert before.recall <= after.recall
    for wrongful in (0.0, 0.05, 0.5):
        best = max(point.recall for point in points if point.wrongful <= wrongful)
        assert recall_at(positives, negatives, wrongful).share == pytest.approx(best)


def test_there_is_no_curve_without_both_kinds() -> None:
    assert curve([], [0.5]) == () == curve([0.5], [])
