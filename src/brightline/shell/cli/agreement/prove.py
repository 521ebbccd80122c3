# SPDX-License-Identifier: Apache-2.0
"""``brightline agreement prove``: what two solvers and the exact prover say about an agreement, and a folder of it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from brightline.shell import shipped
from brightline.shell.cli import render
from brightline.shell.cli.agreement.opening import FOLDER_TYPE
from brightline.shell.prove.bundle import write_bundle
from brightline.shell.prove.proof import Outcome, Proof, prove_agreement, prove_update, scripts_for
from brightline.shell.prove.solvers import SECONDS_DEFAULT, SECONDS_MAX

_REASONS_SHOWN: Final = 12


@click.command()
@click.argument("new", type=FOLDER_TYPE)
@click.option("--baseline", type=FOLDER_TYPE, help="Folder of the agreement that NEW must be no weaker than.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Keep scripts and answers in a folder.")
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, SECONDS_MAX),
    default=SECONDS_DEFAULT,
    show_default=True,
    help="For each solver and script; later means refused.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def prove(new: Path, baseline: Path | None, out: Path | None, seconds: float, as_json: bool) -> None:
    """Prove the agreement in NEW with z3, cvc5 and the exact prover: its theorems, and no weaker than a baseline."""
    candidate = shipped.read_agreement(new)
    floor = None if baseline is None else shipped.read_agreement(baseline)
    with render.progress(f"proving {candidate.id}", len(scripts_for(candidate, floor))) as on_done:
        if floor is None:
            proof = prove_agreement(candidate, seconds, on_done=on_done)
        else:
            proof = prove_update(candidate, floor, seconds, on_done=on_done)
    kept = {} if out is None else write_bundle(out, proof)
    if as_json:
        click.echo(render.as_json(_said(proof, kept)))
    else:
        _print(candidate.id, proof)
        if out is not None:
            click.echo(f"kept in {out}; README.txt there says how anybody asks again")
    if not proof.proved:
        raise SystemExit(1)


def _print(name: str, proof: Proof) -> None:
    over = ", no weaker than the baseline" if proof.baseline else ""
    rows = [_row(outcome) for outcome in proof.outcomes]
    render.table(f"{name}: {len(rows)} claims{over}", ["claim", "z3", "cvc5", "seconds", ""], rows)
    for why in proof.refused[:_REASONS_SHOWN]:
        click.echo(f"refused  {render.plain(why)}")
    if len(proof.refused) > _REASONS_SHOWN:
        click.echo(f"refused  and for {len(proof.refused) - _REASONS_SHOWN} more reasons: --json names all")
    if proof.proved:
        versions = {f"{answer.solver} {answer.version}" for outcome in proof.outcomes for answer in outcome.answers}
        click.echo(f"proved by {', '.join(sorted(versions))} and the exact prover, for all facts and approvals")


def _row(outcome: Outcome) -> list[str]:
    verdicts = {answer.solver.value: answer.verdict.value for answer in outcome.answers}
    seconds = f"{max(answer.seconds for answer in outcome.answers):.3f}"
    return [outcome.script.name, verdicts["z3"], verdicts["cvc5"], seconds, "refused" if outcome.refused else "proved"]


def _said(proof: Proof, kept: dict[str, str]) -> dict[str, object]:
    return {
        "candidate": proof.candidate,
        "baseline": proof.baseline,
        "proved": proof.proved,
        "refused": list(proof.refused),
        "claims": [
            {
                "name": outcome.script.name,
                "claim": outcome.script.claim,
                "expected": outcome.script.expected.value,
                "sha256": outcome.script.sha256,
                "answers": {
                    answer.solver.value: {
                        "version": answer.version,
                        "verdict": answer.verdict.value,
                        "seconds": round(answer.seconds, 3),
                    }
                    for answer in outcome.answers
                },
                "counterexample": [found.words for found in outcome.counterexample],
            }
            for outcome in proof.outcomes
        ],
        "files": kept,
    }
