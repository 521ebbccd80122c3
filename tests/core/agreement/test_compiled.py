# SPDX-License-Identifier: Apache-2.0
"""The form in which an agreement decides says what the plain reading says, also for what a file could not hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.agreement.compiled import CompiledAgreement
from brightline.core.agreement.condition import And, Approvals, Compare, Condition, Not, Or, compile, evaluate, parse
from brightline.core.facts import NO, UNKNOWN, YES, FactSpec, Source, Vocabulary
from tests.core.agreement.at_random import random_agreement, random_request, seeded

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


@pytest.mark.parametrize("seed", range(150))
def test_random_agreements_and_requests(seed: int) -> None:
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
