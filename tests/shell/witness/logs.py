# SPDX-License-Identifier: Apache-2.0
"""A small log to be witnessed: two histories, their signed checkpoints and requests."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.evidence.checkpoint import Checkpoint, sign_checkpoint
from brightline.core.evidence.merkle import Tree, leaf_hash
from brightline.core.evidence.note import NoteSigner
from brightline.core.evidence.witnessing import Advance, Seen, Submission, judge
from brightline.shell.witness.store import WitnessStore, create_witness

ORIGIN = "example.org/log"
WITNESS = "witness.example/w"
LOG = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)))
TIME = 1_767_139_200


class FixedClock:
    """A clock that stands still."""

    def monotonic(self) -> float:
        return 0.0

    def unix(self) -> int:
        return TIME

    def utc_now(self) -> str:
        return "2025-12-31T00:00:00.000Z"


def tree_of(size: int, name: str = "record") -> Tree:
    """A tree of ``size`` leaves; another name is another history."""
    tree = Tree()
    for at in range(size):
        tree.append(leaf_hash(f"{name} {at}".encode()))
    return tree


TRUE = tree_of(40)
FORK = tree_of(40, "another")


def seen_at(size: int, tree: Tree = TRUE) -> Seen:
    return Seen(size, tree.root(size))


def note_at(size: int, tree: Tree = TRUE) -> bytes:
    return sign_checkpoint(Checkpoint(ORIGIN, size, tree.root(size)), LOG)


def request(old: int, new: int, tree: Tree = TRUE) -> bytes:
    proof = () if old in {0, new} else tree.consistency_proof(old, new)
    return Submission.of(old, proof, note_at(new, tree)).encode()


def advance(old: int, new: int) -> Advance:
    judged = judge(Submission.parse(request(old, new)), [LOG.verifier], seen_at(old))
    assert isinstance(judged, Advance)
    return judged


def made(folder: Path, name: str = WITNESS) -> Path:
    """A witness that watches the log."""
    create_witness(folder, name)
    store = WitnessStore.open(folder)
    store.trust(ORIGIN, LOG.verifier)
    store.close()
    return folder
