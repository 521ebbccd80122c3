# SPDX-License-Identifier: Apache-2.0
"""How a claim goes on and ends. Each statement names its token, and changes nothing once another was given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, bindparam, case, func, select, update

from brightline.core.errors import LeaseLost
from brightline.core.review.case import CaseState
from brightline.core.review.claims import Claim, Lease, require
from brightline.core.review.pace import How
from brightline.core.review.urgency import SKIPS_TO_SENIORS
from brightline.shell.review.queue.database import insert
from brightline.shell.review.queue.tables import ASKED, BARRED, CASES, OF_ORGANISATION, WORK, employed

Seniors: TypeAlias = "Mapping[str, Mapping[str, str]]"
"""The senior reviewers of each office, by id, each with the organisation as it is compared."""
ALWAYS_SENIORS: Final = 2
"""Of a case whose decisions only senior reviewers' count in: an appeal waits for them, whoever of them is left."""


def renew(connection: Connection, claim: Claim, now: int, seconds: int) -> Claim:
    """Let a claim end later. Raises ``LeaseLost``."""
    until = max(claim.until, now + seconds)
    _change(connection, claim, now, {"to_whom": claim.reviewer, "ends": until})
    connection.execute(_GOES_ON, {"this": claim.hold, "its": claim.token, "ends": until})
    return Claim(claim.hold, claim.reviewer, claim.token, until)


def end(connection: Connection, claim: Claim, how: How, now: int) -> None:
    """End a claim. Raises ``LeaseLost``."""
    _change(connection, claim, now, {"to_whom": "", "ends": 0})
    connection.execute(_ENDS, {"this": claim.hold, "its": claim.token, "at": now, "as": how.value})


def check(connection: Connection, claim: Claim, now: int) -> None:
    """Raise ``LeaseLost`` unless the claim holds."""
    require(lease_of(connection, claim.hold) or Lease(), claim, now)


def lease_of(connection: Connection, hold: str) -> Lease | None:
    """How a case that is open is claimed; ``None`` if there is no such case, or it is not open."""
    row = connection.execute(_LEASE_OF, {"this": hold}).one_or_none()
    return None if row is None else Lease(row.token, row.claimed_by, row.claimed_until)


def _change(connection: Connection, claim: Claim, now: int, values: Mapping[str, Any]) -> None:
    mine = {"this": claim.hold, "its": claim.token, "whose": claim.reviewer, "now": now}
    if connection.execute(_CHANGE, {**mine, **values}).rowcount != 1:
        check(connection, claim, now)  # says why
        raise LeaseLost(f"the claim of {claim.reviewer} to {claim.hold} is over")


_LEASE_OF: Final = select(CASES.c.token, CASES.c.claimed_by, CASES.c.claimed_until).where(
    CASES.c.hold == bindparam("this"), CASES.c.state == CaseState.OPEN.value
)
_CHANGE: Final = (
    update(CASES)
    .where(
        CASES.c.hold == bindparam("this"),
        CASES.c.token == bindparam("its"),
        CASES.c.claimed_by == bindparam("whose"),
        CASES.c.claimed_until > bindparam("now"),
        CASES.c.state == CaseState.OPEN.value,
    )
    .values(claimed_by=bindparam("to_whom"), claimed_until=bindparam("ends"))
)
_MY_WORK: Final = (WORK.c.hold == bindparam("this")) & (WORK.c.token == bindparam("its"))
_GOES_ON: Final = update(WORK).where(_MY_WORK).values(until=bindparam("ends"))
_ENDS: Final = update(WORK).where(_MY_WORK).values(ended=bindparam("at"), how=bindparam("as"))


# ---- leaving a case to others -----------------------------------------------------------------------------------


def skip(connection: Connection, claim: Claim, reason: str, seniors: Seniors, now: int) -> None:
    """End a claim for good: this person does not get the case again. Raises ``LeaseLost``.

    Once so many skipped it, it is left to senior reviewers, as :func:`escalate` does.
    """
    end(connection, claim, How.SKIPPED, now)
    row = {"hold": claim.hold, "person": claim.reviewer, "why": How.SKIPPED.value, "reason": reason}
    connection.execute(insert(connection, BARRED).values(**row).on_conflict_do_nothing())
    if connection.execute(_SKIPPED, {"this": claim.hold}).scalar_one() >= SKIPS_TO_SENIORS:
        escalate(connection, claim.hold, seniors)


def escalate(connection: Connection, hold: str, seniors: Seniors) -> None:
    """Give a case to the senior reviewers first, and to them alone in each office that has one who may have it."""
    connection.execute(update(CASES).where(CASES.c.hold == hold).values(escalated=1))
    connection.execute(update(ASKED).where(ASKED.c.hold == hold).values(escalated=1))
    leave_to_seniors(connection, hold, seniors)


def leave_to_seniors(connection: Connection, hold: str, seniors: Seniors) -> None:
    """Say of each office that is asked whether it is its seniors alone: not once all of them have answered or left it.

    A case that only they could have, and none of them could, would wait until it expires.
    """
    out = {(row.person, row.why == OF_ORGANISATION) for row in connection.execute(_OUT, {"this": hold})}
    able = [
        office
        for office, people in seniors.items()
        if any((each, False) not in out and (employed(office, of), True) not in out for each, of in people.items())
    ]
    alone = case((ASKED.c.office.in_(able), 1), else_=0)
    these = (ASKED.c.hold == hold) & (ASKED.c.seniors != ALWAYS_SENIORS)
    connection.execute(update(ASKED).where(these).values(seniors=alone))


_OUT: Final = select(BARRED.c.person, BARRED.c.why).where(BARRED.c.hold == bindparam("this"))
_SKIPPED: Final = (
    select(func.count())
    .select_from(BARRED)
    .where(BARRED.c.hold == bindparam("this"), BARRED.c.why == How.SKIPPED.value)
)
