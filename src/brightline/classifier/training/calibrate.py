# SPDX-License-Identifier: Apache-2.0
"""Two thresholds for each fact, ``no | unknown | yes``, for what a wrongful hold and a wrongful refusal may cost.

    1. beyond the worst everyday corpus: at most this share of any of them is held (0.1 %)
    2. beyond hard neighbours by authors whom the encoder has not seen: at most this share of them is held (5 %)
    3. *yes* refuses, so it lies beyond a smaller share of these neighbours (0.5 %)

Everyday text is counted as it comes through the whole stack: what the first stage does not raise, nobody scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from brightline.classifier.corpus import Row
from brightline.core.screening.figures import Rate, area_under_curve, counted, rate, threshold_at, threshold_of_worst

EVERYDAY_HELD: Final = 0.001
NEIGHBOURS_HELD: Final = 0.05
NEIGHBOURS_REFUSED: Final = 0.005
LEAST: Final = 1e-6
MOST: Final = 1 - 1e-6


class Bounds(msgspec.Struct, frozen=True):
    """The scores from which a fact is unknown and yes, and the everyday corpus that asks for the first."""

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


def bounds(fact: str, rows: Sequence[Row], scores: Any, everyday: Mapping[str, Sequence[float]]) -> Bounds:
    """Thresholds of one fact from its scores on rows by authors held out, and on everyday corpora by name."""
    neighbours = [float(score) for row, score in zip(rows, scores, strict=True) if _label(row, fact) == "no"]
    worst = threshold_of_worst(everyday, EVERYDAY_HELD)  # 1.
    unknown = max(worst.value, threshold_at(neighbours, NEIGHBOURS_HELD))  # 2.
    yes = max(unknown, threshold_at(neighbours, NEIGHBOURS_REFUSED))  # 3.
    return Bounds(_share(unknown), _share(yes), worst.corpus)


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


def everyday_held(scores: Mapping[str, Any], chosen: Sequence[Bounds]) -> dict[str, Rate]:
    """By corpus, the texts of which any fact is unknown or yes. ``scores`` have the shape (texts, facts)."""
    return {
        name: rate(sum(any(s >= b.unknown for s, b in zip(text, chosen, strict=True)) for text in of), len(of))
        for name, of in scores.items()
    }


def _label(row: Row, fact: str) -> str:
    """The label of a row on a fact. Where nothing is at stake, authors read who acts alone in different ways."""
    if fact == "acts_alone" and row.facts.get("high_stakes") == "no":
        return ""
    return row.facts.get(fact, "")


def _share(score: float) -> float:
    return min(MOST, max(LEAST, score))
