# SPDX-License-Identifier: Apache-2.0
"""Connections to a model server: kept, bounded, one request at a time, and dropped whenever anything is odd."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest

from brightline.core.errors import ConfigError
from brightline.shell import connection as module
from brightline.shell.clock import SystemClock
from brightline.shell.config import UpstreamSettings
from brightline.shell.connection import BUFFERED_BYTES_MAX, Broken
from brightline.shell.connections import Connections
from brightline.shell.gateway.health import Health
from brightline.shell.gateway.upstream import HttpUpstream

ASKED = b"GET / HTTP/1.1\r\n\r\n"
FINE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


class Server:
    """Speaks as it is told; counts its connections and what was asked."""

    def __init__(self, *says: bytes) -> None:
        self.says = says or (FINE,)
        self.connections = 0
        self.asked: list[bytes] = []
        self.port = 0
        self.serving: dict[asyncio.Task[Any], asyncio.StreamWriter] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if (task := asyncio.current_task()) is not None:
            self.serving[task] = writer
        try:
            await self._answers(reader, writer)
        finally:
            writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                self.asked.append(await reader.readuntil(b"\r\n\r\n"))
                for part in self.says:
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(0.01)
                if b"length" not in self.says[0] or b"close" in self.says[0]:
                    return


@contextlib.asynccontextmanager
async def before(server: Server, most: int = 4) -> AsyncIterator[Connections]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    made = Connections(f"http://127.0.0.1:{server.port}", ssl.create_default_context(), most, 2.0)
    try:
        yield made
    finally:
        made.close()
        listening.close()
        for writer in server.serving.values():
            writer.transport.abort()
        await asyncio.gather(*server.serving, return_exceptions=True)


async def answer(made: Connections, seconds: float = 5.0, idle: float = 5.0) -> bytes:
    now = asyncio.get_running_loop().time()
    taken = await made.take(now + seconds)
    try:
        await taken.ask(ASKED, now + seconds, now + seconds, idle)
        body = b""
        while chunk := await taken.take():
            body += chunk
        return body
    finally:
        made.give_back(taken)


async def test_a_connection_is_used_again_and_each_has_one_request_at_a_time() -> None:
    server = Server()
    async with before(server) as made:
        for _ in range(3):
            assert await answer(made) == b"hi"
        assert server.connections == 1
        assert await asyncio.gather(*(answer(made) for _ in range(3))) == [b"hi"] * 3
        assert (server.connections, len(server.asked)) == (3, 6)


async def test_no_more_are_open_than_may_be_and_whoever_waits_is_served_in_turn() -> None:
    server = Server()
    async with before(server, most=2) as made:
        assert await asyncio.gather(*(answer(made) for _ in range(7))) == [b"hi"] * 7
        assert server.connections == 2

        now = asyncio.get_running_loop().time()
        held = [await made.take(now + 5) for _ in range(2)]
        with pytest.raises(TimeoutError):
            await made.take(now + 0.05)
        waiting = asyncio.ensure_future(answer(made))
        await asyncio.sleep(0.01)
        made.give_back(held[0])
        assert await waiting == b"hi"
        given_up = asyncio.ensure_future(made.take(now + 5))
        await asyncio.sleep(0)
        given_up.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            made.give_back(await given_up)
        made.give_back(held[1])
        assert await answer(made) == b"hi"


async def test_one_that_the_peer_closed_or_that_rested_too_long_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(FINE.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
    async with before(server) as made:
        assert [await answer(made), await answer(made)] == [b"hi", b"hi"]
        assert server.connections == 2
    server = Server()
    async with before(server) as made:
        await answer(made)
        monkeypatch.setattr(module, "KEPT_SECONDS", -1.0)
        await answer(made)
        assert server.connections == 2


async def test_what_says_that_more_is_to_come_is_no_answer() -> None:
    server = Server(b"HTTP/1.1 100 Continue\r\nx-length: 1\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n" + FINE)
    async with before(server) as made:
        assert [await answer(made), await answer(made)] == [b"hi", b"hi"]
        assert server.connections == 1


@pytest.mark.parametrize(
    "says",
    [
        FINE + b"more",
        FINE + FINE,
        FINE.replace(b"2", b"3"),
        b"HTTP/1.1 200 OK\r\nx-a: " + b"a" * 17_000 + b"\r\ncontent-length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\n" + b"x-a: aaaaaaaa\r\n" * 6_000 + b"content-length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\n" + b"a" * 70_000,
        b"hello",
        b"",
    ],
)
async def test_what_is_not_one_answer_ends_the_connection(says: bytes) -> None:
    server = Server(says.replace(b"length", b"LENGTH"))
    async with before(server) as made:
        with contextlib.suppress(Broken):
            assert await answer(made) == b"hi"
            assert says.startswith(FINE)  # it was whole, and what came behind it was nobody's
        server.says = (FINE,)
        assert await answer(made) == b"hi"
        assert server.connections == 2


async def test_what_comes_while_nobody_asks_ends_the_connection() -> None:
    server = Server(FINE, FINE)
    async with before(server) as made:
        assert await answer(made) == b"hi"
        async with asyncio.timeout(30):
            while any(each.free() for each in made._resting):  # noqa: ASYNC110 - it happens in callbacks
                await asyncio.sleep(0.01)
        server.says = (FINE,)
        assert await answer(made) == b"hi"
        assert server.connections == 2


async def test_one_that_is_given_back_in_the_middle_is_closed() -> None:
    server = Server(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi", b"hi")
    async with before(server, most=1) as made:
        now = asyncio.get_running_loop().time()
        taken = await made.take(now + 5)
        await taken.ask(ASKED, now + 5, now + 5, 5.0)
        made.give_back(taken)
        assert not taken.free()
        with pytest.raises(Broken):
            while await taken.take():
                pass
        server.says = (FINE,)
        assert await answer(made) == b"hi"


async def test_a_peer_that_is_silent_is_given_up_and_one_that_waits_for_us_is_not() -> None:
    server = Server(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi")
    async with before(server) as made:
        with pytest.raises(TimeoutError):
            await answer(made, idle=0.2)

    size = 4 * BUFFERED_BYTES_MAX
    server = Server(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size, b"a" * size)
    async with before(server) as made:
        now = asyncio.get_running_loop().time()
        taken = await made.take(now + 9)
        await taken.ask(ASKED, now + 60, now + 60, 0.3)
        async with asyncio.timeout(30):
            while not taken._paused:  # noqa: ASYNC110 - it happens in callbacks
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.6)  # what has come lies here, and the rest waits at the peer
        assert taken._paused
        assert taken._buffered < size
        read = 0
        while chunk := await taken.take():
            read += len(chunk)
        assert read == size
        made.give_back(taken)


async def test_the_end_of_all_time_is_kept_even_while_the_peer_waits_for_us() -> None:
    size = 4 * BUFFERED_BYTES_MAX
    server = Server(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size, b"a" * size)
    async with before(server) as made:
        now = asyncio.get_running_loop().time()
        taken = await made.take(now + 9)
        with pytest.raises(TimeoutError):
            await taken.ask(ASKED, now + 0.3, now + 0.3, 0.2)
            await asyncio.sleep(0.5)
            while await taken.take():
                pass
        made.give_back(taken)


@pytest.mark.parametrize(
    "url", ["ftp://host", "http://", "http://a:b@host", "http://host?x", "http://host#x", "http://ho st", "http://h:x"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="address"):
        Connections(url, ssl.create_default_context(), 1, 1.0)


def test_a_key_cannot_be_more_than_a_key() -> None:
    with pytest.raises(ConfigError, match="key"):
        HttpUpstream(UpstreamSettings(), "k\r\nx-evil: 1", Health(), SystemClock())


async def test_what_is_sent_names_the_server_and_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    async with before(server):
        settings = UpstreamSettings(url=f"http://127.0.0.1:{server.port}/base/", probe_path="/health")
        health = Health()
        upstream = HttpUpstream(settings, "key", health, SystemClock())
        await upstream.probe()
        assert server.asked[0].startswith(b"GET /base/health HTTP/1.1\r\nhost: 127.0.0.1:%d\r\n" % server.port)
        assert b"\r\nauthorization: Bearer key\r\n" in server.asked[0]
        missed: list[Any] = []
        monkeypatch.setattr(health, "missed", missed.append)
        server.says = (FINE.replace(b"200 OK", b"503 No"),)
        await upstream.probe()
        assert missed == ["/health is answered with 503"]
        await upstream.close()
