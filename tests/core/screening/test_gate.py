# SPDX-License-Identifier: Apache-2.0
"""The ratchet of classifiers: what a later release may say of the pinned cases."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.errors import ReleaseError
from brightline.core.facts import FactSpec, Source, Vocabulary
from brightline.core.screening.gate import FORMAT, Case, Outcomes, ratchet, read_outcomes, tightens

FACT = "weapon_direct"
OTHER = "mass_domestic"
VOCABULARY = Vocabulary(tuple(FactSpec(name, "no", set_by=frozenset({Source.DETECTOR})) for name in (FACT, OTHER)))
VALUES = ("no", "unknown", "yes")


def case(label: str, was: str, now: str, *, corpus: str = "hand", fact: str = FACT, number: int = 0) -> Case:
    return Case(f"{number:032x}", f"row-{number}", corpus, {fact: label}, {fact: was}, {fact: now})


def outcomes(*cases: Case) -> Outcomes:
    numbered = [msgspec.structs.replace(each, digest=f"{i:032x}", name=f"row-{i}") for i, each in enumerate(cases)]
    return Outcomes(FORMAT, "sha256:c", "sha256:a", "sha256:b", tuple(numbered))


def refusals(*cases: Case, **more: Any) -> tuple[str, ...]:
    return ratchet(outcomes(*cases), VOCABULARY, **more).refusals


def test_a_caught_case_that_is_missed_is_named() -> None:
    found = ratchet(outcomes(case("yes", "yes", "yes"), case("yes", "unknown", "no")), VOCABULARY)
    assert [(lost.name, lost.was, lost.now) for lost in found.lost] == [("row-1", "unknown", "no")]
    assert "weapon_direct: row-1 of hand was unknown and is no" in found.refusals


def test_one_caught_case_is_not_paid_for_with_many_others() -> None:
    gained = [case("yes", "no", "yes") for _ in range(50)]
    assert len(ratchet(outcomes(*gained, case("yes", "yes", "no")), VOCABULARY).lost) == 1


def test_what_was_denied_may_become_a_hold_only_if_as_much_is_denied_as_before() -> None:
    assert any("denied falls" in why for why in refusals(case("yes", "yes", "unknown"), case("yes", "no", "no")))
    assert refusals(case("yes", "yes", "unknown"), case("yes", "no", "yes")) == ()


def test_the_worst_corpus_counts_and_not_the_mean() -> None:
    better = [case("no", "unknown", "no", corpus="large")] * 9 + [case("no", "no", "no", corpus="large")] * 91
    worse = [case("no", "no", "unknown", corpus="small"), case("no", "no", "no", corpus="small")]
    (why,) = refusals(*better, *worse)
    assert "50.00% of what is harmless in small is stopped; the worst was 9.00%" in why


def test_more_wrongful_stops_take_a_concession_of_as_much() -> None:
    cases = [case("no", "no", "no") for _ in range(9)] + [case("no", "no", "unknown")]
    assert any("10.00%" in why for why in refusals(*cases))
    assert any("5.00% are conceded" in why for why in refusals(*cases, conceded={FACT: 0.05}))
    assert refusals(*cases, conceded={FACT: 0.1}) == ()


def test_no_concession_pays_for_a_missed_case() -> None:
    assert refusals(case("yes", "yes", "no"), conceded={FACT: 1.0})


def test_facts_are_held_apart() -> None:
    gained, lost = case("yes", "no", "yes"), case("yes", "yes", "no", fact=OTHER)
    assert all(why.startswith(OTHER) for why in refusals(gained, lost))


def test_a_pinned_case_that_is_left_out_is_missed() -> None:
    assert refusals(case("yes", "yes", "yes"), pinned=["f" * 32]) == (
        "1 pinned cases of the last statement are not among these",
    )


@given(st.lists(st.tuples(st.sampled_from(VALUES), st.sampled_from(VALUES)), min_size=1, max_size=30))
def test_a_release_that_says_the_same_passes_and_so_does_one_that_is_right_everywhere(
    rows: list[tuple[str, str]],
) -> None:
    assert refusals(*(case(label, said, said) for label, said in rows)) == ()
    assert refusals(*(case(label, said, label) for label, said in rows)) == ()


@given(st.lists(st.tuples(*[st.sampled_from(VALUES)] * 3), min_size=1, max_size=30))
def test_an_emergency_passes_exactly_if_nothing_is_said_less_strictly(rows: list[tuple[str, str, str]]) -> None:
    found = tightens(outcomes(*(case(*row) for row in rows)), VOCABULARY)
    assert (found.refusals == ()) == all(VALUES.index(now) >= VALUES.index(was) for _, was, now in rows)


@given(st.lists(st.tuples(*[st.sampled_from(VALUES)] * 3), min_size=1, max_size=30))
def test_whatever_passes_catches_all_that_was_caught(rows: list[tuple[str, str, str]]) -> None:
    if not refusals(*(case(*row) for row in rows)):
        assert not [row for row in rows if row[0] == "yes" and row[1] != "no" and row[2] == "no"]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"format": "brightline-outcomes/0"}, "format"),
        ({"cases": []}, "0 pinned cases"),
        ({"cases": [["0" * 32, "a", "b", {FACT: "no"}, {}, {FACT: "no"}]]}, "was not judged"),
        ({"cases": [["0" * 32, "a", "b", {}, {}, {}]] * 2}, "twice"),
        ({"extra": 1}, "do not read"),
    ],
)
def test_outcomes_that_do_not_hold_their_form_are_refused(changed: dict[str, Any], why: str) -> None:
    whole = msgspec.to_builtins(outcomes(case("no", "no", "no"))) | changed
    with pytest.raises(ReleaseError, match=why):
        read_outcomes(msgspec.json.encode(whole))
