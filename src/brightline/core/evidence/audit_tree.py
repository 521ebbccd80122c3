# SPDX-License-Identifier: Apache-2.0
"""Verifies the files of a log against its checkpoint (C2SP tlog-tiles over RFC 6962), and names what was changed.

The signed root says *that* something is wrong; the hash tiles say *where*. For each bundle of entries

1. every entry is hashed again and compared with its hash in the level-0 tile;
2. where both differ, the hash one level up decides which of them was changed (for the last bundle, which has none yet,
   the signed root does);
3. the hash of the bundle goes up, and each tile above is compared with what lies below it;
4. at the end the root is compared with the signed one.

A pass may go on where an earlier one ended: from the hashes that were not under a full tile then, the same root must
come out, and that is the proof that nothing before was changed.

Files are read one bundle at a time, so memory does not grow with the log. Nothing here trusts a size that a file
states of itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Final, Protocol

import msgspec

from brightline.core.evidence.audit_findings import Findings, Topic
from brightline.core.evidence.audit_memory import BEGIN, Edge
from brightline.core.evidence.checkpoint import Checkpoint
from brightline.core.evidence.merkle import EMPTY_ROOT, HASH_BYTES, leaf_hashes, root_of
from brightline.core.evidence.tile import (
    COSIGNED,
    ENTRIES,
    ENTRY_BYTES_MAX,
    TILE_LEVEL_BITS,
    TILE_WIDTH,
    TileError,
    entries_path,
    parse_tile_path,
    tile_path,
    unpack_entries,
)

BUNDLE_BYTES_MAX: Final = TILE_WIDTH * (ENTRY_BYTES_MAX + 2)
TILE_BYTES_MAX: Final = TILE_WIDTH * HASH_BYTES
UNREADABLE_MAX: Final = 64  # bundles that cannot be read, after which the rest is not asked for


class Published(Protocol):
    """The public folder of one shard."""

    def paths(self) -> Iterable[str]:
        """Every file below the folder, with ``/`` between names."""
        ...

    def read(self, path: str, bytes_max: int) -> bytes:
        """The bytes of a file. Raises ``UnreadableError`` if it is missing, larger, or cannot be read."""
        ...


class UnreadableError(Exception):
    """A file that is missing, too large or cannot be read; the message says which."""


class Bundle(msgspec.Struct, frozen=True):
    """Up to 256 entries from index ``first`` on, and their hashes.

    ``doubtful`` are those (offsets in the bundle) that are not what was signed, or may not be; ``missing`` are so many
    at the end that could not be read at all. ``root`` is that of a whole bundle of 256 whose hashes are known, else
    empty.
    """

    first: int
    leaves: list[bytes]
    hashes: Sequence[bytes]
    doubtful: frozenset[int]
    missing: int
    root: bytes = b""


class _File(msgspec.Struct, frozen=True):
    data: bytes
    in_place_of_partial: bool


class TreeAudit:
    """One pass over the files of one log."""

    def __init__(
        self,
        published: Published,
        checkpoint: Checkpoint,
        findings: Findings,
        begin: Edge = BEGIN,
        watched: Iterable[int] = (),
    ) -> None:
        """``begin`` is where an earlier pass ended; ``watched`` are sizes whose roots are wanted."""
        self._read = published.read
        self._paths = published.paths
        self._size = checkpoint.size
        self._root = checkpoint.root
        self._findings = findings
        self._begin = begin
        # Per level, the hashes of the tile that is not full yet, and how many tiles are full.
        self._rows = [_hashes_of(row) for row in begin.rows] or [[]]
        self._done = [begin.size >> ((level + 1) * TILE_LEVEL_BITS) for level in range(len(self._rows))]
        self._watched = sorted(set(watched))
        self._roots: dict[int, bytes] = {}
        self._root_signed = False
        self._whole = True  # every hash up to here is known
        self._named = False  # something of these files was contradicted
        self._seen: set[str] = {"checkpoint", COSIGNED, "log.vkey"}
        self.entries_signed = False

    def bundles(self) -> Iterator[Bundle]:
        """All bundles in order; afterwards ``entries_signed`` says whether all entries hash to the signed root."""
        doubtful = 0
        unreadable = 0
        for index in range(self._begin.size // TILE_WIDTH, -(-self._size // TILE_WIDTH)):
            bundle = self._bundle(index)
            doubtful += len(bundle.doubtful) + bundle.missing
            unreadable += bundle.missing > 0 and not bundle.leaves
            yield bundle
            if unreadable >= UNREADABLE_MAX:
                self._contradict(
                    entries_path(index),
                    f"{unreadable} bundles cannot be read; nothing from record {bundle.first} on was looked at",
                )
                return
        for level in range(len(self._rows)):
            if level and self._rows[level] and self._whole:
                self._compare_tile(level)
        if self._whole and self._root_with(self._rows[0]) == self._root:  # 4.
            self._root_signed = True
            self.entries_signed = not doubtful
        elif not self._named:
            self._contradict(
                "checkpoint",
                f"the {self._size} entries do not hash to the signed root, and all tiles agree with the entries: "
                "this is not the log that was signed",
            )

    @property
    def roots(self) -> Mapping[int, bytes]:
        """The roots at the watched sizes, once all bundles were read; none unless they lead to the signed root."""
        return self._roots if self._root_signed else {}

    def edge(self) -> Edge:
        """Where this pass ended, for the next one to go on; worth something only if ``entries_signed``."""
        return Edge(self._size, tuple(b"".join(row) for row in self._rows))

    def check_others(self, known: Set[str] = frozenset()) -> None:
        """Look at files that the pass did not need: older partial tiles must be the start of what took their place.

        Those of records before the beginning of this pass are left to the pass that read them, and ``known`` ones to
        whoever looked at them.
        """
        for path in self._paths():
            if path in self._seen or path in known:
                continue
            place = path
            try:
                kind, index, width = parse_tile_path(path)
            except TileError:
                self._findings.note(Topic.LOG, place, "not a file of a log; it proves nothing")
                continue
            items = self._size if kind == ENTRIES else self._size >> (int(kind) * TILE_LEVEL_BITS)
            if not self._is_new(kind, index, width):
                continue
            if index * TILE_WIDTH + width > items:
                self._findings.note(Topic.LOG, place, "beyond the checkpoint: nothing is signed about it yet")
                continue
            now = min(TILE_WIDTH, items - index * TILE_WIDTH)
            current = entries_path(index, now) if kind == ENTRIES else tile_path(int(kind), index, now)
            limit = BUNDLE_BYTES_MAX if kind == ENTRIES else TILE_BYTES_MAX
            try:
                old, new = self._read(path, limit), self._read(current, limit)
                count = len(unpack_entries(old)) if kind == ENTRIES else len(old) / HASH_BYTES
            except (UnreadableError, TileError) as error:
                self._contradict(path, str(error))
                continue
            if count != width or not new.startswith(old):
                self._contradict(path, f"this older partial tile is not the start of {current}")

    # ---- one bundle -------------------------------------------------------------------------------------------

    def _bundle(self, index: int) -> Bundle:
        width = min(TILE_WIDTH, self._size - index * TILE_WIDTH)
        leaves = self._entries(index, width)
        hashes = leaf_hashes(leaves)
        missing = width - len(leaves)
        tile = self._tile(0, index, width)  # 1.
        agree = not tile or b"".join(hashes) == tile
        published = [] if agree and not missing else _hashes_of(tile)
        different = [] if agree else [i for i, hash_ in enumerate(hashes) if hash_ != published[i]]
        believed, doubtful = (published if missing else hashes), different
        if different and self._is_signed(index, published):  # 2.
            believed = published
            for i in different:
                self._contradict_record(index, i, "this entry is not the one that was signed")
        elif different and not missing and self._is_signed(index, hashes):
            doubtful = []
            for i in different:
                which = f"{tile_path(0, index, width)}, hash {i}"
                self._contradict(which, f"this is not the hash of record {index * TILE_WIDTH + i}")
        else:
            for i in different:
                which = f"hash {i} of {tile_path(0, index, width)}"
                self._contradict_record(index, i, f"this entry and {which} do not agree")
        self._whole = self._whole and len(believed) == width
        root = root_of(believed) if self._whole and width == TILE_WIDTH else b""
        if self._whole:
            self._watch(index * TILE_WIDTH, believed)
            self._go_up(believed, root)  # 3.
        return self._only_new(Bundle(index * TILE_WIDTH, leaves, hashes, frozenset(doubtful), missing, root))

    def _only_new(self, bundle: Bundle) -> Bundle:
        """The bundle without the records that an earlier pass has read."""
        read = self._begin.size - bundle.first
        if read <= 0:
            return bundle
        doubtful = frozenset(i - read for i in bundle.doubtful if i >= read)
        missing = min(bundle.missing, max(0, bundle.first + len(bundle.leaves) + bundle.missing - self._begin.size))
        return Bundle(self._begin.size, bundle.leaves[read:], bundle.hashes[read:], doubtful, missing)

    def _is_new(self, kind: str, index: int, width: int) -> bool:
        level = 0 if kind == ENTRIES else int(kind)
        return index * TILE_WIDTH + width > self._begin.size >> (level * TILE_LEVEL_BITS)

    def _watch(self, first: int, hashes: Sequence[bytes]) -> None:
        """Keep the root of each watched size that ends within this bundle, before its hashes go up."""
        while self._watched and self._watched[0] <= first + len(hashes):
            size = self._watched.pop(0)
            if size >= first:
                self._roots[size] = self._root_with(hashes[: size - first])

    def _entries(self, index: int, width: int) -> list[bytes]:
        """The entries of a bundle, as many as can be read."""
        path = entries_path(index, width)
        try:
            file = self._read_tile(path, entries_path(index), BUNDLE_BYTES_MAX)
        except UnreadableError as error:
            self._contradict(path, f"{error}; {width} records are in it")
            return []
        try:
            leaves = list(unpack_entries(file.data))
        except TileError as error:
            leaves = _entries_before_damage(file.data)[:width]
            self._contradict_record(index, len(leaves), str(error))
            return leaves
        if len(leaves) != width and not (file.in_place_of_partial and len(leaves) > width):
            at = min(len(leaves), width)
            self._contradict_record(index, at, f"the bundle holds {len(leaves)} entries instead of {width}")
        return leaves[:width]

    def _tile(self, level: int, index: int, width: int) -> bytes:
        """The hashes of a tile in a row; nothing if it cannot be read."""
        path = tile_path(level, index, width)
        try:
            file = self._read_tile(path, tile_path(level, index), TILE_BYTES_MAX)
        except UnreadableError as error:
            self._contradict(path, str(error))
            return b""
        expected = TILE_BYTES_MAX if file.in_place_of_partial else width * HASH_BYTES
        if len(file.data) != expected:
            self._contradict(path, f"it has {len(file.data)} bytes instead of the {expected} of its hashes")
            return b""
        return file.data[: width * HASH_BYTES]

    def _read_tile(self, path: str, full: str, bytes_max: int) -> _File:
        """Read a tile; where a partial one is gone, the full one that took its place (tlog-tiles, "Partial Tiles")."""
        try:
            data = self._read(path, bytes_max)
        except UnreadableError:
            if path == full:
                raise
            with contextlib.suppress(UnreadableError):
                in_place = _File(self._read(full, bytes_max), in_place_of_partial=True)
                self._seen.add(full)
                return in_place
            raise
        self._seen.add(path)
        return _File(data, in_place_of_partial=False)

    def _is_signed(self, index: int, hashes: Sequence[bytes]) -> bool:
        """Whether what lies above says that these are the hashes of the bundle."""
        if (index + 1) * TILE_WIDTH > self._size:  # the last bundle: all the others went up already
            return self._whole and self._root_with(hashes) == self._root
        above, at = divmod(index, TILE_WIDTH)
        width = min(TILE_WIDTH, (self._size >> TILE_LEVEL_BITS) - above * TILE_WIDTH)
        try:
            file = self._read_tile(tile_path(1, above, width), tile_path(1, above), TILE_BYTES_MAX)
        except UnreadableError:
            return False
        return file.data[at * HASH_BYTES : (at + 1) * HASH_BYTES] == root_of(hashes)

    # ---- upwards ----------------------------------------------------------------------------------------------

    def _go_up(self, hashes: Sequence[bytes], root: bytes) -> None:
        """Take in a bundle; ``root`` is its hash if it is full."""
        self._rows[0] = list(hashes)
        level = 0
        while len(self._rows[level]) == TILE_WIDTH:
            if level:
                self._compare_tile(level)
            if level + 1 == len(self._rows):
                self._rows.append([])
                self._done.append(0)
            self._rows[level + 1].append(root_of(self._rows[level]) if level else root)
            self._rows[level] = []
            self._done[level] += 1
            level += 1

    def _compare_tile(self, level: int) -> None:
        row = self._rows[level]
        published = self._tile(level, self._done[level], len(row))
        for i, hash_ in enumerate(_hashes_of(published)):
            if hash_ != row[i]:
                span = 1 << (level * TILE_LEVEL_BITS)
                below = (self._done[level] * TILE_WIDTH + i) * span
                self._contradict(
                    f"{tile_path(level, self._done[level], len(row))}, hash {i}",
                    f"this is not the hash of what lies below it, records {below} to {below + span - 1}",
                )

    def _root_with(self, last: Sequence[bytes]) -> bytes:
        """The root, if ``last`` are the hashes of the bundle that is not full.

        RFC 6962, section 2.1, splits at the largest power of two, so the incomplete subtree is always the last.
        """
        root: list[bytes] = []
        for row in [list(last), *self._rows[1:]]:
            if row or root:
                root = [root_of([*row, *root])]
        return root[0] if root else EMPTY_ROOT

    def _contradict_record(self, bundle: int, entry: int, message: str) -> None:
        self._named = True
        self._findings.contradict(Topic.LOG, self._findings.record(bundle * TILE_WIDTH + entry), message)

    def _contradict(self, path: str, message: str) -> None:
        self._named = True
        self._findings.contradict(Topic.LOG, path, message)


def _hashes_of(row: bytes) -> list[bytes]:
    return [row[i : i + HASH_BYTES] for i in range(0, len(row), HASH_BYTES)]


def _entries_before_damage(data: bytes) -> list[bytes]:
    """The entries that are whole before a bundle ends in the midst of one."""
    leaves: list[bytes] = []
    at = 0
    while len(leaves) < TILE_WIDTH and at + 2 <= len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if end > len(data):
            break
        leaves.append(data[at + 2 : end])
        at = end
    return leaves
