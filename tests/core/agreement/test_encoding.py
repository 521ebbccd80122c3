# SPDX-License-Identifier: Apache-2.0
"""Symbols, connectives and answers; that the formulas are right is for ``test_differential.py``."""

from __future__ import annotations

import pytest

from brightline.core.agreement.encoding import (
    all_of,
    declared_approvals,
    no_better,
    one_of,
    ranked,
    read_model,
    symbol,
    thresholds,
)
from brightline.core.errors import AgreementError
from tests.core.agreement.solving import ask_cvc5, ask_z3
from tests.core.agreement.test_decide import AGREEMENT, CLAUSES, SPECS, agreement_of


def test_the_answers_of_both_solvers_are_read_with_bars_or_without() -> None:
    said = read_model(
        "((|worse a_fact.good| true)\n (a_fact.unknown true) (|approvals.first>=2| true)\n"
        " (approvals.first>=1 true) (|approvals.second>=1| false) (|worse approvals.first>=1| true))"
    )
    assert said.rank("worse a_fact") == 0
    assert said.rank("a_fact") == 1
    assert said.rank("never heard of") == 2
    assert said.approvals() == {"first": 2}
    assert said.approvals("worse ") == {"first": 1}


@pytest.mark.parametrize("text", ["", "sat", "((a true)", "((a maybe))", '(error "no model")', "((a true)) (exit)"])
def test_text_that_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(AgreementError, match="no answer to get-value"):
        read_model(text)


@pytest.mark.parametrize("name", ["", "a|b", "a\\b", "a\nb", "naïve"])
def test_a_name_that_cannot_be_quoted_is_refused(name: str) -> None:
    with pytest.raises(AgreementError, match="cannot be named"):
        symbol(name)


def test_of_nothing_all_hold_and_none_does() -> None:
    assert (all_of([]), one_of([]), all_of(["a"]), one_of(["a", "b"])) == ("true", "false", "a", "(or a b)")


def test_thresholds_are_those_that_any_agreement_asks_for_in_ascending_order() -> None:
    more = agreement_of(SPECS, CLAUSES)
    assert thresholds(AGREEMENT, more) == {"second": (2,)}
    assert thresholds(agreement_of(SPECS, CLAUSES[:1])) == {}


def test_who_has_reached_more_has_reached_less() -> None:
    body = "\n".join(("(set-logic QF_UF)", *declared_approvals({"o": (1, 3, 7)})))
    for ask in (ask_z3, ask_cvc5):
        assert ask(f"{body}\n(assert (and |approvals.o>=7| (not |approvals.o>=1|)))\n(check-sat)") == "unsat"
        assert ask(f"{body}\n(assert (and |approvals.o>=1| (not |approvals.o>=3|)))\n(check-sat)") == "sat"


@pytest.mark.parametrize("rank", [0, 1, 2])
@pytest.mark.parametrize("worse", [0, 1, 2])
def test_no_better_is_the_chain_good_unknown_bad(rank: int, worse: int) -> None:
    body = "\n".join(f"(declare-const |{name}| Bool)" for name in ("a.good", "a.unknown", "b.good", "b.unknown"))
    text = (
        f"(set-logic QF_UF)\n{body}\n(assert (not (and |a.good| |a.unknown|)))\n"
        f"(assert (not (and |b.good| |b.unknown|)))\n(assert {ranked('a', rank)})\n(assert {ranked('b', worse)})\n"
        f"(assert {no_better('b', 'a')})\n(check-sat)"
    )
    assert ask_z3(text) == ("sat" if worse >= rank else "unsat")
