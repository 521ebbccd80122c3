# SPDX-License-Identifier: Apache-2.0
"""How long what opens a record is kept, what keeps it longer, and what destroys it sooner.

The agreement fixes days by how an exchange ended. A *legal hold* (PRESERVE) keeps what it names for as long as it
stands, whatever else says otherwise: one official or officer of either party can place it, and only both parties
together can lift it. An *order to shred* (SHRED in the registry) takes both parties, and does nothing to what a hold
keeps. Leaves and proofs are never destroyed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from brightline.core.agreement.limits import Kept
from brightline.core.canonical import INTEGER_MAX
from brightline.core.errors import TrustError
from brightline.core.evidence.keytree import Range
from brightline.core.evidence.record import RecordKind
from brightline.core.register import DAY_SECONDS, WORDS_CHARS_MAX, check_id
from brightline.core.statement import BOTH_PARTIES, Needed, SigningRole

PRESERVATION_FORMAT: Final = "brightline-preservation/1"
PRESERVATION_TYPE: Final = "application/vnd.brightline.preservation+json"
SHRED_ORDER_FORMAT: Final = "brightline-shred-order/1"
SHRED_ORDER_TYPE: Final = "application/vnd.brightline.shred-order+json"
NAMES_MAX: Final = 500
NAME_CHARS_MAX: Final = 128

# To keep evidence takes one person of either side; to let go of it takes both sides.
PLACE_SIGNERS: Final = ((Needed(SigningRole.PROVIDER_OFFICER),), (Needed(SigningRole.CUSTOMER_OFFICIAL),))
LIFT_SIGNERS: Final = BOTH_PARTIES
SHRED_SIGNERS: Final = BOTH_PARTIES


class Preservation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A legal hold. It names exchanges or units, or everything; ``issued`` is Unix seconds.

    ``lifted`` ends the hold with this id; what else such a statement names is not looked at.
    """

    format: str
    id: str
    everything: bool
    units: tuple[str, ...]
    exchanges: tuple[str, ...]
    lifted: bool
    reason: str
    issued: int

    def keeps(self, unit: str, exchange: str) -> bool:
        """Whether it keeps this exchange of this unit. A unit that is not known might be any."""
        return self.everything or exchange in self.exchanges or unit in self.units or (not unit and bool(self.units))


class ShredOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """That both parties want what opens some exchanges destroyed, before its time."""

    format: str
    id: str
    exchanges: tuple[str, ...]
    reason: str
    issued: int


def check_preservation(said: Preservation) -> None:
    """Check what a legal hold must say. Raises ``TrustError``."""
    _check("a legal hold", said.format, PRESERVATION_FORMAT, said.id, said.reason, said.issued)
    named = bool(said.units) + bool(said.exchanges) + said.everything
    if not said.lifted and not named:
        raise TrustError(f"legal hold {said.id} names neither exchanges nor units, and not everything")
    _check_names(said.id, (*said.units, *said.exchanges))


def check_shred_order(said: ShredOrder) -> None:
    """Check what an order to shred must say. Raises ``TrustError``."""
    _check("an order to shred", said.format, SHRED_ORDER_FORMAT, said.id, said.reason, said.issued)
    if not said.exchanges:
        raise TrustError(f"order {said.id} names no exchange")
    _check_names(said.id, said.exchanges)


def _check(what: str, format_: str, expected: str, id_: str, reason: str, issued: int) -> None:
    if format_ != expected:
        raise TrustError(f"{what} of format {format_[:40]!r}; expected {expected!r}")
    check_id(what, id_)
    if not reason.strip() or len(reason) > WORDS_CHARS_MAX:
        raise TrustError(f"{what} says why, in at most {WORDS_CHARS_MAX} characters")
    if not 0 <= issued <= INTEGER_MAX:
        raise TrustError(f"{what} was issued at no time")


def _check_names(id_: str, names: tuple[str, ...]) -> None:
    if len(names) > NAMES_MAX or any(not 0 < len(name) <= NAME_CHARS_MAX for name in names):
        raise TrustError(f"{id_} names at most {NAMES_MAX} exchanges or units, of at most {NAME_CHARS_MAX} characters")


# ---- how long ------------------------------------------------------------------------------------------------------


_KEPT: Final = {"permit": Kept.PERMITTED, "hold": Kept.HELD, "deny": Kept.DENIED}


def kept_as(verdict: str) -> Kept:
    """The class of an exchange whose OUTCOME has this verdict."""
    return _KEPT.get(verdict, Kept.OTHER)


class Ended(msgspec.Struct, frozen=True):
    """An exchange that has its OUTCOME: the numbers of its records, and when it ended (Unix seconds)."""

    exchange: str
    seqs: tuple[int, ...]
    kept: Kept
    unix: int

    @property
    def ranges(self) -> tuple[Range, ...]:
        """Its records as ranges of one."""
        return tuple((seq, seq) for seq in self.seqs)

    def expired(self, days: Mapping[Kept, int], now: int) -> bool:
        """Whether it was kept as long as the agreement says, at ``now`` (Unix seconds)."""
        return self.unix + days[self.kept] * DAY_SECONDS <= now


class Ledger:
    """Gathers the records of each exchange, in the order of the log, until it has ended."""

    def __init__(self) -> None:
        self._open: dict[str, list[int]] = {}

    def enter(self, kind: RecordKind, exchange: str, seq: int) -> tuple[int, ...]:
        """Take in a record; return the numbers of its exchange's records if this is the OUTCOME, else nothing.

        What comes after the OUTCOME goes by itself: a CASE is kept as what people look at, a TOUCHED as its exchange.

        Records of no exchange are never destroyed.
        """
        if not exchange:
            return ()
        if kind in {RecordKind.CASE, RecordKind.TOUCHED}:  # it comes after the OUTCOME, and has its own time
            return (seq,)
        seqs = self._open.setdefault(exchange, [])
        seqs.append(seq)
        return tuple(self._open.pop(exchange)) if kind is RecordKind.OUTCOME else ()


class Held(msgspec.Struct, frozen=True):
    """The legal holds that stand, by id, and the orders to shred by their record in the registry."""

    preservations: Mapping[str, Preservation] = {}
    orders: Mapping[int, ShredOrder] = {}

    def enter(self, said: Preservation) -> Held:
        """Place a hold, or lift the one with this id. Raises ``TrustError`` if there is none, or one already."""
        standing = dict(self.preservations)
        if said.lifted:
            if standing.pop(said.id, None) is None:
                raise TrustError(f"no legal hold {said.id} stands")
        elif said.id in standing:
            raise TrustError(f"legal hold {said.id} stands already")
        else:
            standing[said.id] = said
        return msgspec.structs.replace(self, preservations=standing)

    def order(self, seq: int, said: ShredOrder) -> Held:
        """Take in an order, under the number of its record."""
        return msgspec.structs.replace(self, orders={**self.orders, seq: said})

    def keeping(self, unit: str, exchange: str) -> str:
        """The id of a hold that keeps this exchange; empty if none does."""
        return next((each.id for each in self.preservations.values() if each.keeps(unit, exchange)), "")


def wanted(orders: Iterable[tuple[int, ShredOrder]], exchange: str) -> tuple[int, ...]:
    """The records of the orders that name an exchange."""
    return tuple(seq for seq, order in orders if exchange in order.exchanges)
