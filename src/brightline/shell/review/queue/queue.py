# SPDX-License-Identifier: Apache-2.0
"""The queue as commands and the console use it: what waits, who has it, and the claim that a decision rests on.

Nothing here decides anything. Whoever decides holds a claim, has it renewed right before the decision is logged, and
calls :meth:`Queue.follow` afterwards, which ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

import msgspec
from sqlalchemy import Connection

from brightline.core.errors import BreakDue, ClaimRefused, OperatorError
from brightline.core.ports import Clock
from brightline.core.review.claims import Claim, Lease, check_reason
from brightline.core.review.life import Worked
from brightline.core.review.narrowing import NOT_NARROWED, Narrowing
from brightline.core.review.pace import How, Pace, Work, break_until, goes_on, returns_to
from brightline.core.review.quorum import one_organisation
from brightline.core.review.roles import May, Role, may
from brightline.core.review.urgency import DueSeconds
from brightline.shell.review.queue import claiming, index, leases, reading
from brightline.shell.review.queue.claiming import ANY, Claimant, Lasting, Narrow
from brightline.shell.review.queue.database import (
    Database,
    analyze,
    database_at,
    lock_reading,
    require_revision,
)
from brightline.shell.review.queue.leases import Seniors
from brightline.shell.review.queue.reading import OPEN, Beside, Figures, QueueItem, Shown
from brightline.shell.review.queue.source import Found, News, Source
from brightline.shell.storage.wal import ReadTo

ANALYZE_FROM: Final = 1_000  # new cases at once, from which on the database's planner is told
TRIES: Final = 20  # of taking in, while others take in too
AT_ONCE: Final = 200  # cases that are made ready between two turns of the event loop


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
        database = database_at(url, root, password)
        async with contextlib.AsyncExitStack() as unless_it_opens:
            unless_it_opens.push_async_callback(database.close)
            await require_revision(database)
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
        taken, tries = 0, 0
        async with self._following:
            while True:
                base = await self._database.read(index.read_to)
                self._source.refresh()  # after it: never an older registry than what was taken in
                now = self._clock.unix()
                news = await asyncio.to_thread(self._source.news, base, now)
                if await self._take_in(base, news, now):
                    taken, tries = taken + len(news.found), 0
                    if not news.read_to:
                        return taken
                elif (tries := tries + 1) > TRIES:
                    raise OperatorError("others take in the logs all the time; try again")

    async def _take_in(self, base: Mapping[str, ReadTo], news: News, now: int) -> bool:
        """Whether it was taken in; not if somebody else took in something since ``base``, and nothing changed."""
        entries = [entry async for entry in self._entries(news.found, now)]
        changed = [index.Standing.of(tried, now) for tried in news.changed]
        seniors = self._seniors(now)

        def enter(connection: Connection) -> bool:
            lock_reading(connection)
            if index.read_to(connection) != base:
                return False
            index.take_in(connection, entries, changed, seniors, now)
            index.write_read_to(connection, news.read_to)
            if not news.read_to:
                index.sweep(connection, now)
            if len(entries) >= ANALYZE_FROM:
                analyze(connection)
            return True

        return await self._database.write(enter)

    async def _entries(self, found: Sequence[Found], now: int) -> AsyncIterator[index.Entry]:
        """What cases come to as plain values, here and not in a thread: what they come from goes on changing."""
        for place, each in enumerate(found):
            if place % AT_ONCE == 0:
                await asyncio.sleep(0)
            yield index.entry_of(each, self._terms.due, now)

    async def page(self, shown: Shown = OPEN, after: str = "", limit: int = 50) -> list[QueueItem]:
        """Cases in the order in which they are given out, from the one that follows the hold ``after``.

        To look is not to choose: :meth:`claim` does not take what somebody saw here.
        """
        now = self._clock.unix()
        return await self._database.read(lambda connection: reading.page(connection, shown, after, limit, now))

    async def item(self, hold: str) -> QueueItem | None:
        """One case, decided ones too; ``None`` if the index has no such hold."""
        now = self._clock.unix()
        return await self._database.read(lambda connection: reading.item(connection, hold, now))

    async def beside(self, unit: str, hold: str, limit: int) -> Beside:
        """The other cases of a unit, beside the one of a hold: how many stand how, and the latest of them."""
        now = self._clock.unix()
        return await self._database.read(lambda connection: reading.beside(connection, unit, hold, limit, now))

    async def figures(self, now: int | None = None) -> Figures:
        """How the queue stands, with what must be said aloud."""
        at, terms = self._clock.unix() if now is None else now, self._terms
        return await self._database.read(lambda connection: reading.figures(connection, terms.due, terms.pace, at))

    async def worked(self, since: int) -> list[Worked]:
        """How long each reviewer worked at what they claimed from ``since`` on (Unix seconds); 92 days are kept."""
        now = self._clock.unix()
        return await self._database.read(lambda connection: reading.worked(connection, since, now))

    # ---- claims -------------------------------------------------------------------------------------------------

    async def claim(self, reviewer: str, narrow: Narrow = ANY, left: Narrowing = NOT_NARROWED) -> Claim | None:
        """Give a person the case that is next for them; ``None`` if none is.

        ``left`` is what the session in which they ask leaves of what the roster says of them. Whoever holds a claim
        gets it back as it is; whoever let a case go gets that one again. Raises ``ClaimRefused`` for somebody who may
        have none, or a filter that would choose; ``BreakDue``.
        """
        now = self._clock.unix()
        who = self._claimant(reviewer, left, now)
        return await self._database.write(lambda connection: self._claim(connection, who, narrow, now))

    def _claim(self, connection: Connection, who: Claimant, narrow: Narrow, now: int) -> Claim | None:
        claiming.lock_reviewer(connection, who.id, now)
        work = claiming.work_of(connection, who.id, now)
        if (held := goes_on(who.id, work, now)) is not None:
            return held
        if until := break_until(work, self._terms.pace, now):
            raise BreakDue(f"enough for now: a break is due for {-(-(until - now) // 60)} minutes more", until)
        time = Lasting.after(work, now, self._terms.lease_seconds)
        if (hold := returns_to(work)) and (again := claiming.claim_again(connection, hold, who, time)) is not None:
            return again
        if narrow and claiming.leaves_a_choice(connection, who, narrow, now):
            raise ClaimRefused("so few cases are left by this filter that it would choose one; ask for more")
        return claiming.claim_next(connection, who, narrow, time)

    async def held(self, reviewer: str) -> Claim | None:
        """The claim that a person holds; ``None`` without one."""
        now = self._clock.unix()
        return goes_on(reviewer, await self._work_of(reviewer, now), now)

    async def lease(self, hold: str) -> Lease | None:
        """How a case is claimed; ``None`` if the index has no such open case."""
        return await self._database.read(lambda connection: leases.lease_of(connection, hold))

    async def renew(self, claim: Claim) -> Claim:
        """Let a claim hold on, for as long as a new one would. Raises ``LeaseLost``."""
        now, seconds = self._clock.unix(), self._terms.lease_seconds
        return await self._database.write(lambda connection: leases.renew(connection, claim, now, seconds))

    async def check(self, claim: Claim) -> None:
        """Raise ``LeaseLost`` if the claim ended, or somebody else was given the case."""
        now = self._clock.unix()
        await self._database.read(lambda connection: leases.check(connection, claim, now))

    async def skip(self, claim: Claim, reason: str) -> None:
        """Leave a case to others for good, and say why. Raises ``LeaseLost``, ``ClaimRefused`` without a reason."""
        text, now = check_reason(reason), self._clock.unix()
        seniors = self._seniors(now)
        await self._database.write(lambda connection: leases.skip(connection, claim, text, seniors, now))

    async def escalate(self, claim: Claim, reason: str) -> None:
        """Skip a case and leave it to senior reviewers. Raises as :meth:`skip` does."""
        text, now = check_reason(reason), self._clock.unix()
        seniors = self._seniors(now)

        def leave(connection: Connection) -> None:
            leases.skip(connection, claim, text, seniors, now)
            leases.escalate(connection, claim.hold, seniors)

        await self._database.write(leave)

    async def release(self, claim: Claim) -> None:
        """Let a case go: somebody else may claim it, and this person gets it before others. Raises ``LeaseLost``."""
        now = self._clock.unix()
        await self._database.write(lambda connection: leases.end(connection, claim, How.LET_GO, now))

    async def work(self, reviewer: str) -> list[Work]:
        """What a person claimed in the last day, the latest first."""
        return await self._work_of(reviewer, self._clock.unix())

    async def break_until(self, reviewer: str) -> int:
        """Until when a person rests, in Unix seconds; 0 if they need not."""
        now = self._clock.unix()
        return break_until(await self._work_of(reviewer, now), self._terms.pace, now)

    async def _work_of(self, reviewer: str, now: int) -> list[Work]:
        return await self._database.read(lambda connection: claiming.work_of(connection, reviewer, now))

    def _claimant(self, reviewer: str, left: Narrowing, now: int) -> Claimant:
        listed = self._source.person(reviewer)
        if listed is None:
            raise ClaimRefused(f"{reviewer[:80]!r} is not on the roster")
        person = left.of(listed)
        if person.cleared_until <= now:
            raise ClaimRefused(f"the clearance of {reviewer} has ended")
        if not may(person.roles, May.DECIDE):
            raise ClaimRefused(f"{reviewer} has no role that decides")
        senior = reviewer in self._source.seniors(now) and Role.SENIOR_REVIEWER in left.roles
        return Claimant(person.id, person.office, person.organisation, senior, self._source.closed_units(person))

    def _seniors(self, now: int) -> Seniors:
        by_office: dict[str, dict[str, str]] = {}
        for each in self._source.seniors(now):
            person = self._source.person(each)
            if person is not None:
                by_office.setdefault(person.office, {})[each] = one_organisation(person.organisation)
        return by_office
