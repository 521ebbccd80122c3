# SPDX-License-Identifier: Apache-2.0
"""What people have halted, from the log; and how a halt, and the end of one, are written there.

A statement whose signatures do not hold raises: a halt that this node cannot believe might be one, so it stops. One
that holds and changes nothing (it was given before, what it ends is over) is kept among the ``ignored``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from brightline.core.canonical import JsonValue
from brightline.core.errors import TrustError
from brightline.core.evidence.record import Draft, DurableRecord, RecordKind
from brightline.core.halt import HaltBook, HaltOrder, NothingChanged, in_force, open_halt, open_resumption
from brightline.core.ports import Clock
from brightline.core.statement import Opened, TrustRoots
from brightline.shell.config import Settings
from brightline.shell.registry.log import append_to_registry
from brightline.shell.registry.reader import Entry


class Halts:
    """The halts in force, as a fold of HALT records."""

    kinds: Final = frozenset({RecordKind.HALT})

    def __init__(self, roots: TrustRoots) -> None:
        self.book = HaltBook()
        self.ignored: dict[int, str] = {}
        self._roots = roots

    def enter(self, entry: Entry) -> None:
        """Take in a record. Raises ``TrustError`` for one that is not signed by those who must."""
        try:
            if "ends" in entry.public:
                self.book = self.book.resumed(open_resumption(entry.envelope, self._roots, at=entry.unix).value)
                return
            opened = open_halt(entry.envelope, self._roots, at=entry.unix)
            self.book = self.book.halted(in_force(opened.value, holders(opened), entry.unix))
        except NothingChanged as error:
            self.ignored[entry.seq] = str(error)


def holders(opened: Opened[HaltOrder]) -> tuple[str, ...]:
    """The people who signed, by name."""
    return tuple(sorted({holder for _, holder in opened.signers}))


def log_halt(
    root: Path, settings: Settings, halts: Halts, roots: TrustRoots, envelope: bytes, clock: Clock
) -> DurableRecord:
    """Check a halt as every reader will, and log it. Public is what kind of thing it stops; which one is committed.

    Blocks. Raises ``TrustError`` if nobody who may halt signed it or it was given before, ``OperatorError`` or
    ``EvidenceUnavailable`` if it cannot be logged.
    """
    opened = open_halt(envelope, roots, at=clock.unix())
    order = opened.value
    try:
        halts.book.halted(in_force(order, holders(opened), clock.unix()))
    except NothingChanged as error:
        raise TrustError(str(error)) from error
    public: dict[str, JsonValue] = {"halt": order.id, "scope": order.scope.value}
    committed: dict[str, JsonValue] = {"statement": envelope.decode(), "name": order.name}
    return append_to_registry(root, settings, roots.profile, clock, Draft(RecordKind.HALT, "", public, committed))


def log_resumption(
    root: Path, settings: Settings, halts: Halts, roots: TrustRoots, envelope: bytes, clock: Clock
) -> DurableRecord:
    """Check what ends halts as every reader will, and log it with their ids.

    Raises as :func:`log_halt`, and ``TrustError`` if not both parties signed it or nothing of it is in force.
    """
    said = open_resumption(envelope, roots, at=clock.unix()).value
    try:
        halts.book.resumed(said)
    except NothingChanged as error:
        raise TrustError(str(error)) from error
    public: dict[str, JsonValue] = {"ends": list(said.halts)}
    committed: dict[str, JsonValue] = {"statement": envelope.decode()}
    return append_to_registry(root, settings, roots.profile, clock, Draft(RecordKind.HALT, "", public, committed))
