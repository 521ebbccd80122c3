# SPDX-License-Identifier: Apache-2.0
"""From the guard to the model server: the checked bytes there, what comes back as it is.

No cookies, no redirects, no decompression; the token stays here. A client that leaves cancels the model's work.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

import aiohttp

from brightline.guard.app import Scope, Send, answer
from brightline.shell.body import Receive

CHUNK_BYTES: Final = 16_384
ANSWER_BYTES_MAX: Final = 1_048_576  # of an answer to the guard itself
CONNECT_SECONDS: Final = 5.0
IDLE_SECONDS: Final = 300.0
_FORWARDED: Final = frozenset({b"content-type", b"accept", b"authorization"})
_RETURNED: Final = frozenset({"content-type", "content-length", "cache-control"})


class Forward:
    """An ASGI application that is a model server elsewhere. Create it inside the running loop."""

    def __init__(self, base_url: str, socket: str = "") -> None:
        """``socket`` is the path of a Unix socket; without one the address of ``base_url`` is asked."""
        self._base = base_url.rstrip("/")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(path=socket) if socket else None,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=IDLE_SECONDS),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the request on, and its answer back."""
        message = await receive()
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"] if name in _FORWARDED
        }
        headers["accept-encoding"] = "identity"
        started = False
        try:
            async with self._session.post(
                self._base + scope["path"], data=message["body"], headers=headers, allow_redirects=False
            ) as response:
                back = [
                    (name.lower().encode("latin-1"), value.encode("latin-1"))
                    for name, value in response.headers.items()
                    if name.lower() in _RETURNED
                ]
                await send({"type": "http.response.start", "status": response.status, "headers": back})
                started = True
                async with _until_gone(receive) as gone:
                    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                        if gone.done():
                            return
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
        except (aiohttp.ClientError, TimeoutError) as error:
            if started:  # an answer that broke off must not look whole
                raise ConnectionError("the model server broke off") from error
            said = {"message": "the model server cannot be used", "type": "guard_error", "param": None}
            await answer(send, 502, {"error": {**said, "code": "model_unreachable"}})

    async def ask(self, path: str, body: bytes, seconds: float) -> bytes:
        """Ask the model for the guard itself; the body of its answer. Raises ``OSError`` for any other than 200."""
        headers = {"content-type": "application/json", "accept-encoding": "identity"}
        try:
            async with (
                asyncio.timeout(seconds),
                self._session.post(self._base + path, data=body, headers=headers, allow_redirects=False) as response,
            ):
                data = await response.content.read(ANSWER_BYTES_MAX + 1)
                while len(data) <= ANSWER_BYTES_MAX and (more := await response.content.read(ANSWER_BYTES_MAX)):
                    data += more
        except aiohttp.ClientError as error:
            raise ConnectionError("the model server cannot be used") from error
        if response.status != 200 or len(data) > ANSWER_BYTES_MAX:
            raise ConnectionError(f"the model server answered with status {response.status}, {len(data)} bytes")
        return data

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()


@contextlib.asynccontextmanager
async def _until_gone(receive: Receive) -> AsyncIterator[asyncio.Task[None]]:
    """A task that ends when the client has gone."""

    async def wait() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    task = asyncio.create_task(wait())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
