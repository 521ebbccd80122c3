# SPDX-License-Identifier: Apache-2.0
"""What a judge learns from comes in batches that one reading of the definitions serves, and with pairs together."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brightline.classifier.corpus import Line, Row, RowSurface
from brightline.classifier.judging.features import ASKED, TOKENS_MAX
from brightline.classifier.training.target import EVERYDAY_WEIGHT, NOTHING_AT_STAKE_WEIGHT, UNKNOWN_WEIGHT
from brightline.classifier.tuning.lessons import (
    BATCH_TOKENS,
    BESIDE_TOKENS,
    EVERYDAY_SHARE,
    Lesson,
    batches,
    ordered_in,
    wanted_of,
)

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=30)
DAY = {"day": [[7, 8, 9], [7] * 90], "night": [[5] * 20], "nothing": []}
UNITS = st.lists(st.tuples(st.sampled_from(Line), st.lists(st.integers(1, TOKENS_MAX), min_size=1, max_size=3)))


def dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - no secret


def lesson(name: str, line: Line, tokens: int, unit: str, *wanted: float, counts: Sequence[float] = ()) -> Lesson:
    said = wanted or (1.0,) * len(ASKED[line])
    return Lesson(name, "author", line, [1] * tokens, said, tuple(counts) or (1.0,) * len(said), unit)


def lessons_of(units: Sequence[tuple[Line, Sequence[int]]]) -> list[Lesson]:
    return [
        lesson(f"{number}-{at}", line, size, f"unit {number}")
        for number, (line, lengths) in enumerate(units)
        for at, size in enumerate(lengths)
    ]


@PATIENT
@given(units=UNITS, seed=st.integers(0, 9), day=st.booleans())
def test_every_lesson_comes_once_in_a_batch_of_its_line_with_its_pair_and_no_batch_is_too_large(
    units: Sequence[tuple[Line, Sequence[int]]], seed: int, day: bool
) -> None:
    lessons = lessons_of(units)
    everyday = DAY if day else {}
    way = batches(lessons, everyday, dice(seed))
    ours = [[one for one in batch if one.unit] for batch in way]
    assert sorted(one.id for batch in ours for one in batch) == sorted(one.id for one in lessons)
    for batch in way:
        assert len({one.line for one in batch}) == 1, "one reading of the definitions serves all of it"
        if len({one.unit or one.id for one in batch}) > 1:
            assert max(len(one.tokens) for one in batch) * len(batch) <= BATCH_TOKENS
    for unit in {one.unit for one in lessons}:
        assert sum(any(one.unit == unit for one in batch) for batch in way) == 1
    for line in Line:
        rows = sum(one.line is line for one in lessons)
        added = [one for batch in way for one in batch if one.line is line and not one.unit]
        assert len(added) == (int(rows * EVERYDAY_SHARE) if day else 0)
        for one in added:
            assert one.tokens in DAY[one.group]
            assert set(one.wanted) == {0.0}
            assert set(one.counts) == {EVERYDAY_WEIGHT}
            assert len(one.wanted) == len(ASKED[line])
    again = batches(lessons, everyday, dice(seed))
    assert again == way, "the same seed gives the same batches"


def test_some_rows_stand_beside_something_everyday_which_changes_nothing_else() -> None:
    lessons = lessons_of([(Line.WEAPONS, [30, 30])] * 200 + [(Line.SURVEILLANCE, [TOKENS_MAX])] * 200)
    plain = {one.id: one for one in lessons}
    way = batches(lessons, DAY, dice(3))
    found = [one for batch in way for one in batch if one.unit]
    beside = [one for one in found if one.tokens != plain[one.id].tokens]
    assert 0.1 < len(beside) / len(found) < 0.2
    whole = {True: 0, False: 0}
    for one in beside:
        before = plain[one.id]
        assert (one.group, one.line, one.wanted, one.counts, one.unit) == (
            before.group,
            before.line,
            before.wanted,
            before.counts,
            before.unit,
        )
        assert len(one.tokens) <= TOKENS_MAX
        if one.line is Line.WEAPONS:
            assert one.tokens.count(1) == 30, "a row is whole"
            assert 0 < len(one.tokens) - 30 <= BESIDE_TOKENS
            whole[one.tokens[0] == 1] += 1
    assert min(whole.values()) > 10, "before it and behind it"
    assert [[one.id for one in batch] for batch in way] != [
        [one.id for one in batch] for batch in batches(lessons, DAY, dice(4))
    ]
    shares = Counter(one.group for batch in way for one in batch if not one.unit)
    assert shares["day"] == pytest.approx(shares["night"], rel=0.5), "each corpus as often as another"


def test_of_a_pair_those_are_put_in_order_of_which_one_is_surely_more() -> None:
    line = Line.DECISIONS
    batch = [
        lesson("a", line, 1, "one", 1.0, 1.0, 0.0),
        lesson("b", line, 1, "one", 0.0, 0.5, 1.0),
        lesson("c", line, 1, "two", 0.0, 0.0, 0.0),
        lesson("d", line, 1, "one", 0.0, 0.0, 1.0, counts=(1.0, 0.0, 1.0)),
        lesson("e", line, 1, "", 1.0, 1.0, 1.0),
        lesson("f", line, 1, "", 0.0, 0.0, 0.0),
    ]
    assert sorted(ordered_in(batch)) == [(0, 1, 0), (0, 3, 0), (1, 0, 2), (3, 0, 2)]


def test_a_row_says_as_much_as_it_counts_of_the_facts_of_its_line() -> None:
    def row(line: Line, **facts: Any) -> Row:
        return Row("r", line, facts, RowSurface.PROMPT, "en", "s", "r", text="t")

    assert wanted_of(row(Line.SURVEILLANCE, mass_domestic="yes", monitoring="no")) == ((1.0,), (1.0,))
    assert wanted_of(row(Line.WEAPONS, weapon_direct="unknown")) == ((0.5,), (UNKNOWN_WEIGHT,))
    wanted, counts = wanted_of(row(Line.DECISIONS, high_stakes="no", acts_alone="yes", social_scoring="yes"))
    assert dict(zip(ASKED[Line.DECISIONS], wanted, strict=True)) == {
        "high_stakes": 0.0,
        "acts_alone": 1.0,
        "social_scoring": 1.0,
    }
    assert counts == (1.0, NOTHING_AT_STAKE_WEIGHT, 1.0)
