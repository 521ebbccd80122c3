# SPDX-License-Identifier: Apache-2.0
"""``brightline review deny``: one person's bad answer to many holds, each a decision of its own. Never a good one."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from brightline.core.errors import ConfigError
from brightline.core.review.case import CaseState
from brightline.core.review.decision import sign_decision
from brightline.core.review.roster import ClearedPerson
from brightline.shell.cli import render
from brightline.shell.clock import SystemClock
from brightline.shell.opening import in_force
from brightline.shell.registry.following import Registry
from brightline.shell.review.denying import (
    AT_ONCE_MAX,
    Denial,
    Denied,
    check_denier,
    decisions_of,
    denials,
    log_denials,
)
from brightline.shell.review.desk import ID_CHARS_MIN, Desk, OpenedCase
from brightline.shell.state import StateFolder
from brightline.shell.trust.keys import load_key


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
        said = denials(registry, who, meant, reason)
        if not said:
            raise ConfigError(f"no open hold of these asks {who.id} anything")
        if len(said) > AT_ONCE_MAX:
            raise ConfigError(f"{len(said)} holds at once, at most {AT_ONCE_MAX}; pick fewer")
        if not (yes or _agreed(said)):
            raise click.Abort
        key = load_key(key_path or StateFolder(state).key(who.id))
        decisions = decisions_of(said, who, clock)
        signed = [sign_decision(each, key) for each in decisions]
        done = log_denials(state, settings, registry, decisions, signed, clock)
    _report(done, as_json)


def _denier(registry: Registry, person: str, now: int) -> ClearedPerson:
    who = registry.roster.get(person)
    if who is None:
        raise ConfigError(f"{person[:80]!r} is not on the roster; `brightline review roster` lists who is")
    check_denier(who, now)
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


def _agreed(said: list[Denial]) -> bool:
    """Show how many that is, and of what, before anything is signed."""
    rows: list[list[object]] = [
        [
            each.opened.case.hold,
            render.plain(each.opened.case.unit),
            render.plain(each.opened.case.workload),
            ", ".join(f"{answer.name}={answer.value}" for answer in each.answers),
        ]
        for each in said
    ]
    render.table("Holds to deny", ["hold", "unit", "workload", "your answers"], rows)
    return click.confirm(f"Sign {len(said)} {'denial' if len(said) == 1 else 'denials'}?")


def _report(done: list[Denied], as_json: bool) -> None:
    if as_json:
        click.echo(render.as_json(msgspec.to_builtins(done)))
    else:
        for each in done:
            said = f"changed nothing: {each.ignored}" if each.ignored else each.state
            click.echo(f"{each.hold}: {said}; registry record {each.record}")
    if any(each.ignored for each in done):
        raise SystemExit(1)
