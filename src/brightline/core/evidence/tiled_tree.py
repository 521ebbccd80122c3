# SPDX-License-Identifier: Apache-2.0
"""A published log as a tree that can prove: nodes are read from hash tiles when they are asked for (C2SP tlog-tiles).

Nothing here is believed by being read. A proof that is made of tiles leads to the signed root or it does not, and only
then does it prove anything.
"""

from __future__ import annotations

import contextlib
from typing import Final

from brightline.core.evidence.audit_tree import BUNDLE_BYTES_MAX, TILE_BYTES_MAX, Published, UnreadableError
from brightline.core.evidence.merkle import HASH_BYTES, ProvingTree, root_of
from brightline.core.evidence.tile import (
    TILE_LEVEL_BITS,
    TILE_WIDTH,
    TileError,
    entries_path,
    tile_path,
    unpack_entries,
)

KEPT_TILES_MAX: Final = 64


class TiledTree(ProvingTree):
    """The tree of ``size`` leaves whose tiles lie in a public folder."""

    def __init__(self, published: Published, size: int) -> None:
        self._published = published
        self._size = size
        self._tiles: dict[str, bytes] = {}

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self._size

    def node(self, level: int, index: int) -> bytes:
        """See :class:`ProvingTree`. Raises ``UnreadableError`` for a tile that does not read."""
        row, above = divmod(level, TILE_LEVEL_BITS)
        first, count = index << above, 1 << above
        items = self._size >> (row * TILE_LEVEL_BITS)
        if level < 0 or index < 0 or first + count > items:
            raise IndexError(f"no subtree {index} at level {level}")
        tile, at = divmod(first, TILE_WIDTH)
        data = self._tile(row, tile, min(TILE_WIDTH, items - tile * TILE_WIDTH))
        return root_of(
            [data[i : i + HASH_BYTES] for i in range(at * HASH_BYTES, (at + count) * HASH_BYTES, HASH_BYTES)]
        )

    def leaf(self, index: int) -> bytes:
        """The bytes of one entry. Raises ``UnreadableError``; whether it is the one that was signed, a proof tells."""
        bundle, at = divmod(index, TILE_WIDTH)
        path = entries_path(bundle, min(TILE_WIDTH, self._size - bundle * TILE_WIDTH))
        try:
            return unpack_entries(self._read(path, entries_path(bundle), BUNDLE_BYTES_MAX))[at]
        except (TileError, IndexError) as error:
            raise UnreadableError(f"{path} does not hold entry {at}") from error

    def _tile(self, row: int, index: int, width: int) -> bytes:
        path, full = tile_path(row, index, width), tile_path(row, index)
        data = self._tiles.get(path)
        if data is None:
            data = self._read(path, full, TILE_BYTES_MAX)[: width * HASH_BYTES]
            if len(data) != width * HASH_BYTES:
                raise UnreadableError(f"{path} does not hold its {width} hashes")
            if len(self._tiles) >= KEPT_TILES_MAX:
                self._tiles.clear()
            self._tiles[path] = data
        return data

    def _read(self, path: str, full: str, bytes_max: int) -> bytes:
        try:
            return self._published.read(path, bytes_max)
        except UnreadableError:
            if path == full:
                raise
            with contextlib.suppress(UnreadableError):  # tlog-tiles, "Partial Tiles"
                return self._published.read(full, bytes_max)
            raise
