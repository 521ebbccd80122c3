# SPDX-License-Identifier: Apache-2.0
"""``brightline disclose``: the operator's side of an audit. What it writes is for a cleared auditor alone."""

from __future__ import annotations

from pathlib import Path

import click

from brightline.shell.keyring import open_vault
from brightline.shell.state import StateFolder
from brightline.shell.storage.publisher import export_disclosures


@click.command()
@click.argument("state", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
def disclose(state: Path, out: Path) -> None:
    """Write what opens every record of STATE to OUT, for a cleared auditor. The file is private (0600)."""
    count = export_disclosures(state / "wal", open_vault(StateFolder(state)), out)
    click.echo(f"wrote the disclosures of {count} records to {out}")
