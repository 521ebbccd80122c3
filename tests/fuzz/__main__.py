# SPDX-License-Identifier: Apache-2.0
"""The long command: many broken inputs at every reader, on every core; crashes are kept, and the slowest is timed.

``python -m tests.fuzz --runs 10000000 --out fuzz`` is the form of a release. Every run has a number; the same number
makes the same bytes, so ``--only TARGET --at NUMBER`` runs one again. Exit code 1 if anything crashed.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import random
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tests.fuzz.mutate import broken
from tests.fuzz.targets import TARGETS, Target

BLOCK = 65_536
EACH = 2_000
"""Runs of one piece of work."""
SWOLLEN = 50
"""Every so manieth input is repeated until it has 64 KiB: what is slow shows in the long."""


class Slowest(msgspec.Struct, frozen=True, order=True):
    """The slowest run of a piece: milliseconds of processor time for 64 KiB (for less, if it had less), and which."""

    ms: float
    number: int
    bytes: int


class Crash(msgspec.Struct, frozen=True):
    """What nobody expected."""

    target: str
    number: int
    what: str
    data: bytes


class Piece(msgspec.Struct, frozen=True):
    """What came of some runs of one target."""

    target: str
    runs: int
    slowest: Slowest
    crashes: tuple[Crash, ...]


def made(target: Target, seed: int, number: int) -> tuple[bytes, random.Random]:
    """The input of a run."""
    chance = random.Random(f"{seed}/{target.name}/{number}")  # noqa: S311 - to be made again, not to be secret
    data = broken(chance, target.seeds)
    if number % SWOLLEN == 0 and data:
        data = (data * (BLOCK // len(data) + 1))[:BLOCK]
    return data, chance


def piece(name: str, seed: int, first: int, runs: int) -> Piece:
    """Run a target so many times, from this number on."""
    target = next(each for each in TARGETS if each.name == name)
    target.run(target.seeds[0], random.Random(1))  # noqa: S311 - loads what is loaded once, before anything is timed
    slowest = Slowest(0.0, 0, 0)
    crashes = []
    for number in range(first, first + runs):
        data, chance = made(target, seed, number)
        began = time.thread_time()
        try:
            target.run(data, chance)
        except Exception:  # noqa: BLE001 - whatever it is, it is what we look for
            crashes.append(Crash(name, number, traceback.format_exc(limit=-4), data))
        ms = 1_000 * (time.thread_time() - began)
        slowest = max(slowest, Slowest(round(ms * BLOCK / max(len(data), BLOCK), 2), number, len(data)))
    return Piece(name, runs, slowest, tuple(crashes[:10]))


def pieces(runs: int, only: str) -> Iterator[tuple[str, int, int]]:
    """Name, first number and how many, targets in turn: a run that is stopped has looked at all of them."""
    targets = [target for target in TARGETS if only in ("", target.name)]
    shares = sum(target.share for target in targets)
    wanted = {target.name: -(-runs * target.share // shares) for target in targets}
    rounds = -(-max(wanted.values()) // EACH)
    for turn in range(rounds):
        for name, most in wanted.items():
            first, end = most * turn // rounds, most * (turn + 1) // rounds
            if first < end:
                yield name, first, end - first


def results(work: Iterator[tuple[str, int, int]], seed: int, until: float) -> Iterator[Piece]:
    """Do the work on every core, until it is done or the time is over."""
    workers = len(os.sched_getaffinity(0))
    with concurrent.futures.ProcessPoolExecutor(workers) as pool:
        waiting: set[concurrent.futures.Future[Piece]] = set()
        for name, first, runs in work:
            waiting.add(pool.submit(piece, name, seed, first, runs))
            if len(waiting) > 2 * workers:
                done, waiting = concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED)
                yield from (future.result() for future in done)
            if time.monotonic() > until:
                break
        yield from (future.result() for future in concurrent.futures.as_completed(waiting))


def main() -> int:
    """Run, and print one row for each target."""
    parser = argparse.ArgumentParser(description="Fuzz every reader of strangers' bytes.")
    parser.add_argument("--runs", type=int, default=100_000, help="Inputs in all.")
    parser.add_argument("--seconds", type=float, default=1e9, help="Stop when so much time is over.")
    parser.add_argument("--seed", type=int, default=1, help="Another number makes other inputs.")
    parser.add_argument("--only", default="", choices=["", *(target.name for target in TARGETS)])
    parser.add_argument("--at", type=int, help="Run this one number of --only again, where nothing catches it.")
    parser.add_argument("--out", type=Path, help="Folder for what crashed.")
    asked = parser.parse_args()
    if asked.at is not None:
        target = next(each for each in TARGETS if each.name == asked.only)
        data, chance = made(target, asked.seed, asked.at)
        sys.stdout.write(f"{len(data)} bytes\n{data[:4_000]!r}\n")
        target.run(data, chance)
        return 0
    found: dict[str, list[Piece]] = {}
    done, began = 0, time.monotonic()
    for result in results(pieces(asked.runs, asked.only), asked.seed, began + asked.seconds):
        found.setdefault(result.target, []).append(result)
        done += result.runs
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{done:,} runs, {done / (time.monotonic() - began):,.0f}/s ")
    return report(found, asked.out)


def report(found: dict[str, list[Piece]], out: Path | None) -> int:
    """One row for each target; what crashed goes to the folder. Returns the exit code."""
    crashed = 0
    sys.stdout.write(f"{'target':<14}{'runs':>12}{'crashes':>9}{'slowest, ms per 64 KiB':>25}{'its number':>13}\n")
    for name, rows in found.items():
        slowest = max(row.slowest for row in rows)
        crashes = [crash for row in rows for crash in row.crashes]
        crashed += len(crashes)
        runs = sum(row.runs for row in rows)
        sys.stdout.write(f"{name:<14}{runs:>12,}{len(crashes):>9}{slowest.ms:>25}{slowest.number:>13}\n")
        for crash in crashes[:3]:
            sys.stdout.write(f"--- {crash.target} {crash.number}\n{crash.what}\n")
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            for crash in crashes:
                (out / f"{crash.target}-{crash.number}").write_bytes(crash.data)
    return 1 if crashed else 0


if __name__ == "__main__":
    sys.exit(main())
