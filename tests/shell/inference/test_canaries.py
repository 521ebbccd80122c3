# SPDX-License-Identifier: Apache-2.0
"""Known-bad texts through every kind of detector: one that misses them judges nothing until it finds them again.

Detectors in processes have the same in ``test_process.py``.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path

import pytest

from brightline.core.errors import ScreeningUnavailable
from brightline.core.screening.finding import Finding, Segment, Surface
from brightline.core.screening.rules import RuleSet, load_rules
from brightline.core.screening.toolcall import load_calls
from brightline.shell import shipped
from brightline.shell.config import InferenceSettings
from brightline.shell.inference import loading, on_thread
from brightline.shell.inference.canaries import CallCanaries, Canaries, FirstStageCanaries, RuleCanaries
from brightline.shell.inference.kinds import Judge, first_stage
from brightline.shell.inference.on_thread import CANARY_SECONDS, LATE_FACTOR, ThreadDetector
from brightline.shell.inference.pool import ScreeningPool
from tests.shell.inference.test_cascade import definition

CALLS = Path(str(files("brightline") / "classifier" / "training" / "calls.toml"))
ASKED = (Segment("x", Surface.INPUT, "plain"),)


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return load_rules((shipped.shipped_release() / "rules.toml").read_bytes(), "rules.toml")


class Sighted:
    """A judge that can be made blind, or made to hang."""

    def __init__(self, judge: Judge) -> None:
        self.judge, self.blind, self.go_on = judge, False, threading.Event()
        self.go_on.set()

    def __call__(self, segments: Sequence[Segment]) -> Sequence[Finding]:
        self.go_on.wait(30)
        return () if self.blind else self.judge(segments)  # type: ignore[return-value]


def kinds(rules: RuleSet) -> list[tuple[Judge, Canaries]]:
    calls = load_calls(CALLS.read_bytes(), "calls.toml")
    return [
        (rules.match, RuleCanaries(rules)),
        (first_stage(definition()), FirstStageCanaries(definition().header)),
        (partial(calls.match, detector="d"), CallCanaries(calls)),
    ]


@pytest.mark.parametrize("kind", [0, 1, 2], ids=["rules", "first stage", "calls"])
async def test_one_that_goes_blind_is_out_within_its_period_and_comes_back_when_it_sees(
    kind: int, rules: RuleSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_thread, "LATE_FACTOR", 1_000)  # however seldom this process gets its turn
    judge, canaries = kinds(rules)[kind]
    sighted = Sighted(judge)
    detector = ThreadDetector("d", "sha256:0", sighted, 1_000, canaries, canary_seconds=0.05)
    pool = ScreeningPool([detector], 5)
    await pool.judge(ASKED)
    sighted.blind = True
    await until(detector, "were not raised" if kind == 1 else "missed its canaries")
    with pytest.raises(ScreeningUnavailable, match="missed its canaries"):
        await pool.judge(ASKED)
    with pytest.raises(ScreeningUnavailable, match="missed its canaries"):
        pool.judge_now(ASKED)
    sighted.blind = False
    await until(detector, "")
    assert (await pool.judge(ASKED))[0].segments_judged == 1
    await pool.close()


async def test_one_that_hangs_is_out_although_nothing_was_missed(rules: RuleSet) -> None:
    sighted = Sighted(rules.match)
    detector = ThreadDetector("d", "sha256:0", sighted, 1_000, RuleCanaries(rules), canary_seconds=0.1)
    sighted.go_on.clear()
    await until(detector, "has not answered to its canaries")
    with pytest.raises(ScreeningUnavailable, match="has not answered"):
        await detector.judge(ASKED)
    sighted.go_on.set()
    await until(detector, "")
    detector.close()


async def test_one_that_raises_on_its_canaries_is_out(rules: RuleSet) -> None:
    def raises(segments: Sequence[Segment]) -> Sequence[Finding]:
        raise MemoryError

    detector = ThreadDetector("d", "sha256:0", raises, 0, RuleCanaries(rules), canary_seconds=0.05)
    await until(detector, "failed on its canaries: detector d failed: MemoryError")
    detector.close()


async def test_they_are_tried_also_by_a_thread_that_is_never_idle(
    rules: RuleSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_thread, "LATE_FACTOR", 1_000)
    sighted = Sighted(rules.match)
    detector = ThreadDetector("d", "sha256:0", sighted, 0, RuleCanaries(rules), canary_seconds=0.05)
    sighted.blind = True
    with pytest.raises(ScreeningUnavailable, match="missed its canaries"):
        for _ in range(10_000):
            await detector.judge(ASKED)
    detector.close()


def test_in_time_each_rule_of_the_shipped_release_is_asked_for_and_found(rules: RuleSet) -> None:
    canaries = RuleCanaries(rules)
    asked = set()
    detector = ThreadDetector("rules", "sha256:0", rules.match, 0, canaries)
    for turn in range(canaries.turns):
        detector.probe()
        assert not detector.fault
        asked |= {rule.id for rule in canaries._asked(turn)}
    assert asked == {rule.id for rule in rules.rules}
    detector.close()


def test_a_rule_that_is_missed_is_asked_for_again_until_it_is_found(rules: RuleSet) -> None:
    canaries = RuleCanaries(rules)
    sighted = Sighted(rules.match)
    detector = ThreadDetector("rules", "sha256:0", sighted, 0, canaries)
    sighted.blind = True
    detector.probe()
    missed = detector.fault
    detector.probe()
    assert detector.fault == missed
    detector.close()


@pytest.mark.parametrize("name", ["rules-2026.11", "students-2026.11"])
async def test_no_detector_of_a_shipped_release_is_opened_without_canaries(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[object] = []

    class Process:
        id = "process"

        def __init__(self, load: object, canaries: object, **_: object) -> None:
            given.append(canaries)

    monkeypatch.setattr(loading, "ProcessDetector", Process)
    folder = shipped.shipped_release().parent / name
    agreement = shipped.read_agreement(shipped.shipped_agreement())
    release = shipped.read_release(folder, agreement.vocabulary)
    loaded = loading.open_release(
        release, folder, loading.read_definitions(release, folder, agreement), InferenceSettings()
    )
    threads = [each for each in loaded.detectors if isinstance(each, ThreadDetector)]
    assert len(threads) + len(given) == len(release.detectors)
    assert all([*given, *(each._canaries for each in threads)])
    for each in threads:
        each.close()


def test_the_period_is_a_minute_and_three_of_them_without_an_answer_are_too_many() -> None:
    assert (CANARY_SECONDS, LATE_FACTOR) == (60.0, 3)


async def until(detector: ThreadDetector, fault: str) -> None:
    async with asyncio.timeout(60):
        while fault not in detector.fault if fault else detector.fault:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
