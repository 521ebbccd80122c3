# SPDX-License-Identifier: Apache-2.0
"""The page of the figures: no words of anybody, nobody's name beyond the opaque ids of reviewers.

The logs are read for it on a thread of its own, because the first time that is all of them, and whoever decides must
not wait for whoever counts. What was counted is shown for a short while to everybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from brightline.console.figures import FiguresView, look_at_figures
from brightline.console.person import Person
from brightline.console.room import Room
from brightline.core.review.figures import Alarms, figures
from brightline.core.review.life import Worked
from brightline.core.review.roles import May

DAY_SECONDS: Final = 86_400
DAYS: Final = (7, 30, 90)
COUNTED_SECONDS: Final = 20.0


class FigurePages:
    """The figures."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._counting = asyncio.Lock()
        self._counted: dict[int, tuple[float, FiguresView]] = {}  # by days: when on the steady clock, and what

    def routes(self) -> Sequence[BaseRoute]:
        """Its routes."""
        return (Route("/figures", self._room.reading(May.READ_FIGURES, self._page)),)

    async def _page(self, request: Request, person: Person) -> Response:
        asked = request.query_params.get("days", "")
        days = int(asked) if asked in {str(each) for each in DAYS} else DAYS[1]
        view = await self._view(days)
        return self._room.render(request, "figures.html.j2", person, {"figures": view, "spans": DAYS})

    async def _view(self, days: int) -> FiguresView:
        clock = self._room.clock
        async with self._counting:
            when, view = self._counted.get(days, (0.0, None))
            if view is None or clock.monotonic() - when >= COUNTED_SECONDS:
                await asyncio.to_thread(self._room.books.history.follow)
                worked = await self._room.queue.worked(clock.unix() - days * DAY_SECONDS)
                view = await self._room.read(self._look, days, worked)
                self._counted[days] = clock.monotonic(), view
            return view

    def _look(self, days: int, worked: Sequence[Worked]) -> FiguresView:
        books = self._room.books
        now = self._room.clock.unix()
        since = now - days * DAY_SECONDS
        lives = [each for each in books.lives() if each.expires > since]
        ended = [each for each in books.history.ended() if each.unix + DAY_SECONDS > since]
        review = books.settings.review
        alarms = Alarms(review.queue_age_alarm_seconds, review.minutes_per_thousand_alarm)
        return look_at_figures(figures(now, ended, lives, alarms, worked), lives, alarms, days)
