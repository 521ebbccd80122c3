# SPDX-License-Identifier: Apache-2.0
"""``brightline witness``: a witness of logs (C2SP tlog-witness), for somebody who is not their operator."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from brightline.core.errors import ConfigError, TrustError
from brightline.core.evidence.note import NoteError, VerifierKey
from brightline.shell.cli import render
from brightline.shell.clock import SystemClock
from brightline.shell.serve import bind, until_signalled
from brightline.shell.witness.serve import serving_witness
from brightline.shell.witness.store import WitnessStore, create_witness, read_logs

_FOLDER = click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))


@click.group()
def witness() -> None:
    """Cosign the growth of logs, so that none of them can show two histories."""


@witness.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="The witness's name for ever, as a URL without scheme: example.org/w1.")
def init(folder: Path, name: str) -> None:
    """Make a witness: its folder and its key. Never restore the folder from a backup: a witness may not forget."""
    key = create_witness(folder, name)
    click.echo(f"made a witness in {folder}; its public key, for a policy:")
    click.echo(key.vkey())


@witness.command()
@_FOLDER
@click.argument("vkey")
@click.option("--origin", default="", help="The origin of the log's checkpoints, if it is not the key's name.")
def trust(folder: Path, vkey: str, origin: str) -> None:
    """Watch the log whose verifier key is VKEY. Its first checkpoint is believed as it comes."""
    try:
        key = VerifierKey.parse(vkey)
    except NoteError as error:
        raise TrustError(f"{vkey[:80]!r}: {error}") from error
    store = WitnessStore.open(folder)
    try:
        watched = store.trust(origin or key.name, key)
    finally:
        store.close()
    click.echo(f"watches {render.plain(watched.origin)} from size {watched.seen.size}, keys: {len(watched.keys)}")


@witness.command("list")
@_FOLDER
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_(folder: Path, as_json: bool) -> None:
    """List the logs that are watched, and the tree last cosigned of each."""
    logs = read_logs(folder)
    rows = [
        {
            "origin": log.origin,
            "size": log.seen.size,
            "root": log.seen.root.hex(),
            "keys": [key.vkey() for key in log.keys],
        }
        for log in logs
    ]
    if as_json:
        click.echo(render.as_json(rows))
        return
    table = [[log.origin, log.seen.size, log.seen.root.hex()[:16], len(log.keys)] for log in logs]
    render.table("Watched logs", ["origin", "size", "root", "keys"], table)


@witness.command()
@_FOLDER
@click.option("--listen", default="127.0.0.1:8090", show_default=True, metavar="HOST:PORT", help="Port 0: a free one.")
def serve(folder: Path, listen: str) -> None:
    """Serve POST /add-checkpoint until interrupted."""
    host, _, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or len(port) > 5 or int(port) > 65_535:
        raise ConfigError(f"--listen {listen!r}: expected HOST:PORT")
    asyncio.run(_serve(folder, host, int(port)))


async def _serve(folder: Path, host: str, port: int) -> None:
    async with serving_witness(folder, bind(host, port), SystemClock()) as url:
        click.echo(f"witness at {url}")
        await until_signalled()
        click.echo("draining", err=True)
