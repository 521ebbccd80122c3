# SPDX-License-Identifier: Apache-2.0
"""Bounds on what is under way. Under overload whole requests are shed; no request is ever screened less.

Two places are bounded: exchanges under way, and of these the ones that have not been sent to a model yet, which are
all our own work. Whoever finds no place waits, for a while and in a bounded line, and then is shed with the time after
which to ask again. Places go to the unit and workload that have the fewest, so a flood sheds itself first; and no
unit has more than its share, so that long answers for one leave places for another. Places are each worker's own.
What may be used in a minute or a day is in ``quotas.py``.

Anonymous and shed requests get no record of their own (a stranger must not cost an fsync): they are counted by reason,
and the counts go into PERIOD records.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Self

import msgspec

from brightline.core.errors import BrightlineError, Overloaded
from brightline.core.workload import Workload
from brightline.shell.gateway.line import Line, Waiting
from brightline.shell.gateway.quotas import Quotas


class Bounds(msgspec.Struct, frozen=True):
    """How much this node takes at once, and of one unit. Seconds are of waiting."""

    exchanges_max: int = 512
    unit_exchanges_max: int = 448
    unsent_max: int = 32
    waiting_max: int = 256
    wait_seconds: float = 1.0


class Admission:
    """Who may begin, who waits, who is shed."""

    def __init__(self, bounds: Bounds, quotas: Quotas) -> None:
        self._bounds = bounds
        self._quotas = quotas
        self._line = Line(bounds.exchanges_max, bounds.unit_exchanges_max, bounds.unsent_max, bounds.waiting_max)
        self._counts: Counter[str] = Counter()
        self._since_start: Counter[str] = Counter()

    async def enter(self, workload: Workload) -> Entered:
        """Take a place for one exchange, for as long as what is returned is entered (``with``).

        Raises ``QuotaReached`` or ``Overloaded``.
        """
        self._quotas.check(workload)
        waiting = self._line.join(workload.unit, workload.id)
        begins = False
        try:
            if waiting.turn is not None:
                await self._turn(waiting.turn)
                self._quotas.check(workload)  # others of this workload may have begun while it waited
            self._quotas.began(workload)
            begins = True
        finally:
            if not begins:
                self._line.leave(waiting)
        return Entered(self._line, waiting)

    async def _turn(self, turn: asyncio.Future[bool]) -> None:
        try:
            async with asyncio.timeout(self._bounds.wait_seconds):
                begins = await turn
        except TimeoutError as error:
            raise Overloaded(f"no place was free within {self._bounds.wait_seconds:g} s") from error
        if not begins:
            raise Overloaded("the line is full, and others have asked for less")

    def crowded(self, claimed_workload: str) -> bool:
        """Whether a request of this workload would be shed at once, as far as a name says that nobody has proved.

        For the socket: it may answer so without reading further. A false name sheds nobody's request but the liar's.
        """
        return self._line.would_shed(claimed_workload)

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
    """The place of one exchange, which it leaves at the end of the ``with``."""

    def __init__(self, line: Line, waiting: Waiting) -> None:
        self._line = line
        self._waiting = waiting

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.leave(self._waiting)

    def sent(self) -> None:
        """It was sent to a model, and waits for others: its place among the unsent is free."""
        self._line.sent(self._waiting)
