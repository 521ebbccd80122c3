# SPDX-License-Identifier: Apache-2.0
"""The writer of a shard's log: where a record becomes durable, and what one failure ends.

**A full disk.** A reserve of ``RESERVE_BYTES`` is kept beyond the end of the segment that is written, where no other
program can take them and no reader sees them. When they cannot be kept any more the log is ``full``: what is appended
still goes to the disk, out of the reserve, until that is used up. A batch for which there is no room is not in the
log, in whole or in part, and the log goes on (``DiskFull``). :meth:`Wal.resume` keeps the reserve again and ends it.
Where the file system cannot keep space, a full disk is met by a write that fails and is cut off.

**Anything else that fails** ends the writer for good. It never flushes a second time: the kernel may have dropped the
pages that failed and would report success for bytes that are not on the disk. For the same reason opening a log writes
its last bytes once more before it trusts them.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn, Self

from brightline.core.errors import DiskFull, EvidenceDamaged, EvidenceUnavailable, OperatorError
from brightline.core.evidence.batch import BATCH_BYTES_MAX, FRAME_BYTES_MAX, Batch, Frame, scan_frames
from brightline.files import write_all
from brightline.shell.storage.append_file import CANNOT_KEEP, NO_SPACE, AppendFile, OpenFile, OsAppendFile
from brightline.shell.storage.durable import HeldDirectory, WriterLock
from brightline.shell.storage.room import Room
from brightline.shell.storage.wal import segment_name, segments_in, shard_directory

SEGMENT_BYTES_MAX: Final = 64 << 20  # a segment is read whole, so this bounds the memory of opening
RESERVE_BYTES: Final = 2 << 20  # the ends of several hundred exchanges; on a small disk less
RESERVE_SHARE: Final = 16  # of a small disk, one part in so many
_TAIL_BYTES: Final = BATCH_BYTES_MAX + FRAME_BYTES_MAX  # the most that one group commit writes

log = logging.getLogger("brightline.evidence")


class Wal:
    """The writer of one shard's log. One thread at a time may call it."""

    def __init__(
        self,
        directory: HeldDirectory,
        lock: WriterLock,
        open_file: OpenFile,
        segment_bytes_max: int,
    ) -> None:
        self._directory = directory
        self._lock = lock
        self._open_file = open_file
        self._segment_bytes_max = segment_bytes_max
        self._file: AppendFile | None = None
        self._offset = 0  # the end of the last durable frame in the segment that is open
        self._reserve = RESERVE_BYTES
        self._kept = 0  # up to where in that segment space is kept
        self._can_keep = True
        self._size = 0
        self._dead = ""
        self._full = ""

    @classmethod
    def open(
        cls,
        directory: Path,
        shard: str,
        visit: Callable[[Frame], None],
        *,
        open_file: OpenFile = OsAppendFile.open,
        segment_bytes_max: int = SEGMENT_BYTES_MAX,
    ) -> Self:
        """Take the writer's lock, verify every byte, cut a torn tail, show each frame to ``visit`` in order.

        When it returns, every frame that was shown is on the disk. Raises ``ConfigError`` for a shard name
        that is no name, ``OperatorError`` if there is a writer already or the folder cannot be used, and
        ``EvidenceDamaged`` (also out of ``visit``) if the log is not what was written.
        """
        path = shard_directory(directory, shard)
        with contextlib.ExitStack() as undo:
            try:
                held = HeldDirectory.create(path)
                undo.callback(held.close)
                held.set_mode(0o700)
                lock = WriterLock.take(held)
                undo.callback(lock.release)
                wal = cls(held, lock, open_file, segment_bytes_max)
                undo.callback(wal.close)
                wal._recover(visit)
                wal._reserve = min(RESERVE_BYTES, held.room().whole_bytes // RESERVE_SHARE)
                wal._keep(wal._opened, wal._reserve)
            except OSError as error:
                raise OperatorError(f"cannot open the log in {path}: {error}") from error
            undo.pop_all()
        return wal

    @property
    def size(self) -> int:
        """The number of durable records."""
        return self._size

    @property
    def healthy(self) -> bool:
        """False after the first failure, for good."""
        return not self._dead

    @property
    def full(self) -> str:
        """Why the reserve is not whole; empty if it is."""
        return self._full

    def room(self) -> Room:
        """How much room there is where the log lies. Raises ``OSError``."""
        return self._directory.room()

    def resume(self) -> bool:
        """Keep the whole reserve again if there is room now; false if there is not."""
        if self._dead:
            return False
        try:
            self._keep(self._opened, self._reserve)
        except OSError:
            return False
        self._full = ""
        return True

    def begin_epoch(self, epoch_logged: int) -> int:
        """Begin the next boot epoch: one more than any before it, durable when this returns.

        ``epoch_logged`` is the highest epoch that a record names. Raises ``EvidenceDamaged`` if the file that
        counts boots is gone or behind, ``OperatorError`` if it cannot be written.
        """
        place = f"{self._directory.path}/epoch"
        try:
            text = self._directory.read("epoch")
            if text is None:
                begun = 0
            elif re.fullmatch(rb"[1-9][0-9]{0,17}\n", text):
                begun = int(text)
            else:
                raise EvidenceDamaged("the count of boots is not a number", place)
            if begun < epoch_logged:
                raise EvidenceDamaged(f"boot {begun} was begun last, but a record names boot {epoch_logged}", place)
            self._directory.replace("epoch", b"%d\n" % (begun + 1))
        except OSError as error:
            raise OperatorError(f"cannot begin a boot epoch in {place}: {error}") from error
        return begun + 1

    def append(self, batch: Batch) -> None:
        """Make a batch durable: one write, one flush.

        Raises ``DiskFull`` if there is no room: nothing of the batch is in the log then. Raises
        ``EvidenceUnavailable`` if anything else fails, from then on always.
        """
        if self._dead:
            raise EvidenceUnavailable(f"the record log stopped and must be opened anew: {self._dead}")
        frames, data = batch.frames, batch.data
        if not frames or frames[0].seq != self._size:
            raise ValueError(f"a batch must start at record {self._size}")
        try:
            file = self._segment_for(len(data))
            self._keep_room(len(data))
        except OSError as error:
            self._die(f"no segment can be made ready: {error}", error)
        try:
            written = file.write(data)
        except OSError as error:
            if error.errno in NO_SPACE:
                self._take_back_write(f"a write failed: {error}", error)
            self._cut()
            self._die(f"a write failed: {error}", error)
        if written != len(data):
            # The rest would fail for the reason that cut this write short; half a frame must never be
            # followed.
            self._take_back_write(f"only {written} of {len(data)} bytes were written; is the disk full?", None)
        try:
            file.sync()
        except OSError as error:
            self._die(f"a flush failed: {error}", error)
        self._offset += len(data)
        self._size += len(frames)

    def close(self) -> None:
        """Give back descriptors and the lock; a second call does nothing."""
        self._dead = self._dead or "it was closed"
        if self._file is not None:
            self._file.close()
            self._file = None
        self._lock.release()
        self._directory.close()

    def _recover(self, visit: Callable[[Frame], None]) -> None:
        names = segments_in(self._directory)
        for name in names:
            place = f"{self._directory.path}/{name}"
            if name != segment_name(self._size):
                raise EvidenceDamaged(f"record {self._size} should stand at the start of a segment", place)
            data = self._directory.read(name)
            if data is None:
                raise EvidenceDamaged("the segment vanished while it was read", place)
            result = scan_frames(data, place)
            if result.torn and name != names[-1]:
                raise EvidenceDamaged(f"{result.torn}, and a later segment follows", place)
            for frame in result.frames:
                if frame.seq != self._size:
                    raise EvidenceDamaged(f"record {frame.seq} stands where record {self._size} should", place)
                visit(frame)
                self._size += 1
            if name == names[-1]:
                self._make_tail_durable(name, data[: result.valid_bytes])
                self._offset = result.valid_bytes
        name = names[-1] if names else segment_name(0)
        self._file = self._open_file(self._directory, name)
        self._directory.sync()

    def _make_tail_durable(self, name: str, data: bytes) -> None:
        """Cut what is torn, and write the last commit once more.

        A flush that failed before this boot may have left pages that read well and are not on the disk.
        Writing the same bytes makes them dirty again, so that the flush below says the truth.
        """
        fd = self._directory.open_file(name, os.O_RDWR)
        try:
            if os.fstat(fd).st_size > len(data):  # a cut to the same size would give the reserve back
                os.ftruncate(fd, len(data))
            start = max(0, len(data) - _TAIL_BYTES)
            os.lseek(fd, start, os.SEEK_SET)
            write_all(fd, data[start:])
            os.fsync(fd)
        finally:
            os.close(fd)

    @property
    def _opened(self) -> AppendFile:
        if self._file is None:
            raise ValueError("the log is not open")
        return self._file

    def _segment_for(self, bytes_more: int) -> AppendFile:
        """The segment that the next batch goes to. A new one is begun only where it can keep the reserve as well."""
        old = self._opened
        if self._full or not self._offset or self._offset + bytes_more <= self._segment_bytes_max:
            return old
        name = segment_name(self._size)
        kept = self._kept
        try:
            new = self._open_file(self._directory, name)
        except OSError as error:
            if error.errno not in NO_SPACE:
                raise
            self._full = f"a segment cannot be made: {error}"
            return old
        offset, self._offset = self._offset, 0
        try:
            self._keep(new, bytes_more + self._reserve)
        except OSError as error:
            # Nothing may follow in the old segment while an empty one stands behind it: a later boot would take the
            # latter for the end of the log.
            self._offset, self._kept = offset, kept
            new.close()
            self._directory.remove(name)
            if error.errno not in NO_SPACE:
                raise
            self._full = f"a segment cannot be made: {error}"
            return old
        self._directory.sync()  # the name must be durable before any frame in it is acknowledged
        old.truncate(offset)  # its reserve is not needed any more
        old.close()
        self._file = new
        return new

    def _keep_room(self, bytes_more: int) -> None:
        """See to it that the reserve is whole once so many bytes are written. Raises ``DiskFull`` if they do not fit.

        Also raises ``OSError`` where space cannot be kept for a reason of its own.
        """
        if not self._can_keep or self._offset + bytes_more + self._reserve <= self._kept:
            return
        if not self._full:
            for bytes_ahead in (self._reserve // 2, 0):
                try:
                    self._keep(self._opened, bytes_more + self._reserve + bytes_ahead)
                except OSError as error:
                    if error.errno not in NO_SPACE:
                        raise
                    self._full = f"no reserve can be kept: {error}"
                    continue
                self._full = ""
                return
        if self._can_keep and self._offset + bytes_more > self._kept:
            try:
                self._keep(self._opened, bytes_more)
            except OSError as error:
                if error.errno not in NO_SPACE:
                    raise
                raise DiskFull(f"the reserve is used up: {self._full}") from error

    def _keep(self, file: AppendFile, size: int) -> None:
        """Keep ``size`` bytes beyond the offset in ``file``. Raises ``OSError``."""
        if not self._can_keep:
            return
        try:
            file.keep(self._offset, size)
        except OSError as error:
            if error.errno not in CANNOT_KEEP:
                raise
            self._can_keep = False
            log.warning("%s lies where no space can be kept: a full disk leaves no reserve", self._directory.path)
            return
        self._kept = self._offset + size

    def _take_back_write(self, reason: str, cause: OSError | None) -> NoReturn:
        """Take back a write for which there was no room. If that cannot be done, nothing may follow it."""
        if not self._cut():
            self._die(f"{reason}, and it cannot be taken back", cause)
        self._kept = self._offset
        self._full = reason
        raise DiskFull(reason) from cause

    def _cut(self) -> bool:
        """Take back a write that failed. If that fails too, the next boot does it: nothing follows it."""
        try:
            self._opened.truncate(self._offset)
        except OSError:
            return False
        return True

    def _die(self, reason: str, cause: OSError | None) -> NoReturn:
        self._dead = reason
        raise EvidenceUnavailable(f"the record log stopped: {reason}") from cause
