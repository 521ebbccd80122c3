# SPDX-License-Identifier: Apache-2.0
"""What an agreement would do to traffic that was: both decide the same facts, and every difference is counted."""

from __future__ import annotations

from pathlib import Path

import msgspec

from brightline.core.agreement import preview as module
from brightline.core.agreement.clause import Clause, ClauseKind
from brightline.core.agreement.condition import parse
from brightline.core.agreement.preview import NONE, Seen, preview
from brightline.core.facts import Facts, FactSpec, Source, Vocabulary
from brightline.shell import shipped
from tests.versions import stricter

CURRENT = shipped.read_agreement(shipped.shipped_agreement())
GOOD = Facts.of({spec.name: spec.good for spec in CURRENT.vocabulary.specs})
AUTONOMOUS = GOOD.with_values({"autonomous_use": "yes", "operational": "yes"})
MASS = GOOD.with_values({"mass_domestic": "yes"})
TRAFFIC = [Seen("a", GOOD), Seen("a", AUTONOMOUS), Seen("a", AUTONOMOUS), Seen("b", AUTONOMOUS), Seen("b", MASS)]


def test_what_changes_is_counted_by_unit_and_clause(tmp_path: Path) -> None:
    new = shipped.read_agreement(stricter(tmp_path, 2))
    found = preview(new, (CURRENT,), TRAFFIC)
    assert (found.total, found.changed) == (5, 3)
    assert (found.before, found.after) == ({"permit": 4, "deny": 1}, {"permit": 1, "hold": 3, "deny": 1})
    rows = {(row.unit, row.before, row.after, row.clauses): row.count for row in found.changes}
    assert rows == {("a", "permit", "hold", ("X1",)): 2, ("b", "permit", "hold", ("X1",)): 1}
    assert found.by_clause == {"X1": 3, "RL-1": 1}


def test_the_same_agreement_changes_nothing() -> None:
    assert preview(CURRENT, (CURRENT,), TRAFFIC).changes == ()


def test_without_an_agreement_in_force_everything_that_would_be_stopped_is_a_change() -> None:
    found = preview(CURRENT, (), TRAFFIC)
    assert found.before == {NONE: 5}
    assert [(row.unit, row.after, row.clauses, row.count) for row in found.changes] == [("b", "deny", ("RL-1",), 1)]


def test_approvals_that_were_given_count() -> None:
    high = GOOD.with_values({"high_stakes": "yes"})
    found = preview(CURRENT, (), [Seen("a", high), Seen("a", high, (("customer_decider", 1),))])
    assert found.after == {"hold": 1, "permit": 1}


def test_kinds_of_change_are_bounded_and_still_counted() -> None:
    most = module.KINDS_MAX
    module.KINDS_MAX = 3
    try:
        found = preview(CURRENT, (), [Seen(f"unit-{i}", MASS) for i in range(10)])
    finally:
        module.KINDS_MAX = most
    assert found.changed == 10
    assert {row.unit for row in found.changes} == {"unit-0", "unit-1", "unit-2", "…"}


def test_a_fact_that_only_the_new_agreement_has_is_heard_where_it_is_known() -> None:
    spec = FactSpec("untested", "no", set_by=frozenset({Source.DETECTOR}))
    clause = Clause("NEW", ClauseKind.DENY, ("q",), parse("untested != 'no'"))
    new = msgspec.structs.replace(
        CURRENT,
        version=2,
        vocabulary=Vocabulary((*CURRENT.vocabulary.specs, spec)),
        clauses=(*CURRENT.clauses, clause),
    )
    found = preview(new, (CURRENT,), [Seen("a", GOOD), Seen("b", GOOD.with_values({"untested": "yes"}))])
    assert [(row.unit, row.before, row.after, row.clauses) for row in found.changes] == [
        ("b", "permit", "deny", ("NEW",))
    ]
