# SPDX-License-Identifier: Apache-2.0
"""What a guard's log says of its model, against each token that was used: record by record."""

from __future__ import annotations

from typing import Any

import pytest

from brightline.core.canonical import canonical_bytes
from brightline.core.evidence.audit_admissions import AdmissionAudit
from brightline.core.evidence.audit_findings import Claim, Findings, Severity
from brightline.core.evidence.leaf import Leaf, read_leaf

MODEL, OTHER = "sha256:" + "5c" * 32, "sha256:" + "5d" * 32
UNTIL = 1_800_000_000  # 2027-01-15T08:00:00Z
BEFORE, SOON, AFTER = (f"2027-01-15T0{at}.000Z" for at in ("7:59:00", "7:59:03", "8:00:06"))


def said(kind: str, epoch: int = 1, time: str = BEFORE, profile: str = "production", **public: Any) -> Leaf:
    """A record as a guard writes it."""
    head: dict[str, Any] = {
        "v": 1,
        "shard": "guard",
        "seq": 0,
        "epoch": epoch,
        "time": time,
        "profile": profile,
        "commitments": [],
    }
    return read_leaf(canonical_bytes(head | {"kind": kind} | public))


def admission(what: str, **more: Any) -> Leaf:
    """By default of the model, until ``UNTIL``."""
    model: dict[str, Any] = {"model": MODEL, "until": UNTIL} if what == "admitted" else {}
    return said("ADMISSION", what=what, **(model | more))


def used(**more: Any) -> Leaf:
    """By default for the model."""
    return said("CONSUMED", **({"token": "t", "admitted": MODEL} | more))


def audited(*leaves: Leaf | None) -> tuple[Claim | None, list[str]]:
    """The claim, and what contradicts it; the second half is read on a later visit."""
    findings = Findings()
    half = len(leaves) // 2
    first = AdmissionAudit(Findings())
    first.enter(0, leaves[:half])
    audit = AdmissionAudit(findings)
    audit.resume(first.memory())
    audit.enter(half, leaves[half:])
    audit.close()
    return next(audit.claims(), None), [each.message for each in findings.kept(Severity.CONTRADICTED)]


def test_each_use_under_an_admission_in_force_is_proven() -> None:
    claim, objections = audited(admission("admitted"), None, used(), used())
    assert objections == []
    assert claim is not None
    assert (claim.status.value, claim.detail) == ("PROVEN", "2 used tokens, each under the one admission of a model")


@pytest.mark.parametrize(
    ("leaves", "objects"),
    [
        ((admission("not_admitted"), used()), "had not admitted"),
        ((admission("admitted"), used(admitted=OTHER)), "had not admitted"),
        ((admission("admitted"), used(epoch=2)), "had not admitted"),  # it was started anew, and looked at nothing
        ((admission("admitted"), used(time=AFTER)), "6 s after"),
        (
            (admission("admitted"), admission("not_admitted"), used(time=AFTER)),
            "after the model's admission had ended",
        ),
        ((admission("nothing"), used(admitted="nothing")), "nobody admitted"),
        ((used(), used()), "had not admitted"),
    ],
)
def test_a_use_without_one_is_contradicted(leaves: tuple[Leaf, ...], objects: str) -> None:
    claim, objections = audited(*leaves)
    assert claim is not None
    assert claim.status.value == "CONTRADICTED"
    assert objects in objections[-1]


def test_a_use_that_was_booked_while_the_model_was_taken_out_is_no_fault() -> None:
    claim, objections = audited(admission("admitted"), used(), admission("not_admitted"), used(time=SOON))
    assert objections == []
    assert claim is not None
    assert claim.status.value == "PROVEN"


def test_that_nothing_was_admitted_or_said_is_not_shown() -> None:
    plain = {"profile": "development"}
    nothing, objections = audited(
        admission("nothing", **plain), used(admitted="nothing", **plain), used(admitted="nothing", **plain)
    )
    assert objections == []
    assert nothing is not None
    assert nothing.status.value == "NOT SHOWN"
    assert nothing.detail.startswith("2 of 2 used tokens are of a guard that admits nothing")
    unsaid, objections = audited(said("CONSUMED", token="t"))
    assert objections == []
    assert unsaid is not None
    assert (unsaid.status.value, unsaid.detail) == (
        "NOT SHOWN",
        "1 of 1 used tokens do not say which model was admitted",
    )


def test_a_log_in_which_no_token_was_used_claims_nothing() -> None:
    assert audited(admission("admitted"), said("SEAL")) == (None, [])
