# SPDX-License-Identifier: Apache-2.0
"""The writer of periods on the real log: ranges that meet across restarts and crashes, and nothing without cause."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.canonical import JsonValue
from brightline.core.errors import EvidenceUnavailable
from brightline.core.evidence.audit_findings import Status, Topic
from brightline.core.evidence.note import NoteSigner
from brightline.core.evidence.period import StatedUpstream, read_period
from brightline.core.evidence.record import Draft, RecordKind
from brightline.shell.clock import SystemClock
from brightline.shell.storage.periods import PeriodWriter
from brightline.shell.storage.publisher import Publisher, read_published
from brightline.shell.storage.sequencer import Sequencer
from brightline.shell.storage.wal import frames_on_disk
from brightline.verify.examine import verify_evidence
from tests.vault import vault_beside

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = NoteSigner("log.example/gw-1", KEY)
TERMS: dict[str, JsonValue] = {"agreement": "sha256:a", "release": "sha256:r"}
UPSTREAMS = (StatedUpstream("default", ""),)


class Site:
    """One boot of a node's log."""

    def __init__(self, root: Path, log: Sequencer) -> None:
        self.root = root
        self.log = log
        self.writer = PeriodWriter(log, root / "evidence", SIGNER.verifier.name, "development", KEY, SystemClock())
        self.writer.resume()

    def refuse(self, exchange: str) -> None:
        self.attempt(exchange)
        end: dict[str, JsonValue] = {"outcome": "refused", "class": "policy", "verdict": "deny", "clauses": ["RL-1"]}
        self.log.append_sync(Draft(RecordKind.OUTCOME, exchange, TERMS | end | {"released_bytes": 0}, {}))

    def attempt(self, exchange: str) -> None:
        self.log.append_sync(Draft(RecordKind.ATTEMPT, exchange, TERMS, {}))

    def state(self, **without_record: int) -> tuple[int, int] | None:
        """The range that was stated, if one was."""
        record = self.writer.write(TERMS, without_record, UPSTREAMS, 1_000)
        if record is None:
            return None
        start, end = record.draft.public["start"], record.draft.public["end"]
        assert isinstance(start, int)
        assert isinstance(end, int)
        return start, end


@contextmanager
def booted(root: Path) -> Iterator[Site]:
    published = read_published(root / "evidence", "gw-1", SIGNER.verifier)
    log = Sequencer.open(
        root / "wal", "gw-1", "development", SystemClock(), vault=vault_beside(root / "wal"), published=published
    )
    publisher = Publisher.open(log, root / "evidence", SIGNER)
    try:
        yield Site(root, log)
    finally:
        log.close()
        publisher.close()


def statements(root: Path) -> list[str]:
    folder = root / "evidence" / "gw-1" / "periods"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def verdict(root: Path) -> tuple[Status, str]:
    (report,) = verify_evidence(root / "evidence", vkeys=[SIGNER.verifier.vkey()])
    assert not report.contradictions, report.contradictions
    (claim,) = [claim for claim in report.claims if claim.name == Topic.PERIODS]
    return claim.status, claim.detail


def test_ranges_meet_and_are_proven(tmp_path: Path) -> None:
    with booted(tmp_path) as site:
        site.refuse("a")
        assert site.state() == (0, 2)
        site.refuse("b")
        site.refuse("c")
        assert site.state(overloaded=2) == (2, 7)
    assert verdict(tmp_path) == (
        Status.PROVEN,
        "2 periods recount to what they say, up to record 7; the last one is in none yet",
    )
    data = (tmp_path / "evidence" / "gw-1" / "periods" / "2-7.json").read_bytes()
    period = read_period(data, [SIGNER.verifier])
    assert period.counts.kind == {"ATTEMPT": 2, "OUTCOME": 2, "PERIOD": 1}
    assert period.without_record == {"overloaded": 2}
    assert period.upstreams == UPSTREAMS


def test_a_time_in_which_nothing_happened_has_no_statement(tmp_path: Path) -> None:
    with booted(tmp_path) as site:
        assert site.state() is None
        assert site.state(unauthenticated=1) is None  # no record to start from: the count waits
        site.refuse("a")
        assert site.state() == (0, 2)
        assert site.state() is None
        assert site.state(unauthenticated=1) == (2, 3)
        assert site.state() is None
    assert statements(tmp_path) == ["0-2.json", "2-3.json"]


def test_a_boot_goes_on_where_the_last_period_ended_and_counts_what_was_lost(tmp_path: Path) -> None:
    with booted(tmp_path) as site:
        site.refuse("a")
        assert site.state() == (0, 2)
        site.attempt("open")
    with booted(tmp_path) as site:
        site.refuse("b")
        assert site.state() == (2, 7)
    with booted(tmp_path) as site:
        assert site.state() is None
    assert verdict(tmp_path)[0] is Status.PROVEN
    data = (tmp_path / "evidence" / "gw-1" / "periods" / "2-7.json").read_bytes()
    period = read_period(data, [SIGNER.verifier])
    assert period.counts.outcome == {"lost": 1, "refused": 1}
    assert (period.totals.attempts, period.totals.outcomes, period.totals.lost) == (3, 3, 1)


def test_a_crash_between_the_statement_and_its_record_leaves_a_statement_that_proves_nothing(tmp_path: Path) -> None:
    with booted(tmp_path) as site:
        site.refuse("a")
        append = site.log.append_sync

        def power_fails(draft: Draft) -> Any:
            raise EvidenceUnavailable("the power failed")

        site.log.append_sync = power_fails  # type: ignore[method-assign]
        with pytest.raises(EvidenceUnavailable):
            site.state(overloaded=1)
        site.log.append_sync = append  # type: ignore[method-assign]
        site.refuse("b")
        assert site.state(overloaded=1) == (0, 4)  # the same range, and what came since
    assert statements(tmp_path) == ["0-2.json", "0-4.json"]
    (report,) = verify_evidence(tmp_path / "evidence")
    assert not report.contradictions
    assert [(note.place, note.message) for note in report.notes] == [
        ("periods/0-2.json", "no PERIOD record names this statement; it proves nothing")
    ]


def test_a_record_that_became_durable_though_its_writer_was_told_otherwise_is_not_stated_twice(tmp_path: Path) -> None:
    with booted(tmp_path) as site:
        site.refuse("a")
        append = site.log.append_sync

        def answer_is_lost(draft: Draft) -> Any:
            append(draft)
            raise EvidenceUnavailable("nobody heard it")

        site.log.append_sync = answer_is_lost  # type: ignore[method-assign]
        with pytest.raises(EvidenceUnavailable):
            site.state()
        site.log.append_sync = append  # type: ignore[method-assign]
        site.refuse("b")
        assert site.state() == (2, 5)
    assert verdict(tmp_path)[0] is Status.PROVEN


def test_a_folder_that_cannot_be_written_states_nothing_and_the_range_waits(tmp_path: Path) -> None:
    with booted(tmp_path) as site:
        site.refuse("a")
        blocker = tmp_path / "evidence" / "gw-1" / "periods"
        blocker.write_bytes(b"")
        with pytest.raises(EvidenceUnavailable, match="cannot be written"):
            site.state()
        blocker.unlink()
        assert site.state() == (0, 2)
    assert verdict(tmp_path)[0] is Status.PROVEN
    assert [json.loads(f.leaf)["kind"] for f in frames_on_disk(tmp_path / "wal", "gw-1")][-1] == "PERIOD"
