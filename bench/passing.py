# SPDX-License-Identifier: Apache-2.0
"""The gateway's server and its HTTP client with nothing between them: what those two cost. It exists only here.

    python bench/passing.py UPSTREAM_URL PORT

Whatever comes in is sent on unread and comes back unread: no key, no rules, no evidence.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from typing import Any

import uvloop

from brightline.shell.body import read_body
from brightline.shell.connections import Connections
from brightline.shell.serve import bind, serving

BODY_BYTES_MAX = 1 << 20
SECONDS = 60.0


class Passing:
    """An ASGI application that asks the upstream what it is asked."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        body = await read_body(receive, BODY_BYTES_MAX)
        fields = b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body)
        head = b"POST %b HTTP/1.1\r\nhost: %b\r\n%b\r\n" % (scope["path"].encode(), self._connections.host, fields)
        latest = asyncio.get_running_loop().time() + SECONDS
        connection = await self._connections.take(latest)
        try:
            await connection.ask(head + body, latest, latest, SECONDS)
            kept = [field for field in connection.headers if field[0] in {b"content-type", b"content-length"}]
            await send({"type": "http.response.start", "status": connection.status, "headers": kept})
            while chunk := await connection.take():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        finally:
            self._connections.give_back(connection)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def serve(upstream: str, port: int) -> None:
    """Serve until killed."""
    connections = Connections(upstream, ssl.create_default_context(), 256, SECONDS)
    async with serving(Passing(connections), bind("127.0.0.1", port)):
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
