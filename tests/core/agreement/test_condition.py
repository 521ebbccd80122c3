# SPDX-License-Identifier: Apache-2.0
"""The language of conditions: what is read, what it means, and what is refused as not monotone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.agreement.condition import (
    CONDITION_CHARS_MAX,
    CONDITION_DEPTH_MAX,
    NEVER,
    And,
    Approvals,
    Compare,
    Condition,
    Not,
    Or,
    compile,
    evaluate,
    facts_of,
    leaves,
    offices_of,
    parse,
    reasons,
)
from brightline.core.agreement.polarity import Polarity, check_polarity
from brightline.core.errors import AgreementError
from brightline.core.facts import NO, UNKNOWN, YES, FactSpec, Vocabulary

VOCABULARY = Vocabulary(
    (FactSpec("harm", NO), FactSpec("lawful", YES), FactSpec("place", "here", ("here", "there", "nowhere")))
)
OFFICES = frozenset({"cleared", "decider"})
NOBODY: dict[str, int] = {}


def is_a(column: int = 1) -> Compare:
    return Compare("a", True, YES, column)


# ---- reading ---------------------------------------------------------------------------------------------


def test_a_comparison_is_read_with_its_column() -> None:
    assert parse("a == 'yes'") == Compare("a", True, "yes", 1)
    assert parse('  a!="no"') == Compare("a", False, "no", 3)


def test_a_count_of_approvals_is_read_with_its_column() -> None:
    assert parse("(approvals.cleared >= 2)") == Approvals("cleared", 2, 2)


def test_and_binds_tighter_than_or_and_not_tighter_than_and() -> None:
    assert parse("a == 'yes' or b == 'yes' and c == 'yes'") == Or(
        (is_a(), And((Compare("b", True, YES, 15), Compare("c", True, YES, 30))))
    )
    assert parse("not a == 'yes' and b == 'yes'") == And((Not(is_a(5)), Compare("b", True, YES, 20)))


def test_parentheses_group_and_leave_no_trace() -> None:
    assert parse("((a == 'yes'))") == is_a(3)
    assert parse("(a == 'yes' or b == 'yes') and c == 'yes'") == And(
        (Or((is_a(2), Compare("b", True, YES, 16))), Compare("c", True, YES, 32))
    )


def test_names_that_begin_with_a_word_of_the_language_are_names() -> None:
    assert parse("order == 'yes' and notice == 'yes' or android == 'yes'") == Or(
        (
            And((Compare("order", True, YES, 1), Compare("notice", True, YES, 20))),
            Compare("android", True, YES, 39),
        )
    )


@pytest.mark.parametrize(
    ("text", "column", "found", "expected"),
    [
        ("", 1, "the end", "a fact"),
        ("a", 2, "the end", "`==` or `!=`"),
        ("a == ", 6, "the end", "a value in quotes"),
        ("a == yes", 6, "`yes`", "a value in quotes"),
        ("a = 'yes'", 3, "'='", "=="),
        ("a == 'yes", 6, '"\'"', "quoted values"),
        ("a == 'y''", 9, '"\'"', "quoted values"),
        ("a == ''", 6, '"\'"', "quoted values"),
        ("a == 'yes\"", 6, '"\'"', "quoted values"),
        ("a >= 'yes'", 3, "`>=`", "`==` or `!=`"),
        ("a == 'yes' b == 'no'", 12, "`b`", "`and`, `or` or the end"),
        ("a == 'yes' and", 15, "the end", "a fact"),
        ("a == 'yes' and or b == 'no'", 16, "`or`", "a fact"),
        ("(a == 'yes'", 12, "the end", "`)`"),
        ("a == 'yes')", 11, "`)`", "the end"),
        ("not", 4, "the end", "a fact"),
        ("'yes' == a", 1, "`'yes'`", "a fact"),
        ("a == 'yes' & b == 'no'", 12, "'&'", "and, or, not"),
        ("a == 'yes' AND b == 'no'", 12, "`AND`", "`and`"),
        ("approvals >= 1", 11, "`>=`", "`.` and an office"),
        ("approvals.cleared == 1", 19, "`==`", "`>=`"),
        ("approvals.cleared > 1", 19, "'>'", ">="),
        ("approvals.cleared >= 0", 22, "`0`", "1 to 99"),
        ("approvals.cleared >= 100", 22, "`100`", "1 to 99"),
        ("approvals.cleared >= 1e3", 22, "'1'", "and, or, not"),
        ("approvals.cleared >= '1'", 22, "`'1'`", "a count"),
        ("approvals.not >= 1", 11, "`not`", "an office"),
        ("a\u2009== 'yes'", 2, "'\\u2009'", "and, or, not"),
        ("\u0430 == 'yes'", 1, "'\u0430'", "and, or, not"),
        ("a == 'yes'; b", 11, "';'", "and, or, not"),
        ("__import__('os')", 11, "`(`", "`==` or `!=`"),
    ],
)
def test_what_is_not_in_the_grammar_is_refused_with_its_column_and_a_mend(
    text: str, column: int, found: str, expected: str
) -> None:
    with pytest.raises(AgreementError) as caught:
        parse(text)
    assert caught.value.where == f"column {column}"
    assert found in str(caught.value)
    assert expected in caught.value.mend


@given(st.text(alphabet="ab=!'\"() .>1andortyesapprovals", max_size=40))
def test_any_text_is_read_or_refused_and_nothing_else_happens(text: str) -> None:
    try:
        condition = parse(text)
    except AgreementError:
        return
    assert leaves(condition)


def test_a_condition_that_is_too_long_is_refused() -> None:
    fits = "a == 'yes'" + " " * (CONDITION_CHARS_MAX - 10)
    assert parse(fits) == is_a()
    with pytest.raises(AgreementError, match="4097 characters"):
        parse(fits + " ")


@pytest.mark.parametrize(("opens", "closes"), [("(", ")"), ("not ", "")])
def test_a_condition_that_is_too_deep_is_refused(opens: str, closes: str) -> None:
    deepest = CONDITION_DEPTH_MAX - 1
    assert facts_of(parse(opens * deepest + "a == 'yes'" + closes * deepest)) == {"a"}
    for depth in (deepest + 1, 500):
        with pytest.raises(AgreementError, match="32 deep"):
            parse(opens * depth + "a == 'yes'" + closes * depth)


def test_the_reader_of_a_file_says_where_a_column_is() -> None:
    with pytest.raises(AgreementError) as caught:
        parse("a == yes", lambda column: f"x.toml:7:{column + 10}")
    assert caught.value.where == "x.toml:7:16"


# ---- meaning ---------------------------------------------------------------------------------------------

CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    st.one_of(
        st.builds(Compare, st.sampled_from("abc"), st.booleans(), st.sampled_from((YES, NO))),
        st.builds(Approvals, st.sampled_from(("cleared", "decider")), st.integers(1, 3)),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: And(tuple(parts))),
        st.lists(inner, max_size=3).map(lambda parts: Or(tuple(parts))),
        st.builds(Not, inner),
    ),
    max_leaves=8,
)
FACTS = st.dictionaries(st.sampled_from("abc"), st.sampled_from((YES, NO, UNKNOWN)))
APPROVALS = st.dictionaries(st.sampled_from(("cleared", "decider")), st.integers(0, 4))


def test_unknown_is_not_good_and_so_not_equal_to_any_value() -> None:
    for facts in ({"a": UNKNOWN}, {}):
        assert not evaluate(parse("a == 'yes'"), facts, NOBODY)
        assert not evaluate(parse("a == 'no'"), facts, NOBODY)
        assert evaluate(parse("a != 'yes'"), facts, NOBODY)
        assert evaluate(parse("not a == 'yes'"), facts, NOBODY)


def test_approvals_are_counted_and_an_office_that_is_not_there_has_given_none() -> None:
    two = parse("approvals.cleared >= 2")
    counts: list[dict[str, int]] = [{}, {"decider": 5}, {"cleared": 1}, {"cleared": 2}, {"cleared": 3}]
    assert [evaluate(two, {}, given) for given in counts] == [False, False, False, True, True]


def test_of_no_parts_a_conjunction_holds_and_a_disjunction_never() -> None:
    assert evaluate(And(()), {}, NOBODY)
    assert not evaluate(NEVER, {}, {"cleared": 99})
    assert not compile(NEVER)({}, {"cleared": 99})


@given(CONDITIONS, FACTS, APPROVALS)
def test_a_compiled_condition_says_what_the_plain_reading_says(
    condition: Condition, facts: dict[str, str], approvals: dict[str, int]
) -> None:
    assert compile(condition)(facts, approvals) is evaluate(condition, facts, approvals)


@given(CONDITIONS, FACTS, APPROVALS, st.data())
def test_facts_that_are_no_reason_could_have_had_any_value(
    condition: Condition, facts: dict[str, str], approvals: dict[str, int], data: st.DataObject
) -> None:
    why = reasons(condition, facts, approvals)
    assert why <= facts_of(condition)
    others = {name: data.draw(st.sampled_from((YES, NO, UNKNOWN))) for name in sorted(set("abc") - why)}
    assert evaluate(condition, {**facts, **others}, approvals) is evaluate(condition, facts, approvals)


def test_of_a_disjunction_that_holds_only_the_parts_that_hold_are_reasons() -> None:
    condition = parse("a != 'no' or (b != 'no' and c != 'no')")
    assert reasons(condition, {"a": NO, "b": YES, "c": YES}, NOBODY) == {"b", "c"}
    assert reasons(condition, {"a": YES, "b": YES, "c": NO}, NOBODY) == {"a"}
    assert reasons(condition, {"a": NO, "b": YES, "c": NO}, NOBODY) == {"a", "c"}


def test_facts_and_offices_are_found_wherever_they_stand() -> None:
    condition = parse("not (a == 'yes' or not b != 'no') and (approvals.x >= 1 or approvals.y >= 2)")
    assert facts_of(condition) == {"a", "b"}
    assert offices_of(condition) == {"x", "y"}


def test_not_is_pushed_inward_by_turning_the_operators() -> None:
    operators = [leaf.equal for leaf in leaves(parse("not (a == 'x' or not b == 'x')")) if isinstance(leaf, Compare)]
    assert operators == [False, True]


# ---- polarity --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("polarity", "text"),
    [
        (Polarity.GRANTS, "lawful == 'yes' and place == 'here'"),
        (Polarity.GRANTS, "not (harm != 'no' or lawful != 'yes')"),
        (Polarity.GRANTS, "not not harm == 'no'"),
        (Polarity.RESTRICTS, "harm != 'no' or place != 'here'"),
        (Polarity.RESTRICTS, "not (harm == 'no' and lawful == 'yes')"),
        (Polarity.APPROVES, "approvals.cleared >= 2 or (approvals.decider >= 1 and approvals.cleared >= 1)"),
        (Polarity.APPROVES, "not not approvals.cleared >= 2"),
    ],
)
def test_a_condition_of_the_right_polarity_is_let_through(polarity: Polarity, text: str) -> None:
    check_polarity(parse(text), polarity, VOCABULARY, OFFICES)


@pytest.mark.parametrize(
    ("polarity", "text", "column", "mend"),
    [
        (Polarity.GRANTS, "harm != 'yes'", 1, "harm == 'no'"),  # unknown would grant
        (Polarity.GRANTS, "lawful == 'yes' and harm == 'yes'", 21, "harm == 'no'"),
        (Polarity.GRANTS, "lawful != 'yes'", 1, "lawful == 'yes'"),
        (Polarity.GRANTS, "not lawful == 'no'", 5, "lawful != 'yes'"),
        (Polarity.GRANTS, "lawful == 'unknown'", 1, "lawful == 'yes'"),
        (Polarity.GRANTS, "approvals.cleared >= 2", 1, "nobody's approval grants"),
        (Polarity.RESTRICTS, "harm == 'yes'", 1, "harm != 'no'"),  # unknown would slip through
        (Polarity.RESTRICTS, "place == 'there'", 1, "place != 'here'"),
        (Polarity.RESTRICTS, "place != 'there'", 1, "place != 'here'"),
        (Polarity.RESTRICTS, "harm != 'unknown'", 1, "harm != 'no'"),
        (Polarity.RESTRICTS, "not harm != 'no'", 5, "harm == 'no'"),
        (Polarity.RESTRICTS, "harm != 'no' and not approvals.cleared >= 1", 22, "none lifts a deny"),
        (Polarity.APPROVES, "harm != 'no'", 1, "in `when`"),
        (Polarity.APPROVES, "not approvals.cleared >= 1", 5, "never make a verdict stricter"),
        (Polarity.APPROVES, "approvals.cleared >= 1 or not (approvals.decider >= 1)", 32, "stricter"),
        (Polarity.APPROVES, "approvals.boss >= 1", 1, "cleared, decider"),
        (Polarity.RESTRICTS, "weather != 'no'", 1, "declare it"),
        (Polarity.APPROVES, "weather != 'no'", 1, "declare it"),
    ],
)
def test_a_condition_of_the_wrong_polarity_is_refused_with_column_and_mend(
    polarity: Polarity, text: str, column: int, mend: str
) -> None:
    with pytest.raises(AgreementError) as caught:
        check_polarity(parse(text), polarity, VOCABULARY, OFFICES)
    assert caught.value.where == f"column {column}"
    assert mend in caught.value.mend


VALUES = {spec.name: (*spec.values, UNKNOWN) for spec in VOCABULARY.specs}


@given(
    st.recursive(
        st.one_of(
            *(
                st.builds(Compare, st.just(name), st.booleans(), st.sampled_from(values))
                for name, values in VALUES.items()
            )
        ),
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: And(tuple(parts))),
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: Or(tuple(parts))),
            st.builds(Not, inner),
        ),
        max_leaves=4,
    ),
    st.sampled_from((Polarity.GRANTS, Polarity.RESTRICTS)),
    st.data(),
)
def test_whatever_passes_the_check_is_monotone_in_every_fact(
    condition: Condition, polarity: Polarity, data: st.DataObject
) -> None:
    try:
        check_polarity(condition, polarity, VOCABULARY, OFFICES)
    except AgreementError:
        return
    facts = {name: data.draw(st.sampled_from(values)) for name, values in VALUES.items()}
    spec = data.draw(st.sampled_from(VOCABULARY.specs))
    worse = {**facts, spec.name: spec.worst(facts[spec.name], data.draw(st.sampled_from(VALUES[spec.name])))}
    before, after = evaluate(condition, facts, NOBODY), evaluate(condition, worse, NOBODY)
    assert after <= before if polarity is Polarity.GRANTS else after >= before
