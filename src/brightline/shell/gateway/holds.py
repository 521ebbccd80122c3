# SPDX-License-Identifier: Apache-2.0
"""The holds of this gateway: which are open, of whom, and what a caller who asks about one is told.

The log is what holds are; this is an index of it, read again at start from the shards of this gateway's workers, who
tell each other of new ones. What people decided comes from the registry. A caller is told how its hold stands and
nothing of questions, facts or people.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from brightline.core.canonical import JsonValue
from brightline.core.enforcement.machine import Closed
from brightline.core.evidence.batch import Frame
from brightline.core.evidence.keytree import KeyDestroyed
from brightline.core.evidence.record import RecordKind, unix_of
from brightline.core.register import DAY_SECONDS
from brightline.core.review.asking import PeoplesWord
from brightline.core.review.case import Case, CaseState
from brightline.core.review.docket import Docket
from brightline.core.workload import Workload
from brightline.shell.gateway.peers import Peers

HOLDS_MAX: Final = 200_000
TOLD_SECONDS: Final = 7 * DAY_SECONDS
"""For so long after its expiry a caller is told of a hold."""
READ_AGAIN_SECONDS: Final = 31 * DAY_SECONDS
"""What was held longer ago is not read again at start; whoever asks again is held anew."""

Peek = Callable[[Frame], Mapping[str, JsonValue]]


class Hold(msgspec.Struct, frozen=True):
    """A hold as callers know it; ``case`` is the digest of its latest case, ``expires`` in Unix seconds."""

    id: str
    case: str
    workload: str
    unit: str
    expires: int


class HoldState(msgspec.Struct, frozen=True):
    """What a caller is told."""

    hold: str
    state: CaseState
    expires: int


class Holds:
    """The index. ``docket`` is asked each time, because it grows with the registry."""

    def __init__(self, docket: Callable[[], Docket], per_unit: int, peers: Peers) -> None:
        self._docket = docket
        self._per_unit = per_unit
        self._peers = peers
        self._holds: dict[str, Hold] = {}
        self._of_unit: dict[str, set[str]] = {}
        self._ends: list[tuple[int, str]] = []

    def word(self, workload: Workload, agreement: str, release: str, now: int) -> PeoplesWord:
        """What an exchange of this workload needs to know of people's work."""
        self._prune(now)
        answers = self._docket().answers(workload.id, agreement, release)
        return PeoplesWord(answers, self._open_until, lambda: self._room(workload.unit, now))

    def ended(self, workload: Workload, closed: Closed) -> None:
        """Take in the end of an exchange: if it was held, its hold is open now."""
        if closed.hold_case:
            hold = Hold(closed.hold, closed.hold_case, workload.id, workload.unit, closed.hold_expires)
            self._enter(hold)
            self._peers.tell_opened((hold.id, hold.case, hold.workload, hold.unit), hold.expires)

    def heard(self, hold: str, case: str, workload: str, unit: str, expires: int) -> None:
        """Another worker opened a hold."""
        self._enter(Hold(hold, case, workload, unit, expires))

    def state(self, hold: str, workload: str, now: int) -> HoldState | None:
        """How a hold of this workload stands at ``now`` (Unix seconds); ``None`` if it has no such hold."""
        known = self._holds.get(hold)
        if known is None or known.workload != workload:
            return None
        return HoldState(hold, self._state(known, now), known.expires)

    def open_of(self, unit: str, now: int) -> int:
        """How many holds of a unit wait for people."""
        return sum(self._state(self._holds[hold], now) is CaseState.OPEN for hold in self._of_unit.get(unit, ()))

    def rebuild(self, frames: Iterable[Frame], peek: Peek, now: int) -> None:
        """Read the holds of one shard again. What was destroyed waits for nobody."""
        for frame in frames:
            if frame.kind is not RecordKind.HOLD:
                continue
            leaf = _LEAF.decode(frame.leaf)
            if leaf.part or leaf.expires + TOLD_SECONDS <= now:
                continue
            try:
                case = msgspec.convert(peek(frame)["case"], Case)
            except KeyDestroyed:
                continue
            self._enter(Hold(leaf.hold, leaf.case, case.workload, case.unit, leaf.expires))

    def too_old(self, now: int) -> Callable[[Frame], bool]:
        """Which frames of the log hold nothing that is still told, so that a start need not read them."""
        since = now - READ_AGAIN_SECONDS
        return lambda frame: unix_of(_TIME.decode(frame.leaf).time) < since

    def _room(self, unit: str, now: int) -> bool:
        if len(self._holds) >= HOLDS_MAX:
            return False
        return len(self._of_unit.get(unit, ())) < self._per_unit or self.open_of(unit, now) < self._per_unit

    def _state(self, hold: Hold, now: int) -> CaseState:
        tried = self._docket().of_case(hold.case)
        if tried is not None:
            return tried.state(now)
        return CaseState.EXPIRED if now >= hold.expires else CaseState.OPEN

    def _open_until(self, hold: str) -> int:
        known = self._holds.get(hold)
        return known.expires if known is not None and self._state(known, 0) is CaseState.OPEN else 0

    def _enter(self, hold: Hold) -> None:
        known = self._holds.get(hold.id)
        if known is not None and known.expires > hold.expires:
            return
        self._holds[hold.id] = hold
        self._of_unit.setdefault(hold.unit, set()).add(hold.id)
        heapq.heappush(self._ends, (hold.expires + TOLD_SECONDS, hold.id))

    def _prune(self, now: int) -> None:
        while self._ends and self._ends[0][0] <= now:
            hold = self._holds.get(heapq.heappop(self._ends)[1])
            if hold is not None and hold.expires + TOLD_SECONDS <= now:
                del self._holds[hold.id]
                self._of_unit[hold.unit].discard(hold.id)


class _Leaf(msgspec.Struct, frozen=True):
    hold: str
    case: str
    expires: int
    part: int


class _Time(msgspec.Struct, frozen=True):
    time: str


_LEAF: Final = msgspec.json.Decoder(_Leaf)
_TIME: Final = msgspec.json.Decoder(_Time)
