# SPDX-License-Identifier: Apache-2.0
"""The first stage as it runs: every reading of every segment in a few array operations (``brightline[encoder]``)."""

from __future__ import annotations

from collections.abc import Sequence

from brightline.core.screening.finding import Raised, Segment
from brightline.core.screening.hashing import Scorer
from brightline.core.screening.ngrams import NGrams, canary_segments, check_canaries
from brightline.core.screening.views import views


class FirstStage:
    """A judge that raises."""

    def __init__(self, definition: NGrams) -> None:
        """Raises ``ScreeningUnavailable`` if it does not raise its canaries."""
        self._definition = definition
        self._scorer = Scorer(definition)
        check_canaries(definition.header, self.judge(canary_segments(definition.header)))

    def judge(self, segments: Sequence[Segment]) -> Sequence[Raised]:
        """The readings at or over the threshold. Raises whatever goes wrong: then nothing was judged."""
        readings = [(number, view) for number, segment in enumerate(segments) for view in views(segment.text)]
        scores = self._scorer.scores([view.text for _, view in readings])
        threshold = self._definition.header.threshold
        return [
            Raised(number, view.name, view.text)
            for (number, view), score in zip(readings, scores, strict=True)
            if not score < threshold
        ]
