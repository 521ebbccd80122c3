# SPDX-License-Identifier: Apache-2.0
"""The pages of a case: to read it, to see what is masked, to answer, to sign, to leave it to others.

A reviewer reads the case that the queue gave them, and those that they have answered; who reads others, a senior or an
auditor, is said by the table of roles. A decision rests on a claim that holds when it is logged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from brightline.console.answering import Desk, asks, sign_and_log
from brightline.console.books import CaseFile
from brightline.console.looking import BESIDE_SHOWN, CaseView, beside_it, look_at
from brightline.console.person import Person, reads_unclaimed
from brightline.console.revealing import Revealed, log_reveal
from brightline.console.room import Form, Room
from brightline.console.shown import part_at
from brightline.core.errors import ClaimRefused, LeaseLost, TrustError
from brightline.core.review.claims import Claim
from brightline.core.review.roles import May
from brightline.shell.review.handing import read_handed
from brightline.shell.state import StateFolder

NO_FORM: Final[Form] = {}


class CasePages:
    """One case at a time."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._desk = Desk()
        self._revealed = Revealed()

    def routes(self) -> Sequence[BaseRoute]:
        """Its routes."""
        room = self._room
        forms = {
            "reveal": (May.REVEAL, self._reveal),
            "answer": (May.DECIDE, self._answer),
            "sign": (May.DECIDE, self._sign),
            "keep": (May.DECIDE, self._keep),
            "release": (May.DECIDE, self._release),
            "skip": (May.DECIDE, self._skip),
        }
        return (
            Route("/case/{hold}", room.reading(May.READ_CASE, self._page)),
            Route("/handed/{name}", room.reading(May.DECIDE, self._handed)),
            Route("/case/{hold}/more", room.reading(May.READ_CASE, self._more)),
            Route("/case/{hold}/lease", room.reading(May.DECIDE, self._lease)),
            *(
                Route(f"/case/{{hold}}/{name}", room.changing(act, handler), methods=["POST"])
                for name, (act, handler) in forms.items()
            ),
        )

    # ---- to read --------------------------------------------------------------------------------------------------

    async def _page(self, request: Request, person: Person) -> Response:
        return await self._show(request, person, await self._file(request.path_params["hold"], person))

    async def _file(self, hold: str, person: Person) -> CaseFile:
        """The case of a hold, for somebody who may know of it. Raises ``HTTPException``, ``TrustError``."""
        await self._room.follow()
        item = await self._room.queue.item(hold)
        if item is None:  # it may have come within this second
            await self._room.queue.follow()
            item = await self._room.queue.item(hold)
        if item is None:
            raise HTTPException(404, "the queue has no such hold")
        file = await self._room.read(self._room.books.case_file, item.shard, item.seq, person.clearance)
        voted = any(vote.person == person.person for votes in file.opened.tried.votes.values() for vote in votes)
        if not (reads_unclaimed(person) or voted or await self._claim(person, hold)):
            raise HTTPException(403, "you read what the queue gives you: claim the next case")
        return file

    async def _claim(self, person: Person, hold: str) -> Claim | None:
        claim = await self._room.queue.held(person.person)
        return claim if claim is not None and claim.hold == hold else None

    async def _show(
        self,
        request: Request,
        person: Person,
        file: CaseFile,
        trouble: str = "",
        given: Form = NO_FORM,
        status: int = 200,
    ) -> Response:
        claim = await self._claim(person, file.opened.case.hold)
        view = await self._room.read(self._look, file, person, claim is not None)
        case = file.opened.case
        beside = beside_it(await self._room.queue.beside(case.unit, case.hold, BESIDE_SHOWN), reads_unclaimed(person))
        values = {"case": view, "beside": beside, "claim": claim, "trouble": trouble, "given": given}
        return self._room.render(request, "case.html.j2", person, values, status)

    def _look(self, file: CaseFile, person: Person, claimed: bool) -> CaseView:
        revealed = self._revealed.to(person, file.opened.case.digest)
        now = self._room.clock.unix()
        return look_at(file, person.person, person.office, revealed, claimed, now)

    async def _more(self, request: Request, person: Person) -> Response:
        file = await self._file(request.path_params["hold"], person)
        start, place = request.query_params.get("from", ""), request.query_params.get("place", "")
        revealed = self._revealed.to(person, file.opened.case.digest)
        part = None
        if start.isdecimal() and len(start) < 10:
            part = await self._room.read(part_at, file, place, int(start), revealed)
        if part is None:
            raise HTTPException(404, "there is no such text")
        values = {"part": part, "place": place, "hold": file.opened.case.hold}
        return self._room.render(request, "more.html.j2", person, values)

    async def _reveal(self, request: Request, person: Person, form: Form) -> Response:
        file = await self._file(request.path_params["hold"], person)
        case = file.opened.case
        view = await self._room.read(self._look, file, person, False)
        wanted = [label for label in view.identifiers if form.get("label") in {label, "all"}]
        try:
            if not wanted:
                raise TrustError("no identifier of this case has that label")
            await self._room.read(log_reveal, self._room.books, person, case, wanted, form.get("reason", ""))
        except TrustError as error:
            return await self._show(request, person, file, str(error), status=409)
        self._revealed.add(person, case.digest, wanted)
        return RedirectResponse(f"/case/{case.hold}", 303)

    # ---- the claim ------------------------------------------------------------------------------------------------

    async def _lease(self, request: Request, person: Person) -> Response:
        hold = request.path_params["hold"]
        claim = await self._claim(person, hold)
        return self._room.render(request, "lease.html.j2", person, {"claim": claim, "hold": hold})

    async def _keep(self, request: Request, person: Person, form: Form) -> Response:
        claim = await self._held(request.path_params["hold"], person)
        await self._room.queue.renew(claim)
        return RedirectResponse(f"/case/{claim.hold}", 303)

    async def _release(self, request: Request, person: Person, form: Form) -> Response:
        claim = await self._held(request.path_params["hold"], person)
        await self._room.queue.release(claim)
        return RedirectResponse("/queue", 303)

    async def _skip(self, request: Request, person: Person, form: Form) -> Response:
        claim = await self._held(request.path_params["hold"], person)
        leave = self._room.queue.escalate if form.get("seniors") else self._room.queue.skip
        try:
            await leave(claim, form.get("reason", ""))
        except ClaimRefused as error:
            return await self._show(
                request, person, await self._file(request.path_params["hold"], person), str(error), form, 409
            )
        return RedirectResponse("/queue", 303)

    async def _held(self, hold: str, person: Person) -> Claim:
        """The claim of a case. Raises ``LeaseLost``."""
        claim = await self._claim(person, hold)
        if claim is None:
            raise LeaseLost("this case is not yours, or not any more")
        return claim

    # ---- an answer ------------------------------------------------------------------------------------------------

    async def _answer(self, request: Request, person: Person, form: Form) -> Response:
        return await self._to_sign(request, person, request.path_params["hold"], form)

    async def _handed(self, request: Request, person: Person) -> Response:
        """What this person answered in a terminal, as if the form had come from the case's page."""
        books, name = self._room.books, request.path_params["name"]
        handed = await self._room.read(
            read_handed, StateFolder(books.root), name, person.person, self._room.clock.unix()
        )
        file = await self._file(handed.hold, person)
        given = {(answer.subject, answer.name): answer for answer in handed.answers}
        form = {"case": handed.case}
        for number, question in enumerate(file.opened.case.questions, 1):
            answer = given.get((question.subject, question.name))
            if answer is not None:
                form |= {f"answer-{number}": answer.value, f"reason-{number}": answer.reason}
        return await self._to_sign(request, person, handed.hold, form)

    async def _to_sign(self, request: Request, person: Person, hold: str, form: Form) -> Response:
        """From answers to the statement that is signed."""
        file = await self._file(hold, person)
        try:
            claim = await self._room.queue.renew(await self._held(hold, person))
            if form.get("case") != file.opened.case.digest:
                raise TrustError("the case was opened anew since you read it; read it again")
            name, prepared = self._desk.prepare(file.opened, person, claim, form, self._room.clock)
        except (TrustError, LeaseLost) as error:
            return await self._show(request, person, file, str(error), form, 409)
        view = await self._room.read(self._look, file, person, True)
        asked = await self._room.read(asks, self._room.books, prepared.decision)
        values = {"case": view, "prepared": prepared, "name": name, "asks": asked}
        return self._room.render(request, "sign.html.j2", person, values)

    async def _sign(self, request: Request, person: Person, form: Form) -> Response:
        hold = request.path_params["hold"]
        try:
            prepared = self._desk.take(form.get("prepared", ""), person, self._room.clock.unix())
            if prepared.decision.case.hold != hold:
                raise TrustError("this was prepared for another hold")
            await self._room.queue.renew(prepared.claim)  # under the very token: nobody takes it while it is logged
            await self._room.read(sign_and_log, self._room.books, prepared, form.get("given", ""))
        except (TrustError, LeaseLost) as error:
            return await self._show(
                request, person, await self._file(request.path_params["hold"], person), str(error), status=409
            )
        await self._room.queue.follow()  # which ends the claim
        return RedirectResponse("/queue?signed=1", 303)
