# SPDX-License-Identifier: Apache-2.0
"""``brightline keys``: a node's keys, sealed on its disk, and held in the memory of its key agent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from brightline.core.errors import ConfigError
from brightline.core.evidence.heads import HEADS_SHARD, REGISTRY_SHARD
from brightline.core.ports import Attester
from brightline.guard.lease import guard_attester
from brightline.guard.settings import FILE_NAME as GUARD_FILE
from brightline.guard.settings import read_settings
from brightline.shell.cli import render
from brightline.shell.clock import SystemClock
from brightline.shell.config import load_settings
from brightline.shell.install import GATEWAY_SHARD
from brightline.shell.keyring import TENANT_KEY
from brightline.shell.serve import until_signalled
from brightline.shell.state import StateFolder
from brightline.shell.trust.accepted import installation_digest
from brightline.shell.trust.agent import KeyAgent, post_to
from brightline.shell.trust.attesters import open_attester
from brightline.shell.trust.installation import read_roots
from brightline.shell.trust.keys import has_key, load_key, load_secret, make_key, make_secret, public_hex
from brightline.shell.trust.sealed import (
    LOG_PREFIX,
    Broker,
    all_sealed,
    clear_keys,
    read_broker,
    read_card,
    seal_key,
    write_broker,
)

KEYS: Final = "keys"
SECRETS: Final = frozenset({"hold", TENANT_KEY})
OF_A_GUARD: Final = ("log", TENANT_KEY)
OF_A_GATEWAY: Final = (
    "token",
    "hold",
    TENANT_KEY,
    *(f"{LOG_PREFIX}{shard}" for shard in (GATEWAY_SHARD, REGISTRY_SHARD, HEADS_SHARD)),
)
_NODE = click.argument("node", type=click.Path(exists=True, file_okay=False, path_type=Path))


@click.group()
def keys() -> None:
    """The keys of a node (a state folder, or a guard's): sealed on its disk, in clear in memory alone."""


@keys.command()
@_NODE
@click.option(
    "--broker",
    "card",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What `brightline broker card` prints.",
)
@click.option("--make", is_flag=True, help="Make each key that is missing; it never lies on the disk in clear.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def seal(node: Path, card: Path, make: bool, as_json: bool) -> None:
    """Seal the keys of NODE to a broker; what lies in clear is overwritten and removed.

    A disk may remember what was overwritten: for production, let --make make new ones. From then on every key of the
    node that is made there is sealed before it is written.
    """
    home, broker = node / KEYS, read_card(card)
    write_broker(home, broker)
    sealed = [_seal(home / name, broker) for name in clear_keys(home)]
    wanted = OF_A_GUARD if (node / GUARD_FILE).exists() else OF_A_GATEWAY
    made = [_make(home / name) for name in wanted if make and not has_key(home / name)]
    if as_json:
        click.echo(render.as_json({"sealed": sealed, "made": made}))
        return
    click.echo(f"sealed: {', '.join(sealed) or 'nothing lay in clear'}; made: {', '.join(made) or 'none'}")
    click.echo(f"next: brightline keys agent {node}, and then what needs the keys")


def _seal(path: Path, broker: Broker) -> str:
    if path.name in SECRETS:
        seal_key(path, load_secret(path), "", broker)
    else:
        key = load_key(path)
        seal_key(path, key.private_bytes_raw(), public_hex(key), broker)
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    return path.name


def _make(path: Path) -> str:
    make: Callable[[Path], object] = make_secret if path.name in SECRETS else make_key
    make(path)
    return path.name


@keys.command("list")
@_NODE
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(node: Path, as_json: bool) -> None:
    """List the keys of NODE: which lie sealed, and which in clear. Exit codes: 0 none in clear; 1 some are."""
    home = node / KEYS
    clear = clear_keys(home)
    rows = [{"name": each.name, "public": each.public, "lies": "sealed"} for each in all_sealed(home)]
    rows += [{"name": name, "public": "", "lies": "in clear"} for name in clear]
    if as_json:
        click.echo(render.as_json(rows))
    else:
        render.table("Keys of the node", ["name", "public", "lies"], [list(row.values()) for row in rows])
    raise SystemExit(1 if clear else 0)


@keys.command()
@_NODE
def agent(node: Path) -> None:
    """Have the keys of NODE handed over by its broker, and hold them in memory until interrupted.

    Processes of the same user are given them by a socket in NODE/keys. Start it before the gateway, or the guard.
    """
    asyncio.run(_hold(node))


async def _hold(node: Path) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # what is in memory alone is in no dump either
    home, clock = node / KEYS, SystemClock()
    broker = read_broker(home)
    if broker is None:
        raise ConfigError(f"{home} names no key broker: `brightline keys seal {node} --broker FILE`")
    found = KeyAgent(home, _attester(node), installation_digest(node), post_to(broker.url), clock)
    async with found.listening():
        await found.renew()
        keeping = asyncio.create_task(found.keep())
        try:
            held = f"holds {', '.join(found.names)}" if found.names else f"holds nothing: {found.why}"
            click.echo(f"The key agent of {node} {held}")
            await until_signalled()
        finally:
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping


def _attester(node: Path) -> Attester:
    """Who asks this machine what it is. Raises ``OperatorError``."""
    if (node / GUARD_FILE).exists():
        return guard_attester(node, read_settings(node), SystemClock())
    folder = StateFolder(node)
    return open_attester(folder, load_settings(node).attestation, read_roots(folder.roots).profile, SystemClock())
