# SPDX-License-Identifier: Apache-2.0
"""The registers: what an entry must say, which version holds, and until when."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.errors import TrustError
from brightline.core.facts import Register
from brightline.core.register import (
    DAY_SECONDS,
    KINDS,
    DaysMax,
    Entry,
    ProtocolEntry,
    PurposeBounds,
    RegisterBook,
    State,
    VvtEntry,
    check_days,
    check_demand,
    check_entry,
    kind_of,
)
from brightline.core.signers import ENTRY_SIGNERS
from brightline.core.statement import PinnedKey, RoleKeys, SigningRole, TrustRoots, open_statement, sign_statement
from tests.registers import EXPIRES, ISSUED, book_of, demand, protocol, purpose, vvt

KEYS = {role: Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number, role in enumerate(SigningRole)}
ROOTS = TrustRoots(
    "development",
    {
        role: RoleKeys((PinnedKey(key.public_key().public_bytes_raw().hex(), role.value),))
        for role, key in KEYS.items()
    },
)


@pytest.mark.parametrize("entry", [purpose(), protocol(), vvt()], ids=lambda entry: kind_of(entry).title)
def test_an_entry_that_says_everything_is_well_formed(entry: Entry) -> None:
    check_entry(entry)


@pytest.mark.parametrize(
    ("entry", "names"),
    [
        (vvt(system=""), "system"),
        (vvt(system_version=" "), "system version"),
        (vvt(environment=""), "environment"),
        (vvt(test_set=""), "test set"),
        (vvt(test_set_digest=""), "test set digest"),
        (vvt(results=""), "results"),
        (vvt(figures=()), "figures"),
        (vvt(person=""), "person"),
        (vvt(owner=""), "owner"),
        (protocol(text_digest=""), "text digest"),
        (protocol(owner=""), "owner"),
        (purpose(words=""), "words"),
        (purpose(official=""), "official"),
        (purpose(authorities=()), "authorities"),
        (purpose(legal_basis=""), "legal basis"),
        (purpose(data_classes=("schedules", "")), "data classes"),
    ],
)
def test_an_entry_that_lacks_something_does_not_register_and_hears_what(entry: Entry, names: str) -> None:
    with pytest.raises(TrustError, match=f"lacks its {names}"):
        check_entry(entry)


@pytest.mark.parametrize("missing", sorted(set(VvtEntry.__struct_fields__)))
def test_a_signed_verification_record_without_a_member_names_the_member(missing: str) -> None:
    said = {name: value for name, value in msgspec.to_builtins(vvt()).items() if name != missing}
    envelope = sign_statement(_Any(**said), KINDS[Register.VVT].payload_type, list(KEYS.values()))
    with pytest.raises(TrustError, match=f"missing required field `{missing}`"):
        open_statement(
            envelope, KINDS[Register.VVT].payload_type, VvtEntry, ROOTS, at=ISSUED, needed=ENTRY_SIGNERS[Register.VVT]
        )


def _Any(**said: Any) -> msgspec.Struct:
    made: msgspec.Struct = msgspec.defstruct("Said", sorted(said), kw_only=True)(**said)
    return made


@pytest.mark.parametrize(
    "entry",
    [
        vvt(id=""),
        vvt(id="a--b"),
        vvt(id="ä"),
        vvt(id="x" * 65),
        vvt(format="brightline-vvt/2"),
        vvt(version=0),
        vvt(version=1_000_001),
        vvt(expires=ISSUED),
        vvt(issued=-1),
        vvt(test_set_digest="sha256:" + "g" * 64),
        vvt(results="x" * 16_001),
        protocol(text_digest="md5:" + "a" * 64),
    ],
)
def test_an_entry_that_is_not_well_formed_is_refused(entry: Entry) -> None:
    with pytest.raises(TrustError):
        check_entry(entry)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.register.value)
@pytest.mark.parametrize("role", SigningRole)
def test_no_single_signature_makes_an_entry(kind: Any, role: SigningRole) -> None:
    entry = {Register.PURPOSE: purpose(), Register.PROTOCOL: protocol(), Register.VVT: vvt()}[kind.register]
    envelope = sign_statement(entry, kind.payload_type, [KEYS[role]])
    with pytest.raises(TrustError, match="no pinned key"):
        open_statement(envelope, kind.payload_type, kind.type_, ROOTS, at=ISSUED, needed=ENTRY_SIGNERS[kind.register])


def test_the_providers_word_on_a_verification_is_its_safety_peoples_and_not_its_officers() -> None:
    kind = KINDS[Register.VVT]
    official = KEYS[SigningRole.CUSTOMER_OFFICIAL]

    def signed(*keys: Ed25519PrivateKey) -> Entry:
        envelope = sign_statement(vvt(), kind.payload_type, keys)
        return open_statement(
            envelope, kind.payload_type, VvtEntry, ROOTS, at=ISSUED, needed=ENTRY_SIGNERS[kind.register]
        )

    assert signed(KEYS[SigningRole.PROVIDER_SAFETY], official) == vvt()
    with pytest.raises(TrustError, match="provider-safety"):
        signed(KEYS[SigningRole.PROVIDER_OFFICER], official)


def test_one_kind_of_entry_cannot_be_passed_off_as_another() -> None:
    both = [KEYS[SigningRole.PROVIDER_OFFICER], KEYS[SigningRole.CUSTOMER_OFFICIAL]]
    envelope = sign_statement(purpose(), KINDS[Register.PURPOSE].payload_type, both)
    with pytest.raises(TrustError, match="protocol"):
        open_statement(envelope, KINDS[Register.PROTOCOL].payload_type, ProtocolEntry, ROOTS, at=ISSUED)


# ---- the book ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "holds"), [(ISSUED - 1, False), (ISSUED, True), (EXPIRES - 1, True), (EXPIRES, False), (10**12, False)]
)
def test_an_entry_holds_from_when_it_is_issued_until_it_expires(now: int, holds: bool) -> None:
    assert book_of(protocol()).in_date(Register.PROTOCOL, "two-people", now) is holds


def test_an_entry_that_is_not_there_is_not_in_date() -> None:
    assert not RegisterBook().in_date(Register.PROTOCOL, "two-people", ISSUED)
    assert not book_of(protocol()).in_date(Register.VVT, "two-people", ISSUED)


def test_a_retired_entry_holds_no_more_whatever_it_says_of_its_expiry() -> None:
    book = book_of(protocol(), protocol(version=2, retired=True))
    assert not book.in_date(Register.PROTOCOL, "two-people", ISSUED)


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_or_equal_version_is_refused_so_what_was_retired_stays_retired(version: int) -> None:
    book = book_of(protocol(), protocol(version=2, retired=True))
    with pytest.raises(TrustError, match=f"version {version} is not newer"):
        book.enter(protocol(version=version))


def test_a_later_version_of_both_parties_brings_a_retired_entry_back() -> None:
    book = book_of(protocol(), protocol(version=2, retired=True), protocol(version=3))
    assert book.in_date(Register.PROTOCOL, "two-people", ISSUED)


def test_a_book_that_somebody_took_does_not_change_under_them() -> None:
    taken = book_of(protocol())
    taken.enter(protocol(version=2, retired=True))
    assert taken.in_date(Register.PROTOCOL, "two-people", ISSUED)


@given(st.lists(st.tuples(st.integers(1, 5), st.booleans()), max_size=12))
def test_the_highest_version_wins_in_whatever_order_entries_arrive(versions: list[tuple[int, bool]]) -> None:
    book = RegisterBook()
    first: dict[int, bool] = {}
    for version, retired in versions:
        if book.is_newer(protocol(version=version)):
            first[version] = retired
            book = book.enter(protocol(version=version, retired=retired))
    current = book.get(Register.PROTOCOL, "two-people")
    assert (current is None) == (not versions)
    if current is not None:
        highest = max(version for version, _ in versions)
        assert (current.version, current.retired) == (highest, first[highest])


def test_the_agreed_days_clip_what_its_signers_wrote() -> None:
    book = book_of(protocol(), vvt()).under(DaysMax(protocol=7))
    week = ISSUED + 7 * DAY_SECONDS
    assert book.in_date(Register.PROTOCOL, "two-people", week - 1)
    assert not book.in_date(Register.PROTOCOL, "two-people", week)
    assert book.in_date(Register.VVT, "convoy-planner", week)
    assert book.state(protocol(), week) is State.EXPIRED


def test_who_writes_an_entry_hears_that_it_would_be_in_date_for_too_long() -> None:
    check_days("protocol x", ISSUED, ISSUED + 7 * DAY_SECONDS, 7)
    with pytest.raises(TrustError, match="8 days; the agreement lets it be 7"):
        check_days("protocol x", ISSUED, ISSUED + 7 * DAY_SECONDS + 1, 7)


# ---- demands -------------------------------------------------------------------------------------------------------


def test_a_demand_that_says_everything_is_well_formed() -> None:
    check_demand(demand())


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"source": ""}, "source"),
        ({"text": ""}, "text"),
        ({"answer": ""}, "answer"),
        ({"text_digest": "sha256:" + "0" * 64}, "digest"),
        ({"received": ISSUED + 61}, "received"),
        ({"id": "a b"}, "id"),
        ({"format": "another"}, "format"),
    ],
)
def test_a_demand_that_lacks_something_is_not_recorded(changes: dict[str, Any], names: str) -> None:
    with pytest.raises(TrustError, match=names):
        check_demand(demand(**changes))


@pytest.mark.parametrize(
    "numbers",
    [
        {"subjects_max": -1, "days": 7},
        {"requests_max": 1_000_001, "days": 7},
        {"subjects_max": 5},
        {"subjects_max": 5, "days": 31},
        {"days": 7},
    ],
    ids=str,
)
def test_a_purpose_with_numbers_that_cannot_be_counted_is_refused(numbers: dict[str, Any]) -> None:
    with pytest.raises(TrustError, match="purpose planning"):
        check_entry(purpose(bounds=PurposeBounds("", "", "", **numbers)))


def test_a_purpose_without_numbers_is_written_as_it_was_before_there_were_any() -> None:
    assert msgspec.to_builtins(PurposeBounds("a few", "", "")) == {"subjects": "a few", "period": "", "volume": ""}
    check_entry(purpose(bounds=PurposeBounds("", "", "", subjects_max=5, requests_max=9, days=30)))
