# SPDX-License-Identifier: Apache-2.0
"""A connection to PostgreSQL for code that blocks, which ``asyncpg`` does not know: on a thread and a loop of its own.

The connection is made anew when it is lost. What ran on it when it failed may or may not have happened: whoever calls
must be able to do it again. Needs ``asyncpg``, which the extra ``console`` brings.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

import msgspec

from brightline.core.errors import ConfigError, OperatorError

T = TypeVar("T")
SECONDS: Final = 5.0
"""So long a statement may take; a call that takes twice as long as all of them is given up."""
CALL_SECONDS: Final = 20.0
TURNS: Final = 3


class Tables(msgspec.Struct, frozen=True):
    """Whose tables they are, in words ("the counts"), and how they came about.

    ``migrations`` are statements in their order; what was released is never changed, a further one stands behind it.
    ``version`` is the table that counts them, ``lock`` the number of the advisory lock under which they are made.
    """

    whose: str
    version: str
    lock: int
    migrations: Sequence[str]


class Postgres:
    """One connection. Any thread may call it, one at a time."""

    def __init__(self, url: str, password: str, application: str, tables: Tables) -> None:
        """Connects, and makes the tables or brings them up.

        Raises ``ConfigError`` without ``asyncpg``, ``OperatorError`` if the database cannot be used.
        """
        try:
            import asyncpg
        except ImportError as error:
            raise ConfigError(f"{tables.whose} in PostgreSQL need the package asyncpg") from error
        self._tables = tables
        self._connect: Callable[[], Awaitable[Any]] = lambda: asyncpg.connect(
            url,
            timeout=SECONDS,
            command_timeout=SECONDS,
            server_settings={"synchronous_commit": "on", "application_name": application},
            **({"password": password} if password else {}),
        )
        # InternalClientError: a statement that met the end of its connection halfway.
        client = (asyncpg.InterfaceError, asyncpg.InternalClientError)
        self._failures = (asyncpg.PostgresError, *client, OSError, TimeoutError, ValueError)
        self._connection: Any = None
        self._acting = threading.Lock()
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=application, daemon=True)
        self._thread.start()
        try:
            self.call(self._migrate)
        except OperatorError:
            self.close()
            raise

    def call(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Run some work on the connection; one on which it failed is let go. Raises ``OperatorError``."""
        with self._acting, self._errors_named():
            if self._closed:
                raise OperatorError(f"the database of {self._tables.whose} was closed")
            task = asyncio.run_coroutine_threadsafe(self._run(work), self._loop)
            try:
                return task.result(CALL_SECONDS)
            finally:
                task.cancel()

    def close(self) -> None:
        """Close the connection and end the thread. A second call does nothing."""
        with self._acting:
            if self._closed:
                return
            self._closed = True
            asyncio.run_coroutine_threadsafe(self._let_go(), self._loop).result(CALL_SECONDS)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

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
            raise OperatorError(f"the database of {self._tables.whose} cannot be used: {first}") from error

    async def _migrate(self, connection: Any) -> None:
        tables, known = self._tables, len(self._tables.migrations)
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", tables.lock)  # two may begin at once
            await connection.execute(f"CREATE TABLE IF NOT EXISTS {tables.version} (version integer NOT NULL)")
            found = await connection.fetchval(f"SELECT max(version) FROM {tables.version}") or 0  # noqa: S608 - ours
            if found > known:
                raise OperatorError(
                    f"the tables of {tables.whose} are those of migration {found}, and this version knows {known}"
                )
            for number, statements in enumerate(tables.migrations[found:], found + 1):
                await connection.execute(statements)
                await connection.execute(f"INSERT INTO {tables.version} VALUES ($1)", number)  # noqa: S608 - ours
