# SPDX-License-Identifier: Apache-2.0
"""Counts what the agreement denies each unit, and says when that is more than our own error.

Only what was decided counts: a completed exchange as a request, a policy deny as a deny, each request once however
often it is sent. Holds, malformed and unregistered requests, suspensions, outages, sheds and canaries count neither
way. The watch decides nothing about anybody: it calls, once, whoever logs the finding, and cleared people look. It
watches whoever is served, also a unit under notice. Once people have let a unit off, what they looked at counts no
more, in this process and in every later one.

At start the counts are read again from the shards of this gateway's workers. While they run, they tell each other how
exchanges ended (``peers.py``), and each counts all of it.
"""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement, RungState, Verdict
from brightline.core.agreement.limits import false_stops_per_million
from brightline.core.canonical import JsonValue
from brightline.core.enforcement.ended import Closed
from brightline.core.evidence.batch import Frame
from brightline.core.evidence.keytree import KeyDestroyed
from brightline.core.evidence.record import Outcome, RecordKind, RefusalClass, unix_of
from brightline.core.expectation import HISTORY_WINDOWS, Figures, UnitCounts
from brightline.core.standing import DAY_SECONDS, UnitStanding
from brightline.shell.gateway.peers import Peers
from brightline.shell.storage.wal import written_before

UNITS_MAX: Final = 100_000
Peek = Callable[[Frame], Mapping[str, JsonValue]]
_COUNTED: Final = frozenset({Outcome.COMPLETED, Outcome.CLIENT_GONE, Outcome.CUT})


def denied(closed: Closed) -> bool:
    """Whether the agreement denied it: the only end that counts against a unit."""
    return closed.refusal_class is RefusalClass.POLICY and closed.verdict == Verdict.DENY.value


def counts(closed: Closed) -> bool:
    """Whether it was decided at all."""
    return denied(closed) or (closed.outcome in _COUNTED and closed.refusal_class is RefusalClass.NONE)


class End(msgspec.Struct, frozen=True):
    """The end of an exchange of a unit, as it stands in a log."""

    unix: int
    unit: str
    closed: Closed


class DenyWatch:
    """The counts of all units at this gateway. ``on_pattern`` is called once for each finding."""

    def __init__(
        self,
        agreement: Callable[[], Agreement],
        standing_of: Callable[[str], UnitStanding],
        on_pattern: Callable[[str, Figures], None],
        peers: Peers | None = None,
    ) -> None:
        self._peers = peers or Peers()
        self._agreement = agreement
        self._standing_of = standing_of
        self._on_pattern = on_pattern
        self._units: dict[str, UnitCounts] = {}
        self._looked: dict[str, int] = {}  # unit → when people last let it off, as far as its counts know
        self._called: dict[str, int] = {}  # unit → the same, as it was when we called

    def ended(self, unit: str, closed: Closed, unix: int) -> None:
        """Take in the end of an exchange of a unit."""
        if denied(closed):
            self._peers.tell_denied(unit, closed.exchange_digest, unix)
        elif counts(closed):
            self._peers.tell_decided(unit, unix)
        if not self._count(unit, closed, unix) or not denied(closed):
            return
        test = self._agreement().rung(RungState.PATTERN).tests
        if not test:
            return
        stands = self._standing_of(unit)
        if not stands.serves or stands.pattern or self._called.get(unit) == stands.looked:
            return  # people have been called
        figures = self._units[unit].figures(false_stops_per_million(self._agreement()))
        if figures.likelihood < test[0].alpha:
            self._called[unit] = stands.looked
            self._on_pattern(unit, figures)

    def figures(self, unit: str) -> Figures:
        """What is counted of a unit now."""
        of_unit = self._units.get(unit)
        if of_unit is None:
            return Figures(0, 0, 0.0, 0.0, 0.0, 1.0)
        of_unit.over(self._window())
        return of_unit.figures(false_stops_per_million(self._agreement()))

    def not_called(self, unit: str) -> None:
        """The finding could not be logged: the next deny finds it again."""
        self._called.pop(unit, None)

    def too_old(self, now: int) -> Callable[[Frame], bool]:
        """Which frames of the log say nothing that still counts, so that a start need not read them."""
        return written_before(self._since(now))

    def heard_denied(self, unit: str, digest: str, unix: int) -> None:
        """Another worker denied a request. Whoever denies looks for the pattern; here it is only counted."""
        self._count(unit, Closed(Outcome.REFUSED, RefusalClass.POLICY, Verdict.DENY.value, digest), unix)

    def heard_decided(self, unit: str, unix: int, requests: int) -> None:
        """Another worker served so many requests."""
        self._count(unit, _SERVED, unix, requests)

    def rebuild(self, frames: Iterable[Frame], now: int, peek: Peek) -> int:
        """:meth:`rebuild_all` from one log."""
        return self.rebuild_all([(frames, peek)], now)

    def rebuild_all(self, logs: Iterable[tuple[Iterable[Frame], Peek]], now: int) -> int:
        """Count again what some shards hold, without calling anybody; return how many exchanges counted.

        Each ``peek`` opens the records of its shard. What was destroyed is not counted: it was kept as long as both
        parties wanted. The shards are read side by side, by time: what is counted late is counted as of now.
        """
        since = self._since(now)
        ends = heapq.merge(*(_ends(frames, peek, since) for frames, peek in logs), key=attrgetter("unix"))
        return sum(self._count(end.unit, end.closed, end.unix) for end in ends)

    def _count(self, unit: str, closed: Closed, unix: int, requests: int = 1) -> bool:
        """Count; false for what counts neither way, and for a deny that was counted already."""
        if not counts(closed):
            return False
        of_unit = self._units.get(unit)
        if of_unit is None:
            if len(self._units) >= UNITS_MAX:
                return False
            of_unit = self._units[unit] = UnitCounts(self._window())
        of_unit.over(self._window())
        looked = self._standing_of(unit).looked
        if unix > looked > self._looked.get(unit, 0):
            self._looked[unit] = looked
            of_unit.start_afresh()
        if denied(closed) and not of_unit.deny(unix, closed.exchange_digest):
            return False
        of_unit.requests(unix, requests)
        return True

    def _since(self, now: int) -> int:
        return now - self._window() * (HISTORY_WINDOWS + 1)

    def _window(self) -> int:
        tests = self._agreement().rung(RungState.PATTERN).tests
        return tests[0].window_seconds if tests else DAY_SECONDS


class _Leaf(msgspec.Struct, frozen=True, rename={"refusal_class": "class"}):
    time: str
    outcome: Outcome
    refusal_class: RefusalClass = RefusalClass.NONE  # a boot that books an attempt as lost knows neither
    verdict: str = "none"


def _ends(frames: Iterable[Frame], peek: Peek, since: int) -> Iterator[End]:
    """What ended in one shard from ``since`` on."""
    opened: dict[str, Mapping[str, JsonValue]] = {}
    for frame in frames:
        if frame.kind is RecordKind.ATTEMPT:
            with contextlib.suppress(KeyDestroyed):
                opened[frame.exchange] = peek(frame)
        elif frame.kind is RecordKind.OUTCOME:
            fields = opened.pop(frame.exchange, {})
            leaf = _LEAF.decode(frame.leaf)
            unix = unix_of(leaf.time)
            if unix < since or "unit" not in fields:
                continue
            digest = str(fields.get("exchange_digest", ""))
            yield End(unix, str(fields["unit"]), Closed(leaf.outcome, leaf.refusal_class, leaf.verdict, digest))


_SERVED: Final = Closed(Outcome.COMPLETED, RefusalClass.NONE, Verdict.PERMIT.value, "")
_LEAF: Final = msgspec.json.Decoder(_Leaf)
