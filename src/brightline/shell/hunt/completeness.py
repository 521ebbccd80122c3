# SPDX-License-Identifier: Apache-2.0
"""The proof that a hunt left nothing out, from the plan and the public log alone.

    1. the shards of the plan lie side by side and fill what is covered       (``core/hunt/plan.py``, on reading it)
    2. the checkpoint that the plan names is the log's own, by its key
    3. the entries of the public log hash to that checkpoint's root, and at the end of what is covered to the named one
    4. the leaf hashes of each shard give the digest that the plan names, and with it the result that was made of it

Nobody's keys are needed, and nothing is opened.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from brightline.core.errors import EvidenceDamaged
from brightline.core.evidence.audit_tree import BUNDLE_BYTES_MAX, UnreadableError
from brightline.core.evidence.checkpoint import open_checkpoint
from brightline.core.evidence.merkle import GrowingRoot, leaf_hashes
from brightline.core.evidence.note import NoteError, VerifierKey
from brightline.core.evidence.tile import TILE_WIDTH, TileError, entries_path, unpack_entries
from brightline.core.hunt.plan import Covered, Plan, Shard
from brightline.shell.storage.wal import shard_directory
from brightline.verify.folder import PublishedFolder


def check_published(
    plan: Plan, evidence: Path, verifier: Callable[[str], VerifierKey], tell: Callable[[int], None]
) -> None:
    """Hold a plan to the public logs. ``tell`` hears how many covered records were hashed.

    Raises ``EvidenceDamaged``.
    """
    done = 0
    for log in plan.logs:
        shards = [shard for shard in plan.shards if shard.log == log.log]
        _check_log(log, shards, PublishedFolder(shard_directory(evidence, log.log)), verifier(log.log))
        done += log.end - log.start
        tell(done)


def _check_log(log: Covered, shards: list[Shard], published: PublishedFolder, key: VerifierKey) -> None:
    place = f"shard {log.log}"
    try:
        signed = open_checkpoint(log.checkpoint.encode(), [key])
    except NoteError as error:
        raise EvidenceDamaged(f"the plan names no checkpoint of this log: {error}", place) from error
    if (signed.origin, signed.size) != (log.origin, log.size):
        raise EvidenceDamaged("the plan names another log, or another size, than its checkpoint", place)
    tree, root = GrowingRoot(), b""
    waiting = iter(shards)
    shard, hashed = next(waiting, None), hashlib.sha256()
    for seq, hash_ in enumerate(_hashes(published, signed.size, place)):
        tree.append(hash_)
        if tree.size == log.end:
            root = tree.root()
        if shard is None or seq < shard.start:
            continue
        hashed.update(hash_)
        if seq + 1 == shard.end:
            if "sha256:" + hashed.hexdigest() != shard.leaves:
                raise EvidenceDamaged(
                    f"shard {shard.number} of the plan is of other records", f"{place}, record {seq}"
                )
            shard, hashed = next(waiting, None), hashlib.sha256()
    if tree.size != signed.size or tree.root() != signed.root:
        raise EvidenceDamaged("its public entries do not hash to the root that it signed", place)
    if root.hex() != log.root:
        raise EvidenceDamaged(f"the plan names another root of its first {log.end:,} records", place)


def _hashes(published: PublishedFolder, size: int, place: str) -> Iterator[bytes]:
    for index in range(-(-size // TILE_WIDTH)):
        width = min(TILE_WIDTH, size - index * TILE_WIDTH)
        try:
            entries = list(unpack_entries(_bundle(published, index, width)))
        except (UnreadableError, TileError) as error:
            raise EvidenceDamaged(str(error), f"{place}, {entries_path(index, width)}") from error
        yield from leaf_hashes(entries[:width])


def _bundle(published: PublishedFolder, index: int, width: int) -> bytes:
    """A bundle of entries; where a partial one is gone, the full one, or a larger partial one, that took its place."""
    for wide in range(width, TILE_WIDTH + 1):
        with contextlib.suppress(UnreadableError):
            return published.read(entries_path(index, wide), BUNDLE_BYTES_MAX)
    raise UnreadableError("this file is missing")
