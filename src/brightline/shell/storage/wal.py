# SPDX-License-Identifier: Apache-2.0
"""The private write-ahead log of one shard: the only copy of a record that counts as durable.

``<directory>/<shard>/`` (0700) holds, each 0600:

- ``<first seq, 20 digits>.wal``: segments of frames (``core/evidence/batch.py``), appended to and never
  rewritten;
- ``epoch``: the boot epoch that was begun last;
- ``lock``: held by the one writer;
- ``reserve``: 1 MiB of written zeros. It is made and kept, and nothing uses it yet: it is there so that a
  full disk can later be answered with room for the outcomes of running exchanges. Today a full disk ends the
  writer at once.

After the first error of a write or flush the writer is dead for good. It never flushes a second time: the
kernel may have dropped the pages that failed and would report success for bytes that are not on the disk. For
the same reason opening a log writes its last bytes once more before it trusts them.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NoReturn, Protocol, Self

from brightline.core.errors import ConfigError, EvidenceDamaged, EvidenceUnavailable, OperatorError
from brightline.core.evidence.batch import (
    BATCH_BYTES_MAX,
    FRAME_BYTES_MAX,
    Batch,
    Frame,
    ScanResult,
    scan_frames,
)
from brightline.shell.storage.durable import HeldDirectory, WriterLock, sync_data, write_whole

SEGMENT_BYTES_MAX: Final = 64 << 20  # a segment is read whole, so this bounds the memory of opening
RESERVE_BYTES: Final = 1 << 20

_SHARD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SEGMENT: Final = re.compile(r"([0-9]{20})\.wal")
_LAST_BYTES: Final = 16  # of a frame: the digest that ends it
_TAIL_BYTES: Final = BATCH_BYTES_MAX + FRAME_BYTES_MAX  # the most that one group commit writes


class AppendFile(Protocol):
    """The four acts on a segment that can fail. Each raises ``OSError``; none is retried."""

    def write(self, data: bytes) -> int:
        """Write at the end; return how many bytes were taken, which may be fewer."""
        ...

    def sync(self) -> None:
        """Return once everything written is on the disk."""
        ...

    def truncate(self, size: int) -> None:
        """Cut the file to ``size`` bytes."""
        ...

    def close(self) -> None:
        """Give the descriptor back."""
        ...


class OsAppendFile:
    """An :class:`AppendFile` on the operating system's."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @classmethod
    def open(cls, directory: HeldDirectory, name: str) -> Self:
        """Open a segment for appending; make it, empty, if there is none."""
        return cls(directory.open_file(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT))

    def write(self, data: bytes) -> int:
        """One ``write(2)``."""
        return os.write(self._fd, data)

    def sync(self) -> None:
        """One ``fdatasync(2)``."""
        sync_data(self._fd)

    def truncate(self, size: int) -> None:
        """One ``ftruncate(2)``."""
        os.ftruncate(self._fd, size)

    def close(self) -> None:
        """One ``close(2)``."""
        os.close(self._fd)


OpenFile = Callable[[HeldDirectory, str], AppendFile]


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
        self._size = 0
        self._dead = ""

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
                wal._keep_reserve()
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
        """Make a batch durable: one write, one flush. Raises ``EvidenceUnavailable``, from then on always."""
        if self._dead:
            raise EvidenceUnavailable(f"the record log stopped and must be opened anew: {self._dead}")
        frames, data = batch.frames, batch.data
        if not frames or frames[0].seq != self._size:
            raise ValueError(f"a batch must start at record {self._size}")
        try:
            file = self._segment_for(len(data))
            written = file.write(data)
        except OSError as error:
            self._cut()
            self._die(f"a write failed: {error}", error)
        if written != len(data):
            # The rest would fail for the reason that cut this write short; half a frame must never be
            # followed.
            self._cut()
            self._die(f"only {written} of {len(data)} bytes were written; is the disk full?", None)
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
        names = _segments(self._directory)
        for name in names:
            place = f"{self._directory.path}/{name}"
            if name != _segment_name(self._size):
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
        name = names[-1] if names else _segment_name(0)
        self._file = self._open_file(self._directory, name)
        self._directory.sync()

    def _make_tail_durable(self, name: str, data: bytes) -> None:
        """Cut what is torn, and write the last commit once more.

        A flush that failed before this boot may have left pages that read well and are not on the disk.
        Writing the same bytes makes them dirty again, so that the flush below says the truth.
        """
        fd = self._directory.open_file(name, os.O_RDWR)
        try:
            os.ftruncate(fd, len(data))
            start = max(0, len(data) - _TAIL_BYTES)
            os.lseek(fd, start, os.SEEK_SET)
            write_whole(fd, data[start:])
            os.fsync(fd)
        finally:
            os.close(fd)

    def _keep_reserve(self) -> None:
        reserve = self._directory.read("reserve")
        if reserve is None or len(reserve) != RESERVE_BYTES:
            self._directory.replace("reserve", bytes(RESERVE_BYTES))

    def _segment_for(self, bytes_more: int) -> AppendFile:
        if self._file is None:
            raise ValueError("the log is not open")
        if self._offset and self._offset + bytes_more > self._segment_bytes_max:
            full, self._file = self._file, None
            full.close()
            self._file, self._offset = self._open_file(self._directory, _segment_name(self._size)), 0
            self._directory.sync()  # the name must be durable before any frame in it is acknowledged
        return self._file

    def _cut(self) -> None:
        """Take back a write that failed. If that fails too, the next boot does it: nothing follows it."""
        if self._file is not None:
            try:
                self._file.truncate(self._offset)
            except OSError:
                return

    def _die(self, reason: str, cause: OSError | None) -> NoReturn:
        self._dead = reason
        raise EvidenceUnavailable(f"the record log stopped: {reason}") from cause


class WalReader:
    """Reads the frames of a shard from the start, also while the writer appends. It changes nothing.

    :meth:`read` is told how many records are durable and never looks past them, so it meets no half-written frame.
    :meth:`read_whole` is for those who may not believe what they are told: it reads whatever stands in the log.
    """

    def __init__(self, directory: Path, shard: str) -> None:
        self._path = shard_directory(directory, shard)
        self._segment = 0  # the first record of the segment that is read
        self._offset = 0
        self._size = 0
        self._last = b""  # the digest that ends the frame before the offset

    @property
    def size(self) -> int:
        """The number of records read so far."""
        return self._size

    def read(self, size: int) -> Iterator[Frame]:
        """Yield the records from where the last call ended up to ``size`` in all.

        Raises ``EvidenceDamaged`` if the log holds fewer or other bytes than were written, and
        ``OperatorError`` if it cannot be read.
        """
        while self._size < size:
            result = self._scan(size - self._size, flush=False)
            if self._size < size:
                if result.torn or self._segment == self._size:
                    raise EvidenceDamaged(f"record {self._size} is durable, but is not here", str(self._place))
                self._segment, self._offset, self._last = self._size, 0, b""
            yield from result.frames

    def read_whole(self) -> Iterator[Frame]:
        """Yield every whole record from where the last call ended, whatever anybody says of the log's size.

        A record may be whole in the file before its writer has flushed it. So the file is flushed here before its
        records are yielded: none of them can vanish with the power. What a writer takes back is the part of a write
        that failed, and in a log whose writes hold one record each that part is never a whole one.

        A torn tail is where it ends: what is being written is there the next time, and what a crash tore was never
        acknowledged. Raises ``EvidenceDamaged`` also if the last record that was read is not there any more, and then
        reads from the same place again when it is called again.
        """
        while True:
            if not self._size and not any(self._path.glob("*.wal")):
                return
            result = self._scan(None, flush=True)
            yield from result.frames
            if self._segment == self._size or not (self._path / _segment_name(self._size)).exists():
                return
            if result.torn:
                raise EvidenceDamaged(f"{result.torn}, and a later segment follows", str(self._place))
            self._segment, self._offset, self._last = self._size, 0, b""

    @property
    def _place(self) -> Path:
        return self._path / _segment_name(self._segment)

    def _scan(self, frames_max: int | None, *, flush: bool) -> ScanResult:
        """Read on in the segment at hand. Changes nothing if it raises."""
        path = self._place
        try:
            with path.open("rb") as file:
                file.seek(self._offset - len(self._last))
                last, data = file.read(len(self._last)), file.read()
                if flush and data:
                    sync_data(file.fileno())
        except OSError as error:
            raise OperatorError(f"cannot read the log {path}: {error}") from error
        if last != self._last:
            raise EvidenceDamaged(f"record {self._size - 1} was here and is not any more", str(path))
        result = scan_frames(data, str(path), self._offset, frames_max)
        for seq, frame in enumerate(result.frames, self._size):
            if frame.seq != seq:
                raise EvidenceDamaged(f"record {frame.seq} stands where record {seq} should", str(path))
        self._offset += result.valid_bytes
        self._size += len(result.frames)
        if result.frames:
            self._last = data[result.valid_bytes - _LAST_BYTES : result.valid_bytes]
        return result


def frames_on_disk(
    directory: Path, shard: str, skip: Callable[[Frame], bool] = lambda _frame: False
) -> Iterator[Frame]:
    """All whole frames of a shard, for readers who have no writer to ask what is durable. It changes nothing.

    Segments that end before a frame which ``skip`` names are left out whole, unread. Ends at a torn tail. Raises
    ``EvidenceDamaged`` and ``OperatorError`` as :class:`WalReader` does.
    """
    path = shard_directory(directory, shard)
    try:
        names = sorted(entry.name for entry in path.iterdir() if _SEGMENT.fullmatch(entry.name))
        size = 0  # a first segment that is simply gone is damage; one that is left out is not
        while len(names) > 1 and (first := _first_frame(path / names[1])) is not None and skip(first):
            names.pop(0)
            size = first.seq
        for name in names:
            result = scan_frames((path / name).read_bytes(), f"{path}/{name}")
            if name != _segment_name(size) or (result.torn and name != names[-1]):
                raise EvidenceDamaged(f"the log does not go on at record {size}", f"{path}/{name}")
            yield from result.frames
            size += len(result.frames)
    except OSError as error:
        raise OperatorError(f"cannot read the log {path}: {error}") from error


def _first_frame(path: Path) -> Frame | None:
    with path.open("rb") as file:
        frames = scan_frames(file.read(FRAME_BYTES_MAX), str(path), frames_max=1).frames
    return frames[0] if frames else None


def shard_directory(directory: Path, shard: str) -> Path:
    """The folder of a shard. Raises ``ConfigError`` for a name that could lead elsewhere."""
    if not _SHARD.fullmatch(shard):
        raise ConfigError(f"shard {shard!r} is no name: letters, digits, '.', '_' and '-' only, at most 64")
    return directory / shard


def _segments(directory: HeldDirectory) -> list[str]:
    return [name for name in directory.names() if _SEGMENT.fullmatch(name)]


def _segment_name(seq: int) -> str:
    return f"{seq:020d}.wal"
