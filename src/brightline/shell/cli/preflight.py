# SPDX-License-Identifier: Apache-2.0
"""``brightline preflight``: every condition for serving, with the mend of each that is not met."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from brightline.shell.cli import render
from brightline.shell.clock import SystemClock
from brightline.shell.install import GATEWAY_SHARD
from brightline.shell.preflight import preflight as look


@click.command()
@click.argument("state", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--shard", default=GATEWAY_SHARD, show_default=True, help="The shard that the gateway will write.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def preflight(state: Path, shard: str, as_json: bool) -> None:
    """Go through every condition for serving, without serving, and say how to mend what is not met.

    Detectors are started and judge their canaries, the attester is asked for evidence, witnesses and model servers are
    reached. Nothing is logged, and a gateway that runs is not disturbed.

    Exit codes: 0 every condition is met; 1 some are not.
    """
    checks = asyncio.run(look(state, shard, SystemClock()))
    met = all(check.holds for check in checks)
    if as_json:
        rows = [
            {
                "condition": check.condition.value,
                "met": check.holds,
                "why": list(check.why),
                "mend": "" if check.holds else check.condition.mend,
            }
            for check in checks
        ]
        click.echo(render.as_json({"ready": met, "conditions": rows}))
    else:
        table = [
            (
                check.condition,
                "met" if check.holds else "NOT MET",
                "; ".join(check.why),
                "" if check.holds or check.unlooked else check.condition.mend,
            )
            for check in checks
        ]
        render.table("Conditions for serving", ["condition", "state", "what was found", "mend"], table)
        click.echo("Every condition is met." if met else "A gateway would not serve.")
    raise SystemExit(0 if met else 1)
