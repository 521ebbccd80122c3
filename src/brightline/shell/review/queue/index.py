# SPDX-License-Identifier: Apache-2.0
"""Taking in what the logs have: each case as one row, a row for each office that is asked, and who may not have it.

Whatever is taken in twice gives the same rows, so that reading again from an earlier place, or from the start, harms
nothing. Claims survive it, except those of cases that are decided, or that were opened anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, case, delete, select, update

from brightline.core.review.case import CaseState
from brightline.core.review.claims import barred, closed_to, deciders, offices_of
from brightline.core.review.docket import Tried
from brightline.core.review.pace import How
from brightline.core.review.urgency import DueSeconds, due_of
from brightline.core.standing import DAY_SECONDS
from brightline.shell.review.queue.database import insert
from brightline.shell.review.queue.leases import ALWAYS_SENIORS, Seniors, escalate, leave_to_seniors
from brightline.shell.review.queue.source import Found
from brightline.shell.review.queue.tables import ASKED, BARRED, CASES, OF_ORGANISATION, READ, WORK, employed
from brightline.shell.storage.wal import ReadTo

CHUNK: Final = 400  # rows that one statement names
KEPT_SECONDS: Final = 31 * DAY_SECONDS
"""For so long after it expired a case stays in the index."""
WORK_KEPT_SECONDS: Final = 92 * DAY_SECONDS
"""For so long it is known who worked how long: the figures of 90 days ask for it."""
_OF_LOG: Final = tuple(
    column.name for column in CASES.columns if column.name not in {"hold", "token", "claimed_by", "claimed_until"}
)


class Standing(msgspec.Struct, frozen=True):
    """How a case stands by what people said: plain values, since what they come from goes on changing."""

    hold: str
    unit: str
    digest: str
    state: CaseState
    offices: tuple[str, ...]
    deciders: tuple[str, ...]
    barred: Mapping[str, str]
    closed: tuple[tuple[str, str], ...] = ()
    appeal: bool = False

    @classmethod
    def of(cls, tried: Tried, now: int) -> Standing:
        """As a case stands at ``now``."""
        state = tried.state(now)
        asked = state is CaseState.OPEN
        return cls(
            tried.case.hold,
            tried.case.unit,
            tried.case.digest,
            state,
            offices_of(tried) if asked else (),
            deciders(tried),
            barred(tried) if asked else {},
            tuple(sorted(closed_to(tried))) if asked else (),
            bool(tried.case.appeal),
        )


class Entry(msgspec.Struct, frozen=True):
    """A case as the logs have it: the values of its row, how it stands, and whether it is left to senior reviewers."""

    standing: Standing
    row: Mapping[str, Any]
    seniors: bool = False


def entry_of(found: Found, due: DueSeconds, now: int) -> Entry:
    """What the index holds of a case that was found."""
    one = found.tried.case
    standing = Standing.of(found.tried, now)
    by = due_of(one.opened, one.expires, found.severity, due)
    row = {
        "hold": one.hold,
        "digest": standing.digest,
        "shard": found.shard,
        "seq": found.seq,
        "exchange": found.exchange,
        "unit": one.unit,
        "workload": one.workload,
        "clauses": _array(one.clauses),
        "severity": found.severity.rank,
        "opened": one.opened,
        "due": by,
        "expires": one.expires,
        "escalated": int(by <= now or standing.appeal),
        "token": 0,
        "claimed_by": "",
        "claimed_until": 0,
        **_columns(standing),
    }
    return Entry(standing, row, found.appeal)


# ---- how far the logs were read ---------------------------------------------------------------------------------


def read_to(connection: Connection) -> dict[str, ReadTo]:
    """How far each shard was read."""
    rows = connection.execute(select(READ)).all()
    return {row.shard: ReadTo(row.segment, row.offset, row.size, bytes(row.last)) for row in rows}


def write_read_to(connection: Connection, read: Mapping[str, ReadTo]) -> None:
    """Keep how far shards were read."""
    for shard, place in read.items():
        row = {"shard": shard, **msgspec.structs.asdict(place)}
        entered = insert(connection, READ).values(**row)
        connection.execute(entered.on_conflict_do_update(index_elements=["shard"], set_=row))


# ---- taking in --------------------------------------------------------------------------------------------------


def take_in(
    connection: Connection, entries: Sequence[Entry], changed: Sequence[Standing], seniors: Seniors, now: int
) -> None:
    """Enter cases that were found, and what was said of those that are there."""
    # The latest of each hold: it is opened anew once it has expired.
    latest = {each.standing.hold: each for each in sorted(entries, key=_age)}
    for some in _chunks(list(latest.values())):
        _enter(connection, some, seniors, now)
    for standing in changed:
        _change(connection, standing, seniors, now)


def sweep(connection: Connection, now: int) -> None:
    """What only time changes: cases expire, become late, and are forgotten."""
    over = (CASES.c.state == CaseState.OPEN.value) & (CASES.c.expires <= now)
    expired = connection.execute(
        update(CASES).where(over).values(state=CaseState.EXPIRED.value, claimed_by="", claimed_until=0)
    )
    if expired.rowcount:
        gone = select(CASES.c.hold).where(CASES.c.state == CaseState.EXPIRED.value)
        connection.execute(delete(ASKED).where(ASKED.c.hold.in_(gone)))
        going_on = (WORK.c.began > now - DAY_SECONDS) & (WORK.c.ended == 0)
        connection.execute(update(WORK).where(going_on, WORK.c.hold.in_(gone)).values(ended=now, how=How.GONE.value))
    late = (ASKED.c.escalated == 0) & (ASKED.c.due <= now)
    if connection.execute(select(ASKED.c.hold).where(late).limit(1)).one_or_none() is not None:
        connection.execute(update(CASES).where(CASES.c.hold.in_(select(ASKED.c.hold).where(late))).values(escalated=1))
        connection.execute(update(ASKED).where(late).values(escalated=1))
    old = CASES.c.expires <= now - KEPT_SECONDS
    if connection.execute(select(CASES.c.hold).where(old).limit(1)).one_or_none() is not None:
        forgotten = select(CASES.c.hold).where(old)
        for table in (ASKED, BARRED):
            connection.execute(delete(table).where(table.c.hold.in_(forgotten)))
        connection.execute(delete(CASES).where(old))
    connection.execute(delete(WORK).where(WORK.c.began <= now - WORK_KEPT_SECONDS))


def _age(entry: Entry) -> tuple[int, str]:
    """Which of two cases of one hold is the later; of two in the same second, the one that gateways name too."""
    return int(entry.row["opened"]), entry.standing.digest


def _enter(connection: Connection, found: Sequence[Entry], seniors: Seniors, now: int) -> None:
    """Insert cases, or put them in the place of the same ones, or of earlier cases of the same hold."""
    holds = [each.standing.hold for each in found]
    rows = connection.execute(select(CASES.c.hold, CASES.c.opened, CASES.c.digest).where(CASES.c.hold.in_(holds)))
    known: dict[str, tuple[int, str]] = {row.hold: (row.opened, row.digest) for row in rows}
    entered = [each for each in found if known.get(each.standing.hold, (0, "")) <= _age(each)]
    if not entered:
        return
    upsert = insert(connection, CASES)
    new = upsert.excluded
    anew = CASES.c.digest != new.digest  # a claim to the case before is no claim to this one
    upsert = upsert.on_conflict_do_update(
        index_elements=["hold"],
        set_={name: new[name] for name in _OF_LOG}
        | {  # its tokens go on
            "claimed_by": case((anew, ""), else_=CASES.c.claimed_by),
            "claimed_until": case((anew, 0), else_=CASES.c.claimed_until),
        },
    )
    connection.execute(upsert, [dict(each.row) for each in entered])
    again = [each for each in entered if each.standing.hold in known]
    theirs = _of_seniors(connection, again)
    _ask(connection, [(each.standing, each.row) for each in entered], [each.standing for each in again])
    for hold in theirs | {each.standing.hold for each in entered if each.seniors}:
        escalate(connection, hold, seniors)
    _settle_claims(connection, [each.standing for each in again], now)


def _change(connection: Connection, standing: Standing, seniors: Seniors, now: int) -> None:
    """What people said of a case that is in the index; one that is not, or not any more, changes nothing."""
    this = (CASES.c.hold == standing.hold) & (CASES.c.digest == standing.digest)
    if not connection.execute(update(CASES).where(this).values(**_columns(standing))).rowcount:
        return
    row: Mapping[str, Any] = dict(connection.execute(select(CASES).where(this)).mappings().one())
    theirs = connection.execute(
        select(ASKED.c.hold).where(ASKED.c.hold == standing.hold, ASKED.c.seniors == 1).limit(1)
    ).one_or_none()
    _ask(connection, [(standing, row)], [standing])
    if theirs is not None:
        leave_to_seniors(connection, standing.hold, seniors)
    _settle_claims(connection, [standing], now)


def _ask(
    connection: Connection,
    cases: Sequence[tuple[Standing, Mapping[str, Any]]],
    known: Sequence[Standing],
) -> None:
    """Write who is asked and who is barred; of cases that are known, in the place of what was there."""
    if known:
        holds = [each.hold for each in known]
        connection.execute(delete(ASKED).where(ASKED.c.hold.in_(holds)))
        connection.execute(delete(BARRED).where(BARRED.c.hold.in_(holds), BARRED.c.why != How.SKIPPED.value))
    asked, out = [], []
    for standing, row in cases:
        common = {"severity": row["severity"], "due": row["due"], "escalated": row["escalated"]}
        common["seniors"] = ALWAYS_SENIORS if standing.appeal else 0
        asked += [
            {"hold": standing.hold, "office": office, "unit": standing.unit, **common} for office in standing.offices
        ]
        out += [
            {"hold": standing.hold, "person": person, "why": why, "reason": ""}
            for person, why in (
                *standing.barred.items(),
                *((employed(*each), OF_ORGANISATION) for each in standing.closed),
            )
        ]
    if asked:
        connection.execute(ASKED.insert(), asked)
    if out:
        connection.execute(BARRED.insert(), out)


def _settle_claims(connection: Connection, changed: Sequence[Standing], now: int) -> None:
    """End the claims of those who have answered, and all claims to what is not open."""
    if not changed:
        return
    by_hold = {each.hold: each for each in changed}
    claims = connection.execute(
        select(CASES.c.hold, CASES.c.token, CASES.c.claimed_by).where(
            CASES.c.hold.in_(list(by_hold)), CASES.c.claimed_by != ""
        )
    )
    for row in claims.all():
        standing = by_hold[row.hold]
        if standing.state is CaseState.OPEN and row.claimed_by not in standing.barred:
            continue
        how = How.ANSWERED if row.claimed_by in standing.deciders else How.GONE
        connection.execute(update(CASES).where(CASES.c.hold == row.hold).values(claimed_by="", claimed_until=0))
        connection.execute(
            update(WORK)
            .where(WORK.c.hold == row.hold, WORK.c.token == row.token, WORK.c.ended == 0)
            .values(ended=now, how=how.value)
        )


def _of_seniors(connection: Connection, known: Sequence[Entry]) -> frozenset[str]:
    if not known:
        return frozenset()
    holds = [each.standing.hold for each in known]
    rows = connection.execute(select(ASKED.c.hold).where(ASKED.c.hold.in_(holds), ASKED.c.seniors == 1))
    return frozenset(rows.scalars())


def _columns(standing: Standing) -> dict[str, Any]:
    """What of a case's row follows from what people said."""
    return {
        "state": standing.state.value,
        "offices": _array(standing.offices),
        "answered": len(standing.deciders),
    }


def _array(values: Sequence[str]) -> str:
    return msgspec.json.encode(list(values)).decode()


def _chunks(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    for start in range(0, len(entries), CHUNK):
        yield entries[start : start + CHUNK]
