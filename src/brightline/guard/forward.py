# SPDX-License-Identifier: Apache-2.0
"""From the guard to the model server: the checked bytes there, what comes back as it is.

No cookies, no redirects, no decompression, nothing sent twice; the token stays here. A client that leaves ends the
model's work at once, also while it has said nothing yet.
"""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import Callable
from typing import Final

from brightline.guard.app import Scope, Send, answer
from brightline.shell.body import Receive
from brightline.shell.connection import Connection
from brightline.shell.connections import Connections
from brightline.shell.serve import LEAVING

ANSWER_BYTES_MAX: Final = 1_048_576  # of an answer to the guard itself
CONNECTIONS_MAX: Final = 1_024
CONNECT_SECONDS: Final = 5.0
IDLE_SECONDS: Final = 300.0
LOOK_SECONDS: Final = 0.5
_FORWARDED: Final = frozenset({b"content-type", b"accept", b"authorization"})
_RETURNED: Final = frozenset({b"content-type", b"content-length", b"cache-control"})


class Forward:
    """An ASGI application that is a model server elsewhere. Create it inside the running loop."""

    def __init__(self, base_url: str, socket: str = "") -> None:
        """``socket`` is the path of a Unix socket; without one the address of ``base_url`` is asked.

        Raises ``ConfigError`` for what is no address.
        """
        tls = base_url.startswith("https:")
        trusted = ssl.create_default_context() if tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which trusts none
        self._connections = Connections(base_url, trusted, CONNECTIONS_MAX, CONNECT_SECONDS, socket)
        self.lost = ""
        """Why no connection to the model server can be had; empty while one can, and before the first look."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the request on, and its answer back."""
        body = (await receive())["body"]
        headers = [(name, value) for name, value in scope["headers"] if name in _FORWARDED]
        asked = self._request(scope["path"], headers, body)
        client = _Client()
        started = False
        try:
            now = asyncio.get_running_loop().time()
            connection = await self._connections.take(now + IDLE_SECONDS)
            try:
                async with _Watch(client, connection, scope, receive):
                    await connection.ask(asked, now + IDLE_SECONDS, math.inf, IDLE_SECONDS)
                    back = [each for each in connection.headers if each[0] in _RETURNED]
                    await send({"type": "http.response.start", "status": connection.status, "headers": back})
                    started = True
                    while chunk := await connection.take():
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
            finally:
                self._connections.give_back(connection)
            await send({"type": "http.response.body", "body": b""})
        except OSError as error:
            if client.gone:
                return
            if started:  # an answer that broke off must not look whole
                raise ConnectionError("the model server broke off") from error
            said = {"message": "the model server cannot be used", "type": "guard_error", "param": None}
            await answer(send, 502, {"error": {**said, "code": "model_unreachable"}})

    async def look(self) -> None:
        """See twice a second whether the model server is there, for ever; nothing is asked of it."""
        while True:
            if not self._connections.busy:  # who serves as many as may be is there
                self.lost = await self._reach()
            await asyncio.sleep(LOOK_SECONDS)

    async def _reach(self) -> str:
        try:
            connection = await self._connections.take(asyncio.get_running_loop().time() + CONNECT_SECONDS)
        except OSError as error:  # with those that ran out of time
            return f"the model server cannot be reached: {error.strerror or type(error).__name__}"
        self._connections.give_back(connection)
        return ""

    async def ask(self, path: str, body: bytes, seconds: float) -> bytes:
        """Ask the model for the guard itself; the body of its answer. Raises ``OSError`` for any other than 200."""
        latest = asyncio.get_running_loop().time() + seconds
        connection = await self._connections.take(latest)
        try:
            asked = self._request(path, [(b"content-type", b"application/json")], body)
            await connection.ask(asked, latest, latest, seconds)
            data = bytearray()
            while len(data) <= ANSWER_BYTES_MAX and (chunk := await connection.take()):
                data += chunk
        finally:
            self._connections.give_back(connection)
        if connection.status != 200 or len(data) > ANSWER_BYTES_MAX:
            raise ConnectionError(f"the model server answered with status {connection.status}, {len(data)} bytes")
        return bytes(data)

    def _request(self, path: str, headers: list[tuple[bytes, bytes]], body: bytes) -> bytes:
        where = self._connections
        head = b"POST %b%b HTTP/1.1\r\nhost: %b\r\naccept-encoding: identity\r\n" % (
            where.path,
            path.encode("ascii"),
            where.host,
        )
        fields = b"".join(b"%b: %b\r\n" % each for each in headers)
        return b"%b%bcontent-length: %d\r\n\r\n%b" % (head, fields, len(body), body)

    async def close(self) -> None:
        """Close every connection."""
        self._connections.close()


class _Client:
    """Whether the client has gone, and what is to be dropped then."""

    __slots__ = ("connection", "gone")

    def __init__(self) -> None:
        self.gone = False
        self.connection: Connection | None = None

    def leave(self) -> None:
        """It has gone. Once the answer is read to its end the connection is another's, and nothing is dropped."""
        if self.connection is not None:
            self.gone = True
            self.connection.drop()


class _Watch:
    """While it is open a client that leaves drops the connection."""

    def __init__(self, client: _Client, connection: Connection, scope: Scope, receive: Receive) -> None:
        self._client = client
        self._connection = connection
        self._tell: Callable[[Callable[[], None]], None] | None = scope.get("extensions", {}).get(LEAVING)
        self._receive = receive
        self._waiting: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        self._client.connection = self._connection
        if self._tell is not None:
            self._tell(self._client.leave)
        else:  # another server than ours
            self._waiting = asyncio.create_task(self._wait())

    async def __aexit__(self, *_: object) -> None:
        self._client.connection = None
        if self._waiting is not None:
            self._waiting.cancel()
            await asyncio.gather(self._waiting, return_exceptions=True)

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._client.leave()
