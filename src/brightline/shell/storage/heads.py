# SPDX-License-Identifier: Apache-2.0
"""The combined heads in SQLite, and as a log that can be published.

One row for each record, its place the primary key: to write is to insert at the next place, and of two who try the
database lets one. The statements are plain SQL, so that another database can take their place. Losing the file is not
harmless: what was published of the heads must be in it, or nobody can go on from there.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from brightline.core.errors import EvidenceDamaged, OperatorError
from brightline.core.evidence.batch import Frame
from brightline.core.evidence.heads import EPOCH, HEADS_SHARD
from brightline.core.evidence.merkle import Tree, leaf_hash
from brightline.core.evidence.record import RecordKind
from brightline.core.ports import HeadStore
from brightline.shell.storage.durable import HeldDirectory
from brightline.shell.storage.sequencer import Head

FILE_NAME: Final = "heads.sqlite"
BUSY_SECONDS: Final = 5.0
BUSY_LOOK_SECONDS: Final = 0.02
_READ_MAX: Final = 4_096  # records at a time
_NEXT: Final = "(SELECT COALESCE(MAX(place) + 1, 0) FROM head)"


class SqliteHeads:
    """The :class:`~brightline.core.ports.HeadStore` of one state folder. Any thread may call it."""

    def __init__(self, directory: Path) -> None:
        """Open or make the database in a folder. Raises ``OperatorError``."""
        self._path = directory / FILE_NAME
        self._acting = threading.Lock()
        try:
            HeldDirectory.create(directory).close()
            self._connection = sqlite3.connect(
                self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise OperatorError(f"{self._path} cannot be opened: {error}") from error
        with self._using() as connection:
            _into_wal_mode(connection)
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("CREATE TABLE IF NOT EXISTS head (place INTEGER PRIMARY KEY, leaf BLOB NOT NULL)")
            connection.execute("CREATE TABLE IF NOT EXISTS writer (log TEXT PRIMARY KEY, unix INTEGER NOT NULL)")

    def size(self) -> int:
        """How many records there are. Raises ``OperatorError``."""
        with self._using() as connection:
            return int(connection.execute(f"SELECT {_NEXT}").fetchone()[0])

    def leaves(self, start: int, end: int) -> Sequence[bytes]:
        """The records ``start`` to ``end``. Raises ``EvidenceDamaged`` if one is not there, ``OperatorError``."""
        with self._using() as connection:
            rows = connection.execute(
                "SELECT place, leaf FROM head WHERE place >= ? AND place < ? ORDER BY place", (start, end)
            ).fetchall()
        if [place for place, _ in rows] != list(range(start, end)):
            raise EvidenceDamaged(f"records {start} to {end} of the heads are not all there", str(self._path))
        return [bytes(leaf) for _, leaf in rows]

    def swap(self, place: int, leaf: bytes) -> bool:
        """Write a record at this place, if it is the next one. Raises ``OperatorError``."""
        statement = f"INSERT INTO head (place, leaf) SELECT ?, ? WHERE {_NEXT} = ?"
        with self._using() as connection:
            try:
                return connection.execute(statement, (place, leaf, place)).rowcount == 1
            except sqlite3.IntegrityError:  # where two transactions saw the same state, the key decides
                return False

    def renew(self, log: str, unix: int) -> None:
        """The writer of this log was seen at work at this time. Raises ``OperatorError``."""
        with self._using() as connection:
            connection.execute(
                "INSERT INTO writer (log, unix) VALUES (?, ?) ON CONFLICT (log) DO UPDATE SET unix = excluded.unix",
                (log, unix),
            )

    def seen(self, log: str) -> int:
        """When the writer of this log was seen last. Raises ``OperatorError``."""
        with self._using() as connection:
            row = connection.execute("SELECT unix FROM writer WHERE log = ?", (log,)).fetchone()
        return int(row[0]) if row else 0

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextlib.contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._acting:
                yield self._connection
        except sqlite3.Error as error:
            raise OperatorError(f"{self._path} cannot be used: {error}") from error


def _into_wal_mode(connection: sqlite3.Connection) -> None:
    """Raises ``sqlite3.Error``. SQLite does not wait here by itself: workers that start together all try it."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
            time.sleep(BUSY_LOOK_SECONDS)
        else:
            return


class HeadsLog:
    """The combined heads as a log whose tree is kept in memory; a publisher reads its records again."""

    shard: Final = HEADS_SHARD

    def __init__(self, store: HeadStore) -> None:
        self._store = store
        self._tree = Tree()

    def head(self, size: int | None = None) -> Head:
        """The head of all records, or of the first ``size``. Raises ``OperatorError``."""
        wanted = self._store.size() if size is None else size
        while self._tree.size < wanted:
            for leaf in self._store.leaves(self._tree.size, min(wanted, self._tree.size + _READ_MAX)):
                self._tree.append(leaf_hash(leaf))
        return Head(wanted, self._tree.root(wanted))

    def consistency_proof(self, old: int, new: int) -> tuple[bytes, ...]:
        """Proof that the first ``new`` records extend the first ``old``. Raises ``OperatorError``."""
        self.head(new)
        return self._tree.consistency_proof(old, new)

    def reader(self) -> HeadsReader:
        """The records, from the first one on."""
        return HeadsReader(self._store)


class HeadsReader:
    """Reads the records of the heads once, in order."""

    def __init__(self, store: HeadStore) -> None:
        self._store = store
        self._size = 0

    def read(self, size: int) -> Iterator[Frame]:
        """The records from where the last call ended up to ``size`` in all. Raises ``OperatorError``."""
        while self._size < size:
            for leaf in self._store.leaves(self._size, min(size, self._size + _READ_MAX)):
                yield Frame(self._size, EPOCH, RecordKind.HEAD, "", leaf, b"")
                self._size += 1
