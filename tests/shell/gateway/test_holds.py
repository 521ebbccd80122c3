# SPDX-License-Identifier: Apache-2.0
"""The index of holds: what callers are told, how many a unit may have, and what is known again after a restart."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest

from brightline.core.enforcement.ended import Closed
from brightline.core.evidence.record import Outcome, RefusalClass
from brightline.core.review.case import CaseState
from brightline.core.review.decision import APPROVE, REFUSE
from brightline.core.review.docket import Docket
from brightline.shell.gateway.hold import Hold
from brightline.shell.gateway.holds import TOLD_SECONDS, Holds
from brightline.shell.gateway.peers import Peers
from tests.core.review.test_docket import ANSWERED, CASE, ROSTER, said
from tests.playbooks.playbook import AGREEMENT, workload

NOW: Final = CASE.opened
OFFICE: Final = workload(workload="w", unit="u")


class Told(Peers):
    """Other workers, who only note what they are told."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[Hold] = []

    def tell_opened(self, hold: Hold) -> None:
        self.opened.append(hold)


class Desk:
    """An index, its docket and its peers."""

    def __init__(self, per_unit: int = 2) -> None:
        self.docket = Docket()
        self.peers = Told()
        self.holds = Holds(lambda: self.docket, per_unit, self.peers)

    def held(self, hold: str = CASE.hold, case: str = CASE.digest, expires: int = CASE.expires) -> None:
        closed = Closed(Outcome.HELD, RefusalClass.NONE, "hold", "sha256:x", 0, hold, case, expires)
        self.holds.ended(OFFICE, closed)

    def decide(self, who: str, value: str, name: str = "mass_domestic") -> None:
        self.docket.enter(said(who, value, name), ROSTER[who], NOW, AGREEMENT.vocabulary, ANSWERED)

    def state(self, at: int = NOW) -> Any:
        found = self.holds.state(CASE.hold, "w", at)
        return None if found is None else found.state


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_hold_is_open_then_expired_then_forgotten(desk: Desk) -> None:
    assert desk.state() is None
    desk.held()
    assert desk.state() is CaseState.OPEN
    assert desk.state(CASE.expires) is CaseState.EXPIRED
    desk.holds.word(OFFICE, "a", "r", CASE.expires + TOLD_SECONDS)
    assert desk.state() is None


def test_what_people_decided_is_what_is_told_and_what_was_decided_is_open_no_more(desk: Desk) -> None:
    desk.held()
    assert desk.holds.word(OFFICE, "a", "r", NOW).open_until(CASE.hold) == CASE.expires
    for who, value, name in (("a", "no", "mass_domestic"), ("b", "no", "mass_domestic")):
        desk.decide(who, value, name)
        assert desk.state() is CaseState.OPEN
    desk.decide("d", APPROVE, "customer_decider")
    assert desk.state() is CaseState.RELEASED
    assert desk.holds.word(OFFICE, "a", "r", NOW).open_until(CASE.hold) == 0


def test_the_age_of_what_waits_is_that_of_the_oldest_of_this_shard_and_ends_with_a_decision(desk: Desk) -> None:
    assert desk.holds.age("s", NOW) == (0, 0)
    for case, shard, opened in ((CASE.digest, "s", NOW - 7), ("later", "s", NOW - 3), ("theirs", "t", NOW - 9)):
        desk.holds.heard(Hold(f"hold_{case}", case, "w", "u", CASE.expires, shard, opened=opened))
    assert desk.holds.age("s", NOW) == (2, 7)
    desk.decide("d", REFUSE, "customer_decider")
    assert desk.holds.age("s", NOW) == (1, 3)
    assert desk.holds.age("t", NOW) == (1, 9)
    assert desk.holds.age("s", CASE.expires) == (0, 0)


def test_a_refusal_is_told(desk: Desk) -> None:
    desk.held()
    desk.decide("d", REFUSE, "customer_decider")
    assert desk.state() is CaseState.DENIED


def test_another_workload_has_no_such_hold(desk: Desk) -> None:
    desk.held()
    assert desk.holds.state(CASE.hold, "v", NOW) is None


def test_a_unit_has_room_for_so_many_and_for_one_more_once_one_is_decided_or_expired(desk: Desk) -> None:
    for n in range(2):
        assert desk.holds.word(OFFICE, "a", "r", NOW).room()
        desk.held(f"hold_{n}", f"case_{n}", CASE.expires + n)
    assert not desk.holds.word(OFFICE, "a", "r", NOW).room()
    assert desk.holds.word(workload(unit="another"), "a", "r", NOW).room()
    assert desk.holds.word(OFFICE, "a", "r", CASE.expires).room()


def test_an_exchange_that_met_an_open_hold_opens_none(desk: Desk) -> None:
    desk.held(case="")
    assert desk.state() is None
    assert desk.peers.opened == []


def test_other_workers_are_told_once_and_hear(desk: Desk) -> None:
    desk.held()
    assert desk.peers.opened == [Hold(CASE.hold, CASE.digest, "w", "u", CASE.expires)]
    other = Desk()
    for hold in desk.peers.opened:
        other.holds.heard(hold)
    assert other.state() is CaseState.OPEN


def test_two_workers_who_open_a_hold_in_the_same_second_come_to_the_same_case(desk: Desk) -> None:
    other = Desk()
    mine, theirs = (msgspec.structs.replace(CASE, exchange=f"xc_{name}") for name in ("mine", "theirs"))
    desk.held(case=mine.digest)
    other.held(case=theirs.digest)
    for hold in desk.peers.opened:
        other.holds.heard(hold)
    for hold in other.peers.opened:
        desk.holds.heard(hold)
    known = [each.holds.waiting_in("", NOW)[0].case for each in (desk, other)]
    assert known == [max(mine.digest, theirs.digest)] * 2


def test_a_later_case_of_a_hold_takes_the_place_of_one_that_was_decided(desk: Desk) -> None:
    desk.held()
    desk.decide("d", REFUSE, "customer_decider")
    later = msgspec.structs.replace(CASE, opened=CASE.opened + 1, expires=CASE.expires + 1)
    desk.held(case=later.digest, expires=later.expires)
    assert desk.state() is CaseState.OPEN
    desk.held()  # what another worker says late
    assert desk.holds.state(CASE.hold, "w", NOW) is not None
    assert desk.state() is CaseState.OPEN


def test_after_a_restart_a_shard_is_told_of_what_waits_for_people_or_for_its_caller(desk: Desk) -> None:
    desk.held()
    assert [each.id for each in desk.holds.waiting_in("", NOW)] == [CASE.hold]
    assert desk.holds.waiting_in("another shard", NOW) == ()
    for who, value, name in (("a", "no", "mass_domestic"), ("b", "no", "mass_domestic")):
        desk.decide(who, value, name)
    desk.decide("d", APPROVE, "customer_decider")
    assert desk.state() is CaseState.RELEASED
    assert [each.id for each in desk.holds.waiting_in("", NOW)] == [CASE.hold]
    assert desk.holds.waiting_in("", NOW + ANSWERED) == ()
    desk.docket.use(CASE.digest)
    assert desk.state() is CaseState.USED
    assert desk.holds.waiting_in("", NOW) == ()


def test_what_other_workers_hold_of_a_unit_takes_its_room_here_too(desk: Desk) -> None:
    desk.held("hold_0", "case_0")
    other = Desk()
    other.held("hold_1", "case_1")
    assert other.holds.word(OFFICE, "a", "r", NOW).room()
    for hold in desk.peers.opened:
        other.holds.heard(hold)
    assert not other.holds.word(OFFICE, "a", "r", NOW).room()
    assert other.holds.word(workload(unit="another"), "a", "r", NOW).room()
    assert [each.hold for each in other.holds.of_workload("w", NOW)] == ["hold_0", "hold_1"]
