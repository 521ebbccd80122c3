# SPDX-License-Identifier: Apache-2.0
"""The holds of this gateway: which are open, of whom, and what a caller who asks about one is told.

The log is what holds are; this is an index of it, read again at start from the shards of this gateway's workers, who
tell each other of new ones. What people decided comes from the registry. A caller is told how its hold stands and
nothing of questions, facts or people.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from brightline.core.canonical import JsonValue
from brightline.core.enforcement.ended import Closed
from brightline.core.errors import CallerError, HoldNotReleased, OperatorError, UnknownHold
from brightline.core.evidence.batch import Frame
from brightline.core.evidence.keytree import KeyDestroyed
from brightline.core.evidence.record import RecordKind
from brightline.core.register import DAY_SECONDS
from brightline.core.review.asking import PeoplesWord
from brightline.core.review.case import Case, CaseState
from brightline.core.review.docket import Docket
from brightline.core.review.kept import Kept, Named
from brightline.core.workload import Workload
from brightline.shell.gateway.hold import Hold
from brightline.shell.gateway.peers import Peers
from brightline.shell.storage.wal import written_before

HOLDS_MAX: Final = 200_000
TOLD_SECONDS: Final = 7 * DAY_SECONDS
"""For so long after its expiry a caller is told of a hold."""
READ_AGAIN_SECONDS: Final = 31 * DAY_SECONDS
"""What was held longer ago is not read again at start; whoever asks again is held anew."""

LISTED_MAX: Final = 100

log = logging.getLogger("brightline.gateway")
Peek = Callable[[Frame], Mapping[str, JsonValue]]


class HoldState(msgspec.Struct, frozen=True):
    """What a caller is told; times in Unix seconds. ``until``: what was released ends then; 0 while nothing was."""

    hold: str
    state: CaseState
    expires: int
    kept: bool
    until: int


class Holds:
    """The index. ``docket`` is asked each time, because it grows with the registry.

    ``read`` reads what a hold keeps from the log; it blocks, and raises ``EvidenceDamaged``. ``recused`` says who
    may not decide (ids) what people of these names asked for or wrote.
    """

    def __init__(
        self,
        docket: Callable[[], Docket],
        per_unit: int,
        peers: Peers,
        read: Callable[[Hold], Kept] | None = None,
        recused: Callable[[tuple[str, ...]], tuple[str, ...]] = tuple,
    ) -> None:
        self._docket = docket
        self._per_unit = per_unit
        self._peers = peers
        self._read = read
        self._recused = recused
        self.opened: Callable[[Hold], None] = _tell_nobody
        self._holds: dict[str, Hold] = {}
        self._of_unit: dict[str, set[str]] = {}
        self._ends: list[tuple[int, str]] = []
        self._waiting: dict[
            str, Hold
        ] = {}  # those that were open when somebody last asked for their age, and later ones

    def word(
        self,
        workload: Workload,
        agreement: str,
        release: str,
        now: int,
        named: Named | CallerError | None = None,
    ) -> PeoplesWord:
        """What an exchange of this workload needs to know of people's work; ``named`` is the hold that it names."""
        self._prune(now)
        answers = self._docket().answers(workload.id, agreement, release)
        return PeoplesWord(
            answers, self._open_until, lambda: self._room(workload.unit, now), self._recused, named=named
        )

    async def named(self, hold: str, workload: Workload, now: int) -> Named | CallerError:
        """A hold that a caller comes back for, with the answer that it keeps; or why it cannot be had."""
        state = self.state(hold, workload.id, now)
        if state is None:
            return UnknownHold("there is no such hold of this workload")
        if state.state is not CaseState.RELEASED:
            return HoldNotReleased(f"this hold {_STANDS[state.state]}")
        known = self._holds[hold]
        if not known.kept:
            return Named(known.id, known.case)
        if self._read is None:
            return HoldNotReleased("what this hold keeps is not here")
        try:
            return await asyncio.to_thread(self._read, known)
        except OperatorError as error:
            log.warning("what %s keeps cannot be read: %s", hold, error)
            return HoldNotReleased("what this hold kept is not there any more")

    def ended(self, workload: Workload, closed: Closed) -> None:
        """Take in the end of an exchange: if it was held, its hold is open now."""
        if closed.hold_case:
            hold = Hold(
                closed.hold,
                closed.hold_case,
                workload.id,
                workload.unit,
                closed.hold_expires,
                closed.hold_shard,
                closed.hold_seq,
                closed.hold_kept,
                closed.hold_opened,
            )
            self._enter(hold)
            self._peers.tell_opened(hold)
            self.opened(hold)

    def heard(self, hold: Hold) -> None:
        """Another worker opened a hold."""
        self._enter(hold)

    def state(self, hold: str, workload: str, now: int) -> HoldState | None:
        """How a hold of this workload stands at ``now`` (Unix seconds); ``None`` if it has no such hold."""
        known = self._holds.get(hold)
        if known is None or known.workload != workload:
            return None
        return self._told(known, now)

    def of_workload(self, workload: str, now: int) -> tuple[HoldState, ...]:
        """The holds of a workload: what waits for the caller first, then what waits for people, then the others."""
        told = [self._told(each, now) for each in self._holds.values() if each.workload == workload]
        return tuple(sorted(told, key=lambda each: (_ORDER[each.state], each.expires, each.hold))[:LISTED_MAX])

    def stands(self, hold: Hold, now: int) -> CaseState:
        """How a case of a hold stands, also if the hold has a later one."""
        return self._told(hold, now).state

    def waiting_in(self, shard: str, now: int) -> tuple[Hold, ...]:
        """The holds of a shard that wait for people, or for whoever asked."""
        waits = (CaseState.OPEN, CaseState.RELEASED)
        return tuple(each for each in self._holds.values() if each.shard == shard and self.stands(each, now) in waits)

    def age(self, shard: str, now: int) -> tuple[int, int]:
        """How many holds of a shard wait for people, and for how many seconds the oldest does; 0 without one.

        What waits no more never will again: so to ask costs what waits, and not all that is known.
        """
        for hold, each in list(self._waiting.items()):
            if self._state(each, now) is not CaseState.OPEN:
                del self._waiting[hold]
        opened = [each.opened for each in self._waiting.values() if each.shard == shard]
        return len(opened), max(0, now - min(opened)) if opened else 0

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
            of = (case.workload, case.unit, leaf.expires, leaf.shard, leaf.seq, case.kept, case.opened)
            self._enter(Hold(leaf.hold, leaf.case, *of))

    def too_old(self, now: int) -> Callable[[Frame], bool]:
        """Which frames of the log hold nothing that is still told, so that a start need not read them."""
        return written_before(now - READ_AGAIN_SECONDS)

    def _room(self, unit: str, now: int) -> bool:
        if len(self._holds) >= HOLDS_MAX:
            return False
        return len(self._of_unit.get(unit, ())) < self._per_unit or self.open_of(unit, now) < self._per_unit

    def _told(self, hold: Hold, now: int) -> HoldState:
        tried = self._docket().of_case(hold.case)
        state, until = self._state(hold, now), tried.until if tried is not None else 0
        if state is CaseState.RELEASED and until <= now:
            state = CaseState.EXPIRED
        return HoldState(hold.id, state, hold.expires, hold.kept, until)

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
        # Two workers may open one in the same second, and hear of the other's: all must come to the same case.
        if known is not None and (known.expires, known.case) > (hold.expires, hold.case):
            return
        self._holds[hold.id] = self._waiting[hold.id] = hold
        self._of_unit.setdefault(hold.unit, set()).add(hold.id)
        heapq.heappush(self._ends, (hold.expires + TOLD_SECONDS, hold.id))

    def _prune(self, now: int) -> None:
        while self._ends and self._ends[0][0] <= now:
            hold = self._holds.get(heapq.heappop(self._ends)[1])
            if hold is not None and hold.expires + TOLD_SECONDS <= now:
                del self._holds[hold.id]
                self._waiting.pop(hold.id, None)
                self._of_unit[hold.unit].discard(hold.id)


_STANDS: Final = {
    CaseState.OPEN: "waits for people",
    CaseState.DENIED: "was denied",
    CaseState.EXPIRED: "has expired",
    CaseState.USED: "was used",
}
_ORDER: Final = {
    CaseState.RELEASED: 0,
    CaseState.OPEN: 1,
    CaseState.USED: 2,
    CaseState.DENIED: 2,
    CaseState.EXPIRED: 2,
}


def _tell_nobody(_hold: Hold) -> None:
    pass


class _Leaf(msgspec.Struct, frozen=True):
    shard: str
    seq: int
    hold: str
    case: str
    expires: int
    part: int


_LEAF: Final = msgspec.json.Decoder(_Leaf)
