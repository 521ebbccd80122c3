# SPDX-License-Identifier: Apache-2.0
"""Several worker processes behind one port: started together, restarted one by one, drained together.

Each worker binds the port for itself once its evidence is open (SO_REUSEPORT), so that one which is away is given no
connection, and each writes a shard of its own. What is here serves nothing and reads no evidence: it starts processes,
holds the port and the channels between them, and waits.

    1. all are started; if one does not come to serve, or takes longer than a start may, all are stopped
    2. one that ends later is started again, after a pause that doubles each time
    3. one that ended too often stops all: whoever watches this process must see it
    4. SIGTERM or SIGINT: all are told to drain; who has not ended some time after the deadline is killed

A worker's standard input is a pipe that only this process holds: it ends when this process does, however that comes,
and the worker drains.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import msgspec

from brightline.core.errors import WorkersFailed

DEATHS_MAX: Final = 8
DEATHS_WITHIN_SECONDS: Final = 600.0
PAUSE_SECONDS: Final = 0.25
PAUSE_SECONDS_MAX: Final = 30.0
START_SECONDS: Final = 900.0
"""So long a worker may take from its start until it serves: it reads its log again, and loads what judges."""
GRACE_SECONDS: Final = 15.0
"""So much longer than its deadline a worker may take to drain: it writes its last PERIOD and publishes."""

log = logging.getLogger("brightline")


class Channels:
    """A datagram socket for each worker to hear on, and the other end of it for each of the others."""

    def __init__(self, count: int) -> None:
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(count)]
        self._hear = [hear for hear, _ in pairs]
        self._tell = [tell for _, tell in pairs]

    def hear(self, worker: int) -> int:
        """The file descriptor on which a worker hears."""
        return self._hear[worker].fileno()

    def tell(self, worker: int) -> tuple[int, ...]:
        """The file descriptors by which a worker tells the others."""
        return tuple(each.fileno() for at, each in enumerate(self._tell) if at != worker)

    def close(self) -> None:
        """Close all of them."""
        for each in (*self._hear, *self._tell):
            each.close()


class Pauses:
    """How long to wait before a worker is started again. ``now`` is in seconds of a clock that does not go back."""

    def __init__(self) -> None:
        self._deaths: deque[float] = deque()

    def after_death(self, now: float) -> float:
        """Seconds to wait. Raises ``WorkersFailed`` if it ended too often."""
        while self._deaths and now - self._deaths[0] > DEATHS_WITHIN_SECONDS:
            self._deaths.popleft()
        self._deaths.append(now)
        if len(self._deaths) > DEATHS_MAX:
            raise WorkersFailed(
                f"a worker ended {len(self._deaths)} times within {DEATHS_WITHIN_SECONDS / 60:g} minutes"
            )
        return min(PAUSE_SECONDS * (1 << len(self._deaths) - 1), PAUSE_SECONDS_MAX)


class Plan(msgspec.Struct, frozen=True):
    """How many workers, the command of each by its number, and for how long they drain.

    ``said`` is given a worker's number and the line that it wrote when it served.
    """

    count: int
    command: Callable[[int, Channels], Sequence[str]]
    said: Callable[[int, bytes], None]
    drain_seconds: float


async def supervise(plan: Plan) -> None:
    """Keep the workers going until SIGTERM or SIGINT, and drain them. Raises ``WorkersFailed``."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    channels = Channels(plan.count)
    running: dict[int, asyncio.subprocess.Process] = {}
    keepers = [asyncio.create_task(_keep(each, plan, channels, running)) for each in range(plan.count)]
    stopped = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait([*keepers, stopped], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in (*keepers, stopped):
            task.cancel()
        await asyncio.gather(*keepers, stopped, return_exceptions=True)
        await asyncio.gather(*(_end(process, plan.drain_seconds) for process in running.values()))
        channels.close()


async def _keep(worker: int, plan: Plan, channels: Channels, running: dict[int, asyncio.subprocess.Process]) -> None:
    """Keep one worker going. Returns never; raises ``WorkersFailed``."""
    clock = asyncio.get_running_loop().time
    pauses, served = Pauses(), False
    while True:
        async with _started(worker, plan, channels, running) as process:
            line = await _first_line(worker, process)
            if line:
                served = True
                plan.said(worker, line)
            code = await process.wait()
        if not served:
            raise WorkersFailed(f"worker {worker} ended before it served (exit code {code})")
        pause = pauses.after_death(clock())
        log.warning("worker %d ended (exit code %d); it is started again in %g s", worker, code, pause)
        await asyncio.sleep(pause)


async def _first_line(worker: int, process: asyncio.subprocess.Process) -> bytes:
    """What a worker says when it serves; nothing if it ends before. One that hangs is killed."""
    if process.stdout is None:
        return b""
    try:
        async with asyncio.timeout(START_SECONDS):
            return await process.stdout.readline()
    except TimeoutError:
        log.error("worker %d did not come to serve within %g s and is killed", worker, START_SECONDS)  # noqa: TRY400
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        return b""


@contextlib.asynccontextmanager
async def _started(
    worker: int, plan: Plan, channels: Channels, running: dict[int, asyncio.subprocess.Process]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start one, and count it among the running until it has ended."""
    command = plan.command(worker, channels)
    pipe = asyncio.subprocess.PIPE
    fds = (channels.hear(worker), *channels.tell(worker))
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, pass_fds=fds)
    running[worker] = process
    yield process
    del running[worker]


async def _end(process: asyncio.subprocess.Process, drain_seconds: float) -> None:
    """Tell a worker to drain, and wait for it."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(drain_seconds + GRACE_SECONDS):
            await process.wait()
    except TimeoutError:
        log.warning("a worker did not end within %g s after its deadline and is killed", GRACE_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
