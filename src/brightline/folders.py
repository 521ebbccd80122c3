# SPDX-License-Identifier: Apache-2.0
"""Agreements as they lie in folders, and what travels with the package: for the gateway and for the auditor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.load import load_agreement
from brightline.core.errors import AgreementError, ConfigError

FILE_BYTES_MAX: Final = 8 * 1024 * 1024


def shipped_agreements() -> dict[str, Path]:
    """The folders of all agreements that are shipped, by id."""
    folder = Path(str(files("brightline") / "agreements"))
    return {path.name: path for path in sorted(folder.iterdir()) if (path / "agreement.toml").is_file()}


def shipped_releases() -> dict[str, Path]:
    """The folders of all classifier releases that are shipped, by id."""
    folder = Path(str(files("brightline") / "releases"))
    return {path.name: path for path in sorted(folder.iterdir()) if (path / "release.toml").is_file()}


def named_folder(given: str, shipped: Mapping[str, Path], file: str) -> Path:
    """The folder that holds ``file``, given by the name of what is shipped or as a path. Raises ``ConfigError``."""
    path = shipped.get(given, Path(given))
    if not (path / file).is_file():
        raise ConfigError(f"{given} is no folder with {file}, and not shipped: {', '.join(sorted(shipped))}")
    return path


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
