# SPDX-License-Identifier: Apache-2.0
"""The gateway's ASGI application: a closed table of routes; whatever is not in it is refused, never passed on.

Raw ASGI, because a framework between the socket and the machine would be one more reader of the same bytes. Paths are
compared with ``scope["path"]`` itself; what is read of a head is in ``head.py`` and ``identify.py``, all of it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol

from brightline.core.enforcement.ended import Closed
from brightline.core.enforcement.events import Arrived, Instant
from brightline.core.enforcement.machine import Machine
from brightline.core.enforcement.terms import Terms
from brightline.core.errors import (
    BrightlineError,
    CallerError,
    OutsideRegistration,
    Overloaded,
    RequestTooLarge,
    TooSlow,
    UnknownRoute,
)
from brightline.core.evidence.record import Outcome
from brightline.core.exchange import strict_json
from brightline.core.exchange.api.protocol import Api
from brightline.core.exchange.api.table import BY_ROUTE, ENDPOINT_MODELS
from brightline.core.exchange.model import Exchange
from brightline.core.exchange.refusal import error_body, retry_headers
from brightline.core.ports import Clock, ConditionSource, OnceLog, RecordLog, Upstream
from brightline.core.register import RegisterBook
from brightline.core.review.kept import Named
from brightline.core.screening.release import Release
from brightline.core.workload import Workload
from brightline.shell.body import BodyTooLarge, ClientLeft, is_http, read_body
from brightline.shell.config import ListenSettings
from brightline.shell.gateway import wishes
from brightline.shell.gateway.admission import Admission, Entered
from brightline.shell.gateway.head import (
    claimed_by_post,
    leaving_of,
    named_hold,
    no_query,
    only,
    plain_json,
    wait_seconds,
)
from brightline.shell.gateway.holds import Holds
from brightline.shell.gateway.identify import Identifier
from brightline.shell.gateway.patterns import PatternWatch
from brightline.shell.gateway.pump import Pump
from brightline.shell.gateway.quotas import Quotas
from brightline.shell.gateway.responder import (
    AsgiResponder,
    Receive,
    Scope,
    Send,
    send_health,
    send_whole,
    whole_answer,
)
from brightline.shell.gateway.sampling import Sampler
from brightline.shell.gateway.waiting import Waiting
from brightline.shell.gateway.watch import DenyWatch
from brightline.shell.gateway.wishes import Wishes
from brightline.shell.inference.judges import Screeners, Screening
from brightline.shell.persons.reading import SecondReader
from brightline.shell.telemetry.finished import Finished, Observer

HOLDS_PATH: Final = "/v1/holds/"
BODY_BYTES_MAX: Final = strict_json.Limits().bytes_max
_SHED: Final = Overloaded("the line is full, and this workload has the most in it")
_SHED_ANSWER: Final = whole_answer(_SHED)


class ExchangeAborted(RuntimeError):
    """Our own mistake ended an exchange; the client was told so, and the next boot books it as lost."""


class Upstreams(Upstream, Protocol):
    """The model servers, and which of several alike an exchange is given to."""

    def placed(self, upstream: str) -> AbstractContextManager[str]:
        """The name of the server that is given the exchange, for as long as the exchange lasts."""
        ...


class Judges(Protocol):
    """The releases that judge here."""

    def under(self, release: Release, unit: str) -> AbstractContextManager[Screening]:
        """Its detectors, kept for as long as an exchange of this unit is judged by it.

        Raises ``ScreeningUnavailable``.
        """
        ...


class Gateway:
    """Serves one node. ``readiness`` lists what keeps it from serving; empty means ready."""

    def __init__(
        self,
        *,
        settings: ListenSettings,
        terms: Callable[[], Terms],
        identifier: Identifier,
        admission: Admission,
        quotas: Quotas,
        log: RecordLog,
        once: OnceLog,
        judges: Judges,
        upstreams: Upstreams,
        conditions: ConditionSource,
        watch: DenyWatch,
        patterns: PatternWatch,
        clock: Clock,
        readiness: Callable[[], tuple[str, ...]],
        registers: Callable[[], RegisterBook],
        holds: Holds,
        wishes: Wishes,
        waiting_max: int,
        sampler: Sampler,
        second_reader: SecondReader,
        observers: Sequence[Observer] = (),
    ) -> None:
        self._settings = settings
        self._terms = terms
        self._identifier = identifier
        self._admission = admission
        self._quotas = quotas
        self._log = log
        self._once = once
        self._judges = judges
        self._upstreams = upstreams
        self._conditions = conditions
        self._watch = watch
        self._patterns = patterns
        self._clock = clock
        self._readiness = readiness
        self._registers = registers
        self._holds = holds
        self._wishes = wishes
        self._waiting = Waiting(holds, clock, waiting_max)
        self._sampler = sampler
        self._second_reader = second_reader
        self._observers = tuple(observers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope. Lifespan is not ours (``wiring.py`` opens and closes); websockets are refused."""
        if not await is_http(scope, send):
            return
        try:
            await self._route(scope, receive, send)
        except BrightlineError as error:
            exchange_id = _anonymous()
            api = BY_ROUTE.get(scope["path"])
            write = api.write_error if api else error_body
            self._admission.count(error)
            body = write(error, {"exchange": exchange_id})
            await send_whole(send, error.status, body, exchange_id, retry_headers(error))
        except ClientLeft:
            return

    def refused(self, error: CallerError) -> bytes:
        """Count what was refused before it was a request, and say what is answered: JSON, as for every other error."""
        self._admission.count(error)
        return error_body(error, {"exchange": _anonymous()})

    def shed(self, head: bytes) -> bytes | None:
        """The answer to a request that would be shed as soon as it was read, so that it need not be; else None."""
        claimed = claimed_by_post(head)  # whoever reads takes no place
        if not claimed or not self._admission.crowded(claimed):
            return None
        self._admission.count(_SHED)
        return _SHED_ANSWER

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        match path:
            case "/livez" | "/readyz":
                only("GET", method, path)
                await send_health(send, self._readiness() if path == "/readyz" else ())
            case "/v1/models":
                only("GET", method, path)
                workload = self._identifier.identify(scope["headers"])
                if ENDPOINT_MODELS not in workload.registration.endpoints:
                    raise OutsideRegistration("this workload is not registered for this endpoint")
                await self._models(send)
            case "/v1/holds":
                only("GET", method, path)
                workload = self._identifier.identify(scope["headers"])
                no_query(scope)
                await send_whole(send, 200, self._waiting.listed(workload))
            case _ if (named := wishes.PATH.fullmatch(path)) is not None:
                only("GET" if method == "GET" else "POST", method, path)
                workload = self._identifier.identify(scope["headers"])
                no_query(scope)
                await self._appeals(named["about"], workload, scope, receive, send)
            case _ if path.startswith(HOLDS_PATH):
                only("GET", method, HOLDS_PATH)
                workload = self._identifier.identify(scope["headers"])
                no_query(scope)
                hold, seconds = path.removeprefix(HOLDS_PATH), wait_seconds(scope)
                await send_whole(send, 200, await self._waiting.told(hold, workload, seconds, leaving_of(scope)))
            case _:
                api = BY_ROUTE.get(path)
                if api is None:
                    raise UnknownRoute(f"this gateway serves no such path: {path[:80]!r}")
                only("POST", method, path)
                workload = self._identifier.identify(scope["headers"])
                no_query(scope)
                with await self._admission.enter(workload) as entered:
                    await self._exchange(api, workload, entered, scope, receive, send)

    async def _models(self, send: Send) -> None:
        terms = self._terms()
        rows = [
            {"id": name, "object": "model", "created": 0, "owned_by": "brightline"} for name in sorted(terms.models)
        ]
        await send_whole(send, 200, strict_json.encode({"object": "list", "data": rows}))

    async def _appeals(self, about: str, workload: Workload, scope: Scope, receive: Receive, send: Send) -> None:
        """What this workload asked its official to appeal of this; or one more such wish."""
        if scope["method"] == "GET":
            await send_whole(send, 200, wishes.listed(self._wishes.of(workload, about)))
            return
        self._wishes.check(workload, about)
        told = await self._wishes.ask(workload, about, await self._body(scope, receive, wishes.BODY_BYTES_MAX))
        await send_whole(send, 200, strict_json.encode(told))

    async def _exchange(
        self, api: Api, workload: Workload, entered: Entered, scope: Scope, receive: Receive, send: Send
    ) -> None:
        terms = self._terms()
        with self._judges.under(terms.release, workload.unit) as judging:
            screeners = judging.screeners
            if judging.beside is not None:
                terms = terms.as_canary_of(judging.beside)
            request = await self._read(api, scope, receive)
            name = named_hold(scope)
            named = await self._holds.named(name, workload, self._clock.unix()) if name else None
            model = terms.models.get(request.model) if isinstance(request, Exchange) else None
            if model is None:
                await self._walk(api, terms, screeners, workload, entered, request, named, scope, receive, send)
                return
            with self._upstreams.placed(model.upstream) as upstream:
                chosen = terms.served_by(model, upstream)
                await self._walk(api, chosen, screeners, workload, entered, request, named, scope, receive, send)

    async def _walk(
        self,
        api: Api,
        terms: Terms,
        screeners: Screeners,
        workload: Workload,
        entered: Entered,
        request: Exchange | CallerError,
        named: Named | CallerError | None,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        exchange_id = f"xc_{secrets.token_hex(12)}"
        now = Instant(self._clock.monotonic(), self._clock.unix())
        people = self._holds.word(workload, terms.agreement.digest, terms.release.digest, now.unix, named)
        registers = self._registers()
        watched = self._patterns.look(terms.agreement, registers, workload, exchange_id, request, now.unix)
        reading = self._second_reader.begin(terms, workload, request, watched)
        arrived = Arrived(now, exchange_id, workload, request, registers, people, watched)
        responder = AsgiResponder(
            api, send, receive, exchange_id, now.unix, self._settings.write_seconds, leaving_of(scope)
        )
        if isinstance(request, Exchange):
            responder.serve(request)
        machine = Machine(terms, api, arrived)
        pump = Pump(
            machine,
            model=request.model if isinstance(request, Exchange) else "",
            unit=workload.unit,
            log=self._quotas.metered(self._log, workload),
            once=self._once,
            screeners=screeners,
            upstream=self._upstreams,
            conditions=self._conditions,
            clock=self._clock,
            responder=responder,
            exchange_id=exchange_id,
            sent=entered.sent,
            closed=lambda closed: self._ended(workload, closed, now.unix),
            answered=lambda reply: reading.heard(
                reply, self._patterns.answer(terms.agreement, registers, workload, watched, reply)
            ),
        )
        try:
            await pump.run()
            await self._sampler.look(machine, workload, terms)
        except BrightlineError as error:  # the pump has answered and closed: nobody may answer a second time
            raise ExchangeAborted(f"{exchange_id} was aborted") from error
        finally:
            self._second_reader.end(reading, machine.closed)
            self._tell(api, exchange_id, request, terms, machine, now)

    def _ended(self, workload: Workload, closed: Closed, unix: int) -> None:
        """Count an end that is on record, before the caller hears of it."""
        self._watch.ended(workload.unit, closed, unix)
        self._quotas.used(workload, closed.tokens)
        if closed.outcome is Outcome.HELD:
            self._quotas.held(workload, closed.hold)
        self._holds.ended(workload, closed)

    def _tell(
        self,
        api: Api,
        exchange_id: str,
        request: Exchange | CallerError,
        terms: Terms,
        machine: Machine,
        began: Instant,
    ) -> None:
        """Tell the observers of an end, without anything that the caller chose freely."""
        finished = Finished(
            exchange=exchange_id,
            api=api.NAME,
            model=request.model if isinstance(request, Exchange) and request.model in terms.models else "",
            streamed=isinstance(request, Exchange) and request.streamed,
            seconds=self._clock.monotonic() - began.monotonic,
            closed=machine.closed[0] if machine.closed else None,
        )
        for observer in self._observers:
            observer.finished(finished)

    async def _read(self, api: Api, scope: Scope, receive: Receive) -> Exchange | CallerError:
        """Read and understand the body. What is wrong with it is an answer, because this attempt is on record."""
        try:
            return api.read_request(await self._body(scope, receive, BODY_BYTES_MAX))
        except CallerError as error:
            return error

    async def _body(self, scope: Scope, receive: Receive, bytes_max: int) -> bytes:
        """The body of a request. Raises ``UnsupportedMediaType``, ``RequestTooLarge``, ``TooSlow``, ``ClientLeft``."""
        plain_json(scope)
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                return await read_body(receive, bytes_max)
        except BodyTooLarge as error:
            raise RequestTooLarge(str(error)) from error
        except TimeoutError as error:
            raise TooSlow(f"the body did not arrive within {self._settings.body_seconds:g} s") from error


def _anonymous() -> str:
    """An id for what has no record."""
    return f"an_{secrets.token_hex(12)}"
