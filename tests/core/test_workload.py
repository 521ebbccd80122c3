# SPDX-License-Identifier: Apache-2.0
"""Workloads: what a registration states, for how long, and who holds its key."""

from __future__ import annotations

import secrets
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.errors import TrustError
from brightline.core.facts import YES, FactSpec, Formerly, Register, Source, Vocabulary
from brightline.core.quota import HOLDS_MAX, NO_QUOTA
from brightline.core.register import DAY_SECONDS, DaysMax, Entry, RegisterBook
from brightline.core.workload import (
    FORMAT,
    Bounds,
    Registration,
    admit,
    check_references,
    key_digest,
    key_matches,
    read_key,
    write_key,
)
from tests.registers import book_of, protocol, purpose, vvt

SECRET, SALT = "ab" * 32, "cd" * 16
REGISTRATION = Registration(
    format=FORMAT,
    workload="office-1",
    version=1,
    unit="planning",
    purpose="planning of transport",
    purpose_id="planning",
    official="the director",
    authority=("USC-4A",),
    bounds=Bounds(),
    facts={"lawful": "yes"},
    protocols=("two-people",),
    vvt=("convoy-planner",),
    endpoints=("chat.completions",),
    tools={},
    data_classes=("schedules",),
    request_bytes_max=1_000,
    output_tokens_max=100,
    choices_max=1,
    requests_per_minute=60,
    issued=1_000,
    expires=2_000,
    key_salt=SALT,
    key_digest=key_digest(SECRET, SALT),
)


SET: Final = frozenset({Source.REGISTRATION})
VOCABULARY: Final = Vocabulary(
    (
        FactSpec("lawful", YES, set_by=SET),
        FactSpec("approved", YES, set_by=SET, needs=frozenset({Register.PURPOSE}), formerly=(Formerly("purposed"),)),
        FactSpec("foreign", YES, set_by=SET, needs=frozenset({Register.PURPOSE, Register.FOREIGN_INTELLIGENCE})),
        FactSpec("overseen", YES, set_by=SET, needs=frozenset({Register.PROTOCOL})),
        FactSpec("tested", YES, set_by=SET, needs=frozenset({Register.VVT})),
        FactSpec("limited", YES, set_by=SET, needs=frozenset({Register.BOUNDS})),
    )
)
ALL_GOOD: Final = {spec.name: spec.good for spec in VOCABULARY.specs}
BOOK: Final = book_of(purpose(), protocol(), vvt())


def stated(book: RegisterBook = BOOK, now: int = 1_500, **changes: Any) -> set[str]:
    """The facts that a registration states, all of them good in its own words unless a test changes them."""
    registration = msgspec.structs.replace(REGISTRATION, **{"facts": ALL_GOOD, **changes})
    return {statement.fact for statement in admit(registration).statements(now, book, VOCABULARY)}


@pytest.mark.parametrize(("now", "stated"), [(999, 0), (1_000, 1), (1_999, 1), (2_000, 0), (10**12, 0)])
def test_a_registration_states_its_facts_only_while_it_is_in_date(now: int, stated: int) -> None:
    assert len(admit(REGISTRATION).statements(now, BOOK, VOCABULARY)) == stated


def test_a_registration_is_no_longer_in_date_than_the_agreement_lets_it_be() -> None:
    days = BOOK.under(DaysMax(registration=1))
    long: dict[str, Any] = {"expires": 1_000 + 30 * DAY_SECONDS}
    assert "lawful" in stated(days, 999 + DAY_SECONDS, **long)
    assert stated(days, 1_000 + DAY_SECONDS, **long) == set()


def test_what_a_workload_states_is_worked_out_anew_when_time_or_registers_or_their_days_are_others() -> None:
    workload = admit(REGISTRATION)
    assert len(workload.statements(1_500, BOOK, VOCABULARY)) == 1
    assert workload.statements(2_000, BOOK, VOCABULARY) == ()
    assert len(workload.statements(1_500, BOOK, VOCABULARY)) == 1

    whole = admit(msgspec.structs.replace(REGISTRATION, facts=ALL_GOOD, expires=1_000 + 30 * DAY_SECONDS))
    now = 1_000 + DAY_SECONDS
    assert {each.fact for each in whole.statements(1_500, BOOK, VOCABULARY)} >= {"lawful", "approved"}
    assert {each.fact for each in whole.statements(1_500, book_of(protocol()), VOCABULARY)} == {"lawful", "overseen"}
    assert whole.statements(now, BOOK.under(DaysMax(registration=1)), VOCABULARY) == ()
    assert {each.fact for each in whole.statements(now, BOOK, VOCABULARY)} >= {"lawful", "approved"}
    assert whole.statements(now, BOOK, Vocabulary(VOCABULARY.specs[1:2])) != whole.statements(now, BOOK, VOCABULARY)


def test_a_revoked_registration_states_nothing() -> None:
    revoked = admit(msgspec.structs.replace(REGISTRATION, revoked=True))
    assert revoked.statements(1_500, BOOK, VOCABULARY) == ()


def test_a_good_value_is_stated_while_every_entry_that_it_needs_is_in_date() -> None:
    assert stated() == {"lawful", "approved", "overseen", "tested"}


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ({"purpose_id": "another"}, {"approved"}),
        ({"protocols": ()}, {"overseen"}),
        ({"protocols": ("two-people", "another")}, {"overseen"}),
        ({"vvt": ()}, {"tested"}),
        ({"vvt": ("another",)}, {"tested"}),
        ({"data_classes": ("schedules", "addresses")}, {"approved"}),
    ],
)
def test_what_rests_on_an_entry_that_is_not_there_is_not_stated(change: dict[str, Any], lost: set[str]) -> None:
    assert stated(**change) == {"lawful", "approved", "overseen", "tested"} - lost


@pytest.mark.parametrize(
    ("entry", "lost"),
    [
        (purpose(version=2, retired=True), {"approved"}),
        (purpose(version=2, expires=1_400), {"approved"}),
        (purpose(version=2, issued=1_501), {"approved"}),
        (purpose(version=2, data_classes=()), {"approved"}),
        (protocol(version=2, retired=True), {"overseen"}),
        (vvt(version=2, expires=1_500), {"tested"}),
    ],
)
def test_an_entry_that_is_retired_or_out_of_date_takes_its_facts_with_it(entry: Entry, lost: set[str]) -> None:
    assert stated(BOOK.enter(entry)) == {"lawful", "approved", "overseen", "tested"} - lost


def test_a_fact_under_its_former_name_rests_on_the_same_register() -> None:
    former: dict[str, Any] = {"facts": {"purposed": "yes"}}
    assert stated(**former) == {"purposed"}
    assert stated(book_of(), **former) == set()


def test_a_foreign_intelligence_purpose_is_one_that_both_parties_marked_as_such() -> None:
    assert "foreign" in stated(BOOK.enter(purpose(version=2, foreign_intelligence=True)))
    assert "foreign" not in stated(BOOK.enter(purpose(version=2, foreign_intelligence=True, retired=True)))


def test_bounds_that_are_declared_carry_what_needs_bounds() -> None:
    assert "limited" in stated(bounds=Bounds("ten named subjects", "2026", "1,000 a day", "open sources"))


@given(st.dictionaries(st.sampled_from(sorted(ALL_GOOD)), st.sampled_from(["no", "unknown"])))
def test_a_value_that_is_not_good_is_always_stated(facts: dict[str, str]) -> None:
    assert stated(book_of(), facts=facts) == set(facts)


def test_a_fact_that_the_agreement_does_not_know_is_not_lost_here() -> None:
    assert stated(book_of(), facts={"unheard": "yes"}) == {"unheard"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"protocols": ("another",)}, "protocol another, which is not registered"),
        ({"purpose_id": "another"}, "purpose another, which is not registered"),
        ({"data_classes": ("addresses",)}, "data classes that its purpose does not: addresses"),
        ({"expires": 1_000 + 400 * DAY_SECONDS}, "400 days; the agreement lets it be 366"),
    ],
)
def test_a_new_registration_names_what_is_in_date_and_no_more(change: dict[str, Any], says: str) -> None:
    check_references(REGISTRATION, BOOK, 1_500)
    with pytest.raises(TrustError, match=says):
        check_references(msgspec.structs.replace(REGISTRATION, **change), BOOK, 1_500)


def test_a_new_registration_does_not_name_what_was_retired() -> None:
    with pytest.raises(TrustError, match="two-people, which is retired"):
        check_references(REGISTRATION, BOOK.enter(protocol(version=2, retired=True)), 1_500)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "brightline-registration/1"},
        {"version": 0},
        {"purpose_id": ""},
        {"protocols": ("no id",)},
        {"endpoints": ()},
        {"endpoints": ("",)},
        {"endpoints": ("chat.completions", "Models")},
        {"endpoints": ("chat..completions",)},
        {"endpoints": ("models\n",)},
        {"endpoints": ("models",) * 257},
        {"tools": {"look_up": "sha256:"}},
        {"tools": {"": "sha256:" + "ab" * 32}},
        {"request_bytes_max": 0},
        {"output_tokens_max": 0},
        {"choices_max": 0},
        {"requests_per_minute": 0},
        {"tokens_per_minute": -1},
        {"holds_per_day": HOLDS_MAX + 1},
        {"unit_requests_per_minute": -1},
        {"unit_tokens_per_minute": NO_QUOTA + 1},
        {"unit_holds_per_day": -1},
        {"workload": "of_fice"},
        {"workload": ""},
        {"workload": "bürö"},
        {"purpose": ""},
        {"official": ""},
        {"authority": ()},
    ],
)
def test_a_registration_that_names_less_than_it_must_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(TrustError):
        admit(msgspec.structs.replace(REGISTRATION, **change))


def test_bounds_are_declared_only_when_all_four_are() -> None:
    whole = Bounds("ten named subjects", "2026", "1,000 a day", "open sources")
    assert whole.declared
    for part in ("subjects", "period", "volume", "data_class"):
        assert not msgspec.structs.replace(whole, **{part: ""}).declared


def test_a_key_is_read_back_and_matches_its_workload_alone() -> None:
    claimed = read_key(write_key("office-1", SECRET))
    assert claimed.claimed_workload == "office-1"
    assert key_matches(claimed, admit(REGISTRATION))
    other = read_key(write_key("office-1", secrets.token_hex(32)))
    assert not key_matches(other, admit(REGISTRATION))


def test_the_same_secret_has_another_digest_under_another_salt() -> None:
    assert key_digest(SECRET, SALT) != key_digest(SECRET, "ef" * 16)


@given(st.text(max_size=120))
def test_whatever_is_presented_is_a_claim_or_no_key(text: str) -> None:
    try:
        claimed = read_key(text)
    except ValueError:
        return
    assert write_key(claimed.claimed_workload, claimed.secret) == text


def test_what_registrations_may_no_longer_state_is_left_out_if_good_and_voids_the_registration_if_not() -> None:
    """A later version may take registrations away as a source. What one said bad must not be lost by that."""
    narrowed = Vocabulary(
        tuple(
            msgspec.structs.replace(spec, set_by=frozenset({Source.ADMISSION})) if spec.name == "lawful" else spec
            for spec in VOCABULARY.specs
        )
    )
    whole = msgspec.structs.replace(REGISTRATION, facts=ALL_GOOD)
    good = {statement.fact for statement in admit(whole).statements(1_500, BOOK, narrowed)}
    assert good == stated() - {"lawful"}
    said_bad = msgspec.structs.replace(REGISTRATION, facts=ALL_GOOD | {"lawful": "no"})
    assert admit(said_bad).statements(1_500, BOOK, VOCABULARY) != ()
    assert admit(said_bad).statements(1_500, BOOK, narrowed) == ()
