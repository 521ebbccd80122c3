# SPDX-License-Identifier: Apache-2.0
"""``brightline agreement table`` and ``try``: what the text does, for those who wrote it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from brightline.core.agreement.clause import Agreement, ClauseKind, Example, Verdict
from brightline.core.agreement.decide import Decision, Question, Subject, decide
from brightline.core.agreement.outlook import Otherwise, facts_together, outlook
from brightline.core.errors import ConfigError
from brightline.core.facts import UNKNOWN, Facts
from brightline.core.review.quorum import quorum_in_words
from brightline.shell.cli import render
from brightline.shell.cli.agreement.opening import FOLDER, open_at

if TYPE_CHECKING:
    from rich.text import Text

FACTS_BYTES_MAX = 65_536
CLAUSES_CELLS = 8  # "L7, L7a"
VERDICT_CELLS = len("unavailable") + 11  # with the spaces between columns
NAME_CELLS_MIN = 20
_COLOUR = {Verdict.PERMIT: "green", Verdict.HOLD: "yellow", Verdict.DENY: "red", Verdict.UNAVAILABLE: "magenta"}

_HEADINGS = {
    Verdict.PERMIT: "what would stop it:",
    Verdict.HOLD: "what each answer leads to:",
    Verdict.DENY: "what would change it:",
    Verdict.UNAVAILABLE: "what would change it:",
}


@click.command()
@FOLDER
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def table(folder: Path | None, as_json: bool) -> None:
    """Print the worked examples and what the agreement makes of each."""
    found = open_at(folder)
    if as_json:
        click.echo(render.as_json({"agreement": found.id, "digest": found.digest, "examples": _examples(found)}))
        return
    from rich.text import Text

    made = [decide(found, example.facts, dict(example.approvals)) for example in found.examples]
    given = [_given_lines(found, example) for example in found.examples]
    by = [_lines(decision.clauses) for decision in made]
    room = render.console().width - _longest(given) - _longest(by) - VERDICT_CELLS
    rows = [
        [
            Text(_wrapped(example.name, room)),
            Text("\n".join(lines)),
            _verdict(decision.verdict),
            Text("\n".join(clauses)),
        ]
        for example, lines, decision, clauses in zip(found.examples, given, made, by, strict=True)
    ]
    render.table(f"{found.id}: worked examples", ["case", "not good, and who approves", "verdict", "by"], rows)


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
    _show(found, decision, others, facts_together(found, values))


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


def _given_lines(found: Agreement, example: Example) -> list[str]:
    """What an example gives, a line each, so that no name is broken."""
    facts = [f"{name}={value}" for name, value in _not_good(found, example.facts).items()]
    return facts + [f"{count} of {office}" for office, count in example.approvals if count]


def _lines(clauses: tuple[str, ...]) -> list[str]:
    """Clause ids, as many on a line as are easily read."""
    return textwrap.wrap(", ".join(clauses), CLAUSES_CELLS, break_long_words=False, break_on_hyphens=False)


def _longest(cells: list[list[str]]) -> int:
    return max((len(line) for lines in cells for line in lines), default=0)


def _wrapped(name: str, room: int) -> str:
    return textwrap.fill(render.plain(name), max(room, NAME_CELLS_MIN))


def _not_good(found: Agreement, facts: Facts) -> dict[str, str]:
    return {name: value for name, value in facts.items() if value != found.vocabulary.spec(name).good}


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


def _show(found: Agreement, decision: Decision, others: tuple[Otherwise, ...], together: int) -> None:
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
        click.echo(f"  {_question(question, found)}")
    if decision.verdict is Verdict.DENY:
        lines = [clause for clause in decision.clauses if found.clause(clause).kind is ClauseKind.REDLINE]
        of = f"{', '.join(lines)} {'is a red line' if len(lines) == 1 else 'are red lines'}: " if lines else ""
        click.echo(f"{of}no answer and no approval lifts this, whoever gives it")
    if others:
        click.echo(_HEADINGS[decision.verdict])
        for line in _otherwise(others):
            click.echo(f"  {line}")
    elif decision.verdict is Verdict.PERMIT:
        click.echo("no single fact would stop it")
    else:
        count = "one fact" if together == 1 else f"up to {together} facts"
        click.echo(f"no change of {count} would change it")


def _question(question: Question, agreement: Agreement) -> str:
    people = quorum_in_words(question.quorum, agreement.organisations)
    asked = f"whether {question.name} is good" if question.subject is Subject.FACT else "for their approval"
    return f"ask {people} {asked}"


def _otherwise(others: tuple[Otherwise, ...]) -> list[str]:
    """A line for each change; what the values of one fact lead to stands on one line."""
    lines: dict[str, dict[str, list[str]]] = {}  # what is changed → what it leads to → by which values
    for other in others:
        leads = " by ".join(filter(None, (other.verdict.value, ", ".join(other.clauses))))
        if len(other.facts) == 1 and not other.approvals:
            ((name, value),) = other.facts
            lines.setdefault(f"{name} = ", {}).setdefault(leads, []).append(value)
        else:
            so = [f"{name} = {value}" for name, value in other.facts]
            so += [f"{count} of {office} approve" for office, count in other.approvals]
            lines.setdefault("", {}).setdefault(leads, []).append(" and ".join(so))
    found = []
    for start, by_outcome in lines.items():
        if start:
            found.append(start + "; ".join(f"{' or '.join(values)}: {leads}" for leads, values in by_outcome.items()))
        else:
            found += [f"{value}: {leads}" for leads, values in by_outcome.items() for value in values]
    return found


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
