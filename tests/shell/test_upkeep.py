# SPDX-License-Identifier: Apache-2.0
"""Work beside the exchanges: it goes on, or the node says that it does not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from brightline.shell.upkeep import Upkeep

SECRET = "what somebody said"


async def until(happened: Callable[[], bool]) -> None:
    """Let the loop run until it happened; a minute at most."""
    async with asyncio.timeout(60):
        while not happened():  # noqa: ASYNC110 - what is waited for is in the thing under test
            await asyncio.sleep(0.001)


class Work:
    """Work that raises the first times that it is begun, and then goes on for ever."""

    def __init__(self, raises: int) -> None:
        self.begun = 0
        self.seen: list[tuple[str, ...]] = []
        self.faults: Callable[[], tuple[str, ...]] = tuple
        self._raises = raises

    async def __call__(self) -> None:
        self.begun += 1
        self.seen.append(self.faults())
        if self.begun <= self._raises:
            raise ZeroDivisionError(SECRET)
        await asyncio.Event().wait()


async def test_work_that_raises_is_a_fault_until_it_has_lasted_again(caplog: pytest.LogCaptureFixture) -> None:
    work, well = Work(raises=2), Work(raises=0)
    with caplog.at_level(logging.ERROR, "brightline"):
        async with Upkeep({"retention": work, "periods": well}, pause_seconds=0.0, lasts_seconds=0.05) as upkeep:
            work.faults = lambda: upkeep.faults
            await until(lambda: work.begun == 3)
            await until(lambda: not upkeep.faults)
    [fault] = work.seen[2]  # it goes on, and has not lasted yet
    assert fault.startswith("retention failed: ZeroDivisionError in __call__, line ")
    assert well.begun == 1
    assert len(caplog.records) == 2
    assert SECRET not in caplog.text


async def test_work_that_fails_again_and_again_stays_a_fault() -> None:
    work = Work(raises=1_000_000)
    async with Upkeep({"retention": work}, pause_seconds=0.0, lasts_seconds=60.0) as upkeep:
        await until(lambda: work.begun > 20)
        assert upkeep.faults


async def test_work_that_has_nothing_to_do_ends_and_is_no_fault() -> None:
    done = 0

    async def nothing() -> None:
        nonlocal done
        done += 1

    async with Upkeep({"being witnessed": nothing}, pause_seconds=0.0, lasts_seconds=0.0) as upkeep:
        await until(lambda: done == 1)
        await asyncio.sleep(0.01)
        assert (done, upkeep.faults) == (1, ())


async def test_who_leaves_sees_all_work_ended() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("work")

    async with Upkeep({"work": work}):
        await asyncio.sleep(0)
    assert ended == ["work"]
