# SPDX-License-Identifier: Apache-2.0
"""Folders that an installation keeps by digest: one for each agreement, one for each classifier release.

A folder appears whole, by a rename, so that a crash leaves none or all of it, and is never changed once it is there.
What it is called is believed only after its bytes gave the same digest, which is for whoever reads it to check; and
whoever puts it there checks what is kept, because what a record names and nobody can read stops every node.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from brightline.core.errors import TrustError
from brightline.shell.storage.durable import HeldDirectory

COPY_BYTES: Final = 1 << 20
_DIGEST: Final = re.compile(r"\Asha256:([0-9a-f]{64})\Z")


class KeptFolders:
    """Folders below one directory, each named by the digest of what it holds."""

    def __init__(self, directory: Path, what: str) -> None:
        """``what`` is kept here, for messages: "an agreement"."""
        self.directory = directory
        self._what = what

    def folder(self, digest: str) -> Path:
        """Where it lies. Raises ``TrustError`` for what is no digest."""
        found = _DIGEST.match(digest)
        if found is None:
            raise TrustError(f"{digest[:80]!r} is no digest of {self._what}")
        return self.directory / found[1]

    def holds(self, digest: str) -> bool:
        """Whether it is there."""
        return self.folder(digest).is_dir()

    def put(self, digest: str, files: Mapping[str, bytes | Path], check: Callable[[Path], None]) -> Path:
        """Keep files under a digest. Names are relative, with one folder at most; what is there already stays.

        A path among the values is copied, for files that are too large to be held. ``check`` looks at what would be
        kept, or is: what it raises leaves everything as it was. Raises ``OSError``.
        """
        target = self.folder(digest)
        if target.is_dir():
            check(target)
            return target
        self.directory.mkdir(mode=0o700, exist_ok=True)
        incoming = self.directory / f".incoming-{secrets.token_hex(8)}"
        try:
            for name, data in files.items():
                path = incoming / name
                path.parent.mkdir(parents=True, exist_ok=True)
                _write(path, data)
            check(incoming)
            for folder in {incoming, *((incoming / name).parent for name in files)}:
                _flush(folder)  # names are durable once their folder is: before the folder itself has its name
            incoming.rename(target)
            _flush(self.directory)
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
        return target


def _flush(folder: Path) -> None:
    directory = HeldDirectory.create(folder)
    try:
        directory.sync()
    finally:
        directory.close()


def _write(path: Path, data: bytes | Path) -> None:
    with path.open("xb") as file:
        if isinstance(data, bytes):
            file.write(data)
        else:
            with data.open("rb") as source:
                shutil.copyfileobj(source, file, COPY_BYTES)
        file.flush()
        os.fsync(file.fileno())
