# SPDX-License-Identifier: Apache-2.0
"""Who works at which shard, and what came of it: a small database that several processes share.

Machines that share a hunt keep it in PostgreSQL (``shared_work.py``).

A shard is *leased* for a while. A process that dies keeps its lease until that ends, then another takes the shard.
A result is kept once, under its number: whoever brings a second one must bring the same bytes, or the hunt is broken
and says so. So a lease is only there to save work, and nothing rests on a clock.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

import msgspec

from brightline.core.errors import ConfigError, HuntBroken
from brightline.core.hunt.found import digest_of

LEASE_SECONDS: Final = 60
BUSY_SECONDS: Final = 60.0

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS hunt (name TEXT PRIMARY KEY, shards INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS shard (
    number INTEGER PRIMARY KEY, owner TEXT NOT NULL DEFAULT '', until INTEGER NOT NULL DEFAULT 0, result BLOB
) STRICT;
"""


class Standing(msgspec.Struct, frozen=True):
    """How many shards there are, are done, and are held by somebody at this moment."""

    shards: int
    done: int
    held: int


class Leases(Protocol):
    """Who works at which shard of one hunt, and what came of it. ``now`` is Unix seconds by the caller's clock."""

    def lease(self, owner: str, now: int, /) -> int | None:
        """The next shard that is not done and that nobody holds; ``None`` if there is none now."""
        ...

    def lease_all(self, owner: str, now: int, /) -> list[int]:
        """Every shard that is not done and that nobody holds."""
        ...

    def renew(self, owner: str, now: int, /) -> None:
        """Hold what this owner holds for another while."""
        ...

    def give_back(self, owner: str) -> None:
        """End every lease of an owner."""
        ...

    def give_back_of(self, ended: Callable[[str], bool]) -> None:
        """End every lease of an owner of whom ``ended`` says that it works no more."""
        ...

    def finish(self, number: int, result: bytes) -> None:
        """Keep the result of a shard. Raises ``HuntBroken`` if there is another one already."""
        ...

    def standing(self, now: int, /) -> Standing:
        """How far it is."""
        ...

    def results(self) -> Sequence[bytes]:
        """The results that are there, in the order of the plan."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class Work:
    """Leases in a file, for the processes of one machine. One connection, for one thread."""

    def __init__(self, path: Path, hunt: str, shards: int) -> None:
        """Open the work of a hunt, or make it. Raises ``ConfigError`` if it is of another one, or cannot be used."""
        self._path = path
        self._lease_seconds = LEASE_SECONDS
        try:
            self._connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            path.chmod(0o600)
            self._make(hunt, shards)
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(f"{path} cannot be used: {error}") from error

    def lease(self, owner: str, now: int) -> int | None:
        """The next shard that is not done and that nobody holds; ``None`` if there is none now."""
        with self._writing() as connection:
            row = connection.execute(
                "SELECT number FROM shard WHERE result IS NULL AND (owner = '' OR until <= ?) ORDER BY number LIMIT 1",
                (now,),
            ).fetchone()
            if row is None:
                return None
            number = int(row[0])
            until = now + self._lease_seconds
            connection.execute("UPDATE shard SET owner = ?, until = ? WHERE number = ?", (owner, until, number))
            return number

    def lease_all(self, owner: str, now: int) -> list[int]:
        """Every shard that is not done and that nobody holds: for who hands them on."""
        with self._writing() as connection:
            rows = connection.execute(
                "SELECT number FROM shard WHERE result IS NULL AND (owner = '' OR until <= ?) ORDER BY number", (now,)
            ).fetchall()
            connection.execute(
                "UPDATE shard SET owner = ?, until = ? WHERE result IS NULL AND (owner = '' OR until <= ?)",
                (owner, now + self._lease_seconds, now),
            )
            return [int(row[0]) for row in rows]

    def renew(self, owner: str, now: int) -> None:
        """Hold what this owner holds for another while."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE shard SET until = ? WHERE owner = ? AND result IS NULL", (now + self._lease_seconds, owner)
            )

    def give_back(self, owner: str) -> None:
        """End every lease of an owner of whom it is known that it works no more."""
        with self._writing() as connection:
            connection.execute("UPDATE shard SET owner = '', until = 0 WHERE owner = ? AND result IS NULL", (owner,))

    def give_back_of(self, ended: Callable[[str], bool]) -> None:
        """End every lease of an owner of whom ``ended`` says that it works no more."""
        with self._named():
            rows = self._connection.execute("SELECT DISTINCT owner FROM shard WHERE owner <> '' AND result IS NULL")
            owners = [str(row[0]) for row in rows]
        for owner in filter(ended, owners):
            self.give_back(owner)

    def finish(self, number: int, result: bytes) -> None:
        """Keep the result of a shard. Raises ``HuntBroken`` if there is another one already."""
        with self._writing() as connection:
            row = connection.execute("SELECT result FROM shard WHERE number = ?", (number,)).fetchone()
            if row is None:
                raise HuntBroken(f"there is no shard {number}")
            if row[0] is not None and bytes(row[0]) != result:
                raise HuntBroken(
                    f"shard {number} came out as {digest_of(bytes(row[0]))} and as {digest_of(result)}: what opens "
                    "its records was destroyed in between, or a detector does not always say the same"
                )
            connection.execute("UPDATE shard SET result = ?, owner = '' WHERE number = ?", (result, number))

    def standing(self, now: int) -> Standing:
        """How far it is."""
        with self._named():
            row = self._connection.execute(
                "SELECT count(*), count(result),"
                " count(CASE WHEN result IS NULL AND owner <> '' AND until > ? THEN 1 END) FROM shard",
                (now,),
            ).fetchone()
        return Standing(int(row[0]), int(row[1]), int(row[2]))

    def results(self) -> Sequence[bytes]:
        """The results that are there, in the order of the plan."""
        with self._named():
            rows = self._connection.execute("SELECT result FROM shard WHERE result IS NOT NULL ORDER BY number")
            return [bytes(row[0]) for row in rows]

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _make(self, hunt: str, shards: int) -> None:
        self._connection.executescript(_SCHEMA)
        with self._writing() as connection:
            row = connection.execute("SELECT name, shards FROM hunt").fetchone()
            if row is None:
                connection.execute("INSERT INTO hunt VALUES (?, ?)", (hunt, shards))
                connection.executemany(
                    "INSERT INTO shard (number) VALUES (?)", ((number,) for number in range(shards))
                )
            elif tuple(row) != (hunt, shards):
                raise ConfigError(f"{self._path} is the work of another hunt, {row[0]}")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction that nobody comes between. Raises ``ConfigError`` if the database cannot be used."""
        with self._named():
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:  # commits, or rolls back what raised
                yield self._connection

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise ConfigError(f"{self._path} cannot be used: {error}") from error
