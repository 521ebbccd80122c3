# SPDX-License-Identifier: Apache-2.0
"""Detectors off the event loop: bounded queues, batches, one deadline. Late, full, failed or odd means refused.

A detector that is quick and cannot hang (rules on RE2) judges a small batch at once, on the loop: handing it to a
thread and back costs more than most of them take, and on one core nothing is won. Everything else goes to threads.

Each detector has a thread of its own. A detector that hangs keeps its thread; from then on its queue is late and
full, so every exchange is unavailable until the process is replaced. That is the safe way to fail.

Every minute each is asked for texts that it must find (``canaries.py``). While it misses one, or its thread does not
come to try them, it judges nothing, and every exchange is refused as unavailable.

Where the release lets a first stage stand before a detector, that one is asked last, and only what was raised. A judge
is asked after all of them, about what they left open, and has a deadline of its own; no answer leaves it open.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from brightline.core.errors import ScreeningUnavailable
from brightline.core.ports import Detector
from brightline.core.screening.finding import Judgement, Segment
from brightline.core.screening.release import Cascade, of_the_batch, part_of, raised_segments
from brightline.core.screening.settle import (
    Ended,
    JudgeFigures,
    Question,
    Settlement,
    as_segments,
    counted,
    open_questions,
)
from brightline.shell.inference.canaries import Canaries
from brightline.shell.inference.kinds import Judge, judgement_of
from brightline.shell.inference.memory import Memory

log = logging.getLogger("brightline.screening")

CANARY_SECONDS: Final = 60.0
AGAIN_SECONDS: Final = 5.0  # until canaries that were missed are tried again
LATE_FACTOR: Final = 3
QUEUE_MAX: Final = 256
BATCH_MAX: Final = 32
AT_ONCE_BYTES: Final = 8_192  # a few milliseconds, in which the loop does nothing else; in UTF-8, because folding
AT_ONCE_SEGMENTS: Final = 64  # letters of other scripts takes as much longer, and each segment takes its own time


class _Ask:
    __slots__ = ("future", "loop", "segments")

    def __init__(self, segments: Sequence[Segment]) -> None:
        self.segments = segments
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Judgement] = self.loop.create_future()

    def settle(self, judgement: Judgement | None, why: str) -> None:
        """Called on the loop: the asker may have given up long ago."""
        if self.future.done():
            return
        if judgement is None:
            self.future.set_exception(ScreeningUnavailable(why))
        else:
            self.future.set_result(judgement)


class ThreadDetector:
    """A :class:`~brightline.core.ports.Detector` around a pure judge, on a thread of its own."""

    def __init__(
        self,
        detector_id: str,
        digest: str,
        judge: Judge,
        at_once_bytes: int = 0,
        canaries: Canaries | None = None,
        canary_seconds: float = CANARY_SECONDS,
        memory: Memory | None = None,
    ) -> None:
        """``at_once_bytes``: batches up to so many bytes in few segments may be judged on the loop.

        ``canaries`` are tried every ``canary_seconds``; one that is missed, or not answered, takes it out of service.
        They are always judged anew. ``memory`` is for a judge that looks at nothing but surface and text.
        """
        self._memory = memory
        self.at_once_bytes = at_once_bytes
        self._canaries = canaries
        self._canary_seconds = canary_seconds
        self._turn = 0
        self._passed = time.monotonic()
        self._due = self._passed + canary_seconds
        self._missed = ""
        self._id = detector_id
        self._digest = digest
        self._judge = judge
        self._asks: queue.Queue[_Ask | None] = queue.Queue(QUEUE_MAX)
        self._thread = threading.Thread(target=self._work, name=f"detector-{detector_id}", daemon=True)
        self._thread.start()

    @property
    def id(self) -> str:
        """The id by which the release requires it."""
        return self._id

    @property
    def digest(self) -> str:
        """The digest of the file that defines it, as the release pins it."""
        return self._digest

    @property
    def fault(self) -> str:
        """Why it cannot judge: it missed a canary, or its thread has not come to try them. Empty if it can."""
        if self._missed:
            return self._missed
        if self._canaries is not None and time.monotonic() - self._passed > LATE_FACTOR * self._canary_seconds:
            return f"detector {self._id} has not answered to its canaries for {LATE_FACTOR} times their period"
        return ""

    async def until_fit(self) -> None:
        """It is fit from the start: what it judges by was loaded and tried before."""

    def judge_now(self, segments: Sequence[Segment], unit: str = "") -> Judgement:
        """Judge on this very thread. Raises ``ScreeningUnavailable``, whatever the detector raises."""
        if fault := self.fault:
            raise ScreeningUnavailable(fault)
        if self._memory is None or not unit:
            return judgement_of(self._judge, self._id, self._digest, segments)
        batch = self._memory.of(segments, unit)
        return batch.whole(judgement_of(self._judge, self._id, self._digest, batch.new))

    async def judge(self, segments: Sequence[Segment], unit: str = "") -> Judgement:
        """Ask, and wait for the thread. Raises ``ScreeningUnavailable`` at once when it is unfit or its queue full.

        What is remembered of the ``unit`` that sent it is not judged again.
        """
        if fault := self.fault:
            raise ScreeningUnavailable(fault)
        if self._memory is None or not unit:
            return await self._ask(segments)
        batch = self._memory.of(segments, unit)
        if not batch.new:
            return batch.whole(Judgement(self._id, self._digest, 0, ()))
        return batch.whole(await self._ask(batch.new))

    async def _ask(self, segments: Sequence[Segment]) -> Judgement:
        ask = _Ask(segments)
        try:
            self._asks.put_nowait(ask)
        except queue.Full as error:
            raise ScreeningUnavailable(f"the queue of detector {self._id} is full") from error
        return await ask.future

    def close(self) -> None:
        """Let the thread end once it is done with what it has."""
        try:
            self._asks.put_nowait(None)
        except queue.Full:
            return  # a hanging detector: its thread is a daemon and dies with the process

    async def closed(self) -> None:
        """Return at once: the thread is a daemon."""

    def probe(self) -> None:
        """Try the canaries of this turn, in whatever thread this is. What is missed is told by ``fault``."""
        if self._canaries is None:
            return
        turn, self._turn = self._turn, self._turn + 1
        try:
            found = judgement_of(self._judge, self._id, self._digest, self._canaries.segments(turn))
            missed = self._canaries.missed(turn, found)
            why = f"detector {self._id} missed its canaries: {', '.join(missed)}" if missed else ""
        except ScreeningUnavailable as error:
            why = f"detector {self._id} failed on its canaries: {error}"
        if why != self._missed:
            log.warning("%s", why or f"detector {self._id} finds its canaries again")
        self._missed = why
        if why:
            self._turn = turn  # until it finds what it missed
            if self._memory is not None:
                self._memory.forget()
        else:
            self._passed = time.monotonic()
        self._due = time.monotonic() + (min(AGAIN_SECONDS, self._canary_seconds) if why else self._canary_seconds)

    def _work(self) -> None:
        while True:
            wait = None if self._canaries is None else max(0.0, self._due - time.monotonic())
            batch: list[_Ask] = []
            try:
                first = self._asks.get(timeout=wait)
                if first is None:
                    return
                batch.append(first)
                while len(batch) < BATCH_MAX:
                    more = self._asks.get_nowait()
                    if more is None:
                        self._judge_batch(batch)
                        return
                    batch.append(more)
            except queue.Empty:
                pass
            if batch:
                self._judge_batch(batch)
            if self._canaries is not None and time.monotonic() >= self._due:
                self.probe()

    def _judge_batch(self, batch: list[_Ask]) -> None:
        live = [ask for ask in batch if not ask.future.done()]
        segments = [segment for ask in live for segment in ask.segments]
        why = self._missed  # they came while it missed what it must find
        whole = None
        try:
            whole = None if why else judgement_of(self._judge, self._id, self._digest, segments)
        except ScreeningUnavailable as error:
            if len(live) > 1:  # what one of them sent is not refused to the others
                for ask in live:
                    self._judge_batch([ask])
                return
            why = str(error)
        start = 0
        for ask in live:
            end = start + len(ask.segments)
            judgement = None if whole is None else part_of(whole, start, end)
            try:
                ask.loop.call_soon_threadsafe(ask.settle, judgement, why)
            except RuntimeError:
                pass  # the asker's loop was closed: nobody waits for this answer
            start = end


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
