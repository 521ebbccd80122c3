# SPDX-License-Identifier: Apache-2.0
"""A workload: who calls, for which unit and purpose, and which facts its registration states.

A registration is signed by an accountable official of the customer and an officer of the provider (``statement.py``)
and logged as a WORKLOAD record. The table of workloads is rebuilt from the log; a database is only its cache.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

import msgspec

from brightline.core.errors import TrustError
from brightline.core.facts import Source, Statement

REGISTRATION_TYPE: Final = "application/vnd.brightline.registration+json"
KEY_PREFIX: Final = "bl"
SECRET_HEX_CHARS: Final = 64


class Bounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What limits monitoring under this purpose; all empty means that no bounds are declared."""

    subjects: str = ""
    period: str = ""
    volume: str = ""
    data_class: str = ""

    @property
    def declared(self) -> bool:
        """Whether subject, period, volume and data class are all bounded."""
        return all((self.subjects, self.period, self.volume, self.data_class))


class Registration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The signed statement. Times are Unix seconds; ``facts`` are the registration's own facts, by name."""

    format: str
    workload: str
    unit: str
    purpose: str
    official: str
    authority: tuple[str, ...]
    bounds: Bounds
    facts: dict[str, str]
    requests_per_minute: int
    issued: int
    expires: int
    key_salt: str
    key_digest: str
    revoked: bool = False


FORMAT: Final = "brightline-registration/1"


class Workload(msgspec.Struct, frozen=True):
    """A registration whose signatures hold. Only :func:`admit` makes one from bytes."""

    registration: Registration

    @property
    def id(self) -> str:
        """The workload's id."""
        return self.registration.workload

    @property
    def unit(self) -> str:
        """The customer's unit that answers for it."""
        return self.registration.unit

    def statements(self, now_unix: int) -> tuple[Statement, ...]:
        """What the registration states at this time: nothing before it was issued or once it has expired.

        ``constrained`` is never stated here: declared bounds alone do not show that an exchange is inside them.
        """
        registration = self.registration
        if registration.revoked or not registration.issued <= now_unix < registration.expires:
            return ()
        return tuple(
            Statement(fact, value, Source.REGISTRATION, registration.workload)
            for fact, value in sorted(registration.facts.items())
        )


def admit(registration: Registration) -> Workload:
    """Check the form of a verified registration. Raises ``TrustError``."""
    if registration.format != FORMAT:
        raise TrustError(f"registration format {registration.format[:40]!r}; expected {FORMAT!r}")
    if not registration.workload.isascii() or not registration.workload.replace("-", "").isalnum():
        raise TrustError("a workload id has letters, digits and hyphens only")
    if not registration.revoked and not (registration.purpose and registration.official and registration.authority):
        raise TrustError("a registration names its purpose, an accountable official and an authority")
    return Workload(registration)


def key_digest(secret: str, salt: str) -> str:
    """The salted digest under which a key is kept: SHA-256, enough for 256 random bits."""
    return hashlib.sha256(bytes.fromhex(salt) + secret.encode()).hexdigest()


def write_key(workload: str, secret: str) -> str:
    """The API key as its holder sees it: prefix, workload id, secret."""
    return f"{KEY_PREFIX}_{workload}_{secret}"


class ClaimedKey(msgspec.Struct, frozen=True):
    """A key as a caller presents it, not yet believed."""

    claimed_workload: str
    secret: str


def read_key(presented: str) -> ClaimedKey:
    """Take a presented key apart. Raises ``ValueError`` for anything that is not one of ours."""
    prefix, _, rest = presented.partition("_")
    workload, _, secret = rest.partition("_")
    if prefix != KEY_PREFIX or not workload or len(secret) != SECRET_HEX_CHARS or not secret.isascii():
        raise ValueError("not a workload key")
    return ClaimedKey(workload, secret)


def key_matches(claimed: ClaimedKey, workload: Workload) -> bool:
    """Compare in constant time."""
    computed = key_digest(claimed.secret, workload.registration.key_salt)
    return hmac.compare_digest(computed, workload.registration.key_digest)
