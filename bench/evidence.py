# SPDX-License-Identifier: Apache-2.0
"""How fast records become durable, and what they wait for: beside the limits, measured in the same run.

Everything is what a gateway does: the sequencer with its vault and its files, callers in one event loop. One process,
pinned to one core. The disk is that of ``--directory``.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import importlib.util
import json
import os
import random
import secrets
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.canonical import JsonValue
from brightline.core.evidence.receipt import write_receipt
from brightline.core.evidence.record import Draft, RecordKind
from brightline.shell.clock import SystemClock
from brightline.shell.storage.sequencer import Sequencer
from brightline.shell.storage.vault import Vault

CALLERS: Final = (1, 64, 256)
PACED: Final = ((64, 500.0), (64, 2_000.0))  # callers, and records a second of all together
LEAF_BYTES: Final = 700
FLUSH_BYTES: Final = 512


def percentile(values: list[float], share: float) -> float:
    """The value below which this share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def draft(exchange: str, kind: RecordKind) -> Draft:
    """A record with the fields and sizes of a gateway's."""
    public: dict[str, JsonValue] = {"agreement": "sha256:" + "a" * 64, "release": "sha256:" + "b" * 64}
    committed: dict[str, JsonValue] = {
        "workload": "planning-assistant",
        "unit": "planning office",
        "purpose": "planning of transport",
        "exchange_digest": "sha256:" + "c" * 64,
        "api": "chat",
        "model": "m",
    }
    if kind is not RecordKind.ATTEMPT:
        public |= {"verdict": "permit", "clauses": ["L1"]}
    if kind is RecordKind.OUTCOME:
        public |= {"outcome": "completed", "class": "none", "released_bytes": 900}
    return Draft(kind, exchange, public, committed)


class Log:
    """A sequencer on its own files."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bench-evidence-", dir=folder))
        vault = Vault(self.folder / "vault", bytes(32))
        self.sequencer = Sequencer.open(
            self.folder / "wal", "bench", "development", SystemClock(), vault=vault, published=None
        )

    def close(self) -> int:
        """Close it; return the bytes of its segments."""
        self.sequencer.close()
        size = sum(path.stat().st_size for path in (self.folder / "wal").rglob("*.wal"))
        shutil.rmtree(self.folder)
        return size


async def load(
    log: Sequencer, callers: int, seconds: float, token: Callable[[Any], object], rate: float = 0.0
) -> dict[str, Any]:
    """So many callers, each writing exchange after exchange of three records; what each waited, and how many came.

    With a ``rate`` they pause, so that all together ask for so many records a second; else each asks at once again.
    """
    waited: list[float] = []
    chance = random.Random(callers)  # noqa: S311 - pauses
    until = time.perf_counter() + seconds
    begun, begun_cpu = time.perf_counter(), time.process_time()

    async def caller(number: int) -> None:
        turn = 0
        pause = callers / rate if rate else 0.0
        await asyncio.sleep(pause * number / callers)
        while time.perf_counter() < until:
            for kind in (RecordKind.ATTEMPT, RecordKind.PASS, RecordKind.OUTCOME):
                asked = time.perf_counter()
                record = await log.append(draft(f"xc_{log.epoch}_{number}_{turn}", kind))
                token(record)
                waited.append(time.perf_counter() - asked)
                if rate:
                    await asyncio.sleep(pause * (0.5 + chance.random()))
            turn += 1

    await asyncio.gather(*(caller(number) for number in range(callers)))
    took, cpu = time.perf_counter() - begun, time.process_time() - begun_cpu
    return {
        "records": len(waited),
        "records_per_second": len(waited) / took,
        "records_per_cpu_second": len(waited) / cpu,
        "p50_ms": percentile(waited, 0.5) * 1e3,
        "p99_ms": percentile(waited, 0.99) * 1e3,
    }


class CountingFlushes:
    """Counts the flushes of this process while it is entered."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> CountingFlushes:
        self._real = os.fdatasync

        def counted(fd: int) -> None:
            self.count += 1
            self._real(fd)

        os.fdatasync = counted  # type: ignore[assignment]
        return self

    def __exit__(self, *_raised: object) -> None:
        os.fdatasync = self._real


def durable(folder: Path, seconds: float, flushes_alone: list[float]) -> Iterator[dict[str, Any]]:
    """Durable records, with and without an Ed25519 signature for each, at several numbers of callers.

    What a flush takes by itself is measured in between, because disks are not the same from one second to the next.
    """
    signer = Ed25519PrivateKey.generate()
    for tokened in (False, True):
        token: Callable[[Any], object] = (lambda record: write_receipt(record, signer)) if tokened else lambda _: None
        for callers, rate in (*((callers, 0.0) for callers in CALLERS), *PACED):
            flushes_alone += bare_flush(folder, seconds / 3)
            log = Log(folder)
            with CountingFlushes() as flushes:
                found = asyncio.run(load(log.sequencer, callers, seconds, token, rate))
            size = log.close()
            yield found | {
                "tokened": tokened,
                "callers": callers,
                "rate": rate,
                "records_per_flush": found["records"] / max(flushes.count, 1),
                "bytes_per_record": size / found["records"],
            }


def bare_flush(folder: Path, seconds: float) -> list[float]:
    """What one write of 512 bytes at the end of a file and one fdatasync take, again and again."""
    waited: list[float] = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        data = secrets.token_bytes(FLUSH_BYTES)
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            asked = time.perf_counter()
            os.write(file.fileno(), data)
            os.fdatasync(file.fileno())
            waited.append(time.perf_counter() - asked)
    return waited


def leaf_cost() -> float:
    """Microseconds to hash a leaf and, amortised, one node: what no log can go below."""
    leaf, node = secrets.token_bytes(LEAF_BYTES), secrets.token_bytes(65)
    runs = []
    for _ in range(9):
        begun = time.perf_counter()
        for _ in range(2_000):
            hashlib.sha256(leaf).digest()
            hashlib.sha256(node).digest()
        runs.append((time.perf_counter() - begun) / 2_000 * 1e6)
    return statistics.median(runs)


def signature_cost() -> float:
    """Microseconds for one Ed25519 signature over 300 bytes."""
    signer, message = Ed25519PrivateKey.generate(), secrets.token_bytes(300)
    begun = time.perf_counter()
    for _ in range(1_000):
        signer.sign(message)
    return (time.perf_counter() - begun) / 1_000 * 1e6


def pymerkle(folder: Path, seconds: float) -> dict[str, Any] | None:
    """Appends per second of pymerkle on SQLite, one entry each; ``None`` where nobody has installed it."""
    if importlib.util.find_spec("pymerkle") is None:
        return None
    from pymerkle import SqliteTree  # type: ignore[import-not-found, unused-ignore]

    path = folder / "bench-pymerkle.sqlite"
    try:
        with SqliteTree(str(path), algorithm="sha256") as tree:
            entry, count = secrets.token_bytes(LEAF_BYTES), 0
            begun = time.perf_counter()
            while time.perf_counter() - begun < seconds:
                tree.append_entry(entry)
                count += 1
            return {"records_per_second": count / (time.perf_counter() - begun), "sqlite": sqlite3.sqlite_version}
    finally:
        path.unlink(missing_ok=True)


def say(line: str) -> None:
    """One line of the result."""
    sys.stdout.write(f"{line}\n")


def main() -> None:
    """Measure, print, and keep ``evidence.json`` where ``--out`` says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the time")
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()), help="on the disk to measure")
    parser.add_argument("--out", type=Path, help="folder for evidence.json")
    arguments = parser.parse_args()
    seconds = 1.0 if arguments.quick else 5.0
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    alone: list[float] = []
    rows = list(durable(arguments.directory, seconds, alone))
    flush = {"p50_ms": percentile(alone, 0.5) * 1e3, "p99_ms": percentile(alone, 0.99) * 1e3}
    result: dict[str, Any] = {
        "python": sys.version.split()[0],
        "flush": flush,
        "leaf_us": leaf_cost(),
        "signature_us": signature_cost(),
        "durable": rows,
        "pymerkle": pymerkle(arguments.directory, seconds),
    }
    flush_p99 = flush["p99_ms"]
    say(f"bare fdatasync: p50 {flush['p50_ms']:.2f} ms, p99 {flush_p99:.2f} ms")
    say(f"SHA-256 of leaf and node {result['leaf_us']:.2f} us, Ed25519 signature {result['signature_us']:.1f} us")
    for row in rows:
        say(
            f"{row['callers']:4d} callers{f' at {rate:.0f}/s' if (rate := row['rate']) else ''}, "
            f"{'with' if row['tokened'] else 'without'} token: "
            f"{row['records_per_second']:7.0f}/s ({row['records_per_cpu_second']:7.0f} per cpu-s), "
            f"p50 {row['p50_ms']:6.2f} ms, p99 {row['p99_ms']:6.2f} ms ({row['p99_ms'] / flush_p99:.1f} x fdatasync), "
            f"{row['records_per_flush']:5.1f} records a flush, {row['bytes_per_record']:.0f} bytes"
        )
    say(f"pymerkle on SQLite: {result['pymerkle'] or 'not installed'}")
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "evidence.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
