# SPDX-License-Identifier: Apache-2.0
"""A time that may destroy something: the wall clock's, once it has gone as the clock that never steps for an hour.

A wall clock can jump: a bad answer of a time server, a board without a battery, a guest that was restored. What is
destroyed because of that is gone, and what waits for an hour is not. So after each start, and after each moment in
which the two clocks went apart, there is no such time until they have gone together for an hour, in which whoever
keeps the clock has time to put it right.
"""

from __future__ import annotations

import threading
from typing import Final

from brightline.core.ports import Clock

SETTLED_SECONDS: Final = 3_600
APART_SECONDS: Final = 30.0  # between two looks; slow drift, and a clock that is slewed, stay below it


class SteadyTime:
    """Asked every few seconds, from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._unix, self._monotonic = clock.unix(), clock.monotonic()
        self._since = self._monotonic
        self._looking = threading.Lock()

    def unix(self) -> int | None:
        """Unix seconds, or ``None`` while the clock has not gone steadily for long enough."""
        with self._looking:
            unix, monotonic = self._clock.unix(), self._clock.monotonic()
            if abs((unix - self._unix) - (monotonic - self._monotonic)) > APART_SECONDS:
                self._since = monotonic
            self._unix, self._monotonic = unix, monotonic
            return unix if monotonic - self._since >= SETTLED_SECONDS else None
