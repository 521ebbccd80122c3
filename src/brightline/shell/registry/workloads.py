# SPDX-License-Identifier: Apache-2.0
"""The workloads that the log registers. The log is the register; SQLite is only its cache.

The fold keeps the digest of each workload's latest logged statement in memory and takes the statement itself from the
cache *if* it has that digest, else from the log. Signatures of both parties are checked either way. So a hand-edited
database row changes nothing: it is replaced from the log.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.errors import TrustError
from brightline.core.evidence.record import RecordKind
from brightline.core.facts import Source, Vocabulary
from brightline.core.statement import TrustRoots, open_statement
from brightline.core.workload import REGISTRATION_TYPE, Registration, Workload, admit
from brightline.shell.registry.reader import Entry
from brightline.shell.storage.sql import WorkloadCache

REGISTER: Final = "workload"


class _Logged(msgspec.Struct, frozen=True):
    digest: bytes
    seq: int
    at: int
    version: int


class Workloads:
    """Every workload that the log registers, as a fold of its records.

    ``vocabulary`` is asked each time, because the agreement in force may change; ``read_again`` reads one record.
    """

    kinds: Final = frozenset({RecordKind.WORKLOAD})

    def __init__(
        self,
        cache_path: Path,
        roots: TrustRoots,
        vocabulary: Callable[[], Vocabulary],
        read_again: Callable[[int], Entry],
    ) -> None:
        self._roots = roots
        self._vocabulary = vocabulary
        self._read_again = read_again
        self._logged: dict[str, _Logged] = {}
        self._known: dict[str, Workload] = {}
        self._cache = WorkloadCache(cache_path)

    def enter(self, entry: Entry) -> None:
        """Take in a registration; entries of other registers are not for this fold."""
        if entry.public.get("register", REGISTER) != REGISTER:
            return
        workload = self._verified(entry.envelope, entry.unix)
        version = workload.registration.version
        if workload.id in self._logged and version <= self._logged[workload.id].version:
            return  # an older statement shown again; what was revoked stays revoked
        digest = hashlib.sha256(entry.envelope).digest()
        self._logged[workload.id] = _Logged(digest, entry.seq, entry.unix, version)
        self._known[workload.id] = workload
        self._remember(workload, entry.envelope)

    def _verified(self, envelope: bytes, at: int) -> Workload:
        registration = open_statement(envelope, REGISTRATION_TYPE, Registration, self._roots, at=at)
        workload = admit(registration)
        check_facts(registration, self._vocabulary())
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
            envelope = self._read_again(logged.seq).envelope
        found = self._verified(envelope, logged.at)
        self._known[workload] = found
        self._remember(found, envelope)
        return found

    def seq(self, workload: str) -> int:
        """The record of a workload's current registration. Raises ``KeyError`` if the log does not know it."""
        return self._logged[workload].seq

    def _cached(self, workload: str) -> bytes:
        try:
            return self._cache.get(workload)
        except sqlite3.Error:
            return b""

    def forget(self) -> None:
        """Drop what is held in memory beyond the digests, so that the next look-up goes by cache or log."""
        self._known.clear()

    def all(self) -> Iterator[Workload]:
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
    for stated, said in registration.facts.items():
        fact, value = vocabulary.in_words_of_now(stated, said)
        if fact not in vocabulary:
            raise TrustError(f"registration {registration.workload} states {fact}, which the agreement does not know")
        spec = vocabulary.spec(fact)
        if Source.REGISTRATION not in spec.set_by or value not in (*spec.values, "unknown"):
            raise TrustError(f"registration {registration.workload} may not state {fact} = {value}")
        if Source.PATTERN in spec.set_by and value == spec.good:
            raise TrustError(f"registration {registration.workload} cannot state {fact} good: it must be observed")
