# SPDX-License-Identifier: Apache-2.0
"""Ask z3 and cvc5, each in a process of its own with a deadline and a limit of memory, and believe only one answer.

A claim is proved when both solvers, asked on their own, give the answer that proves it. Unknown, too late, a crash, or
two solvers that say different things: refused, in words. Nothing here is needed to serve.
"""

from __future__ import annotations

import enum
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeAlias

import msgspec

from brightline.core.agreement.smtlib import Expected, Script
from brightline.core.errors import ConfigError
from brightline.shell.prove.child import Said

SECONDS_DEFAULT: Final = 60.0
SECONDS_MAX: Final = 3_600.0
MEBIBYTES_DEFAULT: Final = 8_192


class SolverName(enum.StrEnum):
    """The two, written by different people."""

    Z3 = "z3"
    CVC5 = "cvc5"


class SolverVerdict(enum.StrEnum):
    """What became of a question."""

    UNSAT = "unsat"
    SAT = "sat"
    UNKNOWN = "unknown"
    TIMEOUT = "timeout"
    ERROR = "error"


class Answer(msgspec.Struct, frozen=True):
    """What one solver said. ``seconds`` are for reading and solving; ``values`` answer ``get-value`` after sat."""

    solver: SolverName
    version: str
    verdict: SolverVerdict
    seconds: float
    values: str = ""
    message: str = ""


Solve: TypeAlias = Callable[[SolverName, Script, float], Answer]


def solve(solver: SolverName, script: Script, seconds: float, *, mebibytes: int = MEBIBYTES_DEFAULT) -> Answer:
    """Ask one solver; its process is killed after ``seconds``, start-up included.

    Raises ``ConfigError`` where the solver is not installed.
    """
    # -P: a file z3.py in the working folder is not the solver.
    command = [sys.executable, "-P", "-m", "brightline.shell.prove.child", solver.value, str(mebibytes)]
    began = time.monotonic()
    try:
        done = subprocess.run(  # noqa: S603 - our own module, and a solver's name from an enumeration
            command, input=script.text.encode(), capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:  # the process was killed
        return Answer(solver, "", SolverVerdict.TIMEOUT, time.monotonic() - began, message="killed at its deadline")
    try:
        said = msgspec.json.decode(done.stdout, type=Said)
    except (msgspec.DecodeError, UnicodeDecodeError):
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2][:300]
        message = f"ended with {done.returncode}: {last}"
        return Answer(solver, "", SolverVerdict.ERROR, time.monotonic() - began, message=message)
    if said.verdict == "missing":
        raise ConfigError(f"the solver {solver} is not installed; `pip install brightline[prove]` installs both")
    return Answer(solver, said.version, SolverVerdict(said.verdict), said.seconds, said.values, said.message)


def ask_both(script: Script, seconds: float, solve: Solve = solve) -> tuple[Answer, Answer]:
    """Ask both at once. Raises ``ConfigError`` where one is not installed."""
    with ThreadPoolExecutor(2) as pool:
        z3, cvc5 = pool.map(lambda solver: solve(solver, script, seconds), (SolverName.Z3, SolverName.CVC5))
    return z3, cvc5


def why_not(expected: Expected, answers: tuple[Answer, ...]) -> str:
    """Say why these answers do not prove the claim; empty if they do."""
    for answer in answers:
        if answer.verdict in (SolverVerdict.UNKNOWN, SolverVerdict.TIMEOUT, SolverVerdict.ERROR):
            detail = f" ({answer.message})" if answer.message else ""
            return f"{answer.solver} gave no answer: {answer.verdict}{detail}"
    if {answer.solver for answer in answers} != set(SolverName):
        return "not both solvers were asked"
    if len({answer.verdict for answer in answers}) > 1:
        said = ", ".join(f"{answer.solver} says {answer.verdict}" for answer in answers)
        return f"the solvers disagree: {said}"
    if answers[0].verdict.value != expected.value:
        return f"both solvers say {answers[0].verdict}, so it is false"
    return ""
