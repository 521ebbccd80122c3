# SPDX-License-Identifier: Apache-2.0
"""Answers one client over ASGI: headers once, then judged bytes only, then the end.

Every content byte comes from the writers of an API, whose arguments are judged values. ``abort`` ends an answer that
is under way without the end marker, so that no client takes a torn answer for a whole one.
"""

from __future__ import annotations

import asyncio
import http
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from brightline.core.enforcement.commands import Notice
from brightline.core.errors import BrightlineError
from brightline.core.evidence.receipt import Receipt
from brightline.core.exchange import strict_json
from brightline.core.exchange.api.protocol import Api, StreamWriter
from brightline.core.exchange.judged import JudgedReply, JudgedSegment
from brightline.core.exchange.model import Exchange, Usage
from brightline.core.exchange.refusal import error_body, retry_headers
from brightline.shell.body import write_whole

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_JSON = (b"content-type", b"application/json")
_NO_STORE = (b"cache-control", b"no-store")


async def send_whole(
    send: Send,
    status: int,
    body: bytes,
    exchange_id: str = "",
    headers: Sequence[tuple[bytes, bytes]] = (),
    kind: tuple[bytes, bytes] = _JSON,
) -> None:
    """Write one complete answer; ``kind`` is its content type, JSON where none is given."""
    all_headers = [kind, _NO_STORE, *headers]
    if exchange_id:
        all_headers.append((b"x-request-id", exchange_id.encode()))
    await write_whole(send, status, body, all_headers)


async def send_health(send: Send, missing: Sequence[str]) -> None:
    """Say that all is well, or what is not."""
    body = strict_json.encode({"status": "refusing" if missing else "ok", "missing": list(missing)})
    await send_whole(send, 503 if missing else 200, body)


def whole_answer(error: BrightlineError) -> bytes:
    """The bytes of an answer without an exchange, for a socket that has no application behind it yet."""
    body = error_body(error, {})
    headers = [_JSON, _NO_STORE, (b"content-length", str(len(body)).encode()), *retry_headers(error)]
    lines = [b"HTTP/1.1 %d %b" % (error.status, http.HTTPStatus(error.status).phrase.encode())]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


class AsgiResponder:
    """The :class:`~brightline.shell.gateway.pump.Responder` of one request."""

    def __init__(
        self,
        api: Api,
        send: Send,
        receive: Receive,
        exchange_id: str,
        created: int,
        write_seconds: float,
        leaving: Callable[[Callable[[], None]], None] | None = None,
    ) -> None:
        self._api = api
        self._send_raw = send
        self._receive = receive
        self._leaving = leaving
        self._exchange_id = exchange_id
        self._created = created
        self._write_seconds = write_seconds
        self._exchange: Exchange | None = None
        self._writer: StreamWriter | None = None
        self._started = False
        self._ended = False
        self._torn = False

    def serve(self, exchange: Exchange) -> None:
        """Say which exchange is answered; errors need none."""
        self._exchange = exchange

    async def refuse(self, error: BrightlineError, notice: Notice) -> None:
        """Write an error as the whole answer."""
        self._started = True
        body = self._api.write_error(error, notice)
        headers = [*retry_headers(error), *_receipt_header(notice)]
        async with asyncio.timeout(self._write_seconds):
            await send_whole(self._send_raw, error.status, body, self._exchange_id, headers)
        self._ended = True

    async def answer(self, reply: JudgedReply, notice: Notice) -> None:
        """Write a whole plain answer."""
        self._started = True
        body = self._api.write_reply(reply, self._known, self._exchange_id, self._created)
        async with asyncio.timeout(self._write_seconds):
            await send_whole(self._send_raw, 200, body, self._exchange_id, _receipt_header(notice))
        self._ended = True

    async def release(self, segment: JudgedSegment, notice: Notice) -> None:
        """Write one segment of a stream."""
        await self._open_stream()
        await self._write(self._stream.segment(segment, notice), more=True)

    async def close_stream(self, usage: Usage, notice: Notice) -> None:
        """End a stream that completed."""
        await self._open_stream()
        await self._write(self._stream.close(usage, notice), more=False)

    async def cut_stream(self, notice: Notice) -> None:
        """End a stream that the agreement stopped."""
        await self._open_stream()
        await self._write(self._stream.cut(notice), more=False)

    async def break_stream(self, error: BrightlineError, notice: Notice) -> None:
        """End a stream that failed: an error event and no end marker."""
        await self._open_stream()
        await self._write(self._stream.fail(error, notice), more=False)

    def watch(self, left: Callable[[], None]) -> bool:
        """Have this called once the client closes its connection; false where nobody can: then ``gone`` tells."""
        if self._leaving is None:
            return False
        self._leaving(left)
        return True

    async def gone(self) -> None:
        """Return when the client has closed its connection."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def abort(self) -> None:
        """Close whatever was begun, without an end marker; say 500 if nothing was."""
        if self._ended:
            return
        self._ended = True
        error = BrightlineError("internal error")
        if not self._started:
            body = self._api.write_error(error, {})
            await send_whole(self._send_raw, 500, body, self._exchange_id, retry_headers(error))
            return
        await self._send_raw({"type": "http.response.body", "body": self._stream.fail(error, {}), "more_body": False})

    @property
    def _known(self) -> Exchange:
        if self._exchange is None:
            raise AssertionError("an answer without an exchange")
        return self._exchange

    @property
    def _stream(self) -> StreamWriter:
        if self._writer is None:
            self._writer = self._api.open_stream(self._known, self._exchange_id, self._created)
        return self._writer

    async def _open_stream(self) -> None:
        if self._started:
            return
        self._started = True
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            _NO_STORE,
            (b"x-request-id", self._exchange_id.encode()),
        ]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def _write(self, body: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})
        self._ended = not more

    async def _send(self, message: Message) -> None:
        """Write a piece of a stream; none after one that was not taken in time, or the answer would have a hole."""
        if self._torn:
            raise ConnectionError("a piece before this one was not taken in time")
        try:
            async with asyncio.timeout(self._write_seconds):
                await self._send_raw(message)
        except TimeoutError:
            self._torn = True
            raise


def _receipt_header(notice: Notice) -> list[tuple[bytes, bytes]]:
    receipt = notice.get("receipt")
    if not isinstance(receipt, dict):
        return []
    return [(b"x-brightline-receipt", Receipt(**receipt).encode().encode())]  # type: ignore[arg-type]
