# SPDX-License-Identifier: Apache-2.0
"""How much one person has of it: breaks, an end of the day, skips that are seen, and no choosing by dropping."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from brightline.core.review.claims import Claim
from brightline.core.review.pace import How, Pace, Work, break_until, goes_on, returns_to, skips_of
from brightline.core.standing import DAY_SECONDS

NOW = 1_000_000
PACE = Pace(break_after_cases=3, break_after_seconds=1_000, break_seconds=300, cases_per_day=5)


def work(ago: int, lasted: int = 10, how: How = How.ANSWERED, hold: str = "h") -> Work:
    """Begun so many seconds ago."""
    began = NOW - ago
    return Work(hold, began, began, began + 600, began + lasted if how is not How.OPEN else 0, how)


def test_after_so_many_cases_a_break_is_due_and_a_pause_that_long_is_one() -> None:
    assert break_until([], PACE, NOW) == 0
    assert break_until([work(60), work(120)], PACE, NOW) == 0
    assert break_until([work(60), work(120), work(180)], PACE, NOW) == NOW - 50 + 300
    assert break_until([work(60), work(120), work(180 + 300)], PACE, NOW) == 0
    assert break_until([work(400), work(410), work(420)], PACE, NOW) == 0


def test_after_so_long_at_them_a_break_is_due() -> None:
    assert break_until([work(510, 500), work(1_010, 499)], PACE, NOW) == 0
    assert break_until([work(510, 500), work(1_010, 500)], PACE, NOW) == NOW - 10 + 300


def test_a_day_has_an_end() -> None:
    day = [work(10_000 * n + 1_000) for n in range(5)]
    assert break_until(day, PACE, NOW) == day[-1].began + DAY_SECONDS
    assert break_until(day[:4], PACE, NOW) == 0
    assert break_until([*day[:4], work(DAY_SECONDS)], PACE, NOW) == 0


@given(st.lists(st.tuples(st.integers(1, 100_000), st.integers(0, 600)), max_size=12))
def test_a_break_ends(worked: list[tuple[int, int]]) -> None:
    latest_first = sorted((work(ago, min(lasted, ago)) for ago, lasted in worked), key=lambda each: -each.began)
    until = break_until(latest_first, PACE, NOW)
    assert until == 0 or until > NOW
    assert break_until(latest_first, PACE, max(until, NOW)) == 0 or until - NOW > PACE.break_seconds
    assert break_until(latest_first, Pace(0, 0, 300, 0), NOW) == 0


def test_an_answer_ends_a_row_of_skips_and_what_was_let_go_neither() -> None:
    a_row = [work(10, how=How.SKIPPED), work(20, how=How.LET_GO), work(30, how=How.SKIPPED)]
    skips = skips_of("a", [*a_row, work(40), work(50, how=How.SKIPPED)])
    assert (skips.in_row, skips.in_day) == (2, 3)
    assert skips.too_many(Pace(skips_in_row_max=1))
    assert skips.too_many(Pace(skips_per_day_max=2))
    assert not skips.too_many(Pace(skips_in_row_max=2, skips_per_day_max=3))


def test_a_claim_goes_on_until_it_ends_and_what_was_dropped_comes_back() -> None:
    going = work(10, how=How.OPEN)
    assert goes_on("a", [going], NOW) == Claim("h", "a", going.token, going.until)
    assert goes_on("a", [going], going.until) is None
    assert goes_on("a", [work(5), going], NOW) is None
    assert returns_to([going]) == returns_to([work(10, how=How.LET_GO)]) == "h"
    for how in (How.ANSWERED, How.SKIPPED, How.GONE):
        assert returns_to([work(10, how=how), going]) == ""
