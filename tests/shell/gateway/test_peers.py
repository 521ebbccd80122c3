# SPDX-License-Identifier: Apache-2.0
"""What workers tell each other: quotas and the watch count all of them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from brightline.shell.gateway import peers
from brightline.shell.gateway.hold import Hold
from brightline.shell.gateway.peers import Peers, Told, What

PATIENCE_SECONDS = 60.0
HOLD = Hold("hold", "case", "workload", "unit", 9, "shard", 4, kept=True)


class Pair:
    """Two workers. ``heard`` is what the second was told."""

    def __init__(self) -> None:
        self.sockets = [
            *socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM),
            *socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM),
        ]
        self.first = Peers(self.sockets[0], [self.sockets[3]])
        self.second = Peers(self.sockets[2], [self.sockets[1]])
        self.used: Counter[tuple[What, str]] = Counter()
        self.decided: Counter[tuple[str, int]] = Counter()
        self.denied: list[tuple[str, str, int]] = []
        self.opened: list[Hold] = []

    def hear(self, told: Told) -> None:
        for what, name, amount in told.used:
            self.used[what, name] += amount
        for unit, unix, requests in told.decided:
            self.decided[unit, unix] += requests
        self.denied += told.denied
        self.opened += told.opened


@contextlib.asynccontextmanager
async def talking(pair: Pair) -> AsyncIterator[None]:
    tasks = [
        asyncio.create_task(pair.first.talk(lambda _told: None)),
        asyncio.create_task(pair.second.talk(pair.hear)),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    for each in made.sockets:
        each.close()


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not happened():  # noqa: ASYNC110 - it happens in callbacks
            await asyncio.sleep(0.01)


async def test_what_one_used_and_how_exchanges_ended_reaches_the_other_once(pair: Pair) -> None:
    async with talking(pair):
        for _ in range(3):
            pair.first.tell_used(What.REQUESTS, "office", 1)
            pair.first.tell_decided("unit", 7)
        pair.first.tell_used(What.TOKENS, "office", 40)
        pair.first.tell_denied("unit", "digest", 8)
        pair.first.tell_opened(HOLD)
        await until(lambda: bool(pair.denied))
        await asyncio.sleep(3 * peers.TICK_SECONDS)
    assert pair.used == {(What.REQUESTS, "office"): 3, (What.TOKENS, "office"): 40}
    assert pair.decided == {("unit", 7): 3}
    assert pair.denied == [("unit", "digest", 8)]
    assert pair.opened == [HOLD]


async def test_what_a_peer_cannot_take_now_waits_for_it_and_nothing_is_lost(pair: Pair) -> None:
    """It is being restarted, and its queue is full."""
    with contextlib.suppress(BlockingIOError):
        while True:
            pair.sockets[3].send(b"")  # fills what the kernel holds
    for at in range(500):
        pair.first.tell_used(What.BYTES, f"unit-{at}", 5)
    telling = asyncio.create_task(pair.first.talk(lambda _told: None))
    await asyncio.sleep(2 * peers.TICK_SECONDS)
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
    pair.second.discard()
    async with talking(pair):
        await until(lambda: len(pair.used) == 500)
    assert set(pair.used.values()) == {5}


async def test_what_waits_for_a_peer_is_bounded(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "ENTRIES_MAX", 10)
    for at in range(100):
        pair.first.tell_decided("unit", at)
    async with talking(pair):
        await until(lambda: bool(pair.decided))
    assert len(pair.decided) == 10


async def test_alone_nothing_is_told() -> None:
    alone = Peers()
    alone.tell_used(What.REQUESTS, "office", 1)
    alone.tell_denied("unit", "digest", 1)
    alone.discard()
    await alone.talk(lambda _told: pytest.fail("there is nobody"))
