# SPDX-License-Identifier: Apache-2.0
"""The reviewers' queue with many open holds: what a claim and a page take, and whether two ever get the same case.

    python bench/review.py            100,000 open holds, 100,000 claims by fifty at once (many minutes)
    python bench/review.py --quick    5,000 holds, 1,000 claims, and no PostgreSQL unless it is named

On SQLite, and on a PostgreSQL that is started from the wheel of the tests, or named by ``--postgres``. It fails if a
case was given to two, or if somebody was given what is not the most urgent; never for its times.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the desk and the server of the tests

from tests.postgres import new_database, postgres
from tests.review_desk import PROVIDER, Pile, SetClock, queue_at

from brightline.core.review.claims import Claim
from brightline.core.review.pace import Pace
from brightline.core.review.urgency import Severity
from brightline.shell.review.queue.claiming import Narrow
from brightline.shell.review.queue.queue import Queue, Terms
from brightline.shell.review.queue.reading import Shown

T = TypeVar("T")
UNITS = 40
REVIEWERS = 50
CONSOLES = 3  # processes of the console share a database; here, so many queues of one process
NO_LIMITS = Terms(pace=Pace(0, 0, 1, 0))


class GivenTwice(AssertionError):
    """Two persons had one case."""


class NothingLeft(AssertionError):
    """Somebody was given nothing, though thousands wait."""


def say(line: str) -> None:
    """One line, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def percentile(values: Iterable[float], share: float) -> float:
    """Of a share of the values, in milliseconds."""
    ordered = sorted(values)
    return 1e3 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def cpu() -> float:
    """Seconds that this process computed."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Watch:
    """How long something takes, and for how long this process computes; the second says more on a busy machine."""

    def __init__(self) -> None:
        self.took: list[float] = []
        self.computed: list[float] = []

    async def time(self, work: Awaitable[T]) -> T:
        """Wait for something, once."""
        began, start = cpu(), time.perf_counter()
        done = await work
        self.took.append(time.perf_counter() - start)
        self.computed.append(cpu() - began)
        return done

    def figures(self) -> dict[str, float]:
        """What all of it came to."""
        of = {"": self.took, "cpu_": self.computed}
        shares = {"p50": 0.5, "p99": 0.99}
        return {f"{what}{name}_ms": percentile(of[what], share) for what in of for name, share in shares.items()}


async def timed(work: Callable[[], Awaitable[Any]], times: int) -> dict[str, float]:
    """How long something takes, again and again, alone."""
    watch = Watch()
    for _ in range(times):
        await watch.time(work())
    return watch.figures()


def pile_of(holds: int) -> Pile:
    """Open holds of many units, of each severity, opened within the last hours."""
    rng = random.Random(8)  # noqa: S311
    pile = Pile(SetClock(), {f"r{n:02}": PROVIDER for n in range(REVIEWERS)})
    now = pile.clock.now
    for n in range(holds):
        pile.clock.now = now - rng.randrange(3_000)
        severity = rng.choices(list(Severity), (1, 3, 6))[0]
        pile.hold(f"hold_{rng.getrandbits(96):024x}", severity, f"unit-{n % UNITS}", ((PROVIDER, 2),))
    pile.clock.now = now
    return pile


async def alone(queue: Queue, pile: Pile, times: int) -> dict[str, Any]:
    """What one reviewer at a time waits for, who answers or skips whatever is given."""
    people = list(pile.people)
    claims = Watch()
    for n in range(times):
        who = people[n % len(people)]
        narrow = (Narrow(), Narrow(), Narrow(unit=f"unit-{n % UNITS}"), Narrow(severity=Severity.NORMAL))[n % 4]
        claim = await claims.time(queue.claim(who, narrow))
        if claim is None:
            raise NothingLeft
        await queue.skip(claim, "measured")
    middle = (await queue.page(limit=500))[-1].hold
    claim = await queue.claim(people[0])
    if claim is None:
        raise NothingLeft
    found = {
        "claim": claims.figures(),
        "check": await timed(lambda: queue.check(claim), times // 4),
        "renew": await timed(lambda: queue.renew(claim), times // 4),
        "page_first": await timed(queue.page, times // 20),
        "page_later": await timed(lambda: queue.page(after=middle), times // 20),
        "page_of_unit": await timed(lambda: queue.page(Shown(unit="unit-7")), times // 20),
        "page_all_states": await timed(lambda: queue.page(Shown(state=None)), times // 20),
        "figures": await timed(queue.figures, max(3, times // 200)),
        "follow_nothing_new": await timed(queue.follow, max(3, times // 50)),
    }
    await queue.skip(claim, "measured")
    return found


async def together(queues: list[Queue], pile: Pile, claims_wanted: int) -> dict[str, Any]:
    """Fifty who claim and let go at once, over several connections to one database."""
    held: dict[str, str] = {}
    took: list[float] = []

    async def work(place: int, who: str) -> None:
        queue = queues[place % len(queues)]
        while len(took) < claims_wanted:
            start = time.perf_counter()
            claim = await queue.claim(who)
            took.append(time.perf_counter() - start)
            if claim is None:
                raise NothingLeft
            if held.setdefault(claim.hold, who) != who:
                raise GivenTwice(f"{claim.hold} is held by {held[claim.hold]} and was given to {who}")
            await _end(queue, claim, held, len(took))

    began, start = cpu(), time.perf_counter()
    await asyncio.gather(*(work(place, who) for place, who in enumerate(pile.people)))
    return {
        "claims": len(took),
        "given_twice": 0,
        "p50_ms": percentile(took, 0.5),
        "p99_ms": percentile(took, 0.99),
        "claims_per_second": len(took) / (time.perf_counter() - start),
        "cpu_each_ms": 1e3 * (cpu() - began) / len(took),
    }


async def _end(queue: Queue, claim: Claim, held: dict[str, str], n: int) -> None:
    await asyncio.sleep(0)
    del held[claim.hold]  # before it is let go: whoever is given it from now on has it alone
    if n % 200:
        await queue.release(claim)
    else:
        await queue.skip(claim, "measured")


async def measure(url: str, root: Path, holds: int, times: int, claims: int) -> dict[str, Any]:
    """All figures of one database."""
    pile = pile_of(holds)
    queues = [await queue_at(url, root, pile, NO_LIMITS) for _ in range(CONSOLES)]
    start, began = time.perf_counter(), cpu()
    filled = await queues[0].follow()
    fill = {"holds": filled, "seconds": time.perf_counter() - start, "cpu_us_each": 1e6 * (cpu() - began) / filled}
    first = await queues[0].page(limit=1)
    claim = await queues[0].claim("r00")
    if claim is None or claim.hold != first[0].hold:
        raise AssertionError("what was given is not what is most urgent")
    await queues[0].release(claim)
    result = {"fill": fill, **await alone(queues[0], pile, times), "together": await together(queues, pile, claims)}
    for queue in queues:
        await queue.close()
    return result


def report(name: str, result: dict[str, Any]) -> None:
    """Print the figures of one database."""
    fill = result["fill"]
    say(f"{name}: {fill['holds']} open holds, filled in {fill['seconds']:.1f} s, {fill['cpu_us_each']:.0f} us each")
    for what, row in result.items():
        if "p99_ms" in row:
            more = f", {row['claims']} claims, none given twice" if "claims" in row else ""
            figures = f"p50 {row['p50_ms']:7.2f} ms, p99 {row['p99_ms']:7.2f} ms"
            if "cpu_p99_ms" in row:
                figures += f"; computing {row['cpu_p50_ms']:6.2f}, {row['cpu_p99_ms']:6.2f} ms"
            else:
                figures += f"; computing {row['cpu_each_ms']:.2f} ms each, with what ended it"
            say(f"  {what.replace('_', ' '):20} {figures}{more}")


def main() -> None:
    """Measure, print, and keep ``review.json`` where ``--out`` says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the holds, a hundredth of the claims")
    parser.add_argument("--postgres", help="a server that may be used, without the database: postgresql://USER@HOST")
    parser.add_argument("--holds", type=int, help="open holds")
    parser.add_argument("--claims", type=int, help="claims by fifty at once")
    parser.add_argument("--only", choices=("sqlite", "postgresql"), help="one of the two")
    parser.add_argument("--out", type=Path, help="folder for review.json")
    arguments = parser.parse_args()
    holds = arguments.holds or (5_000 if arguments.quick else 100_000)
    claims = arguments.claims or (1_000 if arguments.quick else 100_000)
    times = 200 if arguments.quick else 2_000
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        if arguments.only != "postgresql":
            results["sqlite"] = asyncio.run(measure("sqlite:///queue.sqlite", Path(folder), holds, times, claims))
            report("SQLite", results["sqlite"])

        def on(server: str) -> dict[str, Any]:
            url = asyncio.run(new_database(server, f"bench_{int(time.time())}"))
            return asyncio.run(measure(url, Path(folder), holds, times, claims))

        if arguments.postgres:
            results["postgresql"] = on(arguments.postgres)
        elif not arguments.quick and arguments.only != "sqlite":
            with postgres() as server:
                results["postgresql"] = on(server)
        if "postgresql" in results:
            report("PostgreSQL", results["postgresql"])
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "review.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
