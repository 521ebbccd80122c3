# SPDX-License-Identifier: Apache-2.0
"""Content that has an end: what cases say of it in public, against what was destroyed.

A HOLD or CASE may say until when what it keeps can be opened (``until``), and a SHRED of the same log that it no
longer can. So it can be told from leaves alone that

1. no case promises an end before people can decide it, or one beyond what its agreement lets;
2. what is destroyed because it is old is content of cases, and none that people could still decide;
3. nothing is kept for longer than ``LATE_SECONDS`` beyond its end. A log that was begun anew has that time again, and
   so has one from which a legal hold was lifted: while one stands, what it keeps is committed and this is not shown.

With disclosures: nothing opens content that a SHRED says is destroyed. That a copy was kept elsewhere, and is not
shown, no log can tell.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence, Set
from typing import Final

import msgspec
from msgspec import UNSET

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.limits import FOR_EVER_DAYS, content_days_max
from brightline.core.evidence.audit_findings import Claim, Findings, Topic
from brightline.core.evidence.audit_memory import AgedMemory, KeptContent
from brightline.core.evidence.heads import REGISTRY_SHARD
from brightline.core.evidence.leaf import Leaf, logged_at
from brightline.core.evidence.record import CASES, RecordKind
from brightline.core.evidence.shred import Because
from brightline.core.register import DAY_SECONDS

LATE_SECONDS: Final = 2 * DAY_SECONDS  # a gateway looks once a day, and not in the hour after its start
CONTENTS_MAX: Final = 1_000_000
HOLDS_MAX: Final = 10_000
_NO_REGISTRY: Final = "the registry, which says what a legal hold keeps, is not among these logs"


class KnownPreservations:
    """The legal holds that the registry says stand, by id, and when the last one was lifted (Unix seconds)."""

    def __init__(self) -> None:
        self.registry = False
        self.standing: dict[str, None] = {}
        self.lifted = 0

    def enter(self, hold: str, unix: int, *, lifted: bool) -> None:
        """Take in a PRESERVE record."""
        if lifted:
            self.standing.pop(hold, None)
            self.lifted = max(self.lifted, unix)
        elif len(self.standing) < HOLDS_MAX:
            self.standing[hold] = None


class AgedAudit:
    """One log. ``opened`` are the records of which disclosures opened the content; it fills while the log is read."""

    def __init__(
        self, known: KnownPreservations, agreements: Sequence[Agreement], findings: Findings, opened: Set[int]
    ) -> None:
        self._known = known
        self._days = {each.digest: content_days_max(each) for each in agreements}
        self._findings = findings
        self._opened = opened
        self._contents: dict[int, KeptContent] = {}
        self._places: list[int] = []  # of all of them, in order
        self._preserved: list[tuple[str, str, bool]] = []
        self._epoch = -1
        self._began = 0  # when this boot wrote its first record
        self._time = ""
        self._full = False

    def open(self, origin: str) -> None:
        """Say whose log it is."""
        self._known.registry |= origin.rpartition("/")[2] == REGISTRY_SHARD

    def memory(self) -> AgedMemory:
        """What the next visit goes on from."""
        return AgedMemory(tuple(self._contents.items()), tuple(self._preserved), self._epoch, self._began, self._time)

    def resume(self, earlier: AgedMemory) -> None:
        """Go on from where an earlier visit ended."""
        self._contents, self._places = dict(earlier.contents), [place for place, _ in earlier.contents]
        self._epoch, self._began, self._time = earlier.epoch, earlier.began, earlier.time
        for hold, time, lifted in earlier.preserved:
            self._preserve(hold, time, lifted=lifted)

    def enter(self, first: int, leaves: Sequence[Leaf | None]) -> None:
        """Take in records of the log; ``None`` is one that cannot be believed."""
        for index, leaf in enumerate(leaves, first):
            if leaf is None:
                continue
            if leaf.epoch != self._epoch:
                self._epoch, self._began = leaf.epoch, logged_at(leaf.time)
            self._time = leaf.time
            if leaf.kind in CASES:
                self._case(index, leaf)
            elif leaf.kind is RecordKind.SHRED and leaf.ranges is not UNSET:
                self._shred(index, leaf, leaf.ranges)
            elif leaf.kind is RecordKind.PRESERVE and leaf.id:
                self._preserve(leaf.id, leaf.time, lifted=leaf.lifted is True)

    def _preserve(self, hold: str, time: str, *, lifted: bool) -> None:
        if len(self._preserved) < HOLDS_MAX:
            self._preserved.append((hold, time, lifted))
        self._known.enter(hold, logged_at(time), lifted=lifted)

    def _case(self, index: int, leaf: Leaf) -> None:
        until, expires = leaf.until or 0, leaf.expires or 0
        if until and until < expires:
            self._wrong(index, "its content has an end before people can no longer decide it")
        days = self._days.get(leaf.agreement or "", FOR_EVER_DAYS)
        if days < FOR_EVER_DAYS and not 0 < until <= max(logged_at(leaf.time) + days * DAY_SECONDS, expires):
            self._wrong(index, f"its agreement lets content be kept for {days} days, and it is kept longer")
        if len(self._contents) >= CONTENTS_MAX:
            self._full = True
            return
        self._contents[index] = KeptContent(until, expires)
        self._places.append(index)

    def _shred(self, index: int, leaf: Leaf, ranges: Sequence[tuple[int, int]]) -> None:
        aged = leaf.because == Because.AGED
        for first, last in ranges:
            low, high = bisect_left(self._places, first), bisect_right(self._places, last)
            if aged and high - low != last - first + 1 and not self._full:
                self._wrong(index, f"the records {first} to {last} are destroyed as old content, and not all are that")
            for place in self._places[low:high]:
                kept = self._contents[place]
                if aged and logged_at(leaf.time) < kept.expires:
                    self._wrong(index, f"the content of record {place} is destroyed while people could decide it")
                self._contents[place] = msgspec.structs.replace(kept, gone=True)

    def close(self) -> None:
        """Say what is still kept beyond its end, and what is opened though it was destroyed."""
        now = logged_at(self._time)
        since = max(self._began, self._known.lifted)
        late = [
            (place, kept)
            for place, kept in self._contents.items()
            if kept.until and not kept.gone and now - kept.until > LATE_SECONDS
        ]
        if late:
            place, kept = late[0]
            days = (now - kept.until) // DAY_SECONDS
            message = f"its content can be opened {days} days after its end, and {len(late) - 1} more can"
            self._late(self._findings.record(place), message, fresh=now - since <= LATE_SECONDS)
        for place in sorted(self._opened):
            if (found := self._contents.get(place)) is not None and found.gone:
                self._wrong(place, "its content is opened here, and a SHRED says that what opens it is destroyed")
        if self._full:
            self._findings.not_shown(Topic.AGED, "", f"more than {CONTENTS_MAX:,} records of cases: not all compared")

    def _late(self, place: str, message: str, *, fresh: bool) -> None:
        if not self._known.registry:
            self._findings.not_shown(Topic.AGED, place, f"{message}; {_NO_REGISTRY}")
        elif self._known.standing:
            held = next(iter(self._known.standing))
            self._findings.not_shown(Topic.AGED, place, f"{message}; the legal hold {held!r} stands, and may keep it")
        elif fresh:
            self._findings.not_shown(Topic.AGED, place, f"{message}; the log has gone on for less than two days since")
        else:
            self._findings.contradict(Topic.AGED, place, message)

    def claims(self) -> Iterator[Claim]:
        """The claim, where any content has an end."""
        ends = [kept for kept in self._contents.values() if kept.until]
        if ends:
            gone = sum(kept.gone for kept in ends)
            yield self._findings.claim(
                Topic.AGED, f"{len(ends):,} records of cases have an end; {gone:,} of them are destroyed"
            )

    def _wrong(self, index: int, message: str) -> None:
        self._findings.contradict(Topic.AGED, self._findings.record(index), message)
