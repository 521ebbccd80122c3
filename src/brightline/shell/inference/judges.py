# SPDX-License-Identifier: Apache-2.0
"""The releases that judge here: the one in force, and those under which exchanges that began earlier still end.

A release is loaded, its detectors fit, before it judges anything; then it takes over between two exchanges. Whoever
has begun is judged to his end by the release that he began with, whose detectors stay for as long.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence

from brightline.core.errors import ScreeningUnavailable
from brightline.core.screening.release import Release
from brightline.shell.inference.pool import Judging, PooledDetector, ScreeningPool


class Loaded:
    """A release whose detectors run, and how many exchanges are judged by it now."""

    def __init__(
        self,
        release: Release,
        detectors: Sequence[PooledDetector],
        judging: Judging | None = None,
    ) -> None:
        """A judge need not be fit, then or ever: what it would settle stays open for as long."""
        self.release = release
        self.detectors = tuple(detectors)
        self.judging = judging
        self.screeners = ScreeningPool(detectors, release.deadline_seconds, release.cascades, judging)
        self.exchanges = 0

    async def until_fit(self) -> None:
        """Wait until every detector can judge. Raises ``ScreeningUnavailable``."""
        for detector in self.detectors:
            await detector.until_fit()

    @property
    def faults(self) -> tuple[str, ...]:
        """Why detectors cannot judge now; empty if all can."""
        return tuple(each.fault for each in self.detectors if each.fault)

    @property
    def judge_fault(self) -> str:
        """Why the judge, if there is one, cannot judge now: what it would settle is held. Empty if it can."""
        return self.judging.judge.fault if self.judging is not None else ""


class Judges:
    """Every loaded release, by digest. All calls are made on the event loop."""

    def __init__(self, first: Loaded) -> None:
        self._loaded = {first.release.digest: first}
        self._current = first
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def current(self) -> Loaded:
        """The release that new exchanges are judged by."""
        return self._current

    @property
    def count(self) -> int:
        """How many releases are loaded."""
        return len(self._loaded)

    @contextlib.contextmanager
    def under(self, release: Release) -> Iterator[ScreeningPool]:
        """The detectors of a release, kept for as long as an exchange needs them. Raises ``ScreeningUnavailable``."""
        loaded = self._loaded.get(release.digest)
        if loaded is None:
            raise ScreeningUnavailable(f"release {release.digest} is not loaded")
        loaded.exchanges += 1
        try:
            yield loaded.screeners
        finally:
            loaded.exchanges -= 1
            self._retire(loaded)

    def go_over(self, loaded: Loaded) -> None:
        """From now on this release judges new exchanges; the one before ends with its last exchange."""
        before = self._current
        if before is loaded:
            return
        self._loaded[loaded.release.digest] = self._current = loaded
        self._retire(before)

    async def close(self) -> None:
        """Close every detector of every release, and see its processes gone."""
        for loaded in self._loaded.values():
            await loaded.screeners.close()
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _retire(self, loaded: Loaded) -> None:
        digest = loaded.release.digest
        if loaded.exchanges or loaded is self._current or self._loaded.get(digest) is not loaded:
            return
        del self._loaded[digest]
        task = asyncio.get_running_loop().create_task(loaded.screeners.close())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
