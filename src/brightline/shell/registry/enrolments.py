# SPDX-License-Identifier: Apache-2.0
"""The roster, from the installation and the log; and how an enrolment is written there.

One whose signatures do not hold raises: a withdrawal that this node cannot believe might be one. One that holds and
cannot happen (it is not the next version, a credential is somebody else's, a code was used or is over) changes nothing
and is kept among the ``ignored``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from brightline.core.agreement.clause import Agreement
from brightline.core.canonical import JsonValue
from brightline.core.errors import TrustError
from brightline.core.evidence.record import Draft, DurableRecord, RecordKind
from brightline.core.ports import Clock
from brightline.core.review.enrolment import ENROLMENT_SIGNERS, ENROLMENT_TYPE, Enrolment, RosterBook, check_enrolment
from brightline.core.review.roster import ClearedPerson, ReviewTerms
from brightline.core.statement import Opened, TrustRoots, open_signed
from brightline.shell.config import Settings
from brightline.shell.registry.log import append_to_registry, lasting
from brightline.shell.registry.reader import Entry


class Enrolments:
    """Who is on the roster, as a fold of ENROLMENT records."""

    kinds: Final = frozenset({RecordKind.ENROLMENT})

    def __init__(self, roots: TrustRoots, people: Sequence[ClearedPerson], terms: ReviewTerms) -> None:
        self._roots = roots
        self.terms = terms
        self.book = RosterBook.begin(people)
        self.ignored: dict[int, str] = {}

    @property
    def roster(self) -> Mapping[str, ClearedPerson]:
        """Everybody who is on it now, by id, cleared or not."""
        return self.book.roster

    def enter(self, entry: Entry) -> None:
        """Take in an enrolment. Raises ``TrustError`` for one that is not signed by both parties."""
        opened = read_enrolment(entry.envelope, self._roots, at=entry.unix)
        try:
            self.book = self.tried(opened, entry.unix)
        except TrustError as error:
            self.ignored[entry.seq] = str(error)

    def tried(self, opened: Opened[Enrolment], at: int) -> RosterBook:
        """The book as it would be with this. Raises ``TrustError``."""
        return self.book.enter(opened.value, [holder for _, holder in opened.signers], at, self.terms)


def read_enrolment(envelope: bytes, roots: TrustRoots, *, at: int) -> Opened[Enrolment]:
    """Verify that both parties signed an enrolment, and read it. Raises ``TrustError``."""
    opened = open_signed(envelope, ENROLMENT_TYPE, Enrolment, roots, at=at, needed=ENROLMENT_SIGNERS)
    check_enrolment(opened.value)
    return opened


def log_enrolment(
    root: Path,
    settings: Settings,
    enrolments: Enrolments,
    agreement: Agreement,
    roots: TrustRoots,
    envelope: bytes,
    clock: Clock,
) -> DurableRecord:
    """Check an enrolment as every reader will, and log it. Public is whether it withdraws; of whom, is committed.

    Raises ``TrustError`` if it is not signed by both parties or changes nothing, ``OperatorError`` if it cannot be
    logged. Blocks.
    """
    opened = lasting(lambda at: read_enrolment(envelope, roots, at=at), clock)
    enrolments.tried(opened, clock.unix())
    public: dict[str, JsonValue] = {"agreement": agreement.digest, "withdrawn": opened.value.withdrawn}
    draft = Draft(RecordKind.ENROLMENT, "", public, {"statement": envelope.decode()})
    return append_to_registry(root, settings, roots.profile, clock, draft)
