# SPDX-License-Identifier: Apache-2.0
"""Standing theorems: proved of every shipped agreement, refuted with a request in words where they do not hold."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from brightline.core.agreement.clause import Agreement, Clause, ClauseKind, Verdict
from brightline.core.agreement.condition import NEVER, Or, parse
from brightline.core.agreement.decide import decide, permitted
from brightline.core.agreement.request import bad_value
from brightline.core.agreement.theorems import check_theorems, inert, require_theorems
from brightline.core.errors import AgreementError
from brightline.core.facts import UNKNOWN, Facts, Register, Source, Vocabulary
from brightline.shell import shipped
from tests.core.agreement.at_random import APPROVALS_MOST, OFFICES, random_agreement, seeded

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


def test_t5_a_line_that_reads_a_registration_holds_where_another_clause_denies_anyway() -> None:
    also = (Clause("X", ClauseKind.DENY, ("words",), parse("weapon_direct != 'no'")),)
    line = with_clause("RL-2", condition=parse("weapon_direct != 'no' and lawful != 'yes'"))
    assert failing(msgspec.structs.replace(line, clauses=(*line.clauses, *also))) == []


def test_t5_is_refuted_with_what_a_registration_would_state() -> None:
    line = with_clause("RL-2", condition=parse("weapon_direct != 'no' and lawful != 'yes'"))
    (theorem,) = [each for each in check_theorems(line) if not each.holds]
    assert theorem.against.startswith("RL-2 rests on lawful, which registrations alone state")
    assert "weapon_direct = yes" in theorem.against


# ---- against trying everything --------------------------------------------------------------------------------


def requests_of(agreement: Agreement) -> Iterator[tuple[Facts, dict[str, int]]]:
    specs = agreement.vocabulary.specs
    for values in itertools.product(*((spec.good, UNKNOWN, bad_value(spec)) for spec in specs)):
        facts = Facts.of(dict(zip((spec.name for spec in specs), values, strict=True)))
        for counts in itertools.product(range(APPROVALS_MOST + 1), repeat=len(OFFICES)):
            yield facts, dict(zip(OFFICES, counts, strict=True))


def refuted_by_trying_everything(agreement: Agreement) -> set[str]:
    """Which of T1, T3, T5 and LIVE some request refutes, as they are said in words and not as they are proved."""
    lines = [clause for clause in agreement.clauses if clause.kind is ClauseKind.REDLINE]
    good = {spec.name: spec.good for spec in agreement.vocabulary.specs}
    stated = {spec.name: spec.good for spec in agreement.vocabulary.specs if spec.set_by == {Source.REGISTRATION}}
    refuted: set[str] = set()
    live: set[str] = set()
    for facts, approvals in requests_of(agreement):
        verdict = decide(agreement, facts, approvals).verdict
        known = {name: good[name] if value == UNKNOWN else value for name, value in facts.items()}
        if any(line.applies(known, approvals) for line in lines) and verdict in (Verdict.PERMIT, Verdict.HOLD):
            refuted.add("T1")
        holds = any(line.applies(facts.view, approvals) for line in lines)
        if holds and verdict is Verdict.PERMIT:
            refuted.add("T1")
        if verdict is Verdict.PERMIT:
            live |= {grant.id for grant in agreement.grants if grant.applies(facts.view, approvals)}
            if any(facts[name] != good[name] for name in agreement.installation_facts):
                refuted.add("T3")
        if holds and decide(agreement, facts.with_values(stated), approvals).verdict is Verdict.PERMIT:
            refuted.add("T5")
    return refuted | ({"LIVE"} if {grant.id for grant in agreement.grants} - live else set())


def test_a_theorem_holds_exactly_where_no_request_refutes_it() -> None:
    met = dict.fromkeys(("T3", "T5", "LIVE"), 0)
    for seed in range(400):
        rng = seeded(seed)
        agreement = random_agreement(rng, facts_most=4)
        if seed % 10 == 0:  # polarity is what makes conditions at random live; here a grant never holds
            never = Clause("NONE", ClauseKind.GRANT, ("words",), NEVER)
            agreement = msgspec.structs.replace(agreement, clauses=(*agreement.clauses, never))
        refuted = refuted_by_trying_everything(agreement)
        assert set(failing(agreement)) - {"T2", "T4"} == refuted, seed
        for name in refuted:
            met[name] += 1
    assert min(met.values()) >= 20, met


def test_a_clause_is_inert_exactly_where_the_others_permit_nothing_that_it_restricts() -> None:
    met = {True: 0, False: 0}
    for seed in range(150):
        agreement = random_agreement(seeded(seed), facts_most=4)
        found = inert(agreement)
        for clause in agreement.clauses:
            if clause.kind is ClauseKind.GRANT:
                assert clause.id not in found
                continue
            others = msgspec.structs.replace(
                agreement, clauses=tuple(other for other in agreement.clauses if other is not clause)
            )
            matters = any(
                clause.blocks(facts.view, approvals) and permitted(others, facts.view, approvals)
                for facts, approvals in requests_of(agreement)
            )
            assert (clause.id in found) is not matters, seed
            met[matters] += 1
    assert min(met.values()) > 20, met


def test_a_clause_that_the_others_imply_is_inert() -> None:
    assert inert(AGREEMENT) == ("L2",)
    assert inert(without("RL-2")) == ()
