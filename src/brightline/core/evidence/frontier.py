# SPDX-License-Identifier: Apache-2.0
"""The roots of a log's earlier sizes, in one pass and bounded memory: who knows late where to look still can.

A verifier reads bundles of 256 leaves and learns only afterwards of which size somebody claimed a root. The frontier
holds the last bundles themselves, and of everything before them one hash for each bit of the size (RFC 6962, section
2.1: a tree is its largest complete subtree and the rest).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from brightline.core.evidence.audit_memory import Edge
from brightline.core.evidence.merkle import EMPTY_ROOT, HASH_BYTES, node_hash, root_of
from brightline.core.evidence.tile import TILE_LEVEL_BITS, TILE_WIDTH

BUNDLES_MAX: Final = 68  # 16,384 records and a little


class Frontier:
    """Give it every bundle in order. Sizes are asked for from small to large."""

    def __init__(self, bundles_max: int = BUNDLES_MAX) -> None:
        self._bundles_max = bundles_max
        self._waiting: deque[tuple[Sequence[bytes], bytes]] = deque()  # leaf hashes, and their root if it is known
        self._position = 0  # leaves whose bundles were let go; a multiple of 256
        self._complete: list[tuple[int, bytes]] = []  # (height, root) of complete subtrees, the largest first
        self._size = 0
        self._first = 0  # sizes before this were another pass's
        self._began: list[bytes] = []  # of the bundle in whose midst that pass ended

    @property
    def size(self) -> int:
        """How many leaves were taken in."""
        return self._size

    def resume(self, edge: Edge) -> None:
        """Go on from where an earlier pass ended: nothing before that has a root here."""
        for level in range(len(edge.rows) - 1, 0, -1):
            row = edge.rows[level]
            for at in range(0, len(row), HASH_BYTES):
                self._push(level * TILE_LEVEL_BITS, row[at : at + HASH_BYTES])
        partial = edge.rows[0] if edge.rows else b""
        self._began = [partial[at : at + HASH_BYTES] for at in range(0, len(partial), HASH_BYTES)]
        self._size = edge.size
        self._position = edge.size - len(self._began)
        self._first = edge.size

    def take(self, hashes: Sequence[bytes], root: bytes = b"") -> None:
        """Take in the next bundle: 256 leaf hashes, or fewer in the last one; and their root where it is known."""
        self._size += len(hashes)
        if self._began:
            hashes, self._began = [*self._began, *hashes], []
        self._waiting.append((hashes, root))
        if len(self._waiting) > self._bundles_max:
            self._let_go()

    def root(self, size: int) -> bytes | None:
        """The root of the first ``size`` leaves; ``None`` if that is too long ago, or not there yet."""
        if not max(self._position, self._first) <= size <= self._size:
            return None
        while self._position + TILE_WIDTH <= size:
            self._let_go()
        parts = [root for _, root in self._complete]
        if size > self._position:
            last = self._waiting[0][0] if self._waiting else self._began
            parts.append(root_of(last[: size - self._position]))
        if not parts:
            return EMPTY_ROOT
        root = parts.pop()
        while parts:
            root = node_hash(parts.pop(), root)
        return root

    def _let_go(self) -> None:
        hashes, known = self._waiting.popleft()
        self._position += len(hashes)
        self._push(TILE_LEVEL_BITS, known or root_of(hashes))

    def _push(self, height: int, root: bytes) -> None:
        while self._complete and self._complete[-1][0] == height:
            root = node_hash(self._complete.pop()[1], root)
            height += 1
        self._complete.append((height, root))
