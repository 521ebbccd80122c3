# SPDX-License-Identifier: Apache-2.0
"""A recorded decision made again says where it comes out otherwise."""

from __future__ import annotations

import pytest

from brightline.core.agreement.decide import decide
from brightline.core.enforcement.replay import (
    FINDINGS_MAX,
    FoundRow,
    read_facts,
    read_findings,
    replay_facts,
    replay_verdict,
)
from brightline.core.facts import UNKNOWN, Facts, Source
from brightline.core.screening.rules import load_rules
from brightline.shell import shipped

AGREEMENT = shipped.read_agreement(shipped.shipped_agreement())
RELEASE = shipped.read_release(shipped.shipped_release(), AGREEMENT.vocabulary)
READ = shipped.folder_reader(shipped.shipped_release())
RULES = tuple(rule for each in RELEASE.detectors for rule in load_rules(READ(each.path), each.path).rules)
DETECTED = [spec for spec in AGREEMENT.vocabulary.specs if spec.set_by == {Source.DETECTOR}]
ENTITLED = {each.fact: each.value for each in RELEASE.entitlements}
QUIET = {spec.name: spec.good for spec in AGREEMENT.vocabulary.specs} | {
    spec.name: ENTITLED.get(spec.name, UNKNOWN)
    for spec in AGREEMENT.vocabulary.specs
    if Source.DETECTOR in spec.set_by
}
BAD_RULE = next(rule for rule in RULES if rule.value != "no" and rule.fact == "mass_domestic")
BAD = FoundRow(BAD_RULE.id, BAD_RULE.fact, BAD_RULE.value, "plain", "messages[0].content")


def facts(**changed: str) -> Facts:
    return Facts.of(QUIET | changed)


def test_what_was_recorded_comes_out_as_recorded() -> None:
    made = decide(AGREEMENT, facts(), {})
    assert not replay_verdict(AGREEMENT, facts(), made.verdict.value, made.clauses).differs
    assert not replay_facts(AGREEMENT, RELEASE, RULES, facts(), ()).differs
    found = facts(**{BAD.fact: BAD.value})
    assert not replay_facts(AGREEMENT, RELEASE, RULES, found, (BAD,)).differs


def test_a_verdict_or_clauses_that_the_facts_do_not_make_are_named() -> None:
    made = decide(AGREEMENT, facts(mass_domestic="yes"), {})
    assert made.verdict.value == "deny"
    [said] = replay_verdict(AGREEMENT, facts(mass_domestic="yes"), "permit", made.clauses).differs
    assert "the record says permit; its facts make deny" in said
    [said] = replay_verdict(AGREEMENT, facts(mass_domestic="yes"), "deny", ("L1",)).differs
    assert "the record names L1" in said


def test_a_fact_that_is_better_than_its_findings_is_named() -> None:
    [said] = replay_facts(AGREEMENT, RELEASE, RULES, facts(), (BAD,)).differs
    assert said.startswith(f"{BAD.fact}: the record says {QUIET[BAD.fact]}")


def test_a_fact_that_only_detectors_set_and_no_finding_made_is_named() -> None:
    spec = DETECTED[0]
    bad = next(value for value in spec.values if value != spec.good)
    [said] = replay_facts(AGREEMENT, RELEASE, RULES, facts(**{spec.name: bad}), ()).differs
    assert said.startswith(f"{spec.name}: the record says {bad}")


def test_where_others_may_state_a_fact_it_may_be_worse_than_the_findings_and_never_better() -> None:
    shared = next(
        spec
        for spec in AGREEMENT.vocabulary.specs
        if Source.DETECTOR in spec.set_by and spec.set_by != {Source.DETECTOR}
    )
    bad = next(value for value in shared.values if value != shared.good)
    assert not replay_facts(AGREEMENT, RELEASE, RULES, facts(**{shared.name: bad}), ()).differs


def test_a_finding_that_no_rule_of_the_release_makes_is_named() -> None:
    for odd in (
        FoundRow("no-such-rule", BAD.fact, BAD.value, "plain", "p"),
        FoundRow(BAD.rule, "us_person", BAD.value, "plain", "p"),
    ):
        assert any("no such rule" in said for said in replay_facts(AGREEMENT, RELEASE, RULES, facts(), (odd,)).differs)


def test_beyond_the_findings_that_a_record_keeps_a_worse_fact_is_not_held_against_it() -> None:
    spec = DETECTED[0]
    bad = next(value for value in spec.values if value != spec.good)
    said = facts(**{BAD.fact: BAD.value, spec.name: bad})
    assert not replay_facts(AGREEMENT, RELEASE, RULES, said, (BAD,) * FINDINGS_MAX).differs


@pytest.mark.parametrize("value", ["text", [1], [["a", "b"]], [["a", "b", "c", "d", "e", "f"]], None])
def test_what_are_no_findings_or_facts_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_findings(value)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"."):
        read_facts(value)  # type: ignore[arg-type]
