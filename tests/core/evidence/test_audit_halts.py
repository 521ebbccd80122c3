# SPDX-License-Identifier: Apache-2.0
"""What was let through, against what people had halted: told from the leaves alone."""

from __future__ import annotations

import pytest

from brightline.core.evidence.audit_findings import Findings, Severity, Status
from brightline.core.evidence.audit_halts import HaltAudit, KnownHalts
from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.record import Outcome, RecordKind, RefusalClass
from tests.core.evidence.leaves import leaf


def halt(second: int, id_: str = "h", scope: str = "installation") -> Leaf:
    return leaf(second, RecordKind.HALT, halt=id_, scope=scope)


def over(second: int, *ids: str) -> Leaf:
    return leaf(second, RecordKind.HALT, ends=ids)


def passed(second: int, exchange: str = "x") -> Leaf:
    return leaf(second, RecordKind.PASS, exchange=exchange)


def ended(second: int, outcome: Outcome = Outcome.COMPLETED, why: RefusalClass = RefusalClass.NONE) -> Leaf:
    return leaf(second, RecordKind.OUTCOME, exchange="x", outcome=outcome, refusal_class=why)


class Site:
    """A registry, and a gateway's shard that is read after it."""

    def __init__(self, *stated: Leaf) -> None:
        self.known = KnownHalts()
        self.registry = HaltAudit(self.known, Findings())
        self.registry.enter(0, stated)
        self.findings = Findings()
        self.shard = HaltAudit(self.known, self.findings)

    def says(self, *leaves: Leaf) -> Status:
        self.shard.enter(0, leaves)
        self.shard.close()
        (claim,) = self.shard.claims()
        return claim.status


def test_without_a_halt_there_is_no_claim() -> None:
    site = Site()
    site.shard.enter(0, [passed(9), ended(10)])
    assert list(site.shard.claims()) == []


def test_the_registry_itself_passes_nothing_and_claims_nothing() -> None:
    assert list(Site(halt(0)).registry.claims()) == []


@pytest.mark.parametrize(
    ("second", "status"),
    [
        (9, Status.PROVEN),  # before
        (15, Status.PROVEN),  # within the lag
        (16, Status.CONTRADICTED),
        (94, Status.CONTRADICTED),
        (95, Status.PROVEN),  # clocks may differ
        (101, Status.PROVEN),
    ],
)
def test_a_pass_in_the_time_of_a_halt_is_contradicted_beyond_the_lag(second: int, status: Status) -> None:
    assert Site(halt(10), over(100, "h")).says(passed(second), ended(second + 1)) is status


def test_a_pass_that_was_stopped_for_the_halt_sent_nothing() -> None:
    assert Site(halt(10)).says(passed(30), ended(30, Outcome.REFUSED, RefusalClass.HALTED)) is Status.PROVEN


def test_a_pass_whose_end_a_crash_took_or_that_has_none_yet_is_not_shown() -> None:
    assert Site(halt(10)).says(passed(30), ended(99, Outcome.LOST)) is Status.NOT_SHOWN
    assert Site(halt(10)).says(passed(30)) is Status.NOT_SHOWN


def test_which_unit_was_halted_is_committed_so_it_is_not_shown() -> None:
    assert Site(halt(10, scope="unit")).says(passed(30), ended(31)) is Status.NOT_SHOWN


def test_a_halt_that_ends_nothing_named_goes_on() -> None:
    assert Site(halt(10), over(20, "another")).says(passed(60), ended(61)) is Status.CONTRADICTED


@pytest.mark.parametrize("odd", [leaf(1, RecordKind.HALT), leaf(1, RecordKind.HALT, halt="h", scope="town")])
def test_a_halt_that_does_not_say_what_it_stops_is_named(odd: Leaf) -> None:
    findings = Findings()
    HaltAudit(KnownHalts(), findings).enter(0, [odd])
    assert findings.kept(Severity.CONTRADICTED)


def test_a_later_visit_goes_on_with_what_was_halted_and_what_was_late() -> None:
    first = Site(halt(10))
    first.shard.enter(0, [passed(30)])
    later = Site()
    later.registry.resume(first.registry.memory(), "2026-01-01T00:00:30.000Z")
    later.shard.resume(first.shard.memory(), "2026-01-01T00:00:30.000Z")
    assert later.says(ended(31)) is Status.CONTRADICTED


def test_a_halt_that_comes_to_light_after_the_shard_was_read_asks_for_reading_anew() -> None:
    first = Site()
    first.shard.enter(0, [passed(30), ended(31)])
    later = Site(halt(10))
    later.shard.resume(first.shard.memory(), "2026-01-01T00:00:31.000Z")
    assert later.says() is Status.NOT_SHOWN
