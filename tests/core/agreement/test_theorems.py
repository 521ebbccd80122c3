# SPDX-License-Identifier: Apache-2.0
"""Standing theorems: proved of every shipped agreement, refuted with a request in words where they do not hold."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from brightline.core.agreement.clause import Agreement, Clause, ClauseKind
from brightline.core.agreement.condition import NEVER, Or, parse
from brightline.core.agreement.theorems import check_theorems, inert, require_theorems
from brightline.core.errors import AgreementError
from brightline.core.facts import Register, Source, Vocabulary
from brightline.shell import shipped

SHIPPED = {name: shipped.read_agreement(folder) for name, folder in shipped.shipped_agreements().items()}
AGREEMENT = shipped.read_agreement(shipped.shipped_agreement())


def failing(agreement: Agreement) -> list[str]:
    return [theorem.id for theorem in check_theorems(agreement) if not theorem.holds]


def with_clause(clause_id: str, **changes: Any) -> Agreement:
    clauses = tuple(
        msgspec.structs.replace(clause, **changes) if clause.id == clause_id else clause
        for clause in AGREEMENT.clauses
    )
    return msgspec.structs.replace(AGREEMENT, clauses=clauses)


def without(clause_id: str) -> Agreement:
    return msgspec.structs.replace(
        AGREEMENT, clauses=tuple(clause for clause in AGREEMENT.clauses if clause.id != clause_id)
    )


def more(clause_id: str, kind: ClauseKind, condition: str) -> Agreement:
    clause = Clause(clause_id, kind, ("words",), parse(condition))
    return msgspec.structs.replace(AGREEMENT, clauses=(*AGREEMENT.clauses, clause))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_agreement_is_true_of_all_of_them(name: str) -> None:
    assert failing(SHIPPED[name]) == []
    require_theorems(SHIPPED[name])


def test_t1_a_red_line_that_approvals_lift_is_none() -> None:
    assert failing(with_clause("RL-2", that=parse("approvals.provider_cleared >= 9"))) == ["T1"]


def test_t2_a_condition_of_the_wrong_polarity_is_found_again() -> None:
    assert "T2" in failing(with_clause("RL-2", condition=parse("weapon_direct == 'no'")))


@pytest.mark.parametrize("clause", ["D1", "D2", "P1"])
def test_t3_every_fact_of_the_installation_is_needed(clause: str) -> None:
    (theorem,) = [each for each in check_theorems(without(clause)) if not each.holds]
    assert theorem.id == "T3"
    assert "is permitted" in theorem.against


def test_t4_a_grant_that_needs_no_purpose_is_refused() -> None:
    assert failing(more("L0", ClauseKind.GRANT, "lawful == 'yes'")) == ["T4"]


def test_t4_a_grant_that_rests_on_detectors_alone_is_refused() -> None:
    assert failing(with_clause("L1", condition=parse("monitoring == 'no'"))) == ["T4"]


def test_t5_a_red_line_that_a_registration_settles_is_refused() -> None:
    line = with_clause("RL-2", condition=parse("weapon_direct != 'no' and lawful != 'yes'"))
    assert failing(line) == ["T5"]


@pytest.mark.parametrize("condition", [NEVER, Or(())])
def test_live_a_grant_that_never_holds_is_refused(condition: Or) -> None:
    assert failing(with_clause("L1", condition=condition)) == ["T4", "LIVE"]


def test_live_a_clause_that_blocks_everything_is_refused() -> None:
    assert failing(more("X", ClauseKind.DENY, "lawful != 'yes' or lawful == 'yes'")) == ["T2", "LIVE"]


def test_what_fails_is_refused_with_words_and_a_mend() -> None:
    with pytest.raises(AgreementError, match=r"surface = edge|stack_on = no") as raised:
        require_theorems(without("D1"))
    assert "brightline agreement theorems" in raised.value.mend


def test_where_no_fact_needs_the_register_of_purposes_all_that_grants_read_is_needed() -> None:
    specs = tuple(msgspec.structs.replace(spec, needs=frozenset()) for spec in AGREEMENT.vocabulary.specs)
    plain = msgspec.structs.replace(AGREEMENT, vocabulary=Vocabulary(specs))
    assert failing(plain) == []
    assert any(Register.PURPOSE in spec.needs for spec in AGREEMENT.vocabulary.specs)
    assert all(Source.REGISTRATION in plain.vocabulary.spec(name).set_by for name in plain.grants[0].facts)


def test_a_clause_that_the_others_imply_is_inert() -> None:
    assert inert(AGREEMENT) == ("L2",)
    assert inert(without("RL-2")) == ()
