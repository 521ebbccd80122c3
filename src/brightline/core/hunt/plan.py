# SPDX-License-Identifier: Apache-2.0
"""The plan of a hunt: which records are looked at, cut into shards by position, before anything is looked at.

A log is covered from a first position up to an end that its checkpoint includes. Shards lie side by side: each starts
where the one before ends, so no record is looked at by nobody or twice, and whoever holds the plan can see that. Each
shard names the digest of its leaf hashes; with the public log anybody makes all of them again, and the root that the
checkpoint signs.

Only the records of cases hold content (what people were shown), so a plan names for each case of a shard where its
parts lie, and where the OUTCOME of its exchange does, with which the finding is compared. What is destroyed is named
with its reason. Nothing of a plan opens anything: all of it can be read from the public log.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from brightline.core.errors import EvidenceDamaged
from brightline.core.evidence.batch import Frame
from brightline.core.evidence.record import CASES, RecordKind
from brightline.core.review.content import PARTS_MAX

FORMAT: Final = "brightline-hunt-plan/1"
SHARD_RECORDS: Final = 4_096
SHARD_RECORDS_MAX: Final = 1_000_000
SHARD_PARTS: Final = 64  # records with content, after which a shard ends: they are what takes time and memory
SHARDS_MAX: Final = 1_000_000
OUTCOMES_KEPT: Final = 200_000  # the last ones, for a case that is opened after its exchange has ended
NOWHERE: Final = -1
UNFINISHED: Final = "unfinished"


class CaseAt(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Where a case lies: the records of its parts, and that of its exchange's OUTCOME (``NOWHERE`` if not covered).

    ``gone`` says why it cannot be opened: its content does not end within what is covered, or was destroyed, as SHRED
    records say. Empty if nothing says so.
    """

    parts: tuple[int, ...]
    outcome: int
    gone: str = ""


class Shard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Records ``start`` to before ``end`` of a log, by the name of its folder.

    ``leaves`` is ``sha256:<hex>`` over their leaf hashes in a row; ``cases`` are those whose first record lies here.
    """

    number: int
    log: str
    start: int
    end: int
    leaves: str
    cases: tuple[CaseAt, ...]


class Covered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is covered of a log. ``root`` (hex) is that of its first ``end`` records; ``checkpoint`` is the signed note
    of ``size`` records that includes them."""

    log: str
    origin: str
    start: int
    end: int
    root: str
    size: int
    checkpoint: str


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A hunt, as it is run. ``agreement`` and ``release`` are digests, ``judge`` is the one that is asked, or nothing.

    ``since`` and ``until`` say how the positions were chosen, in Unix seconds; 0: from the start, to the end.
    """

    format: str
    made: int
    since: int
    until: int
    agreement: str
    release: str
    release_id: str
    judge: str
    logs: tuple[Covered, ...]
    shards: tuple[Shard, ...]

    @property
    def records(self) -> int:
        """How many records are covered."""
        return sum(log.end - log.start for log in self.logs)


def plan_bytes(plan: Plan) -> bytes:
    """The file of a plan."""
    return msgspec.json.encode(plan, order="sorted")


def plan_digest(data: bytes) -> str:
    """By what a hunt is named: the digest of its plan's file."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def read_plan(data: bytes, place: str) -> Plan:
    """Read a plan, and check that it leaves nothing out. Raises ``EvidenceDamaged``."""
    try:
        plan = msgspec.json.decode(data, type=Plan, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EvidenceDamaged(f"it is no plan of a hunt: {error}", place) from error
    for objection in objections(plan):
        raise EvidenceDamaged(objection, place)
    return plan


def objections(plan: Plan) -> Iterator[str]:
    """What speaks against a plan: another format, a record that no shard has, or that two have."""
    if plan.format != FORMAT:
        yield f"its format is {plan.format[:40]!r}; expected {FORMAT!r}"
    if len({log.log for log in plan.logs}) != len(plan.logs):
        yield "it covers one log twice"
    left = deque(plan.shards)
    for number, shard in enumerate(plan.shards):
        if shard.number != number:
            yield f"shard {shard.number} stands where shard {number} should"
    for log in plan.logs:
        at = log.start
        if not 0 <= log.start < log.end <= log.size:
            yield f"it covers records {log.start} to {log.end} of a log of {log.size}"
        while left and left[0].log == log.log:
            shard = left.popleft()
            if shard.start != at:
                what = "twice" if shard.start < at else "by nobody"
                yield f"{log.log}: shard {shard.number} starts at {shard.start}, not {at}: looked at {what}"
            if shard.end <= shard.start:
                yield f"{log.log}: shard {shard.number} ends before it starts"
            at = shard.end
        if at != log.end:
            yield f"{log.log}: the shards end at {at}, what is covered at {log.end}"
    if left:
        yield f"shard {left[0].number} is of no log that is covered"


class Cutting:
    """Cuts one log into shards while its records are read in order."""

    def __init__(self, log: str, start: int, first_number: int, records: int = SHARD_RECORDS) -> None:
        self._log = log
        self._start = start
        self._number = first_number
        self._records = records
        self._parts = 0  # of the cases that begin in the shard at hand
        self._next = start
        self._hash = hashlib.sha256()
        self._cut: list[tuple[int, int, str, list[_Case]]] = []
        self._cases: list[_Case] = []
        self._open: dict[str, _Case] = {}  # by the digest of the case, until its last part
        self._held: dict[str, _Case] = {}  # by exchange, until its OUTCOME
        self._outcomes: OrderedDict[str, int] = OrderedDict()

    def enter(self, frame: Frame, leaf_hash: bytes) -> None:
        """Take in the next record. Raises ``EvidenceDamaged`` if it is another one, or no record."""
        if frame.seq != self._next:
            raise EvidenceDamaged(f"record {frame.seq} stands where record {self._next} should", f"shard {self._log}")
        self._next += 1
        self._hash.update(leaf_hash)
        if frame.kind in CASES:
            self._case(frame)
        elif frame.kind is RecordKind.OUTCOME:
            self._outcome(frame)
        if frame.seq + 1 - self._start >= self._records or self._parts >= SHARD_PARTS:
            self._end()

    def shards(self, gone: Callable[[int], str]) -> tuple[Shard, ...]:
        """The shards, once every record was taken in; ``gone`` says why a record's key is destroyed, or nothing."""
        if self._next > self._start:
            self._end()
        made = []
        for number, (start, end, leaves, cases) in enumerate(self._cut, self._number):
            made.append(Shard(number, self._log, start, end, leaves, tuple(case.at(gone) for case in cases)))
        return tuple(made)

    def _end(self) -> None:
        self._cut.append((self._start, self._next, "sha256:" + self._hash.hexdigest(), self._cases))
        self._start, self._parts, self._cases, self._hash = self._next, 0, [], hashlib.sha256()

    def _case(self, frame: Frame) -> None:
        leaf = case_leaf(frame)
        if leaf.part == 0:
            outcome = self._outcomes.get(frame.exchange, NOWHERE)
            case = _Case(leaf.parts, outcome)
            self._cases.append(case)
            self._parts += min(leaf.parts, PARTS_MAX)
            self._open[leaf.case] = case
            if frame.kind is RecordKind.HOLD:
                self._held[frame.exchange] = case
        elif leaf.case not in self._open:
            return  # its first part lies before what is covered
        found = self._open[leaf.case]
        if leaf.part == len(found.parts):
            found.parts.append(frame.seq)
        if found.whole:
            del self._open[leaf.case]

    def _outcome(self, frame: Frame) -> None:
        held = self._held.pop(frame.exchange, None)
        if held is not None:
            held.outcome = frame.seq
        self._outcomes[frame.exchange] = frame.seq
        if len(self._outcomes) > OUTCOMES_KEPT:
            self._outcomes.popitem(last=False)


class _Case:
    """A case whose parts are being found."""

    def __init__(self, wanted: int, outcome: int) -> None:
        self.wanted = wanted
        self.outcome = outcome
        self.parts: list[int] = []

    @property
    def whole(self) -> bool:
        return len(self.parts) >= self.wanted

    def at(self, gone: Callable[[int], str]) -> CaseAt:
        why = next((why for part in self.parts if (why := gone(part))), "")
        return CaseAt(tuple(self.parts), self.outcome, why or ("" if self.whole else UNFINISHED))


class CaseLeaf(msgspec.Struct, frozen=True):
    """What the public leaf of a case's record says."""

    case: str
    part: int
    parts: int


def case_leaf(frame: Frame) -> CaseLeaf:
    """Read it. Raises ``EvidenceDamaged``."""
    try:
        return _LEAF.decode(frame.leaf)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EvidenceDamaged(f"it is no record of a case: {error}", f"record {frame.seq}") from error


_LEAF: Final = msgspec.json.Decoder(CaseLeaf)
