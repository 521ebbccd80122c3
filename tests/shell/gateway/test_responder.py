# SPDX-License-Identifier: Apache-2.0
"""What a client that reads too slowly is given: the beginning of an answer, and never one with a hole in it."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from brightline.core.exchange.api import chat
from brightline.core.exchange.judged import mint_segment
from brightline.core.exchange.model import Usage
from brightline.shell.gateway.responder import AsgiResponder
from tests.playbooks import playbook as book


class Socket:
    """Takes what is written, but while it is full."""

    def __init__(self) -> None:
        self.room = asyncio.Event()
        self.room.set()
        self.taken = b""

    async def send(self, message: MutableMapping[str, Any]) -> None:
        await self.room.wait()
        self.taken += message.get("body", b"")

    async def receive(self) -> MutableMapping[str, Any]:
        raise AssertionError("nobody asks what the client does")


async def test_after_a_piece_that_was_not_taken_in_time_no_later_one_leaves() -> None:
    socket = Socket()
    responder = AsgiResponder(chat, socket.send, socket.receive, "xc_1", book.NOW, 0.01)
    responder.serve(book.asking(stream=True))
    await responder.release(mint_segment(0, text="one "), {})
    socket.room.clear()
    with pytest.raises(TimeoutError):
        await responder.release(mint_segment(0, text="two "), {})
    socket.room.set()
    with pytest.raises(ConnectionError):
        await responder.release(mint_segment(0, text="three "), {})
    with pytest.raises(ConnectionError):
        await responder.close_stream(Usage(1, 1, 2), {})
    assert b"one " in socket.taken
    assert b"three" not in socket.taken
    assert b"[DONE]" not in socket.taken
