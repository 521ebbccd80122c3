# SPDX-License-Identifier: Apache-2.0
"""Each solver in a process of its own: what it says, and that nothing it does can be taken for a proof."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from brightline.core.agreement.encoding import read_model
from brightline.core.agreement.smtlib import Expected, Script, theorems
from brightline.core.errors import ConfigError
from brightline.shell import shipped
from brightline.shell.prove.solvers import Answer, SolverName, SolverVerdict, ask_both, solve, why_not

pytest.importorskip("z3", reason="needs brightline[prove]")
pytest.importorskip("cvc5", reason="needs brightline[prove]")

BOTH = pytest.mark.parametrize("solver", list(SolverName))


def script_of(text: str, expected: Expected = Expected.UNSAT) -> Script:
    return Script("a-script", "A claim.", expected, text)


def pigeons(count: int) -> Script:
    """One pigeon more than there are holes: true, and beyond any solver of this kind for a dozen and more."""
    holes = range(count - 1)
    lines = ["(set-logic QF_UF)"]
    lines += [f"(declare-const p{i}_{j} Bool)" for i in range(count) for j in holes]
    lines += [f"(assert (or {' '.join(f'p{i}_{j}' for j in holes)}))" for i in range(count)]
    lines += [
        f"(assert (not (and p{i}_{j} p{k}_{j})))" for j in holes for i in range(count) for k in range(i) if k != i
    ]
    return script_of("\n".join([*lines, "(check-sat)"]))


@BOTH
def test_a_solver_answers_with_its_version_and_the_request_that_it_found(solver: SolverName) -> None:
    agreement = shipped.read_agreement(shipped.shipped_agreement())
    live = next(script for script in theorems(agreement) if script.expected is Expected.SAT)
    answer = solve(solver, live, 30)
    assert answer.verdict is SolverVerdict.SAT
    assert answer.version[0].isdigit()
    assert 0 < answer.seconds < 30
    assert read_model(answer.values).rank("lawful") == 0


@BOTH
def test_a_solver_that_thinks_too_long_is_killed_at_its_deadline(solver: SolverName) -> None:
    began = time.monotonic()
    answer = solve(solver, pigeons(16), 1.0)
    assert answer.verdict is SolverVerdict.TIMEOUT
    assert 1.0 <= time.monotonic() - began < 30.0  # else it thinks for hours
    assert "timeout" in why_not(Expected.UNSAT, (answer,))


@BOTH
@pytest.mark.parametrize(
    "text",
    [
        "",
        "not a script",
        "(set-logic QF_UF)\n(assert nowhere)\n(check-sat)",
        "(set-logic QF_UF)\n(assert true",
        "(set-logic QF_UF)\n(check-sat)\n(check-sat)",
        "(set-logic QF_UF)\n(check-sat)\n(get-model)",
        '(set-logic QF_UF)\n(echo "unsat")',
        "(set-logic QF_UF)\n(assert nowhere)\n(assert false)\n(check-sat)",
        "(set-logic QF_UF)\n(assert false) (check-sat) (exit)",
        "(set-logic QF_UF)\n(check-sat) ; a comment where ours has none",
    ],
)
def test_a_script_that_is_none_of_ours_is_an_error_and_never_an_answer(solver: SolverName, text: str) -> None:
    answer = solve(solver, script_of(text), 30)
    assert answer.verdict is SolverVerdict.ERROR
    assert answer.message


@BOTH
@pytest.mark.parametrize("before", ["", "(set-logic QF_UF) ", "(set-info :a |; x|)", "(set-info :a |\n;|)\n"])
@pytest.mark.parametrize("option", [":regular-output-channel", ":diagnostic-output-channel"])
def test_a_script_cannot_make_a_solver_write_a_file(
    solver: SolverName, tmp_path: Path, before: str, option: str
) -> None:
    written = tmp_path / "written"
    answer = solve(solver, script_of(f"{before}(set-option {option} |{written}|)\n(check-sat)"), 30)
    assert answer.verdict is SolverVerdict.ERROR
    quoted = solve(solver, script_of(f'{before}(set-option {option} "{written}")\n(check-sat)'), 30)
    assert quoted.verdict is SolverVerdict.ERROR
    assert not written.exists()


@BOTH
def test_a_solver_without_memory_is_an_error(solver: SolverName) -> None:
    answer = solve(solver, pigeons(12), 30, mebibytes=60)
    assert answer.verdict is SolverVerdict.ERROR
    assert why_not(Expected.UNSAT, (answer,)).startswith(f"{solver} gave no answer: error")


@BOTH
def test_a_solver_that_is_not_installed_is_said_with_what_to_install(
    solver: SolverName, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    absent = f"raise ModuleNotFoundError('No module named {solver.value}')\n"
    (tmp_path / f"{solver.value}.py").write_text(absent)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"pip install brightline\[prove\]"):
        solve(solver, pigeons(3), 30)


def test_a_file_in_the_working_folder_is_not_taken_for_the_solver(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "z3.py").write_text("raise SystemExit(3)\n")
    monkeypatch.chdir(tmp_path)
    assert solve(SolverName.Z3, pigeons(3), 30).verdict is SolverVerdict.UNSAT


# ---- two answers -------------------------------------------------------------------------------------------------


def answers(z3: SolverVerdict, cvc5: SolverVerdict) -> tuple[Answer, Answer]:
    return Answer(SolverName.Z3, "1", z3, 0.1), Answer(SolverName.CVC5, "2", cvc5, 0.1)


def test_both_are_asked_and_both_prove_what_is_true() -> None:
    both = ask_both(pigeons(4), 30)
    assert [answer.solver for answer in both] == [SolverName.Z3, SolverName.CVC5]
    assert why_not(Expected.UNSAT, both) == ""
    assert why_not(Expected.SAT, both) == "both solvers say unsat, so it is false"


@pytest.mark.parametrize("expected", list(Expected))
def test_only_twice_the_answer_that_proves_is_a_proof(expected: Expected) -> None:
    proofs = [
        (one, two) for one in SolverVerdict for two in SolverVerdict if why_not(expected, answers(one, two)) == ""
    ]
    assert proofs == [(SolverVerdict(expected.value), SolverVerdict(expected.value))]


def test_solvers_that_disagree_are_said_to() -> None:
    said = why_not(Expected.UNSAT, answers(SolverVerdict.UNSAT, SolverVerdict.SAT))
    assert said == "the solvers disagree: z3 says unsat, cvc5 says sat"


def test_one_solver_twice_is_not_two() -> None:
    once, _ = answers(SolverVerdict.UNSAT, SolverVerdict.UNSAT)
    assert why_not(Expected.UNSAT, (once, once)) == "not both solvers were asked"
    assert why_not(Expected.UNSAT, ()) == "not both solvers were asked"
