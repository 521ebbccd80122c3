# SPDX-License-Identifier: Apache-2.0
"""Legal holds and orders to shred, from the log; and how they are written there.

A statement whose signatures do not hold raises: a legal hold that this node cannot believe might be one, and what it
would keep could not be brought back. One that holds and cannot happen (a hold that stands already, one to lift that
does not) changes nothing and is kept among the ``ignored``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from brightline.core.agreement.clause import Agreement
from brightline.core.canonical import JsonValue
from brightline.core.errors import TrustError
from brightline.core.evidence.record import Draft, DurableRecord, RecordKind
from brightline.core.evidence.retention import (
    LIFT_SIGNERS,
    PLACE_SIGNERS,
    PRESERVATION_TYPE,
    SHRED_ORDER_TYPE,
    SHRED_SIGNERS,
    Held,
    Preservation,
    ShredOrder,
    check_preservation,
    check_shred_order,
)
from brightline.core.ports import Clock
from brightline.core.statement import TrustRoots, open_statement
from brightline.shell.config import Settings
from brightline.shell.registry.log import append_to_registry, lasting
from brightline.shell.registry.reader import Entry


class Retentions:
    """What keeps evidence longer and what destroys it sooner, as a fold of PRESERVE and SHRED records."""

    kinds: Final = frozenset({RecordKind.PRESERVE, RecordKind.SHRED})

    def __init__(self, roots: TrustRoots) -> None:
        self._roots = roots
        self.held = Held()
        self.ignored: dict[int, str] = {}

    def enter(self, entry: Entry) -> None:
        """Take in a record. Raises ``TrustError`` for one that is not signed by those who must."""
        if entry.kind is RecordKind.SHRED:
            self.held = self.held.order(entry.seq, read_shred_order(entry.envelope, self._roots, at=entry.unix))
            return
        said = read_preservation(entry.envelope, self._roots, at=entry.unix)
        try:
            self.held = self.held.enter(said)
        except TrustError as error:
            self.ignored[entry.seq] = str(error)


def read_preservation(envelope: bytes, roots: TrustRoots, *, at: int) -> Preservation:
    """Verify who signed a legal hold and read it: either party places one, both lift one. Raises ``TrustError``."""
    said: Preservation | None = None
    failures: list[str] = []
    for needed in PLACE_SIGNERS:
        try:
            said = open_statement(envelope, PRESERVATION_TYPE, Preservation, roots, at=at, needed=needed)
            break
        except TrustError as error:
            failures.append(str(error))
    if said is None:
        raise TrustError("; and ".join(failures))
    if said.lifted:
        open_statement(envelope, PRESERVATION_TYPE, Preservation, roots, at=at, needed=LIFT_SIGNERS)
    check_preservation(said)
    return said


def read_shred_order(envelope: bytes, roots: TrustRoots, *, at: int) -> ShredOrder:
    """Verify that both parties signed an order to shred, and read it. Raises ``TrustError``."""
    said = open_statement(envelope, SHRED_ORDER_TYPE, ShredOrder, roots, at=at, needed=SHRED_SIGNERS)
    check_shred_order(said)
    return said


def log_preservation(
    root: Path, settings: Settings, held: Held, agreement: Agreement, roots: TrustRoots, envelope: bytes, clock: Clock
) -> DurableRecord:
    """Check a legal hold as every reader will, and log it. Public is its id; what it keeps and why are committed.

    Raises ``TrustError`` if it is not signed by those who must or cannot happen, ``OperatorError`` if it cannot be
    logged.
    """
    said = lasting(lambda at: read_preservation(envelope, roots, at=at), clock)
    held.enter(said)
    public: dict[str, JsonValue] = {"agreement": agreement.digest, "id": said.id, "lifted": said.lifted}
    committed: dict[str, JsonValue] = {"statement": envelope.decode()}
    draft = Draft(RecordKind.PRESERVE, "", public, committed)
    return append_to_registry(root, settings, roots.profile, clock, draft)


def log_shred_order(
    root: Path, settings: Settings, held: Held, agreement: Agreement, roots: TrustRoots, envelope: bytes, clock: Clock
) -> DurableRecord:
    """Check an order to shred as every reader will, and log it; whoever owns the records carries it out.

    Raises ``TrustError`` if it is not signed by both parties or names what a legal hold keeps by name.
    """
    said = lasting(lambda at: read_shred_order(envelope, roots, at=at), clock)
    for exchange in said.exchanges:
        named = [each.id for each in held.preservations.values() if each.everything or exchange in each.exchanges]
        if named:
            raise TrustError(f"legal hold {named[0]} keeps {exchange}; both parties lift it first")
    public: dict[str, JsonValue] = {"agreement": agreement.digest, "id": said.id}
    committed: dict[str, JsonValue] = {"statement": envelope.decode()}
    draft = Draft(RecordKind.SHRED, "", public, committed)
    return append_to_registry(root, settings, roots.profile, clock, draft)
