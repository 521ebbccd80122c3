# SPDX-License-Identifier: Apache-2.0
"""From the files of a published log to a proof that stands alone (C2SP tlog-proof), and the way that it leads.

Nothing but tiles and signed heads is read, so whoever holds the public folder can make the proof, and a web server
needs no key for it. No signature is looked at here; whoever is given the proof does that, with keys of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from brightline.core.evidence.audit_tree import Published, UnreadableError
from brightline.core.evidence.checkpoint import Checkpoint
from brightline.core.evidence.cosignature import split_note
from brightline.core.evidence.merkle import ProofError, node_hash, verify_inclusion
from brightline.core.evidence.note import NOTE_BYTES_MAX, NoteError
from brightline.core.evidence.proof import TlogProof
from brightline.core.evidence.tile import COSIGNED
from brightline.core.evidence.tiled_tree import TiledTree

CHECKPOINT: Final = "checkpoint"
RETRY_SECONDS: Final = 10  # after which a record is worth asking for again: witnesses are asked every two seconds


class NotPublished(ProofError):
    """A record that is beyond what the log has signed."""


class NotCosigned(ProofError):
    """A record that the log has signed and its witnesses have not, yet or at all."""


class SignedHead(msgspec.Struct, frozen=True):
    """A head as the log publishes it, nothing verified: ``note`` is the file verbatim."""

    note: bytes
    checkpoint: Checkpoint


class Heads(msgspec.Struct, frozen=True):
    """What a log has signed, and what a quorum of its witnesses last cosigned: ``None`` without witnesses."""

    signed: SignedHead
    cosigned: SignedHead | None

    @property
    def size(self) -> int:
        """How many records there are files for. The partial tiles of an older head may be gone; these are there."""
        return max(self.signed.checkpoint.size, self.cosigned.checkpoint.size if self.cosigned else 0)

    def witnessed(self, index: int) -> SignedHead:
        """The cosigned head that covers a record. Raises ``NotPublished``, ``NotCosigned``."""
        if not 0 <= index < self.size:
            raise NotPublished(f"no record {index} is published yet; {self.size} are")
        if self.cosigned is None:
            raise NotCosigned("this log publishes no checkpoint that witnesses have cosigned")
        if index >= self.cosigned.checkpoint.size:
            seen = self.cosigned.checkpoint.size
            raise NotCosigned(f"the witnesses have cosigned the first {seen} records; record {index} is not yet there")
        return self.cosigned

    def in_place(self, index: int) -> SignedHead:
        """The head under which a record is best proved: the cosigned one, the log's own where there are no witnesses.

        Raises ``NotPublished``, and ``NotCosigned`` where there are witnesses and they are behind.
        """
        if self.cosigned is not None:
            return self.witnessed(index)
        return self.covering(index)

    def covering(self, index: int) -> SignedHead:
        """The cosigned head if it covers a record, else the log's own. Raises ``NotPublished``."""
        try:
            return self.witnessed(index)
        except NotCosigned:
            return self.signed


class Sibling(msgspec.Struct, frozen=True):
    """One step of a proof: the subtree beside the path, of the records ``start`` to ``end`` (not included)."""

    start: int
    end: int
    hash: bytes

    def stands_left_of(self, index: int) -> bool:
        """Whether it stands before the record that is proved."""
        return self.end <= index

    @property
    def whole(self) -> bool:
        """Whether it holds a power of two of records; at the right edge it may not."""
        count = self.end - self.start
        return not count & (count - 1)


class ProofPath(msgspec.Struct, frozen=True):
    """The way from a leaf to the root of ``size`` records. ``nodes`` are the hashes on it, leaf first, root last."""

    index: int
    size: int
    siblings: tuple[Sibling, ...]
    nodes: tuple[bytes, ...]


def read_heads(published: Published) -> Heads:
    """The heads that a log publishes. Raises ``UnreadableError`` for a checkpoint that is missing or is none."""
    signed = _head(CHECKPOINT, published.read(CHECKPOINT, NOTE_BYTES_MAX))
    try:
        note = published.read(COSIGNED, NOTE_BYTES_MAX)
    except UnreadableError:
        return Heads(signed, None)
    return Heads(signed, _head(COSIGNED, note))


def prove_record(published: Published, heads: Heads, head: SignedHead, index: int) -> TlogProof:
    """The proof that record ``index`` stands under ``head``, one of ``heads``, made of hash tiles and led to its root.

    Raises ``UnreadableError`` for a tile that does not read, ``ProofError`` if the tiles do not lead to that root.
    """
    return TlogProof(index, _lead(published, heads, head, index)[1], head.note)


def path_of_record(published: Published, heads: Heads, head: SignedHead, index: int) -> ProofPath:
    """The same way with every hash on it. Raises as :func:`prove_record` does."""
    size = head.checkpoint.size
    leaf, proof = _lead(published, heads, head, index)
    nodes = [leaf]
    siblings = [
        Sibling(start, end, hash_) for (start, end), hash_ in zip(sibling_ranges(index, size), proof, strict=True)
    ]
    for sibling in siblings:
        left = sibling.stands_left_of(index)
        nodes.append(node_hash(sibling.hash, nodes[-1]) if left else node_hash(nodes[-1], sibling.hash))
    return ProofPath(index, size, tuple(siblings), tuple(nodes))


def sibling_ranges(index: int, size: int) -> Sequence[tuple[int, int]]:
    """The records under each hash of an audit path, from the leaf up (RFC 6962, section 2.1.1)."""
    ranges: list[tuple[int, int]] = []
    start, end = 0, size
    while end - start > 1:
        split = start + (1 << ((end - start - 1).bit_length() - 1))
        if index < split:
            ranges.append((split, end))
            end = split
        else:
            ranges.append((start, split))
            start = split
    return ranges[::-1]


def _lead(published: Published, heads: Heads, head: SignedHead, index: int) -> tuple[bytes, tuple[bytes, ...]]:
    size, root = head.checkpoint.size, head.checkpoint.root
    if not 0 <= index < size:
        raise NotPublished(f"no record {index} is in a log of {size}")
    tree = TiledTree(published, heads.size)
    leaf, proof = tree.node(0, index), tree.inclusion_proof(index, size)
    verify_inclusion(leaf, index, size, proof, root)
    return leaf, proof


def _head(path: str, note: bytes) -> SignedHead:
    try:
        return SignedHead(note, Checkpoint.parse(split_note(note).text))
    except NoteError as error:
        raise UnreadableError(f"{path} is no checkpoint: {error}") from error
