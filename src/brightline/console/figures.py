# SPDX-License-Identifier: Apache-2.0
"""The figures of people's part as their page shows them: each a plot, with a sentence that says how it stands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from brightline.console.law import span
from brightline.console.plots import WIDTH, Plot, Strip, buckets, columns, strips
from brightline.core.agreement.aloud import plain
from brightline.core.review.case import CaseState
from brightline.core.review.figures import Alarms, Figures, Spread
from brightline.core.review.life import CaseLife
from brightline.core.screening.figures import Rate

VERDICTS: Final = ("permit", "hold", "deny", "none")
CLAUSES_SHOWN: Final = 12
REVIEWERS_SHOWN: Final = 30
FEW: Final = 10  # minutes
DAY: Final = 86_400
BOUNDS: Final = (
    (900, "15 min"),
    (3_600, "1 h"),
    (4 * 3_600, "4 h"),
    (12 * 3_600, "12 h"),
    (DAY, "24 h"),
    (2 * DAY, "2 days"),
)
NONE: Final = "–"
WIDE: Final = 2 * WIDTH + 60


class Tile(msgspec.Struct, frozen=True):
    """One number, with what there is to say of it."""

    name: str
    value: str
    says: str
    alarm: bool = False


class Picture(msgspec.Struct, frozen=True):
    """A plot with its title and a sentence; ``wide`` takes the whole row."""

    id: str
    title: str
    says: str
    plot: Plot
    wide: bool = False
    alarm: bool = False


class FiguresView(msgspec.Struct, frozen=True):
    """The page."""

    days: int
    tiles: tuple[Tile, ...]
    pictures: tuple[Picture, ...]


def look_at_figures(found: Figures, lives: list[CaseLife], alarms: Alarms, days: int) -> FiguresView:
    """Make the page of the figures of the last ``days`` days."""
    return FiguresView(days, _tiles(found, alarms), tuple(_pictures(found, lives, alarms, days)))


def _tiles(found: Figures, alarms: Alarms) -> tuple[Tile, ...]:
    volume, queue, decisions, effort, agreed = found.volume, found.queue, found.decisions, found.effort, found.agreed
    held = volume.by_verdict.get("hold", 0)
    per = f"{1_000 * held / volume.exchanges:.1f} of 1,000 exchanges" if volume.exchanges else "nothing was asked"
    minutes = NONE if effort.per_thousand is None else f"{effort.per_thousand:.1f}"
    how = "estimated from decisions" if effort.estimated else "by claims"
    limit = f", alarm from {alarms.minutes_per_thousand:g}" if alarms.minutes_per_thousand else ""
    alpha = NONE if agreed.alpha is None else f"{agreed.alpha:.2f}"
    return (
        Tile("Exchanges", f"{volume.exchanges:,}", f"{held:,} held"),
        Tile("Held", per.split(maxsplit=1)[0] if volume.exchanges else NONE, "of 1,000 exchanges"),
        Tile("Waiting", f"{queue.age.of:,}", _longest(queue.age), queue.alarm),
        Tile("Minutes per 1,000", minutes, how + limit, effort.alarm),
        Tile("Decided in time", _share(decisions.in_time), f"{decisions.expired:,} expired undecided"),
        Tile("Agreement", alpha, f"Krippendorff's alpha, {agreed.questions:,} questions"),
    )


def _pictures(found: Figures, lives: list[CaseLife], alarms: Alarms, days: int) -> list[Picture]:
    now = found.now
    waits = [now - each.opened for each in lives if each.state(now) is CaseState.OPEN]
    took = [each.resolved - each.opened for each in lives if each.resolved]
    pictures = [
        _by_day(found, days),
        _by_clause(found),
        Picture(
            "age",
            "Age of the queue",
            _of(found.queue.age, "Nothing waits.", "Waiting"),
            columns("Waits less than", ("plain",), buckets(waits, BOUNDS), "cases"),
            alarm=found.queue.alarm,
        ),
        Picture(
            "time",
            "Time to decision",
            _of(found.decisions.seconds, "Nothing was decided yet.", "Decided"),
            columns("Took less than", ("plain",), buckets(took, BOUNDS), "cases"),
        ),
        _effort(found, alarms),
        _agreement(found),
        _overturned(found),
        _missed(found),
    ]
    return [picture for picture in pictures if picture is not None]


def _by_day(found: Figures, days: int) -> Picture:
    by_day = dict(found.volume.by_day)
    last = found.now - found.now % DAY
    shown = [last - DAY * back for back in reversed(range(days))]
    given = [
        (datetime.fromtimestamp(day, UTC).strftime("%d %b"), {_verdict(v): n for v, n in by_day.get(day, {}).items()})
        for day in shown
    ]
    counts = ", ".join(f"{count:,} {verdict}" for verdict, count in found.volume.by_verdict.items()) or "none"
    return Picture(
        "volume",
        "Exchanges by verdict",
        f"In {days} days: {counts}.",
        columns("Day", VERDICTS, given, width=WIDE),
        True,
    )


def _verdict(verdict: str) -> str:
    return verdict if verdict in VERDICTS else "none"


def _by_clause(found: Figures) -> Picture:
    clauses = sorted(found.volume.by_clause.items(), key=lambda pair: -sum(pair[1].values()))[:CLAUSES_SHOWN]
    given = [
        Strip(
            plain(clause),
            tuple((kind, float(by.get(kind, 0))) for kind in VERDICTS if by.get(kind)),
            ", ".join(f"{by[kind]:,} {kind}" for kind in VERDICTS if by.get(kind)),
        )
        for clause, by in clauses
    ]
    says = "Which clauses decided." if given else "No clause has decided anything yet."
    return Picture("clauses", "Exchanges by clause", says, strips("Clause", "exchanges", given))


def _in_words(minutes: float) -> str:
    """Few minutes with a tenth: none would read as if nobody had worked at all."""
    return f"{max(minutes, 0.1):.1f}".removesuffix(".0") if 0 < minutes < FEW else f"{minutes:.0f}"


def _effort(found: Figures, alarms: Alarms) -> Picture:
    effort = found.effort
    given = [
        Strip(plain(person), (("plain", minutes),), f"{_in_words(minutes)} min")
        for person, minutes in sorted(effort.minutes.items(), key=lambda pair: -pair[1])[:REVIEWERS_SHOWN]
    ]
    per = NONE if effort.per_thousand is None else f"{effort.per_thousand:.1f}"
    says = f"{_in_words(effort.total)} minutes for {effort.exchanges:,} exchanges: {per} per 1,000."
    if effort.alarm:
        says += f" That is above {alarms.minutes_per_thousand:g}."
    return Picture("effort", "Minutes of reviewers", says, strips("Reviewer", "minutes", given), alarm=effort.alarm)


def _agreement(found: Figures) -> Picture:
    pairs = found.agreed.pairs[:REVIEWERS_SHOWN]
    given = [
        Strip(
            f"{_short(pair.one)} · {_short(pair.other)}",
            (("plain", pair.alike / pair.questions),),
            f"{pair.alike} of {pair.questions} alike" + ("" if pair.kappa is None else f", κ {pair.kappa:.2f}"),
        )
        for pair in pairs
        if pair.questions
    ]
    says = "How often two reviewers said the same of one question." if given else "No two reviewers have met yet."
    return Picture("agreement", "Agreement between reviewers", says, strips("Reviewers", "alike", given, 1.0))


def _overturned(found: Figures) -> Picture:
    given = [_rated(each.reviewer, each.answers) for each in found.overturned[:REVIEWERS_SHOWN]]
    says = "Answers that were not what people agreed on in the end; the line is what that share may be, at 95 %."
    return Picture(
        "overturned",
        "Overturned answers",
        says if given else "Nothing was agreed on yet.",
        strips("Reviewer", "overturned", given, 1.0),
    )


def _missed(found: Figures) -> Picture:
    given = [_rated(each.reviewer, each.items) for each in found.missed[:REVIEWERS_SHOWN]]
    says = "Seeded items with known answers that a reviewer answered otherwise."
    return Picture(
        "missed",
        "Seeded items missed",
        says if given else "No seeded item was answered yet.",
        strips("Reviewer", "missed", given, 1.0),
    )


def _rated(reviewer: str, found: Rate) -> Strip:
    share = found.share or 0.0
    return Strip(plain(reviewer), (("plain", share),), f"{found.hits:,} of {found.of:,}", found.low, found.high)


def _of(spread: Spread, nothing: str, what: str) -> str:
    if spread.median is None or spread.p90 is None or spread.longest is None:
        return nothing
    return (
        f"{what}: {spread.of:,}. Median {span(spread.median)}, nine of ten within {span(spread.p90)}, "
        f"the longest {span(spread.longest)}."
    )


def _longest(spread: Spread) -> str:
    return "none" if spread.longest is None else f"the longest {span(spread.longest)}"


def _share(found: Rate) -> str:
    return NONE if found.share is None else f"{found.share:.0%}"


def _short(reviewer: str) -> str:
    """The end of an id, where ids of one office differ."""
    words = plain(reviewer)
    return words if len(words) <= 11 else "…" + words[-9:]
