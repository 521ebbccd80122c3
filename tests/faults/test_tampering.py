# SPDX-License-Identifier: Apache-2.0
"""Somebody changes files: flips, truncations, swaps and splices, at random. Each is found, and its place is named.

The short form makes two thousand changes, the long one (``pytest -m slow tests/faults``) a hundred thousand.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import pytest

from brightline.core.errors import OperatorError
from brightline.core.evidence.audit import SIGNED, ShardReport, Status, audit_shard
from brightline.core.evidence.audit_tree import UnreadableError
from brightline.shell.storage.publisher import Publisher, read_published
from brightline.shell.storage.sequencer import Sequencer
from tests.faults.steps import KINDS, SHARD, SIGNER, draft
from tests.faults.test_steps import memory_folder
from tests.shell.storage.test_sequencer import TickingClock
from tests.vault import vault_beside

PUBLISHED_CHANGES: Final = 1_400
PRIVATE_CHANGES: Final = 600
LONG: Final = 50
EXCHANGES: Final = 66  # 264 records: one bundle is full, one is not

Files = dict[str, bytes]
Change = Callable[[Files, random.Random], str]


def flip(files: Files, chance: random.Random) -> str:
    """Flip one bit."""
    name = chance.choice(sorted(files))
    data = bytearray(files[name])
    at = chance.randrange(len(data))
    data[at] ^= 1 << chance.randrange(8)
    files[name] = bytes(data)
    return f"bit flipped in byte {at} of {name}"


def truncate(files: Files, chance: random.Random) -> str:
    """Cut a file short, or remove it."""
    name = chance.choice(sorted(files))
    size = chance.randrange(-1, len(files[name]))
    if size < 0:
        del files[name]
        return f"{name} removed"
    files[name] = files[name][:size]
    return f"{name} cut to {size} bytes"


def swap_files(files: Files, chance: random.Random) -> str:
    """Put two files in each other's place."""
    one, other = chance.sample(sorted(files), 2)
    files[one], files[other] = files[other], files[one]
    return f"{one} and {other} swapped"


def swap_within(files: Files, chance: random.Random) -> str:
    """Put two pieces of one file in each other's place."""
    name = chance.choice(sorted(files))
    data = files[name]
    length = chance.randrange(1, max(2, len(data) // 2))
    first = chance.randrange(max(1, len(data) - 2 * length + 1))
    second = first + length
    files[name] = data[:first] + data[second : second + length] + data[first:second] + data[second + length :]
    return f"bytes {first} and {second} of {name} swapped, {length} long"


def splice(files: Files, chance: random.Random) -> str:
    """Put a piece of one file into another."""
    source, name = chance.choice(sorted(files)), chance.choice(sorted(files))
    start = chance.randrange(len(files[source]))
    piece = files[source][start : start + chance.randrange(1, 400)]
    at, drop = chance.randrange(len(files[name]) + 1), chance.choice((0, len(piece)))
    files[name] = files[name][:at] + piece + files[name][at + drop :]
    return f"{len(piece)} bytes of {source} put into {name} at {at}, in place of {drop}"


CHANGES: Final[tuple[Change, ...]] = (flip, truncate, swap_files, swap_within, splice)


def changed(files: Files, number: int, chance: random.Random) -> tuple[Files, str]:
    """The files with one change that changes something, and what it was."""
    while True:
        copy = dict(files)
        told = CHANGES[number % len(CHANGES)](copy, chance)
        if copy != files:
            return copy, told


class Held:
    """A published shard in memory."""

    def __init__(self, files: Files) -> None:
        self.files = files

    def paths(self) -> Iterable[str]:
        return sorted(self.files)

    def read(self, path: str, bytes_max: int) -> bytes:
        data = self.files.get(path)
        if data is None or len(data) > bytes_max:
            raise UnreadableError("this file is missing or too large")
        return data


class Site:
    """A log that was written and published, and its files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.wal = root / "wal"
        self.evidence = root / "evidence"
        log, publisher = self.open()
        for number in range(EXCHANGES):
            for kind in KINDS:
                log.append_sync(draft(kind, f"x{number}"))
        self.head = log.head()
        log.close()
        publisher.close()
        self.published = files_below(self.evidence / SHARD)
        self.private = {name: data for name, data in files_below(self.wal / SHARD).items() if data}

    def open(self) -> tuple[Sequencer, Publisher]:
        published = read_published(self.evidence, SHARD, SIGNER.verifier)
        log = Sequencer.open(
            self.wal, SHARD, "development", TickingClock(), vault=vault_beside(self.wal), published=published
        )
        try:
            return log, Publisher.open(log, self.evidence, SIGNER)
        except OperatorError:
            log.close()
            raise

    def put(self, private: Files) -> None:
        """Put the private log's files in place."""
        folder = self.wal / SHARD
        for path in folder.iterdir():
            path.unlink()
        for name, data in private.items():
            (folder / name).write_bytes(data)


def files_below(folder: Path) -> Files:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    root = memory_folder("tampering")
    yield Site(root)
    shutil.rmtree(root)


def found(report: ShardReport, files: Files) -> bool:
    """Whether the auditor objects, and names a file for each of what he objects to."""
    named = all(
        finding.place.split(",")[0] in {*files, "checkpoint", "log.vkey"} or finding.place.startswith("tile/")
        for finding in report.contradictions
    )
    signed = next(claim for claim in report.claims if claim.name == SIGNED)
    return bool(report.contradictions) and named and signed.status is Status.CONTRADICTED


def of_published(site: Site, changes: int, seed: str) -> None:
    """Each change is found, but for a missing ``log.vkey``: it lies there for convenience, auditors have theirs."""
    chance = random.Random(seed)  # noqa: S311 - where to change, not a secret
    assert audit_shard(SHARD, Held(site.published), [SIGNER.verifier]).contradictions == ()
    missed = []
    for number in range(changes):
        files, told = changed(site.published, number, chance)
        if not found(audit_shard(SHARD, Held(files), [SIGNER.verifier]), site.published):
            missed.append(told)
    assert set(missed) <= {"log.vkey removed"}


def of_private(site: Site, changes: int, seed: str) -> None:
    """Each change is refused with its place, or every record is still there and the change is one of two.

    A log with half a frame behind its last record is what a crash leaves: it is cut, and nothing is lost. A count of
    boots that is higher than the records say is what boots leave that wrote nothing.
    """
    chance = random.Random(seed)  # noqa: S311 - where to change, not a secret
    last = max(name for name in site.private if name.endswith(".wal"))
    missed = []
    opened = 0
    for number in range(changes):
        files, told = changed(site.private, number, chance)
        site.put(files)
        try:
            log, publisher = site.open()
        except OperatorError as error:
            if str(site.wal / SHARD) not in str(error) and f"shard {SHARD}" not in str(error):
                missed.append(f"{told}: {error}")
        else:
            opened += 1
            intact = log.head() == site.head
            log.close()
            publisher.close()
            touched = {name for name in site.private if files.get(name) != site.private[name]}
            harmless = touched <= {"epoch", last} and files[last].startswith(site.private[last])
            if not intact or not harmless or int(files["epoch"]) < int(site.private["epoch"]):
                missed.append(told)
        finally:
            site.put(site.private)
    assert missed == []
    assert opened < changes // 10


def seed() -> str:
    return os.environ.get("BRIGHTLINE_SEED", "tampering")


def test_every_change_to_published_files_is_found_and_its_file_named(site: Site) -> None:
    of_published(site, PUBLISHED_CHANGES, seed())


def test_no_log_opens_whose_private_files_were_changed(site: Site) -> None:
    of_private(site, PRIVATE_CHANGES, seed())


@pytest.mark.slow
def test_a_hundred_thousand_changes(site: Site) -> None:
    of_published(site, PUBLISHED_CHANGES * LONG, seed() + "-long")
    of_private(site, PRIVATE_CHANGES * LONG, seed() + "-long")
