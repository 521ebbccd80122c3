# SPDX-License-Identifier: Apache-2.0
"""The ladder: every step of the table, nothing beside it, and nothing that a machine can do alone."""

from __future__ import annotations

import itertools

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.agreement.ladder import rules_of
from brightline.core.errors import TrustError
from brightline.core.standing import (
    AGREEMENT_SCOPE,
    DAY_SECONDS,
    HOUR_SECONDS,
    ORDER_FORMAT,
    ORDER_TYPE,
    SIGNERS,
    TRANSITIONS,
    Happened,
    IllegalEvent,
    Rules,
    Said,
    Standing,
    StandingBook,
    StandingOrder,
    UnitStanding,
    after,
    check_order,
    open_order,
    table_rows,
)
from brightline.core.statement import PinnedKey, RoleKeys, SigningRole, TrustRoots, sign_statement
from brightline.shell import shipped

RULES = rules_of(shipped.read_agreement(shipped.shipped_agreement()))
NOW = 1_800_000_000


def said(happened: Happened, unix: int = NOW, unit: str = "u", **more: object) -> Said:
    return Said(unit, happened, unix, "because", **more)  # type: ignore[arg-type]


def test_the_shipped_ladder_gives_these_rules() -> None:
    assert Rules(True, 4 * HOUR_SECONDS, 14 * DAY_SECONDS, 14 * DAY_SECONDS, 30 * DAY_SECONDS, 3, DAY_SECONDS) == RULES


@pytest.mark.parametrize(("standing", "happened"), list(itertools.product(Standing, Happened)))
def test_each_event_leads_where_the_table_says_or_changes_nothing(standing: Standing, happened: Happened) -> None:
    unit = UnitStanding(standing)
    if (standing, happened) in TRANSITIONS:
        assert after(unit, said(happened, exchanges=("x",)), RULES).standing is TRANSITIONS[standing, happened]
    else:
        with pytest.raises(IllegalEvent, match=f"{happened} cannot happen to a unit that is {standing}"):
            after(unit, said(happened), RULES)


def test_nothing_leads_out_of_terminated_and_only_one_event_leads_there() -> None:
    assert not [key for key in TRANSITIONS if key[0] is Standing.TERMINATED]
    assert {key[1] for key, then in TRANSITIONS.items() if then is Standing.TERMINATED} == {Happened.TERMINATED}


MACHINE = frozenset(Happened) - frozenset(SIGNERS)


def test_a_machine_can_say_one_thing_only() -> None:
    assert {Happened.PATTERN_FOUND} == MACHINE


@given(st.lists(st.sampled_from(sorted(MACHINE)), max_size=20))
def test_no_sequence_of_what_machines_say_suspends_or_terminates(events: list[Happened]) -> None:
    unit = UnitStanding()
    for step, happened in enumerate(events):
        unit = after(unit, said(happened, NOW + step), RULES)
    assert unit.standing in (Standing.ACTIVE, Standing.NOTICED)


@given(st.lists(st.sampled_from(sorted(Happened)), max_size=30))
def test_a_book_is_the_same_however_often_it_is_read_again(events: list[Happened]) -> None:
    def read() -> StandingBook:
        book = StandingBook()
        for step, happened in enumerate(events):
            try:
                book = book.enter(said(happened, NOW + step, order=f"order-{step}", exchanges=(f"x{step}",)), RULES)
            except IllegalEvent:
                continue
        return book

    assert read() == read()
    assert not read().of("u").serves or read().of("u").standing.serves


def test_a_pattern_holds_the_unit_until_cleared_people_have_looked() -> None:
    found = after(UnitStanding(), said(Happened.PATTERN_FOUND), RULES)
    assert (found.held, found.serves, found.review_until) == (True, False, NOW + 4 * HOUR_SECONDS)
    assert after(found, said(Happened.PATTERN_FOUND, NOW + 5), RULES) == found
    assert after(found, said(Happened.PATTERN_CLEARED), RULES).serves
    confirmed = after(found, said(Happened.PATTERN_CONFIRMED), RULES)
    assert (confirmed.standing, confirmed.cure_until) == (Standing.SUSPENDED, NOW + 14 * DAY_SECONDS)


def test_a_ladder_that_does_not_hold_lets_the_unit_go_on_while_people_look() -> None:
    assert after(UnitStanding(), said(Happened.PATTERN_FOUND), Rules()).serves


def test_a_notice_keeps_serving_and_does_not_let_go_of_a_held_unit() -> None:
    assert after(UnitStanding(), said(Happened.NOTICE_GIVEN), RULES).serves
    held = after(UnitStanding(), said(Happened.PATTERN_FOUND), RULES)
    noticed = after(held, said(Happened.NOTICE_GIVEN), RULES)
    assert not noticed.serves
    assert noticed.review_until == held.review_until


def test_a_pattern_under_notice_holds() -> None:
    noticed = after(UnitStanding(), said(Happened.NOTICE_GIVEN), RULES)
    found = after(noticed, said(Happened.PATTERN_FOUND, NOW + 9), RULES)
    assert found.held
    assert found.cure_until == noticed.cure_until


def test_enough_confirmed_denies_within_the_window_are_a_pattern() -> None:
    unit = UnitStanding()
    for step in range(RULES.confirmed_needed):
        assert unit.standing is Standing.ACTIVE
        unit = after(unit, said(Happened.DENY_CONFIRMED, NOW + step, exchanges=(f"x{step}",)), RULES)
    assert unit.held


def test_one_deny_counts_once_and_an_old_one_not_at_all() -> None:
    unit = UnitStanding()
    for step in range(9):
        unit = after(unit, said(Happened.DENY_CONFIRMED, NOW + step, exchanges=("the same",)), RULES)
    assert unit.standing is Standing.ACTIVE
    for step in range(RULES.confirmed_needed + 3):
        unit = after(unit, said(Happened.DENY_CONFIRMED, NOW + step * DAY_SECONDS, exchanges=(f"d{step}",)), RULES)
    assert unit.standing is Standing.ACTIVE


def test_an_appeal_is_noted_and_changes_nothing_until_it_is_upheld() -> None:
    suspended = after(UnitStanding(), said(Happened.SUSPENSION_ORDERED), RULES)
    appealed = after(suspended, said(Happened.APPEALED), RULES)
    assert (appealed.standing, appealed.appealed) == (Standing.SUSPENDED, True)
    assert after(appealed, said(Happened.APPEAL_UPHELD), RULES) == UnitStanding(since=NOW, reason="because")


def test_the_worse_of_unit_and_agreement_counts() -> None:
    book = StandingBook().enter(said(Happened.NOTICE_GIVEN, unit=AGREEMENT_SCOPE), RULES)
    assert book.effective("anybody").standing is Standing.NOTICED
    book = book.enter(said(Happened.SUSPENSION_ORDERED, unit="u"), RULES)
    assert book.effective("u").standing is Standing.SUSPENDED
    assert book.effective("v").serves
    book = book.enter(said(Happened.TERMINATED, unit=AGREEMENT_SCOPE), RULES)
    assert book.effective("v").standing is Standing.TERMINATED


def test_an_order_that_is_shown_again_counts_once() -> None:
    book = StandingBook().enter(said(Happened.NOTICE_GIVEN, order="once"), RULES)
    with pytest.raises(IllegalEvent, match="counts once"):
        book.enter(said(Happened.NOTICE_GIVEN, order="once"), RULES)


# ---- who must have said it -----------------------------------------------------------------------------------

KEYS = {role: [Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()] for role in SigningRole}
ROOTS = TrustRoots(
    "development",
    {
        role: RoleKeys(
            tuple(PinnedKey(key.public_key().public_bytes_raw().hex(), f"{role}-{i}") for i, key in enumerate(keys))
        )
        for role, keys in KEYS.items()
    },
)


def order(happened: Happened, *keys: Ed25519PrivateKey, reason: str = "because") -> bytes:
    value = StandingOrder(ORDER_FORMAT, "0123456789abcdef", "u", happened, reason, ("xc_1",), "sha256:0", NOW)
    return sign_statement(value, ORDER_TYPE, keys)


@pytest.mark.parametrize("happened", SIGNERS)
def test_an_order_takes_those_whom_the_table_names_and_no_fewer(happened: Happened) -> None:
    keys = [key for need in SIGNERS[happened] for key in KEYS[need.role][: need.holders]]
    opened = open_order(order(happened, *keys), ROOTS, at=NOW)
    assert (opened.happened, opened.unit, len(opened.signers)) == (happened, "u", len(keys))
    for left_out in keys:
        with pytest.raises(TrustError):
            open_order(order(happened, *(key for key in keys if key is not left_out)), ROOTS, at=NOW)


def test_one_officer_with_two_keys_terminates_nothing() -> None:
    officers = KEYS[SigningRole.PROVIDER_OFFICER]
    one = TrustRoots(
        "development",
        {
            SigningRole.PROVIDER_OFFICER: RoleKeys(
                tuple(PinnedKey(key.public_key().public_bytes_raw().hex(), "ada") for key in officers)
            )
        },
    )
    with pytest.raises(TrustError, match="it takes 2 persons"):
        check_order(order(Happened.TERMINATED, *officers), one, Happened.TERMINATED, at=NOW)


def test_nobody_orders_what_only_a_machine_finds() -> None:
    everybody = [key for keys in KEYS.values() for key in keys]
    with pytest.raises(TrustError, match="nobody orders"):
        check_order(order(Happened.PATTERN_FOUND, *everybody), ROOTS, Happened.PATTERN_FOUND, at=NOW)
    with pytest.raises(TrustError, match="no order"):
        open_order(order(Happened.PATTERN_FOUND, *everybody), ROOTS, at=NOW)


def test_a_field_engineer_and_an_official_suspend_nobody() -> None:
    keys = [*KEYS[SigningRole.FIELD_ENGINEER], *KEYS[SigningRole.CUSTOMER_OFFICIAL]]
    with pytest.raises(TrustError):
        open_order(order(Happened.SUSPENSION_ORDERED, *keys), ROOTS, at=NOW)


def test_an_order_without_a_reason_is_none() -> None:
    with pytest.raises(TrustError, match="a reason"):
        open_order(order(Happened.NOTICE_GIVEN, *KEYS[SigningRole.PROVIDER_OFFICER], reason=" "), ROOTS, at=NOW)


def test_the_table_for_the_documentation_has_every_step_and_who_takes_it() -> None:
    rows = table_rows()
    assert len(rows) == len(TRANSITIONS)
    assert ("suspended", "terminated", "2 of provider-officer", "terminated") in rows
    assert ("active", "pattern found", "the machine", "noticed") in rows
