# SPDX-License-Identifier: Apache-2.0
"""The verdict: against an oracle that tries every completion, and the laws that make it safe to trust."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator, Mapping
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.agreement.clause import Agreement, Change, Clause, ClauseKind, Office, Parties, Verdict
from brightline.core.agreement.condition import (
    NEVER,
    And,
    Approvals,
    Compare,
    Condition,
    Not,
    Or,
    evaluate,
    parse,
    reasons,
)
from brightline.core.agreement.decide import REMEMBERED_MAX, Decision, Question, Subject, decide, decided, permitted
from brightline.core.agreement.polarity import Polarity, check_polarity
from brightline.core.facts import NO, UNKNOWN, YES, Facts, FactSpec, Source, Vocabulary

Case: TypeAlias = tuple[Agreement, Facts, dict[str, int]]

SEVERITY = {Verdict.PERMIT: 0, Verdict.HOLD: 1, Verdict.DENY: 2}


def agreement_of(
    specs: tuple[FactSpec, ...], clauses: tuple[Clause, ...], offices: tuple[str, ...] = ("first", "second")
) -> Agreement:
    day = datetime.date(2020, 1, 1)
    return Agreement(
        id="test",
        version=1,
        digest="sha256:" + "0" * 64,
        encoding="sha256:" + "0" * 64,
        parties=Parties("a provider", "a customer"),
        as_of=day,
        vocabulary=Vocabulary(specs),
        offices=tuple(Office(office, office) for office in offices),
        clauses=clauses,
        authorities=(),
        examples=(),
        change=Change("no-weaker", ("somebody",)),
        ladder=(),
    )


# ---- the oracle: what the design says, word for word, by trying everything ---------------------------------


def plainly_permitted(agreement: Agreement, values: Mapping[str, str], approvals: Mapping[str, int]) -> bool:
    granted = False
    for clause in agreement.clauses:
        applies = evaluate(clause.condition, values, approvals)
        match clause.kind:
            case ClauseKind.GRANT:
                granted = granted or applies
            case ClauseKind.REDLINE | ClauseKind.DENY:
                if applies:
                    return False
            case ClauseKind.REQUIRE:
                if applies and not evaluate(clause.that, values, approvals):
                    return False
    return granted


def completions(
    agreement: Agreement, facts: Facts, approvals: Mapping[str, int], most: int
) -> Iterator[tuple[dict[str, str], dict[str, int]]]:
    open_facts = [spec for spec in agreement.vocabulary.specs if spec.settled_by and facts.get(spec.name) == UNKNOWN]
    offices = [office.id for office in agreement.offices]
    counts = [range(approvals.get(office, 0), max(approvals.get(office, 0), most) + 1) for office in offices]
    for values in itertools.product(*((*spec.values, UNKNOWN) for spec in open_facts)):
        answered = dict(zip((spec.name for spec in open_facts), values, strict=True))
        for given_counts in itertools.product(*counts):
            yield {**facts.as_dict(), **answered}, dict(zip(offices, given_counts, strict=True))


def oracle(agreement: Agreement, facts: Facts, approvals: Mapping[str, int], most: int) -> Verdict:
    installation = {Source.ATTESTATION, Source.ADMISSION, Source.ROSTER}
    if any(
        spec.set_by and spec.set_by <= installation and facts.get(spec.name) == UNKNOWN
        for spec in agreement.vocabulary.specs
    ):
        return Verdict.UNAVAILABLE
    if plainly_permitted(agreement, facts.as_dict(), approvals):
        return Verdict.PERMIT
    if any(plainly_permitted(agreement, *each) for each in completions(agreement, facts, approvals, most)):
        return Verdict.HOLD
    return Verdict.DENY


def check_decision(agreement: Agreement, facts: Facts, approvals: dict[str, int], most: int) -> Decision:
    decision = decide(agreement, facts, approvals)
    assert decision.verdict is oracle(agreement, facts, approvals, most)
    order = [clause.id for clause in agreement.clauses]
    assert list(decision.clauses) == sorted(decision.clauses, key=order.index)
    if decision.verdict is not Verdict.UNAVAILABLE:
        assert decision.clauses
        assert decision.facts_that_mattered == plain_reasons(agreement, facts, approvals, decision, most)
    check_questions(agreement, facts, approvals, decision)
    return decision


def plain_reasons(
    agreement: Agreement, facts: Facts, approvals: dict[str, int], decision: Decision, most: int
) -> tuple[str, ...]:
    values, counts = facts.as_dict(), approvals
    if decision.verdict is Verdict.DENY:  # then what counts is what people could not have mended
        settled = {
            spec.name: spec.good
            for spec in agreement.vocabulary.specs
            if spec.settled_by and facts.get(spec.name) == UNKNOWN
        }
        values, counts = {**values, **settled}, dict.fromkeys(approvals, most)
    clauses = [agreement.clause(clause) for clause in decision.clauses]
    return tuple(sorted(set().union(*(reasons(clause.condition, values, counts) for clause in clauses))))


def check_questions(agreement: Agreement, facts: Facts, approvals: dict[str, int], decision: Decision) -> None:
    """All answered well: permit. All but one, or one approval fewer: not yet."""
    if decision.verdict is not Verdict.HOLD:
        assert decision.questions == ()
        return
    assert decision.questions
    assert answered(agreement, facts, approvals, decision.questions) is Verdict.PERMIT
    for question in decision.questions:
        others = tuple(other for other in decision.questions if other is not question)
        assert answered(agreement, facts, approvals, others) is not Verdict.PERMIT
        if question.subject is Subject.APPROVAL:
            ((office, count),) = question.quorum
            fewer = Question(Subject.APPROVAL, office, ((office, count - 1),))
            assert count > approvals.get(office, 0)
            assert answered(agreement, facts, approvals, (*others, fewer)) is not Verdict.PERMIT
        else:
            assert facts.get(question.name) == UNKNOWN
            assert question.quorum == agreement.vocabulary.spec(question.name).settled_by


def answered(
    agreement: Agreement, facts: Facts, approvals: dict[str, int], questions: tuple[Question, ...]
) -> Verdict:
    spec = agreement.vocabulary.spec
    good = {q.name: spec(q.name).good for q in questions if q.subject is Subject.FACT}
    counts = dict(pair for q in questions if q.subject is Subject.APPROVAL for pair in q.quorum)
    return decide(agreement, facts.with_values(good), {**approvals, **counts}).verdict


# ---- random small agreements ------------------------------------------------------------------------------

OFFICES = ("first", "second")
SOURCES = (
    frozenset({Source.DETECTOR}),
    frozenset({Source.DETECTOR, Source.REGISTRATION}),
    frozenset({Source.REGISTRATION}),
    frozenset({Source.ATTESTATION}),
)


# Strategies are built once: built anew for each agreement, they would cost more than all that is tested.
_SPEC = st.tuples(
    st.sampled_from(((YES, NO), (NO, YES), ("x", "y", "z"))),
    st.sampled_from(SOURCES),
    st.sampled_from(((), (("first", 1),), (("first", 2), ("second", 1)))),
)
_SHAPE: st.SearchStrategy[Condition] = st.recursive(
    st.builds(Approvals, st.sampled_from(OFFICES), st.integers(1, 2), st.integers(0, 7)),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: And(tuple(parts))),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: Or(tuple(parts))),
        inner.map(lambda part: Not(Not(part))),
    ),
    max_leaves=4,
)
_AGREEMENT = st.tuples(
    st.lists(_SPEC, min_size=1, max_size=4),
    st.lists(st.tuples(st.sampled_from(ClauseKind), _SHAPE, _SHAPE), max_size=4),
    st.tuples(st.integers(0, 4), _SHAPE),
)


def about_facts(shape: Condition, specs: tuple[FactSpec, ...], equal: bool) -> Condition:
    """Put a comparison for each count of a shape; its column says of which fact, and whether under `not`."""
    match shape:
        case Approvals(_, _, number):
            spec = specs[number % len(specs)]
            if number < 4:
                return Compare(spec.name, equal, spec.good)
            return Not(Compare(spec.name, not equal, spec.good))
        case And(parts):
            return And(tuple(about_facts(part, specs, equal) for part in parts))
        case Or(parts):
            return Or(tuple(about_facts(part, specs, equal) for part in parts))
        case Not(part):
            return Not(about_facts(part, specs, equal))
        case Compare():
            raise AssertionError("a shape has no comparisons")


def build(
    drawn: tuple[
        list[tuple[tuple[str, ...], frozenset[Source], tuple[tuple[str, int], ...]]],
        list[tuple[ClauseKind, Condition, Condition]],
        tuple[int, Condition],
    ],
) -> Agreement:
    drawn_specs, drawn_clauses, (place, grant) = drawn
    specs = tuple(
        FactSpec(name, values[0], values, set_by, settled_by if Source.DETECTOR in set_by else ())
        for name, (values, set_by, settled_by) in zip("abcd", drawn_specs, strict=False)
    )
    drawn_clauses = [*drawn_clauses[:place], (ClauseKind.GRANT, grant, NEVER), *drawn_clauses[place:]]
    clauses = tuple(
        Clause(
            f"C{i}",
            kind,
            ("words",),
            about_facts(shape, specs, kind is ClauseKind.GRANT),
            that if kind is ClauseKind.REQUIRE else NEVER,
        )
        for i, (kind, shape, that) in enumerate(drawn_clauses)
    )
    return agreement_of(specs, clauses)


AGREEMENTS = _AGREEMENT.map(build)

# Good more often: else nearly every random exchange is denied, and the oracle is asked the same each time.
_CHOICES = st.lists(st.sampled_from(("good", "good", UNKNOWN, "bad", "worse")), min_size=4, max_size=4)


def value_of(spec: FactSpec, choice: str) -> str:
    return {"good": spec.good, UNKNOWN: UNKNOWN, "bad": spec.values[1], "worse": spec.values[-1]}[choice]


def with_facts(drawn: tuple[Agreement, list[str], dict[str, int]]) -> Case:
    agreement, choices, approvals = drawn
    specs = agreement.vocabulary.specs
    facts = {spec.name: value_of(spec, choice) for spec, choice in zip(specs, choices, strict=False)}
    return agreement, Facts.of(facts), approvals


CASES = st.tuples(AGREEMENTS, _CHOICES, st.dictionaries(st.sampled_from(OFFICES), st.integers(0, 3))).map(with_facts)

often = settings(max_examples=1000, deadline=None)
less_often = settings(max_examples=300, deadline=None)


@often
@given(CASES)
def test_the_verdict_is_what_trying_every_completion_gives(case: Case) -> None:
    agreement, facts, approvals = case
    check_decision(agreement, facts, approvals, most=2)


@less_often
@given(CASES)
def test_what_is_remembered_is_what_is_decided(case: Case) -> None:
    agreement, facts, approvals = case
    more = {office: count + 1 for office, count in approvals.items()}

    for given_now in (approvals, more, dict(reversed(approvals.items())), approvals):
        assert decided(agreement, Facts(facts.pairs), given_now) == decide(agreement, facts, given_now)


@less_often
@given(CASES, _CHOICES)
def test_a_worse_fact_never_loosens(case: Case, choices: list[str]) -> None:
    agreement, facts, approvals = case
    specs = agreement.vocabulary.specs
    worse = facts.with_values(
        {
            spec.name: spec.worst(facts[spec.name], value_of(spec, choice))
            for spec, choice in zip(specs, choices, strict=False)
        }
    )
    before, after = decide(agreement, facts, approvals).verdict, decide(agreement, worse, approvals).verdict
    # Unavailable is no verdict, so there is nothing to loosen; good and bad are compared with each other.
    if Verdict.UNAVAILABLE not in (before, after):
        assert SEVERITY[after] >= SEVERITY[before]


@less_often
@given(CASES, st.sampled_from(OFFICES), st.integers(1, 9))
def test_more_approvals_never_tighten_and_never_release_a_deny(case: Case, office: str, more: int) -> None:
    agreement, facts, approvals = case
    before = decide(agreement, facts, approvals)
    after = decide(agreement, facts, {**approvals, office: approvals.get(office, 0) + more})
    if before.verdict is Verdict.UNAVAILABLE:
        assert after == before
    else:
        assert SEVERITY[after.verdict] <= SEVERITY[before.verdict]
        assert (before.verdict is Verdict.DENY) == (after.verdict is Verdict.DENY)


@less_often
@given(CASES)
def test_while_a_red_line_or_a_deny_holds_there_is_no_permit_whoever_approves(case: Case) -> None:
    agreement, facts, _ = case
    forbids = [
        clause.id
        for clause in agreement.clauses
        if clause.kind in (ClauseKind.REDLINE, ClauseKind.DENY) and evaluate(clause.condition, facts, {})
    ]
    decision = decide(agreement, facts, dict.fromkeys(OFFICES, 99))
    if forbids:
        assert decision.verdict is not Verdict.PERMIT
    if decision.verdict is Verdict.HOLD:
        assert set(forbids) <= set(decision.clauses)


@given(AGREEMENTS)
def test_random_agreements_are_such_as_would_load(agreement: Agreement) -> None:
    for clause in agreement.clauses:
        polarity = Polarity.GRANTS if clause.kind is ClauseKind.GRANT else Polarity.RESTRICTS
        check_polarity(clause.condition, polarity, agreement.vocabulary, frozenset(OFFICES))
        check_polarity(clause.that, Polarity.APPROVES, agreement.vocabulary, frozenset(OFFICES))


# ---- by hand ---------------------------------------------------------------------------------------------

DETECTED = frozenset({Source.DETECTOR})
STATED = frozenset({Source.REGISTRATION})
SPECS = (
    FactSpec("lawful", YES, set_by=STATED),
    FactSpec("sealed", YES, set_by=frozenset({Source.ATTESTATION})),
    FactSpec("harm", NO, set_by=DETECTED, settled_by=(("first", 2), ("second", 1))),
    FactSpec("risky", NO, set_by=DETECTED, settled_by=(("first", 1),)),
    FactSpec("bounded", YES, set_by=STATED),
)
CLAUSES = (
    Clause("RED", ClauseKind.REDLINE, ("q",), parse("harm != 'no'")),
    Clause("GRANT", ClauseKind.GRANT, ("q",), parse("lawful == 'yes'")),
    Clause("SEAL", ClauseKind.DENY, ("q",), parse("sealed != 'yes'")),
    Clause("BOUND", ClauseKind.DENY, ("q",), parse("risky != 'no' and bounded != 'yes'")),
    Clause("ASK", ClauseKind.REQUIRE, ("q",), parse("risky != 'no'"), parse("approvals.second >= 2")),
)
AGREEMENT = agreement_of(SPECS, CLAUSES)
ALL_GOOD = Facts.of({spec.name: spec.good for spec in SPECS})


def test_all_good_is_permitted_by_the_grant() -> None:
    assert decide(AGREEMENT, ALL_GOOD, {}) == Decision(Verdict.PERMIT, ("GRANT",), ("lawful",))


def test_so_many_decisions_are_remembered_and_no_more() -> None:
    agreement = agreement_of(SPECS, CLAUSES)
    for count in range(REMEMBERED_MAX + 3):
        decided(agreement, ALL_GOOD, {"first": count})
    assert len(agreement.compiled.decided) == 3


def test_a_permit_names_the_requirements_that_were_met() -> None:
    decision = decide(AGREEMENT, ALL_GOOD.with_values({"risky": YES}), {"second": 2})
    assert decision == Decision(Verdict.PERMIT, ("GRANT", "ASK"), ("lawful", "risky"))


def test_nothing_is_permitted_by_silence() -> None:
    assert decide(AGREEMENT, Facts(), {}).verdict is Verdict.UNAVAILABLE
    decision = decide(AGREEMENT, Facts.of({"sealed": YES}), {})
    assert decision == Decision(Verdict.DENY, ("GRANT",), ("lawful",))


def test_a_value_that_the_agreement_does_not_know_is_bad_and_nobody_settles_it() -> None:
    assert decide(AGREEMENT, ALL_GOOD.with_values({"harm": "perhaps"}), {"first": 9}).verdict is Verdict.DENY


def test_an_unknown_of_the_installation_is_unavailable_whatever_else_is_so() -> None:
    facts = ALL_GOOD.with_values({"sealed": UNKNOWN, "harm": YES, "lawful": NO})
    assert decide(AGREEMENT, facts, {}) == Decision(Verdict.UNAVAILABLE, ("SEAL",), ("sealed",))


def test_a_bad_fact_of_the_installation_is_a_deny() -> None:
    decision = decide(AGREEMENT, ALL_GOOD.with_values({"sealed": NO}), {})
    assert decision == Decision(Verdict.DENY, ("SEAL",), ("sealed",))


def test_a_deny_names_only_what_stands_in_the_way_whatever_people_say() -> None:
    facts = ALL_GOOD.with_values({"harm": UNKNOWN, "risky": YES, "bounded": UNKNOWN})
    assert decide(AGREEMENT, facts, {}) == Decision(Verdict.DENY, ("BOUND",), ("bounded", "risky"))


def test_a_deny_names_no_fact_that_people_could_have_settled() -> None:
    deny = Clause("EITHER", ClauseKind.DENY, ("q",), parse("risky != 'no' or bounded != 'yes'"))
    facts = ALL_GOOD.with_values({"risky": UNKNOWN, "bounded": NO})
    decision = decide(agreement_of(SPECS, (deny, CLAUSES[1])), facts, {})
    assert decision == Decision(Verdict.DENY, ("EITHER",), ("bounded",))


def test_a_hold_asks_the_offices_that_may_settle_the_fact() -> None:
    decision = decide(AGREEMENT, ALL_GOOD.with_values({"harm": UNKNOWN}), {"first": 9, "second": 9})
    assert decision == Decision(
        Verdict.HOLD, ("RED",), ("harm",), (Question(Subject.FACT, "harm", (("first", 2), ("second", 1))),)
    )


def test_where_an_answer_or_an_approval_would_do_people_are_asked_for_the_answer() -> None:
    decision = decide(AGREEMENT, ALL_GOOD.with_values({"risky": UNKNOWN}), {})
    assert decision.clauses == ("ASK",)
    assert decision.questions == (Question(Subject.FACT, "risky", (("first", 1),)),)


@pytest.mark.parametrize("given_before", [0, 1])
def test_an_approval_is_asked_for_as_the_number_of_people_in_all(given_before: int) -> None:
    decision = decide(AGREEMENT, ALL_GOOD.with_values({"risky": YES}), {"second": given_before})
    assert decision.verdict is Verdict.HOLD
    assert decision.questions == (Question(Subject.APPROVAL, "second", (("second", 2),)),)


@pytest.mark.parametrize("counts", [(3, 1), (1, 3)])
def test_of_several_requirements_the_one_that_asks_for_most_people_counts(counts: tuple[int, int]) -> None:
    asks = tuple(
        Clause(f"ASK{n}", ClauseKind.REQUIRE, ("q",), parse("risky != 'no'"), parse(f"approvals.first >= {n}"))
        for n in counts
    )
    agreement = agreement_of(SPECS, (CLAUSES[1], *asks))
    facts = ALL_GOOD.with_values({"risky": YES})
    assert agreement.approval_caps == {"first": 3, "second": 0}
    assert decide(agreement, facts, {}).questions == (Question(Subject.APPROVAL, "first", (("first", 3),)),)
    assert decide(agreement, facts, {"first": 2}).clauses == ("ASK3",)
    assert decide(agreement, facts, {"first": 3}).verdict is Verdict.PERMIT


def test_nobody_is_asked_for_what_approvals_already_given_cover() -> None:
    facts = ALL_GOOD.with_values({"harm": UNKNOWN, "risky": UNKNOWN})
    names = [question.name for question in decide(AGREEMENT, facts, {"second": 2}).questions]
    assert names == ["harm"]
    assert [question.name for question in decide(AGREEMENT, facts, {}).questions] == ["harm", "risky"]


def test_a_grant_that_fails_names_only_the_facts_by_which_it_fails() -> None:
    grant = Clause("GRANT", ClauseKind.GRANT, ("q",), parse("lawful == 'yes' and bounded == 'yes'"))
    decision = decide(agreement_of(SPECS, (grant,)), ALL_GOOD.with_values({"bounded": NO}), {})
    assert decision == Decision(Verdict.DENY, ("GRANT",), ("bounded",))


def test_a_deny_that_holds_by_one_of_two_facts_names_that_one() -> None:
    deny = Clause("EITHER", ClauseKind.DENY, ("q",), parse("lawful != 'yes' or bounded != 'yes'"))
    decision = decide(agreement_of(SPECS, (deny, CLAUSES[1])), ALL_GOOD.with_values({"bounded": NO}), {})
    assert decision == Decision(Verdict.DENY, ("EITHER",), ("bounded",))


def test_approvals_of_an_office_that_nobody_declared_count_for_nothing() -> None:
    decision = decide(AGREEMENT, ALL_GOOD.with_values({"risky": YES}), {"third": 9})
    assert decision.verdict is Verdict.HOLD


def test_an_agreement_without_a_clause_permits_nothing() -> None:
    assert not permitted(agreement_of(SPECS, ()), ALL_GOOD.view, {})
