# SPDX-License-Identifier: Apache-2.0
"""What would change an outcome: every change that is named does, and of a deny none smaller does."""

from __future__ import annotations

from itertools import combinations

from brightline.core.agreement.clause import Agreement, Clause, ClauseKind, Verdict
from brightline.core.agreement.condition import And, Compare
from brightline.core.agreement.decide import decide
from brightline.core.agreement.outlook import FACTS_TOGETHER_MAX, facts_together, outlook
from brightline.core.facts import Facts, FactSpec, Source
from brightline.shell import shipped
from tests.core.agreement.at_random import random_agreement, random_request, seeded
from tests.core.agreement.test_decide import agreement_of

AGREEMENT = shipped.read_agreement(shipped.shipped_agreement())
GOOD = Facts.of({spec.name: spec.good for spec in AGREEMENT.vocabulary.specs})


def others(agreement: Agreement, facts: Facts, approvals: dict[str, int]) -> list[tuple[dict[str, str], Verdict]]:
    decision = decide(agreement, facts, approvals)
    return [(dict(other.facts), other.verdict) for other in outlook(agreement, facts, approvals, decision)]


def test_a_permit_names_each_fact_that_would_stop_it_and_how() -> None:
    found = {pair: verdict for facts, verdict in others(AGREEMENT, GOOD, {}) for pair in facts.items()}
    assert found["mass_domestic", "unknown"] is Verdict.HOLD
    assert found["mass_domestic", "yes"] is Verdict.DENY
    assert found["high_stakes", "yes"] is Verdict.HOLD
    assert found["surface", "unknown"] is Verdict.UNAVAILABLE
    assert "us_person" not in {name for name, _ in found}  # by itself it stops nothing


def test_a_permit_names_no_fact_that_is_as_bad_already() -> None:
    unknown = others(AGREEMENT, GOOD.with_values({"monitoring": "unknown"}), {})
    assert {"monitoring": "unknown"} not in [facts for facts, _ in unknown]


def test_a_hold_says_what_each_answer_leads_to() -> None:
    facts = GOOD.with_values({"mass_domestic": "unknown"})
    assert others(AGREEMENT, facts, {}) == [
        ({"mass_domestic": "no"}, Verdict.PERMIT),
        ({"mass_domestic": "yes"}, Verdict.DENY),
    ]


def test_a_hold_for_an_approval_says_what_the_approval_leads_to() -> None:
    facts = GOOD.with_values({"high_stakes": "yes"})
    decision = decide(AGREEMENT, facts, {})
    (other,) = outlook(AGREEMENT, facts, {}, decision)
    assert (other.approvals, other.verdict) == ((("customer_decider", 1),), Verdict.PERMIT)


def test_a_deny_names_the_smallest_sets_of_facts_it_rests_on() -> None:
    facts = GOOD.with_values({"intel_activity": "yes", "private_info": "yes", "fi_purpose": "no"})
    found = others(AGREEMENT, facts, {})
    assert [sorted(named) for named, _ in found] == [["fi_purpose"], ["intel_activity"], ["private_info"]]
    assert all(verdict is Verdict.PERMIT for _, verdict in found)


def test_sets_of_facts_are_as_large_as_can_all_be_tried() -> None:
    def together(count: int) -> int:
        specs = tuple(FactSpec(f"f{i}", "no", set_by=frozenset({Source.DETECTOR})) for i in range(count))
        clause = Clause("G", ClauseKind.GRANT, ("q",), And(tuple(Compare(s.name, True, "no") for s in specs)))
        agreement = agreement_of(specs, (clause,))
        facts = Facts.of({spec.name: "yes" for spec in specs})
        found = outlook(agreement, facts, {}, decide(agreement, facts, {}))
        assert bool(found) is (count <= facts_together(agreement, facts))  # all must be good at once
        return facts_together(agreement, facts)

    assert [together(count) for count in (1, 3, 30, 31, 32, 99, 100)] == [3, 3, 3, 3, 2, 2, 1]


def test_of_random_denies_every_named_set_helps_and_no_smaller_one_does() -> None:
    for seed in range(120):
        names_what_helps(seed)


def names_what_helps(seed: int) -> None:
    rng = seeded(seed)
    agreement = random_agreement(rng)
    facts, approvals = random_request(rng, agreement)
    decision = decide(agreement, facts, approvals)
    if decision.verdict in (Verdict.PERMIT, Verdict.HOLD):
        return
    good = {spec.name: spec.good for spec in agreement.vocabulary.specs}
    odd = [name for name in good if facts.get(name) != good[name]]

    def verdict(names: tuple[str, ...]) -> Verdict:
        return decide(agreement, facts.with_values({name: good[name] for name in names}), approvals).verdict

    helping = [
        set(names)
        for size in range(1, FACTS_TOGETHER_MAX + 1)
        for names in combinations(odd, size)
        if verdict(names) is not decision.verdict
    ]
    smallest = [names for names in helping if not any(other < names for other in helping)]
    named = [{name for name, _ in other.facts} for other in outlook(agreement, facts, approvals, decision)]
    assert sorted(map(sorted, named)) == sorted(map(sorted, smallest))
