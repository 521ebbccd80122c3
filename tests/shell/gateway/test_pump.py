# SPDX-License-Identifier: Apache-2.0
"""The order in which the pump tells the machine what happened: nothing waits for ever, nothing overtakes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import msgspec
import pytest

from brightline.core.conditions import Conditions
from brightline.core.enforcement import events as ev
from brightline.core.enforcement.commands import Notice
from brightline.core.enforcement.machine import Machine
from brightline.core.enforcement.pass_token import PassToken
from brightline.core.enforcement.terms import Terms
from brightline.core.errors import BrightlineError, EvidenceUnavailable
from brightline.core.evidence.record import Draft, DurableRecord, RecordKind
from brightline.core.exchange.api import chat
from brightline.core.exchange.judged import JudgedReply, JudgedSegment
from brightline.core.exchange.model import UpstreamRequest, Usage
from brightline.core.patterns.crossing import NOTHING_WATCHED
from brightline.core.screening.finding import Judgement, Segment
from brightline.shell.gateway import pump as pumping
from brightline.shell.gateway.pump import Pump
from tests.playbooks import playbook as book

CHUNKS_MAX = 3_000


class Client:
    """Whoever listens, and leaves when a test says so."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.left = asyncio.Event()

    async def refuse(self, error: BrightlineError, notice: Notice) -> None:
        self.heard.append(error.code)

    async def answer(self, reply: JudgedReply, notice: Notice) -> None:
        self.heard.append("answer")

    async def release(self, segment: JudgedSegment, notice: Notice) -> None:
        self.heard.append(segment.text)

    async def close_stream(self, usage: Usage, notice: Notice) -> None:
        self.heard.append("close")

    async def cut_stream(self, notice: Notice) -> None:
        self.heard.append("cut")

    async def break_stream(self, error: BrightlineError, notice: Notice) -> None:
        self.heard.append(error.code)

    def watch(self, left: Callable[[], None]) -> bool:
        return False

    async def gone(self) -> None:
        await self.left.wait()

    async def abort(self) -> None:
        self.heard.append("abort")


class Parts:
    """Log, detectors, conditions, clock and model server of one exchange."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.recorded: list[RecordKind] = []
        self.sent = 0
        self.forwarded = False
        self.leaves_at: RecordKind | None = None

    async def append(self, draft: Draft) -> DurableRecord:
        if draft.kind is self.leaves_at:
            self.client.left.set()
        await asyncio.sleep(0.01)
        self.recorded.append(draft.kind)
        return book.durable(draft)

    def judge_now(self, segments: tuple[Segment, ...]) -> tuple[Judgement, ...]:
        return (book.judged(segments),)

    async def judge(self, segments: tuple[Segment, ...]) -> tuple[Judgement, ...]:
        raise AssertionError("judged at once")

    def forward(self) -> None:
        self.forwarded = True

    def read(self, model: str, unit: str) -> Conditions:
        return book.GOOD

    def monotonic(self) -> float:
        return 1.0

    def unix(self) -> int:
        return book.NOW

    def utc_now(self) -> str:
        return "2027-01-15T08:00:00Z"

    async def send(self, token: PassToken, request: UpstreamRequest) -> AsyncGenerator[bytes, None]:
        """A model server that never pauses until something of its answer has reached the client."""
        while not self.client.heard and self.sent < CHUNKS_MAX:
            self.sent += 1
            yield f"data: {book.chunk('word ')}\n\n".encode()
        yield f"data: {book.chunk('', 'stop')}\n\ndata: [DONE]\n\n".encode()


async def walk(parts: Parts, terms: Terms = book.TERMS) -> None:
    exchange = book.asking(stream=True)
    arrived = ev.Arrived(ev.Instant(1.0, book.NOW), "xc_1", book.WORKLOAD, exchange, book.REGISTERS)
    own: Any = parts
    pump = Pump(
        Machine(terms, chat, arrived),
        model="m",
        unit="unit-1",
        log=own,
        once=own,
        screeners=own,
        upstream=own,
        conditions=own,
        clock=own,
        responder=parts.client,
        exchange_id="xc_1",
        closed=lambda _closed: None,
        answered=lambda _reply: NOTHING_WATCHED,
        sent=parts.forward,
    )
    await asyncio.wait_for(pump.run(), 20)


async def test_what_is_judged_leaves_although_the_model_server_never_pauses() -> None:
    parts = Parts(Client())
    await walk(parts)
    assert parts.sent < CHUNKS_MAX
    assert parts.client.heard[-1] == "close"
    assert parts.recorded[-1] is RecordKind.OUTCOME


async def test_a_client_that_leaves_while_the_pass_is_written_sends_nothing_to_the_model() -> None:
    parts = Parts(Client())
    parts.leaves_at = RecordKind.PASS
    await walk(parts)
    assert not parts.forwarded
    assert parts.recorded == [RecordKind.ATTEMPT, RecordKind.PASS, RecordKind.OUTCOME]
    assert parts.client.heard == []


class Burst(Parts):
    """A model server whose chunks all arrive at once; each ask is noted with the turn of the loop in which it was."""

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.turn = 0
        self.asked_in: list[int] = []

    async def turns(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.turn += 1

    def judge_now(self, segments: tuple[Segment, ...]) -> tuple[Judgement, ...]:
        self.asked_in.append(self.turn)
        return super().judge_now(segments)

    async def send(self, token: PassToken, request: UpstreamRequest) -> AsyncGenerator[bytes, None]:
        for _ in range(200):
            yield f"data: {book.chunk('word ')}\n\n".encode()
        yield f"data: {book.chunk('', 'stop')}\n\ndata: [DONE]\n\n".encode()


async def test_between_two_asks_of_a_stream_in_a_burst_others_have_their_turn() -> None:
    parts = Burst(Client())
    others = asyncio.create_task(parts.turns())
    await walk(parts)
    others.cancel()
    assert len(parts.asked_in) > 100
    assert len(set(parts.asked_in)) == len(parts.asked_in)


class NoMarks(Parts):
    """A log that cannot make a MARK durable."""

    async def append(self, draft: Draft) -> DurableRecord:
        if draft.kind is RecordKind.MARK:
            raise EvidenceUnavailable("too many records wait")
        return await super().append(draft)

    async def send(self, token: PassToken, request: UpstreamRequest) -> AsyncGenerator[bytes, None]:
        for _ in range(CHUNKS_MAX):
            yield f"data: {book.chunk('word ')}\n\n".encode()
            await asyncio.sleep(0)


async def test_a_mark_that_cannot_be_recorded_breaks_the_stream_with_its_reason() -> None:
    parts = NoMarks(Client())
    await walk(parts, msgspec.structs.replace(book.TERMS, mark_bytes=12))
    assert parts.client.heard[-1] == "evidence_unavailable"
    assert RecordKind.OUTCOME not in parts.recorded


class SlowReader(Client):
    """Takes piece after piece, each after a while; ``halted`` is set with the third."""

    def __init__(self) -> None:
        super().__init__()
        self.halted = False

    async def release(self, segment: JudgedSegment, notice: Notice) -> None:
        await asyncio.sleep(0.01)
        await super().release(segment, notice)
        self.halted = len(self.heard) >= 3


class Faster(Parts):
    """A model server that is always ahead of who reads, and people who halt while it is."""

    client: SlowReader

    def read(self, model: str, unit: str) -> Conditions:
        return book.HALTED if self.client.halted else book.GOOD

    async def send(self, token: PassToken, request: UpstreamRequest) -> AsyncGenerator[bytes, None]:
        for _ in range(CHUNKS_MAX):
            yield f"data: {book.chunk('word ')}\n\n".encode()
            await asyncio.sleep(0)


async def test_a_halt_does_not_wait_behind_what_a_slow_reader_has_not_taken_yet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pumping, "TICK_SECONDS", 0.02)
    parts = Faster(SlowReader())
    await walk(parts)
    assert parts.client.heard[-1] == "cut"
    assert len(parts.client.heard) < pumping.EVENTS_MAX
