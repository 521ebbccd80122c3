# SPDX-License-Identifier: Apache-2.0
"""A release whose detectors run."""

from __future__ import annotations

from collections.abc import Sequence

from brightline.core.screening.release import Release
from brightline.core.screening.settle import JudgeFigures
from brightline.shell.inference.pool import Judging, PooledDetector, ScreeningPool


class Loaded:
    """A release whose detectors run, and how many exchanges are judged by it now."""

    def __init__(
        self,
        release: Release,
        detectors: Sequence[PooledDetector],
        judging: Judging | None = None,
    ) -> None:
        """A judge need not be fit, then or ever: what it would settle stays open for as long."""
        self.release = release
        self.detectors = tuple(detectors)
        self.judging = judging
        self.screeners = ScreeningPool(detectors, release.deadline_seconds, release.cascades, judging)
        self.exchanges = 0

    async def until_fit(self) -> None:
        """Wait until every detector can judge. Raises ``ScreeningUnavailable``."""
        for detector in self.detectors:
            await detector.until_fit()

    @property
    def deadline_seconds(self) -> float:
        """How long an ask may take, the judge's time included."""
        return self.release.deadline_seconds + (self.judging.seconds if self.judging is not None else 0.0)

    @property
    def faults(self) -> tuple[str, ...]:
        """Why detectors cannot judge now; empty if all can."""
        return tuple(each.fault for each in self.detectors if each.fault)

    @property
    def judge_fault(self) -> str:
        """Why the judge, if there is one, cannot judge now: what it would settle is held. Empty if it can."""
        return self.judging.judge.fault if self.judging is not None else ""

    @property
    def judge_figures(self) -> tuple[bool, JudgeFigures] | None:
        """Whether the judge is fit, and what became of asking it; ``None`` where the release has none."""
        return None if self.judging is None else (not self.judge_fault, self.screeners.judged)
