# SPDX-License-Identifier: Apache-2.0
"""The page of the patterns: what no single request shows, and which records say so. No words and nobody's name.

What crossed a pattern is read from the logs on a thread of its own, because the first time that is a month of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from brightline.console.books import Books
from brightline.console.patterns import Evidence, Found, PatternView, Sight, look_at_patterns
from brightline.console.person import Person, reads_unclaimed
from brightline.console.room import Room
from brightline.core.agreement.aloud import plain
from brightline.core.agreement.pattern import Over
from brightline.core.review.roles import May, may
from brightline.core.standing import Happened
from brightline.shell.counts import kept_counts
from brightline.shell.review.crossings import Crossings
from brightline.shell.state import StateFolder

FOUND_SHOWN: Final = 20


class PatternPages:
    """The patterns."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._reading = asyncio.Lock()
        self._crossings = Crossings(room.books.root, room.clock.unix)

    def routes(self) -> Sequence[BaseRoute]:
        """Its routes."""
        return (Route("/patterns", self._room.reading(May.READ_FIGURES, self._page)),)

    async def _page(self, request: Request, person: Person) -> Response:
        chosen, unit = request.query_params.get("pattern", ""), request.query_params.get("unit", "")
        async with self._reading:
            await asyncio.to_thread(self._crossings.follow)
            view = await self._room.read(self._look, person, chosen, unit)
        return self._room.render(
            request, "patterns.html.j2", person, {"patterns": view, "reads": reads_unclaimed(person)}
        )

    def _look(self, person: Person, chosen: str, unit: str) -> PatternView:
        books = self._room.books
        books.registry.refresh()
        patterns = books.registry.releases.current.patterns
        book = kept_counts(StateFolder(books.root), books.settings)
        sight = sight_of(books, person)
        now = self._room.clock.unix()
        return look_at_patterns(patterns, book, self._evidence, sight, chosen, unit, now)

    def _evidence(self, pattern: str) -> Evidence:
        begins = f"pattern {pattern}: "
        found = [
            Found(each.seq, each.time[:16].replace("T", " ") + " UTC", each.said.unit, plain(each.said.reason))
            for each in reversed(self._room.books.registry.standings.history)
            if each.said.happened is Happened.PATTERN_FOUND and each.said.reason.startswith(begins)
        ]
        crossings = self._crossings
        return Evidence(crossings.latest(pattern), crossings.by_day(pattern), crossings.hold_of, found[:FOUND_SHOWN])


def sight_of(books: Books, person: Person) -> Sight:
    """What somebody may see of counts: numbers are for who reads cases or records and is cleared for the unit."""
    reads = may(person.roles, May.READ_RECORDS) or may(person.roles, May.READ_CASE)
    unit_of: dict[str, str] = {}
    units_of: dict[str, set[str]] = {}
    for workload in books.registry.workloads.all():
        unit_of[workload.id] = workload.unit
        units_of.setdefault(workload.registration.purpose_id, set()).add(workload.unit)
    whole = reads and not books.closed_units(person.clearance)

    def cleared(units: set[str]) -> bool:
        return whole or (reads and bool(units) and all(books.cleared(person.clearance, unit) for unit in units))

    def exact(over: Over, name: str) -> bool:
        match over:
            case Over.KEY:
                return cleared({unit_of[name]} if name in unit_of else set())
            case Over.UNIT:
                return cleared({name})
            case Over.PURPOSE:
                return cleared(units_of.get(name, set()))
            case Over.AGREEMENT:
                return whole

    return Sight(
        exact=exact,
        whole=whole,
        units=tuple(unit for unit in books.units() if cleared({unit})),
        keys_of=lambda unit: frozenset(key for key, of in unit_of.items() if of == unit),
    )
