# SPDX-License-Identifier: Apache-2.0
"""The queue's database: SQLite in the state folder, or PostgreSQL for several machines, behind the same statements.

A piece of work is a function of one connection, and one transaction. With SQLite it runs in a thread, whole: one
change of threads for all its statements (decision 49). SQLite has one writer, so writes have one thread and one
connection, which takes the write lock before it reads. With PostgreSQL the same function runs on the event loop, its
statements awaited underneath.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from brightline.core.errors import ConfigError, OperatorError
from brightline.shell.review.queue.tables import READ, REVISION

T = TypeVar("T")
BUSY_MS: Final = 30_000  # SQLite lets in writers of several consoles in no order: under a rush somebody waits long
POOL: Final = 8
POOL_MORE: Final = 8
CONNECT_SECONDS: Final = 5.0
SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"


class Database(Protocol):
    """One queue's database. Whoever opened it closes it; for one event loop.

    ``write`` and ``read`` run a function on a connection, as one transaction, and return what it returns; an error
    rolls back. Raises ``OperatorError`` if the database cannot be used.
    """

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Change something."""
        ...

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Change nothing."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


def database_at(url: str, root: Path, password: str = "") -> Database:
    """The database of a URL; the path of an SQLite file is relative to ``root``. Connects to nothing yet.

    Raises ``ConfigError``.
    """
    parsed = _read_url(url)
    if parsed.drivername == SQLITE:
        return _Sqlite(root / (parsed.database or ""))
    return _Postgresql(parsed.set(drivername="postgresql+asyncpg", password=password or None))


async def require_revision(database: Database) -> None:
    """Raise ``ConfigError`` unless its tables are those that this code stands on."""
    found = await database.read(_revision)
    if not found:
        raise ConfigError("the queue's database has no tables; run `brightline review migrate STATE`")
    if found != REVISION:
        raise ConfigError(
            f"the tables of the queue's database are those of migration {found}, expected {REVISION}; "
            "run `brightline review migrate STATE`"
        )


def insert(connection: Connection, table: Table) -> Any:
    """An INSERT that knows ``on_conflict_do_update``, which both have and SQLAlchemy names by dialect."""
    return (sqlite if connection.dialect.name == SQLITE else postgresql).insert(table)


def lock_reading(connection: Connection) -> None:
    """Let nobody else take in the logs until the transaction ends. SQLite has let in one writer anyway."""
    if connection.dialect.name == POSTGRESQL:
        connection.execute(text(f"LOCK TABLE {READ.name} IN EXCLUSIVE MODE"))


def analyze(connection: Connection) -> None:
    """Tell the planner of many new rows."""
    connection.execute(text("ANALYZE"))


class _Sqlite:
    """A file, and threads that use it."""

    def __init__(self, path: Path) -> None:
        try:
            path.touch(mode=0o600)
        except OSError as error:
            raise ConfigError(f"the queue's database {path} cannot be made: {error.strerror}") from error
        url = URL.create(SQLITE, database=str(path))
        self._writers = create_engine(url, pool_size=1, max_overflow=0)
        self._readers = create_engine(url, pool_size=POOL, max_overflow=0)
        for engine, begin in ((self._writers, "BEGIN IMMEDIATE"), (self._readers, "BEGIN")):
            event.listen(engine, "connect", _prepare)
            event.listen(engine, "begin", _saying(begin))
        self._writing = ThreadPoolExecutor(1, "queue-write")
        self._reading = ThreadPoolExecutor(POOL, "queue-read")

    async def write(self, work: Callable[[Connection], T]) -> T:
        return await _in(self._writing, self._writers, work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await _in(self._reading, self._readers, work)

    async def close(self) -> None:
        for executor, engine in ((self._writing, self._writers), (self._reading, self._readers)):
            await asyncio.get_running_loop().run_in_executor(executor, engine.dispose)
            executor.shutdown()


async def _in(executor: ThreadPoolExecutor, engine: Engine, work: Callable[[Connection], T]) -> T:
    def run() -> T:
        with _errors_named(), engine.begin() as connection:
            return work(connection)

    return await asyncio.get_running_loop().run_in_executor(executor, run)


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves: the driver's own would take the write lock too late
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={BUSY_MS}"):
        connection.execute(f"PRAGMA {pragma}").close()


def _saying(statement: str) -> Callable[[Connection], None]:
    return lambda connection: connection.exec_driver_sql(statement).close()


class _Postgresql:
    """A server, and a pool of connections to it."""

    def __init__(self, url: URL) -> None:
        settings = {"jit": "off", "application_name": "brightline review"}
        self._engine: AsyncEngine = create_async_engine(
            url,
            pool_size=POOL,
            max_overflow=POOL_MORE,
            pool_pre_ping=True,
            connect_args={"timeout": CONNECT_SECONDS, "server_settings": settings},
        )

    async def write(self, work: Callable[[Connection], T]) -> T:
        with _errors_named():
            async with self._engine.begin() as connection:
                return await connection.run_sync(work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await self.write(work)

    async def close(self) -> None:
        await self._engine.dispose()


def _revision(connection: Connection) -> str:
    if not connection.dialect.has_table(connection, "alembic_version"):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none() or "")


def _read_url(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError("review.queue_url is no URL of a database") from error
    if parsed.drivername not in {SQLITE, POSTGRESQL} or not parsed.database:
        raise ConfigError("review.queue_url: expected sqlite:///FILE or postgresql://USER@HOST/DATABASE")
    if parsed.password:
        raise ConfigError("review.queue_url holds a password; put it into a file and name that: queue_password_file")
    return parsed


@contextlib.contextmanager
def _errors_named() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        first = str(getattr(error, "orig", None) or error).splitlines() or [type(error).__name__]
        raise OperatorError(f"the queue's database cannot be used: {first[0][:200]}") from error
