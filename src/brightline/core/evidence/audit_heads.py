# SPDX-License-Identifier: Apache-2.0
"""Heads of the log that were seen elsewhere: on an earlier visit, by a caller, by a witness. All must be one history.

A head that is no larger than the log that is read must have the root that this log had at that size. The pass over
the entries knows it; where the pass began later, the hash tiles do, and they are believed as far as they lead to the
signed root. A larger head cannot be compared: the log shows less than it has signed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from brightline.core.evidence.audit_findings import Findings, Topic
from brightline.core.evidence.audit_tree import Published, UnreadableError
from brightline.core.evidence.checkpoint import Checkpoint
from brightline.core.evidence.merkle import ProofError, roots_along
from brightline.core.evidence.misbehaviour import Fork, Misbehaviour, Rollback, hashes_to_text
from brightline.core.evidence.tiled_tree import TiledTree


class SeenHead(msgspec.Struct, frozen=True):
    """A checkpoint that the log's key signed, as a note, and where it was seen, in words.

    ``visited`` says that the auditor saw it before: what the log shows now came later.
    """

    note: bytes
    checkpoint: Checkpoint
    where: str
    visited: bool = False


class Below(msgspec.Struct, frozen=True):
    """The root that a log had at a smaller size, and the path that joins it to the signed root."""

    root: bytes
    path: tuple[bytes, ...]


def root_below(published: Published, signed: Checkpoint, size: int) -> Below | None:
    """The root at ``size``, by hash tiles that lead to the signed root; ``None`` if they do not, or do not read."""
    if size == signed.size:
        return Below(signed.root, ())
    try:
        path = TiledTree(published, signed.size).extension_path(size)
        old, new = roots_along(size, signed.size, path)
    except (UnreadableError, ProofError, ValueError, IndexError):
        return None
    return Below(old, path) if new == signed.root else None


def root_at(published: Published, signed: Checkpoint, size: int, roots: Mapping[int, bytes]) -> bytes | None:
    """The root at ``size``: of ``roots``, to which a pass over the log came, or else by hash tiles as above."""
    if size in roots:
        return roots[size]
    below = root_below(published, signed, size)
    return below.root if below is not None else None


def fork_of(seen: SeenHead, note: bytes, signed: Checkpoint, published: Published) -> Fork | None:
    """The misbehaviour file for a head that the signed log does not extend, if the tiles give the path for it."""
    below = root_below(published, signed, seen.checkpoint.size)
    if below is None or below.root == seen.checkpoint.root:
        return None
    return Fork(older=seen.note.decode(), newer=note.decode(), path=hashes_to_text(below.path))


class HeadsAudit:
    """Compares every head that was seen with the log that is read."""

    def __init__(self, heads: Sequence[SeenHead], findings: Findings) -> None:
        self.misbehaviour: list[Misbehaviour] = []
        self._heads = heads
        self._findings = findings

    @property
    def sizes(self) -> list[int]:
        """The sizes at which the log's root must be known."""
        return [head.checkpoint.size for head in self._heads]

    def close(self, published: Published, note: bytes, signed: Checkpoint, roots: Mapping[int, bytes]) -> None:
        """Compare. ``note`` is the log's checkpoint as it was read; ``roots`` are those that the pass came to."""
        for head in self._heads:
            size = head.checkpoint.size
            if size > signed.size:
                self._less(head, note, signed)
                continue
            root = root_at(published, signed, size, roots) if size else roots.get(size, head.checkpoint.root)
            if root is None:
                message = f"{head.where}: its {size:,} records cannot be compared with what can be read here"
                self._findings.not_shown(Topic.WITNESSED, "checkpoint", message)
            elif root != head.checkpoint.root:
                message = f"{head.where} saw another log of {size:,} records under this key: a fork"
                self._findings.contradict(Topic.WITNESSED, "checkpoint", message)
                if (fork := fork_of(head, note, signed, published)) is not None:
                    self.misbehaviour.append(fork)

    def _less(self, head: SeenHead, note: bytes, signed: Checkpoint) -> None:
        size = head.checkpoint.size
        if head.visited:
            message = f"{head.where} saw {size:,} records, the log shows {signed.size:,} now: it was rolled back"
            self._findings.contradict(Topic.WITNESSED, "checkpoint", message)
            self.misbehaviour.append(Rollback(larger=head.note.decode(), smaller=note.decode()))
        else:
            message = f"{head.where} saw {size:,} signed records, of which {signed.size:,} are here"
            self._findings.note(Topic.WITNESSED, "checkpoint", message)  # this copy may simply be the older one
