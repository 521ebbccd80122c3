# SPDX-License-Identifier: Apache-2.0
"""Halts as statements: who may give one, who may end it, and that nothing that was kept back does either."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.errors import TrustError
from brightline.core.halt import (
    HALT_FORMAT,
    HALT_ROLES,
    HALT_TYPE,
    RESUMPTION_FORMAT,
    RESUMPTION_TYPE,
    HaltBook,
    HaltOrder,
    NothingChanged,
    Resumption,
    Scope,
    in_force,
    open_halt,
    open_resumption,
)
from brightline.core.statement import PinnedKey, RoleKeys, SigningRole, TrustRoots, sign_statement

KEYS = {role: [Ed25519PrivateKey.generate() for _ in range(2)] for role in SigningRole}
EXPIRED = 2_000


def roots(threshold: int = 1, expires: int = 0) -> TrustRoots:
    pinned = {
        role: tuple(PinnedKey(key.public_key().public_bytes_raw().hex(), f"{role}-{i}", expires) for i, key in pairs)
        for role, pairs in ((role, list(enumerate(keys))) for role, keys in KEYS.items())
    }
    return TrustRoots("production", {role: RoleKeys(keys, threshold) for role, keys in pinned.items()})


def order(**changes: Any) -> HaltOrder:
    said: dict[str, Any] = {
        "format": HALT_FORMAT,
        "id": secrets.token_hex(16),
        "scope": Scope.INSTALLATION,
        "name": "",
        "reason": "a drill",
        "issued": 1_000,
    }
    return HaltOrder(**said | changes)


def ends(*halts: str, **changes: Any) -> Resumption:
    said: dict[str, Any] = {
        "format": RESUMPTION_FORMAT,
        "id": secrets.token_hex(16),
        "halts": halts,
        "reason": "over",
        "issued": 1_001,
    }
    return Resumption(**said | changes)


@pytest.mark.parametrize("role", SigningRole)
def test_one_signature_of_those_who_may_is_enough_whatever_threshold_their_role_has(role: SigningRole) -> None:
    envelope = sign_statement(order(), HALT_TYPE, KEYS[role][:1])
    if role in HALT_ROLES:
        assert open_halt(envelope, roots(threshold=2), at=1_000).signers == ((role, f"{role}-0"),)
    else:
        with pytest.raises(TrustError, match="no pinned key"):
            open_halt(envelope, roots(), at=1_000)


def test_a_key_that_has_expired_halts_nothing() -> None:
    envelope = sign_statement(order(), HALT_TYPE, KEYS[SigningRole.PROVIDER_OFFICER][:1])
    with pytest.raises(TrustError, match="has expired"):
        open_halt(envelope, roots(expires=EXPIRED), at=EXPIRED)


def test_service_is_started_again_by_both_parties_and_by_as_many_as_their_roles_take() -> None:
    officers, officials = KEYS[SigningRole.PROVIDER_OFFICER], KEYS[SigningRole.CUSTOMER_OFFICIAL]
    for signers in (officers, officials, [officers[0], officials[0]]):
        with pytest.raises(TrustError):
            open_resumption(sign_statement(ends("x"), RESUMPTION_TYPE, signers), roots(threshold=2), at=1_000)
    said = sign_statement(ends("x"), RESUMPTION_TYPE, [*officers, *officials])
    assert open_resumption(said, roots(threshold=2), at=1_000).value.halts == ("x",)


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": "brightline-halt/2"},
        {"id": "short"},
        {"reason": " "},
        {"name": "unit-1"},
        {"scope": Scope.UNIT},
        {"scope": Scope.MODEL, "name": ""},
    ],
)
def test_a_halt_that_is_not_well_formed_is_none(wrong: dict[str, Any]) -> None:
    envelope = sign_statement(order(**wrong), HALT_TYPE, KEYS[SigningRole.PROVIDER_OFFICER][:1])
    with pytest.raises(TrustError):
        open_halt(envelope, roots(), at=1_000)


@pytest.mark.parametrize("wrong", [{"format": "x"}, {"id": "short"}, {"reason": ""}, {"halts": ()}])
def test_a_resumption_that_is_not_well_formed_is_none(wrong: dict[str, Any]) -> None:
    signers = [KEYS[SigningRole.PROVIDER_OFFICER][0], KEYS[SigningRole.CUSTOMER_OFFICIAL][0]]
    with pytest.raises(TrustError):
        open_resumption(sign_statement(ends("x", **wrong), RESUMPTION_TYPE, signers), roots(), at=1_000)


def test_a_halt_counts_once_so_that_an_old_one_does_not_stop_service_again() -> None:
    halt = in_force(order(), ("a",), 1_000)
    over = HaltBook().halted(halt).resumed(ends(halt.id))
    assert over.stopping("u", "m") is None
    with pytest.raises(NothingChanged):
        over.halted(halt)


def test_what_ends_one_halt_does_not_end_another_that_was_given_since() -> None:
    first, second = in_force(order(), ("a",), 1_000), in_force(order(), ("b",), 1_001)
    book = HaltBook().halted(first).halted(second).resumed(ends(first.id))
    assert book.stopping("u", "m") is Scope.INSTALLATION
    with pytest.raises(NothingChanged):
        book.resumed(ends(first.id))
    assert book.resumed(ends(first.id, second.id)).stopping("u", "m") is None


NAMES = st.sampled_from(["a", "b", "c"])


@given(
    given_=st.lists(st.tuples(st.sampled_from(Scope), NAMES), max_size=6),
    over=st.sets(st.integers(0, 5)),
    unit=NAMES,
    model=NAMES,
)
def test_an_exchange_is_stopped_exactly_while_a_halt_that_it_is_part_of_is_not_over(
    given_: list[tuple[Scope, str]], over: set[int], unit: str, model: str
) -> None:
    halts = [in_force(order(scope=scope, name=name), ("a",), 1_000) for scope, name in given_]
    book = HaltBook()
    for halt in halts:
        book = book.halted(halt)
    ended = [halts[i].id for i in over if i < len(halts)]
    if ended:
        book = book.resumed(ends(*ended))
    named = {Scope.UNIT: unit, Scope.MODEL: model}
    stops = {halt.scope for halt in halts if halt.id not in ended and halt.name == named.get(halt.scope, halt.name)}
    assert book.stopping(unit, model) is next((scope for scope in Scope if scope in stops), None)
