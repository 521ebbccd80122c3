# SPDX-License-Identifier: Apache-2.0
"""Files, read within a bound and written so that they stand there whole or not at all, also after a crash.

What a crash leaves is what POSIX promises only to those who flush file and folder, in this order: bytes are written
beside the file and flushed, then they take its name, and the name is durable once its folder is flushed.
``put_whole``, ``put`` and ``create`` raise ``OSError`` as it comes, for callers who say themselves what could
not be done; the others are for files that somebody names to a command, with an error that says which and why.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable
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
    try:
        put(path, [data])
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet. Raises ``ConfigError``: nothing of anybody's is written over."""
    try:
        create(path, data, 0o666)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def write_private(path: Path, data: bytes) -> None:
    """Write a new file that its owner alone may read. Raises ``ConfigError``: nothing is written over."""
    try:
        create(path, data)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def create(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Make a file; nothing is written over. ``mode`` is cut by the umask. Raises ``OSError``."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        write_all(fd, data)
        os.fsync(fd)
    finally:
        os.close(fd)


def put(path: Path, pieces: Iterable[bytes], mode: int = 0o666, beside: str = "") -> None:
    """Put a file in the place of what was there; ``mode`` is cut by the umask. Raises ``OSError``.

    Several may write it at once. Where ``beside`` names the place in which it is written first, one may, and what a
    crash left there goes with the next.
    """
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        put_whole(folder, path.name, pieces, beside or f".{path.name}.{secrets.token_hex(8)}.new", mode)
    finally:
        os.close(folder)


def put_whole(folder: int, name: str, pieces: Iterable[bytes], beside: str, mode: int) -> None:
    """Put a file in place in an open folder: readers and crashes see the old bytes or the new, no mixture.

    ``beside`` is where it is written first, relative to the folder: a name that nobody else writes at the same time.
    An error leaves nothing there; what a crash left goes first. Raises ``OSError``, and what ``pieces`` raises.
    """
    with contextlib.ExitStack() as unless_placed:
        fd = _begin(folder, beside, mode)
        unless_placed.callback(_remove, folder, beside)
        try:
            for piece in pieces:
                write_all(fd, piece)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
        unless_placed.pop_all()
    os.fsync(folder)


def _begin(folder: int, beside: str, mode: int) -> int:
    """A new file of ours, and never one that somebody else put there, with whatever mode or behind a link."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(beside, flags, mode, dir_fd=folder)
    except FileExistsError:
        os.unlink(beside, dir_fd=folder)
        return os.open(beside, flags, mode, dir_fd=folder)


def _remove(folder: int, beside: str) -> None:
    with contextlib.suppress(OSError):  # what is raised already says what could not be done
        os.unlink(beside, dir_fd=folder)


def write_all(fd: int, data: bytes) -> None:
    """Write all bytes at the descriptor's position. A short write is continued: then its reason surfaces."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
