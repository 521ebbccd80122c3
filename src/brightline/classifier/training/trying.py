# SPDX-License-Identifier: Apache-2.0
"""Trying students as they will run: what the first stage raises, and the scores of the encoder on what is raised."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from brightline.core.screening.encoder import Encoder
from brightline.core.screening.finding import Finding, Segment, Surface
from brightline.core.screening.folding import fold
from brightline.core.screening.hashing import Scorer
from brightline.core.screening.ngrams import NGrams
from brightline.shell.inference.onnx import OnnxEncoder

FLOOR: Final = 1e-9
CEILING: Final = 1 - 1e-9
TOGETHER: Final = 16  # texts in one ask


class Tried(msgspec.Struct, frozen=True):
    """Of some texts, folded: whether each was raised, and the encoder's score for each head, shape (texts, heads).

    What was not asked of the encoder has the score 0.
    """

    raised: Any
    scores: Any


class Students:
    """A first stage and the encoder behind it."""

    def __init__(self, screen: NGrams, encoder: Encoder, folders: Sequence[Path]) -> None:
        """``folders`` have the encoder's parts. Raises ``ReleaseError``."""
        self._screen = Scorer.of_topic(screen)
        wide = tuple(msgspec.structs.replace(head, unknown=FLOOR, yes=CEILING) for head in encoder.head)
        self.facts = [head.fact for head in encoder.head]
        self._encoder = OnnxEncoder(msgspec.structs.replace(encoder, head=wide, near=0.0), "encoder", folders)

    def raises(self, texts: Sequence[str]) -> Any:
        """Whether the first stage raises each text (folded), shape (texts,)."""
        return np.array(self._screen.passing([fold(text) for text in texts]), bool)

    def on(self, texts: Sequence[str], everything: bool, step: Callable[[int], None] = lambda _: None) -> Tried:
        """Try texts. With ``everything`` the encoder is asked about what was not raised as well.

        ``step`` is told how many texts are done.
        """
        raised = self.raises(texts)
        scores = np.zeros((len(texts), len(self.facts)))
        asked = sorted((i for i in range(len(texts)) if everything or raised[i]), key=lambda i: len(texts[i]))
        for first in range(0, len(asked), TOGETHER):
            chosen = asked[first : first + TOGETHER]
            segments = [Segment("x", Surface.INPUT, fold(texts[i]), 0, "folded") for i in chosen]
            for finding in self._encoder.judge(segments):
                if isinstance(finding, Finding):
                    self._note(scores, chosen, finding)
            step(len(texts) - len(asked) + first + len(chosen))
        return Tried(raised, scores)

    def _note(self, scores: Any, chosen: Sequence[int], finding: Finding) -> None:
        at = chosen[finding.segment], self.facts.index(finding.fact)
        scores[at] = max(scores[at], finding.score)
