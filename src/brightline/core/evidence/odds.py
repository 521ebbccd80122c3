# SPDX-License-Identifier: Apache-2.0
"""What a sample of requests says of all others: how surely a share that is left out is met, and how large it may be.

If a share f of all requests is left out of the log, and the n requests of the sample are like all others, then none of
them is among those with probability (1-f)^n. The bound is the exact one of Clopper and Pearson (Biometrika 26, 1934):
the largest share under which so few misses are not less likely than the doubt that is allowed.
"""

from __future__ import annotations

import math
from typing import Final

CONFIDENCE: Final = 0.95
_HALVINGS: Final = 200


def caught(sample: int, share: float) -> float:
    """How probably at least one of the sample is left out, if this share of all is. 1-(1-f)^n."""
    _check(sample, share)
    if share in {0.0, 1.0}:
        return 1.0 if share and sample else 0.0
    return -math.expm1(sample * math.log1p(-share))


def sample_for(share: float, confidence: float = CONFIDENCE) -> int:
    """The smallest sample that meets a share with this probability. Raises ``ValueError`` for a share of 0 or more
    than 1.
    """
    if not 0 < share <= 1 or not 0 < confidence < 1:
        raise ValueError("a share that can be met is more than 0, and no confidence is certainty")
    if share == 1:
        return 1
    size = math.ceil(math.log1p(-confidence) / math.log1p(-share))
    return next(n for n in range(max(1, size - 1), size + 2) if caught(n, share) >= confidence)


def share_at_most(sample: int, missed: int, confidence: float = CONFIDENCE) -> float:
    """The upper bound of the share that is left out, given how many of the sample were. Of no sample, 1."""
    if not 0 <= missed <= sample or not 0 < confidence < 1:
        raise ValueError(f"{missed} of {sample} cannot be missed")
    if missed == sample:
        return 1.0
    low, high = missed / sample, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle in {low, high}:
            break
        if at_most(missed, sample, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def at_most(missed: int, sample: int, share: float) -> float:
    """How probably at most so many of the sample are left out, if this share of all is (binomial)."""
    _check(sample, share)
    if share in {0.0, 1.0}:
        return 1.0 if share == 0 or missed >= sample else 0.0
    yes, no = math.log(share), math.log1p(-share)
    every = math.lgamma(sample + 1)
    terms = [
        every - math.lgamma(k + 1) - math.lgamma(sample - k + 1) + k * yes + (sample - k) * no
        for k in range(missed + 1)
    ]
    return min(1.0, math.fsum(math.exp(term) for term in terms))


def _check(sample: int, share: float) -> None:
    if sample < 0 or not 0 <= share <= 1:
        raise ValueError(f"no sample of {sample}, and no share of {share}")
