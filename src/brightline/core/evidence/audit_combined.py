# SPDX-License-Identifier: Apache-2.0
"""The combined heads and the seals against the logs that they name.

Whoever reads the log of heads and the registry first knows which logs there are, and where each stood:

1. a log whose root at a recorded size is another one was forked;
2. one that shows less than was recorded withholds the rest (or was copied while it grew), and one that is named and
   is not here is withheld whole: neither is shown, by name;
3. one that was sealed ends where the seal says; what was open there is lost, and it is told what may have left.

Heads of one log never go back. Only the newest ``KEPT_MAX`` of each log are compared.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from brightline.core.evidence.audit_aged import KnownPreservations
from brightline.core.evidence.audit_books import BooksAudit
from brightline.core.evidence.audit_findings import Claim, Findings, Topic, shown
from brightline.core.evidence.audit_halts import KnownHalts
from brightline.core.evidence.audit_heads import root_at
from brightline.core.evidence.audit_holds import KnownHolds
from brightline.core.evidence.audit_hunts import KnownHunts
from brightline.core.evidence.audit_leases import KnownRevocations
from brightline.core.evidence.audit_memory import CombinedMemory
from brightline.core.evidence.audit_tree import Published
from brightline.core.evidence.audit_versions import KnownVersions
from brightline.core.evidence.checkpoint import Checkpoint
from brightline.core.evidence.heads import HEADS_SHARD, LogHead
from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.record import RecordKind

KEPT_MAX: Final = 100_000
LOGS_MAX: Final = 10_000
_KINDS: Final = frozenset({RecordKind.HEAD, RecordKind.SEAL})


class Seal(msgspec.Struct, frozen=True):
    """Where a log ends, and how many attempts are open there."""

    head: LogHead
    open: int


class CombinedBook:
    """What the heads and the registry say of other logs. ``present`` are the origins of those that are here."""

    def __init__(self, present: Collection[str] = ()) -> None:
        self.present = frozenset(present)
        self.heads: dict[str, deque[LogHead]] = {}
        self.seals: dict[str, Seal] = {}
        self.halts = KnownHalts()
        self.revocations = KnownRevocations()
        self.holds = KnownHolds(len(present) or 1)
        self.versions = KnownVersions()
        self.hunts = KnownHunts()
        self.preservations = KnownPreservations()

    def beside(self) -> CombinedBook:
        """What a guard's log is compared with: what was revoked. The rest is said of gateways."""
        book = CombinedBook()
        book.revocations = self.revocations
        return book

    def head(self, head: LogHead) -> str:
        """Take in a head; return what speaks against it, if anything does."""
        kept = self.heads.get(head.log)
        if kept is None:
            if len(self.heads) < LOGS_MAX:
                self.heads[head.log] = deque([head], KEPT_MAX)
            return ""
        last = kept[-1]
        kept.append(head)
        if head.size < last.size:
            return f"it takes {shown(head.log)} back from {last.size} records to {head.size}"
        if head.size == last.size and head.root != last.root:
            return f"it says another root of the same {head.size} records of {shown(head.log)}"
        return ""

    def seal(self, seal: Seal) -> None:
        """Take in a seal; the first one of a log holds."""
        if len(self.seals) < LOGS_MAX:
            self.seals.setdefault(seal.head.log, seal)

    @property
    def whole(self) -> bool:
        """Whether the heads are here, and every log that they name is."""
        return bool(self.heads) and not any(self.withheld)

    @property
    def withheld(self) -> Iterator[LogHead]:
        """The newest heads of logs that are named and not here."""
        for name in sorted(self.heads.keys() - self.present):
            yield self.heads[name][-1]


class CombinedAudit:
    """One log under the combined heads: it may state them, and it is compared with them."""

    def __init__(self, book: CombinedBook, findings: Findings) -> None:
        self._book = book
        self._findings = findings
        self._origin = ""
        self._stated: dict[str, LogHead] = {}  # the newest head of each log that this log states
        self._seals: list[Seal] = []

    def open(self, origin: str) -> None:
        """Say whose log it is."""
        self._origin = origin

    def sizes(self, signed: Checkpoint) -> list[int]:
        """The sizes at which the log's root must be known."""
        return [head.size for head in self._named() if head.size <= signed.size]

    def memory(self) -> CombinedMemory:
        """What this log states of others, for the next visit."""
        heads = tuple((head.log, head.size, head.root) for head in self._stated.values())
        seals = tuple((seal.head.log, seal.head.size, seal.head.root, seal.open) for seal in self._seals)
        return CombinedMemory(heads, seals)

    def resume(self, earlier: CombinedMemory) -> None:
        """Go on from where an earlier visit ended."""
        for log, size, root in earlier.heads:
            self._head(LogHead(log, size, root))
        for log, size, root, open_ in earlier.seals:
            self._seal(Seal(LogHead(log, size, root), open_))

    def enter(self, first: int, leaves: Sequence[Leaf | None]) -> None:
        """Take in records of the log; ``None`` is one that cannot be believed."""
        found = [(i, leaf) for i, leaf in enumerate(leaves, first) if leaf is not None and leaf.kind in _KINDS]
        for index, leaf in found:
            place = self._findings.record(index)
            if not leaf.log or not isinstance(leaf.size, int) or not leaf.root:
                self._findings.contradict(
                    Topic.HEADS, place, f"a {leaf.kind.value} names a log, its size and its root"
                )
                continue
            head = LogHead(leaf.log, leaf.size, leaf.root)
            if leaf.kind is RecordKind.SEAL:
                self._seal(Seal(head, leaf.open or 0))
            elif objection := self._head(head):
                self._findings.contradict(Topic.HEADS, place, objection)

    def close(self, published: Published, signed: Checkpoint, roots: Mapping[int, bytes], books: BooksAudit) -> None:
        """Compare the log with what was said of it. ``roots`` are those that the pass over it came to."""
        for head in self._named():
            if head.size <= signed.size:
                self._compare(head, published, signed, roots)
        newest = self._newest()
        if newest is not None and newest.size > signed.size:
            message = (
                f"the combined heads have {newest.size:,} records of it, {signed.size:,} are here: the rest is "
                "withheld, or this copy was made while it grew"
            )
            self._findings.not_shown(Topic.HEADS, "checkpoint", message)
        seal = self._book.seals.get(self._origin)
        if seal is not None:
            self._close_sealed(seal, signed, books)
        if self._stated:
            for head in self._book.withheld:
                message = f"{shown(head.log)} is named with {head.size:,} records and is not here: it is withheld"
                self._findings.not_shown(Topic.HEADS, "", message)
        elif newest is not None and not newest.size and signed.size and seal is None:
            self._findings.not_shown(Topic.HEADS, "", "the combined heads have none of its records yet")
        elif self._book.heads and newest is None and self._origin.rpartition("/")[2] != HEADS_SHARD:
            self._findings.not_shown(Topic.HEADS, "", "the combined heads do not name this log")

    def claims(self) -> Iterator[Claim]:
        """The claim, where there are heads or a seal."""
        if self._stated:
            yield self._findings.claim(Topic.HEADS, f"the {len(self._stated):,} logs that are named are all here")
        elif self._book.heads or self._origin in self._book.seals:
            newest = self._newest()
            sealed = "; it was sealed and ends there" if self._origin in self._book.seals else ""
            covered = f"; they cover the first {newest.size:,} records" if newest and newest.size else ""
            proof = f"it is the log of all its combined heads{covered}{sealed}"
            yield self._findings.claim(Topic.HEADS, proof)

    def _compare(self, head: LogHead, published: Published, signed: Checkpoint, roots: Mapping[int, bytes]) -> None:
        root = root_at(published, signed, head.size, roots) if head.size else roots.get(head.size)
        if root is None:
            message = f"its {head.size:,} records in the combined heads cannot be compared with what can be read here"
            self._findings.not_shown(Topic.HEADS, "checkpoint", message)
        elif root.hex() != head.root:
            message = f"the combined heads have another log of {head.size:,} records under this origin: a fork"
            self._findings.contradict(Topic.HEADS, "checkpoint", message)

    def _close_sealed(self, seal: Seal, signed: Checkpoint, books: BooksAudit) -> None:
        if signed.size > seal.head.size:
            message = f"it was sealed at {seal.head.size:,} records and has {signed.size:,} now"
            self._findings.contradict(Topic.HEADS, "checkpoint", message)
        elif signed.size < seal.head.size:
            message = f"it was sealed at {seal.head.size:,} records; {signed.size:,} are here"
            self._findings.not_shown(Topic.HEADS, "checkpoint", message)
        elif (lost := books.close_sealed()) != seal.open:
            message = f"its seal says that {seal.open} attempts are open; the records say {lost}"
            self._findings.contradict(Topic.HEADS, "checkpoint", message)

    def _named(self) -> Iterator[LogHead]:
        """The heads and the seal of this log, each once.

        Also those of records that an earlier visit has read: the head itself may have been recorded since.
        """
        seal = self._book.seals.get(self._origin)
        said = [*self._book.heads.get(self._origin, ()), *([seal.head] if seal else [])]
        yield from {(head.size, head.root): head for head in said if head.size}.values()

    def _newest(self) -> LogHead | None:
        kept = self._book.heads.get(self._origin)
        return kept[-1] if kept else None

    def _head(self, head: LogHead) -> str:
        self._stated[head.log] = head
        return self._book.head(head)

    def _seal(self, seal: Seal) -> None:
        self._seals.append(seal)
        self._book.seal(seal)
