# SPDX-License-Identifier: Apache-2.0
"""Whether the laws that an agreement pins still read as they did. It reports, and changes nothing.

"Even if those laws or policies change in the future": the agreement follows each text as it was pinned. So whatever is
found here is for people, and every finding says that decisions are unchanged.
"""

from __future__ import annotations

import datetime
import enum
from collections.abc import Mapping

import msgspec

from brightline.core.agreement.clause import Agreement, Authority


class Drift(enum.StrEnum):
    """How a text stands to its pin. All but the first are for people to look at."""

    UNCHANGED = "unchanged"
    UNPINNED = "unpinned"  # a text is held, and the agreement names no digest
    MISSING = "missing"  # no text is held
    AMENDED = "amended"  # other words, or a later edition
    REPEALED = "repealed"
    SUNSET = "sunset"  # it lapsed, or will on a day that is known
    REISSUED = "reissued"  # another text has taken its place


class Held(msgspec.Struct, frozen=True):
    """A text that somebody holds today, and what is known of it. Dates and ids are empty tuples where nothing is."""

    sha256: str
    edition: tuple[datetime.date, ...] = ()
    status: str = "in force"
    lapses: tuple[datetime.date, ...] = ()
    reissued_as: str = ""


class Finding(msgspec.Struct, frozen=True):
    """What was found about one authority, with the clauses that cite it."""

    authority: str
    cite: str
    drift: Drift
    words: str
    clauses: tuple[str, ...]

    @property
    def drifted(self) -> bool:
        """Whether the law has moved away from the pin."""
        return self.drift in {Drift.AMENDED, Drift.REPEALED, Drift.SUNSET, Drift.REISSUED}


def watch(agreement: Agreement, held: Mapping[str, Held], today: datetime.date) -> tuple[Finding, ...]:
    """Compare every authority of the agreement, in its order, with the texts that are held, by id."""
    return tuple(_finding(agreement, authority, held.get(authority.id), today) for authority in agreement.authorities)


def _finding(agreement: Agreement, authority: Authority, held: Held | None, today: datetime.date) -> Finding:
    drift, words = _drift(authority, held, today)
    clauses = tuple(clause.id for clause in agreement.clauses if authority.id in clause.authorities)
    return Finding(authority.id, authority.cite, drift, words, clauses)


def _drift(authority: Authority, held: Held | None, today: datetime.date) -> tuple[Drift, str]:
    if held is None:
        return Drift.MISSING, "no text is held, so nothing can be compared"
    if held.reissued_as:
        return Drift.REISSUED, f"{held.reissued_as} has taken its place; the agreement means the text as pinned"
    if held.status == "repealed":
        return Drift.REPEALED, "it was repealed; the agreement means the text as pinned"
    for lapses in held.lapses:
        tense = "lapsed on" if lapses <= today else "will lapse on"
        return Drift.SUNSET, f"it {tense} {lapses}; a sunset loosens nothing here"
    if held.status == "lapsed":
        return Drift.SUNSET, "it has lapsed; a sunset loosens nothing here"
    for edition in held.edition:
        if edition > authority.edition:
            return Drift.AMENDED, f"the text held is of {edition}; pinned is that of {authority.edition}"
    if not authority.sha256:
        return Drift.UNPINNED, f"the agreement pins no digest; that of the text held is {held.sha256}"
    if held.sha256 != authority.sha256:
        return Drift.AMENDED, f"the text held has SHA-256 {held.sha256}; pinned is {authority.sha256}"
    return Drift.UNCHANGED, f"as of {authority.edition}"
