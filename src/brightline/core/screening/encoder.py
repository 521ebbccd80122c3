# SPDX-License-Identifier: Apache-2.0
"""A small head for each fact on a frozen encoder: the file that defines it, and how scores become findings.

An encoder file (``brightline-encoder/1``, JSON) pins the weights and the tokenizer that it was fitted on, by digest,
and holds for each fact a logistic head with two thresholds, ``no | unknown | yes``. It carries its own canaries: texts
that must be found. A worker whose encoder misses one is taken out of service, at its start and as long as it runs.

Running the encoder is the shell's (``shell/inference``); nothing here reads a file or multiplies a matrix.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from brightline.core.errors import ReleaseError
from brightline.core.facts import UNKNOWN, Source, Vocabulary
from brightline.core.screening.finding import Finding, Raised, Segment, Surface
from brightline.core.screening.views import PLAIN_VIEWS, views

FORMAT: Final = "brightline-encoder/1"
FILE_BYTES_MAX: Final = 4 * 1024 * 1024
CLOSE_MIN: Final = 16
EARLY_CHARS_MIN: Final = 12
PART_BYTES_MIN: Final = 64
"""What was taken out of a leaf and is shorter is no text by itself: an encoder reads it within the leaf."""
EVERYDAY_TOO: Final = frozenset({"operational"})
"""Facts that most everyday text is, and that hold nothing by themselves (clause L4)."""
CLOSE_WINDOWS: Final = 4  # of them for each of ``windows_max``, at most
VIEWS_MAX: Final = 8  # of one segment, besides the folded one; the rules and a first stage see all of them

_Share = Annotated[float, Meta(gt=0, lt=1)]
_Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
_Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,80}$")]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that the encoder needs: its name, its digest, and the package that it may be found in (or empty)."""

    file: _Name
    sha256: _Digest
    package: str = ""


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A logistic head: ``weights`` are little-endian float32 in base64, one for each dimension of the encoder.

    A score of at least ``yes`` says ``value``, one of at least ``unknown`` says unknown, less is silence.
    """

    fact: str
    value: str
    weights: str
    bias: float
    unknown: _Share
    yes: _Share


class Canary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text that must be found to set this fact to unknown or worse."""

    fact: str
    text: str
    surface: Surface = Surface.INPUT


class Encoder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An encoder with its heads. Long texts are read in windows of ``tokens`` with ``overlap``; the worst counts.

    A text that fits no window is also read in windows of ``close`` tokens, a third of each in the next, unless that is
    0: a short request among many harmless words is lost in the mean of a long window.

    A reading whose score reaches this share ``near`` of a head's first threshold, and not the threshold, is raised,
    whatever it says of other facts: a stream is then read further back. 0: nothing is near. Of what most everyday text
    is (``EVERYDAY_TOO``), nearness says nothing.

    ``early`` says, by fact, from where on a plain reading is left unknown already, because a judge stands behind who
    can tell. What is read in disguise mostly makes no words, what was taken out of a leaf is read within the leaf as
    well, and a leaf of fewer than ``EARLY_CHARS_MIN`` characters, such as a model's name, asks for nothing: there the
    heads' own thresholds hold.
    """

    format: str
    model: Part
    tokenizer: Part
    dimensions: Annotated[int, Meta(ge=1, le=8_192)]
    tokens: Annotated[int, Meta(ge=8, le=8_192)]
    overlap: Annotated[int, Meta(ge=0)]
    windows_max: Annotated[int, Meta(ge=1, le=4_096)]  # of one text; more is no answer
    head: tuple[Head, ...]
    canary: tuple[Canary, ...]
    close: Annotated[int, Meta(ge=0)] = 0
    near: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    early: dict[str, Annotated[float, Meta(gt=0, le=1)]] = {}
    pieces: Part | None = None  # what the pieces of a text add to the log-odds of the heads (``pieces.py``)

    def unknown_from(self, head: Head, segment: Segment, view: str) -> float:
        """From which score a head leaves its fact unknown in this view of a segment."""
        if view not in PLAIN_VIEWS or not segment.whole or len(segment.text) < EARLY_CHARS_MIN:
            return head.unknown
        return min(head.unknown, self.early.get(head.fact, 1.0))


def load_encoder(data: bytes, name: str) -> Encoder:
    """Read an encoder file. Raises ``ReleaseError``."""
    if len(data) > FILE_BYTES_MAX:
        raise ReleaseError(f"{name}: longer than {FILE_BYTES_MAX} bytes")
    try:
        encoder = msgspec.json.decode(data, type=Encoder)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReleaseError(f"{name}: {error}") from error
    if encoder.format != FORMAT:
        raise ReleaseError(f"{name}: format {encoder.format[:40]!r}; expected {FORMAT!r}")
    if not encoder.head or len({head.fact for head in encoder.head}) != len(encoder.head):
        raise ReleaseError(f"{name}: one head for each fact, and at least one")
    if encoder.overlap >= encoder.tokens // 2:
        raise ReleaseError(f"{name}: windows overlap by less than half")
    if encoder.close and not CLOSE_MIN <= encoder.close < encoder.tokens:
        raise ReleaseError(f"{name}: a close window has {CLOSE_MIN} tokens or more, and fewer than the others")
    for head in encoder.head:
        if not head.unknown <= head.yes or not math.isfinite(head.bias):
            raise ReleaseError(f"{name}: the thresholds of {head.fact!r} are not in order, or its bias is no number")
        weights_of(head, encoder.dimensions, name)
    if strange := set(encoder.early) - {head.fact for head in encoder.head}:
        raise ReleaseError(f"{name}: it has no head for {min(strange)!r}, which it leaves unknown early")
    if {canary.fact for canary in encoder.canary} != {head.fact for head in encoder.head}:
        raise ReleaseError(f"{name}: each head has a canary, and no canary is without its head")
    return encoder


def check_encoder(encoder: Encoder, vocabulary: Vocabulary, name: str) -> None:
    """Hold an encoder against the facts of an agreement: heads set what detectors may, never to the good value.

    Raises ``ReleaseError``.
    """
    for head in encoder.head:
        if head.fact not in vocabulary or Source.DETECTOR not in vocabulary.spec(head.fact).set_by:
            raise ReleaseError(f"{name}: no detector may set {head.fact!r} under this agreement")
        spec = vocabulary.spec(head.fact)
        if head.value == spec.good or head.value not in spec.values:
            raise ReleaseError(f"{name}: a head may not say {head.value!r} of {head.fact}")


def weights_of(head: Head, dimensions: int, name: str) -> tuple[float, ...]:
    """The weights of a head. Raises ``ReleaseError`` unless they are so many finite numbers."""
    try:
        data = base64.b64decode(head.weights, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ReleaseError(f"{name}: the weights of {head.fact!r} are not base64") from error
    if len(data) != 4 * dimensions:
        raise ReleaseError(f"{name}: {head.fact!r} has {len(data) // 4} weights for {dimensions} dimensions")
    weights = struct.unpack(f"<{dimensions}f", data)
    if not all(map(math.isfinite, weights)):
        raise ReleaseError(f"{name}: a weight of {head.fact!r} is no number")
    return weights


def texts_of(segment: Segment) -> Iterator[tuple[str, str]]:
    """What is scored of a segment, each with its name: its readings, or the one reading that it is.

    Nothing of a short part of a leaf. Raises ``ScreeningUnavailable`` when its views do not fit their limits.
    """
    if not segment.whole and len(segment.text.encode("utf-8", "surrogatepass")) < PART_BYTES_MIN:
        return
    if segment.view:
        yield segment.view, segment.text
        return
    for view in views(segment.text)[: VIEWS_MAX + 1]:
        yield view.name, view.text


def findings_from(
    encoder: Encoder, detector: str, asked: Sequence[Segment], scored: Iterable[tuple[int, str, Sequence[float]]]
) -> tuple[Finding, ...]:
    """Turn scores into findings.

    ``scored`` gives the number of a segment among those ``asked``, a view and a score in 0..1 for each head, in their
    order.
    """
    found = []
    for segment, view, scores in scored:
        for head, score in zip(encoder.head, scores, strict=True):
            if score >= head.yes:
                found.append(Finding(detector, head.fact, head.value, f"head:{head.fact}", segment, view, score))
            elif score >= encoder.unknown_from(head, asked[segment], view):
                found.append(Finding(detector, head.fact, UNKNOWN, f"head:{head.fact}", segment, view, score))
    return tuple(found)


def near_from(
    encoder: Encoder,
    asked: Sequence[Segment],
    read: Mapping[tuple[int, str], str],
    scored: Iterable[tuple[int, str, Sequence[float]]],
) -> tuple[Raised, ...]:
    """Of what was ``read``, by segment and view, the readings that come near a threshold and do not reach it.

    ``asked`` and ``scored`` are as for ``findings_from``.
    """
    best: dict[tuple[int, str], list[int]] = {}
    counted = [at for at, head in enumerate(encoder.head) if head.fact not in EVERYDAY_TOO] if encoder.near else []
    for segment, view, scores in scored if counted else ():
        nearness = _nearness(encoder, asked[segment], view)
        each = [nearness(encoder.head[at], scores[at]) for at in counted]
        best[segment, view] = [*map(max, best.get((segment, view), each), each)]
    return tuple(Raised(*place, read[place]) for place, found in best.items() if 1 in found)


def _nearness(encoder: Encoder, segment: Segment, view: str) -> Callable[[Head, float], int]:
    """0 for a score that is far from its threshold, 1 for one that is near, 2 for one that reaches it."""

    def nearness(head: Head, score: float) -> int:
        unknown = encoder.unknown_from(head, segment, view)
        return 2 if score >= unknown else int(score >= encoder.near * unknown)

    return nearness


def missed(canaries: Sequence[Canary], findings: Sequence[Finding]) -> tuple[str, ...]:
    """The facts of those canaries, judged as one batch in their order, that were not found."""
    found = {(finding.segment, finding.fact) for finding in findings}
    return tuple(canary.fact for i, canary in enumerate(canaries) if (i, canary.fact) not in found)


def canary_segments(canaries: Sequence[Canary]) -> tuple[Segment, ...]:
    """The canaries as a batch."""
    return tuple(
        Segment(f"canary[{i}]", canary.surface, canary.text, open=(canary.fact,)) for i, canary in enumerate(canaries)
    )
