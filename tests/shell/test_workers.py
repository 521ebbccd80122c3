# SPDX-License-Identifier: Apache-2.0
"""The supervisor of worker processes, with small scripts for workers."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from brightline.core.errors import WorkersFailed
from brightline.shell import workers
from brightline.shell.workers import Channels, Pauses, Plan, supervise

PATIENCE_SECONDS = 60.0


def plan(script: str, count: int = 1, said: list[int] | None = None, drain_seconds: float = 5.0) -> Plan:
    """Workers that are this shell script; ``$0`` is a worker's number. ``said`` hears who served."""
    heard = [] if said is None else said

    def command(worker: int, _channels: Channels) -> Sequence[str]:
        return ("/bin/sh", "-c", script, str(worker))

    return Plan(count, command, lambda worker, _line: heard.append(worker), drain_seconds)


async def supervised(made: Plan, said: list[int], enough: int) -> None:
    """Supervise until so many have said that they serve, then stop as an operator does."""
    task = asyncio.create_task(supervise(made))
    begun = time.monotonic()
    while len(said) < enough and not task.done():
        assert time.monotonic() - begun < PATIENCE_SECONDS
        await asyncio.sleep(0.01)
    if not task.done():
        os.kill(os.getpid(), signal.SIGTERM)
    await task


async def test_all_are_started_and_each_is_told_to_drain(tmp_path: Path) -> None:
    said: list[int] = []
    script = f'trap "touch {tmp_path}/$0; exit 0" TERM; echo serves; while :; do sleep 0.02; done'
    await supervised(plan(script, 3, said), said, 3)
    assert sorted(said) == [0, 1, 2]
    assert sorted(os.listdir(tmp_path)) == ["0", "1", "2"]  # noqa: PTH208 - nothing waits for this loop


async def test_one_that_dies_is_started_again_and_the_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "PAUSE_SECONDS", 0.01)
    said: list[int] = []
    script = 'echo serves; if [ "$0" = 1 ]; then kill -9 $$; fi; exec sleep 60'
    await supervised(plan(script, 2, said), said, 4)
    assert said.count(0) == 1
    assert said.count(1) == 3


async def test_one_that_does_not_come_to_serve_stops_all(tmp_path: Path) -> None:
    script = f'if [ "$0" = 1 ]; then exit 2; fi; trap "touch {tmp_path}/0; exit 0" TERM; while :; do sleep 0.02; done'
    with pytest.raises(WorkersFailed, match=r"worker 1 .*exit code 2"):
        await supervise(plan(script, 2))


async def test_one_that_hangs_before_it_serves_stops_all_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "START_SECONDS", 1.5)
    with pytest.raises(WorkersFailed, match=r"worker 1 ended before it served \(exit code -9\)"):
        await supervise(plan('[ "$0" = 0 ] && echo serves; exec sleep 60', 2))


async def test_and_is_started_again_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "START_SECONDS", 2.0)
    monkeypatch.setattr(workers, "PAUSE_SECONDS", 0.01)
    said: list[int] = []
    count = f"{tmp_path}/starts"
    second = f"case $(wc -l < {count}) in 1) echo serves; exit 1;; 2) exec sleep 60;; esac"
    script = f"echo >> {count}; {second}; echo serves; exec sleep 60"
    await supervised(plan(script, 1, said), said, 2)
    assert (tmp_path / "starts").read_text().count("\n") == 3


async def test_one_that_ends_again_and_again_stops_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "PAUSE_SECONDS", 0.001)
    said: list[int] = []
    with pytest.raises(WorkersFailed, match="9 times"):
        await supervise(plan('echo serves; [ "$0" = 0 ] && exec sleep 60; exit 1', 2, said))
    assert said.count(1) == workers.DEATHS_MAX + 1


async def test_one_that_does_not_drain_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "GRACE_SECONDS", 0.1)
    said: list[int] = []
    script = 'trap "" TERM; echo serves; while :; do sleep 0.02; done'
    await supervised(plan(script, 1, said, drain_seconds=0.1), said, 1)


async def test_a_worker_sees_the_end_of_its_input_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    script = f"echo serves; cat; touch {tmp_path}/saw"
    code = (
        "import asyncio\nfrom brightline.shell.workers import Plan, supervise\n"
        f"command = lambda worker, channels: ('/bin/sh', '-c', {script!r})\n"
        "asyncio.run(supervise(Plan(1, command, lambda worker, line: print('up', flush=True), 5)))"
    )
    supervisor = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert supervisor.stdout is not None
    assert await supervisor.stdout.readline() == b"up\n"
    supervisor.kill()
    await supervisor.wait()
    begun = time.monotonic()
    while not (tmp_path / "saw").exists():
        assert time.monotonic() - begun < PATIENCE_SECONDS
        await asyncio.sleep(0.01)


def test_pauses_double_up_to_a_bound_and_what_is_long_ago_counts_no_more() -> None:
    pauses = Pauses()
    found = [pauses.after_death(at) for at in range(workers.DEATHS_MAX)]
    assert found[:4] == [0.25, 0.5, 1.0, 2.0]
    assert found[-1] == workers.PAUSE_SECONDS_MAX
    assert pauses.after_death(workers.DEATHS_WITHIN_SECONDS + workers.DEATHS_MAX) == workers.PAUSE_SECONDS
    with pytest.raises(WorkersFailed):
        [pauses.after_death(workers.DEATHS_WITHIN_SECONDS + 100) for _ in range(workers.DEATHS_MAX)]


def test_each_tells_all_others_and_hears_on_its_own() -> None:
    channels = Channels(3)
    try:
        assert all(len(channels.tell(worker)) == 2 for worker in range(3))
        for teller, hearer in ((0, 1), (0, 2), (2, 0)):
            ours = [fd for fd in channels.tell(teller) if fd in channels.tell(3 - teller - hearer)]
            os.write(ours[0], f"to {hearer}".encode())
            assert os.read(channels.hear(hearer), 100) == f"to {hearer}".encode()
    finally:
        channels.close()
