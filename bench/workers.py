# SPDX-License-Identifier: Apache-2.0
"""Two workers behind one port beside one: how much of a second worker arrives at the clients.

    python bench/workers.py [--runs N] [--share 0.25]

Needs root and the kernel's cgroups of version 1. A machine of two cores cannot give each of two workers a core and
still run the load and the model server; so each worker may use a share of a core, the rest is for those two, and what
is compared is what two shares do with what one does. What workers have in common is in it: the port, the disk and its
flushes, the combined heads, the registry, and what they tell each other. That they would also share a memory bus and
caches as two whole cores do, is not. Runs of one and of two workers take turns.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import gateway as alone
from gateway import HERE, LOAD_CORE, Rig, Target

CGROUPS: Final = Path("/sys/fs/cgroup/cpu")
PERIOD_US: Final = 10_000
CONNECTIONS: Final = 24
WARM_SECONDS: Final = 2.0


@contextlib.contextmanager
def held_to(share: float, pids: list[int]) -> Iterator[None]:
    """Each process may use this share of a core until the block ends."""
    groups = []
    try:
        for pid in pids:
            group = CGROUPS / f"brightline-bench-{pid}"
            group.mkdir()
            groups.append(group)
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(round(PERIOD_US * share)))
            (group / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        for group in groups:
            for process in (group / "cgroup.procs").read_text().split():
                (CGROUPS / "cgroup.procs").write_text(process)
            group.rmdir()


def workers_of(supervisor: int, count: int) -> list[int]:
    """The process ids of the workers, once all are there and serve."""
    for _ in range(600):
        children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
        if len(children) == count:
            return [int(child) for child in children]
        time.sleep(0.05)
    raise click.ClickException("the workers did not start")


def measure(folder: Path, count: int, share: float, seconds: float, upstream: int) -> tuple[float, float]:
    """Requests a second, and CPU milliseconds of the workers for one."""
    port = alone._free_port()
    state, key = alone._make_state(folder, upstream, port)
    rig = Rig(folder, key, seconds, (CONNECTIONS,))
    command = alone._brightline("serve", str(state), "--workers", str(count))
    target = Target("workers", port, 0)
    with alone._running(command, LOAD_CORE, port, folder / "gateway.log") as child:
        if child.stdout is not None:
            child.stdout.readline()  # the banner: all of them serve
        pids = workers_of(child.pid, count) if count > 1 else [child.pid]
        for pid in pids:
            alone_on_all(pid)
        with held_to(share, pids):
            rig.load(target, CONNECTIONS, WARM_SECONDS)
            before = sum(alone._cpu_seconds(pid) for pid in pids)
            told = rig.load(target, CONNECTIONS)
            used = sum(alone._cpu_seconds(pid) for pid in pids) - before
    if told["bad"]:
        raise click.ClickException(f"{told['bad']} answers were missing or wrong")
    return told["per_second"], used / told["count"] * 1e3


def alone_on_all(pid: int) -> None:
    """Let every thread of a process use every core."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), set(alone._CORES))


@click.command(help=__doc__)
@click.option("--runs", type=click.IntRange(1, 50), default=5, show_default=True)
@click.option("--seconds", type=float, default=5.0, show_default=True)
@click.option(
    "--share", type=click.FloatRange(0.05, 1.0), default=0.25, show_default=True, help="Of a core, for each."
)
def main(runs: int, seconds: float, share: float) -> None:
    """Take turns, and print medians and spread."""
    found: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as room, contextlib.ExitStack() as stack:
        upstream = alone._free_port()
        model = [sys.executable, str(HERE / "upstream.py"), str(upstream)]
        stack.enter_context(alone._running(model, LOAD_CORE, upstream, Path(room) / "upstream.log"))
        for run in range(runs):
            for count, rows in found.items():
                folder = Path(room) / f"{run}-{count}"
                folder.mkdir()
                rows.append(measure(folder, count, share, seconds, upstream))
                rate, cpu = rows[-1]
                click.echo(f"  {count} worker(s): {rate:8,.0f} requests/s, {cpu:.3f} ms CPU a request", err=True)
    for count, rows in found.items():
        rates, cpus = [rate for rate, _ in rows], [cpu for _, cpu in rows]
        click.echo(f"{count} worker(s): {alone._median(rates)} requests/s, {alone._median(cpus)} ms CPU a request")
    ratios = [two / one for (one, _), (two, _) in zip(found[1], found[2], strict=True)]
    click.echo(f"two to one: {alone._median(ratios)}, at {share:g} of a core for each")
    click.echo(json.dumps({str(count): rows for count, rows in found.items()}), err=True)


if __name__ == "__main__":
    main()
