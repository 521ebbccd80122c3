# SPDX-License-Identifier: Apache-2.0
"""The judge: what is asked about what earlier stages leave open, and the file that defines it.

A judge file (``brightline-judge/1``, JSON) pins its base model by the publisher's digest, and an adapter, if there is
one, by its own. It holds the constitutions that are its prompt, a head with two thresholds for each fact, and its
canaries. It never speaks first: it is asked about a reading of which an earlier stage said *unknown* for a fact, and
may settle that fact where the release lets it (``settle.py``). Silent, late or missing, it leaves the fact unknown.

Running it is the shell's (``shell/inference/judge.py``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from brightline.core.errors import ReleaseError
from brightline.core.facts import UNKNOWN, Source, Vocabulary
from brightline.core.screening.encoder import Canary, Head, Part, weights_of
from brightline.core.screening.figures import log_odds
from brightline.core.screening.finding import Finding, Segment
from brightline.core.screening.prompt import Constitution

FORMAT: Final = "brightline-judge/1"
FILE_BYTES_MAX: Final = 4 * 1024 * 1024
VIEW_FACTS_MAX: Final = 8
JOINED_MAX: Final = 10.0  # no detector before it outweighs a judge ten times
LEAST_SHARE: Final = 1e-6

_Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
_Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,80}$")]


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The base model's file, and which of its states the heads read, each ``width`` numbers of each layer in order.

    With ``question``, that at the end of a fact's question; with ``mean``, the mean over the exchange's own tokens.
    Without ``question`` none is asked: the definitions stand before the exchange, and one run serves every fact of a
    view. ``adapter`` is what was learned besides; the model's weights have it from when they are loaded
    (``decoder/adapter.py``).
    """

    file: _Name
    sha256: _Digest
    layers: Annotated[tuple[Annotated[int, Meta(ge=1, le=512)], ...], Meta(min_length=1, max_length=8)]
    width: Annotated[int, Meta(ge=1, le=16_384)]
    question: bool
    mean: bool
    adapter: Part | None = None

    @property
    def numbers(self) -> int:
        """How many numbers a head reads."""
        return self.width * len(self.layers) * (self.question + self.mean)


class View(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Facts that are asked about in one run, with the definitions that are read before."""

    constitution: Annotated[tuple[Constitution, ...], Meta(min_length=1, max_length=VIEW_FACTS_MAX)]


class JudgeFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A judge. Long texts are read in windows of ``tokens`` with ``overlap``; the worst counts.

    ``joined`` says, by fact, how much the log-odds of whoever left it unknown count beside the head's own.
    ``deadline_ms`` is for one batch, ``queue_max`` how many may wait: more are not asked, and stay unknown.
    """

    format: str
    model: Model
    tokens: Annotated[int, Meta(ge=16, le=4_096)]
    overlap: Annotated[int, Meta(ge=0)]
    windows_max: Annotated[int, Meta(ge=1, le=64)]
    deadline_ms: Annotated[int, Meta(ge=1, le=60_000)]
    queue_max: Annotated[int, Meta(ge=1, le=4_096)]
    view: tuple[View, ...]
    head: tuple[Head, ...]
    canary: tuple[Canary, ...]
    joined: dict[str, Annotated[float, Meta(ge=0, le=JOINED_MAX)]] = {}

    @property
    def facts(self) -> tuple[str, ...]:
        """The facts that it is asked about, in the order of its views; ``head`` has the same."""
        return tuple(one.fact for view in self.view for one in view.constitution)


def load_judge_file(data: bytes, name: str) -> JudgeFile:
    """Read a judge file. Raises ``ReleaseError``."""
    if len(data) > FILE_BYTES_MAX:
        raise ReleaseError(f"{name}: longer than {FILE_BYTES_MAX} bytes")
    try:
        judge = msgspec.json.decode(data, type=JudgeFile)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReleaseError(f"{name}: {error}") from error
    if judge.format != FORMAT:
        raise ReleaseError(f"{name}: format {judge.format[:40]!r}; expected {FORMAT!r}")
    if not judge.view or len(set(judge.facts)) != len(judge.facts):
        raise ReleaseError(f"{name}: each fact is asked about once, and at least one is")
    if tuple(head.fact for head in judge.head) != judge.facts:
        raise ReleaseError(f"{name}: the heads are those of the facts that are asked about, in the same order")
    if judge.overlap >= judge.tokens // 2:
        raise ReleaseError(f"{name}: windows overlap by less than half")
    if not judge.model.numbers:
        raise ReleaseError(f"{name}: its heads read nothing")
    if strange := set(judge.joined) - set(judge.facts):
        raise ReleaseError(f"{name}: it joins {min(strange)!r}, about which it is not asked")
    for head in judge.head:
        if not head.unknown <= head.yes or not math.isfinite(head.bias):
            raise ReleaseError(f"{name}: the thresholds of {head.fact!r} are not in order, or its bias is no number")
        weights_of(head, judge.model.numbers, name)
    if {canary.fact for canary in judge.canary} != set(judge.facts):
        raise ReleaseError(f"{name}: each fact has a canary, and no canary is without its fact")
    return judge


def check_judge(judge: JudgeFile, vocabulary: Vocabulary, name: str) -> None:
    """Hold a judge against the facts of an agreement: its heads set what detectors may. Raises ``ReleaseError``."""
    for head in judge.head:
        if head.fact not in vocabulary or Source.DETECTOR not in vocabulary.spec(head.fact).set_by:
            raise ReleaseError(f"{name}: no detector may set {head.fact!r} under this agreement")
        spec = vocabulary.spec(head.fact)
        if head.value == spec.good or head.value not in spec.values:
            raise ReleaseError(f"{name}: a head may not say {head.value!r} of {head.fact}")


def findings_of_judge(
    judge: JudgeFile, detector: str, scored: Iterable[tuple[int, str, str, float]]
) -> tuple[Finding, ...]:
    """Turn scores into findings: ``scored`` gives segment, view, fact and a score in 0..1. Below both is silence."""
    heads = {head.fact: head for head in judge.head}
    found = []
    for segment, view, fact, score in scored:
        head = heads[fact]
        if score >= head.unknown:
            value = head.value if score >= head.yes else UNKNOWN
            found.append(Finding(detector, fact, value, f"judge:{fact}", segment, view, score))
    return tuple(found)


def joined_log_odds(judge: JudgeFile, segment: Segment, fact: str, own: float) -> float:
    """The judge's own log-odds of a fact, and what whoever left it unknown leans to, as far as that counts.

    Of a segment that nobody left open, such as a canary, only its own.
    """
    leanings = dict(zip(segment.open, segment.leanings, strict=False))
    if fact not in leanings or fact not in judge.joined:
        return own
    return own + judge.joined[fact] * log_odds(leanings[fact], LEAST_SHARE)


def windows_of(tokens: Sequence[int], judge: JudgeFile) -> list[Sequence[int]]:
    """The windows in which a text is read. Raises ``OverflowError`` for too many."""
    starts = range(0, max(1, len(tokens) - judge.overlap), judge.tokens - judge.overlap)
    if len(starts) > judge.windows_max:
        raise OverflowError(f"a text has more than {judge.windows_max} windows")
    return [tokens[start : start + judge.tokens] for start in starts]
