# SPDX-License-Identifier: Apache-2.0
"""One signature under many decisions: what a passkey signs when somebody denies in bulk.

A device asks for a finger each time, and nobody gives it two hundred of them. So the decisions become the leaves of a
tree (RFC 6962, section 2.1), and the challenge is SHA-256 of the canonical statement of its root and size. Each
decision is logged by itself, with the assertion and its path to that root; so each is verified by itself, from bytes,
like any other, and counts as one voice about one hold.

Only denials may stand under such a signature; whoever counts them looks (``denying.py``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from brightline.core.canonical import canonical_bytes
from brightline.core.errors import NotSigned
from brightline.core.evidence.merkle import ProofError, Tree, leaf_hash, verify_inclusion

DENIALS_FORMAT: Final = "brightline-denials/1"
TOGETHER_MAX: Final = 1_000


class Among(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a decision stands among those that one signature is under: the path from its leaf to the root."""

    root: bytes
    size: int
    index: int
    path: tuple[bytes, ...]


class Together(msgspec.Struct, frozen=True):
    """What the authenticator is given to sign for many decisions (32 bytes), and where each of them stands."""

    challenge: bytes
    places: tuple[Among, ...]


def put_together(decisions: Sequence[bytes]) -> Together:
    """Make the tree of canonical decisions, in their order. Raises ``ValueError`` for none, or too many."""
    size = len(decisions)
    if not 0 < size <= TOGETHER_MAX:
        raise ValueError(f"one signature is under 1 to {TOGETHER_MAX} decisions, not {size}")
    tree = Tree()
    for decision in decisions:
        tree.append(leaf_hash(decision))
    root = tree.root()
    places = tuple(Among(root, size, index, tree.inclusion_proof(index)) for index in range(size))
    return Together(_challenge(root, size), places)


def challenge_among(decision: bytes, among: Among) -> bytes:
    """The challenge that was signed for a decision and those beside it. Raises ``NotSigned`` for another decision."""
    if among.size > TOGETHER_MAX:
        raise NotSigned(f"one signature is under at most {TOGETHER_MAX} decisions")
    try:
        verify_inclusion(leaf_hash(decision), among.index, among.size, among.path, among.root)
    except ProofError as error:
        raise NotSigned(f"this decision is not among those that were signed: {error}") from error
    return _challenge(among.root, among.size)


def _challenge(root: bytes, size: int) -> bytes:
    """Canonical (RFC 8785), and begun by its format: no single decision has these bytes."""
    said = canonical_bytes({"format": DENIALS_FORMAT, "root": root.hex(), "size": size})
    return hashlib.sha256(said).digest()
