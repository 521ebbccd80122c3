# SPDX-License-Identifier: Apache-2.0
"""Leases in the audit: what was let through without one in force, or under one whose grounds were revoked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from brightline.core.canonical import canonical_bytes
from brightline.core.evidence.audit_findings import Claim, Findings, Severity, Status
from brightline.core.evidence.audit_leases import KnownRevocations, LeaseAudit
from brightline.core.evidence.leaf import Leaf, read_leaf
from brightline.core.evidence.note import VerifierKey

BEGAN = 1_800_000_000
LONG = 300


def leaf(kind: str, at: int, **more: Any) -> Leaf:
    time = datetime.fromtimestamp(BEGAN + at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    said: dict[str, Any] = {
        "v": 1,
        "kind": kind,
        "shard": "s",
        "epoch": 1,
        "seq": 0,
        "time": time,
        "profile": "development",
    }
    return read_leaf(canonical_bytes({**said, "commitments": [], **more}))


def lease(at: int, **more: Any) -> Leaf:
    said = {"attester": "a", "evidence": "e", "expires": BEGAN + at + LONG, "nonce": f"n{at}", "policy": "p"}
    return leaf("ATTESTED", at, **{**said, "production": False, "rests_on": ["m"], "stated": {}, **more})


def test_a_tpm_whose_counters_went_back_between_two_leases_is_contradicted() -> None:
    def counted(at: int, *numbers: int, key: str = "sha256:k") -> Leaf:
        return lease(at, counters={key: [*numbers]})

    for later in ((2, 1, 8), (2, 1, 9), (2, 0, 90), (1, 9, 90)):
        claim, told = audited(counted(0, 2, 1, 9), counted(1, *later))
        assert claim.status.value == "CONTRADICTED", later
        assert "its last evidence" in told
    for later in ((2, 1, 10), (2, 2, 0), (3, 0, 0)):
        assert audited(counted(0, 2, 1, 9), counted(1, *later))[0].status.value == "PROVEN", later
    another = counted(1, 1, 0, 0, key="sha256:other")
    assert audited(counted(0, 2, 1, 9), another)[0].status.value == "PROVEN"
    findings = Findings()
    first, second = LeaseAudit(KnownRevocations(), Findings()), LeaseAudit(KnownRevocations(), findings)
    first.enter(0, [counted(0, 2, 1, 9)])
    second.resume(first.memory(), "")
    second.enter(1, [counted(1, 1, 0, 0)])
    assert findings.kept(Severity.CONTRADICTED)  # also on a later visit


def passed(at: int, **more: Any) -> Leaf:
    return leaf("PASS", at, exchange=f"x-{at}", token="t", verdict="permit", **more)


def ended(at: int, outcome: str = "completed", why: str = "none") -> Leaf:
    return leaf("OUTCOME", at, **{"exchange": f"x-{at}", "outcome": outcome, "class": why})


def revoked(at: int, name: str = "m") -> Leaf:
    return leaf("ATTESTATION", at, what="measurement", revocation="r-1", name=name)


def audited(*leaves: Leaf, registry: tuple[Leaf, ...] = ()) -> tuple[Claim, str]:
    known, findings = KnownRevocations(), Findings()
    findings.cover(len(leaves))
    LeaseAudit(known, Findings()).enter(0, registry)
    audit = LeaseAudit(known, findings)
    audit.enter(0, leaves)
    audit.close()
    [claim] = audit.claims()
    told = [*findings.kept(Severity.CONTRADICTED), *findings.kept(Severity.NOT_SHOWN)]
    return claim, " ".join(each.message for each in told)


def test_what_was_let_through_under_leases_is_proven() -> None:
    claim, told = audited(lease(0), passed(1), ended(1), lease(290), passed(400), ended(400))
    assert (claim.status, told) == (Status.PROVEN, "")
    assert claim.detail == "2 permits under 2 leases; some of them by what attests nothing"


@pytest.mark.parametrize(
    ("leaves", "says"),
    [
        ((lease(0), passed(LONG + 60), ended(LONG + 60)), "60 s after the lease ended"),
        ((passed(1), ended(1), lease(2)), ""),
        ((lease(0), passed(9, epoch=2), ended(9)), "before any lease of its boot epoch"),
        ((passed(1, profile="production"), ended(1)), "before any lease"),
        ((lease(0, profile="production"),), "attests nothing"),
        ((lease(0, expires=BEGAN + 3_600),), "none is longer than 600 s"),
        ((lease(0), lease(9, nonce="n0")), "by the nonce of the one before"),
        ((lease(0, evidence=""),), "names its nonce, evidence"),
    ],
    ids=[
        "over",
        "none before, in development",
        "another boot",
        "production",
        "for development",
        "long",
        "nonce",
        "bare",
    ],
)
def test_what_speaks_against_it_is_named(leaves: tuple[Leaf, ...], says: str) -> None:
    claim, told = audited(*leaves)
    assert claim.status is (Status.CONTRADICTED if says else Status.NOT_SHOWN)
    assert says in told


def test_a_pass_that_came_late_and_was_not_served_is_no_fault() -> None:
    late = LONG + 60
    assert audited(lease(0), passed(late), ended(late, "refused", "unavailable"))[0].status is Status.PROVEN
    assert audited(lease(0), passed(late), ended(late, "lost"))[0].status is Status.NOT_SHOWN
    assert audited(lease(0), passed(late))[0].status is Status.NOT_SHOWN


def test_what_a_lease_rests_on_ends_it_once_the_registry_says_that_it_is_revoked() -> None:
    served = (lease(0), passed(100), ended(100))
    assert audited(*served, registry=(revoked(50),))[0].status is Status.CONTRADICTED
    assert audited(*served, registry=(revoked(50, name="other"),))[0].status is Status.PROVEN
    assert audited(*served, registry=(revoked(99),))[0].status is Status.PROVEN  # it could not have known by then
    reinstated = leaf("ATTESTATION", 60, what="reinstatement", ends=["r-1"])
    assert audited(*served, registry=(revoked(50), reinstated))[0].status is Status.PROVEN


def test_what_an_earlier_visit_read_is_gone_on_from() -> None:
    findings = Findings()
    first = LeaseAudit(KnownRevocations(), findings)
    first.enter(0, [lease(0), passed(LONG + 60)])
    again = LeaseAudit(KnownRevocations(), findings)
    again.resume(first.memory(), "2027-01-15T08:10:00.000Z")
    again.enter(2, [ended(LONG + 60)])
    [claim] = again.claims()
    assert claim.status is Status.CONTRADICTED


def test_a_lease_for_another_nodes_keys_is_contradicted() -> None:
    key = VerifierKey.of("log.example/s", b"k" * 32)
    for keys, status in (([(b"k" * 32).hex(), "aa"], Status.PROVEN), (["aa"], Status.CONTRADICTED)):
        findings = Findings()
        audit = LeaseAudit(KnownRevocations(), findings)
        audit.open([key])
        audit.enter(0, [lease(0, keys=keys)])
        [claim] = audit.claims()
        assert claim.status is status


def test_an_attestation_that_says_nothing_is_contradicted() -> None:
    findings = Findings()
    LeaseAudit(KnownRevocations(), findings).enter(0, [leaf("ATTESTATION", 0, what="measurement")])
    assert findings.kept(Severity.CONTRADICTED)


def keys(at: int, **more: Any) -> Leaf:
    said = {"what": "handed", "evidence": "e", "expires": BEGAN + at + LONG, "nonce": f"n{at}", "policy": "p"}
    return leaf("KEYS", at, **{**said, "production": False, "rests_on": ["m"], "stated": {}, **more})


def test_keys_that_were_handed_over_to_what_was_shown_speak_for_themselves() -> None:
    claim, told = audited(keys(0), leaf("KEYS", 1, what="refused", fault="denied"), keys(2))
    assert (claim.status, told) == (Status.PROVEN, "")
    assert "2 times" in claim.detail


@pytest.mark.parametrize(
    ("leaves", "said"),
    [
        ((keys(0), keys(5, nonce="n0")), "a nonce that was used before"),
        ((keys(0, expires=BEGAN + 10_000),), "no lease is longer"),
        ((keys(0, evidence=""),), "names its nonce, evidence"),
        ((keys(0, what="given"),), "handed over or refused"),
        ((keys(0, profile="production"),), "attests nothing"),
        ((keys(20),), "was revoked"),
    ],
)
def test_what_speaks_against_keys_is_named(leaves: tuple[Leaf, ...], said: str) -> None:
    claim, told = audited(*leaves, registry=(revoked(1),) if "revoked" in said else ())
    assert claim.status is Status.CONTRADICTED
    assert said in told


def used(at: int, **more: Any) -> Leaf:
    return leaf("CONSUMED", at, token=f"t-{at}", **more)


def test_what_a_guard_lets_through_under_its_own_lease_is_proven() -> None:
    claim, told = audited(lease(0), used(1), used(2))
    assert (claim.status, told) == (Status.PROVEN, "")
    assert claim.detail.split(";")[0] == "2 tokens used under 1 lease"


@pytest.mark.parametrize(
    ("leaves", "said"),
    [
        ((lease(0), used(LONG + 60)), "60 s after the guard's lease ended"),
        ((lease(0), used(9, epoch=2)), "before any lease"),
        ((used(9, profile="production"),), "before any lease"),
        ((lease(0), used(20)), "was revoked"),
    ],
)
def test_what_a_guard_lets_through_without_one_is_named(leaves: tuple[Leaf, ...], said: str) -> None:
    claim, told = audited(*leaves, registry=(revoked(1),) if "revoked" in said else ())
    assert claim.status is Status.CONTRADICTED
    assert said in told
