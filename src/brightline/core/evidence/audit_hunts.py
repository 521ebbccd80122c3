# SPDX-License-Identifier: Apache-2.0
"""What the registry says of records that were screened again, and the logs that it says it of.

A HUNT record names a log, its root at the end of what is covered, and how the stretch from ``start`` to before ``end``
was cut. From leaves alone it can be told that

1. the ranges of a record lie side by side and fill its stretch, and each of its records was counted once;
2. the records of one hunt follow each other: no part is missing, each log is covered once, without a gap or an
   overlap, up to the end that was named;
3. the log, where it is here, had that root: so what was screened is what was published.

What was found, and who signed it, stands in the committed fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import UNSET

from brightline.core.evidence.audit_findings import Claim, Findings, Topic, shown
from brightline.core.evidence.audit_heads import root_at
from brightline.core.evidence.audit_memory import HuntMemory, HuntsMemory
from brightline.core.evidence.audit_tree import Published
from brightline.core.evidence.checkpoint import Checkpoint
from brightline.core.evidence.heads import LogHead
from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.record import RecordKind

HUNTS_MAX: Final = 10_000
LOGS_MAX: Final = 10_000  # of one hunt
HEADS_MAX: Final = 100_000


class KnownHunts:
    """The heads of logs that the registry says were screened again; shared by all logs of an installation."""

    def __init__(self) -> None:
        self.heads: dict[str, dict[tuple[int, str], LogHead]] = {}
        self._count = 0

    def enter(self, head: LogHead) -> None:
        """Take in a head; beyond a bound, no more."""
        of_log = self.heads.setdefault(head.log, {})
        if (head.size, head.root) not in of_log and self._count < HEADS_MAX:
            of_log[head.size, head.root] = head
            self._count += 1


class _Hunt(msgspec.Struct):
    """How far the records of a hunt have come: the next part, and where the log at hand is covered to."""

    parts: int
    part: int
    log: str
    at: int
    size: int
    records: int = 0
    logs: tuple[str, ...] = ()


class _Stretch(msgspec.Struct, frozen=True):
    """A HUNT record that says what it must."""

    hunt: str
    head: LogHead
    start: int
    end: int
    ranges: tuple[tuple[int, int], ...]
    counted: int
    part: int
    parts: int


class HuntAudit:
    """One log: the registry says what was screened again, and a gateway's shard is compared with that."""

    def __init__(self, known: KnownHunts, findings: Findings) -> None:
        self._known = known
        self._findings = findings
        self._hunts: dict[str, _Hunt] = {}
        self._stated: list[LogHead] = []
        self._origin = ""
        self._compared = 0

    def open(self, origin: str) -> None:
        """Say whose log it is."""
        self._origin = origin

    def sizes(self, signed: Checkpoint) -> list[int]:
        """The sizes at which the log's root must be known."""
        return [head.size for head in self._of_this() if head.size <= signed.size]

    def memory(self) -> HuntsMemory:
        """What the next visit goes on from."""
        hunts = tuple(
            HuntMemory(name, each.parts, each.part, each.log, each.at, each.size, each.records, each.logs)
            for name, each in self._hunts.items()
        )
        return HuntsMemory(hunts, tuple((head.log, head.size, head.root) for head in self._stated))

    def resume(self, earlier: HuntsMemory) -> None:
        """Go on from where an earlier visit ended."""
        for each in earlier.hunts:
            self._hunts[each.hunt] = _Hunt(
                each.parts, each.part, each.log, each.at, each.size, each.records, each.logs
            )
        for log, size, root in earlier.heads:
            self._state(LogHead(log, size, root))

    def enter(self, first: int, leaves: Sequence[Leaf | None]) -> None:
        """Take in records of the log; ``None`` is one that cannot be believed."""
        for index, leaf in enumerate(leaves, first):
            if leaf is None or leaf.kind is not RecordKind.HUNT:
                continue
            stretch = _read(leaf)
            if stretch is None:
                self._wrong(index, "a HUNT names a log with its root, a stretch of it, how it was cut and counted")
                continue
            for objection in (*_of_stretch(stretch), *self._go_on(stretch)):
                self._wrong(index, objection)

    def compare(self, published: Published, signed: Checkpoint, roots: Mapping[int, bytes]) -> None:
        """Compare the log with what was said of it. ``roots`` are those that the pass over it came to."""
        for head in self._of_this():
            if head.size > signed.size:
                message = f"{head.size:,} of its records were screened again, and {signed.size:,} are here"
                self._findings.not_shown(Topic.HUNTED, "checkpoint", message)
                continue
            root = root_at(published, signed, head.size, roots)
            if root is None:
                message = f"its first {head.size:,} records, which were screened again, cannot be compared"
                self._findings.not_shown(Topic.HUNTED, "checkpoint", message)
            elif root.hex() != head.root:
                message = f"what was screened again are other records than its first {head.size:,}"
                self._findings.contradict(Topic.HUNTED, "checkpoint", message)
            else:
                self._compared += 1

    def close(self) -> None:
        """Say which hunts are not on record whole."""
        for name, hunt in self._hunts.items():
            if hunt.part < hunt.parts:
                message = f"of the hunt {shown(name)} {hunt.part} of {hunt.parts} records are here"
                self._findings.not_shown(Topic.HUNTED, "", message)

    def claims(self) -> Iterator[Claim]:
        """The claim, where something was screened again."""
        if self._hunts:
            records = sum(hunt.records for hunt in self._hunts.values())
            proof = f"{len(self._hunts):,} hunts over {records:,} records, each of them in one range and counted once"
            yield self._findings.claim(Topic.HUNTED, proof)
        elif self._known.heads.get(self._origin):
            yield self._findings.claim(Topic.HUNTED, f"what was screened again, {self._compared} times, is this log")

    # ---- one record after the other -----------------------------------------------------------------------------

    def _go_on(self, stretch: _Stretch) -> Iterator[str]:
        """Enter a stretch where its hunt stands, and say what speaks against it."""
        self._state(stretch.head)
        hunt = self._hunts.get(stretch.hunt)
        if hunt is None:
            if len(self._hunts) >= HUNTS_MAX:
                return
            hunt = _Hunt(stretch.parts, 0, "", 0, 0)
            self._hunts[stretch.hunt] = hunt
        if (stretch.part, stretch.parts) != (hunt.part, hunt.parts):
            yield f"part {stretch.part} of {stretch.parts} of a hunt where part {hunt.part} of {hunt.parts} should be"
        if stretch.head.log != hunt.log:
            if hunt.at != hunt.size:
                yield _gap(hunt.log, hunt.at, hunt.size)
            if stretch.head.log in hunt.logs:
                yield f"the hunt comes back to {shown(stretch.head.log)}, which it had covered"
            hunt.log = stretch.head.log
            hunt.logs = (*hunt.logs, hunt.log)[:LOGS_MAX]
        elif stretch.start != hunt.at:
            yield _gap(hunt.log, hunt.at, stretch.start)
        elif stretch.head.size != hunt.size:
            yield f"the hunt ends {shown(hunt.log)} at {stretch.head.size:,} here and at {hunt.size:,} before"
        hunt.at, hunt.size = stretch.end, stretch.head.size
        hunt.part, hunt.records = stretch.part + 1, hunt.records + stretch.end - stretch.start
        if hunt.part == hunt.parts and hunt.at != hunt.size:
            yield _gap(hunt.log, hunt.at, hunt.size)

    def _state(self, head: LogHead) -> None:
        if not self._stated or self._stated[-1] != head:
            self._stated.append(head)
        self._known.enter(head)

    def _of_this(self) -> Sequence[LogHead]:
        return list(self._known.heads.get(self._origin, {}).values())

    def _wrong(self, index: int, message: str) -> None:
        self._findings.contradict(Topic.HUNTED, self._findings.record(index), message)


def _read(leaf: Leaf) -> _Stretch | None:
    if not leaf.hunt or not leaf.log or not leaf.root or not leaf.release or leaf.ranges is UNSET:
        return None
    numbers = (leaf.size, leaf.start, leaf.end, leaf.part, leaf.parts)
    size, start, end, part, parts = (-1 if each is UNSET else each for each in numbers)
    if min(size, start, end, part, parts) < 0 or leaf.counted is UNSET or part >= parts:
        return None
    head = LogHead(leaf.log, size, leaf.root)
    return _Stretch(leaf.hunt, head, start, end, leaf.ranges, sum(leaf.counted.values()), part, parts)


def _of_stretch(stretch: _Stretch) -> Iterator[str]:
    """What speaks against one record by itself."""
    at = stretch.start
    for first, last in stretch.ranges:
        if last < first:
            yield f"a range of records from {first} to {last} is none"
            return
        if first != at:
            yield _gap(stretch.head.log, at, first)
            return
        at = last + 1
    if at != stretch.end:
        yield _gap(stretch.head.log, at, stretch.end)
    elif stretch.counted != stretch.end - stretch.start:
        yield f"{stretch.end - stretch.start:,} records were covered and {stretch.counted:,} were counted"
    if not stretch.start < stretch.end <= stretch.head.size:
        yield f"records {stretch.start} to before {stretch.end} of {stretch.head.size:,} are no stretch of a log"


def _gap(log: str, at: int, then: int) -> str:
    """Where two ranges do not meet, in words."""
    if then > at:
        return f"records {at} to {then - 1} of {shown(log)} were screened again by nobody"
    return f"records {then} to {at - 1} of {shown(log)} were screened again twice"
