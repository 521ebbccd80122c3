# SPDX-License-Identifier: Apache-2.0
"""One release after the other: what comes into force is loaded beside what judges now, and takes over when it is fit.

A candidate is loaded and asked beside the release in force (``inference/trial.py``). When the rule that was signed
with it says so by what was counted here, this worker logs that it goes on, or is out; all workers follow the log.

A release in force that cannot be loaded here leaves the one before judging for a minute; then this node refuses, for
it no longer does what both organisations signed. Where a delivery root is pinned, it refuses as well once the newest
word about releases has expired.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from brightline.core.errors import OperatorError, ScreeningUnavailable
from brightline.core.ports import Clock
from brightline.core.screening.release import Release
from brightline.core.screening.trial import Compared, Stage, excess
from brightline.shell.delivery.fresh import fresh_until
from brightline.shell.inference.judges import Judges
from brightline.shell.inference.loaded import Loaded
from brightline.shell.inference.trial import Trial
from brightline.shell.registry.classifiers import Candidate, Classifiers, Step

BEHIND_SECONDS: Final = 60.0
LOADED_MAX: Final = 4

log = logging.getLogger("brightline")


class Succession:
    """Follows the registry's word about releases. ``load`` starts the detectors of a release and waits for them."""

    def __init__(
        self,
        classifiers: Classifiers,
        first: Loaded,
        load: Callable[[str], Awaitable[Loaded]],
        went_over: Callable[[Release], None],
        log_step: Callable[[Step], Awaitable[None]],
        trial_of: Callable[[Candidate, Loaded], Trial],
        clock: Clock,
        delivery: Path,
    ) -> None:
        """``went_over`` is called at the instant from which another release judges what begins.

        ``log_step`` logs where a candidate goes, ``trial_of`` makes the trial of one that is loaded.
        """
        self.judges = Judges(first)
        self._classifiers = classifiers
        self._load = load
        self._went_over = went_over
        self._log_step = log_step
        self._trial_of = trial_of
        self._clock = clock
        self._delivery = delivery
        self.fresh_until = fresh_until(delivery, delivered=bool(classifiers.delivered))
        self._since: float | None = None
        self._why = ""
        self._coming: asyncio.Task[None] | None = None  # a candidate that is being loaded

    async def step(self) -> None:
        """Go over to the release that is in force, if it is another. Takes as long as its detectors take to start."""
        self.fresh_until = fresh_until(self._delivery, delivered=bool(self._classifiers.delivered))
        await self._follow_candidate()
        wanted = self._classifiers.current
        if wanted == self.judges.current.release.digest:
            self._since, self._why = None, ""
            return
        if self._since is None:
            self._since = self._clock.monotonic()
        trial = self.judges.trial
        if trial is not None and trial.candidate.release.digest == wanted:
            self._over(trial.candidate)
        elif self.judges.count >= LOADED_MAX:
            self._why = f"{LOADED_MAX} releases still judge exchanges that began under them"
        elif loaded := await self._loaded(wanted):
            if wanted == self._classifiers.current:  # and nothing else came into force meanwhile
                self._over(loaded)
            else:
                await loaded.screeners.close()

    def _over(self, loaded: Loaded) -> None:
        self.judges.go_over(loaded)
        self._went_over(loaded.release)
        self.judges.end_trial()  # it was against the release before
        self._since, self._why = None, ""
        log.info("release %s version %d judges: %s", loaded.release.id, loaded.release.version, loaded.release.digest)

    async def _loaded(self, digest: str) -> Loaded | None:
        try:
            return await self._load(digest)
        except (OperatorError, ScreeningUnavailable) as error:
            self._why = str(error)
            log.warning("release %s cannot be loaded: %s", digest, error)
            return None

    async def _follow_candidate(self) -> None:
        coming, candidate, trial = self._coming, self._classifiers.candidate, self.judges.trial
        if coming is not None and coming.done():
            self._coming = None
            coming.result()  # what it raised is raised here
        if trial is not None and (candidate is None or candidate.update.number != trial.number):
            if trial.candidate.release.digest != self._classifiers.current:  # else it takes over, in a moment
                self.judges.end_trial()
            return
        if candidate is None or candidate.update.replaces != self.judges.current.release.digest:
            return
        if trial is None:
            if self._coming is None and self.judges.count < LOADED_MAX:  # beside this: what is in force must not wait
                self._coming = asyncio.get_running_loop().create_task(self._begin(candidate))
            return
        if trial.stage is not candidate.stage:
            trial.begin(candidate.stage)
        if trial.next is not trial.stage:
            why = excess(trial.rule, trial.figures)
            await self._log_step(Step(trial.number, trial.stage, trial.next, trial.figures, why))

    async def _begin(self, candidate: Candidate) -> None:
        """Load a candidate, and begin its trial if nothing else was said meanwhile."""
        number = candidate.update.number
        try:
            loaded = await self._load(candidate.update.release)
        except (OperatorError, ScreeningUnavailable) as error:
            why = f"it cannot be loaded: {error}"
            await self._log_step(Step(number, candidate.stage, Stage.QUARANTINED, Compared(failed=1), why))
            return
        now = self._classifiers.candidate
        if now is None or now.update.number != number:
            await loaded.screeners.close()
            return
        trial = self._trial_of(candidate, loaded)
        trial.begin(now.stage)
        self.judges.begin_trial(trial)

    async def close(self) -> None:
        """Load nothing more, and close every detector of every release."""
        if self._coming is not None:
            self._coming.cancel()
            await asyncio.gather(self._coming, return_exceptions=True)
        await self.judges.close()

    @property
    def behind(self) -> str:
        """Why the release in force could not be loaded here; empty if it was, or while its detectors start."""
        return f"another release is in force and cannot be loaded: {self._why}" if self._why else ""

    @property
    def faults(self) -> tuple[str, ...]:
        """Why no exchange may go on now."""
        out = []
        if self.fresh_until is not None and self._clock.unix() >= self.fresh_until:
            out.append("the newest word about classifier releases has expired: fetch from the delivery repository")
        if self._since is not None and self._clock.monotonic() - self._since > BEHIND_SECONDS:
            out.append(self.behind or "another release is in force, and its detectors do not come to start")
        return tuple(out)
