# SPDX-License-Identifier: Apache-2.0
"""The audit: honest evidence is proven; every flipped bit and every fraud of the operator is named with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.canonical import canonical_bytes
from brightline.core.evidence.audit import (
    BOOKS,
    PASSED,
    RECEIPTS,
    RECORDS,
    REPLAYS,
    SIGNED,
    ShardReport,
    Status,
    audit_shard,
)
from brightline.core.evidence.checkpoint import Checkpoint, sign_checkpoint
from brightline.core.evidence.merkle import Tree, leaf_hash
from brightline.core.evidence.note import NoteSigner
from brightline.core.evidence.receipt import write_receipt
from brightline.core.evidence.record import Draft, Outcome, Place, RecordKind, Sealed, mint_durable, seal
from brightline.core.evidence.tile import tiles_for
from brightline.core.facts import Facts
from brightline.shell import shipped

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = NoteSigner("test.example/gateway-0", KEY)
AGREEMENT = shipped.read_agreement(shipped.shipped_agreement())
GOOD = {spec.name: spec.good for spec in AGREEMENT.vocabulary.specs}
TERMS = {"agreement": AGREEMENT.digest, "release": "sha256:11"}


class Folder:
    """A published folder in memory."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)

    def paths(self) -> Iterable[str]:
        return self.files

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)


def publish(leaves: Sequence[bytes], sizes: Sequence[int] = ()) -> Folder:
    """What an operator with the key would publish for these leaves, growing through the given sizes."""
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf_hash(leaf))
    files: dict[str, bytes] = {}
    before = 0
    for size in (*sizes, len(leaves)):
        files |= dict(tiles_for(before, size, leaves.__getitem__, tree.node))
        before = size
    checkpoint = Checkpoint(SIGNER.verifier.name, len(leaves), tree.root())
    files["checkpoint"] = sign_checkpoint(checkpoint, SIGNER)
    return Folder(files)


class Log:
    """Records in order, as a gateway would write them."""

    def __init__(self) -> None:
        self.sealed: list[Sealed] = []
        self.epoch = 1

    def add(self, kind: RecordKind, exchange: str, public: dict[str, Any], **committed: Any) -> int:
        seq = len(self.sealed)
        place = Place("gateway-0", self.epoch, seq, "2026-11-25T10:00:00.000Z", "development")
        key = seq.to_bytes(32, "big")
        self.sealed.append(seal(Draft(kind, exchange, {**TERMS, **public}, committed, key), place))
        return seq

    def attempt(self, exchange: str) -> int:
        return self.add(RecordKind.ATTEMPT, exchange, {}, unit="u")

    def passed(self, exchange: str, **changes: Any) -> int:
        public = {"verdict": "permit", "clauses": ["L1"], "token": f"t-{exchange}", **changes}
        return self.add(RecordKind.PASS, exchange, public, facts=GOOD)

    def mark(self, exchange: str, released: int) -> int:
        return self.add(RecordKind.MARK, exchange, {"released_bytes": released}, chain="c")

    def outcome(self, exchange: str, outcome: Outcome, **changes: Any) -> int:
        public = {
            "outcome": outcome.value,
            "class": "none",
            "verdict": "permit",
            "clauses": ["L1"],
            "released_bytes": 5,
            **changes,
        }
        return self.add(RecordKind.OUTCOME, exchange, public, facts=changes.pop("facts", GOOD))

    @property
    def leaves(self) -> list[bytes]:
        return [sealed.leaf for sealed in self.sealed]

    @property
    def disclosures(self) -> dict[int, Sequence[str]]:
        return {seq: sealed.disclosures for seq, sealed in enumerate(self.sealed)}


def honest(exchanges: int = 4) -> Log:
    log = Log()
    for i in range(exchanges):
        name = f"xc_{i}"
        log.attempt(name)
        if i % 4 == 3:
            denied = Facts.of({**GOOD, "mass_domestic": "yes"}).as_dict()
            public = {
                "outcome": "refused",
                "class": "policy",
                "verdict": "deny",
                "clauses": ["RL-1"],
                "released_bytes": 0,
            }
            log.add(RecordKind.OUTCOME, name, public, facts=denied)
            continue
        log.passed(name)
        if i % 4 == 1:
            log.mark(name, 3)
        log.outcome(name, Outcome.COMPLETED)
    return log


def audit(log: Log | Sequence[bytes], **more: Any) -> ShardReport:
    leaves = log.leaves if isinstance(log, Log) else log
    return audit_shard("gateway-0", publish(leaves), [SIGNER.verifier], **more)


def status(report: ShardReport, name: str) -> Status:
    return next(claim.status for claim in report.claims if claim.name == name)


def test_honest_evidence_is_proven_and_counted() -> None:
    log = honest(8)
    report = audit(log, disclosures=log.disclosures, agreement=AGREEMENT)
    assert report.contradictions == ()
    assert {
        claim.name: claim.status for claim in report.claims if claim.status is not Status.NOT_SHOWN
    } == dict.fromkeys((SIGNED, RECORDS, BOOKS, PASSED, REPLAYS), Status.PROVEN)
    assert (report.recount.attempts, report.recount.outcomes, report.recount.open) == (8, 8, 0)
    assert report.recount.by_outcome == {"completed": 6, "refused": 2}
    assert report.recount.by_clause == {"L1": 6, "RL-1": 2}
    assert report.recount.released_bytes == 30


def test_what_cannot_be_shown_is_said() -> None:
    shown = {claim.name for claim in audit(honest()).claims if claim.status is Status.NOT_SHOWN}
    assert len(shown) == 3
    assert REPLAYS in shown


SMALL = publish(honest(5).leaves, sizes=(2, 7))
LARGE = publish(honest(120).leaves, sizes=(100, 256, 300))


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_every_flipped_bit_of_every_file_is_found_and_its_place_named(data: st.DataObject) -> None:
    folder = data.draw(st.sampled_from([SMALL, LARGE]))
    path = data.draw(st.sampled_from(sorted(folder.files)))
    original = folder.files[path]
    at = data.draw(st.integers(0, len(original) * 8 - 1))
    flipped = bytearray(original)
    flipped[at // 8] ^= 1 << at % 8
    report = audit_shard("gateway-0", Folder({**folder.files, path: bytes(flipped)}), [SIGNER.verifier])
    assert report.contradictions
    assert any(row.place.startswith(path) for row in report.contradictions)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_truncated_extended_or_missing_file_is_found(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(LARGE.files)))
    original = LARGE.files[path]
    files = dict(LARGE.files)
    how = data.draw(st.sampled_from(["cut", "grow", "swap"]))
    if how == "cut":
        files[path] = original[: data.draw(st.integers(0, len(original) - 1))]
    elif how == "grow":
        files[path] = original + b"\0"
    else:
        other = data.draw(st.sampled_from(sorted(set(LARGE.files) - {path})))
        if files[other] == original:
            return
        files[path] = files[other]
    assert audit_shard("gateway-0", Folder(files), [SIGNER.verifier]).contradictions


def test_a_file_that_no_log_has_is_named() -> None:
    report = audit_shard("gateway-0", Folder({**SMALL.files, "tile/extra": b""}), [SIGNER.verifier])
    assert [row.place for row in report.contradictions] == ["tile/extra"]


def test_a_flipped_bit_in_an_entry_is_told_from_one_in_a_tile() -> None:
    for path, word in (("tile/entries/000", "entry 0 (record 0)"), ("tile/0/000", "hash 0")):
        flipped = bytearray(LARGE.files[path])
        flipped[5] ^= 1
        report = audit_shard("gateway-0", Folder({**LARGE.files, path: bytes(flipped)}), [SIGNER.verifier])
        assert any(word in row.place for row in report.contradictions)


def test_another_key_proves_nothing() -> None:
    stranger = NoteSigner("test.example/gateway-0", Ed25519PrivateKey.generate())
    report = audit_shard("gateway-0", SMALL, [stranger.verifier])
    assert status(report, SIGNED) is Status.CONTRADICTED


# ---- an operator with the key: only the books can tell -----------------------------------------------------------


def rewritten(leaf: bytes, **changes: Any) -> bytes:
    value = msgspec.json.decode(leaf)
    value.update(changes)
    return canonical_bytes(value)


def without(log: Log, seq: int) -> list[bytes]:
    """Delete one record and renumber the rest, as somebody who covers his traces would."""
    kept = [leaf for i, leaf in enumerate(log.leaves) if i != seq]
    return [rewritten(leaf, seq=i) for i, leaf in enumerate(kept)]


FRAUDS: dict[str, tuple[Callable[[], Sequence[bytes]], str]] = {
    "a record is deleted": (lambda: honest().leaves[:2] + honest().leaves[3:], RECORDS),
    "an attempt is deleted and the rest renumbered": (lambda: without(honest(), 0), BOOKS),
    "a pass is deleted and the rest renumbered": (lambda: without(honest(), 1), PASSED),
    "two records change places": (lambda: [honest().leaves[1], honest().leaves[0], *honest().leaves[2:]], RECORDS),
    "a record is repeated": (lambda: [*honest().leaves, honest().leaves[-1]], RECORDS),
    "an outcome is written twice": (
        lambda: [*honest().leaves, rewritten(honest().leaves[2], seq=len(honest().leaves))],
        BOOKS,
    ),
    "a pass without a permit": (
        lambda: [rewritten(leaf, verdict="hold") if i == 1 else leaf for i, leaf in enumerate(honest().leaves)],
        BOOKS,
    ),
    "completed without a permit": (
        lambda: [rewritten(leaf, verdict="deny") if i == 2 else leaf for i, leaf in enumerate(honest().leaves)],
        BOOKS,
    ),
    "refused, with bytes released": (
        lambda: [rewritten(leaf, outcome="refused") if i == 2 else leaf for i, leaf in enumerate(honest().leaves)],
        BOOKS,
    ),
    "fewer bytes in the outcome than were marked": (
        lambda: [rewritten(leaf, released_bytes=1) if i == 6 else leaf for i, leaf in enumerate(honest().leaves)],
        BOOKS,
    ),
    "another agreement in mid-exchange": (
        lambda: [rewritten(leaf, agreement="sha256:0") if i == 1 else leaf for i, leaf in enumerate(honest().leaves)],
        BOOKS,
    ),
    "a release swapped in one record": (
        lambda: [rewritten(leaf, release="sha256:0") if i == 2 else leaf for i, leaf in enumerate(honest().leaves)],
        BOOKS,
    ),
    "an epoch that goes back": (
        lambda: [rewritten(leaf, epoch=2) if i == 0 else leaf for i, leaf in enumerate(honest().leaves)],
        RECORDS,
    ),
    "a record of another shard": (
        lambda: [rewritten(leaf, shard="other") if i == 0 else leaf for i, leaf in enumerate(honest().leaves)],
        RECORDS,
    ),
    "a record with spaces in it": (
        lambda: [leaf.replace(b'{"', b'{ "', 1) if i == 0 else leaf for i, leaf in enumerate(honest().leaves)],
        RECORDS,
    ),
    "an entry that is no record": (lambda: [*honest().leaves, b"\xff\x00"], RECORDS),
    "a huge number": (
        lambda: [rewritten(honest().leaves[0], released_bytes=2**53 - 1), *honest().leaves[1:]],
        "none",
    ),
}


@pytest.mark.parametrize("fraud", FRAUDS)
def test_an_operator_who_signs_a_fraud_is_contradicted_by_the_books(fraud: str) -> None:
    make, claim = FRAUDS[fraud]
    report = audit(make())
    assert status(report, SIGNED) is Status.PROVEN  # it is what was signed; it is still not true
    if claim != "none":
        assert status(report, claim) is Status.CONTRADICTED
        assert all(row.place.startswith("record ") for row in report.contradictions)


def test_an_attempt_that_a_boot_did_not_book_is_a_contradiction() -> None:
    log = honest()
    log.attempt("xc_open")
    log.epoch = 2
    log.attempt("xc_later")
    report = audit(log)
    assert status(report, BOOKS) is Status.CONTRADICTED
    assert report.recount.open == 2


def test_of_a_lost_exchange_it_is_said_what_was_allowed_and_at_most_how_much_left() -> None:
    log = honest()
    log.attempt("xc_a")
    log.attempt("xc_b")
    log.passed("xc_b")
    log.mark("xc_b", 70_000)
    log.epoch = 2
    for name in ("xc_a", "xc_b"):
        log.add(RecordKind.OUTCOME, name, {"outcome": "lost", "class": "none", "epoch_lost": 1})
    report = audit(log)
    assert report.contradictions == ()
    assert "nothing was allowed to be sent" in report.notes[0]
    assert f"at least 70000 and at most {70_000 + 65_536} bytes left" in report.notes[1]


def test_a_decision_that_does_not_replay_is_named() -> None:
    log = honest(1)
    log.attempt("xc_x")
    bad = {**GOOD, "mass_domestic": "yes"}
    seq = log.add(RecordKind.PASS, "xc_x", {"verdict": "permit", "clauses": ["L1"], "token": "t"}, facts=bad)
    log.outcome("xc_x", Outcome.COMPLETED)
    report = audit(log, disclosures=log.disclosures, agreement=AGREEMENT)
    assert [row.place for row in report.contradictions] == [f"record {seq}"]
    assert "decide to deny" in report.contradictions[0].message


def test_a_disclosure_of_another_record_is_named() -> None:
    log = honest(2)
    swapped = {**log.disclosures, 0: log.disclosures[1]}
    report = audit(log, disclosures=swapped, agreement=AGREEMENT)
    assert report.contradictions[0].place == "record 0"


def test_a_kept_receipt_convicts_a_log_that_does_not_hold_its_record() -> None:
    log = honest()
    place = Place("gateway-0", 1, 2, "2026-11-25T10:00:00.000Z", "development")
    draft = Draft(RecordKind.OUTCOME, "xc_0", {}, {}, bytes(32))
    kept = write_receipt(mint_durable(draft, place, leaf_hash(log.leaves[2])), KEY)
    assert status(audit(log, receipts=[kept]), RECEIPTS) is Status.PROVEN
    assert status(audit(without(log, 0), receipts=[kept]), RECEIPTS) is Status.CONTRADICTED
    forged = msgspec.structs.replace(kept, seq=1)
    assert status(audit(log, receipts=[forged]), RECEIPTS) is Status.CONTRADICTED


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=8))
def test_whatever_was_logged_the_audit_answers(leaves: list[bytes]) -> None:
    report = audit(leaves)
    assert isinstance(report, ShardReport)
    assert report.contradicted or not leaves
