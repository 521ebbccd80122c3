# SPDX-License-Identifier: Apache-2.0
"""What was screened again, told from the leaves alone: whole or not, and of the log that was published or not."""

from __future__ import annotations

from typing import Any

import pytest

from brightline.core.evidence.audit_findings import Findings, Severity, Status
from brightline.core.evidence.audit_hunts import HuntAudit, KnownHunts
from brightline.core.evidence.checkpoint import Checkpoint
from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.merkle import Tree, leaf_hash
from brightline.core.evidence.record import RecordKind
from tests.core.evidence.leaves import leaf
from tests.core.evidence.test_audit import ordinary, publish

LOG = "an.origin/gw"
ROOT = "ab" * 32


def hunt(start: int, end: int, part: int = 0, parts: int = 1, **other: Any) -> Leaf:
    """A HUNT record of a log with 9 records, cut in the middle."""
    middle = (start + end) // 2
    said: dict[str, Any] = {
        "hunt": "sha256:h",
        "release": "sha256:r",
        "log": LOG,
        "size": 9,
        "root": ROOT,
        "start": start,
        "end": end,
        "ranges": ((start, middle - 1), (middle, end - 1)),
        "counted": {"examined": 1, "no_content": end - start - 1},
        "part": part,
        "parts": parts,
    }
    return leaf(part, RecordKind.HUNT, **(said | other))


def says(*leaves: Leaf) -> tuple[Status, list[str]]:
    """How the claim stands in the registry, and what is said against it."""
    findings = Findings()
    registry = HuntAudit(KnownHunts(), findings)
    registry.open("an.origin/registry")
    registry.enter(0, leaves)
    registry.close()
    (claim,) = registry.claims()
    return claim.status, [each.message for each in findings.kept(Severity.CONTRADICTED)]


def test_a_registry_without_hunts_claims_nothing() -> None:
    registry = HuntAudit(KnownHunts(), Findings())
    registry.enter(0, [leaf(0, RecordKind.HALT)])
    registry.close()
    assert list(registry.claims()) == []


def test_a_hunt_whose_ranges_fill_what_it_covers_is_proven() -> None:
    assert says(hunt(0, 9)) == (Status.PROVEN, [])
    assert says(hunt(0, 4, 0, 3), hunt(4, 9, 1, 3), hunt(2, 6, 2, 3, log="an.origin/other", size=6))[1] == []


@pytest.mark.parametrize(
    ("leaves", "message"),
    [
        ((hunt(0, 9, ranges=((0, 3), (5, 8))),), "records 4 to 4 of 'an.origin/gw' were screened again by nobody"),
        ((hunt(0, 9, ranges=((0, 5), (5, 8))),), "records 5 to 5 of 'an.origin/gw' were screened again twice"),
        ((hunt(0, 9, ranges=((0, 7),)),), "records 8 to 8 of 'an.origin/gw' were screened again by nobody"),
        ((hunt(0, 9, ranges=((0, 8), (9, 8))),), "is none"),
        ((hunt(0, 9, counted={"examined": 8}),), "9 records were covered and 8 were counted"),
        ((hunt(0, 8),), "records 8 to 8 of 'an.origin/gw' were screened again by nobody"),
        ((hunt(0, 9, size=8),), "are no stretch"),
        ((hunt(0, 4, 0, 2), hunt(5, 9, 1, 2)), "records 4 to 4 of 'an.origin/gw' were screened again by nobody"),
        ((hunt(0, 4, 0, 2), hunt(3, 9, 1, 2)), "records 3 to 3 of 'an.origin/gw' were screened again twice"),
        ((hunt(0, 4, 0, 3), hunt(4, 9, 2, 3)), "part 2 of 3"),
        ((hunt(0, 4, 0, 2), hunt(4, 9, 1, 2, size=10)), "at 10 here and at 9 before"),
        ((hunt(0, 4, 0, 2), hunt(0, 9, 1, 2, log="an.origin/b")), "records 4 to 8 of 'an.origin/gw'"),
        ((hunt(0, 9, 0, 3), hunt(0, 9, 1, 3, log="an.origin/b"), hunt(0, 9, 2, 3)), "comes back"),
        ((hunt(0, 9), hunt(0, 9)), "part 0 of 1"),
        ((hunt(0, 9), hunt(0, 9, hunt="")), "a HUNT names"),
        ((hunt(0, 9), hunt(0, 9, part=1)), "a HUNT names"),
    ],
)
def test_a_gap_an_overlap_and_a_miscount_contradict_it(leaves: tuple[Leaf, ...], message: str) -> None:
    status, said = says(*leaves)
    assert status is Status.CONTRADICTED
    assert any(message in each for each in said), said


def test_a_hunt_that_is_not_on_record_whole_is_not_shown() -> None:
    assert says(hunt(0, 4, 0, 2)) == (Status.NOT_SHOWN, [])


@pytest.mark.parametrize(
    ("leaves", "status"),
    [
        ([hunt(0, 4, 0, 2)], Status.NOT_SHOWN),
        ([hunt(0, 4, 0, 2), hunt(4, 9, 1, 2)], Status.PROVEN),
        ([hunt(0, 4, 0, 2), hunt(5, 9, 1, 2)], Status.CONTRADICTED),
        ([hunt(0, 4, 0, 3), hunt(4, 9, 1, 3), hunt(0, 9, 2, 3)], Status.CONTRADICTED),
    ],
)
def test_an_auditor_who_comes_again_in_between_comes_to_the_same(leaves: list[Leaf], status: Status) -> None:
    assert says(*leaves)[0] is status
    first = HuntAudit(KnownHunts(), Findings())
    first.enter(0, leaves[:1])
    findings, known = Findings(), KnownHunts()
    then = HuntAudit(known, findings)
    then.resume(first.memory())
    then.enter(1, leaves[1:])
    then.close()
    (claim,) = then.claims()
    assert claim.status is status
    assert (9, ROOT) in known.heads[LOG]


LEAVES = ordinary().leaves
TREE = Tree()
for each_leaf in LEAVES:
    TREE.append(leaf_hash(each_leaf))
SIGNED = Checkpoint(LOG, len(LEAVES), TREE.root())


@pytest.mark.parametrize("known", [True, False], ids=["the pass knows the root", "the tiles do"])
@pytest.mark.parametrize(
    ("size", "root", "status"),
    [
        (5, TREE.root(5).hex(), Status.PROVEN),
        (len(LEAVES), TREE.root().hex(), Status.PROVEN),
        (5, ROOT, Status.CONTRADICTED),
        (len(LEAVES) + 1, ROOT, Status.NOT_SHOWN),
    ],
)
def test_what_was_screened_again_is_the_published_log_or_it_is_not(
    size: int, root: str, status: Status, *, known: bool
) -> None:
    hunts, findings = KnownHunts(), Findings()
    HuntAudit(hunts, Findings()).enter(0, [hunt(0, size, size=size, root=root)])
    audit = HuntAudit(hunts, findings)
    audit.open(LOG)
    assert audit.sizes(SIGNED) == ([size] if size <= SIGNED.size else [])
    audit.compare(publish(LEAVES), SIGNED, {size: TREE.root(size)} if known and size <= SIGNED.size else {})
    (claim,) = audit.claims()
    assert claim.status is status


def test_a_log_of_which_nobody_says_that_it_was_screened_again_claims_nothing() -> None:
    hunts, findings = KnownHunts(), Findings()
    HuntAudit(hunts, Findings()).enter(0, [hunt(0, 9)])
    audit = HuntAudit(hunts, findings)
    audit.open("an.origin/another")
    audit.compare(publish(LEAVES), SIGNED, {})
    assert list(audit.claims()) == []
