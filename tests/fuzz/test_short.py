# SPDX-License-Identifier: Apache-2.0
"""The short form of the fuzzing: a few thousand inputs, the same each time. The long one: ``python -m tests.fuzz``."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from tests.fuzz.__main__ import made, piece, pieces
from tests.fuzz.targets import TARGETS, Target

RUNS = {"normaliser": 150, "rules": 50}  # the slow ones


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_no_bytes_are_read_twice_or_crash_a_reader(target: Target) -> None:
    assert piece(target.name, 1, 1, RUNS.get(target.name, 400)).crashes == ()


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_seeds_themselves_are_read(target: Target) -> None:
    for seed in target.seeds:
        target.run(seed, random.Random(1))  # noqa: S311 - where to cut


def test_the_same_number_makes_the_same_bytes_and_another_others() -> None:
    target = TARGETS[0]
    assert made(target, 1, 7)[0] == made(target, 1, 7)[0]
    assert len({made(target, 1, number)[0] for number in range(100)}) > 50


def test_the_shares_of_the_targets_are_those_of_a_thousand_inputs() -> None:
    assert sum(target.share for target in TARGETS) == 1_000
    planned = list(pieces(1_000_000, ""))
    for target in TARGETS:
        runs = [(first, count) for name, first, count in planned if name == target.name]
        assert sum(count for _, count in runs) == 1_000 * target.share
        assert all(first + count == following for (first, count), (following, _) in pairwise(runs))
    assert {name for name, _, _ in planned[: len(TARGETS)]} == {target.name for target in TARGETS}


def test_a_reader_that_crashes_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def crashes(data: bytes, chance: random.Random) -> None:
        if data not in TARGETS[0].seeds and len(data) > 100:
            raise KeyError(len(data))

    broken = Target(TARGETS[0].name, TARGETS[0].seeds, crashes, 1_000)
    monkeypatch.setattr("tests.fuzz.__main__.TARGETS", (broken,))
    found = piece(broken.name, 1, 0, 100)
    assert found.crashes
    assert "KeyError" in found.crashes[0].what
