# SPDX-License-Identifier: Apache-2.0
"""What was counted in a log for a clause book: from the private log and from the published one alike, read-only."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.agreement.book import ClauseEvidence
from brightline.core.canonical import JsonValue
from brightline.core.errors import ConfigError, EvidenceDamaged, OperatorError
from brightline.core.evidence.note import NoteSigner
from brightline.core.evidence.record import Draft, RecordKind
from brightline.core.evidence.tile import TILE_WIDTH, entries_path
from brightline.shell import shipped
from brightline.shell.book.evidence import count_evidence
from brightline.shell.storage.publisher import Publisher
from brightline.shell.storage.sequencer import Sequencer
from tests.faults.crash_writer import SystemClock
from tests.vault import vault_beside

SHARD = "gw-1"
SIGNER = NoteSigner("log.example/gw-1", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
DOW = shipped.read_agreement(shipped.shipped_agreement())


def attempt(exchange: str, digest: str = DOW.digest) -> Draft:
    public: dict[str, JsonValue] = {"agreement": digest, "release": "sha256:r"}
    return Draft(RecordKind.ATTEMPT, exchange, public, {})


def outcome(exchange: str, verdict: str, clauses: list[JsonValue], digest: str = DOW.digest) -> Draft:
    public: dict[str, JsonValue] = {
        "agreement": digest,
        "release": "sha256:r",
        "outcome": "refused",
        "class": "policy",
        "verdict": verdict,
        "clauses": clauses,
        "released_bytes": 0,
    }
    return Draft(RecordKind.OUTCOME, exchange, public, {})


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Three outcomes of this version, one of another, and a clause that this version does not have."""
    log = Sequencer.open(
        tmp_path / "wal", SHARD, "development", SystemClock(), vault=vault_beside(tmp_path / "wal"), published=None
    )
    publisher = Publisher.open(log, tmp_path / "evidence", SIGNER)
    for number, (verdict, clauses, digest) in enumerate(
        [
            ("deny", ["RL-1"], DOW.digest),
            ("hold", ["RL-1", "L3"], DOW.digest),
            ("deny", ["RL-1", "NONE-SUCH"], DOW.digest),
            ("deny", ["RL-1"], "sha256:" + "0" * 64),
        ]
    ):
        log.append_sync(attempt(f"x{number}", digest))
        log.append_sync(outcome(f"x{number}", verdict, [*clauses], digest))
    publisher.publish_once()
    publisher.close()
    log.close()
    return tmp_path


def snapshot(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("below", ["", "evidence", f"evidence/{SHARD}"])
def test_outcomes_are_counted_by_clause_and_verdict_under_this_version_alone(state: Path, below: str) -> None:
    before = snapshot(state)
    found = count_evidence(state / below, DOW)
    assert (found.outcomes, found.others) == (3, 1)
    assert found.whole
    assert SHARD in found.source
    assert set(found.clauses) == {"RL-1", "L3"}
    line = found.clauses["RL-1"]
    assert (line.outcomes, line.verdicts) == (3, (("deny", 2), ("hold", 1)))
    assert line.last >= found.clauses["L3"].last > "2026"
    assert snapshot(state) == before


def test_both_sides_of_a_log_say_the_same(state: Path) -> None:
    assert count_evidence(state, DOW).clauses == count_evidence(state / "evidence", DOW).clauses


def test_another_version_has_its_own_count(state: Path) -> None:
    other = msgspec.structs.replace(DOW, digest="sha256:" + "0" * 64)
    assert count_evidence(state, other).outcomes == 1
    fresh = msgspec.structs.replace(DOW, digest="sha256:" + "f" * 64)
    assert count_evidence(state, fresh).clauses == {}
    assert ClauseEvidence().outcomes == 0


def test_counting_is_bounded_and_says_that_it_stopped(state: Path) -> None:
    found = count_evidence(state, DOW, records_max=2)
    assert (found.outcomes, found.whole) == (1, False)
    assert count_evidence(state, DOW, records_max=8).whole


def test_a_log_of_many_bundles_is_counted_to_its_end(tmp_path: Path) -> None:
    log = Sequencer.open(
        tmp_path / "wal", SHARD, "development", SystemClock(), vault=vault_beside(tmp_path / "wal"), published=None
    )
    publisher = Publisher.open(log, tmp_path / "evidence", SIGNER)
    for number in range(TILE_WIDTH):
        log.append_sync(attempt(f"x{number}"))
        log.append_sync(outcome(f"x{number}", "deny", ["L7"]))
    log.append_sync(attempt("last"))
    publisher.publish_once()
    publisher.close()
    log.close()
    assert count_evidence(tmp_path / "evidence", DOW).clauses["L7"].outcomes == TILE_WIDTH


def test_a_folder_without_a_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no log"):
        count_evidence(tmp_path, DOW)


def test_what_does_not_read_is_damage_and_not_fewer_outcomes(state: Path) -> None:
    shard = state / "evidence" / SHARD
    entries = shard / entries_path(0, 8)
    data = entries.read_bytes()
    entries.write_bytes(data[:-1])
    with pytest.raises(EvidenceDamaged, match="ends within"):
        count_evidence(shard, DOW)
    entries.write_bytes(data.replace(b'"deny"', b'"DENY"'))
    with pytest.raises(EvidenceDamaged, match="not a record"):
        count_evidence(shard, DOW)
    entries.unlink()
    with pytest.raises(OperatorError, match="cannot be read"):
        count_evidence(shard, DOW)
    (shard / "checkpoint").write_text("log.example/gw-1\nmany\n")
    with pytest.raises(EvidenceDamaged, match="no size"):
        count_evidence(shard, DOW)
