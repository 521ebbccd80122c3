# SPDX-License-Identifier: Apache-2.0
"""The ratchet against trying everything, and what a refusal tells: clause, change and a request that replays."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from brightline.core.agreement import ratchet
from brightline.core.agreement.clause import Agreement, Clause, ClauseKind, Verdict
from brightline.core.agreement.condition import parse
from brightline.core.agreement.decide import Decision, decide
from brightline.core.agreement.ratchet import check, require_no_weaker
from brightline.core.errors import AgreementError
from brightline.core.facts import Source, Vocabulary
from brightline.shell import shipped
from tests.core.agreement.at_random import later_version, random_agreement, seeded, with_spec
from tests.core.agreement.test_differential import weaker_by_trying_everything

BASELINE = shipped.read_agreement(shipped.shipped_agreement())
LATER = msgspec.structs.replace(BASELINE, version=2)


def with_clause(clause_id: str, **changes: Any) -> Agreement:
    clauses = tuple(
        msgspec.structs.replace(clause, **changes) if clause.id == clause_id else clause for clause in LATER.clauses
    )
    return msgspec.structs.replace(LATER, clauses=clauses)


def without(*clause_ids: str) -> Agreement:
    return msgspec.structs.replace(LATER, clauses=tuple(c for c in LATER.clauses if c.id not in clause_ids))


def with_other_sources(seed: int, agreement: Agreement) -> Agreement:
    """A fact that others state, or that is gone: what no clause shows."""
    rng = seeded(seed)
    spec = rng.choice(agreement.vocabulary.specs)
    read = {name for clause in agreement.clauses for name in clause.facts}
    if spec.name not in read and len(agreement.vocabulary.specs) > 1:
        rest = tuple(each for each in agreement.vocabulary.specs if each is not spec)
        return msgspec.structs.replace(agreement, vocabulary=Vocabulary(rest))
    set_by = frozenset(rng.sample([Source.REGISTRATION, Source.ATTESTATION, Source.DETECTOR], rng.randint(1, 2)))
    settled_by = spec.settled_by if Source.DETECTOR in set_by else ()
    return with_spec(agreement, spec, msgspec.structs.replace(spec, set_by=set_by, settled_by=settled_by))


def test_a_version_is_undercut_exactly_where_trying_everything_finds_it_weaker() -> None:
    met = {True: 0, False: 0}
    for seed in range(800):
        rng = seeded(seed)
        baseline = random_agreement(rng, facts_most=3, clauses_most=4)
        candidate = later_version(rng, baseline)
        found = check(candidate, baseline)
        if found.looser:  # who is refused whatever requests show
            continue
        weaker = any(weaker_by_trying_everything(candidate, baseline))
        assert bool(found.undercut) is weaker, seed
        assert found.proved is not weaker
        met[weaker] += 1
    assert min(met.values()) > 40, met


def test_what_is_proved_is_never_weaker_whoever_states_the_facts() -> None:
    proved = 0
    for seed in range(300):
        rng = seeded(seed)
        baseline = random_agreement(rng, facts_most=3, clauses_most=4)
        candidate = with_other_sources(seed, later_version(rng, baseline))
        if check(candidate, baseline).proved:
            proved += 1
            assert not any(weaker_by_trying_everything(candidate, baseline)), seed
    assert proved > 30


def test_every_counterexample_is_decided_more_loosely_by_the_candidate() -> None:
    strictness = {Verdict.PERMIT: 0, Verdict.HOLD: 1, Verdict.DENY: 2}
    met: set[tuple[Verdict, Verdict]] = set()
    for seed in range(400):
        rng = seeded(seed)
        baseline = random_agreement(rng, facts_most=3, clauses_most=4)
        candidate = later_version(rng, baseline)
        for found in check(candidate, baseline).undercut:
            before = decide(baseline, found.request.facts, found.request.counts).verdict
            after = decide(candidate, found.candidate_request.facts, found.candidate_request.counts).verdict
            assert (before, after) == (found.baseline_verdict, found.candidate_verdict)
            assert strictness[after] < strictness[before]
            met.add((before, after))
    assert len(met) == 3, met


def test_a_counterexample_that_does_not_replay_is_our_mistake_and_is_not_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ratchet, "decide", lambda *_: Decision(Verdict.DENY, ()))
    with pytest.raises(AssertionError, match="does not replay"):
        check(without("RL-1"), BASELINE)


def test_a_clause_that_is_gone_is_said_to_be_with_a_request_in_words() -> None:
    (found,) = check(without("RL-1"), BASELINE).undercut
    assert (found.clause, found.changed) == ("RL-1", ("RL-1",))
    assert found.words == (
        "a request with mass_domestic = yes and everything else good, whoever approves it, is denied by the baseline "
        "(RL-1) and permitted by version 2, where RL-1 is gone"
    )


def test_a_clause_that_says_otherwise_is_said_to() -> None:
    weaker = with_clause("RL-2", condition=parse("weapon_direct != 'no' and operational != 'no'"))
    (found,) = check(weaker, BASELINE).undercut
    assert found.clause == "RL-2"
    assert found.words.endswith("where RL-2 says otherwise")


def test_a_grant_that_reaches_further_is_named() -> None:
    further = Clause("L0", ClauseKind.GRANT, ("words",), parse("lawful == 'yes'"))
    candidate = msgspec.structs.replace(LATER, clauses=(*LATER.clauses, further))
    (found,) = check(candidate, BASELINE).undercut
    assert (found.clause, found.changed) == ("", ("L0",))
    assert "(no grant holds)" in found.words
    assert found.words.endswith("where L0 grants it")


def test_one_approval_fewer_is_a_loosening_and_another_office_is_no_substitute() -> None:
    for that in ("approvals.provider_cleared >= 1", "approvals.customer_decider >= 2"):
        (found,) = check(with_clause("L7a", that=parse(that)), BASELINE).undercut
        assert (found.clause, found.baseline_verdict, found.candidate_verdict) == (
            "L7a",
            Verdict.HOLD,
            Verdict.PERMIT,
        )
    assert check(with_clause("L7a", that=parse("approvals.provider_cleared >= 3")), BASELINE).proved


def test_what_was_denied_may_not_become_something_that_people_can_release() -> None:
    released = with_clause("L4", kind=ClauseKind.REQUIRE, that=parse("approvals.provider_cleared >= 9"))
    (found,) = check(released, BASELINE).undercut
    assert (found.clause, found.baseline_verdict) == ("L4", Verdict.DENY)


def test_an_unknown_that_people_may_now_settle_is_found_in_what_and_in_who() -> None:
    vvt = LATER.vocabulary.spec("vvt_current")
    candidate = with_spec(LATER, vvt, msgspec.structs.replace(vvt, settled_by=(("provider_cleared", 2),)))
    found = check(candidate, BASELINE)
    assert [row.path for row in found.looser] == ["fact.vvt_current.settled_by"]
    (undercut,) = found.undercut
    assert (undercut.clause, undercut.candidate_verdict) == ("L4", Verdict.HOLD)
    assert "vvt_current = unknown" in undercut.words


def test_everything_that_is_weaker_is_listed_and_the_refusal_says_how_much_more_there_is() -> None:
    candidate = msgspec.structs.replace(
        without("RL-1", "RL-3", "P1"), parties=msgspec.structs.replace(BASELINE.parties, customer="somebody else")
    )
    found = check(candidate, BASELINE)
    assert [row.clause for row in found.undercut] == ["RL-1", "RL-3", "P1"]
    assert len(found.words()) == 4
    with pytest.raises(AgreementError, match=r"is weaker: parties: .* \(and 3 more\)"):
        require_no_weaker(candidate, BASELINE)


def test_a_clause_may_be_said_in_two_or_under_another_id() -> None:
    line = BASELINE.clause("RL-3")
    halves = (
        msgspec.structs.replace(line, id="RL-3a", condition=parse("social_scoring != 'no'")),
        msgspec.structs.replace(line, id="RL-3b", condition=parse("high_stakes != 'no' and acts_alone != 'no'")),
    )
    rest = without("RL-3")
    assert check(msgspec.structs.replace(rest, clauses=(*halves, *rest.clauses)), BASELINE).proved
    assert not check(msgspec.structs.replace(rest, clauses=(halves[0], *rest.clauses)), BASELINE).proved
