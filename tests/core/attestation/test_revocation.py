# SPDX-License-Identifier: Apache-2.0
"""What people sign of machines: one revokes, two take back, and no signatures make a later policy ask for less."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.attestation.development import development_policy
from brightline.core.attestation.lease import Revocable
from brightline.core.attestation.policy import Policy
from brightline.core.attestation.revocation import (
    POLICY_FORMAT,
    POLICY_TYPE,
    REINSTATEMENT_FORMAT,
    REINSTATEMENT_TYPE,
    REVOCATION_FORMAT,
    REVOCATION_TYPE,
    NothingRevoked,
    PolicyUpdate,
    Reinstatement,
    Revocation,
    Revoked,
    open_policy,
    open_reinstatement,
    open_revocation,
)
from brightline.core.errors import TrustError
from brightline.core.statement import PinnedKey, RoleKeys, SigningRole, TrustRoots, sign_statement

NOW = 1_000
OFFICER, OFFICIAL, ENGINEER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2, 3))
BEFORE = development_policy(b"k" * 32)


def roots(profile: str = "development") -> TrustRoots:
    holders = (
        (SigningRole.PROVIDER_OFFICER, OFFICER),
        (SigningRole.CUSTOMER_OFFICIAL, OFFICIAL),
        (SigningRole.FIELD_ENGINEER, ENGINEER),
    )
    pinned = {role: PinnedKey(key.public_key().public_bytes_raw().hex(), role.value) for role, key in holders}
    return TrustRoots(profile, {role: RoleKeys((key,), threshold=1) for role, key in pinned.items()})


def update(policy: Policy, *keys: Ed25519PrivateKey, replaces: str = BEFORE.digest) -> bytes:
    return sign_statement(PolicyUpdate(POLICY_FORMAT, policy, replaces, "a drill", NOW), POLICY_TYPE, keys)


def stricter(**more: object) -> Policy:
    return msgspec.structs.replace(BEFORE, **{"age_seconds_max": BEFORE.age_seconds_max - 1, **more})


def test_a_policy_that_asks_for_more_follows_when_both_parties_signed_it() -> None:
    assert open_policy(update(stricter(), OFFICER, OFFICIAL), roots(), BEFORE, at=NOW) == stricter()


@pytest.mark.parametrize(
    ("envelope", "profile", "says"),
    [
        (update(stricter(), OFFICER), "development", "no pinned key of the customer-official"),
        (
            update(stricter(age_seconds_max=BEFORE.age_seconds_max + 1), OFFICER, OFFICIAL),
            "development",
            "asks for less",
        ),
        (update(stricter(), OFFICER, OFFICIAL, replaces="sha256:00"), "development", "follows sha256:00"),
        (update(stricter(accept=()), OFFICER, OFFICIAL), "development", "does not read"),
        (update(stricter(), OFFICER, OFFICIAL), "production", "not for production"),
    ],
    ids=["one party", "looser", "another before it", "accepts nothing", "for development"],
)
def test_any_other_is_refused(envelope: bytes, profile: str, says: str) -> None:
    with pytest.raises(TrustError, match=says):
        open_policy(envelope, roots(profile), BEFORE, at=NOW)


def test_where_nothing_is_accepted_no_policy_can_follow() -> None:
    with pytest.raises(TrustError, match="there is none"):
        open_policy(update(stricter(), OFFICER, OFFICIAL), roots(), None, at=NOW)


def revocation(key: Ed25519PrivateKey, **more: object) -> bytes:
    said = Revocation(REVOCATION_FORMAT, "r" * 32, Revocable.NODE, "i-1", "a drill", NOW)
    return sign_statement(msgspec.structs.replace(said, **more), REVOCATION_TYPE, (key,))


@pytest.mark.parametrize("key", [OFFICER, OFFICIAL])
def test_one_person_of_either_party_revokes_and_the_book_knows_it_by_its_digest(key: Ed25519PrivateKey) -> None:
    said = open_revocation(revocation(key), roots(), at=NOW).value
    assert Revoked().revoke(said).names == {said.name}
    with pytest.raises(NothingRevoked, match="before"):
        Revoked().revoke(said).revoke(said)


@pytest.mark.parametrize(
    "envelope",
    [
        revocation(ENGINEER),
        revocation(OFFICER, id="short"),
        revocation(OFFICER, reason=" "),
        revocation(OFFICER, value=""),
        revocation(OFFICER, format="another/1"),
    ],
    ids=["an engineer", "no id", "no reason", "no value", "another form"],
)
def test_what_is_no_revocation_is_refused(envelope: bytes) -> None:
    with pytest.raises(TrustError):
        open_revocation(envelope, roots(), at=NOW)


def test_both_parties_take_back_and_what_was_taken_back_does_not_count_again() -> None:
    said = open_revocation(revocation(OFFICER), roots(), at=NOW).value
    over = Reinstatement(REINSTATEMENT_FORMAT, "s" * 32, (said.id,), "a drill", NOW)
    with pytest.raises(TrustError, match="no pinned key of the provider-officer"):
        open_reinstatement(sign_statement(over, REINSTATEMENT_TYPE, (OFFICIAL,)), roots(), at=NOW)
    both = sign_statement(over, REINSTATEMENT_TYPE, (OFFICER, OFFICIAL))
    left = Revoked().revoke(said).reinstate(open_reinstatement(both, roots(), at=NOW).value)
    assert left.names == frozenset()
    with pytest.raises(NothingRevoked, match="before"):
        left.revoke(said)
    with pytest.raises(NothingRevoked, match="none of"):
        left.reinstate(over)
