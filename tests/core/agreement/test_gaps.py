# SPDX-License-Identifier: Apache-2.0
"""The contract language beside the red lines: where it leaves them open, with a request as witness."""

from __future__ import annotations

import itertools

import msgspec

from brightline.core.agreement.clause import Agreement, ClauseKind, Part, Verdict
from brightline.core.agreement.decide import decide, permitted
from brightline.core.agreement.gaps import gap_report
from brightline.shell import shipped
from tests.core.agreement.at_random import APPROVALS_MOST, OFFICES, random_agreement, seeded

AGREEMENT = shipped.read_agreement(shipped.shipped_agreement())


def with_parts(seed: int) -> Agreement:
    """A small agreement of which some clauses are contract language and some are the provider's own."""
    rng = seeded(seed)
    agreement = random_agreement(rng, facts_most=4)
    clauses = tuple(
        msgspec.structs.replace(clause, part=rng.choice((Part.CONTRACT, Part.CONTRACT, Part.OURS)))
        if clause.kind is not ClauseKind.REDLINE
        else msgspec.structs.replace(clause, part=Part.RED_LINE)
        for clause in agreement.clauses
    )
    return msgspec.structs.replace(agreement, clauses=clauses)


def implied_by_trying_everything(agreement: Agreement, line: str) -> bool:
    kept = tuple(c for c in agreement.clauses if c.kind is ClauseKind.GRANT or c.part is Part.CONTRACT)
    contract = msgspec.structs.replace(agreement, clauses=kept)
    specs = agreement.vocabulary.specs
    for values in itertools.product(*(spec.values for spec in specs)):
        facts = dict(zip((spec.name for spec in specs), values, strict=True))
        for given in itertools.product(range(APPROVALS_MOST + 1), repeat=len(OFFICES)):
            approvals = dict(zip(OFFICES, given, strict=True))
            if agreement.clause(line).blocks(facts, approvals) and permitted(contract, facts, approvals):
                return False
    return True


def test_a_line_is_implied_exactly_where_trying_everything_finds_no_request_that_crosses_it() -> None:
    found = {True: 0, False: 0}
    for seed in range(300):
        agreement = with_parts(seed)
        for line in gap_report(agreement):
            assert line.implied is implied_by_trying_everything(agreement, line.clause), seed
            found[line.implied] += 1
    assert min(found.values()) > 20, found


def test_a_grant_that_is_not_contract_language_still_grants_or_every_line_would_seem_implied() -> None:
    clauses = tuple(
        msgspec.structs.replace(clause, part=Part.OURS) if clause.kind is ClauseKind.GRANT else clause
        for clause in AGREEMENT.clauses
    )
    assert not any(line.implied for line in gap_report(msgspec.structs.replace(AGREEMENT, clauses=clauses)))


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
