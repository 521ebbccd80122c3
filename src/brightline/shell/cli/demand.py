# SPDX-License-Identifier: Apache-2.0
"""``brightline demand``: orders that were received. A demand changes nothing; that it was made is on record."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from brightline.core.errors import ConfigError
from brightline.core.register import DEMAND_FORMAT, WORDS_CHARS_MAX, Demand, DemandKind, text_digest
from brightline.shell.cli import render
from brightline.shell.cli.register import AS_JSON, FILE, STATE
from brightline.shell.clock import SystemClock
from brightline.shell.config import load_settings
from brightline.shell.development import record_demand
from brightline.shell.install import reading
from brightline.shell.opening import open_agreement

_NEXT: Final = {
    DemandKind.SURVEIL: "answer in writing; whoever has authority for it brings a purpose that both parties sign",
    DemandKind.SWITCH_OFF: "answer in writing; no part can be switched off, the service as a whole can be stopped",
    DemandKind.LOOSEN: "answer in writing; a version can only tighten, and anything looser is another agreement",
    DemandKind.OTHER: "answer in writing",
}


@click.group()
def demand() -> None:
    """Orders that the provider received: to surveil, to switch off, to loosen."""


@demand.command()
@STATE
@click.option("--from", "source", required=True, help="Who gave the order, as far as is known.")
@click.option(
    "--kind", "kind", required=True, type=click.Choice([kind.value for kind in DemandKind]), help="What was demanded."
)
@click.option("--text", "text", required=True, type=FILE, help="The file with the words of the order (UTF-8).")
@click.option("--answer", required=True, help="What was answered, in words.")
@click.option(
    "--received",
    default="",
    metavar="TIME",
    help="When it was received (2026-03-01T09:30:00Z). Without it: now.",
)
@AS_JSON
def record(state: Path, source: str, kind: str, text: Path, answer: str, received: str, as_json: bool) -> None:
    """Record a demand, signed by the provider's officer alone. Nothing follows from it."""
    settings = load_settings(state)
    clock = SystemClock()
    words = _words(text)
    made = Demand(
        format=DEMAND_FORMAT,
        id=f"demand-{secrets.token_hex(6)}",
        source=source,
        received=_unix(received) if received else clock.unix(),
        demanded=DemandKind(kind),
        text=words,
        text_digest=text_digest(words.encode()),
        answer=answer,
        issued=clock.unix(),
    )
    logged = record_demand(state, settings, open_agreement(settings), made, clock)
    if as_json:
        click.echo(render.as_json({"demand": made.id, "kind": kind, "record": logged.place.seq, "changed": []}))
        return
    click.echo(f"recorded {made.id} ({kind}) as record {logged.place.seq} of the registry; signed by provider-officer")
    click.echo("nothing changed: no verdict, fact, permit or standing follows from a demand")
    click.echo(f"next: {_NEXT[made.demanded]}")
    click.echo("an auditor sees that it was recorded; `brightline disclose` lets a cleared one read it")


@demand.command("list")
@STATE
@AS_JSON
def list_(state: Path, as_json: bool) -> None:
    """List the demands that the log holds."""
    settings = load_settings(state)
    with reading(state, settings, open_agreement(settings)) as registry:
        known = registry.demands.all()
    rows: list[dict[str, object]] = [
        {
            "id": made.id,
            "received": datetime.fromtimestamp(made.received, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "kind": made.demanded.value,
            "from": made.source,
            "answer": made.answer,
            "record": seq,
        }
        for made, seq in known
    ]
    if as_json:
        texts = {made.id: made.text for made, _ in known}
        click.echo(render.as_json([{**row, "text": texts[str(row["id"])]} for row in rows]))
        return
    columns = ["id", "received", "kind", "from", "answer", "record"]
    render.table("Demands", columns, [[row[name] for name in columns] for row in rows])


def _words(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(4 * WORDS_CHARS_MAX + 1)
    try:
        words = data.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"--text: {path} is no UTF-8, or longer than {WORDS_CHARS_MAX} characters") from error
    if len(words) > WORDS_CHARS_MAX:
        raise ConfigError(f"--text: {path} has more than {WORDS_CHARS_MAX} characters; record it in parts")
    return words


def _unix(text: str) -> int:
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"--received takes a time like 2026-03-01T09:30:00Z; found {text!r}") from error
    if when.tzinfo is None:
        raise ConfigError(f"--received {text!r} names no time zone; end it with Z or an offset")
    return int(when.timestamp())
