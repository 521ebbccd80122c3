# SPDX-License-Identifier: Apache-2.0
"""Who is next: places that are few, and a bounded line before them in which nobody's flood stands before another.

A free place goes to the unit that has the fewest places, among its workloads to the one that has the fewest, and of
that one to the request that has waited longest. A unit that has its share of the places waits while others are free.
When the line is full, the newest of whoever has the most in it makes room; if that is the one who comes, it is not let
in. No clock: how long anybody waits is for the caller to say.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque


class Waiting:
    """One request. ``turn`` is None if it has a place; else it becomes true with a place, or false without one."""

    __slots__ = ("placed", "turn", "unit", "unsent", "workload")

    def __init__(self, unit: str, workload: str) -> None:
        self.unit = unit
        self.workload = workload
        self.turn: asyncio.Future[bool] | None = None
        self.placed = False
        self.unsent = False


class Line:
    """At most ``placed_max`` have a place, of them ``unsent_max`` unsent and ``unit_max`` of one unit; at most
    ``waiting_max`` wait. Of the unsent a unit may have the same share as of all: a body that drips in is unsent too.
    """

    def __init__(self, placed_max: int, unit_max: int, unsent_max: int, waiting_max: int) -> None:
        self._placed_max = placed_max
        self._unit_max = unit_max
        self._unsent_max = unsent_max
        self._waiting_max = waiting_max
        self._unit_unsent_max = min(unsent_max, max(1, unsent_max * unit_max // placed_max))
        self._placed = 0
        self._unsent = 0
        self._of_unit: Counter[str] = Counter()  # places
        self._of_workload: Counter[str] = Counter()
        self._unsent_of_unit: Counter[str] = Counter()
        self._lines: dict[tuple[str, str], deque[Waiting]] = {}  # by unit and workload; none is empty
        self._served: dict[str, int] = {}  # unit or workload → when it was last given a place, in places given
        self._given = 0
        self._waiting: Counter[str] = Counter()  # by unit

    def join(self, unit: str, workload: str) -> Waiting:
        """Take a place if one is free, else stand in line, or be turned away at once.

        While a place is free, whoever waits is of a unit that has its share: nobody is passed by.
        """
        waiting = Waiting(unit, workload)
        if self._free and self._has_less_than_its_share(unit):
            self._place(waiting)
            return waiting
        waiting.turn = asyncio.get_running_loop().create_future()
        if self._waiting.total() >= self._waiting_max and not self._make_room(unit, workload):
            waiting.turn.set_result(False)
            return waiting
        self._lines.setdefault((unit, workload), deque()).append(waiting)
        self._waiting[unit] += 1
        return waiting

    def sent(self, waiting: Waiting) -> None:
        """It keeps its place, and is unsent no more."""
        if waiting.unsent:
            waiting.unsent = False
            self._unsent -= 1
            _less(self._unsent_of_unit, waiting.unit)
            self._call()

    def leave(self, waiting: Waiting) -> None:
        """It goes, whether from a place or from the line."""
        if waiting.placed:
            waiting.placed = False
            self._placed -= 1
            _less(self._of_unit, waiting.unit)
            _less(self._of_workload, waiting.workload)
            self.sent(waiting)
            self._call()
            return
        line = self._lines.get((waiting.unit, waiting.workload))
        if line is not None and waiting in line:
            line.remove(waiting)
            self._shorter(waiting)

    def would_shed(self, workload: str) -> bool:
        """Whether one more of this workload would be turned away at once, were its name believed."""
        if self._waiting.total() < self._waiting_max:
            return False
        longest = self._longest()
        return longest is not None and longest[1] == workload

    @property
    def placed(self) -> int:
        """How many have a place."""
        return self._placed

    @property
    def _free(self) -> bool:
        return self._placed < self._placed_max and self._unsent < self._unsent_max

    def _has_less_than_its_share(self, unit: str) -> bool:
        return self._of_unit[unit] < self._unit_max and self._unsent_of_unit[unit] < self._unit_unsent_max

    def _place(self, waiting: Waiting) -> None:
        waiting.placed = waiting.unsent = True
        self._placed += 1
        self._unsent += 1
        self._of_unit[waiting.unit] += 1
        self._of_workload[waiting.workload] += 1
        self._unsent_of_unit[waiting.unit] += 1
        self._given += 1
        self._served[f"unit {waiting.unit}"] = self._served[waiting.workload] = self._given

    def _call(self) -> None:
        while self._free and (may := [who for who in self._lines if self._has_less_than_its_share(who[0])]):
            unit, workload = min(may, key=self._next)
            waiting = self._lines[unit, workload].popleft()
            self._shorter(waiting)
            if waiting.turn is not None and not waiting.turn.done():
                self._place(waiting)
                waiting.turn.set_result(True)

    def _next(self, who: tuple[str, str]) -> tuple[int, int, int, int]:
        """The fewest places first; of those that have as few, whoever was given one longest ago."""
        unit, workload = who
        last = self._served.get
        return self._of_unit[unit], last(f"unit {unit}", 0), self._of_workload[workload], last(workload, 0)

    def _make_room(self, unit: str, workload: str) -> bool:
        """Turn away the newest of the longest line, unless the one who comes would make its own the longest."""
        longest = self._longest()
        if longest is None:
            return False
        if longest[0] == unit:
            more = len(self._lines[longest]) > len(self._lines.get((unit, workload), ())) + 1
        else:
            more = self._waiting[longest[0]] > self._waiting[unit] + 1
        if not more:
            return False
        waiting = self._lines[longest].pop()
        self._shorter(waiting)
        if waiting.turn is not None and not waiting.turn.done():
            waiting.turn.set_result(False)
        return True

    def _longest(self) -> tuple[str, str] | None:
        """The unit that has the most in line, and of it the workload that has the most."""
        newest_first = reversed(self._lines)
        return max(newest_first, key=lambda who: (self._waiting[who[0]], len(self._lines[who])), default=None)

    def _shorter(self, waiting: Waiting) -> None:
        _less(self._waiting, waiting.unit)
        if not self._lines[waiting.unit, waiting.workload]:
            del self._lines[waiting.unit, waiting.workload]


def _less(counter: Counter[str], name: str) -> None:
    counter[name] -= 1
    if not counter[name]:
        del counter[name]
