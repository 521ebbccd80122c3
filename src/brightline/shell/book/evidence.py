# SPDX-License-Identifier: Apache-2.0
"""Counts in a log how often each clause decided: what a clause book shows as its latest evidence.

It reads a state folder's own log, or what was published of it, and changes neither. It counts and does not verify:
that the log is whole and signed is for ``brightline verify`` to say. Only outcomes that this very version decided are
counted, and only clauses that it has, so that no log can make the count grow without bound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from brightline.core.agreement.book import ClauseEvidence, Evidence
from brightline.core.agreement.clause import Agreement
from brightline.core.errors import ConfigError, EvidenceDamaged, OperatorError
from brightline.core.evidence.audit_tree import BUNDLE_BYTES_MAX
from brightline.core.evidence.leaf import Leaf, read_leaf
from brightline.core.evidence.record import RecordKind
from brightline.core.evidence.tile import TILE_WIDTH, TileError, entries_path, unpack_entries
from brightline.shell.storage.wal import frames_on_disk

RECORDS_MAX: Final = 5_000_000
SHARDS_MAX: Final = 256
CHECKPOINT_BYTES_MAX: Final = 4_096


def count_evidence(folder: Path, agreement: Agreement, records_max: int = RECORDS_MAX) -> Evidence:
    """Count the outcomes that ``agreement`` decided in a state folder, a folder of published shards, or one shard.

    At most ``records_max`` records are read in all; the rest is left out, and ``whole`` says so. Raises
    ``ConfigError`` if no log is there, ``EvidenceDamaged`` for a record or bundle that does not read, and
    ``OperatorError`` for a file that cannot be read.
    """
    counting = _Counting(agreement)
    logs = _logs(folder)
    left = records_max
    whole = True
    for shard, private in logs.items():
        root = folder / "wal" if private else _published_root(folder, shard)
        leaves = _private_leaves(root, shard) if private else _published_leaves(root)
        for seq, data in enumerate(leaves):
            if not left:
                whole = False
                break
            left -= 1
            counting.add(_leaf(data, shard, seq))
    names = ", ".join(logs)
    kind = "log" if all(logs.values()) else "published log"
    return counting.evidence(f"the {kind}s {names}" if len(logs) > 1 else f"the {kind} {names}", whole)


class _Counting:
    """What was counted so far."""

    def __init__(self, agreement: Agreement) -> None:
        self._digest = agreement.digest
        self._outcomes = self._others = 0
        self._verdicts: dict[str, Counter[str]] = {clause.id: Counter() for clause in agreement.clauses}
        self._last: dict[str, str] = {}

    def add(self, leaf: Leaf) -> None:
        if leaf.kind is not RecordKind.OUTCOME:
            return
        if leaf.agreement != self._digest:
            self._others += 1
            return
        self._outcomes += 1
        for clause in set(leaf.clauses or ()):
            if clause in self._verdicts:
                self._verdicts[clause][leaf.verdict or "none"] += 1
                self._last[clause] = max(self._last.get(clause, ""), leaf.time)

    def evidence(self, source: str, whole: bool) -> Evidence:
        clauses = {
            clause: ClauseEvidence(verdicts.total(), self._last[clause], _most_first(verdicts))
            for clause, verdicts in self._verdicts.items()
            if verdicts
        }
        return Evidence(source, self._outcomes, clauses, whole, self._others)


def _most_first(verdicts: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(verdicts.items(), key=lambda pair: (-pair[1], pair[0])))


# ---- where records lie -------------------------------------------------------------------------------------------


def _logs(folder: Path) -> dict[str, bool]:
    """The shards of a folder by name, each with whether it is the private log. Raises ``ConfigError``."""
    try:
        private = folder / "wal"
        if private.is_dir():
            found = {path.name: True for path in sorted(private.iterdir()) if any(path.glob("*.wal"))}
        elif _is_published(folder):
            found = {folder.resolve().name: False}
        else:
            found = {path.name: False for path in sorted(folder.iterdir()) if _is_published(path)}
    except OSError as error:
        raise OperatorError(f"{folder} cannot be read: {error.strerror}") from error
    if not found:
        raise ConfigError(f"{folder} holds no log: give a state folder, or what it published")
    if len(found) > SHARDS_MAX:
        raise ConfigError(f"{folder} holds {len(found)} logs; at most {SHARDS_MAX} are counted")
    return found


def _published_root(folder: Path, shard: str) -> Path:
    """The folder of a published shard: the folder itself, or the one of that name below it."""
    return folder if _is_published(folder) else folder / shard


def _is_published(path: Path) -> bool:
    return (path / "checkpoint").is_file()


def _private_leaves(directory: Path, shard: str) -> Iterator[bytes]:
    for frame in frames_on_disk(directory, shard):
        yield frame.leaf


def _published_leaves(root: Path) -> Iterator[bytes]:
    """The entries that the checkpoint speaks of. It states its size itself: reading ends where a bundle is missing."""
    size = _claimed_size(root)
    for index in range(-(-size // TILE_WIDTH)):
        width = min(TILE_WIDTH, size - index * TILE_WIDTH)
        path = root / entries_path(index, width)
        if not path.is_file():  # tlog-tiles, "Partial Tiles": the full one may have taken its place
            path = root / entries_path(index)
        try:
            leaves = unpack_entries(_read(path, BUNDLE_BYTES_MAX))
        except TileError as error:
            raise EvidenceDamaged(str(error), str(path)) from error
        if len(leaves) < width:
            raise EvidenceDamaged(f"the bundle holds {len(leaves)} entries instead of {width}", str(path))
        yield from leaves[:width]


def _claimed_size(root: Path) -> int:
    path = root / "checkpoint"
    lines = _read(path, CHECKPOINT_BYTES_MAX).split(b"\n")
    if len(lines) < 2 or not lines[1].isdigit() or len(lines[1]) > 18:
        raise EvidenceDamaged("no checkpoint: its second line is no size", str(path))
    return int(lines[1])


def _read(path: Path, bytes_max: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
    except OSError as error:
        raise OperatorError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > bytes_max:
        raise EvidenceDamaged(f"more than the {bytes_max} bytes that it may have", str(path))
    return data


def _leaf(data: bytes, shard: str, seq: int) -> Leaf:
    try:
        return read_leaf(data)
    except ValueError as error:
        raise EvidenceDamaged(str(error), f"shard {shard}, record {seq}") from error
