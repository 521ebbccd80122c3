# SPDX-License-Identifier: Apache-2.0
"""Whether a model server is worth asking, by its answers and probes: how long it rests, and whether it is lost.

Only a peer that cannot be reached, is silent or answers 5xx is unwell. What an answer says counts for nothing here: a
model must not be able to choose who answers next. That exchanges failed is a guess, for which another server is asked
first, and which refuses nobody: else a caller whose requests make a server fail would stop everybody's. Lost is only
what our own probe did not find, twice; and what it finds again is not.
"""

from __future__ import annotations

from typing import Final

FAILURES_MAX: Final = 3
REST_SECONDS: Final = 2.0
REST_SECONDS_MAX: Final = 60.0
MISSES_MAX: Final = 2


class Health:
    """Of one server. After three failures in a row it rests, each time twice as long, until it answers again."""

    def __init__(self) -> None:
        self._failures = 0
        self._rests_until = 0.0
        self._misses = 0
        self.lost = ""
        """Why probes do not find it; empty while they do."""

    @property
    def doubted(self) -> bool:
        """Whether the last exchange or probe failed."""
        return bool(self._failures or self._misses)

    def answered(self) -> None:
        """It answered: all is forgiven."""
        self._failures = 0
        self._rests_until = 0.0
        self.found()

    def found(self) -> None:
        """A probe found it, whatever it does with exchanges."""
        self._misses = 0
        self.lost = ""

    def missed(self, why: str) -> None:
        """A probe did not find it."""
        self._misses += 1
        if self._misses >= MISSES_MAX:
            self.lost = why

    def failed(self, now: float) -> None:
        """It did not, at this monotonic second."""
        self._failures += 1
        if self._failures >= FAILURES_MAX:
            rest = REST_SECONDS * 2.0 ** min(self._failures - FAILURES_MAX, 8)
            self._rests_until = now + min(rest, REST_SECONDS_MAX)

    def rests(self, now: float) -> float:
        """How many seconds it should be left alone for; 0 if it may be asked."""
        return max(0.0, self._rests_until - now)
