# SPDX-License-Identifier: Apache-2.0
"""A candidate beside the release in force: what it may change, and by which figures it goes on or is out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.facts import FactSpec, Source, Statement, Vocabulary
from brightline.core.screening.trial import (
    Compared,
    Difference,
    Rule,
    Stage,
    compare,
    counted,
    excess,
    next_stage,
    tightened,
)

NAMES = ("a", "b", "c")
VOCABULARY = Vocabulary(tuple(FactSpec(name, "no", set_by=frozenset({Source.DETECTOR})) for name in NAMES))
RULE = Rule(shadow=100, canary=50, share=50, looser=0, stricter=100_000, failed=100_000)
SAID = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(("no", "unknown", "yes"))), max_size=6)


def said(pairs: list[tuple[str, str]]) -> list[Statement]:
    return [Statement(fact, value, Source.DETECTOR, "d") for fact, value in pairs]


@given(SAID, SAID)
def test_the_stricter_of_both_holds_fact_by_fact_and_nothing_is_ever_looser(
    own: list[tuple[str, str]], theirs: list[tuple[str, str]]
) -> None:
    alone, other = VOCABULARY.join(said(own)), VOCABULARY.join(said(theirs))
    both = VOCABULARY.join((*said(own), *tightened(VOCABULARY, said(own), said(theirs))))
    for spec in VOCABULARY.specs:
        assert spec.rank(both[spec.name]) == max(spec.rank(alone[spec.name]), spec.rank(other[spec.name]))


def test_silence_of_a_candidate_that_is_entitled_to_none_is_unknown_and_so_stricter() -> None:
    assert compare(VOCABULARY, said([("a", "no")]), []) == Difference(("a",), ())
    assert compare(VOCABULARY, [], said([("a", "no")])) == Difference((), ("a",))


def test_each_ask_counts_once_and_its_facts_apart() -> None:
    figures = Compared()
    for difference in (Difference((), ()), Difference(("a",), ()), Difference(("a",), ("b",))):
        figures = counted(figures, difference)
    assert (figures.same, figures.stricter, figures.looser, figures.both) == (1, 1, 1, 3)
    assert figures.facts == {"a": (2, 0), "b": (0, 1)}


@pytest.mark.parametrize(
    ("stage", "figures", "goes"),
    [
        (Stage.SHADOW, Compared(same=99), Stage.SHADOW),
        (Stage.SHADOW, Compared(same=100), Stage.CANARY),
        (Stage.CANARY, Compared(same=49), Stage.CANARY),
        (Stage.CANARY, Compared(same=45, stricter=5), Stage.LIVE),
        (Stage.CANARY, Compared(same=44, stricter=6), Stage.CANARY),  # more than may be, and not surely so
        (Stage.CANARY, Compared(same=10, stricter=10), Stage.QUARANTINED),
        (Stage.SHADOW, Compared(same=10_000, looser=1), Stage.QUARANTINED),  # none may be, and one was
        (Stage.SHADOW, Compared(same=3, failed=3), Stage.QUARANTINED),
        (Stage.SHADOW, Compared(same=100, shed=10_000), Stage.CANARY),  # what was never asked says nothing
    ],
)
def test_it_goes_where_the_signed_rule_says(stage: Stage, figures: Compared, goes: Stage) -> None:
    assert next_stage(RULE, stage, figures) is goes
    assert bool(excess(RULE, figures)) is (goes is Stage.QUARANTINED)


@given(*[st.integers(0, 10_000)] * 4)
def test_nothing_goes_on_with_more_than_the_rule_lets(same: int, stricter: int, looser: int, failed: int) -> None:
    figures = Compared(same=same, stricter=stricter, looser=looser, failed=failed)
    if next_stage(RULE, Stage.SHADOW, figures) is Stage.CANARY:
        assert looser == 0
        assert 10 * stricter <= figures.both
        assert 10 * failed <= figures.both + failed
        assert figures.both >= RULE.shadow
