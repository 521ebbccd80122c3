# SPDX-License-Identifier: Apache-2.0
"""Taking in what the logs have: each case as one row, a row for each office that is asked, and who may not have it.

Whatever is taken in twice gives the same rows, so that reading again from an earlier place, or from the start, harms
nothing. Claims survive it, except those of cases that are decided, or that were opened anew.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import CursorResult, case, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from brightline.core.review.case import CaseState
from brightline.core.review.claims import barred, deciders, offices_of
from brightline.core.review.docket import Tried
from brightline.core.review.pace import How
from brightline.core.review.urgency import DueSeconds, due_of
from brightline.core.standing import DAY_SECONDS
from brightline.shell.review.queue.database import Database
from brightline.shell.review.queue.source import Found, News
from brightline.shell.review.queue.tables import ASKED, BARRED, CASES, READ, WORK
from brightline.shell.storage.wal import ReadTo

CHUNK: Final = 400  # rows that one IN names
KEPT_SECONDS: Final = 31 * DAY_SECONDS
"""For so long after it expired a case stays in the index."""
_OF_LOG: Final = tuple(
    column.name for column in CASES.columns if column.name not in {"hold", "token", "claimed_by", "claimed_until"}
)


async def read_to(connection: AsyncConnection) -> dict[str, ReadTo]:
    """How far each shard was read."""
    rows = (await connection.execute(select(READ))).all()
    return {row.shard: ReadTo(row.segment, row.offset, row.size, bytes(row.last)) for row in rows}


async def take_in(database: Database, connection: AsyncConnection, news: News, due: DueSeconds, now: int) -> None:
    """Enter what is new, and how far it was read, in one transaction."""
    # The latest of each hold: it is opened anew once it has expired.
    latest: dict[str, Found] = {}
    for each in sorted(news.found, key=lambda found: found.tried.case.opened):
        latest[each.tried.case.hold] = each
    for some in _chunks(latest.values()):
        await _enter(database, connection, some, due, now)
    for tried in news.changed:
        await _change(connection, tried, now)
    for shard, place in news.read_to.items():
        row = {"shard": shard, **msgspec.structs.asdict(place)}
        insert = database.insert(READ).values(**row)
        await connection.execute(insert.on_conflict_do_update(index_elements=["shard"], set_=row))


async def sweep(connection: AsyncConnection, now: int) -> int:
    """What only time changes: cases expire, become late, and are forgotten. Returns how many expired."""
    over = (CASES.c.state == CaseState.OPEN.value) & (CASES.c.expires <= now)
    expired: CursorResult[Any] = await connection.execute(
        update(CASES).where(over).values(state=CaseState.EXPIRED.value, claimed_by="", claimed_until=0)
    )
    if expired.rowcount:
        await connection.execute(
            delete(ASKED).where(ASKED.c.hold.in_(select(CASES.c.hold).where(CASES.c.state == CaseState.EXPIRED.value)))
        )
        await _end_work(connection, CASES.c.state == CaseState.EXPIRED.value, now)
    late = (ASKED.c.escalated == 0) & (ASKED.c.due <= now)
    held = select(ASKED.c.hold).where(late)
    await connection.execute(update(CASES).where(CASES.c.hold.in_(held)).values(escalated=1))
    await connection.execute(update(ASKED).where(late).values(escalated=1))
    return expired.rowcount


async def forget(connection: AsyncConnection, now: int) -> None:
    """Take out what expired long ago, with all that was about it."""
    old = select(CASES.c.hold).where(CASES.c.expires <= now - KEPT_SECONDS)
    for table in (ASKED, BARRED):
        await connection.execute(delete(table).where(table.c.hold.in_(old)))
    await connection.execute(delete(CASES).where(CASES.c.expires <= now - KEPT_SECONDS))
    await connection.execute(delete(WORK).where(WORK.c.began <= now - KEPT_SECONDS))


# ---- rows -------------------------------------------------------------------------------------------------------


def _row(found: Found, due: DueSeconds, now: int) -> dict[str, Any]:
    tried, severity = found.tried, found.severity
    one = tried.case
    by = due_of(one.opened, one.expires, severity, due)
    return {
        "hold": one.hold,
        "digest": one.digest,
        "shard": found.shard,
        "seq": found.seq,
        "exchange": found.exchange,
        "unit": one.unit,
        "workload": one.workload,
        "clauses": _array(one.clauses),
        "severity": severity.rank,
        "opened": one.opened,
        "due": by,
        "expires": one.expires,
        "escalated": int(by <= now),
        **_standing(tried, now),
    }


def _standing(tried: Tried, now: int) -> dict[str, Any]:
    """What of a case's row follows from what people said."""
    state = tried.state(now)
    offices = offices_of(tried) if state is CaseState.OPEN else ()
    return {"state": state.value, "offices": _array(offices), "answered": len(deciders(tried))}


def _asked(tried: Tried, severity: int, due: int, escalated: int, seniors: int, now: int) -> list[dict[str, Any]]:
    if tried.state(now) is not CaseState.OPEN:
        return []
    common = {"severity": severity, "due": due, "escalated": escalated, "seniors": seniors}
    return [
        {"hold": tried.case.hold, "office": office, "unit": tried.case.unit, **common} for office in offices_of(tried)
    ]


def _barred(tried: Tried) -> list[dict[str, Any]]:
    return [
        {"hold": tried.case.hold, "person": person, "why": why, "reason": ""} for person, why in barred(tried).items()
    ]


def _array(values: Sequence[str]) -> str:
    return msgspec.json.encode(list(values)).decode()


# ---- statements -------------------------------------------------------------------------------------------------


async def _enter(
    database: Database, connection: AsyncConnection, found: Sequence[Found], due: DueSeconds, now: int
) -> None:
    """Insert cases, or put them in the place of the same ones, or of earlier cases of the same hold."""
    holds = [each.tried.case.hold for each in found]
    rows = await connection.execute(
        select(CASES.c.hold, CASES.c.digest, CASES.c.opened).where(CASES.c.hold.in_(holds))
    )
    known = {row.hold: row for row in rows}
    entered = [
        each
        for each in found
        if (row := known.get(each.tried.case.hold)) is None or row.opened <= each.tried.case.opened
    ]
    if not entered:
        return
    insert = database.insert(CASES)
    new = insert.excluded
    anew = CASES.c.digest != new.digest  # a claim to the case before is no claim to this one
    upsert = insert.on_conflict_do_update(
        index_elements=["hold"],
        set_={name: new[name] for name in _OF_LOG}
        | {
            "token": case((anew, CASES.c.token + 1), else_=CASES.c.token),
            "claimed_by": case((anew, ""), else_=CASES.c.claimed_by),
            "claimed_until": case((anew, 0), else_=CASES.c.claimed_until),
        },
    )
    free = {"token": 0, "claimed_by": "", "claimed_until": 0}
    await connection.execute(upsert, [_row(each, due, now) | free for each in entered])
    holds = [each.tried.case.hold for each in entered]
    if known:
        seniors = await _of_seniors(connection, holds)
        await connection.execute(delete(ASKED).where(ASKED.c.hold.in_(holds)))
        await connection.execute(delete(BARRED).where(BARRED.c.hold.in_(holds), BARRED.c.why != How.SKIPPED.value))
    else:
        seniors = frozenset()
    asked, out = [], []
    for each in entered:
        values = _row(each, due, now)
        of_seniors = int(values["hold"] in seniors)
        standing = values["severity"], values["due"], values["escalated"] | of_seniors, of_seniors
        asked += _asked(each.tried, *standing, now)
        out += _barred(each.tried)
    if asked:
        await connection.execute(ASKED.insert(), asked)
    if out:
        await connection.execute(BARRED.insert(), out)
    await _settle_claims(connection, [each.tried for each in entered if each.tried.case.hold in known], now)


async def _change(connection: AsyncConnection, tried: Tried, now: int) -> None:
    """What people said of a case that is in the index; one that is not, or not any more, changes nothing."""
    hold = tried.case.hold
    row = (
        await connection.execute(select(CASES).where(CASES.c.hold == hold, CASES.c.digest == tried.case.digest))
    ).one_or_none()
    if row is None:
        return
    of_seniors = int(bool(await _of_seniors(connection, [hold])))
    await connection.execute(update(CASES).where(CASES.c.hold == hold).values(**_standing(tried, now)))
    await connection.execute(delete(ASKED).where(ASKED.c.hold == hold))
    await connection.execute(delete(BARRED).where(BARRED.c.hold == hold, BARRED.c.why != How.SKIPPED.value))
    if asked := _asked(tried, row.severity, row.due, row.escalated, of_seniors, now):
        await connection.execute(ASKED.insert(), asked)
    if out := _barred(tried):
        await connection.execute(BARRED.insert(), out)
    await _settle_claims(connection, [tried], now)


async def _of_seniors(connection: AsyncConnection, holds: Sequence[str]) -> frozenset[str]:
    rows = await connection.execute(select(ASKED.c.hold).where(ASKED.c.hold.in_(holds), ASKED.c.seniors == 1))
    return frozenset(rows.scalars())


async def _settle_claims(connection: AsyncConnection, changed: Sequence[Tried], now: int) -> None:
    """End the claims of those who have answered, and all claims to what is not open."""
    if not changed:
        return
    holds = [each.case.hold for each in changed]
    rows = await connection.execute(
        select(CASES.c.hold, CASES.c.token, CASES.c.claimed_by).where(
            CASES.c.hold.in_(holds), CASES.c.claimed_by != ""
        )
    )
    by_hold = {each.case.hold: each for each in changed}
    for row in rows.all():
        tried = by_hold[row.hold]
        answered = row.claimed_by in deciders(tried)
        if tried.state(now) is CaseState.OPEN and row.claimed_by not in barred(tried):
            continue
        await connection.execute(update(CASES).where(CASES.c.hold == row.hold).values(claimed_by="", claimed_until=0))
        await connection.execute(
            update(WORK)
            .where(WORK.c.hold == row.hold, WORK.c.token == row.token, WORK.c.ended == 0)
            .values(ended=now, how=(How.ANSWERED if answered else How.GONE).value)
        )


async def _end_work(connection: AsyncConnection, which: Any, now: int) -> None:
    await connection.execute(
        update(WORK)
        .where(WORK.c.began > now - DAY_SECONDS, WORK.c.ended == 0, WORK.c.hold.in_(select(CASES.c.hold).where(which)))
        .values(ended=now, how=How.GONE.value)
    )


def _chunks(found: Iterable[Found]) -> Iterator[Sequence[Found]]:
    iterator = iter(found)
    while some := list(itertools.islice(iterator, CHUNK)):
        yield some
