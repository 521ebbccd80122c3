# SPDX-License-Identifier: Apache-2.0
"""How long proofs take, how fast decisions are made, and how long a node takes to prove its agreement at its start.

    python bench/agreement.py [--quick] [--out FOLDER]

Prints a table; with ``--out`` also writes results.json and proof-times.svg. Solvers run in processes of their own, as
in the product; their seconds are for reading and solving. ``README.md`` says what is measured and on what.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
import msgspec
from plot import Line, svg
from rewriting import baseline_of, rewritten, weakened

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.decide import decide
from brightline.core.agreement.ratchet import check
from brightline.core.agreement.smtlib import no_weaker
from brightline.core.agreement.theorems import check_theorems
from brightline.core.facts import UNKNOWN, Facts
from brightline.shell import shipped
from brightline.shell.prove.solvers import SolverName, solve

_T = TypeVar("_T")

SECONDS_MAX = 300.0
EXACT = "exact"


class ProofTime(msgspec.Struct, frozen=True):
    """One prover on one size. ``proof`` and ``counterexample`` are seconds; the answers are kept beside them."""

    prover: str
    clauses: int
    rewritten: int
    proof: float
    proof_answer: str
    counterexample: float
    counterexample_answer: str


class DecisionTime(msgspec.Struct, frozen=True):
    """Microseconds for one decision, one thread: median of runs."""

    agreement: str
    clauses: int
    requests: str
    microseconds: float


class StartTime(msgspec.Struct, frozen=True):
    """Seconds to read an agreement and to prove its theorems, without a solver."""

    agreement: str
    clauses: int
    load: float
    theorems: float


class Results(msgspec.Struct, frozen=True):
    """Everything that one run measured."""

    python: str
    processors: int
    quick: bool
    proofs: tuple[ProofTime, ...]
    decisions: tuple[DecisionTime, ...]
    starts: tuple[StartTime, ...]


@click.command()
@click.option("--quick", is_flag=True, help="Small sizes; for CI.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for results.json and the plot.")
def main(quick: bool, out: Path | None) -> None:
    """Measure proofs, decisions and start-up of agreements."""
    sizes = (30, 100) if quick else (100, 300, 1_000)
    runs = 3 if quick else 9
    proofs: list[ProofTime] = []
    for size in sizes:
        proofs.extend(_proofs(size))
        click.echo(f"  {size} clauses done", err=True)
    results = Results(
        python=platform.python_version(),
        processors=os.cpu_count() or 0,
        quick=quick,
        proofs=tuple(proofs),
        decisions=tuple(_decisions(runs)),
        starts=tuple(_starts(runs)),
    )
    _print(results)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "results.json").write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")
        (out / "proof-times.svg").write_text(_plot(results), "utf-8")
    wrong = [row for row in results.proofs if (row.proof_answer, row.counterexample_answer) != ("unsat", "sat")]
    if wrong:
        click.echo(f"not what is known to be so: {wrong[0]}", err=True)
        sys.exit(1)


# ---- what is measured ----------------------------------------------------------------------------------------------


def _proofs(size: int) -> list[ProofTime]:
    """No-weaker of a rewritten version (both claims), and the first claim of a weakened one (a counterexample)."""
    baseline = baseline_of(size)
    candidate = rewritten(baseline)
    weaker = weakened(candidate)
    rows = []
    for solver in SolverName:
        answers = [solve(solver, script, SECONDS_MAX) for script in no_weaker(candidate, baseline)]
        said = {answer.verdict.value for answer in answers}
        found = solve(solver, no_weaker(weaker, baseline)[0], SECONDS_MAX)
        rows.append(
            ProofTime(
                solver.value,
                len(baseline.clauses),
                len(candidate.clauses),
                sum(answer.seconds for answer in answers),
                "/".join(sorted(said)),
                found.seconds,
                found.verdict.value,
            )
        )
    seconds, proved = _timed(lambda: check(candidate, baseline))
    seconds_found, compared = _timed(lambda: check(weaker, baseline))
    rows.append(
        ProofTime(
            EXACT,
            len(baseline.clauses),
            len(candidate.clauses),
            seconds,
            "unsat" if proved.proved else "sat",
            seconds_found,
            "sat" if compared.undercut else "unsat",
        )
    )
    return rows


def _decisions(runs: int) -> list[DecisionTime]:
    shipped_agreement = shipped.read_agreement(shipped.shipped_agreement())
    large = baseline_of(300)
    return [
        _decision_time(shipped_agreement, "all good", [_all_good(shipped_agreement)], runs),
        _decision_time(shipped_agreement, "worked examples", [e.facts for e in shipped_agreement.examples], runs),
        _decision_time(large, "all good", [_all_good(large)], runs),
        _decision_time(large, "one unknown", _one_unknown(large), runs),
    ]


def _decision_time(agreement: Agreement, requests: str, facts: list[Facts], runs: int) -> DecisionTime:
    approvals: dict[str, int] = {}
    for each in facts:
        decide(agreement, each, approvals)  # what is made once is made before
    rounds = max(1, 2_000 // len(facts))
    best = []
    for _ in range(runs):
        began = time.perf_counter()
        for _ in range(rounds):
            for each in facts:
                decide(agreement, each, approvals)
        best.append((time.perf_counter() - began) / (rounds * len(facts)))
    return DecisionTime(agreement.id, len(agreement.clauses), requests, sorted(best)[runs // 2] * 1e6)


def _starts(runs: int) -> list[StartTime]:
    rows = []
    for name, folder in shipped.shipped_agreements().items():
        loads = [_timed(lambda folder=folder: shipped.read_agreement(folder))[0] for _ in range(runs)]  # type: ignore[misc]
        agreement = shipped.read_agreement(folder)
        proofs = [_timed(lambda agreement=agreement: check_theorems(agreement))[0] for _ in range(runs)]  # type: ignore[misc]
        rows.append(StartTime(name, len(agreement.clauses), sorted(loads)[runs // 2], sorted(proofs)[runs // 2]))
    large = baseline_of(300)
    rows.append(StartTime(large.id, len(large.clauses), 0.0, _timed(lambda: check_theorems(large))[0]))
    return rows


def _all_good(agreement: Agreement) -> Facts:
    return Facts.of({spec.name: spec.good for spec in agreement.vocabulary.specs})


def _one_unknown(agreement: Agreement) -> list[Facts]:
    good = _all_good(agreement)
    return [good.with_values({spec.name: UNKNOWN}) for spec in agreement.vocabulary.specs if not spec.installation]


def _timed(act: Callable[[], _T]) -> tuple[float, _T]:
    began = time.perf_counter()
    value = act()
    return time.perf_counter() - began, value


# ---- what is shown -------------------------------------------------------------------------------------------------


def _print(results: Results) -> None:
    click.echo(f"Python {results.python}, {results.processors} processors\n")
    click.echo(f"{'prover':<8}{'clauses':>9}{'rewritten':>11}{'proof':>12}{'counterexample':>17}")
    for row in sorted(results.proofs, key=lambda row: (row.clauses, row.prover)):
        click.echo(
            f"{row.prover:<8}{row.clauses:>9,}{row.rewritten:>11,}{row.proof:>10.3f} s{row.counterexample:>15.3f} s"
        )
    click.echo(f"\n{'agreement':<24}{'clauses':>8}  {'requests':<18}{'µs':>8}{'decisions/s':>14}")
    for each in results.decisions:
        rate = 1e6 / each.microseconds
        click.echo(
            f"{each.agreement:<24}{each.clauses:>8}  {each.requests:<18}{each.microseconds:>8.2f}{rate:>14,.0f}"
        )
    click.echo(f"\n{'agreement':<24}{'clauses':>8}{'load':>12}{'theorems':>12}")
    for start in results.starts:
        load = f"{start.load * 1000:.1f} ms" if start.load else "-"
        click.echo(f"{start.agreement:<24}{start.clauses:>8}{load:>12}{start.theorems * 1000:>9.1f} ms")


def _plot(results: Results) -> str:
    lines = []
    for colour, prover in enumerate((SolverName.Z3.value, SolverName.CVC5.value, EXACT)):
        rows = sorted((row for row in results.proofs if row.prover == prover), key=lambda row: row.clauses)
        lines.append(Line(f"{prover}: proof", tuple((r.clauses, r.proof) for r in rows), colour))
        points = tuple((r.clauses, r.counterexample) for r in rows)
        lines.append(Line(f"{prover}: counterexample", points, colour, dashed=True))
    title = "Time to prove a version no weaker, or to show that it is weaker"
    return svg(title, "clauses of the baseline (the rewritten version has about 6.5 times as many)", "seconds", lines)


if __name__ == "__main__":
    main()
