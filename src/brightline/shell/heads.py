# SPDX-License-Identifier: Apache-2.0
"""One process's part in the combined heads: it writes the heads that it has published, and publishes the heads.

    1. what is recorded is read; a head of ours that does not follow from it is refused, and service with it
    2. the head goes to the next place; who loses that race reads again
    3. whoever holds the lock publishes what is recorded: tiles first, the checkpoint last; the others leave it to him

A writer that was seen at work renews its lease here. One that cannot reach the heads for a minute stops by itself,
long before a peer may seal its shard.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from brightline.core.errors import EvidenceDamaged, OperatorError, WriterPresent
from brightline.core.evidence.heads import HEADS_SHARD, HeadsBook, LogHead, head_leaf
from brightline.core.evidence.merkle import Tree, leaf_hash
from brightline.core.evidence.note import NoteSigner, VerifierKey
from brightline.core.ports import Clock, HeadStore
from brightline.shell.storage.durable import HeldDirectory, WriterLock
from brightline.shell.storage.heads import HeadsLog
from brightline.shell.storage.publisher import Publisher, read_published
from brightline.shell.storage.sequencer import Head
from brightline.shell.storage.wal import WalReader

STEP_SECONDS: Final = 5.0
STALE_SECONDS: Final = 60.0
TRIES_MAX: Final = 64


class CombinedHeads:
    """The heads of all shards, as one process writes and publishes them. It blocks; any thread may call it."""

    def __init__(
        self, store: HeadStore, directory: Path, evidence: Path, signer: NoteSigner, profile: str, clock: Clock
    ) -> None:
        """``directory`` holds the lock of whoever publishes; ``signer`` is named by the origin of the heads."""
        self._store = store
        self._log = HeadsLog(store)
        self._directory = directory
        self._evidence = evidence
        self._signer = signer
        self._profile = profile
        self._clock = clock
        self._book = HeadsBook()
        self._publisher: Publisher | None = None
        self._acting = threading.Lock()

    def recorded(self, log: str) -> Head | None:
        """The newest recorded head of a log. Raises ``OperatorError``."""
        with self._acting:
            self._read()
            newest = self._book.newest(log)
        return None if newest is None else Head(newest.size, bytes.fromhex(newest.root))

    def write(self, log: str, published: Callable[[], Head | None], root_at: Callable[[int], bytes]) -> None:
        """Record the head that a log has published (1, 2), and renew its writer's lease.

        ``published`` is asked after what is recorded was read, so that a head is never compared with a later one.
        Raises ``EvidenceDamaged`` for a head that does not follow from the recorded one, ``OperatorError`` if the
        heads cannot be used.
        """
        with self._acting:
            for _ in range(TRIES_MAX):
                self._read()
                head = published()
                if head is None:
                    return
                said = LogHead(log, head.size, head.root.hex())
                if objection := self._book.objection(said, root_at):
                    raise EvidenceDamaged(f"{objection}: it was rolled back, or is another one", f"log {log}")
                if said == self._book.newest(log):
                    break
                leaf = head_leaf(said, self._book.size, self._clock.utc_now(), self._profile)
                if self._store.swap(self._book.size, leaf):
                    break
            else:
                raise OperatorError(f"{TRIES_MAX} times somebody else wrote to the combined heads first")
            self._store.renew(log, self._clock.unix())

    def relay(self, log: str, published: Callable[[], Head | None], root_at: Callable[[int], bytes]) -> None:
        """Record the head of a log that others write, as :meth:`write` does.

        Less than what is recorded is not told again: an older checkpoint was put back, and its writer mends that.
        """

        def not_less() -> Head | None:
            head, newest = published(), self._book.newest(log)
            return None if head is None or (newest is not None and head.size < newest.size) else head

        self.write(log, not_less, root_at)

    def publish(self) -> None:
        """Publish what is recorded (3), unless another process does so now. Raises ``OperatorError``."""
        with self._acting:
            held = HeldDirectory.create(self._directory)
            try:
                lock = WriterLock.take(held)
            except WriterPresent:
                return
            finally:
                held.close()
            try:
                if self._publisher is None:
                    self._publisher = Publisher.open(self._log, self._evidence, self._signer)
                self._publisher.publish_once()
            finally:
                lock.release()

    def consistency_proof(self, old: int, new: int) -> tuple[bytes, ...]:
        """Proof that the first ``new`` heads extend the first ``old``. Raises ``OperatorError``."""
        with self._acting:
            return self._log.consistency_proof(old, new)

    def close(self) -> None:
        """Leave the publishing to the others."""
        with self._acting:
            if self._publisher is not None:
                self._publisher.leave()

    @property
    def logs(self) -> tuple[LogHead, ...]:
        """The newest head of every log. Raises ``OperatorError``."""
        with self._acting:
            self._read()
            return self._book.logs

    def _read(self) -> None:
        size = self._store.size()
        for leaf in self._store.leaves(self._book.size, size):
            try:
                self._book.enter(leaf)
            except ValueError as error:
                raise EvidenceDamaged(str(error), f"shard {HEADS_SHARD}") from error


class FollowedLog:
    """A log that other processes write, read again up to what is published, for its roots."""

    def __init__(self, wal: Path, evidence: Path, shard: str, key: VerifierKey) -> None:
        self._reader = WalReader(wal, shard)
        self._evidence = evidence
        self._shard = shard
        self._key = key
        self._tree = Tree()

    def published(self) -> Head | None:
        """What its checkpoint says. Raises ``OperatorError``."""
        head = read_published(self._evidence, self._shard, self._key)
        if head is not None:
            for frame in self._reader.read(head.size):
                self._tree.append(leaf_hash(frame.leaf))
        return head

    def root_at(self, size: int) -> bytes:
        """The root of its first records, at most as many as are published."""
        return self._tree.root(size)


class HeadsWatch:
    """Whether the heads refuse us, or could not be reached for too long. Safe to call from any thread."""

    def __init__(self) -> None:
        self._reached = time.monotonic()
        self._refused = ""
        self._failure = ""

    def reached(self) -> None:
        """A step succeeded."""
        self._reached = time.monotonic()
        self._failure = ""

    def failed(self, error: OperatorError) -> None:
        """A step failed. What is damaged stays so until people have looked."""
        if isinstance(error, EvidenceDamaged):
            self._refused = self._refused or str(error)
        self._failure = str(error)

    @property
    def fault(self) -> str:
        """Why nothing may be served; empty if it may."""
        if self._refused:
            return f"the combined heads refuse this log: {self._refused}"
        if time.monotonic() - self._reached > STALE_SECONDS:
            return f"the combined heads have not been reached for more than {STALE_SECONDS:g} s: {self._failure}"
        return ""
