# SPDX-License-Identifier: Apache-2.0
"""What people have halted, from the log; and how a halt, and the end of one, are written there.

A statement whose signatures do not hold raises: a halt that this node cannot believe might be one, so it stops. One
that holds and changes nothing (it was given before, what it ends is over) is kept among the ``ignored``.

What is written is checked while nobody else writes: who may sign by passkey is the roster's to say, and the roster
changes with the log. So no record stands there whose signer had been withdrawn a moment before.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from brightline.core.canonical import JsonValue
from brightline.core.errors import TrustError
from brightline.core.evidence.record import Draft, DurableRecord, RecordKind
from brightline.core.halt import HaltBook, NothingChanged, in_force
from brightline.core.ports import Clock
from brightline.core.review.halting import Signers, open_halt_by_people, open_resumption_by_people
from brightline.core.statement import TrustRoots
from brightline.shell.config import Settings
from brightline.shell.registry.log import lasting, patiently_writing
from brightline.shell.registry.reader import Entry


class Halts:
    """The halts in force, as a fold of HALT records. ``signers`` is asked each time: the roster goes on changing."""

    kinds: Final = frozenset({RecordKind.HALT})

    def __init__(self, signers: Callable[[], Signers]) -> None:
        self.book = HaltBook()
        self.ignored: dict[int, str] = {}
        self.signers: Final = signers

    def enter(self, entry: Entry) -> None:
        """Take in a record. Raises ``TrustError`` for one that is not signed by those who must."""
        try:
            if "ends" in entry.public:
                self.book = self.book.resumed(
                    open_resumption_by_people(entry.envelope, self.signers(), at=entry.unix).value
                )
                return
            given = open_halt_by_people(entry.envelope, self.signers(), at=entry.unix)
            self.book = self.book.halted(in_force(given.value, given.people, entry.unix))
        except NothingChanged as error:
            self.ignored[entry.seq] = str(error)


def log_halt(
    root: Path,
    settings: Settings,
    halts: Halts,
    roots: TrustRoots,
    statement: bytes,
    clock: Clock,
    refresh: Callable[[], None],
) -> DurableRecord:
    """Check a halt as every reader will, and log it. Public is what kind of thing it stops; which one is committed.

    ``refresh`` reads the registry anew. Blocks. Raises ``TrustError`` if nobody who may halt signed it or it was given
    before, ``OperatorError`` or ``EvidenceUnavailable`` if it cannot be logged.
    """
    with patiently_writing(root, settings, roots.profile, clock) as log:
        refresh()
        given = lasting(lambda at: open_halt_by_people(statement, halts.signers(), at=at), clock)
        order = given.value
        try:
            halts.book.halted(in_force(order, given.people, clock.unix()))
        except NothingChanged as error:
            raise TrustError(str(error)) from error
        public: dict[str, JsonValue] = {"halt": order.id, "scope": order.scope.value}
        committed: dict[str, JsonValue] = {"statement": statement.decode(), "name": order.name}
        return log.append_sync(Draft(RecordKind.HALT, "", public, committed))


def log_resumption(
    root: Path,
    settings: Settings,
    halts: Halts,
    roots: TrustRoots,
    statement: bytes,
    clock: Clock,
    refresh: Callable[[], None],
) -> DurableRecord:
    """Check what ends halts as every reader will, and log it with their ids.

    Raises as :func:`log_halt`, and ``TrustError`` if not both parties signed it or nothing of it is in force.
    """
    with patiently_writing(root, settings, roots.profile, clock) as log:
        refresh()
        said = lasting(lambda at: open_resumption_by_people(statement, halts.signers(), at=at), clock).value
        try:
            halts.book.resumed(said)
        except NothingChanged as error:
            raise TrustError(str(error)) from error
        public: dict[str, JsonValue] = {"ends": list(said.halts)}
        committed: dict[str, JsonValue] = {"statement": statement.decode()}
        return log.append_sync(Draft(RecordKind.HALT, "", public, committed))
