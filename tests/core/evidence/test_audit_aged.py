# SPDX-License-Identifier: Apache-2.0
"""Content that has an end, told from the leaves alone: kept too long, destroyed too soon, opened though destroyed."""

from __future__ import annotations

import pytest

from brightline.core.evidence.audit_aged import LATE_SECONDS, AgedAudit, KnownPreservations
from brightline.core.evidence.audit_findings import Findings, Severity, Status
from brightline.core.evidence.audit_memory import AgedMemory
from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.record import RecordKind, unix_of
from tests.core.evidence.leaves import leaf

DAY = 86_400
BEGAN = unix_of(leaf(0, RecordKind.PERIOD).time)
UNTIL = BEGAN + 3 * DAY
EXPIRES = BEGAN + DAY


def held(second: int = 0, until: int = UNTIL, epoch: int = 1) -> Leaf:
    return leaf(second, RecordKind.HOLD, until=until, expires=EXPIRES, epoch=epoch)


def shred(second: int, first: int, last: int, because: str = "aged") -> Leaf:
    return leaf(second, RecordKind.SHRED, ranges=((first, last),), because=because)


def later(second: int, epoch: int = 1) -> Leaf:
    return leaf(second, RecordKind.PERIOD, epoch=epoch)


def legal_hold(second: int, *, lifted: bool = False) -> Leaf:
    return leaf(second, RecordKind.PRESERVE, id="hold-1", lifted=lifted)


class Site:
    """A registry, and a gateway's shard that is read after it."""

    def __init__(self, *registry: Leaf, here: bool = True) -> None:
        self.known = KnownPreservations()
        stating = AgedAudit(self.known, (), Findings(), frozenset())
        if here:
            stating.open("brightline.example/sample/registry")
        stating.enter(0, registry)
        self.findings = Findings()
        self.opened: set[int] = set()
        self.shard = self.another_visit()

    def another_visit(self) -> AgedAudit:
        shard = AgedAudit(self.known, (), self.findings, self.opened)
        shard.open("brightline.example/sample/gateway-0")
        return shard

    def says(self, *leaves: Leaf) -> Status:
        self.shard.enter(0, leaves)
        return self.ends()

    def ends(self) -> Status:
        self.shard.close()
        (claim,) = self.shard.claims()
        return claim.status


DUE = 3 * DAY + LATE_SECONDS + 1


def test_without_an_end_there_is_no_claim() -> None:
    site = Site()
    site.shard.enter(0, [held(until=0), later(100 * DAY)])
    site.shard.close()
    assert list(site.shard.claims()) == []


@pytest.mark.parametrize(("second", "status"), [(DUE - 1, Status.PROVEN), (DUE, Status.CONTRADICTED)])
def test_what_is_kept_beyond_its_end_is_contradicted_once_it_is_late(second: int, status: Status) -> None:
    assert Site().says(held(), later(second)) is status


def test_what_is_destroyed_is_not_late_whyever_it_was_destroyed() -> None:
    assert Site().says(held(), shred(3 * DAY + 1, 0, 0), later(90 * DAY)) is Status.PROVEN
    assert Site().says(held(), shred(2, 0, 0, "ordered"), later(90 * DAY)) is Status.PROVEN


def test_a_log_that_was_begun_anew_has_its_time_again() -> None:
    assert Site().says(held(), later(90 * DAY, 2)) is Status.NOT_SHOWN
    assert Site().says(held(), later(90 * DAY, 2), later(90 * DAY + LATE_SECONDS + 1, 2)) is Status.CONTRADICTED


def test_a_legal_hold_may_keep_it_and_one_that_was_lifted_long_ago_does_not() -> None:
    assert Site(legal_hold(1)).says(held(), later(90 * DAY)) is Status.NOT_SHOWN
    lifted = legal_hold(89 * DAY, lifted=True)
    assert Site(legal_hold(1), lifted).says(held(), later(90 * DAY)) is Status.NOT_SHOWN
    assert Site(legal_hold(1), lifted).says(held(), later(92 * DAY)) is Status.CONTRADICTED


def test_without_the_registry_it_is_not_shown() -> None:
    assert Site(here=False).says(held(), later(90 * DAY)) is Status.NOT_SHOWN


def test_what_people_could_still_decide_is_not_destroyed_as_old() -> None:
    assert Site().says(held(), shred(DAY - 1, 0, 0)) is Status.CONTRADICTED
    assert Site().says(held(until=EXPIRES - 1)) is Status.CONTRADICTED


def test_evidence_is_not_destroyed_as_if_it_were_old_content() -> None:
    assert Site().says(held(), later(9), shred(3 * DAY + 1, 0, 1)) is Status.CONTRADICTED


def test_what_is_opened_though_it_was_destroyed_is_contradicted() -> None:
    site = Site()
    site.opened.add(0)
    assert site.says(held(), later(3 * DAY)) is Status.PROVEN
    site = Site()
    site.opened.add(0)
    assert site.says(held(), shred(3 * DAY + 1, 0, 0)) is Status.CONTRADICTED


def test_a_later_visit_goes_on_where_the_earlier_one_ended() -> None:
    site = Site()
    assert site.says(held(), held(1)) is Status.PROVEN
    memory: AgedMemory = site.shard.memory()
    for more, status in (((shred(3 * DAY + 1, 0, 1),), Status.PROVEN), ((later(DUE + 1),), Status.CONTRADICTED)):
        site.findings = Findings()
        site.shard = site.another_visit()
        site.shard.resume(memory)
        site.shard.enter(2, more)
        assert site.ends() is status
    assert len(site.findings.kept(Severity.CONTRADICTED)) == 1
