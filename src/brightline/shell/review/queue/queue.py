# SPDX-License-Identifier: Apache-2.0
"""The queue as commands and the console use it: what waits, who has it, and the claim that a decision rests on.

Nothing here decides anything. Whoever decides holds a claim, has it renewed right before the decision is logged, and
calls :meth:`Queue.follow` afterwards, which ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Final, Self

import msgspec

from brightline.core.errors import BreakDue, ClaimRefused
from brightline.core.ports import Clock
from brightline.core.review.claims import Claim, Lease, check_reason
from brightline.core.review.pace import How, Pace, Work, break_until, goes_on, returns_to
from brightline.core.review.roles import May, may
from brightline.core.review.urgency import DueSeconds
from brightline.shell.review.queue import claiming, index, reading
from brightline.shell.review.queue.claiming import ANY, Claimant, Lasting, Narrow
from brightline.shell.review.queue.database import Database
from brightline.shell.review.queue.reading import OPEN, Figures, QueueItem, Shown
from brightline.shell.review.queue.source import Source

ANALYZE_FROM: Final = 1_000  # new cases at once, from which on the database's planner is told


class Terms(msgspec.Struct, frozen=True):
    """How the queue is run: how long a claim holds, when cases are due, how much one person has of it."""

    lease_seconds: int = 600
    due: DueSeconds = DueSeconds()
    pace: Pace = Pace()


class Queue:
    """The queue over one database and the logs of one installation. For one event loop."""

    def __init__(self, database: Database, source: Source, terms: Terms, clock: Clock) -> None:
        self._database = database
        self._source = source
        self._terms = terms
        self._clock = clock
        self._following = asyncio.Lock()

    @classmethod
    async def open(
        cls, url: str, root: Path, source: Source, clock: Clock, terms: Terms | None = None, password: str = ""
    ) -> Self:
        """Open the queue of a state folder; SQLite's path is relative to it. Whoever opens it closes it.

        Raises ``ConfigError`` for a URL that is none or a database without its tables, ``OperatorError`` for one that
        does not answer.
        """
        database = Database.at(url, root, password)
        async with contextlib.AsyncExitStack() as unless_it_opens:
            unless_it_opens.push_async_callback(database.close)
            await database.require_revision()
            unless_it_opens.pop_all()
        return cls(database, source, terms or Terms(), clock)

    async def close(self) -> None:
        """Close its connections."""
        await self._database.close()

    # ---- what waits ---------------------------------------------------------------------------------------------

    async def follow(self) -> int:
        """Take in what the logs have since somebody last did; return how many cases that were.

        Raises ``OperatorError``, ``EvidenceDamaged`` or ``TrustError`` while the logs cannot be read or believed.
        """
        taken = 0
        async with self._following:
            while True:
                async with self._database.writing() as connection:
                    await self._database.lock_reading(connection)
                    self._source.refresh()  # behind the lock: never an older registry than what was taken in
                    now = self._clock.unix()
                    read_to = await index.read_to(connection)
                    news = await asyncio.to_thread(self._source.news, read_to, now)
                    await index.take_in(self._database, connection, news, self._terms.due, now)
                    if not news.read_to:
                        await index.sweep(connection, now)
                        await index.forget(connection, now)
                taken += len(news.found)
                if len(news.found) >= ANALYZE_FROM:
                    await self._database.analyze()
                if not news.read_to:
                    return taken

    async def page(self, shown: Shown = OPEN, after: str = "", limit: int = 50) -> list[QueueItem]:
        """Cases in the order in which they are given out, from the one that follows the hold ``after``.

        To look is not to choose: :meth:`claim` does not take what somebody saw here.
        """
        async with self._database.reading() as connection:
            return await reading.page(connection, shown, after, limit, self._clock.unix())

    async def item(self, hold: str) -> QueueItem | None:
        """One case, decided ones too; ``None`` if the index has no such hold."""
        async with self._database.reading() as connection:
            return await reading.item(connection, hold, self._clock.unix())

    async def figures(self, now: int | None = None) -> Figures:
        """How the queue stands, with what must be said aloud."""
        async with self._database.reading() as connection:
            at = self._clock.unix() if now is None else now
            return await reading.figures(connection, self._terms.due, self._terms.pace, at)

    # ---- claims -------------------------------------------------------------------------------------------------

    async def claim(self, reviewer: str, narrow: Narrow = ANY) -> Claim | None:
        """Give a person the case that is next for them; ``None`` if none is.

        Whoever holds a claim gets it back as it is; whoever let a case go gets that one again. Raises ``ClaimRefused``
        for somebody who may have none, or a filter that would choose; ``BreakDue``.
        """
        now = self._clock.unix()
        who = self._claimant(reviewer, now)
        async with self._database.writing() as connection:
            await claiming.lock_reviewer(self._database, connection, reviewer, now)
            work = await claiming.work_of(connection, reviewer, now)
            if (held := goes_on(reviewer, work, now)) is not None:
                return held
            self._require_rested(work, now)
            time = Lasting.after(work, now, self._terms.lease_seconds)
            if hold := returns_to(work):
                again = await claiming.claim_again(connection, hold, who, time)
                if again is not None:
                    return again
            if narrow and await claiming.leaves_a_choice(connection, who, narrow, now):
                raise ClaimRefused("so few cases are left by this filter that it would choose one; ask for more")
            return await claiming.claim_next(connection, who, narrow, time)

    async def held(self, reviewer: str) -> Claim | None:
        """The claim that a person holds; ``None`` without one."""
        now = self._clock.unix()
        async with self._database.reading() as connection:
            return goes_on(reviewer, await claiming.work_of(connection, reviewer, now), now)

    async def lease(self, hold: str) -> Lease | None:
        """How a case is claimed; ``None`` if the index has no such open case."""
        async with self._database.reading() as connection:
            return await claiming.lease_of(connection, hold)

    async def renew(self, claim: Claim) -> Claim:
        """Let a claim hold on, for as long as a new one would. Raises ``LeaseLost``."""
        async with self._database.writing() as connection:
            return await claiming.renew(connection, claim, self._clock.unix(), self._terms.lease_seconds)

    async def check(self, claim: Claim) -> None:
        """Raise ``LeaseLost`` if the claim ended, or somebody else was given the case."""
        async with self._database.reading() as connection:
            await claiming.check(connection, claim, self._clock.unix())

    async def skip(self, claim: Claim, reason: str) -> None:
        """Leave a case to others for good, and say why. Raises ``LeaseLost``, ``ClaimRefused`` without a reason."""
        text, now = check_reason(reason), self._clock.unix()
        offices = self._offices_of_seniors(now)
        async with self._database.writing() as connection:
            await claiming.skip(self._database, connection, claim, text, offices, now)

    async def escalate(self, claim: Claim, reason: str) -> None:
        """Skip a case and leave it to senior reviewers. Raises as :meth:`skip` does."""
        text, now = check_reason(reason), self._clock.unix()
        offices = self._offices_of_seniors(now)
        async with self._database.writing() as connection:
            await claiming.skip(self._database, connection, claim, text, offices, now)
            await claiming.escalate(connection, claim.hold, offices)

    async def release(self, claim: Claim) -> None:
        """Let a case go: somebody else may claim it, and this person gets it before others. Raises ``LeaseLost``."""
        async with self._database.writing() as connection:
            await claiming.end(connection, claim, How.LET_GO, self._clock.unix())

    async def break_until(self, reviewer: str) -> int:
        """Until when a person rests, in Unix seconds; 0 if they need not."""
        now = self._clock.unix()
        async with self._database.reading() as connection:
            return break_until(await claiming.work_of(connection, reviewer, now), self._terms.pace, now)

    def _claimant(self, reviewer: str, now: int) -> Claimant:
        person = self._source.person(reviewer)
        if person is None:
            raise ClaimRefused(f"{reviewer[:80]!r} is not on the roster")
        if person.cleared_until <= now:
            raise ClaimRefused(f"the clearance of {reviewer} has ended")
        if not may(person.roles, May.DECIDE):
            raise ClaimRefused(f"{reviewer} has no role that decides")
        senior = reviewer in self._source.seniors(now)
        return Claimant(person.id, person.office, senior, self._source.closed_units(person))

    def _require_rested(self, work: list[Work], now: int) -> None:
        if until := break_until(work, self._terms.pace, now):
            raise BreakDue(f"enough for now: a break is due for {-(-(until - now) // 60)} minutes more", until)

    def _offices_of_seniors(self, now: int) -> list[str]:
        people = (self._source.person(each) for each in self._source.seniors(now))
        return sorted({person.office for person in people if person is not None})
