# SPDX-License-Identifier: Apache-2.0
"""How often the ladder's test wrongs a benign unit, after how many denies it finds misuse, and what it costs.

    python bench/standing.py            twelve months of a thousand benign units (a few minutes)
    python bench/standing.py --quick    one month

Benign units ask 100 to 100,000 times a day, most of it by day. They are stopped wrongly 0.05 to 1 times in a thousand,
in bunches of a geometric size (three on average, at most forty), because a template that is stopped comes again with
other words in it. What is real in these figures is the arithmetic; the rates are assumed, and generous on purpose.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from brightline.core.canonical import JsonValue
from brightline.core.enforcement.ended import Closed
from brightline.core.evidence.batch import Frame
from brightline.core.evidence.record import Draft, Outcome, Place, RecordKind, RefusalClass, seal
from brightline.core.evidence.sealing import peek_fields
from brightline.core.expectation import UnitCounts, likelihood
from brightline.core.standing import UnitStanding
from brightline.shell import shipped
from brightline.shell.gateway.watch import DenyWatch

ALPHA = 1e-6
PER_MILLION = 1_000
DAY = 86_400
HALF_HOUR = 1_800
UNITS = 1_000
KEY = bytes(32)
NOW = 1_800_000_000


def write(line: str) -> None:
    """One line, at once: the long form takes minutes."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def poisson(rng: random.Random, mean: float) -> int:
    """A Poisson number; above thirty by the normal distribution, which is near enough."""
    if mean > 30:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, count, product = math.exp(-mean), 0, rng.random()
    while product >= limit:
        count += 1
        product *= rng.random()
    return count


def half_hours(rng: random.Random, days: int, requests_a_day: float) -> Iterator[tuple[int, int]]:
    """When, and how many requests in that half hour."""
    for number in range(days * 48):
        busy = 1.6 if 16 <= number % 48 < 36 else 0.4
        yield number * HALF_HOUR, poisson(rng, requests_a_day / 48 * busy)


def benign_month(rng: random.Random) -> float:
    """The least likely moment of one benign unit's month."""
    requests_a_day, false_stops = 10 ** rng.uniform(2, 5), 10 ** rng.uniform(-4.3, -3)
    counts, lowest, number = UnitCounts(DAY), 1.0, itertools.count()
    for now, requests in half_hours(rng, 30, requests_a_day):
        counts.requests(now, requests)
        causes = poisson(rng, requests * false_stops / 3)
        for _ in range(causes):
            size = 1
            while rng.random() < 2 / 3 and size < 40:
                size += 1
            for _ in range(size):
                counts.deny(now, str(next(number)))
        if causes:
            lowest = min(lowest, counts.figures(PER_MILLION).likelihood)
    return lowest


def found_after(rng: random.Random, requests_a_day: float, denied: Callable[[int], float]) -> str:
    """After how many denies, and when, a unit is found whose share of denies over time is ``denied``."""
    counts, number, total = UnitCounts(DAY), itertools.count(), 0
    for now, requests in half_hours(rng, 120, requests_a_day):
        for _ in range(requests):
            if rng.random() >= denied(now):
                counts.requests(now)
                continue
            counts.deny(now, str(next(number)))
            counts.requests(now)
            total += 1
            figures = counts.figures(PER_MILLION)
            if figures.likelihood < ALPHA:
                return f"{figures.denies} denies in its window ({total} in all), day {now / DAY:.1f}"
    return f"not found in 120 days; {total} denies in all"


def misuse() -> Iterator[tuple[str, float, Callable[[int], float]]]:
    """Units that misuse: what they do, their requests a day, and the share that is denied at a time."""
    month = 30 * DAY
    yield "new unit, everything denied", 1_000, lambda _now: 1.0
    yield "1,000 a day; from day 30 on 50 denies within one hour", 1_000, lambda now: 1.0 if now >= month else 0.0003
    for per_cent in (1, 2, 5, 10):
        for requests_a_day in (100, 1_000, 10_000):
            name = f"{requests_a_day:,} a day; from day 30 on {per_cent} % denied"
            yield name, requests_a_day, lambda now, share=per_cent / 100: share if now >= month else 0.0003  # type: ignore[misc]
    yield "10,000 a day; rises over 30 days from nothing to 2 %", 10_000, lambda now: min(now / month, 1) * 0.02
    yield "1,000 a day; rises over 30 days from nothing to 5 %", 1_000, lambda now: min(now / month, 1) * 0.05


def microseconds(work: Callable[[], object], times: int = 2_000) -> float:
    """How long one call takes."""
    begun = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - begun) / times * 1e6


def log_of(exchanges: int) -> list[Frame]:
    """The frames of so many exchanges as a gateway writes them: ATTEMPT, PASS, OUTCOME."""
    frames: list[Frame] = []
    clock = datetime.fromtimestamp(NOW, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    header: dict[str, JsonValue] = {"agreement": "sha256:" + "0" * 64, "release": "sha256:" + "0" * 64}
    facts: JsonValue = {f"fact_{number}": "yes" for number in range(24)}

    def log(kind: RecordKind, exchange: str, public: dict[str, JsonValue], committed: dict[str, JsonValue]) -> None:
        draft = Draft(kind, exchange, header | public, committed)
        record = seal(draft, Place("gateway-0", 1, len(frames), clock, "bench"), KEY, bytes(12))
        frames.append(Frame(len(frames), 1, kind, exchange, record.leaf, record.contents))

    for number in range(exchanges):
        exchange, unit = f"xc_{number:024x}", f"unit {number % 50}"
        attempt: dict[str, JsonValue] = {"unit": unit, "workload": unit, "purpose": "bench", "model": "m"}
        log(RecordKind.ATTEMPT, exchange, {}, attempt | {"exchange_digest": f"sha256:{number:064x}"})
        log(RecordKind.PASS, exchange, {"verdict": "permit", "clauses": ["L1"]}, {"facts": facts})
        ended: dict[str, JsonValue] = {"outcome": "completed", "class": "none", "verdict": "permit"}
        log(RecordKind.OUTCOME, exchange, ended, {"facts": facts})
    return frames


def costs() -> None:
    """What the test costs at a deny, the watch at an end, and a start by what the log holds."""
    for denies, requests, before in ((5, 1_000, 30_000), (200, 100_000, 3_000_000), (9_000, 10_000_000, 900_000_000)):
        took = microseconds(lambda d=denies, r=requests, b=before: likelihood(d, r, b * 0.001, b, PER_MILLION))  # type: ignore[misc]
        write(f"  test at {denies:>6,} denies of {requests:>10,}: {took:6.1f} µs")
    counts = UnitCounts(DAY)
    for half_hour in range(48 * 60):
        counts.requests(half_hour * HALF_HOUR, 2_000)
        counts.deny(half_hour * HALF_HOUR, str(half_hour))
    write(f"  all three horizons of a unit, at a deny:  {microseconds(lambda: counts.figures(PER_MILLION)):6.1f} µs")
    agreement = shipped.read_agreement(shipped.shipped_agreement())
    watch = DenyWatch(lambda: agreement, lambda _unit: UnitStanding(), lambda _unit, _figures: None)
    fine = Closed(Outcome.COMPLETED, RefusalClass.NONE, "permit", "d")
    write(f"  end of an exchange that was permitted:   {microseconds(lambda: watch.ended('u', fine, NOW)):6.1f} µs")
    frames = log_of(10_000)
    begun = time.perf_counter()
    watch.rebuild(frames, NOW, lambda frame: peek_fields(frame.contents, KEY, frame.leaf))
    took = time.perf_counter() - begun
    write(f"  start: {len(frames) / took:,.0f} records a second counted again, {10_000 / took:,.0f} exchanges")


def main() -> None:
    """Print the figures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="one month in place of twelve")
    months = 1 if options.parse_args().quick else 12
    write("Cost")
    costs()
    write("Misuse is found after")
    rng = random.Random(20_261_125)  # noqa: S311 - nothing secret comes of it
    for name, requests_a_day, denied in misuse():
        write(f"  {name}: {found_after(rng, requests_a_day, denied)}")
    write(f"Benign units that reach a pattern in a month, of {UNITS:,}")
    for month in range(1, months + 1):
        rng = random.Random(month)  # noqa: S311
        lowest = [benign_month(rng) for _ in range(UNITS)]
        wronged = sum(each < ALPHA for each in lowest)
        write(f"  month {month:>2}: {wronged}; least likely moment of any {min(lowest):.1g}")


if __name__ == "__main__":
    main()
