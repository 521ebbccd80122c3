# SPDX-License-Identifier: Apache-2.0
"""Receipts against the log: each is signed by its key, and the leaf that it promises stands where it says.

A receipt for a record that an earlier visit has read is looked up by itself: its bundle is read, and the hash tiles
must lead from its leaf to the signed root. Where another leaf stands, the receipt and that proof convict the log.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Final

from brightline.core.evidence.audit_findings import Findings, Topic, shown
from brightline.core.evidence.audit_tree import Bundle, Published, UnreadableError
from brightline.core.evidence.checkpoint import Checkpoint
from brightline.core.evidence.leaf import read_leaf
from brightline.core.evidence.merkle import ProofError, leaf_hash, verify_inclusion
from brightline.core.evidence.misbehaviour import Misbehaviour, Omission, hashes_to_text
from brightline.core.evidence.note import VerifierKey
from brightline.core.evidence.receipt import Receipt, is_signed
from brightline.core.evidence.tiled_tree import TiledTree

OMISSIONS_MAX: Final = 100


class ReceiptsAudit:
    """Compares receipts with the leaves that they name."""

    def __init__(
        self,
        findings: Findings,
        published: Published,
        note: bytes,
        signed: Checkpoint,
        receipts: Sequence[Receipt],
        keys: Sequence[VerifierKey],
        begin: int,
    ) -> None:
        """``begin`` is the first record that this pass reads; those before are looked up one by one."""
        self.misbehaviour: list[Misbehaviour] = []
        self._findings = findings
        self._note = note
        self._signed = signed
        self._tree = TiledTree(published, signed.size)
        self._by_index: dict[int, list[Receipt]] = {}
        for held in receipts:
            if not any(is_signed(held, key.public_key) for key in keys):
                findings.contradict(Topic.RECEIPTS, _place(held), "the log's key did not sign this receipt")
            elif not 0 <= held.seq < signed.size:
                message = f"it names record {held.seq}; {signed.size} are published so far"
                findings.not_shown(Topic.RECEIPTS, _place(held), message)
            elif held.seq < begin:
                self._look_up(held)
            else:
                self._by_index.setdefault(held.seq, []).append(held)

    def compare(self, bundle: Bundle) -> None:
        """Compare those whose record is in this bundle."""
        if not self._by_index:
            return
        end = bundle.first + len(bundle.leaves) + bundle.missing
        for index in [index for index in self._by_index if bundle.first <= index < end]:
            offset = index - bundle.first
            known = offset < len(bundle.leaves) and offset not in bundle.doubtful
            for held in self._by_index.pop(index):
                if known:
                    self._compare(held, bundle.leaves[offset])
                else:
                    message = f"{self._findings.record(index)} cannot be believed"
                    self._findings.not_shown(Topic.RECEIPTS, _place(held), message)

    def close(self) -> None:
        """Say of which records nothing was read."""
        for index, held in self._by_index.items():
            for one in held:
                self._findings.not_shown(Topic.RECEIPTS, _place(one), f"{self._findings.record(index)} was not read")

    def _look_up(self, held: Receipt) -> None:
        """Read one record of an earlier visit again, with the proof that it stands in the signed log."""
        try:
            leaf = self._tree.leaf(held.seq)
            proof = self._tree.inclusion_proof(held.seq)
            verify_inclusion(leaf_hash(leaf), held.seq, self._signed.size, proof, self._signed.root)
        except (UnreadableError, ProofError) as error:
            message = f"{self._findings.record(held.seq)} cannot be believed: {error}"
            self._findings.not_shown(Topic.RECEIPTS, _place(held), message)
        else:
            self._compare(held, leaf)

    def _compare(self, held: Receipt, data: bytes) -> None:
        record = self._findings.record(held.seq)
        found = leaf_hash(data)
        if found.hex() != held.leaf:
            message = f"another leaf stands at {record} than the one that was promised"
            self._findings.contradict(Topic.RECEIPTS, _place(held), message)
            self._convict(held, found)
            return
        try:
            leaf = read_leaf(data)
        except ValueError as error:
            self._findings.contradict(Topic.RECEIPTS, _place(held), f"{record}: {error}")
            return
        said = (held.exchange, held.profile, held.shard, held.epoch, held.seq)
        if said != (leaf.exchange or "", leaf.profile, leaf.shard, leaf.epoch, leaf.seq):
            self._findings.contradict(Topic.RECEIPTS, _place(held), f"it does not say what {record} says")

    def _convict(self, held: Receipt, found: bytes) -> None:
        """Write down what proves it, if the tiles give the proof."""
        if len(self.misbehaviour) >= OMISSIONS_MAX:
            return
        with contextlib.suppress(UnreadableError, ProofError, UnicodeDecodeError):
            proof = self._tree.inclusion_proof(held.seq)
            verify_inclusion(found, held.seq, self._signed.size, proof, self._signed.root)
            texts = hashes_to_text(proof)
            said = Omission(receipt=held, checkpoint=self._note.decode(), found=found.hex(), proof=texts)
            self.misbehaviour.append(said)


def _place(receipt: Receipt) -> str:
    return f"receipt of {shown(receipt.exchange)}"
