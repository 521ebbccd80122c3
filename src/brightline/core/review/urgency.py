# SPDX-License-Identifier: Apache-2.0
"""How urgent a case is: its severity, when it is due, when it goes to senior reviewers, and what waits too long.

The severity is that of the gravest clause that asks, so it follows from the agreement and nobody sets it. Urgency
decides the order in which people are asked and nothing else: a case that is late stays held.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement, ClauseKind
from brightline.core.review.case import Case

SKIPS_TO_SENIORS: Final = 3
"""As many distinct persons who skip a case leave it to senior reviewers."""


class Severity(enum.StrEnum):
    """How grave it would be to be wrong, the gravest first."""

    CRITICAL = "critical"  # a red line asks, or it cannot be told what does
    HIGH = "high"  # a deny asks
    NORMAL = "normal"  # an approval is missing

    @property
    def rank(self) -> int:
        """0 for the gravest."""
        return _RANKS.index(self)

    @classmethod
    def of_rank(cls, rank: int) -> Severity:
        """The severity of a rank. Raises ``IndexError``."""
        return _RANKS[rank]


_RANKS: Final = tuple(Severity)
_OF_CLAUSE: Final = {
    ClauseKind.REDLINE: Severity.CRITICAL,
    ClauseKind.DENY: Severity.HIGH,
    ClauseKind.REQUIRE: Severity.NORMAL,
    ClauseKind.GRANT: Severity.NORMAL,
}


class DueSeconds(msgspec.Struct, frozen=True):
    """Within how many seconds a case of each severity should be decided."""

    critical: int = 3_600
    high: int = 4 * 3_600
    normal: int = 12 * 3_600

    def of(self, severity: Severity) -> int:
        """The seconds for a severity."""
        return (self.critical, self.high, self.normal)[severity.rank]


def severity_of(case: Case, agreement: Agreement | None) -> Severity:
    """How grave a case is under its agreement; critical where that is not at hand, or has no such clause."""
    if agreement is None or agreement.digest != case.agreement or not case.clauses:
        return Severity.CRITICAL
    kinds = {clause.id: clause.kind for clause in agreement.clauses}
    if any(clause not in kinds for clause in case.clauses):
        return Severity.CRITICAL
    return min((_OF_CLAUSE[kinds[clause]] for clause in case.clauses), key=lambda each: each.rank)


def due_of(opened: int, expires: int, severity: Severity, due: DueSeconds) -> int:
    """When a case should be decided, in Unix seconds: never after it expires."""
    return min(opened + due.of(severity), expires)


class Waiting(msgspec.Struct, frozen=True):
    """The open cases of one severity: how many, how many late, how many claimed, and since when the oldest waits.

    ``oldest`` in Unix seconds; 0 where there is none.
    """

    severity: Severity
    open: int
    late: int
    claimed: int
    oldest: int


def alarms(waiting: Iterable[Waiting], due: DueSeconds, now: int) -> Sequence[str]:
    """What must be said aloud at ``now``: each severity of which cases wait longer than they should, and how long."""
    said = []
    for each in waiting:
        if each.late:
            age, allowed = (now - each.oldest) // 60, due.of(each.severity) // 60
            said.append(
                f"{each.late} of {each.open} {each.severity.value} cases are late: "
                f"the oldest waits for {age} minutes, and {allowed} are allowed"
            )
    return said
