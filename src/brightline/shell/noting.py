# SPDX-License-Identifier: Apache-2.0
"""What a running gateway writes into the registry by itself: what it found over many requests, what was wished, steps.

None of it is on the way of an exchange, and each is written off the event loop. What cannot be written now is found
again by whoever found it, or told to whoever wished it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Final

from brightline.core.agreement.clause import Agreement
from brightline.core.canonical import JsonValue
from brightline.core.errors import BrightlineError, EvidenceUnavailable, OperatorError
from brightline.core.expectation import Figures
from brightline.core.patterns.crossing import Crossed
from brightline.core.ports import Clock
from brightline.shell.config import Settings
from brightline.shell.registry.classifiers import Step, log_step
from brightline.shell.registry.following import Registry
from brightline.shell.registry.reviewing import What, log_review, sampling_due
from brightline.shell.registry.standings import log_crossing, log_pattern
from brightline.shell.state import StateFolder

_LOG: Final = logging.getLogger("brightline")


class Noting:
    """The writer. ``agreement`` is the version in force when it is asked, ``follow`` reads what was written."""

    def __init__(
        self,
        folder: StateFolder,
        settings: Settings,
        profile: str,
        agreement: Callable[[], Agreement],
        follow: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._root = folder.root
        self._settings = settings
        self._profile = profile
        self._agreement = agreement
        self._follow = follow
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    # ---- waited for -------------------------------------------------------------------------------------------

    async def step(self, step: Step) -> None:
        """That a candidate release goes on; it is tried again by whoever follows releases."""
        try:
            await asyncio.to_thread(log_step, self._root, self._settings, self._profile, step, self._clock)
            self._follow()
        except BrightlineError as error:
            _LOG.warning("that a candidate goes on could not be logged: %s", error)

    async def wish(self, public: dict[str, JsonValue], committed: dict[str, JsonValue]) -> None:
        """Make a wish durable and read it. Raises ``EvidenceUnavailable``."""
        try:
            await self._review(What.WISHED, public, committed)
            self._follow()
        except OperatorError as error:
            raise EvidenceUnavailable(f"the registry cannot be written: {error}") from error

    async def drawing(self, registry: Registry, hold_key: bytes, per_million: int, now: int) -> None:
        """How samples are drawn, before any is, and with which key once a month is over."""
        for what, said in sampling_due(registry.reviewing, hold_key, per_million, now):
            try:
                await self._review(what, said, {})
            except BrightlineError as error:
                _LOG.warning("how samples are drawn could not be logged: %s", error)

    async def _review(self, what: What, public: dict[str, JsonValue], committed: dict[str, JsonValue]) -> None:
        root, settings, profile = self._root, self._settings, self._profile
        await asyncio.to_thread(log_review, root, settings, profile, what, public, committed, self._clock)

    # ---- not waited for ---------------------------------------------------------------------------------------

    def pattern(self, unit: str, figures: Figures, not_called: Callable[[str], None]) -> None:
        """That a unit is denied more than our own error explains; ``not_called`` hears if it cannot be logged."""
        agreement = self._agreement()

        def write() -> None:
            log_pattern(self._root, self._settings, self._profile, agreement, unit, figures, self._clock)

        self._begin(self._found(write, lambda: not_called(unit), "a pattern was found"))

    def crossing(self, unit: str, crossed: Crossed, not_called: Callable[[str], None]) -> None:
        """That a unit crossed a pattern of the agreement; ``not_called`` hears if it cannot be logged."""
        agreement = self._agreement()

        def write() -> None:
            log_crossing(self._root, self._settings, self._profile, agreement, unit, crossed, self._clock)

        self._begin(self._found(write, lambda: not_called(unit), "a pattern was crossed"))

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _found(write: Callable[[], None], not_called: Callable[[], None], what: str) -> None:
        try:
            await asyncio.to_thread(write)
        except BrightlineError as error:
            not_called()
            _LOG.warning("%s, and it could not be logged: %s", what, error)
