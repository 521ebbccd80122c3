# SPDX-License-Identifier: Apache-2.0
"""What holds of a node: its lease, the roster and the models' admission, each while it is in date."""

from __future__ import annotations

from brightline.core.facts import FactSpec, Source, Statement, Vocabulary
from brightline.core.review.roles import Role
from brightline.core.review.roster import ClearedPerson
from brightline.core.standing import UnitStanding
from brightline.shell.trust.attestation import NodeConditions
from brightline.shell.trust.installation import FORMAT, Admission, Installation

VOCABULARY = Vocabulary(
    (
        FactSpec("place", "cloud", ("cloud", "edge"), frozenset({Source.ATTESTATION})),
        FactSpec("trained", "yes", set_by=frozenset({Source.ADMISSION})),
        FactSpec("in_loop", "yes", set_by=frozenset({Source.ROSTER})),
    )
)


class Clock:
    def __init__(self) -> None:
        self.steady = 100.0
        self.wall = 1_000

    def monotonic(self) -> float:
        return self.steady

    def unix(self) -> int:
        return self.wall

    def utc_now(self) -> str:
        return "2026-11-25T10:00:00.000Z"

    def pass_(self, seconds: int) -> None:
        self.steady += seconds
        self.wall += seconds


class Lease:
    """A lease that is in force or not, as a test says."""

    def __init__(self) -> None:
        self.fault = ""

    def statements(self) -> tuple[Statement, ...]:
        return () if self.fault else (Statement("place", "cloud", Source.ATTESTATION, "a test"),)


def conditions(
    clock: Clock, cleared_until: int = 5_000, expires: int = 5_000, role: Role = Role.REVIEWER
) -> tuple[Lease, NodeConditions]:
    lease = Lease()
    installation = Installation(
        format=FORMAT,
        profile="development",
        agreement="a",
        release="r",
        roster=(ClearedPerson("p", "provider_cleared", cleared_until, roles=(role,)),),
        models=(Admission("m", "m", "default", {"trained": "yes"}),),
        issued=900,
        expires=expires,
    )
    people = {person.id: person for person in installation.roster}
    node = NodeConditions(
        installation,
        VOCABULARY,
        lease,
        clock,
        tuple,
        lambda _unit: UnitStanding(),
        lambda _unit, _model: None,
        lambda: people,
    )
    return lease, node


def stated(node: NodeConditions, model: str = "m") -> set[str]:
    return {statement.fact for statement in node.read(model, "unit-1").statements}


def test_everything_in_date_is_stated() -> None:
    _, node = conditions(Clock())
    assert stated(node) == {"place", "trained", "in_loop"}


def test_without_a_lease_nothing_is_stated_of_the_machine() -> None:
    lease, node = conditions(Clock())
    lease.fault = "the lease expired"
    assert stated(node) == {"trained", "in_loop"}


def test_a_lease_that_comes_and_people_who_go_are_seen_at_once_and_not_in_the_next_second() -> None:
    lease, node = conditions(Clock())
    lease.fault = "no lease was taken yet"
    assert stated(node) == {"trained", "in_loop"}
    lease.fault = ""
    assert stated(node) == {"place", "trained", "in_loop"}
    node._people = dict
    assert stated(node) == {"place", "trained"}
    assert stated(node, "another") == {"place"}


def test_an_empty_or_expired_roster_states_nobody() -> None:
    _, node = conditions(Clock(), cleared_until=999)
    assert stated(node) == {"place", "trained"}


def test_a_roster_of_people_who_do_not_decide_states_nobody() -> None:
    _, node = conditions(Clock(), role=Role.AUDITOR)
    assert stated(node) == {"place", "trained"}


def test_an_installation_out_of_date_admits_nothing() -> None:
    _, node = conditions(Clock(), expires=1_000)
    assert stated(node) == {"place"}


def test_a_model_that_is_not_admitted_is_not_stated_trained() -> None:
    _, node = conditions(Clock())
    assert "trained" not in stated(node, "other")
