# SPDX-License-Identifier: Apache-2.0
"""Prove an agreement, and that it is no weaker than its baseline, three times: z3, cvc5 and the exact prover.

    1. the scripts are written from the clauses (``core/agreement/smtlib.py``)
    2. both solvers answer each script, in processes of their own
    3. what a solver found against a claim is decided again by both agreements; what does not replay refuses too
    4. the exact prover (``ratchet.py``, ``theorems.py``) answers the same, and who may do what besides

Only three times the same answer, and the right one, is a proof. Nothing here is asked for while serving.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.counterexample import Counterexample, replay_no_weaker, replay_theorem
from brightline.core.agreement.encoding import read_model
from brightline.core.agreement.ratchet import check
from brightline.core.agreement.smtlib import DENIES, PERMITS, Expected, Script, no_weaker, theorems
from brightline.core.agreement.theorems import Theorem, check_theorems
from brightline.core.errors import AgreementError
from brightline.shell.prove.solvers import SECONDS_DEFAULT, Answer, Solve, SolverVerdict, ask_both, solve, why_not


class Outcome(msgspec.Struct, frozen=True):
    """One claim: what both solvers said, why that proves nothing (empty: it is proved), and none or one request
    for which it is false.
    """

    script: Script
    answers: tuple[Answer, ...]
    refused: str
    counterexample: tuple[Counterexample, ...] = ()

    @property
    def refuted(self) -> bool:
        """Whether both solvers say that the claim is false."""
        return bool(self.refused) and {a.verdict for a in self.answers} == {_other(self.script.expected)}


class Proof(msgspec.Struct, frozen=True):
    """Everything that was asked about a candidate, and a baseline if its digest is not empty.

    ``exact`` is what the exact prover found against it, ``disagreements`` where the three contradict each other.
    """

    candidate: str
    baseline: str
    outcomes: tuple[Outcome, ...]
    exact: tuple[str, ...] = ()
    disagreements: tuple[str, ...] = ()

    @property
    def refused(self) -> tuple[str, ...]:
        """Why this is no proof, in words; nothing: all was proved three times."""
        solvers = [f"{o.script.name}: {o.refused}" for o in self.outcomes if o.refused]
        return (*self.disagreements, *solvers, *self.exact)

    @property
    def proved(self) -> bool:
        """Whether everything was proved."""
        return not self.refused


def scripts_for(candidate: Agreement, baseline: Agreement | None) -> tuple[Script, ...]:
    """Return the scripts of a proof, in order. Raises ``AgreementError`` for what has no encoding."""
    against = no_weaker(candidate, baseline) if baseline is not None else ()
    return (*theorems(candidate), *against)


def prove_agreement(
    candidate: Agreement,
    seconds: float = SECONDS_DEFAULT,
    *,
    solve: Solve = solve,
    on_done: Callable[[int], None] = lambda _done: None,
) -> Proof:
    """Prove what must be true of every agreement. ``seconds`` are for each question; ``on_done`` counts scripts.

    Raises ``ConfigError`` where a solver is not installed, ``AgreementError`` for what has no encoding.
    """
    return _prove(candidate, None, seconds, solve, on_done)


def prove_update(
    candidate: Agreement,
    baseline: Agreement,
    seconds: float = SECONDS_DEFAULT,
    *,
    solve: Solve = solve,
    on_done: Callable[[int], None] = lambda _done: None,
) -> Proof:
    """Prove the same, and that the candidate is no weaker than the baseline."""
    return _prove(candidate, baseline, seconds, solve, on_done)


def _prove(
    candidate: Agreement,
    baseline: Agreement | None,
    seconds: float,
    solve: Solve,
    on_done: Callable[[int], None],
) -> Proof:
    outcomes: list[Outcome] = []
    for script in scripts_for(candidate, baseline):  # 1
        outcomes.append(_outcome(script, ask_both(script, seconds, solve), candidate, baseline))  # 2, 3
        on_done(len(outcomes))
    exact: list[str] = []
    disagreements: list[str] = []
    try:  # 4
        for theorem in check_theorems(candidate):
            exact += [f"{theorem.id}: not so that {theorem.says}: {theorem.against}"] if theorem.against else []
            disagreements += _theorem_disagrees(theorem, outcomes)
        if baseline is not None:
            compared = check(candidate, baseline)
            exact += compared.words()
            disagreements += _ratchet_disagrees(outcomes, bool(compared.undercut), compared.proved)
    except AgreementError as error:
        exact.append(f"the exact prover gave no answer: {error}")
    digest = "" if baseline is None else baseline.digest
    return Proof(candidate.digest, digest, tuple(outcomes), tuple(exact), tuple(disagreements))


def _outcome(script: Script, answers: tuple[Answer, ...], candidate: Agreement, baseline: Agreement | None) -> Outcome:
    refused = why_not(script.expected, answers)
    if script.expected is Expected.SAT:
        return Outcome(script, answers, refused)
    for answer in answers:
        if answer.verdict is not SolverVerdict.SAT:
            continue
        found = _replayed(script, answer, candidate, baseline)
        if found is None:
            words = f"{answer.solver} found what the evaluator does not confirm"
            return Outcome(script, answers, words)
        return Outcome(script, answers, f"{refused}: {found.words}", (found,))
    return Outcome(script, answers, refused)


def _replayed(
    script: Script, answer: Answer, candidate: Agreement, baseline: Agreement | None
) -> Counterexample | None:
    try:
        model = read_model(answer.values)
    except AgreementError:  # sat without a request is not confirmed either
        return None
    if script.name in (PERMITS, DENIES) and baseline is not None:
        return replay_no_weaker(script, model, candidate, baseline)
    return replay_theorem(script, model, candidate)


def _theorem_disagrees(theorem: Theorem, outcomes: list[Outcome]) -> Iterator[str]:
    same = [outcome for outcome in outcomes if outcome.script.name.startswith(f"{theorem.id}-")]
    if not same:
        yield f"{theorem.id} was asked of no solver"
    if theorem.holds and any(outcome.refuted for outcome in same):
        yield f"the exact prover proves {theorem.id}, which both solvers refute"
    if not theorem.holds and all(not outcome.refused for outcome in same):
        yield f"the exact prover refutes {theorem.id}, which both solvers prove"


def _ratchet_disagrees(outcomes: list[Outcome], undercut: bool, proved: bool) -> Iterator[str]:
    same = [outcome for outcome in outcomes if outcome.script.name in (PERMITS, DENIES)]
    if proved and any(outcome.refuted for outcome in same):
        yield "the exact prover finds the candidate no weaker, and both solvers find it weaker"
    if undercut and all(not outcome.refused for outcome in same):
        yield "the exact prover finds the candidate weaker, and both solvers prove that it is not"


def _other(expected: Expected) -> SolverVerdict:
    return SolverVerdict.SAT if expected is Expected.UNSAT else SolverVerdict.UNSAT
