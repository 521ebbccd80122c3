# SPDX-License-Identifier: Apache-2.0
"""What reviewers look at: the held exchange as it was judged, and where each detector saw what.

It is kept in the committed fields of HOLD records, so that it lies outside the public log, under keys that can be
destroyed one by one, and is as durable as the record that names it. A long one is kept in several parts, each a
record.
Everything in it was written by somebody who is not trusted: whoever shows it must let none of it run or restyle.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from brightline.core.errors import EvidenceDamaged
from brightline.core.screening.finding import Surface

PART_CHARS: Final = 150_000  # at six bytes a character, which JSON may take, a part and its record stay below 1 MiB
PARTS_MAX: Final = 400


class KeptSegment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stretch that was judged and could not be told: ``mark`` is what the case calls it by."""

    path: str
    surface: Surface
    text: str
    start: int
    mark: str


class KeptFinding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A finding: which rule or threshold, in which view, on which kept stretch. ``score`` is of a thousand."""

    detector: str
    fact: str
    value: str
    rule: str
    view: str
    mark: str
    score: int


class Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The exchange as it was read, what was held of its answer (JSON, or nothing), and what was found where.

    ``request`` has the members of :class:`~brightline.core.exchange.model.Exchange`.
    """

    request: dict[str, Any]
    segments: tuple[KeptSegment, ...]
    findings: tuple[KeptFinding, ...]
    answer: str = ""


def content_bytes(content: Content) -> bytes:
    """The bytes that the case names and every reviewer's signature covers."""
    return msgspec.json.encode(content, order="sorted")


def content_digest(data: bytes) -> str:
    """``sha256:`` and 64 hex digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def parts_of(data: bytes) -> Iterator[str]:
    """The content in pieces that each fit into a record."""
    text = data.decode()
    for start in range(0, len(text), PART_CHARS):
        yield text[start : start + PART_CHARS]


def read_content(parts: Sequence[str], digest: str) -> Content:
    """Put the parts together. Raises ``EvidenceDamaged`` if they are not what the case names."""
    data = "".join(parts).encode()
    if content_digest(data) != digest:
        raise EvidenceDamaged("the parts do not make what the case names", "the content of a hold")
    try:
        return msgspec.json.decode(data, type=Content, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EvidenceDamaged(f"it does not read: {error}", "the content of a hold") from error
