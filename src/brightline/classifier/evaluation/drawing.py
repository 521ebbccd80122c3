# SPDX-License-Identifier: Apache-2.0
"""Curves and intervals as places on a sheet: pure numbers, which the page's template writes as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from brightline.classifier.evaluation.evaluation import LearningPoint, Question
from brightline.core.screening.figures import Point, Rate

WIDTH: Final = 360
HEIGHT: Final = 250
LEFT: Final = 44
RIGHT: Final = 14
TOP: Final = 14
BOTTOM: Final = 40
LOW: Final = 0.001
"""The smallest share of false positives that is drawn on a logarithmic scale."""
LOW_LINEAR_MAX: Final = 0.05
WHISKER: Final = 100


class Tick(msgspec.Struct, frozen=True):
    """A line of the grid, and what stands at its end."""

    at: float
    label: str


class Stroke(msgspec.Struct, frozen=True):
    """A curve: its path, and which of the strokes of the sheet it is (1, 2, 3)."""

    name: str
    kind: int
    path: str


class Dot(msgspec.Struct, frozen=True):
    """A point with the interval of its height."""

    name: str
    kind: str
    x: float
    y: float
    low: float
    high: float


class Chart(msgspec.Struct, frozen=True):
    """A sheet of WIDTH times HEIGHT: ``across`` and ``up`` say what the axes are. ``says`` is it in words."""

    title: str
    says: str
    across: str
    up: str
    xs: tuple[Tick, ...]
    ys: tuple[Tick, ...]
    strokes: tuple[Stroke, ...]
    dots: tuple[Dot, ...] = ()


class Whisker(msgspec.Struct, frozen=True):
    """An interval on a line from 0 to WHISKER."""

    low: float
    high: float
    at: float


def recall_chart(question: Question) -> Chart:
    """Recall against false positives, which are drawn on a logarithmic scale; dots are the shipped thresholds."""
    ticks = tuple(Tick(_across(_log(value)), _percent(value)) for value in (0.001, 0.01, 0.1, 1.0))
    whole = question.whole
    dots = [
        _dot("yes", whole.wrongful_outright, whole.outright),
        _dot("caught", whole.wrongful, whole.caught),
    ]
    found = [f"{_percent(each.wrongful)}: {_percent(each.recall.share)}" for each in question.recall]
    says = f"recall at false positives of {', '.join(found)}" if found else "no detector gives scores"
    strokes = (Stroke(question.name, 1, _path(question.curve, _log)),) if question.curve else ()
    return Chart(
        question.name, says, "false positives", "recall", ticks, _shares(), strokes, tuple(dot for dot in dots if dot)
    )


def low_chart(questions: Iterable[Question]) -> Chart:
    """The lowest twentieth of every curve, on an even scale."""
    values = (0.0, 0.01, 0.02, 0.03, 0.04, 0.05)
    ticks = tuple(Tick(_across(_even(value)), _percent(value)) for value in values)
    drawn = [question for question in questions if question.curve]
    strokes = [
        Stroke(question.name, number, _path(_until(question.curve, LOW_LINEAR_MAX), _even))
        for number, question in enumerate(drawn, 1)
    ]
    says = f"the part up to 5 % false positives, for {', '.join(one.name for one in drawn)}"
    return Chart("up to 5 %", says, "false positives", "recall", ticks, _shares(), tuple(strokes))


def learning_chart(points: Sequence[LearningPoint]) -> Chart:
    """How figures grow with the rows that were learnt from; rows on a logarithmic scale."""
    ordered = sorted(points, key=lambda point: point.rows)
    first, last = math.log(max(1, ordered[0].rows)), math.log(max(2, ordered[-1].rows))

    def place(rows: int) -> float:
        return _across((math.log(max(1, rows)) - first) / (last - first) if last > first else 0.5)

    names = list(dict.fromkeys(name for point in ordered for name in point.figures))
    strokes = []
    for number, name in enumerate(names, 1):
        steps = [(place(one.rows), _up(one.figures[name])) for one in ordered if name in one.figures]
        strokes.append(Stroke(name, number, _joined(steps)))
    ticks = tuple(Tick(place(point.rows), f"{point.rows:,}") for point in ordered)
    says = "; ".join(
        f"{point.rows:,} rows: " + ", ".join(f"{name} {value:.2f}" for name, value in point.figures.items())
        for point in ordered
    )
    return Chart("learning curve", says, "rows learnt from", "figure", ticks, _shares(), tuple(strokes))


def whisker(rate: Rate) -> Whisker | None:
    """The interval of a share; nothing of none."""
    if rate.share is None:
        return None
    return Whisker(*(round(WHISKER * share, 1) for share in (rate.low, rate.high, rate.share)))


def _dot(name: str, wrongful: Rate, recall: Rate) -> Dot | None:
    if wrongful.share is None or recall.share is None:
        return None
    x = _across(_log(wrongful.share))
    return Dot(name, name, x, _up(recall.share), _up(recall.low), _up(recall.high))


def _path(points: Sequence[Point], scale: Callable[[float], float]) -> str:
    return _joined([(_across(scale(point.wrongful)), _up(point.recall)) for point in points])


def _joined(steps: Sequence[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{x:g} {y:g}" for x, y in steps)


def _until(points: Sequence[Point], wrongful: float) -> list[Point]:
    """The points up to a share, and straight on to it."""
    kept = [point for point in points if point.wrongful <= wrongful]
    return [*kept, msgspec.structs.replace(kept[-1], wrongful=wrongful)]


def _log(share: float) -> float:
    return (math.log10(max(share, LOW)) - math.log10(LOW)) / -math.log10(LOW)


def _even(share: float) -> float:
    return share / LOW_LINEAR_MAX


def _across(part: float) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * part, 1)


def _up(share: float) -> float:
    return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - share), 1)


def _shares() -> tuple[Tick, ...]:
    return tuple(Tick(_up(value), _percent(value)) for value in (0.0, 0.25, 0.5, 0.75, 1.0))


def _percent(share: float | None) -> str:
    return "n/a" if share is None else f"{100 * share:.3g} %"
