# SPDX-License-Identifier: Apache-2.0
"""Shares are bounded exactly, and said with what was counted."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.answer.bounds import at_most_of, bound, in_words
from brightline.core.evidence.odds import at_most


@given(st.integers(1, 100_000))
def test_of_none_found_in_n_at_most_three_nths_are(n: int) -> None:
    found = bound("left out", 0, n)
    assert found.low == 0
    assert found.high <= 3 / n
    assert math.isclose((1 - found.high) ** n, 0.05, rel_tol=1e-6) or n == 1


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 400), st.data())
def test_the_bounds_are_those_of_clopper_and_pearson(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    found = bound("found", hits, n)
    assert found.low <= hits / n <= found.high
    side = 0.05 if hits in {0, n} else 0.025
    if hits < n:
        assert math.isclose(at_most(hits, n, found.high), side, rel_tol=1e-6)
    if hits:
        assert math.isclose(1 - at_most(hits - 1, n, found.low), side, rel_tol=1e-6)


def test_they_are_told_with_what_was_counted() -> None:
    assert in_words(bound("left out", 0, 300)) == "left out: 0 of 300, at most 1.0% at 95% confidence"
    assert in_words(bound("found", 247, 354)) == "found: 247 of 354 (69.8%), 64.7% to 74.5% at 95% confidence"
    assert in_words(bound("found", 300, 300)) == "found: 300 of 300, at least 99.0% at 95% confidence"
    assert in_words(bound("found", 0, 0)) == "found: none was looked at, so nothing is bounded"
    assert in_words(bound("left out", 0, 100_000)).endswith("at most 0.003% at 95% confidence")


def test_the_bound_times_the_traffic_is_rounded_up() -> None:
    assert at_most_of(bound("found in the sample", 0, 300), 1_000_000) == math.ceil(1e6 * (1 - 0.05 ** (1 / 300)))
    assert at_most_of(bound("found", 0, 0), 500) == 500


def test_more_hits_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="no share"):
        bound("found", 3, 2)
