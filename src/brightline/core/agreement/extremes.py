# SPDX-License-Identifier: Apache-2.0
"""Furthest points: from where on a clause stands in the way.

Conditions see of a fact only whether it is good, and they are monotone (``polarity.py``). So a clause that blocks
somewhere blocks at a *furthest point*: a smallest set of facts that are not good, with the most approvals that are
still too few. What is monotone and permits at none of a clause's furthest points permits nowhere that the clause
blocks. This is what turns "for all facts" into a short list, exactly and without a solver.

The list can grow exponentially with a contrived condition, so it is bounded: a clause with more cases is refused, and
so is an agreement with more points in all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Final, TypeAlias, assert_never

import msgspec

from brightline.core.agreement.clause import Agreement, Clause, ClauseKind
from brightline.core.agreement.condition import And, Approvals, Compare, Condition, Not, Or
from brightline.core.errors import AgreementError

CASES_MAX: Final = 4_096
POINTS_MAX: Final = 65_536

# A case is a set of leaves: names of facts that are not good, or (office, count) that are not reached.
_Leaf: TypeAlias = "str | tuple[str, int]"
_Case: TypeAlias = "frozenset[_Leaf]"


class Point(msgspec.Struct, frozen=True):
    """Facts that are not good, and for each office named how many of its people have approved at most.

    An office that is not named may have approved without limit. Both are in canonical order.
    """

    not_good: tuple[str, ...]
    approvals: tuple[tuple[str, int], ...] = ()


def furthest_points(clause: Clause) -> tuple[Point, ...]:
    """Return the points from which on a clause that restricts blocks; none if it never does.

    Raises ``AgreementError`` for a clause with more than 4,096 cases, ``ValueError`` for a grant.
    """
    if clause.kind is ClauseKind.GRANT:
        raise ValueError("a grant blocks together with the other grants: see points_without_grant")
    holds = _cases(clause.condition, wanted=True, where=clause.id)
    short = _cases(clause.that, wanted=False, where=clause.id)
    _bounded(len(holds) * len(short), clause.id)
    return tuple(_point(when | unmet) for when in holds for unmet in short)


def points_without_grant(agreement: Agreement) -> tuple[Point, ...]:
    """Return the points from which on no grant holds. Raises ``AgreementError`` for more than 4,096 cases."""
    cases: list[_Case] = [frozenset()]
    for clause in agreement.grants:
        fails = _cases(clause.condition, wanted=False, where=clause.id)
        cases = _smallest((a | b for a, b in product(cases, fails)), clause.id)
    return tuple(_point(case) for case in cases)


def all_points(agreement: Agreement) -> tuple[tuple[str, tuple[Point, ...]], ...]:
    """Return (clause id, its furthest points) of every clause that restricts, then ("", those without a grant).

    Raises ``AgreementError`` as above, and for more than 65,536 points in all.
    """
    clauses = [clause for clause in agreement.clauses if clause.kind is not ClauseKind.GRANT]
    rows = [(clause.id, points) for clause, points in points_of_each(clauses)]
    return (*rows, ("", points_without_grant(agreement)))


def points_of_each(clauses: Iterable[Clause]) -> Iterator[tuple[Clause, tuple[Point, ...]]]:
    """Give clauses that restrict with their furthest points. Raises ``AgreementError`` for more than 65,536 in all."""
    found = 0
    for clause in clauses:
        points = furthest_points(clause)
        found += len(points)
        if found > POINTS_MAX:
            message = f"up to clause {clause.id} there are more than {POINTS_MAX} cases in all"
            raise AgreementError(message, "", "say the same with fewer alternatives in one clause")
        yield clause, points


def _point(case: _Case) -> Point:
    most: dict[str, int] = {}
    for leaf in case:
        if isinstance(leaf, tuple):
            office, count = leaf
            most[office] = min(most.get(office, count - 1), count - 1)
    return Point(tuple(sorted(leaf for leaf in case if isinstance(leaf, str))), tuple(sorted(most.items())))


def _cases(condition: Condition, *, wanted: bool, where: str) -> list[_Case]:
    """The smallest sets of leaves at their worst by which the condition comes out as wanted.

    "At its worst" is: not good, of a fact; not reached, of a count. The polarity of the condition makes each leaf that
    gets worse push towards ``wanted``, so the operator of a comparison need not be looked at.
    """
    match condition:
        case Compare(fact):
            return [frozenset({fact})]
        case Approvals(office, count):
            return [frozenset({(office, count)})]
        case Not(part):
            return _cases(part, wanted=not wanted, where=where)
        case And(parts):
            return _together(parts, wanted, where) if wanted else _any_of(parts, wanted, where)
        case Or(parts):
            return _any_of(parts, wanted, where) if wanted else _together(parts, wanted, where)
        case _:
            assert_never(condition)


def _any_of(parts: Sequence[Condition], wanted: bool, where: str) -> list[_Case]:
    return _smallest((case for part in parts for case in _cases(part, wanted=wanted, where=where)), where)


def _together(parts: Sequence[Condition], wanted: bool, where: str) -> list[_Case]:
    cases: list[_Case] = [frozenset()]
    for part in parts:
        more = _cases(part, wanted=wanted, where=where)
        _bounded(len(cases) * len(more), where)
        cases = _smallest((a | b for a, b in product(cases, more)), where)
    return cases


def _smallest(cases: Iterable[_Case], where: str) -> list[_Case]:
    """Drop each case that contains another; smaller first, then in a fixed order."""
    found: set[_Case] = set()
    for case in cases:
        found.add(case)
        _bounded(len(found), where)
    kept: list[_Case] = []
    for case in sorted(found, key=lambda case: (len(case), sorted(map(str, case)))):
        if not any(smaller <= case for smaller in kept):
            kept.append(case)
    return kept


def _bounded(cases: int, where: str) -> None:
    if cases > CASES_MAX:
        raise AgreementError(f"clause {where} has more than {CASES_MAX} cases", "", "split the clause")
