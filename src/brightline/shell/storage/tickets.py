# SPDX-License-Identifier: Apache-2.0
"""Those who wait until their record is durable, in coroutines and in threads, and how they get their answer."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Sequence

import msgspec

from brightline.core.errors import EvidenceUnavailable
from brightline.core.evidence.record import Draft, DurableRecord


class LoopTicket:
    """A draft for which a coroutine waits."""

    def __init__(self, draft: Draft, loop: asyncio.AbstractEventLoop, answer: asyncio.Future[DurableRecord]) -> None:
        self.draft = draft
        self.loop = loop
        self.answer = answer


class ThreadTicket:
    """A draft for which a thread waits."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.answer: concurrent.futures.Future[DurableRecord] = concurrent.futures.Future()


Ticket = LoopTicket | ThreadTicket


class Answer(msgspec.Struct, frozen=True):
    """What became of one ticket."""

    ticket: Ticket
    outcome: DurableRecord | EvidenceUnavailable


def settle(answers: Sequence[Answer]) -> None:
    """Answer tickets in order, with one wake-up for each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[DurableRecord], Answer]]] = {}
    for answer in answers:
        match answer.ticket:
            case LoopTicket(loop=loop, answer=future):
                by_loop.setdefault(loop, []).append((future, answer))
            case ThreadTicket(answer=waiting):
                if not waiting.done():
                    _resolve(waiting, answer)
    for loop, resolved in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve_all, resolved)
        except RuntimeError:
            continue  # the loop is closed, so nobody waits there any more


def _resolve_all(resolved: Sequence[tuple[asyncio.Future[DurableRecord], Answer]]) -> None:
    for future, answer in resolved:
        if not future.done():  # a caller may have been cancelled
            _resolve(future, answer)


def _resolve(future: asyncio.Future[DurableRecord] | concurrent.futures.Future[DurableRecord], answer: Answer) -> None:
    if isinstance(answer.outcome, EvidenceUnavailable):
        future.set_exception(answer.outcome)
    else:
        future.set_result(answer.outcome)


def unavailable(reason: str, cause: BaseException | None) -> EvidenceUnavailable:
    """One error for each who waits: a shared one would gather their tracebacks."""
    error = EvidenceUnavailable(reason)
    error.__cause__ = cause
    return error
