# SPDX-License-Identifier: Apache-2.0
"""``brightline shard``: the shards of an installation, one for each gateway process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from brightline.core.ports import HeadStore
from brightline.shell.cli import render
from brightline.shell.clock import SystemClock
from brightline.shell.config import Settings, load_settings
from brightline.shell.heads import CombinedHeads
from brightline.shell.install import make_shard
from brightline.shell.opening import open_in_force, opened_heads
from brightline.shell.registry.following import Registry
from brightline.shell.registry.log import log_signer
from brightline.shell.seal import seal_shard
from brightline.shell.state import StateFolder


@click.group()
def shard() -> None:
    """One for each gateway process; the combined heads hold all of them together."""


@shard.command()
@click.argument("state", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("name")
def add(state: Path, name: str) -> None:
    """Make the key of a shard NAME, for `brightline serve STATE --shard NAME`; print its verifier key."""
    settings = load_settings(state)
    make_shard(state, name)
    click.echo(log_signer(StateFolder(state), settings, name).verifier.vkey())


@shard.command("list")
@click.argument("state", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_(state: Path, as_json: bool) -> None:
    """List the logs that the combined heads name: size, when the writer was seen last, and where one was sealed."""
    with _opened(state) as (_settings, registry, heads, store):
        rows = [
            {
                "log": head.log,
                "size": head.size,
                "root": head.root,
                "seen": store.seen(head.log),
                "sealed": head.log in registry.seals.logs,
            }
            for head in heads.logs
        ]
    if as_json:
        click.echo(render.as_json(rows))
        return
    now = SystemClock().unix()
    told = [[row["log"], row["size"], _ago(now, row["seen"]), "sealed" if row["sealed"] else ""] for row in rows]
    render.table("combined heads", ["log", "records", "writer seen", ""], told)


@shard.command()
@click.argument("state", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def seal(state: Path, name: str, as_json: bool) -> None:
    """End the shard NAME, whose gateway never comes back. It cannot be undone.

    Its gateway must not have been seen for two minutes.
    """
    with _opened(state) as (settings, registry, heads, store):
        sealed = seal_shard(state, settings, registry, heads, store, name, SystemClock())
    if as_json:
        click.echo(render.as_json(msgspec.to_builtins(sealed)))
        return
    click.echo(f"{sealed.log} ends at {sealed.size:,} records; {sealed.open:,} attempts are lost with it")
    for note in sealed.notes:
        click.echo(render.plain(f"  {note}"))


def _ago(now: int, seen: object) -> str:
    return f"{max(0, now - seen):,} s ago" if isinstance(seen, int) and seen else "never"


@contextmanager
def _opened(state: Path) -> Iterator[tuple[Settings, Registry, CombinedHeads, HeadStore]]:
    clock = SystemClock()
    settings = load_settings(state)
    registry = open_in_force(state, settings, clock)
    try:
        with opened_heads(StateFolder(state), settings, registry.roots.profile, clock) as (heads, store):
            yield settings, registry, heads, store
    finally:
        registry.close()
