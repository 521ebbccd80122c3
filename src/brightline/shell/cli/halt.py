# SPDX-License-Identifier: Apache-2.0
"""``brightline halt``, ``resume`` and ``halts``: the halt switch. One person stops service, both parties start it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.errors import ConfigError, TrustError
from brightline.core.halt import (
    EFFECT_SECONDS,
    HALT_FORMAT,
    HALT_TYPE,
    RESUMPTION_FORMAT,
    RESUMPTION_SIGNERS,
    RESUMPTION_TYPE,
    Halt,
    HaltOrder,
    Resumption,
    Scope,
)
from brightline.core.review.halting import add_key_signature, read_asserted
from brightline.core.statement import sign_statement, unverified_payload
from brightline.shell.cli import render
from brightline.shell.cli.signing import load_signers, signed_so_far
from brightline.shell.clock import SystemClock
from brightline.shell.development import PROVIDER_KEY
from brightline.shell.opening import in_force
from brightline.shell.registry.following import Registry
from brightline.shell.registry.halts import log_halt, log_resumption
from brightline.shell.state import StateFolder
from brightline.shell.trust.installation import read_installation

Command = TypeVar("Command", bound=Callable[..., Any])

_FILE: Final = click.Path(dir_okay=False, path_type=Path)
_THERE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_STATE = click.argument("state", type=click.Path(exists=True, file_okay=False, path_type=Path))
_REASON = click.option("--reason", required=True, help="Why, in words; committed, and opened to an auditor.")
_KEY = click.option("--key", "keys", multiple=True, type=_THERE, help="A private key that lies elsewhere (PEM).")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@_STATE
@click.option("--unit", default="", help="Stop one unit alone.")
@click.option("--model", default="", help="Stop one model alone, by its name here.")
@_REASON
@click.option("--by", "holder", default="", metavar="HOLDER", help=f"Who signs; without it {PROVIDER_KEY}.")
@_KEY
@_JSON
def halt(state: Path, unit: str, model: str, reason: str, holder: str, keys: tuple[Path, ...], as_json: bool) -> None:
    """Stop service at once: everything, or one unit, or one model. One signature of either party is enough.

    Within two seconds every worker of every gateway refuses with 503 `halted`, and streams that run are ended with
    `content_filter`. An officer, a safety or a cleared person of the provider may, and the customer's official.
    """
    if unit and model:
        raise ConfigError("a halt stops a unit or a model; give two halts for both")
    if holder and keys:
        raise ConfigError("give --by HOLDER or --key FILE")
    clock = SystemClock()
    scope = Scope.UNIT if unit else Scope.MODEL if model else Scope.INSTALLATION
    signers = load_signers(state, () if keys else (holder or PROVIDER_KEY,), keys)
    with in_force(state, clock) as (settings, registry):
        _known(state, registry, scope, unit or model)
        order = HaltOrder(HALT_FORMAT, secrets.token_hex(16), scope, unit or model, reason, clock.unix())
        envelope = sign_statement(order, HALT_TYPE, signers)
        record = log_halt(state, settings, registry.halts, registry.roots, envelope, clock, registry.refresh)
        registry.refresh()
        stands = registry.halts.book.halts[order.id]
    if as_json:
        click.echo(render.as_json({**_facts(stands), "record": record.place.seq}))
        return
    by = ", ".join(stands.signers)
    click.echo(f"halted: {_what(stands)} (halt {stands.id}, record {record.place.seq} of the registry, by {by})")
    click.echo(f"Every gateway refuses within {EFFECT_SECONDS} seconds. Both parties resume: brightline resume")


@click.command()
@_STATE
@click.option("--halt", "ids", multiple=True, metavar="ID", help="The halt that is over; without it all in force.")
@_REASON
@click.option("--by", "holders", multiple=True, metavar="HOLDER", help="Who signs; without it one of each party.")
@_KEY
@click.option("--prepare", type=_FILE, help="Log nothing: write the statement, signed so far, for the other party.")
@click.option("--prepared", type=_THERE, help="A statement that the other party has signed; sign it too, and log it.")
@_JSON
def resume(
    state: Path,
    ids: tuple[str, ...],
    reason: str,
    holders: tuple[str, ...],
    keys: tuple[Path, ...],
    prepare: Path | None,
    prepared: Path | None,
    as_json: bool,
) -> None:
    """Start again what was halted. The provider's officer and the customer's official both sign."""
    clock = SystemClock()

    def new(signers: Sequence[Ed25519PrivateKey]) -> bytes:
        return _new(registry, ids, reason, clock.unix(), signers)

    with in_force(state, clock) as (settings, registry):
        envelope = signed_so_far(state, RESUMPTION_SIGNERS, new, _add, holders, keys, prepare, prepared)
        said = unverified_payload(read_asserted(envelope).envelope, RESUMPTION_TYPE, Resumption)
        if prepare is not None:
            told: dict[str, object] = {"halts": list(said.halts), "prepared": str(prepare)}
            plain = f"signed so far in {prepare}; the other party runs: brightline resume --prepared {prepare}"
            click.echo(render.as_json(told) if as_json else plain)
            return
        record = log_resumption(state, settings, registry.halts, registry.roots, envelope, clock, registry.refresh)
        registry.refresh()
        if why := registry.halts.ignored.get(record.place.seq):
            raise TrustError(f"record {record.place.seq} changed nothing, somebody was faster: {why}")
        left = list(registry.halts.book.halts.values())
    if as_json:
        ended: dict[str, object] = {"ended": list(said.halts), "record": record.place.seq}
        click.echo(render.as_json({**ended, "halts": [_facts(each) for each in left]}))
        return
    click.echo(f"over: {', '.join(said.halts)} (record {record.place.seq} of the registry)")
    for each in left:
        click.echo(f"still halted: {_what(each)} (halt {each.id})")


@click.command()
@_STATE
@_JSON
def halts(state: Path, as_json: bool) -> None:
    """List what is halted now, by whom, since when and why. Exit codes: 0 nothing is halted; 1 something is."""
    with in_force(state, SystemClock()) as (_, registry):
        stand = sorted(registry.halts.book.halts.values(), key=lambda each: each.since)
    if as_json:
        click.echo(render.as_json([_facts(each) for each in stand]))
    elif stand:
        rows: list[list[object]] = [
            [each.id, _what(each), _time(each.since), ", ".join(each.signers), each.reason] for each in stand
        ]
        render.table("Halted", ["halt", "what", "since (UTC)", "signed by", "reason"], rows)
    else:
        click.echo("Nothing is halted.")
    raise SystemExit(1 if stand else 0)


def _known(state: Path, registry: Registry, scope: Scope, name: str) -> None:
    """A name that was mistyped must not look as if something had been stopped. Raises ``ConfigError``."""
    if scope is Scope.INSTALLATION:
        return
    if scope is Scope.UNIT:
        known = {workload.unit for workload in registry.workloads.all()}
    else:
        installation = read_installation(StateFolder(state).installation, registry.roots, SystemClock().unix())
        known = {model.name for model in installation.models}
    if name not in known:
        raise ConfigError(f"there is no {scope.value} {name[:80]!r} here; there are: {', '.join(sorted(known))}")


def _new(registry: Registry, ids: Sequence[str], reason: str, now: int, keys: Sequence[Ed25519PrivateKey]) -> bytes:
    stand = registry.halts.book.halts
    if unknown := [each for each in ids if each not in stand]:
        raise ConfigError(f"no halt {unknown[0][:80]!r} is in force; `brightline halts` lists those that are")
    named = tuple(ids) or tuple(stand)
    if not named:
        raise ConfigError("nothing is halted")
    return sign_statement(
        Resumption(RESUMPTION_FORMAT, secrets.token_hex(16), named, reason, now), RESUMPTION_TYPE, keys
    )


def _add(envelope: bytes, key: Ed25519PrivateKey) -> bytes:
    return add_key_signature(envelope, RESUMPTION_TYPE, key)


def _what(halt: Halt) -> str:
    return f"{halt.scope.value} {halt.name}" if halt.name else "the whole installation"


def _facts(halt: Halt) -> dict[str, object]:
    return {
        "halt": halt.id,
        "scope": halt.scope.value,
        "name": halt.name or None,
        "since": datetime.fromtimestamp(halt.since, UTC).isoformat(),
        "signed_by": list(halt.signers),
        "reason": halt.reason,
    }


def _time(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M:%S")
