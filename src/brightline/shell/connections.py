# SPDX-License-Identifier: Apache-2.0
"""The connections to one model server: kept between requests, bounded, each given to one request at a time.

A gateway has them to its guard, and a guard to its model server, there perhaps over a Unix socket.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from typing import Final
from urllib.parse import urlsplit

from brightline.core.errors import ConfigError, TrustError
from brightline.shell.channel import Channel
from brightline.shell.connection import Connection

_PORTS: Final = {"http": 80, "https": 443}


class Connections:
    """``url`` is the server's, with a path before all others perhaps. Raises ``ConfigError`` for what is none.

    Over a ``Channel`` the server is known by its identity, and nothing is written before that was looked at. With the
    path of a Unix ``socket`` the server is asked there, and the address is only what stands in a request.
    """

    def __init__(
        self,
        url: str,
        context: ssl.SSLContext | Channel,
        connections_max: int,
        connect_seconds: float,
        socket: str = "",
    ) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        except (ValueError, KeyError) as error:
            raise ConfigError(f"{url[:200]!r} is no address of a model server") from error
        odd = parts.query or parts.fragment or parts.username is not None or not parts.netloc.isascii()
        if not host or odd or not all("!" <= char <= "~" for char in url):
            raise ConfigError(f"{url[:200]!r} is no address of a model server")
        if isinstance(context, Channel) and parts.scheme != "https":
            raise ConfigError(f"{url[:200]!r} is not reached over TLS, so that a channel shows nothing; write https")
        self.host = parts.netloc.encode()  # as it is written after ``Host``
        self.path = parts.path.rstrip("/").encode()
        self._address = host, port
        self._socket = socket
        self._context = context if parts.scheme == "https" else None
        self._max = connections_max
        self._connect_seconds = connect_seconds
        self._resting: list[Connection] = []
        self._open: set[Connection] = set()
        self._opening = 0
        self._line: deque[asyncio.Future[None]] = deque()

    @property
    def busy(self) -> bool:
        """Whether as many are taken as there may be."""
        return not self._resting and len(self._open) + self._opening >= self._max

    async def take(self, latest: float) -> Connection:
        """One that is free, or a new one. While as many are taken as there may be, wait until ``latest``.

        Raises ``OSError``, of which ``TimeoutError`` is one. Whoever takes one gives it back.
        """
        while True:
            while self._resting:
                connection = self._resting.pop()  # the one that was used last: the others may rest until they close
                if connection.free():
                    return connection
                self._forget(connection)
            if len(self._open) + self._opening < self._max:
                return await self._connect()
            turn = asyncio.get_running_loop().create_future()
            self._line.append(turn)
            try:
                async with asyncio.timeout_at(latest):
                    await turn
            except BaseException:
                if turn.done() and not turn.cancelled():
                    self._next()  # it was our turn, and we do not take it
                raise

    def give_back(self, connection: Connection) -> None:
        """Keep it if it can be asked again, and close it if not."""
        if connection.whole():  # what lies in its socket is looked at when it is taken
            self._resting.append(connection)
        else:
            self._forget(connection)
        self._next()

    def close(self) -> None:
        """Close all."""
        for connection in list(self._open):
            self._forget(connection)
        self._resting.clear()

    async def _connect(self) -> Connection:
        self._opening += 1
        try:
            channel = self._context if isinstance(self._context, Channel) else None
            context = self._context.client() if isinstance(self._context, Channel) else self._context
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(self._connect_seconds):
                name = self._address[0] if context else None
                if self._socket:
                    opening = loop.create_unix_connection(Connection, self._socket, ssl=context, server_hostname=name)
                else:
                    opening = loop.create_connection(Connection, *self._address, ssl=context, server_hostname=name)
                transport, connection = await opening
            if channel is not None:
                _look_at(channel, transport, connection, loop.time())
        except BaseException:
            self._next()
            raise
        finally:
            self._opening -= 1
        self._open.add(connection)
        return connection

    def _forget(self, connection: Connection) -> None:
        connection.drop()
        self._open.discard(connection)

    def _next(self) -> None:
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)
                return


def _look_at(channel: Channel, transport: asyncio.BaseTransport, connection: Connection, now: float) -> None:
    """Raises ``ConnectionError`` for a server that is not expected, before anything was written to it."""
    try:
        peer = channel.peer(transport.get_extra_info("ssl_object"))
    except TrustError as error:
        connection.drop()
        raise ConnectionError("another server than the one that is expected") from error
    connection.ends_at = now + channel.seconds_left(peer)
