# SPDX-License-Identifier: Apache-2.0
"""Ending a shard whose gateway never comes back, so that nobody waits for its end and nobody writes another one.

    1. its lease is over: it was not seen at work for two minutes, and it stops by itself after one
    2. where its private log is here, that is opened once more: what is durable is published, and what a crash left
       open is booked as lost; where it is gone with its machine, what was published is all there is
    3. what is published is verified, and is no less than what the combined heads have
    4. a SEAL in the registry says where the shard ends, and how many attempts are open there for ever

From 3 on nobody else may write to a private log that is here: its gateway could come back at this very moment.
From then on every gateway refuses to open it, and a verifier contradicts whatever would be added.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.errors import ConfigError, EvidenceDamaged, OperatorError, ShardSealed, WriterPresent
from brightline.core.evidence.audit import ShardReport, audit_shard
from brightline.core.evidence.audit_combined import CombinedBook, Seal
from brightline.core.evidence.audit_exchanges import OPEN
from brightline.core.evidence.audit_findings import Topic
from brightline.core.evidence.heads import HEADS_SHARD, REGISTRY_SHARD, LogHead
from brightline.core.evidence.note import VerifierKey
from brightline.core.ports import Clock, HeadStore
from brightline.shell.config import Settings
from brightline.shell.heads import CombinedHeads
from brightline.shell.opening import opened_shard
from brightline.shell.registry.following import Registry
from brightline.shell.registry.log import log_signer
from brightline.shell.registry.seals import log_seal
from brightline.shell.state import StateFolder
from brightline.shell.storage.durable import HeldDirectory, WriterLock
from brightline.verify.folder import PublishedFolder

LEASE_SECONDS: Final = 120


class Sealed(msgspec.Struct, frozen=True):
    """Where a shard ended; ``open`` attempts are lost with it. ``notes`` say of each what may have left."""

    log: str
    size: int
    root: str
    open: int
    notes: tuple[str, ...]


def seal_shard(
    root: Path,
    settings: Settings,
    registry: Registry,
    heads: CombinedHeads,
    store: HeadStore,
    shard: str,
    clock: Clock,
) -> Sealed:
    """Seal a shard of this installation.

    Raises ``ConfigError`` for one that cannot be sealed, ``ShardSealed`` for one that is, ``WriterPresent`` while its
    gateway may be at work, ``EvidenceDamaged`` or ``OperatorError`` if what it published cannot be believed.
    """
    folder = StateFolder(root)
    if shard in {HEADS_SHARD, REGISTRY_SHARD}:
        raise ConfigError(f"{shard} is not the shard of a gateway")
    signer = log_signer(folder, settings, shard)
    origin = signer.verifier.name
    if origin in registry.seals.logs:
        raise ShardSealed(f"{origin} was sealed before, at {registry.seals.logs[origin].size} records")
    silent = clock.unix() - store.seen(origin)  # 1.
    if silent < LEASE_SECONDS:
        raise WriterPresent(f"the gateway of {shard} was at work {silent} s ago; its lease is {LEASE_SECONDS} s")
    with contextlib.ExitStack() as stack:
        if (folder.wal / shard).is_dir():  # 2.
            with opened_shard(folder, settings, registry, shard, clock):
                pass
            stack.enter_context(_nobody_writes(folder.wal / shard))
        published = PublishedFolder(folder.evidence(settings.evidence.directory) / shard)
        report = _audit(shard, published, signer.verifier, CombinedBook())  # 3.
        recorded = heads.recorded(origin)
        if recorded is not None and recorded.size > report.size:
            raise OperatorError(f"{report.size} records of {shard} are here; the combined heads have {recorded.size}")
        head = LogHead(origin, report.size, report.root)
        book = CombinedBook()
        book.seal(Seal(head, report.recount.open))
        ended = _audit(shard, published, signer.verifier, book)
        log_seal(root, settings, registry.roots.profile, head, report.recount.open, clock)  # 4.
    lost = tuple(note.message for note in ended.notes if note.topic is Topic.BOOKS and note.place.startswith(OPEN))
    return Sealed(origin, head.size, head.root, report.recount.open, lost)


@contextlib.contextmanager
def _nobody_writes(wal: Path) -> Iterator[None]:
    """Hold the right to write a shard's log. Raises ``WriterPresent`` if its gateway has come back."""
    directory = HeldDirectory.create(wal)
    try:
        lock = WriterLock.take(directory)
    finally:
        directory.close()
    try:
        yield
    finally:
        lock.release()


def _audit(shard: str, published: PublishedFolder, key: VerifierKey, book: CombinedBook) -> ShardReport:
    report = audit_shard(shard, published, [key], combined=book)
    if report.contradictions:
        first = report.contradictions[0]
        raise EvidenceDamaged(first.message, f"shard {shard}, {first.place}")
    return report
