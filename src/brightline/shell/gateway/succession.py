# SPDX-License-Identifier: Apache-2.0
"""One release after the other: what comes into force is loaded beside what judges now, and takes over when it is fit.

A release in force that cannot be loaded here leaves the one before judging for a minute; then this node refuses, for
it no longer does what both organisations signed. Where a delivery root is pinned, it refuses as well once the newest
word about releases has expired.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from brightline.core.errors import OperatorError, ScreeningUnavailable
from brightline.core.ports import Clock
from brightline.core.screening.release import Release
from brightline.shell.delivery.fresh import fresh_until
from brightline.shell.inference.judges import Judges, Loaded
from brightline.shell.registry.classifiers import Classifiers

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
        clock: Clock,
        delivery: Path,
    ) -> None:
        """``went_over`` is called at the instant from which another release judges what begins."""
        self.judges = Judges(first)
        self._classifiers = classifiers
        self._load = load
        self._went_over = went_over
        self._clock = clock
        self._delivery = delivery
        self._fresh_until = fresh_until(delivery)
        self._since: float | None = None
        self._why = ""

    async def step(self) -> None:
        """Go over to the release that is in force, if it is another. Takes as long as its detectors take to start."""
        self._fresh_until = fresh_until(self._delivery)
        wanted = self._classifiers.current
        if wanted == self.judges.current.release.digest:
            self._since, self._why = None, ""
            return
        if self._since is None:
            self._since = self._clock.monotonic()
        if self.judges.count >= LOADED_MAX:
            self._why = f"{LOADED_MAX} releases still judge exchanges that began under them"
            return
        try:
            loaded = await self._load(wanted)
        except (OperatorError, ScreeningUnavailable) as error:
            self._why = str(error)
            log.warning("release %s is in force and cannot be loaded: %s", wanted, error)
            return
        self.judges.go_over(loaded)
        self._went_over(loaded.release)
        self._since, self._why = None, ""
        log.info("release %s version %d judges: %s", loaded.release.id, loaded.release.version, wanted)

    @property
    def faults(self) -> tuple[str, ...]:
        """Why no exchange may go on now."""
        out = []
        if self._fresh_until is not None and self._clock.unix() >= self._fresh_until:
            out.append("the newest word about classifier releases has expired: fetch from the delivery repository")
        if self._since is not None and self._clock.monotonic() - self._since > BEHIND_SECONDS:
            out.append(f"another release is in force and cannot be loaded: {self._why}")
        return tuple(out)
