# SPDX-License-Identifier: Apache-2.0
"""``brightline broker``: the key broker of one installation, on another machine than its nodes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
import msgspec

from brightline.broker.app import BrokerApp
from brightline.broker.service import broker_vkey, known_broker, make_broker, open_broker
from brightline.broker.settings import BrokerSettings, read_settings
from brightline.core.errors import ConfigError
from brightline.core.statement import STATEMENT_BYTES_MAX
from brightline.files import read_within
from brightline.shell.cli import render
from brightline.shell.clock import SystemClock
from brightline.shell.serve import bind, serving, until_signalled
from brightline.shell.trust.accepted import Accepted

_FOLDER = click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def broker() -> None:
    """Hand keys to nodes that show what they are, and to no other."""


@broker.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--roots", required=True, type=_FILE, help="The installation's trust.json.")
@click.option("--installation", required=True, type=_FILE, help="The installation.json that both parties signed.")
@click.option("--url", required=True, help="Where nodes find this broker, without a path.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8010, show_default=True, type=click.IntRange(0, 65_535), help="0 takes a free one.")
@click.option("--name", default="broker", show_default=True, help="The name of its log.")
def init(folder: Path, roots: Path, installation: Path, url: str, host: str, port: int, name: str) -> None:
    """Make a broker's folder for one installation. `brightline broker card FOLDER` is for its nodes."""
    wanted = {"url": url, "host": host, "port": port, "name": name}
    try:
        settings = msgspec.convert(wanted, BrokerSettings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"a broker cannot be made so: {error}") from error
    make_broker(folder, settings, roots, installation, SystemClock())
    click.echo(f"made {folder}; its log's verifier key, for auditors: {broker_vkey(folder)}")
    click.echo(f"next: brightline broker card {folder} > broker.json, and on each node: brightline keys seal")


@broker.command()
@_FOLDER
def card(folder: Path) -> None:
    """Print what nodes have to know: where the broker is, to which key they seal, by which key it signs. JSON."""
    click.echo(render.as_json(msgspec.to_builtins(known_broker(folder))))


@broker.command()
@_FOLDER
@click.argument("statement", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def take(folder: Path, statement: Path, as_json: bool) -> None:
    """Take a signed STATEMENT about machines: a revocation, the end of some, a later policy.

    `brightline attest revoke`, `reinstate` and `policy` write it with --copy. It counts within a second, for a guard's
    folder too. Exit codes: 0 taken; 2 it is not signed by those who must, or changes nothing.
    """
    accepted = Accepted(folder, SystemClock())
    kind = accepted.take(read_within(statement, STATEMENT_BYTES_MAX))
    policy, revoked = accepted.policy, len(accepted.revoked)
    if as_json:
        click.echo(render.as_json({"taken": kind, "policy": policy and policy.digest, "revoked": revoked}))
        return
    click.echo(f"taken: {kind}; {revoked} revocations are in force, and the policy {policy and policy.digest}")


@broker.command()
@_FOLDER
def serve(folder: Path) -> None:
    """Serve until interrupted."""
    asyncio.run(_serve(folder))


async def _serve(folder: Path) -> None:
    settings = read_settings(folder)
    listener = bind(settings.host, settings.port)
    async with open_broker(folder, SystemClock()) as handing, serving(BrokerApp(handing), listener) as url:
        click.echo(f"The key broker {settings.name} serves {url}" + (f"; {handing.fault}" if handing.fault else ""))
        await until_signalled()
