# SPDX-License-Identifier: Apache-2.0
"""Portable misbehaviour: a file that convicts a log by its own signatures, whoever shows it and whatever else is lost.

A file is canonical JSON with ``v`` and ``kind``. It holds signed checkpoints, verbatim, and the hashes that join them
to what is said; whoever has the log's key checks it with nothing else.

    fork               two signed heads, and a path that shows that the older is not the beginning of the newer
    rollback           a signed head and a smaller one that was shown later; only witnesses' times can show that order
    omission           a signed receipt, and the proof that another record stands in its place
    token-used-twice   two records of guards that say that they let the same token through
    token-not-issued   a guard's record of a token that no PASS issued; that none did, the gateways' logs must show

What a file does not prove is said as plainly as what it does.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias, assert_never

import msgspec

from brightline.core.canonical import canonical_bytes
from brightline.core.evidence.audit_findings import shown
from brightline.core.evidence.checkpoint import Checkpoint
from brightline.core.evidence.cosignature import Cosignature, CosignerKey, open_cosigned
from brightline.core.evidence.leaf import read_leaf
from brightline.core.evidence.merkle import HASH_BYTES, ProofError, leaf_hash, roots_along, verify_inclusion
from brightline.core.evidence.note import NOTE_BYTES_MAX, NoteError, VerifierKey, decode_canonical, open_note
from brightline.core.evidence.receipt import Receipt, verify_receipt
from brightline.core.evidence.record import RecordKind

VERSION: Final = "brightline-misbehaviour/1"
FILE_BYTES_MAX: Final = 4 * NOTE_BYTES_MAX
GATEWAYS_MAX: Final = 256


class _Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", kw_only=True):
    v: Literal["brightline-misbehaviour/1"] = "brightline-misbehaviour/1"


class Fork(_Said, frozen=True, tag="fork"):
    """Two signed checkpoints. ``path`` leads from the older size, in the *newer* tree, to its root.

    It is empty for two heads of one size.
    """

    older: str
    newer: str
    path: tuple[str, ...] = ()


class Rollback(_Said, frozen=True, tag="rollback"):
    """``larger`` was seen first, ``smaller`` was shown later; both are signed checkpoints, cosignatures included."""

    larger: str
    smaller: str


class Omission(_Said, frozen=True, tag="omission"):
    """``receipt`` was signed; by ``proof`` the leaf hash ``found`` (hex) stands there in the log of ``checkpoint``."""

    receipt: Receipt
    checkpoint: str
    found: str
    proof: tuple[str, ...]


class Use(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record in a guard's log: its leaf as text, its index, and the proof that it stands in the signed log."""

    checkpoint: str
    index: int
    leaf: str
    proof: tuple[str, ...]


class TokenUsedTwice(_Said, frozen=True, tag="token-used-twice"):
    """Two records of one token."""

    first: Use
    second: Use


class TokenNotIssued(_Said, frozen=True, tag="token-not-issued"):
    """A record of a token that was not found issued; ``gateways`` are the signed heads of the logs that were read."""

    use: Use
    gateways: tuple[str, ...]


Misbehaviour: TypeAlias = Fork | Rollback | Omission | TokenUsedTwice | TokenNotIssued

_DECODER: Final[msgspec.json.Decoder[Misbehaviour]] = msgspec.json.Decoder(Misbehaviour)


class MalformedMisbehaviour(ValueError):
    """Bytes that are no misbehaviour file."""


class Checked(msgspec.Struct, frozen=True):
    """Whether the file proves misbehaviour, and in one sentence what it proves or why it does not."""

    proves: bool
    sentence: str


def write_misbehaviour(said: Misbehaviour) -> bytes:
    """The file: canonical JSON and a line end."""
    return canonical_bytes(json.loads(msgspec.json.encode(said))) + b"\n"


def read_misbehaviour(data: bytes) -> Misbehaviour:
    """Read a file. Raises ``MalformedMisbehaviour``; nothing is verified."""
    if len(data) > FILE_BYTES_MAX:
        raise MalformedMisbehaviour(f"a misbehaviour file has at most {FILE_BYTES_MAX} bytes")
    try:
        said = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedMisbehaviour(f"not a misbehaviour file: {shown(str(error))}") from error
    if write_misbehaviour(said) != data:
        raise MalformedMisbehaviour("not canonical: the same values have other bytes")
    return said


def kind_of(said: Misbehaviour) -> str:
    """The kind, as the file names it."""
    return str(said.__struct_config__.tag)


def check_misbehaviour(
    said: Misbehaviour, keys: Sequence[VerifierKey], witnesses: Sequence[CosignerKey] = ()
) -> Checked:
    """Check a file under the keys of the logs that it speaks of. Raises nothing: what does not hold proves nothing."""
    try:
        match said:
            case Fork():
                return _fork(said, keys)
            case Rollback():
                return _rollback(said, keys, witnesses)
            case Omission():
                return _omission(said, keys)
            case TokenUsedTwice():
                return _twice(said, keys)
            case TokenNotIssued():
                return _not_issued(said, keys)
            case _ as never:
                assert_never(never)
    except (NoteError, ProofError, ValueError, RecursionError) as error:
        return Checked(False, f"It proves nothing: {error}.")


def hashes_to_text(hashes: Sequence[bytes]) -> tuple[str, ...]:
    """Hashes as they stand in a file: base64."""
    return tuple(base64.b64encode(hash_).decode() for hash_ in hashes)


# ---- each kind --------------------------------------------------------------------------------------------------


class _Head(msgspec.Struct, frozen=True):
    checkpoint: Checkpoint
    key: VerifierKey


def _fork(said: Fork, keys: Sequence[VerifierKey]) -> Checked:
    older, newer = _two_heads(said.older, said.newer, keys)
    first, second = older.checkpoint, newer.checkpoint
    if first.size > second.size:
        raise ProofError("the older head is the larger one")
    if first.size == second.size:
        found = second.root
    else:
        found, root = roots_along(first.size, second.size, _hashes(said.path))
        if root != second.root:
            raise ProofError("the path does not lead to the newer root")
    if found == first.root:
        raise ProofError("the newer head extends the older one")
    return Checked(
        True,
        f"Whoever holds the key of {shown(first.origin)} signed two histories: a log of {first.size:,} records, and "
        f"one of {second.size:,} records that does not begin with it.",
    )


def _rollback(said: Rollback, keys: Sequence[VerifierKey], witnesses: Sequence[CosignerKey]) -> Checked:
    larger, smaller = _two_heads(said.larger, said.smaller, keys)
    most, least = larger.checkpoint, smaller.checkpoint
    if most.size <= least.size:
        raise ProofError("the head that was shown later is not the smaller one")
    seen = [cosignature.time for cosignature in _cosigned(said.larger, keys, witnesses) if cosignature.time]
    later = [
        cosignature
        for cosignature in _cosigned(said.smaller, keys, witnesses)
        if seen and cosignature.time > min(seen)
    ]
    if later:
        return Checked(
            True,
            f"The log {shown(most.origin)} had {most.size:,} records when a witness saw it, and "
            f"{later[0].key.name} was shown only {least.size:,} of it afterwards: the log was rolled back, or "
            "somebody handed that witness an old head.",
        )
    return Checked(
        False,
        f"The log {shown(most.origin)} signed heads of {most.size:,} and of {least.size:,} records. That proves "
        "nothing by itself: every log had fewer records once. Times of witnesses could show the order (--witness).",
    )


def _omission(said: Omission, keys: Sequence[VerifierKey]) -> Checked:
    head = _head(said.checkpoint, keys)
    signed, receipt = head.checkpoint, said.receipt
    if signed.origin.rpartition("/")[2] != receipt.shard:
        raise ProofError("the receipt is of another log than the checkpoint")
    verify_receipt(receipt, head.key.public_key)
    found = bytes.fromhex(said.found)
    if found.hex() != said.found:
        raise ProofError("the leaf hash is not written in small hex digits")
    verify_inclusion(found, receipt.seq, signed.size, _hashes(said.proof), signed.root)
    if found.hex() == receipt.leaf:
        raise ProofError("the record stands where the receipt promises it")
    return Checked(
        True,
        f"Whoever holds the key of {shown(signed.origin)} promised record {receipt.seq} to exchange "
        f"{shown(receipt.exchange)}, and signed a log of {signed.size:,} records in which another one stands there.",
    )


def _twice(said: TokenUsedTwice, keys: Sequence[VerifierKey]) -> Checked:
    first, second = _use(said.first, keys), _use(said.second, keys)
    if first[1] != second[1]:
        raise ProofError("the two records name two tokens")
    if (first[0].checkpoint.origin, said.first.index) == (second[0].checkpoint.origin, said.second.index):
        raise ProofError("both are the same record")
    return Checked(
        True,
        f"The guard {shown(second[0].checkpoint.origin)} let token {shown(first[1])} through in record "
        f"{said.second.index}; {shown(first[0].checkpoint.origin)} had let it through in record {said.first.index}.",
    )


def _not_issued(said: TokenNotIssued, keys: Sequence[VerifierKey]) -> Checked:
    guard, token = _use(said.use, keys)
    if len(said.gateways) > GATEWAYS_MAX:
        raise ProofError(f"at most {GATEWAYS_MAX} logs of gateways are named")
    heads = [_head(note, keys).checkpoint for note in said.gateways]
    logs = ", ".join(f"{shown(head.origin)} ({head.size:,} records)" for head in heads) or "no log"
    return Checked(
        True,
        f"The guard {shown(guard.checkpoint.origin)} signed that token {shown(token)} was used in record "
        f"{said.use.index}; that no PASS issued it can be seen by whoever reads the whole of {logs}, and not "
        "from this file.",
    )


# ---- what they have in common -------------------------------------------------------------------------------------


def _head(note: str, keys: Sequence[VerifierKey]) -> _Head:
    opened = open_note(note.encode(), keys)
    checkpoint = Checkpoint.parse(opened.text)
    for key in opened.signed_by:
        if key.name == checkpoint.origin:
            return _Head(checkpoint, key)
    raise NoteError("the log's own key, named by the origin, did not sign this checkpoint")


def _two_heads(one: str, other: str, keys: Sequence[VerifierKey]) -> tuple[_Head, _Head]:
    first, second = _head(one, keys), _head(other, keys)
    if first.checkpoint.origin != second.checkpoint.origin or first.key != second.key:
        raise NoteError("the two heads are of two logs, or under two keys")
    return first, second


def _cosigned(note: str, keys: Sequence[VerifierKey], witnesses: Sequence[CosignerKey]) -> Sequence[Cosignature]:
    return open_cosigned(note.encode(), keys, witnesses).cosignatures


def _use(use: Use, keys: Sequence[VerifierKey]) -> tuple[_Head, str]:
    head = _head(use.checkpoint, keys)
    data = use.leaf.encode()
    verify_inclusion(leaf_hash(data), use.index, head.checkpoint.size, _hashes(use.proof), head.checkpoint.root)
    leaf = read_leaf(data)
    if leaf.kind is not RecordKind.CONSUMED or not leaf.token:
        raise ProofError("the record does not say that a token was used")
    return head, leaf.token


def _hashes(texts: Sequence[str]) -> list[bytes]:
    hashes = [decode_canonical(text) for text in texts]
    if any(len(hash_) != HASH_BYTES for hash_ in hashes):
        raise ProofError(f"a hash of a proof has {HASH_BYTES} bytes")
    return hashes
