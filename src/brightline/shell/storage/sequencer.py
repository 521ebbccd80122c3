# SPDX-License-Identifier: Apache-2.0
"""The single writer of a shard: it gives records their place, makes them durable, and only then says so.

One thread takes all drafts that wait, gives them contiguous sequence numbers, the boot epoch and the time,
seals them, and makes the group durable with one write and one flush. A record that cannot be sealed, or that
does not fit the books (a second ATTEMPT, an OUTCOME of nothing), fails alone and takes no number. A write
that fails ends the writer, and with it the service, until the log is opened anew.

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
import concurrent.futures
import contextlib
import secrets
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Self

import msgspec

from brightline.core.errors import EvidenceDamaged, EvidenceUnavailable, OperatorError
from brightline.core.evidence.batch import BATCH_FRAMES_MAX, Batch, Books, Frame, lost_draft
from brightline.core.evidence.merkle import Tree, leaf_hash
from brightline.core.evidence.record import Draft, DurableRecord, Place, RecordKind, mint_durable, seal
from brightline.core.evidence.sealing import NONCE_BYTES
from brightline.core.evidence.shred import Shredded, read_shredded, shredded_by
from brightline.core.ports import Clock
from brightline.shell.storage.vault import RecordKeys, Vault
from brightline.shell.storage.wal import OpenFile, OsAppendFile, Wal, WalReader

QUEUE_MAX: Final = 4096


class Head(msgspec.Struct, frozen=True):
    """A size of the log and the RFC 6962 root (32 bytes) of that many leaves."""

    size: int
    root: bytes


class Sequencer:
    """The :class:`~brightline.core.ports.RecordLog` of one shard, for any number of threads and loops."""

    def __init__(
        self, directory: Path, shard: str, profile: str, clock: Clock, keys: RecordKeys, queue_max: int
    ) -> None:
        self._directory = directory
        self._keys = keys
        self._shredded: list[Shredded] = []
        self._shard = shard
        self._profile = profile
        self._clock = clock
        self._queue_max = queue_max
        self._books = Books(shard)
        self._tree = Tree()
        self._tree_lock = threading.Lock()
        self._wal: Wal | None = None
        self._epoch = 0
        self._waiting: deque[_Ticket] = deque()
        self._changed = threading.Condition()
        self._refusing = ""
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
    ) -> Self:
        """Open the log of ``shard`` under ``directory``, close what a crash left open, and start to serve.

        ``vault`` is where the keys of its records lie. ``published`` is what the public checkpoint says
        (``publisher.read_published``), or ``None`` if nothing was published yet. Raises ``EvidenceDamaged`` if the log
        is not what was written or published, and ``OperatorError`` if it has another writer or cannot be opened.
        """
        with contextlib.ExitStack() as undo:
            keys = vault.writer(shard)
            undo.callback(keys.close)
            sequencer = cls(directory, shard, profile, clock, keys, queue_max)
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

    async def append(self, draft: Draft) -> DurableRecord:
        """Make one record durable. Raises ``EvidenceUnavailable``.

        If the caller is cancelled, the record may still be written: that is for the books to say, not for the
        caller.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[DurableRecord] = loop.create_future()
        self._enqueue(_LoopTicket(draft, loop, answer))
        return await answer

    def append_sync(self, draft: Draft) -> DurableRecord:
        """Make one record durable from a thread without an event loop. Raises ``EvidenceUnavailable``."""
        ticket = _ThreadTicket(draft)
        self._enqueue(ticket)
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
        tickets = [_ThreadTicket(draft) for draft in lost]
        self._commit(tickets)
        for ticket in tickets:
            ticket.answer.result()

    def _enqueue(self, ticket: _Ticket) -> None:
        with self._changed:
            if self._refusing:
                raise EvidenceUnavailable(self._refusing)
            if len(self._waiting) >= self._queue_max:
                raise EvidenceUnavailable(f"{self._queue_max} records already wait to be made durable")
            self._waiting.append(ticket)
            self._changed.notify()

    def _run(self) -> None:
        taken: Sequence[_Ticket] = ()
        try:
            while taken := self._take():
                self._commit(taken)
        finally:
            # After a close nothing is left here. After a fault of ours nobody may wait for ever.
            self._stop("the writer of the record log ended", None, taken)

    def _take(self) -> Sequence[_Ticket]:
        """Everything that waits, up to one batch; nothing once the log refuses and the queue is empty."""
        with self._changed:
            while not self._waiting and not self._refusing:
                self._changed.wait()
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH_FRAMES_MAX))]

    def _commit(self, tickets: Sequence[_Ticket]) -> None:
        """Make a group durable and answer each of its tickets; more than one write only for many bytes."""
        pending = deque(tickets)
        while pending:
            batch = Batch()
            time = self._clock.utc_now()
            sealed: list[_Sealing] = []
            refused: list[_Answer] = []
            while pending and not batch.full:
                ticket = pending.popleft()
                try:
                    sealed.append(self._seal(ticket, time, batch))
                except ValueError as error:
                    refused.append(_Answer(ticket, _unavailable(f"the record cannot be logged: {error}", error)))
            if sealed:
                try:
                    self._write(batch)
                except EvidenceUnavailable as error:
                    _settle(refused)
                    self._stop(str(error), error.__cause__, [*(one.ticket for one in sealed), *pending])
                    return
            durable = [_Answer(one.ticket, mint_durable(one.ticket.draft, one.place, one.leaf_hash)) for one in sealed]
            _settle([*durable, *refused])

    def _seal(self, ticket: _Ticket, time: str, batch: Batch) -> _Sealing:
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
        return _Sealing(ticket, place, sealed.hash)

    def _write(self, batch: Batch) -> None:
        if self._wal is None:
            raise EvidenceUnavailable("the record log is not open")
        self._wal.append(batch)
        with self._tree_lock:
            for frame in batch.frames:
                self._tree.append(leaf_hash(frame.leaf))

    def _stop(self, reason: str, cause: BaseException | None, taken: Sequence[_Ticket]) -> None:
        """Refuse from now on, and answer everybody who waits. A ticket that was answered keeps its answer."""
        with self._changed:
            self._refusing = self._refusing or reason
            tickets = [*taken, *self._waiting]
            self._waiting.clear()
        _settle([_Answer(ticket, _unavailable(reason, cause)) for ticket in tickets])


class _LoopTicket:
    """A draft for which a coroutine waits."""

    def __init__(self, draft: Draft, loop: asyncio.AbstractEventLoop, answer: asyncio.Future[DurableRecord]) -> None:
        self.draft = draft
        self.loop = loop
        self.answer = answer


class _ThreadTicket:
    """A draft for which a thread waits."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.answer: concurrent.futures.Future[DurableRecord] = concurrent.futures.Future()


_Ticket = _LoopTicket | _ThreadTicket


class _Sealing(msgspec.Struct, frozen=True):
    ticket: _Ticket
    place: Place
    leaf_hash: bytes


class _Answer(msgspec.Struct, frozen=True):
    ticket: _Ticket
    outcome: DurableRecord | EvidenceUnavailable


def _settle(answers: Sequence[_Answer]) -> None:
    """Answer tickets in order, with one wake-up for each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[DurableRecord], _Answer]]] = {}
    for answer in answers:
        match answer.ticket:
            case _LoopTicket(loop=loop, answer=future):
                by_loop.setdefault(loop, []).append((future, answer))
            case _ThreadTicket(answer=waiting):
                if not waiting.done():
                    _resolve(waiting, answer)
    for loop, resolved in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve_all, resolved)
        except RuntimeError:
            continue  # the loop is closed, so nobody waits there any more


def _resolve_all(resolved: Sequence[tuple[asyncio.Future[DurableRecord], _Answer]]) -> None:
    for future, answer in resolved:
        if not future.done():  # a caller may have been cancelled
            _resolve(future, answer)


def _resolve(
    future: asyncio.Future[DurableRecord] | concurrent.futures.Future[DurableRecord], answer: _Answer
) -> None:
    if isinstance(answer.outcome, EvidenceUnavailable):
        future.set_exception(answer.outcome)
    else:
        future.set_result(answer.outcome)


def _unavailable(reason: str, cause: BaseException | None) -> EvidenceUnavailable:
    """One error for each who waits: a shared one would gather their tracebacks."""
    error = EvidenceUnavailable(reason)
    error.__cause__ = cause
    return error
