# SPDX-License-Identifier: Apache-2.0
"""What the logs have since they were last read: cases from the shards of gateways, decisions from the registry.

The registry is read first. A decision is about a case that is durable before it, so whatever it names is in the shards
by then; and a case that is found is entered as it stands after the last decision that was read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Protocol

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.errors import BrightlineError
from brightline.core.evidence.heads import REGISTRY_SHARD
from brightline.core.evidence.record import CASES
from brightline.core.review.docket import Tried
from brightline.core.review.roles import Role
from brightline.core.review.roster import ClearedPerson
from brightline.core.review.urgency import Severity, severity_of
from brightline.core.standing import DAY_SECONDS
from brightline.shell.keyring import open_vault
from brightline.shell.registry.following import Registry
from brightline.shell.review.desk import opened_case
from brightline.shell.state import StateFolder
from brightline.shell.storage.agreements import AgreementStore
from brightline.shell.storage.wal import ReadTo, WalReader, shards_in, start_past, written_before

FOUND_MAX: Final = 5_000
"""Cases that are taken in at once, about: what one segment of a shard holds is not divided."""
LOOK_BACK_SECONDS: Final = 31 * DAY_SECONDS
"""What was held longer ago waits for nobody and is not read."""


class Found(msgspec.Struct, frozen=True):
    """A case where it stands in the logs, with what was said of it; ``appeal`` if it is one against a decision."""

    tried: Tried
    severity: Severity
    shard: str
    seq: int
    exchange: str
    appeal: bool = False


class News(msgspec.Struct, frozen=True):
    """What is new: cases, what was said of cases that are known already, and how far that was read."""

    found: tuple[Found, ...] = ()
    changed: tuple[Tried, ...] = ()
    read_to: Mapping[str, ReadTo] = msgspec.field(default_factory=dict)


class Source(Protocol):
    """Where the queue learns of cases and people."""

    def person(self, reviewer: str) -> ClearedPerson | None:
        """Somebody on the roster that both parties signed; ``None`` for everybody else."""
        ...

    def closed_units(self, person: ClearedPerson) -> tuple[str, ...]:
        """The units for which a person is not cleared far enough to see what is held of them."""
        ...

    def seniors(self, now: int) -> frozenset[str]:
        """The senior reviewers whose clearance is in date at ``now``, by id."""
        ...

    def refresh(self) -> None:
        """Read the registry. Raises ``OperatorError`` or ``TrustError`` while it cannot be believed. Blocks."""
        ...

    def news(self, read_to: Mapping[str, ReadTo], now: int) -> News:
        """Some of what the logs have from there on; nothing new where that is all. Blocks; for another thread."""
        ...


class LogSource:
    """The logs of a state folder. ``registry`` was opened by whoever opens this, who goes on to own it."""

    def __init__(self, root: Path, registry: Registry) -> None:
        self._folder = StateFolder(root)
        self._vault = open_vault(self._folder)
        self._store = AgreementStore(self._folder.agreements)
        self._registry = registry
        self._agreements: dict[str, Agreement | None] = {}

    def person(self, reviewer: str) -> ClearedPerson | None:
        """Somebody on the roster."""
        return self._registry.decisions.roster.get(reviewer)

    def closed_units(self, person: ClearedPerson) -> tuple[str, ...]:
        """The units that need more than a person's clearance, as both parties signed it."""
        needs = self._registry.decisions.terms.needs
        return tuple(sorted(unit for unit, need in needs.items() if not person.clearance.covers(need)))

    def seniors(self, now: int) -> frozenset[str]:
        """Who has the role of a senior reviewer and a clearance in date."""
        people = self._registry.decisions.roster.values()
        return frozenset(each.id for each in people if Role.SENIOR_REVIEWER in each.roles and each.cleared_until > now)

    def refresh(self) -> None:
        """Read the registry."""
        self._registry.refresh()

    def news(self, read_to: Mapping[str, ReadTo], now: int) -> News:
        """What is new in the registry, and in the next segment of each shard."""
        decisions = self._registry.decisions
        counted = decisions.since(read_to.get(REGISTRY_SHARD, ReadTo()).size)
        tried = [each for case in counted if (each := decisions.docket.of_case(case)) is not None]
        found: list[Found] = []
        after: dict[str, ReadTo] = {}
        for shard in shards_in(self._folder.wal):
            if shard != REGISTRY_SHARD and len(found) < FOUND_MAX:
                reader = self._reader(shard, read_to.get(shard), now)
                found += self._found(shard, reader)
                if reader.read_to != read_to.get(shard):
                    after[shard] = reader.read_to
        if counted:
            after[REGISTRY_SHARD] = ReadTo(size=max(counted.values()) + 1)
        return News(tuple(found), tuple(tried), after)

    def _reader(self, shard: str, read_to: ReadTo | None, now: int) -> WalReader:
        if read_to is None:
            read_to = start_past(self._folder.wal, shard, written_before(now - LOOK_BACK_SECONDS))
        return WalReader(self._folder.wal, shard, read_to)

    def _found(self, shard: str, reader: WalReader) -> Iterator[Found]:
        keys = self._vault.reader(shard)
        # An appeal stands in the registry before its case is written to a shard.
        appeals = {each.case.digest for each in self._registry.reviewing.appeals}
        for frame in reader.read_part():
            if frame.kind in CASES and (case := opened_case(shard, frame, keys)) is not None:
                tried = self._registry.decisions.docket.of_case(case.digest) or Tried(case)
                severity = severity_of(case, self._agreement(case.agreement))
                yield Found(tried, severity, shard, frame.seq, frame.exchange, tried.case.digest in appeals)

    def _agreement(self, digest: str) -> Agreement | None:
        current = self._registry.releases.current
        if digest == current.digest:
            return current
        if digest not in self._agreements:
            try:
                self._agreements[digest] = self._store.read(digest) if self._store.holds(digest) else None
            except BrightlineError:
                self._agreements[digest] = None  # which makes its cases critical
        return self._agreements[digest]
