# SPDX-License-Identifier: Apache-2.0
"""Recounts every PERIOD statement from the records that it speaks of.

1. the PERIOD record names a range that starts where the last one ended, and ends before the record itself
2. the statement lies where the range says, has the digest that the record holds, and the log's key signed it
3. log, shard, range and both roots are those of the records that were read
4. its counts are the recount, and its count of requests without a record is the one that the record repeats
5. the losses so far are within the budget of the agreement
6. each model server has a guard, or is named as one that nobody else watches

A statement that is not there is not shown; one that says something else than the records is contradicted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.limits import lost_budget
from brightline.core.errors import TrustError
from brightline.core.evidence.audit_findings import Claim, Findings, Topic, several, shown
from brightline.core.evidence.audit_memory import Edge, PeriodsMemory
from brightline.core.evidence.audit_tokens import TokenBooks
from brightline.core.evidence.audit_tree import Bundle, Published, UnreadableError
from brightline.core.evidence.frontier import Frontier
from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.merkle import EMPTY_ROOT
from brightline.core.evidence.note import VerifierKey
from brightline.core.evidence.period import (
    FOLDER,
    LAG_MAX,
    MILLION,
    STATEMENT_BYTES_MAX,
    Cut,
    Period,
    PeriodFold,
    Totals,
    digest_of,
    path_of,
    read_period,
)
from brightline.core.evidence.record import Outcome, RecordKind
from brightline.core.evidence.recount import Recount

UNSHOWN_MAX: Final = 100  # that a memory keeps
SERVING: Final = frozenset({RecordKind.ATTEMPT, RecordKind.CONSUMED})


class PeriodAudit:
    """Takes in bundles and records as they come."""

    def __init__(
        self, published: Published, agreements: Sequence[Agreement], findings: Findings, tokens: TokenBooks
    ) -> None:
        self.seen: set[str] = set()
        self._published = published
        self._agreements = {agreement.digest: agreement for agreement in agreements}
        self._findings = findings
        self._tokens = tokens
        self._origin = ""
        self._shard = ""
        self._keys: Sequence[VerifierKey] = ()
        self._fold = PeriodFold()
        self._frontier: Frontier | None = Frontier()
        self._root: bytes | None = EMPTY_ROOT  # of the tree at the end of the last range
        self._end = 0
        self._periods = 0
        self._serves = False
        self._budget: tuple[str, int] | None = None
        self._upstreams: tuple[tuple[str, str], ...] = ()
        self._guards: dict[str, str] = {}
        self._unguarded: dict[str, str] = {}
        self._resumed = 0  # records before this were read on an earlier visit
        self._doubt = False  # records were skipped, and PERIODs may be among them
        self._unshown: list[tuple[str, str]] = []
        self._budget_told = ""

    def memory(self) -> PeriodsMemory:
        """Where the periods stand, for the next visit; worth something only if nothing was contradicted."""
        position, records, released, tallies = self._fold.memory()
        totals = self._fold.totals
        return PeriodsMemory(
            end=self._end,
            root=self._root or b"",
            periods=self._periods,
            serves=self._serves,
            position=position,
            records=records,
            released=released,
            tallies=tallies,
            totals=(totals.attempts, totals.outcomes, totals.lost),
            budget=self._budget,
            upstreams=self._upstreams,
            guards=tuple(self._guards.items()),
            unguarded=dict(self._unguarded),
            not_shown=tuple(self._unshown),
        )

    def resume(self, earlier: PeriodsMemory, edge: Edge) -> None:
        """Go on from where an earlier visit ended. A range that ends before that cannot be recounted any more."""
        self._fold.resume(earlier.position, earlier.records, earlier.released, earlier.tallies)
        self._fold.resume_totals(Totals(*earlier.totals))
        self._resumed = earlier.position
        if self._frontier is not None:
            self._frontier.resume(edge)
        self._end, self._root = earlier.end, earlier.root or None
        self._periods, self._serves = earlier.periods, earlier.serves
        self._budget, self._upstreams = earlier.budget, earlier.upstreams
        for name, guard in earlier.guards:
            self._name_guard(name, guard)
        for name, place in earlier.unguarded.items():
            self._name_unguarded(name, place)
        for place, message in earlier.not_shown:
            self._not_shown(place, message)

    def open(self, origin: str, keys: Sequence[VerifierKey]) -> None:
        """Say whose log it is, and which keys sign for it."""
        self._origin, self._keys = origin, keys
        self._shard = origin.rpartition("/")[2]

    def enter(self, bundle: Bundle, leaves: Sequence[Leaf | None]) -> None:
        """Take in a bundle and its records; ``None`` is one that cannot be believed."""
        if bundle.doubtful or bundle.missing:
            self._frontier = None  # no root from here on is the one of the records that were read
        if self._frontier is not None:
            self._frontier.take(bundle.hashes, bundle.root)
        self._fold.extend(leaves)
        self._doubt = self._doubt or not all(leaves)
        self._serves = self._serves or any(leaf is not None and leaf.kind in SERVING for leaf in leaves)
        period = RecordKind.PERIOD  # looked up once: to look a member up is a call
        found = [(i, leaf) for i, leaf in enumerate(leaves) if leaf is not None and leaf.kind is period]
        for offset, leaf in found:
            self._period(bundle.first + offset, leaf)

    def statements(self) -> Set[str]:
        """Every statement that lies there, once all records were read; one that nobody named is told."""
        for path in self._published.paths():
            if path.startswith(f"{FOLDER}/") and path not in self.seen:
                self.seen.add(path)
                self._findings.note(Topic.PERIODS, path, "no PERIOD record names this statement; it proves nothing")
        return self.seen

    def close(self, recount: Recount) -> None:
        """Say what is in no period, and how the losses stand against their budget."""
        if self._serves and not self._periods:
            self._findings.not_shown(Topic.PERIODS, "", "no PERIOD states what these records say")
        if recount.attempts:
            self._losses(recount.by_outcome.get(Outcome.LOST.value, 0), recount.attempts, recount.by_agreement)
            if not self._upstreams:
                self._findings.not_shown(Topic.UPSTREAMS, "", "no period names the model servers")

    def claims(self, attempts: int) -> Iterator[Claim]:
        """The claims, for a log that serves or that states periods."""
        tail = self._fold.entered - self._end
        if self._serves or self._periods:
            last = "the last one is" if tail == 1 else f"the last {tail:,} are"
            rest = f"; {last} in none yet" if tail else ""
            said = "recounts to what it says" if self._periods == 1 else "recount to what they say"
            proof = f"{several(self._periods, 'period')} {said}, up to record {self._end:,}{rest}"
            yield self._findings.claim(Topic.PERIODS, proof)
        if attempts:
            yield self._findings.claim(Topic.LOST, self._budget_told)
            guards = ", ".join(f"{name}: {guard.partition('+')[0]}" for name, guard in self._upstreams)
            yield self._findings.claim(Topic.UPSTREAMS, shown(guards, 400))

    # ---- 1 and 2: the record, and what it names ------------------------------------------------------------------

    def _period(self, index: int, leaf: Leaf) -> None:
        place = self._findings.record(index)
        if leaf.disk:
            return  # written when the disk was full or is not any more: a notice, and no count of anything
        if not isinstance(leaf.start, int) or not isinstance(leaf.end, int) or not leaf.statement:
            self._wrong(place, "a PERIOD names its range and its statement")
            return
        start, end = leaf.start, leaf.end
        path = path_of(start, end)
        if not start < end <= index:
            self._wrong(place, f"its range is {start} to {end}; a range ends before its PERIOD and holds something")
            return
        if start > self._end and self._doubt:
            self._not_shown(place, f"the periods between record {self._end} and {start} cannot be read")
        elif start != self._end:
            what = "records are in no period" if start > self._end else "records are in two periods"
            self._wrong(place, f"its range starts at {start}, the last one ended at {self._end}: {what}")
        cut = self._fold.cut(end)
        follows = start == self._end
        before = self._root if follows else None
        self._root = self._frontier.root(end) if self._frontier is not None else None
        self._end = max(self._end, end)
        self._periods += 1
        period = self._statement(path, leaf)
        if period is None:
            return
        self._compare(path, period, leaf, before)
        if cut is None and end < self._resumed:
            self._not_shown(path, "it ends before the earlier visit did; only reading everything can recount it")
        elif cut is None:
            self._not_shown(path, f"it ends more than {LAG_MAX} records before its PERIOD; it was not recounted")
        elif follows:
            self._recount(path, period, cut)
        if period.lost:
            self._budget = period.lost.agreement, period.lost.budget_per_million
        self._upstreams = tuple((one.name, one.guard) for one in period.upstreams)
        for name, guard in self._upstreams:
            if guard:
                self._name_guard(name, guard)
            else:
                self._name_unguarded(name, path)

    def _statement(self, path: str, leaf: Leaf) -> Period | None:
        self.seen.add(path)
        try:
            data = self._published.read(path, STATEMENT_BYTES_MAX)
        except UnreadableError as error:
            self._not_shown(path, str(error))
            return None
        if digest_of(data) != leaf.statement:
            self._wrong(path, "this is not the statement whose digest the PERIOD record holds")
            return None
        try:
            return read_period(data, self._keys)
        except TrustError as error:
            self._wrong(path, str(error))
            return None

    # ---- 3 and 4: what it says ------------------------------------------------------------------------------------

    def _compare(self, path: str, period: Period, leaf: Leaf, before: bytes | None) -> None:
        said = (period.log, period.shard, period.profile, period.start, period.end)
        found = (self._origin, self._shard, leaf.profile, leaf.start, leaf.end)
        for name, theirs, ours in zip(("log", "shard", "profile", "start", "end"), said, found, strict=True):
            if theirs != ours:
                self._wrong(path, f"it says {name} {shown(theirs)}; its record says {shown(ours)}")
        for which, root, stated in (("start", before, period.start_root), ("end", self._root, period.end_root)):
            if root is not None and root.hex() != stated:
                self._wrong(path, f"the root at its {which} is not the one of the records")
        if self._root is None and (leaf.end or 0) >= self._resumed:
            self._not_shown(path, "not all records before its end can be believed")
        if period.without_record != (leaf.without_record or {}):
            self._wrong(path, "it counts other requests without a record than its PERIOD record does")

    def _recount(self, path: str, period: Period, cut: Cut) -> None:
        if not cut.whole:
            self._not_shown(path, "records of its range cannot be believed; it was not recounted")
            return
        for field in msgspec.structs.fields(cut.counts):
            stated, counted = getattr(period.counts, field.name), getattr(cut.counts, field.name)
            if stated != counted:
                self._wrong(path, f"{field.encode_name}: {_difference(stated, counted)}")
        for field in msgspec.structs.fields(cut.totals):
            stated, counted = getattr(period.totals, field.name), getattr(cut.totals, field.name)
            if stated != counted:
                self._wrong(path, f"{field.name} since the first record: {_difference(stated, counted)}")
        if period.lost and period.lost.per_million != cut.totals.lost_per_million:
            self._wrong(path, f"lost per million: {_difference(period.lost.per_million, cut.totals.lost_per_million)}")

    # ---- 5 and 6 ---------------------------------------------------------------------------------------------------

    def _losses(self, lost: int, attempts: int, by_agreement: Mapping[str, int]) -> None:
        if self._budget is None:
            self._findings.not_shown(Topic.LOST, "", "no period states the budget")
            return
        digest, budget = self._budget
        if digest not in by_agreement:
            message = f"the budget is said to be that of {shown(digest)}, an agreement that no attempt here names"
            self._findings.not_shown(Topic.LOST, "", message)
        known = self._agreements.get(digest)
        if known is not None and lost_budget(known) != budget:
            message = f"the budget is said to be {budget} per million; the agreement says {lost_budget(known)}"
            self._findings.contradict(Topic.LOST, "", message)
        told = f"{lost:,} of {attempts:,} attempts were lost; the budget is {budget:,} per million"
        self._budget_told = told if known is not None else f"{told}, as the periods say (no agreement was given)"
        if lost * MILLION <= budget * attempts:
            return
        if budget and budget * attempts < MILLION:
            self._findings.not_shown(Topic.LOST, "", f"{told}: too few attempts to tell")
        else:
            self._findings.contradict(Topic.LOST, "", told)

    def _name_guard(self, name: str, guard: str) -> None:
        self._guards[name] = guard
        self._tokens.guarded(name, guard)

    def _name_unguarded(self, name: str, place: str) -> None:
        if name not in self._unguarded:
            self._unguarded[name] = place
            message = f"{shown(name)} has no guard: nobody else's book says what it answered to"
            self._findings.not_shown(Topic.UPSTREAMS, place, message)

    def _wrong(self, place: str, message: str) -> None:
        self._findings.contradict(Topic.PERIODS, place, message)

    def _not_shown(self, place: str, message: str) -> None:
        if len(self._unshown) < UNSHOWN_MAX:
            self._unshown.append((place, message))
        self._findings.not_shown(Topic.PERIODS, place, message)


def _difference(stated: object, counted: object) -> str:
    if isinstance(stated, dict) and isinstance(counted, dict):
        for name in sorted({*stated, *counted}):
            if stated.get(name, 0) != counted.get(name, 0):
                return f"it says {stated.get(name, 0)} of {shown(name)}; the records say {counted.get(name, 0)}"
    return f"it says {shown(stated)}; the records say {shown(counted)}"
