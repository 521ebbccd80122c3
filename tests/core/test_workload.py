# SPDX-License-Identifier: Apache-2.0
"""Workloads: what a registration states, for how long, and who holds its key."""

from __future__ import annotations

import secrets

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.errors import TrustError
from brightline.core.workload import FORMAT, Bounds, Registration, admit, key_digest, key_matches, read_key, write_key

SECRET, SALT = "ab" * 32, "cd" * 16
REGISTRATION = Registration(
    format=FORMAT,
    workload="office-1",
    unit="planning",
    purpose="planning",
    official="the director",
    authority=("USC-4A",),
    bounds=Bounds(),
    facts={"lawful": "yes"},
    requests_per_minute=60,
    issued=1_000,
    expires=2_000,
    key_salt=SALT,
    key_digest=key_digest(SECRET, SALT),
)


@pytest.mark.parametrize(("now", "stated"), [(999, 0), (1_000, 1), (1_999, 1), (2_000, 0), (10**12, 0)])
def test_a_registration_states_its_facts_only_while_it_is_in_date(now: int, stated: int) -> None:
    assert len(admit(REGISTRATION).statements(now)) == stated


def test_a_revoked_registration_states_nothing() -> None:
    assert admit(msgspec.structs.replace(REGISTRATION, revoked=True)).statements(1_500) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"format": "brightline-registration/2"},
        {"workload": "of_fice"},
        {"workload": ""},
        {"workload": "bürö"},
        {"purpose": ""},
        {"official": ""},
        {"authority": ()},
    ],
)
def test_a_registration_that_names_less_than_it_must_is_refused(change: dict[str, object]) -> None:
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
