# SPDX-License-Identifier: Apache-2.0
"""One group commit: how records stand in the log, what a crash may have done to them, and what is still open.

A log file is a row of frames and nothing else::

    "BLR2"  4 bytes   says that a frame starts here
    length  4 bytes   of the payload, big-endian
    check   4 bytes   CRC-32 of the eight bytes before it: a length is believed only if it holds
    payload           MessagePack array: seq, epoch, kind, exchange, leaf, contents
    digest 16 bytes   SHA-256 of everything before it in the frame, truncated

What a crash leaves and what damage leaves must never be mistaken for each other, because the first is cut and
the second is not. An acknowledged frame is complete in the file. A crash during the last write can therefore
only leave

1. fewer bytes than a header,
2. a header that holds, and a payload that the file ends within, or
3. a file that grew before its bytes arrived: zeros from some byte of the frame to the end of the file.

Everything else is damage, also in the very last frame: if a frame is complete and its digest is wrong, its
last byte was written and something changed it (or an earlier one) afterwards, and the record may have been
acknowledged. To cut it would be to lose evidence silently. One flipped bit cannot forge any of the three: it
cannot shorten a file, a flipped length breaks the header's check, and it cannot turn the digest that ends a
frame into zeros. The price: where a power failure persists the blocks of one write out of order and leaves a
hole that is not zeros to the end, the log refuses to open and a person must look.

Invariants, as absences: nothing here reads a file or a clock; no scan skips a frame.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from typing import Final, Self

import msgspec

from brightline.core.errors import EvidenceDamaged
from brightline.core.evidence.record import Draft, Outcome, RecordKind, RefusalClass

FRAME_BYTES_MAX: Final = 1 << 20  # one frame: a leaf of at most 64 KiB and its contents
BATCH_FRAMES_MAX: Final = 512
BATCH_BYTES_MAX: Final = 1 << 20  # a batch is full here; it may end one frame later

_MAGIC: Final = b"BLR2"
_HEADER_BYTES: Final = 12
_DIGEST_BYTES: Final = 16


class Frame(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One record as the log keeps it: the public leaf, and beside it its encrypted fields (``sealing.py``).

    ``seq`` is the index of the leaf in the tree, from 0, across boot epochs. ``exchange`` is empty for
    records that belong to no exchange. The leaf repeats the first four fields; :meth:`Books.add` checks that
    both agree.
    """

    seq: int
    epoch: int
    kind: RecordKind
    exchange: str
    leaf: bytes
    contents: bytes


class ScanResult(msgspec.Struct, frozen=True):
    """The frames of some bytes, the bytes that they fill, and why the rest is no frame (empty: no rest)."""

    frames: tuple[Frame, ...]
    valid_bytes: int
    torn: str


class OpenAttempt(msgspec.Struct, frozen=True):
    """An ATTEMPT without an OUTCOME, and the boot epoch in which it was made."""

    exchange: str
    epoch: int


class LeafHeader(msgspec.Struct, frozen=True):
    """What the log must know of a leaf. A leaf has more fields; those are for the auditor."""

    kind: RecordKind
    shard: str
    epoch: int
    seq: int
    exchange: str = ""


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Frame)
_LEAF_DECODER: Final = msgspec.json.Decoder(LeafHeader)


def encode_frame(frame: Frame) -> bytes:
    """Encode one frame. Raises ``ValueError`` if it exceeds ``FRAME_BYTES_MAX`` bytes."""
    payload = _ENCODER.encode(frame)
    if _HEADER_BYTES + len(payload) + _DIGEST_BYTES > FRAME_BYTES_MAX:
        raise ValueError(f"a frame with {len(payload)} bytes of payload exceeds {FRAME_BYTES_MAX} bytes")
    header = _MAGIC + len(payload).to_bytes(4, "big")
    body = header + zlib.crc32(header).to_bytes(4, "big") + payload
    return body + _digest(body)


def scan_frames(data: bytes, name: str = "log", offset: int = 0, frames_max: int | None = None) -> ScanResult:
    """Read frames from the start of ``data`` up to its end, to a torn tail, or to ``frames_max`` of them.

    ``name`` and ``offset`` (where ``data`` starts in the file) are for messages alone. Raises
    ``EvidenceDamaged`` with the offset for everything that a crash cannot have left; see the head of this
    file.
    """
    frames: list[Frame] = []
    at = 0
    while at < len(data) and (frames_max is None or len(frames) < frames_max):
        place = f"{name}, offset {offset + at}"
        rest = len(data) - at
        if rest < _HEADER_BYTES:
            return ScanResult(tuple(frames), at, f"{rest} bytes, fewer than the header of a frame")  # 1.
        header = data[at : at + _HEADER_BYTES]
        if header[:4] != _MAGIC or zlib.crc32(header[:8]).to_bytes(4, "big") != header[8:]:
            if len(data[at:].rstrip(b"\0")) < _HEADER_BYTES:
                return ScanResult(tuple(frames), at, "zeros to the end of the file")  # 3.
            raise EvidenceDamaged("no frame starts here, yet bytes follow", place)
        size = _HEADER_BYTES + int.from_bytes(header[4:8], "big") + _DIGEST_BYTES
        if size > rest:
            return ScanResult(tuple(frames), at, f"{rest} of the {size} bytes of a frame")  # 2.
        body, digest = data[at : at + size - _DIGEST_BYTES], data[at + size - _DIGEST_BYTES : at + size]
        if _digest(body) != digest:
            if _arrived_in_part(_digest(body), digest) and not any(data[at + size :]):
                return ScanResult(tuple(frames), at, "a frame that ends in zeros, to the end of the file")  # 3.
            raise EvidenceDamaged("a complete frame whose digest is wrong", place)
        try:
            frames.append(_DECODER.decode(body[_HEADER_BYTES:]))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise EvidenceDamaged(f"a frame of another version ({error})", place) from error
        at += size
    return ScanResult(tuple(frames), at, "")


class Batch:
    """The frames of one group commit, in order, as the bytes of one write."""

    def __init__(self) -> None:
        self._frames: list[Frame] = []
        self._parts: list[bytes] = []
        self._bytes = 0

    @classmethod
    def of(cls, frames: Sequence[Frame]) -> Self:
        """Make a batch of these frames. Raises ``ValueError`` as :meth:`add` does."""
        batch = cls()
        for frame in frames:
            batch.add(frame)
        return batch

    def add(self, frame: Frame) -> None:
        """Add one frame. Raises ``ValueError``, and adds nothing, if it is too large or does not follow."""
        if self._frames and frame.seq != self._frames[-1].seq + 1:
            raise ValueError(f"record {frame.seq} cannot follow record {self._frames[-1].seq}")
        encoded = encode_frame(frame)
        self._frames.append(frame)
        self._parts.append(encoded)
        self._bytes += len(encoded)

    @property
    def full(self) -> bool:
        """True once no further frame should be added."""
        return len(self._frames) >= BATCH_FRAMES_MAX or self._bytes >= BATCH_BYTES_MAX

    @property
    def frames(self) -> Sequence[Frame]:
        """The frames so far."""
        return self._frames

    @property
    def data(self) -> bytes:
        """The bytes of all frames."""
        return b"".join(self._parts)


class Books:
    """What the log says so far: its size, its last boot epoch, and which attempts are open.

    It is fed every record, on replay and while serving, and holds memory for open attempts alone.
    """

    def __init__(self, shard: str) -> None:
        self._shard = shard
        self._size = 0
        self._epoch = 0
        self._open: dict[str, int] = {}  # exchange id → boot epoch, in the order of the attempts

    @property
    def size(self) -> int:
        """The number of records, which is the next sequence number."""
        return self._size

    @property
    def epoch(self) -> int:
        """The highest boot epoch that any record names; 0 if there is none."""
        return self._epoch

    @property
    def open_attempts(self) -> tuple[OpenAttempt, ...]:
        """The attempts without an outcome, oldest first."""
        return tuple(OpenAttempt(exchange, epoch) for exchange, epoch in self._open.items())

    def objection(self, kind: RecordKind, exchange: str) -> str:
        """Say why a record of this kind may not stand next for this exchange; empty if it may.

        One ATTEMPT opens an exchange, PASS, MARK and HOLD need it open, one OUTCOME closes it: so attempts are
        always outcomes plus open.
        """
        match kind:
            case RecordKind.ATTEMPT:
                if not exchange:
                    return "an ATTEMPT without an exchange id"
                return f"a second ATTEMPT of exchange {exchange}" if exchange in self._open else ""
            case RecordKind.PASS | RecordKind.MARK | RecordKind.HOLD | RecordKind.OUTCOME:
                return "" if exchange in self._open else f"{kind} for exchange {exchange!r}, which is not open"
            case _:
                return ""

    def add(self, frame: Frame) -> None:
        """Enter one record. Raises ``EvidenceDamaged`` if it does not follow from the records before it."""
        place = f"shard {self._shard}, record {self._size}"
        if frame.seq != self._size:
            raise EvidenceDamaged(f"the next record has sequence number {frame.seq}", place)
        try:
            header = _LEAF_DECODER.decode(frame.leaf)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise EvidenceDamaged(f"the leaf is not a record ({error})", place) from error
        if header != LeafHeader(frame.kind, self._shard, frame.epoch, frame.seq, frame.exchange):
            raise EvidenceDamaged(f"the leaf says {header}, which is not what its frame says", place)
        if frame.epoch < self._epoch:
            raise EvidenceDamaged(f"boot epoch {frame.epoch} after boot epoch {self._epoch}", place)
        if objection := self.objection(frame.kind, frame.exchange):
            raise EvidenceDamaged(objection, place)
        if frame.kind is RecordKind.ATTEMPT:
            self._open[frame.exchange] = frame.epoch
        elif frame.kind is RecordKind.OUTCOME:
            del self._open[frame.exchange]
        self._size += 1
        self._epoch = frame.epoch

    def take_back(self, frames: Sequence[Frame]) -> None:
        """Undo the last entries: ``frames``, in the order in which they were entered, did not reach the log after all.

        They are of this boot, as everything is that is written and not only read.
        """
        for frame in reversed(frames):
            self._size -= 1
            if frame.kind is RecordKind.ATTEMPT:
                del self._open[frame.exchange]
            elif frame.kind is RecordKind.OUTCOME:
                self._open[frame.exchange] = frame.epoch


def lost_draft(attempt: OpenAttempt) -> Draft:
    """The OUTCOME that a boot writes for an attempt which a crash in ``attempt.epoch`` left open."""
    return Draft(
        kind=RecordKind.OUTCOME,
        exchange=attempt.exchange,
        public={
            "outcome": Outcome.LOST.value,
            "class": RefusalClass.NONE.value,
            "epoch_lost": attempt.epoch,
        },
        committed={},
    )


def _arrived_in_part(expected: bytes, found: bytes) -> bool:
    """True if zeros took the place of the digest or of its end, as no single flipped bit could have done."""
    different_bits = (int.from_bytes(expected, "big") ^ int.from_bytes(found, "big")).bit_count()
    return expected.startswith(found.rstrip(b"\0")) and different_bits > 1


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:_DIGEST_BYTES]
