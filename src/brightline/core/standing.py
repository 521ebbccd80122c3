# SPDX-License-Identifier: Apache-2.0
"""Standing of a unit and of the agreement as a whole: the ladder as a state machine.

    active      served
    noticed     something is under way: a pattern that cleared people must look at (the unit is held meanwhile, if the
                ladder says so), or a notice with a period to cure (the unit is served)
    suspended   not served; an appeal, a cure or an order of both parties can end it
    terminated  for ever: no event leads out of it

What happened is an event; which event may happen in which state, and who must have said it, are the two tables below.
One event alone is the machine's (``PATTERN_FOUND``), and it never leads further than to people. Standing is a fold of
the log's records and of nothing else, so a database that was edited or restored changes none.

A pattern and a notice are two matters, and each is ended only by those whose matter it is: cleared people end a
pattern, officers a notice. So an officer who withdraws a notice, or who lifts a suspension, does not let go of a unit
that cleared people have yet to look at; and they, when they find nothing, do not take back an officer's notice.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypedDict, assert_never

import msgspec

from brightline.core.statement import Needed, SigningRole

DAY_SECONDS: Final = 86_400
HOUR_SECONDS: Final = 3_600
CONFIRMED_MAX: Final = 1_000  # confirmed denies that are remembered of a unit; a pattern takes a handful
AGREEMENT_SCOPE: Final = ""  # the name of the whole agreement among the units; no unit has an empty name


class Standing(enum.StrEnum):
    """The states of a unit, from the best. Suspended and terminated units are refused."""

    ACTIVE = "active"
    NOTICED = "noticed"
    SUSPENDED = "suspended"
    TERMINATED = "terminated"

    @property
    def serves(self) -> bool:
        """Whether a unit of this standing is served."""
        return self in {Standing.ACTIVE, Standing.NOTICED}

    @property
    def rank(self) -> int:
        """0 for the best; of two standings the higher counts."""
        return _RANKS[self]


_RANKS: Final = {standing: rank for rank, standing in enumerate(Standing)}


class Happened(enum.StrEnum):
    """What changes a standing, or counts towards a change."""

    PATTERN_FOUND = "pattern found"
    DENY_CONFIRMED = "deny confirmed"
    PATTERN_CLEARED = "pattern cleared"
    PATTERN_CONFIRMED = "pattern confirmed"
    NOTICE_GIVEN = "notice given"
    NOTICE_WITHDRAWN = "notice withdrawn"
    SUSPENSION_ORDERED = "suspension ordered"
    APPEALED = "appealed"
    APPEAL_UPHELD = "appeal upheld"
    REINSTATED = "reinstated"
    TERMINATED = "terminated"


# THE LADDER. What is not here cannot happen. A unit is active again once no other matter, pattern or notice, is open.
TRANSITIONS: Final[Mapping[tuple[Standing, Happened], Standing]] = MappingProxyType(
    {
        (Standing.ACTIVE, Happened.PATTERN_FOUND): Standing.NOTICED,
        (Standing.ACTIVE, Happened.DENY_CONFIRMED): Standing.ACTIVE,  # counted; enough of them are a pattern
        (Standing.ACTIVE, Happened.NOTICE_GIVEN): Standing.NOTICED,
        (Standing.ACTIVE, Happened.SUSPENSION_ORDERED): Standing.SUSPENDED,
        (Standing.NOTICED, Happened.PATTERN_FOUND): Standing.NOTICED,
        (Standing.NOTICED, Happened.DENY_CONFIRMED): Standing.NOTICED,
        (Standing.NOTICED, Happened.PATTERN_CLEARED): Standing.ACTIVE,
        (Standing.NOTICED, Happened.PATTERN_CONFIRMED): Standing.SUSPENDED,
        (Standing.NOTICED, Happened.NOTICE_GIVEN): Standing.NOTICED,
        (Standing.NOTICED, Happened.NOTICE_WITHDRAWN): Standing.ACTIVE,
        (Standing.NOTICED, Happened.SUSPENSION_ORDERED): Standing.SUSPENDED,
        (Standing.NOTICED, Happened.APPEALED): Standing.NOTICED,
        (Standing.NOTICED, Happened.APPEAL_UPHELD): Standing.ACTIVE,
        (Standing.NOTICED, Happened.TERMINATED): Standing.TERMINATED,
        (Standing.SUSPENDED, Happened.PATTERN_FOUND): Standing.SUSPENDED,
        (Standing.SUSPENDED, Happened.DENY_CONFIRMED): Standing.SUSPENDED,
        (Standing.SUSPENDED, Happened.PATTERN_CLEARED): Standing.SUSPENDED,
        (Standing.SUSPENDED, Happened.PATTERN_CONFIRMED): Standing.SUSPENDED,
        (Standing.SUSPENDED, Happened.APPEALED): Standing.SUSPENDED,
        (Standing.SUSPENDED, Happened.APPEAL_UPHELD): Standing.ACTIVE,
        (Standing.SUSPENDED, Happened.REINSTATED): Standing.ACTIVE,
        (Standing.SUSPENDED, Happened.TERMINATED): Standing.TERMINATED,
    }
)

# Who must have said it. What a machine may say is not signed by a person, and is exactly one thing.
SIGNERS: Final[Mapping[Happened, tuple[Needed, ...]]] = MappingProxyType(
    {
        Happened.DENY_CONFIRMED: (Needed(SigningRole.PROVIDER_CLEARED),),
        Happened.PATTERN_CLEARED: (Needed(SigningRole.PROVIDER_CLEARED, 2),),
        Happened.PATTERN_CONFIRMED: (Needed(SigningRole.PROVIDER_CLEARED, 2),),
        Happened.NOTICE_GIVEN: (Needed(SigningRole.PROVIDER_OFFICER),),
        Happened.NOTICE_WITHDRAWN: (Needed(SigningRole.PROVIDER_OFFICER),),
        Happened.SUSPENSION_ORDERED: (Needed(SigningRole.PROVIDER_OFFICER),),
        Happened.APPEALED: (Needed(SigningRole.CUSTOMER_OFFICIAL),),
        Happened.APPEAL_UPHELD: (Needed(SigningRole.PROVIDER_OFFICER, 2),),
        Happened.REINSTATED: (Needed(SigningRole.PROVIDER_OFFICER), Needed(SigningRole.CUSTOMER_OFFICIAL)),
        Happened.TERMINATED: (Needed(SigningRole.PROVIDER_OFFICER, 2),),  # two named officers, never a machine
    }
)


# What lets a unit off, or ends it for ever, must be about the standing at hand. An order that somebody kept back, or
# brought from another installation, would otherwise count years later. What only restricts is always heard.
OF_THE_MOMENT: Final = frozenset(
    {
        Happened.PATTERN_CLEARED,
        Happened.NOTICE_WITHDRAWN,
        Happened.APPEAL_UPHELD,
        Happened.REINSTATED,
        Happened.TERMINATED,
    }
)


class Rules(msgspec.Struct, frozen=True):
    """What the ladder of the agreement says. Seconds; 0 is no such period. ``agreement`` is its digest."""

    holds_on_pattern: bool = False
    review_seconds: int = 0
    cure_seconds: int = 0
    appeal_seconds: int = 0
    termination_appeal_seconds: int = 0
    confirmed_needed: int = 0
    window_seconds: int = DAY_SECONDS
    agreement: str = ""


class Said(msgspec.Struct, frozen=True):
    """Something that happened, from a record: by a person's order, or (without ``order``) by the machine."""

    unit: str
    happened: Happened
    unix: int
    reason: str
    order: str = ""
    exchanges: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()
    denied: tuple[int, ...] = ()
    issued: int = 0
    agreement: str = ""


class UnitStanding(msgspec.Struct, frozen=True):
    """How a unit (or the agreement) stands, why, and until when something may be done (Unix seconds; 0: no end).

    ``held``: not served until cleared people have looked. ``pattern``: they have yet to look; ``notice``: an officer's
    notice is open. ``looked`` is when people last let the unit off: what was denied before that counts no more.
    ``confirmed`` are the confirmed denies: (when denied, exchange).
    """

    standing: Standing = Standing.ACTIVE
    held: bool = False
    since: int = 0
    reason: str = ""
    review_until: int = 0
    cure_until: int = 0
    appeal_until: int = 0
    appealed: bool = False
    confirmed: tuple[tuple[int, str], ...] = ()
    pattern: bool = False
    notice: bool = False
    looked: int = 0

    @property
    def serves(self) -> bool:
        """Whether it is served."""
        return self.standing.serves and not self.held


class IllegalEvent(ValueError):
    """It cannot happen in this state; nothing changes."""


def after(unit: UnitStanding, said: Said, rules: Rules) -> UnitStanding:
    """Return the standing after something happened. Raises ``IllegalEvent`` for what cannot happen here."""
    happened = said.happened
    standing = TRANSITIONS.get((unit.standing, happened))
    if standing is None:
        raise IllegalEvent(f"{happened} cannot happen to a unit that is {unit.standing}")
    _check_matter(unit, happened)
    _check_moment(unit, said, rules)
    change = msgspec.structs.replace
    entered = change(unit, standing=standing, since=said.unix, reason=said.reason)
    match happened:
        case Happened.DENY_CONFIRMED:
            return _counted(unit, said, rules)
        case Happened.APPEALED:
            return change(unit, appealed=True)
        case Happened.PATTERN_FOUND:
            if unit.pattern or not unit.standing.serves:
                return unit  # people have been called already, and their time to look does not begin anew
            review = _until(said.unix, rules.review_seconds)
            return change(entered, pattern=True, held=rules.holds_on_pattern, review_until=review)
        case Happened.NOTICE_GIVEN:
            return change(entered, notice=True, appealed=False, **_periods(said.unix, rules))
        case Happened.SUSPENSION_ORDERED:  # a pattern that nobody has looked at stays open behind it
            return change(entered, notice=False, appealed=False, **_periods(said.unix, rules))
        case Happened.PATTERN_CONFIRMED:
            ended = change(entered, pattern=False, held=False, review_until=0)
            return change(ended, notice=False, appealed=False, **_periods(said.unix, rules))
        case Happened.PATTERN_CLEARED:
            ended = change(unit, pattern=False, held=False, review_until=0, confirmed=(), looked=said.unix)
            return ended if unit.standing is Standing.SUSPENDED else _let_off(ended, said)
        case Happened.NOTICE_WITHDRAWN:
            return _let_off(change(unit, notice=False), said)
        case Happened.APPEAL_UPHELD | Happened.REINSTATED:
            ended = change(unit, notice=False)
            return _let_off(ended if unit.pattern else change(ended, confirmed=(), looked=said.unix), said)
        case Happened.TERMINATED:
            until = _until(said.unix, rules.termination_appeal_seconds)
            return UnitStanding(standing, since=said.unix, reason=said.reason, appeal_until=until)
        case _ as never:
            assert_never(never)


def _check_matter(unit: UnitStanding, happened: Happened) -> None:
    """Nobody ends what is not there, nor what is another's to end. Raises ``IllegalEvent``."""
    if happened in {Happened.PATTERN_CLEARED, Happened.PATTERN_CONFIRMED} and not unit.pattern:
        raise IllegalEvent(f"{happened}, but no pattern is open")
    if happened is Happened.NOTICE_WITHDRAWN and not unit.notice:
        raise IllegalEvent(
            f"{happened}, but no notice is open" + ("; cleared people must look" if unit.pattern else "")
        )
    if happened is Happened.APPEAL_UPHELD and not unit.appealed:
        raise IllegalEvent(f"{happened}, but nobody has appealed")
    if happened is Happened.APPEAL_UPHELD and unit.standing is Standing.NOTICED and not unit.notice:
        raise IllegalEvent(f"{happened}, but only a pattern is open; cleared people must look")


def _check_moment(unit: UnitStanding, said: Said, rules: Rules) -> None:
    if not said.order or said.happened not in OF_THE_MOMENT:
        return
    if said.agreement != rules.agreement:
        raise IllegalEvent(f"{said.happened}, but the order names another version of the agreement")
    if said.issued < unit.since:
        raise IllegalEvent(f"{said.happened}, but the order was signed before the unit stood as it does")


def _let_off(unit: UnitStanding, said: Said) -> UnitStanding:
    """Back to active, or to what is still open: a pattern that waits for cleared people, or an officer's notice."""
    if unit.notice:
        return msgspec.structs.replace(unit, since=said.unix, reason=said.reason)
    return UnitStanding(
        standing=Standing.NOTICED if unit.pattern else Standing.ACTIVE,
        held=unit.held,
        since=said.unix,
        reason=said.reason,
        review_until=unit.review_until,
        confirmed=unit.confirmed,
        pattern=unit.pattern,
        looked=unit.looked,
    )


class _Periods(TypedDict):
    cure_until: int
    appeal_until: int


def _periods(unix: int, rules: Rules) -> _Periods:
    return {"cure_until": _until(unix, rules.cure_seconds), "appeal_until": _until(unix, rules.appeal_seconds)}


def _until(unix: int, seconds: int) -> int:
    return unix + seconds if seconds else 0


def _counted(unit: UnitStanding, said: Said, rules: Rules) -> UnitStanding:
    """Count confirmed denies, each exchange once; enough that were denied within one window are a pattern."""
    known = {exchange for _, exchange in unit.confirmed}
    when = dict(zip(said.exchanges, said.denied, strict=True))
    fresh = [(unix, exchange) for exchange, unix in when.items() if exchange not in known]
    confirmed = tuple(sorted((*unit.confirmed, *fresh)))
    counted = msgspec.structs.replace(unit, confirmed=confirmed[-CONFIRMED_MAX:])
    needed = rules.confirmed_needed
    most = max((_within(confirmed, first, rules.window_seconds) for first in range(len(confirmed))), default=0)
    if not needed or not fresh or most < needed:
        return counted
    reason = f"{most} denies of {rules.window_seconds // HOUR_SECONDS} hours were confirmed by cleared people"
    return after(counted, Said(said.unit, Happened.PATTERN_FOUND, said.unix, reason), rules)


def _within(confirmed: Sequence[tuple[int, str]], first: int, seconds: int) -> int:
    """How many were denied from one of them on, before a window has passed."""
    begun = confirmed[first][0]
    return sum(begun <= unix < begun + seconds for unix, _ in confirmed[first:])


class StandingBook(msgspec.Struct, frozen=True):
    """How everybody stands. ``orders`` are the ids of the orders that were seen: each counts once."""

    units: Mapping[str, UnitStanding] = MappingProxyType({})
    orders: frozenset[str] = frozenset()

    def of(self, unit: str) -> UnitStanding:
        """How a unit stands by itself; the empty name is the agreement."""
        return self.units.get(unit, UnitStanding())

    def effective(self, unit: str) -> UnitStanding:
        """How a unit stands: the worse of its own standing and that of the agreement as a whole.

        ``looked`` stays the unit's own: it says which of its denies count.
        """
        own, whole = self.of(unit), self.of(AGREEMENT_SCOPE)
        if (own.standing.rank, own.held) >= (whole.standing.rank, whole.held):
            return own
        return msgspec.structs.replace(whole, looked=own.looked, pattern=own.pattern)

    def enter(self, said: Said, rules: Rules) -> StandingBook:
        """Return the book after something happened. Raises ``IllegalEvent`` for what cannot, or was said before."""
        if said.order and said.order in self.orders:
            raise IllegalEvent("this order was given before, and counts once")
        changed = after(self.of(said.unit), said, rules)
        orders = self.orders | {said.order} if said.order else self.orders
        return StandingBook(MappingProxyType({**self.units, said.unit: changed}), orders)


def table_rows() -> list[tuple[str, str, str, str]]:
    """The ladder for the documentation: state, what happens, who says it, state after."""
    rows = []
    for (standing, happened), then in TRANSITIONS.items():
        needed = SIGNERS.get(happened, ())
        who = " and ".join(f"{need.holders} of {need.role}" for need in needed) or "the machine"
        rows.append((standing.value, happened.value, who, then.value))
    return rows
