# SPDX-License-Identifier: Apache-2.0
"""A record as it is read from a log: one type for all kinds, and the canonical form of one or no record at all.

Whoever audits reads millions of them, so many are read at once, and by themselves only where something is odd.
"""

from __future__ import annotations

import json
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from brightline.core.canonical import INTEGER_MAX, canonical_bytes
from brightline.core.evidence.audit_findings import shown
from brightline.core.evidence.record import RECORD_VERSION, Outcome, RecordKind, RefusalClass, unix_of

_Text = Annotated[str, Meta(max_length=1_024)]
_Number = Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
_Verdict = Literal["permit", "hold", "deny", "unavailable", "none"]


class Disk(msgspec.Struct, frozen=True):
    """Written when a disk was full, and when it is not any more: how many records were turned away meanwhile."""

    full: bool
    turned_away: _Number | UnsetType = UNSET


class Leaf(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename={"refusal_class": "class"}):
    """A record as it is logged. The members are in canonical order, so encoding gives the canonical bytes."""

    admitted: _Text | UnsetType = UNSET
    agreement: _Text | UnsetType = UNSET
    attester: _Text | UnsetType = UNSET
    baseline: _Text | UnsetType = UNSET
    because: _Text | UnsetType = UNSET
    by: _Text | UnsetType = UNSET
    case: _Text | UnsetType = UNSET
    refusal_class: RefusalClass | UnsetType = UNSET
    clauses: tuple[_Text, ...] | UnsetType = UNSET
    commitments: tuple[_Text, ...]
    counted: dict[_Text, _Number] | UnsetType = UNSET
    counters: dict[_Text, tuple[_Number, _Number, _Number]] | UnsetType = UNSET
    disk: Disk | UnsetType = UNSET
    end: _Number | UnsetType = UNSET
    ends: tuple[_Text, ...] | UnsetType = UNSET
    epoch: _Number
    epoch_lost: _Number | UnsetType = UNSET
    evidence: _Text | UnsetType = UNSET
    exchange: _Text | UnsetType = UNSET
    expires: _Number | UnsetType = UNSET
    halt: _Text | UnsetType = UNSET
    hold: _Text | UnsetType = UNSET
    holds: tuple[_Text, ...] | UnsetType = UNSET
    hunt: _Text | UnsetType = UNSET
    id: _Text | UnsetType = UNSET
    keys: tuple[_Text, ...] | UnsetType = UNSET
    kind: RecordKind
    lifted: bool | UnsetType = UNSET
    log: _Text | UnsetType = UNSET
    model: _Text | UnsetType = UNSET
    name: _Text | UnsetType = UNSET
    nonce: _Text | UnsetType = UNSET
    office: _Text | UnsetType = UNSET
    open: _Number | UnsetType = UNSET
    outcome: Outcome | UnsetType = UNSET
    part: _Number | UnsetType = UNSET
    parts: _Number | UnsetType = UNSET
    policy: _Text | UnsetType = UNSET
    production: bool | UnsetType = UNSET
    profile: _Text
    ranges: tuple[tuple[_Number, _Number], ...] | UnsetType = UNSET
    release: _Text | UnsetType = UNSET
    released_bytes: _Number | UnsetType = UNSET
    replaces: _Text | UnsetType = UNSET
    rests_on: tuple[_Text, ...] | UnsetType = UNSET
    revocation: _Text | UnsetType = UNSET
    revoked: bool | UnsetType = UNSET
    root: _Text | UnsetType = UNSET
    scope: _Text | UnsetType = UNSET
    seq: _Number
    shard: _Text
    size: _Number | UnsetType = UNSET
    start: _Number | UnsetType = UNSET
    stated: dict[_Text, _Text] | UnsetType = UNSET
    statement: _Text | UnsetType = UNSET
    time: _Text
    token: _Text | UnsetType = UNSET
    unread: dict[_Text, _Number] | UnsetType = UNSET
    until: _Number | UnsetType = UNSET
    use: _Text | UnsetType = UNSET
    v: Literal[1]
    verdict: _Verdict | UnsetType = UNSET
    wanted: dict[_Text, _Number] | UnsetType = UNSET
    what: _Text | UnsetType = UNSET
    without_record: dict[_Text, _Number] | UnsetType = UNSET
    workload: _Text | UnsetType = UNSET


_DECODER: Final = msgspec.json.Decoder(Leaf)
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
assert RECORD_VERSION == 1  # noqa: S101 - ``Leaf.v`` must follow


def read_leaf(data: bytes) -> Leaf:
    """Read one leaf. Raises ``ValueError`` unless it is the canonical form of a record of version 1."""
    try:
        leaf = _DECODER.decode(data)
        if _ENCODER.encode(leaf) == data:
            return leaf
        # Members that this version does not know, or an order that only the slow way can judge.
        if canonical_bytes(json.loads(data)) == data:
            return leaf
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ValueError(f"not a record: {shown(str(error))}") from error
    raise ValueError("not canonical: the same values have other bytes")


def read_leaves(data: list[bytes]) -> list[Leaf] | None:
    """Read many at once, which is quicker; ``None`` if any of them has to be looked at by itself."""
    decode, encode = _DECODER.decode, _ENCODER.encode
    try:
        leaves = [decode(one) for one in data]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return leaves if [encode(leaf) for leaf in leaves] == data else None


def logged_at(time: str) -> int:
    """A record's time in Unix seconds; 0 for what is no time, which is contradicted where headers are looked at."""
    try:
        return unix_of(time)
    except ValueError:
        return 0
