# SPDX-License-Identifier: Apache-2.0
"""Standing of a unit and of the agreement as a whole: the ladder as a state machine, and the lease beside it.

    active      served
    noticed     something is under way: a pattern that cleared people must look at (the unit is held meanwhile, if the
                ladder says so), or a notice with a period to cure (the unit is served)
    suspended   not served; an appeal, a cure or an order of both parties can end it
    terminated  for ever: no event leads out of it

What happened is an event; which event may happen in which state, and who must have said it, are the two tables below.
One event alone is the machine's (``PATTERN_FOUND``), and it never leads further than to people. Standing is a fold of
the log's records and of nothing else, so a database that was edited or restored changes none.

Nothing here reads a clock: whoever builds :class:`Conditions` looks at the clock and leaves out what has lapsed. What
is left out is unknown, and an installation fact that is unknown means *unavailable*, never a verdict.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from brightline.core.errors import TrustError
from brightline.core.facts import Statement
from brightline.core.statement import Needed, SigningRole, TrustRoots, open_signed

ORDER_TYPE: Final = "application/vnd.brightline.standing+json"
ORDER_FORMAT: Final = "brightline-standing/1"
DAY_SECONDS: Final = 86_400
HOUR_SECONDS: Final = 3_600
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
        return list(Standing).index(self)


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


# THE LADDER. What is not here cannot happen.
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


class Rules(msgspec.Struct, frozen=True):
    """What the ladder of the agreement says. Seconds; 0 is no such period."""

    holds_on_pattern: bool = False
    review_seconds: int = 0
    cure_seconds: int = 0
    appeal_seconds: int = 0
    termination_appeal_seconds: int = 0
    confirmed_needed: int = 0
    window_seconds: int = DAY_SECONDS


class StandingOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What people sign. ``unit`` is empty for the agreement as a whole; ``id`` is random and counts once.

    ``exchanges`` are those that it rests on, by id; ``issued`` is Unix seconds.
    """

    format: str
    id: str
    unit: str
    happened: Happened
    reason: str
    exchanges: tuple[str, ...]
    agreement: str
    issued: int


class Said(msgspec.Struct, frozen=True):
    """Something that happened, from a record: by a person's order, or (without ``order``) by the machine."""

    unit: str
    happened: Happened
    unix: int
    reason: str
    order: str = ""
    exchanges: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()


class UnitStanding(msgspec.Struct, frozen=True):
    """How a unit (or the agreement) stands, why, and until when something may be done (Unix seconds; 0: no end).

    ``held``: not served until cleared people have looked. ``confirmed`` are the confirmed denies: (when, exchange).
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

    @property
    def serves(self) -> bool:
        """Whether it is served."""
        return self.standing.serves and not self.held


class IllegalEvent(ValueError):
    """It cannot happen in this state; nothing changes."""


def after(unit: UnitStanding, said: Said, rules: Rules) -> UnitStanding:
    """Return the standing after something happened. Raises ``IllegalEvent`` for what the table does not know here."""
    happened = said.happened
    standing = TRANSITIONS.get((unit.standing, happened))
    if standing is None:
        raise IllegalEvent(f"{happened} cannot happen to a unit that is {unit.standing}")
    if happened is Happened.DENY_CONFIRMED:
        return _counted(unit, said, rules)
    if happened is Happened.APPEALED:
        return msgspec.structs.replace(unit, appealed=True)
    if happened is Happened.PATTERN_FOUND and unit.standing is not Standing.ACTIVE and (unit.held or not unit.serves):
        return unit  # cleared people have been called already
    entered = UnitStanding(standing, since=said.unix, reason=said.reason, confirmed=unit.confirmed)
    match happened:
        case Happened.PATTERN_FOUND:
            return msgspec.structs.replace(
                entered,
                held=rules.holds_on_pattern,
                review_until=_until(said.unix, rules.review_seconds),
                cure_until=unit.cure_until,
                appeal_until=unit.appeal_until,
            )
        case Happened.NOTICE_GIVEN | Happened.SUSPENSION_ORDERED | Happened.PATTERN_CONFIRMED:
            return msgspec.structs.replace(
                entered,
                held=unit.held and happened is Happened.NOTICE_GIVEN,  # a notice does not let go of a held unit
                review_until=unit.review_until if happened is Happened.NOTICE_GIVEN else 0,
                cure_until=_until(said.unix, rules.cure_seconds),
                appeal_until=_until(said.unix, rules.appeal_seconds),
            )
        case Happened.TERMINATED:
            return msgspec.structs.replace(entered, appeal_until=_until(said.unix, rules.termination_appeal_seconds))
        case _:  # back to active: what was counted before has been looked at
            return msgspec.structs.replace(entered, confirmed=())


def _until(unix: int, seconds: int) -> int:
    return unix + seconds if seconds else 0


def _counted(unit: UnitStanding, said: Said, rules: Rules) -> UnitStanding:
    """Count confirmed denies, each exchange once; enough within the window are a pattern."""
    known = {exchange for _, exchange in unit.confirmed}
    fresh = tuple((said.unix, exchange) for exchange in dict.fromkeys(said.exchanges) if exchange not in known)
    counted = msgspec.structs.replace(unit, confirmed=(*unit.confirmed, *fresh))
    recent = [when for when, _ in counted.confirmed if when > said.unix - rules.window_seconds]
    if not rules.confirmed_needed or len(recent) < rules.confirmed_needed:
        return counted
    reason = f"{len(recent)} denies were confirmed by cleared people"
    return after(counted, Said(said.unit, Happened.PATTERN_FOUND, said.unix, reason), rules)


class StandingBook(msgspec.Struct, frozen=True):
    """How everybody stands. ``orders`` are the ids of the orders that were seen: each counts once."""

    units: Mapping[str, UnitStanding] = MappingProxyType({})
    orders: frozenset[str] = frozenset()

    def of(self, unit: str) -> UnitStanding:
        """How a unit stands by itself; the empty name is the agreement."""
        return self.units.get(unit, UnitStanding())

    def effective(self, unit: str) -> UnitStanding:
        """How a unit stands: the worse of its own standing and that of the agreement as a whole."""
        own, whole = self.of(unit), self.of(AGREEMENT_SCOPE)
        return max(own, whole, key=lambda each: (each.standing.rank, each.held))

    def enter(self, said: Said, rules: Rules) -> StandingBook:
        """Return the book after something happened. Raises ``IllegalEvent`` for what cannot, or was said before."""
        if said.order and said.order in self.orders:
            raise IllegalEvent("this order was given before, and counts once")
        changed = after(self.of(said.unit), said, rules)
        orders = self.orders | {said.order} if said.order else self.orders
        return StandingBook(MappingProxyType({**self.units, said.unit: changed}), orders)


def open_order(envelope: bytes, roots: TrustRoots, *, at: int) -> Said:
    """Verify an order by the table of signers, and read it.

    Which event it is must be read before it is known who must sign, so it is read twice: once for the event, and then
    again as a statement that those roles have signed. Raises ``TrustError``.
    """
    for happened, needed in SIGNERS.items():
        try:
            opened = open_signed(envelope, ORDER_TYPE, StandingOrder, roots, at=at, needed=needed)
        except TrustError:
            continue
        if opened.value.happened is happened:
            order = opened.value
            _well_formed(order)
            signers = tuple(holder for _, holder in opened.signers)
            return Said(order.unit, happened, at, order.reason, order.id, order.exchanges, signers)
    raise TrustError("no order that those who must sign it have signed")


def check_order(envelope: bytes, roots: TrustRoots, happened: Happened, *, at: int) -> Said:
    """Verify an order of which the writer knows what it is, for a message that says whose signature is missing.

    Raises ``TrustError``.
    """
    if happened not in SIGNERS:
        raise TrustError(f"{happened} is what the machine finds, and nobody orders")
    open_signed(envelope, ORDER_TYPE, StandingOrder, roots, at=at, needed=SIGNERS[happened])
    return open_order(envelope, roots, at=at)


def _well_formed(order: StandingOrder) -> None:
    if order.format != ORDER_FORMAT:
        raise TrustError(f"order format {order.format[:40]!r}; expected {ORDER_FORMAT!r}")
    if len(order.id) < 16 or not order.reason.strip():
        raise TrustError("an order has a random id and a reason")
    if order.happened is Happened.DENY_CONFIRMED and not order.exchanges:
        raise TrustError("a confirmed deny names the exchange")


def table_rows() -> list[tuple[str, str, str, str]]:
    """The ladder for the documentation: state, what happens, who says it, state after."""
    rows = []
    for (standing, happened), then in TRANSITIONS.items():
        needed = SIGNERS.get(happened, ())
        who = " and ".join(f"{need.holders} of {need.role}" for need in needed) or "the machine"
        rows.append((standing.value, happened.value, who, then.value))
    return rows


class Conditions(msgspec.Struct, frozen=True):
    """What the installation can state at one instant.

    ``statements`` come from attestation, admission and roster, each only while it is in date. ``faults`` are
    reasons for which no exchange may go on (evidence cannot be written, clock stepped); empty is healthy. ``held``
    says that the unit waits for cleared people.
    """

    standing: Standing
    statements: tuple[Statement, ...]
    faults: tuple[str, ...] = ()
    held: bool = False
