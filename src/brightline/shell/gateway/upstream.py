# SPDX-License-Identifier: Apache-2.0
"""The HTTP client to the model server. It carries the pass token and our own bytes; nothing is ever retried.

No cookies, no redirects, no decompression (we ask for none), bounded everywhere. What the upstream says in an error
body is not repeated to anybody: it is unjudged text.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Final

import aiohttp

from brightline.core.enforcement.pass_token import PassToken
from brightline.core.errors import UpstreamFailed
from brightline.core.exchange.model import UpstreamRequest
from brightline.shell.config import UpstreamSettings

PASS_HEADER: Final = "x-brightline-pass"  # noqa: S105 - the name of a header
CHUNK_BYTES: Final = 16_384


class HttpUpstreams:
    """The model servers by name; a token says which of them it is for, and no other is ever asked."""

    def __init__(self, servers: Mapping[str, HttpUpstream]) -> None:
        self._servers = servers

    def send(self, token: PassToken, request: UpstreamRequest) -> AsyncGenerator[bytes, None]:
        """See :class:`~brightline.core.ports.Upstream`."""
        server = self._servers.get(token.claims.upstream)
        if server is None:
            raise UpstreamFailed("this node has no model server of that name")
        return server.send(token, request)

    async def close(self) -> None:
        """Close every connection."""
        for server in self._servers.values():
            await server.close()


class HttpUpstream:
    """An OpenAI-compatible model server. Create it inside the running loop; ``close`` it at the end."""

    def __init__(self, settings: UpstreamSettings, api_key: str) -> None:
        self._base = settings.url.rstrip("/")
        self._headers = {"content-type": "application/json", "accept-encoding": "identity"}
        if api_key:
            self._headers["authorization"] = f"Bearer {api_key}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=settings.connections_max),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(
                total=settings.total_seconds,
                sock_connect=settings.connect_seconds,
                sock_read=settings.idle_seconds,
            ),
            max_line_size=16_384,
            max_field_size=16_384,
        )

    async def send(self, token: PassToken, request: UpstreamRequest) -> AsyncGenerator[bytes, None]:
        """Send once; yield the body in chunks. Raises ``UpstreamFailed``; closing the generator cancels."""
        expected = "text/event-stream" if request.streamed else "application/json"
        headers = {**self._headers, "accept": expected, PASS_HEADER: token.text}
        try:
            async with self._session.post(
                self._base + request.path, data=request.body, headers=headers, allow_redirects=False
            ) as response:
                if response.status != 200:
                    raise UpstreamFailed(f"the upstream answered with status {response.status}")
                if response.content_type != expected:
                    raise UpstreamFailed(f"the upstream answered with another content type than {expected}")
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise UpstreamFailed("the upstream compressed its answer without being asked")
                async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                    yield chunk
        except TimeoutError as error:
            raise UpstreamFailed("the upstream did not answer in time") from error
        except (aiohttp.ClientError, ValueError) as error:
            raise UpstreamFailed(f"the upstream cannot be used: {type(error).__name__}") from error

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()
