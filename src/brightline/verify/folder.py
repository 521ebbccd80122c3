# SPDX-License-Identifier: Apache-2.0
"""A published log as a folder: on a disk, on a stick that came through a diode."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from brightline.core.evidence.audit_tree import UnreadableError


class PublishedFolder:
    """The public folder of one shard on disk."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def paths(self) -> Iterator[str]:
        """Every file below it; linked folders are not followed."""
        for base, folders, names in os.walk(self._root):
            folders.sort()
            below = Path(base).relative_to(self._root).as_posix()
            for name in sorted(names):
                yield name if below == "." else f"{below}/{name}"

    def read(self, path: str, bytes_max: int) -> bytes:
        """The bytes of a file. Raises ``UnreadableError``."""
        try:
            # Not blocking: a pipe in the place of a file must not hold the auditor for ever.
            fd = os.open(self._root / path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            with open(fd, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
                if not stat.S_ISREG(os.fstat(fd).st_mode):
                    raise UnreadableError("this is not a file")
                data = file.read(bytes_max + 1)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENOTDIR}:
                raise UnreadableError("this file is missing") from error
            raise UnreadableError(f"this file cannot be read ({error.strerror})") from error
        if len(data) > bytes_max:
            raise UnreadableError(f"this file has more than the {bytes_max} bytes that it may have")
        return data

    def close(self) -> None:
        """Nothing is held open."""
