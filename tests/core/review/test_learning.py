# SPDX-License-Identifier: Apache-2.0
"""What random review says of the rest: nothing found in n is at most 3/n, and what was not answered is told."""

from __future__ import annotations

import pytest

from brightline.core.review.learning import estimate
from brightline.core.review.life import CaseKind, CaseLife
from brightline.core.review.sampling import questions_of
from brightline.shell import shipped

AGREEMENT = shipped.read_agreement(shipped.shipped_agreement())
NOW = 1_800_000_000
NAMES = [question.name for question in questions_of(AGREEMENT)]
FINE = dict.fromkeys(NAMES, "no")


def sample(number: int, answers: dict[str, str], unit: str = "u", kind: CaseKind = CaseKind.SAMPLED) -> CaseLife:
    return CaseLife(f"c{number}", "hold", unit, (), NOW - 10, NOW + 10, kind, (), answers, NOW if answers else 0)


def test_nothing_found_in_three_hundred_is_at_most_three_in_three_hundred() -> None:
    found = estimate([sample(n, FINE) for n in range(300)], AGREEMENT, NOW)
    assert (found.whole.found, found.whole.of, found.whole.share) == (0, 300, 0.0)
    assert found.whole.at_most == pytest.approx(3 / 300, rel=0.02)
    assert found.whole.at_most < 3 / 300
    assert {bound.of for bound in found.by_clause} == {300}


def test_of_no_sample_nothing_is_known() -> None:
    found = estimate([], AGREEMENT, NOW)
    assert (found.whole.share, found.whole.at_most) == (None, 1.0)


def test_a_line_is_crossed_by_all_that_it_takes_and_by_no_single_bad_fact() -> None:
    lives = [
        sample(1, FINE | {"high_stakes": "yes"}),
        sample(2, FINE | {"high_stakes": "yes", "acts_alone": "yes"}, unit="v"),
        sample(3, FINE | {"mass_domestic": "yes"}, unit="v"),
        sample(4, {"mass_domestic": "no"}),
    ]
    found = estimate(lives, AGREEMENT, NOW)
    assert (found.whole.found, found.whole.of) == (2, 4)
    assert {bound.what: (bound.found, bound.of) for bound in found.by_unit} == {"u": (0, 2), "v": (2, 2)}
    assert [(bound.found, bound.of) for bound in found.by_clause] == [(1, 4), (0, 3), (1, 3)]


def test_only_samples_count_and_what_nobody_answered_is_told_beside() -> None:
    lives = [
        sample(1, FINE),
        sample(2, {}),
        CaseLife("c3", "hold", "u", (), NOW - 20, NOW - 10, CaseKind.SAMPLED),
        sample(4, FINE, kind=CaseKind.HELD),
        sample(5, FINE, kind=CaseKind.SEEDED),
    ]
    found = estimate(lives, AGREEMENT, NOW)
    assert (found.whole.of, found.waiting, found.unanswered) == (1, 1, 1)
