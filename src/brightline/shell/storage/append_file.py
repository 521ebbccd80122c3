# SPDX-License-Identifier: Apache-2.0
"""A file that is only ever appended to, as the log needs it: the acts that can fail, and nothing else.

Space can be kept beyond its end, and nobody else can take it: ``fallocate(2)`` with ``FALLOC_FL_KEEP_SIZE`` gives the
file blocks without making it longer, so whoever reads it sees nothing of them, whatever died in between.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from typing import Final, Protocol, Self

from brightline.shell.storage.durable import HeldDirectory, sync_data

NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
CANNOT_KEEP: Final = frozenset({errno.EOPNOTSUPP, errno.ENOSYS})
_KEEP_SIZE: Final = 1  # FALLOC_FL_KEEP_SIZE

_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


class AppendFile(Protocol):
    """The acts on a segment that can fail. Each raises ``OSError``; none is retried."""

    def write(self, data: bytes) -> int:
        """Write at the end; return how many bytes were taken, which may be fewer."""
        ...

    def sync(self) -> None:
        """Return once everything written is on the disk."""
        ...

    def truncate(self, size: int) -> None:
        """Cut the file to ``size`` bytes; space that was kept beyond is given back."""
        ...

    def keep(self, start: int, size: int) -> None:
        """Keep space for bytes ``start`` to ``start + size``, so that writing them cannot find the disk full.

        ``errno`` is in ``NO_SPACE`` if there is none, in ``CANNOT_KEEP`` if this file system has no such thing.
        """
        ...

    def close(self) -> None:
        """Give the descriptor back."""
        ...


class OsAppendFile:
    """An :class:`AppendFile` on the operating system's."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @classmethod
    def open(cls, directory: HeldDirectory, name: str) -> Self:
        """Open a segment for appending; make it, empty, if there is none."""
        return cls(directory.open_file(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT))

    def write(self, data: bytes) -> int:
        """One ``write(2)``."""
        return os.write(self._fd, data)

    def sync(self) -> None:
        """One ``fdatasync(2)``."""
        sync_data(self._fd)

    def truncate(self, size: int) -> None:
        """One ``ftruncate(2)``."""
        os.ftruncate(self._fd, size)

    def keep(self, start: int, size: int) -> None:
        """One ``fallocate(2)``."""
        while _libc.fallocate(self._fd, _KEEP_SIZE, start, size):
            number = ctypes.get_errno()
            if number != errno.EINTR:
                raise OSError(number, os.strerror(number))

    def close(self) -> None:
        """One ``close(2)``."""
        os.close(self._fd)


OpenFile = Callable[[HeldDirectory, str], AppendFile]
