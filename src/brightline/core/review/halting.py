# SPDX-License-Identifier: Apache-2.0
"""Halts and their ends, signed by passkey: by people of the roster, beside or instead of the keys that are pinned.

What a passkey signs is SHA-256 of the very bytes that a key signs (DSSE v1, "pre-authentication encoding"): the type
of the statement, and the statement. So it is no decision's challenge, whoever asks for it, and keys and passkeys may
sign the same paper.

Anybody whose role may halt halts alone, because both parties signed them onto the roster for that. An end takes one of
each party. Of which party somebody is, is not the roster's to say: whoever signs for a role is a holder of it in the
pinned roots, by the same id, while their key there is in date; the passkey stands in the place of that key alone.

A counter is not looked at. A halt counts once by its random id, and an end names the halts that it ends: to show
either again changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final, Generic, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.errors import NotSigned, TrustError
from brightline.core.halt import (
    HALT_TYPE,
    RESUMPTION_SIGNERS,
    RESUMPTION_TYPE,
    HaltOrder,
    Resumption,
    check_halt,
    check_resumption,
    open_halt,
    open_resumption,
)
from brightline.core.review.passkey import RelyingParty, Signed, read_response, verify
from brightline.core.review.roles import May, may
from brightline.core.review.roster import ClearedPerson, CredentialKind
from brightline.core.statement import (
    STATEMENT_BYTES_MAX,
    RoleKeys,
    SigningRole,
    TrustRoots,
    add_signature,
    check_roots,
    holders_who_signed,
    join_signatures,
    pae,
    unverified_payload,
)

ASSERTED_FORMAT: Final = "brightline-asserted/1"
ASSERTIONS_MAX: Final = 16
T = TypeVar("T")


class StatementAssertion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """One person's assertion over a statement. ``credential`` is its id in base64url; bytes are base64."""

    person: str
    credential: str
    authenticator_data: bytes
    client_data: bytes
    signature: bytes


class Asserted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A statement (a DSSE envelope, with the signatures by keys that it has) and the assertions over it."""

    format: str
    envelope: bytes
    assertions: tuple[StatementAssertion, ...]


class Given(msgspec.Struct, Generic[T], frozen=True):
    """A verified statement, and the people who signed it, by id or holder's name."""

    value: T
    people: tuple[str, ...]


class Signers(msgspec.Struct, frozen=True):
    """Who is believed: the pinned keys, who is on the roster now, and where passkeys are used."""

    roots: TrustRoots
    people: Mapping[str, ClearedPerson]
    relying: RelyingParty | None


# ---- signing ----------------------------------------------------------------------------------------------------


def statement_challenge(statement: bytes, payload_type: str) -> bytes:
    """What the authenticator is given to sign, 32 bytes. Raises ``TrustError`` for another type of statement."""
    return hashlib.sha256(pae(read_asserted(statement).envelope, payload_type)).digest()


def add_assertion(statement: bytes, person: str, response: bytes) -> bytes:
    """The statement with what the browser gave for it (``PublicKeyCredential.toJSON()``); nothing is verified here.

    Raises ``TrustError`` if it does not read.
    """
    asserted, signed = read_asserted(statement), read_response(response)
    new = StatementAssertion(
        person, signed.credential, signed.authenticator_data, signed.client_data, signed.signature
    )
    return msgspec.json.encode(Asserted(ASSERTED_FORMAT, asserted.envelope, (*asserted.assertions, new)))


def add_key_signature(statement: bytes, payload_type: str, key: Ed25519PrivateKey) -> bytes:
    """The statement with a key's signature beside what it has. Raises ``TrustError`` for another type."""
    asserted = read_asserted(statement)
    envelope = add_signature(asserted.envelope, payload_type, key)
    return _written(msgspec.structs.replace(asserted, envelope=envelope))


def join_statements(statement: bytes, other: bytes, payload_type: str) -> bytes:
    """The statement with what both have: signatures by keys, and assertions, each once; nothing is verified here.

    Raises ``TrustError`` unless both are over the very same bytes.
    """
    one, two = read_asserted(statement), read_asserted(other)
    envelope = join_signatures(one.envelope, two.envelope, payload_type)
    assertions = {(each.person, each.credential): each for each in (*one.assertions, *two.assertions)}
    return _written(Asserted(ASSERTED_FORMAT, envelope, tuple(assertions.values())))


def read_asserted(statement: bytes) -> Asserted:
    """A statement with its assertions; one that keys alone signed has none. Raises ``TrustError``."""
    if len(statement) > STATEMENT_BYTES_MAX:
        raise TrustError(f"a statement of {len(statement)} bytes exceeds {STATEMENT_BYTES_MAX}")
    try:
        if msgspec.json.decode(statement, type=_Named).format != ASSERTED_FORMAT:
            return Asserted(ASSERTED_FORMAT, statement, ())
        asserted = msgspec.json.decode(statement, type=Asserted, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TrustError("a statement is neither a DSSE envelope nor one with assertions") from error
    if not 0 < len(asserted.assertions) <= ASSERTIONS_MAX:
        raise TrustError(f"a statement has 1 to {ASSERTIONS_MAX} assertions, or none and no place for them")
    return asserted


def read_assertions(statement: bytes) -> tuple[StatementAssertion, ...]:
    """The assertions over a statement, unverified; none where keys alone signed, or where it does not read."""
    try:
        return read_asserted(statement).assertions
    except TrustError:
        return ()


# ---- reading ----------------------------------------------------------------------------------------------------


def open_halt_by_people(statement: bytes, signers: Signers, *, at: int) -> Given[HaltOrder]:
    """Verify that somebody who may halt signed, by a pinned key or by passkey, and read it. Raises ``TrustError``."""
    asserted = read_asserted(statement)
    if not asserted.assertions:
        by_key = open_halt(statement, signers.roots, at=at)
        return Given(by_key.value, tuple(sorted({holder for _, holder in by_key.signers})))
    people = _who_signed(asserted, HALT_TYPE, May.HALT, signers, at)
    order = unverified_payload(asserted.envelope, HALT_TYPE, HaltOrder)  # which these people signed
    check_halt(order)
    return Given(order, tuple(sorted(people)))


def open_resumption_by_people(statement: bytes, signers: Signers, *, at: int) -> Given[Resumption]:
    """Verify that both parties signed, by pinned keys or passkeys of their holders, and read it.

    As many distinct persons of each role as the roots ask for; a key and a passkey of one person are one. Raises
    ``TrustError``.
    """
    asserted = read_asserted(statement)
    if not asserted.assertions:
        by_key = open_resumption(statement, signers.roots, at=at)
        return Given(by_key.value, tuple(sorted({holder for _, holder in by_key.signers})))
    check_roots(signers.roots)
    people = _who_signed(asserted, RESUMPTION_TYPE, May.RESUME, signers, at)
    found: set[str] = set()
    for need in RESUMPTION_SIGNERS:
        wanted = max(need.holders, signers.roots.roles.get(need.role, RoleKeys(())).threshold)
        holders = holders_who_signed(asserted.envelope, RESUMPTION_TYPE, need.role, signers.roots, at=at)
        holders |= {person for person in people if need.role in _roles_of(person, signers.roots, at)}
        if len(holders) < wanted:
            raise TrustError(f"{len(holders)} of the {need.role} signed this; it takes {wanted}")
        found |= holders
    said = unverified_payload(asserted.envelope, RESUMPTION_TYPE, Resumption)
    check_resumption(said)
    return Given(said, tuple(sorted(found)))


def would_count(person: ClearedPerson | None, act: May, roots: TrustRoots, at: int) -> bool:
    """Whether somebody's passkey would count under a halt or its end at ``at`` (Unix seconds)."""
    if person is None or person.cleared_until <= at or not may(person.roles, act):
        return False
    return act is May.HALT or bool(_roles_of(person.id, roots, at) & {need.role for need in RESUMPTION_SIGNERS})


def check_assertions(statement: bytes, payload_type: str, act: May, signers: Signers, *, at: int) -> None:
    """Verify each assertion over a statement that others may sign yet. Raises ``TrustError``."""
    _who_signed(read_asserted(statement), payload_type, act, signers, at)


def _who_signed(asserted: Asserted, payload_type: str, act: May, signers: Signers, at: int) -> tuple[str, ...]:
    """The people whose assertions hold and whose role this is. One that does not hold spoils all of it."""
    if signers.relying is None:
        raise TrustError("the parties pinned no origin for passkeys, so none is believed")
    challenge = hashlib.sha256(pae(asserted.envelope, payload_type)).digest()
    found: dict[str, None] = {}
    for each in asserted.assertions:
        person = signers.people.get(each.person)
        if person is None:
            raise TrustError("signed by somebody who is not on the roster")
        if person.cleared_until <= at:
            raise TrustError(f"the clearance of {person.id} had ended")
        if not may(person.roles, act):
            raise TrustError(f"{person.id} has no role that may {act.value}")
        passkeys = {one.id: one.public for one in person.credentials if one.kind is CredentialKind.PASSKEY}
        if each.credential not in passkeys:
            raise NotSigned(f"it was signed by a passkey that is not {person.id}'s")
        signed = Signed(each.credential, each.authenticator_data, each.client_data, each.signature)
        verify(signed, passkeys[each.credential], challenge, signers.relying)
        found[person.id] = None
    return tuple(found)


def _roles_of(person: str, roots: TrustRoots, at: int) -> frozenset[SigningRole]:
    """The roles that somebody holds in the pinned roots, by a key in date; none if these are of both parties."""
    held = frozenset(
        role
        for role, pinned in roots.roles.items()
        if any(key.holder == person and not key.expired(at) for key in pinned.keys)
    )
    return held if len({role.party for role in held}) == 1 else frozenset()


def _written(asserted: Asserted) -> bytes:
    return msgspec.json.encode(asserted) if asserted.assertions else asserted.envelope


class _Named(msgspec.Struct, frozen=True):
    format: str = ""
