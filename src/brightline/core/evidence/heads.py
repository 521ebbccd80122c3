# SPDX-License-Identifier: Apache-2.0
"""The heads of all shards in one log: a log of logs, so that one checkpoint stands for all of them.

Each gateway process writes a shard of its own. From time to time it writes the head that it has published, as a HEAD
record, into the log ``<origin>/heads``, which all of them share (C2SP tlog-tiles like every other). Whoever holds one
checkpoint of that log, a witness for example, holds all of them to it: a shard that is taken back, forked or withheld
no longer fits the head that stands there.

Many write and nobody locks: a record goes to a place, and only if the place is still the next one (compare and swap).
Who loses reads again, and looks again whether what he wants to say still follows. A head never goes back: one that is
smaller than the recorded one, or whose tree at that size is another, is that of a replica that was rolled back.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

import msgspec

from brightline.core.canonical import JsonValue
from brightline.core.evidence.disclosure import RECORD_KEY_BYTES
from brightline.core.evidence.record import Draft, Place, RecordKind, seal
from brightline.core.evidence.sealing import NONCE_BYTES

HEADS_SHARD: Final = "heads"
REGISTRY_SHARD: Final = "registry"  # where everything stands that changes a verdict, and the ends of shards
EPOCH: Final = 1  # the heads have no boots: whoever writes is another process


class LogHead(msgspec.Struct, frozen=True):
    """The head of a log: its origin, its size, and the RFC 6962 root of that many records in hex."""

    log: str
    size: int
    root: str


class HeadsBook:
    """The newest head of each log, from the records of the heads in order."""

    def __init__(self) -> None:
        self._newest: dict[str, LogHead] = {}
        self.size = 0

    def enter(self, leaf: bytes) -> None:
        """Take in the next record. Raises ``ValueError`` for one that is no HEAD, or that goes back."""
        head = read_head(leaf)
        before = self._newest.get(head.log)
        if before is not None and head.size < before.size:
            raise ValueError(f"record {self.size} of the heads takes {head.log} back")
        self._newest[head.log] = head
        self.size += 1

    def newest(self, log: str) -> LogHead | None:
        """The newest head of a log; ``None`` if there is none."""
        return self._newest.get(log)

    @property
    def logs(self) -> tuple[LogHead, ...]:
        """The newest head of every log, by name."""
        return tuple(self._newest[name] for name in sorted(self._newest))

    def objection(self, head: LogHead, root_at: Callable[[int], bytes]) -> str:
        """Say why this head may not be written; empty if it may.

        ``root_at`` gives the root of the log's first records, at most ``head.size`` of them.
        """
        before = self._newest.get(head.log)
        if before is None:
            return ""
        if head.size < before.size:
            return f"the combined heads have {before.size} records of {head.log}, this copy has {head.size}"
        if root_at(before.size).hex() != before.root:
            return f"the first {before.size} records of {head.log} are not those that the combined heads have"
        return ""


def head_leaf(head: LogHead, position: int, time: str, profile: str) -> bytes:
    """The record of a head at a place in the log of heads. Nothing in it is committed, so nothing opens it."""
    public: dict[str, JsonValue] = {"log": head.log, "size": head.size, "root": head.root}
    place = Place(HEADS_SHARD, EPOCH, position, time, profile)
    return seal(Draft(RecordKind.HEAD, "", public, {}), place, bytes(RECORD_KEY_BYTES), bytes(NONCE_BYTES)).leaf


def read_head(leaf: bytes) -> LogHead:
    """The head that a record states. Raises ``ValueError`` for another record."""
    try:
        value = json.loads(leaf)
        if value["kind"] != RecordKind.HEAD:
            raise ValueError(f"a {value['kind']} stands among the heads")
        return msgspec.convert({name: value[name] for name in ("log", "size", "root")}, LogHead)
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise ValueError("a record among the heads is no HEAD") from error
