# SPDX-License-Identifier: Apache-2.0
"""``brightline serve --workers N``: who is started with what, and what is said of it."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from brightline.core.errors import ConfigError
from brightline.shell.cli import render
from brightline.shell.cli.worker import Assignment, Serves
from brightline.shell.config import Settings
from brightline.shell.install import make_shard
from brightline.shell.registry.log import log_signer
from brightline.shell.serve import bind
from brightline.shell.state import StateFolder
from brightline.shell.storage.wal import shards_in
from brightline.shell.trust.keys import has_key
from brightline.shell.workers import Channels, Plan, supervise

PORT_MAX: Final = 65_535


def shard_of(first: str, worker: int) -> str:
    """The shard that a worker writes."""
    return f"{first}-w{worker}" if worker else first


def serve_with_workers(
    state: Path, settings: Settings, first: str, count: int, port: int, admin_port: int | None
) -> None:
    """Serve until interrupted. Raises ``ConfigError`` or ``WorkersFailed``."""
    if admin_port and admin_port + count - 1 > PORT_MAX:
        raise ConfigError(f"{count} workers have no room for their metrics above port {admin_port}")
    folder = StateFolder(state)
    for worker in range(1, count):
        shard = shard_of(first, worker)
        if not has_key(folder.log_key(shard)):
            make_shard(state, shard)
            vkey = log_signer(folder, settings, shard).verifier.vkey()
            click.echo(f"made the shard {shard}; its verifier key, for witnesses and auditors: {vkey}", err=True)
    announced = _Announced(count)
    with bind(settings.listen.host, port, shared=True) as held:  # holds the port; only workers listen
        taken = int(held.getsockname()[1])

        def command(worker: int, channels: Channels) -> Sequence[str]:
            shard = shard_of(first, worker)
            assignment = Assignment(
                str(state),
                shard,
                taken,
                admin_port and admin_port + worker,
                channels.hear(worker),
                channels.tell(worker),
                _siblings(folder.wal, first, shard),
            )
            module = "brightline.shell.cli.worker"
            return (sys.executable, "-m", module, msgspec.json.encode(assignment).decode())

        asyncio.run(supervise(Plan(count, command, announced.serves, settings.listen.drain_seconds)))
    click.echo("drained", err=True)


def _siblings(wal: Path, first: str, own: str) -> tuple[str, ...]:
    """The shards that workers of this gateway write or wrote, but one."""
    if not wal.exists():
        return ()
    ours = re.compile(rf"{re.escape(first)}(-w[0-9]+)?")
    return tuple(shard for shard in shards_in(wal) if ours.fullmatch(shard) and shard != own)


class _Announced:
    """Says once that all serve."""

    def __init__(self, count: int) -> None:
        self._yet = set(range(count))
        self._count = count

    def serves(self, worker: int, line: bytes) -> None:
        told = msgspec.json.decode(line, type=Serves)
        if told.admin_url:
            click.echo(f"metrics of worker {worker} at {told.admin_url}/metrics", err=True)
        for missing in told.missing:
            click.echo(f"worker {worker} is not ready: {missing}", err=True)
        if not self._yet:
            click.echo(f"worker {worker} serves again", err=True)
            return
        self._yet.discard(worker)
        if not self._yet:
            click.echo(render.banner(told.url, told.profile, told.agreement, told.release, told.note, told.attester))
            click.echo(f"{self._count} workers", err=True)
