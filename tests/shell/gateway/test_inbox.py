# SPDX-License-Identifier: Apache-2.0
"""What waits for the pump: in order, bounded, and nobody waits for ever."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.shell.gateway.inbox import Inbox


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_reader_waits_for_an_item_and_a_writer_for_room() -> None:
    inbox: Inbox[int] = Inbox(1)
    reading = asyncio.create_task(inbox.get())
    await settle()
    assert not reading.done()
    inbox.put_now(1)
    assert await reading == 1

    inbox.put_now(2)
    assert inbox.full
    with pytest.raises(asyncio.QueueFull):
        inbox.put_now(3)
    writing = asyncio.create_task(inbox.put(3))
    await settle()
    assert not writing.done()
    assert [await inbox.get(), await inbox.get()] == [2, 3]
    assert len(inbox) == 0
    await writing


@given(st.integers(1, 3), st.lists(st.sampled_from(["put", "get", "cancel"]), max_size=40))
@settings(deadline=None)
def test_whoever_is_cancelled_keeps_nobody_else_waiting(most: int, steps: list[str]) -> None:
    async def story() -> None:
        inbox: Inbox[int] = Inbox(most)
        writing: dict[int, asyncio.Task[None]] = {}
        cancelled: set[int] = set()
        got: list[int] = []
        for number, step in enumerate(steps):
            waiting = [each for each, task in writing.items() if not task.done()]
            if step == "put":
                writing[number] = asyncio.create_task(inbox.put(number))
            elif step == "get" and len(inbox):
                got.append(await inbox.get())
                continue  # who is called has not had the turn yet when the next is cancelled
            elif step == "cancel" and waiting:
                writing[waiting[0]].cancel()
                cancelled.add(waiting[0])
            await settle()
        async with asyncio.timeout(5):
            while any(not task.done() for task in writing.values()) or len(inbox):
                got.append(await inbox.get())
        await asyncio.gather(*writing.values(), return_exceptions=True)
        assert set(got) >= writing.keys() - cancelled
        assert len(set(got)) == len(got)

    asyncio.run(story())


async def test_a_writer_that_is_cancelled_after_it_was_called_passes_its_turn_on() -> None:
    inbox: Inbox[int] = Inbox(1)
    inbox.put_now(1)
    called, next_one = asyncio.create_task(inbox.put(2)), asyncio.create_task(inbox.put(3))
    await settle()
    assert await inbox.get() == 1
    called.cancel()  # it was given the turn, and has not had it yet
    async with asyncio.timeout(60):
        assert await inbox.get() == 3
    await next_one
    assert called.cancelled()


async def test_a_reader_that_is_cancelled_takes_nothing() -> None:
    inbox: Inbox[int] = Inbox(2)
    reading = asyncio.create_task(inbox.get())
    await settle()
    reading.cancel()
    await settle()
    inbox.put_now(1)
    assert await inbox.get() == 1
