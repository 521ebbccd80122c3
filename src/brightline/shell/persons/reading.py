# SPDX-License-Identifier: Apache-2.0
"""Reads exchanges for persons once more, after their answers left, and adds whom it finds to the counts.

    an exchange ends → waits in memory, in a line that is bounded by number and bytes → a process says which words are
    of names → who was not counted on the way is counted now, at the time of the exchange → a TOUCHED record says so

No exchange waits for this, and none fails by it. What finds no room, or meets a reader that is away or fails, is not
read, is not tried again, and is counted by why; the counts go into a TOUCHED record before each PERIOD. So what has no
TOUCHED record of its own was not read, also after a crash. Texts and names are in memory alone, and go with it.

A text that stood in an earlier exchange is not given to the reader again: of it are remembered a keyed digest and the
places of the words, and no word.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import sys
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final

import msgspec

from brightline.core.enforcement.ended import Closed
from brightline.core.enforcement.terms import Terms
from brightline.core.errors import EvidenceUnavailable
from brightline.core.exchange.model import Exchange, Reply
from brightline.core.patterns.crossing import Watched
from brightline.core.patterns.further import Place, forms_in
from brightline.core.patterns.later import found_further, read_draft, unread_draft
from brightline.core.patterns.touched import texts_asked, texts_said
from brightline.core.ports import RecordLog
from brightline.core.workload import Workload
from brightline.shell.gateway.patterns import PatternWatch
from brightline.shell.inference.child import UnfitError
from brightline.shell.persons.process import NameReader

CHARS_MAX: Final = 65_536
"""So much of one exchange is read, the newest first; of a longer one the record says that a part was."""
KNOWN_MAX: Final = 8_192
AGAIN_SECONDS: Final = (0.1, 1.0, 5.0, 30.0)
NO_ROOM, NO_READER, FAILED = "no_room", "no_reader", "reader_failed"
NO_KEY, NO_RECORD, STOPPED, UNENDED = "no_key", "not_recorded", "stopped", "not_ended"

log = logging.getLogger("brightline")
Opens = Callable[[], AbstractAsyncContextManager[NameReader]]


class Reading:
    """One exchange while it goes on: what will be read of it once it has ended."""

    __slots__ = ("answered", "asked", "reply", "request", "terms", "verdict", "workload")

    def __init__(self, terms: Terms, workload: Workload, request: Exchange | None, asked: Watched) -> None:
        self.terms = terms
        self.workload = workload
        self.request = request
        self.asked = asked
        self.reply: Reply | None = None
        self.answered: Watched | None = None
        self.verdict = "none"

    def heard(self, reply: Reply, watched: Watched) -> Watched:
        """Its whole answer, as it was read on the way."""
        if watched.seen is not None:
            self.reply, self.answered = reply, watched
        return watched


class SecondReader:
    """The line before the reader of one process, and what comes of it. Without ``opens`` there is none."""

    def __init__(
        self,
        opens: Opens | None,
        watch: PatternWatch,
        records: Callable[[Workload], RecordLog],
        books: RecordLog,
        terms: Callable[[], Terms],
        waiting_max: int = 1_000,
        bytes_max: int = 64 << 20,
    ) -> None:
        """``records`` is where the record of an exchange of this workload goes, ``books`` where the counts go."""
        self._opens = opens
        self._watch = watch
        self._records = records
        self._books = books
        self._terms = terms
        self._waiting_max, self._bytes_max = waiting_max, bytes_max
        self._line: deque[tuple[Reading, int]] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._fault = ""
        self._away = False
        self._busy = False
        self._read: Counter[str] = Counter()
        self._unread: Counter[str] = Counter()
        self._unread_since_start: Counter[str] = Counter()
        self._known: OrderedDict[bytes, tuple[Place, ...]] = OrderedDict()
        self._secret = secrets.token_bytes(32)

    # ---- for the way of an exchange: no awaits, nothing raised ---------------------------------------------------

    def begin(self, terms: Terms, workload: Workload, request: object, asked: Watched) -> Reading:
        """Go along with an exchange that begins."""
        return Reading(terms, workload, request if isinstance(request, Exchange) else None, asked)

    def end(self, reading: Reading, closed: Sequence[Closed]) -> None:
        """An exchange has ended: it waits to be read, or is counted as not read."""
        if self._opens is None or reading.request is None or reading.asked.seen is None:
            return  # nobody reads again here, or nobody was read for on the way
        if not closed:
            self._not_read(UNENDED)
            return
        if self._away:
            self._not_read(NO_READER)
            return
        reading.verdict = closed[0].verdict
        size = _bytes_of(reading)
        if len(self._line) >= self._waiting_max or self._bytes + size > self._bytes_max:
            self._not_read(NO_ROOM)
            return
        reading.request = msgspec.structs.replace(reading.request, tools=(), metadata={}, labels={})
        self._line.append((reading, size))
        self._bytes += size
        self._wake.set()

    # ---- for operators -------------------------------------------------------------------------------------------

    @property
    def fault(self) -> str:
        """Why exchanges are not read again now, and how many were not; empty if all is well."""
        if self._opens is None:
            return ""
        unread = sum(self._unread_since_start.values())
        missing = f"{unread} exchanges were not read for names a second time since the start" if unread else ""
        away = f"exchanges are not read for names a second time: {self._fault}" if self._fault else ""
        return "; ".join(each for each in (away, missing) if each)

    @property
    def counted(self) -> tuple[Mapping[str, int], Mapping[str, int], int]:
        """Since the start: exchanges that were read (whole, part), that were not, by why; and how many wait now."""
        return self._read, self._unread_since_start, len(self._line) + self._busy

    # ---- beside the exchanges ------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Read what waits, without end; nothing where no reader is wanted."""
        if self._opens is None:
            return
        failures = 0
        while True:
            try:
                async with self._opens() as reader:
                    self._fault, self._away = "", False
                    while True:
                        await self._read_one(reader)
                        failures = 0
            except UnfitError as error:
                self._fault = str(error)
                log.warning("the reader of names is out: %s", error)
            if failures:  # a second time in a row: who waits would wait for nobody
                self._away = True
                self._drop(NO_READER)
            await asyncio.sleep(AGAIN_SECONDS[min(failures, len(AGAIN_SECONDS) - 1)])
            failures += 1

    async def book(self) -> None:
        """Put on record how many were not read since the last time."""
        if not self._unread:
            return
        counts = dict(self._unread)
        self._unread.clear()
        try:
            await self._books.append(unread_draft(self._terms().header(), counts))
        except EvidenceUnavailable as error:
            self._unread.update(counts)
            log.warning("that %d exchanges were not read again is not on record yet: %s", sum(counts.values()), error)

    async def close(self) -> None:
        """Nothing is read any more: what waits is not."""
        self._drop(STOPPED)
        await self.book()

    async def _read_one(self, reader: NameReader) -> None:
        while not self._line:
            self._wake.clear()
            await self._wake.wait()
        reading, size = self._line.popleft()
        self._bytes -= size
        self._busy, why = True, STOPPED
        try:
            why = await self._read_exchange(reader, reading)
        except UnfitError:
            why = FAILED
            raise
        finally:
            self._busy = False
            if why:
                self._not_read(why)

    async def _read_exchange(self, reader: NameReader, reading: Reading) -> str:
        """Read one, count and record whom it names; why it was not read, empty if it was. Raises ``UnfitError``."""
        request, asked, answered = reading.request, reading.asked.seen, reading.answered
        if request is None or asked is None:
            raise AssertionError("what waits was read on the way")
        texts, whole = _chosen(request, reading.reply)
        forms = await self._forms(reader, texts)
        try:
            seen = await asyncio.to_thread(
                found_further,
                asked,
                answered.seen if answered is not None else None,
                request,
                reading.reply,
                forms,
                self._watch.keys,
            )
        except KeyError:
            return NO_KEY
        crossed = self._watch.later(reading.terms.agreement, seen)
        rows = [(each.pattern.id, each.over.value, each.subjects) for each in crossed]
        draft = read_draft(reading.terms.header(), reading.verdict, seen, rows, whole=whole)
        try:
            record = await self._records(reading.workload).append(draft)
        except EvidenceUnavailable as error:
            log.warning("that %s was read again is not on record: %s", seen.exchange, error)
            return NO_RECORD
        self._read[str(draft.public["what"])] += 1
        place = f"{record.place.shard}/{record.place.seq}"
        self._watch.notice(seen.whose.unit, [msgspec.structs.replace(each, record=place) for each in crossed])
        return ""

    async def _forms(self, reader: NameReader, texts: Sequence[str]) -> list[str]:
        """The names in these texts, as they are written there."""
        digests = [hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._secret).digest() for text in texts]
        fresh = {digest: text for digest, text in zip(digests, texts, strict=True) if digest not in self._known}
        if fresh:
            found = await reader.read(list(fresh.values()))
            self._known.update(zip(fresh, found, strict=True))
        forms: dict[str, None] = {}
        for digest, text in zip(digests, texts, strict=True):
            self._known.move_to_end(digest)
            forms.update(dict.fromkeys(forms_in(text, self._known[digest])))
        while len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        return list(forms)

    def _drop(self, why: str) -> None:
        for _ in range(len(self._line)):
            self._line.popleft()
            self._not_read(why)
        self._bytes = 0

    def _not_read(self, why: str) -> None:
        self._unread[why] += 1
        self._unread_since_start[why] += 1


def _texts_of(request: Exchange, reply: Reply | None) -> list[str]:
    """All texts, the newest first."""
    return [*(texts_said(reply) if reply is not None else ()), *reversed(texts_asked(request))]


def _chosen(request: Exchange, reply: Reply | None) -> tuple[list[str], bool]:
    """What of them is read, each once, and whether that is all."""
    chosen, left, whole = dict[str, None](), CHARS_MAX, True
    for text in _texts_of(request, reply):
        if not text.strip() or text in chosen:
            continue
        if len(text) > left:
            whole = False
            text = text[:left]  # noqa: PLW2901 - what is left of it
        if text:
            chosen[text] = None
            left -= len(text)
    return list(chosen), whole


def _bytes_of(reading: Reading) -> int:
    request = reading.request
    if request is None:
        return 0
    return sum(map(sys.getsizeof, _all(request, reading.reply)))


def _all(request: Exchange, reply: Reply | None) -> Iterable[str]:
    """Every long text that is kept while it waits."""
    for turn in request.turns:
        yield from (*turn.texts, turn.reasoning, turn.refusal, turn.name)
        yield from (call.arguments for call in turn.calls)
    for choice in reply.choices if reply is not None else ():
        yield from (choice.text, choice.reasoning, choice.refusal)
        yield from (call.arguments for call in choice.calls)
