# SPDX-License-Identifier: Apache-2.0
"""``brightline review deny``: one person's bad answer to many holds, each a decision of its own. Never a good one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from brightline.core.canonical import JsonValue
from brightline.core.errors import ConfigError, TrustError
from brightline.core.review.case import CaseState
from brightline.core.review.decision import Answer, sign_decision
from brightline.core.review.denying import denying_answers
from brightline.core.review.roles import May, may
from brightline.core.review.roster import ClearedPerson
from brightline.shell.cli import render
from brightline.shell.clock import SystemClock
from brightline.shell.opening import in_force
from brightline.shell.registry.decisions import log_decisions, new_decision
from brightline.shell.registry.following import Registry
from brightline.shell.review.desk import ID_CHARS_MIN, Desk, OpenedCase
from brightline.shell.state import StateFolder
from brightline.shell.trust.keys import load_key

AT_ONCE_MAX: Final = 500


@click.command()
@click.argument("state", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("holds", nargs=-1, metavar="[HOLD]...")
@click.option("--as", "person", required=True, metavar="PERSON", help="Your id on the roster.")
@click.option("--unit", default="", help="All open holds of this unit.")
@click.option("--workload", default="", help="All open holds of this workload.")
@click.option("--clause", default="", help="All open holds about which this clause asks.")
@click.option("--reason", required=True, help="Why, in words; committed with each, and opened to an auditor.")
@click.option(
    "--key",
    "key_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Your private key; without it, in development, the one of the state folder.",
)
@click.option("--yes", is_flag=True, help="Do not ask once more.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; needs --yes.")
def deny(
    state: Path,
    holds: tuple[str, ...],
    person: str,
    unit: str,
    workload: str,
    clause: str,
    reason: str,
    key_path: Path | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Give the bad answer to all that you are asked about many holds: those that are named, or that options pick.

    Each is a decision of its own, which you sign, and counts as one voice, as any other. There is no bulk release.
    """
    if not (holds or unit or workload or clause):
        raise ConfigError("name holds, or --unit, --workload or --clause: nothing is denied by leaving everything out")
    if as_json and not yes:
        raise ConfigError("--json asks nothing; say --yes with it")
    clock = SystemClock()
    with in_force(state, clock) as (settings, registry):
        who = _denier(registry, person, clock.unix())
        meant = [
            each
            for each in Desk(state, registry.decisions.docket).cases()
            if each.state(clock.unix()) is CaseState.OPEN and _is_meant(each, holds, unit, workload, clause)
        ]
        answers = _answers(registry, who, meant, reason)
        if len(answers) > AT_ONCE_MAX:
            raise ConfigError(f"{len(answers)} holds at once, at most {AT_ONCE_MAX}; pick fewer")
        if not (yes or _agreed(answers)):
            raise click.Abort
        key = load_key(key_path or StateFolder(state).key(who.id))
        signed = [
            sign_decision(new_decision(each.case, who.id, given, clock, f"{each.shard}/{each.seq}"), key)
            for each, given in answers
        ]
        records = log_decisions(state, settings, registry.roots.profile, registry.decisions, signed, clock)
        registry.refresh()
        rows: list[dict[str, JsonValue]] = []
        for (each, _), record in zip(answers, records, strict=True):
            tried = registry.decisions.docket.of_case(each.case.digest)
            ignored = registry.decisions.why_ignored(record.place.seq)
            rows.append(
                {
                    "hold": each.case.hold,
                    "record": record.place.seq,
                    "state": "" if tried is None else tried.state(clock.unix()).value,
                    "ignored": ignored,
                }
            )
    _report(rows, as_json)


def _denier(registry: Registry, person: str, now: int) -> ClearedPerson:
    who = registry.roster.get(person)
    if who is None:
        raise ConfigError(f"{person[:80]!r} is not on the roster; `brightline review roster` lists who is")
    if who.cleared_until <= now:
        raise TrustError(f"the clearance of {who.id} had ended")
    if not may(who.roles, May.DENY_IN_BULK):
        raise TrustError(f"{who.id} has no role that denies in bulk")
    return who


def _is_meant(opened: OpenedCase, holds: tuple[str, ...], unit: str, workload: str, clause: str) -> bool:
    case = opened.case
    if holds and not any(len(hold) >= ID_CHARS_MIN and case.hold.startswith(hold) for hold in holds):
        return False
    return (
        (not unit or case.unit == unit)
        and (not workload or case.workload == workload)
        and (not clause or clause in case.clauses)
    )


def _answers(
    registry: Registry, who: ClearedPerson, meant: list[OpenedCase], reason: str
) -> list[tuple[OpenedCase, tuple[Answer, ...]]]:
    """What this person says to each hold that still asks them. Raises ``ConfigError`` if none does."""
    vocabulary, terms = registry.releases.current.vocabulary, registry.decisions.terms
    asked = [
        (each, given)
        for each in meant
        if who.id not in each.case.recused and who.clearance.covers(terms.need(each.case.unit))
        if (given := denying_answers(each.tried, who.id, who.office, vocabulary, reason))
    ]
    if not asked:
        raise ConfigError(f"no open hold of these asks {who.id} anything")
    return asked


def _agreed(answers: list[tuple[OpenedCase, tuple[Answer, ...]]]) -> bool:
    """Show how many that is, and of what, before anything is signed."""
    rows: list[list[object]] = [
        [
            each.case.hold,
            render.plain(each.case.unit),
            render.plain(each.case.workload),
            ", ".join(f"{answer.name}={answer.value}" for answer in given),
        ]
        for each, given in answers
    ]
    render.table("Holds to deny", ["hold", "unit", "workload", "your answers"], rows)
    return click.confirm(f"Sign {len(answers)} {'denial' if len(answers) == 1 else 'denials'}?")


def _report(rows: list[dict[str, JsonValue]], as_json: bool) -> None:
    if as_json:
        click.echo(render.as_json(list(rows)))
    else:
        for row in rows:
            said = f"changed nothing: {row['ignored']}" if row["ignored"] else str(row["state"])
            click.echo(f"{row['hold']}: {said}; registry record {row['record']}")
    if any(row["ignored"] for row in rows):
        raise SystemExit(1)
