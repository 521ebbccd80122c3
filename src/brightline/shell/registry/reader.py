# SPDX-License-Identifier: Apache-2.0
"""Reading the registry: each record once, in the order of the log, to every fold that asks for its kind.

A fold turns records into what is known now. One that meets an entry which does not verify raises, and from then on the
registry is bad: every later refresh raises the same, so that a node which can no longer see a suspension or a
revocation stops serving rather than go on with what it saw last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from brightline.core.canonical import JsonValue
from brightline.core.errors import BrightlineError, EvidenceDamaged, OperatorError
from brightline.core.evidence.batch import Frame
from brightline.core.evidence.heads import REGISTRY_SHARD
from brightline.core.evidence.merkle import Tree, leaf_hash
from brightline.core.evidence.record import RecordKind, unix_of
from brightline.shell.storage.sequencer import Head
from brightline.shell.storage.vault import KeyDestroyed, Vault, VaultReader
from brightline.shell.storage.wal import WalReader


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
        return unix_of(self.time)

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
    """Follows the shard. ``refresh`` looks for new records; nothing else changes a fold.

    The private log is what is read, to its end: the public checkpoint only follows it, and whoever puts back an older
    one must not make a suspension unseen. The checkpoint is a promise that the log is held to:

    - the log holds at least what is published, with the same root;
    - it holds at least as many records as the public tiles do, when a node starts;
    - what is published neither shrinks nor vanishes while somebody looks.

    Private log, checkpoint and tiles put back together, to a time before this process, look like that time. The
    combined heads remember more, and their witnesses with them: :meth:`hold_to` compares with what they say.
    """

    def __init__(
        self,
        wal_directory: Path,
        vault: Vault,
        published: Callable[[], Head | None],
        reach: Callable[[], int],
        folds: Sequence[Fold],
    ) -> None:
        self._keys = vault.reader(REGISTRY_SHARD)
        self._published = published
        self._promised = 0  # the largest size that was seen published
        self._reach = reach
        self._looked_at_tiles = False
        self._folds = tuple(folds)
        self._reader = WalReader(wal_directory, REGISTRY_SHARD)
        self._tree = Tree()
        self._bad: BrightlineError | None = None

    def refresh(self) -> None:
        """Read what was logged since the last call. Raises ``OperatorError`` or ``TrustError`` for a bad log.

        An entry that does not verify makes it bad for good; a log that cannot be read, or is less than was promised,
        is bad for as long as it is so.
        """
        if self._bad is not None:
            raise self._bad
        head = self._published()  # before the log, which is never behind it
        reach = 0 if self._looked_at_tiles else self._reach()
        for frame in self._reader.read_whole():
            self._tree.append(leaf_hash(frame.leaf))
            try:
                self._enter(open_frame(frame, self._keys))
            except KeyDestroyed:
                self._bad = EvidenceDamaged("what opens it was destroyed", f"record {frame.seq} of the registry")
                raise self._bad from None
            except BrightlineError as error:
                self._bad = error
                raise
        self._hold_to(head)
        if reach > self._tree.size:
            place = f"the tiles of shard {REGISTRY_SHARD}"
            raise EvidenceDamaged(f"tiles hold {reach} records, the log {self._tree.size}: it was rolled back", place)
        self._looked_at_tiles = True

    def _enter(self, entry: Entry) -> None:
        for fold in self._folds:
            if entry.kind in fold.kinds:
                fold.enter(entry)

    def _hold_to(self, head: Head | None) -> None:
        size = head.size if head is not None else 0
        place = f"the checkpoint of shard {REGISTRY_SHARD}"
        if size < self._promised:
            raise EvidenceDamaged(f"{self._promised} records were published, and now {size}: put it back", place)
        self._promised = size
        if head is not None:
            self._compare(head, "published", place)

    def hold_to(self, head: Head) -> None:
        """Compare with a head of this log that others keep, as it was before the last refresh.

        Raises ``EvidenceDamaged`` if the log is less than that, or another one.
        """
        self._compare(head, "named by the combined heads", f"shard {REGISTRY_SHARD}")

    def _compare(self, head: Head, how: str, place: str) -> None:
        if head.size > self._tree.size:
            raise EvidenceDamaged(f"{head.size} records are {how}, the log holds {self._tree.size}", place)
        if self._tree.root(head.size) != head.root:
            raise EvidenceDamaged(f"the first {head.size} records are not those that were {how}", place)


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
