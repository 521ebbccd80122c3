# SPDX-License-Identifier: Apache-2.0
"""Where the counts of people are kept, and the keys under which people are numbers: SQLite, shared by workers.

To keep a sketch is to merge it with the one that is there, so workers may write one after the other, twice, or after a
restart, and all come to the same bytes. A key is made by whoever needs it first. When its span is over, key and
sketches are deleted with their bytes overwritten (``PRAGMA secure_delete``), and no journal keeps a copy beside them;
what a file system or a disk keeps of overwritten bytes is for its encryption to make unreadable.

No name and no content is ever in this file.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Protocol

import msgspec

from brightline.core.agreement.pattern import Over
from brightline.core.errors import OperatorError
from brightline.core.patterns.book import PatternBook
from brightline.core.patterns.places import Counted, size_of
from brightline.core.patterns.sketch import Sketch
from brightline.core.patterns.token import KEY_BYTES, last_over
from brightline.shell.storage.durable import HeldDirectory

FILE_NAME: Final = "patterns.sqlite"
BUSY_SECONDS: Final = 5.0
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS span (number INTEGER PRIMARY KEY, key BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS sketch (
    span INTEGER NOT NULL, over TEXT NOT NULL, name TEXT NOT NULL, turn INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (span, over, name)
) STRICT;
CREATE INDEX IF NOT EXISTS sketch_turn ON sketch (turn);
CREATE TABLE IF NOT EXISTS kept (shard TEXT PRIMARY KEY, unix INTEGER NOT NULL, turn INTEGER NOT NULL) STRICT;
"""


class Heard(msgspec.Struct, frozen=True):
    """What other writers kept up to ``turn``."""

    turn: int
    sketches: tuple[tuple[Counted, Sketch], ...]


class CountStore(Protocol):
    """Where counts are kept. Any thread may call it, one at a time; every method raises ``OperatorError``, blocks, and
    may be done twice.
    """

    def keys(self, spans: tuple[int, ...]) -> Mapping[int, bytes]:
        """The keys of these spans, made where there are none yet."""
        ...

    def kept_at(self, shard: str) -> int:
        """When the writer of this shard last kept what it had counted, in Unix seconds; 0 if never."""
        ...

    def hear(self, heard: int) -> Heard:
        """What was kept since turn ``heard``; all of it from turn 0."""
        ...

    def keep(self, changed: Mapping[Counted, bytes], heard: int, shard: str, unix: int) -> Heard:
        """Merge what the writer of a shard counted up to ``unix`` into what is kept; return what others have kept
        since turn ``heard``.
        """
        ...

    def forget(self, unix: int) -> int:
        """Destroy the keys and the sketches of spans that are over; return how many keys there were."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


def merged_with(theirs: Mapping[Counted, Sketch], counted: Counted, data: bytes) -> bytes:
    """The bytes of a sketch with what others have kept of the same since it was written."""
    if counted not in theirs:
        return data
    sketch = Sketch.read(data, size_of(counted.name))
    sketch.merge(theirs[counted])
    return sketch.write()


class SketchStore:
    """One connection. Any thread may call it, one at a time; every method raises ``OperatorError``."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME
        self._acting = threading.Lock()
        with contextlib.ExitStack() as unless_opened:
            try:
                HeldDirectory.create(directory).close()
                self._connection = sqlite3.connect(
                    self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
                )
                unless_opened.callback(self._connection.close)
                self._path.chmod(0o600)
            except (OSError, sqlite3.Error) as error:
                raise OperatorError(f"{self._path} cannot be opened: {error}") from error
            with self._using() as connection:
                connection.execute("PRAGMA secure_delete=ON")
                connection.execute("PRAGMA journal_mode=TRUNCATE")
                connection.execute("PRAGMA synchronous=FULL")
                connection.executescript(_SCHEMA)
            unless_opened.pop_all()

    def keys(self, spans: tuple[int, ...]) -> Mapping[int, bytes]:
        """The keys of these spans, made where there are none yet."""
        with self._writing() as connection:
            for span in spans:
                made = secrets.token_bytes(KEY_BYTES)
                connection.execute("INSERT OR IGNORE INTO span VALUES (?, ?)", (span, made))
            marks = ", ".join("?" * len(spans))
            rows = connection.execute(f"SELECT number, key FROM span WHERE number IN ({marks})", spans)  # noqa: S608
            return {int(number): bytes(key) for number, key in rows}

    def kept_at(self, shard: str) -> int:
        """When the writer of this shard last kept what it had counted, in Unix seconds; 0 if never."""
        with self._using() as connection:
            row = connection.execute("SELECT unix FROM kept WHERE shard = ?", (shard,)).fetchone()
            return int(row[0]) if row else 0

    def hear(self, heard: int) -> Heard:
        """What was kept since turn ``heard``; all of it from turn 0."""
        with self._using() as connection:
            turn = max(heard, _turn(connection))  # first: what somebody keeps in between is heard twice, not never
            return Heard(turn, tuple(_rows(connection, heard)))

    def keep(self, changed: Mapping[Counted, bytes], heard: int, shard: str, unix: int) -> Heard:
        """Merge what the writer of a shard counted up to ``unix`` into what is kept; return what others have kept
        since turn ``heard``.
        """
        with self._writing() as connection:
            others = tuple(_rows(connection, heard))
            theirs = dict(others)
            turn = max(_turn(connection), heard) + 1
            for counted, data in changed.items():
                merged = merged_with(theirs, counted, data)
                connection.execute("INSERT OR REPLACE INTO sketch VALUES (?, ?, ?, ?, ?)", (*counted, turn, merged))
            connection.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", (shard, unix, turn))
        return Heard(turn, others)

    def forget(self, unix: int) -> int:
        """Destroy the keys and the sketches of spans that are over; return how many keys there were."""
        with self._writing() as connection:
            last = last_over(unix)
            connection.execute("DELETE FROM sketch WHERE span <= ?", (last,))  # also without a key: kept late
            return connection.execute("DELETE FROM span WHERE number <= ?", (last,)).rowcount

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextlib.contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._acting:
                yield self._connection
        except (sqlite3.Error, ValueError) as error:
            raise OperatorError(f"{self._path} cannot be used: {error}") from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._using() as connection, connection:  # commits, or takes everything back
            connection.execute("BEGIN IMMEDIATE")
            yield connection


def read_counts(store: CountStore | None) -> PatternBook:
    """The counts as they were kept last, and close the store; an empty book where nobody has counted.

    Raises ``OperatorError``.
    """
    book = PatternBook()
    if store is not None:
        with contextlib.closing(store):
            for counted, sketch in store.hear(0).sketches:
                book.merge(counted, sketch)
    return book


def _turn(connection: sqlite3.Connection) -> int:
    """The turn of whoever kept last."""
    return int(connection.execute("SELECT COALESCE(MAX(turn), 0) FROM kept").fetchone()[0])


def _rows(connection: sqlite3.Connection, after: int) -> Iterator[tuple[Counted, Sketch]]:
    rows = connection.execute("SELECT span, over, name, data FROM sketch WHERE turn > ? ORDER BY turn", (after,))
    for span, over, name, data in rows.fetchall():
        yield Counted(span, Over(over), name), Sketch.read(data, size_of(name))
