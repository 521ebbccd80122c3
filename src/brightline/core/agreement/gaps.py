# SPDX-License-Identifier: Apache-2.0
"""The gap report: does the contract language alone imply each red line?

Contract language are the clauses whose part is ``contract``, and every grant, whatever its part: without a grant
nothing is permitted, and any line would follow. The red lines themselves, the architecture, the people and what the
provider added are left out. Wherever it permits what a red line refuses, the line rests on something
other than the contract, and the witness says what such a request looks like. The answer depends on the encoding:
publish both together.
"""

from __future__ import annotations

import msgspec

from brightline.core.agreement.clause import Agreement, Clause, ClauseKind, Part
from brightline.core.agreement.condition import facts_of
from brightline.core.agreement.decide import permitted
from brightline.core.agreement.extremes import Point, furthest_points
from brightline.core.agreement.request import Request, in_words, request_at


class Gap(msgspec.Struct, frozen=True):
    """A request that crosses a red line and that the contract language permits.

    ``near`` are the clauses of the contract that read a fact of the request, each with the facts that would have to be
    otherwise for it to refuse the request.
    """

    request: Request
    words: str
    near: tuple[tuple[str, tuple[str, ...]], ...]


class RedLine(msgspec.Struct, frozen=True):
    """A red line and where the contract language leaves it open; no gap: the contract implies it."""

    clause: str
    quote: tuple[str, ...]
    gaps: tuple[Gap, ...]

    @property
    def implied(self) -> bool:
        """Whether the contract language alone refuses everything that the red line refuses."""
        return not self.gaps


def gap_report(agreement: Agreement) -> tuple[RedLine, ...]:
    """Ask for each red line, at each of its furthest points. Raises ``AgreementError`` for too many cases."""
    contract = msgspec.structs.replace(
        agreement,
        clauses=tuple(c for c in agreement.clauses if c.part is Part.CONTRACT or c.kind is ClauseKind.GRANT),
    )
    return tuple(
        RedLine(clause.id, clause.quote, tuple(_gaps(contract, clause)))
        for clause in agreement.clauses
        if clause.kind is ClauseKind.REDLINE
    )


def _gaps(contract: Agreement, line: Clause) -> list[Gap]:
    gaps = []
    for point in furthest_points(line):
        request = request_at(contract, point)
        if permitted(contract, request.facts.view, request.counts):
            gaps.append(Gap(request, in_words(contract, request), _near(contract, point)))
    return gaps


def _near(contract: Agreement, point: Point) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Clauses that read a fact of the point, and what else must be not good before they restrict."""
    crossed = frozenset(point.not_good)
    rows = []
    for clause in contract.clauses:
        if clause.kind is not ClauseKind.GRANT and facts_of(clause.condition) & crossed:
            needed = min((set(each.not_good) - crossed for each in furthest_points(clause)), key=len)
            rows.append((clause.id, tuple(sorted(needed))))
    return tuple(rows)
