# SPDX-License-Identifier: Apache-2.0
"""Counts that gateways on several machines share: kept twice, heard late, under a lost connection, sealed keys."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from brightline.core.agreement.pattern import DAY_SECONDS, Over
from brightline.core.errors import OperatorError
from brightline.core.patterns.book import PatternBook
from brightline.core.patterns.places import Counted
from brightline.core.patterns.sketch import Sketch
from brightline.core.patterns.token import begins, ends
from brightline.shell.storage.shared_sketches import MIGRATIONS, SharedSketches
from tests.postgres import new_database, postgres

SPAN = 700
WHOLE = Counted(SPAN, Over.AGREEMENT, "")
SECRET = b"a secret of one installation"
NOW = begins(SPAN) + DAY_SECONDS


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture
def database(server: str) -> str:
    return asyncio.run(new_database(server, f"shared_{uuid.uuid4().hex}"))


@pytest.fixture
def stores(database: str) -> Iterator[list[SharedSketches]]:
    both = [SharedSketches(database, SECRET), SharedSketches(database, SECRET)]
    yield both
    for store in both:
        store.close()


def sketch(*tokens: int) -> bytes:
    made = Sketch(begins(SPAN))
    for token in tokens:
        made.add(token, NOW, 0)
    return made.write()


def kept(store: SharedSketches) -> bytes:
    return dict(store.hear(0).sketches)[WHOLE].write()


def sql(database: str, statement: str, *values: Any) -> Any:
    async def run() -> Any:
        connection = await asyncpg.connect(database)
        try:
            return await connection.fetch(statement, *values)
        finally:
            await connection.close()

    return asyncio.run(run())


def test_what_arrives_twice_late_and_in_another_order_is_the_same(stores: list[SharedSketches]) -> None:
    one, other = stores
    one.keep({WHOLE: sketch(1, 2)}, 0, "gateway-1", NOW)
    other.keep({WHOLE: sketch(2, 3)}, 0, "gateway-2", NOW)
    once = kept(one)
    assert once == sketch(1, 2, 3)
    one.keep({WHOLE: sketch(1, 2)}, 0, "gateway-1", NOW)  # its answer was lost, so it comes again as it was
    other.keep({WHOLE: sketch(3)}, 0, "gateway-2", NOW)
    assert kept(other) == once


def test_who_hears_hears_each_turn_and_nothing_twice(stores: list[SharedSketches]) -> None:
    one, other = stores
    first = one.keep({WHOLE: sketch(1)}, 0, "gateway-1", NOW)
    heard = other.hear(0)
    assert (heard.turn, [counted for counted, _ in heard.sketches]) == (first.turn, [WHOLE])
    assert other.hear(heard.turn).sketches == ()
    one.keep({WHOLE: sketch(1, 5)}, first.turn, "gateway-1", NOW + 1)
    assert [each.write() for _, each in other.hear(heard.turn).sketches] == [sketch(1, 5)]
    assert (other.kept_at("gateway-1"), other.kept_at("gateway-2")) == (NOW + 1, 0)


def test_of_many_who_keep_at_once_nothing_is_lost(database: str) -> None:
    """Each has its own connection, and keeps what it counted in pieces."""
    stores = [SharedSketches(database, SECRET) for _ in range(4)]

    def count(number: int) -> None:
        book, heard = PatternBook(), 0
        for step in range(8):
            book.merge(WHOLE, Sketch.read(sketch(*range(100 * number, 100 * number + step + 1))))
            ours = {each: own.write() for each, own in book}
            found = stores[number].keep(ours, heard, f"gateway-{number}", NOW)
            heard = found.turn
            for each, theirs in found.sketches:
                book.merge(each, theirs)

    try:
        threads = [threading.Thread(target=count, args=(number,)) for number in range(len(stores))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert kept(stores[0]) == sketch(*(100 * number + step for number in range(4) for step in range(8)))
    finally:
        for store in stores:
            store.close()


def test_a_connection_that_is_lost_is_an_error_once_and_then_made_anew(
    stores: list[SharedSketches], database: str
) -> None:
    one, other = stores
    one.keep({WHOLE: sketch(1)}, 0, "gateway-1", NOW)
    name = database.rpartition("/")[2]
    sql(
        database,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()",
        name,
    )
    for store in (one, other):
        try:
            store.hear(0)
        except OperatorError as error:
            assert "database of the counts" in str(error)  # noqa: PT017 - a connection may also be found closed before
    assert kept(one) == kept(other) == sketch(1)


def test_the_database_never_has_a_key_and_another_installation_opens_none(
    stores: list[SharedSketches], database: str
) -> None:
    one, other = stores
    keys = one.keys((SPAN, SPAN + 1))
    assert other.keys((SPAN, SPAN + 1)) == keys
    assert len(set(keys.values())) == 2
    rows = sql(database, "SELECT sealed FROM pattern_span")
    assert not [key for key in keys.values() for row in rows if key in row["sealed"]]
    stranger = SharedSketches(database, b"another secret")
    try:
        with pytest.raises(OperatorError, match="another installation"):
            stranger.keys((SPAN,))
    finally:
        stranger.close()


def test_what_is_over_is_gone_for_everybody(stores: list[SharedSketches], database: str) -> None:
    one, other = stores
    one.keys((SPAN, SPAN + 1))
    one.keep({WHOLE: sketch(1)}, 0, "gateway-1", NOW)
    assert other.forget(ends(SPAN) - 1) == 0
    assert other.forget(ends(SPAN)) == 1
    assert one.hear(0).sketches == ()
    assert [row["number"] for row in sql(database, "SELECT number FROM pattern_span")] == [SPAN + 1]


def test_tables_of_a_later_version_are_refused(stores: list[SharedSketches], database: str) -> None:
    sql(database, "INSERT INTO pattern_schema VALUES ($1)", len(MIGRATIONS) + 1)
    with pytest.raises(OperatorError, match="this version knows"):
        SharedSketches(database, SECRET)


def test_a_database_that_is_not_there_is_an_error_and_a_closed_store_too(stores: list[SharedSketches]) -> None:
    with pytest.raises(OperatorError, match="cannot be used"):
        SharedSketches("postgresql://postgres@127.0.0.1:1/none", SECRET)
    stores[0].close()
    with pytest.raises(OperatorError, match="closed"):
        stores[0].hear(0)
