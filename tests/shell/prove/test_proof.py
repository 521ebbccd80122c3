# SPDX-License-Identifier: Apache-2.0
"""Three provers, and what becomes of a proof when one of them says something else."""

from __future__ import annotations

import msgspec
import pytest

from brightline.core.agreement.clause import Agreement, Clause, ClauseKind
from brightline.core.agreement.condition import parse
from brightline.core.agreement.ratchet import check
from brightline.core.agreement.smtlib import DENIES, PERMITS, Script
from brightline.core.agreement.theorems import Theorem
from brightline.core.errors import AgreementError
from brightline.shell import shipped
from brightline.shell.prove import proof as proof_module
from brightline.shell.prove.proof import Proof, prove_agreement, prove_update, scripts_for
from brightline.shell.prove.solvers import Answer, Solve, SolverName, SolverVerdict
from tests.core.agreement.solving import ask_cvc5, ask_z3

BASELINE = shipped.read_agreement(shipped.shipped_agreement())
STRICTER = msgspec.structs.replace(
    BASELINE,
    version=2,
    clauses=(*BASELINE.clauses, Clause("MORE", ClauseKind.DENY, ("q",), parse("operational != 'no'"))),
    examples=(),
)
WEAKER = msgspec.structs.replace(
    BASELINE, version=2, clauses=tuple(clause for clause in BASELINE.clauses if clause.id != "RL-1"), examples=()
)


def in_process(solver: SolverName, script: Script, _seconds: float) -> Answer:
    """The real solvers, without a process for each question."""
    asked = script.text.replace("; (get-value", "(get-value") if solver is SolverName.CVC5 else script.text
    if solver is SolverName.Z3:
        verdict = ask_z3(script.text)
        values = "" if verdict != "sat" else ask_z3(script.text.replace("; (get-value", "(get-value"))[4:]
        return Answer(solver, "5", SolverVerdict(verdict), 0.0, values)
    verdict = ask_cvc5(script.text)
    return Answer(solver, "1", SolverVerdict(verdict), 0.0, ask_cvc5(asked)[4:] if verdict == "sat" else "")


def saying(changes: dict[tuple[str, SolverName], Answer]) -> Solve:
    """The real solvers, but for some questions."""

    def ask(solver: SolverName, script: Script, seconds: float) -> Answer:
        return changes.get((script.name, solver)) or in_process(solver, script, seconds)

    return ask


def test_a_stricter_version_is_proved_three_times_by_processes_of_their_own() -> None:
    done: list[int] = []
    proof = prove_update(STRICTER, BASELINE, 30, on_done=done.append)
    assert proof.refused == ()
    assert proof.proved
    assert done == list(range(1, len(scripts_for(STRICTER, BASELINE)) + 1))
    assert (proof.candidate, proof.baseline) == (STRICTER.digest, BASELINE.digest)


def test_every_shipped_agreement_is_proved_by_itself() -> None:
    for folder in shipped.shipped_agreements().values():
        proof = prove_agreement(shipped.read_agreement(folder), 30, solve=in_process)
        assert proof.refused == ()
        assert proof.baseline == ""


def test_a_version_without_a_red_line_is_refused_with_a_request_that_replays() -> None:
    proof = prove_update(WEAKER, BASELINE, 30, solve=in_process)
    refused = {outcome.script.name: outcome for outcome in proof.outcomes if outcome.refused}
    assert set(refused) == {PERMITS, DENIES}
    (found,) = refused[DENIES].counterexample
    assert found.words == (
        "a request with mass_domestic = yes and everything else good, with no approvals, is denied (RL-1) by the "
        "baseline and permitted (L1) by version 2"
    )
    assert any("mass_domestic" in words for words in proof.exact)
    assert proof.disagreements == ()


@pytest.mark.parametrize("verdict", [SolverVerdict.UNKNOWN, SolverVerdict.TIMEOUT, SolverVerdict.ERROR])
@pytest.mark.parametrize("solver", list(SolverName))
def test_a_solver_that_gives_no_answer_to_one_question_refuses_all(solver: SolverName, verdict: SolverVerdict) -> None:
    silent = Answer(solver, "1", verdict, 1.0, message="why")
    proof = prove_update(STRICTER, BASELINE, 30, solve=saying({(PERMITS, solver): silent}))
    assert proof.refused == (f"{PERMITS}: {solver} gave no answer: {verdict} (why)",)


def test_a_solver_that_disagrees_refuses_and_its_finding_is_not_believed() -> None:
    # Everything good: permitted by both agreements, so it shows nothing.
    values = " ".join(f"({spec.name}.good true)" for spec in BASELINE.vocabulary.specs)
    lying = Answer(SolverName.CVC5, "1", SolverVerdict.SAT, 0.1, f"({values})")
    proof = prove_update(STRICTER, BASELINE, 30, solve=saying({(DENIES, SolverName.CVC5): lying}))
    assert proof.refused == (f"{DENIES}: cvc5 found what the evaluator does not confirm",)
    without = msgspec.structs.replace(lying, values="")
    assert not prove_update(STRICTER, BASELINE, 30, solve=saying({(DENIES, SolverName.CVC5): without})).proved


def test_a_solver_that_proves_what_is_false_refuses_by_disagreement_with_the_other() -> None:
    unsat = {(name, SolverName.Z3): Answer(SolverName.Z3, "5", SolverVerdict.UNSAT, 0.1) for name in (PERMITS, DENIES)}
    proof = prove_update(WEAKER, BASELINE, 30, solve=saying(unsat))
    assert any("the solvers disagree: z3 says unsat, cvc5 says sat" in words for words in proof.refused)


def test_two_solvers_that_prove_what_the_exact_prover_refutes_refuse() -> None:
    unsat = {
        (name, solver): Answer(solver, "5", SolverVerdict.UNSAT, 0.1)
        for name in (PERMITS, DENIES)
        for solver in SolverName
    }
    proof = prove_update(WEAKER, BASELINE, 30, solve=saying(unsat))
    assert proof.disagreements == (
        "the exact prover finds the candidate weaker, and both solvers prove that it is not",
    )
    assert proof.refused[0] == proof.disagreements[0]


def test_two_solvers_that_refute_what_the_exact_prover_proves_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = prove_update(WEAKER, BASELINE, 30, solve=in_process)
    blind = check(STRICTER, BASELINE)
    monkeypatch.setattr(proof_module, "check", lambda _candidate, _baseline: blind)
    proof = prove_update(WEAKER, BASELINE, 30, solve=in_process)
    assert honest.disagreements == ()
    assert proof.disagreements == ("the exact prover finds the candidate no weaker, and both solvers find it weaker",)


def without(agreement: Agreement, clause_id: str) -> Agreement:
    kept = tuple(clause for clause in agreement.clauses if clause.id != clause_id)
    return msgspec.structs.replace(agreement, clauses=kept, examples=())


def test_a_theorem_that_all_three_refute_is_no_disagreement() -> None:
    proof = prove_agreement(without(BASELINE, "D2"), 30, solve=in_process)
    assert proof.disagreements == ()
    (outcome,) = (each for each in proof.outcomes if each.refused)
    assert outcome.script.name == "T3-installation"
    assert "safety_trained = no" in outcome.counterexample[0].words
    assert [words[:3] for words in proof.exact] == ["T3:"]


@pytest.mark.parametrize("theorem", ["T1-crossed-is-denied", "T3-installation", "LIVE-L1"])
def test_a_theorem_on_which_the_three_disagree_refuses(theorem: str) -> None:
    other = SolverVerdict.UNSAT if theorem.startswith("LIVE") else SolverVerdict.SAT
    changes = {(theorem, solver): Answer(solver, "1", other, 0.1) for solver in SolverName}
    proof = prove_agreement(BASELINE, 30, solve=saying(changes))
    assert proof.disagreements == (f"the exact prover proves {theorem.partition('-')[0]}, which both solvers refute",)


def test_a_theorem_that_only_the_exact_prover_refutes_refuses() -> None:
    unsat = {("T3-installation", s): Answer(s, "1", SolverVerdict.UNSAT, 0.1) for s in SolverName}
    proof = prove_agreement(without(BASELINE, "D2"), 30, solve=saying(unsat))
    assert proof.disagreements == ("the exact prover refutes T3, which both solvers prove",)


def test_an_exact_prover_that_gives_no_answer_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(_agreement: Agreement) -> tuple[Theorem, ...]:
        raise AgreementError("more than 4096 cases", "clause X", "split the clause")

    monkeypatch.setattr(proof_module, "check_theorems", give_up)
    proof = prove_agreement(BASELINE, 30, solve=in_process)
    assert proof.refused == ("the exact prover gave no answer: clause X: more than 4096 cases (split the clause)",)


def test_nothing_asked_is_nothing_proved_only_where_the_exact_prover_looked_too() -> None:
    assert Proof("a", "", ()).proved  # the value alone says nothing; scripts_for is what must have been asked
    assert len(scripts_for(BASELINE, None)) == 8
