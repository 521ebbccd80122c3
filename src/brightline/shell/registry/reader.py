# SPDX-License-Identifier: Apache-2.0
"""Reading the registry: each record once, in the order of the log, to every fold that asks for its kind.

A fold turns records into what is known now. One that meets an entry which does not verify raises, and from then on the
registry is bad: every later refresh raises the same, so that a node which can no longer see a suspension or a
revocation stops serving rather than go on with what it saw last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

import msgspec

from brightline.core.canonical import JsonValue
from brightline.core.errors import BrightlineError, OperatorError
from brightline.core.evidence.batch import Frame
from brightline.core.evidence.record import RecordKind
from brightline.shell.storage.sequencer import Head
from brightline.shell.storage.vault import Vault, VaultReader
from brightline.shell.storage.wal import WalReader

REGISTRY_SHARD: Final = "registry"


class Entry(msgspec.Struct, frozen=True):
    """One record of the registry, opened: ``public`` is the whole leaf, ``opened`` its committed fields."""

    kind: RecordKind
    seq: int
    time: str
    public: Mapping[str, JsonValue]
    opened: Mapping[str, JsonValue]

    @property
    def unix(self) -> int:
        """When it was logged, in Unix seconds."""
        return int(datetime.fromisoformat(self.time).timestamp())

    @property
    def envelope(self) -> bytes:
        """The signed statement of the record. Raises ``OperatorError`` if it has none."""
        statement = self.opened.get("statement")
        if not isinstance(statement, str):
            raise OperatorError(f"record {self.seq} of the registry holds no signed statement")
        return statement.encode()


class Fold(Protocol):
    """What is known from the records of some kinds."""

    @property
    def kinds(self) -> frozenset[RecordKind]:
        """The kinds that it wants to see."""
        ...

    def enter(self, entry: Entry) -> None:
        """Take in one record. Raises ``TrustError`` or ``OperatorError`` for one that does not verify."""
        ...


class RegistryReader:
    """Follows the shard. ``refresh`` looks for new records; nothing else changes a fold."""

    def __init__(
        self, wal_directory: Path, vault: Vault, published: Callable[[], Head | None], folds: Sequence[Fold]
    ) -> None:
        self._keys = vault.reader(REGISTRY_SHARD)
        self._published = published
        self._folds = tuple(folds)
        self._reader = WalReader(wal_directory, REGISTRY_SHARD)
        self._bad: BrightlineError | None = None

    def refresh(self) -> None:
        """Read what was logged since the last call. Raises ``OperatorError`` or ``TrustError`` for a bad log."""
        if self._bad is not None:
            raise self._bad
        head = self._published()
        if head is None or head.size <= self._reader.size:
            return
        try:
            for frame in self._reader.read(head.size):
                entry = open_frame(frame, self._keys)
                for fold in self._folds:
                    if entry.kind in fold.kinds:
                        fold.enter(entry)
        except BrightlineError as error:
            self._bad = error
            raise


def read_entry(wal_directory: Path, vault: Vault, seq: int) -> Entry:
    """Read one record again. Raises ``OperatorError`` if it is not there any more."""
    for frame in WalReader(wal_directory, REGISTRY_SHARD).read(seq + 1):
        if frame.seq == seq:
            return open_frame(frame, vault.reader(REGISTRY_SHARD))
    raise OperatorError(f"record {seq} of the registry was there and is not any more")


def open_frame(frame: Frame, keys: VaultReader) -> Entry:
    """Open a record of the private log. Raises ``OperatorError``, and ``KeyDestroyed`` if it was shredded."""
    opened = keys.open(frame).fields
    try:
        public: dict[str, JsonValue] = msgspec.json.decode(frame.leaf)
        return Entry(RecordKind(str(public["kind"])), frame.seq, str(public["time"]), public, opened)
    except (msgspec.DecodeError, KeyError, ValueError) as error:
        raise OperatorError(f"record {frame.seq} of {keys.shard} cannot be opened: {error}") from error
