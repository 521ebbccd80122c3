# SPDX-License-Identifier: Apache-2.0
"""A clock that tests turn."""

from __future__ import annotations

from datetime import UTC, datetime


class TurnedClock:
    """Both clocks of a :class:`~brightline.core.ports.Clock`, moved together."""

    def __init__(self, unix: int = 1_000_000) -> None:
        self._unix = unix

    def unix(self) -> int:
        """Unix seconds."""
        return self._unix

    def monotonic(self) -> float:
        """Seconds on the steady clock."""
        return float(self._unix)

    def utc_now(self) -> str:
        """RFC 3339."""
        return datetime.fromtimestamp(self._unix, UTC).isoformat()

    def pass_(self, seconds: int) -> None:
        """Let time pass."""
        self._unix += seconds
