# SPDX-License-Identifier: Apache-2.0
"""What people halted, against what was let through: no PASS while the whole installation was halted.

The registry says publicly when a halt of the installation was logged and when it ended; which unit or model a
narrower one stops is committed, so of those it is only told that they were there. A gateway has ``LAG_SECONDS`` to
hear of a halt. A PASS that a slow disk made durable after that is no fault if its OUTCOME says that it was stopped for
the halt: then nothing was sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from brightline.core.evidence.audit_findings import Claim, Findings, Topic, shown
from brightline.core.evidence.audit_memory import HaltMemory
from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.record import Outcome, RecordKind, RefusalClass, unix_of
from brightline.core.halt import LAG_SECONDS, Scope

HALTS_MAX: Final = 10_000
LATE_MAX: Final = 10_000


class StatedHalt(msgspec.Struct):
    """A halt of the installation, from when to when (Unix seconds; 0: still). ``fresh``: this visit read it first."""

    id: str
    begun: int
    ended: int = 0
    fresh: bool = True

    def covers(self, unix: int) -> bool:
        """Whether every gateway must have known of it then."""
        return self.begun + LAG_SECONDS < unix and (not self.ended or unix < self.ended - LAG_SECONDS)


class KnownHalts:
    """What the registry says of halts; shared by all logs of an installation."""

    def __init__(self) -> None:
        self.whole: dict[str, StatedHalt] = {}
        self.narrower = 0

    def enter(self, leaf: Leaf, *, fresh: bool) -> bool:
        """Take in a HALT record. Returns whether it says what such a record must."""
        try:
            unix = unix_of(leaf.time)
        except ValueError:
            return False
        for ended in leaf.ends or ():
            if (halt := self.whole.get(ended)) is not None and not halt.ended:
                halt.ended = unix
        if leaf.ends:
            return True
        if not leaf.halt or leaf.scope not in set(Scope):
            return False
        if leaf.scope != Scope.INSTALLATION:
            self.narrower += 1
        elif len(self.whole) < HALTS_MAX:
            self.whole.setdefault(leaf.halt, StatedHalt(leaf.halt, unix, fresh=fresh))
        return True

    def covering(self, time: str) -> StatedHalt | None:
        """The halt of which a gateway must have known at this time, if there is one."""
        try:
            unix = unix_of(time)
        except ValueError:
            return None  # what is no time is contradicted where records are looked at one by one
        return next((halt for halt in self.whole.values() if halt.covers(unix)), None)


class HaltAudit:
    """One log under the halts: the registry states them, and a gateway's shard is compared with them."""

    def __init__(self, known: KnownHalts, findings: Findings) -> None:
        self._known = known
        self._findings = findings
        self._stated: list[Leaf] = []
        self._late: dict[str, tuple[int, str]] = {}  # exchanges with a PASS that came late: its index, the halt
        self._passes = 0

    def memory(self) -> HaltMemory:
        """What the next visit goes on from."""
        stated = tuple((leaf.time, leaf.halt or "", leaf.scope or "", leaf.ends or ()) for leaf in self._stated)
        return HaltMemory(stated, tuple((name, index, halt) for name, (index, halt) in self._late.items()))

    def resume(self, earlier: HaltMemory, time: str) -> None:
        """Go on from where an earlier visit ended; ``time`` is that of the last record that it read."""
        for said_at, halt, scope, ends in earlier.stated:
            leaf = _leaf(said_at, halt, scope, ends)
            self._stated.append(leaf)
            self._known.enter(leaf, fresh=False)
        self._late = {name: (index, halt) for name, index, halt in earlier.late}
        if earlier.stated or not time:
            return
        unseen = [halt for halt in self._known.whole.values() if halt.fresh and halt.covers(unix_of(time))]
        if unseen:
            said = (
                f"the halt {shown(unseen[0].id)} was not here on an earlier visit, which read on; read everything anew"
            )
            self._findings.not_shown(Topic.HALTED, "", said)

    def enter(self, first: int, leaves: Sequence[Leaf | None]) -> None:
        """Take in records of the log; ``None`` is one that cannot be believed."""
        for index, leaf in enumerate(leaves, first):
            if leaf is None:
                continue
            if leaf.kind is RecordKind.HALT:
                self._state(index, leaf)
            elif self._known.whole:
                self._compare(index, leaf)

    def _state(self, index: int, leaf: Leaf) -> None:
        self._stated.append(leaf)
        if not self._known.enter(leaf, fresh=True):
            message = "a HALT names itself and what it stops, or the halts that it ends"
            self._findings.contradict(Topic.HALTED, self._findings.record(index), message)

    def _compare(self, index: int, leaf: Leaf) -> None:
        if leaf.kind is RecordKind.PASS:
            self._passes += 1
            halt = self._known.covering(leaf.time)
            if halt is not None and leaf.exchange and len(self._late) < LATE_MAX:
                self._late[leaf.exchange] = (index, halt.id)
        elif leaf.kind is RecordKind.OUTCOME and self._late and leaf.exchange in self._late:
            at, halt_id = self._late.pop(leaf.exchange)
            self._ended(at, halt_id, leaf)

    def _ended(self, index: int, halt: str, leaf: Leaf) -> None:
        place = self._findings.record(index)
        late = f"a PASS more than {LAG_SECONDS} s after the halt {shown(halt)} was logged"
        if leaf.outcome is Outcome.LOST:
            self._findings.not_shown(
                Topic.HALTED, place, f"{late}; a crash ended it, and nobody can tell if it was sent"
            )
        elif leaf.refusal_class is not RefusalClass.HALTED:
            self._findings.contradict(Topic.HALTED, place, f"{late}, and the exchange went on")

    def close(self) -> None:
        """Say which late ones have no end yet."""
        for index, halt in self._late.values():
            message = f"a PASS more than {LAG_SECONDS} s after the halt {shown(halt)} was logged has no OUTCOME yet"
            self._findings.not_shown(Topic.HALTED, self._findings.record(index), message)

    def claims(self) -> Iterator[Claim]:
        """The claim, where something was halted; the registry, which says so, passes nothing."""
        if self._stated or not (self._known.whole or self._known.narrower):
            return
        if not self._known.whole:
            message = f"{self._known.narrower} halts are of a unit or a model, and which one is committed"
            self._findings.not_shown(Topic.HALTED, "", message)
        yield self._findings.claim(Topic.HALTED, f"no PASS in any of {len(self._known.whole)} halts of everything")


def _leaf(time: str, halt: str, scope: str, ends: tuple[str, ...]) -> Leaf:
    """A HALT record as far as it is remembered."""
    return Leaf(
        commitments=(),
        ends=ends,
        epoch=0,
        halt=halt,
        kind=RecordKind.HALT,
        profile="",
        scope=scope,
        seq=0,
        shard="",
        time=time,
        v=1,
    )
