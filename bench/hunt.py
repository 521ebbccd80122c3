# SPDX-License-Identifier: Apache-2.0
"""What it costs to screen sealed records again: in one process, in two, and on Ray, to one digest.

    python bench/hunt.py            300 exchanges with content among 1,200
    python bench/hunt.py --quick    100 among 400; without Ray

An installation is written as a gateway would write it, from everyday questions. Told are records and cases a second of
processor time (of all processes together) and of the clock; a hunt that comes out otherwise fails the run. Ray is left
out where it is not installed, or where the machine has a network (see docs/for-safety-researchers.md).
"""

from __future__ import annotations

import argparse
import json
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
KEPT: Final = 4  # of so many exchanges one is kept
STARTS: Final = 3  # Ray gives its processes 30 seconds to start
CLOCK: Final = SystemClock()

Way = Callable[[Path, Opened], None]


def exchanges(count: int) -> Iterator[Said]:
    """Everyday questions, of which each fourth is kept: by turns drawn or held."""
    texts = [
        row["text"]
        for name in TEXTS
        for row in map(json.loads, (ROOT / "corpora" / "everyday" / name).read_text("utf-8").splitlines()[1:])
    ]
    for number, text in enumerate(islice(cycle(texts), count)):
        kept = "nothing" if number % KEPT else ("held" if number % (2 * KEPT) else "sampled")
        yield Said(text if number % 50 else f"{text} periwinkle", kept)


def processor() -> float:
    """Seconds that this process and those that it has waited for have computed."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in both)


def measured(name: str, planned: Path, way: Way, *, computing: bool = True) -> str:
    """Run a hunt in a copy of its folder, tell what it took, and return the digest of its report."""
    folder = planned.with_name(name.replace(" ", "-"))
    shutil.copytree(planned, folder)
    opened = open_hunt(folder)
    began, computed = time.perf_counter(), processor()
    way(folder, opened)
    took, used = time.perf_counter() - began, processor() - computed
    reported = report_of(folder, opened)
    records, cases = reported.report.records, reported.report.cases
    core = f"{records / used:>9,.0f} records and {cases / used:>7,.1f} cases a second of a core" if computing else ""
    click.echo(f"{name:<14}{records / took:>9,.0f} records a second by the clock, {took:.1f} s  {core}")
    return reported.digest


def main() -> int:
    """Measure. Returns 1 if two ways came to two digests."""
    reading = argparse.ArgumentParser(description=__doc__)
    reading.add_argument("--quick", action="store_true")
    quick = reading.parse_args().quick
    count = 400 if quick else 1_200
    with tempfile.TemporaryDirectory() as where:
        root = Path(where)
        state = site(root / "state", exchanges(count))
        release = release_with(root / "release")
        began = time.process_time()
        words = ["hunt", "plan", str(state), str(root / "planned"), "--release", str(release), "--json"]
        brightline.main(words, standalone_mode=False)
        plan = open_hunt(root / "planned").plan
        planned = plan.records / (time.process_time() - began)
        click.echo(
            f"planned       {planned:>9,.0f} records a second of a core, with starting; {len(plan.shards)} shards"
        )
        ways: dict[str, Way] = {
            "one process": lambda folder, opened: run_here(folder, opened, lambda _done: None, CLOCK),
            "two processes": lambda folder, opened: run_with(folder, opened, 2, lambda _done: None, CLOCK),
        }
        digests = {measured(name, root / "planned", way) for name, way in ways.items()}
        if not quick and find_spec("ray") is not None:
            for start in range(STARTS):
                try:
                    digests.add(measured(f"ray {start}", root / "planned", _on_ray, computing=False))
                    break
                except (ConfigError, WorkersFailed) as error:
                    click.echo(f"ray: {error}", err=True)
    click.echo(f"one digest: {len(digests) == 1}")
    return 0 if len(digests) == 1 else 1


def _on_ray(folder: Path, opened: Opened) -> None:
    run_on_ray(folder, opened, 2, Cluster(), lambda _done: None, CLOCK)


if __name__ == "__main__":
    sys.exit(main())
