# SPDX-License-Identifier: Apache-2.0
"""Whether the laws that an agreement pins still read as they did. It reports, and changes nothing.

"Even if those laws or policies change in the future": the agreement follows each text as it was pinned. So whatever is
found here is for people, and every finding says that decisions are unchanged.
"""

from __future__ import annotations

import datetime
import enum
from collections.abc import Iterator, Mapping

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
    """A text that somebody holds today, and what is known of it.

    ``sha256`` is empty where something is known of a text, but its bytes are not held; dates and ids are empty where
    nothing is known.
    """

    sha256: str
    edition: tuple[datetime.date, ...] = ()
    status: str = "in force"
    lapses: tuple[datetime.date, ...] = ()
    reissued_as: str = ""


class Finding(msgspec.Struct, frozen=True):
    """What was found about one authority, with the clauses that cite it.

    A law can move in several ways at once: ``drift`` is the gravest of them, ``words`` say all.
    """

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
    found = list(_moved(authority, held, today)) if held is not None else []
    if not found:
        found = [_as_pinned(authority, held)]
    clauses = tuple(clause.id for clause in agreement.clauses if authority.id in clause.authorities)
    words = "; ".join(said for _, said in found)
    return Finding(authority.id, authority.cite, found[0][0], words, clauses)


def _moved(authority: Authority, held: Held, today: datetime.date) -> Iterator[tuple[Drift, str]]:
    """Each way in which the law has moved away from the pin, the gravest first."""
    if held.reissued_as:
        yield Drift.REISSUED, f"{held.reissued_as} has taken its place"
    if held.status == "repealed":
        yield Drift.REPEALED, "it was repealed"
    for lapses in held.lapses:
        tense = "lapsed on" if lapses <= today else "will lapse on"
        yield Drift.SUNSET, f"it {tense} {lapses}; a sunset loosens nothing here"
    if held.status == "lapsed" and not held.lapses:
        yield Drift.SUNSET, "it has lapsed; a sunset loosens nothing here"
    for edition in held.edition:
        if edition > authority.edition:
            yield Drift.AMENDED, f"the text held is of {edition}; pinned is that of {authority.edition}"
    if held.sha256 and authority.sha256 and held.sha256 != authority.sha256:
        yield Drift.AMENDED, f"the text held has SHA-256 {held.sha256}; pinned is {authority.sha256}"


def _as_pinned(authority: Authority, held: Held | None) -> tuple[Drift, str]:
    """What is so where nothing is known to have moved."""
    if held is None or not held.sha256:
        return Drift.MISSING, "no text is held, so nothing can be compared"
    if not authority.sha256:
        return Drift.UNPINNED, f"the agreement pins no digest; that of the text held is {held.sha256}"
    return Drift.UNCHANGED, f"as of {authority.edition}"
