# SPDX-License-Identifier: Apache-2.0
"""The listening socket."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import weakref
from typing import Any

import pytest

from brightline.core.errors import ConfigError
from brightline.shell.serve import COLLECT_EACH, LEAVING, App, Door, Message, bind, rest_the_collector, serving


async def test_what_is_accepted_sends_small_answers_at_once() -> None:
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connected(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("socket")
        accepted.set_result(peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    listener = bind("127.0.0.1", 0)
    server = await asyncio.start_server(connected, sock=listener)
    async with server:
        _, writer = await asyncio.open_connection(*listener.getsockname()[:2])
        assert await accepted
        writer.close()
        await writer.wait_closed()


def test_the_collector_leaves_out_what_is_there_and_still_frees_what_stands_in_a_circle() -> None:
    class Circle:
        itself: Circle

    threshold = gc.get_threshold()
    rest_the_collector()
    try:
        assert gc.get_freeze_count() > 0
        circle = Circle()
        circle.itself = circle
        seen = weakref.ref(circle)
        del circle
        kept = [[number] for number in range(2 * COLLECT_EACH)]
        assert seen() is None
        assert len(kept) == 2 * COLLECT_EACH
        assert gc.get_threshold()[0] > threshold[0]
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)


def test_a_port_that_is_taken_is_a_clear_error() -> None:
    taken = bind("127.0.0.1", 0)
    taken.listen()
    with pytest.raises(ConfigError, match="cannot listen"):
        bind("127.0.0.1", taken.getsockname()[1])
    taken.close()


async def unread(app: App, door: Door, asks: bytes) -> None:
    """Ask, and read nothing until after the longest that a connection may be left hanging: then it is gone."""
    listener = bind("127.0.0.1", 0)
    async with serving(app, listener, door):
        reader, writer = await asyncio.open_connection(*listener.getsockname()[:2], limit=1)
        writer.write(asks)
        await asyncio.sleep(2.5)
        got = 0
        with contextlib.suppress(ConnectionError):
            while part := await reader.read(65_536):
                got += len(part)
        assert got < len(MUCH)
        writer.close()


MUCH = b"x" * 32_000_000  # more than the system's buffers take


async def nothing_is_asked(scope: Message, receive: Any, send: Any) -> None:
    raise AssertionError(scope)


async def test_what_closes_is_not_waited_for_for_ever() -> None:
    await unread(
        nothing_is_asked, Door(write_seconds=600.0, linger_seconds=0.5, refused=lambda _error: MUCH), b"\0\r\n\r\n"
    )


async def test_an_answer_that_nobody_reads_does_not_hold_what_answers() -> None:
    gone = asyncio.Event()

    async def much(scope: Message, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(2):
            await send({"type": "http.response.body", "body": MUCH, "more_body": True})
        gone.set()

    await unread(much, Door(write_seconds=0.5), b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert gone.is_set()


async def test_who_watches_hears_that_the_client_left_and_of_no_client_whose_answer_is_whole() -> None:
    heard: list[str] = []
    begun, left = asyncio.Event(), asyncio.Event()

    async def app(scope: Message, receive: Any, send: Any) -> None:
        def gone() -> None:
            heard.append(scope["path"])
            left.set()

        watch = scope["extensions"][LEAVING]
        if scope["path"] == "/late":
            begun.set()
            while (await receive())["type"] != "http.disconnect":
                pass  # the client has gone before anybody watches
        watch(gone)
        begun.set()
        if scope["path"] != "/whole":
            await left.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    listener = bind("127.0.0.1", 0)
    async with serving(app, listener):
        for path in ("/whole", "/left", "/late"):
            begun.clear()
            left.clear()
            reader, writer = await asyncio.open_connection(*listener.getsockname()[:2])
            writer.write(f"GET {path} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
            if path == "/whole":
                assert await reader.readline() == b"HTTP/1.1 204 No Content\r\n"
            else:
                async with asyncio.timeout(20):
                    await begun.wait()
            writer.transport.abort()
            if path != "/whole":
                async with asyncio.timeout(20):
                    await left.wait()
    assert heard == ["/left", "/late"]
