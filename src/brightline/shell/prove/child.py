# SPDX-License-Identifier: Apache-2.0
"""One solver, one script, one process: ``python -m brightline.shell.prove.child z3|cvc5 [address-space-MiB]``.

The script is read from stdin, and one line of JSON is written to stdout: ``verdict`` (unsat, sat, unknown, error or
missing), ``version``, ``seconds`` for reading and solving, ``values`` (the answer to the script's own question, after
sat) and ``message``. A solver is a large program in another language: here it can crash, hang or eat memory without
taking anybody with it. Whoever started this process ends it at the deadline.

Nothing here writes a file, and no script can make a solver do so: only these commands are let through.
"""

from __future__ import annotations

import re
import resource
import sys
import time
from typing import Any, Final

import msgspec

# What may stand after an opening parenthesis: the commands and connectives of our scripts, a symbol, or nothing.
_COMMANDS: Final = {"set-info", "set-option", "set-logic", "declare-const", "define-fun", "assert", "check-sat"}
_HEADS: Final = frozenset({*_COMMANDS, "and", "or", "not", "=>", "=", "|", ""})
_OPTIONS: Final = frozenset({":produce-models true"})  # others can name files
_SAID: Final = frozenset({"unsat", "sat", "unknown"})
_COMMENT_OR_SYMBOL: Final = re.compile(r"^;[^\n]*|\|[^|]*\|", re.MULTILINE)
_HEAD: Final = re.compile(r"\(\s*([^\s()]*)")
_OPTION: Final = re.compile(r"\(\s*set-option\s+([^)]*)\)")
_QUESTION: Final = re.compile(r"^; (\(get-value \(.*\)\))$", re.MULTILINE)


class Said(msgspec.Struct, frozen=True):
    """What the process says of its solver."""

    verdict: str
    version: str = ""
    seconds: float = 0.0
    values: str = ""
    message: str = ""


def main(arguments: list[str]) -> None:
    """Run one solver on stdin. Exits with 0 whatever the answer; a crash is for the parent to see."""
    solver, mebibytes = arguments[0], int(arguments[1]) if len(arguments) > 1 else 0
    if mebibytes:
        resource.setrlimit(resource.RLIMIT_AS, (mebibytes << 20, mebibytes << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    script = sys.stdin.buffer.read().decode()
    sys.stdout.buffer.write(msgspec.json.encode(_answer(solver, script)) + b"\n")


def _answer(solver: str, script: str) -> Said:
    if strange := _strange(script):
        return Said("error", message=f"{strange[:80]!r} is nothing that a proof needs")
    found = _QUESTION.search(script)
    question = found[1] if found else ""
    try:
        return _z3(script, question) if solver == "z3" else _cvc5(script, question)
    except ModuleNotFoundError:
        return Said("missing")
    except (RuntimeError, ValueError, MemoryError, OSError) as error:  # what the two raise, for a script or for memory
        return Said("error", message=str(error)[:500])


def _strange(script: str) -> str:
    """The first thing in a script that none of ours has; empty if it is such as we write."""
    bare = _COMMENT_OR_SYMBOL.sub("|", script)
    odd = sorted({'"', ";", "\r"} & set(bare)) or sorted(set(_HEAD.findall(bare)) - _HEADS)
    return next(iter(odd or sorted(set(_OPTION.findall(bare)) - _OPTIONS)), "")


def _z3(script: str, question: str) -> Said:
    import z3

    version = z3.get_version_string()
    context = z3.Context()
    began = time.perf_counter()
    try:
        verdict = _verdict(str(z3.Z3_eval_smtlib2_string(context.ref(), script)))
        seconds = time.perf_counter() - began
        values = str(z3.Z3_eval_smtlib2_string(context.ref(), question)) if verdict == "sat" and question else ""
    except z3.Z3Exception as error:
        return Said("error", version, message=str(error)[:500])
    return Said(verdict, version, seconds, values)


def _cvc5(script: str, question: str) -> Said:
    import cvc5

    manager = cvc5.TermManager()
    solver, symbols = cvc5.Solver(manager), cvc5.SymbolManager(manager)
    solver.setOption("produce-models", "true")
    began = time.perf_counter()
    verdict = _verdict(_run_cvc5(cvc5, solver, symbols, script))
    seconds = time.perf_counter() - began
    values = _run_cvc5(cvc5, solver, symbols, question) if verdict == "sat" and question else ""
    return Said(verdict, str(cvc5.__version__), seconds, values)


def _run_cvc5(cvc5: Any, solver: Any, symbols: Any, text: str) -> str:
    parser = cvc5.InputParser(solver, symbols)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "script")
    said: list[str] = []
    while not (command := parser.nextCommand()).isNull():
        said.append(str(command.invoke(solver, symbols)))
    return "".join(said)


def _verdict(output: str) -> str:
    """The one word that a script of ours has solvers say. Raises ``ValueError`` for anything more or less."""
    said = output.strip()
    if said not in _SAID:
        raise ValueError(f"the solver said {said[:200]!r}")
    return said


if __name__ == "__main__":
    main(sys.argv[1:])
