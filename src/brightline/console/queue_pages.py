# SPDX-License-Identifier: Apache-2.0
"""The pages of the queue: what waits, and the claim of the case that is next. The queue picks, nobody else."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from brightline.console.person import Person, left_of, reads_unclaimed
from brightline.console.queue import ANY, ROWS_SHOWN, QueueView, look_at_queue, shown_by
from brightline.console.room import Form, Room
from brightline.core.errors import BreakDue, ClaimRefused
from brightline.core.review.roles import May
from brightline.core.review.urgency import Severity
from brightline.shell.review.queue.claiming import Narrow
from brightline.shell.review.queue.reading import Shown


class QueuePages:
    """The queue."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def routes(self) -> Sequence[BaseRoute]:
        """Its routes."""
        room = self._room
        return (
            Route("/queue", room.reading(May.SEE_QUEUE, self._page)),
            Route("/queue/news", room.reading(May.SEE_QUEUE, self._news)),
            Route("/queue/claim", room.changing(May.DECIDE, self._claim), methods=["POST"]),
        )

    async def _page(self, request: Request, person: Person) -> Response:
        return await self._show(request, person)

    async def _show(self, request: Request, person: Person, trouble: str = "", status: int = 200) -> Response:
        view = await self._look(request, person)
        values = {"queue": view, "trouble": trouble, "signed": "signed" in request.query_params}
        return self._room.render(request, "queue.html.j2", person, values, status)

    async def _news(self, request: Request, person: Person) -> Response:
        await self._room.follow()
        shown = request.query_params.get("shown", "")
        since = int(shown) if shown.isdecimal() and len(shown) < 12 else 0
        closed = await self._room.read(self._room.books.closed_units, person.clearance)
        items = await self._room.queue.page(Shown(closed_units=closed), limit=ROWS_SHOWN)
        fresh = sum(item.opened > since for item in items)
        return self._room.render(request, "news.html.j2", person, {"fresh": fresh, "since": since})

    async def _look(self, request: Request, person: Person) -> QueueView:
        room = self._room
        await room.follow()
        closed = await room.read(room.books.closed_units, person.clearance)
        shown, chosen = shown_by(request.query_params, closed)
        items = await room.queue.page(shown, request.query_params.get("after", ""), ROWS_SHOWN + 1)
        work = await room.queue.work(person.person)
        return look_at_queue(
            items,
            await room.queue.figures(),
            chosen,
            await room.read(room.books.units),
            person.person,
            reads_unclaimed(person),
            await room.queue.held(person.person),
            work,
            await room.queue.break_until(person.person),
            room.clock.unix(),
        )

    async def _claim(self, request: Request, person: Person, form: Form) -> Response:
        room = self._room
        await room.queue.follow()
        severity = form.get("severity", ANY)
        narrow = Narrow(Severity(severity) if severity in set(Severity) else None, form.get("unit", ""))
        try:
            claim = await room.queue.claim(person.person, narrow, left_of(person))
        except (BreakDue, ClaimRefused) as error:
            return await self._show(request, person, f"{error}. {error.next_step}", 409)
        if claim is None:
            return await self._show(request, person, "Nothing waits for you now.", 409)
        return RedirectResponse(f"/case/{claim.hold}", 303)
