# SPDX-License-Identifier: Apache-2.0
"""Two thresholds for each fact, ``no | unknown | yes``, for what a wrongful hold and a wrongful refusal may cost.

    1. beyond the worst everyday corpus: at most this share of any of them is held (0.5 %)
    2. beyond hard neighbours by authors whom the encoder has not seen: at most this share of them is held (10 %): each
       costs somebody a minute, or the judge a second; what is missed is missed
    3. *yes* refuses, so it lies beyond a smaller share of these neighbours (1 %)

Everyday text is counted as it comes through the whole stack: what the first stage does not raise, nobody scores. Of
two facts that hold only together, the one that much everyday text is sets its threshold by neighbours alone, and more
of them may reach it; the other's is set where both are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, assert_never

import msgspec
import numpy as np

from brightline.classifier.corpus import Line, Row
from brightline.classifier.training.target import TOGETHER
from brightline.core.screening.encoder import EVERYDAY_TOO
from brightline.core.screening.figures import (
    Rate,
    Threshold,
    area_under_curve,
    counted,
    rate,
    threshold_at,
    threshold_of_worst,
)

EVERYDAY_HELD: Final = 0.005
NEIGHBOURS_HELD: Final = 0.1
NEIGHBOURS_OF_TWO: Final = 0.3  # of a fact that holds only with another one, whose threshold is beyond everyday text
NEIGHBOURS_REFUSED: Final = 0.01
AT: Final = (0.05, 0.005)  # of hard neighbours: where lines are compared
NEIGHBOURS_MIN: Final = 100
LEAST: Final = 0.1  # whatever the rows say, what is less likely than this is not held
LEAST_REFUSED: Final = 0.5  # nor what is less likely than not refused
MOST: Final = 1 - 1e-6


class Bounds(msgspec.Struct, frozen=True):
    """The scores from which a fact is unknown and yes, and the everyday corpus, if any, that asks for the first."""

    unknown: float
    yes: float
    worst: str


class AtBounds(msgspec.Struct, frozen=True):
    """Of rows that are yes on a fact, and of their hard neighbours: what is said outright, and what is held or said.

    ``auroc`` is of the scores behind it.
    """

    found_outright: Rate
    found: Rate
    wrongful_outright: Rate
    wrongful: Rate
    auroc: float | None


def bounds_of(
    facts: Sequence[str], rows: Sequence[Row], scores: Any, everyday: Mapping[str, Any]
) -> dict[str, Bounds]:
    """Thresholds of facts from their scores on rows by authors held out, shape (rows, facts), and likewise on texts of
    everyday corpora by name.
    """
    found: dict[str, Bounds] = {}
    for fact in sorted(facts, key=lambda fact: fact in TOGETHER):  # the other of two comes first

        def of(given: Any, fact: str = fact) -> Any:
            mine = given[:, facts.index(fact)]
            if (other := TOGETHER.get(fact, "")) not in found:
                return mine
            return np.where(given[:, facts.index(other)] >= found[other].unknown, mine, 0.0)

        plain = {} if fact in EVERYDAY_TOO else {name: of(given).tolist() for name, given in everyday.items()}
        found[fact] = bounds(fact, rows, of(scores), plain)
    return {fact: found[fact] for fact in facts}


def bounds(fact: str, rows: Sequence[Row], scores: Any, everyday: Mapping[str, Sequence[float]]) -> Bounds:
    """Thresholds of one fact from its scores on rows by authors held out, and on everyday corpora by name.

    Without everyday corpora the fact is one that holds only with another.
    """
    told = list(zip(rows, map(float, scores), strict=True))
    neighbours = [score for row, score in told if _label(row, fact) == "no"]
    if len(neighbours) < NEIGHBOURS_MIN:  # so few set nothing by a share of them
        neighbours = [score for row, score in told if row.facts.get(fact) == "no"]
    worst = threshold_of_worst(everyday, EVERYDAY_HELD) if everyday else Threshold(0.0, "")  # 1.
    unknown = max(worst.value, threshold_at(neighbours, NEIGHBOURS_HELD if everyday else NEIGHBOURS_OF_TWO))  # 2.
    yes = max(unknown, threshold_at(neighbours, NEIGHBOURS_REFUSED))  # 3.
    return Bounds(_within(unknown, LEAST), _within(yes, LEAST_REFUSED), worst.corpus)


def at_bounds(fact: str, rows: Sequence[Row], scores: Any, chosen: Bounds) -> AtBounds:
    """What a fact's thresholds do to these rows."""
    of = {
        value: [float(score) for row, score in zip(rows, scores, strict=True) if _label(row, fact) == value]
        for value in ("yes", "no")
    }
    return AtBounds(
        counted(of["yes"], chosen.yes),
        counted(of["yes"], chosen.unknown),
        counted(of["no"], chosen.yes),
        counted(of["no"], chosen.unknown),
        area_under_curve(of["yes"], of["no"]),
    )


class OfLine(msgspec.Struct, frozen=True):
    """How well a line is told, whatever the thresholds: areas under the curve, and shares.

    ``pairs`` are in order where each row that crosses scores above each that does not; the last two are
    what is found where 5 % and 0.5 % of the hard neighbours would be.
    """

    auroc: float | None
    english: float | None
    other: float | None
    pairs: Rate
    at_many: Rate
    at_few: Rate

    @property
    def shares(self) -> tuple[Rate, ...]:
        """The shares, for a table."""
        return self.pairs, self.at_many, self.at_few


def of_line(line: Line, rows: Sequence[Row], scores: Mapping[str, Sequence[float]]) -> OfLine:
    """How well a line is told, from the scores of facts on rows."""
    ours = [(row, _of_line(line, i, scores)) for i, row in enumerate(rows) if row.line is line]
    pairs: dict[str, tuple[list[float], list[float]]] = {}
    for row, score in ours:
        if row.pair and row.label != "unknown":
            pairs.setdefault(row.pair, ([], []))[row.label == "no"].append(score)
    ordered = [min(yes) > max(no) for yes, no in pairs.values() if yes and no]
    yes, no = ([score for row, score in ours if row.label == label] for label in ("yes", "no"))
    return OfLine(
        _area(ours),
        _area([(row, score) for row, score in ours if row.lang == "en"]),
        _area([(row, score) for row, score in ours if row.lang != "en"]),
        rate(sum(ordered), len(ordered)),
        counted(yes, threshold_at(no, AT[0])),
        counted(yes, threshold_at(no, AT[1])),
    )


def _area(ours: Sequence[tuple[Row, float]]) -> float | None:
    yes, no = ([score for row, score in ours if row.label == label] for label in ("yes", "no"))
    return area_under_curve(yes, no)


def _of_line(line: Line, row: int, scores: Mapping[str, Sequence[float]]) -> float:
    """The score of a line, from those of its facts (``red lines``, RL-1 to RL-3)."""

    def of(fact: str) -> float:
        return scores[fact][row] if fact in scores else 0.0

    match line:
        case Line.SURVEILLANCE:
            return of("mass_domestic")
        case Line.WEAPONS:
            return of("weapon_direct")
        case Line.DECISIONS:
            return max(of("social_scoring"), min(of("high_stakes"), of("acts_alone")))
        case _ as never:
            assert_never(never)


def everyday_held(scores: Mapping[str, Any], chosen: Mapping[str, Bounds]) -> dict[str, Rate]:
    """By corpus, the texts of which a fact is unknown or yes, or both of two that hold only together.

    ``scores`` have the shape (texts, facts), in the order of ``chosen``.
    """
    facts = list(chosen)
    both = [[facts.index(one), facts.index(other)] for one, other in TOGETHER.items() if {one, other} <= set(facts)]
    alone = sorted(set(range(len(facts))).difference(*both))
    cuts = np.array([chosen[fact].unknown for fact in facts])
    found = {}
    for name, of in scores.items():
        reached = np.asarray(of) >= cuts
        held = reached[:, alone].any(1) | np.any([reached[:, two].all(1) for two in both], axis=0)
        found[name] = rate(int(held.sum()), len(held))
    return found


def _label(row: Row, fact: str) -> str:
    """The label of a row on a fact. Where nothing is at stake, authors read who acts alone in different ways."""
    if fact == "acts_alone" and row.facts.get("high_stakes") == "no":
        return ""
    return row.facts.get(fact, "")


def _within(score: float, least: float) -> float:
    return min(MOST, max(least, score))
