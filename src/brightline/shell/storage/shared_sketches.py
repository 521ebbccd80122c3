# SPDX-License-Identifier: Apache-2.0
"""The counts of people for gateways on several machines: the promises of ``sketches.py``, kept by PostgreSQL.

To keep is to merge what is there with what one's own book has, under a lock and in one transaction, and the book gives
what changed again until it heard that it was kept. So it is enough that everything arrives at least once: what was
kept and not heard of is kept again, to the same bytes.

A server keeps what was deleted for longer than a file does: in dead rows, in its log, at its replicas. So it never has
a key of a span. It has the key sealed (AES-256-GCM) under a secret of the installation that only its gateways hold,
and whoever has the database alone goes back from no token to a person. Once a span is over its row is deleted and the
table is vacuumed.

Every call blocks, on a thread and an event loop of the store's own, because ``asyncpg`` knows no other way. Needs
``asyncpg``, which the extra ``console`` brings.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import secrets
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from brightline.core.agreement.pattern import Over
from brightline.core.errors import ConfigError, OperatorError
from brightline.core.patterns.book import Counted
from brightline.core.patterns.kinds import size_of
from brightline.core.patterns.sketch import Sketch
from brightline.core.patterns.token import KEY_BYTES, ends
from brightline.shell.storage.sketches import Heard, merged_with

T = TypeVar("T")
SECONDS: Final = 5.0
"""So long a statement may take; a call that takes twice as long as all of them is given up."""
CALL_SECONDS: Final = 20.0
TURNS: Final = 3
_NONCE_BYTES: Final = 12
_LOCK: Final = 7_242_902
_DOMAIN: Final = b"brightline-span-key/1\x00"
_VERSION: Final = "CREATE TABLE IF NOT EXISTS pattern_schema (version integer NOT NULL)"
# Migrations, in their order. What was released is never changed; a further one stands behind it.
MIGRATIONS: Final = (
    """
    CREATE TABLE pattern_span (number bigint PRIMARY KEY, sealed bytea NOT NULL);
    CREATE TABLE pattern_sketch (
        span bigint NOT NULL, scope text NOT NULL, name text NOT NULL, turn bigint NOT NULL, data bytea NOT NULL,
        PRIMARY KEY (span, scope, name));
    CREATE INDEX pattern_sketch_turn ON pattern_sketch (turn);
    CREATE TABLE pattern_kept (shard text PRIMARY KEY, unix bigint NOT NULL, turn bigint NOT NULL);
    """,
)
_PUT: Final = """
INSERT INTO pattern_sketch (span, scope, name, turn, data) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (span, scope, name) DO UPDATE SET turn = EXCLUDED.turn, data = EXCLUDED.data
"""
_KEPT: Final = """
INSERT INTO pattern_kept (shard, unix, turn) VALUES ($1, $2, $3)
ON CONFLICT (shard) DO UPDATE SET unix = EXCLUDED.unix, turn = EXCLUDED.turn
"""


class SharedSketches:
    """One connection, made anew when it is lost. Any thread may call it, one at a time.

    Every method raises ``OperatorError``.
    """

    def __init__(self, url: str, secret: bytes, password: str = "") -> None:
        """Connects, and makes the tables or brings them up. Raises ``ConfigError`` without ``asyncpg``."""
        try:
            import asyncpg
        except ImportError as error:
            raise ConfigError("counts in PostgreSQL need the package asyncpg") from error
        self._connect: Callable[[], Awaitable[Any]] = lambda: asyncpg.connect(
            url,
            timeout=SECONDS,
            command_timeout=SECONDS,
            server_settings={"synchronous_commit": "on", "application_name": "brightline-patterns"},
            **({"password": password} if password else {}),
        )
        # InternalClientError: a statement that met the end of its connection halfway.
        client = (asyncpg.InterfaceError, asyncpg.InternalClientError)
        self._failures = (asyncpg.PostgresError, *client, OSError, TimeoutError, ValueError)
        self._cipher = AESGCM(hmac.digest(secret, _DOMAIN, "sha256"))
        self._connection: Any = None
        self._acting = threading.Lock()
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="pattern-counts", daemon=True)
        self._thread.start()
        try:
            self._call(_migrate)
        except OperatorError:
            self.close()
            raise

    def keys(self, spans: tuple[int, ...]) -> Mapping[int, bytes]:
        """The keys of these spans, made where there are none yet."""

        async def find(connection: Any) -> Mapping[int, bytes]:
            made = [(span, self._seal(span, secrets.token_bytes(KEY_BYTES))) for span in spans]
            await connection.executemany("INSERT INTO pattern_span VALUES ($1, $2) ON CONFLICT DO NOTHING", made)
            rows = await connection.fetch(
                "SELECT number, sealed FROM pattern_span WHERE number = ANY($1)", list(spans)
            )
            return {row["number"]: self._open(row["number"], row["sealed"]) for row in rows}

        return self._call(find)

    def kept_at(self, shard: str) -> int:
        """When the writer of this shard last kept what it had counted, in Unix seconds; 0 if never."""

        async def find(connection: Any) -> int:
            return int(await connection.fetchval("SELECT unix FROM pattern_kept WHERE shard = $1", shard) or 0)

        return self._call(find)

    def hear(self, heard: int) -> Heard:
        """What was kept since turn ``heard``; all of it from turn 0."""

        async def find(connection: Any) -> Heard:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                others = await _rows(connection, heard)
                return Heard(max(heard, await _turn(connection)), others)

        return self._call(find)

    def keep(self, changed: Mapping[Counted, bytes], heard: int, shard: str, unix: int) -> Heard:
        """Merge what the writer of a shard counted up to ``unix`` into what is kept; return what others have kept
        since turn ``heard``.
        """

        async def merge(connection: Any) -> Heard:
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
                others = await _rows(connection, heard)
                theirs = dict(others)
                turn = max(await _turn(connection), heard) + 1
                rows = [
                    (counted.span, counted.over.value, counted.name, turn, merged_with(theirs, counted, data))
                    for counted, data in changed.items()
                ]
                await connection.executemany(_PUT, rows)
                await connection.execute(_KEPT, shard, unix, turn)
            return Heard(turn, others)

        return self._call(merge)

    def forget(self, unix: int) -> int:
        """Destroy the keys and the sketches of spans that are over; return how many keys there were."""

        async def delete(connection: Any) -> int:
            numbers = [row["number"] for row in await connection.fetch("SELECT number FROM pattern_span")]
            over = [number for number in numbers if ends(number) <= unix]
            if over:
                async with connection.transaction():
                    await connection.execute("DELETE FROM pattern_sketch WHERE span = ANY($1)", over)
                    await connection.execute("DELETE FROM pattern_span WHERE number = ANY($1)", over)
                await connection.execute("VACUUM pattern_span")
                await connection.execute("VACUUM pattern_sketch")
            return len(over)

        return self._call(delete)

    def close(self) -> None:
        """Close the connection and end the thread."""
        with self._acting:
            if self._closed:
                return
            self._closed = True
            asyncio.run_coroutine_threadsafe(self._let_go(), self._loop).result(CALL_SECONDS)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _call(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Run some work on the connection, on the store's own loop; a connection on which it failed is let go."""
        with self._acting, self._errors_named():
            if self._closed:
                raise OperatorError("the database of the counts was closed")
            task = asyncio.run_coroutine_threadsafe(self._run(work), self._loop)
            try:
                return task.result(CALL_SECONDS)
            finally:
                task.cancel()

    async def _run(self, work: Callable[[Any], Awaitable[T]]) -> T:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        whole = False
        try:
            found = await work(self._connection)
            whole = True
            return found
        finally:
            if not whole:  # whatever ended it, nobody knows in which state the connection is
                await self._let_go()

    async def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
            for _ in range(TURNS):  # of the loop, in which the socket is closed
                await asyncio.sleep(0)

    @contextlib.contextmanager
    def _errors_named(self) -> Iterator[None]:
        try:
            yield
        except self._failures as error:
            first = (str(error).splitlines() or [""])[0][:200] or type(error).__name__
            raise OperatorError(f"the database of the counts cannot be used: {first}") from error

    def _seal(self, span: int, key: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, key, str(span).encode())

    def _open(self, span: int, sealed: bytes) -> bytes:
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], str(span).encode())
        except InvalidTag as error:
            raise OperatorError("the keys in the database of the counts are another installation's") from error


async def _migrate(connection: Any) -> None:
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)  # two gateways may begin at once
        await connection.execute(_VERSION)
        found = await connection.fetchval("SELECT max(version) FROM pattern_schema") or 0
        if found > len(MIGRATIONS):
            raise OperatorError(
                f"the tables of the counts are those of migration {found}, and this version knows {len(MIGRATIONS)}"
            )
        for number, statements in enumerate(MIGRATIONS[found:], found + 1):
            await connection.execute(statements)
            await connection.execute("INSERT INTO pattern_schema VALUES ($1)", number)


async def _turn(connection: Any) -> int:
    """The turn of whoever kept last."""
    return int(await connection.fetchval("SELECT coalesce(max(turn), 0) FROM pattern_kept"))


async def _rows(connection: Any, after: int) -> tuple[tuple[Counted, Sketch], ...]:
    rows = await connection.fetch(
        "SELECT span, scope, name, data FROM pattern_sketch WHERE turn > $1 ORDER BY turn", after
    )
    return tuple(
        (Counted(row["span"], Over(row["scope"]), row["name"]), Sketch.read(row["data"], size_of(row["name"])))
        for row in rows
    )
