# SPDX-License-Identifier: Apache-2.0
"""Agreements and releases that travel with the package, and how they are read from a folder."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

from brightline.core.errors import ReleaseError
from brightline.core.facts import Vocabulary
from brightline.core.screening.release import Release, load_release
from brightline.folders import folder_reader, read_agreement, shipped_agreements

__all__ = [
    "folder_reader",
    "read_agreement",
    "read_release",
    "shipped_agreement",
    "shipped_agreements",
    "shipped_release",
]

AGREEMENT: Final = "dow-2026-02-27"
RELEASE: Final = "rules-2026.11"


def shipped_agreement() -> Path:
    """The folder of the agreement that is shipped."""
    return Path(str(files("brightline") / "agreements" / AGREEMENT))


def shipped_release() -> Path:
    """The folder of the release that is shipped."""
    return Path(str(files("brightline") / "releases" / RELEASE))


def read_release(folder: Path, vocabulary: Vocabulary) -> Release:
    """Load ``release.toml`` and check the files that it pins. Raises ``ReleaseError``."""
    read = folder_reader(folder)
    try:
        return load_release(read("release.toml"), read, vocabulary)
    except OSError as error:
        raise ReleaseError(f"{folder} cannot be read: {error}") from error
