# SPDX-License-Identifier: Apache-2.0
"""Enrolments: how somebody comes on the roster after the installation, changes there, and goes.

Each is a statement that both parties sign, so one administrator makes nobody a reviewer, let alone two. A passkey
comes on the roster in two steps. An enrolment invites: it holds the digest of a one-time code, and the code is given
to the person. The person makes the passkey with the code, and the next enrolment adds it, holding the code. So whoever
signs a passkey in knows that it was made by somebody who had what both parties gave to this person alone.

What only restricts is always heard: a withdrawal counts even if somebody else changed the entry just before.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from brightline.core.canonical import INTEGER_MAX
from brightline.core.errors import TrustError
from brightline.core.register import DAY_SECONDS, VERSION_MAX, check_id
from brightline.core.review.roster import ClearedPerson, Credential, CredentialKind, ReviewTerms, check_person
from brightline.core.statement import BOTH_PARTIES

ENROLMENT_TYPE: Final = "application/vnd.brightline.enrolment+json"
FORMAT: Final = "brightline-enrolment/1"
MADE_FORMAT: Final = "brightline-passkey/1"
ENROLMENT_SIGNERS: Final = BOTH_PARTIES
REASON_CHARS_MAX: Final = 4_000
CODE_SECONDS_MAX: Final = 7 * DAY_SECONDS
CODE_CHARS_MAX: Final = 128
PEOPLE_MAX: Final = 10_000


class Enrolment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What both parties sign of one person: the whole entry, as it is from now on. Times are Unix seconds.

    ``version`` counts the entries of a person from 1; the one in the installation is 0. ``withdrawn``: off the roster
    from the moment at which this is logged. ``code_digest`` invites to make one passkey, until ``code_until``;
    ``code`` is the one with which the passkey was made that this version adds.
    """

    format: str
    person: ClearedPerson
    version: int
    withdrawn: bool
    reason: str
    issued: int
    code_digest: str = ""
    code_until: int = 0
    code: str = ""


class MadePasskey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A passkey that somebody made with their code, for both parties to sign in. ``made`` is Unix seconds."""

    format: str
    person: str
    code: str
    credential: Credential
    made: int


class Listed(msgspec.Struct, frozen=True):
    """The current entry of a person, and what the next one is held to."""

    person: ClearedPerson
    version: int = 0
    withdrawn: bool = False
    code_digest: str = ""
    code_until: int = 0

    def invites(self, code: str, at: int) -> bool:
        """Whether this code makes a passkey of this person's at ``at`` (Unix seconds)."""
        if not self.code_digest or self.withdrawn or at >= self.code_until:
            return False
        return hmac.compare_digest(self.code_digest, code_digest(self.person.id, code))


def code_digest(person: str, code: str) -> str:
    """``sha256:`` and 64 hex digits over a one-time code of at least 128 random bits, and whose it is."""
    words = f"brightline-code/1\n{person}\n{code}".encode("utf-8", "surrogatepass")
    return "sha256:" + hashlib.sha256(words).hexdigest()


def fingerprint(credential: Credential) -> str:
    """What people compare to know that a credential is the one that was made: 20 hex digits in fours."""
    digits = hashlib.sha256(credential.public.lower().encode()).hexdigest()[:20]
    return " ".join(digits[at : at + 4] for at in range(0, 20, 4))


class RosterBook(msgspec.Struct, frozen=True):
    """The roster as the log makes it. A value: take it once and look at it as long as you like.

    ``owners`` says whose each credential is, or was: it is nobody else's ever after.
    """

    listed: Mapping[str, Listed]
    owners: Mapping[str, str]
    roster: Mapping[str, ClearedPerson]

    @classmethod
    def begin(cls, people: Sequence[ClearedPerson]) -> RosterBook:
        """The book as the installation begins it; ``people`` were checked (``check_roster``)."""
        owners = {name: person.id for person in people for name in _names(person)}
        return cls({person.id: Listed(person) for person in people}, owners, {person.id: person for person in people})

    def next_version(self, person: str) -> int:
        """The version that the next entry of a person has."""
        found = self.listed.get(person)
        return 1 if found is None else found.version + 1

    def enter(self, said: Enrolment, holders: Sequence[str], at: int, terms: ReviewTerms) -> RosterBook:
        """Take in an enrolment that ``holders`` signed, as of when it was logged (Unix seconds).

        Raises ``TrustError`` for one that changes nothing, and says why.
        """
        check_enrolment(said)
        person, before = said.person, self.listed.get(said.person.id)
        version = 0 if before is None else before.version
        if said.withdrawn:
            if before is None or said.version < version:
                raise TrustError(f"{person.id} is not on the roster, or came back since this was signed")
            gone = msgspec.structs.replace(before, version=said.version, withdrawn=True, code_digest="", code_until=0)
            return self._with(gone)
        if said.version != version + 1:
            raise TrustError(f"the entry of {person.id} is at version {version}; this would be {said.version}")
        if before is None and len(self.listed) >= PEOPLE_MAX:
            raise TrustError(f"a roster has at most {PEOPLE_MAX} people")
        if person.id in holders:
            raise TrustError(f"{person.id} signed this: nobody enrols themselves")
        if person.cleared_until <= at:
            raise TrustError(f"the clearance of {person.id} ends before it begins")
        self._check_credentials(said, before, at, terms)
        if said.code_digest and not at < said.code_until <= at + CODE_SECONDS_MAX:
            raise TrustError(f"a code is good for at most {CODE_SECONDS_MAX // DAY_SECONDS} days from now")
        return self._with(Listed(person, said.version, False, said.code_digest, said.code_until))

    def _check_credentials(self, said: Enrolment, before: Listed | None, at: int, terms: ReviewTerms) -> None:
        person = said.person
        for name in _names(person):
            if self.owners.get(name, person.id) != person.id:
                raise TrustError(f"a credential of {person.id} is, or was, somebody else's")
        held = () if before is None else before.person.credentials
        new = [each for each in person.credentials if each not in held]
        if any(each.kind is CredentialKind.KEY for each in new) and not terms.software_keys:
            raise TrustError("both parties let no key in a file sign decisions here")
        passkeys = [each for each in new if each.kind is CredentialKind.PASSKEY]
        if not passkeys:
            return
        if len(passkeys) > 1:
            raise TrustError("one code makes one passkey")
        if terms.passkeys is None:
            raise TrustError("the parties pinned no origin for passkeys")
        if before is None or not before.invites(said.code, at):
            raise TrustError(
                f"a passkey of {person.id} needs the one-time code that both parties gave, while it is good"
            )

    def _with(self, listed: Listed) -> RosterBook:
        person = listed.person
        entries = {**self.listed, person.id: listed}
        owners = {**self.owners, **dict.fromkeys(_names(person), person.id)}
        roster = {name: each.person for name, each in entries.items() if not each.withdrawn}
        return RosterBook(entries, owners, roster)


def check_enrolment(said: Enrolment) -> None:
    """Check what a signed enrolment must say, whoever signed it. Raises ``TrustError``."""
    if said.format != FORMAT:
        raise TrustError(f"an enrolment of format {said.format[:40]!r}; expected {FORMAT!r}")
    check_id("a person", said.person.id)
    check_person(said.person)
    if len({name for each in said.person.credentials for name in _names_of(each)}) != 2 * len(said.person.credentials):
        raise TrustError(f"a credential of {said.person.id} stands there twice")
    if not 1 <= said.version <= VERSION_MAX:
        raise TrustError(f"an entry has version {said.version}; versions count from 1 to {VERSION_MAX}")
    if not said.reason.strip() or len(said.reason) > REASON_CHARS_MAX:
        raise TrustError(f"an enrolment says why, in at most {REASON_CHARS_MAX} characters")
    if not 0 <= said.issued <= INTEGER_MAX or len(said.code) > CODE_CHARS_MAX:
        raise TrustError("an enrolment was issued at no time, or holds too long a code")
    if not said.withdrawn and not said.person.roles:
        raise TrustError(f"{said.person.id} is enrolled for nothing: name a role")


def _names(person: ClearedPerson) -> tuple[str, ...]:
    return tuple(name for each in person.credentials for name in _names_of(each))


def _names_of(credential: Credential) -> tuple[str, str]:
    """What is one person's of a credential: the key, and the id by which it is asked for."""
    return credential.public.lower(), f"{credential.kind.value} {credential.id}"
