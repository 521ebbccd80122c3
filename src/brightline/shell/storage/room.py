# SPDX-License-Identifier: Apache-2.0
"""How much room is left on a disk, what is too little, and what is enough to go on."""

from __future__ import annotations

from typing import Final

import msgspec

FREE_BYTES_MIN: Final = 32 << 20
FREE_SHARE_MIN: Final = 64  # on a small disk, one part in so many
FREE_FILES_MIN: Final = 64
PLENTY: Final = 2  # times what is too little: between the two, nothing changes


class Room(msgspec.Struct, frozen=True):
    """The room of a file system, for those who are not root. ``free_files`` is ``None`` where none are counted."""

    free_bytes: int
    whole_bytes: int
    free_files: int | None

    @property
    def shortage(self) -> str:
        """What there is too little of; empty if there is enough."""
        if self.free_bytes < self._least:
            return f"{self.free_bytes} bytes are free, fewer than {self._least}"
        if self.free_files is not None and self.free_files < FREE_FILES_MIN:
            return f"room for {self.free_files} files is left, fewer than {FREE_FILES_MIN}"
        return ""

    @property
    def plenty(self) -> bool:
        """Whether there is so much that a shortage has ended."""
        return not self.shortage and self.free_bytes >= PLENTY * self._least

    @property
    def _least(self) -> int:
        return min(FREE_BYTES_MIN, self.whole_bytes // FREE_SHARE_MIN)
