# SPDX-License-Identifier: Apache-2.0
"""Who has come in, until when. A session lives in this process alone; a browser holds a random id, we hold its digest.

At each request the roster is asked again: who was withdrawn, whose clearance ended, whose passkey was taken off or who
lost their last role is out, whatever the session said when it began.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Final

import msgspec

from brightline.core.errors import TrustError
from brightline.core.ports import Clock
from brightline.core.review.narrowing import NOT_NARROWED, Narrowing
from brightline.core.review.roles import Role
from brightline.core.review.roster import Clearance, ClearedPerson
from brightline.shell.people_settings import LoginSettings

SESSIONS_MAX: Final = 10_000
OF_ONE_PERSON_MAX: Final = 8
ID_BYTES: Final = 32


class Session(msgspec.Struct, frozen=True):
    """Somebody who came in: what they may do now, and until when at most (Unix seconds)."""

    person: str
    office: str
    roles: tuple[Role, ...]
    clearance: Clearance
    until: int


class _Begun(msgspec.Struct):
    """``by`` is the credential that was used, empty for a provider's word; ``seen`` is on the steady clock."""

    person: str
    by: str
    narrowing: Narrowing
    until: int
    seen: float


class Sessions:
    """The sessions of this process. A restart ends all of them."""

    def __init__(self, settings: LoginSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._begun: dict[bytes, _Begun] = {}

    def begin(self, person: ClearedPerson, by: str, narrowing: Narrowing = NOT_NARROWED) -> tuple[str, Session]:
        """Let somebody in; return the id for their browser. Raises ``TrustError`` for who has nothing to do here."""
        now = self._clock.unix()
        begun = _Begun(person.id, by, narrowing, now + self._settings.session_minutes * 60, self._clock.monotonic())
        session = self._look(begun, {person.id: person}, now)
        if session is None:
            raise TrustError(f"{person.id} may not come in: the clearance has ended, or no role is left")
        self._make_room(person.id)
        secret = secrets.token_urlsafe(ID_BYTES)
        self._begun[_digest(secret)] = begun
        return secret, session

    def find(self, secret: str, people: Mapping[str, ClearedPerson]) -> Session | None:
        """The session of an id, as the roster is now, for somebody who does something; ``None`` if it is over."""
        session = self.glance(secret, people)
        if session is not None:
            self._begun[_digest(secret)].seen = self._clock.monotonic()
        return session

    def glance(self, secret: str, people: Mapping[str, ClearedPerson]) -> Session | None:
        """The same for what a page asks by itself, which is nothing that anybody does: it makes no session longer."""
        key = _digest(secret)
        begun = self._begun.get(key)
        if begun is None:
            return None
        session = self._look(begun, people, self._clock.unix())
        if session is None:
            del self._begun[key]
        return session

    def end(self, secret: str) -> None:
        """Somebody leaves."""
        self._begun.pop(_digest(secret), None)

    def __len__(self) -> int:
        return len(self._begun)

    def _look(self, begun: _Begun, people: Mapping[str, ClearedPerson], now: int) -> Session | None:
        listed = people.get(begun.person)
        if listed is None or (begun.by and begun.by not in {each.id for each in listed.credentials}):
            return None
        person = begun.narrowing.of(listed)
        until = min(begun.until, person.cleared_until)
        idle = self._clock.monotonic() - begun.seen
        if not person.roles or until <= now or idle >= self._settings.idle_minutes * 60:
            return None
        return Session(person.id, person.office, person.roles, person.clearance, until)

    def _make_room(self, person: str) -> None:
        """Drop what has ended; of one person, and of all, those that were used longest ago."""
        now, steady = self._clock.unix(), self._clock.monotonic()
        for key in [
            key
            for key, each in self._begun.items()
            if each.until <= now or steady - each.seen >= self._settings.idle_minutes * 60
        ]:
            del self._begun[key]
        theirs = sorted((each.seen, key) for key, each in self._begun.items() if each.person == person)
        for _, key in theirs[: max(0, len(theirs) - OF_ONE_PERSON_MAX + 1)]:
            del self._begun[key]
        if len(self._begun) >= SESSIONS_MAX:
            del self._begun[min(self._begun, key=lambda key: self._begun[key].seen)]


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
