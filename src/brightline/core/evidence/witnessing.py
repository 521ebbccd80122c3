# SPDX-License-Identifier: Apache-2.0
"""C2SP tlog-witness v1.0.0, both sides, without a socket: what a log asks, what a witness answers, in which order.

The witness, for one request:

1. read it (400), find the log by its origin (404), verify the log's own signature (403);
2. compare: the old size is not above the new (400) and is the size last cosigned (409, with that size);
3. verify: the empty tree has the empty root, one size has one root, a larger tree extends the old (422);
4. make the new state durable, in one step with 2.;
5. only then sign, and answer.

Types keep the order of 4. and 5.: ``judge`` gives an ``Advance``, which answers nothing; only whoever made it durable
may turn it into a ``DurableAdvance``; and ``answer_cosigned`` takes no other. A trap of the standard: from size 0 the
proof is empty, while RFC 9162 has no proof from there; so the first contact at any size is believed, whole.
"""

from __future__ import annotations

import base64
import binascii
import enum
import re
from collections.abc import Sequence
from typing import Final

import msgspec

from brightline.core.evidence.checkpoint import Checkpoint
from brightline.core.evidence.cosignature import (
    Cosignature,
    CosignatureSigner,
    CosignerKey,
    read_line,
    split_note,
    verify_line,
)
from brightline.core.evidence.merkle import EMPTY_ROOT, HASH_BYTES, SIZE_MAX, ProofError, verify_consistency
from brightline.core.evidence.note import NoteError, VerifierKey, open_note

ADD_CHECKPOINT: Final = "/add-checkpoint"
SIZE_TYPE: Final = "text/x.tlog.size"
TEXT_TYPE: Final = "text/plain; charset=utf-8"
PROOF_LINES_MAX: Final = 63
REQUEST_BYTES_MAX: Final = 131_072  # a proof, and a note with far more lines than the 16 that all must take
ANSWER_BYTES_MAX: Final = 65_536
_ANSWER_LINES_MAX: Final = 16
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")


class MalformedSubmission(ValueError):
    """Bytes that are no add-checkpoint request."""


class Submission(msgspec.Struct, frozen=True):
    """An add-checkpoint request. ``note`` is the signed checkpoint, verbatim; ``proof`` has hashes of 32 bytes."""

    old_size: int
    proof: tuple[bytes, ...]
    note: bytes
    checkpoint: Checkpoint

    @classmethod
    def of(cls, old_size: int, proof: Sequence[bytes], note: bytes) -> Submission:
        """A request for this note. Raises ``MalformedSubmission`` if a witness could not read it."""
        return cls.parse(_write(old_size, proof, note))

    @classmethod
    def parse(cls, body: bytes) -> Submission:
        """Read a request's body. Raises ``MalformedSubmission``; no signature is verified."""
        if len(body) > REQUEST_BYTES_MAX:
            raise MalformedSubmission(f"a request has at most {REQUEST_BYTES_MAX} bytes")
        head, separator, note = body.partition(b"\n\n")
        if not separator or not head.isascii():
            raise MalformedSubmission("a request has an old size, proof lines, an empty line and a checkpoint")
        first, *lines = head.decode("ascii").split("\n")
        old, space, number = first.partition(" ")
        if old != "old" or not space:
            raise MalformedSubmission("a request begins with `old` and a size")
        if len(lines) > PROOF_LINES_MAX:
            raise MalformedSubmission(f"a request has at most {PROOF_LINES_MAX} proof lines")
        old_size, proof = _size(number), tuple(map(_hash, lines))
        try:
            checkpoint = Checkpoint.parse(split_note(note).text)
        except NoteError as error:
            raise MalformedSubmission(f"the checkpoint of this request: {error}") from error
        return cls(old_size, proof, note, checkpoint)

    def encode(self) -> bytes:
        """The request's body."""
        return _write(self.old_size, self.proof, self.note)


class Seen(msgspec.Struct, frozen=True):
    """The largest tree of a log that a witness has cosigned; size 0 and the empty root where it has none yet."""

    size: int
    root: bytes


NOTHING_SEEN: Final = Seen(0, EMPTY_ROOT)


class WitnessAnswer(msgspec.Struct, frozen=True):
    """An HTTP answer of a witness."""

    status: int
    body: str
    content_type: str = TEXT_TYPE


class Advance(msgspec.Struct, frozen=True):
    """What must be durable before anything is answered: the log ``origin`` goes from ``before`` to ``after``.

    ``before`` and ``after`` may be equal: then there is nothing to write, but still to compare.
    """

    origin: str
    before: Seen
    after: Seen


_MINT: Final = object()


class DurableAdvance:
    """An advance that was compared with the stored state and made durable in one step. Holding one is the proof."""

    __slots__ = ("advance",)

    def __init__(self, token: object, advance: Advance) -> None:
        if token is not _MINT:
            raise TypeError("a DurableAdvance is minted by the witness's store alone")
        self.advance = advance


def mint_advance(advance: Advance) -> DurableAdvance:
    """Mint the proof of durability. Imported by ``shell/witness/store.py`` alone (a test looks)."""
    return DurableAdvance(_MINT, advance)


def judge(submission: Submission, trusted: Sequence[VerifierKey], seen: Seen) -> Advance | WitnessAnswer:
    """Apply the rules to one request: what to make durable, or the answer that refuses it.

    ``trusted`` are the keys of the log that the checkpoint names, none if the log is unknown; ``seen`` is what the
    witness has cosigned of it.
    """
    head = submission.checkpoint
    if not trusted:
        return _refuse(404, "this witness does not know the log")
    try:
        # Only the log's keys: whoever adds a line under another name, ours included, can spoil nothing.
        open_note(submission.note, trusted)
    except NoteError as error:
        return _refuse(403, str(error))
    if submission.old_size > head.size:
        return _refuse(400, "the old size is above the size of the checkpoint")
    if submission.old_size != seen.size:
        return answer_conflict(seen)
    if head.size == 0 and head.root != EMPTY_ROOT:
        return _refuse(422, "the root of this empty tree is not that of the empty tree")
    try:
        _verify(submission, seen)
    except ProofError as error:
        return _refuse(422, str(error))
    return Advance(head.origin, seen, Seen(head.size, head.root))


def answer_malformed(error: MalformedSubmission) -> WitnessAnswer:
    """The answer to what is no request."""
    return _refuse(400, str(error))


def answer_conflict(seen: Seen) -> WitnessAnswer:
    """The answer to a request from another size than the one last cosigned, also where a race was lost."""
    return WitnessAnswer(409, f"{seen.size}\n", SIZE_TYPE)


def answer_cosigned(durable: DurableAdvance, signers: Sequence[CosignatureSigner], unix: int) -> WitnessAnswer:
    """Cosign what is durable, at this time (Unix seconds)."""
    advance = durable.advance
    text = Checkpoint(advance.origin, advance.after.size, advance.after.root).text()
    return WitnessAnswer(200, "".join(f"{signer.cosignature_line(text, unix)}\n" for signer in signers))


def _verify(submission: Submission, seen: Seen) -> None:
    head = submission.checkpoint
    if submission.old_size == 0:
        if submission.proof:
            raise ProofError("the proof from size 0 is empty")  # tlog-witness: "The proof MUST be empty"
        return
    verify_consistency(seen.size, head.size, submission.proof, seen.root, head.root)


# ---- the log's side ---------------------------------------------------------------------------------------


class Cosigned(msgspec.Struct, frozen=True):
    """A witness's verified cosignature, as the ``line`` that goes below the checkpoint."""

    cosignature: Cosignature
    line: str


class Conflict(msgspec.Struct, frozen=True):
    """The witness has cosigned ``size``: prove from there, or, where it is above ours, ask why we are behind."""

    size: int


class Decline(enum.StrEnum):
    """Why there is no cosignature, by what follows from it."""

    UNKNOWN_LOG = "unknown_log"  # 404: the witness was not told of this log; people must tell it
    UNTRUSTED_KEY = "untrusted_key"  # 403: it was told of another key; people must look
    MALFORMED = "malformed"  # 400: our own mistake
    INCONSISTENT = "inconsistent"  # 422: it has seen another tree; nothing may be signed until people know why
    AHEAD = "ahead"  # 409 with a size above ours: this log was rolled back, or is behind a twin
    UNAVAILABLE = "unavailable"  # no answer, or one of a broken or busy server; ask again
    FAULTY = "faulty"  # an answer that the standard does not know, or a cosignature that does not verify


class Declined(msgspec.Struct, frozen=True):
    """No cosignature. ``size`` is what the witness says it has cosigned, where it says so."""

    why: Decline
    detail: str
    size: int | None = None


def read_answer(
    status: int, content_type: str, body: bytes, submission: Submission, witness: CosignerKey
) -> Cosigned | Conflict | Declined:
    """Read what a witness answered to a submission. Its words are shown to operators, cut and quoted."""
    detail = f"{status}: {body[:200].decode('utf-8', 'replace')!r}"
    if len(body) > ANSWER_BYTES_MAX:
        return Declined(Decline.FAULTY, f"an answer of more than {ANSWER_BYTES_MAX} bytes")
    match status:
        case 200:
            return _read_cosigned(body, submission, witness)
        case 409 if content_type.partition(";")[0].strip().lower() == SIZE_TYPE:
            return _read_conflict(body, submission)
        case 409 | 422:  # drafts of the standard answered 409 without a size for another root of the same size
            return Declined(Decline.INCONSISTENT, detail)
        case 404:
            return Declined(Decline.UNKNOWN_LOG, detail)
        case 403:
            return Declined(Decline.UNTRUSTED_KEY, detail)
        case 400:
            return Declined(Decline.MALFORMED, detail)
        case 429 | 500 | 502 | 503 | 504:
            return Declined(Decline.UNAVAILABLE, detail)
        case _:
            return Declined(Decline.FAULTY, detail)


def _read_conflict(body: bytes, submission: Submission) -> Conflict | Declined:
    try:
        text = body.decode("ascii")
        size = _size(text.removesuffix("\n"))
    except (UnicodeDecodeError, MalformedSubmission):
        return Declined(Decline.FAULTY, "409 with a body that is no size")
    if not text.endswith("\n"):
        return Declined(Decline.FAULTY, "409 with a body that is no size")
    if size == submission.old_size:
        return Declined(Decline.FAULTY, f"409 with the very size that it was asked from, {size}")
    if size > submission.checkpoint.size:
        return Declined(Decline.AHEAD, f"it has cosigned size {size}, above {submission.checkpoint.size}", size)
    return Conflict(size)


def _read_cosigned(body: bytes, submission: Submission, witness: CosignerKey) -> Cosigned | Declined:
    text = submission.checkpoint.text()
    found: Cosigned | None = None
    try:
        raw_lines = body.decode("utf-8", "strict").split("\n")
        if raw_lines.pop() or not 1 <= len(raw_lines) <= _ANSWER_LINES_MAX:
            raise NoteError("an answer is 1 to 16 signature lines")
        for raw in raw_lines:
            line = read_line(raw)
            if (line.name, line.key_id) == (witness.name, witness.key_id):
                found = Cosigned(verify_line(line, witness, text), raw)
    except (UnicodeDecodeError, NoteError) as error:
        return Declined(Decline.FAULTY, f"200 with what is no cosignature: {error}")
    if found is None:
        return Declined(Decline.FAULTY, f"200 without a cosignature of {witness.name}")
    if not found.cosignature.time:
        return Declined(Decline.FAULTY, "200 with a cosignature at the time 0, which no quorum counts")
    return found


# ---- the format -------------------------------------------------------------------------------------------


def _refuse(status: int, reason: str) -> WitnessAnswer:
    return WitnessAnswer(status, f"{reason}\n")


def _write(old_size: int, proof: Sequence[bytes], note: bytes) -> bytes:
    lines = [f"old {old_size}", *(base64.b64encode(hash_).decode() for hash_ in proof)]
    return "".join(f"{line}\n" for line in lines).encode() + b"\n" + note


def _size(text: str) -> int:
    if not _DECIMAL.fullmatch(text) or int(text) > SIZE_MAX:
        raise MalformedSubmission("a size is a decimal below 2^63 without sign or leading zeros")
    return int(text)


def _hash(line: str) -> bytes:
    try:
        hash_ = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedSubmission("a proof line is base64") from error
    if len(hash_) != HASH_BYTES or base64.b64encode(hash_).decode() != line:
        raise MalformedSubmission(f"a proof line is {HASH_BYTES} bytes in canonical base64")
    return hash_
