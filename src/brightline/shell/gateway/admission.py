# SPDX-License-Identifier: Apache-2.0
"""Bounds on what is under way. Under overload whole requests are shed; no request is ever screened less.

Anonymous and shed requests get no record of their own (a stranger must not cost an fsync): they are counted by reason,
and the counts go into PERIOD records.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from brightline.core.errors import BrightlineError, Overloaded
from brightline.core.ports import Clock
from brightline.core.workload import Workload

MINUTE_SECONDS: Final = 60.0


class Admission:
    """At most ``exchanges_max`` at once, and each workload at most its registered requests in a minute."""

    def __init__(self, exchanges_max: int, clock: Clock) -> None:
        self._max = exchanges_max
        self._clock = clock
        self._under_way = 0
        self._recent: dict[str, deque[float]] = {}
        self._counts: Counter[str] = Counter()
        self._since_start: Counter[str] = Counter()

    @contextmanager
    def enter(self, workload: Workload) -> Iterator[None]:
        """Hold a place for one exchange. Raises ``Overloaded``."""
        if self._under_way >= self._max:
            raise Overloaded("as many exchanges as this node takes are under way")
        self._within_limit(workload)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    def _within_limit(self, workload: Workload) -> None:
        limit = workload.registration.requests_per_minute
        recent = self._recent.setdefault(workload.id, deque())
        now = self._clock.monotonic()
        while recent and now - recent[0] >= MINUTE_SECONDS:
            recent.popleft()
        if len(recent) >= limit:
            raise Overloaded(f"this workload is registered for {limit} requests a minute")
        recent.append(now)

    def count(self, error: BrightlineError) -> None:
        """Count a request that got no record of its own."""
        self._counts[error.code] += 1
        self._since_start[error.code] += 1

    @property
    def under_way(self) -> tuple[int, int]:
        """Exchanges under way, and how many may be."""
        return self._under_way, self._max

    @property
    def counted(self) -> Mapping[str, int]:
        """Everything that was counted since the start, by code."""
        return self._since_start

    def take_counts(self) -> dict[str, int]:
        """The counts since the last call, for the PERIOD record."""
        counts = dict(self._counts)
        self._counts.clear()
        return counts

    def give_back(self, counts: Mapping[str, int]) -> None:
        """Counts that could not be booked wait for the next PERIOD record."""
        self._counts.update(counts)
