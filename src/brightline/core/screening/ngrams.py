# SPDX-License-Identifier: Apache-2.0
"""A linear detector over the pieces of a text, as first stage: whether a segment is worth the next stage's time.

It sets no fact. It *raises* readings of segments, and a release that lets it stand before another detector says so in
a ``[[cascade]]`` with the misses that were measured (``release.py``). Its file (``brightline-ngrams/1``) has a line
with the format, a line of JSON, and one signed byte for each hashed piece (``hashing.py``).

A text is taken in parts of ``part_bytes``, one beginning every ``step_bytes``; the score of a part is the sum of its
pieces over the root of their number, and one part at or over the threshold raises the text.

Most readings are of a text that was never disguised: read backwards or turned by rot13 it makes no words, and a stage
that knows words alone says of such a text what chance has it say. So a file may have a second table of weights, which
tells what is *legible* from what is not. Of the readings besides the plain one, only those with a legible part are
raised.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from brightline.core.errors import ReleaseError, ScreeningUnavailable
from brightline.core.screening.finding import Raised, Segment, Surface
from brightline.core.screening.views import views

FORMAT: Final = b"brightline-ngrams/1"
FILE_BYTES_MAX: Final = 8 * 1024 * 1024


class Legible(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the second table is for: a reading of which a part scores ``threshold`` or more can be read."""

    scale: Annotated[float, Meta(gt=0)]
    bias: float
    threshold: float
    part_bytes: Annotated[int, Meta(ge=64, le=65_536)]
    step_bytes: Annotated[int, Meta(ge=32, le=65_536)]


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The line of JSON. A piece weighs its byte times ``scale``; ``canary`` are texts that must be raised."""

    bits: Annotated[int, Meta(ge=10, le=22)]
    scale: Annotated[float, Meta(gt=0)]
    bias: float
    threshold: float
    part_bytes: Annotated[int, Meta(ge=64, le=65_536)]
    step_bytes: Annotated[int, Meta(ge=32, le=65_536)]
    canary: tuple[str, ...]
    legible: Legible | None = None


class NGrams(msgspec.Struct, frozen=True):
    """A first stage: its numbers, and ``table``, one signed byte for each of 2^bits pieces.

    ``legible`` is the second such table, or empty where the header has none.
    """

    header: Header
    table: bytes
    legible: bytes = b""


def load_ngrams(data: bytes, name: str) -> NGrams:
    """Read a file. Raises ``ReleaseError``."""
    if len(data) > FILE_BYTES_MAX:
        raise ReleaseError(f"{name}: longer than {FILE_BYTES_MAX} bytes")
    form, _, rest = data.partition(b"\n")
    if form != FORMAT:
        raise ReleaseError(f"{name}: format {form[:40]!r}; expected {FORMAT!r}")
    line, _, table = rest.partition(b"\n")
    try:
        header = msgspec.json.decode(line, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReleaseError(f"{name}: {error}") from error
    size = 1 << header.bits
    kinds: tuple[Header | Legible, ...] = (header, header.legible) if header.legible else (header,)
    for kind in kinds:
        if not all(map(math.isfinite, (kind.scale, kind.bias, kind.threshold))):
            raise ReleaseError(f"{name}: a number is none")
        if kind.step_bytes > kind.part_bytes:
            raise ReleaseError(f"{name}: between parts nothing is left out")
    if len(table) != size * len(kinds):
        raise ReleaseError(f"{name}: {len(table)} weights; expected {size * len(kinds)}")
    if not header.canary:
        raise ReleaseError(f"{name}: it has at least one canary")
    return NGrams(header, table[:size], table[size:])


def write_ngrams(stage: NGrams) -> bytes:
    """The file of a first stage."""
    return b"\n".join((FORMAT, msgspec.json.encode(stage.header), stage.table + stage.legible))


def readings_of(segments: Sequence[Segment]) -> list[Raised]:
    """Every reading of every segment, as it is raised. Raises ``ScreeningUnavailable`` where views do not fit."""
    return [
        Raised(number, view.name, view.text) for number, segment in enumerate(segments) for view in views(segment.text)
    ]


def canary_segments(header: Header) -> tuple[Segment, ...]:
    """The canaries as a batch: as they stand, and where readings have to be legible, backwards as well."""
    backwards = [text[::-1] for text in header.canary] if header.legible else []
    return tuple(Segment(f"canary[{i}]", Surface.INPUT, text) for i, text in enumerate([*header.canary, *backwards]))


def check_canaries(header: Header, raised: Sequence[Raised]) -> None:
    """Raises ``ScreeningUnavailable`` unless each canary, judged as one batch in their order, was raised."""
    count = len(header.canary)
    found = {one.segment for one in raised if one.segment < count or one.view == "reversed"}
    missing = set(range(len(canary_segments(header)))) - found
    if missing:
        raise ScreeningUnavailable(f"{len(missing)} of the first stage's canaries were not raised")
