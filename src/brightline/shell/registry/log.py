# SPDX-License-Identifier: Apache-2.0
"""Writing to the registry: the single writer is opened for one record and closed again.

Commands and gateways of one installation take turns. Whoever finds another writer there tries again for a short while
and then says so; nothing is ever written beside the log.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from brightline.core.errors import WriterPresent
from brightline.core.evidence.note import NoteSigner, VerifierKey
from brightline.core.evidence.record import Draft, DurableRecord
from brightline.core.ports import Clock
from brightline.shell.config import Settings
from brightline.shell.keyring import open_vault
from brightline.shell.registry.reader import REGISTRY_SHARD
from brightline.shell.state import StateFolder
from brightline.shell.storage.publisher import Publisher, read_published
from brightline.shell.storage.sequencer import Sequencer
from brightline.shell.trust.keys import load_key

PATIENCE_SECONDS: Final = 2.0
PAUSE_SECONDS: Final = 0.02


def registry_signer(root: Path, settings: Settings) -> NoteSigner:
    """Who signs the checkpoints of the registry."""
    return NoteSigner(
        f"{settings.evidence.origin}/{REGISTRY_SHARD}", load_key(StateFolder(root).key(f"log-{REGISTRY_SHARD}"))
    )


def registry_verifier(root: Path, settings: Settings) -> VerifierKey:
    """By which key the checkpoints of the registry are believed."""
    return registry_signer(root, settings).verifier


def append_to_registry(root: Path, settings: Settings, profile: str, clock: Clock, draft: Draft) -> DurableRecord:
    """Make one record of the registry durable and publish it. Blocks; call it off an event loop.

    Waits up to two seconds for another writer. Raises ``WriterPresent`` if one is still there then, ``OperatorError``
    if the log cannot be opened, ``EvidenceUnavailable`` if the record cannot be made durable.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with _writing(root, settings, profile, clock) as log:
                return log.append_sync(draft)
        except WriterPresent:
            if time.monotonic() >= until:
                raise
            time.sleep(PAUSE_SECONDS)


@contextlib.contextmanager
def _writing(root: Path, settings: Settings, profile: str, clock: Clock) -> Iterator[Sequencer]:
    """The writer of the registry; what was written is published when it closes."""
    folder = StateFolder(root)
    evidence = folder.evidence(settings.evidence.directory)
    signer = registry_signer(root, settings)
    published = read_published(evidence, REGISTRY_SHARD, signer.verifier)
    vault = open_vault(folder)
    log = Sequencer.open(folder.wal, REGISTRY_SHARD, profile, clock, vault=vault, published=published)
    publisher = None
    try:
        publisher = Publisher.open(log, evidence, signer)
        yield log
        publisher.publish_once()  # while the lock is held: an older checkpoint must never replace a newer one
    finally:
        log.close()
        if publisher is not None:
            publisher.close()
