# SPDX-License-Identifier: Apache-2.0
"""Files that survive a crash: what POSIX promises only to those who flush file and folder, in this order.

A new name is durable once its folder is flushed, not once the file is. The folder's descriptor is opened
first and held, because an error of an earlier flush is reported only to descriptors that were open when it
happened.

The functions raise ``OSError`` as it comes; callers say what could not be done and keep it as the cause.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self

from brightline.core.errors import WriterPresent
from brightline.files import put_whole
from brightline.shell.storage.room import Room


class HeldDirectory:
    """A folder whose descriptor stays open, and the acts in it that must survive a crash.

    One thread at a time may write through it: temporary names are fixed, so that a crash leaves at most one.
    """

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd

    @classmethod
    def create(cls, path: Path, mode: int = 0o700) -> Self:
        """Open a folder; make it and its missing parents first, each flushed into its own parent."""
        _make(path, mode)
        return cls(path, os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))

    def sync(self) -> None:
        """Make new, renamed and removed names durable."""
        os.fsync(self._fd)

    def set_mode(self, mode: int) -> None:
        """Set the permissions of the folder itself."""
        os.fchmod(self._fd, mode)

    def open_file(self, name: str, flags: int, mode: int = 0o600) -> int:
        """Open a file in this folder and return its descriptor. A new file needs :meth:`sync` after."""
        return os.open(name, flags | os.O_CLOEXEC, mode, dir_fd=self._fd)

    def names(self) -> list[str]:
        """The names in the folder, sorted."""
        return sorted(os.listdir(self._fd))  # noqa: PTH208 - by descriptor: the path may lead elsewhere by now

    def read(self, name: str) -> bytes | None:
        """The bytes of a file; ``None`` if there is none of that name."""
        try:
            fd = self.open_file(name, os.O_RDONLY)
        except FileNotFoundError:
            return None
        with os.fdopen(fd, "rb") as file:
            return file.read()

    def replace(self, name: str, data: bytes, mode: int = 0o600) -> None:
        """Put a file in place as a whole: readers and crashes see the old bytes or the new, no mixture."""
        put_whole(self._fd, name, [data], f".{name}.new", mode)

    def remove(self, name: str) -> None:
        """Remove a file; gone for good when this returns."""
        os.unlink(name, dir_fd=self._fd)
        self.sync()

    def room(self) -> Room:
        """How much room is left where this folder lies."""
        found = os.fstatvfs(self._fd)
        block = found.f_frsize
        files = found.f_favail if found.f_files else None
        return Room(found.f_bavail * block, found.f_blocks * block, files)

    def close(self) -> None:
        """Close the descriptor; a second call does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class WriterLock:
    """The right to write in a folder. It ends with the process; a lock file that is left over is no lock."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @classmethod
    def take(cls, directory: HeldDirectory) -> Self:
        """Take the lock without waiting. Raises ``WriterPresent`` if another writer has it."""
        fd = directory.open_file("lock", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(fd)
            raise WriterPresent(
                f"{directory.path} already has a writer; a shard has one, so stop the other process "
                "or give this one a shard of its own"
            ) from error
        return cls(fd)

    def release(self) -> None:
        """Give the lock back; a second call does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def sync_data(fd: int) -> None:
    """Flush a file's bytes and whatever is needed to read them back (its size), but not its times."""
    os.fdatasync(fd)


def _make(path: Path, mode: int) -> None:
    if path.is_dir():
        return
    _make(path.parent, mode)
    try:
        path.mkdir(mode=mode)
    except FileExistsError:
        if not path.is_dir():
            raise
    fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
