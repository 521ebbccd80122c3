# SPDX-License-Identifier: Apache-2.0
"""The queue's database: SQLite in the state folder, or PostgreSQL for several machines, behind the same statements.

SQLite has one writer. Its writes go through one connection here, which takes the write lock before it reads, so that
nobody waits in the database's own polling; reads have connections of their own. PostgreSQL has one pool for both.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Table, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from brightline.core.errors import ConfigError, OperatorError
from brightline.shell.review.queue.tables import READ, REVISION

BUSY_MS: Final = 5_000
POOL: Final = 8
POOL_MORE: Final = 8
CONNECT_SECONDS: Final = 5.0
SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
_DRIVERS: Final = {SQLITE: "sqlite+aiosqlite", POSTGRESQL: "postgresql+asyncpg"}


class Database:
    """Connections to one queue. Only whoever opened it uses it, on one event loop."""

    def __init__(self, writers: AsyncEngine, readers: AsyncEngine) -> None:
        self._writers = writers
        self._readers = readers

    @classmethod
    def at(cls, url: str, root: Path, password: str = "") -> Database:
        """The database of a URL; the path of an SQLite file is relative to ``root``. Connects to nothing yet.

        Raises ``ConfigError``.
        """
        parsed = _read_url(url)
        if parsed.get_backend_name() == SQLITE:
            return _sqlite(root / (parsed.database or ""))
        engine = create_async_engine(
            parsed.set(drivername=_DRIVERS[POSTGRESQL], password=password or None),
            pool_size=POOL,
            max_overflow=POOL_MORE,
            pool_pre_ping=True,
            connect_args={"timeout": CONNECT_SECONDS, "server_settings": {"jit": "off"}},
        )
        return cls(engine, engine)

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that may change something; rolled back if it is left by an error."""
        with _errors_named():
            async with self._writers.begin() as connection:
                yield connection

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that changes nothing."""
        with _errors_named():
            async with self._readers.connect() as connection:
                yield connection

    @property
    def is_sqlite(self) -> bool:
        """Which of the two it is."""
        return self._writers.dialect.name == SQLITE

    def insert(self, table: Table) -> Any:
        """An INSERT that knows ``on_conflict_do_update``, which both have and SQLAlchemy names by dialect."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    async def require_revision(self) -> None:
        """Raise ``ConfigError`` unless its tables are those that this code stands on."""
        try:
            async with self._readers.connect() as connection:
                found = (
                    await connection.execute(text("SELECT version_num FROM alembic_version"))
                ).scalar_one_or_none()
        except SQLAlchemyError as error:
            with _errors_named():  # whether it is there at all
                async with self._readers.connect() as connection:
                    await connection.execute(text("SELECT 1"))
            raise ConfigError("the queue's database has no tables; run `brightline review migrate STATE`") from error
        except OSError as error:
            raise _named(error) from error
        if found != REVISION:
            raise ConfigError(
                f"the tables of the queue's database are those of migration {found}, expected {REVISION}; "
                "run `brightline review migrate STATE`"
            )

    async def lock_reading(self, connection: AsyncConnection) -> None:
        """Let nobody else take in the logs until the transaction ends."""
        if not self.is_sqlite:  # SQLite has let in one writer anyway
            await connection.execute(text(f"LOCK TABLE {READ.name} IN EXCLUSIVE MODE"))

    async def analyze(self) -> None:
        """Tell the planner of many new rows."""
        async with self.writing() as connection:
            await connection.execute(text("ANALYZE"))

    async def close(self) -> None:
        """Close all connections."""
        await self._writers.dispose()
        if self._readers is not self._writers:
            await self._readers.dispose()


def _sqlite(path: Path) -> Database:
    try:
        path.touch(mode=0o600)
    except OSError as error:
        raise ConfigError(f"the queue's database {path} cannot be made: {error.strerror}") from error
    url = URL.create(_DRIVERS[SQLITE], database=str(path))
    writers = create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=BUSY_MS / 1_000)
    readers = create_async_engine(url, pool_size=POOL, max_overflow=POOL_MORE)
    for engine in (writers, readers):
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(writers.sync_engine, "begin", _begin_writing)
    event.listen(readers.sync_engine, "begin", _begin_reading)
    return Database(writers, readers)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves: the driver's own would take the write lock too late
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={BUSY_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_writing(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_reading(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _read_url(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError("review.queue_url is no URL of a database") from error
    if parsed.drivername not in _DRIVERS or not parsed.database:
        raise ConfigError("review.queue_url: expected sqlite:///FILE or postgresql://USER@HOST/DATABASE")
    if parsed.password:
        raise ConfigError("review.queue_url holds a password; put it into a file and name that: queue_password_file")
    return parsed


def _named(error: Exception) -> OperatorError:
    first = str(getattr(error, "orig", None) or error).splitlines() or [type(error).__name__]
    return OperatorError(f"the queue's database cannot be used: {first[0][:200]}")


@contextlib.contextmanager
def _errors_named() -> Any:
    try:
        yield
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        raise _named(error) from error
