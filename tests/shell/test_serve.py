# SPDX-License-Identifier: Apache-2.0
"""The listening socket."""

from __future__ import annotations

import asyncio
import socket

import pytest

from brightline.core.errors import ConfigError
from brightline.shell.serve import bind


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


def test_a_port_that_is_taken_is_a_clear_error() -> None:
    taken = bind("127.0.0.1", 0)
    taken.listen()
    with pytest.raises(ConfigError, match="cannot listen"):
        bind("127.0.0.1", taken.getsockname()[1])
    taken.close()
