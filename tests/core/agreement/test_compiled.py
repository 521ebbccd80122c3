# SPDX-License-Identifier: Apache-2.0
"""The form in which an agreement decides says what the plain reading says, also for what a file could not hold."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.agreement.clause import Agreement, Clause, ClauseKind, Verdict
from brightline.core.agreement.compiled import CompiledAgreement
from brightline.core.agreement.condition import (
    And,
    Approvals,
    Compare,
    Condition,
    Not,
    Or,
    compile,
    evaluate,
    parse,
    reasons,
)
from brightline.core.agreement.decide import Decision, Question, Subject, decide, permitted
from brightline.core.facts import NO, UNKNOWN, YES, Facts, FactSpec, Source, Vocabulary
from brightline.shell import shipped
from tests.core.agreement.at_random import random_agreement, random_request, seeded
from tests.core.agreement.test_decide import CASES, Case, often, plainly_permitted

DETECTOR = frozenset({Source.DETECTOR})
SPECS = (
    FactSpec("a", YES, set_by=DETECTOR, settled_by=(("office", 1),)),
    FactSpec("b", NO, set_by=DETECTOR),
    FactSpec("c", "x", ("x", "y", "z"), DETECTOR, (("office", 1),)),
)
VOCABULARY = Vocabulary(SPECS)

NAMES = st.sampled_from(["a", "b", "c", "d"])
LEAVES = st.one_of(
    st.builds(
        Compare, st.sampled_from(["a", "b", "c", "d"]), st.booleans(), st.sampled_from([YES, NO, "x", "y", UNKNOWN])
    ),
    st.builds(Approvals, st.just("office"), st.integers(1, 3)),
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(And, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=8,
)
VALUES = st.dictionaries(NAMES, st.sampled_from([YES, NO, "x", "y", UNKNOWN, "odd"]))


def compiled(*conditions: Condition) -> CompiledAgreement:
    return CompiledAgreement([(condition, compile(condition)) for condition in conditions], VOCABULARY)


@given(st.lists(CONDITIONS, max_size=5), VALUES, st.integers(0, 4))
def test_the_clauses_that_apply_are_those_of_the_plain_reading(
    conditions: list[Condition], values: dict[str, str], given_: int
) -> None:
    approvals = {"office": given_}
    made = compiled(*conditions)
    request = made.request(values, approvals)
    plain = [place for place, each in enumerate(conditions) if evaluate(each, values, approvals)]
    assert list(made.applying(request, request.bad)) == plain


@given(st.lists(CONDITIONS, max_size=5), VALUES)
def test_what_people_have_settled_is_good(conditions: list[Condition], values: dict[str, str]) -> None:
    made = compiled(*conditions)
    request = made.request(values, {})
    best = request.bad & ~request.open
    settled = dict(values)
    for spec in SPECS:
        if spec.settleable and values.get(spec.name, UNKNOWN) == UNKNOWN:
            settled[spec.name] = spec.good
    plain = [place for place, each in enumerate(conditions) if evaluate(each, settled, {})]
    assert list(made.applying(request, best)) == plain
    assert {name: made.seen(request, best).get(name) for name in settled} == settled


@given(st.lists(CONDITIONS, max_size=5), VALUES, st.integers(0, 4))
def test_the_facts_that_mattered_are_those_of_the_plain_reading(
    conditions: list[Condition], values: dict[str, str], given_: int
) -> None:
    approvals = {"office": given_}
    made = compiled(*conditions)
    request = made.request(values, approvals)
    for place, each in enumerate(conditions):
        plain = tuple(sorted(reasons(each, values, approvals)))
        assert made.mattered([place], request, request.bad, approvals) == plain


def test_random_agreements_and_requests() -> None:
    for seed in range(150):
        applies_what_applies(seed)


def applies_what_applies(seed: int) -> None:
    rng = seeded(seed)
    agreement = random_agreement(rng)
    for _ in range(10):
        facts, approvals = random_request(rng, agreement)
        request = agreement.compiled.request(facts.view, approvals)
        plain = [i for i, clause in enumerate(agreement.clauses) if clause.applies(facts.view, approvals)]
        assert list(agreement.compiled.applying(request, request.bad)) == plain


def test_a_long_condition_is_no_deep_one() -> None:
    parts = " and ".join("(a != 'yes' or b != 'no')" for _ in range(120))
    made = compiled(parse(parts))
    assert list(made.applying(made.request({"a": NO}, {}), made.bit("a"))) == [0]


def test_a_clause_of_which_everything_is_good_is_not_looked_at() -> None:
    looked: list[str] = []

    def never(_values: object, _approvals: object) -> bool:
        looked.append("plain")
        return False

    made = CompiledAgreement([(parse("a != 'yes'"), never), (parse("b != 'no'"), never)], VOCABULARY)
    request = made.request({"a": NO, "b": NO, "c": "x"}, {})
    assert list(made.applying(request, request.bad)) == [0]
    assert looked == []


# ---- whole decisions: the fast way against the plain one ------------------------------------------------------------


def plainly_decided(agreement: Agreement, facts: Facts, approvals: Mapping[str, int]) -> Decision:
    """What ``decide`` says, clause by clause as the text reads, from values and ``evaluate`` alone."""
    values = facts.as_dict()
    missing = {n for n in agreement.installation_facts if values.get(n, UNKNOWN) == UNKNOWN}
    if missing:
        readers = tuple(clause.id for clause in agreement.clauses if clause.facts & missing)
        return Decision(Verdict.UNAVAILABLE, readers, tuple(sorted(missing)))
    if plainly_permitted(agreement, values, approvals):
        holding = [clause for clause in agreement.clauses if evaluate(clause.condition, values, approvals)]
        return plainly_said(Verdict.PERMIT, holding, values, approvals)
    open_facts = [s for s in agreement.vocabulary.specs if s.settleable and values.get(s.name, UNKNOWN) == UNKNOWN]
    best, caps = values | {spec.name: spec.good for spec in open_facts}, agreement.approval_caps
    if not plainly_permitted(agreement, best, caps):
        return plainly_said(Verdict.DENY, plainly_in_the_way(agreement, best, caps), best, caps)
    questions = plainly_asked(agreement, open_facts, best, approvals)
    in_the_way = plainly_in_the_way(agreement, values, approvals)
    return plainly_said(Verdict.HOLD, in_the_way, values, approvals, questions)


def plainly_in_the_way(agreement: Agreement, values: Mapping[str, str], approvals: Mapping[str, int]) -> list[Clause]:
    granted = any(evaluate(grant.condition, values, approvals) for grant in agreement.grants)
    return [
        clause
        for clause in agreement.clauses
        if (
            not granted
            if clause.kind is ClauseKind.GRANT
            else evaluate(clause.condition, values, approvals) and not evaluate(clause.that, values, approvals)
        )
    ]


def plainly_asked(
    agreement: Agreement, open_facts: list[FactSpec], best: Mapping[str, str], approvals: Mapping[str, int]
) -> tuple[Question, ...]:
    kept, counts = dict(best), dict(agreement.approval_caps)
    for office, cap in agreement.approval_caps.items():
        counts[office] = approvals.get(office, 0)
        while counts[office] < cap and not plainly_permitted(agreement, kept, counts):
            counts[office] += 1
    questions = []
    for spec in open_facts:
        kept[spec.name] = UNKNOWN
        if not plainly_permitted(agreement, kept, counts):
            kept[spec.name] = spec.good
            questions.append(Question(Subject.FACT, spec.name, spec.settled_by))
    more = [(office, count) for office, count in counts.items() if count > approvals.get(office, 0)]
    return (*questions, *(Question(Subject.APPROVAL, office, ((office, count),)) for office, count in more))


def plainly_said(
    verdict: Verdict,
    clauses: list[Clause],
    values: Mapping[str, str],
    approvals: Mapping[str, int],
    questions: tuple[Question, ...] = (),
) -> Decision:
    mattered = set[str]().union(*(reasons(clause.condition, values, approvals) for clause in clauses))
    return Decision(verdict, tuple(clause.id for clause in clauses), tuple(sorted(mattered)), questions)


def check(agreement: Agreement, facts: Facts, approvals: dict[str, int]) -> Verdict:
    decision = decide(agreement, facts, approvals)
    assert decision == plainly_decided(agreement, facts, approvals)
    assert permitted(agreement, facts.view, approvals) is plainly_permitted(agreement, facts.as_dict(), approvals)
    return decision.verdict


@often
@given(CASES)
def test_every_part_of_a_decision_is_what_the_plain_reading_says(case: Case) -> None:
    check(*case)


def test_every_part_of_a_decision_of_larger_random_agreements() -> None:
    for seed in range(150):
        decides_as_plainly(seed)


def decides_as_plainly(seed: int) -> None:
    rng = seeded(seed)
    agreement = random_agreement(rng, facts_most=8, clauses_most=12)
    for _ in range(20):
        check(agreement, *random_request(rng, agreement))


def test_every_part_of_a_decision_of_the_shipped_agreement() -> None:
    agreement = shipped.read_agreement(shipped.shipped_agreement())
    rng = seeded(4)
    seen = set()
    for _ in range(1_500):
        odd = rng.sample(agreement.vocabulary.specs, rng.randint(0, 6))
        values = {spec.name: spec.good for spec in agreement.vocabulary.specs}
        values |= {spec.name: rng.choice((UNKNOWN, "odd", *spec.values)) for spec in odd}
        if rng.random() < 0.1:
            del values[rng.choice(tuple(values))]
        approvals = {office.id: rng.randint(0, 3) for office in agreement.offices if rng.random() < 0.5}
        seen.add(check(agreement, Facts.of(values), approvals))
    assert seen == set(Verdict)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_vocabulary_may_have_any_number_of_facts(count: int) -> None:
    made = CompiledAgreement([], Vocabulary(SPECS[:count]))
    request = made.request({"a": YES}, {})
    assert list(made.names(request.bad)) == ["b"][: max(count - 1, 0)]
