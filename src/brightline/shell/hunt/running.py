# SPDX-License-Identifier: Apache-2.0
"""Running a hunt on one machine: in this process, or in several that lease shards from the same small database.

Several machines may run the same hunt at once, each like this, where the installation names a database for its work.

A worker is this package again, in a process of its own. One that dies leaves its shards to the others; it is replaced
a few times, and then the hunt stops and can be gone on with. Nothing is lost but the shard that was being looked at.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from brightline.core.errors import BrightlineError, WorkersFailed
from brightline.core.ports import Clock
from brightline.shell.clock import SystemClock
from brightline.shell.config import child_environment, hunt_password, load_settings
from brightline.shell.hunt.examining import Examiner
from brightline.shell.hunt.folder import HuntFolder, Opened, open_hunt
from brightline.shell.hunt.owner import has_ended, owner_name
from brightline.shell.hunt.work import LEASE_SECONDS, Leases, Work

WORKERS_MAX: Final = 256
RESTARTS_MAX: Final = 3
LOOK_SECONDS: Final = 0.2
COMMAND: Final = (sys.executable, "-m", "brightline.shell.hunt.running")

Tell = Callable[[int], None]


def leases_of(root: Path, opened: Opened) -> Leases:
    """Where a hunt keeps its work: a file in its folder, or the database that the installation names for that.

    Raises ``OperatorError``.
    """
    settings = load_settings(Path(opened.job.state)).hunt
    shards = len(opened.plan.shards)
    if not settings.database_url:
        return Work(HuntFolder(root).work, opened.hunt, shards)
    from brightline.shell.hunt.shared_work import SharedWork

    return SharedWork(settings.database_url, hunt_password(settings), opened.hunt, shards)


def was_begun(root: Path, opened: Opened) -> bool:
    """Whether there is any work to look at; a database is asked for it."""
    return bool(load_settings(Path(opened.job.state)).hunt.database_url) or HuntFolder(root).work.exists()


def open_work(root: Path, opened: Opened) -> Leases:
    """The work of a hunt, with the leases of those who run no more given back. Raises ``OperatorError``."""
    work = leases_of(root, opened)
    work.give_back_of(has_ended)
    return work


def run_here(root: Path, opened: Opened, tell: Tell, clock: Clock) -> None:
    """Run what is left of a hunt in this process. ``tell`` hears how many shards are done.

    Raises ``OperatorError``.
    """
    work = open_work(root, opened)
    try:
        if work.standing(clock.unix()).done < len(opened.plan.shards):
            _work(opened, work, tell, clock, lambda: True)
        tell(work.standing(clock.unix()).done)
    finally:
        work.close()


def run_with(root: Path, opened: Opened, workers: int, tell: Tell, clock: Clock) -> None:
    """Run what is left of a hunt in so many processes. Raises ``WorkersFailed``, ``ConfigError``."""
    work = open_work(root, opened)
    crew: list[subprocess.Popen[bytes]] = []
    left = RESTARTS_MAX
    try:
        while (standing := work.standing(clock.unix())).done < standing.shards:
            tell(standing.done)
            running = [process for process in crew if process.poll() is None]
            ended = [process for process in crew if process.poll() is not None]
            if any(process.returncode > 0 for process in ended):
                raise WorkersFailed("a worker of the hunt met what it could not go on from")
            killed = [process for process in ended if process.returncode < 0]
            left -= len(killed)
            if left < 0:
                raise WorkersFailed(f"workers of the hunt were killed {RESTARTS_MAX + 1} times; run it again to go on")
            if killed:
                work.give_back_of(has_ended)
            crew = running
            while len(crew) < min(workers, standing.shards - standing.done):
                command = (*COMMAND, str(root), str(os.getpid()))
                crew.append(subprocess.Popen(command, env=child_environment()))  # noqa: S603 - our own module
            time.sleep(LOOK_SECONDS)
        tell(standing.done)
    finally:
        for process in crew:
            if process.poll() is None:
                process.terminate()
        for process in crew:
            process.wait()
        work.give_back_of(has_ended)
        work.close()


def _work(opened: Opened, work: Leases, tell: Tell, clock: Clock, wanted: Callable[[], bool]) -> None:
    """Take shards until none is left, or nobody wants it any more; wait for those that others hold."""
    examiner, owner, shards = Examiner(opened), owner_name(), len(opened.plan.shards)
    while wanted():
        now = clock.unix()
        number = work.lease(owner, now)
        if number is None:
            if work.standing(now).done == shards:
                return
            time.sleep(LOOK_SECONDS)
            work.give_back_of(has_ended)
            continue
        heart = _Heart(work, owner, clock)
        work.finish(number, examiner.examine(number, heart.beat))
        tell(work.standing(clock.unix()).done)


class _Heart:
    """Renews a lease while its holder works."""

    def __init__(self, work: Leases, owner: str, clock: Clock) -> None:
        self._work = work
        self._owner = owner
        self._clock = clock
        self._last = clock.unix()

    def beat(self) -> None:
        """Say that the holder is there; written down now and then."""
        now = self._clock.unix()
        if now - self._last >= LEASE_SECONDS // 3:
            self._work.renew(self._owner, now)
            self._last = now


def main(arguments: list[str]) -> int:
    """One worker, of the hunt in this folder, for the parent of this number: it ends with it, or when nothing is left.

    Its parent may be gone before it has begun; so it is told who that was, and does not ask.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it too, and ends its workers
    root, parent = Path(arguments[0]), int(arguments[1])
    if os.getppid() != parent:
        return 0
    try:
        opened = open_hunt(root)
        work = leases_of(root, opened)
        try:
            _work(opened, work, lambda _done: None, SystemClock(), lambda: os.getppid() == parent)
        finally:
            work.close()
    except BrightlineError as error:
        sys.stderr.write(f"brightline: {error}\n  next: {error.next_step}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
