# SPDX-License-Identifier: Apache-2.0
"""The releases that judge here: the one in force, those under which earlier exchanges still end, and a candidate.

A release is loaded, its detectors fit, before it judges anything; then it takes over between two exchanges. Whoever
has begun is judged to his end by the release that he began with, whose detectors stay for as long. A candidate judges
nothing by itself (``trial.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator
from typing import Protocol

import msgspec

from brightline.core.errors import ScreeningUnavailable
from brightline.core.screening.finding import Judgement, Segment
from brightline.core.screening.release import Release
from brightline.shell.inference.loaded import Loaded
from brightline.shell.inference.trial import SideBySide, Trial, Watched


class Screeners(Protocol):
    """Every detector that the release requires, behind one deadline."""

    def judge_now(self, segments: tuple[Segment, ...]) -> tuple[Judgement, ...] | None:
        """Judge a batch at once if it is small enough for that; ``None`` if not. Raises ``ScreeningUnavailable``."""
        ...

    async def judge(self, segments: tuple[Segment, ...]) -> tuple[Judgement, ...]:
        """Judge a batch. Raises ``ScreeningUnavailable``."""
        ...


class Screening(msgspec.Struct, frozen=True):
    """By what one exchange is judged, and the candidate beside it if it is a canary."""

    screeners: Screeners
    beside: Release | None = None


class Judges:
    """Every loaded release, by digest. All calls are made on the event loop."""

    def __init__(self, first: Loaded) -> None:
        self.trial: Trial | None = None
        self._loaded = {first.release.digest: first}
        self._current = first
        self._replaced: list[Loaded] = []  # by another loading of the same release, which came into force again
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def current(self) -> Loaded:
        """The release that new exchanges are judged by."""
        return self._current

    @property
    def count(self) -> int:
        """How many releases are loaded."""
        return len(self._loaded) + len(self._replaced)

    @contextlib.contextmanager
    def under(self, release: Release, unit: str) -> Iterator[Screening]:
        """The detectors of a release, kept for as long as an exchange of this unit needs them.

        Raises ``ScreeningUnavailable``.
        """
        loaded = self._loaded.get(release.digest)
        if loaded is None:
            raise ScreeningUnavailable(f"release {release.digest} is not loaded")
        trial = self.trial if loaded is self._current else None
        canary = trial.candidate if trial is not None and trial.takes_canary else None
        needed = [loaded] if canary is None else [loaded, canary]
        for each in needed:
            each.exchanges += 1
        try:
            own = loaded.screeners.of(unit)
            if trial is None:
                yield Screening(own)
            elif canary is None:
                yield Screening(Watched(own, trial))
            else:
                yield Screening(SideBySide(own, trial, loaded.deadline_seconds), canary.release)
        finally:
            for each in needed:
                each.exchanges -= 1
                self._retire(each)

    def go_over(self, loaded: Loaded) -> None:
        """From now on this release judges new exchanges; the one before ends with its last exchange."""
        before = self._current
        if before is loaded:
            return
        self._current = loaded
        self._load(loaded)
        self._retire(before)

    def begin_trial(self, trial: Trial) -> None:
        """From now on a candidate is asked beside the release in force. There is none now."""
        self.trial = trial
        self._load(trial.candidate)

    def end_trial(self) -> None:
        """The candidate is asked no more; its detectors end with the last canary, unless it is in force now."""
        if self.trial is not None:
            trial, self.trial = self.trial, None
            self._end(trial.close())
            self._retire(trial.candidate)

    async def close(self) -> None:
        """Close every detector of every release, and see its processes gone."""
        if self.trial is not None:
            await self.trial.close()
        for loaded in (*self._loaded.values(), *self._replaced):
            await loaded.screeners.close()
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _load(self, loaded: Loaded) -> None:
        digest = loaded.release.digest
        before = self._loaded.get(digest)
        self._loaded[digest] = loaded
        if before is not None and before is not loaded:
            self._replaced.append(before)
            self._retire(before)

    def _retire(self, loaded: Loaded) -> None:
        digest = loaded.release.digest
        wanted = loaded is self._current or (self.trial is not None and loaded is self.trial.candidate)
        if loaded.exchanges or wanted:
            return
        if self._loaded.get(digest) is loaded:
            del self._loaded[digest]
        elif loaded in self._replaced:
            self._replaced.remove(loaded)
        else:
            return
        self._end(loaded.screeners.close())

    def _end(self, closing: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(closing)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
