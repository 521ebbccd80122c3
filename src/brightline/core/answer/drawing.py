# SPDX-License-Identifier: Apache-2.0
"""The argument as a diagram after the Goal Structuring Notation: where each box, line and word of it stands.

    a goal (rectangle): the question; under it the strategy (parallelogram); under that the claims, goals themselves;
    beside each claim its solutions (circles), which are the evidence

Lengths are in the units of the drawing, whole numbers. Nothing here knows a colour: a status is a class.
"""

from __future__ import annotations

import textwrap
from typing import Final

import msgspec

from brightline.core.answer.model import Answer, ClaimAnswer, Status

WIDTH: Final = 760
_MARGIN: Final = 10
_LINE: Final = 16  # from one line of text to the next
_PAD: Final = 11
_CLAIM_WIDTH: Final = 330
_CLAIM_LEFT: Final = 34
_CLAIM_CHARS: Final = 46
_WIDE_CHARS: Final = 98
_PLAIN_CHARS: Final = 108  # the strategy is not set in bold
_SOLUTIONS_LEFT: Final = 412
_SOLUTION_WIDTH: Final = 172
_COLUMNS: Final = 2
_RAIL: Final = _SOLUTIONS_LEFT - 26
RADIUS: Final = 10
_ROW: Final = 25
_GAP: Final = 18

MARKS: Final = {Status.SHOWN: "✓", Status.OPEN: "?", Status.CONTRADICTED: "✕", Status.PENDING: "…"}


class Words(msgspec.Struct, frozen=True):
    """One line of text and where its baseline begins."""

    x: int
    y: int
    text: str


class Goal(msgspec.Struct, frozen=True):
    """A rectangle with its words."""

    x: int
    y: int
    width: int
    height: int
    status: Status
    words: tuple[Words, ...]


class Solution(msgspec.Struct, frozen=True):
    """A circle with a mark, and the name of the evidence beside it."""

    x: int
    y: int
    status: Status
    mark: str
    name: str


class Diagram(msgspec.Struct, frozen=True):
    """Everything that is drawn. ``lines`` are (x1, y1, x2, y2); ``strategy`` are the corners of the parallelogram."""

    height: int
    question: Goal
    strategy: str
    strategy_words: tuple[Words, ...]
    claims: tuple[Goal, ...]
    solutions: tuple[Solution, ...]
    lines: tuple[tuple[int, int, int, int], ...]
    says: str


def draw(answer: Answer) -> Diagram:
    """Lay out the argument of an answer."""
    question = _goal(_MARGIN, _MARGIN, WIDTH - 2 * _MARGIN, answer.asks, answer.status, _WIDE_CHARS)
    top = question.y + question.height + _GAP
    words = _words(_MARGIN + 2 * _PAD, top + _PAD, answer.question.strategy, _PLAIN_CHARS)
    end = top + 2 * _PAD + _LINE * len(words)
    left, right = _MARGIN, WIDTH - _MARGIN
    corners = f"{left + _PAD},{top} {right},{top} {right - _PAD},{end} {left},{end}"
    spine = _MARGIN + _PAD
    claims: list[Goal] = []
    solutions: list[Solution] = []
    lines = [(WIDTH // 2, question.y + question.height, WIDTH // 2, top)]
    y = end + _GAP
    for claim in answer.claims:
        goal = _goal(_CLAIM_LEFT, y, _CLAIM_WIDTH, claim.claim.says, claim.status, _CLAIM_CHARS)
        placed = _solutions(claim, y)
        height = max(goal.height, _ROW * -(-len(placed) // _COLUMNS))
        middle = y + goal.height // 2
        claims.append(goal)
        solutions += placed
        lines.append((spine, middle, _CLAIM_LEFT, middle))
        if placed:
            lines.append((_CLAIM_LEFT + _CLAIM_WIDTH, middle, _RAIL, middle))
            rows = [one.y for one in placed if one.x == _SOLUTIONS_LEFT]
            lines.append((_RAIL, min(middle, rows[0]), _RAIL, max(middle, rows[-1])))
            lines += [(_RAIL, row, _SOLUTIONS_LEFT - RADIUS, row) for row in rows]
        y += height + _GAP
    last = claims[-1].y + claims[-1].height // 2 if claims else end
    lines.append((spine, end, spine, last))
    return Diagram(y, question, corners, words, tuple(claims), tuple(solutions), tuple(lines), _says(answer))


def _solutions(claim: ClaimAnswer, top: int) -> list[Solution]:
    return [
        Solution(
            _SOLUTIONS_LEFT + _SOLUTION_WIDTH * (place % _COLUMNS),
            top + 14 + _ROW * (place // _COLUMNS),
            one.found.status,
            MARKS[one.found.status],
            one.evidence.id,
        )
        for place, one in enumerate(claim.weighed)
    ]


def _goal(x: int, y: int, width: int, text: str, status: Status, chars: int) -> Goal:
    words = _words(x + _PAD, y + _PAD, text, chars)
    return Goal(x, y, width, 2 * _PAD + _LINE * len(words), status, words)


def _words(x: int, y: int, text: str, chars: int) -> tuple[Words, ...]:
    lines = textwrap.wrap(text, chars) or [""]
    return tuple(Words(x, y + 12 + _LINE * place, line) for place, line in enumerate(lines))


def _says(answer: Answer) -> str:
    """The diagram in words, for those who do not see it."""
    told = [f"Goal: {answer.asks} {answer.status}.", f"Strategy: {answer.question.strategy}"]
    for claim in answer.claims:
        rests = ", ".join(f"{one.evidence.id} {one.found.status}" for one in claim.weighed) or "nothing"
        told.append(f"Goal: {claim.claim.says} {claim.status}. It rests on: {rests}.")
    return " ".join(told)
