# SPDX-License-Identifier: Apache-2.0
"""How grave a case is follows from the agreement, and when it is due from that."""

from __future__ import annotations

import msgspec
import pytest

from brightline.core.agreement.clause import ClauseKind
from brightline.core.review.urgency import DueSeconds, Severity, Waiting, alarms, due_of, severity_of
from tests.core.review.test_docket import CASE
from tests.playbooks.playbook import AGREEMENT

OF_KIND = {
    kind: next(clause.id for clause in AGREEMENT.clauses if clause.kind is kind)
    for kind in (ClauseKind.REDLINE, ClauseKind.DENY, ClauseKind.REQUIRE)
}


def severity(*clauses: str, agreement: str = AGREEMENT.digest) -> Severity:
    return severity_of(msgspec.structs.replace(CASE, clauses=clauses, agreement=agreement), AGREEMENT)


@pytest.mark.parametrize(
    ("kinds", "is_"),
    [
        ([ClauseKind.REQUIRE], Severity.NORMAL),
        ([ClauseKind.REQUIRE, ClauseKind.DENY], Severity.HIGH),
        ([ClauseKind.DENY, ClauseKind.REDLINE, ClauseKind.REQUIRE], Severity.CRITICAL),
    ],
)
def test_the_gravest_clause_that_asks_says_how_grave_it_is(kinds: list[ClauseKind], is_: Severity) -> None:
    assert severity(*(OF_KIND[kind] for kind in kinds)) is is_


def test_what_cannot_be_told_is_critical() -> None:
    assert severity() is Severity.CRITICAL
    assert severity(OF_KIND[ClauseKind.REQUIRE], "no such clause") is Severity.CRITICAL
    assert severity(OF_KIND[ClauseKind.REQUIRE], agreement="sha256:another") is Severity.CRITICAL
    assert severity_of(CASE, None) is Severity.CRITICAL


def test_a_case_is_due_by_its_severity_and_never_after_it_expires() -> None:
    due = DueSeconds(critical=10, high=20, normal=30)
    assert [due_of(100, 200, each, due) for each in Severity] == [110, 120, 130]
    assert due_of(100, 115, Severity.NORMAL, due) == 115
    assert [Severity.of_rank(each.rank) for each in Severity] == list(Severity)


def test_an_alarm_is_about_what_is_late_and_says_how_late() -> None:
    due = DueSeconds(critical=600)
    waiting = [Waiting(Severity.CRITICAL, 3, 1, 0, 1_000), Waiting(Severity.HIGH, 5, 0, 2, 0)]
    assert alarms(waiting, due, 1_000 + 900) == [
        "1 of 3 critical cases are late: the oldest waits for 15 minutes, and 10 are allowed"
    ]
