# SPDX-License-Identifier: Apache-2.0
"""A statement that people of the parties signed: DSSE v1 envelopes, verified before a byte is read.

Registrations, agreements, standing orders and the installation are such statements. The payload is canonical JSON of a
typed struct; the payload type is part of what is signed (DSSE protocol, "pre-authentication encoding"), so that one
kind of statement cannot be passed off as another. Which keys speak in which role, for how long, and how many persons a
role takes is pinned in :class:`TrustRoots`, never taken from the envelope.

A role counts *persons*, not keys: two keys of one holder are one signature. No role signs for the other party.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Sequence
from typing import Final, Generic, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer._crypto_signer import CryptoSigner
from securesystemslib.signer._key import SSlibKey

from brightline.core.errors import TrustError

STATEMENT_BYTES_MAX: Final = 65_536
SIGNATURES_MAX: Final = 100
NEVER_EXPIRES: Final = 0
T = TypeVar("T")


class Party(enum.StrEnum):
    """The two sides of an agreement."""

    PROVIDER = "provider"
    CUSTOMER = "customer"


class SigningRole(enum.StrEnum):
    """What a signature may stand for. A field engineer operates and repairs, and so signs nothing here."""

    PROVIDER_OFFICER = "provider-officer"
    PROVIDER_SAFETY = "provider-safety"
    PROVIDER_CLEARED = "provider-cleared"
    FIELD_ENGINEER = "field-engineer"
    CUSTOMER_OFFICIAL = "customer-official"

    @property
    def party(self) -> Party:
        """The party whose people hold this role."""
        return Party.CUSTOMER if self is SigningRole.CUSTOMER_OFFICIAL else Party.PROVIDER


class PinnedKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A raw Ed25519 public key in hex, the person or office that holds it, and until when (Unix seconds; 0: never)."""

    public: str
    holder: str
    expires: int = NEVER_EXPIRES

    def expired(self, at: int) -> bool:
        """Whether it counts for nothing at ``at`` (Unix seconds)."""
        return self.expires != NEVER_EXPIRES and self.expires <= at


class RoleKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of one role, and how many distinct holders must sign for the role to have spoken."""

    keys: tuple[PinnedKey, ...]
    threshold: int = 1


class TrustRoots(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is believed.

    ``profile`` is ``development`` (both parties' keys are local, and everything says so) or ``production``. The
    profiles differ in these roots alone.
    """

    profile: str
    roles: dict[SigningRole, RoleKeys]


class Needed(msgspec.Struct, frozen=True):
    """A role that must have signed, by at least so many distinct holders; never fewer than its pinned threshold."""

    role: SigningRole
    holders: int = 1


BOTH_PARTIES: Final = (Needed(SigningRole.PROVIDER_OFFICER), Needed(SigningRole.CUSTOMER_OFFICIAL))


class Opened(msgspec.Struct, Generic[T], frozen=True):
    """A verified statement and who signed it: pairs (role, holder), of the roles that were needed."""

    value: T
    signers: tuple[tuple[SigningRole, str], ...]


def sign_statement(value: msgspec.Struct, payload_type: str, keys: Sequence[Ed25519PrivateKey]) -> bytes:
    """Sign one statement with every key; return the envelope as JSON bytes."""
    return sign_payload(msgspec.json.encode(value, order="sorted"), payload_type, keys)


def sign_payload(payload: bytes, payload_type: str, keys: Sequence[Ed25519PrivateKey]) -> bytes:
    """Sign bytes as they are, such as a file that people read; return the envelope as JSON bytes."""
    envelope = Envelope(payload, payload_type, {})
    for key in keys:
        envelope.sign(CryptoSigner(key))
    return json.dumps(envelope.to_dict(), sort_keys=True, separators=(",", ":")).encode()


def add_signature(envelope: bytes, payload_type: str, key: Ed25519PrivateKey) -> bytes:
    """Sign an envelope that others may have signed. Raises ``TrustError`` for another type of statement."""
    opened = _envelope(envelope, payload_type)
    opened.sign(CryptoSigner(key))
    return json.dumps(opened.to_dict(), sort_keys=True, separators=(",", ":")).encode()


def join_signatures(envelope: bytes, other: bytes, payload_type: str) -> bytes:
    """One statement with the signatures of both envelopes; of two by one key id, that of ``other``.

    Raises ``TrustError`` unless both are over the very same bytes, or for another type.
    """
    first, second = _envelope(envelope, payload_type), _envelope(other, payload_type)
    if first.pae() != second.pae():
        raise TrustError("these are signatures of two statements")
    joined = Envelope(first.payload, payload_type, {**first.signatures, **second.signatures})
    return json.dumps(joined.to_dict(), sort_keys=True, separators=(",", ":")).encode()


def open_payload(envelope: bytes, payload_type: str, public: bytes, bytes_max: int = STATEMENT_BYTES_MAX) -> bytes:
    """The payload that this one raw Ed25519 key signed: for statements of a machine, which nobody's role signs.

    Key ids decide nothing (DSSE protocol: "must not be used for security decisions"), and a signature that fails
    spoils none beside it. Raises ``TrustError``.
    """
    opened = _envelope(envelope, payload_type, bytes_max)
    key = Ed25519PublicKey.from_public_bytes(public)
    for signature in list(opened.signatures.values())[:SIGNATURES_MAX]:
        try:
            key.verify(bytes.fromhex(signature.signature), opened.pae())
        except (InvalidSignature, ValueError):
            continue
        return bytes(opened.payload)
    raise TrustError("this key did not sign this statement")


def unverified_payload(envelope: bytes, payload_type: str, type_: type[T]) -> T:
    """What an envelope says, whoever signed it: to show it, never to act on it. Raises ``TrustError``."""
    try:
        return msgspec.json.decode(_envelope(envelope, payload_type).payload, type=type_, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TrustError(f"a statement does not read as {type_.__name__}: {error}") from error


def pae(envelope: bytes, payload_type: str) -> bytes:
    """The bytes that are signed of a statement (DSSE v1, "pre-authentication encoding"): its type and its payload.

    Raises ``TrustError`` for another type.
    """
    return bytes(_envelope(envelope, payload_type).pae())


def holders_who_signed(
    envelope: bytes, payload_type: str, role: SigningRole, roots: TrustRoots, *, at: int
) -> frozenset[str]:
    """The distinct holders of a role whose key signed and was in date at ``at``, by name; none if nobody did."""
    opened, pinned = _envelope(envelope, payload_type), roots.roles.get(role, RoleKeys(()))
    return frozenset(key.holder for key in pinned.keys if not key.expired(at) and _signed(opened, key))


def open_statement(
    envelope: bytes,
    payload_type: str,
    type_: type[T],
    roots: TrustRoots,
    *,
    at: int,
    needed: Sequence[Needed] = BOTH_PARTIES,
) -> T:
    """Verify as :func:`open_signed` does, and return what was said."""
    return open_signed(envelope, payload_type, type_, roots, at=at, needed=needed).value


def open_signed(
    envelope: bytes,
    payload_type: str,
    type_: type[T],
    roots: TrustRoots,
    *,
    at: int,
    needed: Sequence[Needed] = BOTH_PARTIES,
) -> Opened[T]:
    """Verify that every needed role signed, then read the verified bytes.

    ``at`` is the time (Unix seconds) at which the statement was received or logged: a key that had expired by then
    counts for nothing. Raises ``TrustError`` and says which role's signature is missing.
    """
    check_roots(roots)
    opened = _envelope(envelope, payload_type)
    if not needed:
        raise TrustError("a statement that nobody needs to sign is no statement")
    signers: list[tuple[SigningRole, str]] = []
    for need in needed:
        signers += [(need.role, holder) for holder in _holders(opened, need, roots, at)]
    try:
        value = msgspec.json.decode(opened.payload, type=type_, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TrustError(f"a signed statement does not read as {type_.__name__}: {error}") from error
    return Opened(value, tuple(signers))


def _envelope(envelope: bytes, payload_type: str, bytes_max: int = STATEMENT_BYTES_MAX) -> Envelope:
    if len(envelope) > bytes_max:
        raise TrustError(f"a statement of {len(envelope)} bytes exceeds {bytes_max}")
    try:
        opened = Envelope.from_dict(json.loads(envelope, object_pairs_hook=unique_members))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise TrustError("a statement is not a DSSE envelope") from error
    if opened.payload_type != payload_type:
        raise TrustError(f"a statement of type {opened.payload_type[:80]!r} where {payload_type!r} is expected")
    return opened


def unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object in which no member stands twice: two readers would take different ones."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members


def check_roots(roots: TrustRoots) -> None:
    """Refuse roots under which one key would speak for both parties. Raises ``TrustError``."""
    keys: dict[Party, set[str]] = {party: set() for party in Party}
    for role, pinned in roots.roles.items():
        if pinned.threshold < 1:
            raise TrustError(f"the role {role} takes {pinned.threshold} signatures: nobody would have to sign")
        keys[role.party] |= {key.public.lower() for key in pinned.keys}
    if keys[Party.PROVIDER] & keys[Party.CUSTOMER]:
        raise TrustError("one key is pinned for both parties: nobody signs for the other")


def _holders(opened: Envelope, need: Needed, roots: TrustRoots, at: int) -> tuple[str, ...]:
    """The distinct holders of the role who signed, by name. Raises ``TrustError`` if they are too few."""
    pinned = roots.roles.get(need.role, RoleKeys(()))
    wanted = max(need.holders, pinned.threshold)
    found: set[str] = set()
    expired: set[str] = set()
    for key in pinned.keys:
        if not _signed(opened, key):
            continue
        if key.expired(at):
            expired.add(key.holder)
        else:
            found.add(key.holder)
    if len(found) >= wanted:
        return tuple(sorted(found))
    why = f"no pinned key of the {need.role} signed this statement"
    if found:
        why = f"{len(found)} of the {need.role} signed this statement; it takes {wanted} persons"
    if expired:
        why += f" (the key of {', '.join(sorted(expired))} has expired)"
    raise TrustError(why)


def _signed(opened: Envelope, key: PinnedKey) -> bool:
    try:
        verifier = SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.public)))
    except ValueError as error:
        raise TrustError(f"the pinned public key of {key.holder} is not 32 bytes in hex") from error
    try:
        opened.verify([verifier], 1)
    except VerificationError:
        return False
    return True
