# SPDX-License-Identifier: Apache-2.0
"""Detectors off the loop: answers go to who asked; late, full, failed and odd are refusals."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest

from brightline.core.errors import ScreeningUnavailable
from brightline.core.screening.finding import Finding, Judgement, Segment, Surface
from brightline.shell.inference import on_thread
from brightline.shell.inference.on_thread import ThreadDetector
from brightline.shell.inference.pool import AT_ONCE_SEGMENTS, ScreeningPool


def segment(text: str) -> Segment:
    return Segment("x", Surface.INPUT, text)


def marks(segments: Sequence[Segment]) -> Sequence[Finding]:
    """Find every segment that says so, under its place in the batch."""
    return [
        Finding("d", "fact", "yes", s.text, i, "folded") for i, s in enumerate(segments) if s.text.startswith("mark")
    ]


async def test_each_asker_gets_the_findings_of_its_own_segments() -> None:
    detector = ThreadDetector("d", "sha256:0", marks)
    asks = [[segment(f"mark {i}"), segment("plain")] for i in range(50)]
    judgements = await asyncio.gather(*[detector.judge(ask) for ask in asks])
    for i, judgement in enumerate(judgements):
        assert judgement.segments_judged == 2
        assert [(f.rule, f.segment) for f in judgement.findings] == [(f"mark {i}", 0)]
    detector.close()


async def test_the_loop_goes_on_while_a_detector_thinks() -> None:
    turned = threading.Event()

    def slow(segments: Sequence[Segment]) -> Sequence[Finding]:
        assert turned.wait(30)
        return ()

    detector = ThreadDetector("d", "sha256:0", slow)
    task = asyncio.create_task(detector.judge([segment("a")]))
    for _ in range(5):
        await asyncio.sleep(0.01)
        assert not task.done()
    turned.set()
    assert (await task).segments_judged == 1
    detector.close()


async def test_a_late_detector_is_refused_at_the_deadline() -> None:
    gate = threading.Event()

    def waits(segments: Sequence[Segment]) -> Sequence[Finding]:
        gate.wait(5)
        return ()

    pool = ScreeningPool([ThreadDetector("d", "sha256:0", waits)], 0.1)
    with pytest.raises(ScreeningUnavailable, match="deadline"):
        await pool.judge((segment("a"),))
    gate.set()
    await pool.close()


async def test_one_failing_detector_of_two_refuses_the_batch() -> None:
    def fails(segments: Sequence[Segment]) -> Sequence[Finding]:
        raise ValueError("with content in it")

    pool = ScreeningPool([ThreadDetector("a", "sha256:0", marks), ThreadDetector("b", "sha256:0", fails)], 1)
    with pytest.raises(ScreeningUnavailable, match="detector b failed: ValueError") as caught:
        await pool.judge((segment("a"),))
    assert "content" not in str(caught.value)
    await pool.close()


async def test_what_one_caller_sends_is_not_refused_to_the_others_of_a_batch() -> None:
    begun, gate = threading.Event(), threading.Event()

    def picky(segments: Sequence[Segment]) -> Sequence[Finding]:
        begun.set()
        assert gate.wait(60)
        if any(one.text == "too much" for one in segments):
            raise ValueError("too much")
        return marks(segments)

    detector = ThreadDetector("d", "sha256:0", picky)
    first = asyncio.create_task(detector.judge([segment("plain")]))
    await asyncio.to_thread(begun.wait, 60)
    asks = [asyncio.create_task(detector.judge([segment(text)])) for text in ("mark 1", "too much", "mark 2")]
    await asyncio.sleep(0)  # the three wait together, and make a batch
    gate.set()
    answers = await asyncio.gather(first, *asks, return_exceptions=True)
    assert isinstance(answers[2], ScreeningUnavailable)
    found = [[one.rule for one in answer.findings] for answer in answers if isinstance(answer, Judgement)]
    assert found == [[], ["mark 1"], ["mark 2"]]
    detector.close()


async def test_who_asks_while_a_canary_is_being_missed_is_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_thread, "LATE_FACTOR", 1_000)  # however seldom this process gets its turn
    begun, gate = threading.Event(), threading.Event()

    class Missed:
        def segments(self, turn: int) -> tuple[Segment, ...]:
            begun.set()
            assert gate.wait(60)
            return (segment("mark"),)

        def missed(self, turn: int, judgement: Judgement) -> tuple[str, ...]:
            return () if judgement.findings else ("mark",)

    detector = ThreadDetector("d", "sha256:0", lambda _: (), canaries=Missed(), canary_seconds=0.01)
    try:
        await asyncio.to_thread(begun.wait, 60)
        asked = asyncio.create_task(detector.judge([segment("mark of somebody")]))
        await asyncio.sleep(0)
        gate.set()
        with pytest.raises(ScreeningUnavailable, match="missed its canaries"):
            await asked
    finally:
        gate.set()
        detector.close()


# ---- at once ------------------------------------------------------------------------------------------------


async def test_a_small_batch_is_judged_at_once_where_every_detector_may_and_any_other_is_not() -> None:
    quick, slow = ThreadDetector("q", "sha256:0", marks, 6), ThreadDetector("s", "sha256:0", marks)
    small, large = (segment("mark a"),), (segment("mark a"), segment("b"))

    (judgement,) = ScreeningPool([quick], 1).judge_now(small) or ()
    assert judgement == (await quick.judge(small))
    assert judgement.segments_judged == 1
    assert judgement.findings

    assert ScreeningPool([quick], 1).judge_now(large) is None
    assert ScreeningPool([quick, slow], 1).judge_now(small) is None
    quick.close()
    slow.close()


async def test_what_takes_long_though_it_has_few_letters_is_not_judged_at_once() -> None:
    pool = ScreeningPool([ThreadDetector("q", "sha256:0", marks, 8)], 1)
    assert pool.judge_now((segment("abcdefgh"),)) is not None
    assert pool.judge_now((segment("ää漢字"),)) is None  # folding takes its time by the byte
    assert pool.judge_now((segment(""),) * AT_ONCE_SEGMENTS) is not None
    assert pool.judge_now((segment(""),) * (AT_ONCE_SEGMENTS + 1)) is None
    await pool.close()


async def test_what_was_judged_at_once_but_too_late_is_refused() -> None:
    def slow(segments: Sequence[Segment]) -> Sequence[Finding]:
        time.sleep(0.05)
        return ()

    pool = ScreeningPool([ThreadDetector("d", "sha256:0", slow, 100)], 0.01)
    with pytest.raises(ScreeningUnavailable, match="deadline"):
        pool.judge_now((segment("a"),))
    await pool.close()


async def test_a_detector_that_fails_at_once_refuses_and_repeats_no_content() -> None:
    def fails(segments: Sequence[Segment]) -> Sequence[Finding]:
        raise ValueError("with content in it")

    pool = ScreeningPool([ThreadDetector("b", "sha256:0", fails, 100)], 1)
    with pytest.raises(ScreeningUnavailable, match="detector b failed: ValueError") as caught:
        pool.judge_now((segment("a"),))
    assert "content" not in str(caught.value)
    assert caught.value.__cause__ is None
    await pool.close()
