# SPDX-License-Identifier: Apache-2.0
"""How likely letters are under each cipher: all sums at once are those that one would add up one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from brightline.core.screening.ciphers import _LOG_OFTEN, _SHIFTS, likelihoods


@given(st.lists(st.integers(0, 2**40), min_size=26, max_size=26))
def test_one_product_says_how_likely_each_shift_is(counts: list[int]) -> None:
    *shifts, atbash = likelihoods(counts)

    for by, likelihood in zip(_SHIFTS, shifts, strict=True):
        assert likelihood == sum(count * _LOG_OFTEN[(at - by) % 26] for at, count in enumerate(counts))
    assert atbash == sum(count * _LOG_OFTEN[25 - at] for at, count in enumerate(counts))
