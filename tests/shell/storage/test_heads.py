# SPDX-License-Identifier: Apache-2.0
"""The combined heads in their database: of many who write one wins each place, and nothing is lost or doubled."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.errors import EvidenceDamaged, OperatorError
from brightline.core.evidence.audit_findings import Status, Topic
from brightline.core.evidence.heads import read_head
from brightline.core.evidence.merkle import Tree, leaf_hash
from brightline.core.evidence.note import NoteSigner
from brightline.shell.clock import SystemClock
from brightline.shell.heads import CombinedHeads
from brightline.shell.storage.heads import SqliteHeads
from brightline.shell.storage.sequencer import Head
from brightline.verify.examine import verify_evidence

SIGNER = NoteSigner("log.example/heads", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
WRITERS, EACH = 4, 12
ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def opened(root: Path) -> Iterator[SqliteHeads]:
    store = SqliteHeads(root / "heads")
    try:
        yield store
    finally:
        store.close()


def combined(root: Path, store: SqliteHeads) -> CombinedHeads:
    return CombinedHeads(store, root / "heads", root / "evidence", SIGNER, "development", SystemClock())


class Growing:
    """A log that grows by one record whenever it publishes."""

    def __init__(self, name: str) -> None:
        self.name = f"log.example/{name}"
        self.tree = Tree()

    def published(self) -> Head:
        self.tree.append(leaf_hash(f"{self.name} {self.tree.size}".encode()))
        return self.head()

    def head(self) -> Head:
        return Head(self.tree.size, self.tree.root())


def test_a_place_is_written_once_and_in_order(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        assert store.size() == 0
        assert not store.swap(1, b"too far")
        assert store.swap(0, b"a")
        assert not store.swap(0, b"again")
        assert store.swap(1, b"b")
        assert (store.size(), store.leaves(0, 2), store.leaves(1, 1)) == (2, [b"a", b"b"], [])
        with pytest.raises(EvidenceDamaged, match="not all there"):
            store.leaves(0, 3)


def test_many_threads_of_many_processes_lose_and_double_nothing(tmp_path: Path) -> None:
    """Each writer says each of its heads once, whoever else writes at the same moment."""
    code = "from tests.shell.storage.test_heads import write; import sys; write(sys.argv[1], sys.argv[2])"
    with opened(tmp_path):
        pass
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), f"p{number}"], cwd=ROOT)
        for number in range(WRITERS)
    ]
    threads = [threading.Thread(target=write, args=(str(tmp_path), f"t{number}")) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait(60) for process in processes] == [0] * WRITERS
    with opened(tmp_path) as store:
        heads = [read_head(leaf) for leaf in store.leaves(0, store.size())]
        assert len(heads) == 2 * WRITERS * EACH
        for name in {head.log for head in heads}:
            assert [head.size for head in heads if head.log == name] == list(range(1, EACH + 1))
    (report,) = verify_evidence(tmp_path / "evidence", vkeys=[SIGNER.verifier.vkey()])
    assert not report.contradictions
    statuses = {claim.name: claim.status for claim in report.claims}
    assert statuses[Topic.LOG.value] is statuses[Topic.RECORDS.value] is Status.PROVEN
    assert report.size > EACH


def write(root: str, name: str) -> None:
    """One writer, and whoever it is publishes."""
    with opened(Path(root)) as store:
        heads, log = combined(Path(root), store), Growing(name)
        for _ in range(EACH):
            log.published()
            heads.write(log.name, log.head, log.tree.root)
            heads.publish()


def test_a_head_that_does_not_follow_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        heads, log = combined(tmp_path, store), Growing("a")
        for _ in range(3):
            heads.write(log.name, log.published, log.tree.root)
        back, other = Growing("a"), Growing("a")
        other.tree.append(leaf_hash(b"another history"))
        for _ in range(4):
            other.published()
        for wrong in (back, other):
            with pytest.raises(EvidenceDamaged, match="was rolled back, or is another one"):
                heads.write(wrong.name, wrong.published, wrong.tree.root)
        assert store.size() == 3
        heads.relay(back.name, lambda: Head(1, back.tree.root(1)), back.tree.root)  # less is not told again
        assert store.size() == 3
        assert heads.recorded(log.name) == Head(3, log.tree.root(3))


def test_the_same_head_is_written_once_and_its_writer_is_seen(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        heads, log = combined(tmp_path, store), Growing("a")
        log.published()
        assert store.seen(log.name) == 0
        for _ in range(3):
            heads.write(log.name, log.head, log.tree.root)
        assert store.size() == 1
        assert store.seen(log.name) > 1_700_000_000
        heads.write("log.example/nothing", lambda: None, log.tree.root)
        assert store.seen("log.example/nothing") == 0


def test_heads_that_were_published_and_are_not_in_the_database_stop_the_publisher(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        heads, log = combined(tmp_path, store), Growing("a")
        heads.write(log.name, log.published, log.tree.root)
        heads.publish()
    for file in (tmp_path / "heads").glob("heads.sqlite*"):
        file.unlink()
    with opened(tmp_path) as store, pytest.raises(EvidenceDamaged, match="rolled back"):
        combined(tmp_path, store).publish()


def test_a_database_that_another_process_is_just_making_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "heads").mkdir()
    other = sqlite3.connect(tmp_path / "heads" / "heads.sqlite", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.3, other.rollback)
    done.start()
    with opened(tmp_path) as store:
        assert store.size() == 0
    done.join()
    other.close()


def test_a_database_that_is_none_says_so(tmp_path: Path) -> None:
    (tmp_path / "heads").mkdir()
    (tmp_path / "heads" / "heads.sqlite").write_bytes(b"not a database, certainly not one" * 100)
    with pytest.raises(OperatorError, match="cannot be used"):
        SqliteHeads(tmp_path / "heads")


def test_a_record_that_was_changed_in_the_database_is_found_before_it_is_published(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        heads, log = combined(tmp_path, store), Growing("a")
        heads.write(log.name, log.published, log.tree.root)
        heads.publish()
        heads.write(log.name, log.published, log.tree.root)
        with sqlite3.connect(tmp_path / "heads" / "heads.sqlite") as connection:
            connection.execute("DELETE FROM head WHERE place = 0")
        connection.close()
    with opened(tmp_path) as store, pytest.raises(EvidenceDamaged, match="not all there"):
        combined(tmp_path, store).publish()
