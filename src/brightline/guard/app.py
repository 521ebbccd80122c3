# SPDX-License-Identifier: Apache-2.0
"""The guard: beside the model, and it answers to nothing but a pass token.

    1. one token, in one header; the whole body is read, bounded
    2. the token is signed by a pinned gateway, is for this upstream, has not expired, and is younger than the store
    3. method, path and body are, byte for byte, those that the token was minted for, and ask for the model it names
    4. this guard has a lease in force (``lease.py``), and that model is admitted, with each record of testing that the
       token names (``admission.py``)
    5. the token is booked as used, durably; the second time it is refused
    6. the use stands in the guard's own log, durably, so that the other side of the books can be counted
    7. the very bytes that were checked go to the model; what comes back goes out as it is

What is under way is cut when the model is taken out, or the lease ends.

Nothing here looks into what is asked or answered: that was judged before the token was minted, and will be judged when
the answer arrives. Everything else, whatever the path, is refused in the shape that OpenAI clients expect.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, Protocol

import msgspec

from brightline.core.canonical import JsonValue, canonical_bytes
from brightline.core.enforcement.pass_token import PassClaims, PassRefused, body_digest, read_pass, token_id
from brightline.core.errors import CallerError, EvidenceUnavailable, ModelNotAdmitted
from brightline.core.ports import LeaseSource
from brightline.guard.admission import Admits
from brightline.guard.consumed import Consumption, StoreUnavailable, Tokens
from brightline.shell.body import BodyTooLarge, ClientLeft, Receive, read_body, write_whole

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PASS_HEADER: Final = b"x-brightline-pass"
BODY_BYTES_MAX: Final = 16 * 1024 * 1024
SKEW_SECONDS: Final = 5  # how far the clocks of gateway and guard may differ
LIFE_SECONDS_MAX: Final = 300

log = logging.getLogger("brightline.guard")


class GuardRefusal(Exception):
    """Why a request goes no further. ``status`` is HTTP's, ``code`` is for machines; the text names no secret."""

    def __init__(self, code: str, message: str, status: int = 403) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class Book(Protocol):
    """The guard's own log."""

    async def consumed(self, claims: PassClaims, token: str, admitted: str) -> None:
        """Book the use of a token, durably, for the model that is admitted. Raises ``EvidenceUnavailable``."""
        ...


class Guard:
    """ASGI middleware around ``model``: an application beside it, or a ``Forward`` to a server."""

    def __init__(
        self,
        model: App,
        upstream: str,
        gateways: tuple[bytes, ...],
        tokens: Tokens,
        book: Book,
        admits: Admits,
        unix: Callable[[], int],
        lease: LeaseSource | None = None,
        lost: Callable[[], str] = lambda: "",
    ) -> None:
        """``lost`` says why the model cannot be reached; a request is tried all the same."""
        self._lost = lost
        self._admits = admits
        self._lease = lease
        self._under_way: dict[asyncio.Task[Any], PassClaims] = {}
        self._refused: Counter[str] = Counter()
        self._model = model
        self._upstream = upstream
        self._gateways = gateways
        self._tokens = tokens
        self._book = book
        self._unix = unix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope. Lifespan belongs to the model; everything but HTTP is refused."""
        if scope["type"] == "lifespan":
            await self._model(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["path"] == "/livez" and scope["method"] == "GET":
            await answer(send, 200, {"status": "ok"})
            return
        if scope["path"] == "/readyz" and scope["method"] == "GET":
            if unleased := self._unleased:
                await answer(send, 503, {"status": "no_lease", "condition": unleased})
                return
            status, fault = "not_admitted", self._admits.fault
            if not fault:
                status, fault = "model_unreachable", self._lost()
            await answer(send, 503 if fault else 200, {"status": status if fault else "ok", "condition": fault})
            return
        try:
            claims, body = await self._admit(scope, receive)
        except GuardRefusal as refusal:
            self._refused[refusal.code] += 1
            await _refuse(send, refusal)
            return
        await self._let_through(claims, scope, _again(body, receive), send)  # 7

    async def _let_through(self, claims: PassClaims, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises ``ConnectionError`` when it is cut meanwhile: what broke off must not look whole."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in one
        self._under_way[task] = claims
        try:
            await self._model(scope, receive, send)
        except asyncio.CancelledError:
            if task not in self._under_way:
                task.uncancel()
                raise ConnectionError("the model was taken out, or the lease ended, while it answered") from None
            raise
        finally:
            self._under_way.pop(task, None)

    @property
    def _unleased(self) -> str:
        """Why this guard has no lease in force; empty while it has one, or is asked for none."""
        return self._lease.fault if self._lease is not None else ""

    def cut_what_may_not_go_on(self) -> None:
        """Ask again of each request under way whether it may be answered, and cut those that may not."""
        unleased = self._unleased
        for task, claims in list(self._under_way.items()):
            why = unleased
            try:
                self._admits.check(claims)
            except ModelNotAdmitted:
                why = "its model was taken out"
            if why:
                del self._under_way[task]
                log.warning("%s: cut, because %s", claims.exchange, why)
                task.cancel()

    def count(self, code: str) -> None:
        """Count what was refused before it was a request."""
        self._refused[code] += 1

    def refuse_unheard(self, error: CallerError) -> bytes:
        """Count what was no request, and say so: what two parsers could read differently, a head that is too long."""
        self.count(error.code)
        return canonical_bytes(_error(str(error), error.code))

    def take_counts(self) -> dict[str, int]:
        """How many requests were refused since the last call, by code: none of them has a record."""
        counts = dict(self._refused)
        self._refused.clear()
        return counts

    def give_back(self, counts: Mapping[str, int]) -> None:
        """Counts that could not be booked wait for the next PERIOD record."""
        self._refused.update(counts)

    async def _admit(self, scope: Scope, receive: Receive) -> tuple[PassClaims, bytes]:
        """Steps 1 to 6. Returns the token and the body that was checked. Raises ``GuardRefusal``."""
        presented = [value for name, value in scope["headers"] if name == PASS_HEADER]
        if len(presented) != 1:  # 1
            raise GuardRefusal("pass_required", "one pass token of the gateway is required, in x-brightline-pass")
        try:
            claims = read_pass(presented[0].decode("latin-1"), self._gateways)  # 2
        except PassRefused as error:
            raise GuardRefusal("pass_invalid", str(error)) from error
        self._for_us_and_fresh(claims)
        body = await _body(receive)
        _for_these_bytes(claims, scope, body)  # 3
        await self._use(claims, self._admitted(claims))
        self._admitted(claims)  # once more: booking takes time, and a model may be taken out meanwhile
        return claims, body

    def _admitted(self, claims: PassClaims) -> str:
        if unleased := self._unleased:
            log.warning("%s: this guard has no lease: %s", claims.exchange, unleased)
            raise GuardRefusal("guard_without_lease", f"this guard has no lease: {unleased}", 503)
        try:
            return self._admits.check(claims)  # 4
        except ModelNotAdmitted as error:
            log.warning("%s: %s", claims.exchange, error)
            raise GuardRefusal("model_not_admitted", str(error), 503) from error

    def _for_us_and_fresh(self, claims: PassClaims) -> None:
        now = self._unix()
        if claims.upstream != self._upstream:
            raise GuardRefusal("pass_for_another", "this token is for another model server")
        if claims.expires <= now or claims.expires - claims.issued > LIFE_SECONDS_MAX:
            raise GuardRefusal("pass_expired", "this token has expired")
        if claims.issued > now + SKEW_SECONDS:
            raise GuardRefusal("pass_invalid", "this token is from the future")
        if claims.issued - SKEW_SECONDS < self._tokens.born:
            # What was used before the store was made is not known: nothing of that time is used again, also by a
            # gateway whose clock is ahead. So a new store takes no token in its first seconds.
            raise GuardRefusal("pass_expired", "this token is older than the store of used tokens")

    async def _use(self, claims: PassClaims, admitted: str) -> None:
        """Steps 5 and 6. A token that was booked and not logged stays used: the gateway explains it as unanswered."""
        token = token_id(claims.exchange)
        try:
            first = await self._tokens.consume(Consumption(token, claims.expires))  # 5
            if not first:
                raise GuardRefusal("pass_used", "this token was used before")
            await self._book.consumed(claims, token, admitted)  # 6
        except (StoreUnavailable, EvidenceUnavailable) as error:
            log.warning("%s: %s", claims.exchange, error)
            raise GuardRefusal("guard_unavailable", "the use of a token cannot be booked", 503) from error


class _Asked(msgspec.Struct):
    """Of a body that the gateway wrote, and signed the digest of: which model it asks for."""

    model: str


def _for_these_bytes(claims: PassClaims, scope: Scope, body: bytes) -> None:
    if scope["method"] != "POST" or scope["path"] != claims.path or scope.get("query_string"):
        raise GuardRefusal("pass_for_another", "this token is for another path")
    if body_digest(body) != claims.wire_digest:
        raise GuardRefusal("pass_for_another", "this token is for other bytes")
    try:
        model = msgspec.json.decode(body, type=_Asked).model
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise GuardRefusal("pass_for_another", "the body names no model") from error
    if model != claims.model:
        raise GuardRefusal("pass_for_another", "this token is for another model")


async def _body(receive: Receive) -> bytes:
    try:
        return await read_body(receive, BODY_BYTES_MAX)
    except ClientLeft as error:
        raise GuardRefusal("pass_invalid", "the body did not arrive", 400) from error
    except BodyTooLarge as error:
        raise GuardRefusal("pass_invalid", str(error), 413) from error


def _again(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives the checked bytes once, and then whatever the client does."""
    waiting = [body]

    async def again() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return again


async def _refuse(send: Send, refusal: GuardRefusal) -> None:
    await answer(send, refusal.status, _error(str(refusal), refusal.code))


def _error(message: str, code: str) -> dict[str, JsonValue]:
    return {"error": {"message": message, "type": "guard_error", "param": None, "code": code}}


async def answer(send: Send, status: int, value: dict[str, Any]) -> None:
    """Write one whole JSON answer."""
    await write_whole(send, status, canonical_bytes(value), [(b"content-type", b"application/json")])
