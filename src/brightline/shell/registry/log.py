# SPDX-License-Identifier: Apache-2.0
"""Writing to the registry, or to a shard that no gateway runs: the single writer is opened and closed again.

Commands and gateways of one installation take turns. Whoever finds another writer there tries again for a short while
and then says so; nothing is ever written beside the log.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.errors import TrustError, WriterPresent
from brightline.core.evidence.heads import REGISTRY_SHARD
from brightline.core.evidence.note import NoteSigner, VerifierKey
from brightline.core.evidence.record import Draft, DurableRecord
from brightline.core.ports import Clock
from brightline.shell.config import Settings
from brightline.shell.keyring import open_vault
from brightline.shell.state import StateFolder
from brightline.shell.storage.publisher import Publisher, read_published
from brightline.shell.storage.sequencer import Sequencer
from brightline.shell.trust.keys import load_key

PATIENCE_SECONDS: Final = 2.0
PAUSE_SECONDS: Final = 0.02
HOLDS_FOR_SECONDS: Final = 30
"""For so long a signature must hold on when it is looked at: more than it takes until its record stands."""
T = TypeVar("T")


def lasting(check: Callable[[int], T], clock: Clock) -> T:
    """What a check of signatures says now (Unix seconds), if it says so too by the time at which it is on record.

    A reader holds a record to the time at which it was written. One whose signer's key or clearance had ended by then
    does not verify, and makes the registry bad for good. Raises ``TrustError``.
    """
    now = clock.unix()
    said = check(now)
    try:
        check(now + HOLDS_FOR_SECONDS)
    except TrustError as error:
        raise TrustError(
            f"a signature must hold {HOLDS_FOR_SECONDS} seconds on, until it is on record: {error}"
        ) from error
    return said


def log_key(folder: StateFolder, shard: str) -> Ed25519PrivateKey:
    """The key of a shard: it signs checkpoints, receipts and statements. Raises ``TrustError``."""
    return load_key(folder.key(f"log-{shard}"))


def log_signer(folder: StateFolder, settings: Settings, shard: str) -> NoteSigner:
    """Who signs the checkpoints of a shard; its name is the log's origin. Raises ``TrustError``."""
    return NoteSigner(f"{settings.evidence.origin}/{shard}", log_key(folder, shard))


def registry_verifier(root: Path, settings: Settings) -> VerifierKey:
    """By which key the checkpoints of the registry are believed."""
    return log_signer(StateFolder(root), settings, REGISTRY_SHARD).verifier


def append_to_registry(root: Path, settings: Settings, profile: str, clock: Clock, draft: Draft) -> DurableRecord:
    """Make one record of the registry durable and publish it. Blocks; call it off an event loop.

    Waits up to two seconds for another writer. Raises ``WriterPresent`` if one is still there then, ``OperatorError``
    if the log cannot be opened, ``EvidenceUnavailable`` if the record cannot be made durable.
    """
    with patiently_writing(root, settings, profile, clock) as log:
        return log.append_sync(draft)


@contextlib.contextmanager
def patiently_writing(root: Path, settings: Settings, profile: str, clock: Clock) -> Iterator[Sequencer]:
    """The registry opened as its single writer for a while. Waits up to two seconds for another; then raises it."""
    with contextlib.ExitStack() as opened:
        yield _patiently(lambda: opened.enter_context(writing(root, settings, REGISTRY_SHARD, profile, clock)))


def _patiently(enter: Callable[[], Sequencer]) -> Sequencer:
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return enter()
        except WriterPresent:
            if time.monotonic() >= until:
                raise
            time.sleep(PAUSE_SECONDS)


@contextlib.contextmanager
def writing(root: Path, settings: Settings, shard: str, profile: str, clock: Clock) -> Iterator[Sequencer]:
    """A shard opened as its single writer for a while; what was written is published when it closes.

    Raises ``WriterPresent`` while somebody else writes it, ``OperatorError`` if it cannot be opened.
    """
    folder = StateFolder(root)
    evidence = folder.evidence(settings.evidence.directory)
    signer = log_signer(folder, settings, shard)
    published = read_published(evidence, shard, signer.verifier)
    log = Sequencer.open(folder.wal, shard, profile, clock, vault=open_vault(folder), published=published)
    publisher = None
    try:
        publisher = Publisher.open(log, evidence, signer)
        yield log
        publisher.publish_once()  # while the lock is held: an older checkpoint must never replace a newer one
    finally:
        log.close()
        if publisher is not None:
            publisher.close()
