# SPDX-License-Identifier: Apache-2.0
"""Under which terms a running gateway serves what begins now: the agreement and the release that are in force.

Both come from the registry. Going over to others is one assignment between two exchanges: whoever has begun finishes
under the terms that he began with. Releases take their time to be loaded and may be tried before
(``gateway/succession.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.enforcement.terms import Terms
from brightline.core.ports import Clock
from brightline.core.screening.release import Release
from brightline.core.screening.trial import Compared
from brightline.shell.config import InferenceSettings
from brightline.shell.gateway.succession import Succession
from brightline.shell.inference.loaded import Loaded
from brightline.shell.inference.loading import open_release, read_definitions
from brightline.shell.inference.trial import Trial
from brightline.shell.registry.classifiers import Candidate, Step
from brightline.shell.registry.following import Registry
from brightline.shell.state import StateFolder
from brightline.shell.storage.trial import Counted, write_counted

_LOG: Final = logging.getLogger("brightline")


class InForce:
    """The ``terms``, and who goes over to others. ``first`` is the release that judges first.

    ``log_step`` logs where a candidate goes. ``under_way`` says how many exchanges there are, and how many may be.
    """

    def __init__(
        self,
        terms: Terms,
        first: Loaded,
        registry: Registry,
        folder: StateFolder,
        shard: str,
        inference: InferenceSettings,
        log_step: Callable[[Step], Awaitable[None]],
        under_way: Callable[[], tuple[int, int]],
        clock: Clock,
    ) -> None:
        self.terms = terms
        self._registry = registry
        self._folder = folder
        self._shard = shard
        self._inference = inference
        self._under_way = under_way
        self._counted: Compared | None = None
        self.succession = Succession(
            registry.classifiers,
            first,
            self.load,
            self._went_over,
            log_step,
            self._trial_of,
            clock,
            folder.delivery,
        )

    @property
    def agreement(self) -> Agreement:
        """The version that new exchanges are decided by."""
        return self.terms.agreement

    @property
    def release(self) -> Release:
        """The release that new exchanges are judged by."""
        return self.terms.release

    def follow(self) -> None:
        """Read what is new in the registry, and go over to the version of the agreement that is in force.

        Raises ``OperatorError`` or ``TrustError`` while the registry cannot be believed.
        """
        self._registry.refresh()
        current = self._registry.releases.current
        if current is not self.terms.agreement:
            self.terms = msgspec.structs.replace(self.terms, agreement=current)
            _LOG.info("%s version %d is in force: %s", current.id, current.version, current.digest)

    async def follow_release(self) -> None:
        """Go over to the release that is in force, and keep what was counted of a candidate."""
        await self.succession.step()
        self._write_counted()

    async def load(self, digest: str) -> Loaded:
        """Start the detectors of another release and wait until they are fit, while this one goes on judging.

        Raises ``OperatorError`` or ``ScreeningUnavailable``.
        """
        store, agreement = self._registry.classifiers.store, self.agreement
        release = await asyncio.to_thread(store.read, digest, agreement.vocabulary)
        folder = store.folder(digest)
        await asyncio.to_thread(self._registry.classifiers.check_signed, digest)
        defined = await asyncio.to_thread(read_definitions, release, folder, agreement)
        loaded = open_release(release, folder, defined, self._inference)
        async with contextlib.AsyncExitStack() as unless_fit:
            unless_fit.push_async_callback(loaded.screeners.close)
            await loaded.until_fit()
            unless_fit.pop_all()
        return loaded

    def _went_over(self, release: Release) -> None:
        self.terms = msgspec.structs.replace(self.terms, release=release)

    def _trial_of(self, candidate: Candidate, loaded: Loaded) -> Trial:
        number, rule = candidate.update.number, candidate.rule
        return Trial(number, loaded, self.release, rule, lambda: self.agreement.vocabulary, self._busy)

    def _busy(self) -> bool:
        """Whether a candidate should not be asked now: more than half of the places are taken."""
        placed, most = self._under_way()
        return 2 * placed > most

    def _write_counted(self) -> None:
        trial = self.succession.judges.trial
        if trial is None or trial.figures is self._counted:
            return
        self._counted = trial.figures
        try:
            write_counted(self._folder.trial, Counted(self._shard, trial.number, trial.stage, trial.figures))
        except OSError as error:
            _LOG.warning("what was counted of a candidate cannot be written: %s", error.strerror)
