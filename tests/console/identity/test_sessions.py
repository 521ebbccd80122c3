# SPDX-License-Identifier: Apache-2.0
"""A session ends when it is idle, when it is old, and at once when the roster says otherwise than it did."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Final

import msgspec
import pytest

from brightline.console.identity.rooms import BY_ITSELF
from brightline.console.identity.sealed import SEALED_SECONDS, Sealer
from brightline.console.identity.sessions import OF_ONE_PERSON_MAX, Session, Sessions
from brightline.core.errors import TrustError
from brightline.core.review.narrowing import NOT_NARROWED, Narrowing
from brightline.core.review.roles import Role
from brightline.core.review.roster import Clearance, ClearedPerson
from brightline.shell.people_settings import LoginSettings
from tests.authenticator import Passkey
from tests.console.identity.clock import TurnedClock

KEY: Final = Passkey(1)
NOW: Final = 1_000_000
WHO: Final = ClearedPerson(
    "p",
    "provider_cleared",
    NOW + 100_000,
    credentials=(KEY.credential,),
    roles=(Role.REVIEWER, Role.OFFICER),
    clearance=Clearance(3, ("blue", "red")),
)
SETTINGS: Final = LoginSettings(session_minutes=60, idle_minutes=10)


class Desk:
    """Sessions with somebody in one of them."""

    def __init__(self, left: Narrowing = NOT_NARROWED, by: str = KEY.credential.id) -> None:
        self.clock = TurnedClock(NOW)
        self.sessions = Sessions(SETTINGS, self.clock)
        self.people = {WHO.id: WHO}
        self.secret, self.begun = self.sessions.begin(WHO, by, left)

    def now(self, **change: object) -> Session | None:
        """The session as it is when the roster says this of the person."""
        self.people = {WHO.id: msgspec.structs.replace(WHO, **change)}
        return self.sessions.find(self.secret, self.people)


def test_a_session_says_what_the_roster_says_of_the_person_now() -> None:
    desk = Desk()
    assert desk.now() == Session("p", "provider_cleared", WHO.roles, WHO.clearance, NOW + 3_600)
    less = desk.now(roles=(Role.OFFICER,), clearance=Clearance(1), cleared_until=NOW + 5)
    assert less == Session("p", "provider_cleared", (Role.OFFICER,), Clearance(1), NOW + 5)


def test_it_ends_when_nothing_was_done_for_a_while_and_when_it_is_old() -> None:
    desk = Desk()
    for _ in range(5):
        desk.clock.pass_(599)
        assert desk.now() is not None
    desk.clock.pass_(599)
    assert desk.now() is not None  # 3,594 seconds: still young enough
    desk.clock.pass_(6)
    assert desk.now() is None
    desk = Desk()
    desk.clock.pass_(600)
    assert desk.now() is None


def test_what_a_page_asks_by_itself_makes_no_session_longer() -> None:
    desk = Desk()
    for _ in range(3):
        desk.clock.pass_(199)
        assert desk.sessions.glance(desk.secret, desk.people) is not None
    desk.clock.pass_(3)
    assert desk.sessions.glance(desk.secret, desk.people) is None
    assert desk.now() is None
    polled = [
        found.group(1)
        for file in (files("brightline.console") / "templates").iterdir()
        for found in re.finditer(r'hx-get="([^"?]*)[^>]*hx-trigger="every', file.read_text("utf-8"))
    ]
    assert polled
    assert all(path.endswith(BY_ITSELF) for path in polled)


@pytest.mark.parametrize(
    "change",
    [{"cleared_until": NOW}, {"roles": ()}, {"credentials": ()}, {"credentials": (Passkey(2).credential,)}],
    ids=["clearance", "roles", "credential", "another credential"],
)
def test_it_ends_at_once_with_the_clearance_the_last_role_or_the_passkey(change: dict[str, object]) -> None:
    desk = Desk()
    assert desk.now(**change) is None
    assert desk.now() is None  # and does not come back


def test_it_ends_at_once_when_the_person_is_withdrawn() -> None:
    desk = Desk()
    assert desk.sessions.find(desk.secret, {}) is None
    assert len(desk.sessions) == 0


def test_who_leaves_has_left_and_another_id_is_nobody() -> None:
    desk = Desk()
    assert desk.sessions.find(desk.secret + "x", desk.people) is None
    desk.sessions.end(desk.secret)
    assert desk.now() is None


def test_nobody_comes_in_without_clearance_or_role() -> None:
    desk = Desk()
    for change in ({"cleared_until": NOW}, {"roles": ()}):
        with pytest.raises(TrustError, match="may not come in"):
            desk.sessions.begin(msgspec.structs.replace(WHO, **change), KEY.credential.id)
    with pytest.raises(TrustError, match="may not come in"):
        desk.sessions.begin(WHO, "a credential of somebody else")


def test_what_a_provider_leaves_is_less_and_never_more() -> None:
    left = Narrowing(frozenset({Role.REVIEWER, Role.AUDITOR}), 9, frozenset({"blue", "green"}), NOW + 60)
    desk = Desk(left, by="")
    found = desk.now()
    assert found == Session("p", "provider_cleared", (Role.REVIEWER,), Clearance(3, ("blue",)), NOW + 60)
    desk.clock.pass_(60)
    assert desk.now() is None


def test_one_person_has_a_few_sessions_and_the_one_not_used_for_longest_goes() -> None:
    desk = Desk()
    for _ in range(OF_ONE_PERSON_MAX):
        desk.clock.pass_(1)
        desk.sessions.begin(WHO, KEY.credential.id)
    assert len(desk.sessions) == OF_ONE_PERSON_MAX
    assert desk.now() is None


def test_a_sealed_value_is_ours_unchanged_for_its_purpose_in_time_and_once() -> None:
    clock = TurnedClock()
    sealer = Sealer(clock)
    sealed = sealer.seal("login", {"a": "b"})
    assert sealer.open("login", sealed) == {"a": "b"}
    assert sealer.seal("login") != sealer.seal("login")
    assert sealer.challenge(sealed) != sealer.challenge(sealer.seal("login"))
    for wrong in (sealed[:-2] + "AA", "A" + sealed, "", ".", "x" * 5_000, "é.é", Sealer(clock).seal("login")):
        with pytest.raises(TrustError):
            sealer.open("login", wrong)
    with pytest.raises(TrustError, match="something else"):
        sealer.open("enrol", sealed)
    assert sealer.use("login", sealed) == {"a": "b"}
    with pytest.raises(TrustError, match="used before"):
        sealer.use("login", sealed)
    late = sealer.seal("login")
    clock.pass_(SEALED_SECONDS)
    with pytest.raises(TrustError, match="too long"):
        sealer.open("login", late)
