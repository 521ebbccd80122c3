# SPDX-License-Identifier: Apache-2.0
"""SHRED: what opened some records of this log is destroyed. The records stay, and so does every proof.

The record is durable before a key is destroyed; so the log never has records that nobody can open without saying so,
and whoever restores old keys is told by the log which of them must go again.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Final

import msgspec

from brightline.core.canonical import INTEGER_MAX, JsonValue
from brightline.core.evidence.keytree import Range
from brightline.core.evidence.record import Draft, DurableRecord, RecordKind

RANGES_MAX: Final = 2_000  # of one SHRED: 2 numbers of 15 digits each stay well below the bytes of a leaf
NO_ORDER: Final = -1

_Number = Annotated[int, msgspec.Meta(ge=0, le=INTEGER_MAX)]


class Because(enum.StrEnum):
    """Why records were destroyed."""

    EXPIRED = "expired"  # they were kept as long as the agreement says
    ORDERED = "ordered"  # both parties signed for it
    AGED = "aged"  # content of cases: kept as long as their purpose, or the agreement, lets it be


class Shredded(msgspec.Struct, frozen=True):
    """What one SHRED says: ``ranges`` of record numbers of its own shard, first and last included, in order.

    ``order`` is the record of the registry that holds the signed order; ``NO_ORDER`` if the time ran out.
    """

    ranges: tuple[tuple[_Number, _Number], ...]
    because: Because
    order: int = NO_ORDER


def shred_drafts(agreement: str, ranges: Sequence[Range], because: Because, order: int = NO_ORDER) -> Iterator[Draft]:
    """The records that say that these are destroyed; several, if they are many. ``agreement`` is a digest."""
    merged = merge(ranges)
    for start in range(0, len(merged), RANGES_MAX):
        rows: list[JsonValue] = [[first, last] for first, last in merged[start : start + RANGES_MAX]]
        public: dict[str, JsonValue] = {"agreement": agreement, "because": because.value, "ranges": rows}
        if order != NO_ORDER:
            public["order"] = order
        yield Draft(RecordKind.SHRED, "", public, {})


def merge(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """The same record numbers in order, neighbours joined."""
    merged: list[Range] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def read_shredded(leaf: bytes) -> Shredded | None:
    """What the leaf of a SHRED says; ``None`` for one that names no records: the order itself, in the registry."""
    try:
        return _DECODER.decode(leaf)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def shredded_by(record: DurableRecord) -> Shredded:
    """What a durable SHRED says."""
    return msgspec.convert(record.draft.public, Shredded)


_DECODER: Final = msgspec.json.Decoder(Shredded)
