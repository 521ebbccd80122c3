# SPDX-License-Identifier: Apache-2.0
"""A linear detector over the pieces of a text, as first stage: whether a segment is worth the next stage's time.

It sets no fact. It *raises* readings of segments, and a release that lets it stand before another detector says so in
a ``[[cascade]]`` with the misses that were measured (``release.py``). Its file (``brightline-ngrams/1``) has a line
with the format, a line of JSON, and one signed byte for each hashed piece (``hashing.py``).

A text is taken in parts of ``part_bytes``, one beginning every ``step_bytes``; the score of a part is the sum of its
pieces over the root of their number, and one part at or over the threshold raises the text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from brightline.core.errors import ReleaseError, ScreeningUnavailable
from brightline.core.screening.finding import Raised, Segment, Surface

FORMAT: Final = b"brightline-ngrams/1"
FILE_BYTES_MAX: Final = 8 * 1024 * 1024


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The line of JSON. A piece weighs its byte times ``scale``; ``canary`` are texts that must be raised."""

    bits: Annotated[int, Meta(ge=10, le=22)]
    scale: Annotated[float, Meta(gt=0)]
    bias: float
    threshold: float
    part_bytes: Annotated[int, Meta(ge=64, le=65_536)]
    step_bytes: Annotated[int, Meta(ge=32, le=65_536)]
    canary: tuple[str, ...]


class NGrams(msgspec.Struct, frozen=True):
    """A first stage: its numbers, and ``table``, one signed byte for each of 2^bits pieces."""

    header: Header
    table: bytes


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
    if not all(map(math.isfinite, (header.scale, header.bias, header.threshold))):
        raise ReleaseError(f"{name}: a number is none")
    if header.step_bytes > header.part_bytes:
        raise ReleaseError(f"{name}: between parts nothing is left out")
    if len(table) != 1 << header.bits:
        raise ReleaseError(f"{name}: {len(table)} weights; expected {1 << header.bits}")
    if not header.canary:
        raise ReleaseError(f"{name}: it has at least one canary")
    return NGrams(header, table)


def write_ngrams(header: Header, table: bytes) -> bytes:
    """The file of a first stage."""
    return b"\n".join((FORMAT, msgspec.json.encode(header), table))


def canary_segments(header: Header) -> tuple[Segment, ...]:
    """The canaries as a batch."""
    return tuple(Segment(f"canary[{i}]", Surface.INPUT, text) for i, text in enumerate(header.canary))


def check_canaries(header: Header, raised: Sequence[Raised]) -> None:
    """Raises ``ScreeningUnavailable`` unless each canary, judged as one batch in their order, was raised."""
    missing = set(range(len(header.canary))) - {one.segment for one in raised}
    if missing:
        raise ScreeningUnavailable(f"{len(missing)} of the first stage's canaries were not raised")
