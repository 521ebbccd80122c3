# SPDX-License-Identifier: Apache-2.0
"""A model server that answers canned bytes: as fast as Python goes, so that the rest of the row is the limit.

    python bench/upstream.py PORT

It understands just enough HTTP to find the end of a request: a head, and a body of ``content-length`` bytes. It reads
no JSON: a body that holds ``"stream":true`` is answered by a stream, any other by a completion of 1 kB.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from typing import Final, cast

import uvloop

WORDS: Final = (
    "The depot reports that spare parts for the generators arrive on Thursday, and that two trucks can be made "
    "ready by then. Please plan the route over the northern road, because the bridge in the south is closed for "
    "repairs until the end of the month. The crew needs rest after each six hours, so a stop halfway is sensible. "
)
ANSWER: Final = (WORDS * 4)[:800]
FIRST_CHARS: Final = 320  # more than the hold-back keeps, so that the gateway can let something out at once
EVENT_CHARS: Final = 5
EVENTS: Final = 200
PAUSE_SECONDS: Final = 0.005


def plain_body() -> bytes:
    """A chat completion, about 1 kB as JSON."""
    choice = {"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 60, "completion_tokens": 160, "total_tokens": 220}
    return _json({"id": "up-1", "object": "chat.completion", "created": 1, "choices": [choice], "usage": usage})


def events() -> list[bytes]:
    """The events of a stream: one long one, ``EVENTS`` short ones, the finish and the end mark."""
    text = WORDS * (2 + (FIRST_CHARS + EVENTS * EVENT_CHARS) // len(WORDS))
    cuts = [0, *(FIRST_CHARS + i * EVENT_CHARS for i in range(EVENTS + 1))]
    parts = [_event({"content": text[a:b]}, None) for a, b in itertools.pairwise(cuts)]
    return [*parts, _event({}, "stop"), b"data: [DONE]\n\n"]


def _event(delta: dict[str, str], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + _json({"id": "up-1", "object": "chat.completion.chunk", "choices": [choice]}) + b"\n\n"


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


_PLAIN: Final = plain_body()
_PLAIN_ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(_PLAIN)
) + _PLAIN
_STREAM_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunked(data: bytes) -> bytes:
    """One chunk of RFC 9112, section 7.1."""
    return b"%x\r\n%s\r\n" % (len(data), data)


_STREAM: Final = [chunked(part) for part in events()]


class Model(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._buffer = b""
        self._streaming: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A connection."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Its end."""
        if self._streaming is not None:
            self._streaming.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer once the head and the body are there."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if len(body) < int(length or 0):
            return
        self._buffer = b""
        if b'"stream":true' in body:
            self._streaming = asyncio.get_running_loop().create_task(_stream(self._transport))
        else:
            self._transport.write(_PLAIN_ANSWER)


async def _stream(transport: asyncio.Transport) -> None:
    transport.write(_STREAM_HEAD)
    loop = asyncio.get_running_loop()
    due = loop.time()
    for part in _STREAM:
        transport.write(part)
        due += PAUSE_SECONDS
        await asyncio.sleep(due - loop.time())
    transport.write(b"0\r\n\r\n")


async def serve(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Model, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
