# SPDX-License-Identifier: Apache-2.0
"""The one place that reads a clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """The :class:`~brightline.core.ports.Clock` of the operating system."""

    def monotonic(self) -> float:
        """Seconds of a clock that never steps."""
        return time.monotonic()

    def unix(self) -> int:
        """Seconds since 1970."""
        return int(time.time())

    def utc_now(self) -> str:
        """RFC 3339 in UTC with milliseconds."""
        return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
