# SPDX-License-Identifier: Apache-2.0
"""What the queue shows: cases a page at a time, the most urgent first, and figures of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, Connection, Row, and_, bindparam, case, exists, func, literal, select, tuple_

from brightline.core.errors import ClaimRefused
from brightline.core.review.case import CaseState
from brightline.core.review.life import Worked
from brightline.core.review.pace import How, Pace, Skips, skips_of
from brightline.core.review.urgency import DueSeconds, Severity, Waiting, alarms
from brightline.core.standing import DAY_SECONDS
from brightline.shell.review.queue.claiming import work_of
from brightline.shell.review.queue.tables import ASKED, BARRED, CASES, WORK

PAGE_MAX: Final = 500


class Shown(msgspec.Struct, frozen=True):
    """Which cases to show. ``state`` ``None``: those of every state; the other fields, empty: any.

    ``free_for`` leaves out what that person may not have: what they answered, skipped or are recused from.
    ``closed_units`` are left out.
    """

    state: CaseState | None = CaseState.OPEN
    severity: Severity | None = None
    unit: str = ""
    office: str = ""
    claimed_by: str = ""
    workload: str = ""
    clause: str = ""
    free_for: str = ""
    closed_units: frozenset[str] = frozenset()


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


class Beside(msgspec.Struct, frozen=True):
    """The other cases of a unit that the index has: how many in which state, and the latest of them."""

    states: tuple[tuple[CaseState, int], ...]
    latest: tuple[QueueItem, ...]


def page(connection: Connection, shown: Shown, after: str, limit: int, now: int) -> list[QueueItem]:
    """At most ``limit`` cases that come after the hold ``after`` (empty: from the first)."""
    statement = select(CASES).where(*_which(shown, now))
    key = tuple_(CASES.c.severity, CASES.c.due, CASES.c.hold)
    if after:
        last = (connection.execute(select(CASES.c.severity, CASES.c.due).where(CASES.c.hold == after))).one_or_none()
        if last is None:
            raise ClaimRefused(f"there is no hold {after[:80]!r} after which to go on")
        statement = statement.where(key > tuple_(literal(last.severity), literal(last.due), literal(after)))
    ordered = statement.order_by(CASES.c.severity, CASES.c.due, CASES.c.hold).limit(min(limit, PAGE_MAX))
    return [item_of(row, now) for row in connection.execute(ordered)]


def item(connection: Connection, hold: str, now: int) -> QueueItem | None:
    """One case; ``None`` if there is no such hold."""
    row = (connection.execute(select(CASES).where(CASES.c.hold == hold))).one_or_none()
    return None if row is None else item_of(row, now)


def beside(connection: Connection, unit: str, hold: str, limit: int, now: int) -> Beside:
    """The cases of a unit beside the one of a hold; counted from an index, and at most ``limit`` of them read."""
    these = (CASES.c.unit == unit, CASES.c.hold != hold)
    counted = connection.execute(select(CASES.c.state, func.count()).where(*these).group_by(CASES.c.state))
    latest = connection.execute(
        select(CASES).where(*these).order_by(CASES.c.opened.desc()).limit(min(limit, PAGE_MAX))
    )
    return Beside(
        tuple(sorted((CaseState(state), count) for state, count in counted)),
        tuple(item_of(row, now) for row in latest),
    )


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


def figures(connection: Connection, due: DueSeconds, pace: Pace, now: int) -> Figures:
    """How the queue stands at ``now``, as far as it was followed."""
    waiting = tuple(_waiting(connection, severity, now) for severity in Severity)
    answered, seconds = connection.execute(_DONE, {"since": now - DAY_SECONDS, "now": now}).one()
    return Figures(
        waiting,
        tuple(alarms(waiting, due, now)),
        tuple(_skippers(connection, pace, now)),
        answered or 0,
        (seconds or 0) // 60,
    )


def worked(connection: Connection, since: int, now: int) -> list[Worked]:
    """How long each reviewer had cases before them that they claimed from ``since`` on: from claim to decision.

    What was not ended counts until its lease did, and no longer.
    """
    rows = connection.execute(_WORKED, {"since": since, "now": now})
    return [Worked(row.reviewer, int(row.seconds)) for row in rows]


def _waiting(connection: Connection, severity: Severity, now: int) -> Waiting:
    # Each of these is read from an index alone.
    these = {"rank": severity.rank, "now": now}
    count, oldest = connection.execute(_COUNT, these).scalar_one(), connection.execute(_OLDEST, these).scalar()
    late, claimed = (connection.execute(each, these).scalar_one() for each in (_LATE, _CLAIMED))
    return Waiting(severity, count, late, claimed, oldest or 0)


_OPEN: Final = (CASES.c.state == CaseState.OPEN.value) & (CASES.c.severity == bindparam("rank"))
_COUNT: Final = select(func.count()).select_from(CASES).where(_OPEN)
_OLDEST: Final = select(CASES.c.opened).where(_OPEN).order_by(CASES.c.opened).limit(1)
_LATE: Final = _COUNT.where(CASES.c.due <= bindparam("now"))
_CLAIMED: Final = _COUNT.where(CASES.c.claimed_until > bindparam("now"))
_ENDED: Final = case((WORK.c.ended > 0, WORK.c.ended), else_=bindparam("now", type_=BigInteger))
_SECONDS: Final = func.sum(case((WORK.c.until < _ENDED, WORK.c.until), else_=_ENDED) - WORK.c.began)
_DONE: Final = select(func.sum(case((WORK.c.how == How.ANSWERED.value, 1), else_=0)), _SECONDS).where(
    WORK.c.began > bindparam("since")
)
_WORKED: Final = (
    select(WORK.c.reviewer, _SECONDS.label("seconds"))
    .where(WORK.c.began > bindparam("since"))
    .group_by(WORK.c.reviewer)
    .order_by(WORK.c.reviewer)
)


def _skippers(connection: Connection, pace: Pace, now: int) -> Iterator[Skips]:
    """Who skipped too often in the last day."""
    often = min(pace.skips_in_row_max, pace.skips_per_day_max)
    people = connection.execute(
        select(WORK.c.reviewer)
        .where(WORK.c.began > now - DAY_SECONDS, WORK.c.how == How.SKIPPED.value)
        .group_by(WORK.c.reviewer)
        .having(func.count() > often)
        .order_by(WORK.c.reviewer)
    )
    for person in people.scalars().all():
        skips = skips_of(person, work_of(connection, person, now))
        if skips.too_many(pace):
            yield skips


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
    if shown.closed_units:
        which.append(CASES.c.unit.not_in(sorted(shown.closed_units)))
    if shown.office:
        which.append(exists().where(and_(ASKED.c.hold == CASES.c.hold, ASKED.c.office == shown.office)))
    if shown.claimed_by:
        which += [CASES.c.claimed_by == shown.claimed_by, CASES.c.claimed_until > now]
    if shown.workload:
        which.append(CASES.c.workload == shown.workload)
    if shown.clause:  # the column is a JSON array of words, each as it stands here
        which.append(CASES.c.clauses.contains(msgspec.json.encode(shown.clause).decode(), autoescape=True))
    if shown.free_for:
        which.append(~exists().where(BARRED.c.hold == CASES.c.hold, BARRED.c.person == shown.free_for))
    return which


_ARRAY: Final = msgspec.json.Decoder(tuple[str, ...])
