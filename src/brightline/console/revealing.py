# SPDX-License-Identifier: Apache-2.0
"""A masked identifier is shown to one person in one case, once there is a record of who asked for it, and why.

The record names the case and the office publicly; who, why and which (by its label, never by its words) is committed.
What was revealed is forgotten when the console stops: who needs it again says so again.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from brightline.console.books import Books
from brightline.console.person import Person
from brightline.core.errors import TrustError
from brightline.core.evidence.record import Draft, DurableRecord, RecordKind
from brightline.core.review.case import Case
from brightline.core.review.decision import REASON_CHARS_MAX
from brightline.shell.registry.log import append_to_registry

KEPT_MAX: Final = 10_000


class Revealed:
    """What was revealed to whom."""

    def __init__(self) -> None:
        self._labels: dict[tuple[str, str], frozenset[str]] = {}

    def to(self, person: Person, case: str) -> frozenset[str]:
        """The labels that are shown to a person in a case, by the case's digest."""
        return self._labels.get((person.person, case), frozenset())

    def add(self, person: Person, case: str, labels: Collection[str]) -> None:
        """Show these from now on."""
        if len(self._labels) >= KEPT_MAX:
            self._labels.clear()
        self._labels[person.person, case] = self.to(person, case) | frozenset(labels)


def log_reveal(books: Books, person: Person, case: Case, labels: Collection[str], reason: str) -> DurableRecord:
    """Make the record. Raises ``TrustError`` without a reason, ``EvidenceUnavailable`` where there is none. Blocks."""
    if not reason.strip() or len(reason) > REASON_CHARS_MAX:
        raise TrustError(f"to see an identifier needs a reason, {REASON_CHARS_MAX} characters at most")
    draft = Draft(
        RecordKind.REVEAL,
        "",
        {
            "agreement": case.agreement,
            "release": case.release,
            "hold": case.hold,
            "case": case.digest,
            "office": person.office,
        },
        {"person": person.person, "reason": reason, "identifiers": [*sorted(labels)]},
    )
    return append_to_registry(books.root, books.settings, books.profile, books.clock, draft)
