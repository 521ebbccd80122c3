# SPDX-License-Identifier: Apache-2.0
"""What whoever left a fact unknown leans to counts beside the judge's own word, as far as the judge's file says."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.classifier.judging.command import FITTED
from brightline.core.errors import ReleaseError
from brightline.core.screening.finding import Segment, Surface
from brightline.core.screening.judge import JOINED_MAX, JudgeFile, joined_log_odds, load_judge_file

SHIPPED = load_judge_file((FITTED / "judge.json").read_bytes(), "judge.json")
FACT = SHIPPED.facts[0]
SHARES = st.floats(0, 1)


def judge(joined: dict[str, float]) -> JudgeFile:
    return msgspec.structs.replace(SHIPPED, joined=joined)


def segment(*leanings: float) -> Segment:
    return Segment("a", Surface.INPUT, "words", view="folded", open=(FACT,), leanings=leanings)


@given(own=st.floats(-20, 20), low=SHARES, high=SHARES, weight=st.floats(0, JOINED_MAX))
def test_whoever_leans_more_to_it_is_never_less_heard(own: float, low: float, high: float, weight: float) -> None:
    low, high = sorted((low, high))
    said = [joined_log_odds(judge({FACT: weight}), segment(one), FACT, own) for one in (low, high)]
    assert said[0] <= said[1]
    assert all(map(math.isfinite, said)), "one who is quite sure is not infinitely so"


def test_one_who_is_in_doubt_changes_nothing_and_the_surer_one_is_the_more() -> None:
    joined = judge({FACT: 2.0})
    assert joined_log_odds(joined, segment(0.5), FACT, -1.0) == -1.0
    assert joined_log_odds(joined, segment(0.9), FACT, -1.0) == pytest.approx(-1.0 + 2 * math.log(9))
    assert joined_log_odds(joined, segment(0.1), FACT, -1.0) == pytest.approx(-1.0 - 2 * math.log(9))


def test_a_canary_that_nobody_left_open_and_a_fact_that_is_not_joined_have_the_judges_own_word() -> None:
    canary = Segment("canary", Surface.INPUT, "words")
    assert joined_log_odds(judge({FACT: 2.0}), canary, FACT, 3.0) == 3.0
    assert joined_log_odds(judge({}), segment(0.9), FACT, 3.0) == 3.0


@pytest.mark.parametrize(
    ("joined", "why"),
    [
        ({"private_info": 1.0}, "about which it is not asked"),
        ({FACT: -0.1}, ">= 0"),
        ({FACT: JOINED_MAX + 1}, "<= 10"),
    ],
)
def test_a_file_that_joins_what_it_is_not_asked_or_out_of_bounds_is_refused(
    joined: dict[str, float], why: str
) -> None:
    with pytest.raises(ReleaseError, match=why):
        load_judge_file(msgspec.json.encode(judge(joined)), "judge.json")
