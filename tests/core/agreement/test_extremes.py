# SPDX-License-Identifier: Apache-2.0
"""Furthest points: a clause blocks at each, at everything beyond, and nowhere else."""

from __future__ import annotations

import itertools

import pytest

from brightline.core.agreement.clause import Agreement, Clause, ClauseKind
from brightline.core.agreement.condition import NEVER, parse
from brightline.core.agreement.extremes import (
    CASES_MAX,
    POINTS_MAX,
    Point,
    all_points,
    furthest_points,
    points_of_each,
    points_without_grant,
)
from brightline.core.agreement.request import request_at
from brightline.core.errors import AgreementError
from tests.core.agreement.at_random import APPROVALS_MOST, OFFICES, random_agreement, seeded

AGREEMENTS = [random_agreement(seeded(seed)) for seed in range(200)]


def clause(kind: ClauseKind, condition: str, that: str = "") -> Clause:
    return Clause("C", kind, ("words",), parse(condition), parse(that) if that else NEVER)


def beyond(point: Point, not_good: frozenset[str], approvals: dict[str, int]) -> bool:
    """Whether a request is at least as bad as the point, with no more approvals than it allows."""
    return set(point.not_good) <= not_good and all(approvals[office] <= most for office, most in point.approvals)


@pytest.mark.parametrize("agreement", AGREEMENTS[:60], ids=range(60))
def test_a_clause_blocks_exactly_from_its_furthest_points_on(agreement: Agreement) -> None:
    specs = agreement.vocabulary.specs
    counts = range(APPROVALS_MOST + 1)
    for each in agreement.clauses:
        if each.kind is ClauseKind.GRANT:
            continue
        points = furthest_points(each)
        for bits in itertools.product((False, True), repeat=len(specs)):
            not_good = frozenset(spec.name for spec, bit in zip(specs, bits, strict=True) if bit)
            values = {
                spec.name: next(v for v in spec.values if v != spec.good) if spec.name in not_good else spec.good
                for spec in specs
            }
            for given in itertools.product(counts, repeat=len(OFFICES)):
                approvals = dict(zip(OFFICES, given, strict=True))
                found = any(beyond(point, not_good, approvals) for point in points)
                assert each.blocks(values, approvals) is found


def test_no_grant_holds_at_a_point_without_grant_and_each_is_smallest() -> None:
    for agreement in AGREEMENTS:
        without_grant_and_smallest(agreement)


def without_grant_and_smallest(agreement: Agreement) -> None:
    for point in points_without_grant(agreement):
        for fewer in ((), *itertools.combinations(point.not_good, len(point.not_good) - 1)):
            values = request_at(agreement, Point(tuple(fewer))).facts.view
            smaller = len(fewer) < len(point.not_good)
            assert any(grant.applies(values, {}) for grant in agreement.grants) is smaller
        values = request_at(agreement, point).facts.view
        assert not any(grant.applies(values, {}) for grant in agreement.grants)


def test_the_points_of_a_requirement_say_how_many_people_are_too_few() -> None:
    both = clause(ClauseKind.REQUIRE, "a != 'no'", "approvals.first >= 2 and approvals.second >= 1")
    assert furthest_points(both) == (Point(("a",), (("first", 1),)), Point(("a",), (("second", 0),)))
    either = clause(ClauseKind.REQUIRE, "a != 'no'", "approvals.first >= 2 or approvals.second >= 1")
    assert furthest_points(either) == (Point(("a",), (("first", 1), ("second", 0))),)


def test_a_larger_case_that_contains_a_smaller_is_dropped() -> None:
    found = furthest_points(clause(ClauseKind.DENY, "a != 'no' or (a != 'no' and b != 'no') or not c == 'no'"))
    assert found == (Point(("a",)), Point(("c",)))


def test_a_clause_with_too_many_cases_is_refused_and_not_waited_for() -> None:
    parts = " and ".join(f"(a{i} != 'no' or b{i} != 'no')" for i in range(20))
    with pytest.raises(AgreementError, match=f"more than {CASES_MAX} cases"):
        furthest_points(clause(ClauseKind.DENY, parts))


def test_many_clauses_that_are_each_small_enough_are_too_many_cases_together() -> None:
    parts = " and ".join(f"(a{i} != 'no' or b{i} != 'no')" for i in range(9))  # 512 cases each
    each = clause(ClauseKind.DENY, parts)
    enough = POINTS_MAX // 512
    assert sum(len(points) for _, points in points_of_each([each] * enough)) == POINTS_MAX
    with pytest.raises(AgreementError, match=f"more than {POINTS_MAX} cases in all"):
        list(points_of_each([each] * (enough + 1)))


def test_a_grant_has_no_points_of_its_own() -> None:
    with pytest.raises(ValueError, match="together"):
        furthest_points(clause(ClauseKind.GRANT, "a == 'no'"))


def test_all_points_name_every_clause_that_restricts_and_the_grants_last() -> None:
    for agreement in AGREEMENTS[:20]:
        names = [name for name, _ in all_points(agreement)]
        assert names == [*(c.id for c in agreement.clauses if c.kind is not ClauseKind.GRANT), ""]
