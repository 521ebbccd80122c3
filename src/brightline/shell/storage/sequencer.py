# SPDX-License-Identifier: Apache-2.0
"""The single writer of a shard: it gives records their place, makes them durable, and only then says so.

One thread takes all drafts that wait, gives them contiguous sequence numbers, the boot epoch and the time,
seals them, and makes the group durable with one write and one flush. A record that cannot be sealed, or that
does not fit the books (a second ATTEMPT, an OUTCOME of nothing), fails alone and takes no number. A write
that fails ends the writer, and with it the service, until the log is opened anew.

A full disk is another matter. Several times a second the writer looks how much room there is, and before there is
none, or once the log's reserve is touched, it takes nothing new: only the ends of what runs, and changes of standing,
out of the reserve. It writes down that the disk was full (a PERIOD with ``disk``), and when there is room for
the reserve and more, it writes that down as well and goes on by itself.

Opening, in this order:

1. verify the whole log, cut a torn tail, rebuild tree and books;
2. refuse if what was published is not a prefix of it;
3. destroy again what the log says was destroyed: a crash may have come before, or a restored vault brought it back;
4. begin the next boot epoch, durably;
5. write an OUTCOME ``lost`` for each attempt that a crash left open, durably;
6. serve.

A crash anywhere in between changes nothing of that: the next boot finds the attempts that are still open.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

import msgspec

from brightline.core.attestation.claims import Counters
from brightline.core.attestation.lease import read_counters
from brightline.core.canonical import JsonValue
from brightline.core.errors import DiskFull, EvidenceDamaged, EvidenceUnavailable, OperatorError
from brightline.core.evidence.batch import BATCH_FRAMES_MAX, Batch, Books, Frame, lost_draft
from brightline.core.evidence.merkle import Tree, leaf_hash
from brightline.core.evidence.record import Draft, DurableRecord, Place, RecordKind, mint_durable, seal
from brightline.core.evidence.sealing import NONCE_BYTES
from brightline.core.evidence.shred import Shredded, read_shredded, shredded_by
from brightline.core.ports import Clock
from brightline.shell.storage.append_file import OpenFile, OsAppendFile
from brightline.shell.storage.room import Room
from brightline.shell.storage.tickets import Answer, LoopTicket, ThreadTicket, Ticket, settle, unavailable
from brightline.shell.storage.vault import RecordKeys, Vault
from brightline.shell.storage.wal import WalReader
from brightline.shell.storage.wal_writer import Wal

QUEUE_MAX: Final = 4096
LOOK_SECONDS: Final = 0.25  # between two looks at the disk
FULL_SECONDS_MIN: Final = 1.0  # a disk that is full stays so for a moment: there is no use in trying at once
FROM_RESERVE: Final = frozenset({RecordKind.MARK, RecordKind.OUTCOME, RecordKind.STANDING, RecordKind.HALT})

log = logging.getLogger("brightline.evidence")


class Head(msgspec.Struct, frozen=True):
    """A size of the log and the RFC 6962 root (32 bytes) of that many leaves."""

    size: int
    root: bytes


class Sequencer:
    """The :class:`~brightline.core.ports.RecordLog` of one shard, for any number of threads and loops."""

    def __init__(
        self,
        directory: Path,
        shard: str,
        profile: str,
        clock: Clock,
        keys: RecordKeys,
        queue_max: int,
        measure: Callable[[Wal], Room],
    ) -> None:
        self._directory = directory
        self._keys = keys
        self._shredded: list[Shredded] = []
        self._counters: dict[str, Counters] = {}
        self._shard = shard
        self._profile = profile
        self._clock = clock
        self._queue_max = queue_max
        self._books = Books(shard)
        self._tree = Tree()
        self._tree_lock = threading.Lock()
        self._wal: Wal | None = None
        self._epoch = 0
        self._waiting: deque[Ticket] = deque()
        self._gathered: dict[asyncio.AbstractEventLoop, list[LoopTicket]] = {}  # each touched by its own loop alone
        self._changed = threading.Condition()
        self._refusing = ""
        self._full = ""
        self._full_since = 0.0
        self._turned_away = 0  # records that found the disk full
        self._looked = 0.0
        self._measure = measure
        self._thread = threading.Thread(target=self._run, name=f"sequencer-{shard}", daemon=True)

    @classmethod
    def open(
        cls,
        directory: Path,
        shard: str,
        profile: str,
        clock: Clock,
        *,
        vault: Vault,
        published: Head | None,
        queue_max: int = QUEUE_MAX,
        open_file: OpenFile = OsAppendFile.open,
        measure: Callable[[Wal], Room] = Wal.room,
    ) -> Self:
        """Open the log of ``shard`` under ``directory``, close what a crash left open, and start to serve.

        ``vault`` is where the keys of its records lie. ``published`` is what the public checkpoint says
        (``publisher.read_published``), or ``None`` if nothing was published yet. Raises ``EvidenceDamaged`` if the log
        is not what was written or published, and ``OperatorError`` if it has another writer or cannot be opened.
        """
        with contextlib.ExitStack() as undo:
            keys = vault.writer(shard)
            undo.callback(keys.close)
            sequencer = cls(directory, shard, profile, clock, keys, queue_max, measure)
            wal = Wal.open(
                directory, shard, lambda frame: sequencer._replay(frame, published), open_file=open_file
            )  # 1.
            undo.callback(wal.close)
            sequencer._wal = wal
            if published is not None and published.size > wal.size:  # 2.
                raise EvidenceDamaged(
                    f"{published.size} records are published, the log holds {wal.size}: it was rolled back",
                    f"shard {shard}",
                )
            sequencer._destroy_again()  # 3.
            sequencer._epoch = wal.begin_epoch(sequencer._books.epoch)  # 4.
            try:
                sequencer._write_lost()  # 5.
            except EvidenceUnavailable as error:
                raise OperatorError(f"cannot close the attempts that a crash left open: {error}") from error
            sequencer._look_at_disk()
            sequencer._thread.start()  # 6.
            undo.pop_all()
        return sequencer

    @property
    def shard(self) -> str:
        """The name of the shard."""
        return self._shard

    @property
    def epoch(self) -> int:
        """The boot epoch, from 1; every boot has its own."""
        return self._epoch

    @property
    def healthy(self) -> bool:
        """False once records can no longer be made durable, for good."""
        return not self._refusing

    @property
    def full(self) -> str:
        """Why nothing new can be recorded at this time, for want of room; empty if there is room."""
        return self._full

    async def append(self, draft: Draft) -> DurableRecord:
        """Make one record durable. Raises ``EvidenceUnavailable``.

        If the caller is cancelled, the record may still be written: that is for the books to say, not for the
        caller.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[DurableRecord] = loop.create_future()
        ticket = LoopTicket(draft, loop, answer)
        gathered = self._gathered.get(loop)
        if gathered is None:
            self._gathered[loop] = [ticket]
            loop.call_soon(self._hand_over, loop)
        else:
            gathered.append(ticket)
        return await answer

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give the writer what one turn of the loop brought: those whom one flush woke up share the next one, too."""
        refused: list[Answer] = []
        for ticket in self._gathered.pop(loop):
            try:
                self._enqueue(ticket)
            except EvidenceUnavailable as error:
                refused.append(Answer(ticket, error))
        settle(refused)
        with self._changed:
            self._changed.notify()

    def append_sync(self, draft: Draft) -> DurableRecord:
        """Make one record durable from a thread without an event loop. Raises ``EvidenceUnavailable``."""
        ticket = ThreadTicket(draft)
        self._enqueue(ticket)
        with self._changed:
            self._changed.notify()
        return ticket.answer.result()

    def head(self, size: int | None = None) -> Head:
        """The size and root of what is durable now, or of its first ``size`` records.

        Raises ``ValueError`` for a size that is not durable.
        """
        with self._tree_lock:
            return Head(self._tree.size if size is None else size, self._tree.root(size))

    def consistency_proof(self, old: int, new: int) -> tuple[bytes, ...]:
        """The RFC 6962 proof that the first ``old`` records are the start of the first ``new``.

        Raises ``ValueError`` for sizes that are not durable or not in order.
        """
        with self._tree_lock:
            return self._tree.consistency_proof(old, new)

    def reader(self) -> WalReader:
        """A reader of the log from its first record."""
        return WalReader(self._directory, self._shard)

    def frames(self) -> Iterator[Frame]:
        """All records that are durable now, in order, from the disk."""
        yield from self.reader().read(self.head().size)

    @property
    def shredded(self) -> tuple[Shredded, ...]:
        """What was destroyed, as the records say that were there when the log was opened."""
        return tuple(self._shredded)

    @property
    def counters(self) -> Mapping[str, Counters]:
        """The counters of each TPM in its last ATTESTED record, as they were when the log was opened."""
        return self._counters

    def shred(self, draft: Draft) -> DurableRecord:
        """Make a SHRED record durable, and then destroy the keys of the records that it names. Blocks.

        Raises ``EvidenceUnavailable`` if the record cannot be logged: nothing is destroyed then. ``OperatorError`` if
        it is logged and the keys could not be destroyed; opening the log anew does it.
        """
        record = self.append_sync(draft)
        try:
            self._keys.destroy(shredded_by(record).ranges)
        except OSError as error:
            raise OperatorError(f"record {record.place.seq} names what is not yet destroyed: {error}") from error
        return record

    def close(self) -> None:
        """Make everything that waits durable, then stop. A second call does nothing."""
        with self._changed:
            self._refusing = self._refusing or "the record log was closed"
            self._changed.notify()
        self._thread.join()
        if self._wal is not None:
            self._wal.close()
        self._keys.close()

    def _replay(self, frame: Frame, published: Head | None) -> None:
        self._books.add(frame)
        self._tree.append(leaf_hash(frame.leaf))
        if frame.kind is RecordKind.SHRED and (said := read_shredded(frame.leaf)) is not None:
            self._shredded.append(said)
        if frame.kind is RecordKind.ATTESTED:
            self._counters |= read_counters(frame.leaf)
        if published is not None and self._tree.size == published.size and self._tree.root() != published.root:
            raise EvidenceDamaged(
                f"the first {published.size} records are not those that were published",
                f"shard {self._shard}",
            )

    def _destroy_again(self) -> None:
        try:
            self._keys.require(self._books.size)
            for said in self._shredded:
                self._keys.destroy(said.ranges)
        except OSError as error:
            raise OperatorError(f"cannot read or destroy keys of records: {error}") from error

    def _write_lost(self) -> None:
        lost = [lost_draft(attempt) for attempt in self._books.open_attempts]
        tickets = [ThreadTicket(draft) for draft in lost]
        self._commit(tickets)
        for ticket in tickets:
            ticket.answer.result()

    def _enqueue(self, ticket: Ticket) -> None:
        with self._changed:
            if self._refusing:
                raise EvidenceUnavailable(self._refusing)
            if self._full and ticket.draft.kind not in FROM_RESERVE:
                raise self._turn_away()
            if len(self._waiting) >= self._queue_max:
                raise EvidenceUnavailable(f"{self._queue_max} records already wait to be made durable")
            self._waiting.append(ticket)

    def _run(self) -> None:
        taken: Sequence[Ticket] | None = ()
        try:
            while (taken := self._take()) is not None:
                self._look_at_disk()
                self._commit(taken)
        finally:
            # After a close nothing is left here. After a fault of ours nobody may wait for ever.
            self._stop("the writer of the record log ended", None, taken or ())

    def _take(self) -> Sequence[Ticket] | None:
        """Everything that waits, up to one batch; ``None`` once the log refuses and the queue is empty.

        Nobody waits for company: a lone record goes at once, and what comes while it is flushed goes together. With
        nothing to do it is time to look at the disk.
        """
        with self._changed:
            if not self._waiting and not self._refusing:
                self._changed.wait(LOOK_SECONDS)
            if not self._waiting and self._refusing:
                return None
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH_FRAMES_MAX))]

    def _look_at_disk(self) -> None:
        """Take nothing new while there is too little room, and go on once there is enough."""
        now = time.monotonic()
        if self._wal is None or now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        try:
            room = self._measure(self._wal)
        except OSError as error:
            self._fill(f"the room on the disk cannot be seen: {error}")
            return
        if room.shortage:
            self._fill(room.shortage)
        elif self._full and room.plenty and now - self._full_since >= FULL_SECONDS_MIN:
            self._resume(room)

    def _fill(self, reason: str) -> None:
        """Take nothing new from now on, and write that down."""
        if self._full:
            return
        with self._changed:
            self._full, self._full_since, self._turned_away = f"the disk is full: {reason}", time.monotonic(), 0
        log.warning("shard %s takes nothing new: %s", self._shard, self._full)
        self._note({"full": True})

    def _resume(self, room: Room) -> None:
        if self._wal is None or not self._wal.resume():
            return
        with self._changed:
            self._full, turned_away = "", self._turned_away
        log.warning("shard %s goes on: %d bytes are free", self._shard, room.free_bytes)
        self._note({"full": False, "turned_away": turned_away})

    def _turn_away(self) -> DiskFull:
        with self._changed:
            self._turned_away += 1
        return DiskFull(self._full)

    def _note(self, disk: dict[str, JsonValue]) -> None:
        """Write down how the disk is. Where there is no room even for that, the log of the process has said it."""
        draft = Draft(RecordKind.PERIOD, "", {"disk": disk}, {})
        self._commit([ThreadTicket(draft)], also=RecordKind.PERIOD)

    def _commit(self, tickets: Sequence[Ticket], also: RecordKind | None = None) -> None:
        """Make a group durable and answer each of its tickets; more than one write only for many bytes.

        On a full disk only what may use the reserve is written, and ``also``.
        """
        pending = deque(tickets)
        while pending:
            batch = Batch()
            written = self._clock.utc_now()
            sealed: list[_Sealing] = []
            refused: list[Answer] = []
            while pending and not batch.full:
                ticket = pending.popleft()
                if self._full and ticket.draft.kind not in FROM_RESERVE and ticket.draft.kind is not also:
                    refused.append(Answer(ticket, self._turn_away()))
                    continue
                try:
                    sealed.append(self._seal(ticket, written, batch))
                except ValueError as error:
                    refused.append(Answer(ticket, unavailable(f"the record cannot be logged: {error}", error)))
            try:
                durable = self._write(sealed, batch)
            except DiskFull as error:
                durable = []
                if self._full:
                    refused += [Answer(one.ticket, unavailable(str(error), error)) for one in sealed]
                else:
                    self._fill(str(error))
                    pending.extendleft(one.ticket for one in reversed(sealed))  # once more, out of the reserve
            except EvidenceUnavailable as error:
                settle(refused)
                self._stop(str(error), error.__cause__, [*(one.ticket for one in sealed), *pending])
                return
            settle([*durable, *refused])
            if self._wal is not None and self._wal.full:
                self._fill(self._wal.full)

    def _seal(self, ticket: Ticket, time: str, batch: Batch) -> _Sealing:
        """Give a draft its place in the batch. Raises ``ValueError``, changing nothing, if it cannot."""
        draft = ticket.draft
        if objection := self._books.objection(draft.kind, draft.exchange):
            raise ValueError(objection)
        if "exchange" in draft.public:
            raise ValueError("the exchange id belongs in the header of the record, not in its public fields")
        place = Place(self._shard, self._epoch, self._books.size, time, self._profile)
        try:
            key = self._keys.key(place.seq, place.epoch)
        except (OSError, EvidenceDamaged) as error:
            raise ValueError(f"it would have no key: {error}") from error
        sealed = seal(draft, place, key, secrets.token_bytes(NONCE_BYTES))
        frame = Frame(place.seq, place.epoch, draft.kind, draft.exchange, sealed.leaf, sealed.contents)
        batch.add(frame)
        self._books.add(frame)
        return _Sealing(ticket, place, sealed.hash, len(sealed.leaf) + len(sealed.contents))

    def _write(self, sealed: Sequence[_Sealing], batch: Batch) -> list[Answer]:
        """Make a batch durable. If there is no room for it, the books are as they were before it was sealed."""
        if not sealed:
            return []
        if self._wal is None:
            raise EvidenceUnavailable("the record log is not open")
        try:
            self._wal.append(batch)
        except DiskFull:
            self._books.take_back(batch.frames)
            raise
        with self._tree_lock:
            for one in sealed:
                self._tree.append(one.leaf_hash)
        return [
            Answer(one.ticket, mint_durable(one.ticket.draft, one.place, one.leaf_hash, one.size)) for one in sealed
        ]

    def _stop(self, reason: str, cause: BaseException | None, taken: Sequence[Ticket]) -> None:
        """Refuse from now on, and answer everybody who waits. A ticket that was answered keeps its answer."""
        with self._changed:
            self._refusing = self._refusing or reason
            tickets = [*taken, *self._waiting]
            self._waiting.clear()
        settle([Answer(ticket, unavailable(reason, cause)) for ticket in tickets])


class _Sealing(msgspec.Struct, frozen=True):
    ticket: Ticket
    place: Place
    leaf_hash: bytes
    size: int
