# SPDX-License-Identifier: Apache-2.0
"""Lines on two logarithmic axes, as an SVG of our own: no library, and it reads on a light and a dark page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import msgspec

WIDTH, HEIGHT = 860, 500
LEFT, RIGHT, TOP, BOTTOM = 74, 210, 68, 58
COLOURS = ("#0b6e99", "#c2410c", "#3f7d20")


class Line(msgspec.Struct, frozen=True):
    """A named line through points (x, y), both above zero; ``colour`` counts from 0."""

    name: str
    points: tuple[tuple[float, float], ...]
    colour: int
    dashed: bool = False


def svg(title: str, x_label: str, y_label: str, lines: Sequence[Line]) -> str:
    """Return the picture. Labels stand at the end of the lines, moved apart where they would touch."""
    xs = sorted({x for line in lines for x, _ in line.points})
    ys = [y for line in lines for _, y in line.points]
    low, high = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))
    left, right = math.log10(xs[0]), math.log10(xs[-1])

    def at(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - left) / ((right - left) or 1)
        up = (math.log10(y) - low) / ((high - low) or 1)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    parts = [_text(LEFT, 28, title, "start", 17, "600")]
    for power in range(low, high + 1):
        y = at(xs[0], 10.0**power)[1]
        parts.append(_rule(LEFT, y, WIDTH - RIGHT, y))
        parts.append(_text(LEFT - 10, y + 4, _seconds(10.0**power), "end"))
    for x in xs:
        across = at(x, 10.0**low)[0]
        parts.append(_rule(across, TOP, across, HEIGHT - BOTTOM))
        parts.append(_text(across, HEIGHT - BOTTOM + 20, f"{x:,.0f}", "middle"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, x_label, "middle"))
    parts.append(_text(LEFT, TOP - 12, y_label, "start"))
    labels = _apart([(at(*line.points[-1])[1], line) for line in lines])
    for line in lines:
        parts.extend(_line(line, [at(x, y) for x, y in line.points], labels[line.name]))
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="13">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _apart(ends: list[tuple[float, Line]], gap: float = 18) -> dict[str, float]:
    placed: dict[str, float] = {}
    last = -math.inf
    for y, line in sorted(ends, key=lambda end: (end[0], end[1].name)):
        last = max(y, last + gap)
        placed[line.name] = last
    return placed


def _line(line: Line, points: list[tuple[float, float]], label: float) -> list[str]:
    colour = COLOURS[line.colour % len(COLOURS)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dash = ' stroke-dasharray="6 5"' if line.dashed else ""
    end_x, end_y = points[-1]
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.2"{dash}/>',
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.4" fill="{colour}"/>' for x, y in points),
        f'<line x1="{end_x + 6:.1f}" y1="{end_y:.1f}" x2="{end_x + 20:.1f}" y2="{label:.1f}" stroke="{colour}"/>',
        f'<text x="{end_x + 24:.1f}" y="{label + 4:.1f}" fill="{colour}">{escape(line.name)}</text>',
    ]


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#dddddd"/>'


def _text(x: float, y: float, text: str, anchor: str, size: int = 13, weight: str = "400") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" '
        f'fill="#222222">{escape(text)}</text>'
    )


def _seconds(value: float) -> str:
    return f"{value:g} s" if value >= 1 else f"{value * 1000:g} ms"
