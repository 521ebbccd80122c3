# SPDX-License-Identifier: Apache-2.0
"""The work of hunts for several machines: the promises of ``work.py``, kept by PostgreSQL.

A file that machines share over a network is no place for SQLite, whose locks are lost there. So the leases and the
results lie in a database, of as many hunts as there are, each under its digest. When a lease ends says the server's
clock, and not that of whoever asks. Each call can be made again: a lease that was given and not heard of runs out, and
a second result of a shard must be the same bytes. So a connection that is lost for a moment ends no hunt.

A result has positions, facts and rules, and no word of anybody's. Needs ``asyncpg``, which the extra ``console``
brings.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from brightline.core.errors import ConfigError, HuntBroken, OperatorError
from brightline.core.hunt.found import digest_of
from brightline.shell.hunt.work import LEASE_SECONDS, Standing
from brightline.shell.storage.postgres import Postgres, Tables

T = TypeVar("T")
TRIES: Final = 4
PAUSE_SECONDS: Final = 0.5
_MIGRATIONS: Final = (
    """
    CREATE TABLE hunt_plan (name text PRIMARY KEY, shards integer NOT NULL);
    CREATE TABLE hunt_shard (
        hunt text NOT NULL REFERENCES hunt_plan ON DELETE CASCADE, number integer NOT NULL,
        owner text NOT NULL DEFAULT '', until bigint NOT NULL DEFAULT 0, result bytea,
        PRIMARY KEY (hunt, number));
    """,
)
_TABLES: Final = Tables("the work of hunts", "hunt_schema", 7_242_903, _MIGRATIONS)
_LEASE: Final = """
UPDATE hunt_shard SET owner = $2, until = extract(epoch FROM clock_timestamp())::bigint + $3
WHERE hunt = $1 AND number = (
    SELECT number FROM hunt_shard
    WHERE hunt = $1 AND result IS NULL AND (owner = '' OR until <= extract(epoch FROM clock_timestamp())::bigint)
    ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING number
"""
_LEASE_ALL: Final = """
UPDATE hunt_shard SET owner = $2, until = extract(epoch FROM clock_timestamp())::bigint + $3
WHERE hunt = $1 AND result IS NULL AND (owner = '' OR until <= extract(epoch FROM clock_timestamp())::bigint)
RETURNING number
"""
_RENEW: Final = """
UPDATE hunt_shard SET until = extract(epoch FROM clock_timestamp())::bigint + $3
WHERE hunt = $1 AND owner = $2 AND result IS NULL
"""
_GIVE_BACK: Final = "UPDATE hunt_shard SET owner = '', until = 0 WHERE hunt = $1 AND owner = $2 AND result IS NULL"
_FINISH: Final = """
UPDATE hunt_shard SET result = $3, owner = '' WHERE hunt = $1 AND number = $2 AND (result IS NULL OR result = $3)
RETURNING number
"""
_STANDING: Final = """
SELECT count(*), count(result), count(*) FILTER (WHERE result IS NULL AND owner <> ''
    AND until > extract(epoch FROM clock_timestamp())::bigint)
FROM hunt_shard WHERE hunt = $1
"""


class SharedWork:
    """The work of one hunt, over one connection. Every method raises ``OperatorError``."""

    def __init__(self, url: str, password: str, hunt: str, shards: int, lease_seconds: int = LEASE_SECONDS) -> None:
        """Open the work of a hunt, or make it. Raises ``ConfigError`` if there is one of other shards."""
        self._hunt = hunt
        self._lease_seconds = lease_seconds
        self._database = Postgres(url, password, "brightline-hunt", _TABLES)

        async def make(connection: Any) -> int:
            async with connection.transaction():
                await connection.execute("INSERT INTO hunt_plan VALUES ($1, $2) ON CONFLICT DO NOTHING", hunt, shards)
                known = await connection.fetchval("SELECT shards FROM hunt_plan WHERE name = $1 FOR UPDATE", hunt)
                if known == shards:
                    await connection.execute(
                        "INSERT INTO hunt_shard (hunt, number) SELECT $1, generate_series(0, $2 - 1)"
                        " ON CONFLICT DO NOTHING",
                        hunt,
                        shards,
                    )
                return int(known)

        try:
            known = self._again(make)
            if known != shards:
                raise ConfigError(f"the work of {hunt} has {known} shards there, and {shards} here")
        except OperatorError:
            self.close()
            raise

    def lease(self, owner: str, _now: int) -> int | None:
        """The next shard that is not done and that nobody holds; ``None`` if there is none now."""
        rows = self._rows(_LEASE, owner, self._lease_seconds)
        return rows[0][0] if rows else None

    def lease_all(self, owner: str, _now: int) -> list[int]:
        """Every shard that is not done and that nobody holds: for who hands them on."""
        return sorted(row[0] for row in self._rows(_LEASE_ALL, owner, self._lease_seconds))

    def renew(self, owner: str, _now: int) -> None:
        """Hold what this owner holds for another while."""
        self._rows(_RENEW, owner, self._lease_seconds)

    def give_back(self, owner: str) -> None:
        """End every lease of an owner of whom it is known that it works no more."""
        self._rows(_GIVE_BACK, owner)

    def give_back_of(self, ended: Callable[[str], bool]) -> None:
        """End every lease of an owner of whom ``ended`` says that it works no more."""
        rows = self._rows("SELECT DISTINCT owner FROM hunt_shard WHERE hunt = $1 AND owner <> '' AND result IS NULL")
        for owner in filter(ended, (row[0] for row in rows)):
            self.give_back(owner)

    def finish(self, number: int, result: bytes) -> None:
        """Keep the result of a shard. Raises ``HuntBroken`` if there is another one already."""
        if self._rows(_FINISH, number, result):
            return
        found = self._rows("SELECT result FROM hunt_shard WHERE hunt = $1 AND number = $2", number)
        if not found:
            raise HuntBroken(f"there is no shard {number}")
        raise HuntBroken(
            f"shard {number} came out as {digest_of(bytes(found[0][0]))} and as {digest_of(result)}: what opens "
            "its records was destroyed in between, or a detector does not always say the same"
        )

    def standing(self, _now: int) -> Standing:
        """How far it is."""
        ((shards, done, held),) = self._rows(_STANDING)
        return Standing(shards, done, held)

    def results(self) -> Sequence[bytes]:
        """The results that are there, in the order of the plan."""
        rows = self._rows("SELECT result FROM hunt_shard WHERE hunt = $1 AND result IS NOT NULL ORDER BY number")
        return [bytes(row[0]) for row in rows]

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def _rows(self, statement: str, *values: object) -> Sequence[Any]:
        async def run(connection: Any) -> Sequence[Any]:
            found: Sequence[Any] = await connection.fetch(statement, self._hunt, *values)
            return found

        return self._again(run)

    def _again(self, work: Callable[[Any], Awaitable[T]]) -> T:
        for _ in range(TRIES - 1):
            try:
                return self._database.call(work)
            except OperatorError:
                time.sleep(PAUSE_SECONDS)
        return self._database.call(work)
