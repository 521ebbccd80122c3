# SPDX-License-Identifier: Apache-2.0
"""Files that somebody names to a command: read within a bound and written, with an error that says which and why."""

from __future__ import annotations

import os
from pathlib import Path

from brightline.core.errors import ConfigError


def read_within(path: Path, longest: int) -> bytes:
    """A file of at most so many bytes. Raises ``ConfigError``."""
    try:
        with path.open("rb") as file:
            data = file.read(longest + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > longest:
        raise ConfigError(f"{path} has more than {longest} bytes")
    return data


def write_text(path: Path, text: str) -> None:
    """Write a file, in place of what was there. Raises ``ConfigError``."""
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that stands there whole or not at all. Raises ``ConfigError``."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def write_private(path: Path, data: bytes) -> None:
    """Write a new file that its owner alone may read. Raises ``ConfigError``: nothing is written over."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(data)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
