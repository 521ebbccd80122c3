# SPDX-License-Identifier: Apache-2.0
"""Plots as places and words, which a template writes as SVG: no script draws, and each plot has its numbers beside it.

Lengths are in the units of the drawing, of which a plot is 600 wide. Every bar says in words what it shows, so that
a table of the same rows is the plot's text alternative.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

WIDTH: Final = 600
LEFT: Final = 46  # room for the numbers of the axis
TOP: Final = 10
TALL: Final = 170
FOOT: Final = 24
ROW: Final = 26
NAMED: Final = 165  # room for the names of rows
NUMBER: Final = 130  # and for their numbers
TICKS: Final = 4
LABELS_MAX: Final = 8
LEAST: Final = 1e-6
NAME_CHARS: Final = 24  # the end of a name is where names differ


class Bar(msgspec.Struct, frozen=True):
    """A rectangle; ``kind`` says which of the sheet's fills it has."""

    x: float
    y: float
    width: float
    height: float
    kind: str


class Tick(msgspec.Struct, frozen=True):
    """A label at a place; ``line`` draws a line across the plot at it."""

    x: float
    y: float
    text: str
    anchor: str = "middle"
    line: bool = False


class Limit(msgspec.Struct, frozen=True):
    """A line from where on something is an alarm."""

    x1: float
    y1: float
    x2: float
    y2: float


class Plot(msgspec.Struct, frozen=True):
    """A drawing, the kinds that its fills stand for, and its rows as words: the first of each is its name."""

    width: int
    height: int
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    limits: tuple[Limit, ...]
    kinds: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Strip(msgspec.Struct, frozen=True):
    """A row of a plot of rows: its parts by kind, what its length is in words, and where its whiskers end."""

    name: str
    parts: tuple[tuple[str, float], ...]
    words: str
    low: float | None = None
    high: float | None = None


def columns(
    what: str,
    kinds: Sequence[str],
    given: Sequence[tuple[str, Mapping[str, int]]],
    unit: str = "",
    width: int = WIDTH,
) -> Plot:
    """Columns of stacked counts, from left to right; ``what`` heads the names of ``given``."""
    most = TICKS * nice(math.ceil(max((sum(counts.values()) for _, counts in given), default=0) / TICKS))
    step = (width - LEFT) / max(1, len(given))
    wide = min(46.0, step * 0.72)
    bars: list[Bar] = []
    ticks = _scale(most)
    each = max(1, math.ceil(len(given) / (LABELS_MAX * width // WIDTH)))
    for place, (name, counts) in enumerate(given):
        x, y = LEFT + step * place + (step - wide) / 2, float(TOP + TALL)
        for kind in kinds:
            if count := counts.get(kind, 0):
                tall = TALL * count / most
                y -= tall
                bars.append(Bar(_r(x), _r(y), _r(wide), _r(tall), kind))
        if place % each == 0:
            ticks.append(Tick(_r(x + wide / 2), TOP + TALL + 17, name))
    rows = tuple(
        (name, *(f"{counts.get(kind, 0):,}" for kind in kinds)) for name, counts in given if sum(counts.values())
    )
    heads = (what, *((kind if kind != "plain" else unit) for kind in kinds))
    return Plot(width, TOP + TALL + FOOT, tuple(bars), tuple(ticks), (), tuple(kinds), heads, rows)


def strips(what: str, measure: str, given: Sequence[Strip], most: float = 0.0, limit: float = 0.0) -> Plot:
    """Rows of stacked lengths, from the top down. ``most`` is the longest that there may be (0: as they are)."""
    room = WIDTH - NAMED - NUMBER
    longest = most or nice(max((max(sum(part for _, part in one.parts), one.high or 0) for one in given), default=0))
    if limit:
        longest = max(longest, limit * 1.15)
    bars: list[Bar] = []
    ticks: list[Tick] = []
    lines: list[Limit] = []
    for place, one in enumerate(given):
        x, y = float(NAMED), TOP + ROW * place
        for kind, part in one.parts:
            wide = room * min(part, longest) / longest
            bars.append(Bar(_r(x), y, _r(wide), ROW - 9, kind))
            x += wide
        if one.low is not None and one.high is not None:
            first, last = (NAMED + room * min(end, longest) / longest for end in (one.low, one.high))
            bars.append(Bar(_r(first), y + (ROW - 9) / 2 - 1, _r(max(1.0, last - first)), 2, "whisker"))
        ticks.append(
            Tick(
                NAMED - 8, y + 13, one.name if len(one.name) <= NAME_CHARS else "…" + one.name[1 - NAME_CHARS :], "end"
            )
        )
        ticks.append(Tick(WIDTH, y + 13, one.words, "end"))
    height = TOP + ROW * max(1, len(given)) + 4
    if limit:
        x = _r(NAMED + room * limit / longest)
        lines.append(Limit(x, TOP - 6, x, height - 4))
    kinds = tuple(dict.fromkeys(kind for one in given for kind, _ in one.parts))
    rows = tuple((one.name, one.words) for one in given)
    return Plot(WIDTH, height, tuple(bars), tuple(ticks), tuple(lines), kinds, (what, measure), rows)


def buckets(seconds: Sequence[int], bounds: Sequence[tuple[int, str]]) -> list[tuple[str, Mapping[str, int]]]:
    """How many are below each bound and not below the one before; what is above the last falls into it."""
    counts = [0] * len(bounds)
    for each in seconds:
        place = next((at for at, (bound, _) in enumerate(bounds) if each < bound), len(bounds) - 1)
        counts[place] += 1
    return [(name, {"plain": count}) for (_, name), count in zip(bounds, counts, strict=True)]


def nice(most: float) -> float:
    """A round number that is at least this: 1, 2, 4, 5 or 10 times a power of ten; 1 for nothing."""
    if most < LEAST:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in (1, 2, 4, 5, 10) if most <= step * power * (1 + 1e-9))


def _scale(most: float) -> list[Tick]:
    ticks = []
    for place in range(TICKS + 1):
        value = most * place / TICKS
        y = _r(TOP + TALL - TALL * place / TICKS)
        ticks.append(Tick(LEFT - 8, y + 4, f"{value:,.0f}" if value == int(value) else f"{value:,.1f}", "end", True))
    return ticks


def _r(value: float) -> float:
    return round(value, 1)
