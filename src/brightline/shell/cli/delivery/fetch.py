# SPDX-License-Identifier: Apache-2.0
"""``brightline delivery trust`` and ``fetch``: a site pins a root, and takes what both organisations sent."""

from __future__ import annotations

import time
from pathlib import Path

import click

from brightline.shell.cli import render
from brightline.shell.cli.agreement.opening import FOLDER_TYPE
from brightline.shell.clock import SystemClock
from brightline.shell.delivery.fresh import fresh_until
from brightline.shell.opening import in_force
from brightline.shell.state import StateFolder

_STATE = click.argument("state", type=FOLDER_TYPE)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.command()
@_STATE
@click.argument("root", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask whether the digest was compared.")
def trust(state: Path, root: Path, yes: bool) -> None:
    """Pin the repository's first ROOT (1.root.json) at STATE, after its digest was compared by another way.

    From then on this site's gateways serve only while the newest word about releases is fresh.
    """
    from brightline.shell.delivery.client import pin_root
    from brightline.shell.delivery.repository import root_digest

    data = root.read_bytes()
    click.echo(f"SHA-256 {root_digest(data)}")
    if not yes:
        click.confirm("Did a person whom you know read this digest to you, from their own copy?", abort=True)
    pin_root(StateFolder(state).delivery, data)
    click.echo(f"pinned at {state}; next: brightline delivery fetch {state} REPOSITORY --to FOLDER")


@click.command()
@_STATE
@click.argument("source")
@click.option("--to", required=True, type=click.Path(path_type=Path), help="A new folder for what is fetched.")
@_JSON
def fetch(state: Path, source: str, to: Path, as_json: bool) -> None:
    """Fetch what is current from SOURCE, a folder or an http(s) address, and verify it for STATE.

    It is not in force then: `brightline classifier release STATE TO/release --prepared TO/prepared` does that.

    Exit codes: 0 fetched; 2 refused, with the reason, or out of reach.
    """
    from brightline.shell.delivery.client import fetch as fetch_release

    folder = StateFolder(state)
    with in_force(state, SystemClock()) as (_, registry):
        floor = registry.classifiers.delivered
    found = fetch_release(folder.delivery, source, to, floor)
    until = fresh_until(folder.delivery) or 0
    offer = found.offer
    if as_json:
        said = {"name": offer.name, "version": offer.version, "release": offer.release, "to": str(to)}
        click.echo(render.as_json({**said, "versions": dict(found.versions), "fresh_until": until}))
        return
    click.echo(f"fetched {offer.name}, offered by the provider and approved by the customer: {offer.release}")
    click.echo(f"fresh until {time.strftime('%Y-%m-%d %H:%M', time.gmtime(until))} UTC")
    if offer.files:
        click.echo(f"next: brightline classifier release {state} {to}/release --prepared {to}/prepared")
    else:
        click.echo(f"next: brightline classifier rollback {state} --prepared {to}/prepared")
