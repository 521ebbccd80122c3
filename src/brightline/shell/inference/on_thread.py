# SPDX-License-Identifier: Apache-2.0
"""A detector on a thread of its own, with a bounded queue that is judged in batches.

One that hangs keeps its thread; from then on its queue is late and full, so every exchange is unavailable until the
process is replaced. That is the safe way to fail. One that is quick and cannot hang (rules on RE2) judges a small
batch at once, on the loop: handing it to a thread and back costs more than most of them take, and on one core nothing
is won.

Every minute it is asked for texts that it must find (``canaries.py``). While it misses one, or its thread does not
come to try them, it judges nothing, and every exchange is refused as unavailable.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Sequence
from typing import Final

from brightline.core.errors import ScreeningUnavailable
from brightline.core.screening.finding import Judgement, Segment
from brightline.core.screening.release import part_of
from brightline.shell.inference.canaries import Canaries
from brightline.shell.inference.kinds import Judge, judgement_of
from brightline.shell.inference.memory import Memory

log = logging.getLogger("brightline.screening")

CANARY_SECONDS: Final = 60.0
AGAIN_SECONDS: Final = 5.0  # until canaries that were missed are tried again
LATE_FACTOR: Final = 3
QUEUE_MAX: Final = 256
BATCH_MAX: Final = 32
AT_ONCE_BYTES: Final = 8_192
"""A few milliseconds, in which the loop does nothing else; in UTF-8, because folding letters of other scripts takes as
much longer."""


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
