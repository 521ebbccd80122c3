# SPDX-License-Identifier: Apache-2.0
"""Whether a unit is denied significantly more often than it would be by our own error.

Only denies of the agreement count, each request once however often it was sent. They are held against the unit's own
expectation: a rate of false stops that begins at what the agreement says and learns from the unit's own past. With a
gamma distribution over that rate, the count in a window is negative binomial (Gelman et al., Bayesian Data Analysis,
section 2.6), and the question is how likely as many or more would be:

    rate     ~ Gamma(a, b),  a = prior · weight + denies before,  b = weight + requests before
    denies   ~ NegativeBinomial(a, b / (b + requests in the window))

Two corrections, one in each direction. Benign denies come in bunches, because a template that is wrongly stopped
comes again with other words in it; so everything is divided by the size of a bunch, which widens the distribution. And
the rate that a unit can teach is capped at a few times the agreement's, so that nobody trains the test by and by to
put up with misuse.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

PRIOR_REQUESTS: Final = 20_000.0  # how many requests the agreement's rate weighs
TAUGHT_MOST: Final = 3.0  # a unit's past can raise its rate to so many times the agreement's
BUNCH: Final = 8.0  # benign denies that come of one cause, generously
TERMS_MAX: Final = 20_000
BUCKETS: Final = 48  # the window slides by a forty-eighth
HISTORY_WINDOWS: Final = 90
DIGESTS_MAX: Final = 20_000


class Figures(msgspec.Struct, frozen=True):
    """What was counted, and how likely as many denies would be by our own error."""

    denies: int
    requests: int
    denies_before: float
    requests_before: float
    expected: float
    likelihood: float


def likelihood(denies: int, requests: int, denies_before: float, requests_before: float, per_million: int) -> Figures:
    """Return the probability of at least so many denies in the window, by our own error alone.

    ``per_million`` is the agreement's rate of false stops. Raises nothing; no request expects nothing.
    """
    rate = max(per_million, 1) / 1e6
    taught = min(denies_before, TAUGHT_MOST * rate * requests_before)
    shape = (rate * PRIOR_REQUESTS + taught) / BUNCH
    weight = (PRIOR_REQUESTS + requests_before) / BUNCH
    bunches = math.ceil(denies / BUNCH)
    scale = requests / BUNCH
    expected = shape / weight * requests
    return Figures(denies, requests, denies_before, requests_before, expected, _tail(bunches, shape, weight, scale))


def _tail(count: int, shape: float, weight: float, exposure: float) -> float:
    """P(X >= count) for X negative binomial: summed from ``count`` on where that is the small part, else up to it."""
    if count <= 0:
        return 1.0
    if exposure <= 0:
        return 0.0
    success = exposure / (weight + exposure)
    if count <= shape * exposure / weight:
        return max(0.0, 1.0 - _sum(0, count, shape, success))
    return min(1.0, _sum(count, count + TERMS_MAX, shape, success))


def _sum(first: int, end: int, shape: float, success: float) -> float:
    """The probabilities from ``first`` up to ``end``, each from the one before; ends early where they vanish."""
    log_term = (
        math.lgamma(shape + first)
        - math.lgamma(shape)
        - math.lgamma(first + 1)
        + shape * math.log1p(-success)
        + (first * math.log(success) if first else 0.0)
    )
    term = math.exp(max(log_term, -745.0))
    total = 0.0
    for count in range(first, end):
        total += term
        ratio = (shape + count) / (count + 1) * success
        term *= ratio
        if ratio < 1 and term < total * 1e-12:
            break
    return total


class _Bucket(msgspec.Struct):
    start: int
    requests: int = 0
    denies: int = 0


class UnitCounts:
    """What one unit did: a sliding window in buckets, and what lay before it. Bounded, whatever the unit does."""

    def __init__(self, window_seconds: int) -> None:
        self._window = window_seconds
        self._width = max(window_seconds // BUCKETS, 1)
        self._buckets: list[_Bucket] = []
        self._seen: dict[str, int] = {}  # digests of denied requests, and the bucket in which each was first
        self._requests_before = 0.0
        self._denies_before = 0.0

    def requests(self, unix: int, count: int = 1) -> None:
        """Count requests that were decided; never shed, failed or unjudged ones."""
        self._bucket(unix).requests += count

    def deny(self, unix: int, digest: str) -> bool:
        """Count a policy deny; false for a request that was counted in this window, which a retry is."""
        bucket = self._bucket(unix)
        if digest in self._seen:
            return False
        if len(self._seen) < DIGESTS_MAX:
            self._seen[digest] = bucket.start
        bucket.denies += 1
        return True

    def figures(self, per_million: int) -> Figures:
        """How likely the window is."""
        requests = sum(bucket.requests for bucket in self._buckets)
        denies = sum(bucket.denies for bucket in self._buckets)
        return likelihood(denies, requests, self._denies_before, self._requests_before, per_million)

    def start_afresh(self) -> None:
        """Forget the window: cleared people have looked at it."""
        self._buckets.clear()
        self._seen.clear()

    def _bucket(self, unix: int) -> _Bucket:
        start = unix - unix % self._width
        if not self._buckets or self._buckets[-1].start < start:
            self._buckets.append(_Bucket(start))
            self._slide(start)
        return self._buckets[-1]  # a clock that steps back counts into the newest bucket

    def _slide(self, now: int) -> None:
        while self._buckets[0].start <= now - self._window:
            gone = self._buckets.pop(0)
            self._requests_before += gone.requests
            self._denies_before += gone.denies
            self._seen = {digest: start for digest, start in self._seen.items() if start > gone.start}
            self._age()

    def _age(self) -> None:
        """Let the distant past weigh less, so that a unit's work may change."""
        share = 1 - 1 / (HISTORY_WINDOWS * BUCKETS)
        self._requests_before *= share
        self._denies_before *= share
