# SPDX-License-Identifier: Apache-2.0
"""The statement about another classifier release: who signs which, and what may follow what."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.errors import TrustError
from brightline.core.screening.update import (
    FORMAT,
    UPDATE_TYPE,
    Kind,
    Place,
    ReleaseUpdate,
    check_next,
    open_release_update,
)
from brightline.core.statement import PinnedKey, RoleKeys, SigningRole, TrustRoots, sign_statement
from brightline.shell.trust.keys import public_hex

KEYS = {name: Ed25519PrivateKey.generate() for name in ("safety-1", "safety-2", "official", "officer")}
HELD = {
    SigningRole.PROVIDER_SAFETY: ("safety-1", "safety-2"),
    SigningRole.CUSTOMER_OFFICIAL: ("official",),
    SigningRole.PROVIDER_OFFICER: ("officer",),
}
ROOTS = TrustRoots(
    "test",
    {role: RoleKeys(tuple(PinnedKey(public_hex(KEYS[name]), name) for name in names)) for role, names in HELD.items()},
)
IN_FORCE = Place("sha256:b", 3, 7, frozenset({"sha256:a", "sha256:b"}))


def update(**changed: Any) -> ReleaseUpdate:
    said = {"format": FORMAT, "kind": Kind.RELEASE, "number": 4, "id": "r", "version": 8, "release": "sha256:c"}
    said |= {"replaces": "sha256:b", "corpus": "sha256:p", "outcomes": "sha256:o", "conceded": {}, "reason": "better"}
    return ReleaseUpdate(**{**said, "issued": 1, **changed})


def opened(said: ReleaseUpdate, *holders: str) -> ReleaseUpdate:
    envelope = sign_statement(said, UPDATE_TYPE, [KEYS[holder] for holder in holders])
    return open_release_update(envelope, ROOTS, at=2).value


@pytest.mark.parametrize("kind", [Kind.RELEASE, Kind.ROLLBACK])
def test_a_release_and_a_rollback_take_safety_people_and_the_customer(kind: Kind) -> None:
    assert opened(update(kind=kind), "safety-2", "official").kind is kind
    for too_few in (("safety-1", "safety-2"), ("official",), ("officer", "official"), ("safety-1", "officer")):
        with pytest.raises(TrustError):
            opened(update(kind=kind), *too_few)


def test_an_emergency_takes_two_safety_people_and_nobody_else() -> None:
    assert opened(update(kind=Kind.EMERGENCY), "safety-1", "safety-2").kind is Kind.EMERGENCY
    for too_few in (("safety-1",), ("safety-1", "official"), ("officer", "official")):
        with pytest.raises(TrustError):
            opened(update(kind=Kind.EMERGENCY), *too_few)


def test_it_says_why() -> None:
    with pytest.raises(TrustError, match="gives its reason"):
        opened(update(reason="  "), "safety-1", "official")


def test_a_share_beyond_one_is_not_conceded() -> None:
    envelope = msgspec.structs.replace(update(), conceded={"weapon_direct": 1.5})
    with pytest.raises(TrustError):
        opened(envelope, "safety-1", "official")


def test_the_next_statement_about_a_later_release_may_follow() -> None:
    check_next(update(), IN_FORCE)
    check_next(update(kind=Kind.EMERGENCY), IN_FORCE)
    check_next(update(kind=Kind.ROLLBACK, release="sha256:a", version=1), IN_FORCE)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"number": 3}, "the next one is 4"),
        ({"number": 5}, "the next one is 4"),
        ({"replaces": "sha256:a"}, "it replaces sha256:a"),
        ({"version": 7}, "not later than 7"),
        ({"version": 1, "kind": Kind.EMERGENCY}, "not later than 7"),
        ({"release": "sha256:b"}, "in force already"),
        ({"kind": Kind.ROLLBACK}, "this one never was"),
    ],
)
def test_nothing_else_follows(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(TrustError, match=why):
        check_next(update(**changed), IN_FORCE)
