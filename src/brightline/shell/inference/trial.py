# SPDX-License-Identifier: Apache-2.0
"""A candidate release beside the one in force, in one worker: it watches, or it tightens a share of exchanges.

While it watches, what was judged is offered to it afterwards, if there is room: the queue is bounded, one ask is under
way, and while the node is busy everything is shed. In a canary exchange the candidate is asked side by side, and must
answer within the deadline of the release in force; if it does not, that one decides alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from brightline.core.errors import BrightlineError, ScreeningUnavailable
from brightline.core.facts import Vocabulary
from brightline.core.screening.finding import Judgement, Segment
from brightline.core.screening.release import Release, statements_from
from brightline.core.screening.trial import Compared, Rule, Stage, compare, counted, next_stage, of_the_candidate
from brightline.shell.inference.loaded import Loaded
from brightline.shell.inference.pool import PoolOfUnit

WAITING_MAX: Final = 64
WAITING_CHARS_MAX: Final = 2_000_000
_Ask = tuple[tuple[Segment, ...], tuple[Judgement, ...]]


class Trial:
    """One candidate. Make it inside the running loop."""

    def __init__(
        self,
        number: int,
        candidate: Loaded,
        own: Release,
        rule: Rule,
        vocabulary: Callable[[], Vocabulary],
        busy: Callable[[], bool],
    ) -> None:
        """``number`` is that of the statement. ``busy`` tells that the node has other things to do."""
        self.number = number
        self.candidate = candidate
        self.rule = rule
        self.stage = Stage.SHADOW
        self.figures = Compared()
        self._own = own
        self._vocabulary = vocabulary
        self._busy = busy
        self._waiting: deque[_Ask] = deque()
        self._chars = 0
        self._more = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._watch())

    def begin(self, stage: Stage) -> None:
        """It stands in this stage now, and is counted anew."""
        self.stage, self.figures = stage, Compared()
        self._forget()

    @property
    def next(self) -> Stage:
        """Where it should go by what was counted here."""
        return next_stage(self.rule, self.stage, self.figures)

    @property
    def takes_canary(self) -> bool:
        """Whether the exchange that begins now is a canary. No caller has a say in it."""
        return self.stage is Stage.CANARY and secrets.randbelow(1_000) < self.rule.share

    def offer(self, segments: tuple[Segment, ...], own: tuple[Judgement, ...]) -> None:
        """What the release in force was asked and said: to be looked at when there is time. Never waits."""
        if self.stage is not Stage.SHADOW:
            return
        chars = sum(len(segment.text) for segment in segments)
        full = len(self._waiting) >= WAITING_MAX or self._chars + chars > WAITING_CHARS_MAX
        if full or self._busy():
            self._count(shed=1)
            return
        self._chars += chars
        self._waiting.append((segments, own))
        self._more.set()

    def answered(self, segments: tuple[Segment, ...], own: Sequence[Judgement], theirs: Sequence[Judgement]) -> None:
        """Compare two whole answers to one ask, and count."""
        try:
            mine = statements_from(self._own, segments, own)
            its = statements_from(self.candidate.release, segments, theirs)
            self.figures = counted(self.figures, compare(self._vocabulary(), mine, its))
        except BrightlineError:
            self.failed()

    def failed(self) -> None:
        """The candidate did not answer."""
        self._count(failed=1)

    async def close(self) -> None:
        """Look at nothing more."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._forget()

    async def _watch(self) -> None:
        while True:
            await self._more.wait()
            if not self._waiting:
                self._more.clear()
                continue
            segments, own = self._waiting.popleft()
            self._chars -= sum(len(segment.text) for segment in segments)
            try:
                theirs = await self.candidate.screeners.judge(segments)
            except ScreeningUnavailable:
                self.failed()
                continue
            self.answered(segments, own, theirs)

    def _forget(self) -> None:
        self._waiting.clear()
        self._chars = 0

    def _count(self, *, failed: int = 0, shed: int = 0) -> None:
        now = self.figures
        self.figures = msgspec.structs.replace(now, failed=now.failed + failed, shed=now.shed + shed)


class Watched:
    """The release in force, overheard by a candidate."""

    def __init__(self, own: PoolOfUnit, trial: Trial) -> None:
        self._own = own
        self._trial = trial

    def judge_now(self, segments: tuple[Segment, ...]) -> tuple[Judgement, ...] | None:
        """As the release in force does."""
        own = self._own.judge_now(segments)
        if own is not None:
            self._trial.offer(segments, own)
        return own

    async def judge(self, segments: tuple[Segment, ...]) -> tuple[Judgement, ...]:
        """As the release in force does."""
        own = await self._own.judge(segments)
        self._trial.offer(segments, own)
        return own


class SideBySide:
    """The release in force, and marked beside its answers those of the candidate."""

    def __init__(self, own: PoolOfUnit, trial: Trial, deadline_seconds: float) -> None:
        self._own = own
        self._trial = trial
        self._deadline = deadline_seconds

    def judge_now(self, segments: tuple[Segment, ...]) -> tuple[Judgement, ...] | None:
        """Both at once, if both may. Raises ``ScreeningUnavailable`` if the release in force fails."""
        own = self._own.judge_now(segments)
        if own is None:
            return None
        try:
            theirs = self._trial.candidate.screeners.judge_now(segments)
        except ScreeningUnavailable:
            self._trial.failed()
            return own
        return None if theirs is None else self._both(segments, own, theirs)

    async def judge(self, segments: tuple[Segment, ...]) -> tuple[Judgement, ...]:
        """Both side by side. Raises ``ScreeningUnavailable`` if the release in force fails."""
        theirs = asyncio.ensure_future(self._theirs(segments))
        try:
            own = await self._own.judge(segments)
            answered = await theirs
        finally:
            theirs.cancel()
        return own if answered is None else self._both(segments, own, answered)

    async def _theirs(self, segments: tuple[Segment, ...]) -> tuple[Judgement, ...] | None:
        try:
            async with asyncio.timeout(self._deadline):
                return await self._trial.candidate.screeners.judge(segments)
        except (ScreeningUnavailable, TimeoutError):
            self._trial.failed()
            return None

    def _both(
        self, segments: tuple[Segment, ...], own: tuple[Judgement, ...], theirs: tuple[Judgement, ...]
    ) -> tuple[Judgement, ...]:
        self._trial.answered(segments, own, theirs)
        return own + of_the_candidate(self._trial.candidate.release, theirs)
