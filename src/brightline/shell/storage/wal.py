# SPDX-License-Identifier: Apache-2.0
"""The private write-ahead log of one shard, and reading it: the only copy of a record that counts as durable.

``<directory>/<shard>/`` (0700) holds, each 0600:

- ``<first seq, 20 digits>.wal``: segments of frames (``core/evidence/batch.py``), appended to and never
  rewritten;
- ``epoch``: the boot epoch that was begun last;
- ``lock``: held by the one writer (``wal_writer.py``).

Nothing here changes anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.errors import ConfigError, EvidenceDamaged, OperatorError
from brightline.core.evidence.batch import FRAME_BYTES_MAX, Frame, ScanResult, scan_frames
from brightline.core.evidence.record import unix_of
from brightline.shell.storage.durable import HeldDirectory, sync_data

_SHARD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SEGMENT: Final = re.compile(r"([0-9]{20})\.wal")
_LAST_BYTES: Final = 16  # of a frame: the digest that ends it


class _Time(msgspec.Struct, frozen=True):
    time: str


_TIME: Final = msgspec.json.Decoder(_Time)


class ReadTo(msgspec.Struct, frozen=True):
    """How far a shard was read: the first record of the segment, the bytes of it, the records in all, and the digest
    that ends the last of them. Whoever keeps one goes on there later."""

    segment: int = 0
    offset: int = 0
    size: int = 0
    last: bytes = b""


FROM_THE_START: Final = ReadTo()


class WalReader:
    """Reads the frames of a shard from the start, or from where somebody read to, also while the writer appends.

    :meth:`read` is told how many records are durable and never looks past them, so it meets no half-written frame.
    :meth:`read_whole` is for those who may not believe what they are told: it reads whatever stands in the log.
    """

    def __init__(self, directory: Path, shard: str, read_to: ReadTo = FROM_THE_START) -> None:
        self._path = shard_directory(directory, shard)
        self._segment = read_to.segment  # the first record of the segment that is read
        self._offset = read_to.offset
        self._size = read_to.size
        self._last = read_to.last  # the digest that ends the frame before the offset

    @property
    def size(self) -> int:
        """The number of records read so far."""
        return self._size

    @property
    def read_to(self) -> ReadTo:
        """How far it has read."""
        return ReadTo(self._segment, self._offset, self._size, self._last)

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
            if self._segment == self._size or not (self._path / segment_name(self._size)).exists():
                return
            if result.torn:
                raise EvidenceDamaged(f"{result.torn}, and a later segment follows", str(self._place))
            self._segment, self._offset, self._last = self._size, 0, b""

    def read_part(self) -> tuple[Frame, ...]:
        """The next whole records, of one segment at most; none at the end of the log. Raises as :meth:`read_whole`."""
        while self._size or any(self._path.glob("*.wal")):
            result = self._scan(None, flush=True)
            if result.frames or self._segment == self._size or not (self._path / segment_name(self._size)).exists():
                return result.frames
            if result.torn:
                raise EvidenceDamaged(f"{result.torn}, and a later segment follows", str(self._place))
            self._segment, self._offset, self._last = self._size, 0, b""
        return ()

    @property
    def _place(self) -> Path:
        return self._path / segment_name(self._segment)

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
    size = start_past(directory, shard, skip).size  # a first segment that is simply gone is damage
    try:
        names = sorted(entry.name for entry in path.iterdir() if _SEGMENT.fullmatch(entry.name))
        for name in (name for name in names if name >= segment_name(size) or not size):
            result = scan_frames((path / name).read_bytes(), f"{path}/{name}")
            if name != segment_name(size) or (result.torn and name != names[-1]):
                raise EvidenceDamaged(f"the log does not go on at record {size}", f"{path}/{name}")
            yield from result.frames
            size += len(result.frames)
    except OSError as error:
        raise OperatorError(f"cannot read the log {path}: {error}") from error


def written_before(unix: int) -> Callable[[Frame], bool]:
    """Which frames were written before that time (Unix seconds), for readers to whom they say nothing any more."""
    return lambda frame: unix_of(_TIME.decode(frame.leaf).time) < unix


def start_past(directory: Path, shard: str, skip: Callable[[Frame], bool]) -> ReadTo:
    """Where to begin so that segments which end before a frame that ``skip`` names are left out, unread.

    Raises ``OperatorError`` if the log cannot be read.
    """
    path = shard_directory(directory, shard)
    try:
        names = sorted(entry.name for entry in path.iterdir() if _SEGMENT.fullmatch(entry.name))
        size = 0
        while len(names) > 1 and (first := _first_frame(path / names[1])) is not None and skip(first):
            names.pop(0)
            size = first.seq
    except OSError as error:
        raise OperatorError(f"cannot read the log {path}: {error}") from error
    return ReadTo(segment=size, size=size)


def frames_from(directory: Path, shard: str, seq: int) -> Iterator[Frame]:
    """The frames of a shard from record ``seq`` on; earlier segments stay unread. Raises as :func:`frames_on_disk`."""
    for frame in frames_on_disk(directory, shard, lambda first: first.seq <= seq):
        if frame.seq >= seq:
            yield frame


def _first_frame(path: Path) -> Frame | None:
    with path.open("rb") as file:
        frames = scan_frames(file.read(FRAME_BYTES_MAX), str(path), frames_max=1).frames
    return frames[0] if frames else None


def shards_in(directory: Path) -> list[str]:
    """The names of the shards whose logs lie below ``directory``, in order. Raises ``OSError``."""
    return sorted(entry.name for entry in directory.iterdir() if entry.is_dir())


def shard_directory(directory: Path, shard: str) -> Path:
    """The folder of a shard. Raises ``ConfigError`` for a name that could lead elsewhere."""
    if not _SHARD.fullmatch(shard):
        raise ConfigError(f"shard {shard!r} is no name: letters, digits, '.', '_' and '-' only, at most 64")
    return directory / shard


def segments_in(directory: HeldDirectory) -> list[str]:
    """The names of a shard's segments, in order."""
    return [name for name in directory.names() if _SEGMENT.fullmatch(name)]


def segment_name(seq: int) -> str:
    """The name of the segment that starts with this record."""
    return f"{seq:020d}.wal"
