# SPDX-License-Identifier: Apache-2.0
"""From the guard to its model server: nothing is kept at work for a client that has gone, and what broke off shows."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from brightline.core.errors import ConfigError
from brightline.guard.forward import Forward
from brightline.guard.service import make_guard, open_guard
from brightline.guard.settings import GuardSettings
from brightline.shell.clock import SystemClock
from brightline.shell.serve import bind, serving

SECONDS = 60
ASKED = b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nx-odd: 1\r\naccept: */*\r\ncontent-length: 2\r\n\r\n{}"
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nset-cookie: a=b\r\ncontent-length: 2\r\n\r\n{}"
BEGUN = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n5\r\ndata:\r\n"
Says = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Model:
    """A model server on a Unix socket that says what a test tells it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.says: Says = whole
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.left = asyncio.Event()
        self.connections = 0
        self._open: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                found = re.search(rb"content-length: (\d+)", head)
                assert found
                self.heard.put_nowait(head + await reader.readexactly(int(found.group(1))))
                await self.says(writer)
        self.left.set()
        await self._close(writer)

    async def _close(self, writer: asyncio.StreamWriter) -> None:
        self._open.discard(writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def next(self) -> bytes:
        """The next request that it heard."""
        async with asyncio.timeout(SECONDS):
            return await self.heard.get()

    async def end(self) -> None:
        for writer in list(self._open):
            await self._close(writer)


async def whole(writer: asyncio.StreamWriter) -> None:
    writer.write(WHOLE)


async def silence(_writer: asyncio.StreamWriter) -> None:
    return


async def half(writer: asyncio.StreamWriter) -> None:
    writer.write(BEGUN)


async def broken(writer: asyncio.StreamWriter) -> None:
    writer.write(BEGUN)
    await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def forwarding(tmp_path: Path) -> AsyncIterator[tuple[Model, int]]:
    """A model server, and the port of a server of ours that passes on to it."""
    model = Model(tmp_path / "m.sock")
    forward = Forward("http://model", str(model.path))
    try:
        async with (
            await asyncio.start_unix_server(model.serve, model.path),
            serving(forward, bind("127.0.0.1", 0)) as url,
        ):
            yield model, int(url.rpartition(":")[2])
            await forward.close()
            await model.end()
    finally:
        await forward.close()


@contextlib.asynccontextmanager
async def client(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A client that has asked once, and leaves at the end of the block."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(ASKED)
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def answered(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(SECONDS):
        return await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(2)


async def test_what_is_asked_and_answered_goes_through_and_nothing_beside_it(tmp_path: Path) -> None:
    async with forwarding(tmp_path) as (model, port), client(port) as (reader, writer):
        said = await answered(reader)
        assert said.startswith(b"HTTP/1.1 200 ")
        assert said.endswith(b"\r\n\r\n{}")
        assert b"set-cookie" not in said
        heard = await model.next()
        assert b"accept: */*\r\n" in heard
        assert b"x-odd" not in heard
        writer.write(ASKED)
        assert (await answered(reader)).endswith(b"{}")
        assert model.connections == 1  # it is kept


@pytest.mark.parametrize(("says", "heard"), [(silence, b""), (half, b"data:")])
async def test_a_model_works_for_nobody_who_has_gone(tmp_path: Path, says: Says, heard: bytes) -> None:
    async with forwarding(tmp_path) as (model, port):
        model.says = says
        async with client(port) as (reader, _):
            await model.next()
            if heard:
                async with asyncio.timeout(SECONDS):
                    await reader.readuntil(heard)
            assert not model.left.is_set()
        async with asyncio.timeout(SECONDS):
            await model.left.wait()


async def test_a_client_that_leaves_after_its_answer_takes_nobody_elses_away(tmp_path: Path) -> None:
    async with forwarding(tmp_path) as (model, port), client(port) as (first, leaving):
        await answered(first)
        await model.next()
        model.says = silence
        async with client(port) as (second, _):
            await model.next()
            leaving.close()  # the connection to the model that served it serves the second one now
            await leaving.wait_closed()
            writer = next(iter(model._open))
            writer.write(WHOLE)
            assert (await answered(second)).endswith(b"{}")
        assert model.connections == 1


async def test_an_answer_that_broke_off_does_not_look_whole(tmp_path: Path) -> None:
    async with forwarding(tmp_path) as (model, port):
        model.says = broken
        async with client(port) as (reader, _), asyncio.timeout(SECONDS):
            said = await reader.read()
        assert said.startswith(b"HTTP/1.1 200 ")
        assert not said.endswith(b"0\r\n\r\n")


async def test_a_model_server_that_is_away_is_said_to_be(tmp_path: Path) -> None:
    forward = Forward("http://model", str(tmp_path / "nobody.sock"))
    async with serving(forward, bind("127.0.0.1", 0)) as url, client(int(url.rpartition(":")[2])) as (reader, _):
        async with asyncio.timeout(SECONDS):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 502 ")
    with pytest.raises(OSError):
        await forward.ask("/v1/chat/completions", b"{}", 5.0)
    with pytest.raises(ConfigError):
        Forward("http://us er@model")


async def test_under_another_server_a_client_that_leaves_is_heard_of_by_message(tmp_path: Path) -> None:
    async with forwarding(tmp_path) as (model, _):
        model.says = silence
        forward = Forward("http://model", str(model.path))
        came: asyncio.Queue[Any] = asyncio.Queue()
        came.put_nowait({"type": "http.request", "body": b"{}", "more_body": False})
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        asking = asyncio.create_task(forward({"headers": [], "path": "/v1/x"}, came.get, send))
        await model.next()
        came.put_nowait({"type": "http.disconnect"})
        async with asyncio.timeout(SECONDS):
            await asking
            await model.left.wait()
        assert sent == []
        await forward.close()


async def test_a_guard_says_that_its_model_server_is_gone_and_that_it_is_back(tmp_path: Path) -> None:
    """Nobody asks meanwhile: the guard looks by itself, and a gateway that asks ``/readyz`` knows."""
    folder, model = tmp_path / "guard", Model(tmp_path / "m.sock")
    make_guard(folder, GuardSettings("default", "http://model", ("aa" * 32,), model_socket=str(model.path)))
    async with (
        open_guard(folder, SystemClock()) as guard,
        serving(guard, bind("127.0.0.1", 0)) as url,
        httpx2.AsyncClient() as asked,
    ):

        async def until(status: int, condition: str) -> None:
            async with asyncio.timeout(SECONDS):
                while True:
                    answer = await asked.get(f"{url}/readyz")
                    if (answer.status_code, answer.json()["condition"]) == (status, condition):
                        return
                    await asyncio.sleep(0.05)

        gone = "the model server cannot be reached: "
        await until(503, gone + "No such file or directory")
        async with await asyncio.start_unix_server(model.serve, model.path):
            await until(200, "")
            await model.end()
        await until(503, gone + "Connection refused")
    assert model.heard.empty()  # it was asked nothing
