# SPDX-License-Identifier: Apache-2.0
"""The console as one application: its corners with their pages, the files that pages load, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from brightline.console.books import said
from brightline.console.case_pages import CasePages
from brightline.console.deny_pages import DenyPages
from brightline.console.door import Door, Origin
from brightline.console.figure_pages import FigurePages
from brightline.console.pages import PLACES
from brightline.console.pattern_pages import PatternPages
from brightline.console.person import Person
from brightline.console.queue_pages import QueuePages
from brightline.console.room import Corner, Room, to_login
from brightline.console.standing_pages import StandingPages
from brightline.core.errors import BrightlineError
from brightline.core.review.roles import may


def make_app(room: Room, origin: Origin, identity_routes: Sequence[BaseRoute]) -> ASGIApp:
    """The ASGI application. ``identity_routes`` are open to everybody, as is no other page."""
    corners: Sequence[Corner] = (
        QueuePages(room),
        CasePages(room),
        DenyPages(room),
        FigurePages(room),
        PatternPages(room),
        StandingPages(room),
    )
    front = _Front(room)
    routes = [Route("/", front.page), Route("/static/{name}", room.pages.static)]
    routes += [route for corner in corners for route in corner.routes() if isinstance(route, Route)]
    app = Starlette(
        routes=[*routes, *identity_routes],
        exception_handlers={HTTPException: front.http_error, BrightlineError: front.our_error},
    )
    return Door(app, origin)


class _Front:
    """Where one comes in, and what is said when something is wrong."""

    def __init__(self, room: Room) -> None:
        self._room = room

    async def page(self, request: Request) -> Response:
        """To the first page that is for this person."""
        person = await self._room.person(request)
        if person is None:
            return to_login(request)
        first = next((path for path, _, act in PLACES if may(person.roles, act)), "")
        if not first:
            raise HTTPException(403, "your role has no page here")
        return RedirectResponse(first, 303)

    async def http_error(self, request: Request, error: Exception) -> Response:
        """A refusal with its status."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        return self._say(request, status, error.detail if isinstance(error, HTTPException) else "")

    async def our_error(self, request: Request, error: Exception) -> Response:
        """An error of ours, with its next step."""
        return self._say(request, 409, said(error) if isinstance(error, BrightlineError) else "")

    def _say(self, request: Request, status: int, words: str) -> Response:
        person: Person | None = getattr(request.state, "person", None)
        return self._room.render(request, "trouble.html.j2", person, {"status": status, "words": words}, status)
