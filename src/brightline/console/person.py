# SPDX-License-Identifier: Apache-2.0
"""Who sits before a page, as far as the console needs to know; how that is found out is another room's.

The token of a form is an HMAC over the session under a key of the process, so that a form that another site shows,
or that was shown to somebody else, is refused. It stands beside two more guards: the session's cookie is sent to no
request of another site (SameSite=Strict), and the door compares the origin of each request that changes something.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Sequence
from typing import Protocol

from starlette.requests import Request
from starlette.routing import BaseRoute

from brightline.core.review.narrowing import Narrowing
from brightline.core.review.roles import MAY, May, Role
from brightline.core.review.roster import Clearance


class Person(Protocol):
    """A session: an opaque id on the roster, or a holder of a role; until when it lasts (Unix seconds)."""

    @property
    def person(self) -> str: ...

    @property
    def office(self) -> str: ...

    @property
    def roles(self) -> Collection[Role]: ...

    @property
    def clearance(self) -> Clearance: ...

    @property
    def until(self) -> int: ...


class Identity(Protocol):
    """Where sessions come from."""

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """The pages on which people come and go; ``/login`` and ``/logout`` are among them. Open to everybody."""
        ...

    async def person(self, request: Request) -> Person | None:
        """Who asks, or ``None``: nobody, or somebody whose session, clearance or enrolment has ended."""
        ...


def token_for(key: bytes, person: Person) -> str:
    """The token of this session's forms: 64 hex digits."""
    said = "\n".join(("form", person.person, person.office, str(person.until)))
    return hmac.new(key, said.encode(), hashlib.sha256).hexdigest()


def check_token(key: bytes, person: Person, token: str) -> bool:
    """Whether a form was shown to this very session."""
    return hmac.compare_digest(token_for(key, person).encode(), token.encode())


def reads_unclaimed(person: Person) -> bool:
    """Whether somebody reads cases that the queue did not give them: whoever is more than a reviewer."""
    return any(May.READ_CASE in MAY[role] for role in person.roles if role is not Role.REVIEWER)


def left_of(person: Person) -> Narrowing:
    """What this session leaves of what the roster says, for those who ask the roster again."""
    clearance = person.clearance
    return Narrowing(frozenset(person.roles), clearance.level, frozenset(clearance.compartments), person.until)
