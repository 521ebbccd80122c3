# SPDX-License-Identifier: Apache-2.0
"""Two agreements side by side, and the contract language beside its red lines: exact, with a request as witness."""

from __future__ import annotations

import msgspec
import pytest

from brightline.core.agreement.clause import Agreement, ClauseKind, Part, Verdict
from brightline.core.agreement.compare import Strength, compare
from brightline.core.agreement.condition import parse
from brightline.core.agreement.decide import decide
from brightline.core.agreement.gaps import gap_report
from brightline.core.agreement.request import in_words_of
from brightline.shell import shipped
from tests.core.agreement.at_random import later_version, random_agreement, seeded
from tests.core.agreement.test_differential import weaker_by_trying_everything

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


def in_the_same_words() -> list[tuple[Agreement, Agreement]]:
    """Pairs of versions that name the same facts: what was renamed is for the tests of the ratchet."""
    pairs = []
    for seed in range(300):
        rng = seeded(seed)
        first = random_agreement(rng, facts_most=3)
        second = later_version(rng, first)
        names = [{spec.name for spec in each.vocabulary.specs} for each in (first, second)]
        if names[0] == names[1] and not any(spec.formerly for spec in second.vocabulary.specs):
            pairs.append((first, second))
    return pairs


def test_weaker_is_what_trying_everything_finds() -> None:
    found = {True: 0, False: 0}
    for first, second in in_the_same_words():
        permits_more, _ = weaker_by_trying_everything(second, first)
        assert all(row.covered for row in compare(second, first).first_covers) is not permits_more
        found[permits_more] += 1
    assert min(found.values()) > 20


# ---- gaps ---------------------------------------------------------------------------------------------------


def test_the_contract_language_implies_no_red_line_and_each_gap_has_a_witness() -> None:
    report = gap_report(AGREEMENT)
    assert [line.clause for line in report] == ["RL-1", "RL-2", "RL-3"]
    assert not any(line.implied for line in report)
    contract = msgspec.structs.replace(
        AGREEMENT, clauses=tuple(clause for clause in AGREEMENT.clauses if clause.part is Part.CONTRACT)
    )
    for line in report:
        for gap in line.gaps:
            assert decide(contract, gap.request.facts, gap.request.counts).verdict is Verdict.PERMIT
            assert decide(AGREEMENT, gap.request.facts, gap.request.counts).verdict is Verdict.DENY


def test_mass_surveillance_is_open_where_no_private_information_is_handled() -> None:
    (gap,) = gap_report(AGREEMENT)[0].gaps
    assert gap.request.facts["private_info"] == "no"
    assert gap.near == ()


def test_autonomous_weapons_are_open_where_no_law_requires_human_control() -> None:
    (gap,) = gap_report(AGREEMENT)[1].gaps
    assert gap.near == (("L2", ("human_control_required",)),)


def test_a_contract_that_repeats_a_red_line_implies_it() -> None:
    line = AGREEMENT.clause("RL-2")
    repeated = msgspec.structs.replace(line, id="L8", kind=ClauseKind.DENY, part=Part.CONTRACT)
    whole = msgspec.structs.replace(AGREEMENT, clauses=(*AGREEMENT.clauses, repeated))
    assert [row.implied for row in gap_report(whole)] == [False, True, False]
