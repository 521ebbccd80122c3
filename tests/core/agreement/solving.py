# SPDX-License-Identifier: Apache-2.0
"""The solvers in this process, for tests that ask many small questions; the product gives each its own process."""

from __future__ import annotations

import pytest

from brightline.core.agreement.encoding import Model, read_model
from brightline.core.agreement.smtlib import ASK, Script

z3 = pytest.importorskip("z3", reason="needs brightline[prove]")
cvc5 = pytest.importorskip("cvc5", reason="needs brightline[prove]")


_CONTEXT = z3.Context()  # one for all: to make one costs more than a small question


def ask_z3(text: str) -> str:
    return str(z3.Z3_eval_smtlib2_string(_CONTEXT.ref(), f"(reset)\n{text}")).strip()


def ask_cvc5(text: str) -> str:
    manager = cvc5.TermManager()
    solver, symbols = cvc5.Solver(manager), cvc5.SymbolManager(manager)
    parser = cvc5.InputParser(solver, symbols)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "script")
    said = []
    while not (command := parser.nextCommand()).isNull():
        said.append(str(command.invoke(solver, symbols)))
    return "".join(said).strip()


def model_of(script: Script) -> Model:
    """The request that z3 shows, of a script that is sat."""
    verdict, _, values = ask_z3(script.text.replace(ASK, ASK.removeprefix("; "))).partition("\n")
    assert verdict == "sat"
    return read_model(values)
