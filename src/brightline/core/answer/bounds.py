# SPDX-License-Identifier: Apache-2.0
"""Shares with exact bounds (C. J. Clopper and E. S. Pearson, Biometrika 26 (1934) 404), in figures and in words.

Of 0 in n the bound is one-sided, as nothing lies below: about 3/n at 95 %. So it is of n in n, from below.
"""

from __future__ import annotations

import functools

from brightline.core.answer.model import Bound
from brightline.core.screening.figures import CONFIDENCE, at_least, at_most, clopper_pearson


@functools.lru_cache(maxsize=1_024)  # the same figures stand in several answers
def bound(says: str, hits: int, of: int) -> Bound:
    """The share of ``hits`` in ``of``. Raises ``ValueError`` for more hits than there are; of none, 0 to 1."""
    if hits == 0 or not of:
        return Bound(says, hits, of, 0.0, at_most(hits, of), CONFIDENCE)
    if hits == of:
        return Bound(says, hits, of, at_least(hits, of), 1.0, CONFIDENCE)
    found = clopper_pearson(hits, of)
    return Bound(says, hits, of, found.low, found.high, CONFIDENCE)


def in_words(one: Bound) -> str:
    """The bound as a phrase: what was counted, and between which shares the truth lies."""
    sure = f"{one.confidence:.0%} confidence"
    counted = f"{one.hits:,} of {one.of:,}"
    if not one.of:
        return f"{one.says}: none was looked at, so nothing is bounded"
    if one.hits == 0:
        return f"{one.says}: {counted}, at most {percent(one.high)} at {sure}"
    if one.hits == one.of:
        return f"{one.says}: {counted}, at least {percent(one.low)} at {sure}"
    return f"{one.says}: {counted} ({percent(one.hits / one.of)}), {percent(one.low)} to {percent(one.high)} at {sure}"


def at_most_of(one: Bound, traffic: int) -> int:
    """How many of ``traffic`` it may be at most: the upper bound times the traffic, rounded up."""
    return -int(-(one.high * traffic) // 1)


def percent(share: float) -> str:
    """A share in percent, with as many digits as it takes to be told from 0 and 100."""
    return f"{share:.1%}" if 0.001 <= share <= 0.999 or share in {0.0, 1.0} else f"{share:.3%}"
