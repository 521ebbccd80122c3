# SPDX-License-Identifier: Apache-2.0
"""Which agreement and release exchanges name, against what the registry names: told from the leaves alone."""

from __future__ import annotations

import pytest

from brightline.core.evidence.audit_findings import Findings, Severity, Status
from brightline.core.evidence.audit_versions import KnownVersions, VersionAudit
from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.record import RecordKind
from tests.core.evidence.leaves import leaf


def agreement(second: int, now: str, baseline: str = "a0") -> Leaf:
    return leaf(second, RecordKind.RELEASE, what="agreement", agreement=now, baseline=baseline)


def classifier(second: int, now: str, replaces: str) -> Leaf:
    return leaf(second, RecordKind.RELEASE, what="classifier", release=now, replaces=replaces)


def attempt(second: int, agreement: str = "a0", release: str = "r0") -> Leaf:
    return leaf(second, RecordKind.ATTEMPT, exchange="x", agreement=agreement, release=release)


class Site:
    """A registry, and a gateway's shard that is read after it."""

    def __init__(self, *stated: Leaf) -> None:
        self.known = KnownVersions()
        self.registry = VersionAudit(self.known, Findings())
        self.registry.enter(0, stated)
        self.shard = VersionAudit(self.known, Findings())

    def says(self, *leaves: Leaf) -> list[Status]:
        self.shard.enter(0, leaves)
        return [claim.status for claim in self.shard.claims()]


CHANGED = (
    agreement(100, "a1"),
    classifier(200, "r1", "r0"),
    classifier(300, "r0", "r1"),
    agreement(400, "a2"),
    agreement(450, "a3", baseline="a9"),
)


@pytest.mark.parametrize(
    ("exchange", "status"),
    [
        (attempt(0), Status.PROVEN),
        (attempt(100, "a1"), Status.PROVEN),
        (attempt(95, "a1"), Status.PROVEN),  # a clock that is a little behind
        (attempt(94, "a1"), Status.CONTRADICTED),
        (attempt(399, "a2"), Status.PROVEN),
        (attempt(150, "a2"), Status.CONTRADICTED),
        (attempt(201, "a1", "r1"), Status.PROVEN),
        (attempt(150, "a1", "r1"), Status.CONTRADICTED),
        (attempt(500, "a1", "r0"), Status.PROVEN),  # rolled back
        (attempt(500, "other"), Status.CONTRADICTED),
        (attempt(500, "a2", "other"), Status.CONTRADICTED),
        (attempt(500, "a9"), Status.PROVEN),  # by then it was named, if only as what was replaced
        (attempt(150, "a9"), Status.CONTRADICTED),  # and that does not reach back to the start
    ],
)
def test_an_exchange_names_versions_that_the_registry_had_named_by_then(exchange: Leaf, status: Status) -> None:
    assert Site(*CHANGED).says(attempt(1), exchange) == [status]


def test_where_the_registry_names_one_kind_nothing_is_said_of_the_other() -> None:
    assert Site(agreement(100, "a1")).says(attempt(200, "a1", "whatever")) == [Status.PROVEN]


def test_without_versions_or_without_exchanges_there_is_no_claim() -> None:
    assert Site().says(attempt(0)) == []
    assert Site(*CHANGED).says() == []
    assert list(Site(*CHANGED).registry.claims()) == []


def test_a_record_about_a_trial_names_no_version() -> None:
    assert Site(leaf(0, RecordKind.RELEASE, what="classifier-stage")).says(attempt(1)) == []


def test_a_version_that_is_not_named_is_contradicted_in_the_registry() -> None:
    findings = Findings()
    VersionAudit(KnownVersions(), findings).enter(0, [leaf(0, RecordKind.RELEASE, what="agreement", agreement="a1")])
    assert len(findings.kept(Severity.CONTRADICTED)) == 1


def test_a_second_visit_remembers_what_the_registry_named() -> None:
    earlier = Site(*CHANGED).registry.memory()
    later = Site()
    VersionAudit(later.known, Findings()).resume(earlier)
    assert later.says(attempt(150, "a2")) == [Status.CONTRADICTED]
