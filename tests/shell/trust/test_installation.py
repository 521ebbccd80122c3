# SPDX-License-Identifier: Apache-2.0
"""What both parties signed of review: where passkeys are used, and that keys in files sign in development alone."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.attestation.development import development_policy
from brightline.core.attestation.policy import Policy
from brightline.core.errors import TrustError
from brightline.core.review.passkey import RelyingParty
from brightline.core.review.roster import INSTALLATION_TYPE, Clearance, ReviewTerms
from brightline.core.statement import PinnedKey, RoleKeys, SigningRole, TrustRoots, sign_statement
from brightline.shell.trust.installation import (
    FORMAT,
    Admission,
    Installation,
    read_installation,
)

NOW: Final = 1_000
NO_TERMS: Final = ReviewTerms()
PARTIES: Final = (SigningRole.PROVIDER_OFFICER, SigningRole.CUSTOMER_OFFICIAL)
KEYS: Final = [Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2)]


def read(path: Path, profile: str, review: ReviewTerms = NO_TERMS, attestation: Policy | None = None) -> ReviewTerms:
    roles = {
        role: RoleKeys((PinnedKey(key.public_key().public_bytes_raw().hex(), role.value),))
        for role, key in zip(PARTIES, KEYS, strict=True)
    }
    models = (Admission("m", "m", "default", {}),)
    said = Installation(FORMAT, profile, "sha256:a", "sha256:r", (), models, NOW, NOW + 1, review, attestation)
    path.write_bytes(sign_statement(said, INSTALLATION_TYPE, KEYS))
    return read_installation(path, TrustRoots(profile, roles), NOW).review


def test_keys_in_files_sign_decisions_in_development_alone(tmp_path: Path) -> None:
    both = ReviewTerms(RelyingParty("review.example", ("https://review.example",)), software_keys=True)
    assert read(tmp_path / "i", "development", both) == both
    passkeys = msgspec.structs.replace(both, software_keys=False)
    assert read(tmp_path / "i", "production", passkeys) == passkeys
    with pytest.raises(TrustError, match="development profile alone"):
        read(tmp_path / "i", "production", both)


def test_pages_that_are_not_the_relying_partys_and_levels_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrustError, match="not within"):
        read(tmp_path / "i", "production", ReviewTerms(RelyingParty("a.example", ("https://b.example",))))
    with pytest.raises(TrustError, match="a level from 0 to 9"):
        read(tmp_path / "i", "production", ReviewTerms(needs={"unit-1": Clearance(10)}))


def test_what_attests_nothing_is_accepted_in_development_alone(tmp_path: Path) -> None:
    policy = development_policy(b"k" * 32)
    read(tmp_path / "i", "development", attestation=policy)
    with pytest.raises(TrustError, match="not for production"):
        read(tmp_path / "i", "production", attestation=policy)


def test_a_policy_that_asks_for_too_little_is_refused_however_it_arrives(tmp_path: Path) -> None:
    policy = development_policy(b"k" * 32)
    entry = msgspec.structs.replace(policy.accept[0], regions=())
    with pytest.raises(TrustError, match="names no regions"):
        read(tmp_path / "i", "development", attestation=msgspec.structs.replace(policy, accept=(entry,)))
