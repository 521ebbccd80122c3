# SPDX-License-Identifier: Apache-2.0
"""Quotas: what a workload and a unit may use in a minute and in a day, and what they used.

Requests and tokens a minute and holds a day of a workload are in its signed registration. Those of a unit, over all
its workloads, are in the agreement and may be in a registration too: this workload is served while its unit has used
less than the least of the two. What either may write to this node's disk in a day is this node's own. The workers of
one gateway tell each other what was used (``peers.py``), and each counts all of it.

A hold is counted once a day, however often the same is asked: it is the same for people. How many may wait for people
at one time is for ``holds.py``; here it is how much work a day makes. Nothing here changes a verdict: a quota refuses
whole exchanges before they begin, so what began at the same moment may pass it.
"""

from __future__ import annotations

import enum
import math
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from typing import Final, assert_never

import msgspec

from brightline.core.errors import QuotaReached
from brightline.core.evidence.record import Draft, DurableRecord
from brightline.core.ports import Clock, RecordLog
from brightline.core.quota import HOLDS_MAX, NO_QUOTA, UnitQuotas
from brightline.core.register import DAY_SECONDS
from brightline.core.workload import Registration, Workload
from brightline.shell.gateway.peers import Peers, What

MINUTE_SECONDS: Final = 60.0
ROWS_PER_SECOND: Final = 20
FRAME_BYTES: Final = 120
"""What a record has besides its leaf and its sealed values: the frame, and its part of the published tree."""


class Used:
    """What one workload or unit used in the last minute: amounts and when, the oldest first.

    What falls into one twentieth of a second counts as used at its end: a minute is some 1,200 rows at most, and
    nothing is forgotten early.
    """

    def __init__(self) -> None:
        self._rows: deque[tuple[float, int]] = deque()
        self._sum = 0

    def within(self, now: float, limit: int) -> float:
        """0 if less than the limit was used in the last minute; else the seconds until that is so."""
        self._forget(now)
        return 0.0 if self._sum < limit else MINUTE_SECONDS - (now - self._rows[0][0])

    def add(self, now: float, amount: int) -> None:
        """Count an amount."""
        self._forget(now)  # nobody need ever ask: without a limit nobody does
        if not amount:
            return
        when = math.ceil(now * ROWS_PER_SECOND) / ROWS_PER_SECOND
        before = self._rows.pop()[1] if self._rows and self._rows[-1][0] >= when else 0
        self._rows.append((when, before + amount))
        self._sum += amount

    def __len__(self) -> int:
        """How many rows are remembered."""
        return len(self._rows)

    def _forget(self, now: float) -> None:
        while self._rows and now - self._rows[0][0] >= MINUTE_SECONDS:
            self._sum -= self._rows.popleft()[1]


class _Of(enum.StrEnum):
    """Whose use is counted, in the words that a caller is told."""

    WORKLOAD = "this workload is registered for"
    UNIT = "this unit may have"


class _Limits(msgspec.Struct, frozen=True):
    """What applies to one of the two; :data:`NO_QUOTA` where nothing does."""

    of: _Of
    name: str
    requests: int
    tokens: int
    holds: int


class DiskQuotas(msgspec.Struct, frozen=True):
    """Evidence that this node takes in a day (UTC), in bytes."""

    workload_bytes_per_day: int
    unit_bytes_per_day: int


class Quotas:
    """What every workload and unit used. ``of_unit`` says what the agreement in force leaves each unit."""

    def __init__(
        self, disk: DiskQuotas, clock: Clock, peers: Peers, of_unit: Callable[[], UnitQuotas] = UnitQuotas
    ) -> None:
        self._disk = disk
        self._clock = clock
        self._peers = peers
        self._of_unit = of_unit
        self._minutes: dict[What, dict[str, Used]] = {what: {} for what in _PER_MINUTE}
        self._holds: defaultdict[tuple[What, str], set[str]] = defaultdict(set)  # of today
        self._written: Counter[tuple[What, str]] = Counter()  # of today
        self._day = 0
        self._known_limits: dict[str, tuple[Registration, UnitQuotas, _Limits, _Limits]] = {}

    def check(self, workload: Workload) -> None:
        """Raises ``QuotaReached`` if no further exchange of this workload may begin now."""
        now = self._clock.monotonic()
        self._turn_day()
        for each in self._limits(workload):
            requests, tokens, holds = _COUNTED[each.of]
            for what, limit, words in ((requests, each.requests, "requests"), (tokens, each.tokens, "tokens")):
                used = self._minutes[what].get(each.name)
                if limit < NO_QUOTA and used is not None and (wait := used.within(now, limit)):
                    raise QuotaReached(f"{each.of} {limit} {words} a minute", wait)
            if each.holds < NO_QUOTA and len(self._holds.get((holds, each.name), ())) >= each.holds:
                raise QuotaReached(f"{each.of} {each.holds} holds a day", self._rest_of_day)
        for what, name, limit, who in (
            (What.BYTES, workload.id, self._disk.workload_bytes_per_day, "workload"),
            (What.UNIT_BYTES, workload.unit, self._disk.unit_bytes_per_day, "unit"),
        ):
            if self._written[what, name] >= limit:
                full = f"this {who} has written as much evidence today as this node takes of one"
                raise QuotaReached(full, self._rest_of_day)

    def began(self, workload: Workload) -> None:
        """Count an exchange that begins: what is shed uses nothing up."""
        self._use(What.REQUESTS, workload.id, 1)
        self._use(What.UNIT_REQUESTS, workload.unit, 1)

    def used(self, workload: Workload, tokens: int) -> None:
        """Count the tokens of an exchange that ended."""
        self._use(What.TOKENS, workload.id, tokens)
        self._use(What.UNIT_TOKENS, workload.unit, tokens)

    def held(self, workload: Workload, hold: str) -> None:
        """Count a hold, by its id, where somebody set a limit; only there is it remembered."""
        self._turn_day()
        for each in self._limits(workload):
            if each.holds < NO_QUOTA:
                _, _, what = _COUNTED[each.of]
                self._hold(what, each.name, hold)
                self._peers.tell_held(what, each.name, hold)

    def heard(self, what: What, name: str, amount: int) -> None:
        """Count what another worker says was used."""
        match what:
            case What.REQUESTS | What.UNIT_REQUESTS | What.TOKENS | What.UNIT_TOKENS:
                self._minutes[what].setdefault(name, Used()).add(self._clock.monotonic(), amount)
            case What.BYTES | What.UNIT_BYTES:
                self._written[what, name] += amount
            case What.HOLDS | What.UNIT_HOLDS:
                raise AssertionError("holds are told by what they hold")
            case _ as never:
                assert_never(never)

    def heard_held(self, what: What, name: str, hold: str) -> None:
        """Count a hold of another worker; one that is known counts once."""
        self._turn_day()
        self._hold(what, name, hold)

    @property
    def remembered_holds(self) -> int:
        """How many holds of today are remembered, over all names."""
        return sum(map(len, self._holds.values()))

    def metered(self, log: RecordLog, workload: Workload) -> RecordLog:
        """The log, counting what is written for a workload and its unit."""
        return _Metered(log, self._write, workload)

    def _limits(self, workload: Workload) -> tuple[_Limits, _Limits]:
        """Those of the workload and of its unit, worked out anew only for another registration or agreement."""
        said, agreed = workload.registration, self._of_unit()
        known = self._known_limits.get(workload.id)
        if known is not None and known[0] is said and known[1] == agreed and known[3].name == workload.unit:
            return known[2], known[3]
        own = _Limits(
            _Of.WORKLOAD,
            workload.id,
            said.requests_per_minute,
            said.tokens_per_minute or NO_QUOTA,
            said.holds_per_day or NO_QUOTA,
        )
        of_unit = _Limits(
            _Of.UNIT,
            workload.unit,
            min(said.unit_requests_per_minute or NO_QUOTA, agreed.requests_per_minute),
            min(said.unit_tokens_per_minute or NO_QUOTA, agreed.tokens_per_minute),
            min(said.unit_holds_per_day or NO_QUOTA, agreed.holds_per_day),
        )
        self._known_limits[workload.id] = (said, agreed, own, of_unit)  # one for each registered workload at most
        return own, of_unit

    def _use(self, what: What, name: str, amount: int) -> None:
        self._minutes[what].setdefault(name, Used()).add(self._clock.monotonic(), amount)
        self._peers.tell_used(what, name, amount)

    def _hold(self, what: What, name: str, hold: str) -> None:
        held = self._holds[what, name]
        if len(held) < HOLDS_MAX:  # no quota is larger
            held.add(hold)

    def _write(self, workload: Workload, amount: int) -> None:
        for what, name in ((What.BYTES, workload.id), (What.UNIT_BYTES, workload.unit)):
            self._written[what, name] += amount
            self._peers.tell_used(what, name, amount)

    def _turn_day(self) -> None:
        today = self._clock.unix() // DAY_SECONDS
        if today != self._day:
            self._day = today
            self._written.clear()
            self._holds.clear()

    @property
    def _rest_of_day(self) -> float:
        return DAY_SECONDS - self._clock.unix() % DAY_SECONDS


class _Metered:
    def __init__(self, log: RecordLog, written: Callable[[Workload, int], None], workload: Workload) -> None:
        self._log = log
        self._written = written
        self._workload = workload

    async def append(self, draft: Draft) -> DurableRecord:
        record = await self._log.append(draft)
        self._written(self._workload, FRAME_BYTES + record.size)
        return record


_PER_MINUTE: Final = (What.REQUESTS, What.TOKENS, What.UNIT_REQUESTS, What.UNIT_TOKENS)
_COUNTED: Final = {
    _Of.WORKLOAD: (What.REQUESTS, What.TOKENS, What.HOLDS),
    _Of.UNIT: (What.UNIT_REQUESTS, What.UNIT_TOKENS, What.UNIT_HOLDS),
}
