# SPDX-License-Identifier: Apache-2.0
"""Bounds on what is under way. Under overload whole requests are shed; no request is ever screened less.

Two places are bounded: exchanges under way, and of these the ones that have not been sent to a model yet, which are
all our own work. Whoever finds no place waits, for a while and in a bounded line, and then is shed with the time after
which to ask again. Places go to the unit and workload that have the fewest, so a flood sheds itself first.

Quotas of a workload (requests and tokens a minute) are in its signed registration; what a unit may write to this
node's disk in a day is this node's own. The workers of one gateway tell each other what was used (``peers.py``), and
each counts all of it. Places are each worker's own.

Anonymous and shed requests get no record of their own (a stranger must not cost an fsync): they are counted by reason,
and the counts go into PERIOD records.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final, assert_never

import msgspec

from brightline.core.errors import BrightlineError, Overloaded, QuotaReached
from brightline.core.evidence.record import Draft, DurableRecord
from brightline.core.ports import Clock, RecordLog
from brightline.core.workload import Workload
from brightline.shell.gateway.line import Line, Waiting
from brightline.shell.gateway.peers import Peers, What

MINUTE_SECONDS: Final = 60.0
ROWS_PER_SECOND: Final = 20
DAY_SECONDS: Final = 86_400
FRAME_BYTES: Final = 700
"""What a record has besides its committed values: leaf, commitments, wrapped key, frame."""


class Bounds(msgspec.Struct, frozen=True):
    """How much this node takes at once. Seconds are of waiting; bytes are of evidence, each unit's in a day."""

    exchanges_max: int = 512
    unsent_max: int = 32
    waiting_max: int = 256
    wait_seconds: float = 1.0
    unit_bytes_per_day: int = 20_000_000_000


class Used:
    """What one workload used in the last minute: amounts and when, the oldest first.

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


class Admission:
    """Who may begin, who waits, who is shed."""

    def __init__(self, bounds: Bounds, clock: Clock, peers: Peers | None = None) -> None:
        self._bounds = bounds
        self._peers = peers or Peers()
        self._clock = clock
        self._line = Line(bounds.exchanges_max, bounds.unsent_max, bounds.waiting_max)
        self._requests: dict[str, Used] = {}
        self._tokens: dict[str, Used] = {}
        self._written: Counter[str] = Counter()
        self._day = 0
        self._counts: Counter[str] = Counter()
        self._since_start: Counter[str] = Counter()

    @contextlib.asynccontextmanager
    async def enter(self, workload: Workload) -> AsyncIterator[Entered]:
        """Hold a place for one exchange. Raises ``QuotaReached`` or ``Overloaded``."""
        self._within_quotas(workload)
        waiting = self._line.join(workload.unit, workload.id)
        try:
            await self._turn(waiting)
            self._within_quotas(workload)  # others of this workload may have begun while it waited
            # Counted when it begins: what is shed uses nothing up.
            self._requests.setdefault(workload.id, Used()).add(self._clock.monotonic(), 1)
            self._peers.tell_used(What.REQUESTS, workload.id, 1)
            yield Entered(self, self._line, waiting)
        finally:
            self._line.leave(waiting)

    async def _turn(self, waiting: Waiting) -> None:
        if waiting.turn is None:
            return
        try:
            async with asyncio.timeout(self._bounds.wait_seconds):
                begins = await waiting.turn
        except TimeoutError as error:
            raise Overloaded(f"no place was free within {self._bounds.wait_seconds:g} s") from error
        if not begins:
            raise Overloaded("the line is full, and others have asked for less")

    def crowded(self, claimed_workload: str) -> bool:
        """Whether a request of this workload would be shed at once, as far as a name says that nobody has proved.

        For the socket: it may answer so without reading further. A false name sheds nobody's request but the liar's.
        """
        return self._line.would_shed(claimed_workload)

    def _within_quotas(self, workload: Workload) -> None:
        registration, now = workload.registration, self._clock.monotonic()
        for limit, used, what in (
            (registration.requests_per_minute, self._requests, "requests"),
            (registration.tokens_per_minute, self._tokens, "tokens"),
        ):
            of_workload = used.get(workload.id)
            if limit and of_workload is not None and (wait := of_workload.within(now, limit)):
                raise QuotaReached(f"this workload is registered for {limit} {what} a minute", wait)
        today = self._clock.unix() // DAY_SECONDS
        if today != self._day:
            self._day = today
            self._written.clear()
        if self._written[workload.unit] >= self._bounds.unit_bytes_per_day:
            left = DAY_SECONDS - self._clock.unix() % DAY_SECONDS
            raise QuotaReached("this unit has written as much evidence today as this node takes of one", left)

    def used(self, workload: Workload, tokens: int) -> None:
        """Count the tokens of an exchange that ended."""
        self._tokens.setdefault(workload.id, Used()).add(self._clock.monotonic(), tokens)
        self._peers.tell_used(What.TOKENS, workload.id, tokens)

    def heard(self, what: What, name: str, amount: int) -> None:
        """Count what another worker says was used."""
        now = self._clock.monotonic()
        match what:
            case What.REQUESTS:
                self._requests.setdefault(name, Used()).add(now, amount)
            case What.TOKENS:
                self._tokens.setdefault(name, Used()).add(now, amount)
            case What.BYTES:
                self._written[name] += amount
            case _ as never:
                assert_never(never)

    def metered(self, log: RecordLog, unit: str) -> RecordLog:
        """The log, counting what is written for a unit."""
        return _Metered(log, self._write, unit)

    def _write(self, unit: str, amount: int) -> None:
        self._written[unit] += amount
        self._peers.tell_used(What.BYTES, unit, amount)

    def count(self, error: BrightlineError) -> None:
        """Count a request that got no record of its own."""
        self._counts[error.code] += 1
        self._since_start[error.code] += 1

    @property
    def under_way(self) -> tuple[int, int]:
        """Exchanges under way, and how many may be."""
        return self._line.placed, self._bounds.exchanges_max

    @property
    def counted(self) -> Mapping[str, int]:
        """Everything that was counted since the start, by code."""
        return self._since_start

    def take_counts(self) -> dict[str, int]:
        """The counts since the last call, for the PERIOD record."""
        counts = dict(self._counts)
        self._counts.clear()
        return counts

    def give_back(self, counts: Mapping[str, int]) -> None:
        """Counts that could not be booked wait for the next PERIOD record."""
        self._counts.update(counts)


class Entered:
    """The place of one exchange."""

    def __init__(self, admission: Admission, line: Line, waiting: Waiting) -> None:
        self._line = line
        self._waiting = waiting

    def sent(self) -> None:
        """It was sent to a model, and waits for others: its place among the unsent is free."""
        self._line.sent(self._waiting)


class _Metered:
    def __init__(self, log: RecordLog, written: Callable[[str, int], None], unit: str) -> None:
        self._log = log
        self._written = written
        self._unit = unit

    async def append(self, draft: Draft) -> DurableRecord:
        record = await self._log.append(draft)
        self._written(self._unit, FRAME_BYTES + len(msgspec.json.encode(draft.committed)))
        return record
