# SPDX-License-Identifier: Apache-2.0
"""``brightline agreement table`` and ``try``: what the text does, for those who wrote it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from brightline.core.agreement.clause import Agreement, Verdict
from brightline.core.agreement.decide import Decision, Question, Subject, decide
from brightline.core.agreement.outlook import Otherwise, outlook
from brightline.core.errors import ConfigError
from brightline.core.facts import UNKNOWN, Facts
from brightline.shell.cli import render
from brightline.shell.cli.agreement.opening import FOLDER, open_at

if TYPE_CHECKING:
    from rich.text import Text

FACTS_BYTES_MAX = 65_536
_COLOUR = {Verdict.PERMIT: "green", Verdict.HOLD: "yellow", Verdict.DENY: "red", Verdict.UNAVAILABLE: "magenta"}


@click.command()
@FOLDER
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def table(folder: Path | None, as_json: bool) -> None:
    """Print the worked examples and what the agreement makes of each."""
    found = open_at(folder)
    if as_json:
        click.echo(render.as_json({"agreement": found.id, "digest": found.digest, "examples": _examples(found)}))
        return
    rows = [
        [
            example.name,
            _pairs(_not_good(found, example.facts)),
            ", ".join(f"{count} {office}" for office, count in example.approvals if count),
            _verdict(example.verdict),
            ", ".join(example.clauses),
        ]
        for example in found.examples
    ]
    render.table(f"{found.id}: worked examples", ["case", "not good", "approvals", "verdict", "by"], rows)


@click.command("try")
@FOLDER
@click.option(
    "--facts",
    "given",
    metavar="NAME=VALUE,…|FILE",
    help="Facts that are not good, separated by commas; or a JSON file with an object of them.",
)
@click.option("--fact", "facts", multiple=True, metavar="NAME=VALUE", help="A fact that is not good; repeat for more.")
@click.option(
    "--approval", "approvals", multiple=True, metavar="OFFICE=COUNT", help="Approvals given; repeat for more."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def try_(
    folder: Path | None, given: str | None, facts: tuple[str, ...], approvals: tuple[str, ...], as_json: bool
) -> None:
    """Decide for any facts; those not named are good. Says why, who would be asked, and what would change it."""
    found = open_at(folder)
    named = _given(given) | dict(_split(fact) for fact in facts)
    values = Facts.of({spec.name: spec.good for spec in found.vocabulary.specs} | _known(found, named))
    counts = _counts(found, approvals)
    decision = decide(found, values, counts)
    others = outlook(found, values, counts, decision)
    if as_json:
        click.echo(render.as_json(_said(found, decision, others)))
        return
    _show(found, decision, others)


def _examples(found: Agreement) -> list[dict[str, object]]:
    return [
        {
            "name": example.name,
            "facts": _not_good(found, example.facts),
            "approvals": dict(example.approvals),
            "verdict": example.verdict.value,
            "clauses": list(example.clauses),
        }
        for example in found.examples
    ]


def _not_good(found: Agreement, facts: Facts) -> dict[str, str]:
    return {name: value for name, value in facts.items() if value != found.vocabulary.spec(name).good}


def _pairs(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _verdict(verdict: Verdict) -> Text:
    from rich.text import Text

    return Text(verdict.value, style=_COLOUR[verdict])


# ---- what was asked ------------------------------------------------------------------------------------------------


def _given(text: str | None) -> dict[str, str]:
    """Facts from ``--facts``: pairs, or the JSON object in a file. Raises ``ConfigError``."""
    if not text:
        return {}
    if "=" in text:
        return dict(_split(pair.strip()) for pair in text.split(",") if pair.strip())
    try:
        data = Path(text).read_bytes()[: FACTS_BYTES_MAX + 1]
        values = msgspec.convert(json.loads(data), dict[str, str]) if len(data) <= FACTS_BYTES_MAX else {}
    except (OSError, ValueError, msgspec.ValidationError, RecursionError) as error:
        raise ConfigError(f"--facts {text}: expected NAME=VALUE,… or a JSON file with an object: {error}") from error
    if not values:
        raise ConfigError(f"--facts {text}: no facts, or more than {FACTS_BYTES_MAX} bytes")
    return values


def _known(found: Agreement, named: Mapping[str, str]) -> dict[str, str]:
    for name, value in named.items():
        if name not in found.vocabulary:
            names = ", ".join(spec.name for spec in found.vocabulary.specs)
            raise ConfigError(f"the agreement has no fact {name!r}; it has {names}")
        if value not in (*found.vocabulary.spec(name).values, UNKNOWN):
            raise ConfigError(f"{name} takes {', '.join(found.vocabulary.spec(name).values)} or unknown")
    return dict(named)


def _counts(found: Agreement, approvals: tuple[str, ...]) -> dict[str, int]:
    counts: dict[str, int] = {}
    offices = [known.id for known in found.offices]
    for office, count in (_split(approval) for approval in approvals):
        if office not in offices or not count.isascii() or not count.isdigit() or len(count) > 4:
            raise ConfigError(f"--approval takes OFFICE=COUNT with an office of {', '.join(offices)}")
        counts[office] = int(count)
    return counts


def _split(pair: str) -> tuple[str, str]:
    name, equals, value = pair.partition("=")
    if not equals or not name or not value:
        raise ConfigError(f"expected NAME=VALUE; found {pair!r}")
    return name, value


# ---- what is said --------------------------------------------------------------------------------------------------


def _show(found: Agreement, decision: Decision, others: tuple[Otherwise, ...]) -> None:
    from rich.text import Text

    console = render.console()
    console.print(Text.assemble("verdict: ", _verdict(decision.verdict)))
    for clause_id in decision.clauses:
        clause = found.clause(clause_id)
        click.echo(f"  {clause_id}: “{' … '.join(clause.quote)}”")
        if clause.says:
            click.echo(f"      {clause.says}")
    if decision.facts_that_mattered:
        click.echo(f"facts that mattered: {', '.join(decision.facts_that_mattered)}")
    for question in decision.questions:
        click.echo(f"  {_question(question)}")
    if others:
        click.echo("what would change it:" if decision.verdict is not Verdict.HOLD else "what each answer leads to:")
        for other in others:
            click.echo(f"  {_otherwise(other)}")
    elif decision.verdict is not Verdict.PERMIT:
        click.echo("no change of up to three facts would change it")


def _question(question: Question) -> str:
    people = ", ".join(f"{count} of {office}" for office, count in question.quorum)
    asked = f"whether {question.name} is good" if question.subject is Subject.FACT else "for their approval"
    return f"ask {people} {asked}"


def _otherwise(other: Otherwise) -> str:
    so = [f"{name} = {value}" for name, value in other.facts]
    so += [f"{count} of {office} approve" for office, count in other.approvals]
    by = f" by {', '.join(other.clauses)}" if other.clauses else ""
    return f"{' and '.join(so)}: {other.verdict.value}{by}"


def _said(found: Agreement, decision: Decision, others: tuple[Otherwise, ...]) -> dict[str, object]:
    return {
        "agreement": found.digest,
        "verdict": decision.verdict.value,
        "clauses": {
            clause: {"quote": list(found.clause(clause).quote), "says": found.clause(clause).says}
            for clause in decision.clauses
        },
        "facts_that_mattered": list(decision.facts_that_mattered),
        "questions": msgspec.to_builtins(decision.questions),
        "otherwise": [
            {
                "facts": dict(other.facts),
                "approvals": dict(other.approvals),
                "verdict": other.verdict.value,
                "clauses": list(other.clauses),
            }
            for other in others
        ],
    }
