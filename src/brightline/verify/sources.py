# SPDX-License-Identifier: Apache-2.0
"""Where logs lie: a folder of shards, one shard, or the address of one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol

import msgspec

from brightline.core.errors import ConfigError
from brightline.core.evidence.audit_tree import Published, UnreadableError
from brightline.core.evidence.note import NOTE_BYTES_MAX
from brightline.core.evidence.tile import COSIGNED
from brightline.verify.folder import PublishedFolder
from brightline.verify.remote import PublishedUrl, is_url

_SMALL: Final = frozenset({"checkpoint", COSIGNED, "log.vkey"})


class Opened(Published, Protocol):
    """A published log that may hold something open."""

    def close(self) -> None:
        """Let go of it."""
        ...


class Pinned:
    """A log whose small files are read once: while it grows, one examination speaks of one checkpoint."""

    def __init__(self, inner: Opened) -> None:
        self._inner = inner
        self._kept: dict[str, bytes] = {}

    def paths(self) -> Iterable[str]:
        """See :class:`Published`."""
        return self._inner.paths()

    def read(self, path: str, bytes_max: int) -> bytes:
        """See :class:`Published`."""
        if path not in _SMALL:
            return self._inner.read(path, bytes_max)
        if path not in self._kept:
            self._kept[path] = self._inner.read(path, bytes_max)
        return self._kept[path]

    def close(self) -> None:
        """Let go of it."""
        self._inner.close()


class Log(msgspec.Struct, frozen=True):
    """One log under the name of its folder, and where it was found."""

    name: str
    place: str
    published: Pinned


def logs_at(evidence: str | Path) -> list[Log]:
    """Every shard at a place. Raises ``ConfigError`` if there is none."""
    text = str(evidence)
    if is_url(text):
        remote = PublishedUrl(text)
        return [Log(remote.name, text, Pinned(remote))]
    folder = Path(evidence)
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder, and no address that begins with http")
    shards = [folder] if _is_shard(folder) else sorted(path for path in folder.iterdir() if _is_shard(path))
    if not shards:
        hint = f"; {folder / 'evidence'} may" if (folder / "evidence").is_dir() else ""
        raise ConfigError(f"{folder} holds no log{hint}")
    return [Log(path.resolve().name, str(path), Pinned(PublishedFolder(path))) for path in shards]


def claimed(published: Published) -> tuple[str, int]:
    """Origin and size that the checkpoint states of itself, unverified; empty and 0 if it does not read."""
    try:
        origin, size = published.read("checkpoint", NOTE_BYTES_MAX).decode().split("\n")[:2]
        return origin, int(size) if size.isascii() and size.isdecimal() and len(size) < 19 else 0
    except (UnreadableError, ValueError):
        return "", 0


def shard_of(origin: str, folder: str) -> str:
    """The shard that an origin names, or the folder's name if the checkpoint did not read."""
    return origin.rpartition("/")[2] or folder


def _is_shard(path: Path) -> bool:
    """A shard without its checkpoint is still one: that it is missing must be found, not overlooked."""
    return (path / "tile").is_dir() or any((path / name).exists() for name in ("checkpoint", "log.vkey"))
