# SPDX-License-Identifier: Apache-2.0
"""RFC 6962 hashes, trees and proofs (section 2.1), verified by the algorithms of RFC 9162 (sections 2.1.3 and 2.1.4).

Two traps that the literal algorithms of RFC 9162 leave open are closed here; the cases of transparency-dev/merkle look
for both:

1. No algorithm says how long a hash is. Every hash has 32 bytes here before anything is computed. Else a root of no
   bytes "contains" a leaf hash of no bytes, in a tree of one.
2. A consistency proof from the empty tree is refused. It would prove nothing, RFC 9162 (section 2.1.4.2) does not
   speak of it, and its loop over the low bits of ``first - 1`` never ends for 0. tlog-witness, though, *demands* old
   size 0 with an empty proof for the first checkpoint of a log: the witness answers that itself (``witnessing``),
   before it asks for a proof.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Final

HASH_BYTES: Final = 32
PROOF_MAX: Final = 64  # an audit path in a tree of SIZE_MAX leaves has 63 hashes, a consistency proof one more
SIZE_MAX: Final = 2**63 - 1
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()

_sha256 = hashlib.sha256


class ProofError(ValueError):
    """A proof that does not prove what it claims."""


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 ‖ leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def leaf_hashes(leaves: Iterable[bytes]) -> list[bytes]:
    """The leaf hash of each; a verifier spends much of its time here, so nothing is called for each but the hash."""
    return [_sha256(b"\x00" + leaf).digest() for leaf in leaves]


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root over leaf hashes; of none, the hash of the empty string."""
    if not hashes:
        return EMPTY_ROOT
    level = list(hashes)
    while len(level) > 1:
        pairs = [
            _sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)
        ]
        if len(level) % 2:
            pairs.append(level[-1])
        level = pairs
    return level[0]


class ProvingTree(ABC):
    """A tree whose complete subtrees can be asked for: from these come roots and proofs of every size it ever had."""

    @property
    @abstractmethod
    def size(self) -> int:
        """The number of leaves."""

    @abstractmethod
    def node(self, level: int, index: int) -> bytes:
        """The hash of the complete subtree of 2^level leaves at ``index``. Raises ``IndexError`` if there is none."""

    def root(self, size: int | None = None) -> bytes:
        """The root of the first ``size`` leaves (all by default). Raises ``ValueError`` for a size it never had."""
        return self._range_root(0, self._checked(size))

    def inclusion_proof(self, index: int, size: int | None = None) -> tuple[bytes, ...]:
        """The audit path of a leaf in the tree of ``size`` leaves (RFC 6962, section 2.1.1)."""
        end = self._checked(size)
        if not 0 <= index < end:
            raise ValueError(f"no leaf {index} in a tree of {end}")
        path: list[bytes] = []
        start = 0
        while end - start > 1:
            split = start + _split(end - start)
            if index < split:
                path.append(self._range_root(split, end))
                end = split
            else:
                path.append(self._range_root(start, split))
                start = split
        return tuple(reversed(path))

    def consistency_proof(self, old: int, new: int | None = None) -> tuple[bytes, ...]:
        """The proof that the tree of ``old`` leaves is a prefix of that of ``new`` (RFC 6962, section 2.1.2)."""
        end = self._checked(new)
        if not 0 < old <= end:
            raise ValueError(f"no consistency proof from size {old} to {end}")
        path: list[bytes] = []
        start, whole = 0, True
        while old != end:
            split = start + _split(end - start)
            if old <= split:
                path.append(self._range_root(split, end))
                end = split
            else:
                path.append(self._range_root(start, split))
                start, whole = split, False
        if not whole:
            path.append(self._range_root(start, end))
        return tuple(reversed(path))

    def extension_path(self, old: int, new: int | None = None) -> tuple[bytes, ...]:
        """The same, and always with the node that it starts from, so that it says what the old root *here* was.

        :func:`roots_along` reads it. Raises ``ValueError`` as :meth:`consistency_proof` does.
        """
        path = self.consistency_proof(old, new)
        return path if old & (old - 1) else (self._range_root(0, old), *path)

    def _checked(self, size: int | None) -> int:
        wanted = self.size if size is None else size
        if not 0 <= wanted <= self.size:
            raise ValueError(f"this tree has {self.size} leaves, not {wanted}")
        return wanted

    def _range_root(self, start: int, end: int) -> bytes:
        """The root over leaves ``start`` to ``end``; ``start`` is aligned to the largest power of two below."""
        if start == end:
            return EMPTY_ROOT
        parts: list[bytes] = []
        while start < end:
            level = (end - start).bit_length() - 1
            parts.append(self.node(level, start >> level))
            start += 1 << level
        root = parts.pop()
        while parts:
            root = node_hash(parts.pop(), root)
        return root


class Tree(ProvingTree):
    """An append-only tree that keeps every complete subtree's hash: appending is amortised O(1), roots O(log n)."""

    def __init__(self) -> None:
        self._levels: list[list[bytes]] = [[]]

    @property
    def size(self) -> int:
        """The number of leaves."""
        return len(self._levels[0])

    def append(self, hash_: bytes) -> int:
        """Append a leaf hash; return its index. Raises ``ValueError`` unless it has 32 bytes."""
        if len(hash_) != HASH_BYTES:
            raise ValueError(f"a leaf hash has {HASH_BYTES} bytes; found {len(hash_)}")
        index = len(self._levels[0])
        self._levels[0].append(hash_)
        level = 0
        while len(self._levels[level]) % 2 == 0:
            if level + 1 == len(self._levels):
                self._levels.append([])
            row = self._levels[level]
            self._levels[level + 1].append(node_hash(row[-2], row[-1]))
            level += 1
        return index

    def node(self, level: int, index: int) -> bytes:
        """See :class:`ProvingTree`."""
        if level < 0 or index < 0:
            raise IndexError(f"no subtree {index} at level {level}")
        return self._levels[level][index]


class GrowingRoot:
    """The root of what was appended so far, and nothing else: one hash for each bit of the size is kept."""

    def __init__(self) -> None:
        self.size = 0
        self._complete: list[tuple[int, bytes]] = []  # (height, root) of complete subtrees, the largest first

    def append(self, hash_: bytes) -> None:
        """Append a leaf hash. Raises ``ValueError`` unless it has 32 bytes."""
        if len(hash_) != HASH_BYTES:
            raise ValueError(f"a leaf hash has {HASH_BYTES} bytes; found {len(hash_)}")
        height = 0
        while self._complete and self._complete[-1][0] == height:
            hash_ = node_hash(self._complete.pop()[1], hash_)
            height += 1
        self._complete.append((height, hash_))
        self.size += 1

    def root(self) -> bytes:
        """The root now."""
        if not self._complete:
            return EMPTY_ROOT
        root = self._complete[-1][1]
        for _, left in reversed(self._complete[:-1]):
            root = node_hash(left, root)
        return root


def _split(size: int) -> int:
    """The largest power of two smaller than ``size``."""
    return 1 << ((size - 1).bit_length() - 1)


def _check_length(proof: Sequence[bytes]) -> None:
    if len(proof) > PROOF_MAX:
        raise ProofError(f"a proof has at most {PROOF_MAX} hashes; found {len(proof)}")


def _check_hashes(*hashes: bytes) -> None:
    if any(len(hash_) != HASH_BYTES for hash_ in hashes):
        raise ProofError(f"a hash in this proof does not have {HASH_BYTES} bytes")


def verify_inclusion(hash_: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Verify that a leaf hash stands at ``index`` in the tree of ``size`` leaves with this root.

    Raises ``ProofError`` (RFC 9162, section 2.1.3.2).
    """
    if not 0 <= index < size <= SIZE_MAX:
        raise ProofError("the leaf of this proof is not within its tree")
    _check_length(proof)
    _check_hashes(hash_, root, *proof)
    fn, sn, r = index, size - 1, hash_
    for p in proof:
        if sn == 0:
            raise ProofError("the inclusion proof is too long")
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn or r != root:
        raise ProofError("the inclusion proof does not lead to this root")


def verify_consistency(old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Verify that the tree of ``old_size`` leaves is a prefix of that of ``new_size``.

    Raises ``ProofError`` (RFC 9162, section 2.1.4.2), also for ``old_size`` 0.
    """
    if not 0 < old_size <= new_size <= SIZE_MAX:
        raise ProofError("a consistency proof leads from a tree that is not empty to one that is no smaller")
    _check_length(proof)
    _check_hashes(old_root, new_root, *proof)
    if old_size == new_size:
        if proof or old_root != new_root:
            raise ProofError("two heads of one size must be equal, with an empty proof")
        return
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if roots_along(old_size, new_size, path) != (old_root, new_root):
        raise ProofError("the consistency proof does not join these two roots")


def roots_along(old_size: int, new_size: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The two roots that a path of a consistency proof leads to: of ``old_size`` leaves, and of ``new_size``.

    The path begins with the node that it starts from, also where a proof leaves that out. Every hash of it goes into
    the second root; so whoever finds a path to a known second root knows what the first root of that tree is, and if a
    log has signed another one, it has two histories. Raises ``ProofError`` for sizes and lengths that cannot be.
    """
    if not 0 < old_size < new_size <= SIZE_MAX:
        raise ProofError("a consistency path leads from a tree that is not empty to a larger one")
    if not path:
        raise ProofError("the consistency proof is empty")
    _check_length(path)
    _check_hashes(*path)
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            raise ProofError("the consistency proof is too long")
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise ProofError("the consistency proof is too short")
    return fr, sr
