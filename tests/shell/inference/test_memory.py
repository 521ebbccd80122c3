# SPDX-License-Identifier: Apache-2.0
"""What is remembered is what would be found, for whoever sent it, and for as long as the detector sees."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.errors import ScreeningUnavailable
from brightline.core.screening.finding import Finding, Judgement, Segment, Surface
from brightline.shell.inference.canaries import Canaries
from brightline.shell.inference.memory import Memory
from brightline.shell.inference.on_thread import AT_ONCE_BYTES, ThreadDetector
from brightline.shell.inference.pool import ScreeningPool

UNIT: Final = "unit-1"


class Judge:
    """Finds each ``bad`` of a text, by surface; notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.blind = False

    def __call__(self, segments: Sequence[Segment]) -> Sequence[Finding]:
        self.asked += [segment.text for segment in segments]
        if any(segment.text == "raise" for segment in segments):
            raise RuntimeError
        return [
            Finding("rules", "weapon_direct", "yes", f"{segment.surface}-{n}", at, "folded")
            for at, segment in enumerate(segments)
            for n in range(0 if self.blind else segment.text.count("bad"))
        ]


class MustFind:
    """One known-bad text."""

    def segments(self, turn: int) -> tuple[Segment, ...]:
        return (Segment("canary", Surface.INPUT, "bad"),)

    def missed(self, turn: int, judgement: Judgement) -> tuple[str, ...]:
        return () if judgement.findings else ("bad",)


def detector(judge: Judge, memory: Memory | None, canaries: Canaries | None = None) -> ThreadDetector:
    return ThreadDetector("rules", "sha256:00", judge, AT_ONCE_BYTES, canaries, memory=memory)


def asked(*texts: str, surface: Surface = Surface.INPUT, path: str = "messages[0].content") -> tuple[Segment, ...]:
    return tuple(Segment(path, surface, text) for text in texts)


SEGMENTS: Final = st.builds(
    Segment,
    path=st.sampled_from(("messages[0].content", "joined:messages#spaced", "exchange[0]")),
    surface=st.sampled_from(Surface),
    text=st.sampled_from(("bad", "good", "bad bad", "", "b", "\ud800")),
    start=st.integers(0, 2),
    view=st.sampled_from(("", "folded")),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.lists(SEGMENTS, max_size=5), st.sampled_from(("", UNIT, "unit-2")), st.booleans())))
def test_whoever_remembers_says_what_it_would_have_said_at_first(
    asks: list[tuple[list[Segment], str, bool]],
) -> None:
    remembers, forgets = detector(Judge(), Memory(3)), detector(Judge(), None)
    for segments, unit, at_once in asks:
        said = remembers.judge_now(segments, unit) if at_once else asyncio.run(remembers.judge(segments, unit))
        assert said == forgets.judge_now(segments)
    remembers.close()
    forgets.close()


@pytest.mark.parametrize("at_once", [True, False])
async def test_what_a_unit_sent_before_is_not_judged_again_and_what_another_sends_is(at_once: bool) -> None:
    judge = Judge()
    pool = ScreeningPool([detector(judge, Memory())], 5.0)

    async def ask(unit: str, *texts: str) -> int:
        judged = pool.of(unit).judge_now(asked(*texts)) if at_once else await pool.of(unit).judge(asked(*texts))
        assert judged is not None
        return len(judged[0].findings)

    assert await ask(UNIT, "a bad turn", "a turn") == 1
    assert await ask(UNIT, "a bad turn", "a turn", "another bad turn") == 2
    assert judge.asked == ["a bad turn", "a turn", "another bad turn"]
    assert await ask("unit-2", "a bad turn") == 1
    assert judge.asked[3:] == ["a bad turn"]
    await pool.close()


def test_neither_output_nor_an_exchange_as_a_whole_is_remembered() -> None:
    judge = Judge()
    made = detector(judge, Memory())
    for segments in (
        asked("bad", surface=Surface.OUTPUT),
        asked("bad", surface=Surface.TOOL_CALL),
        asked("bad", path="exchange[0]"),
    ):
        for _ in range(2):
            assert made.judge_now(segments, UNIT).findings
    assert judge.asked == ["bad"] * 6
    made.close()


def test_a_detector_that_misses_its_canary_forgets_what_it_said() -> None:
    judge = Judge()
    made = detector(judge, Memory(), MustFind())
    judge.blind = True
    assert not made.judge_now(asked("bad"), UNIT).findings  # not known to be blind yet

    made.probe()
    with pytest.raises(ScreeningUnavailable, match="canaries"):
        made.judge_now(asked("bad"), UNIT)
    judge.blind = False
    made.probe()
    assert made.judge_now(asked("bad"), UNIT).findings
    made.close()


def test_what_was_judged_before_a_canary_was_missed_is_not_remembered_after_it() -> None:
    memory = Memory()
    batch = memory.of(asked("bad"), UNIT)
    memory.forget()  # its answer is still on its way
    batch.whole(Judgement("rules", "sha256:00", 1, ()))
    assert memory.of(asked("bad"), UNIT).new == list(asked("bad"))


def test_a_canary_is_judged_anew_each_time_and_a_failure_is_not_remembered() -> None:
    judge = Judge()
    made = detector(judge, Memory(), MustFind())
    made.probe()
    made.probe()
    assert judge.asked == ["bad", "bad"]
    for _ in range(2):
        with pytest.raises(ScreeningUnavailable, match="failed"):
            made.judge_now(asked("raise"), UNIT)
    made.close()


def test_the_latest_are_remembered_and_no_text_is_kept() -> None:
    memory = Memory(2)
    judge = Judge()
    made = detector(judge, memory)
    for text in ("one", "two", "one", "three", "one", "two"):
        made.judge_now(asked(text), UNIT)
    assert judge.asked == ["one", "two", "three", "two"]
    assert len(memory._found) == 2
    assert all(isinstance(key, bytes) and len(key) == 24 for key in memory._found)
    assert Memory().digest(asked("one")[0], UNIT) != Memory().digest(asked("one")[0], UNIT)
    made.close()


def test_a_unit_and_a_text_cannot_be_taken_for_others() -> None:
    memory = Memory()
    assert memory.digest(asked("bc")[0], "a") != memory.digest(asked("c")[0], "ab")
