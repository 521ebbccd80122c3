# SPDX-License-Identifier: Apache-2.0
"""What each head should say of a row, and how much that counts."""

from __future__ import annotations

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
# A row that was written for one line says nothing of the other two, and nearly always crosses neither.
OF_OTHER_LINES: Final = ("mass_domestic", "weapon_direct", "social_scoring")
OTHER_LINE_WEIGHT: Final = 0.3
UNKNOWN_WEIGHT: Final = 0.5
NOTHING_AT_STAKE_WEIGHT: Final = 0.3  # authors differ on who acts alone where nothing is at stake
EVERYDAY_WEIGHT: Final = 0.5


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
