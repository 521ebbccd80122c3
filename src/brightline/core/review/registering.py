# SPDX-License-Identifier: Apache-2.0
"""A passkey that somebody made (WebAuthn Level 3, section 7.1): verified, and turned into a line of the roster.

No device is asked who made it: which kinds of authenticators are good enough is for the parties, who hand them out.
What counts is that the person had the one-time code, that the user was verified, and that the key is one that this
code knows.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from brightline.core.errors import TrustError
from brightline.core.review.passkey import (
    RESPONSE_BYTES_MAX,
    RelyingParty,
    base64url,
    check_client_data,
    check_public_key,
    of_base64url,
)
from brightline.core.review.roster import Credential, CredentialKind

ES256: Final = -7
EDDSA: Final = -8
CREDENTIAL_ID_BYTES_MAX: Final = 1_023
_FORMATS: Final = frozenset({"none", "packed"})


def creation_options(relying: RelyingParty, challenge: bytes, person: str, known: tuple[Credential, ...]) -> str:
    """``PublicKeyCredentialCreationOptionsJSON`` (section 5.1.8): a passkey that the device keeps for somebody."""
    passkeys = [each for each in known if each.kind is CredentialKind.PASSKEY]
    options = {
        "rp": {"id": relying.id, "name": "Brightline review"},
        "user": {"id": base64url(hashlib.sha256(person.encode()).digest()), "name": person, "displayName": person},
        "challenge": base64url(challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": alg} for alg in (ES256, EDDSA)],
        "timeout": 120_000,
        "excludeCredentials": [{"type": "public-key", "id": each.id} for each in passkeys],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
    }
    return msgspec.json.encode(options).decode()


def verify_registration(response: bytes, challenge: bytes, relying: RelyingParty) -> Credential:
    """The credential that ``navigator.credentials.create()`` made for a challenge. Raises ``TrustError``.

    ``response`` is ``PublicKeyCredential.toJSON()`` as bytes.
    """
    from webauthn import verify_registration_response
    from webauthn.helpers import parse_attestation_object
    from webauthn.helpers.cose import COSEAlgorithmIdentifier
    from webauthn.helpers.exceptions import WebAuthnException

    if len(response) > RESPONSE_BYTES_MAX:
        raise TrustError(f"what the authenticator gave exceeds {RESPONSE_BYTES_MAX} bytes")
    try:
        read = msgspec.json.decode(response, type=_Made, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TrustError(f"what the authenticator gave does not read: {error}") from error
    inner = read.response
    check_client_data(of_base64url(inner.client_data), "webauthn.create", challenge, relying)
    given = {
        "id": read.id,
        "rawId": read.id,
        "type": "public-key",
        "response": {"clientDataJSON": inner.client_data, "attestationObject": inner.attestation},
    }
    try:
        stated = parse_attestation_object(of_base64url(inner.attestation)).fmt
        if stated not in _FORMATS:
            raise TrustError(f"an attestation of format {str(stated)[:40]!r} was not asked for")
        verified = verify_registration_response(
            credential=given,
            expected_challenge=challenge,
            expected_rp_id=relying.id,
            expected_origin=list(relying.origins),
            require_user_verification=True,
            supported_pub_key_algs=[COSEAlgorithmIdentifier(ES256), COSEAlgorithmIdentifier(EDDSA)],
        )
    except (WebAuthnException, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise TrustError(f"the passkey was not made as it should be: {error}") from error
    if not 0 < len(verified.credential_id) <= CREDENTIAL_ID_BYTES_MAX or base64url(verified.credential_id) != read.id:
        raise TrustError("the passkey has another id than it says, or too long a one")
    public = verified.credential_public_key.hex()
    check_public_key(public)
    return Credential(CredentialKind.PASSKEY, read.id, public)


class _Inner(
    msgspec.Struct, frozen=True, rename={"client_data": "clientDataJSON", "attestation": "attestationObject"}
):
    client_data: str
    attestation: str


class _Made(msgspec.Struct, frozen=True):
    id: str
    response: _Inner
