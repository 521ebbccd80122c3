# SPDX-License-Identifier: Apache-2.0
"""Two guards of one model share a store, and are killed at random: the books balance, and no token is used twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from brightline.core.enforcement.pass_token import body_digest, token_id
from brightline.core.evidence.audit_tokens import TokenBooks
from brightline.core.evidence.record import Outcome
from brightline.guard.consumed import ConsumedTokens
from brightline.guard.service import guard_vkey, make_guard
from brightline.guard.settings import GuardSettings
from brightline.verify.examine import verify_evidence
from tests.guard.test_guard import CLAIMS, PATH, PINNED, signed
from tests.harness import read_records

CALLERS = 8
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}"


class Killed:
    """A guard in a process of its own, which is killed and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-u", "-m", "brightline.guard", "serve", str(self.folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        found = re.search(r":(\d+);", self.process.stdout.readline())
        assert found, "the guard did not start"
        self.port = int(found.group(1))

    def end(self, how: signal.Signals) -> None:
        self.process.send_signal(how)
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


class Story:
    """What the model saw, what callers were told, and what was issued."""

    def __init__(self) -> None:
        self.seen: Counter[int] = Counter()
        self.answered: set[int] = set()
        self.issued = 0
        self.awaited: dict[int, asyncio.Event] = {}
        self.told: Counter[str] = Counter()
        self.open: set[asyncio.StreamWriter] = set()

    async def model(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A model server: it counts which request it was asked."""
        self.open.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                found = re.search(rb"content-length: (\d+)", head.lower())
                assert found
                body = await reader.readexactly(int(found.group(1)))
                self.seen[json.loads(body)["n"]] += 1
                writer.write(ANSWER)
        self.open.discard(writer)
        await _closed(writer)

    async def end(self) -> None:
        """Close what the guards keep open."""
        for writer in list(self.open):
            await _closed(writer)

    async def ask(self, guards: list[Killed], total: int, chance: random.Random) -> None:
        """Use tokens one after the other; what one guard did not answer is tried at each, as a thief would."""
        kept: dict[Killed, Streams] = {}
        while self.issued < total:
            self.issued += 1
            number = self.issued
            if number in self.awaited:
                self.awaited[number].set()
            body = json.dumps({"model": "upstream-m", "n": number}).encode()
            now = int(time.time())
            claims = msgspec.structs.replace(
                CLAIMS, exchange=f"x-{number}", wire_digest=body_digest(body), issued=now, expires=now + 120
            )
            asked = f"POST {PATH} HTTP/1.1\r\nhost: a\r\nx-brightline-pass: {signed(claims)}\r\n"
            whole = f"{asked}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
            for guard in chance.sample(guards, 2) if chance.random() < 0.5 else guards:
                status = await _status(guard, kept, whole)
                self.told[status] += 1
                if status == "200":
                    self.answered.add(number)
        for _, writer in kept.values():
            await _closed(writer)


async def _status(guard: Killed, kept: dict[Killed, Streams], whole: bytes) -> str:
    """Ask over a connection that is kept as long as the guard lives."""
    try:
        if guard not in kept:
            kept[guard] = await asyncio.open_connection("127.0.0.1", guard.port)
    except OSError:
        await asyncio.sleep(0.01)
        return "away"
    reader, writer = kept[guard]
    try:
        writer.write(whole)
        async with asyncio.timeout(60):
            head = await reader.readuntil(b"\r\n\r\n")
            found = re.search(rb"content-length: (\d+)", head.lower())
            assert found
            await reader.readexactly(int(found.group(1)))
        return head[9:12].decode()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        del kept[guard]
        await _closed(writer)
        return "broken"


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _kill(told: Story, guards: list[Killed], total: int, kills: int, chance: random.Random) -> None:
    """Kill one of them after so many requests, and so on over the whole of the story."""
    told.awaited = {after: asyncio.Event() for after in sorted(chance.sample(range(total // 10, total), kills))}
    for reached in told.awaited.values():
        await reached.wait()
        await asyncio.sleep(chance.uniform(0, 0.01))  # so that no step of a request is the one that is always spared
        guard = chance.choice(guards)
        await asyncio.to_thread(guard.end, signal.SIGKILL)
        await asyncio.to_thread(guard.start)


@contextlib.contextmanager
def guards(root: Path, model: str) -> Iterator[list[Killed]]:
    now = int(time.time())
    ConsumedTokens(root / "consumed.sqlite", "default", now - 10).close()
    running = []
    try:
        for name in ("one", "two"):
            settings = GuardSettings(
                "default",
                "http://model",
                (PINNED[0].hex(),),
                port=0,
                name=name,
                consumed=str(root / "consumed.sqlite"),
                model_socket=model,
            )
            make_guard(root / name, settings)
            running.append(Killed(root / name))
        yield running
    finally:
        for guard in running:
            guard.end(signal.SIGTERM)


def story(root: Path, requests: int, kills: int) -> None:
    told = Story()
    seed = os.environ.get("BRIGHTLINE_SEED", "guard")
    chance = random.Random(seed)  # noqa: S311 - instants, not secrets

    async def run(running: list[Killed], path: str) -> None:
        async with await asyncio.start_unix_server(told.model, path):
            killing = asyncio.create_task(_kill(told, running, requests, kills, chance))
            await asyncio.gather(*(told.ask(running, requests, random.Random(f"{seed}{n}")) for n in range(CALLERS)))  # noqa: S311 - as above
            await killing
            await told.ask(running, requests + CALLERS, chance)  # when all is calm again it goes on
            await told.end()

    with guards(root, str(root / "m.sock")) as running:
        asyncio.run(run(running, str(root / "m.sock")))
    assert set(told.seen.values()) == {1}, "the model was asked twice on one token"
    assert told.answered <= told.seen.keys()
    assert told.told["403"] > 0  # a second use is refused, wherever it is tried
    books = TokenBooks()
    gateway = books.log("log.example/gateway", str)
    for number in range(1, told.issued + 1):
        books.issued(token_id(f"x-{number}"), gateway, number)
        if number in told.answered:
            books.ended(token_id(f"x-{number}"), Outcome.COMPLETED)
    used = set()
    for name in ("one", "two"):
        (report,) = verify_evidence(root / name / "evidence", vkeys=[guard_vkey(root / name)])
        assert report.contradictions == ()
        log = books.log(f"log.example/{name}", str)
        for index, record in enumerate(read_records(root / name, name)):
            if record["kind"] == "CONSUMED":
                books.consumed(record["token"], log, index)
                used.add(record["token"])
    assert list(books.objections()) == []
    assert {token_id(f"x-{number}") for number in told.seen} <= used
    assert len(told.seen) > requests // 2


def test_the_books_of_two_guards_balance_after_kills(tmp_path: Path) -> None:
    story(tmp_path, requests=200, kills=1)


@pytest.mark.slow
def test_the_books_of_two_guards_balance_after_a_hundred_thousand_requests(tmp_path: Path) -> None:
    story(tmp_path, requests=100_000, kills=60)
