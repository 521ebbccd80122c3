# SPDX-License-Identifier: Apache-2.0
"""Who stands in the loop: persons of an office with a clearance that ends, each with credentials of their own.

The roster is part of the installation, which both parties sign: so one administrator cannot make two reviewers. Ids
are opaque; nothing here knows a name.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

import msgspec

from brightline.core.errors import TrustError


class CredentialKind(enum.StrEnum):
    """What a person signs with."""

    KEY = "ed25519"  # a raw Ed25519 public key in hex
    PASSKEY = "webauthn"  # a COSE public key in hex


class Credential(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One credential of one person."""

    kind: CredentialKind
    id: str
    public: str


class ClearedPerson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person of an office, by an opaque id; ``cleared_until`` in Unix seconds.

    ``organisation`` is a word for who employs them, where the agreement asks for distinct ones.
    """

    id: str
    office: str
    cleared_until: int
    organisation: str = ""
    credentials: tuple[Credential, ...] = ()


def check_roster(roster: Sequence[ClearedPerson]) -> None:
    """Refuse a roster on which somebody stands twice, or two persons share a credential. Raises ``TrustError``."""
    persons: set[str] = set()
    keys: set[str] = set()
    for person in roster:
        if person.id in persons:
            raise TrustError(f"{person.id} stands on the roster twice: one person has one office")
        persons.add(person.id)
        for credential in person.credentials:
            public = credential.public.lower()
            if public in keys:
                raise TrustError(f"{person.id} shares a credential with somebody else on the roster")
            keys.add(public)
