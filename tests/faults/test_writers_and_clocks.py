# SPDX-License-Identifier: Apache-2.0
"""Two writers, copies of a log, and clocks that step: no fork that anybody would believe, and one order."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from brightline.core.errors import EvidenceDamaged, WriterPresent
from brightline.core.evidence.audit import BOOKS, PASSED, SIGNED, Status, audit_shard
from brightline.core.evidence.witnessing import Advance, Seen, Submission, judge
from brightline.shell.storage.publisher import Publisher, read_published
from brightline.shell.storage.sequencer import Sequencer
from brightline.verify.folder import PublishedFolder
from tests.faults.crash_writer import SystemClock
from tests.faults.steps import KINDS, SHARD, SIGNER, draft, open_log
from tests.vault import vault_beside

WRITER = Path(__file__).with_name("crash_writer.py")


def write_exchange(log: Sequencer, name: str) -> None:
    for kind in KINDS:
        log.append_sync(draft(kind, name))


def test_a_writer_in_another_process_keeps_everybody_else_out_until_it_dies(tmp_path: Path) -> None:
    wal = tmp_path / "wal"
    command = [sys.executable, str(WRITER), str(wal), SHARD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writers:
        assert writers.stdin is not None
        assert writers.stdout is not None
        writers.stdin.write("\n")
        writers.stdin.flush()
        told: dict[str, str] = {}
        while not {"pid", "ready"} <= set(told):  # in either order, and records after them
            line = writers.stdout.readline().split()
            assert line, "the process that starts writers ended"
            told[line[0]] = line[1]
        with pytest.raises(WriterPresent):
            open_log(tmp_path)
        os.kill(int(told["pid"]), signal.SIGKILL)
        rest, _ = writers.communicate()
        assert f"ended {-signal.SIGKILL}" in rest
    assert (wal / SHARD / "lock").exists(), "a lock file that is left over is no lock"
    log, publisher = open_log(tmp_path)
    log.close()
    publisher.close()


def test_a_lock_file_that_is_removed_and_made_anew_does_not_let_two_histories_be_published(tmp_path: Path) -> None:
    """Whoever may write in the folder can take the lock away. Then the two write into each other, and both find it."""
    one, publisher = open_log(tmp_path)
    (tmp_path / "wal" / SHARD / "lock").unlink()
    other, other_publisher = open_log(tmp_path)
    write_exchange(one, "one")
    write_exchange(other, "other")
    publisher.publish_once()
    with pytest.raises(EvidenceDamaged):
        other_publisher.publish_once()
    for each in (one, other):
        each.close()
    with pytest.raises(EvidenceDamaged):
        open_log(tmp_path)


def test_copies_of_a_log_that_both_go_on_are_told_apart_by_a_witness_and_by_nothing_here(tmp_path: Path) -> None:
    original = tmp_path / "original"
    log, publisher = open_log(original)
    write_exchange(log, "before")
    log.close()
    publisher.close()
    shutil.copytree(original, tmp_path / "copy")
    histories = [_gone_on(root) for root in (original, tmp_path / "copy")]
    for root in (original, tmp_path / "copy"):  # each is whole and signed: an auditor of one sees nothing
        report = audit_shard(SHARD, PublishedFolder(root / "evidence" / SHARD), [SIGNER.verifier])
        assert report.contradictions == ()
    (note, proof), (other_note, other_proof) = histories
    seen = judge(Submission.of(4, proof, note), [SIGNER.verifier], _seen_before(original))
    assert isinstance(seen, Advance)
    refused = judge(Submission.of(seen.after.size, (), other_note), [SIGNER.verifier], seen.after)
    assert not isinstance(refused, Advance)
    also = judge(Submission.of(4, other_proof, other_note), [SIGNER.verifier], seen.after)
    assert not isinstance(also, Advance)


def _gone_on(root: Path) -> tuple[bytes, Sequence[bytes]]:
    log, publisher = open_log(root)
    write_exchange(log, "after")
    publisher.publish_once()
    proof = log.consistency_proof(4, log.head().size)
    log.close()
    publisher.close()
    return (root / "evidence" / SHARD / "checkpoint").read_bytes(), proof


def _seen_before(root: Path) -> Seen:
    log, publisher = open_log(root)
    head = log.head(4)
    log.close()
    publisher.close()
    return Seen(head.size, head.root)


class SteppingClock(SystemClock):
    """A clock that somebody sets a year forward or back between any two records."""

    def __init__(self) -> None:
        self.years = [2026, 2027, 2025, 2026, 2025, 2027]

    def utc_now(self) -> str:
        self.years.append(self.years.pop(0))
        return f"{self.years[0]}-11-25T00:00:00.000Z"


def test_a_clock_that_steps_by_a_year_changes_no_order_and_the_log_still_proves(tmp_path: Path) -> None:
    for boot in range(3):
        published = read_published(tmp_path / "evidence", SHARD, SIGNER.verifier)
        wal = tmp_path / "wal"
        log = Sequencer.open(wal, SHARD, "development", SteppingClock(), vault=vault_beside(wal), published=published)
        publisher = Publisher.open(log, tmp_path / "evidence", SIGNER)
        for number in range(4):
            write_exchange(log, f"{boot}-{number}")
        publisher.publish_once()
        log.append_sync(draft(KINDS[0], f"{boot}-open"))
        log.close()
        publisher.close()
    report = audit_shard(SHARD, PublishedFolder(tmp_path / "evidence" / SHARD), [SIGNER.verifier])
    assert report.contradictions == ()
    status = {claim.name: claim.status for claim in report.claims}
    assert {status[SIGNED], status[BOOKS], status[PASSED]} == {Status.PROVEN}
    assert report.recount.by_outcome == {"completed": 12, "lost": 2}
