# SPDX-License-Identifier: Apache-2.0
"""What each head should say of a row, and how much that counts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from brightline.classifier.corpus import Row

MAIN: Final = ("mass_domestic", "weapon_direct", "high_stakes", "acts_alone", "social_scoring")
FACTS: Final = (
    *MAIN,
    "private_info",
    "us_person",
    "monitoring",
    "intel_activity",
    "law_enforcement",
    "autonomous_use",
    "operational",
)
BESIDE: Final = ("monitoring", "intel_activity", "law_enforcement", "autonomous_use", "operational")
"""Facts beside the red lines, on which clauses turn; where rows are enough, each gets a head as well."""
TOGETHER: Final = {"autonomous_use": "operational"}  # a clause asks for both: each of them alone holds nothing
# A row that was written for one line says nothing of the other two, and nearly always crosses neither.
OF_OTHER_LINES: Final = ("mass_domestic", "weapon_direct", "social_scoring")
OTHER_LINE_WEIGHT: Final = 0.3
UNKNOWN_WEIGHT: Final = 0.5
NOTHING_AT_STAKE_WEIGHT: Final = 0.3  # authors differ on who acts alone where nothing is at stake
EVERYDAY_WEIGHT: Final = 0.5
SURE: Final = 30.0  # log-odds beyond which nothing is surer


def target(row: Row) -> tuple[list[float], list[float]]:
    """What each head should say of a row, and how much it counts."""
    wanted, counts = [], []
    for fact in FACTS:
        value = row.facts.get(fact)
        other = value is None and fact in OF_OTHER_LINES
        wanted.append({"yes": 1.0, "unknown": 0.5}.get(value or "", 0.0))
        count = OTHER_LINE_WEIGHT if other else UNKNOWN_WEIGHT if value == "unknown" else float(value is not None)
        if fact == "acts_alone" and row.facts.get("high_stakes") == "no":
            count *= NOTHING_AT_STAKE_WEIGHT
        counts.append(count)
    return wanted, counts


def target_by_judge(said: Mapping[str, float], weight: float, temperature: float) -> tuple[list[float], list[float]]:
    """What each head should say of a text that nobody labelled, as a judge's log-odds have it; each counts ``weight``.

    Of other lines as much is known as of a row: nothing, and they are nearly always not crossed.
    """
    wanted = [share_of(said[fact], temperature) if fact in said else 0.0 for fact in FACTS]
    other = dict.fromkeys(OF_OTHER_LINES, OTHER_LINE_WEIGHT)
    return wanted, [weight if fact in said else other.get(fact, 0.0) for fact in FACTS]


def mixed_target(
    row: Row, said: Mapping[str, float], part: float, temperature: float
) -> tuple[list[float], list[float]]:
    """What each head should say of a row: its label, mixed with a ``part`` of what a judge said of it."""
    wanted, counts = target(row)
    for at, fact in enumerate(FACTS):
        if fact in said and fact in row.facts:
            wanted[at] = (1 - part) * wanted[at] + part * share_of(said[fact], temperature)
    return wanted, counts


def share_of(log_odds: float, temperature: float) -> float:
    """What log-odds say, as a share in 0..1; a higher ``temperature`` makes it less sure."""
    return 1 / (1 + math.exp(-min(max(log_odds / temperature, -SURE), SURE)))
