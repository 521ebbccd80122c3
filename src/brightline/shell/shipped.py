# SPDX-License-Identifier: Apache-2.0
"""Agreements and releases that travel with the package, and how they are read from a folder."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Final

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.load import load_agreement
from brightline.core.errors import AgreementError, ReleaseError
from brightline.core.facts import Vocabulary
from brightline.core.screening.release import Release, load_release

AGREEMENT: Final = "dow-2026-02-27"
RELEASE: Final = "rules-2026.11"
FILE_BYTES_MAX: Final = 8 * 1024 * 1024


def shipped_agreement() -> Path:
    """The folder of the agreement that is shipped."""
    return Path(str(files("brightline") / "agreements" / AGREEMENT))


def shipped_agreements() -> dict[str, Path]:
    """The folders of all agreements that are shipped, by id: the one above, and those that it is compared with."""
    folder = Path(str(files("brightline") / "agreements"))
    return {path.name: path for path in sorted(folder.iterdir()) if (path / "agreement.toml").is_file()}


def shipped_release() -> Path:
    """The folder of the release that is shipped."""
    return Path(str(files("brightline") / "releases" / RELEASE))


def folder_reader(folder: Path) -> Callable[[str], bytes]:
    """Read files of one folder by name. Raises ``FileNotFoundError`` for a name that leads out of it."""

    def read(name: str) -> bytes:
        if Path(name).name != name:
            raise FileNotFoundError(name)
        with (folder / name).open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
        if len(data) > FILE_BYTES_MAX:
            raise FileNotFoundError(f"{name} exceeds {FILE_BYTES_MAX} bytes")
        return data

    return read


def read_agreement(folder: Path) -> Agreement:
    """Load ``agreement.toml`` and its prose. Raises ``AgreementError``."""
    read = folder_reader(folder)
    try:
        return load_agreement(read("agreement.toml"), read, str(folder / "agreement.toml"))
    except OSError as error:
        raise AgreementError(f"cannot be read: {error}", str(folder)) from error


def read_release(folder: Path, vocabulary: Vocabulary) -> Release:
    """Load ``release.toml`` and check the files that it pins. Raises ``ReleaseError``."""
    read = folder_reader(folder)
    try:
        return load_release(read("release.toml"), read, vocabulary)
    except OSError as error:
        raise ReleaseError(f"{folder} cannot be read: {error}") from error
