# SPDX-License-Identifier: Apache-2.0
"""A candidate in one worker: it delays nobody, sheds itself first, and what it cannot answer changes nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from brightline.core.screening.finding import Finding, Segment, Surface
from brightline.core.screening.release import Release
from brightline.core.screening.trial import Compared, Rule, Stage
from brightline.shell import shipped
from brightline.shell.inference.judges import Judges
from brightline.shell.inference.loaded import Loaded
from brightline.shell.inference.on_thread import ThreadDetector
from brightline.shell.inference.pool import PooledDetector, ScreeningPool
from brightline.shell.inference.trial import WAITING_MAX, Trial
from tests.releases import beginning, finds_more

VOCABULARY = shipped.read_agreement(shipped.shipped_agreement()).vocabulary
ALL = Rule(1, 1, 1_000, 1_000_000, 1_000_000, 1_000_000)
Judge = Callable[[Sequence[Segment]], Sequence[Finding]]


def batch(text: str) -> tuple[Segment, ...]:
    return (Segment("x", Surface.INPUT, text),)


def finds(word: str) -> Judge:
    def judge(segments: Sequence[Segment]) -> Sequence[Finding]:
        return [
            Finding("rules", "weapon_direct", "yes", word, at, "text")
            for at, segment in enumerate(segments)
            if word in segment.text
        ]

    return judge


def loaded(folder: Path, judge: Judge, at_once: int = 1_000) -> Loaded:
    release: Release = shipped.read_release(folder, VOCABULARY)
    digest = f"sha256:{release.detectors[0].sha256}"
    return Loaded(release, [ThreadDetector("rules", digest, judge, at_once)])


class Node:
    """Two loaded releases, the second on trial."""

    def __init__(self, folder: Path, own: Judge, theirs: Judge, at_once: int) -> None:
        self.busy = False
        self.own, self.candidate = loaded(beginning(folder), own, at_once), loaded(finds_more(folder), theirs, at_once)
        self.judges = Judges(self.own)
        self.trial = Trial(1, self.candidate, self.own.release, ALL, lambda: VOCABULARY, lambda: self.busy)
        self.judges.begin_trial(self.trial)

    async def ask(self, text: str) -> tuple[str, ...]:
        """The releases whose answers an exchange was given: nothing stands for the one in force."""
        with self.judges.under(self.own.release, "unit-1") as judging:
            answers = judging.screeners.judge_now(batch(text)) or await judging.screeners.judge(batch(text))
        return tuple(answer.release for answer in answers)

    async def until(self, happened: Callable[[Compared], bool]) -> None:
        async with asyncio.timeout(60):
            while not happened(self.trial.figures):  # noqa: ASYNC110
                await asyncio.sleep(0.005)


@asynccontextmanager
async def node(folder: Path, *, theirs: Judge | None = None, at_once: int = 1_000) -> AsyncIterator[Node]:
    made = Node(folder, finds("gun"), theirs or finds("gun"), at_once)
    try:
        yield made
    finally:
        await made.judges.close()


@pytest.mark.parametrize("at_once", [0, 1_000], ids=["on threads", "at once"])
async def test_a_shadow_is_compared_and_heard_by_nobody(tmp_path: Path, at_once: int) -> None:
    async with node(tmp_path, theirs=finds("bow"), at_once=at_once) as made:
        for text in ("a gun", "a bow", "a rose"):
            assert await made.ask(text) == ("",)
        await made.until(lambda figures: figures.both == 3)
        figures = made.trial.figures
        assert (figures.same, figures.stricter, figures.looser) == (1, 1, 1)
        assert figures.facts == {"weapon_direct": (1, 1)}


async def test_a_shadow_that_hangs_delays_nobody_and_what_does_not_fit_is_shed(tmp_path: Path) -> None:
    go_on = threading.Event()

    def hangs(segments: Sequence[Segment]) -> Sequence[Finding]:
        go_on.wait(60)
        return ()

    async with node(tmp_path, theirs=hangs) as made:
        async with asyncio.timeout(60):
            for _ in range(WAITING_MAX + 5):
                assert await made.ask("a rose") == ("",)
        assert made.trial.figures.shed >= 4
        go_on.set()


async def test_a_busy_node_sheds_the_shadow_first(tmp_path: Path) -> None:
    async with node(tmp_path) as made:
        made.busy = True
        assert await made.ask("a gun") == ("",)
        assert (made.trial.figures.shed, made.trial.figures.both) == (1, 0)


@pytest.mark.parametrize("at_once", [0, 1_000], ids=["on threads", "at once"])
async def test_a_canary_is_answered_by_both_and_marked(tmp_path: Path, at_once: int) -> None:
    async with node(tmp_path, at_once=at_once) as made:
        made.trial.begin(Stage.CANARY)
        assert await made.ask("a gun") == ("", made.candidate.release.digest)
        assert made.trial.figures.same == 1


@pytest.mark.parametrize("at_once", [0, 1_000], ids=["on threads", "at once"])
async def test_a_candidate_that_fails_in_a_canary_leaves_the_release_in_force_alone(
    tmp_path: Path, at_once: int
) -> None:
    def raises(segments: Sequence[Segment]) -> Sequence[Finding]:
        raise RuntimeError

    async with node(tmp_path, theirs=raises, at_once=at_once) as made:
        made.trial.begin(Stage.CANARY)
        assert await made.ask("a gun") == ("",)
        assert made.trial.figures.failed == 1
        assert made.trial.next is Stage.CANARY  # this rule lets all of them fail


async def test_a_canary_under_way_keeps_a_candidate_that_is_out(tmp_path: Path) -> None:
    async with node(tmp_path) as made:
        made.trial.begin(Stage.CANARY)
        with made.judges.under(made.own.release, "unit-1") as judging:
            made.judges.end_trial()
            assert made.judges.count == 2
            assert judging.beside is made.candidate.release
            assert len(await judging.screeners.judge(batch("a gun"))) == 2
        assert made.judges.count == 1


async def test_a_release_that_comes_into_force_again_while_exchanges_end_under_it_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    async with node(tmp_path) as made:
        made.judges.end_trial()
        other, again = (
            loaded(finds_more(tmp_path / "other"), finds("b")),
            loaded(beginning(tmp_path / "again"), finds("c")),
        )
        with made.judges.under(made.own.release, "unit-1"):
            made.judges.go_over(other)
            made.judges.go_over(again)
            assert (made.judges.current, made.judges.count) == (again, 2)
        assert made.judges.count == 1
        detector = made.own.detectors[0]
        assert isinstance(detector, ThreadDetector)
        await asyncio.to_thread(detector._thread.join, 60)
        assert not detector._thread.is_alive()


async def test_about_the_stated_share_of_exchanges_are_canaries(tmp_path: Path) -> None:
    async with node(tmp_path) as made:
        made.trial.rule = Rule(1, 1, 100, 0, 0, 0)
        made.trial.begin(Stage.CANARY)
        canaries = sum(made.trial.takes_canary for _ in range(5_000))
        assert 300 < canaries < 700


async def test_detectors_have_the_seconds_that_their_release_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []

    def pool(detectors: Sequence[PooledDetector], deadline_seconds: float, *more: Any) -> ScreeningPool:
        given.append(deadline_seconds)
        return ScreeningPool(detectors, deadline_seconds, *more)

    monkeypatch.setattr("brightline.shell.inference.loaded.ScreeningPool", pool)
    made = loaded(beginning(tmp_path), finds("gun"))
    await made.screeners.close()
    assert given == [made.release.deadline_seconds]
