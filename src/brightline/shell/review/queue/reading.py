# SPDX-License-Identifier: Apache-2.0
"""What the queue shows: cases a page at a time, the most urgent first, and figures of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Integer, Row, and_, cast, exists, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from brightline.core.errors import ClaimRefused
from brightline.core.review.case import CaseState
from brightline.core.review.pace import How, Pace, Skips, Work, skips_of
from brightline.core.review.urgency import DueSeconds, Severity, Waiting, alarms
from brightline.core.standing import DAY_SECONDS
from brightline.shell.review.queue.tables import ASKED, CASES, WORK

PAGE_MAX: Final = 500
WORKED_MAX: Final = 50_000  # claims of a day that figures look at


class Shown(msgspec.Struct, frozen=True):
    """Which cases to show. ``state`` ``None``: those of every state; the other fields, empty: any."""

    state: CaseState | None = CaseState.OPEN
    severity: Severity | None = None
    unit: str = ""
    office: str = ""
    claimed_by: str = ""


OPEN: Final = Shown()


class QueueItem(msgspec.Struct, frozen=True):
    """A case as the queue shows it. Times are Unix seconds.

    ``clauses`` are those that ask, ``offices`` those of whose people an answer could decide something, ``answered``
    how many persons have; ``claimed_by`` is empty for nobody. Its record is ``shard/seq``.
    """

    hold: str
    case: str
    unit: str
    workload: str
    clauses: tuple[str, ...]
    severity: Severity
    opened: int
    due: int
    expires: int
    state: CaseState
    escalated: bool
    claimed_by: str
    claimed_until: int
    offices: tuple[str, ...]
    answered: int
    shard: str
    seq: int
    exchange: str


class Figures(msgspec.Struct, frozen=True):
    """How the queue stands: what waits by severity, what must be said aloud, who skips often, what was done in a day.

    ``answered_in_day`` counts claims that ended in an answer, ``minutes_in_day`` the time that all claims took.
    """

    waiting: tuple[Waiting, ...]
    alarms: tuple[str, ...]
    skippers: tuple[Skips, ...]
    answered_in_day: int
    minutes_in_day: int


async def page(connection: AsyncConnection, shown: Shown, after: str, limit: int, now: int) -> list[QueueItem]:
    """At most ``limit`` cases that come after the hold ``after`` (empty: from the first)."""
    statement = select(CASES).where(*_which(shown, now))
    key = tuple_(CASES.c.severity, CASES.c.due, CASES.c.hold)
    if after:
        last = (
            await connection.execute(select(CASES.c.severity, CASES.c.due).where(CASES.c.hold == after))
        ).one_or_none()
        if last is None:
            raise ClaimRefused(f"there is no hold {after[:80]!r} after which to go on")
        statement = statement.where(key > tuple_(literal(last.severity), literal(last.due), literal(after)))
    ordered = statement.order_by(CASES.c.severity, CASES.c.due, CASES.c.hold).limit(min(limit, PAGE_MAX))
    return [item_of(row, now) for row in await connection.execute(ordered)]


async def item(connection: AsyncConnection, hold: str, now: int) -> QueueItem | None:
    """One case; ``None`` if there is no such hold."""
    row = (await connection.execute(select(CASES).where(CASES.c.hold == hold))).one_or_none()
    return None if row is None else item_of(row, now)


def item_of(row: Row[Any], now: int) -> QueueItem:
    """A row as it stands at ``now``."""
    state = CaseState(row.state)
    if state is CaseState.OPEN and row.expires <= now:
        state = CaseState.EXPIRED
    claimed = state is CaseState.OPEN and row.claimed_until > now
    return QueueItem(
        hold=row.hold,
        case=row.digest,
        unit=row.unit,
        workload=row.workload,
        clauses=_ARRAY.decode(row.clauses),
        severity=Severity.of_rank(row.severity),
        opened=row.opened,
        due=row.due,
        expires=row.expires,
        state=state,
        escalated=bool(row.escalated),
        claimed_by=row.claimed_by if claimed else "",
        claimed_until=row.claimed_until if claimed else 0,
        offices=_ARRAY.decode(row.offices),
        answered=row.answered,
        shard=row.shard,
        seq=row.seq,
        exchange=row.exchange,
    )


async def figures(connection: AsyncConnection, due: DueSeconds, pace: Pace, now: int) -> Figures:
    """How the queue stands at ``now``."""
    rows = await connection.execute(
        select(
            CASES.c.severity,
            func.count(),
            func.sum(cast(CASES.c.due <= now, Integer)),
            func.sum(cast(CASES.c.claimed_until > now, Integer)),
            func.min(CASES.c.opened),
        )
        .where(CASES.c.state == CaseState.OPEN.value, CASES.c.expires > now)
        .group_by(CASES.c.severity)
    )
    found = {row[0]: Waiting(Severity.of_rank(row[0]), row[1], row[2], row[3], row[4]) for row in rows}
    waiting = tuple(found.get(each.rank, Waiting(each, 0, 0, 0, 0)) for each in Severity)
    worked = await _worked(connection, now)
    skips = [skips_of(person, work) for person, work in worked.items()]
    done = [work for all_ in worked.values() for work in all_]
    return Figures(
        waiting,
        tuple(alarms(waiting, due, now)),
        tuple(each for each in skips if each.too_many(pace)),
        sum(work.how is How.ANSWERED for work in done),
        sum(work.end(now) - work.began for work in done) // 60,
    )


async def _worked(connection: AsyncConnection, now: int) -> dict[str, list[Work]]:
    rows = await connection.execute(
        select(WORK)
        .where(WORK.c.began > now - DAY_SECONDS)
        .order_by(WORK.c.began.desc(), WORK.c.token.desc())
        .limit(WORKED_MAX)
    )
    worked: dict[str, list[Work]] = {}
    for row in rows:
        work = Work(row.hold, row.token, row.began, row.until, row.ended, How(row.how))
        worked.setdefault(row.reviewer, []).append(work)
    return worked


def _which(shown: Shown, now: int) -> Sequence[Any]:
    which: list[Any] = []
    if shown.state is not None:
        which.append(CASES.c.state == shown.state.value)
        if shown.state is CaseState.OPEN:
            which.append(CASES.c.expires > now)
    if shown.severity is not None:
        which.append(CASES.c.severity == shown.severity.rank)
    if shown.unit:
        which.append(CASES.c.unit == shown.unit)
    if shown.office:
        which.append(exists().where(and_(ASKED.c.hold == CASES.c.hold, ASKED.c.office == shown.office)))
    if shown.claimed_by:
        which += [CASES.c.claimed_by == shown.claimed_by, CASES.c.claimed_until > now]
    return which


_ARRAY: Final = msgspec.json.Decoder(tuple[str, ...])
