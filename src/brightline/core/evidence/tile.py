# SPDX-License-Identifier: Apache-2.0
"""C2SP tlog-tiles: a log as static files. Paths, entry bundles, and which files must be written when a log grows.

A full tile holds 256 hashes of 32 bytes; tile L/N holds the roots of complete subtrees of 256^L leaves. Entries are
bundled by 256, each with a 16-bit length before it. Partial tiles have their width in their path, so that no file ever
changes once it was written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from brightline.core.evidence.merkle import HASH_BYTES

TILE_WIDTH: Final = 256
TILE_LEVEL_BITS: Final = 8
ENTRY_BYTES_MAX: Final = 65_535
COSIGNED: Final = "cosigned"  # beside the checkpoint: the newest one that witnesses have cosigned
ENTRIES: Final = "entries"
# Seven groups of three digits hold every index below 2^63; more are refused before any number is made of them.
_PATH: Final = re.compile(
    r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?"
)


class TileError(ValueError):
    """Bytes or a path that are no tile."""


def _number(index: int) -> str:
    groups = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        groups.append(f"x{index % 1000:03d}")
    return "/".join(reversed(groups))


def _path(kind: str, index: int, width: int) -> str:
    if not 0 <= index < 1 << 63 or not 1 <= width <= TILE_WIDTH:
        raise TileError(f"no tile has index {index} and width {width}")
    return f"tile/{kind}/{_number(index)}" + ("" if width == TILE_WIDTH else f".p/{width}")


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """The path of a hash tile."""
    if not 0 <= level <= 63:
        raise TileError(f"no tile has level {level}")
    return _path(str(level), index, width)


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    """The path of an entry bundle."""
    return _path(ENTRIES, index, width)


def parse_tile_path(path: str) -> tuple[str, int, int]:
    """Return (level or ``entries``, index, width). Raises ``TileError`` for a path that is not canonical."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise TileError("not the path of a tile")
    kind, number, width = found.groups()
    index, wide = int(number.replace("x", "").replace("/", "")), int(width) if width else TILE_WIDTH
    if path != _path(kind, index, wide):  # this also refuses a partial width of 256: it is the full tile
        raise TileError("not the canonical path of a tile")
    return kind, index, wide


def pack_entries(leaves: Sequence[bytes]) -> bytes:
    """Bundle leaves. Raises ``TileError`` for more than 256, or one of more than 65,535 bytes."""
    if len(leaves) > TILE_WIDTH or any(len(leaf) > ENTRY_BYTES_MAX for leaf in leaves):
        raise TileError("a bundle holds at most 256 entries of at most 65,535 bytes")
    return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)


def unpack_entries(data: bytes) -> tuple[bytes, ...]:
    """Take a bundle apart. Raises ``TileError``."""
    leaves: list[bytes] = []
    at, end = 0, len(data)
    while at < end:
        start = at + 2
        if start > end or (at := start + (data[at] << 8 | data[at + 1])) > end:
            raise TileError(f"the bundle ends within entry {len(leaves)}")
        leaves.append(data[start:at])
        if len(leaves) > TILE_WIDTH:
            raise TileError("a bundle holds at most 256 entries")
    return tuple(leaves)


def split_hashes(data: bytes) -> tuple[bytes, ...]:
    """Take a hash tile apart. Raises ``TileError``."""
    if not data or len(data) % HASH_BYTES or len(data) > HASH_BYTES * TILE_WIDTH:
        raise TileError("a hash tile holds 1 to 256 hashes of 32 bytes")
    return tuple(data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES))


def tiles_for(
    old_size: int,
    new_size: int,
    entry: Callable[[int], bytes],
    node: Callable[[int, int], bytes],
) -> Iterator[tuple[str, bytes]]:
    """Yield every file, path and bytes, that a log must write when it grows from ``old_size`` to ``new_size``.

    ``entry(index)`` is a leaf; ``node(level, index)`` the root of a complete subtree of 2^level leaves.
    """
    for index, width in _grown(old_size, new_size):
        first = index * TILE_WIDTH
        yield entries_path(index, width), pack_entries([entry(first + i) for i in range(width)])
    level = 0
    while new_size >> (level * TILE_LEVEL_BITS):
        shift = level * TILE_LEVEL_BITS
        for index, width in _grown(old_size >> shift, new_size >> shift):
            first = index * TILE_WIDTH
            yield tile_path(level, index, width), b"".join(node(shift, first + i) for i in range(width))
        level += 1


def _grown(old: int, new: int) -> Iterator[tuple[int, int]]:
    """The tiles of a row that grew from ``old`` to ``new`` items: all that became full, and the last partial one."""
    if new <= old:
        return
    for index in range(old // TILE_WIDTH, new // TILE_WIDTH):
        yield index, TILE_WIDTH
    if new % TILE_WIDTH:
        yield new // TILE_WIDTH, new % TILE_WIDTH
