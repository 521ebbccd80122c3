# SPDX-License-Identifier: Apache-2.0
"""Somebody else's code reads our logs: Go's own ``sumdb/note`` and ``sumdb/tlog``, which know nothing of us.

Needs Go and Debian's ``golang-golang-x-mod-dev``; without them these tests are skipped by name. No network is asked.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.evidence.checkpoint import Checkpoint, sign_checkpoint
from brightline.core.evidence.merkle import Tree, leaf_hash
from brightline.core.evidence.note import NoteSigner
from brightline.core.evidence.record import Draft, RecordKind
from brightline.core.evidence.tile import entries_path, tile_path, tiles_for
from brightline.shell.storage.publisher import Publisher
from brightline.shell.storage.sequencer import Sequencer
from tests.faults.crash_writer import SystemClock
from tests.vault import vault_beside

PROGRAM = Path(__file__).with_name("foreign") / "verify.go"
GOPATH = Path("/usr/share/gocode")  # where Debian puts the sources of libraries
ORIGIN = "log.example/gw-1"
SIGNER = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The foreign verifier, built once."""
    go = shutil.which("go")
    if go is None or not (GOPATH / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        pytest.skip("Go and golang-golang-x-mod-dev are not installed")
    room = tmp_path_factory.mktemp("foreign")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(room),
        "GOPATH": str(GOPATH),
        "GOCACHE": str(room / "cache"),
        "GO111MODULE": "off",
        "GOFLAGS": "",
        "GOPROXY": "off",
    }
    built = subprocess.run(
        [go, "build", "-o", room / "verify", PROGRAM], env=environment, capture_output=True, text=True, timeout=300
    )
    assert built.returncode == 0, built.stderr
    return room / "verify"


def reads(program: Path, log: Path, old: Path, *indexes: int) -> subprocess.CompletedProcess[str]:
    """Run it over one published log, with the log's key as it is published."""
    vkey = (log / "log.vkey").read_text().strip()
    return subprocess.run([program, log, vkey, old, *map(str, indexes)], capture_output=True, text=True, timeout=60)


@contextmanager
def log_in(folder: Path) -> Iterator[tuple[Sequencer, Publisher]]:
    """A log as a gateway opens it."""
    wal = folder / "wal"
    log = Sequencer.open(wal, "gw-1", "development", SystemClock(), vault=vault_beside(wal), published=None)
    publisher = Publisher.open(log, folder / "evidence", SIGNER)
    try:
        yield log, publisher
    finally:
        log.close()
        publisher.close()


def write(log: Sequencer, count: int) -> None:
    async def all_at_once() -> None:
        draft = Draft(RecordKind.PERIOD, "", {}, {"unit": "logistics"})
        await asyncio.gather(*(log.append(draft) for _ in range(count)))

    asyncio.run(all_at_once())


def test_go_finds_our_records_and_that_each_tree_extends_the_one_before(foreign: Path, tmp_path: Path) -> None:
    public = tmp_path / "evidence" / "gw-1"
    sizes = (1, 2, 255, 256, 257, 511, 512, 700)
    with log_in(tmp_path) as (log, publisher):
        for before, size in zip((0, *sizes), sizes, strict=False):
            write(log, size - before)
            publisher.publish_once()
            kept = tmp_path / f"checkpoint-{size}"
            kept.write_bytes((public / "checkpoint").read_bytes())
            for old in (kept, tmp_path / f"checkpoint-{before or size}", tmp_path / "checkpoint-1"):
                found = reads(foreign, public, old, *sorted({0, before, size // 2, size - 1}))
                assert found.returncode == 0, (size, old.name, found.stderr)
                assert found.stdout.startswith(f"{size} records")


def test_go_reads_a_log_whose_second_row_of_tiles_is_full(foreign: Path, tmp_path: Path) -> None:
    size, old = 65_536 + 256 + 3, 65_535
    leaves = [b"record %d" % index for index in range(size)]
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf_hash(leaf))
    for path, data in tiles_for(0, size, leaves.__getitem__, tree.node):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    assert (tmp_path / tile_path(2, 0, 1)).is_file()
    (tmp_path / "log.vkey").write_text(SIGNER.verifier.vkey())
    (tmp_path / "checkpoint").write_bytes(sign_checkpoint(Checkpoint(ORIGIN, size, tree.root()), SIGNER))
    (tmp_path / "old").write_bytes(sign_checkpoint(Checkpoint(ORIGIN, old, tree.root(old)), SIGNER))
    found = reads(foreign, tmp_path, tmp_path / "old", 0, 255, 256, 65_535, 65_536, size - 1)
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.parametrize("file", ["checkpoint", "old", entries_path(0), tile_path(0, 0), tile_path(1, 0, 1)])
def test_go_refuses_a_log_in_which_one_byte_was_changed(foreign: Path, tmp_path: Path, file: str) -> None:
    public = tmp_path / "evidence" / "gw-1"
    with log_in(tmp_path) as (log, publisher):
        write(log, 100)
        publisher.publish_once()
        (public / "old").write_bytes((public / "checkpoint").read_bytes())
        write(log, 200)
        publisher.publish_once()
    assert reads(foreign, public, public / "old", 0, 299).returncode == 0
    path = public / file
    data = bytearray(path.read_bytes())
    data[30] ^= 1
    path.write_bytes(data)
    found = reads(foreign, public, public / "old", 0, 299)
    assert found.returncode == 1, found.stdout
    assert found.stderr != ""
