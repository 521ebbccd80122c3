# SPDX-License-Identifier: Apache-2.0
"""The line before a reader: bounded by number and bytes; a text is read once; what is not read is counted."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from brightline.core.enforcement.ended import Closed
from brightline.core.errors import EvidenceUnavailable
from brightline.core.evidence.record import Draft, DurableRecord, Outcome, RefusalClass
from brightline.core.exchange.model import Exchange, Reply, ReplyChoice, Role, Turn
from brightline.core.patterns.crossing import Watched
from brightline.core.patterns.further import Place
from brightline.core.patterns.seen import Whose, see
from brightline.core.patterns.token import spans_at
from brightline.core.patterns.touched import touched_by
from brightline.core.standing import UnitStanding
from brightline.shell.clock import SystemClock
from brightline.shell.gateway.patterns import PatternWatch
from brightline.shell.inference.child import UnfitError
from brightline.shell.persons.reading import CHARS_MAX, SecondReader
from tests.playbooks import playbook as book
from tests.shell.persons import fake_reader

UNIX = 1_800_000_000
KEYS = {span: bytes(32) for span in spans_at(UNIX)}
LONG = "a day " * CHARS_MAX
CLOSED = (Closed(Outcome.COMPLETED, RefusalClass.NONE, "permit", ""),)


class Model:
    """A reader in this process that remembers what it was asked; log and books as well."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.drafts: list[Draft] = []
        self.writable = True
        self.dies = False

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Model]:
        yield self

    async def read(self, texts: Sequence[str]) -> tuple[tuple[Place, ...], ...]:
        if self.dies:
            raise UnfitError("it is gone")
        self.asked += texts
        return fake_reader.places(texts)

    async def append(self, draft: Draft) -> DurableRecord:
        if not self.writable:
            raise EvidenceUnavailable("not now")
        self.drafts.append(draft)
        return book.durable(draft, len(self.drafts))


class Street:
    """A reader with its line, and exchanges that come by."""

    def __init__(self, **bounds: int) -> None:
        self.model = Model()
        self.watch = PatternWatch(_no_store, SystemClock(), lambda _: UnitStanding(), lambda *_: None, "gateway-0")
        self.watch._keys = KEYS
        self.reader = SecondReader(
            self.model.open, self.watch, lambda _: self.model, self.model, lambda: book.TERMS, **bounds
        )
        self.count = 0

    def passes(self, *texts: str, answer: str = "") -> None:
        request = Exchange("chat", "m", tuple(Turn(Role.USER, (text,)) for text in texts))
        self.count += 1
        whose = Whose(book.WORKLOAD.id, book.WORKLOAD.unit, "planning")
        watched = Watched(seen=see(f"x{self.count}", touched_by(request), whose, UNIX, KEYS))
        reading = self.reader.begin(book.TERMS, book.WORKLOAD, request, watched)
        if answer:
            reading.heard(Reply((ReplyChoice(0, answer),)), watched)
        self.reader.end(reading, CLOSED)

    async def reads(self) -> None:
        """Read all that waits, then end."""
        task = asyncio.create_task(self.reader.run())
        while self.reader.counted[2]:  # noqa: ASYNC110 - nobody is told when it is empty
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await self.reader.close()


def _no_store() -> Any:
    raise AssertionError("nothing is kept here")


def test_what_finds_no_room_by_number_or_by_bytes_is_not_read_and_is_on_record() -> None:
    async def main() -> None:
        street = Street(waiting_max=2, bytes_max=10_000)
        street.passes("one")
        street.passes("x" * 20_000)  # alone too large
        street.passes("two")
        street.passes("three")
        *_, waiting = street.reader.counted
        assert (street.reader.counted[1], waiting) == ({"no_room": 2}, 2)
        assert "2 exchanges were not read" in street.reader.fault
        await street.reads()
        assert [draft.public["what"] for draft in street.model.drafts] == ["whole", "whole", "unread"]
        assert street.model.drafts[-1].public["unread"] == {"no_room": 2}
        street.passes("there is room again")
        *_, waiting = street.reader.counted
        assert waiting == 1

    asyncio.run(main())


def test_a_turn_that_came_before_is_read_once_and_a_long_exchange_in_part_the_newest_first() -> None:
    async def main() -> None:
        street = Street()
        street.passes("where does olumide ashwick live?")
        street.passes("where does olumide ashwick live?", "and zodwa nordwick?", answer="nobody knows")
        street.passes(LONG, "last")
        await street.reads()
        assert street.model.asked.count("where does olumide ashwick live?") == 1
        assert street.model.asked[-2:] == ["last", LONG[: CHARS_MAX - 4]]
        assert [draft.public["what"] for draft in street.model.drafts] == ["whole", "whole", "part"]
        touched = [draft.committed["touched"] for draft in street.model.drafts]
        people = [len(str(each["subjects"])) // 36 for each in touched if isinstance(each, dict)]
        assert people == [1, 2, 0]

    asyncio.run(main())


def test_what_waits_at_the_end_is_not_read_and_counts_wait_for_a_log_that_can_be_written() -> None:
    async def main() -> None:
        street = Street()
        street.passes("one")
        street.model.writable = False
        await street.reader.close()
        assert street.reader.counted == ({}, {"stopped": 1}, 0)
        assert not street.model.drafts
        street.model.writable = True
        await street.reader.book()
        await street.reader.book()  # once
        assert [draft.public["unread"] for draft in street.model.drafts] == [{"stopped": 1}]

    asyncio.run(main())


def test_a_second_reading_that_cannot_be_recorded_or_whose_keys_are_gone_counts_as_none() -> None:
    async def main() -> None:
        street = Street()
        street.passes("one")
        street.model.writable = False
        await street.reads()
        street.watch._keys = {}
        street.passes("where is olumide ashwick?")
        street.model.writable = True
        await street.reads()
        read, unread, _ = street.reader.counted
        assert (read, unread) == ({}, {"not_recorded": 1, "no_key": 1})
        assert street.model.drafts[-1].public["unread"] == {"not_recorded": 1, "no_key": 1}

    asyncio.run(main())
