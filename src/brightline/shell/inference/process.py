# SPDX-License-Identifier: Apache-2.0
"""A detector in worker processes: a crash, a hang, a blown memory or an odd answer costs a batch and a worker, never
more than a refusal.

    queue (bounded) → a free worker takes a batch → answer within the deadline, of the right shape, number and digest
                                                  → else the batch is unjudged, and the worker is killed and replaced
    canaries: known texts that must be found, at each worker's start and every minute; one that misses is out

No batch is tried a second time where it killed a worker: it would kill the next. Where the detector only failed on
it, each ask of it is tried alone, so that what one caller sends is not refused to the others. While no worker is fit,
everybody is told so at once, and the exchange is refused as unavailable.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import sys
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Final

from brightline.core.errors import ScreeningUnavailable
from brightline.core.screening.encoder import Canary, canary_segments, missed
from brightline.core.screening.finding import Judgement, Segment
from brightline.core.screening.release import part_of
from brightline.shell.inference.child import Child, UnfitError, started
from brightline.shell.inference.wire import Ask, Load, Loaded, Told

QUEUE_MAX: Final = 256
BATCH_ASKS_MAX: Final = 32
BATCH_SEGMENTS_MAX: Final = 256
LOAD_SECONDS: Final = 60.0
CANARY_SECONDS: Final = 60.0
RESPAWN_SECONDS: Final = (0.1, 1.0, 5.0, 30.0)
COMMAND: Final = (sys.executable, "-m", "brightline.shell.inference.worker")

log = logging.getLogger("brightline.screening")


class _Waiting:
    """Somebody's segments, and where the answer goes."""

    __slots__ = ("alone", "future", "segments")

    def __init__(self, segments: Sequence[Segment]) -> None:
        self.segments = tuple(segments)
        self.alone = False  # asked in a batch of its own, because one failed that it was in
        self.future: asyncio.Future[Judgement] = asyncio.get_running_loop().create_future()

    def refuse(self, why: str) -> None:
        if not self.future.done():
            self.future.set_exception(ScreeningUnavailable(why))


class _Worker:
    """One process, asked batch by batch."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._number = 0

    async def judge(self, segments: tuple[Segment, ...], digest: str, detector: str, seconds: float) -> Told:
        """Judge a batch. Raises ``UnfitError`` unless the answer is one to these segments from this detector."""
        self._number += 1
        told = await self._child.say(Ask(self._number, segments), Told, seconds)
        if told.number != self._number or told.digest != digest:
            raise UnfitError("it answered something else, or as another detector")
        if told.failure:
            return told
        if told.judged != len(segments):
            raise UnfitError(f"it judged {told.judged} of {len(segments)} segments")
        for finding in told.findings:
            if finding.detector != detector or not 0 <= finding.segment < len(segments):
                raise UnfitError("it found something in a segment that it was not asked, or for another detector")
            if not math.isfinite(finding.score) or not 0 <= finding.score <= 1:
                raise UnfitError("it gave a score that is no score")
        if not all(0 <= one.segment < len(segments) for one in told.raised):
            raise UnfitError("it raised something that it was not asked")
        return told


class ProcessDetector:
    """A :class:`~brightline.core.ports.Detector` that runs in processes. Create it inside the running loop."""

    def __init__(
        self,
        load: Load,
        canaries: Sequence[Canary],
        *,
        workers: int,
        deadline_seconds: float,
        command: Sequence[str] = COMMAND,
        canary_seconds: float = CANARY_SECONDS,
        queue_max: int = QUEUE_MAX,
        asks_max: int = BATCH_ASKS_MAX,
        load_seconds: float = LOAD_SECONDS,
        probe_seconds: float = 0.0,
    ) -> None:
        """``deadline_seconds`` is the release's, for one batch of at most ``asks_max`` asks; ``queue_max`` may wait.

        ``command`` takes a file descriptor as last word. Its canaries have ``probe_seconds``, or else the deadline.
        """
        self._load = load
        self._digest = f"sha256:{load.sha256}"
        self._canaries = tuple(canaries)
        self._segments = canary_segments(canaries)
        self._deadline = deadline_seconds
        self._command = tuple(command)
        self._canary_seconds = canary_seconds
        self._queue_max, self._asks_max = queue_max, asks_max
        self._load_seconds, self._probe_seconds = load_seconds, probe_seconds or deadline_seconds
        self._asks: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._fit: set[int] = set()
        self._tried = asyncio.Event()
        self._why = "none has started yet"
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._keep(number)) for number in range(workers)]

    @property
    def id(self) -> str:
        """The id by which the release requires it."""
        return self._load.id

    @property
    def digest(self) -> str:
        """The digest of the file that defines it, as the release pins it."""
        return self._digest

    @property
    def fault(self) -> str:
        """Why it cannot judge; empty while a worker is fit."""
        return "" if self._fit else f"no worker of detector {self.id} is fit: {self._why}"

    async def until_fit(self) -> None:
        """Wait until a worker is fit, or the first has failed. Raises ``ScreeningUnavailable``."""
        await self._tried.wait()
        if not self._fit:
            raise ScreeningUnavailable(self.fault)

    async def judge(self, segments: Sequence[Segment]) -> Judgement:
        """Ask, and wait. Raises ``ScreeningUnavailable`` at once when no worker is fit or the queue is full."""
        if not self._fit:
            raise ScreeningUnavailable(self.fault)
        while self._asks and self._asks[0].future.done():
            self._asks.popleft()  # who gave up makes room
        if len(self._asks) >= self._queue_max:
            raise ScreeningUnavailable(f"the queue of detector {self.id} is full")
        waiting = _Waiting(segments)
        self._asks.append(waiting)
        self._wake.set()
        return await waiting.future

    def close(self) -> None:
        """Kill the workers."""
        for task in self._tasks:
            task.cancel()

    async def closed(self) -> None:
        """Return once they are gone."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ---- one worker's life ---------------------------------------------------------------------------------------

    async def _keep(self, number: int) -> None:
        """Keep one worker, anew whenever it was unfit; slower each time it does not last."""
        failures = 0
        while True:
            try:
                async with self._started() as worker:
                    await self._probe(worker, self._load_seconds)  # the first run of an encoder takes longer
                    self._fit.add(number)
                    self._tried.set()
                    failures = 0
                    await self._work(number, worker)
            except UnfitError as error:
                self._why = str(error)
                log.warning("a worker of detector %s is out: %s", self.id, error)
            finally:
                self._fit.discard(number)
            self._tried.set()
            if not self._fit:
                self._refuse_all(self.fault)
            await asyncio.sleep(RESPAWN_SECONDS[min(failures, len(RESPAWN_SECONDS) - 1)])
            failures += 1

    @contextlib.asynccontextmanager
    async def _started(self) -> AsyncIterator[_Worker]:
        async with started(self._command) as child:
            loaded = await child.say(self._load, Loaded, self._load_seconds)
            if loaded.failure:
                raise UnfitError(loaded.failure)
            if loaded.digest != self._digest:
                raise UnfitError(f"it loaded {loaded.digest}; the release pins {self._digest}")
            yield _Worker(child)

    async def _work(self, number: int, worker: _Worker) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self._canary_seconds
        while True:
            batch = self._take()
            if batch:
                await self._judge(number, worker, batch)
            elif loop.time() < due:
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(due - loop.time()):
                        await self._wake.wait()
            if loop.time() >= due:
                await self._probe(worker, self._probe_seconds)
                due = loop.time() + self._canary_seconds

    def _take(self) -> list[_Waiting]:
        """As many as make a batch; whoever gave up is left out."""
        batch: list[_Waiting] = []
        count = 0
        while self._asks and len(batch) < self._asks_max:
            if self._asks[0].future.done():
                self._asks.popleft()
                continue
            count += len(self._asks[0].segments)
            if batch and (count > BATCH_SEGMENTS_MAX or self._asks[0].alone or batch[0].alone):
                break
            batch.append(self._asks.popleft())
        return batch

    async def _judge(self, number: int, worker: _Worker, batch: list[_Waiting]) -> None:
        segments = tuple(segment for waiting in batch for segment in waiting.segments)
        try:
            told = await worker.judge(segments, self._digest, self.id, self._deadline)
        except BaseException as error:
            self._fit.discard(number)  # before anybody is told, and asks again
            for waiting in batch:
                waiting.refuse(f"a worker of detector {self.id} failed: {error}")
            raise
        if told.failure and len(batch) > 1:
            for waiting in reversed(batch):  # what one of them sent is not refused to the others
                waiting.alone = True
                self._asks.appendleft(waiting)
            self._wake.set()
            return
        whole = Judgement(self.id, self._digest, told.judged, told.findings, told.raised)
        start = 0
        for waiting in batch:
            end = start + len(waiting.segments)
            if told.failure:
                waiting.refuse(f"detector {self.id} failed: {told.failure}")
            elif not waiting.future.done():
                waiting.future.set_result(part_of(whole, start, end))
            start = end

    async def _probe(self, worker: _Worker, seconds: float) -> None:
        """Whether it still finds what is known to be bad. Raises ``UnfitError``."""
        if not self._canaries:
            return
        told = await worker.judge(self._segments, self._digest, self.id, seconds)
        if told.failure:
            raise UnfitError(f"it failed on its canaries: {told.failure}")
        if facts := missed(self._canaries, told.findings):
            raise UnfitError(f"it missed its canaries for {', '.join(facts)}")

    def _refuse_all(self, why: str) -> None:
        while self._asks:
            self._asks.popleft().refuse(why)
