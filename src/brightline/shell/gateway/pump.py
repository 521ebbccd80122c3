# SPDX-License-Identifier: Apache-2.0
"""The pump: feeds events to the machine and performs its commands. The only awaits on the way of an exchange.

It decides nothing. Whatever it does not know, and whatever is raised, closes the stream: the ``else`` and the
``except`` below both refuse. What takes long runs as a task whose result comes back as an event, so that the machine
sees a client that leaves, or a lease that lapses, while it waits. Where the machine can do nothing until a record is
durable (all but a MARK), the pump itself waits for it, and tells what came meanwhile first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Final, Protocol, TypeVar

from brightline.core.enforcement import commands as do
from brightline.core.enforcement import events as ev
from brightline.core.enforcement.ended import Closed
from brightline.core.enforcement.machine import Machine
from brightline.core.enforcement.states import IllegalStep
from brightline.core.errors import (
    BrightlineError,
    EvidenceUnavailable,
    ScreeningUnavailable,
    Unavailable,
    UpstreamFailed,
)
from brightline.core.evidence.record import Draft, RecordKind
from brightline.core.exchange.judged import JudgedReply, JudgedSegment
from brightline.core.exchange.model import Reply, Usage
from brightline.core.exchange.sse import SseParser
from brightline.core.patterns.crossing import NOTHING_WATCHED, Watched
from brightline.core.ports import Clock, ConditionSource, OnceLog, RecordLog, Upstream
from brightline.core.screening.finding import Judgement
from brightline.shell.gateway.inbox import Inbox
from brightline.shell.inference.judges import Screeners

log = logging.getLogger("brightline.gateway")
_T = TypeVar("_T")

TICK_SECONDS: Final = 0.5
RECORD_SECONDS: Final = 10.0
EVENTS_MAX: Final = 64
REPLY_BYTES_MAX: Final = 16 * 1024 * 1024

_Durable = type[ev.MarkDurable] | type[ev.HoldDurable] | type[ev.OutcomeDurable]
_DURABLE: Final[dict[RecordKind, _Durable]] = {
    RecordKind.MARK: ev.MarkDurable,
    RecordKind.HOLD: ev.HoldDurable,
    RecordKind.OUTCOME: ev.OutcomeDurable,
}


class Responder(Protocol):
    """How the gateway answers one client. Every method raises ``ConnectionError`` when nobody listens."""

    async def refuse(self, error: BrightlineError, notice: do.Notice) -> None:
        """Write an error as the whole answer."""
        ...

    async def answer(self, reply: JudgedReply, notice: do.Notice) -> None:
        """Write a whole plain answer."""
        ...

    async def release(self, segment: JudgedSegment, notice: do.Notice) -> None:
        """Write one chunk of a stream, opening it first if this is the first."""
        ...

    async def close_stream(self, usage: Usage, notice: do.Notice) -> None:
        """End a stream that completed."""
        ...

    async def cut_stream(self, notice: do.Notice) -> None:
        """End a stream that the agreement stopped."""
        ...

    async def break_stream(self, error: BrightlineError, notice: do.Notice) -> None:
        """End a stream that failed."""
        ...

    def watch(self, left: Callable[[], None]) -> bool:
        """Have this called once the client closes its connection; false where nobody can: then ``gone`` tells."""
        ...

    async def gone(self) -> None:
        """Return when the client has closed its connection."""
        ...

    async def abort(self) -> None:
        """Something unforeseen happened: write nothing more that could be taken for an answer."""
        ...


class Pump:
    """Drives one exchange to its end."""

    def __init__(
        self,
        machine: Machine,
        *,
        model: str,
        unit: str,
        log: RecordLog,
        screeners: Screeners,
        upstream: Upstream,
        conditions: ConditionSource,
        clock: Clock,
        responder: Responder,
        exchange_id: str,
        once: OnceLog,
        sent: Callable[[], None],
        closed: Callable[[Closed], None],
        answered: Callable[[Reply], Watched],
    ) -> None:
        self._exchange_id = exchange_id
        self._machine = machine
        self._sent = sent
        self._closed = closed
        self._answered = answered
        self._model = model
        self._unit = unit
        self._log = log
        self._once = once
        self._screeners = screeners
        self._upstream = upstream
        self._conditions = conditions
        self._clock = clock
        self._responder = responder
        self._events: Inbox[ev.Event] = Inbox(EVENTS_MAX)
        self._own: deque[ev.Event] = deque()  # what the pump itself found out,
        self._ahead = 0  # and how many events came before that and go first
        self._tasks: set[asyncio.Task[None]] = set()
        self._ticking: asyncio.TimerHandle | None = None
        self._tick_due = False  # one that goes before whatever waits
        self._due: dict[asyncio.Task[Any], float] = {}  # until when who waits for a record, in the loop's time
        self._overdue: set[asyncio.Task[Any]] = set()
        self._stream_task: asyncio.Task[None] | None = None
        self._client_gone = False
        self._failure: BaseException | None = None
        self._ended = False

    async def run(self) -> None:
        """Walk the exchange to ENDED. Whatever is raised on the way closes the client's stream and is re-raised."""
        try:
            if not self._responder.watch(self._client_left):
                self._spawn(self._watch_client())
            self._tick_later()
            commands = self._machine.start()
            while True:
                for command in commands:
                    await self._perform(command)
                if self._ended:
                    return
                event = await self._next()
                if self._failure is not None:
                    raise self._failure
                commands = self._machine.handle(event)
                if isinstance(event, ev.OutcomeDurable):
                    for closed in self._machine.closed:  # told here before the client is
                        self._closed(closed)
        except BaseException:
            await self._responder.abort()
            raise
        finally:
            self._client_gone = True  # or as good as that: nobody is told any more
            if self._ticking is not None:
                self._ticking.cancel()
            if self._tasks:
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _next(self) -> ev.Event:
        if self._tick_due:
            self._tick_due = False
            return self._ticked()
        if self._own and not self._ahead:
            return self._own.popleft()
        self._ahead = max(0, self._ahead - 1)
        return await self._events.get()

    async def _perform(self, command: do.Command) -> None:
        if isinstance(command, do.Record):
            await self._make_durable(command.draft)
            return
        if isinstance(command, do.Use):
            self._own.append(await self._use(command.drafts))
            self._ahead = len(self._events)
            return
        try:
            match command:
                case do.Screen():
                    if self._screen(command):
                        await asyncio.sleep(0)  # a stream in a burst has many asks in a row: others have their turn
                case do.Forward():
                    self._sent()
                    self._stream_task = self._spawn(self._forward(command))
                case do.CancelUpstream():
                    if self._stream_task is not None:
                        self._stream_task.cancel()
                case do.Refuse(error, notice):
                    self._tell_operator(error)
                    await self._responder.refuse(error, notice)
                case do.Answer(reply, notice):
                    await self._responder.answer(reply, notice)
                case do.Release(segment, notice):
                    await self._responder.release(segment, notice)
                case do.CloseStream(usage, notice):
                    await self._responder.close_stream(usage, notice)
                case do.CutStream(notice):
                    await self._responder.cut_stream(notice)
                case do.BreakStream(error, notice):
                    self._tell_operator(error)
                    await self._responder.break_stream(error, notice)
                case do.End():
                    self._ended = True
                case _:  # a command that this pump does not know is never skipped
                    raise IllegalStep(f"no way to perform {type(command).__name__}")
        except (ConnectionError, TimeoutError):
            # The client left while we wrote. The books already say what was decided to leave.
            self._spawn(self._say_gone())

    def _tell_operator(self, error: BrightlineError) -> None:
        """What failed inside is for the operator's log, under the exchange's id; it holds no content."""
        if isinstance(error, Unavailable | UpstreamFailed):
            log.warning("%s %s: %s", self._exchange_id, error.code, error)

    # ---- tasks: each ends in an event ------------------------------------------------------------------------

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        """A task that died without saying so must not leave the exchange waiting: wake the pump with its error."""
        self._tasks.discard(task)
        if task.cancelled() or task.exception() is None or self._failure is not None:
            return
        self._failure = task.exception()
        if self._events.full:
            return  # the pump is about to take an event, and looks at the failure first
        self._events.put_now(ev.ClientGone(self._now()))

    async def _say(self, event: ev.Event) -> None:
        await self._events.put(event)

    async def _make_durable(self, draft: Draft) -> None:
        if draft.kind is RecordKind.MARK:  # a stream goes on arriving meanwhile
            self._spawn(self._mark(draft))
            return
        self._own.append(await self._record(draft))
        self._ahead = len(self._events)

    async def _mark(self, draft: Draft) -> None:
        await self._say(await self._record(draft))

    async def _record(self, draft: Draft) -> ev.Event:
        failed = ev.MarkFailed if draft.kind is RecordKind.MARK else ev.RecordFailed
        try:
            record = await self._in_time(self._log.append(draft))
        except EvidenceUnavailable as error:
            return failed(self._now(), str(error))
        except TimeoutError:  # it may still become durable; then the next boot books this attempt as lost
            return failed(self._now(), f"a record was not durable within {RECORD_SECONDS:g} s")
        if draft.kind is RecordKind.ATTEMPT:
            conditions = self._conditions.read(self._model, self._unit)
            return ev.AttemptDurable(self._now(), record, conditions)
        if draft.kind is RecordKind.PASS:
            conditions = self._conditions.read(self._model, self._unit)
            return ev.PassDurable(self._now(), record, conditions)
        return _DURABLE[draft.kind](self._now(), record)

    async def _use(self, drafts: tuple[Draft, ...]) -> ev.Event:
        try:
            records = await self._in_time(self._once.use(drafts))
        except EvidenceUnavailable as error:
            return ev.UseFailed(self._now(), str(error))
        except TimeoutError:  # it may be used all the same: then it is lost, and never used twice
            return ev.UseFailed(self._now(), f"a use was not durable within {RECORD_SECONDS:g} s")
        return ev.UseDurable(self._now(), records) if records else ev.UsedBefore(self._now())

    async def _in_time(self, work: Coroutine[Any, Any, _T]) -> _T:
        """What comes of this. Raises ``TimeoutError`` at the first tick after ``RECORD_SECONDS``.

        As ``asyncio.timeout`` does, but that the tick looks at the time, which is there anyway: three timers fewer.
        """
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("a record is waited for outside a task")
        before = task.cancelling()
        self._due[task] = asyncio.get_running_loop().time() + RECORD_SECONDS
        try:
            return await work
        except asyncio.CancelledError:
            if task in self._overdue and task.cancelling() - 1 <= before:
                raise TimeoutError from None
            raise
        finally:
            self._due.pop(task, None)
            if task in self._overdue:
                self._overdue.discard(task)
                task.uncancel()

    def _screen(self, command: do.Screen) -> bool:
        """Have segments judged; whether that was done at once, on the loop."""
        try:
            judgements = self._screeners.judge_now(command.segments)
        except ScreeningUnavailable as error:
            self._own.append(ev.ScreeningFailed(self._now(), command.ask, str(error)))
            return True
        if judgements is None:
            self._spawn(self._screen_apart(command))
            return False
        self._own.append(self._screened(command, judgements))
        return True

    async def _screen_apart(self, command: do.Screen) -> None:
        try:
            judgements = await self._screeners.judge(command.segments)
        except ScreeningUnavailable as error:
            await self._say(ev.ScreeningFailed(self._now(), command.ask, str(error)))
            return
        await self._say(self._screened(command, judgements))

    def _screened(self, command: do.Screen, judgements: tuple[Judgement, ...]) -> ev.Screened:
        watched = NOTHING_WATCHED if command.answer is None else self._answered(command.answer)
        return ev.Screened(self._now(), command.ask, judgements, watched)

    async def _forward(self, command: do.Forward) -> None:
        try:
            async with contextlib.aclosing(self._upstream.send(command.token, command.request)) as chunks:
                if command.request.streamed:
                    await self._pass_stream(chunks)
                else:
                    await self._pass_reply(chunks)
        except UpstreamFailed as error:
            await self._say(ev.UpstreamBroke(self._now(), str(error)))

    async def _pass_reply(self, chunks: AsyncIterator[bytes]) -> None:
        body = bytearray()
        async for chunk in chunks:
            body += chunk
            if len(body) > REPLY_BYTES_MAX:
                raise UpstreamFailed(f"the upstream's answer exceeds {REPLY_BYTES_MAX} bytes")
        await self._say(ev.UpstreamReplied(self._now(), bytes(body)))

    async def _pass_stream(self, chunks: AsyncIterator[bytes]) -> None:
        parser = SseParser()
        size = 0
        async for chunk in chunks:
            size += len(chunk)
            if size > REPLY_BYTES_MAX:
                raise UpstreamFailed(f"the upstream's stream exceeds {REPLY_BYTES_MAX} bytes")
            data = tuple(event.data for event in parser.feed(chunk))
            if data and self._events.full:
                await self._say(ev.UpstreamSaid(self._now(), data))
            elif data:
                self._events.put_now(ev.UpstreamSaid(self._now(), data))
        await self._say(ev.UpstreamEnded(self._now()))

    def _client_left(self) -> None:
        if not self._client_gone:
            self._spawn(self._say_gone())

    async def _watch_client(self) -> None:
        await self._responder.gone()
        await self._say_gone()

    async def _say_gone(self) -> None:
        if not self._client_gone:
            self._client_gone = True
            await self._say(ev.ClientGone(self._now()))

    def _tick_later(self) -> None:
        self._ticking = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        self._tick_later()
        now = asyncio.get_running_loop().time()
        for task in [task for task, due in self._due.items() if due < now]:
            del self._due[task]
            self._overdue.add(task)
            task.cancel()
        if self._events:  # a client that reads slowly keeps the inbox full: a halt may not wait behind what is in it
            self._tick_due = True
        else:
            self._events.put_now(self._ticked())

    def _ticked(self) -> ev.Ticked:
        return ev.Ticked(self._now(), self._conditions.read(self._model, self._unit))

    def _now(self) -> ev.Instant:
        return ev.Instant(self._clock.monotonic(), self._clock.unix())
