# SPDX-License-Identifier: Apache-2.0
"""A hunt that several machines work at: leases and results in a real PostgreSQL, to the digest of one process."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from brightline.core.errors import ConfigError, HuntBroken, OperatorError
from brightline.shell.clock import SystemClock
from brightline.shell.hunt.folder import HuntFolder, open_hunt
from brightline.shell.hunt.reporting import report_of
from brightline.shell.hunt.running import open_work, run_here
from brightline.shell.hunt.shared_work import SharedWork
from brightline.shell.hunt.work import Standing
from tests.hunts import Said, release_with, site
from tests.postgres import new_database, postgres
from tests.shell.cli.in_process import run
from tests.shell.hunt.test_hunt import DIES

CLOCK = SystemClock()
PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture
def database(server: str) -> str:
    return asyncio.run(new_database(server, f"hunts_{uuid.uuid4().hex}"))


@pytest.fixture
def both(database: str) -> Iterator[tuple[SharedWork, SharedWork]]:
    """Two machines at one hunt of three shards."""
    one, other = SharedWork(database, "", "sha256:h", 3), SharedWork(database, "", "sha256:h", 3, lease_seconds=1)
    yield one, other
    one.close()
    other.close()


def sql(database: str, statement: str) -> Any:
    async def ask() -> Any:
        connection = await asyncpg.connect(database)
        try:
            return await connection.fetch(statement)
        finally:
            await connection.close()

    return asyncio.run(ask())


def test_a_shard_is_held_by_one_until_its_lease_ends(both: tuple[SharedWork, SharedWork]) -> None:
    one, other = both
    assert (one.lease("a", 0), other.lease("b", 0)) == (0, 1)
    assert one.lease_all("c", 0) == [2]
    until = time.monotonic() + PATIENCE_SECONDS
    while (found := one.lease("d", 0)) is None:  # by the server's clock, a second later
        assert time.monotonic() < until
    assert found == 1
    one.finish(0, b"done")
    assert one.standing(0) == other.standing(0) == Standing(3, 1, 2)
    one.renew("d", 0)
    one.give_back_of(lambda owner: owner == "c")
    assert (other.lease("e", 0), other.lease("e", 0)) == (2, None)


def test_two_results_of_one_shard_are_the_same_or_the_hunt_is_broken(both: tuple[SharedWork, SharedWork]) -> None:
    one, other = both
    one.finish(1, b"one")
    other.finish(1, b"one")
    with pytest.raises(HuntBroken, match="shard 1 came out as"):
        other.finish(1, b"another")
    with pytest.raises(HuntBroken, match="no shard 7"):
        one.finish(7, b"one")
    assert list(other.results()) == [b"one"]


def test_hunts_of_one_database_are_apart_and_one_of_other_shards_is_refused(database: str) -> None:
    with_three, with_one = SharedWork(database, "", "sha256:a", 3), SharedWork(database, "", "sha256:b", 1)
    with_one.finish(0, b"done")
    assert (with_three.standing(0).done, with_one.standing(0).done) == (0, 1)
    with_three.close()
    with_one.close()
    with pytest.raises(ConfigError, match="has 3 shards there, and 4 here"):
        SharedWork(database, "", "sha256:a", 4)


def test_of_many_who_ask_at_one_moment_each_gets_another_shard(database: str) -> None:
    works = [SharedWork(database, "", "sha256:h", 40) for _ in range(4)]
    got: list[int] = []

    def take(work: SharedWork) -> None:
        while (number := work.lease(str(id(work)), 0)) is not None:
            got.append(number)

    threads = [threading.Thread(target=take, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for work in works:
        work.close()
    assert sorted(got) == list(range(40))


def test_a_connection_that_is_lost_for_a_moment_ends_nothing(
    both: tuple[SharedWork, SharedWork], database: str
) -> None:
    one, _ = both
    assert one.lease("a", 0) == 0
    sql(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'brightline-hunt'")
    one.finish(0, b"done")
    assert one.standing(0).done == 1


def test_a_database_that_is_not_there_is_named() -> None:
    with pytest.raises(OperatorError, match="the database of the work of hunts cannot be used"):
        SharedWork("postgresql://postgres@127.0.0.1:1/nowhere", "", "sha256:h", 1)


def test_machines_that_share_a_hunt_come_to_the_digest_of_one_also_after_a_kill(database: str, tmp_path: Path) -> None:
    state = site(tmp_path / "state", [Said("the periwinkle plan", kept) for kept in ("sampled", "held") * 3])
    release_with(tmp_path / "release")
    run("hunt", "plan", state, tmp_path / "alone", "--release", tmp_path / "release", "--shard-records", "4")
    shared = Path(shutil.copytree(tmp_path / "alone", tmp_path / "shared"))
    opened = open_hunt(shared)
    run_here(tmp_path / "alone", opened, lambda _done: None, CLOCK)
    expected = report_of(tmp_path / "alone", opened).digest
    settings = state / "brightline.toml"
    settings.write_text(f'{settings.read_text()}\n[hunt]\ndatabase_url = "{database}"\n')
    killed = subprocess.run([sys.executable, "-c", DIES, shared], check=False)
    assert killed.returncode == -9
    work = open_work(shared, opened)  # which gives back what the killed one held
    assert (work.standing(0).done, work.standing(0).held) == (1, 0)
    work.close()
    others = Path(shutil.copytree(shared, tmp_path / "on another machine"))
    elsewhere = threading.Thread(target=run_here, args=(others, opened, lambda _done: None, CLOCK))
    elsewhere.start()
    run_here(shared, opened, lambda _done: None, CLOCK)
    elsewhere.join()
    assert {report_of(each, opened).digest for each in (shared, others)} == {expected}
    assert not HuntFolder(shared).work.exists()
    assert b"periwinkle" not in b"".join(bytes(row[0]) for row in sql(database, "SELECT result FROM hunt_shard"))
    run("hunt", "status", others)
