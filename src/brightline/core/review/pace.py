# SPDX-License-Identifier: Apache-2.0
"""How one person works through cases: how much before a break, how many skips, and what is still theirs.

Held content is hard on those who read it. What helps is less of it: so many cases, or so long at them, and then a
break, and an end of the day. All of it follows from what a person claimed in the last day.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Final

import msgspec

from brightline.core.review.claims import Claim
from brightline.core.standing import DAY_SECONDS

NO_WORK: Final = ""


class How(enum.StrEnum):
    """How the work at a case ended."""

    OPEN = "open"  # it goes on, or the lease has run out
    ANSWERED = "answered"
    SKIPPED = "skipped"
    LET_GO = "let-go"
    GONE = "gone"  # others decided it, or it expired


class Work(msgspec.Struct, frozen=True):
    """One claim as it went. Times are Unix seconds; ``ended`` is 0 while nothing has ended it but its lease."""

    hold: str
    token: int
    began: int
    until: int
    ended: int = 0
    how: How = How.OPEN

    def end(self, now: int) -> int:
        """When the person was through with it, or ``now``; no later than the claim held."""
        return min(self.ended or now, self.until)


class Pace(msgspec.Struct, frozen=True):
    """What one person may have of it. 0 cases or seconds: no such limit."""

    break_after_cases: int = 25
    break_after_seconds: int = 3_600
    break_seconds: int = 600
    cases_per_day: int = 150
    skips_in_row_max: int = 3
    skips_per_day_max: int = 10


class Skips(msgspec.Struct, frozen=True):
    """How often somebody skipped: since they last answered, and in a day."""

    person: str
    in_row: int
    in_day: int

    def too_many(self, pace: Pace) -> bool:
        """Whether somebody should look at it. Nobody is kept from skipping: it may be a conflict of interest."""
        return self.in_row > pace.skips_in_row_max or self.in_day > pace.skips_per_day_max


def break_until(work: Sequence[Work], pace: Pace, now: int) -> int:
    """Until when a person should rest, in Unix seconds; 0 if they need not.

    ``work`` is that of the last day, the latest first. Work with less than a break between is one stretch.
    """
    day = [each for each in work if each.began > now - DAY_SECONDS]
    if pace.cases_per_day and len(day) >= pace.cases_per_day:
        return day[pace.cases_per_day - 1].began + DAY_SECONDS
    if not day or now - day[0].end(now) >= pace.break_seconds:
        return 0
    cases, seconds, began = 0, 0, now
    for each in day:
        if began - each.end(now) >= pace.break_seconds:
            break
        cases, seconds, began = cases + 1, seconds + each.end(now) - each.began, each.began
    if (pace.break_after_cases and cases >= pace.break_after_cases) or (
        pace.break_after_seconds and seconds >= pace.break_after_seconds
    ):
        return day[0].end(now) + pace.break_seconds
    return 0


def skips_of(person: str, work: Sequence[Work]) -> Skips:
    """The skips of a person; ``work`` is that of the last day, the latest first."""
    ends = [each.how for each in work if each.how in {How.ANSWERED, How.SKIPPED}]
    in_row = next((place for place, how in enumerate(ends) if how is How.ANSWERED), len(ends))
    return Skips(person, in_row, sum(how is How.SKIPPED for how in ends))


def goes_on(person: str, work: Sequence[Work], now: int) -> Claim | None:
    """The claim that a person holds at ``now``; ``None`` without one. ``work``: the latest first."""
    for each in work[:1]:
        if each.how is How.OPEN and each.until > now:
            return Claim(each.hold, person, each.token, each.until)
    return None


def returns_to(work: Sequence[Work]) -> str:
    """The hold that a person gets again because they let it go, or let its lease run out; empty if there is none.

    ``work``: the latest first. Whoever could drop a case without a reason and get another would choose.
    """
    return next((each.hold for each in work[:1] if each.how in {How.OPEN, How.LET_GO}), NO_WORK)
