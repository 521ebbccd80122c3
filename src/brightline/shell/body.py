# SPDX-License-Identifier: Apache-2.0
"""What all our ASGI applications do alike, the guard's too: HTTP alone, bodies whole and bounded, and whole answers.

What an application answers is its own matter; here a body is read, or it is said why not, and an answer is written
with its length before it, so that one that was torn is never taken for a whole one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class ClientLeft(ConnectionError):
    """The client closed its connection before its request was whole."""


class BodyTooLarge(ValueError):
    """A body of more bytes than may come; no more of it was read."""


async def read_body(receive: Receive, bytes_max: int) -> bytes:
    """The body of one request. How long it may take is for the caller to bound.

    Raises ``ClientLeft`` or ``BodyTooLarge``.
    """
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        part = message.get("body", b"")
        size += len(part)
        if size > bytes_max:
            raise BodyTooLarge(f"the body exceeds {bytes_max} bytes")
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def write_whole(send: Send, status: int, body: bytes, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Write one complete answer. A 204 has neither a body nor a length (RFC 9110, section 15.3.5)."""
    await begin_answer(send, status, None if status == 204 else len(body), headers)
    await send({"type": "http.response.body", "body": body})


async def begin_answer(send: Send, status: int, size: int | None, headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Write the head of an answer whose body of this many bytes follows; ``None`` says nothing of its length."""
    length = [] if size is None else [(b"content-length", str(size).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})


async def is_http(scope: MutableMapping[str, Any], send: Send) -> bool:
    """Whether this is a request. A websocket is closed, which is its refusal; nothing else is ever asked for."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return False
    if scope["type"] != "http":
        raise AssertionError(f"an ASGI scope of type {scope['type']} was not asked for")
    return True
