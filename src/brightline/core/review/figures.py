# SPDX-License-Identifier: Apache-2.0
"""Figures of the people's part: how much there is, how long it waits, what it costs, and how sure people are.

Pure functions over what the logs say. Nothing here reads a clock, holds a word of content, or names a person beyond
the opaque id on the roster. A figure of nothing is ``None`` and never a nought that looks good.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from brightline.core.review.case import CaseState
from brightline.core.review.concord import Agreed, Missed, Overturned, agreed, missed, overturned
from brightline.core.review.life import CaseLife, Ended, Worked
from brightline.core.screening.figures import Rate, rate

DAY_SECONDS: Final = 86_400
MINUTE_SECONDS: Final = 60
THOUSAND: Final = 1_000
SITTING_SECONDS: Final = 30 * MINUTE_SECONDS  # longer than that between two decisions, somebody was elsewhere
FIRST_SECONDS: Final = 5 * MINUTE_SECONDS  # what the first decision of a sitting is taken to have cost


class Alarms(msgspec.Struct, frozen=True):
    """From where on a figure is an alarm; 0: never. Settings may say so, because no verdict hangs on it."""

    queue_age_seconds: int = 0
    minutes_per_thousand: float = 0.0


class Volume(msgspec.Struct, frozen=True):
    """Exchanges by verdict; by clause and verdict; and by day (Unix seconds of its beginning, UTC) and verdict."""

    exchanges: int
    by_verdict: Mapping[str, int]
    by_clause: Mapping[str, Mapping[str, int]]
    by_day: tuple[tuple[int, Mapping[str, int]], ...]


class Spread(msgspec.Struct, frozen=True):
    """Seconds: of how many, the median, the 90th of a hundred, and the longest; ``None`` of none."""

    of: int
    median: int | None
    p90: int | None
    longest: int | None


class Queue(msgspec.Struct, frozen=True):
    """What waits: how long it has, how long until the first expires (``None``: nothing does), by unit and clause."""

    age: Spread
    next_expiry: int | None
    by_unit: Mapping[str, int]
    by_clause: Mapping[str, int]
    alarm: bool


class Decisions(msgspec.Struct, frozen=True):
    """What became of the cases that are over, and how long people took."""

    released: int
    denied: int
    expired: int
    seconds: Spread
    in_time: Rate


class Effort(msgspec.Struct, frozen=True):
    """What people's part costs. ``minutes`` by reviewer are measured by claims.

    ``estimated``: of somebody there is no claim, so that their minutes are estimated from when they decided.
    """

    minutes: Mapping[str, float]
    total: float
    exchanges: int
    per_thousand: float | None
    estimated: bool
    alarm: bool


class Figures(msgspec.Struct, frozen=True):
    """All of them, as of ``now`` (Unix seconds)."""

    now: int
    volume: Volume
    queue: Queue
    decisions: Decisions
    effort: Effort
    agreed: Agreed
    overturned: tuple[Overturned, ...]
    missed: tuple[Missed, ...]


def figures(
    now: int, ended: Iterable[Ended], cases: Sequence[CaseLife], alarms: Alarms, worked: Sequence[Worked] | None = None
) -> Figures:
    """All figures. ``worked`` is what the claims say, where there is a queue; without it the effort is estimated."""
    counted = volume(ended)
    return Figures(
        now=now,
        volume=counted,
        queue=queue(now, cases, alarms),
        decisions=decisions(now, cases),
        effort=effort(counted.exchanges, cases, alarms, worked),
        agreed=agreed(cases),
        overturned=overturned(cases),
        missed=missed(cases),
    )


# ---- how much there is, and how long it waits -----------------------------------------------------------------------


def volume(ended: Iterable[Ended]) -> Volume:
    """Count exchanges by verdict, clause and day."""
    verdicts: Counter[str] = Counter()
    clauses: dict[str, Counter[str]] = defaultdict(Counter)
    days: dict[int, Counter[str]] = defaultdict(Counter)
    for each in ended:
        verdicts[each.verdict] += each.count
        days[each.unix - each.unix % DAY_SECONDS][each.verdict] += each.count
        for clause in each.clauses:
            clauses[clause][each.verdict] += each.count
    by_day = tuple((day, dict(days[day])) for day in sorted(days))
    return Volume(verdicts.total(), dict(verdicts), {name: dict(clauses[name]) for name in sorted(clauses)}, by_day)


def queue(now: int, cases: Sequence[CaseLife], alarms: Alarms) -> Queue:
    """What waits at ``now``."""
    waits = [each for each in cases if each.state(now) is CaseState.OPEN]
    age = spread([now - each.opened for each in waits])
    limit = alarms.queue_age_seconds
    return Queue(
        age=age,
        next_expiry=min((each.expires - now for each in waits), default=None),
        by_unit=dict(Counter(each.unit for each in waits).most_common()),
        by_clause=dict(Counter(clause for each in waits for clause in each.clauses).most_common()),
        alarm=bool(limit and age.longest is not None and age.longest > limit),
    )


def decisions(now: int, cases: Sequence[CaseLife]) -> Decisions:
    """What became of what is over at ``now``."""
    states = Counter(each.state(now) for each in cases)
    over = states[CaseState.RELEASED] + states[CaseState.DENIED]
    return Decisions(
        released=states[CaseState.RELEASED],
        denied=states[CaseState.DENIED],
        expired=states[CaseState.EXPIRED],
        seconds=spread([each.resolved - each.opened for each in cases if each.resolved]),
        in_time=rate(over, over + states[CaseState.EXPIRED]),
    )


def spread(seconds: Sequence[int]) -> Spread:
    """Median, 90th of a hundred (by nearest rank) and longest."""
    if not seconds:
        return Spread(0, None, None, None)
    ordered = sorted(seconds)
    return Spread(len(ordered), _ranked(ordered, 0.5), _ranked(ordered, 0.9), ordered[-1])


def _ranked(ordered: Sequence[int], share: float) -> int:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


# ---- what it costs --------------------------------------------------------------------------------------------------


def effort(
    exchanges: int, cases: Sequence[CaseLife], alarms: Alarms, worked: Sequence[Worked] | None = None
) -> Effort:
    """Minutes of people for so many exchanges, by claims; of somebody who has none, by :func:`sittings`."""
    seconds: Counter[str] = Counter()
    for each in worked or ():
        seconds[each.person] += each.seconds
    estimates = {person: spent for person, spent in sittings(cases).items() if person not in seconds}
    seconds.update(estimates)
    minutes = {person: spent / MINUTE_SECONDS for person, spent in sorted(seconds.items())}
    total = sum(minutes.values())
    per_thousand = THOUSAND * total / exchanges if exchanges else None
    limit = alarms.minutes_per_thousand
    alarm = bool(limit and per_thousand is not None and per_thousand > limit)
    return Effort(minutes, total, exchanges, per_thousand, worked is None or bool(estimates), alarm)


def sittings(cases: Sequence[CaseLife]) -> Mapping[str, int]:
    """Seconds by reviewer, from when they decided: between two decisions of a sitting, and a fixed time for its first.

    Answers that were signed together are one decision.
    """
    times: dict[str, set[int]] = defaultdict(set)
    for case in cases:
        for said in case.said:
            times[said.person].add(said.unix)
    spent: dict[str, int] = {}
    for person, found in times.items():
        ordered = sorted(found)
        gaps = [after - before for before, after in itertools.pairwise(ordered)]
        spent[person] = FIRST_SECONDS + sum(gap if gap <= SITTING_SECONDS else FIRST_SECONDS for gap in gaps)
    return spent
