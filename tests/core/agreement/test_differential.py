# SPDX-License-Identifier: Apache-2.0
"""Evaluator, brute force and solvers say the same of agreements at random: verdict for verdict, version for version.

The solvers see the agreement through our SMT-LIB alone, and brute force tries everything: three roads that share no
code between the clauses and the verdict.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import msgspec
import pytest

from brightline.core.agreement.clause import Agreement, Example, Verdict
from brightline.core.agreement.counterexample import replay_no_weaker
from brightline.core.agreement.decide import decide
from brightline.core.agreement.ratchet import check
from brightline.core.agreement.smtlib import DENIES, PERMITS, cases, no_weaker
from brightline.core.facts import UNKNOWN, Facts
from tests.core.agreement.at_random import (
    APPROVALS_MOST,
    OFFICES,
    later_version,
    random_agreement,
    random_request,
    seeded,
)
from tests.core.agreement.solving import ask_cvc5, ask_z3, model_of
from tests.core.agreement.test_decide import oracle

AGREEMENTS = 700
REQUESTS = 16
PAIRS = 300


def decided_by_all(seed: int) -> tuple[Agreement, tuple[Example, ...]]:
    """An agreement with requests on which the evaluator and brute force agree."""
    rng = seeded(seed)
    agreement = random_agreement(rng)
    decided = []
    for _ in range(REQUESTS):
        facts, approvals = random_request(rng, agreement)
        verdict = oracle(agreement, facts, approvals, APPROVALS_MOST)
        assert decide(agreement, facts, approvals).verdict is verdict, (seed, facts, approvals)
        decided.append(Example("a request", facts, tuple(approvals.items()), verdict))
    return agreement, tuple(decided)


def test_evaluator_brute_force_and_solver_agree_on_more_than_ten_thousand_requests() -> None:
    met: dict[Verdict, int] = dict.fromkeys(Verdict, 0)
    for seed in range(AGREEMENTS):
        agreement, decided = decided_by_all(seed)
        script = cases(agreement, decided).text
        assert ask_z3(script) == "unsat", seed
        if seed % 10 == 0:
            assert ask_cvc5(script) == "unsat", seed
        for example in decided:
            met[example.verdict] += 1
    assert sum(met.values()) >= 10_000
    assert min(met.values()) > 500, met  # each verdict is met often, or the agreement would prove little


def test_the_solver_objects_to_any_other_verdict() -> None:
    """So the agreement above is not one of a solver that agrees with everything."""
    for seed in range(40):
        agreement, decided = decided_by_all(seed)
        others = [verdict for verdict in Verdict if verdict is not decided[-1].verdict]
        for other in others:
            wrong = msgspec.structs.replace(decided[-1], verdict=other)
            script = cases(agreement, (*decided[:-1], wrong)).text
            assert ask_z3(script) == "sat", seed
            assert ask_cvc5(script) == "sat", seed


# ---- two versions --------------------------------------------------------------------------------------------


def heard(candidate: Agreement, baseline: Agreement) -> Iterator[tuple[Facts, Facts]]:
    """Everything that may be stated, as each of the two hears it; written without ``worlds.py``."""
    sayings: list[list[tuple[dict[str, str], dict[str, str]]]] = []
    understood: set[str] = set()
    for spec in baseline.vocabulary.specs:
        said: list[tuple[dict[str, str], dict[str, str]]] = []
        for value in (*spec.values, UNKNOWN):
            name, now = candidate.vocabulary.in_words_of_now(spec.name, value)
            understood.add(name)
            said.append(({name: now} if name in candidate.vocabulary else {}, {spec.name: value}))
        name, _ = candidate.vocabulary.in_words_of_now(spec.name, UNKNOWN)
        if name in candidate.vocabulary:  # words of now that nobody knew before
            known = {now for new, _ in said for now in new.values()}
            more = [value for value in candidate.vocabulary.spec(name).values if value not in known]
            said += [({name: value}, {spec.name: "a word of now"}) for value in more]
        said.append(({name: "nonsense"} if name in candidate.vocabulary else {}, {spec.name: "nonsense"}))
        sayings.append(said)
    for spec in candidate.vocabulary.specs:
        if spec.name not in understood:
            sayings.append([({spec.name: value}, {}) for value in (*spec.values, UNKNOWN)])
    for chosen in itertools.product(*sayings):
        new: dict[str, str] = {}
        old: dict[str, str] = {}
        for ours, theirs in chosen:
            new |= ours
            old |= theirs
        yield Facts.of(new), Facts.of(old)


def weaker_by_trying_everything(candidate: Agreement, baseline: Agreement) -> tuple[bool, bool]:
    """Whether something is permitted that was not, and whether something is not denied that was."""
    permits = denies = False
    for new, old in heard(candidate, baseline):
        for counts in itertools.product(range(APPROVALS_MOST + 1), repeat=len(OFFICES)):
            approvals = dict(zip(OFFICES, counts, strict=True))
            ours, theirs = decide(candidate, new, approvals).verdict, decide(baseline, old, approvals).verdict
            permits |= ours is Verdict.PERMIT and theirs is not Verdict.PERMIT
            denies |= ours in (Verdict.PERMIT, Verdict.HOLD) and theirs not in (Verdict.PERMIT, Verdict.HOLD)
    return permits, denies


@pytest.fixture(scope="module")
def versions() -> list[tuple[int, Agreement, Agreement]]:
    made = []
    for seed in range(PAIRS):
        rng = seeded(seed)
        baseline = random_agreement(rng, facts_most=3, clauses_most=4)
        made.append((seed, later_version(rng, baseline), baseline))
    return made


def test_a_later_version_is_weaker_for_the_solvers_exactly_where_trying_everything_finds_it(
    versions: list[tuple[int, Agreement, Agreement]],
) -> None:
    found = dict.fromkeys(itertools.product((False, True), repeat=2), 0)
    for seed, candidate, baseline in versions:
        weaker = weaker_by_trying_everything(candidate, baseline)
        found[weaker] += 1
        for script, is_weaker in zip(no_weaker(candidate, baseline), weaker, strict=True):
            wanted = "sat" if is_weaker else "unsat"
            assert ask_z3(script.text) == wanted, (seed, script.name)
            if seed % 5 == 0:
                assert ask_cvc5(script.text) == wanted, (seed, script.name)
    assert min(found.values()) >= 3, found


def test_every_counterexample_replays_under_both_agreements(
    versions: list[tuple[int, Agreement, Agreement]],
) -> None:
    replayed = 0
    for seed, candidate, baseline in versions:
        for script in no_weaker(candidate, baseline):
            if ask_z3(script.text) == "unsat":
                continue
            found = replay_no_weaker(script, model_of(script), candidate, baseline)
            assert found is not None, (seed, script.name)
            ours = decide(candidate, found.first.facts, found.first.counts).verdict
            theirs = decide(baseline, found.second.facts, found.second.counts).verdict
            assert (ours, theirs) == (found.first_verdict, found.second_verdict)
            assert ours is Verdict.PERMIT or script.name == DENIES
            assert theirs is not Verdict.PERMIT or script.name == PERMITS
            replayed += 1
    assert replayed > 50


def test_the_exact_prover_finds_a_version_weaker_exactly_where_the_solvers_do(
    versions: list[tuple[int, Agreement, Agreement]],
) -> None:
    for seed, candidate, baseline in versions:
        weaker = [script.name for script in no_weaker(candidate, baseline) if ask_z3(script.text) == "sat"]
        compared = check(candidate, baseline)
        if weaker:
            assert not compared.proved, (seed, weaker)
        if compared.undercut:
            assert weaker, (seed, compared.undercut[0].words)
