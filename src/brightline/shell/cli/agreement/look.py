# SPDX-License-Identifier: Apache-2.0
"""``brightline agreement table`` and ``try``: what the text does, for those who wrote it."""

from __future__ import annotations

from pathlib import Path

import click

from brightline.core.agreement.clause import Verdict
from brightline.core.agreement.decide import Subject, decide
from brightline.core.errors import ConfigError
from brightline.core.facts import Facts
from brightline.shell.cli import render
from brightline.shell.cli.agreement.opening import FOLDER, open_at


@click.command()
@FOLDER
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def table(folder: Path | None, as_json: bool) -> None:
    """Print the worked examples and what the agreement makes of each."""
    found = open_at(folder)
    rows = []
    for example in found.examples:
        given = ", ".join(f"{name}={value}" for name, value in example.facts.items())
        approvals = ", ".join(f"{count} × {office}" for office, count in dict(example.approvals).items())
        rows.append([example.name, given, approvals, example.verdict.value, ", ".join(example.clauses)])
    if as_json:
        click.echo(render.as_json({"agreement": found.id, "digest": found.digest, "examples": rows}))
        return
    render.table(
        f"{found.id}: worked examples (every other fact good)",
        ["case", "facts", "approvals", "verdict", "by"],
        rows,
    )


@click.command("try")
@FOLDER
@click.option("--fact", "facts", multiple=True, metavar="NAME=VALUE", help="A fact that is not good; repeat for more.")
@click.option(
    "--approval", "approvals", multiple=True, metavar="OFFICE=COUNT", help="Approvals given; repeat for more."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def try_(folder: Path | None, facts: tuple[str, ...], approvals: tuple[str, ...], as_json: bool) -> None:
    """Decide for any facts; those not named are good."""
    found = open_at(folder)
    values = {spec.name: spec.good for spec in found.vocabulary.specs}
    for name, value in (_split(fact) for fact in facts):
        if name not in found.vocabulary:
            raise ConfigError(f"the agreement has no fact {name!r}; it has {', '.join(values)}")
        if value not in (*found.vocabulary.spec(name).values, "unknown"):
            raise ConfigError(f"{name} takes {', '.join(found.vocabulary.spec(name).values)} or unknown")
        values[name] = value
    counts: dict[str, int] = {}
    offices = [known.id for known in found.offices]
    for office, count in (_split(approval) for approval in approvals):
        if office not in offices or not count.isascii() or not count.isdigit() or len(count) > 4:
            raise ConfigError(f"--approval takes OFFICE=COUNT with an office of {', '.join(offices)}")
        counts[office] = int(count)
    decision = decide(found, Facts.of(values), counts)
    quotes = {clause: list(found.clause(clause).quote) for clause in decision.clauses}
    if as_json:
        click.echo(render.as_json({"verdict": decision.verdict.value, "clauses": quotes}))
        return
    click.echo(f"verdict: {decision.verdict.value}")
    for clause, quote in quotes.items():
        click.echo(f"  {clause}: “{' … '.join(quote)}”")
    if decision.verdict is Verdict.HOLD:
        for question in decision.questions:
            people = ", ".join(f"{count} of {office}" for office, count in question.quorum)
            asked = f"whether {question.name} is good" if question.subject is Subject.FACT else "for their approval"
            click.echo(f"  ask {people} {asked}")


def _split(pair: str) -> tuple[str, str]:
    name, equals, value = pair.partition("=")
    if not equals or not name or not value:
        raise ConfigError(f"expected NAME=VALUE; found {pair!r}")
    return name, value
