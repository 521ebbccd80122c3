# SPDX-License-Identifier: Apache-2.0
"""Writes PERIOD statements: reads the durable log as it grows, counts, signs, and has the log commit to it.

    1. the log is read up to what is durable now; the records themselves are counted, no counter beside them
    2. the statement is signed and made durable in the public folder
    3. a PERIOD record with its range and digest is appended

A crash between 2 and 3 leaves a statement that no record names; the next boot counts from the last PERIOD record on,
so that ranges never overlap and never leave a gap. A time in which nothing happened has no statement.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from logging import Logger
from pathlib import Path
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import UNSET, UnsetType

from brightline.core.canonical import JsonValue
from brightline.core.errors import EvidenceDamaged, EvidenceUnavailable, OperatorError
from brightline.core.evidence.batch import Frame
from brightline.core.evidence.leaf import Leaf, read_leaf
from brightline.core.evidence.period import (
    FOLDER,
    LostBudget,
    Period,
    PeriodFold,
    StatedUpstream,
    digest_of,
    path_of,
    write_period,
)
from brightline.core.evidence.record import Draft, DurableRecord, RecordKind
from brightline.core.ports import Clock
from brightline.shell.storage.durable import HeldDirectory
from brightline.shell.storage.sequencer import Sequencer
from brightline.shell.storage.wal import shard_directory

PERIOD_SECONDS: Final = 60.0
_DIRECTORY_MODE = 0o755
_FILE_MODE = 0o644


class PeriodWriter:
    """The periods of one log. Any thread may call it; it blocks."""

    def __init__(
        self,
        log: Sequencer,
        evidence: Path,
        origin: str,
        profile: str,
        key: Ed25519PrivateKey,
        clock: Clock,
    ) -> None:
        """``evidence`` is the public folder of all logs, ``key`` the one that signs the checkpoints of this one."""
        self._log = log
        self._folder = shard_directory(evidence, log.shard) / FOLDER
        self._origin = origin
        self._profile = profile
        self._key = key
        self._clock = clock
        self._reader = log.reader()
        self._fold = PeriodFold()
        self._start = 0
        self._newest = -1  # the last record that is no PERIOD
        self._acting = threading.Lock()

    def resume(self) -> None:
        """Read the log that is there. Raises ``EvidenceDamaged``, ``OperatorError``."""
        with self._acting:
            self._read(self._log.head().size)

    def write(
        self,
        header: Mapping[str, JsonValue],
        without_record: Mapping[str, int],
        upstreams: Sequence[StatedUpstream],
        lost_budget: int | None = None,
    ) -> DurableRecord | None:
        """State what happened since the last period; ``None`` if nothing did, and then nothing was booked.

        ``header`` are public fields of the PERIOD record (agreement and release). ``lost_budget`` is the agreement's,
        per million attempts; ``None`` where no attempts are made. Raises ``EvidenceUnavailable`` if the statement or
        its record cannot be made durable (a later call then covers the same range), ``OperatorError`` if the log
        cannot be read.
        """
        with self._acting:
            head = self._log.head()
            self._read(head.size)
            start, end = self._start, head.size
            if self._newest < start and not without_record:
                return None
            if end == start:  # nothing was ever logged, yet strangers knocked: they wait for the first record
                return None
            if (cut := self._fold.peek(end)) is None:
                raise AssertionError(f"{self._fold.entered} records were read; {end} were asked for")
            lost: LostBudget | UnsetType = UNSET
            if lost_budget is not None:
                lost = LostBudget(str(header.get("agreement", "")), cut.totals.lost_per_million, lost_budget)
            period = Period(
                log=self._origin,
                shard=self._log.shard,
                profile=self._profile,
                start=start,
                end=end,
                start_root=self._log.head(start).root.hex(),
                end_root=head.root.hex(),
                time=self._clock.utc_now(),
                counts=cut.counts,
                totals=cut.totals,
                lost=lost,
                without_record=dict(sorted(without_record.items())),
                upstreams=tuple(upstreams),
            )
            return self._state(period, header)

    def _state(self, period: Period, header: Mapping[str, JsonValue]) -> DurableRecord:
        public: dict[str, JsonValue] = {**header, "start": period.start, "end": period.end}
        if period.without_record:
            public["without_record"] = dict(period.without_record)
        try:
            statement = write_period(period, self._key)
            self._publish(path_of(period.start, period.end).rpartition("/")[2], statement)  # 2.
        except (OSError, ValueError) as error:
            raise EvidenceUnavailable(f"a PERIOD statement cannot be written: {error}") from error
        public["statement"] = digest_of(statement)
        record = self._log.append_sync(Draft(RecordKind.PERIOD, "", public, {}))  # 3.
        self._begin(period.end)
        return record

    def _publish(self, name: str, statement: bytes) -> None:
        directory = HeldDirectory.create(self._folder, _DIRECTORY_MODE)
        try:
            directory.replace(name, statement, _FILE_MODE)
        finally:
            directory.close()

    def _read(self, size: int) -> None:
        """Count the records up to ``size``; a PERIOD of an earlier boot ends its range."""
        for frame in self._reader.read(size):
            leaf = _leaf(frame)
            if leaf.kind is RecordKind.PERIOD and isinstance(leaf.end, int) and leaf.end > self._start:
                self._begin(leaf.end)
            self._fold.extend((leaf,))
            if leaf.kind is not RecordKind.PERIOD or leaf.disk:
                self._newest = frame.seq

    def _begin(self, end: int) -> None:
        self._fold.cut(end)
        self._start = end


def _leaf(frame: Frame) -> Leaf:
    try:
        return read_leaf(frame.leaf)
    except ValueError as error:
        raise EvidenceDamaged(str(error), f"record {frame.seq}") from error


class Counting(Protocol):
    """Whoever turns requests away that get no record of their own, and counts them."""

    def take_counts(self) -> dict[str, int]:
        """How many there were since the last call, by what is wrong with them."""
        ...

    def give_back(self, counts: Mapping[str, int]) -> None:
        """Counts that could not be booked wait for the next PERIOD record."""
        ...


Writes = Callable[[Mapping[str, int]], DurableRecord | None]
"""Writes a PERIOD record with these counts, as ``PeriodWriter.write`` does, and blocks."""


async def book_period(counting: Counting, write: Writes, log: Logger) -> None:
    """State what happened since the last period; counts that are not booked now are given back."""
    counts = counting.take_counts()
    written = None
    try:
        written = await asyncio.to_thread(write, counts)
    except (EvidenceUnavailable, OperatorError) as error:
        log.warning("the PERIOD record is missing: %s", error)
    if written is None:
        counting.give_back(counts)


async def book_periods(counting: Counting, write: Writes, log: Logger) -> None:
    """Book a period each minute, until cancelled."""
    while True:
        await asyncio.sleep(PERIOD_SECONDS)
        await book_period(counting, write, log)
