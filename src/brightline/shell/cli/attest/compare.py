# SPDX-License-Identifier: Apache-2.0
"""``brightline attest compare``: whether a later policy asks for less."""

from __future__ import annotations

from pathlib import Path

import click

from brightline.core.attestation.ratchet import looser
from brightline.shell.cli import render
from brightline.shell.cli.attest.given import policy_of


def run(before: Path, after: Path, *, as_json: bool) -> None:
    """See ``brightline attest compare --help``. Raises ``SystemExit`` with 1 if the later policy is looser."""
    old, new = policy_of(before), policy_of(after)
    found = looser(old, new)
    if as_json:
        click.echo(render.as_json({"before": old.digest, "after": new.digest, "looser": list(found)}))
    else:
        render.table("Policies", ["which", "digest"], [("before", old.digest), ("after", new.digest)])
        for each in found:
            click.echo(f"Looser: {render.plain(each)}.")
        if not found:
            click.echo("No looser: what the later policy accepts, the earlier one accepts.")
    if found:
        raise SystemExit(1)
