# SPDX-License-Identifier: Apache-2.0
"""What every page shares: the books, the queue, who is there, and the one way to a handler.

A handler is reached through :meth:`Room.guarded` alone: somebody with a session, whose role is for this, and whose
form, where something is changed, was made for this very session.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from brightline.console.books import Books, Reader
from brightline.console.forms import form_of
from brightline.console.pages import Pages
from brightline.console.person import Identity, Person, check_token
from brightline.core.review.roles import May, may

if TYPE_CHECKING:
    from brightline.shell.review.queue.queue import Queue

FOLLOW_SECONDS: Final = 1.0  # how old what the queue knows may be on a page

Form = Mapping[str, str]
Handler = Callable[[Request, Person], Awaitable[Response]]
FormHandler = Callable[[Request, Person, Form], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


class Corner(Protocol):
    """Some pages of the room."""

    def routes(self) -> Sequence[BaseRoute]:
        """Their routes, each guarded."""
        ...


class Room:
    """One installation's review room."""

    def __init__(self, books: Books, read: Reader, queue: Queue, identity: Identity) -> None:
        self.books = books
        self.read = read
        self.queue = queue
        self.clock = books.clock
        self._identity = identity
        self._key = secrets.token_bytes(32)
        self._followed = 0.0
        self.pages = Pages(self._key, books.profile, books.clock.unix)

    async def follow(self) -> None:
        """Have the queue know what the logs have, as of a second ago. Raises ``OperatorError``, ``TrustError``."""
        now = time.monotonic()
        if now - self._followed >= FOLLOW_SECONDS:
            await self.queue.follow()
            self._followed = now

    async def person(self, request: Request) -> Person | None:
        """Who asks."""
        return await self._identity.person(request)

    def render(
        self, request: Request, template: str, person: Person | None, values: Mapping[str, Any], status: int = 200
    ) -> Response:
        """A page."""
        return self.pages.render(request, template, person, values, status)

    def reading(self, act: May, handler: Handler) -> Endpoint:
        """The endpoint of a page that changes nothing, for those who may do this."""

        async def endpoint(request: Request) -> Response:
            person = await self._allowed(request, act)
            return await handler(request, person) if person is not None else to_login(request)

        return endpoint

    def changing(self, act: May, handler: FormHandler) -> Endpoint:
        """The endpoint of a form: what it changes is done under the token of this session alone."""

        async def endpoint(request: Request) -> Response:
            person = await self._allowed(request, act)
            if person is None:
                return to_login(request)
            form = await form_of(request)
            if not check_token(self._key, person, form.get("token", "")):
                raise HTTPException(403, "this form was not made for this session; go back and try again")
            return await handler(request, person, form)

        return endpoint

    async def _allowed(self, request: Request, act: May) -> Person | None:
        person = await self.person(request)
        if person is not None:
            request.state.person = person
            if not may(person.roles, act):
                raise HTTPException(403, f"this is not for your role: to {act.value}")
        return person


def to_login(request: Request) -> Response:
    """A page leads to where one comes in; a piece of a page has its page do so."""
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"hx-redirect": "/login"})
    return RedirectResponse("/login", 303)
