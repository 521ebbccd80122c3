# SPDX-License-Identifier: Apache-2.0
"""Whether a model server is worth asking: what its answers and probes say, and how long it is left alone.

Only a peer that cannot be reached, is silent or answers 5xx is unwell. What an answer says counts for nothing here: a
model must not be able to choose who answers next.
"""

from __future__ import annotations

from typing import Final

FAILURES_MAX: Final = 3
REST_SECONDS: Final = 2.0
REST_SECONDS_MAX: Final = 60.0


class Health:
    """Of one server. After three failures in a row it rests, each time twice as long, until it answers again."""

    def __init__(self) -> None:
        self._failures = 0
        self._rests_until = 0.0

    def answered(self) -> None:
        """It answered: all is forgiven."""
        self._failures = 0
        self._rests_until = 0.0

    def failed(self, now: float) -> None:
        """It did not, at this monotonic second."""
        self._failures += 1
        if self._failures >= FAILURES_MAX:
            rest = REST_SECONDS * 2.0 ** min(self._failures - FAILURES_MAX, 8)
            self._rests_until = now + min(rest, REST_SECONDS_MAX)

    def rests(self, now: float) -> float:
        """How many seconds it should be left alone for; 0 if it may be asked."""
        return max(0.0, self._rests_until - now)
