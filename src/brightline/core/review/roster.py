# SPDX-License-Identifier: Apache-2.0
"""Who stands in the loop: persons of an office with a clearance that ends, each with credentials of their own.

The roster begins with the installation, which both parties sign, and goes on with enrolments, which both sign too
(``enrolment.py``): so one administrator cannot make two reviewers. Ids are opaque; nothing here knows a name.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from brightline.core.errors import TrustError
from brightline.core.review.passkey import RelyingParty, check_public_key, check_relying_party
from brightline.core.review.roles import Role, check_roles

INSTALLATION_TYPE: Final = "application/vnd.brightline.installation+json"
LEVEL_MAX: Final = 9
CREDENTIALS_MAX: Final = 16
COMPARTMENTS_MAX: Final = 64
WORD_CHARS_MAX: Final = 128
CREDENTIAL_ID_CHARS_MAX: Final = 1_400  # WebAuthn Level 3, section 4: a credential id has at most 1,023 bytes


class CredentialKind(enum.StrEnum):
    """What a person signs with."""

    KEY = "ed25519"  # a raw Ed25519 public key in hex
    PASSKEY = "webauthn"  # a COSE public key in hex


class Credential(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One credential of one person. The ``id`` of a passkey is its credential id in base64url."""

    kind: CredentialKind
    id: str
    public: str


class Clearance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far somebody is cleared, or how far one must be: a level, and compartments beside it."""

    level: int = 0
    compartments: tuple[str, ...] = ()

    def covers(self, needed: Clearance) -> bool:
        """Whether somebody of this clearance may know what needs that one."""
        return self.level >= needed.level and set(self.compartments) >= set(needed.compartments)


class ClearedPerson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person of an office, by an opaque id; ``cleared_until`` in Unix seconds.

    ``organisation`` is a word for who employs them, where the agreement asks for distinct ones. A roster that says
    nothing of roles was signed when there was one.
    """

    id: str
    office: str
    cleared_until: int
    organisation: str = ""
    credentials: tuple[Credential, ...] = ()
    roles: tuple[Role, ...] = (Role.REVIEWER,)
    clearance: Clearance = Clearance()


class ReviewTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How people sign and what they must be cleared for, as both parties signed it with the installation.

    ``passkeys`` names where passkeys are made and used; without it none is believed. ``software_keys`` lets a key in a
    file sign decisions, in development alone. ``needs`` says by unit how far one must be cleared to see and decide
    what is held of it; a unit without a line needs nothing beyond the roster.
    """

    passkeys: RelyingParty | None = None
    software_keys: bool = False
    needs: Mapping[str, Clearance] = {}

    def need(self, unit: str) -> Clearance:
        """How far one must be cleared for a unit."""
        return self.needs.get(unit, _NOTHING)


_NOTHING: Final = Clearance()


def check_terms(terms: ReviewTerms) -> None:
    """Refuse terms under which an origin elsewhere could sign. Raises ``TrustError``."""
    if terms.passkeys is not None:
        check_relying_party(terms.passkeys)
    for unit, need in terms.needs.items():
        _check_clearance(f"unit {unit[:WORD_CHARS_MAX]!r}", need)


def check_person(person: ClearedPerson) -> None:
    """Refuse an entry of the roster that does not hold its form. Raises ``TrustError``."""
    words = (person.id, person.office, person.organisation)
    if not person.id or any(len(word) > WORD_CHARS_MAX for word in words):
        raise TrustError(f"{person.id[:WORD_CHARS_MAX]!r}: an id, office and organisation have at most 128 characters")
    check_roles(person.id, person.roles)
    _check_clearance(person.id, person.clearance)
    if len(person.credentials) > CREDENTIALS_MAX:
        raise TrustError(f"{person.id} has more than {CREDENTIALS_MAX} credentials")
    for credential in person.credentials:
        if not 0 < len(credential.id) <= CREDENTIAL_ID_CHARS_MAX:
            raise TrustError(f"a credential of {person.id} has no id, or too long a one")
        if credential.kind is CredentialKind.PASSKEY:
            check_public_key(credential.public)


def check_roster(roster: Sequence[ClearedPerson]) -> None:
    """Refuse a roster on which somebody stands twice, or two persons share a credential. Raises ``TrustError``."""
    persons: set[str] = set()
    keys: set[str] = set()
    for person in roster:
        check_person(person)
        if person.id in persons:
            raise TrustError(f"{person.id} stands on the roster twice: one person has one office")
        persons.add(person.id)
        for credential in person.credentials:
            named = {credential.public.lower(), f"{credential.kind.value} {credential.id}"}
            if named & keys:
                raise TrustError(f"{person.id} shares a credential with somebody else on the roster")
            keys |= named


def _check_clearance(whose: str, clearance: Clearance) -> None:
    if not 0 <= clearance.level <= LEVEL_MAX:
        raise TrustError(f"{whose}: a clearance has a level from 0 to {LEVEL_MAX}, not {clearance.level}")
    named = clearance.compartments
    if len(named) > COMPARTMENTS_MAX or any(not 0 < len(word) <= WORD_CHARS_MAX for word in named):
        raise TrustError(f"{whose}: at most {COMPARTMENTS_MAX} compartments, each of 1 to {WORD_CHARS_MAX} characters")
