# SPDX-License-Identifier: Apache-2.0
"""Which pass tokens were used, for guards on several machines: the promises of ``consumed.py``, kept by PostgreSQL.

An insert is committed with ``synchronous_commit = on`` before it is answered, whatever the server's default is. What
was inserted while the connection broke stays used, and is not used now. Needs ``asyncpg``, which the guard's lock
leaves out.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final

from brightline.core.errors import ConfigError, OperatorError
from brightline.guard.consumed import (
    BATCH_MAX,
    BYTES_MAX,
    FORGET_EVERY,
    KEEP_SECONDS,
    QUEUE_MAX,
    Consumption,
    StoreUnavailable,
)

SCHEME: Final = "postgresql://"
SECONDS: Final = 5.0
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS guard_birth (audience text PRIMARY KEY, unix bigint NOT NULL);
CREATE TABLE IF NOT EXISTS guard_consumed (
    audience text NOT NULL, token text NOT NULL, expires bigint NOT NULL, PRIMARY KEY (audience, token));
CREATE INDEX IF NOT EXISTS guard_consumed_expires ON guard_consumed (audience, expires);
"""
_BORN: Final = "INSERT INTO guard_birth (audience, unix) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_CONSUME: Final = """
INSERT INTO guard_consumed (audience, token, expires) SELECT $1, * FROM unnest($2::text[], $3::bigint[])
ON CONFLICT DO NOTHING RETURNING token
"""
_FORGET: Final = """
DELETE FROM guard_consumed
WHERE audience = $1 AND expires < (SELECT max(expires) FROM guard_consumed WHERE audience = $1) - $2
"""


class _Ticket:
    __slots__ = ("answer", "wanted")

    def __init__(self, wanted: Consumption, answer: asyncio.Future[bool]) -> None:
        self.wanted = wanted
        self.answer = answer


class SharedTokens:
    """The store of one audience in a database; for one event loop. ``open`` makes one."""

    def __init__(self, pool: Any, failures: tuple[type[Exception], ...], audience: str, born: int) -> None:
        self._pool = pool
        self._failures = failures
        self._audience = audience
        self.born = born
        self._waiting: deque[_Ticket] = deque()
        self._changed = asyncio.Event()
        self._closed = False
        self._full = False
        self._since_forgetting = 0
        self._work = asyncio.create_task(self._run())

    @classmethod
    async def open(cls, url: str, audience: str, now_unix: int, password: str = "") -> SharedTokens:
        """Raises ``ConfigError`` or ``OperatorError``."""
        try:
            import asyncpg
        except ImportError as error:
            raise ConfigError("a store in PostgreSQL needs the package asyncpg") from error
        # InternalClientError: a statement that met the end of its connection halfway.
        failures = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
        always = {"synchronous_commit": "on", "application_name": "brightline-guard"}
        given = {"password": password} if password else {}
        try:
            pool = await asyncpg.create_pool(
                url, min_size=1, max_size=2, command_timeout=SECONDS, timeout=SECONDS, server_settings=always, **given
            )
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock(7242901)")  # two guards may begin at once
                await connection.execute(_TABLES)
                await connection.execute(_BORN, audience, now_unix)
                born = await connection.fetchval("SELECT unix FROM guard_birth WHERE audience = $1", audience)
        except (*failures, ValueError) as error:
            raise OperatorError(f"the database cannot be used to remember tokens: {error}") from error
        return cls(pool, failures, audience, int(born))

    async def consume(self, wanted: Consumption) -> bool:
        """Use a token: true the first time, durably; false ever after. Raises ``StoreUnavailable``."""
        if self._closed or len(self._waiting) >= QUEUE_MAX:
            raise StoreUnavailable("the store of used tokens is closed, or too many wait for it")
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Ticket(wanted, answer))
        self._changed.set()
        return await answer

    async def close(self) -> None:
        """Refuse who waits, and close every connection."""
        self._closed = True
        self._work.cancel()
        await asyncio.gather(self._work, return_exceptions=True)
        self._pool.terminate()

    async def _run(self) -> None:
        try:
            while True:
                await self._changed.wait()
                while self._waiting:
                    tickets = [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH_MAX))]
                    await self._commit(tickets)
                self._changed.clear()
        finally:
            self._closed = True
            _refuse(self._waiting, "the store of used tokens has ended")

    async def _commit(self, tickets: list[_Ticket]) -> None:
        try:
            await self._book(tickets)
        finally:
            _refuse(tickets, "the store of used tokens has ended")  # whoever has no answer by now

    async def _book(self, tickets: list[_Ticket]) -> None:
        """Insert all in one statement, which is one transaction. Of a token that two want at once, one is first."""
        try:
            await self._keep_small(len(tickets))
            if self._full:
                _refuse(tickets, "the store of used tokens is full")
                return
            tokens, expires = [each.wanted.token for each in tickets], [each.wanted.expires for each in tickets]
            rows = await self._pool.fetch(_CONSUME, self._audience, tokens, expires)
        except self._failures as error:
            _refuse(tickets, f"a token could not be booked: {type(error).__name__}")
            return
        first = {row["token"] for row in rows}
        for ticket in tickets:
            if not ticket.answer.done():
                ticket.answer.set_result(ticket.wanted.token in first)
            first.discard(ticket.wanted.token)

    async def _keep_small(self, more: int) -> None:
        """Forget what expired long ago, by the latest expiry seen, and look whether there is room."""
        self._since_forgetting += more
        if not self._full and self._since_forgetting < FORGET_EVERY:
            return
        self._since_forgetting = 0
        await self._pool.execute(_FORGET, self._audience, KEEP_SECONDS)
        held = await self._pool.fetchval("SELECT pg_total_relation_size('guard_consumed')")
        self._full = held > BYTES_MAX


def _refuse(tickets: deque[_Ticket] | list[_Ticket], why: str) -> None:
    for ticket in tickets:
        if not ticket.answer.done():
            ticket.answer.set_exception(StoreUnavailable(why))
