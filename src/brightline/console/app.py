# SPDX-License-Identifier: Apache-2.0
"""The routes of the console. Each asks who is there first; a person without a session sees the way to one, no more."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from brightline.console.answering import Desk, asks, sign_and_log
from brightline.console.books import Books, CaseFile, Reader, said
from brightline.console.door import Door, Origin
from brightline.console.looking import CaseView, look_at
from brightline.console.pages import PLACES, Pages
from brightline.console.person import Identity, Person, check_token
from brightline.console.queue import QueueView, look_at_queue
from brightline.console.revealing import Revealed, log_reveal
from brightline.console.shown import part_at
from brightline.core.errors import BrightlineError, TrustError
from brightline.core.review.case import Case
from brightline.core.review.roles import May, may

FORM_FIELDS_MAX: Final = 300

Handler = Callable[[Request, Person], Awaitable[Response]]
Route_ = Callable[[Request], Awaitable[Response]]


class Console:
    """Everything that a page needs, and the pages."""

    def __init__(self, books: Books, reader: Reader, identity: Identity, origin: Origin) -> None:
        self._books = books
        self._read = reader
        self._identity = identity
        self._key = secrets.token_bytes(32)
        self._desk = Desk()
        self._revealed = Revealed()
        self.pages = Pages(self._key, books.profile, books.clock.unix)
        self.origin = origin

    def app(self) -> ASGIApp:
        """The ASGI application."""
        routes: Sequence[BaseRoute] = (
            Route("/", self._front),
            Route("/queue", self._for(May.SEE_QUEUE, self._queue)),
            Route("/queue/news", self._for(May.SEE_QUEUE, self._news)),
            Route("/case/{hold}", self._for(May.READ_CASE, self._case)),
            Route("/case/{hold}/more", self._for(May.READ_CASE, self._more)),
            Route("/case/{hold}/reveal", self._for(May.REVEAL, self._reveal), methods=["POST"]),
            Route("/case/{hold}/answer", self._for(May.DECIDE, self._answer), methods=["POST"]),
            Route("/case/{hold}/sign", self._for(May.DECIDE, self._sign), methods=["POST"]),
            Route("/static/{name}", self.pages.static),
            *self._identity.routes,
        )
        app = Starlette(
            routes=list(routes),
            exception_handlers={HTTPException: self._http_error, BrightlineError: self._our_error},
        )
        return Door(app, self.origin)

    # ---- who is there -----------------------------------------------------------------------------------------

    def _for(self, act: May, handler: Handler) -> Route_:
        """The handler, for those who may do this. What a form changes is done only under the form's token."""

        async def handled(request: Request) -> Response:
            person = await self._identity.person(request)
            if person is None:
                return _to_login(request)
            if not may(person.roles, act):
                raise HTTPException(403, f"this is not for your role: to {act.value}")
            request.state.person = person
            if request.method == "POST":
                form = await _form(request)
                if not check_token(self._key, person, form.get("token", "")):
                    raise HTTPException(403, "this form was not made for this session; go back and try again")
                request.state.form = form
            return await handler(request, person)

        return handled

    async def _front(self, request: Request) -> Response:
        person = await self._identity.person(request)
        if person is None:
            return _to_login(request)
        first = next((path for path, _, act in PLACES if may(person.roles, act)), "")
        if not first:
            raise HTTPException(403, "your role has no page here")
        return RedirectResponse(first, 303)

    # ---- the queue --------------------------------------------------------------------------------------------

    async def _queue(self, request: Request, person: Person) -> Response:
        view = await self._read(self._look_at_queue, request, person)
        return self.pages.render(request, "queue.html.j2", person, {"queue": view})

    async def _news(self, request: Request, person: Person) -> Response:
        view = await self._read(self._look_at_queue, request, person)
        shown = request.query_params.get("shown", "0")
        since = int(shown) if shown.isdecimal() and len(shown) < 12 else 0
        return self.pages.render(request, "news.html.j2", person, {"queue": view, "shown": since})

    def _look_at_queue(self, request: Request, person: Person) -> QueueView:
        now = self._books.clock.unix()
        cases = [each for each in self._books.desk().cases() if self._books.cleared(person.person, each.case.unit)]
        return look_at_queue(cases, person, dict(request.query_params), now)

    # ---- a case -----------------------------------------------------------------------------------------------

    async def _case(self, request: Request, person: Person) -> Response:
        file = await self._read(self._books.case_file, request.path_params["hold"], person.person)
        return await self._show(request, person, file)

    async def _show(
        self,
        request: Request,
        person: Person,
        file: CaseFile,
        trouble: str = "",
        given: Mapping[str, str] | None = None,
        status: int = 200,
    ) -> Response:
        view = await self._read(self._look, file, person)
        signed = request.method == "GET" and "signed" in request.query_params
        values = {"case": view, "trouble": trouble, "given": given or {}, "signed": signed}
        return self.pages.render(request, "case.html.j2", person, values, status)

    def _look(self, file: CaseFile, person: Person) -> CaseView:
        revealed = self._revealed.to(person, file.opened.case.digest)
        return look_at(file, person.person, person.office, revealed, self._books.clock.unix())

    async def _more(self, request: Request, person: Person) -> Response:
        file = await self._read(self._books.case_file, request.path_params["hold"], person.person)
        start = request.query_params.get("from", "")
        place = request.query_params.get("place", "")
        revealed = self._revealed.to(person, file.opened.case.digest)
        part = None
        if start.isdecimal() and len(start) < 10:
            part = await self._read(part_at, file, place, int(start), revealed)
        if part is None:
            raise HTTPException(404, "there is no such text")
        values = {"part": part, "place": place, "hold": file.opened.case.hold}
        return self.pages.render(request, "more.html.j2", person, values)

    async def _reveal(self, request: Request, person: Person) -> Response:
        form: Mapping[str, str] = request.state.form
        file = await self._read(self._books.case_file, request.path_params["hold"], person.person)
        case = file.opened.case
        view = await self._read(self._look, file, person)
        wanted = [label for label in view.identifiers if form.get("label") in {label, "all"}]
        try:
            if not wanted:
                raise TrustError("no identifier of this case has that label")
            await self._read(log_reveal, self._books, person, case, wanted, form.get("reason", ""))
        except TrustError as error:
            return await self._show(request, person, file, str(error), status=409)
        self._revealed.add(person, case.digest, wanted)
        return RedirectResponse(f"/case/{case.hold}", 303)

    # ---- an answer --------------------------------------------------------------------------------------------

    async def _answer(self, request: Request, person: Person) -> Response:
        form: Mapping[str, str] = request.state.form
        file = await self._read(self._books.case_file, request.path_params["hold"], person.person)
        try:
            self._same(file.opened.case, form)
            prepared = self._desk.prepare(file.opened, person, form, self._books.clock)
        except TrustError as error:
            return await self._show(request, person, file, str(error), form, 409)
        view = await self._read(self._look, file, person)
        asked = await self._read(asks, self._books, prepared.decision)
        values = {"case": view, "prepared": prepared, "asks": asked}
        return self.pages.render(request, "sign.html.j2", person, values)

    async def _sign(self, request: Request, person: Person) -> Response:
        form: Mapping[str, str] = request.state.form
        hold = request.path_params["hold"]
        try:
            prepared = self._desk.take(form.get("prepared", ""), person, self._books.clock.unix())
            if prepared.decision.case.hold != hold:
                raise TrustError("this was prepared for another hold")
            await self._read(sign_and_log, self._books, prepared, form.get("given", ""))
        except TrustError as error:
            file = await self._read(self._books.case_file, hold, person.person)
            return await self._show(request, person, file, str(error), status=409)
        return RedirectResponse(f"/case/{hold}?signed=1", 303)

    @staticmethod
    def _same(case: Case, form: Mapping[str, str]) -> None:
        """What was read is what is answered. Raises ``TrustError``."""
        if form.get("case") != case.digest:
            raise TrustError("the case was opened anew since you read it; read it again")

    # ---- what went wrong --------------------------------------------------------------------------------------

    async def _http_error(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        detail = error.detail if isinstance(error, HTTPException) else ""
        return self._trouble(request, status, detail)

    async def _our_error(self, request: Request, error: Exception) -> Response:
        words = said(error) if isinstance(error, BrightlineError) else ""
        return self._trouble(request, 409, words)

    def _trouble(self, request: Request, status: int, words: str) -> Response:
        person: Person | None = getattr(request.state, "person", None)
        return self.pages.render(request, "trouble.html.j2", person, {"status": status, "words": words}, status)


def _to_login(request: Request) -> Response:
    """A page leads to where one comes in; a piece of a page has its page do so."""
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"hx-redirect": "/login"})
    return RedirectResponse("/login", 303)


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form, each once; a file is none. Raises ``HTTPException``."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise HTTPException(415, "expected a form")
    async with request.form(max_files=0, max_fields=FORM_FIELDS_MAX) as form:
        fields: dict[str, str] = {}
        for name, value in form.multi_items():
            if name in fields or not isinstance(value, str):
                raise HTTPException(400, "a field stands twice")
            fields[name] = value
        return fields
