# SPDX-License-Identifier: Apache-2.0
"""A judge behind the detectors: asked last, waited for so long, and missed by nobody."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from brightline.core.errors import ScreeningUnavailable
from brightline.core.facts import UNKNOWN
from brightline.core.screening.finding import Finding, Segment, Surface
from brightline.core.screening.settle import TEXTS_MAX, Ended, Settlement
from brightline.shell.inference.on_thread import ThreadDetector
from brightline.shell.inference.pool import Judging, ScreeningPool
from tests.shell.inference.test_process import ask, detector, until_taken

SETTLEMENTS = (Settlement("rules", "f", "no", 0, 1, 0, 1, "c"),)
Says = Callable[[Sequence[Segment]], Sequence[Finding]]


def unsure(segments: Sequence[Segment]) -> Sequence[Finding]:
    return [
        Finding("rules", "f", UNKNOWN, "r", number, "text", 0.5)
        for number, segment in enumerate(segments)
        if "open" in segment.text
    ]


def pool_with(judge: Says, seconds: float = 20.0) -> ScreeningPool:
    detectors = [ThreadDetector("rules", "sha256:0", unsure, 10_000)]
    return ScreeningPool(detectors, 5, (), Judging(ThreadDetector("judge", "sha256:1", judge), SETTLEMENTS, seconds))


def segments(*texts: str) -> tuple[Segment, ...]:
    return tuple(Segment("x", Surface.INPUT, text) for text in texts)


async def test_it_is_asked_about_open_readings_alone_and_not_at_all_where_nothing_is_open() -> None:
    asked: list[Segment] = []

    def judge(given: Sequence[Segment]) -> Sequence[Finding]:
        asked.extend(given)
        return []

    pool = pool_with(judge)
    assert pool.judge_now(segments("clear")) is not None
    assert [one.detector for one in await pool.judge(segments("clear"))] == ["rules"]
    assert asked == []
    assert pool.judge_now(segments("clear", "open")) is None, "a judge is never waited for on the loop"
    answers = await pool.judge(segments("clear", "this is open"))
    assert [(one.detector, one.segments_judged) for one in answers] == [("rules", 2), ("judge", 1)]
    assert [(one.text, one.open) for one in asked] == [("this is open", ("f",))]
    assert pool.judged.asks == {Ended.ANSWERED: 1}, "nothing is counted where nothing is open"
    assert pool.judged.seconds > 0
    many = tuple(Segment(f"x[{number}]", Surface.INPUT, f"open {number}") for number in range(TEXTS_MAX + 1))
    assert [one.detector for one in await pool.judge(many)] == ["rules"]
    assert pool.judged.asks == {Ended.ANSWERED: 1, Ended.TOO_MUCH: 1}
    await pool.close()


async def test_one_that_fails_has_not_answered() -> None:
    def judge(given: Sequence[Segment]) -> Sequence[Finding]:
        raise RuntimeError("odd")

    pool = pool_with(judge)
    assert [one.detector for one in await pool.judge(segments("open"))] == ["rules"]
    assert pool.judged.asks == {Ended.FAILED: 1}
    await pool.close()


async def test_one_that_is_late_has_not_answered() -> None:
    hanging = threading.Event()

    def judge(given: Sequence[Segment]) -> Sequence[Finding]:
        hanging.wait(30)
        return []

    pool = pool_with(judge, seconds=0.05)
    assert [one.detector for one in await pool.judge(segments("open"))] == ["rules"]
    assert pool.judged.asks == {Ended.LATE: 1}
    hanging.set()
    await pool.close()


async def test_an_exchange_that_is_broken_off_says_nothing_of_the_judge() -> None:
    hanging, begun = threading.Event(), threading.Event()

    def judge(given: Sequence[Segment]) -> Sequence[Finding]:
        begun.set()
        hanging.wait(60)
        return []

    pool = pool_with(judge)
    asking = asyncio.create_task(pool.judge(segments("open")))
    assert await asyncio.to_thread(begun.wait, 60)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert pool.judged.asks == {}
    hanging.set()
    await pool.close()


async def test_so_many_may_wait_for_it_and_no_more(tmp_path: Path) -> None:
    async with detector(tmp_path, deadline=20.0, queue_max=2) as made:
        await made.until_fit()
        busy = asyncio.create_task(made.judge(ask("hang")))
        await until_taken(made)
        waiting = [asyncio.create_task(made.judge(ask("plain"))) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(ScreeningUnavailable, match="full"):
            await made.judge(ask("plain"))
        for task in (busy, *waiting):
            task.cancel()
        await asyncio.gather(busy, *waiting, return_exceptions=True)
