# SPDX-License-Identifier: Apache-2.0
"""A disk that fills up under the gateway, and is freed again: refused, booked, and taken up again without a restart.

Once with a disk that only says so, which runs everywhere; and on small disks that are full in earnest.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import posix
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from brightline.core.evidence.audit import BOOKS, PASSED, SIGNED, ShardReport, Status
from brightline.guard.consumed import ConsumedTokens, Consumption, StoreUnavailable
from brightline.shell.storage.room import FREE_BYTES_MIN, Room
from brightline.shell.storage.sequencer import LOOK_SECONDS
from brightline.shell.storage.wal_writer import Wal
from brightline.verify.examine import verify_evidence
from tests.faults.disks import fill, small_disk
from tests.harness import Running, chunk, running

WITHIN_SECONDS = 1.0
FULL = Room(FREE_BYTES_MIN - 1, 100 * FREE_BYTES_MIN, None)
NEARLY = Room(FREE_BYTES_MIN + 1, 100 * FREE_BYTES_MIN, None)
FREE = Room(2 * FREE_BYTES_MIN, 100 * FREE_BYTES_MIN, None)


@pytest.fixture(autouse=True)
def flushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written reaches the disk: some say only then that they are full."""
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, getattr(posix, name))


def code_of_asking(node: Running) -> str:
    """How an ordinary question is refused; empty if it is answered."""
    try:
        node.ask()
    except openai.APIStatusError as error:
        return str(error.code)
    return ""


def until(node: Running, code: str) -> None:
    """Ask until the answer is this one."""
    end = time.monotonic() + 60
    while code_of_asking(node) != code:
        assert time.monotonic() < end, f"it never came to {code!r}"


def missing(node: Running) -> list[str]:
    found: list[str] = httpx2.get(f"{node.url}/readyz").json()["missing"]
    return found


def disk_records(node: Running) -> list[dict[str, Any]]:
    return [record["disk"] for record in node.records() if record["kind"] == "PERIOD" and "disk" in record]


def audited(root: Path) -> ShardReport:
    """What the auditor says of the gateway's shard, after the node has closed."""
    [report] = [report for report in verify_evidence(root / "evidence") if report.shard == "gateway-0"]
    assert report.contradictions == ()
    proven = {claim.name for claim in report.claims if claim.status is Status.PROVEN}
    assert {SIGNED, BOOKS, PASSED} <= proven
    assert report.recount.attempts == report.recount.outcomes
    return report


@contextlib.contextmanager
def streaming(node: Running) -> Iterator[Callable[[], None]]:
    """A stream that has begun and would go on for two minutes; call to see that it was ended early."""
    words = [chunk(f"word {i} of a long story. ") for i in range(2_400)]
    node.model.streams([part for word in words for part in (word, 0.05)])
    begun, ended = threading.Event(), threading.Event()

    def listen() -> None:
        with node.client() as client, contextlib.suppress(openai.APIError):
            messages: Any = [{"role": "user", "content": "Tell me a story."}]
            for _ in client.chat.completions.create(model="m", messages=messages, stream=True):
                begun.set()
        ended.set()

    def was_cut() -> None:
        assert ended.wait(60), "the stream went on"

    listener = threading.Thread(target=listen)
    listener.start()
    assert begun.wait(60)
    node.model.answers(node.model._fine)
    yield was_cut
    listener.join(60)


def test_the_disk_is_looked_at_often_enough() -> None:
    assert 2 * LOOK_SECONDS < WITHIN_SECONDS


def test_service_stops_before_the_disk_is_full_and_goes_on_by_itself(tmp_path: Path) -> None:
    root = tmp_path / "state"
    with running(root) as node:
        node.ask()
        with streaming(node) as was_cut:
            node.node.log._measure = lambda _wal: FULL
            until(node, "evidence_unavailable")
            was_cut()
        assert "the disk is full" in missing(node)
        seen = len(node.model.seen)
        for _ in range(3):
            assert code_of_asking(node) == "evidence_unavailable"
        assert len(node.model.seen) == seen
        node.node.log._measure = lambda _wal: NEARLY  # more than too little, and less than enough
        time.sleep(4 * LOOK_SECONDS)
        assert code_of_asking(node) == "evidence_unavailable"
        node.node.log._measure = lambda _wal: FREE
        until(node, "")
        assert missing(node) == []
        full, free = disk_records(node)
        assert full == {"full": True}
        assert free["full"] is False
        assert free["turned_away"] >= 4
    report = audited(root)
    assert report.recount.by_outcome.get("lost", 0) == 0
    assert report.recount.open == 0
    assert report.recount.by_outcome["cut"] == 1


def test_a_disk_that_cannot_be_looked_at_is_taken_for_full(tmp_path: Path) -> None:
    def fails(_wal: object) -> Room:
        raise OSError(5, "Input/output error")

    with running(tmp_path / "state") as node:
        node.node.log._measure = fails
        until(node, "evidence_unavailable")
        node.node.log._measure = lambda _wal: FREE
        until(node, "")


@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
def test_a_small_disk_that_fills_up_in_earnest(kind: str) -> None:
    with small_disk(kind) as disk:
        root, hog = disk / "state", disk / "hog"
        with running(root) as node:
            node.ask()
            stop = threading.Event()

            def keep_asking() -> None:
                while not stop.is_set():
                    code_of_asking(node)

            askers = [threading.Thread(target=keep_asking) for _ in range(4)]
            for asker in askers:
                asker.start()
            try:
                with streaming(node) as was_cut:
                    for _ in range(20):  # the log is not the only one that writes here
                        fill(hog)
                        time.sleep(0.02)
                    until(node, "evidence_unavailable")
                    was_cut()
                assert "the disk is full" in missing(node)
                fill(hog)
                assert code_of_asking(node) == "evidence_unavailable"
                hog.unlink()
                until(node, "")
            finally:
                stop.set()
                for asker in askers:
                    asker.join(60)
            assert missing(node) == []
            assert [said["full"] for said in disk_records(node)] == [True, False]
        report = audited(root)
        assert report.recount.by_outcome.get("lost", 0) == 0
        assert report.recount.open == 0


@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
def test_what_was_kept_is_still_kept_after_a_crash_on_a_full_disk(kind: str) -> None:
    with small_disk(kind) as disk:
        for _ in range(3):  # a writer that dies gives nothing back
            wal = Wal.open(disk, "gw-1", lambda _frame: None)
            fill(disk / "hog")
            wal._lock.release()
            wal._directory.close()
            wal._opened.close()


@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
def test_used_tokens_on_a_full_disk_are_refused_and_booked_again_afterwards(kind: str) -> None:
    async def consume(store: ConsumedTokens, numbers: range) -> list[bool]:
        return [await store.consume(Consumption(f"{number:064x}", 1 << 40)) for number in numbers]

    async def story(disk: Path) -> None:
        store = ConsumedTokens(disk / "consumed.sqlite", "m", 1)
        try:
            assert await consume(store, range(10)) == [True] * 10
            fill(disk / "hog")
            with pytest.raises(StoreUnavailable):
                await consume(store, range(10, 100_000))
            (disk / "hog").unlink()
            assert await consume(store, range(10)) == [False] * 10
            assert await consume(store, range(200_000, 200_010)) == [True] * 10
        finally:
            store.close()

    with small_disk(kind) as disk:
        asyncio.run(story(disk))
