# SPDX-License-Identifier: Apache-2.0
"""The pages of officers: how units stand, orders about it, the halt switch, and papers that wait for a signature."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from brightline.console.appeals import appealable, appeals_of, denied, wishes_of
from brightline.console.papers import (
    Paper,
    PaperKind,
    Papers,
    asks,
    bring_back,
    has_key_here,
    log,
    may_sign,
    missing,
    roles_of,
    sign,
    sign_by_passkey,
)
from brightline.console.person import Person
from brightline.console.room import Form, Room
from brightline.console.standings import ORDERS, UnitView, look_at_unit, rows_of
from brightline.core.agreement.aloud import plain
from brightline.core.errors import ConfigError, TrustError
from brightline.core.halt import HALT_FORMAT, RESUMPTION_FORMAT, HaltOrder, Resumption, Scope
from brightline.core.review.appeals import APPEAL_FORMAT, Appeal
from brightline.core.review.roles import May, may
from brightline.core.standing import AGREEMENT_SCOPE, Happened
from brightline.core.standing_order import ORDER_FORMAT, StandingOrder
from brightline.core.statement import SigningRole

REASON_CHARS_MAX: Final = 4_000
_OF_HALTS: Final = frozenset({PaperKind.HALT, PaperKind.RESUMPTION})
_ACTS: Final = {
    PaperKind.ORDER: May.ORDER_STANDING,
    PaperKind.HALT: May.HALT,
    PaperKind.RESUMPTION: May.RESUME,
    PaperKind.APPEAL: May.ORDER_STANDING,
}


class StandingPages:
    """Standings, halts, and what is signed about them."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._papers = Papers()

    def routes(self) -> Sequence[BaseRoute]:
        """Their routes."""
        room = self._room
        return (
            Route("/standing", room.reading(May.READ_RECORDS, self._all)),
            Route("/standing/unit", room.reading(May.READ_RECORDS, self._unit)),
            Route("/standing/order", room.changing(May.ORDER_STANDING, self._order), methods=["POST"]),
            Route("/appeals", room.reading(May.READ_RECORDS, self._appeals)),
            Route("/appeals/file", room.changing(May.ORDER_STANDING, self._appeal), methods=["POST"]),
            Route("/halt", room.reading(May.HALT, self._halts)),
            Route("/halt/order", room.changing(May.HALT, self._halt), methods=["POST"]),
            Route("/halt/resume", room.changing(May.RESUME, self._resume), methods=["POST"]),
            Route("/paper/{name}", room.reading(May.HALT, self._paper)),
            Route("/paper/{name}/sign", room.changing(May.HALT, self._sign), methods=["POST"]),
        )

    # ---- standings ------------------------------------------------------------------------------------------------

    async def _all(self, request: Request, person: Person) -> Response:
        books, now = self._room.books, self._room.clock.unix()

        def look() -> object:
            books.registry.refresh()
            return rows_of(books.registry.standings.book, books.units(), now)

        rows = await self._room.read(look)
        papers = [_paper_row(paper) for paper in self._papers.waiting(now) if paper.kind is PaperKind.ORDER]
        return self._room.render(request, "standing.html.j2", person, {"rows": rows, "papers": papers})

    async def _unit(self, request: Request, person: Person) -> Response:
        unit = request.query_params.get("unit", AGREEMENT_SCOPE)
        return await self._show_unit(request, person, unit)

    async def _show_unit(
        self,
        request: Request,
        person: Person,
        unit: str,
        trouble: str = "",
        given: Form | None = None,
        status: int = 200,
    ) -> Response:
        books, now = self._room.books, self._room.clock.unix()

        def look() -> UnitView | None:
            registry = books.registry
            registry.refresh()
            if unit not in {AGREEMENT_SCOPE, *registry.standings.book.units, *books.units()}:
                return None
            roles = roles_of(registry.roots, person.person)
            return look_at_unit(unit, registry.standings.book, registry.standings.history, roles, now)

        view = await self._room.read(look)
        if view is None:
            raise HTTPException(404, "no workload is registered for a unit of that name")
        values = {"unit": view, "trouble": trouble, "given": given or {}}
        return self._room.render(request, "unit.html.j2", person, values, status)

    async def _order(self, request: Request, person: Person, form: Form) -> Response:
        books, now = self._room.books, self._room.clock.unix()
        unit = form.get("unit", AGREEMENT_SCOPE)
        happened = next((each for each in ORDERS if each.value == form.get("happened")), None)
        try:
            if happened is None:
                raise TrustError("choose what to order")
            reason = _reason(form)
        except TrustError as error:
            return await self._show_unit(request, person, unit, str(error), form, 409)
        agreement = await self._room.read(lambda: books.registry.releases.current.digest)
        order = StandingOrder(ORDER_FORMAT, secrets.token_hex(16), unit, happened, reason, (), agreement, now)
        return self._to(self._papers.draw_up(PaperKind.ORDER, order, now))

    # ---- appeals --------------------------------------------------------------------------------------------------

    async def _appeals(self, request: Request, person: Person) -> Response:
        return await self._show_appeals(request, person)

    async def _show_appeals(self, request: Request, person: Person, trouble: str = "", status: int = 200) -> Response:
        books, now = self._room.books, self._room.clock.unix()
        rows = await self._room.read(appeals_of, books, now)
        values = {
            "rows": rows,
            "denied": await self._room.read(denied, books, rows),
            "wishes": await self._room.read(wishes_of, books, now),
            "papers": [_paper_row(paper) for paper in self._papers.waiting(now) if paper.kind is PaperKind.APPEAL],
            "official": SigningRole.CUSTOMER_OFFICIAL in roles_of(books.registry.roots, person.person),
            "reads": may(person.roles, May.READ_CASE),
            "trouble": trouble,
        }
        return self._room.render(request, "appeals.html.j2", person, values, status)

    async def _appeal(self, request: Request, person: Person, form: Form) -> Response:
        try:
            reason = _reason(form)
            about, wish = await self._room.read(appealable, self._room.books, form.get("about", ""))
        except (TrustError, ConfigError) as error:
            return await self._show_appeals(request, person, str(error), 409)
        now = self._room.clock.unix()
        said = Appeal(APPEAL_FORMAT, secrets.token_hex(16), about, reason, now, wish)
        return self._to(self._papers.draw_up(PaperKind.APPEAL, said, now))

    # ---- halts ----------------------------------------------------------------------------------------------------

    async def _halts(self, request: Request, person: Person) -> Response:
        return await self._show_halts(request, person)

    async def _show_halts(self, request: Request, person: Person, trouble: str = "", status: int = 200) -> Response:
        books, now = self._room.books, self._room.clock.unix()

        def look() -> object:
            books.registry.refresh()
            halts = sorted(books.registry.halts.book.halts.values(), key=lambda halt: halt.since)
            return [
                {
                    "id": halt.id,
                    "scope": halt.scope.value,
                    "name": plain(halt.name),
                    "since": halt.since,
                    "reason": plain(halt.reason),
                    "signers": ", ".join(plain(signer) for signer in halt.signers),
                }
                for halt in halts
            ]

        papers = [_paper_row(paper) for paper in self._papers.waiting(now) if paper.kind in _OF_HALTS]
        values = {
            "halts": await self._room.read(look),
            "papers": papers,
            "units": await self._room.read(books.units),
            "models": await self._room.read(books.models),
            "trouble": trouble,
        }
        return self._room.render(request, "halts.html.j2", person, values, status)

    async def _halt(self, request: Request, person: Person, form: Form) -> Response:
        scope, _, name = form.get("what", "").partition(":")
        known = {
            Scope.INSTALLATION.value: ("",),
            Scope.UNIT.value: await self._room.read(self._room.books.units),
            Scope.MODEL.value: await self._room.read(self._room.books.models),
        }
        try:
            if name not in known.get(scope, ()):
                raise TrustError("choose what to stop")
            reason = _reason(form)
        except TrustError as error:
            return await self._show_halts(request, person, str(error), 409)
        now = self._room.clock.unix()
        order = HaltOrder(HALT_FORMAT, secrets.token_hex(16), Scope(scope), name, reason, now)
        return self._to(self._papers.draw_up(PaperKind.HALT, order, now))

    async def _resume(self, request: Request, person: Person, form: Form) -> Response:
        books, now = self._room.books, self._room.clock.unix()
        in_force = await self._room.read(lambda: tuple(books.registry.halts.book.halts))
        named = tuple(each for each in in_force if f"halt-{each}" in form)
        try:
            if not named:
                raise TrustError("choose which halts are over")
            reason = _reason(form)
        except TrustError as error:
            return await self._show_halts(request, person, str(error), 409)
        end = Resumption(RESUMPTION_FORMAT, secrets.token_hex(16), named, reason, now)
        return self._to(self._papers.draw_up(PaperKind.RESUMPTION, end, now))

    # ---- papers ---------------------------------------------------------------------------------------------------

    def _to(self, paper: Paper) -> Response:
        return RedirectResponse(f"/paper/{paper.id}", 303)

    async def _paper(self, request: Request, person: Person) -> Response:
        return await self._show_paper(request, person, self._of(request, person))

    def _of(self, request: Request, person: Person) -> Paper:
        """The paper of a request, for those whose role is to sign such. Raises ``HTTPException``, ``TrustError``."""
        paper = self._papers.of(request.path_params["name"], self._room.clock.unix())
        if not may(person.roles, _ACTS[paper.kind]):
            raise HTTPException(403, f"this is not for your role: to {_ACTS[paper.kind].value}")
        return paper

    async def _show_paper(
        self, request: Request, person: Person, paper: Paper, trouble: str = "", status: int = 200
    ) -> Response:
        books = self._room.books
        roots = books.registry.roots
        values = {
            "paper": _paper_row(paper),
            "lines": _lines(paper),
            "back": _back(paper),
            "missing": missing(paper, roots),
            "asks": await self._room.read(asks, books, paper, person.person),
            "asked": may_sign(paper, roots, person.person),
            "signed": person.person in paper.by and not missing(paper, roots),
            "here": await self._room.read(has_key_here, books, person.person),
            "statement": paper.envelope.decode(),
            "final": isinstance(paper.said, StandingOrder) and paper.said.happened is Happened.TERMINATED,
            "trouble": trouble,
        }
        return self._room.render(request, "paper.html.j2", person, values, status)

    async def _sign(self, request: Request, person: Person, form: Form) -> Response:
        paper, books = self._of(request, person), self._room.books
        try:
            if person.person in paper.by and not missing(paper, books.registry.roots):
                pass  # all have signed, and the log could not be written then
            elif form.get("given"):
                paper = await self._room.read(sign_by_passkey, books, paper, person.person, form["given"])
            elif form.get("envelope"):
                paper = await self._room.read(bring_back, books, paper, form["envelope"].encode())
            else:
                paper = await self._room.read(sign, books, paper, person.person)
            paper = self._papers.put(paper)
            if missing(paper, books.registry.roots):
                return self._to(paper)
            await self._room.read(log, books, paper)
        except TrustError as error:
            return await self._show_paper(request, person, paper, str(error), 409)
        self._papers.drop(paper)
        return RedirectResponse(_back(paper), 303)


def _reason(form: Form) -> str:
    """Why. Raises ``TrustError``."""
    reason = form.get("reason", "").strip()
    if not reason or len(reason) > REASON_CHARS_MAX:
        raise TrustError(f"say why, in at most {REASON_CHARS_MAX} characters")
    return reason


def _back(paper: Paper) -> str:
    return {PaperKind.ORDER: "/standing", PaperKind.APPEAL: "/appeals"}.get(paper.kind, "/halt")


def _paper_row(paper: Paper) -> dict[str, object]:
    said = paper.said
    if isinstance(said, StandingOrder):
        what, whom = said.happened.value, plain(said.unit) or "the agreement as a whole"
    elif isinstance(said, Appeal):
        what, whom = "appeal", plain(said.about)
    elif isinstance(said, HaltOrder):
        what, whom = "halt", plain(said.name) or "the whole installation"
    else:
        what, whom = "end of halts", ", ".join(said.halts)
    return {
        "id": paper.id,
        "what": what,
        "whom": whom,
        "reason": plain(said.reason),
        "by": ", ".join(plain(holder) for holder in paper.by),
    }


def _lines(paper: Paper) -> list[tuple[str, str]]:
    """The statement, member by member, as it is signed."""
    members = msgspec.to_builtins(paper.said)
    members["issued"] = f"{paper.said.issued} ({datetime.fromtimestamp(paper.said.issued, UTC):%Y-%m-%d %H:%M} UTC)"
    return [
        (name, ", ".join(plain(str(each)) for each in value) if isinstance(value, list | tuple) else plain(str(value)))
        for name, value in members.items()
        if value not in ("", (), [])
    ]
