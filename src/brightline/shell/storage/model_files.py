# SPDX-License-Identifier: Apache-2.0
"""What lies in a model's folder: every file in it with its digest, and nothing that is followed elsewhere.

The files are large (gigabytes), so they are hashed in pieces. Hidden files and folders count like any other: what a
listing leaves out is where somebody would put something.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from brightline.core.admission.weights import FILES_MAX
from brightline.core.errors import TrustError
from brightline.core.screening.oms import FILE_BYTES_MAX, SIGNATURE_FILE

CHUNK_BYTES: Final = 1 << 20
DEPTH_MAX: Final = 8


def model_size(folder: Path) -> int:
    """The bytes of all files that :func:`model_digests` will read. Raises ``TrustError``."""
    return sum(path.lstat().st_size for path in _files(folder).values())


def model_digests(folder: Path, done: Callable[[int], None]) -> dict[str, str]:
    """By name relative to the folder, SHA-256 in hex; ``done`` is told how many bytes were read so far.

    Raises ``TrustError`` for links, devices, too many files or folders in folders, and what cannot be read.
    """
    read = 0
    found = {}
    for name, path in _files(folder).items():
        hashed = hashlib.sha256()
        try:
            # O_NOFOLLOW: what was a file when it was listed is no link when it is opened.
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
                while chunk := file.read(CHUNK_BYTES):
                    hashed.update(chunk)
                    read += len(chunk)
                    done(read)
        except OSError as error:
            raise TrustError(f"{path} cannot be read: {error.strerror}") from error
        found[name] = hashed.hexdigest()
    return found


def model_marks(folder: Path) -> dict[str, tuple[int, ...]]:
    """By name, what changes when somebody writes a file or puts another in its place: cheap, and no proof.

    Device, inode, size, times of content and of the inode itself, which no ordinary user sets back. Raises
    ``TrustError``.
    """
    found: dict[str, tuple[int, ...]] = {}
    for name, path in _files(folder).items():
        try:
            seen = path.lstat()
        except OSError as error:
            raise TrustError(f"{path} cannot be looked at: {error.strerror}") from error
        found[name] = (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
    return found


def model_signature(folder: Path) -> bytes:
    """The manifest of the folder. Raises ``TrustError``."""
    path = folder / SIGNATURE_FILE
    try:
        with path.open("rb") as file:
            return file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise TrustError(f"{path} cannot be read: {error.strerror}") from error


def _files(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    waiting = [(folder, 0)]
    while waiting:
        here, depth = waiting.pop()
        if depth > DEPTH_MAX:
            raise TrustError(f"{here} is deeper than {DEPTH_MAX} folders")
        try:
            entries = sorted(here.iterdir())
        except OSError as error:
            raise TrustError(f"{here} cannot be read: {error.strerror}") from error
        if not entries and here != folder:
            raise TrustError(f"{here} is an empty folder, which no manifest names")
        for path in entries:
            try:
                kind = path.lstat().st_mode
            except OSError as error:
                raise TrustError(f"{path} cannot be looked at: {error.strerror}") from error
            if stat.S_ISDIR(kind):
                waiting.append((path, depth + 1))
            elif stat.S_ISREG(kind):
                found[path.relative_to(folder).as_posix()] = path
            else:
                raise TrustError(f"{path} is a link or a device; a model is plain files")
        if len(found) > FILES_MAX:
            raise TrustError(f"{folder} has more than {FILES_MAX} files")
    return dict(sorted(found.items()))
