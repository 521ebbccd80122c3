# SPDX-License-Identifier: Apache-2.0
"""From an examination that found something to files that convict: what can be shown to others with nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.errors import ConfigError
from brightline.core.evidence.audit_tokens import Imbalance, Objection, TokenBooks
from brightline.core.evidence.audit_tree import Published, UnreadableError
from brightline.core.evidence.checkpoint import Checkpoint
from brightline.core.evidence.merkle import ProofError, leaf_hash, verify_inclusion
from brightline.core.evidence.misbehaviour import (
    Misbehaviour,
    TokenNotIssued,
    TokenUsedTwice,
    Use,
    hashes_to_text,
    kind_of,
    write_misbehaviour,
)
from brightline.core.evidence.tiled_tree import TiledTree

FILES_MAX: Final = 1_000


class ReadLog(msgspec.Struct, frozen=True):
    """A log that was examined, with its signed checkpoint."""

    published: Published
    note: bytes
    checkpoint: Checkpoint
    is_guard: bool


def uses_in(books: TokenBooks, logs: Mapping[str, ReadLog]) -> Iterator[Misbehaviour]:
    """What guards signed about tokens that were used twice, or that nobody issued."""
    gateways = tuple(log.note.decode() for log in logs.values() if not log.is_guard)
    for objection in books.objections():
        if objection.kind in {Imbalance.NOT_SEEN, Imbalance.ISSUED_AGAIN}:
            continue  # a guard's silence has no signature, and what a gateway issued is no use
        second = _use(logs.get(objection.log), objection.index)
        if second is None:
            continue
        if objection.kind is Imbalance.NOT_ISSUED:
            yield TokenNotIssued(use=second, gateways=gateways)
        elif (first := _first(objection, logs)) is not None:
            yield TokenUsedTwice(first=first, second=second)


def write_all(folder: Path, found: Sequence[Misbehaviour]) -> list[Path]:
    """Write each as a file that is named after its kind and content. Raises ``ConfigError``."""
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for said in found[:FILES_MAX]:
            data = write_misbehaviour(said)
            path = folder / f"{kind_of(said)}-{hashlib.sha256(data).hexdigest()[:12]}.json"
            path.write_bytes(data)
            written.append(path)
    except OSError as error:
        raise ConfigError(f"--misbehaviour: {folder} cannot be written: {error.strerror}") from error
    return written


def _first(objection: Objection, logs: Mapping[str, ReadLog]) -> Use | None:
    origin, index = objection.first
    return _use(logs.get(origin), index)


def _use(log: ReadLog | None, index: int) -> Use | None:
    if log is None or not log.note:
        return None
    head = log.checkpoint
    tree = TiledTree(log.published, head.size)
    try:
        leaf, proof = tree.leaf(index), tree.inclusion_proof(index)
        verify_inclusion(leaf_hash(leaf), index, head.size, proof, head.root)
        return Use(log.note.decode(), index, leaf.decode(), hashes_to_text(proof))
    except (UnreadableError, ProofError, ValueError):
        return None
