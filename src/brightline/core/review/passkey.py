# SPDX-License-Identifier: Apache-2.0
"""Decisions signed by passkey: WebAuthn assertions (Level 3, sections 5.8.1, 6.1 and 7.2), verified from bytes alone.

The challenge that the authenticator signs is SHA-256 of the canonical decision, so the assertion is a signature over
it: the hold, the digest of the exact bytes that were shown, the answers with their reasons, the agreement and the
release, a nonce. It is kept beside the decision, and whoever has both and the roster verifies it years later, without
us.

The library verifies; what it leaves open is closed here first. Two readings of the client's JSON, a page inside
somebody else's page, algorithms and key encodings other than the two named below, and anything without a bound are
refused before it is asked.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Final
from urllib.parse import urlsplit

import msgspec

from brightline.core.canonical import canonical_bytes
from brightline.core.errors import NotSigned, TrustError
from brightline.core.review.together import Among
from brightline.core.statement import unique_members

ASSERTION_FORMAT: Final = "brightline-assertion/1"
CLIENT_DATA_BYTES_MAX: Final = 4_096
AUTHENTICATOR_DATA_BYTES_MAX: Final = 1_024
SIGNATURE_BYTES_MAX: Final = 128  # ECDSA over P-256 takes up to 72, Ed25519 takes 64
RESPONSE_BYTES_MAX: Final = 16_384
ORIGINS_MAX: Final = 16
LOOPBACK: Final = "localhost"
_ATTESTED: Final = 0x40  # "AT": an assertion attests no credential (section 6.1)

# The only two encodings of a public key (RFC 9052 as CTAP2 writes it): kty, alg, crv, then the point. ES256 on P-256,
# and EdDSA on Ed25519. As templates, so that one key has one encoding and RS256 has none.
_ES256: Final = (bytes.fromhex("a5010203262001215820"), bytes.fromhex("225820"))
_EDDSA: Final = bytes.fromhex("a4010103272006215820")


class RelyingParty(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where passkeys are made and used: the relying party's id (a domain) and the pages from which one may sign."""

    id: str
    origins: tuple[str, ...]


class Assertion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    """A decision and the assertion over it, as a DECISION record keeps it: JSON with bytes in base64.

    ``decision`` holds the canonical bytes; ``credential`` is the credential's id in base64url. ``among`` says where
    the decision stands if one signature is under many (``together.py``).
    """

    format: str
    decision: bytes
    credential: str
    authenticator_data: bytes
    client_data: bytes
    signature: bytes
    among: Among | None = None


class Signed(msgspec.Struct, frozen=True):
    """What an authenticator gave: the parts of an assertion."""

    credential: str
    authenticator_data: bytes
    client_data: bytes
    signature: bytes


def decision_challenge(decision: msgspec.Struct) -> bytes:
    """What the authenticator is given to sign: SHA-256 of the canonical decision, 32 bytes."""
    return hashlib.sha256(decision_bytes(decision)).digest()


def decision_bytes(decision: msgspec.Struct) -> bytes:
    """The canonical decision (RFC 8785). Raises ``TrustError`` for one that has no canonical form."""
    try:
        return canonical_bytes(msgspec.to_builtins(decision))
    except ValueError as error:
        raise TrustError(f"a decision has no canonical form: {error}") from error


def write_assertion(decision: msgspec.Struct, response: bytes, among: Among | None = None) -> bytes:
    """Put a decision and what the browser gave for it into one statement, for the log; nothing is verified here.

    ``response`` is ``PublicKeyCredential.toJSON()`` as bytes. Raises ``TrustError`` if it does not read.
    """
    signed = read_response(response)
    return msgspec.json.encode(
        Assertion(
            ASSERTION_FORMAT,
            decision_bytes(decision),
            signed.credential,
            signed.authenticator_data,
            signed.client_data,
            signed.signature,
            among,
        )
    )


def read_assertion(envelope: bytes) -> Assertion | None:
    """An assertion with its decision; ``None`` if these bytes are something else. Raises ``NotSigned``."""
    try:
        if msgspec.json.decode(envelope, type=_Named).format != ASSERTION_FORMAT:
            return None
        return msgspec.json.decode(envelope, type=Assertion, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotSigned("a decision is neither a signed statement nor an assertion") from error


def read_response(response: bytes) -> Signed:
    """The parts of ``PublicKeyCredential.toJSON()`` of an assertion. Raises ``TrustError``."""
    if len(response) > RESPONSE_BYTES_MAX:
        raise TrustError(f"what the authenticator gave exceeds {RESPONSE_BYTES_MAX} bytes")
    try:
        read = msgspec.json.decode(response, type=_Response, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TrustError(f"what the authenticator gave does not read: {error}") from error
    inner = read.response
    return Signed(
        read.id,
        of_base64url(inner.authenticator_data),
        of_base64url(inner.client_data),
        of_base64url(inner.signature),
    )


def verify(signed: Signed, public: str, challenge: bytes, relying: RelyingParty, counter: int = 0) -> int:
    """Verify an assertion over a challenge by a public key in hex; return the authenticator's counter (0: has none).

    The user was present and verified, on a page of one of the pinned origins that stood in nobody else's page.
    ``counter`` is the last one that was seen of this credential: one that does not grow is refused, because then there
    are two of the authenticator, or the assertion is shown again. Raises ``NotSigned`` if the signature does not hold,
    and ``TrustError`` for that counter.
    """
    from webauthn import verify_authentication_response
    from webauthn.helpers.exceptions import WebAuthnException
    from webauthn.helpers.structs import AuthenticationCredential, AuthenticatorAssertionResponse

    check_client_data(signed.client_data, "webauthn.get", challenge, relying)
    _check_authenticator_data(signed.authenticator_data)
    if not 0 < len(signed.signature) <= SIGNATURE_BYTES_MAX:
        raise NotSigned(f"a signature has 1 to {SIGNATURE_BYTES_MAX} bytes")
    key = check_public_key(public)
    credential = AuthenticationCredential(
        id=signed.credential,
        raw_id=of_base64url(signed.credential),
        response=AuthenticatorAssertionResponse(signed.client_data, signed.authenticator_data, signed.signature),
    )
    try:
        verified = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=relying.id,
            expected_origin=list(relying.origins),
            credential_public_key=key,
            credential_current_sign_count=0,  # looked at below: a signature that holds is one
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, TypeError, RecursionError) as error:
        raise NotSigned(f"the passkey did not sign this: {error}") from error
    signs = verified.new_sign_count
    if (signs or counter) and signs <= counter:  # section 6.1.1
        raise TrustError(f"the sign count {signs} is not above {counter}: another authenticator has the same passkey")
    return signs


def check_public_key(public: str) -> bytes:
    """The bytes of a COSE key in hex, if it is ES256 on P-256 or EdDSA on Ed25519. Raises ``TrustError``."""
    try:
        key = bytes.fromhex(public)
    except ValueError as error:
        raise TrustError("the public key of a passkey is not hex") from error
    head, between = _ES256
    es256 = len(key) == len(head) + len(between) + 64 and key.startswith(head) and key[42:45] == between
    eddsa = len(key) == len(_EDDSA) + 32 and key.startswith(_EDDSA)
    if not es256 and not eddsa:
        raise TrustError("the public key of a passkey is ES256 on P-256 or EdDSA on Ed25519, in its one encoding")
    return key


def check_client_data(data: bytes, ceremony: str, challenge: bytes, relying: RelyingParty) -> None:
    """What the browser says of a ceremony, held to what was asked (section 5.8.1). Raises ``NotSigned``."""
    if len(data) > CLIENT_DATA_BYTES_MAX:
        raise NotSigned(f"the client's data exceeds {CLIENT_DATA_BYTES_MAX} bytes")
    try:
        said = json.loads(data, object_pairs_hook=unique_members)
    except (ValueError, RecursionError) as error:
        raise NotSigned("the client's data does not read in one way") from error
    if not isinstance(said, dict) or said.get("type") != ceremony:
        raise NotSigned(f"the client's data is not of a {ceremony}")
    if said.get("challenge") != base64url(challenge):
        raise NotSigned("the passkey signed another challenge: not this decision")
    if said.get("origin") not in relying.origins:
        raise NotSigned(f"it was signed on {str(said.get('origin'))[:80]!r}, which is none of the pinned origins")
    # Section 5.8.1: a page within another page. Whoever frames ours could draw something else around it.
    if said.get("crossOrigin", False) is not False or "topOrigin" in said:
        raise NotSigned("it was signed in a page within somebody else's page")


def check_relying_party(relying: RelyingParty) -> None:
    """Refuse origins that are not the relying party's, or that anybody on the way could be. Raises ``TrustError``."""
    if not relying.id or not 0 < len(relying.origins) <= ORIGINS_MAX:
        raise TrustError(f"passkeys need a relying party's id and 1 to {ORIGINS_MAX} origins")
    for origin in relying.origins:
        try:
            parts = urlsplit(origin)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise TrustError(f"{origin[:80]!r} is no origin: {error}") from error
        written = f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")
        if origin != written or not host:
            raise TrustError(f"{origin[:80]!r} is no origin; expected scheme://host or scheme://host:port")
        if parts.scheme != "https" and (parts.scheme, host) != ("http", LOOPBACK):
            raise TrustError(f"{origin[:80]!r}: people sign over https; http is for {LOOPBACK}, in development")
        if host != relying.id and not host.endswith(f".{relying.id}"):
            raise TrustError(f"{origin[:80]!r} is not within {relying.id[:80]!r}")


def base64url(data: bytes) -> str:
    """Base64url without padding, as WebAuthn writes bytes in JSON."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def of_base64url(text: str) -> bytes:
    """The bytes. Raises ``TrustError`` unless this is their one spelling."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise TrustError("this is not base64url") from error
    if base64url(data) != text:
        raise TrustError("this is not base64url without padding")
    return data


class _Named(msgspec.Struct, frozen=True):
    format: str = ""


class _Inner(
    msgspec.Struct,
    frozen=True,
    rename={"authenticator_data": "authenticatorData", "client_data": "clientDataJSON"},
):
    authenticator_data: str
    client_data: str
    signature: str


class _Response(msgspec.Struct, frozen=True):
    id: str
    response: _Inner


def _check_authenticator_data(data: bytes) -> None:
    if not 37 <= len(data) <= AUTHENTICATOR_DATA_BYTES_MAX:
        raise NotSigned(f"the authenticator's data has 37 to {AUTHENTICATOR_DATA_BYTES_MAX} bytes")
    if data[32] & _ATTESTED:
        raise NotSigned("an assertion attests no credential")
