# SPDX-License-Identifier: Apache-2.0
"""The recount: how many records of which kind one shard has, how its exchanges ended, and under which terms.

It believes no number that a log states; whoever audits tells it each record once (``audit_books.py``). However many
distinct values a hostile log has, what is counted here stays bounded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec

from brightline.core.evidence.audit_memory import BooksMemory
from brightline.core.evidence.record import Outcome, RecordKind, RefusalClass

ROWS_MAX: Final = 10_000  # distinct values of one recount; more are counted under one name
OTHERS: Final = "(others)"


class Recount(msgspec.Struct, frozen=True):
    """The recount. ``released_bytes`` is over all outcomes; ``lost_bytes_max`` bounds what ``lost`` ones let out.

    ``shredded`` are the records that nobody can open any more, as the SHRED records say. ``read_again`` is how many
    exchanges were read for persons once more, whole or in part, ``unread`` how many the log says were not, by why.
    """

    records: int
    attempts: int
    outcomes: int
    open: int
    passes: int
    shredded: int
    marks: int
    released_bytes: int
    lost_bytes_max: int
    by_kind: dict[str, int]
    by_outcome: dict[str, int]
    by_class: dict[str, int]
    by_verdict: dict[str, int]
    by_clause: dict[str, int]
    by_agreement: dict[str, int]
    by_release: dict[str, int]
    by_epoch: dict[str, int]
    without_record: dict[str, int]
    read_again: dict[str, int] = {}
    unread: dict[str, int] = {}


class Recounting:
    """Counts as the records come.

    ``released`` are the bytes of all outcomes, ``lost_max`` what those that a crash lost may have let out at most,
    ``shredded`` the records that nobody can open any more.
    """

    def __init__(self) -> None:
        self.kinds: Final[Counter[RecordKind]] = Counter()
        self.ends: Final[Counter[tuple[Outcome, RefusalClass, str]]] = Counter()
        self.released = 0
        self.lost_max = 0
        self.shredded = 0
        self._tallies: dict[str, dict[str, int]] = {}
        self._terms: tuple[str, str, int] = ("", "", 0)  # of the last attempt, and how many in a row had them
        self._under_terms = 0

    @property
    def tallies(self) -> dict[str, dict[str, int]]:
        """By what is counted and by value, how often."""
        self._count_terms()
        return self._tallies

    def resume(self, earlier: BooksMemory) -> None:
        """Go on from where an earlier visit ended."""
        self.kinds.update({RecordKind(kind): count for kind, count in earlier.kinds.items()})
        self.ends.update({(Outcome(end), RefusalClass(why), said): count for end, why, said, count in earlier.ends})
        self._tallies = {what: dict(tally) for what, tally in earlier.tallies.items()}
        self.released, self.lost_max = earlier.released, earlier.lost_max
        self.shredded = earlier.shredded

    def attempted(self, agreement: str, release: str, epoch: int) -> None:
        """An attempt was made under these terms."""
        terms = (agreement, release, epoch)
        if terms != self._terms:
            self._count_terms()
            self._terms = terms
        self._under_terms += 1

    def ended(self, outcome: Outcome, why: RefusalClass, verdict: str, released: int, clauses: Iterable[str]) -> None:
        """An attempt ended so."""
        self.ends[outcome, why, verdict] += 1
        self.released += released
        for clause in clauses:
            self.tally("clause", clause)

    def tally(self, what: str, name: str, count: int = 1) -> None:
        """Count a value of something."""
        tally = self._tallies.get(what)
        if tally is None:
            tally = self._tallies[what] = {}
        if name in tally:
            tally[name] += count
        else:
            row = name if len(tally) < ROWS_MAX else OTHERS
            tally[row] = tally.get(row, 0) + count

    def recount(self, open_: int) -> Recount:
        """What it comes to, with so many attempts that have no end."""
        outcome: Counter[str] = Counter()
        class_: Counter[str] = Counter()
        verdict: Counter[str] = Counter()
        for (ended, why, said), count in self.ends.items():
            outcome[ended.value] += count
            class_[why.value] += count
            verdict[said] += count
        tally = {what: dict(sorted(counter.items())) for what, counter in self.tallies.items()}
        return Recount(
            records=sum(self.kinds.values()),
            attempts=self.kinds[RecordKind.ATTEMPT],
            outcomes=self.kinds[RecordKind.OUTCOME],
            open=open_,
            passes=self.kinds[RecordKind.PASS],
            shredded=self.shredded,
            marks=self.kinds[RecordKind.MARK],
            released_bytes=self.released,
            lost_bytes_max=self.lost_max,
            by_kind={kind.value: self.kinds[kind] for kind in RecordKind if self.kinds[kind]},
            by_outcome={kind.value: outcome[kind.value] for kind in Outcome if outcome[kind.value]},
            by_class={kind.value: class_[kind.value] for kind in RefusalClass if class_[kind.value]},
            by_verdict=dict(sorted(verdict.items())),
            by_clause=tally.get("clause", {}),
            by_agreement=tally.get("agreement", {}),
            by_release=tally.get("release", {}),
            by_epoch=tally.get("epoch", {}),
            without_record=tally.get("without_record", {}),
            read_again=tally.get("read", {}),
            unread=tally.get("unread", {}),
        )

    def _count_terms(self) -> None:
        """Count the attempts in a row that had the same terms, as nearly all have: once, when others come."""
        if self._under_terms:
            agreement, release, epoch = self._terms
            self.tally("agreement", agreement, self._under_terms)
            self.tally("release", release, self._under_terms)
            self.tally("epoch", str(epoch), self._under_terms)
            self._under_terms = 0
