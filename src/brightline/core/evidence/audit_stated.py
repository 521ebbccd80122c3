# SPDX-License-Identifier: Apache-2.0
"""What a log states beyond its records: periods, heads, ends, halts, holds, versions, hunts. Audits as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set

from brightline.core.agreement.clause import Agreement
from brightline.core.evidence.audit_admissions import AdmissionAudit
from brightline.core.evidence.audit_aged import AgedAudit
from brightline.core.evidence.audit_books import BooksAudit
from brightline.core.evidence.audit_combined import CombinedAudit, CombinedBook
from brightline.core.evidence.audit_findings import Claim, Findings
from brightline.core.evidence.audit_halts import HaltAudit
from brightline.core.evidence.audit_holds import HoldAudit
from brightline.core.evidence.audit_hunts import HuntAudit
from brightline.core.evidence.audit_leases import LeaseAudit
from brightline.core.evidence.audit_memory import LogMemory, StatedMemory
from brightline.core.evidence.audit_people import People
from brightline.core.evidence.audit_periods import PeriodAudit
from brightline.core.evidence.audit_tokens import TokenBooks
from brightline.core.evidence.audit_tree import Bundle, Published
from brightline.core.evidence.audit_versions import VersionAudit
from brightline.core.evidence.checkpoint import Checkpoint
from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.note import VerifierKey
from brightline.core.evidence.recount import Recount


class Stated:
    """Takes in bundles and their records as they come."""

    def __init__(
        self,
        published: Published,
        agreements: Sequence[Agreement],
        findings: Findings,
        tokens: TokenBooks,
        combined: CombinedBook | None,
        people: People | None,
        opened: Set[int],
    ) -> None:
        """``opened`` are the records of which disclosures opened the content of a case, as far as they were read."""
        self._periods = PeriodAudit(published, agreements, findings, tokens)
        book = combined or CombinedBook()
        book.holds.people = people
        self._heads = CombinedAudit(book, findings)
        self._halts = HaltAudit(book.halts, findings)
        self._holds = HoldAudit(book.holds, findings)
        self._leases = LeaseAudit(book.revocations, findings)
        self._admissions = AdmissionAudit(findings)
        self._versions = VersionAudit(book.versions, findings)
        self._hunts = HuntAudit(book.hunts, findings)
        self._aged = AgedAudit(book.preservations, agreements, findings, opened)
        self._book = book
        self._tokens = tokens

    def open(self, origin: str, keys: Sequence[VerifierKey]) -> None:
        """Say whose log it is, and which keys sign for it."""
        self._periods.open(origin, keys)
        self._heads.open(origin)
        self._holds.open(origin)
        self._leases.open(keys)
        self._hunts.open(origin)
        self._aged.open(origin)
        self._tokens.read(key.vkey() for key in keys)

    def memory(self) -> StatedMemory:
        """What the next visit goes on from."""
        return StatedMemory(
            self._periods.memory(),
            self._heads.memory(),
            self._halts.memory(),
            self._holds.memory(),
            self._versions.memory(),
            self._leases.memory(),
            self._hunts.memory(),
            self._admissions.memory(),
            self._aged.memory(),
        )

    def resume(self, earlier: LogMemory) -> None:
        """Go on from where an earlier visit ended."""
        self._periods.resume(earlier.stated.periods, earlier.edge)
        self._heads.resume(earlier.stated.combined)
        self._halts.resume(earlier.stated.halts, earlier.books.time)
        self._holds.resume(earlier.stated.holds)
        self._versions.resume(earlier.stated.versions)
        self._leases.resume(earlier.stated.leases, earlier.books.time)
        self._hunts.resume(earlier.stated.hunts)
        self._admissions.resume(earlier.stated.admissions)
        self._aged.resume(earlier.stated.aged)

    def sizes(self, signed: Checkpoint) -> list[int]:
        """The sizes at which the log's root must be known."""
        return [*self._heads.sizes(signed), *self._hunts.sizes(signed)]

    def enter(self, bundle: Bundle, leaves: Sequence[Leaf | None]) -> None:
        """Take in a bundle and its records; ``None`` is one that cannot be believed."""
        self._heads.enter(bundle.first, leaves)
        self._halts.enter(bundle.first, leaves)
        self._holds.enter(bundle.first, leaves)
        self._versions.enter(bundle.first, leaves)
        self._leases.enter(bundle.first, leaves)
        self._hunts.enter(bundle.first, leaves)
        self._admissions.enter(bundle.first, leaves)
        self._aged.enter(bundle.first, leaves)
        self._periods.enter(bundle, leaves)

    def compare(self, published: Published, signed: Checkpoint, roots: Mapping[int, bytes], books: BooksAudit) -> None:
        """Compare the log with what others say of it; ``roots`` are those that the pass over it came to."""
        self._heads.close(published, signed, roots, books)
        self._hunts.compare(published, signed, roots)

    def files(self) -> Set[str]:
        """The files of statements; one that nobody named is told."""
        return self._periods.statements()

    def close(self, recount: Recount) -> None:
        """Say what is in no period, and how the losses stand."""
        self._periods.close(recount)
        self._halts.close()
        self._leases.close()
        self._hunts.close()
        self._admissions.close()
        self._aged.close()
        self._book.holds.whole = self._book.whole
        self._holds.close()

    def claims(self, attempts: int) -> Iterator[Claim]:
        """The claims that apply to this log."""
        yield from self._heads.claims()
        yield from self._halts.claims()
        yield from self._leases.claims()
        yield from self._admissions.claims()
        yield from self._versions.claims()
        yield from self._hunts.claims()
        yield from self._holds.claims()
        yield from self._aged.claims()
        yield from self._periods.claims(attempts)
