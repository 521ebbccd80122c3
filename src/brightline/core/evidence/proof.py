# SPDX-License-Identifier: Apache-2.0
"""C2SP tlog-proof v1: one file that shows offline that a record stands in a log, and which witnesses saw that log.

The file holds the index, the inclusion proof, the checkpoint with its cosignatures, and ``extra``: bytes that nothing
authenticates. Whoever carries the file can change them at will, so nothing here looks at them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Final

import msgspec

from brightline.core.evidence.merkle import HASH_BYTES, SIZE_MAX, ProofError, leaf_hash, verify_inclusion
from brightline.core.evidence.note import NOTE_BYTES_MAX, VerifierKey
from brightline.core.evidence.policy import Policy, WitnessedCheckpoint

HEADER: Final = "c2sp.org/tlog-proof@v1"
SUFFIX: Final = ".tlog-proof"
HASHES_MAX: Final = 63  # the longest audit path in a tree of 2^63 - 1 leaves
EXTRA_BYTES_MAX: Final = 65_536
PROOF_BYTES_MAX: Final = NOTE_BYTES_MAX + 2 * EXTRA_BYTES_MAX + 46 * HASHES_MAX


class MalformedProof(ProofError):
    """Bytes that are no tlog-proof."""


class TlogProof(msgspec.Struct, frozen=True):
    """A proof as it stands, nothing verified.

    ``index`` counts entries from 0; ``hashes`` of 32 bytes lead from the leaf's sibling to the root's child;
    ``checkpoint`` is the signed note, verbatim; ``extra`` is ``None`` where the line is missing, and never to be
    trusted.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    @classmethod
    def parse(cls, data: bytes) -> TlogProof:
        """Read a file. Raises ``MalformedProof``; what is wrong with the checkpoint shows when it is opened."""
        if len(data) > PROOF_BYTES_MAX:
            raise MalformedProof(f"a proof has at most {PROOF_BYTES_MAX} bytes")
        head, separator, checkpoint = data.partition(b"\n\n")
        if not separator or not head.isascii():
            raise MalformedProof("a proof has lines of ASCII, an empty line and a checkpoint")
        lines = head.decode("ascii").split("\n")
        if lines.pop(0) != HEADER:
            raise MalformedProof(f"the first line of a proof is {HEADER}")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = _decode(lines.pop(0).removeprefix("extra "), "the extra data")
            if len(extra) > EXTRA_BYTES_MAX:
                raise MalformedProof(f"the extra data of a proof has at most {EXTRA_BYTES_MAX} bytes")
        if not lines or not lines[0].startswith("index "):
            raise MalformedProof("after the first line come `extra` (or nothing) and `index`")
        index = _index(lines.pop(0).removeprefix("index "))
        if len(lines) > HASHES_MAX:
            raise MalformedProof(f"a proof has at most {HASHES_MAX} hashes")
        hashes = tuple(_decode(line, "a hash") for line in lines)
        if any(len(hash_) != HASH_BYTES for hash_ in hashes):
            raise MalformedProof(f"a hash of a proof has {HASH_BYTES} bytes")
        return cls(index, hashes, checkpoint, extra)

    def encode(self) -> bytes:
        """Write the file. Raises ``MalformedProof`` for values that would be read back as something else."""
        extra = [] if self.extra is None else [f"extra {_encode(self.extra)}"]
        lines = [HEADER, *extra, f"index {self.index}", *map(_encode, self.hashes)]
        data = "".join(f"{line}\n" for line in lines).encode() + b"\n" + self.checkpoint
        if TlogProof.parse(data) != self:
            raise MalformedProof("this proof is not what its file says")
        return data


class WitnessedRecord(msgspec.Struct, frozen=True):
    """A record's place in a log, under a checkpoint that a quorum of witnesses has cosigned."""

    index: int
    checkpoint: WitnessedCheckpoint


def verify_proof(proof: TlogProof, record: bytes, logs: Sequence[VerifierKey], policy: Policy) -> WitnessedRecord:
    """Verify that ``record`` (the leaf's bytes) stands at the proof's index in one of ``logs``, under ``policy``.

    ``logs`` are the keys that are expected, each named by its log's origin; they come from the caller, never from the
    file. Raises ``NoteError`` (``NoLogSignature`` and ``NoQuorum`` among them) if the checkpoint is not believed,
    ``ProofError`` if the record is not in it there.
    """
    return verify_proof_of_hash(proof, leaf_hash(record), logs, policy)


def verify_proof_of_hash(
    proof: TlogProof, hash_: bytes, logs: Sequence[VerifierKey], policy: Policy
) -> WitnessedRecord:
    """The same for whoever holds a record's leaf hash (32 bytes) and not the record: a receipt names that hash."""
    witnessed = policy.open_from(proof.checkpoint, logs)
    head = witnessed.checkpoint
    verify_inclusion(hash_, proof.index, head.size, proof.hashes, head.root)
    return WitnessedRecord(proof.index, witnessed)


def _index(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 19 or (len(text) > 1 and text[0] == "0"):
        raise MalformedProof("an index is a decimal without sign or leading zeros")
    if int(text) > SIZE_MAX:
        raise MalformedProof("an index is below 2^63")
    return int(text)


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(encoded: str, what: str) -> bytes:
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedProof(f"{what} is base64") from error
    if _encode(data) != encoded:
        raise MalformedProof(f"{what} is canonical base64")
    return data
