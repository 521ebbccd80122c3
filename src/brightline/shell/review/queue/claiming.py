# SPDX-License-Identifier: Apache-2.0
"""The statements by which cases are claimed, each one statement: two who ask at once never get the same case.

A case is picked and marked by the same UPDATE. SQLite lets in one writer at a time; PostgreSQL passes over rows that
another transaction holds (SKIP LOCKED) and looks again at those that changed meanwhile. How a claim goes on and
ends is in ``leases.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Self

import msgspec
from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    Text,
    Update,
    and_,
    bindparam,
    case,
    exists,
    or_,
    select,
    update,
)

from brightline.core.review.case import CaseState
from brightline.core.review.claims import CHOICE_MIN, Claim, next_token
from brightline.core.review.pace import How, Work
from brightline.core.review.quorum import one_organisation
from brightline.core.review.urgency import Severity
from brightline.core.standing import DAY_SECONDS
from brightline.shell.review.queue.database import insert
from brightline.shell.review.queue.leases import ALWAYS_SENIORS
from brightline.shell.review.queue.tables import ASKED, BARRED, CASES, OF_ORGANISATION, REVIEWERS, WORK, employed

WORK_MAX: Final = 1_000  # claims of a day of one person that are looked at


class Narrow(msgspec.Struct, frozen=True):
    """What a reviewer asks for: cases of one severity, of one unit, or both. Never a case."""

    severity: Severity | None = None
    unit: str = ""

    def __bool__(self) -> bool:
        return self.severity is not None or bool(self.unit)


ANY: Final = Narrow()


class Claimant(msgspec.Struct, frozen=True):
    """Who asks for a case: of which office and organisation, whether a senior reviewer, and of which units they may
    see nothing.
    """

    id: str
    office: str
    organisation: str = ""
    senior: bool = False
    closed_units: tuple[str, ...] = ()

    @property
    def employed(self) -> str:
        """Their office and organisation in one word."""
        return employed(self.office, one_organisation(self.organisation))


class Lasting(msgspec.Struct, frozen=True):
    """From when a claim is and for how many seconds; its token is at least ``floor``, and so above those before."""

    now: int
    seconds: int
    floor: int

    @classmethod
    def after(cls, work: Sequence[Work], now: int, seconds: int) -> Self:
        """A claim that comes after all of a person's work, the latest of which is the first."""
        return cls(now, seconds, next_token(work[0].token if work else 0, now))


def lock_reviewer(connection: Connection, reviewer: str, now: int) -> None:
    """Let nobody else act for this person until the transaction ends: one person claims one case at a time."""
    seen = insert(connection, REVIEWERS).values(id=reviewer, seen=now)
    connection.execute(seen.on_conflict_do_update(index_elements=["id"], set_={"seen": now}))


def work_of(connection: Connection, reviewer: str, now: int) -> list[Work]:
    """What a person worked at in the last day, the latest first."""
    rows = connection.execute(_WORK_OF, {"who": reviewer, "since": now - DAY_SECONDS})
    return [Work(row.hold, row.token, row.began, row.until, row.ended, How(row.how)) for row in rows]


_WORK_OF: Final = (
    select(WORK)
    .where(WORK.c.reviewer == bindparam("who"), WORK.c.began > bindparam("since"))
    .order_by(WORK.c.began.desc(), WORK.c.token.desc())
    .limit(WORK_MAX)
)


# ---- claiming ---------------------------------------------------------------------------------------------------


def claim_next(connection: Connection, who: Claimant, narrow: Narrow, time: Lasting) -> Claim | None:
    """Claim what is next for a person; ``None`` if nothing is. Seniors have first what is late or was left to them."""
    for escalated in (True, False) if who.senior else (False,):
        statement = _claims_next(_shape(who, narrow), escalated)
        claim = _claim(connection, statement, _parameters(who, narrow, time.now), who.id, time)
        if claim is not None:
            return claim
    return None


def claim_again(connection: Connection, hold: str, who: Claimant, time: Lasting) -> Claim | None:
    """Claim the case that a person let go, if they may still have it and nobody else took it."""
    parameters = {
        "this": hold,
        "office": who.office,
        "seniors": ALWAYS_SENIORS if who.senior else 0,
        "person": who.id,
        "employed": who.employed,
        "now": time.now,
        "closed": list(who.closed_units),
    }
    return _claim(connection, _CLAIM_AGAIN, parameters, who.id, time)


def leaves_a_choice(connection: Connection, who: Claimant, narrow: Narrow, now: int) -> bool:
    """Whether what a filter leaves is so little that to claim it would be to choose it."""
    for escalated in (True, False) if who.senior else (False,):
        some = connection.execute(
            _pick(_shape(who, narrow), escalated).limit(CHOICE_MIN), _parameters(who, narrow, now)
        )
        left = some.scalars().all()
        if left:
            return len(left) < CHOICE_MIN and left[0] != _next(connection, who, now, escalated=escalated)
    return False


def _next(connection: Connection, who: Claimant, now: int, *, escalated: bool) -> str | None:
    statement = _pick(_shape(who, ANY), escalated).limit(1)
    return connection.execute(statement, _parameters(who, ANY, now)).scalar_one_or_none()


class _Shape(msgspec.Struct, frozen=True):
    """Which conditions a search has: its statement is made once for each."""

    unit: bool
    severity: bool
    closed: bool


def _shape(who: Claimant, narrow: Narrow) -> _Shape:
    return _Shape(bool(narrow.unit), narrow.severity is not None, bool(who.closed_units))


def _parameters(who: Claimant, narrow: Narrow, now: int) -> dict[str, Any]:
    given: dict[str, Any] = {"office": who.office, "person": who.id, "employed": who.employed, "now": now}
    if narrow.unit:
        given["of_unit"] = narrow.unit
    if narrow.severity is not None:
        given["as_grave"] = narrow.severity.rank
    if who.closed_units:
        given["closed"] = list(who.closed_units)
    return given


@lru_cache(maxsize=32)
def _pick(shape: _Shape, escalated: bool) -> Select[str]:
    """The cases that a person may have, the most urgent first."""
    asked = [
        ASKED.c.office == bindparam("office"),
        ASKED.c.escalated == 1 if escalated else ASKED.c.seniors == 0,
    ]
    if shape.unit:
        asked.append(ASKED.c.unit == bindparam("of_unit"))
    if shape.severity:
        asked.append(ASKED.c.severity == bindparam("as_grave"))
    if shape.closed:
        asked.append(ASKED.c.unit.not_in(bindparam("closed", expanding=True)))
    return (
        select(CASES.c.hold)
        .select_from(ASKED.join(CASES, CASES.c.hold == ASKED.c.hold))
        .where(*asked, _FREE, _not_barred(ASKED.c.hold))
        .order_by(ASKED.c.severity, ASKED.c.due, ASKED.c.hold)
    )


@lru_cache(maxsize=32)
def _claims_next(shape: _Shape, escalated: bool) -> Update:
    picked = _pick(shape, escalated).limit(1).with_for_update(of=CASES, skip_locked=True)
    return _marking(CASES.c.hold == picked.scalar_subquery())


def _not_barred(hold: Any) -> Any:
    return not_barred(hold, bindparam("person"), bindparam("employed"))


def not_barred(hold: Any, person: Any, of_whom: Any) -> Any:
    """Whether neither a person nor everybody of their office and organisation (``employed``) is kept from a hold."""
    alone = and_(BARRED.c.person == person, BARRED.c.why != OF_ORGANISATION)
    with_others = and_(BARRED.c.person == of_whom, BARRED.c.why == OF_ORGANISATION)
    return ~exists().where(BARRED.c.hold == hold, or_(alone, with_others))


def _marking(which: Any) -> Update:
    floor = bindparam("floor", type_=BigInteger)
    return (
        update(CASES)
        .where(which)
        .values(
            token=case((CASES.c.token < floor, floor), else_=CASES.c.token + 1),
            claimed_by=bindparam("mine", type_=Text),
            claimed_until=bindparam("ends", type_=BigInteger),
        )
        .returning(CASES.c.hold, CASES.c.token)
    )


_FREE: Final = and_(
    CASES.c.state == CaseState.OPEN.value,
    CASES.c.expires > bindparam("now"),
    CASES.c.claimed_until <= bindparam("now"),
)
_CLAIM_AGAIN: Final = _marking(
    and_(
        CASES.c.hold == bindparam("this"),
        CASES.c.unit.not_in(bindparam("closed", expanding=True)),
        _FREE,
        _not_barred(CASES.c.hold),
        exists().where(
            ASKED.c.hold == CASES.c.hold,
            ASKED.c.office == bindparam("office"),
            ASKED.c.seniors <= bindparam("seniors"),
        ),
    )
)


def _claim(
    connection: Connection, statement: Update, parameters: Mapping[str, Any], reviewer: str, time: Lasting
) -> Claim | None:
    until = time.now + time.seconds
    marked = {**parameters, "floor": time.floor, "mine": reviewer, "ends": until}
    row = connection.execute(statement, marked).one_or_none()
    if row is None:
        return None
    begun = {"hold": row.hold, "token": row.token, "reviewer": reviewer, "began": time.now, "until": until, "ended": 0}
    connection.execute(_BEGIN, {**begun, "how": How.OPEN.value})
    return Claim(row.hold, reviewer, row.token, until)


_BEGIN: Final = WORK.insert()
