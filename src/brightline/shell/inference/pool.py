# SPDX-License-Identifier: Apache-2.0
"""Every detector that a release requires, behind one deadline. Late, full, failed or odd means refused.

Detectors that all are quick and cannot hang judge a small batch at once, on the loop. Everything else goes to threads
(``on_thread.py``) and processes (``process.py``), and all are asked side by side.

Where the release lets a first stage stand before a detector, that one is asked last, and only what was raised. A judge
is asked after all of them, about what they left open, and has a deadline of its own; no answer leaves it open.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from brightline.core.errors import ScreeningUnavailable
from brightline.core.ports import Detector
from brightline.core.screening.finding import Judgement, Segment
from brightline.core.screening.release import Cascade, of_the_batch, raised_segments
from brightline.core.screening.settle import (
    Ended,
    JudgeFigures,
    Question,
    Settlement,
    as_segments,
    counted,
    open_questions,
)
from brightline.shell.inference.on_thread import ThreadDetector

log = logging.getLogger("brightline.screening")

AT_ONCE_SEGMENTS: Final = 64  # each segment takes its own time


class PooledDetector(Detector, Protocol):
    """A detector that the pool keeps."""

    @property
    def digest(self) -> str:
        """The digest of the file that defines it, as the release pins it."""
        ...

    @property
    def fault(self) -> str:
        """Why it cannot judge now; empty if it can."""
        ...

    async def until_fit(self) -> None:
        """Wait until it can judge for the first time. Raises ``ScreeningUnavailable``."""
        ...

    def close(self) -> None:
        """Let it end."""
        ...

    async def closed(self) -> None:
        """Return once nothing of it is left that would outlive the node."""
        ...


class Judging(NamedTuple):
    """The judge that the release lets settle these, and how long anybody waits for it."""

    judge: PooledDetector
    settlements: tuple[Settlement, ...]
    seconds: float


class ScreeningPool:
    """Every detector that the release requires, asked side by side behind the release's deadline."""

    def __init__(
        self,
        detectors: Sequence[PooledDetector],
        deadline_seconds: float,
        cascades: Sequence[Cascade] = (),
        judging: Judging | None = None,
    ) -> None:
        self._detectors = tuple(detectors)
        self._judging = judging
        self._judged = JudgeFigures()
        self._before = {cascade.then: cascade.first for cascade in cascades}
        self._first = tuple(detector for detector in detectors if detector.id not in self._before)
        self._then = tuple(detector for detector in detectors if detector.id in self._before)
        quick = [detector for detector in self._first if isinstance(detector, ThreadDetector)]
        self._quick = tuple(quick) if len(quick) == len(self._first) else ()  # all may judge at once, or none does
        self._at_once_bytes = min((detector.at_once_bytes for detector in self._quick), default=0)
        self._deadline = deadline_seconds

    def of(self, unit: str) -> PoolOfUnit:
        """The same, for what one unit sends."""
        return PoolOfUnit(self, unit)

    def judge_now(self, segments: tuple[Segment, ...], unit: str = "") -> tuple[Judgement, ...] | None:
        """Judge a batch at once if every detector may, later stages having nothing to do; ``None`` if not.

        Raises ``ScreeningUnavailable`` if any detector fails. What was judged later than the deadline is not believed
        either, although it is here.
        """
        if not self._quick or len(segments) > AT_ONCE_SEGMENTS:
            return None
        if sum(len(segment.text.encode("utf-8", "replace")) for segment in segments) > self._at_once_bytes:
            return None
        begun = time.monotonic()
        judgements = tuple(detector.judge_now(segments, unit) for detector in self._quick)
        if any(judgement.raised for judgement in judgements) or self._questions(judgements):
            return None
        if time.monotonic() - begun > self._deadline:
            raise ScreeningUnavailable("a detector did not answer within the release's deadline")
        return judgements + tuple(_not_asked(detector) for detector in self._then)

    async def judge(self, segments: tuple[Segment, ...], unit: str = "") -> tuple[Judgement, ...]:
        """Judge a batch. Raises ``ScreeningUnavailable`` if any detector fails or is late."""
        asks = [
            detector.judge(segments, unit) if isinstance(detector, ThreadDetector) else detector.judge(segments)
            for detector in self._first
        ]
        try:
            async with asyncio.timeout(self._deadline):
                first = tuple(await asyncio.gather(*asks))
                then = await asyncio.gather(*(self._judge_raised(one, segments, first) for one in self._then))
        except TimeoutError as error:
            raise ScreeningUnavailable("a detector did not answer within the release's deadline") from error
        judgements = first + tuple(then)
        return judgements + await self._settling(segments, judgements)

    @property
    def judged(self) -> JudgeFigures:
        """What became of asking the judge so far."""
        return self._judged

    async def _settling(self, segments: tuple[Segment, ...], judgements: Sequence[Judgement]) -> tuple[Judgement, ...]:
        """What the judge says of what they left open: nothing if it is late, busy or not there; then it stays open."""
        questions = self._questions(judgements)
        if self._judging is None or not questions:
            return ()
        judge = self._judging.judge
        begun, ended = time.monotonic(), Ended.NOT_AT_ALL
        try:
            if not (asked := as_segments(questions, segments, judgements)):
                ended = Ended.TOO_MUCH
                return ()
            async with asyncio.timeout(self._judging.seconds):
                answer = await judge.judge(asked)
        except TimeoutError:
            ended = Ended.LATE
            log.warning("judge %s did not answer: it is late", judge.id)
            return ()
        except (ScreeningUnavailable, LookupError) as error:
            ended = Ended.FAILED
            log.warning("judge %s did not answer: %s", judge.id, error)
            return ()
        else:
            ended = Ended.ANSWERED
            return (answer,)
        finally:
            self._judged = counted(self._judged, ended, time.monotonic() - begun)

    def _questions(self, judgements: Sequence[Judgement]) -> tuple[Question, ...]:
        return open_questions(self._judging.settlements, judgements) if self._judging is not None else ()

    async def _judge_raised(
        self, detector: PooledDetector, segments: tuple[Segment, ...], first: Sequence[Judgement]
    ) -> Judgement:
        before = self._before[detector.id]
        raised = next(judgement.raised for judgement in first if judgement.detector == before)
        if not raised:
            return _not_asked(detector)
        return of_the_batch(await detector.judge(raised_segments(segments, raised)), raised)

    async def close(self) -> None:
        """Close every detector, and see its processes gone."""
        every = (*self._detectors, *([self._judging.judge] if self._judging else []))
        for detector in every:
            detector.close()
        for detector in every:
            await detector.closed()


class PoolOfUnit:
    """The pool, for what one unit sends: detectors remember what they said of it before."""

    def __init__(self, pool: ScreeningPool, unit: str) -> None:
        self._pool = pool
        self._unit = unit

    def judge_now(self, segments: tuple[Segment, ...]) -> tuple[Judgement, ...] | None:
        """As the pool does."""
        return self._pool.judge_now(segments, self._unit)

    async def judge(self, segments: tuple[Segment, ...]) -> tuple[Judgement, ...]:
        """As the pool does."""
        return await self._pool.judge(segments, self._unit)


def _not_asked(detector: PooledDetector) -> Judgement:
    """It judged all of the nothing that was raised."""
    return Judgement(detector.id, detector.digest, 0, ())
