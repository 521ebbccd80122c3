# SPDX-License-Identifier: Apache-2.0
"""The gateway's server and its HTTP client with nothing between them: what those two cost. It exists only here.

    python bench/passing.py UPSTREAM_URL PORT

Whatever comes in is sent on unread and comes back unread: no key, no rules, no evidence.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import aiohttp
import uvloop

from brightline.shell.body import read_body
from brightline.shell.serve import bind, serving

BODY_BYTES_MAX = 1 << 20


class Passing:
    """An ASGI application that asks the upstream what it is asked."""

    def __init__(self, upstream: str, session: aiohttp.ClientSession) -> None:
        self._url = upstream
        self._session = session

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        body = await read_body(receive, BODY_BYTES_MAX)
        headers = {"content-type": "application/json"}
        async with self._session.post(self._url + scope["path"], data=body, headers=headers) as response:
            kind = response.headers["content-type"].encode()
            head = [(b"content-type", kind)]
            if response.content_length is not None:
                head.append((b"content-length", str(response.content_length).encode()))
            await send({"type": "http.response.start", "status": response.status, "headers": head})
            async for chunk in response.content.iter_any():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def serve(upstream: str, port: int) -> None:
    """Serve until killed."""
    connector = aiohttp.TCPConnector(limit=256)
    async with (
        aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session,
        serving(Passing(upstream, session), bind("127.0.0.1", port)),
    ):
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
