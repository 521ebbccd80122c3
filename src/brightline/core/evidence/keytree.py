# SPDX-License-Identifier: Apache-2.0
"""Keys that can be destroyed one by one: a tree of seeds, of which only the roots of what is left are kept.

Each record of a block has a key of its own; none of them is stored. They grow from one seed: a node's two children are
hashes of its seed, and the leaves are the keys (Goldreich, Goldwasser, Micali: How to construct random functions,
1986). To destroy some keys, the seeds above them are replaced by those of their siblings, from which the destroyed
ones cannot be computed (the puncturable functions of Boneh and Waters, 2013). So a block that lost nothing is one seed
of 32 bytes, and appending a record writes no key anywhere.

Invariant, as an absence: no seed that is kept leads to a destroyed key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

HEIGHT: Final = 16
BLOCK_RECORDS: Final = 1 << HEIGHT
SEED_BYTES: Final = 32
_LEFT: Final = b"brightline-key-tree/1\x00"
_RIGHT: Final = b"brightline-key-tree/1\x01"

Range = tuple[int, int]  # first and last record number, both included


class KeyDestroyed(LookupError):
    """The key of this record was destroyed."""


class _Node(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    level: int  # 0 is a leaf
    index: int
    seed: bytes


class KeyTree:
    """The keys of one block of 65,536 records, numbered from 0 within it. A value; the last path is remembered."""

    def __init__(self, nodes: Mapping[tuple[int, int], bytes]) -> None:
        self._nodes: Mapping[tuple[int, int], bytes] = MappingProxyType(dict(nodes))
        self._path: list[bytes] = []  # seeds from a kept node down to the leaf that was asked for last
        self._leaf = -1

    @classmethod
    def grow(cls, seed: bytes) -> KeyTree:
        """A whole block from 32 fresh random bytes. Raises ``ValueError`` for another length."""
        if len(seed) != SEED_BYTES:
            raise ValueError(f"a seed has {SEED_BYTES} bytes; found {len(seed)}")
        return cls({(HEIGHT, 0): seed})

    def key(self, leaf: int) -> bytes:
        """The 32 bytes of one record. Raises ``KeyDestroyed``, and ``ValueError`` for what is not in a block."""
        if not 0 <= leaf < BLOCK_RECORDS:
            raise ValueError(f"a block has {BLOCK_RECORDS} records; there is no {leaf}")
        if self._path:  # neighbours share most of their path: two hashes a record, in the order of the log
            common = (leaf ^ self._leaf).bit_length()
            if common < len(self._path):
                del self._path[len(self._path) - common :]
                return self._descend(leaf, common)
        for level in range(HEIGHT + 1):
            seed = self._nodes.get((level, leaf >> level))
            if seed is not None:
                self._path = [seed]
                return self._descend(leaf, level)
        raise KeyDestroyed

    def _descend(self, leaf: int, level: int) -> bytes:
        seed = self._path[-1]
        while level:
            level -= 1
            seed = _child(seed, leaf >> level & 1)
            self._path.append(seed)
        self._leaf = leaf
        return seed

    def has(self, leaf: int) -> bool:
        """Whether the key of a record is still there."""
        return any((level, leaf >> level) in self._nodes for level in range(HEIGHT + 1))

    def without(self, gone: Iterable[Range]) -> KeyTree:
        """The tree from which no key of these ranges can be computed any more; the others are as they were."""
        nodes = dict(self._nodes)
        for first, last in gone:
            if not 0 <= first <= last < BLOCK_RECORDS:
                raise ValueError(f"{first} to {last} is no range of a block")
            for place in [place for place in nodes if _touches(place, first, last)]:
                seed = nodes.pop(place)
                nodes.update(_remains(place, seed, first, last))
        return KeyTree(nodes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeyTree) and self._nodes == other._nodes

    def __hash__(self) -> int:
        return hash(frozenset(self._nodes.items()))

    def encode(self) -> bytes:
        """The kept seeds as bytes: as secret as the keys."""
        return msgspec.msgpack.encode([_Node(*place, seed) for place, seed in sorted(self._nodes.items())])

    @classmethod
    def decode(cls, data: bytes) -> KeyTree:
        """Read what :meth:`encode` wrote. Raises ``ValueError``."""
        try:
            nodes = msgspec.msgpack.decode(data, type=list[_Node])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"these are no seeds: {error}") from error
        covered = -1
        for node in sorted(nodes, key=lambda node: node.index << node.level):
            whole = 0 <= node.level <= HEIGHT and 0 <= node.index < 1 << (HEIGHT - node.level)
            if not whole or len(node.seed) != SEED_BYTES or node.index << node.level <= covered:
                raise ValueError("these seeds do not stand where seeds of a block can")
            covered = ((node.index + 1) << node.level) - 1
        return cls({(node.level, node.index): node.seed for node in nodes})


def _child(seed: bytes, right: int) -> bytes:
    return hashlib.sha256((_RIGHT if right else _LEFT) + seed).digest()


def _touches(place: tuple[int, int], first: int, last: int) -> bool:
    level, index = place
    return index << level <= last and ((index + 1) << level) - 1 >= first


def _remains(place: tuple[int, int], seed: bytes, first: int, last: int) -> Iterator[tuple[tuple[int, int], bytes]]:
    """The seeds below a node that lead to none of ``first`` to ``last``."""
    level, index = place
    if not _touches(place, first, last):
        yield place, seed
    elif level and not (first <= index << level and ((index + 1) << level) - 1 <= last):
        for right in (0, 1):
            yield from _remains((level - 1, 2 * index + right), _child(seed, right), first, last)
