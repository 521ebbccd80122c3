# SPDX-License-Identifier: Apache-2.0
"""The HTTP client to one model server. It carries the pass token and our own bytes; nothing is ever retried.

No cookies, no redirects, no decompression (we ask for none), bounded everywhere. What the upstream says in an error
body is not repeated to anybody: it is unjudged text. Which server is asked is ``upstreams.py``'s matter.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Final

from brightline.core.enforcement.pass_token import PassToken
from brightline.core.errors import ConfigError, UpstreamFailed
from brightline.core.exchange.model import UpstreamRequest
from brightline.core.ports import Clock
from brightline.shell.channel import Channel
from brightline.shell.config import UpstreamSettings
from brightline.shell.connections import Connections
from brightline.shell.gateway.health import Health

PASS_HEADER: Final = "x-brightline-pass"  # noqa: S105 - the name of a header
GUARD_PROBE: Final = "/readyz"
"""What a guard is asked where no other path is set: it answers 200 while a token could lead to an answer."""


class HttpUpstream:
    """An OpenAI-compatible model server; ``close`` it at the end. ``health`` is told what its answers and probes say.

    Raises ``ConfigError`` for an address, roots or a key that cannot be used.
    """

    def __init__(self, settings: UpstreamSettings, api_key: str, health: Health, clock: Clock) -> None:
        self._probe_path = settings.probe_path or (GUARD_PROBE if settings.guard else "")
        self._health = health
        self._clock = clock
        self._settings = settings
        if not all("!" <= char <= "~" for char in api_key):
            raise ConfigError("the key of a model server has letters, digits and signs of ASCII only")
        self._key = f"authorization: Bearer {api_key}\r\n".encode() if api_key else b""
        context: ssl.SSLContext | Channel = trusting(settings.roots, tls=settings.url.startswith("https:"))
        if settings.channel:
            context = Channel(Path(settings.channel), (settings.identity,), clock.unix)
        self._connections = Connections(settings.url, context, settings.connections_max, settings.connect_seconds)

    async def send(self, token: PassToken, request: UpstreamRequest) -> AsyncGenerator[bytes, None]:
        """Send once; yield the body in chunks. Raises ``UpstreamFailed``; closing the generator cancels."""
        expected = b"text/event-stream" if request.streamed else b"application/json"
        now = asyncio.get_running_loop().time()
        settings = self._settings
        first_at, latest = now + settings.first_byte_seconds, now + settings.total_seconds
        try:
            connection = await self._connections.take(min(first_at, latest))
            try:
                head = self._head(b"POST", request.path, b"%b: %b\r\n" % (PASS_HEADER.encode(), token.text.encode()))
                fields = b"content-type: application/json\r\ncontent-length: %d\r\naccept: %b\r\n\r\n"
                asked = head + fields % (len(request.body), expected) + request.body
                await connection.ask(asked, first_at, latest, settings.idle_seconds)
                if connection.status >= 500:
                    self._health.failed(self._clock.monotonic())
                _check_head(connection.status, connection.headers, expected)
                chunk = await connection.take()
                self._health.answered()
                while chunk:
                    yield chunk
                    chunk = await connection.take()
            finally:
                self._connections.give_back(connection)  # one whose answer was not read to its end is closed
        except TimeoutError as error:
            self._health.failed(self._clock.monotonic())
            raise UpstreamFailed("the upstream did not answer in time") from error
        except OSError as error:
            self._health.failed(self._clock.monotonic())
            raise UpstreamFailed(f"the upstream cannot be used: {type(error).__name__}") from error

    async def probe(self) -> None:
        """Look whether it is there, without a token: what answers must let nobody at a model.

        A path is asked where there is one; else a connection is enough. Where all connections are taken it is there.
        """
        if self._connections.busy:
            return
        why = await (self._ask_path() if self._probe_path else self.reach())
        if why:
            self._health.missed(why)
        elif self._probe_path:
            self._health.answered()
        else:
            self._health.found()

    async def _ask_path(self) -> str:
        """What is wrong with the answer to the probe; empty if nothing is."""
        seconds = self._settings.connect_seconds
        latest = asyncio.get_running_loop().time() + seconds
        try:
            connection = await self._connections.take(latest)
            try:
                await connection.ask(self._head(b"GET", self._probe_path, b"\r\n"), latest, latest, seconds)
                status = connection.status
            finally:
                self._connections.give_back(connection)
        except OSError as error:
            return error.strerror or type(error).__name__
        return "" if status == 200 else f"{self._probe_path} is answered with {status}"

    async def reach(self) -> str:
        """Why no connection can be had; empty if one can. Asks nothing."""
        try:
            connection = await self._connections.take(
                asyncio.get_running_loop().time() + self._settings.connect_seconds
            )
        except OSError as error:  # with those that ran out of time
            return error.strerror or type(error).__name__
        self._connections.give_back(connection)
        return ""

    def _head(self, method: bytes, path: str, more: bytes) -> bytes:
        where = self._connections
        return b"%b %b%b HTTP/1.1\r\nhost: %b\r\naccept-encoding: identity\r\nuser-agent: brightline\r\n%b%b" % (
            method,
            where.path,
            path.encode("ascii"),
            where.host,
            self._key,
            more,
        )

    async def close(self) -> None:
        """Close every connection."""
        self._connections.close()


def _check_head(status: int, headers: Sequence[tuple[bytes, bytes]], expected: bytes) -> None:
    """One status, one type, no coding. Raises ``UpstreamFailed``."""
    if status != 200:
        raise UpstreamFailed(f"the upstream answered with status {status}")
    kinds = [value for name, value in headers if name == b"content-type"]
    kind, _, parameter = kinds[0].lower().partition(b";") if len(kinds) == 1 else (b"", b"", b"")
    if kind.strip() != expected or parameter.strip() not in {b"", b"charset=utf-8", b'charset="utf-8"'}:
        raise UpstreamFailed(f"the upstream answered with another content type than {expected.decode()} in UTF-8")
    if any(name == b"content-encoding" and value != b"identity" for name, value in headers):
        raise UpstreamFailed("the upstream compressed its answer without being asked")


def trusting(roots: str, *, tls: bool = True) -> ssl.SSLContext:
    """Whom to believe over TLS: the pinned roots alone, where some are named. Raises ``ConfigError``.

    Without ``tls`` nobody: to read whom the system trusts takes longer than most exchanges.
    """
    if not roots and tls:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # it checks names, and trusts nobody yet
    if not roots:
        return context
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=Path(roots).read_text("ascii"))
    except (OSError, ValueError) as error:  # an error of ssl is an OSError
        raise ConfigError(f"the pinned roots {roots} cannot be read: {error}") from error
    return context
