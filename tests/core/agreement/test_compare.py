# SPDX-License-Identifier: Apache-2.0
"""Two agreements side by side: exact, with a request as witness, in whichever words."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from brightline.core.agreement.clause import Agreement, Verdict
from brightline.core.agreement.compare import Strength, compare
from brightline.core.agreement.condition import parse
from brightline.core.agreement.decide import decide
from brightline.core.agreement.request import in_words_of
from brightline.core.facts import Formerly
from brightline.shell import shipped
from tests.core.agreement.at_random import (
    APPROVALS_MOST,
    OFFICES,
    later_version,
    random_agreement,
    seeded,
    with_spec,
)
from tests.core.agreement.test_differential import heard

SHIPPED = {name: shipped.read_agreement(folder) for name, folder in shipped.shipped_agreements().items()}
AGREEMENT = SHIPPED["dow-2026-02-27"]


@pytest.mark.parametrize("other", ["usage-policy-2026", "two-red-lines-2026"])
def test_more_guardrails_than_any_other_that_is_shipped(other: str) -> None:
    sides = compare(AGREEMENT, SHIPPED[other])
    assert sides.what is Strength.STRONGER
    assert all(row.covered for row in sides.first_covers)
    back = compare(SHIPPED[other], AGREEMENT)
    assert back.what is Strength.WEAKER
    assert (back.first_covers, back.second_covers) == (sides.second_covers, sides.first_covers)


def test_an_agreement_is_equal_to_itself_whoever_the_parties_are() -> None:
    assert compare(AGREEMENT, AGREEMENT).what is Strength.EQUAL
    assert compare(AGREEMENT, AGREEMENT).who is Strength.EQUAL


def test_two_policies_that_each_refuse_something_are_incomparable() -> None:
    assert compare(SHIPPED["usage-policy-2026"], SHIPPED["two-red-lines-2026"]).what is Strength.INCOMPARABLE


def test_a_clause_that_was_weakened_is_named_with_a_request_that_replays() -> None:
    clauses = tuple(
        msgspec.structs.replace(clause, condition=parse("law_enforcement != 'no' and operational != 'no'"))
        if clause.id == "L7a"
        else clause
        for clause in AGREEMENT.clauses
    )
    weaker = msgspec.structs.replace(AGREEMENT, id="weaker", clauses=clauses)
    sides = compare(weaker, AGREEMENT)
    (row,) = [row for row in sides.first_covers if not row.covered]
    assert row.clause == "L7a"
    (witness,) = row.witness
    assert "law_enforcement = yes" in witness.words
    request = witness.request
    assert decide(AGREEMENT, request.facts, request.counts).verdict is witness.refused_as is Verdict.HOLD
    seen = in_words_of(weaker, AGREEMENT, request)
    assert decide(weaker, seen.facts, seen.counts).verdict is Verdict.PERMIT


def permits_what_the_other_refuses(later: Agreement, first: Agreement) -> tuple[bool, bool]:
    """Whether the later permits more than the first, and the first more than the later, by trying everything."""
    more = less = False
    for new, old in heard(later, first):
        for counts in itertools.product(range(APPROVALS_MOST + 1), repeat=len(OFFICES)):
            approvals = dict(zip(OFFICES, counts, strict=True))
            ours = decide(later, new, approvals).verdict is Verdict.PERMIT
            theirs = decide(first, old, approvals).verdict is Verdict.PERMIT
            more |= ours and not theirs
            less |= theirs and not ours
    return more, less


STRENGTHS = {
    (False, False): Strength.EQUAL,
    (False, True): Strength.STRONGER,
    (True, False): Strength.WEAKER,
    (True, True): Strength.INCOMPARABLE,
}


def test_a_version_is_as_strong_as_trying_everything_finds_in_whichever_words_and_order() -> None:
    found = dict.fromkeys(STRENGTHS, 0)
    renamed = 0
    for seed in range(250):
        rng = seeded(seed)
        first = random_agreement(rng, facts_most=3, clauses_most=4)
        later = later_version(rng, first)
        more, less = permits_what_the_other_refuses(later, first)
        assert compare(later, first).what is STRENGTHS[more, less], seed
        assert compare(first, later).what is STRENGTHS[less, more], seed
        found[more, less] += 1
        renamed += any(spec.formerly for spec in later.vocabulary.specs)
    assert min(found.values()) >= 10, found
    assert renamed >= 30


def in_other_words(fact: str, **changes: Any) -> Agreement:
    """The shipped agreement with a fact renamed, in its clauses too."""
    old = AGREEMENT.vocabulary.spec(fact)
    return with_spec(AGREEMENT, old, msgspec.structs.replace(old, **changes))


RENAMED = {
    "a fact": in_other_words("us_person", name="domestic_person", formerly=(Formerly("us_person"),)),
    "its good value": in_other_words(
        "surface",
        good="cloud",
        values=("cloud", "edge"),
        formerly=(Formerly("surface", (("provider_cloud", "cloud"),)),),
    ),
}


@pytest.mark.parametrize("what", RENAMED)
def test_what_was_only_renamed_is_equal_from_either_side_in_what_and_who(what: str) -> None:
    for sides in (compare(RENAMED[what], AGREEMENT), compare(AGREEMENT, RENAMED[what])):
        assert (sides.what, sides.who) == (Strength.EQUAL, Strength.EQUAL)


def test_who_is_compared_from_either_side_of_a_renamed_fact() -> None:
    settled = in_other_words("us_person", name="domestic_person", formerly=(Formerly("us_person"),), settled_by=())
    assert compare(settled, AGREEMENT).who is Strength.STRONGER
    assert compare(AGREEMENT, settled).who is Strength.WEAKER
