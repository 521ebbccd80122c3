# SPDX-License-Identifier: Apache-2.0
"""Counts the people whom requests touch, and says when that is more than the agreement allows.

It looks at a request once, before its ATTEMPT, and at its answer once, when all of it is there: the persons in it
become tokens, the tokens are counted with those of before, and what crosses a pattern of the agreement is stated as
unknown. An agreement without patterns costs nothing: nobody is read for, and nothing is counted.

Each second the counts are kept, merged with those of the other workers (``sketches.py``). While that has not been
possible for ten seconds, whether anything is within its bounds is unknown; for a minute, and service stops. At a
start the counts are read, and what the log says since is counted again: twice is the same as once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.canonical import JsonValue
from brightline.core.errors import CallerError, OperatorError
from brightline.core.evidence.batch import Frame
from brightline.core.evidence.keytree import KeyDestroyed
from brightline.core.exchange.model import Exchange, Reply
from brightline.core.facts import Statement
from brightline.core.patterns.book import PatternBook
from brightline.core.patterns.crossing import (
    NOTHING_WATCHED,
    Crossed,
    Watched,
    beyond_bounds,
    crossings,
    statements_of,
    without_counts,
)
from brightline.core.patterns.question import ask
from brightline.core.patterns.seen import COUNTED_KINDS, Seen, Whose, read_seen, see
from brightline.core.patterns.token import SPAN_SECONDS, spans_at
from brightline.core.patterns.touched import touched_by, touched_by_answer
from brightline.core.ports import Clock
from brightline.core.register import PurposeBounds, RegisterBook
from brightline.core.standing import UnitStanding
from brightline.core.workload import Workload
from brightline.shell.storage.sketches import CountStore
from brightline.shell.storage.wal import written_before

KEEP_SECONDS: Final = 1.0
STALE_SECONDS: Final = 10.0
LOST_SECONDS: Final = 60.0
MARGIN_SECONDS: Final = 60
FORGET_AFTER_SECONDS: Final = 3_600.0
"""A span is over once it has been for an hour of a clock that never steps: a wall clock that jumps destroys no key."""

UNBOUNDED: Final = PurposeBounds("", "", "")

log = logging.getLogger("brightline")
Peek = Callable[[Frame], Mapping[str, JsonValue]]
TooOld = Callable[[Frame], bool]


class PatternWatch:
    """The counts at this worker. ``on_notice`` is called once for each matter of standing."""

    def __init__(
        self,
        store: Callable[[], CountStore],
        clock: Clock,
        standing_of: Callable[[str], UnitStanding],
        on_notice: Callable[[str, Crossed], None],
        shard: str,
    ) -> None:
        self.book = PatternBook()
        self._open_store = store
        self._store: CountStore | None = None
        self._clock = clock
        self._standing_of = standing_of
        self._on_notice = on_notice
        self._shard = shard
        self._keys: Mapping[int, bytes] = {}
        self._heard = 0
        self._kept = clock.monotonic()
        self._called: dict[str, int] = {}  # unit → when people had last let it off, as it was when we called
        self._older = (0, 0.0)  # the older span, and since when it is that, by the clock that never steps
        self._forgotten = 0  # the older span when all before it were forgotten

    @property
    def opened(self) -> bool:
        """Whether counts can be kept at all."""
        return self._store is not None

    @property
    def lost(self) -> bool:
        """Whether the counts could not be kept, or compared with those of others, for too long."""
        return self._age > LOST_SECONDS or self.book.full

    @property
    def _age(self) -> float:
        return self._clock.monotonic() - self._kept

    def look(
        self,
        agreement: Agreement,
        registers: RegisterBook,
        workload: Workload,
        exchange: str,
        request: Exchange | CallerError,
        unix: int,
    ) -> Watched:
        """Count the request of an exchange, and say what the counts make of its facts."""
        if isinstance(request, CallerError):
            return NOTHING_WATCHED
        purpose = registers.purpose(workload.registration.purpose_id)
        bounds = purpose.bounds if purpose is not None else UNBOUNDED
        if not agreement.patterns:  # nobody is counted: then nobody knows whether a number is kept
            return Watched(without_counts(agreement.vocabulary)) if bounds.counted else NOTHING_WATCHED
        whose = Whose(workload.id, workload.unit, workload.registration.purpose_id)
        touched = touched_by(request)
        try:
            asked = ask(request, touched.persons, unix, self._keys)
            seen = msgspec.structs.replace(see(exchange, touched, whose, unix, self._keys), asked=asked)
        except KeyError:  # no key of this time: nobody can be counted
            return Watched(without_counts(agreement.vocabulary))
        statements, said = self._count(agreement, bounds, seen)
        return Watched(statements, seen.fields(said), seen, touched.about)

    def answer(
        self,
        agreement: Agreement,
        registers: RegisterBook,
        workload: Workload,
        asked: Watched,
        reply: Reply,
    ) -> Watched:
        """Count the whole answer to a request that was looked at, and say what the counts make of its facts."""
        if asked.seen is None or reply.vectors:  # nobody is counted, or could be
            return NOTHING_WATCHED
        purpose = registers.purpose(workload.registration.purpose_id)
        try:
            answer = touched_by_answer(reply, asked.about)
            seen = asked.seen.answered(answer, self._keys)
        except KeyError:  # the keys of that time are gone
            return Watched(without_counts(agreement.vocabulary))
        statements, said = self._count(agreement, purpose.bounds if purpose is not None else UNBOUNDED, seen)
        return Watched(statements, seen.fields_of_answer(said), seen)

    def _count(
        self, agreement: Agreement, bounds: PurposeBounds, seen: Seen
    ) -> tuple[tuple[Statement, ...], list[tuple[str, str, int]]]:
        """Count them; what that makes of facts, and which patterns were crossed, over what, with how many people."""
        self.book.enter(seen)
        crossed = crossings(self.book, agreement.patterns, seen)
        self.notice(seen.whose.unit, crossed)
        statements = statements_of(crossed) + beyond_bounds(self.book, bounds, seen, agreement.vocabulary)
        if self._age > STALE_SECONDS or self.book.full:
            statements += without_counts(agreement.vocabulary)
        return statements, [(each.pattern.id, each.over.value, each.subjects) for each in crossed]

    @property
    def keys(self) -> Mapping[int, bytes]:
        """The keys of the spans that are known now."""
        return self._keys

    def later(self, agreement: Agreement, seen: Seen) -> tuple[Crossed, ...]:
        """Count what was found in an exchange after it ended; return what that crosses. The next request meets it."""
        self.book.enter(seen)
        return crossings(self.book, agreement.patterns, seen)

    def not_called(self, unit: str) -> None:
        """It could not be logged: the next request that crosses the pattern finds it again."""
        self._called.pop(unit, None)

    def open(self, logs: Callable[[str, TooOld], tuple[Iterable[Frame], Peek]], shards: Sequence[str]) -> None:
        """Read what is kept, and count what these shards say since. Blocks. Raises ``OperatorError``.

        ``logs`` gives the frames of a shard that are not too old, and what opens them.
        """
        with contextlib.ExitStack() as unless_opened:
            store, unix = self._open_store(), self._clock.unix()
            unless_opened.callback(store.close)
            keys, heard = store.keys(_wanted(unix)), store.hear(0)
            for counted, sketch in heard.sketches:
                self.book.merge(counted, sketch)
            for shard in shards:
                since = max(store.kept_at(shard) - MARGIN_SECONDS, unix - SPAN_SECONDS)
                self.rebuild(*logs(shard, written_before(since)))
            unless_opened.pop_all()
        self._heard, self._store, self._kept = heard.turn, store, self._clock.monotonic()
        self._keys = keys  # last: from now on requests are counted

    def rebuild(self, frames: Iterable[Frame], peek: Peek) -> int:
        """Count what a log says; return how many records counted. What was destroyed is not counted."""
        counted = 0
        for frame in frames:
            if frame.kind not in COUNTED_KINDS:
                continue
            with contextlib.suppress(KeyDestroyed):
                seen = read_seen(frame.exchange, peek(frame))
                if seen is not None:
                    self.book.enter(seen)
                    counted += 1
        return counted

    async def keep(self) -> None:
        """Keep what changed and take in what others have kept; what cannot be kept is kept the next time."""
        store = self._store
        if store is None:
            return
        unix, changed = self._clock.unix(), self.book.take_changed()
        wanted, over = _wanted(unix), self._over(unix)
        try:
            if any(span not in self._keys for span in wanted):
                self._keys = {**self._keys, **await asyncio.to_thread(store.keys, wanted)}
            if changed:
                heard = await asyncio.to_thread(store.keep, changed, self._heard, self._shard, unix)
            else:
                heard = await asyncio.to_thread(store.hear, self._heard)
            if over:
                await asyncio.to_thread(store.forget, unix)
        except OperatorError as error:
            self.book.give_back(changed)
            log.warning("the counts of people cannot be kept: %s", error)
            return
        for counted, sketch in heard.sketches:
            self.book.merge(counted, sketch)
        self._heard = heard.turn
        if over:
            self.book.forget(unix)
            self._keys = {span: key for span, key in self._keys.items() if span in wanted}
            self._forgotten = wanted[0]
        self._kept = self._clock.monotonic()

    async def close(self) -> None:
        """Keep what is left."""
        if self._store is not None:
            await self.keep()
            self._store.close()
            self._store = None

    def notice(self, unit: str, crossed: Iterable[Crossed]) -> None:
        """Call people where a number is reached from which on it is a matter of standing, unless they were called."""
        noticed = [each for each in crossed if each.noticed]
        if not noticed:
            return
        stands = self._standing_of(unit)
        if not stands.serves or stands.pattern or self._called.get(unit) == stands.looked:
            return  # people have been called
        self._called[unit] = stands.looked
        self._on_notice(unit, noticed[0])

    def _over(self, unix: int) -> bool:
        """Whether spans are to be forgotten that have been over for long enough."""
        now, older = self._clock.monotonic(), spans_at(unix)[0]
        if self._older[0] != older:
            self._older = (older, now)
        return self._forgotten != older and now - self._older[1] >= FORGET_AFTER_SECONDS


def _wanted(unix: int) -> tuple[int, ...]:
    """The spans whose keys are needed now or soon."""
    older, newer = spans_at(unix)
    return older, newer, newer + 1
