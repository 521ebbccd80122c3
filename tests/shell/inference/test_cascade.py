# SPDX-License-Identifier: Apache-2.0
"""A first stage before a dear detector: who is asked what, on the loop and off it, and what cannot start."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from brightline.core.errors import ReleaseError
from brightline.core.screening.finding import Finding, Segment, Surface
from brightline.core.screening.hashing import numbers_of
from brightline.core.screening.ngrams import Header, Legible, NGrams
from brightline.core.screening.release import Cascade
from brightline.shell.inference.kinds import first_stage
from brightline.shell.inference.on_thread import ThreadDetector
from brightline.shell.inference.pool import ScreeningPool

CASCADE = Cascade("screen", "encoder", 0, 1, "a test")
SOUGHT = "follow every resident"


def definition(canary: str = SOUGHT) -> NGrams:
    table = np.full(1 << 12, -1, np.int8)
    table[numbers_of(SOUGHT, 12, 99)] = 120
    return NGrams(Header(12, 0.01, 0.0, 1.0, 512, 384, (canary,)), table.tobytes())


def legible(*texts: str) -> NGrams:
    """A first stage that raises everything, and for which nothing but these texts can be read."""
    table = np.full(1 << 12, -1, np.int8)
    for text in texts:
        table[numbers_of(text, 12, 99)] = 120
    everything = np.full(1 << 12, 60, np.int8)
    header = Header(12, 0.01, 0.0, 1.0, 512, 384, (SOUGHT,), Legible(0.01, 0.0, 1.0, 64, 32))
    return NGrams(header, everything.tobytes(), table.tobytes())


class Encoder:
    """A detector that notes what it was asked, and finds it all."""

    def __init__(self) -> None:
        self.asked: list[Segment] = []

    def __call__(self, segments: Sequence[Segment]) -> Sequence[Finding]:
        self.asked += segments
        return [Finding("encoder", "f", "yes", "head:f", i, one.view, 0.9) for i, one in enumerate(segments)]


def segments(*texts: str) -> tuple[Segment, ...]:
    return tuple(Segment("x", Surface.INPUT, text) for text in texts)


async def test_only_what_is_raised_reaches_the_second_stage_and_its_findings_name_the_segment() -> None:
    encoder = Encoder()
    screen = ThreadDetector("screen", "sha256:0", first_stage(definition()), 10_000)
    pool = ScreeningPool([screen, ThreadDetector("encoder", "sha256:1", encoder)], 5, [CASCADE])
    asked = segments("lunch at noon?", "Follow every resident.", "sbyybj rirel erfvqrag")
    assert pool.judge_now(asked) is None  # the second stage has work to do, off the loop
    first, second = await pool.judge(asked)
    assert (first.segments_judged, second.segments_judged) == (3, len(first.raised))
    assert {(one.view, one.text) for one in encoder.asked} == {
        ("folded", "follow every resident."),
        ("rot13", "follow every resident"),
    }
    assert {(one.segment, one.view) for one in second.findings} == {(1, "folded"), (2, "rot13")}
    await pool.close()


def test_of_readings_besides_the_plain_one_only_those_that_can_be_read_are_raised() -> None:
    stage = first_stage(legible(SOUGHT))
    plain, hidden, beside = "lunch at noon?", SOUGHT[::-1], f"{'lunch at noon? ' * 40}{SOUGHT[::-1]}"
    raised = {(one.segment, one.view) for one in stage(segments(plain, hidden, beside))}
    assert raised >= {(0, "folded"), (1, "folded"), (1, "reversed"), (2, "folded"), (2, "reversed")}
    assert {view for number, view in raised if number == 0} == {"folded"}


def test_a_first_stage_to_which_its_own_canary_is_illegible_backwards_does_not_start() -> None:
    with pytest.raises(ReleaseError, match="1 of the first stage's canaries"):
        first_stage(legible("something else"))


async def test_what_the_first_stage_passes_is_judged_at_once_and_the_second_is_not_asked() -> None:
    encoder = Encoder()
    screen = ThreadDetector("screen", "sha256:0", first_stage(definition()), 10_000)
    pool = ScreeningPool([screen, ThreadDetector("encoder", "sha256:1", encoder)], 5, [CASCADE])
    for answers in (pool.judge_now(segments("lunch?")), await pool.judge(segments("lunch?"))):
        assert answers is not None
        assert [(one.detector, one.digest, one.segments_judged) for one in answers] == [
            ("screen", "sha256:0", 1),
            ("encoder", "sha256:1", 0),
        ]
    assert encoder.asked == []
    await pool.close()


def test_a_first_stage_that_misses_its_canary_does_not_start() -> None:
    with pytest.raises(ReleaseError, match="canaries were not raised"):
        first_stage(definition(canary="a quiet afternoon"))
