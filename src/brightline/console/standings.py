# SPDX-License-Identifier: Apache-2.0
"""How units stand, as their pages show it: where on the ladder, until when what may be done, and what led there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from brightline.core.agreement.aloud import plain
from brightline.core.standing import (
    AGREEMENT_SCOPE,
    SIGNERS,
    TRANSITIONS,
    Happened,
    StandingBook,
    UnitStanding,
)
from brightline.core.statement import SigningRole
from brightline.shell.registry.standings import Entered
from brightline.terminal import minute

TRAIL_SHOWN: Final = 200
WHOLE: Final = "The agreement as a whole"
# What is ordered here, in the order of the page. A confirmed deny names exchanges and is a matter for the terminal.
ORDERS: Final = (
    Happened.NOTICE_GIVEN,
    Happened.NOTICE_WITHDRAWN,
    Happened.SUSPENSION_ORDERED,
    Happened.PATTERN_CLEARED,
    Happened.PATTERN_CONFIRMED,
    Happened.APPEALED,
    Happened.APPEAL_UPHELD,
    Happened.REINSTATED,
    Happened.TERMINATED,
)
WORDS: Final = {
    Happened.NOTICE_GIVEN: ("Give notice", "The unit is served while it may cure."),
    Happened.NOTICE_WITHDRAWN: ("Withdraw the notice", "Active again, if nothing else is open."),
    Happened.SUSPENSION_ORDERED: ("Suspend", "Every gateway refuses within two seconds."),
    Happened.PATTERN_CLEARED: ("Clear the pattern", "Two cleared people found nothing in it."),
    Happened.PATTERN_CONFIRMED: ("Confirm the pattern", "Two cleared people found that it is one: suspended."),
    Happened.APPEALED: ("Appeal", "On record, and changes nothing yet."),
    Happened.APPEAL_UPHELD: ("Uphold the appeal", "Two officers: active again."),
    Happened.REINSTATED: ("Reinstate", "Officer and official agree that it is cured."),
    Happened.TERMINATED: ("Terminate", "Two named officers end it. Keys are revoked, and nobody can undo it."),
}


class UnitRow(msgspec.Struct, frozen=True):
    """How a unit stands. ``unit`` is empty for the agreement; ``deadlines`` are words, each with if it is late."""

    unit: str
    name: str
    standing: str
    held: bool
    since: int
    deadlines: tuple[tuple[str, bool], ...]
    reason: str


class Step(msgspec.Struct, frozen=True):
    """One record of the trail. ``ignored`` says why it changed nothing; empty if it did."""

    seq: int
    time: str
    what: str
    signers: str
    reason: str
    ignored: str


class Choice(msgspec.Struct, frozen=True):
    """What may be ordered now: whose signatures it takes, and whether this person's is one of them."""

    happened: str
    name: str
    says: str
    signed_by: str
    mine: bool
    final: bool


class UnitView(msgspec.Struct, frozen=True):
    """The page of a unit."""

    row: UnitRow
    serves: bool
    trail: tuple[Step, ...]
    choices: tuple[Choice, ...]


def rows_of(book: StandingBook, units: Sequence[str], now: int) -> tuple[UnitRow, ...]:
    """The agreement, then each unit, those that stand worst before the others."""
    names = sorted({*units, *book.units} - {AGREEMENT_SCOPE}, key=lambda unit: (-book.of(unit).standing.rank, unit))
    return tuple(_row(unit, book.of(unit), now) for unit in (AGREEMENT_SCOPE, *names))


def look_at_unit(
    unit: str, book: StandingBook, history: Sequence[Entered], roles: frozenset[SigningRole], now: int
) -> UnitView:
    """The page of one unit, for somebody whose signature counts as ``roles``."""
    own = book.of(unit)
    steps = [_step(entered) for entered in history if entered.said.unit == unit]
    return UnitView(
        _row(unit, own, now), book.effective(unit).serves, tuple(reversed(steps[-TRAIL_SHOWN:])), _choices(own, roles)
    )


def _choices(own: UnitStanding, roles: frozenset[SigningRole]) -> tuple[Choice, ...]:
    matters = {
        Happened.NOTICE_WITHDRAWN: own.notice,
        Happened.PATTERN_CLEARED: own.pattern,
        Happened.PATTERN_CONFIRMED: own.pattern,
        Happened.APPEALED: not own.appealed,
        Happened.APPEAL_UPHELD: own.appealed,
    }
    return tuple(
        Choice(
            happened.value,
            *WORDS[happened],
            " and ".join(f"{need.holders} of {need.role.value}" for need in SIGNERS[happened]),
            any(need.role in roles for need in SIGNERS[happened]),
            happened is Happened.TERMINATED,
        )
        for happened in ORDERS
        if (own.standing, happened) in TRANSITIONS and matters.get(happened, True)
    )


def _row(unit: str, own: UnitStanding, now: int) -> UnitRow:
    ends = (
        ("cleared review", own.review_until),
        ("cure", own.cure_until),
        ("appealed, decide" if own.appealed else "appeal", own.appeal_until),
    )
    return UnitRow(
        unit=unit,
        name=plain(unit) or WHOLE,
        standing=own.standing.value,
        held=own.held,
        since=own.since,
        deadlines=tuple((f"{what} by {minute(until)}", until <= now) for what, until in ends if until),
        reason=plain(own.reason),
    )


def _step(entered: Entered) -> Step:
    said = entered.said
    return Step(
        seq=entered.seq,
        time=entered.time[:16].replace("T", " ") + " UTC",
        what=said.happened.value,
        signers=", ".join(plain(signer) for signer in said.signers) or "the machine",
        reason=plain(said.reason),
        ignored=plain(entered.ignored),
    )
