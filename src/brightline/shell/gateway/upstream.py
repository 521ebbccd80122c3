# SPDX-License-Identifier: Apache-2.0
"""The HTTP client to one model server. It carries the pass token and our own bytes; nothing is ever retried.

No cookies, no redirects, no decompression (we ask for none), bounded everywhere. What the upstream says in an error
body is not repeated to anybody: it is unjudged text. Which server is asked is ``upstreams.py``'s matter.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final

import aiohttp

from brightline.core.enforcement.pass_token import PassToken
from brightline.core.errors import ConfigError, UpstreamFailed
from brightline.core.exchange.model import UpstreamRequest
from brightline.core.ports import Clock
from brightline.shell.config import UpstreamSettings
from brightline.shell.gateway.health import Health

PASS_HEADER: Final = "x-brightline-pass"  # noqa: S105 - the name of a header
CHUNK_BYTES: Final = 16_384
KEPT_SECONDS: Final = 10.0
"""A connection that rests longer is not used again: its server may be closing it while we write."""


class HttpUpstream:
    """An OpenAI-compatible model server. Create it inside the running loop; ``close`` it at the end.

    ``health`` is told what its answers and probes say.
    """

    def __init__(self, settings: UpstreamSettings, api_key: str, health: Health, clock: Clock) -> None:
        self.probed = bool(settings.probe_path)
        self._health = health
        self._clock = clock
        self._settings = settings
        self._base = settings.url.rstrip("/")
        self._headers = {"content-type": "application/json", "accept-encoding": "identity"}
        if api_key:
            self._headers["authorization"] = f"Bearer {api_key}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=settings.connections_max, keepalive_timeout=KEPT_SECONDS, ssl=trusting(settings.roots)
            ),
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
        first = asyncio.get_running_loop().time() + self._settings.first_byte_seconds
        try:
            async with asyncio.timeout_at(first):
                response = await self._session.post(
                    self._base + request.path, data=request.body, headers=headers, allow_redirects=False
                )
            try:
                if response.status >= 500:
                    self._health.failed(self._clock.monotonic())
                _check_head(response, expected)
                async with asyncio.timeout_at(first):
                    chunk = await response.content.read(CHUNK_BYTES)
                self._health.answered()
                while chunk:
                    yield chunk
                    chunk = await response.content.read(CHUNK_BYTES)
            finally:
                response.close()  # of an answer that was read to its end the connection is free already
        except TimeoutError as error:
            self._health.failed(self._clock.monotonic())
            raise UpstreamFailed("the upstream did not answer in time") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            self._health.failed(self._clock.monotonic())
            raise UpstreamFailed(f"the upstream cannot be used: {type(error).__name__}") from error

    async def probe(self) -> None:
        """Ask whether it is there, without a token: what answers must let nobody at a model."""
        try:
            async with (
                asyncio.timeout(self._settings.connect_seconds),
                self._session.get(self._base + self._settings.probe_path, allow_redirects=False) as response,
            ):
                there = response.status == 200
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
            there = False
        if there:
            self._health.answered()
        else:
            self._health.failed(self._clock.monotonic())

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()


def _check_head(response: aiohttp.ClientResponse, expected: str) -> None:
    """One status, one type, no coding. Raises ``UpstreamFailed``."""
    if response.status != 200:
        raise UpstreamFailed(f"the upstream answered with status {response.status}")
    kinds = response.headers.getall("content-type", ())
    kind, _, parameter = kinds[0].lower().partition(";") if len(kinds) == 1 else ("", "", "")
    if kind.strip() != expected or parameter.strip() not in {"", "charset=utf-8", 'charset="utf-8"'}:
        raise UpstreamFailed(f"the upstream answered with another content type than {expected} in UTF-8")
    if response.headers.getall("content-encoding", ["identity"]) != ["identity"]:
        raise UpstreamFailed("the upstream compressed its answer without being asked")


def trusting(roots: str) -> ssl.SSLContext:
    """Whom to believe over TLS: the pinned roots alone, where some are named. Raises ``ConfigError``."""
    if not roots:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # it checks names, and trusts nobody yet
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=Path(roots).read_text("ascii"))
    except (OSError, ValueError) as error:  # an error of ssl is an OSError
        raise ConfigError(f"the pinned roots {roots} cannot be read: {error}") from error
    return context
