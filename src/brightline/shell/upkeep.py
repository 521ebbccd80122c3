# SPDX-License-Identifier: Apache-2.0
"""What goes on beside the exchanges, each without end: a lease renewed, a period stated, what is due destroyed.

Each piece of work answers the errors that it knows. One that raises another would else be missing in silence: here it
is started again after a pause, and until it has lasted for a while it is a fault, so that service stops meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Final, Self

PAUSE_SECONDS: Final = 1.0
LASTS_SECONDS: Final = 10.0

log = logging.getLogger("brightline")
Work = Callable[[], Awaitable[None]]


class Upkeep:
    """Runs every piece of work, by name, from entering it to leaving it."""

    def __init__(
        self, works: Mapping[str, Work], pause_seconds: float = PAUSE_SECONDS, lasts_seconds: float = LASTS_SECONDS
    ) -> None:
        self._works = dict(works)
        self._pause = pause_seconds
        self._lasts = lasts_seconds
        self._failed: dict[str, str] = {}
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def faults(self) -> tuple[str, ...]:
        """Which work failed lately and why; empty while all goes on."""
        return tuple(f"{name} failed: {why}" for name, why in self._failed.items())

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._keep(name, work)) for name, work in self._works.items()]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep(self, name: str, work: Work) -> None:
        loop = asyncio.get_running_loop()
        while True:
            well = loop.call_later(self._lasts, self._failed.pop, name, None)
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - whatever it is, service stops until the work goes on
                self._failed[name] = _where(error)
                log.error("%s failed and is started again: %s", name, self._failed[name])  # noqa: TRY400 - no words
            else:
                return  # there is nothing for it to do here
            finally:
                well.cancel()
            await asyncio.sleep(self._pause)


def _where(error: Exception) -> str:
    """What was raised and where, without its words: they may hold what somebody said."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    at = f" in {trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}" if trace is not None else ""
    return type(error).__name__ + at
