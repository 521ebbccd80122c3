# SPDX-License-Identifier: Apache-2.0
"""Combining heads while a gateway runs: its shard's and the registry's go on record, and witnesses see both logs.

What cannot be written or witnessed in time is a fault, and a node with a fault serves nobody.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.errors import BrightlineError, OperatorError
from brightline.core.evidence.heads import HEADS_SHARD
from brightline.core.evidence.note import VerifierKey
from brightline.shell.heads import STEP_SECONDS as HEADS_SECONDS
from brightline.shell.heads import CombinedHeads, FollowedLog, HeadsWatch
from brightline.shell.registry.following import Registry
from brightline.shell.storage.publisher import Publisher, read_published
from brightline.shell.storage.sequencer import Head, Sequencer
from brightline.shell.witnessing import STEP_SECONDS, Witnessing

_LOG: Final = logging.getLogger("brightline")


class Witnessed(msgspec.Struct, frozen=True):
    """The witnesses of this process's shard and of the combined heads."""

    shard: Witnessing
    heads: Witnessing


class Followed(msgspec.Struct, frozen=True):
    """The registry as one of the logs whose heads are combined: its name, its published files, what is read of it."""

    origin: str
    log: FollowedLog
    registry: Registry


class Combining:
    """One process's shard and the registry in the combined heads, and what witnesses say of them.

    ``origin`` is the name of the shard's log; ``heads_key`` that of the combined heads, whose published files lie
    below ``evidence``.
    """

    def __init__(
        self,
        origin: str,
        log: Sequencer,
        publisher: Publisher,
        heads: CombinedHeads,
        heads_key: VerifierKey,
        followed: Followed,
        evidence: Path,
        witnessed: Witnessed | None,
    ) -> None:
        self.heads = heads
        self.watch = HeadsWatch()
        self.witnessed = witnessed
        self._origin = origin
        self._log = log
        self._publisher = publisher
        self._heads_key = heads_key
        self._followed = followed
        self._evidence = evidence
        self._published = 0

    @property
    def cosigned(self) -> int:
        """How many records of the shard a quorum of witnesses cosigned; -1 without witnesses."""
        return -1 if self.witnessed is None else self.witnessed.shard.witnessed_size

    def unwitnessed(self) -> list[str]:
        """Why the witnesses have not seen enough, if so."""
        if self.witnessed is None:
            return []
        published = self._publisher.published
        found = (
            self.witnessed.shard.fault(published.size if published else 0),
            self.witnessed.heads.fault(self._published),
        )
        return [fault for fault in found if fault]

    async def have_witnessed(self) -> None:
        """Show the witnesses both logs, again and again, where there are witnesses. Without end then."""
        while self.witnessed is not None:
            await self.witnessed.shard.step(self._log.consistency_proof)
            await self.witnessed.heads.step(self.heads.consistency_proof)
            await asyncio.sleep(STEP_SECONDS)

    async def combine(self) -> None:
        """Write the heads and hold the registry to its own, again and again. Without end."""
        while True:
            try:
                await asyncio.to_thread(self.write)
                self.hold_registry()
            except OperatorError as error:
                self.watch.failed(error)
                _LOG.warning("the combined heads could not be written: %s", error)
            await asyncio.sleep(HEADS_SECONDS)

    def write(self) -> None:
        """Record the heads of this shard and of the registry, and publish all heads. Raises ``OperatorError``."""
        followed = self._followed
        if self._origin not in followed.registry.seals.logs:
            self.heads.write(self._origin, self._head, lambda size: self._log.head(size).root)
        self.heads.relay(followed.origin, followed.log.published, followed.log.root_at)
        self.heads.publish()
        if self.witnessed is not None:  # they alone are asked how far the heads are published
            published = read_published(self._evidence, HEADS_SHARD, self._heads_key)
            self._published = published.size if published else 0
        self.watch.reached()

    def hold_registry(self) -> None:
        """Hold the registry to its recorded head. Raises ``OperatorError``, ``EvidenceDamaged`` if it is less."""
        recorded = self.heads.recorded(self._followed.origin)
        if recorded is None:
            return
        registry = self._followed.registry
        try:
            registry.refresh()
        except BrightlineError:
            return  # the registry tells that itself, for as long as it is so; what the heads say is for good
        registry.hold_to(recorded)

    def _head(self) -> Head | None:
        published = self._publisher.published
        return None if published is None else Head(published.size, published.root)
