# SPDX-License-Identifier: Apache-2.0
"""A statement that both parties of an agreement signed: DSSE v1 envelopes, verified before a byte is read.

Registrations and the installation are such statements. The payload is canonical JSON of a typed struct; the payload
type is part of what is signed (DSSE protocol, "pre-authentication encoding"), so that one kind of statement cannot be
passed off as another. Which keys speak for whom is pinned in :class:`TrustRoots`, never taken from the envelope.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer._crypto_signer import CryptoSigner
from securesystemslib.signer._key import SSlibKey

from brightline.core.errors import TrustError

STATEMENT_BYTES_MAX: Final = 65_536
T = TypeVar("T")


class TrustRoots(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is believed. Keys are raw Ed25519 public keys in hex.

    ``profile`` is ``development`` (both parties' keys are local, and everything says so) or ``production``. The
    profiles differ in these roots alone.
    """

    profile: str
    provider_officers: tuple[str, ...]
    customer_officials: tuple[str, ...]


def _verifier(public_hex: str) -> SSlibKey:
    try:
        return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_hex)))
    except ValueError as error:
        raise TrustError("a pinned public key is not 32 bytes in hex") from error


def sign_statement(value: msgspec.Struct, payload_type: str, keys: Sequence[Ed25519PrivateKey]) -> bytes:
    """Sign one statement with every key; return the envelope as JSON bytes."""
    envelope = Envelope(msgspec.json.encode(value, order="sorted"), payload_type, {})
    for key in keys:
        envelope.sign(CryptoSigner(key))
    return json.dumps(envelope.to_dict(), sort_keys=True, separators=(",", ":")).encode()


def open_statement(envelope: bytes, payload_type: str, type_: type[T], roots: TrustRoots) -> T:
    """Verify that a pinned key of *each* party signed, then read the verified bytes.

    Raises ``TrustError`` and says which party's signature is missing.
    """
    if len(envelope) > STATEMENT_BYTES_MAX:
        raise TrustError(f"a statement of {len(envelope)} bytes exceeds {STATEMENT_BYTES_MAX}")
    try:
        opened = Envelope.from_dict(json.loads(envelope))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrustError("a statement is not a DSSE envelope") from error
    if opened.payload_type != payload_type:
        raise TrustError(f"a statement of type {opened.payload_type[:80]!r} where {payload_type!r} is expected")
    for party, pinned in (("provider", roots.provider_officers), ("customer", roots.customer_officials)):
        try:
            opened.verify([_verifier(key) for key in pinned], 1)
        except (VerificationError, ValueError) as error:
            raise TrustError(f"no pinned key of the {party} signed this statement") from error
    if set(roots.provider_officers) & set(roots.customer_officials):
        raise TrustError("one key is pinned for both parties: nobody signs for the other")
    try:
        return msgspec.json.decode(opened.payload, type=type_, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TrustError(f"a signed statement does not read as {type_.__name__}: {error}") from error
