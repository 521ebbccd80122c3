# SPDX-License-Identifier: Apache-2.0
"""Making the plan of a hunt from the logs of an installation, held to what these logs have published.

Each log is read once, from its first record: every leaf is hashed again, and the root must be the one that the public
checkpoint signs. So what is planned is what was sealed, and nobody hunts in a log that was changed. Nothing is opened.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.errors import ConfigError, EvidenceDamaged, OperatorError
from brightline.core.evidence.checkpoint import Checkpoint, open_checkpoint
from brightline.core.evidence.heads import HEADS_SHARD, REGISTRY_SHARD
from brightline.core.evidence.keytree import Range
from brightline.core.evidence.merkle import GrowingRoot, leaf_hash
from brightline.core.evidence.note import NOTE_BYTES_MAX, NoteError, VerifierKey
from brightline.core.evidence.record import RecordKind, unix_of
from brightline.core.evidence.shred import merge, read_shredded
from brightline.core.hunt.plan import FORMAT, SHARD_RECORDS, SHARDS_MAX, Covered, Cutting, Plan, Shard
from brightline.shell.storage.wal import frames_on_disk, shard_directory, shards_in

OF_NO_EXCHANGES: Final = frozenset({REGISTRY_SHARD, HEADS_SHARD})


class Span(msgspec.Struct, frozen=True):
    """From when to when records are looked at, in Unix seconds; 0 is no bound."""

    since: int = 0
    until: int = 0


WITHOUT_BOUND: Final = Span()


class Logs(msgspec.Struct, frozen=True):
    """Where the logs lie: the private ones, the public ones, and by which key a log's checkpoint is believed."""

    wal: Path
    evidence: Path
    verifier: Callable[[str], VerifierKey]

    def names(self, wanted: Sequence[str]) -> list[str]:
        """The logs that hold exchanges, or those that are wanted. Raises ``ConfigError``, ``OperatorError``."""
        try:
            here = [name for name in shards_in(self.wal) if name not in OF_NO_EXCHANGES]
        except OSError as error:
            raise OperatorError(f"cannot read the logs in {self.wal}: {error.strerror}") from error
        if strange := sorted(set(wanted) - set(here)):
            raise ConfigError(f"there is no log {strange[0][:64]!r} of a gateway here; there are {', '.join(here)}")
        return sorted(wanted) if wanted else here


class Terms(msgspec.Struct, frozen=True):
    """Under what a hunt is made: digests of agreement and release, the release's id, and the judge that is asked."""

    agreement: str
    release: str
    release_id: str
    judge: str


def make_plan(
    logs: Logs,
    wanted: Sequence[str],
    terms: Terms,
    made: int,
    within: Span = WITHOUT_BOUND,
    records: int = SHARD_RECORDS,
    tell: Callable[[int], None] = lambda _records: None,
) -> Plan:
    """Plan a hunt. ``tell`` hears how many records were read.

    Raises ``ConfigError`` if nothing is covered, ``EvidenceDamaged`` for a log that is not the published one.
    """
    covered: list[Covered] = []
    shards: list[Shard] = []
    read = 0
    for name in logs.names(wanted):
        planned = _Reading(logs, name, within, len(shards), records).read(read, tell)
        if planned is None:
            continue
        covered.append(planned[0])
        shards += planned[1]
        read += planned[0].size
        if len(shards) > SHARDS_MAX:
            raise ConfigError(f"more than {SHARDS_MAX:,} shards: take larger ones, or a shorter time")
    if not covered:
        raise ConfigError("no published record lies within what was asked for: there is nothing to look at")
    return Plan(
        format=FORMAT,
        made=made,
        since=within.since,
        until=within.until,
        agreement=terms.agreement,
        release=terms.release,
        release_id=terms.release_id,
        judge=terms.judge,
        logs=tuple(covered),
        shards=tuple(shards),
    )


def published_records(logs: Logs, wanted: Sequence[str]) -> int:
    """How many records the checkpoints of these logs have: for a bar that shows how far the plan is."""
    return sum(each[1].size for name in logs.names(wanted) if (each := _checkpoint(logs, name)) is not None)


class _Reading:
    """One log, read once."""

    def __init__(self, logs: Logs, name: str, within: Span, first_number: int, records: int) -> None:
        self._logs = logs
        self._name = name
        self._within = within
        self._number = first_number
        self._records = records
        self._gone: list[tuple[Range, str]] = []

    def read(self, before: int, tell: Callable[[int], None]) -> tuple[Covered, tuple[Shard, ...]] | None:
        """What is covered of it, and the shards; ``None`` if nothing is."""
        published = _checkpoint(self._logs, self._name)
        if published is None or not published[1].size:
            return None
        note, signed = published
        tree, cutting, start, end = GrowingRoot(), None, signed.size, signed.size
        root = b""  # at the end of what is covered
        for frame in frames_on_disk(self._logs.wal, self._name):
            if frame.kind is RecordKind.SHRED and (said := read_shredded(frame.leaf)) is not None:
                self._gone += [(each, said.because.value) for each in said.ranges]
            if frame.seq >= signed.size:
                continue  # what was destroyed since is still named above
            hash_ = leaf_hash(frame.leaf)
            if cutting is None and self._begins(frame.leaf):
                start = frame.seq
                cutting = Cutting(self._name, start, self._number, self._records)
            if cutting is not None and end == signed.size and self._ends(frame.leaf):
                end, root = frame.seq, tree.root()
            tree.append(hash_)
            if cutting is not None and frame.seq < end:
                cutting.enter(frame, hash_)
            tell(before + frame.seq + 1)
        self._compare(tree, signed)
        root = root or signed.root
        if cutting is None or start >= end:
            return None
        covered = Covered(self._name, signed.origin, start, end, root.hex(), signed.size, note)
        return covered, cutting.shards(_Destroyed(self._gone).why)

    def _begins(self, leaf: bytes) -> bool:
        return not self._within.since or _time(leaf) >= self._within.since

    def _ends(self, leaf: bytes) -> bool:
        return bool(self._within.until) and _time(leaf) >= self._within.until

    def _compare(self, tree: GrowingRoot, signed: Checkpoint) -> None:
        place = f"shard {self._name}"
        if tree.size < signed.size:
            raise EvidenceDamaged(f"{signed.size:,} records are published and {tree.size:,} are here", place)
        if tree.root() != signed.root:
            raise EvidenceDamaged("its records do not hash to the published root", place)


class _Destroyed:
    """Which records nobody can open any more, and why."""

    def __init__(self, said: Sequence[tuple[Range, str]]) -> None:
        whys = dict.fromkeys(why for _, why in said)
        self._by_why = {why: merge(each for each, of in said if of == why) for why in whys}

    def why(self, seq: int) -> str:
        """Why a record cannot be opened; empty if nothing says that."""
        for why, ranges in self._by_why.items():
            at = bisect.bisect_right(ranges, (seq, 1 << 62)) - 1
            if at >= 0 and ranges[at][0] <= seq <= ranges[at][1]:
                return why
        return ""


def _checkpoint(logs: Logs, name: str) -> tuple[str, Checkpoint] | None:
    """The published checkpoint of a log, as text and read; ``None`` if nothing was published."""
    path = shard_directory(logs.evidence, name) / "checkpoint"
    try:
        with path.open("rb") as file:
            note = file.read(NOTE_BYTES_MAX)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OperatorError(f"cannot read {path}: {error.strerror}") from error
    try:
        return note.decode(), open_checkpoint(note, [logs.verifier(name)])
    except (NoteError, UnicodeDecodeError) as error:
        raise EvidenceDamaged(f"not a checkpoint of this log: {error}", str(path)) from error


class _Timed(msgspec.Struct, frozen=True):
    time: str


_TIMED: Final = msgspec.json.Decoder(_Timed)


def _time(leaf: bytes) -> int:
    try:
        return unix_of(_TIMED.decode(leaf).time)
    except (msgspec.DecodeError, ValueError) as error:
        raise EvidenceDamaged(f"a leaf has no time: {error}", "a log") from error
