# SPDX-License-Identifier: Apache-2.0
"""The ladder: every step of the table, nothing beside it, and nothing that a machine can do alone."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
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
    OF_THE_MOMENT,
    SIGNERS,
    TRANSITIONS,
    Happened,
    IllegalEvent,
    Rules,
    Said,
    Standing,
    StandingBook,
    UnitStanding,
    after,
    table_rows,
)
from brightline.core.standing_order import ORDER_FORMAT, ORDER_TYPE, StandingOrder, check_order, open_order
from brightline.core.statement import PinnedKey, RoleKeys, SigningRole, TrustRoots, sign_statement
from brightline.shell import shipped

AGREEMENT = shipped.read_agreement(shipped.shipped_agreement())
RULES = rules_of(AGREEMENT)
NOW = 1_800_000_000


# The matters that must be open for an event; whatever else is open would keep a unit from being active again.
MATTERS: dict[Happened, dict[str, Any]] = {
    Happened.PATTERN_CLEARED: {"pattern": True},
    Happened.PATTERN_CONFIRMED: {"pattern": True},
    Happened.NOTICE_WITHDRAWN: {"notice": True},
    Happened.APPEAL_UPHELD: {"notice": True, "appealed": True},
}


def said(happened: Happened, unix: int = NOW, unit: str = "u", **more: Any) -> Said:
    return Said(unit, happened, unix, "because", **more)


def walk(*events: Happened, rules: Rules = RULES) -> UnitStanding:
    """Let things happen to a unit, one a minute."""
    unit = UnitStanding()
    for minute, happened in enumerate(events):
        unit = after(unit, said(happened, NOW + 60 * minute), rules)
    return unit


def test_the_shipped_ladder_gives_these_rules() -> None:
    expected = Rules(
        holds_on_pattern=True,
        review_seconds=4 * HOUR_SECONDS,
        cure_seconds=14 * DAY_SECONDS,
        appeal_seconds=14 * DAY_SECONDS,
        termination_appeal_seconds=30 * DAY_SECONDS,
        confirmed_needed=3,
        window_seconds=DAY_SECONDS,
        agreement=AGREEMENT.digest,
    )
    assert expected == RULES


@pytest.mark.parametrize(("standing", "happened"), list(itertools.product(Standing, Happened)))
def test_each_event_leads_where_the_table_says_or_changes_nothing(standing: Standing, happened: Happened) -> None:
    unit = UnitStanding(standing, **MATTERS.get(happened, {}))
    if (standing, happened) in TRANSITIONS:
        changed = after(unit, said(happened, exchanges=("x",), denied=(NOW,)), RULES)
        assert changed.standing is TRANSITIONS[standing, happened]
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
                order = said(
                    happened,
                    NOW + step,
                    order=f"order-{step}",
                    exchanges=(f"x{step}",),
                    denied=(NOW + step,),
                    issued=NOW + step,
                    agreement=RULES.agreement,
                )
                book = book.enter(order, RULES)
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
        unit = after(unit, confirmed(NOW + step, f"x{step}", NOW + step), RULES)
    assert unit.held


def confirmed(unix: int, exchange: str, denied: int) -> Said:
    return said(Happened.DENY_CONFIRMED, unix, exchanges=(exchange,), denied=(denied,))


def test_one_deny_counts_once_and_denies_of_different_days_do_not_add_up() -> None:
    unit = UnitStanding()
    for step in range(9):
        unit = after(unit, confirmed(NOW + step, "the same", NOW), RULES)
    assert unit.standing is Standing.ACTIVE
    for step in range(RULES.confirmed_needed + 3):
        unit = after(unit, confirmed(NOW + 9, f"d{step}", NOW - (step + 1) * DAY_SECONDS), RULES)
    assert unit.standing is Standing.ACTIVE


def test_denies_of_one_day_add_up_however_slowly_people_look_at_them() -> None:
    unit = UnitStanding()
    for step in range(RULES.confirmed_needed):
        unit = after(unit, confirmed(NOW + step * 7 * DAY_SECONDS, f"x{step}", NOW + step), RULES)
    assert unit.held


def test_what_was_confirmed_before_people_let_the_unit_off_counts_no_more() -> None:
    unit = UnitStanding()
    for step in range(RULES.confirmed_needed):
        unit = after(unit, confirmed(NOW, f"x{step}", NOW), RULES)
    cleared = after(unit, said(Happened.PATTERN_CLEARED, NOW + 9), RULES)
    assert (cleared.confirmed, cleared.looked) == ((), NOW + 9)
    assert after(cleared, confirmed(NOW + 10, "another", NOW), RULES).serves


def test_an_officer_does_not_let_go_of_a_unit_that_cleared_people_must_look_at() -> None:
    held = walk(Happened.PATTERN_FOUND)
    with pytest.raises(IllegalEvent, match="cleared people must look"):
        after(held, said(Happened.NOTICE_WITHDRAWN), RULES)
    appealed = after(held, said(Happened.APPEALED), RULES)
    with pytest.raises(IllegalEvent, match="cleared people must look"):
        after(appealed, said(Happened.APPEAL_UPHELD), RULES)
    withdrawn = walk(Happened.PATTERN_FOUND, Happened.NOTICE_GIVEN, Happened.NOTICE_WITHDRAWN)
    assert (withdrawn.standing, withdrawn.held, withdrawn.cure_until) == (Standing.NOTICED, True, 0)
    assert withdrawn.review_until == held.review_until
    assert after(withdrawn, said(Happened.PATTERN_CLEARED), RULES).serves


@pytest.mark.parametrize(
    "way_back", [(Happened.REINSTATED,), (Happened.APPEALED, Happened.APPEAL_UPHELD)], ids=["reinstated", "upheld"]
)
def test_a_pattern_stays_open_behind_a_suspension(way_back: tuple[Happened, ...]) -> None:
    back = walk(Happened.PATTERN_FOUND, Happened.SUSPENSION_ORDERED, *way_back)
    assert (back.standing, back.held, back.pattern) == (Standing.NOTICED, True, True)
    looked = walk(Happened.PATTERN_FOUND, Happened.SUSPENSION_ORDERED, Happened.PATTERN_CLEARED, *way_back)
    assert looked.serves


def test_cleared_people_do_not_take_back_an_officers_notice() -> None:
    cleared = walk(Happened.NOTICE_GIVEN, Happened.PATTERN_FOUND, Happened.PATTERN_CLEARED)
    assert (cleared.standing, cleared.serves, cleared.notice) == (Standing.NOTICED, True, True)
    assert cleared.cure_until == walk(Happened.NOTICE_GIVEN).cure_until
    for happened in (Happened.PATTERN_CLEARED, Happened.PATTERN_CONFIRMED):
        with pytest.raises(IllegalEvent, match="no pattern is open"):
            after(walk(Happened.NOTICE_GIVEN), said(happened), RULES)


def test_the_time_to_look_does_not_begin_anew_with_the_next_pattern() -> None:
    rules = Rules(review_seconds=HOUR_SECONDS)
    twice = walk(Happened.PATTERN_FOUND, Happened.PATTERN_FOUND, rules=rules)
    assert twice.review_until == NOW + HOUR_SECONDS


@pytest.mark.parametrize("happened", sorted(OF_THE_MOMENT))
def test_an_order_that_was_kept_back_or_brought_from_elsewhere_lets_nobody_off(happened: Happened) -> None:
    before = {
        Happened.PATTERN_CLEARED: (Happened.PATTERN_FOUND,),
        Happened.NOTICE_WITHDRAWN: (Happened.NOTICE_GIVEN,),
        Happened.APPEAL_UPHELD: (Happened.NOTICE_GIVEN, Happened.APPEALED),
    }.get(happened, (Happened.SUSPENSION_ORDERED,))
    unit = walk(*before)
    order = said(happened, NOW + 999, order="one", issued=unit.since, agreement=RULES.agreement)
    assert after(unit, order, RULES) != unit
    with pytest.raises(IllegalEvent, match="before the unit stood"):
        after(unit, msgspec.structs.replace(order, issued=unit.since - 1), RULES)
    with pytest.raises(IllegalEvent, match="another version"):
        after(unit, msgspec.structs.replace(order, agreement="sha256:other"), RULES)


def test_an_old_order_that_restricts_is_heard_all_the_same() -> None:
    old = said(Happened.SUSPENSION_ORDERED, NOW, order="one", issued=1, agreement="sha256:other")
    assert not after(UnitStanding(since=NOW), old, RULES).serves


def test_an_appeal_is_noted_and_changes_nothing_until_it_is_upheld() -> None:
    suspended = after(UnitStanding(), said(Happened.SUSPENSION_ORDERED), RULES)
    appealed = after(suspended, said(Happened.APPEALED), RULES)
    assert (appealed.standing, appealed.appealed) == (Standing.SUSPENDED, True)
    assert after(appealed, said(Happened.APPEAL_UPHELD), RULES) == UnitStanding(
        since=NOW, reason="because", looked=NOW
    )
    with pytest.raises(IllegalEvent, match="nobody has appealed"):
        after(suspended, said(Happened.APPEAL_UPHELD), RULES)


def test_the_worse_of_unit_and_agreement_counts() -> None:
    book = StandingBook().enter(said(Happened.NOTICE_GIVEN, unit=AGREEMENT_SCOPE), RULES)
    assert book.effective("anybody").standing is Standing.NOTICED
    book = book.enter(said(Happened.SUSPENSION_ORDERED, unit="u"), RULES)
    assert book.effective("u").standing is Standing.SUSPENDED
    assert book.effective("v").serves
    book = book.enter(said(Happened.TERMINATED, unit=AGREEMENT_SCOPE), RULES)
    assert book.effective("v").standing is Standing.TERMINATED


def test_which_denies_were_looked_at_is_the_units_own_affair_also_under_a_notice_to_all() -> None:
    book = StandingBook().enter(said(Happened.PATTERN_FOUND), RULES)
    book = book.enter(said(Happened.PATTERN_CLEARED, NOW + 5), RULES)
    book = book.enter(said(Happened.NOTICE_GIVEN, NOW + 6, unit=AGREEMENT_SCOPE), RULES)
    assert (book.effective("u").standing, book.effective("u").looked) == (Standing.NOTICED, NOW + 5)


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
    value = StandingOrder(ORDER_FORMAT, "0123456789abcdef", "u", happened, reason, ("xc_1",), "sha256:0", NOW, (NOW,))
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
