# SPDX-License-Identifier: Apache-2.0
"""Used tokens, remembered in a file for one machine and in PostgreSQL for several: the same promises."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from brightline.core.errors import OperatorError
from brightline.guard.consumed import ConsumedTokens, Consumption, StoreUnavailable, Tokens
from brightline.guard.consumed_postgres import SharedTokens
from tests.guard.test_guard import NOW
from tests.postgres import new_database, postgres

Opens = Callable[..., Awaitable[Tokens]]
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
async def opens(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opens]:
    """Opens the same store again and again, each time as another guard would."""
    opened: list[Tokens] = []
    url = ""
    if request.param == "postgresql":
        url = await new_database(request.getfixturevalue("server"), f"tokens{next(NUMBERS)}")

    async def open_(audience: str = "m", now: int = NOW) -> Tokens:
        store: Tokens
        if url:
            store = await SharedTokens.open(url, audience, now)
        else:
            store = ConsumedTokens(tmp_path / "used.sqlite", audience, now)
        opened.append(store)
        return store

    yield open_
    for store in opened:
        await close(store)


async def close(store: Tokens) -> None:
    if isinstance(store, SharedTokens):
        await store.close()
    elif isinstance(store, ConsumedTokens):
        store.close()


def token(name: str, expires: int = NOW + 60) -> Consumption:
    return Consumption(name, expires)


async def test_a_token_is_used_once_whichever_guard_is_asked_and_after_a_restart(opens: Opens) -> None:
    one, other = await opens(), await opens()
    assert await one.consume(token("a"))
    assert not await one.consume(token("a"))
    assert not await other.consume(token("a"))
    await close(one)
    again = await opens(now=NOW + 100)
    assert not await again.consume(token("a"))
    assert again.born == NOW  # it is the store that it was


async def test_of_many_who_use_one_token_at_one_moment_one_is_first(opens: Opens) -> None:
    stores = [await opens() for _ in range(3)]
    found = await asyncio.gather(*(store.consume(token(f"t{n}")) for n in range(40) for store in stores * 2))
    assert sum(found) == 40


async def test_a_store_keeps_what_may_still_be_presented_and_forgets_the_rest(
    opens: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("consumed", "consumed_postgres"):
        monkeypatch.setattr(f"brightline.guard.{module}.FORGET_EVERY", 1)
    store = await opens()
    assert await store.consume(token("old", NOW))
    assert await store.consume(token("new", NOW + 10_000))
    assert await store.consume(token("newer", NOW + 10_000))
    assert not await store.consume(token("new", NOW + 10_000))
    assert await store.consume(token("old", NOW))  # the guard refused it long before: it has expired


async def test_a_store_that_was_closed_uses_nothing(opens: Opens) -> None:
    store = await opens()
    await close(store)
    with pytest.raises(StoreUnavailable):
        await store.consume(token("a"))


async def test_what_waits_when_the_database_goes_away_is_not_used(server: str) -> None:
    store = await SharedTokens.open(await new_database(server, f"tokens{next(NUMBERS)}"), "m", NOW)
    try:
        await store._pool.execute("DROP TABLE guard_consumed")
        with pytest.raises(StoreUnavailable):
            await store.consume(token("a"))
    finally:
        await store.close()
    with pytest.raises(OperatorError, match="cannot be used"):
        await SharedTokens.open("postgresql://postgres@127.0.0.1:1/none", "m", NOW)


async def test_two_model_servers_share_a_database_and_no_tokens_and_never_a_file(server: str, tmp_path: Path) -> None:
    url = await new_database(server, f"tokens{next(NUMBERS)}")
    one, other = await SharedTokens.open(url, "m", NOW), await SharedTokens.open(url, "n", NOW + 5)
    assert await one.consume(token("a"))
    assert await other.consume(token("a"))
    assert (one.born, other.born) == (NOW, NOW + 5)
    await one.close()
    await other.close()
    ConsumedTokens(tmp_path / "used.sqlite", "m", NOW).close()
    with pytest.raises(OperatorError, match="a store of its own"):
        ConsumedTokens(tmp_path / "used.sqlite", "n", NOW)


async def test_a_file_that_is_full_uses_nothing_more(tmp_path: Path) -> None:
    store = ConsumedTokens(tmp_path / "used.sqlite", "m", NOW, bytes_max=49_152)
    used = 0
    with pytest.raises(StoreUnavailable, match="full"):
        for used in range(10_000):
            assert await store.consume(token(f"{used:032}"))
    store.close()
    assert used > 10
    assert (tmp_path / "used.sqlite").stat().st_size <= 49_152
