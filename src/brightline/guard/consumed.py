# SPDX-License-Identifier: Apache-2.0
"""Which pass tokens were used: each once, ever, whatever guard was asked and whatever power did.

A token is consumed by inserting its id; the insert is durable before it is answered (SQLite in WAL mode with
``synchronous=FULL``: the log is flushed at each commit). Several guards of one model may share the file: the primary
key decides who was first. Requests that wait are committed together, so that a flush is shared.

An id may be forgotten once its token has expired for longer than any clock here may be wrong. A store that was made
after a token was issued refuses that token: after a wiped store nothing that was used before can be used again. A
store is for one audience (the model server's name), which its tokens name: no two stores take the same token, unless
somebody gives two of them one name, and then the guards' logs show it. It has a size that it does not outgrow.

For guards on several machines the same promises are kept by PostgreSQL (``consumed_postgres.py``).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import sqlite3
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec

from brightline.core.errors import OperatorError

KEEP_SECONDS: Final = 3_600  # after a token has expired: longer than any two clocks here differ
BYTES_MAX: Final = 4 * 1024**3
BATCH_MAX: Final = 256
QUEUE_MAX: Final = 4096
FORGET_EVERY: Final = 1024


class WrongAudience(Exception):
    """The store is another's; the message says whose."""


class StoreUnavailable(Exception):
    """The store cannot say whether a token was used, so it was not used now."""


class Tokens(Protocol):
    """Which tokens were used. ``born``: when the store was made, Unix seconds; older tokens are not believed."""

    born: int

    async def consume(self, wanted: Consumption) -> bool:
        """Use a token: true the first time, durably; false ever after. Raises ``StoreUnavailable``."""
        ...


class Consumption(msgspec.Struct, frozen=True):
    """A token that somebody wants to use: its id, and when it expires (Unix seconds)."""

    token: str
    expires: int


class _Ticket:
    __slots__ = ("answer", "loop", "wanted")

    def __init__(self, wanted: Consumption, loop: asyncio.AbstractEventLoop, answer: asyncio.Future[bool]) -> None:
        self.wanted = wanted
        self.loop = loop
        self.answer = answer


class ConsumedTokens:
    """The store. One thread owns the connection; any number of loops ask."""

    def __init__(self, path: Path, audience: str, now_unix: int, bytes_max: int = BYTES_MAX) -> None:
        """Open or make the store of an audience. Raises ``OperatorError``, also for another's store."""
        self._path = path
        self._audience = audience
        self._bytes_max = bytes_max
        self._waiting: deque[_Ticket] = deque()
        self._gathered: dict[asyncio.AbstractEventLoop, list[_Ticket]] = {}  # each touched by its own loop alone
        self._changed = threading.Condition()
        self._closing = False
        self._since_forgetting = 0
        opened: concurrent.futures.Future[int] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, args=(opened, now_unix), name="guard-consumed", daemon=True)
        self._thread.start()
        try:
            self.born = opened.result()
        except sqlite3.Error as error:
            raise OperatorError(f"{path} cannot be used to remember tokens: {error}") from error
        except WrongAudience as error:
            raise OperatorError(
                f"{path} remembers the tokens {error}; each model server has a store of its own"
            ) from error

    async def consume(self, wanted: Consumption) -> bool:
        """Use a token: true the first time, durably; false ever after. Raises ``StoreUnavailable``."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bool] = loop.create_future()
        ticket = _Ticket(wanted, loop, answer)
        gathered = self._gathered.get(loop)
        if gathered is None:
            self._gathered[loop] = [ticket]
            loop.call_soon(self._hand_over, loop)
        else:
            gathered.append(ticket)
        return await answer

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give the thread what one turn of the loop brought, so that one flush serves all of it."""
        gathered = self._gathered.pop(loop)
        with self._changed:
            room = 0 if self._closing else QUEUE_MAX - len(self._waiting)
            self._waiting += gathered[:room]
            self._changed.notify()
        _answer([(each, StoreUnavailable("the store of used tokens is closed or full")) for each in gathered[room:]])

    def close(self) -> None:
        """Answer what waits, and close."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    # ---- in the thread -----------------------------------------------------------------------------------------

    def _run(self, opened: concurrent.futures.Future[int], now_unix: int) -> None:
        try:
            connection = _open(self._path, self._bytes_max)
            born = _birth(connection, self._audience, now_unix)
        except (sqlite3.Error, WrongAudience) as error:
            opened.set_exception(error)
            return
        opened.set_result(born)
        try:
            while (tickets := self._take()) is not None:
                self._commit(connection, tickets)
        finally:
            self._refuse_the_rest()
            connection.close()

    def _refuse_the_rest(self) -> None:
        """After a close nobody waits. If a mistake of ours ended the thread, nobody may wait for ever."""
        with self._changed:
            self._closing = True
            waiting = [*self._waiting]
            self._waiting.clear()
        _answer([(each, StoreUnavailable("the store of used tokens has ended")) for each in waiting])

    def _take(self) -> list[_Ticket] | None:
        with self._changed:
            while not self._waiting and not self._closing:
                self._changed.wait()
            if not self._waiting:
                return None
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH_MAX))]

    def _commit(self, connection: sqlite3.Connection, tickets: list[_Ticket]) -> None:
        """Insert all in one transaction. Nothing is answered before the commit has returned."""
        try:
            connection.execute("BEGIN IMMEDIATE")
            first = [_insert(connection, ticket.wanted) for ticket in tickets]
            self._forget(connection, tickets)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):  # then the next BEGIN says so
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            _answer([(each, StoreUnavailable(f"a token could not be booked: {error}")) for each in tickets])
            return
        _answer(list(zip(tickets, first, strict=True)))

    def _forget(self, connection: sqlite3.Connection, tickets: list[_Ticket]) -> None:
        """Forget ids whose tokens expired long ago, by the latest expiry seen: no clock is asked."""
        self._since_forgetting += len(tickets)
        if self._since_forgetting < FORGET_EVERY:
            return
        self._since_forgetting = 0
        connection.execute(
            "DELETE FROM consumed WHERE expires < (SELECT max(expires) FROM consumed) - ?", (KEEP_SECONDS,)
        )


def _open(path: Path, bytes_max: int) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    page_bytes = int(connection.execute("PRAGMA page_size").fetchone()[0])
    connection.execute(f"PRAGMA max_page_count={bytes_max // page_bytes}")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS birth (one INTEGER PRIMARY KEY CHECK (one = 1), unix INTEGER NOT NULL)"
    )
    connection.execute(
        "CREATE TABLE IF NOT EXISTS audience (one INTEGER PRIMARY KEY CHECK (one = 1), name TEXT NOT NULL)"
    )
    connection.execute(
        "CREATE TABLE IF NOT EXISTS consumed (token TEXT PRIMARY KEY, expires INTEGER NOT NULL) WITHOUT ROWID, STRICT"
    )
    connection.execute("CREATE INDEX IF NOT EXISTS consumed_expires ON consumed (expires)")
    return connection


def _birth(connection: sqlite3.Connection, audience: str, now_unix: int) -> int:
    """When the store was made: tokens issued before are not believed. Raises ``WrongAudience``."""
    connection.execute("INSERT OR IGNORE INTO audience (one, name) VALUES (1, ?)", (audience,))
    (whose,) = connection.execute("SELECT name FROM audience").fetchone()
    if whose != audience:
        raise WrongAudience(f"for {str(whose)[:100]!r}")
    connection.execute("INSERT OR IGNORE INTO birth (one, unix) VALUES (1, ?)", (now_unix,))
    return int(connection.execute("SELECT unix FROM birth").fetchone()[0])


def _insert(connection: sqlite3.Connection, wanted: Consumption) -> bool:
    done = connection.execute(
        "INSERT OR IGNORE INTO consumed (token, expires) VALUES (?, ?)", (wanted.token, wanted.expires)
    )
    return done.rowcount == 1


def _answer(answers: Sequence[tuple[_Ticket, bool | StoreUnavailable]]) -> None:
    """Answer all, with one wake-up for each loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Ticket, bool | StoreUnavailable]]] = {}
    for each in answers:
        by_loop.setdefault(each[0].loop, []).append(each)
    for loop, of_it in by_loop.items():
        with contextlib.suppress(RuntimeError):  # it has closed, and nobody waits there any more
            loop.call_soon_threadsafe(_settle, of_it)


def _settle(answers: Sequence[tuple[_Ticket, bool | StoreUnavailable]]) -> None:
    for ticket, answer in answers:
        if ticket.answer.done():  # whoever asked has gone; the token stays used
            continue
        if isinstance(answer, StoreUnavailable):
            ticket.answer.set_exception(answer)
        else:
            ticket.answer.set_result(answer)
