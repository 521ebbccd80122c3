# SPDX-License-Identifier: Apache-2.0
"""The odds against exact fractions: what a sample meets, and what it leaves possible."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.evidence.odds import at_most, caught, sample_for, share_at_most

SHARES = st.fractions(min_value=0, max_value=1, max_denominator=1_000)


def test_three_hundred_meet_one_in_a_hundred_with_ninety_five_percent() -> None:
    assert 0.95 < caught(300, 0.01) < 0.951
    assert sample_for(0.01) == 299
    assert 0.0099 < share_at_most(300, 0) < 0.01  # the rule of three: about 3 / n


@given(sample=st.integers(0, 400), share=SHARES)
def test_to_be_met_is_not_to_be_missed_by_each(sample: int, share: Fraction) -> None:
    assert math.isclose(caught(sample, float(share)), float(1 - (1 - share) ** sample), abs_tol=1e-12)


@settings(max_examples=60)
@given(sample=st.integers(1, 120), share=SHARES, data=st.data())
def test_few_misses_are_as_likely_as_the_binomial_says(sample: int, share: Fraction, data: st.DataObject) -> None:
    missed = data.draw(st.integers(0, sample))
    exact = sum(math.comb(sample, k) * share**k * (1 - share) ** (sample - k) for k in range(missed + 1))
    assert math.isclose(at_most(missed, sample, float(share)), float(exact), rel_tol=1e-9, abs_tol=1e-12)


@settings(max_examples=60)
@given(sample=st.integers(1, 200), data=st.data(), confidence=st.sampled_from([0.9, 0.95, 0.99]))
def test_the_bound_is_the_largest_share_under_which_so_few_misses_are_not_absurd(
    sample: int, data: st.DataObject, confidence: float
) -> None:
    missed = data.draw(st.integers(0, sample - 1))
    bound = share_at_most(sample, missed, confidence)
    assert missed / sample < bound < 1
    assert math.isclose(at_most(missed, sample, bound), 1 - confidence, rel_tol=1e-6)


@given(sample=st.integers(1, 5_000))
def test_the_bound_of_none_missed_is_exact(sample: int) -> None:
    assert math.isclose(share_at_most(sample, 0), 1 - 0.05 ** (1 / sample), rel_tol=1e-9)


def test_all_missed_or_none_sent_leave_everything_possible() -> None:
    assert share_at_most(0, 0) == share_at_most(7, 7) == 1.0
    assert caught(0, 1.0) == 0.0
    assert caught(3, 1.0) == 1.0
    assert sample_for(1.0) == 1


@given(share=st.floats(0.0005, 0.99), confidence=st.floats(0.5, 0.999))
def test_the_sample_that_is_asked_for_is_the_smallest_that_is_enough(share: float, confidence: float) -> None:
    sample = sample_for(share, confidence)
    assert caught(sample, share) >= confidence
    assert sample == 1 or caught(sample - 1, share) < confidence


def test_what_cannot_be_asked_is_refused() -> None:
    for asked in (lambda: share_at_most(3, 4), lambda: caught(-1, 0.5), lambda: caught(1, 1.5), lambda: sample_for(0)):
        with pytest.raises(ValueError):
            asked()
