# SPDX-License-Identifier: Apache-2.0
"""The folder that is served. Each file is opened name by name from a folder that is held; no link is followed.

So neither a link that somebody puts into the public folder nor one that is swapped in while a path is walked leads out
of it. Only regular files are opened, and a pipe in the place of one does not hold anybody.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.errors import ConfigError
from brightline.core.evidence.audit_tree import UnreadableError
from brightline.shell.logserver.routes import is_shard_name

SHARDS_MAX: Final = 1_000
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MARKS: Final = ("checkpoint", "log.vkey", "tile")


class OpenedFile(msgspec.Struct, frozen=True):
    """A regular file: whoever opened it closes ``fd``. ``size`` in bytes, ``written`` in Unix seconds."""

    fd: int
    size: int
    written: float


class ServedFolder:
    """The published folder: one folder for each shard, or the folder of one. Open it once, close it at the end."""

    def __init__(self, root: Path) -> None:
        """Raises ``ConfigError`` if it is no folder of logs."""
        try:
            self._fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise ConfigError(f"{root} cannot be served: {error.strerror}") from error
        name = root.resolve().name
        self._single = name if self._is_log(self._fd) else ""
        if (self._single and not is_shard_name(name)) or not self.shards():
            self.close()
            raise ConfigError(f"{root} holds no log: expected a folder with checkpoint, log.vkey and tile, or of such")

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._fd)

    def shards(self) -> list[str]:
        """The names of the logs, sorted, 1,000 at most. A log that comes later is there the next time."""
        if self._single:
            return [self._single]
        found: list[str] = []
        with contextlib.suppress(OSError):
            for name in sorted(os.listdir(self._fd)):  # noqa: PTH208 - a descriptor, not a path
                with contextlib.suppress(OSError):
                    if len(found) < SHARDS_MAX and is_shard_name(name) and self._has_log(name):
                        found.append(name)
        return found

    def has(self, shard: str) -> bool:
        """Whether a log of this name is served."""
        if self._single:
            return shard == self._single
        with contextlib.suppress(OSError):
            return is_shard_name(shard) and self._has_log(shard)
        return False

    def open(self, shard: str, path: str) -> OpenedFile:
        """Open a file below a shard's folder. Raises ``UnreadableError``."""
        if not self.has(shard):
            raise UnreadableError("there is no such log")
        names = path.split("/") if self._single else [shard, *path.split("/")]
        try:
            return self._open(names)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
                raise UnreadableError("this file is missing") from error
            raise UnreadableError(f"this file cannot be read ({error.strerror})") from error

    def _open(self, names: list[str]) -> OpenedFile:
        at = os.dup(self._fd)
        try:
            for name in names[:-1]:
                below = os.open(name, _FOLDER, dir_fd=at)
                os.close(at)
                at = below
            fd = os.open(names[-1], _FILE, dir_fd=at)
        finally:
            os.close(at)
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            os.close(fd)
            raise UnreadableError("this is not a file")
        return OpenedFile(fd, found.st_size, found.st_mtime)

    def _has_log(self, name: str) -> bool:
        fd = os.open(name, _FOLDER, dir_fd=self._fd)
        try:
            return self._is_log(fd)
        finally:
            os.close(fd)

    @staticmethod
    def _is_log(fd: int) -> bool:
        for name in _MARKS:
            with contextlib.suppress(OSError):
                os.stat(name, dir_fd=fd, follow_symlinks=False)
                return True
        return False


class ServedLog:
    """One log of a served folder, as :class:`brightline.core.evidence.audit_tree.Published` has it."""

    def __init__(self, folder: ServedFolder, shard: str) -> None:
        self._folder = folder
        self.shard = shard

    def paths(self) -> Iterable[str]:
        """None: what is not asked for by name is not looked at."""
        return ()

    def read(self, path: str, bytes_max: int) -> bytes:
        """The bytes of a file. Raises ``UnreadableError``."""
        opened = self._folder.open(self.shard, path)
        with open(opened.fd, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
            if opened.size > bytes_max:
                raise UnreadableError(f"this file has more than the {bytes_max} bytes that it may have")
            return b"".join(_pieces(file.fileno(), opened.size))

    def written(self, path: str) -> float:
        """When the file was written, Unix seconds as the disk says. Raises ``UnreadableError``."""
        opened = self._folder.open(self.shard, path)
        os.close(opened.fd)
        return opened.written


def _pieces(fd: int, size: int) -> Iterator[bytes]:
    while size > 0:
        try:
            piece = os.read(fd, size)
        except OSError as error:
            raise UnreadableError(f"this file cannot be read ({error.strerror})") from error
        if not piece:
            raise UnreadableError("this file became shorter while it was read")
        size -= len(piece)
        yield piece
