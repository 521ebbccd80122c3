# SPDX-License-Identifier: Apache-2.0
"""A new version: signed by whom the baseline names, later than what was in force, and of the same agreement."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.agreement.clause import Agreement, Change
from brightline.core.agreement.update import (
    FORMAT,
    UPDATE_TYPE,
    AgreementUpdate,
    check_later,
    fits,
    open_update,
    signers_of,
)
from brightline.core.errors import TrustError
from brightline.core.statement import PinnedKey, RoleKeys, SigningRole, TrustRoots, sign_statement
from brightline.shell import shipped

BASELINE = shipped.read_agreement(shipped.shipped_agreement())
NOW = 1_800_000_000


def key_of(seed: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


KEYS = {
    SigningRole.PROVIDER_SAFETY: (key_of(1), key_of(2)),
    SigningRole.FIELD_ENGINEER: (key_of(3),),
    SigningRole.CUSTOMER_OFFICIAL: (key_of(4),),
    SigningRole.PROVIDER_OFFICER: (key_of(5),),
}
ROOTS = TrustRoots(
    "development",
    {
        role: RoleKeys(
            tuple(PinnedKey(key.public_key().public_bytes_raw().hex(), f"{role}-{i}") for i, key in enumerate(keys)),
            2 if role is SigningRole.PROVIDER_SAFETY else 1,
        )
        for role, keys in KEYS.items()
    },
)
SAFETY = KEYS[SigningRole.PROVIDER_SAFETY]


def update_to(version: int, **other: str) -> AgreementUpdate:
    update = AgreementUpdate(FORMAT, BASELINE.id, version, "sha256:" + "1" * 64, BASELINE.digest, {}, NOW)
    return msgspec.structs.replace(update, **other)


def opened(update: AgreementUpdate, *keys: Ed25519PrivateKey) -> AgreementUpdate:
    envelope = sign_statement(update, UPDATE_TYPE, keys)
    return open_update(envelope, ROOTS, BASELINE, at=NOW)


def test_what_the_baselines_signers_signed_is_believed_without_the_customer() -> None:
    assert opened(update_to(2), *SAFETY).version == 2


@pytest.mark.parametrize(
    "signers",
    [
        [SigningRole.CUSTOMER_OFFICIAL],
        [SigningRole.FIELD_ENGINEER],
        [SigningRole.PROVIDER_OFFICER],
        [SigningRole.CUSTOMER_OFFICIAL, SigningRole.FIELD_ENGINEER, SigningRole.PROVIDER_OFFICER],
    ],
)
def test_nobody_else_changes_it_alone_or_together(signers: list[SigningRole]) -> None:
    keys = [key for role in signers for key in KEYS[role]]
    with pytest.raises(TrustError, match="no pinned key of the provider-safety"):
        opened(update_to(2), *keys)


def test_a_threshold_of_two_is_two_persons() -> None:
    with pytest.raises(TrustError, match="it takes 2 persons"):
        opened(update_to(2), SAFETY[0])


@pytest.mark.parametrize(("version", "in_force"), [(1, 1), (2, 2), (2, 5)])
def test_an_older_version_that_is_replayed_is_refused(version: int, in_force: int) -> None:
    with pytest.raises(TrustError, match="was in force already"):
        check_later(version, in_force)
    check_later(in_force + 1, in_force)


@pytest.mark.parametrize(("field", "value"), [("id", "another"), ("baseline", "sha256:" + "2" * 64)])
def test_an_update_of_another_agreement_or_over_another_baseline_is_refused(field: str, value: str) -> None:
    with pytest.raises(TrustError, match="both parties signed"):
        opened(update_to(2, **{field: value}), *SAFETY)


def test_another_format_is_refused() -> None:
    with pytest.raises(TrustError, match="update format"):
        opened(update_to(2, format="brightline-agreement-update/2"), *SAFETY)


def with_signers(*signers: str) -> Agreement:
    return msgspec.structs.replace(BASELINE, change=Change("no-weaker", signers))


def test_a_field_engineer_may_not_be_named_as_a_signer() -> None:
    with pytest.raises(TrustError, match="field engineer"):
        signers_of(with_signers("field-engineer"))


def test_a_signer_that_is_no_role_is_refused() -> None:
    with pytest.raises(TrustError, match="no role here"):
        signers_of(with_signers("the-president"))


def test_the_files_must_be_those_that_were_signed_for() -> None:
    right = msgspec.structs.replace(update_to(BASELINE.version), agreement=BASELINE.digest)
    fits(right, BASELINE)
    with pytest.raises(TrustError, match="the files have digest"):
        fits(update_to(BASELINE.version), BASELINE)
    with pytest.raises(TrustError, match="signed was"):
        fits(msgspec.structs.replace(right, version=7), BASELINE)
