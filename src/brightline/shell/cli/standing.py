# SPDX-License-Identifier: Apache-2.0
"""``brightline standing``: how units stand, and what people may say about it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from brightline.core.errors import ConfigError, TrustError
from brightline.core.standing import AGREEMENT_SCOPE, SIGNERS, Happened, UnitStanding
from brightline.core.standing_order import ORDER_FORMAT, ORDER_TYPE, StandingOrder
from brightline.core.statement import sign_statement
from brightline.shell.cli import render
from brightline.shell.clock import SystemClock
from brightline.shell.development import HOLDERS
from brightline.shell.keyring import open_vault
from brightline.shell.opening import in_force
from brightline.shell.registry.denies import when_denied
from brightline.shell.registry.following import Registry
from brightline.shell.registry.standings import Entered, log_order
from brightline.shell.state import StateFolder
from brightline.shell.trust.keys import load_key

NAMES_MAX: Final = 20

_STATE = click.argument("state", type=click.Path(exists=True, file_okay=False, path_type=Path))
_UNIT = click.argument("unit", required=False, default="")
_WHOLE = click.option("--agreement", "whole", is_flag=True, help="The agreement as a whole, in place of a unit.")
_REASON = click.option("--reason", required=True, help="Why, in words; committed, and opened to an auditor.")
_BY = click.option("--by", "holders", multiple=True, metavar="HOLDER", help="Who signs; without it, whoever must.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def standing() -> None:
    """How units stand under the agreement: active, noticed, suspended, terminated."""


@standing.command("list")
@_STATE
@_JSON
def list_(state: Path, as_json: bool) -> None:
    """List every unit of which something is on record, and the agreement as a whole."""
    with in_force(state, SystemClock()) as (_, registry):
        book = registry.standings.book
        units = sorted({AGREEMENT_SCOPE, *book.units, *(workload.unit for workload in registry.workloads.all())})
        stands = {unit: book.of(unit) for unit in units}
    if as_json:
        click.echo(render.as_json([_facts(unit, each) for unit, each in stands.items()]))
        return
    rows = [_row(unit, each) for unit, each in stands.items()]
    columns = ["unit", "standing", "since", "until", "reason"]
    render.table("Standing", columns, [[row[column] for column in columns] for row in rows])


@standing.command()
@_STATE
@_UNIT
@_WHOLE
@_JSON
def show(state: Path, unit: str, whole: bool, as_json: bool) -> None:
    """Show how a unit stands and what led there, record by record."""
    scope = _scope(unit, whole)
    with in_force(state, SystemClock()) as (_, registry):
        _known(registry, scope)
        own, effective = registry.standings.book.of(scope), registry.standings.book.effective(scope)
        history = [_event(each) for each in registry.standings.history if each.said.unit == scope]
    if as_json:
        click.echo(render.as_json({**_facts(scope, own), "serves": effective.serves, "history": history}))
        return
    click.echo(f"{_name(scope)}: {_standing(own)}" + ("" if effective.serves else " (not served)"))
    for line in _deadlines(own):
        click.echo(f"  {line}")
    if history:
        columns = ["record", "time", "what", "signed by", "reason", "effect"]
        render.table("What happened", columns, [[row[column] for column in columns] for row in history])


def _order(name: str, happened: Happened, help_: str, *, exchanges: bool = False) -> None:
    """Add a command that gives one kind of order."""

    def give(
        state: Path,
        unit: str,
        whole: bool,
        reason: str,
        holders: tuple[str, ...],
        as_json: bool,
        exchange_ids: tuple[str, ...] = (),
    ) -> None:
        _give(state, _scope(unit, whole), happened, reason, exchange_ids, holders, as_json)

    command = click.command(name, help=help_)(give)
    options = [_STATE, _UNIT, _WHOLE, _REASON, _BY, _JSON]
    if exchanges:
        options.append(
            click.option(
                "--exchange", "exchange_ids", multiple=True, required=True, metavar="ID", help="Repeat for more."
            )
        )
    for option in options:  # a command, unlike a function, takes its parameters in the order in which they come
        option(command)
    standing.add_command(command)


_order(
    "confirm",
    Happened.DENY_CONFIRMED,
    "A cleared person confirms that a deny was real. Enough of them are a pattern.",
    exchanges=True,
)
_order("clear-pattern", Happened.PATTERN_CLEARED, "Two cleared people found nothing in a pattern: active again.")
_order("confirm-pattern", Happened.PATTERN_CONFIRMED, "Two cleared people confirm a pattern: suspended.")
_order("notice", Happened.NOTICE_GIVEN, "An officer gives notice; the unit is served while it may cure.")
_order("withdraw-notice", Happened.NOTICE_WITHDRAWN, "An officer withdraws a notice: active again.")
_order("suspend", Happened.SUSPENSION_ORDERED, "An officer suspends; every gateway refuses within two seconds.")
_order("appeal", Happened.APPEALED, "The customer's official appeals. It is on record and changes nothing yet.")
_order("uphold-appeal", Happened.APPEAL_UPHELD, "Two officers uphold an appeal: active again.")
_order("reinstate", Happened.REINSTATED, "Officer and official agree that it is cured: active again.")
_order("terminate", Happened.TERMINATED, "Two named officers end it. Keys are revoked, and it cannot be undone.")


def _give(
    state: Path,
    scope: str,
    happened: Happened,
    reason: str,
    exchanges: Sequence[str],
    holders: tuple[str, ...],
    as_json: bool,
) -> None:
    clock = SystemClock()
    with in_force(state, SystemClock()) as (settings, registry):
        agreement = registry.releases.current
        _known(registry, scope)
        folder = StateFolder(state)
        denied = when_denied(folder.wal, open_vault(folder), scope, exchanges) if exchanges else ()
        order = StandingOrder(
            format=ORDER_FORMAT,
            id=secrets.token_hex(16),
            unit=scope,
            happened=happened,
            reason=reason,
            exchanges=tuple(exchanges),
            agreement=agreement.digest,
            issued=clock.unix(),
            denied=denied,
        )
        names = holders or _whoever_must(happened)
        keys = [load_key(StateFolder(state).key(holder)) for holder in names]
        envelope = sign_statement(order, ORDER_TYPE, keys)
        record = log_order(state, settings, registry.standings, agreement, registry.roots, happened, envelope, clock)
        registry.refresh()
        if why := registry.standings.ignored(record.place.seq):
            raise TrustError(f"record {record.place.seq} changed nothing, somebody was faster: {why}")
        now = registry.standings.book.of(scope)
    if as_json:
        click.echo(render.as_json({**_facts(scope, now), "record": record.place.seq, "signed_by": list(names)}))
        return
    click.echo(f"{_name(scope)}: {_standing(now)} (record {record.place.seq} of the registry, by {', '.join(names)})")
    for line in _deadlines(now):
        click.echo(f"  {line}")


def _whoever_must(happened: Happened) -> tuple[str, ...]:
    """The development holders that the table of signers asks for; termination alone wants them named."""
    if happened is Happened.TERMINATED:
        raise ConfigError("termination is signed by two named officers: --by HOLDER --by HOLDER")
    return tuple(holder for need in SIGNERS[happened] for holder in HOLDERS[need.role][: need.holders])


def _scope(unit: str, whole: bool) -> str:
    if bool(unit) is whole:
        raise ConfigError("name one unit, or give --agreement")
    return AGREEMENT_SCOPE if whole else unit


def _known(registry: Registry, scope: str) -> None:
    """A name that was mistyped must not look as if somebody had been suspended. Raises ``ConfigError``."""
    known = {workload.unit for workload in registry.workloads.all()} | {*registry.standings.book.units}
    if scope == AGREEMENT_SCOPE or scope in known:
        return
    names = ", ".join(sorted(known - {AGREEMENT_SCOPE})[:NAMES_MAX]) or "none"
    raise ConfigError(f"no workload is registered for a unit {scope[:80]!r}; units: {names}")


def _name(scope: str) -> str:
    return scope or "(the agreement)"


def _standing(unit: UnitStanding) -> str:
    return f"{unit.standing.value}{', held' if unit.held else ''}"


def _row(scope: str, unit: UnitStanding) -> dict[str, str]:
    deadlines = _deadlines(unit)
    return {
        "unit": _name(scope),
        "standing": _standing(unit),
        "since": _time(unit.since),
        "until": "; ".join(deadlines),
        "reason": unit.reason,
    }


def _facts(scope: str, unit: UnitStanding) -> dict[str, object]:
    """The same for programs: times as RFC 3339 in UTC, null where there is none."""
    times = {
        "since": unit.since,
        "review_until": unit.review_until,
        "cure_until": unit.cure_until,
        "appeal_until": unit.appeal_until,
    }
    return {
        "unit": scope or None,
        "scope": "unit" if scope else "agreement",
        "standing": unit.standing.value,
        "held": unit.held,
        "pattern": unit.pattern,
        "notice": unit.notice,
        "appealed": unit.appealed,
        **{name: datetime.fromtimestamp(unix, UTC).isoformat() if unix else None for name, unix in times.items()},
        "overdue": 0 < unit.review_until <= SystemClock().unix(),
        "confirmed": [exchange for _, exchange in unit.confirmed],
        "reason": unit.reason,
    }


def _deadlines(unit: UnitStanding) -> list[str]:
    now = SystemClock().unix()
    rows = [
        ("cleared review", unit.review_until),
        ("cure", unit.cure_until),
        ("appealed, decide" if unit.appealed else "appeal", unit.appeal_until),
    ]
    return [f"{what} by {_time(until)}{' (overdue)' if until <= now else ''}" for what, until in rows if until]


def _time(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M") if unix else ""


def _event(entered: Entered) -> dict[str, str]:
    said = entered.said
    return {
        "record": str(entered.seq),
        "time": entered.time[:16].replace("T", " "),
        "what": said.happened.value,
        "signed by": ", ".join(said.signers) or "the machine",
        "reason": said.reason,
        "effect": f"none: {entered.ignored}" if entered.ignored else "",
    }
