# SPDX-License-Identifier: Apache-2.0
"""``brightline retention``: how long what opens records is kept, legal holds, and destroying it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
import msgspec

from brightline.core.agreement.limits import FOR_EVER_DAYS, keep_days
from brightline.core.errors import ConfigError, TrustError, WriterPresent
from brightline.core.evidence.retention import (
    PRESERVATION_FORMAT,
    PRESERVATION_TYPE,
    SHRED_ORDER_FORMAT,
    SHRED_ORDER_TYPE,
    Preservation,
    ShredOrder,
)
from brightline.core.statement import sign_statement
from brightline.shell.cli import render
from brightline.shell.cli.register import AS_JSON, STATE
from brightline.shell.clock import SystemClock
from brightline.shell.development import CUSTOMER_KEY, PROVIDER_KEY
from brightline.shell.hunt.planning import OF_NO_EXCHANGES
from brightline.shell.install import GATEWAY_SHARD
from brightline.shell.keyring import open_vault
from brightline.shell.opening import in_force
from brightline.shell.registry.log import writing
from brightline.shell.registry.retentions import log_preservation, log_shred_order
from brightline.shell.retention import Due, Retention
from brightline.shell.state import StateFolder
from brightline.shell.storage.wal import frames_on_disk, shards_in
from brightline.shell.trust.keys import load_key

_REASON = click.option("--reason", required=True, help="Why, in words; committed, and opened to an auditor.")
_EXCHANGES = click.option("--exchange", "exchanges", multiple=True, help="An exchange by its id; repeat for more.")
_BOTH: Final = (PROVIDER_KEY, CUSTOMER_KEY)


@click.group()
def retention() -> None:
    """What opens records: how long it is kept, legal holds, and destroying it. Leaves and proofs always stay."""


@retention.command()
@STATE
@_EXCHANGES
@click.option("--unit", "units", multiple=True, help="Everything of a unit, also what comes; repeat for more.")
@click.option("--everything", is_flag=True, help="Everything that is there and that comes.")
@click.option("--by", "holder", default=PROVIDER_KEY, show_default=True, help="Who signs; one person is enough.")
@_REASON
@AS_JSON
def hold(
    state: Path,
    exchanges: tuple[str, ...],
    units: tuple[str, ...],
    everything: bool,
    holder: str,
    reason: str,
    as_json: bool,
) -> None:
    """Place a legal hold: what it names is not destroyed until both parties lift it."""
    if not exchanges and not units and not everything:
        raise ConfigError("name what to keep: --exchange, --unit or --everything")
    if exchanges:
        _known(state, exchanges)
    said = Preservation(
        format=PRESERVATION_FORMAT,
        id=f"hold-{secrets.token_hex(6)}",
        everything=everything,
        units=units,
        exchanges=exchanges,
        lifted=False,
        reason=reason,
        issued=SystemClock().unix(),
    )
    _place(state, said, (holder,), as_json)


@retention.command()
@STATE
@click.argument("hold_id", metavar="ID")
@_REASON
@AS_JSON
def lift(state: Path, hold_id: str, reason: str, as_json: bool) -> None:
    """Lift a legal hold, signed by both parties."""
    said = Preservation(
        format=PRESERVATION_FORMAT,
        id=hold_id,
        everything=False,
        units=(),
        exchanges=(),
        lifted=True,
        reason=reason,
        issued=SystemClock().unix(),
    )
    _place(state, said, _BOTH, as_json)


@retention.command()
@STATE
@_EXCHANGES
@_REASON
@AS_JSON
def shred(state: Path, exchanges: tuple[str, ...], reason: str, as_json: bool) -> None:
    """Order that what opens some exchanges be destroyed now, signed by both parties.

    A running gateway does it within seconds. Where none runs it is done at once. It cannot be undone.
    """
    if not exchanges:
        raise ConfigError("name what to destroy: --exchange ID")
    _known(state, exchanges)
    order = ShredOrder(
        format=SHRED_ORDER_FORMAT,
        id=f"shred-{secrets.token_hex(6)}",
        exchanges=exchanges,
        reason=reason,
        issued=SystemClock().unix(),
    )
    with in_force(state, SystemClock()) as (settings, registry):
        envelope = sign_statement(order, SHRED_ORDER_TYPE, [load_key(StateFolder(state).key(name)) for name in _BOTH])
        held, agreement = registry.retentions.held, registry.releases.current
        record = log_shred_order(state, settings, held, agreement, registry.roots, envelope, SystemClock())
    due = _carry_out(state)
    done = {"order": order.id, "record": record.place.seq, "carried_out": due is not None}
    if as_json:
        click.echo(render.as_json({**done, **({} if due is None else _figures(due))}))
        return
    click.echo(f"ordered {order.id} as record {record.place.seq} of the registry, signed by {' and '.join(_BOTH)}")
    if due is None:
        click.echo("a gateway is running: it carries the order out within seconds")
    else:
        _say(due)


@retention.command()
@STATE
@click.option("--dry-run", is_flag=True, help="Say what is due, and destroy nothing.")
@AS_JSON
def run(state: Path, dry_run: bool, as_json: bool) -> None:
    """Destroy what is due now, in every log of gateways. None may be running; a running one does this by itself.

    It takes the clock of this machine as it is: look at it before.

    Exit codes: 0 done; 2 a gateway is running, or the folder does not read.
    """
    due = _in_each(state, lambda each: each.due() if dry_run else each.carry_out())
    if as_json:
        click.echo(render.as_json({**_figures(due), "destroyed": not dry_run}))
        return
    _say(due, dry_run=dry_run)


@retention.command("list")
@STATE
@AS_JSON
def list_(state: Path, as_json: bool) -> None:
    """List the days that the agreement keeps records open, the legal holds that stand, and the orders."""
    with in_force(state, SystemClock()) as (_, registry):
        held, days = registry.retentions.held, keep_days(registry.releases.current)
    if as_json:
        click.echo(
            render.as_json(
                {
                    "days": {kept.value: None if number >= FOR_EVER_DAYS else number for kept, number in days.items()},
                    "legal_holds": [msgspec.to_builtins(each) for each in held.preservations.values()],
                    "orders": [{"record": seq, **msgspec.to_builtins(each)} for seq, each in held.orders.items()],
                }
            )
        )
        return
    rows = [
        [kept.value, "for ever" if number >= FOR_EVER_DAYS else f"{number:,} days"] for kept, number in days.items()
    ]
    render.table("Kept open", ["exchanges that ended", "for"], rows)
    if held.preservations:
        keeps = [[each.id, _names(each), each.reason] for each in held.preservations.values()]
        render.table("Legal holds", ["id", "keeps", "reason"], keeps)
    if held.orders:
        orders = [[seq, each.id, f"{len(each.exchanges):,}", each.reason] for seq, each in held.orders.items()]
        render.table("Orders to shred", ["record", "id", "exchanges", "reason"], orders)


# ---- what several of them do ---------------------------------------------------------------------------------------


def _place(state: Path, said: Preservation, holders: Sequence[str], as_json: bool) -> None:
    with in_force(state, SystemClock()) as (settings, registry):
        keys = [load_key(StateFolder(state).key(holder)) for holder in holders]
        envelope = sign_statement(said, PRESERVATION_TYPE, keys)
        held, agreement = registry.retentions.held, registry.releases.current
        record = log_preservation(state, settings, held, agreement, registry.roots, envelope, SystemClock())
        registry.refresh()
        if why := registry.retentions.ignored.get(record.place.seq):
            raise TrustError(f"record {record.place.seq} changed nothing, somebody was faster: {why}")
    if as_json:
        answer = {"id": said.id, "lifted": said.lifted, "record": record.place.seq, "signed_by": list(holders)}
        click.echo(render.as_json(answer))
        return
    what = "lifted" if said.lifted else f"keeps {_names(said)}"
    click.echo(f"legal hold {said.id} {what} (record {record.place.seq} of the registry, by {', '.join(holders)})")


def _known(state: Path, exchanges: Sequence[str]) -> None:
    """An id that was mistyped must not look as if something were kept or destroyed. Raises ``ConfigError``."""
    folder = StateFolder(state)
    here = {frame.exchange for shard in shards_in(folder.wal) for frame in frames_on_disk(folder.wal, shard)}
    for exchange in exchanges:
        if exchange not in here:
            raise ConfigError(f"no exchange {exchange[:64]!r} is in the logs of this folder")


def _carry_out(state: Path) -> list[Due] | None:
    try:
        return _in_each(state, Retention.carry_out)
    except WriterPresent:
        return None


def _in_each(state: Path, act: Callable[[Retention], Due]) -> list[Due]:
    """Act in the log of each gateway, also of those that do not run any more; a sealed one takes no record."""
    with in_force(state, SystemClock()) as (_, registry):
        sealed = {origin.rpartition("/")[2] for origin in registry.seals.logs}
    logs = [shard for shard in shards_in(StateFolder(state).wal) if shard not in OF_NO_EXCHANGES | sealed]
    done = []
    for shard in logs or [GATEWAY_SHARD]:
        with _retention(state, shard) as each:
            done.append(act(each))
    return done


@contextmanager
def _retention(state: Path, shard: str) -> Iterator[Retention]:
    """The retention of a gateway's shard, as its writer. Raises ``WriterPresent`` while that gateway runs."""
    clock = SystemClock()
    folder = StateFolder(state)
    with (
        in_force(state, clock) as (settings, registry),
        writing(state, settings, shard, registry.roots.profile, clock) as log,
    ):
        yield Retention(
            log,
            folder.wal,
            open_vault(folder),
            lambda: registry.retentions.held,
            lambda: registry.releases.current,
            lambda: registry.registers.book,
            clock,
        )


def _names(said: Preservation) -> str:
    if said.everything:
        return "everything"
    named = [f"unit {unit}" for unit in said.units] + [f"exchange {exchange}" for exchange in said.exchanges]
    return ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")


def _figures(due: Sequence[Due]) -> dict[str, int]:
    rows = [row for each in due for row in (each.aged, each.expired, *each.ordered.values())]
    return {
        "exchanges": sum(each.exchanges for each in due),
        "contents": sum(each.contents for each in due),
        "records": sum(last - first + 1 for row in rows for first, last in row),
        "kept_by_legal_holds": sum(each.kept for each in due),
    }


def _say(due: Sequence[Due], *, dry_run: bool = False) -> None:
    figures = _figures(due)
    verb = "would be destroyed" if dry_run else "was destroyed"
    of = f"{figures['exchanges']:,} exchanges and the content of {figures['contents']:,} cases"
    click.echo(f"what opened {figures['records']:,} records of {of} {verb}")
    if figures["kept_by_legal_holds"]:
        click.echo(f"{figures['kept_by_legal_holds']:,} exchanges were due and are kept by legal holds")
