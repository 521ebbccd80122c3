# SPDX-License-Identifier: Apache-2.0
"""An order about a standing: what people sign, and how it becomes something that happened to a unit.

Who must sign which order is a table of ``standing.py``; here it is asked of the signatures. An order says why, and
counts once: its id is random, and no book of standings enters one twice.
"""

from __future__ import annotations

from typing import Final

import msgspec

from brightline.core.errors import TrustError
from brightline.core.standing import SIGNERS, Happened, Said
from brightline.core.statement import TrustRoots, open_signed

ORDER_TYPE: Final = "application/vnd.brightline.standing+json"
ORDER_FORMAT: Final = "brightline-standing/1"


class StandingOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What people sign. ``unit`` is empty for the agreement as a whole; ``id`` is random and counts once.

    ``exchanges`` are those that it rests on, by id; ``denied`` says, for a confirmed deny, when each of them was
    denied; that and ``issued`` are Unix seconds.
    """

    format: str
    id: str
    unit: str
    happened: Happened
    reason: str
    exchanges: tuple[str, ...]
    agreement: str
    issued: int
    denied: tuple[int, ...] = ()


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
            return Said(
                unit=order.unit,
                happened=happened,
                unix=at,
                reason=order.reason,
                order=order.id,
                exchanges=order.exchanges,
                signers=tuple(holder for _, holder in opened.signers),
                denied=order.denied,
                issued=order.issued,
                agreement=order.agreement,
            )
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
    if order.denied and len(order.denied) != len(order.exchanges):
        raise TrustError("an order says of each exchange when it was denied, or of none")
    if order.happened is Happened.DENY_CONFIRMED and not order.denied:
        raise TrustError("a confirmed deny says when it was denied")
