# SPDX-License-Identifier: Apache-2.0
"""Records of a log by their numbers, from the private log as it lies: for who looks at some of them, in any order.

A segment is read and checked whole, so the last two are kept: what a shard needs beside its own records, such as the
OUTCOME of a case at its edge, mostly lies in one of them.
"""

from __future__ import annotations

import bisect
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from brightline.core.errors import EvidenceDamaged, OperatorError
from brightline.core.evidence.batch import Frame, scan_frames
from brightline.shell.storage.wal import segment_name, shard_directory

SEGMENTS_KEPT: Final = 2  # of 64 MiB each, and what becomes of them in memory


class Records:
    """The records of all logs below a folder. For one thread."""

    def __init__(self, wal: Path) -> None:
        self._wal = wal
        self._firsts: dict[str, list[int]] = {}
        self._kept: OrderedDict[tuple[str, int], tuple[Frame, ...]] = OrderedDict()

    def between(self, log: str, start: int, end: int) -> Iterator[Frame]:
        """Records ``start`` to before ``end``. Raises ``EvidenceDamaged`` for one that is not there, or is another."""
        at = start
        while at < end:
            first, frames = self._segment(log, at)
            for frame in frames[at - first : end - first]:
                if frame.seq != at:
                    raise EvidenceDamaged(f"record {frame.seq} stands where record {at} should", f"shard {log}")
                yield frame
                at += 1

    def one(self, log: str, seq: int) -> Frame:
        """One record. Raises as :meth:`between`."""
        return next(self.between(log, seq, seq + 1))

    def _segment(self, log: str, seq: int) -> tuple[int, tuple[Frame, ...]]:
        """The segment in which a record lies, and its first number; read anew where it has grown since."""
        for known in (True, False):
            if not known or log not in self._firsts:
                self._firsts[log] = self._list(log)
            at = bisect.bisect_right(self._firsts[log], seq) - 1
            if at < 0:
                continue
            first = self._firsts[log][at]
            if not known or (log, first) not in self._kept:
                self._kept[log, first] = self._read(log, first)
            self._kept.move_to_end((log, first))
            if len(self._kept) > SEGMENTS_KEPT:
                self._kept.popitem(last=False)
            frames = self._kept[log, first]
            if seq < first + len(frames):
                return first, frames
        raise EvidenceDamaged("it was planned and is not here", f"shard {log}, record {seq}")

    def _list(self, log: str) -> list[int]:
        folder = shard_directory(self._wal, log)
        try:
            return sorted(
                int(path.stem) for path in folder.iterdir() if path.suffix == ".wal" and path.stem.isdecimal()
            )
        except OSError as error:
            raise OperatorError(f"cannot read the log {folder}: {error.strerror}") from error

    def _read(self, log: str, first: int) -> tuple[Frame, ...]:
        path = shard_directory(self._wal, log) / segment_name(first)
        try:
            return scan_frames(path.read_bytes(), str(path)).frames
        except OSError as error:
            raise OperatorError(f"cannot read the log {path}: {error.strerror}") from error
