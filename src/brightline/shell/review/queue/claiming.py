# SPDX-License-Identifier: Apache-2.0
"""The statements by which cases are claimed, each one statement: two who ask at once never get the same case.

A case is picked and marked by the same UPDATE. SQLite lets in one writer at a time; PostgreSQL passes over rows that
another transaction holds (SKIP LOCKED) and looks again at those that changed meanwhile. Every statement about a claim
names its token, so that it changes nothing once another was given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Self

import msgspec
from sqlalchemy import BigInteger, Select, Update, and_, case, exists, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from brightline.core.errors import LeaseLost
from brightline.core.review.case import CaseState
from brightline.core.review.claims import CHOICE_MIN, Claim, Lease, next_token, require
from brightline.core.review.pace import How, Work
from brightline.core.review.urgency import SKIPS_TO_SENIORS, Severity
from brightline.core.standing import DAY_SECONDS
from brightline.shell.review.queue.database import Database
from brightline.shell.review.queue.tables import ASKED, BARRED, CASES, REVIEWERS, WORK

WORK_MAX: Final = 1_000  # claims of a day of one person that are looked at


class Narrow(msgspec.Struct, frozen=True):
    """What a reviewer asks for: cases of one severity, of one unit, or both. Never a case."""

    severity: Severity | None = None
    unit: str = ""

    def __bool__(self) -> bool:
        return self.severity is not None or bool(self.unit)


ANY: Final = Narrow()


class Claimant(msgspec.Struct, frozen=True):
    """Who asks for a case: of which office, whether a senior reviewer, and of which units they may see nothing."""

    id: str
    office: str
    senior: bool = False
    closed_units: tuple[str, ...] = ()


class Lasting(msgspec.Struct, frozen=True):
    """From when a claim is and for how many seconds; its token is at least ``floor``, and so above those before."""

    now: int
    seconds: int
    floor: int

    @classmethod
    def after(cls, work: Sequence[Work], now: int, seconds: int) -> Self:
        """A claim that comes after all of a person's work, the latest of which is the first."""
        return cls(now, seconds, next_token(work[0].token if work else 0, now))


async def lock_reviewer(database: Database, connection: AsyncConnection, reviewer: str, now: int) -> None:
    """Let nobody else act for this person until the transaction ends: one person claims one case at a time."""
    row = {"id": reviewer, "seen": now}
    insert = database.insert(REVIEWERS).values(**row)
    await connection.execute(insert.on_conflict_do_update(index_elements=["id"], set_={"seen": now}))


async def work_of(connection: AsyncConnection, reviewer: str, now: int) -> list[Work]:
    """What a person worked at in the last day, the latest first."""
    rows = await connection.execute(
        select(WORK)
        .where(WORK.c.reviewer == reviewer, WORK.c.began > now - DAY_SECONDS)
        .order_by(WORK.c.began.desc(), WORK.c.token.desc())
        .limit(WORK_MAX)
    )
    return [Work(row.hold, row.token, row.began, row.until, row.ended, How(row.how)) for row in rows]


# ---- claiming ---------------------------------------------------------------------------------------------------


async def claim_next(connection: AsyncConnection, who: Claimant, narrow: Narrow, time: Lasting) -> Claim | None:
    """Claim what is next for a person; ``None`` if nothing is. Seniors have first what is late or was left to them."""
    for escalated in (True, False) if who.senior else (False,):
        picked = _pick(who, narrow, time.now, escalated=escalated).limit(1)
        picked = picked.with_for_update(of=CASES, skip_locked=True)
        claim = await _claim(connection, CASES.c.hold == picked.scalar_subquery(), who.id, time)
        if claim is not None:
            return claim
    return None


async def claim_again(connection: AsyncConnection, hold: str, who: Claimant, time: Lasting) -> Claim | None:
    """Claim the case that a person let go, if they may still have it and nobody else took it."""
    asked = exists().where(
        ASKED.c.hold == CASES.c.hold, ASKED.c.office == who.office, ASKED.c.seniors <= int(who.senior)
    )
    open_to_them = CASES.c.unit.not_in(who.closed_units)
    which = and_(CASES.c.hold == hold, asked, open_to_them, _free(time.now), _not_barred(CASES.c.hold, who.id))
    return await _claim(connection, which, who.id, time)


async def leaves_a_choice(connection: AsyncConnection, who: Claimant, narrow: Narrow, now: int) -> bool:
    """Whether what a filter leaves is so little that to claim it would be to choose it."""
    for escalated in (True, False) if who.senior else (False,):
        some = _pick(who, narrow, now, escalated=escalated).limit(CHOICE_MIN).subquery()
        if not (count := (await connection.execute(select(func.count()).select_from(some))).scalar_one()):
            continue
        if count >= CHOICE_MIN:
            return False
        of_these = await connection.execute(_pick(who, narrow, now, escalated=escalated).limit(1))
        of_all = await connection.execute(_pick(who, ANY, now, escalated=escalated).limit(1))
        return of_these.scalar_one_or_none() != of_all.scalar_one_or_none()
    return False


def _pick(who: Claimant, narrow: Narrow, now: int, *, escalated: bool) -> Select[tuple[str]]:
    """The cases that a person may have, the most urgent first."""
    rank = ASKED.c.escalated == 1 if escalated else ASKED.c.seniors == 0
    asked = and_(ASKED.c.office == who.office, rank)
    if who.closed_units:
        asked = and_(asked, ASKED.c.unit.not_in(who.closed_units))
    if narrow.unit:
        asked = and_(asked, ASKED.c.unit == narrow.unit)
    if narrow.severity is not None:
        asked = and_(asked, ASKED.c.severity == narrow.severity.rank)
    return (
        select(CASES.c.hold)
        .select_from(ASKED.join(CASES, CASES.c.hold == ASKED.c.hold))
        .where(asked, _free(now), _not_barred(ASKED.c.hold, who.id))
        .order_by(ASKED.c.severity, ASKED.c.due, ASKED.c.hold)
    )


def _free(now: int) -> Any:
    return and_(CASES.c.state == CaseState.OPEN.value, CASES.c.expires > now, CASES.c.claimed_until <= now)


def _not_barred(hold: Any, person: str) -> Any:
    return ~exists().where(BARRED.c.hold == hold, BARRED.c.person == person)


async def _claim(connection: AsyncConnection, which: Any, reviewer: str, time: Lasting) -> Claim | None:
    now, until = time.now, time.now + time.seconds
    token = case((CASES.c.token < time.floor, literal(time.floor, BigInteger)), else_=CASES.c.token + 1)
    statement: Update = update(CASES).where(which).values(token=token, claimed_by=reviewer, claimed_until=until)
    row = (await connection.execute(statement.returning(CASES.c.hold, CASES.c.token))).one_or_none()
    if row is None:
        return None
    begun = {"hold": row.hold, "token": row.token, "reviewer": reviewer, "began": now, "until": until, "ended": 0}
    await connection.execute(WORK.insert().values(**begun, how=How.OPEN.value))
    return Claim(row.hold, reviewer, row.token, until)


# ---- going on, and ending ---------------------------------------------------------------------------------------


async def renew(connection: AsyncConnection, claim: Claim, now: int, seconds: int) -> Claim:
    """Let a claim end later. Raises ``LeaseLost``."""
    until = max(claim.until, now + seconds)
    await _change(connection, claim, now, claimed_until=until)
    mine = (WORK.c.hold == claim.hold) & (WORK.c.token == claim.token)
    await connection.execute(update(WORK).where(mine).values(until=until))
    return Claim(claim.hold, claim.reviewer, claim.token, until)


async def end(connection: AsyncConnection, claim: Claim, how: How, now: int) -> None:
    """End a claim. Raises ``LeaseLost``."""
    await _change(connection, claim, now, claimed_by="", claimed_until=0)
    mine = (WORK.c.hold == claim.hold) & (WORK.c.token == claim.token)
    await connection.execute(update(WORK).where(mine).values(ended=now, how=how.value))


async def check(connection: AsyncConnection, claim: Claim, now: int) -> None:
    """Raise ``LeaseLost`` unless the claim holds."""
    lease = await lease_of(connection, claim.hold)
    require(lease if lease is not None else Lease(), claim, now)


async def lease_of(connection: AsyncConnection, hold: str) -> Lease | None:
    """How a case that is open is claimed; ``None`` if there is no such case, or it is not open."""
    row = (
        await connection.execute(
            select(CASES.c.token, CASES.c.claimed_by, CASES.c.claimed_until).where(
                CASES.c.hold == hold, CASES.c.state == CaseState.OPEN.value
            )
        )
    ).one_or_none()
    return None if row is None else Lease(row.token, row.claimed_by, row.claimed_until)


async def skip(
    database: Database, connection: AsyncConnection, claim: Claim, reason: str, seniors: Sequence[str], now: int
) -> None:
    """End a claim for good: this person does not get the case again. Raises ``LeaseLost``.

    Once so many skipped it, it is left to the senior reviewers of the offices that have any among ``seniors``.
    """
    await end(connection, claim, How.SKIPPED, now)
    row = {"hold": claim.hold, "person": claim.reviewer, "why": How.SKIPPED.value, "reason": reason}
    await connection.execute(database.insert(BARRED).values(**row).on_conflict_do_nothing())
    skipped = select(func.count()).where(BARRED.c.hold == claim.hold, BARRED.c.why == How.SKIPPED.value)
    if (await connection.execute(skipped)).scalar_one() >= SKIPS_TO_SENIORS:
        await escalate(connection, claim.hold, seniors)


async def escalate(connection: AsyncConnection, hold: str, offices: Sequence[str]) -> None:
    """Give a case to the senior reviewers first, and to them alone where its office has any."""
    await connection.execute(update(CASES).where(CASES.c.hold == hold).values(escalated=1))
    await connection.execute(update(ASKED).where(ASKED.c.hold == hold).values(escalated=1))
    if offices:
        alone = (ASKED.c.hold == hold) & ASKED.c.office.in_(offices)
        await connection.execute(update(ASKED).where(alone).values(seniors=1))


async def _change(connection: AsyncConnection, claim: Claim, now: int, **values: Any) -> None:
    mine = and_(
        CASES.c.hold == claim.hold,
        CASES.c.token == claim.token,
        CASES.c.claimed_by == claim.reviewer,
        CASES.c.claimed_until > now,
        CASES.c.state == CaseState.OPEN.value,
    )
    if (await connection.execute(update(CASES).where(mine).values(**values))).rowcount != 1:
        await check(connection, claim, now)  # says why
        raise LeaseLost(f"the claim of {claim.reviewer} to {claim.hold} is over")
