# SPDX-License-Identifier: Apache-2.0
"""The lease: what it states, for how long, and what ends it."""

from __future__ import annotations

import pytest

from brightline.core.errors import TrustError
from brightline.core.facts import FactSpec, Source, Vocabulary
from brightline.core.review.roles import Role
from brightline.core.review.roster import ClearedPerson
from brightline.core.standing import UnitStanding
from brightline.shell.trust.attestation import LEASE_SECONDS, DevelopmentAttester, NodeConditions
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


def conditions(
    clock: Clock, cleared_until: int = 5_000, expires: int = 5_000, role: Role = Role.REVIEWER
) -> tuple[DevelopmentAttester, NodeConditions]:
    attester = DevelopmentAttester("development", VOCABULARY, clock)
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
        attester,
        clock,
        tuple,
        lambda _unit: UnitStanding(),
        lambda _unit, _model: None,
        lambda: people,
    )
    return attester, node


def stated(node: NodeConditions, model: str = "m") -> set[str]:
    return {statement.fact for statement in node.read(model, "unit-1").statements}


def test_everything_in_date_is_stated() -> None:
    attester, node = conditions(Clock())
    attester.renew()
    assert stated(node) == {"place", "trained", "in_loop"}


def test_a_lease_that_was_never_taken_or_has_lapsed_states_nothing() -> None:
    clock = Clock()
    attester, node = conditions(clock)
    assert "place" not in stated(node)
    attester.renew()
    clock.pass_(int(LEASE_SECONDS))
    assert "place" not in stated(node)


def test_a_lease_that_comes_and_people_who_go_are_seen_at_once_and_not_in_the_next_second() -> None:
    attester, node = conditions(Clock())
    assert stated(node) == {"trained", "in_loop"}
    attester.renew()
    assert stated(node) == {"place", "trained", "in_loop"}
    node._people = dict
    assert stated(node) == {"place", "trained"}
    assert stated(node, "another") == {"place"}


def test_a_clock_that_steps_ends_the_lease() -> None:
    clock = Clock()
    attester, node = conditions(clock)
    attester.renew()
    clock.wall += 3_600
    attester.renew()
    assert "place" not in stated(node)


def test_an_empty_or_expired_roster_states_nobody() -> None:
    attester, node = conditions(Clock(), cleared_until=999)
    attester.renew()
    assert stated(node) == {"place", "trained"}


def test_a_roster_of_people_who_do_not_decide_states_nobody() -> None:
    attester, node = conditions(Clock(), role=Role.AUDITOR)
    attester.renew()
    assert stated(node) == {"place", "trained"}


def test_an_installation_out_of_date_admits_nothing() -> None:
    attester, node = conditions(Clock(), expires=1_000)
    attester.renew()
    assert stated(node) == {"place"}


def test_a_model_that_is_not_admitted_is_not_stated_trained() -> None:
    attester, node = conditions(Clock())
    attester.renew()
    assert "trained" not in stated(node, "other")


def test_the_development_attester_refuses_to_stand_in_for_production() -> None:
    with pytest.raises(TrustError, match="real attester"):
        DevelopmentAttester("production", VOCABULARY, Clock())
