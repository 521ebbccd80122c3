# SPDX-License-Identifier: Apache-2.0
"""How the commands about agreements find the one that is meant."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from brightline.core.agreement.clause import Agreement
from brightline.shell import shipped

FOLDER_TYPE: Final = click.Path(exists=True, file_okay=False, path_type=Path)
FOLDER = click.option(
    "--agreement",
    "folder",
    type=FOLDER_TYPE,
    help="Folder with agreement.toml; without it, the one that is shipped.",
)


def open_at(folder: Path | None) -> Agreement:
    """Load the agreement in a folder, or the shipped one. Raises ``AgreementError``."""
    return shipped.read_agreement(folder or shipped.shipped_agreement())
