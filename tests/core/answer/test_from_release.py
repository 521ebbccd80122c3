# SPDX-License-Identifier: Apache-2.0
"""What a release states of its misses counts for what it judged, with exact bounds."""

from __future__ import annotations

from brightline.core.answer.from_release import Measured, Stated, of_releases
from brightline.core.answer.model import Status

ONE = "sha256:" + "1" * 64
TWO = "sha256:" + "2" * 64
WEAPONS = Stated("encoder", "weapon_direct", 153, 319, "rows")
FIRST = Measured("first", ONE, "releases/first", (WEAPONS,), (Stated("screen", "", 0, 676, "rows"),))


def test_recall_is_told_with_its_bounds_and_where_it_lies() -> None:
    found = of_releases([FIRST], {ONE: 120})
    assert found["release"].detail == "120 exchanges were judged by first"
    recall = found["recall-weapons"]
    assert recall.status is Status.SHOWN
    assert (
        recall.detail
        == "found of weapon_direct, encoder: 166 of 319 (52.0%), 46.4% to 57.6% at 95% confidence, on rows"
    )
    assert [(one.hits, one.of) for one in recall.bounds] == [(166, 319), (0, 676)]
    assert recall.bounds[1].high <= 3 / 676
    assert [(pin.digest, pin.where) for pin in recall.pins] == [(ONE, "releases/first")]


def test_a_fact_of_which_nothing_is_stated_is_open() -> None:
    found = of_releases([FIRST], {ONE: 120})["recall-surveillance"]
    assert (found.status, found.detail) == (Status.OPEN, "first states no figure for mass_domestic")


def test_a_release_that_judged_and_is_not_here_leaves_it_open() -> None:
    found = of_releases([FIRST], {ONE: 110, TWO: 10})
    assert found["release"].status is Status.OPEN
    assert found["release"].detail == f"10 exchanges were judged by {TWO}, which is not here"
    assert of_releases([FIRST], {})["release"].status is Status.OPEN
    assert of_releases([], {ONE: 1})["recall-weapons"].status is Status.OPEN


def test_of_several_that_judged_each_must_state_it() -> None:
    silent = Measured("silent", TWO, "releases/silent", ())
    assert of_releases([FIRST, silent], {ONE: 1, TWO: 1})["recall-weapons"].status is Status.OPEN
