# SPDX-License-Identifier: Apache-2.0
"""What held at the start and must still hold while a gateway serves: its settings read, and its clock is not behind.

Both are looked at beside the exchanges, twice a second. Settings that read and are others count at the next start;
those that do not read would keep this gateway from starting again, so it says so now, and stops. A clock that is
behind what it has shown before would have every lease, expiry and record wrong; service returns when it is not.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from brightline.core.errors import BrightlineError
from brightline.core.ports import Clock
from brightline.shell.config import FILE_NAME, load_settings

BEHIND_SECONDS: Final = 5  # so much a clock may be behind: what slews it is no step


class Still:
    """Settings and clock of one process."""

    def __init__(self, root: Path, clock: Clock) -> None:
        self._root = root
        self._clock = clock
        self._latest = clock.unix()
        self._marks = self._seen()
        self.settings = ""  # why they do not read; empty while they do

    @property
    def clock(self) -> str:
        """Why the clock is not believed; empty while it is. Asked with each exchange."""
        now = self._clock.unix()
        self._latest = max(self._latest, now)
        behind = self._latest - now
        return f"the clock was set back: it is {behind} seconds behind" if behind > BEHIND_SECONDS else ""

    @property
    def faults(self) -> tuple[str, ...]:
        """Both, as reasons for which no exchange may go on."""
        return tuple(why for why in (self.clock, "the settings do not read" if self.settings else "") if why)

    async def look(self) -> None:
        """Read the settings again if their file was touched."""
        marks = self._seen()
        if marks == self._marks:
            return
        try:
            await asyncio.to_thread(load_settings, self._root)
        except BrightlineError as error:
            self.settings = str(error)
        else:
            self.settings = ""
        self._marks = marks

    def _seen(self) -> tuple[int, ...]:
        try:
            seen = (self._root / FILE_NAME).stat()
        except OSError:
            return ()
        return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns
