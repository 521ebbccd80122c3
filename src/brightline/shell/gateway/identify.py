# SPDX-License-Identifier: Apache-2.0
"""From a credential to a workload. The log is the register; SQLite is only its cache.

The registry keeps the digest of each workload's latest logged statement in memory and takes the statement itself from
the cache *if* it has that digest, else from the log. Signatures of both parties are checked either way. So a
hand-edited database row changes nothing: it is replaced from the log.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.errors import OperatorError, TrustError, Unauthenticated
from brightline.core.evidence.disclosure import match
from brightline.core.evidence.record import RecordKind
from brightline.core.facts import Source, Vocabulary
from brightline.core.statement import TrustRoots, open_statement
from brightline.core.workload import REGISTRATION_TYPE, Registration, Workload, admit, key_matches, read_key
from brightline.shell.storage.sequencer import Head
from brightline.shell.storage.sql import WorkloadCache
from brightline.shell.storage.wal import WalReader

REGISTRY_SHARD: Final = "registry"
HEADER_BYTES_MAX: Final = 512

Headers = Iterable[tuple[bytes, bytes]]


class _Leaf(msgspec.Struct, frozen=True):
    kind: RecordKind
    time: str
    commitments: tuple[str, ...]


class _Logged(msgspec.Struct, frozen=True):
    digest: bytes
    seq: int
    time: str


class Registry:
    """Every workload that the log registers. ``refresh`` looks for new records; nothing else changes it."""

    def __init__(
        self,
        wal_directory: Path,
        cache_path: Path,
        roots: TrustRoots,
        vocabulary: Vocabulary,
        published: Callable[[], Head | None],
    ) -> None:
        self._wal_directory = wal_directory
        self._cache_path = cache_path
        self._roots = roots
        self._vocabulary = vocabulary
        self._published = published
        self._reader = WalReader(wal_directory, REGISTRY_SHARD)
        self._logged: dict[str, _Logged] = {}
        self._known: dict[str, Workload] = {}
        self._cache = WorkloadCache(cache_path)

    def refresh(self) -> None:
        """Read what was logged since the last call. Raises ``OperatorError`` or ``TrustError`` for a bad log."""
        head = self._published()
        if head is None or head.size <= self._reader.size:
            return
        for frame in self._reader.read(head.size):
            leaf = msgspec.json.decode(frame.leaf, type=_Leaf)
            if leaf.kind is RecordKind.WORKLOAD:
                self._enter(leaf, frame.disclosures, frame.seq)

    def _enter(self, leaf: _Leaf, disclosures: tuple[str, ...], seq: int) -> None:
        envelope = str(match(leaf.commitments, disclosures)["statement"]).encode()
        workload = self._verified(envelope, leaf.time)
        self._logged[workload.id] = _Logged(hashlib.sha256(envelope).digest(), seq, leaf.time)
        self._known[workload.id] = workload
        self._remember(workload, envelope)

    def _verified(self, envelope: bytes, logged: str) -> Workload:
        at = int(datetime.fromisoformat(logged).timestamp())
        registration = open_statement(envelope, REGISTRATION_TYPE, Registration, self._roots, at=at)
        workload = admit(registration)
        check_facts(registration, self._vocabulary)
        return workload

    def _remember(self, workload: Workload, envelope: bytes) -> None:
        registration = workload.registration
        try:
            self._cache.put(workload.id, workload.unit, registration.purpose, registration.expires, envelope)
        except sqlite3.Error:
            return  # a cache: what it cannot keep is read from the log again

    def get(self, workload: str) -> Workload | None:
        """The workload as the log registers it, or ``None`` if the log does not know it."""
        logged = self._logged.get(workload)
        if logged is None:
            return None
        known = self._known.get(workload)
        if known is not None:
            return known
        envelope = self._cached(workload)
        if hashlib.sha256(envelope).digest() != logged.digest:
            envelope = self._from_log(logged.seq)
        found = self._verified(envelope, logged.time)
        self._known[workload] = found
        self._remember(found, envelope)
        return found

    def _cached(self, workload: str) -> bytes:
        try:
            return self._cache.get(workload)
        except sqlite3.Error:
            return b""

    def _from_log(self, seq: int) -> bytes:
        for frame in WalReader(self._wal_directory, REGISTRY_SHARD).read(seq + 1):
            if frame.seq == seq:
                leaf = msgspec.json.decode(frame.leaf, type=_Leaf)
                return str(match(leaf.commitments, frame.disclosures)["statement"]).encode()
        raise OperatorError(f"record {seq} of the registry was there and is not any more")

    def forget(self) -> None:
        """Drop what is held in memory beyond the digests, so that the next look-up goes by cache or log."""
        self._known.clear()

    def workloads(self) -> Iterator[Workload]:
        """All of them, by id."""
        for workload in sorted(self._logged):
            found = self.get(workload)
            if found is not None:
                yield found

    def close(self) -> None:
        """Close the cache."""
        self._cache.close()


def check_facts(registration: Registration, vocabulary: Vocabulary) -> None:
    """A registration states only facts that the agreement lets registrations state. Raises ``TrustError``."""
    for fact, value in registration.facts.items():
        if fact not in vocabulary:
            raise TrustError(f"registration {registration.workload} states {fact}, which the agreement does not know")
        spec = vocabulary.spec(fact)
        if Source.REGISTRATION not in spec.set_by or value not in (*spec.values, "unknown"):
            raise TrustError(f"registration {registration.workload} may not state {fact} = {value}")
        if Source.PATTERN in spec.set_by and value == spec.good:
            raise TrustError(f"registration {registration.workload} cannot state {fact} good: it must be observed")


class Identifier:
    """Finds the workload of a request from its one credential."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def identify(self, headers: Headers) -> Workload:
        """Raises ``Unauthenticated``, with one message for every cause."""
        credentials = [value for name, value in headers if name in {b"authorization", b"x-api-key", b"api-key"}]
        refused = Unauthenticated("no valid workload key was presented")
        if len(credentials) != 1 or len(credentials[0]) > HEADER_BYTES_MAX:
            raise refused
        scheme, _, presented = credentials[0].decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            raise refused
        try:
            claimed = read_key(presented.strip())
        except ValueError as error:
            raise refused from error
        workload = self._registry.get(claimed.claimed_workload)
        if workload is None or not key_matches(claimed, workload) or workload.registration.revoked:
            raise refused
        return workload
