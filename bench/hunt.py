# SPDX-License-Identifier: Apache-2.0
"""What it costs to screen sealed records again: in one process, in two, and on Ray, to one digest.

    python bench/hunt.py            3,000 exchanges with content among 6,000
    python bench/hunt.py --quick    150 among 300; without Ray

An installation is written as a gateway would write it, from everyday questions. Told are, apart, what it takes to the
first result (starting, loading, and one shard for each who works), and from the first to the last: records and cases a
second of processor time, of all processes together, and of the clock. Processor time is that of this process and of
whatever it started, also of what left its parent, as the processes of Ray do. A hunt that comes out otherwise fails
the run. Ray is left out where it is not installed, or where the machine has a network (see
docs/for-safety-researchers.md).
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import cycle, islice
from pathlib import Path
from typing import Final

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the installation of the tests

from tests.hunts import Said, release_with, site

from brightline.core.errors import ConfigError, WorkersFailed
from brightline.shell.cli.main import brightline
from brightline.shell.clock import SystemClock
from brightline.shell.hunt.folder import Opened, open_hunt
from brightline.shell.hunt.onray import Cluster, run_on_ray
from brightline.shell.hunt.reporting import report_of
from brightline.shell.hunt.running import run_here, run_with

ROOT: Final = Path(__file__).resolve().parents[1]
TEXTS: Final = ("self-instruct.jsonl", "chat-benchmarks.jsonl", "ordinary-day.jsonl")
TEXTS_MAX: Final = 400  # which come again and again; a hunt remembers nothing
KEPT: Final = 2  # of so many exchanges one is kept
SHARD_RECORDS: Final = 500
SUBREAPER: Final = 36  # prctl(2): who leaves its parent becomes our child
TICKS: Final = os.sysconf("SC_CLK_TCK")
CLOCK: Final = SystemClock()

Tell = Callable[[int], None]
Way = Callable[[Path, Opened, Tell], None]


def exchanges(count: int) -> Iterator[Said]:
    """Everyday questions, of which each fourth is kept: by turns drawn or held."""
    texts = [
        row["text"]
        for name in TEXTS
        for row in map(json.loads, (ROOT / "corpora" / "everyday" / name).read_text("utf-8").splitlines()[1:])
    ]
    for number, text in enumerate(islice(cycle(texts[::7][:TEXTS_MAX]), count)):
        kept = "nothing" if number % KEPT else ("held" if number % (2 * KEPT) else "sampled")
        yield Said(text if number % 50 else f"{text} periwinkle", kept)


def processor() -> float:
    """Seconds that this process, those that run below it, and those that are over have computed."""
    stats = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                fields = (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            except OSError:
                continue
            stats[int(folder.name)] = (
                int(fields[1]),
                sum(map(int, fields[11:15])),
            )  # parent; its own and what it buried
    below = {os.getpid()}
    while more := {pid for pid, (parent, _) in stats.items() if parent in below} - below:
        below |= more
    living = sum(stats[pid][1] for pid in below - {os.getpid()} if pid in stats) / TICKS
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return living + sum(each.ru_utime + each.ru_stime for each in both)


def bury() -> None:
    """Wait for whoever was left to us."""
    try:
        while os.waitpid(-1, 0)[0]:
            pass
    except ChildProcessError:
        pass


class Meter:
    """The clock, the processors and how much was done: at the beginning, and whenever more was done."""

    def __init__(self) -> None:
        self.seen = [(time.perf_counter(), processor(), 0)]

    def tell(self, done: int) -> None:
        """So many shards are done."""
        if done > self.seen[-1][2]:
            self.seen.append((time.perf_counter(), processor(), done))


def measured(name: str, planned: Path, way: Way) -> str:
    """Run a hunt in a copy of its folder, tell what it took, and return the digest of its report."""
    folder = planned.with_name(name.replace(" ", "-"))
    shutil.copytree(planned, folder)
    opened = open_hunt(folder)
    meter = Meter()
    way(folder, opened, meter.tell)
    bury()
    ended, computed = time.perf_counter(), processor()
    reported = report_of(folder, opened)
    (began, before, _), (first, first_computed, few), (last, last_computed, done) = (
        meter.seen[0],
        meter.seen[1],
        meter.seen[-1],
    )
    part = (done - few) / done
    records, cases = reported.report.records * part, reported.report.cases * part
    took, used = last - first, last_computed - first_computed
    click.echo(
        f"{name:<14}{records / used:>8,.0f} records and {cases / used:>6,.1f} cases a second of a core, "
        f"{records / took:>8,.0f} records by the clock ({took:.1f} s, {used:.1f} s computed); "
        f"to the first result {first - began:.1f} s, {first_computed - before:.1f} s computed; "
        f"after the last {ended - last:.1f} s, {computed - last_computed:.1f} s"
    )
    return reported.digest


def main() -> int:
    """Measure. Returns 1 if two ways came to two digests."""
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("--quick", action="store_true")
    quick = reading.parse_args().quick
    count = 300 if quick else 6_000
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory() as where:
        root = Path(where)
        state = site(root / "state", exchanges(count))
        release = release_with(root / "release")
        began = time.process_time()
        words = ["hunt", "plan", str(state), str(root / "planned"), "--release", str(release), "--json"]
        words += ["--shard-records", str(SHARD_RECORDS)]
        brightline.main(words, standalone_mode=False)
        plan = open_hunt(root / "planned").plan
        planned = plan.records / (time.process_time() - began)
        click.echo(
            f"planned       {planned:>9,.0f} records a second of a core, with starting; {len(plan.shards)} shards"
        )
        ways: dict[str, Way] = {
            "one process": lambda folder, opened, tell: run_here(folder, opened, tell, CLOCK),
            "two processes": lambda folder, opened, tell: run_with(folder, opened, 2, tell, CLOCK),
        }
        digests = {measured(name, root / "planned", way) for name, way in ways.items()}
        if not quick and find_spec("ray") is not None:
            try:
                digests.add(measured("ray", root / "planned", _on_ray))
            except (ConfigError, WorkersFailed) as error:
                click.echo(f"ray: {error}", err=True)
    click.echo(f"one digest: {len(digests) == 1}")
    return 0 if len(digests) == 1 else 1


def _on_ray(folder: Path, opened: Opened, tell: Tell) -> None:
    run_on_ray(folder, opened, 2, Cluster(), tell, CLOCK)


if __name__ == "__main__":
    sys.exit(main())
