# SPDX-License-Identifier: Apache-2.0
"""A judge on a decoder in this process, one thread, from files whose digests the release pins.

Needs ``brightline[judge]``. It is loaded in a worker of its own: the model is a gigabyte.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from brightline.core.errors import ReleaseError
from brightline.core.screening.encoder import weights_of
from brightline.core.screening.finding import Finding, Segment, Surface
from brightline.core.screening.judge import JudgeFile, View, findings_of_judge, joined_log_odds, windows_of
from brightline.core.screening.prompt import SPEAKER
from brightline.decoder.adapter import Adapter
from brightline.decoder.asking import Asker, Kept
from brightline.shell.inference.parts import read_part

LOG_ODDS_MAX: Final = 30.0


class _Words(NamedTuple):
    """Some words as windows of tokens, and what the heads said of them so far, by the number of the view."""

    windows: Sequence[Sequence[int]]
    said: dict[int, list[float]]


class DecoderJudge:
    """The heads of a judge on the states of its decoder."""

    def __init__(self, judge: JudgeFile, detector: str, folders: Sequence[Path], threads: int = 1) -> None:
        """``folders`` are looked through for the model and its adapter.

        Raises ``ReleaseError`` if one is missing or another.
        """
        self._judge = judge
        self._detector = detector
        part = judge.model.adapter
        adapter = Adapter.read(read_part(part, folders)) if part else None
        self._asker = Asker(find_model(judge, folders), judge.model.layers, threads, adapter)
        if self._asker.decoder.shape.width != judge.model.width:
            raise ReleaseError(f"{judge.model.file} has states of {self._asker.decoder.shape.width} numbers")
        self._kept: list[tuple[View, Kept]] = [(view, self._asker.keep(view.constitution)) for view in judge.view]
        numbers = judge.model.numbers
        self._weights = {
            head.fact: (np.array(weights_of(head, numbers, detector), np.float64), head.bias) for head in judge.head
        }

    def judge(self, segments: Sequence[Segment]) -> Sequence[Finding]:
        """Judge each segment for the facts that are open in it, the same words once.

        Raises whatever goes wrong: nothing was judged.
        """
        read: dict[tuple[Surface, str], _Words] = {}
        scored = []
        for number, segment in enumerate(segments):
            place = segment.surface, segment.text
            if place not in read:
                read[place] = self._words(segment)
            scores = self.scores(segment, read[place])
            scored += [(number, segment.view or "text", fact, score) for fact, score in scores]
        return findings_of_judge(self._judge, self._detector, scored)

    def scores(self, segment: Segment, words: _Words | None = None) -> Iterator[tuple[str, float]]:
        """For each fact that is open in a segment, the highest score of its windows, 0..1.

        ``words`` are the segment's, where some of them were read before.
        """
        words = words or self._words(segment)
        for place, (view, kept) in enumerate(self._kept):
            asked = {one.fact for one in view.constitution if not segment.open or one.fact in segment.open}
            if not asked:
                continue
            if place not in words.said:
                words.said[place] = self._read(words, view, kept)
            for one, own in zip(view.constitution, words.said[place], strict=True):
                if one.fact in asked:
                    said = joined_log_odds(self._judge, segment, one.fact, own)
                    yield one.fact, 1 / (1 + math.exp(-min(max(said, -LOG_ODDS_MAX), LOG_ODDS_MAX)))

    def log_odds(self, text: str, facts: Collection[str]) -> dict[str, float]:
        """What the heads alone say of an exchange that is written out, for these facts.

        Raises whatever goes wrong: nothing was judged.
        """
        words = _Words(windows_of(self._asker.tokens(text), self._judge), {})
        return {
            one.fact: own
            for view, kept in self._kept
            if any(one.fact in facts for one in view.constitution)
            for one, own in zip(view.constitution, self._read(words, view, kept), strict=True)
            if one.fact in facts
        }

    def _words(self, segment: Segment) -> _Words:
        return _Words(windows_of(self._asker.tokens(SPEAKER[segment.surface] + segment.text), self._judge), {})

    def _read(self, words: _Words, view: View, kept: Kept) -> list[float]:
        """The heads' own log-odds of a view's facts, each the highest of the windows."""
        log_odds = np.array([self._log_odds(window, view, kept) for window in words.windows]).max(0)
        if not np.isfinite(log_odds).all():
            raise ArithmeticError("the judge's states are not numbers")
        return [float(one) for one in log_odds]

    def _log_odds(self, window: Sequence[int], view: View, kept: Kept) -> list[float]:
        model = self._judge.model
        last, mean = self._asker.states(window, kept, model.question)
        found = []
        for number, one in enumerate(view.constitution):
            weights, bias = self._weights[one.fact]
            parts = [last[number].reshape(-1)] if model.question else []
            parts += [mean.reshape(-1)] if model.mean else []
            found.append(float(np.concatenate(parts).astype(np.float64) @ weights) + bias)
        return found


def find_model(judge: JudgeFile, folders: Sequence[Path]) -> Path:
    """The model's file. Raises ``ReleaseError`` unless it is there and the one that the release pins."""
    for place in (folder / judge.model.file for folder in folders):
        if place.is_file():
            with place.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != judge.model.sha256:
                raise ReleaseError(f"{place} has digest {found}; the release pins {judge.model.sha256}")
            return place
    looked = ", ".join(str(folder) for folder in folders)
    raise ReleaseError(f"{judge.model.file} is in none of {looked}; `brightline classifier weights` gets it")
