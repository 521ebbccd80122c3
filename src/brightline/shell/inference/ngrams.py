# SPDX-License-Identifier: Apache-2.0
"""The first stage as it runs: every reading of every segment in a few array operations (``brightline[encoder]``)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

from brightline.core.screening.finding import Raised, Segment
from brightline.core.screening.hashing import Scorer
from brightline.core.screening.ngrams import NGrams, canary_segments, check_canaries, readings_of
from brightline.core.screening.views import PLAIN_VIEWS


class FirstStage:
    """A judge that raises."""

    def __init__(self, stage: NGrams) -> None:
        """Raises ``ScreeningUnavailable`` if it does not raise its canaries."""
        self._topic = Scorer.of_topic(stage)
        self._legible = Scorer.of_legible(stage)
        check_canaries(stage.header, self.judge(canary_segments(stage.header)))

    def judge(self, segments: Sequence[Segment]) -> Sequence[Raised]:
        """The readings that are worth the next stage's time. Raises whatever goes wrong: then nothing was judged."""
        readings = readings_of(segments)
        raised = [*compress(readings, self._topic.passing([one.text for one in readings]))]
        if self._legible is None:
            return raised
        legible = iter(self._legible.passing([one.text for one in raised if one.view not in PLAIN_VIEWS]))
        return [one for one in raised if one.view in PLAIN_VIEWS or next(legible)]
