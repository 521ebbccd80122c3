# SPDX-License-Identifier: Apache-2.0
"""Whether a unit is denied significantly more often than it would be by our own error.

Only denies of the agreement count, each request once however often it was sent. They are held against the unit's own
expectation: a rate of false stops that begins at what the agreement says and learns from the unit's own past. With a
gamma distribution over that rate, the count in a window is negative binomial (Gelman et al., Bayesian Data Analysis,
section 2.6), and the question is how likely as many or more would be:

    rate     ~ Gamma(a, b),  a = prior · weight + denies before,  b = weight + requests before
    denies   ~ NegativeBinomial(a, b / (b + requests in the window))

It is asked of the agreement's window, and of the last 7 and 30 of them together: a unit that is denied a little every
day looks innocent on each. Who looks three times finds by chance three times as often, so what is found is multiplied
by three before it is held against the agreement's error rate (Bonferroni).

Two corrections, one in each direction. Benign denies come in bunches, because a template that is wrongly stopped
comes again with other words in it; so everything is divided by the size of a bunch, which widens the distribution. And
the rate that a unit can teach is capped at a few times the agreement's, so that nobody trains the test by and by to
put up with misuse.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

PRIOR_REQUESTS: Final = 20_000.0  # how many requests the agreement's rate weighs
TAUGHT_MOST: Final = 3.0  # a unit's past can raise its rate to so many times the agreement's
BUNCH: Final = 8.0  # benign denies that come of one cause, generously
STEPS_MAX: Final = 1_000
SMALLEST_LOG: Final = -700.0
BUCKETS: Final = 48  # the window slides by a forty-eighth
HORIZONS: Final = (1, 7, 30)  # in windows
HISTORY_WINDOWS: Final = 90
DIGESTS_MAX: Final = 20_000


class Figures(msgspec.Struct, frozen=True):
    """What was counted in so many windows, and how likely as many denies would be by our own error."""

    denies: int
    requests: int
    denies_before: float
    requests_before: float
    expected: float
    likelihood: float
    windows: int = 1


def likelihood(denies: int, requests: int, denies_before: float, requests_before: float, per_million: int) -> Figures:
    """Return the probability of at least so many denies in the window, by our own error alone.

    ``per_million`` is the agreement's rate of false stops. Raises nothing; no request expects nothing.
    """
    rate = max(per_million, 1) / 1e6
    taught = min(denies_before, TAUGHT_MOST * rate * requests_before)
    shape = (rate * PRIOR_REQUESTS + taught) / BUNCH
    weight = (PRIOR_REQUESTS + requests_before) / BUNCH
    bunches = denies / BUNCH
    scale = requests / BUNCH
    expected = shape / weight * requests
    return Figures(denies, requests, denies_before, requests_before, expected, _tail(bunches, shape, weight, scale))


def _tail(count: float, shape: float, weight: float, exposure: float) -> float:
    """P(X >= count) for X negative binomial, which is the incomplete beta function I_p(count, shape).

    It is the sum of the distribution for a whole count (DLMF 8.17.24), and lies smoothly between for any other. That
    matters: if bunches were rounded to whole ones, nine denies of nine could be a pattern and ten of ten none.
    """
    if count <= 0:
        return 1.0
    if exposure <= 0:
        return 0.0
    success = exposure / (weight + exposure)
    if success < (count + 1) / (count + shape + 2):
        return min(1.0, _beta(count, shape, success))
    return max(0.0, 1.0 - _beta(shape, count, 1 - success))


def _beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function by its continued fraction (DLMF 8.17.22), evaluated as Lentz does.

    Converges fast for x below (a + 1) / (a + b + 2), in about the square root of the larger of a and b steps.
    """
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if log_front < SMALLEST_LOG:
        return 0.0
    c, d = 1.0, 1 / _not_zero(1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, STEPS_MAX):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _not_zero(1 + step * d)
            c = _not_zero(1 + step / c)
            fraction *= c * d
        if abs(c * d - 1) < 1e-12:
            break
    return math.exp(log_front) * fraction / a


def _not_zero(value: float) -> float:
    return value if abs(value) > 1e-300 else 1e-300


class _Bucket(msgspec.Struct):
    start: int
    requests: int = 0
    denies: int = 0


def _sums(buckets: Sequence[_Bucket]) -> tuple[int, int]:
    """Requests and denies of some buckets."""
    requests = denies = 0
    for bucket in buckets:
        requests += bucket.requests
        denies += bucket.denies
    return requests, denies


def _width(window_seconds: int) -> int:
    return max(window_seconds // BUCKETS, 1)


class UnitCounts:
    """What one unit did: a sliding window in buckets, and what lay before it. Bounded, whatever the unit does."""

    def __init__(self, window_seconds: int) -> None:
        self._window, self._width = window_seconds, _width(window_seconds)
        self._buckets: list[_Bucket] = []
        self._past: list[_Bucket] = []  # the windows before this one, from the oldest
        self._seen: dict[str, int] = {}  # digests of denied requests, and the bucket in which each was first
        self._requests_before = 0.0
        self._denies_before = 0.0

    def over(self, window_seconds: int) -> None:
        """Count over this window from now on, as a later version of the agreement says.

        What was counted keeps its time: it lies in the new window, or in the windows before it. A request that was
        denied before a window that grows, and is sent again, is counted once more.
        """
        if window_seconds == self._window:
            return
        self._window, self._width = window_seconds, _width(window_seconds)
        if self._buckets:
            self._slide(self._buckets[-1].start)

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
        """How likely the least likely horizon is, having looked at all of them."""
        return min(self._horizons(per_million), key=lambda figures: figures.likelihood)

    def _horizons(self, per_million: int) -> Iterator[Figures]:
        requests, denies = _sums(self._buckets)
        past_requests, past_denies = _sums(self._past)
        now = self._buckets[-1].start if self._buckets else 0
        for windows in HORIZONS:
            begins = now - windows * self._window
            more_requests, more_denies = _sums([each for each in self._past if each.start > begins])
            requests_before, denies_before = past_requests - more_requests, past_denies - more_denies
            figures = likelihood(
                denies + more_denies,
                requests + more_requests,
                self._denies_before + denies_before,
                self._requests_before + requests_before,
                per_million,
            )
            corrected = min(1.0, figures.likelihood * len(HORIZONS))
            yield msgspec.structs.replace(figures, likelihood=corrected, windows=windows)

    def start_afresh(self) -> None:
        """Forget what was counted towards a pattern: cleared people have looked at it."""
        self._buckets.clear()
        self._past.clear()
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
            self._leave(gone)
            self._seen = {digest: start for digest, start in self._seen.items() if start > gone.start}
            self._age()
        while self._past and self._past[0].start <= now - self._window * max(HORIZONS):
            old = self._past.pop(0)  # history
            self._requests_before += old.requests
            self._denies_before += old.denies

    def _leave(self, gone: _Bucket) -> None:
        """What leaves the window is counted with the windows before it."""
        if not self._past or self._past[-1].start <= gone.start - self._window:
            self._past.append(_Bucket(gone.start))
        self._past[-1].requests += gone.requests
        self._past[-1].denies += gone.denies

    def _age(self) -> None:
        """Let the distant past weigh less, so that a unit's work may change."""
        share = 1 - 1 / (HISTORY_WINDOWS * BUCKETS)
        self._requests_before *= share
        self._denies_before *= share
