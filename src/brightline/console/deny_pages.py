# SPDX-License-Identifier: Apache-2.0
"""The pages of denying in bulk: what is meant, what is signed, what became of it. Good answers have no such page.

It is for a flood of one kind. The queue need not have given the holds to whoever denies them: a denial lets nothing
through, and is one voice about each hold, as any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from brightline.console.denying import ROWS_SHOWN, Meant, Prepared, asks, meant_by, prepare, rows_of, sign_and_log
from brightline.console.person import Person
from brightline.console.room import Form, Room
from brightline.console.waiting import Waiting
from brightline.core.agreement.aloud import plain
from brightline.core.errors import TrustError
from brightline.core.review.roles import May
from brightline.shell.review.queue.reading import QueueItem

PREPARED_MAX: Final = 50
NO_FORM: Final[Form] = {}


class DenyPages:
    """Denying many holds at once."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._waiting: Waiting[Prepared] = Waiting(PREPARED_MAX)

    def routes(self) -> Sequence[BaseRoute]:
        """Their routes."""
        room = self._room
        return (
            Route("/deny", room.reading(May.DENY_IN_BULK, self._page)),
            Route("/deny/read", room.changing(May.DENY_IN_BULK, self._read), methods=["POST"]),
            Route("/deny/sign", room.changing(May.DENY_IN_BULK, self._sign), methods=["POST"]),
        )

    async def _page(self, request: Request, person: Person) -> Response:
        return await self._show(request, person, dict(request.query_params))

    async def _show(
        self,
        request: Request,
        person: Person,
        asked: Form,
        trouble: str = "",
        given: Form = NO_FORM,
        status: int = 200,
    ) -> Response:
        room = self._room
        await room.follow()
        meant = meant_by(asked)
        items = await self._items(meant, person)
        values = {
            "rows": rows_of(items[:ROWS_SHOWN]),
            "more": len(items) > ROWS_SHOWN,
            "most": ROWS_SHOWN,
            "meant": meant,
            "units": [plain(unit) for unit in await room.read(room.books.units)],
            "clauses": await room.read(room.books.clauses),
            "trouble": trouble,
            "given": given,
        }
        return room.render(request, "deny.html.j2", person, values, status)

    async def _items(self, meant: Meant, person: Person) -> list[QueueItem]:
        """The open holds that are meant and may ask this person something, one more than a page has."""
        if not meant:
            return []
        closed = await self._room.read(self._room.books.closed_units, person.clearance)
        return await self._room.queue.page(meant.shown(person, closed), limit=ROWS_SHOWN + 1)

    async def _read(self, request: Request, person: Person, form: Form) -> Response:
        """From the list to the statement: the holds that are still meant, and that nobody took off the list."""
        items = [item for item in await self._items(meant_by(form), person) if f"hold-{item.hold}" in form][
            :ROWS_SHOWN
        ]
        try:
            prepared = await self._room.read(prepare, self._room.books, person, items, form.get("reason", ""))
        except TrustError as error:
            return await self._show(request, person, form, str(error), form, 409)
        name = self._waiting.keep(prepared, person.person, self._room.clock.unix())
        values = {
            "prepared": prepared,
            "name": name,
            "asks": await self._room.read(asks, self._room.books, person, prepared),
            "reason": prepared.decisions[0].answers[0].reason,
            "root": prepared.many.places[0].root.hex(),
        }
        return self._room.render(request, "deny_sign.html.j2", person, values)

    async def _sign(self, request: Request, person: Person, form: Form) -> Response:
        try:
            prepared = self._waiting.take(form.get("prepared", ""), person.person, self._room.clock.unix())
            given = form.get("given", "")
            done = await self._room.read(sign_and_log, self._room.books, person, prepared, given)
        except TrustError as error:
            return await self._show(request, person, NO_FORM, str(error), status=409)
        await self._room.queue.follow()
        return self._room.render(request, "denied.html.j2", person, {"done": done})
