# SPDX-License-Identifier: Apache-2.0
"""Facts join by the worst, whoever speaks first, and only those speak who are entitled."""

from __future__ import annotations

import itertools
import pickle
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.errors import BrightlineError, CallerError, UnentitledStatement
from brightline.core.facts import NO, UNKNOWN, YES, Facts, FactSpec, Source, Statement, Vocabulary

COLOUR = FactSpec("colour", "green", ("red", "green", "blue"), frozenset({Source.DETECTOR, Source.PATTERN}))
LAWFUL = FactSpec("lawful", YES, set_by=frozenset({Source.REGISTRATION}))
SEALED = FactSpec("sealed", YES, set_by=frozenset({Source.ATTESTATION}))
HARM = FactSpec("harm", NO, set_by=frozenset({Source.DETECTOR}), settled_by=(("cleared", 2),))
VOCABULARY = Vocabulary((COLOUR, LAWFUL, SEALED, HARM))

COLOURS = st.sampled_from(("green", UNKNOWN, "red", "blue"))


def colour(value: str, source: Source = Source.DETECTOR) -> Statement:
    return Statement("colour", value, source, "d1")


STATEMENTS = st.lists(
    st.one_of(
        st.builds(colour, COLOURS, st.sampled_from((Source.DETECTOR, Source.PATTERN))),
        st.builds(
            Statement,
            st.just("lawful"),
            st.sampled_from((YES, NO, UNKNOWN)),
            st.just(Source.REGISTRATION),
            st.just("r1"),
        ),
        st.builds(
            Statement,
            st.just("harm"),
            st.sampled_from((YES, NO, UNKNOWN)),
            st.just(Source.DETECTOR),
            st.just("d2"),
        ),
    ),
    max_size=12,
)


def test_the_chain_is_good_then_unknown_then_every_other_value() -> None:
    assert [HARM.rank(value) for value in (NO, UNKNOWN, YES)] == [0, 1, 2]
    assert [LAWFUL.rank(value) for value in (YES, UNKNOWN, NO)] == [0, 1, 2]
    assert [COLOUR.rank(value) for value in ("green", UNKNOWN, "red", "blue", "no such word")] == [
        0,
        1,
        2,
        2,
        2,
    ]


@given(COLOURS, COLOURS, COLOURS)
def test_worst_is_commutative_associative_idempotent_and_never_better(a: str, b: str, c: str) -> None:
    worst = COLOUR.worst
    assert worst(a, b) == worst(b, a)
    assert worst(worst(a, b), c) == worst(a, worst(b, c))
    assert worst(a, a) == a
    assert worst(a, b) in (a, b)
    assert COLOUR.rank(worst(a, b)) == max(COLOUR.rank(a), COLOUR.rank(b))


def test_what_nobody_stated_is_unknown() -> None:
    assert VOCABULARY.join(()).as_dict() == dict.fromkeys(("colour", "harm", "lawful", "sealed"), UNKNOWN)


def test_one_good_statement_makes_a_fact_good_and_one_bad_among_many_makes_it_bad() -> None:
    assert VOCABULARY.join([colour("green")])["colour"] == "green"
    assert VOCABULARY.join([colour("green"), colour("red"), colour("green")])["colour"] == "red"
    assert VOCABULARY.join([colour("green"), colour(UNKNOWN, Source.PATTERN)])["colour"] == UNKNOWN


@given(STATEMENTS, st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_of_statements_changes_the_facts(
    statements: list[Statement], random: Random
) -> None:
    joined = VOCABULARY.join(statements)
    shuffled = random.sample(statements, len(statements))
    assert VOCABULARY.join(shuffled) == joined
    assert VOCABULARY.join([*statements, *statements[::2], *reversed(statements)]) == joined


@given(STATEMENTS, STATEMENTS)
def test_a_further_statement_never_makes_a_fact_better_that_was_stated_before(
    statements: list[Statement], more: list[Statement]
) -> None:
    before, after = VOCABULARY.join(statements), VOCABULARY.join([*statements, *more])
    for name in {statement.fact for statement in statements}:
        spec = VOCABULARY.spec(name)
        assert spec.rank(after[name]) >= spec.rank(before[name])


@given(STATEMENTS, STATEMENTS)
def test_joining_in_two_halves_is_joining_at_once(left: list[Statement], right: list[Statement]) -> None:
    both, one, other = VOCABULARY.join([*left, *right]), VOCABULARY.join(left), VOCABULARY.join(right)
    for name in {s.fact for s in left} & {s.fact for s in right}:
        assert both[name] == VOCABULARY.spec(name).worst(one[name], other[name])


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        (Statement("weather", YES, Source.DETECTOR, "d1"), "no such fact"),
        (Statement("lawful", YES, Source.DETECTOR, "d1"), "only registration"),
        (Statement("sealed", YES, Source.REGISTRATION, "r1"), "only attestation"),
        (Statement("harm", "maybe", Source.DETECTOR, "d1"), "yes, no and unknown"),
        (Statement("harm", "green", Source.DETECTOR, "d1"), "yes, no and unknown"),
    ],
)
def test_a_statement_that_the_agreement_does_not_entitle_is_our_own_mistake(statement: Statement, says: str) -> None:
    with pytest.raises(UnentitledStatement, match=says) as caught:
        VOCABULARY.join([colour("green"), statement])
    assert isinstance(caught.value, BrightlineError)
    assert not isinstance(caught.value, CallerError)
    assert caught.value.status == 500


def test_a_fact_without_a_source_can_be_stated_by_nobody() -> None:
    with pytest.raises(UnentitledStatement, match="only nobody"):
        Vocabulary((FactSpec("orphan", YES),)).join([Statement("orphan", YES, Source.REGISTRATION, "r")])


def test_a_fact_is_of_the_installation_if_nobody_else_sets_it() -> None:
    installation = {Source.ATTESTATION, Source.ADMISSION, Source.ROSTER}
    for size in range(len(Source) + 1):
        for sources in itertools.combinations(Source, size):
            spec = FactSpec("x", YES, set_by=frozenset(sources))
            assert spec.installation == (bool(sources) and set(sources) <= installation)


def test_a_fact_is_settleable_if_an_office_settles_it() -> None:
    assert HARM.settleable
    assert not LAWFUL.settleable


def test_equal_facts_are_equal_hash_alike_and_keep_one_order() -> None:
    one, other = Facts.of({"b": NO, "a": YES}), Facts.of({"a": YES, "b": NO})
    assert one == other
    assert hash(one) == hash(other)
    assert list(one.items()) == [("a", YES), ("b", NO)]
    assert list(one) == ["a", "b"]
    assert one != Facts.of({"a": YES, "b": YES})


def test_facts_that_are_not_in_canonical_order_are_not_made() -> None:
    for pairs in ((("b", NO), ("a", YES)), (("a", YES), ("a", NO))):
        with pytest.raises(ValueError, match="canonical order"):
            Facts(pairs)


def test_a_fact_that_is_not_there_is_unknown_to_get_and_an_error_to_index() -> None:
    facts = Facts.of({"a": YES})
    assert facts.get("b") == UNKNOWN
    assert "b" not in facts
    with pytest.raises(KeyError):
        facts["b"]


def test_new_values_make_new_facts_and_leave_the_old_ones_alone() -> None:
    facts = Facts.of({"a": YES, "b": NO})
    assert facts["a"] == YES
    changed = facts.with_values({"a": UNKNOWN, "c": YES})
    assert changed.as_dict() == {"a": UNKNOWN, "b": NO, "c": YES}
    facts.as_dict()["a"] = NO
    assert facts.as_dict() == {"a": YES, "b": NO}
    assert len(facts) == 2


def test_facts_are_frozen_and_their_view_is_read_only() -> None:
    facts = Facts.of({"a": YES})
    with pytest.raises(AttributeError):
        facts.pairs = ()  # type: ignore[misc]
    with pytest.raises(TypeError):
        facts.view["a"] = NO  # type: ignore[index]


def test_facts_travel_between_processes() -> None:
    facts = Facts.of({"a": YES, "b": NO})
    assert facts["a"] == YES  # the view is made, and must not hinder the journey
    assert pickle.loads(pickle.dumps(facts)) == facts  # noqa: S301 - our own bytes


def test_a_vocabulary_names_each_fact_once() -> None:
    with pytest.raises(ValueError, match="once"):
        Vocabulary((LAWFUL, LAWFUL))
