# SPDX-License-Identifier: Apache-2.0
"""The frames of the log, what a crash may have done to them, and the books of open attempts."""

from __future__ import annotations

import hashlib
import zlib

import msgspec
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from brightline.core.errors import EvidenceDamaged
from brightline.core.evidence.batch import (
    BATCH_FRAMES_MAX,
    FRAME_BYTES_MAX,
    Batch,
    Books,
    Frame,
    OpenAttempt,
    encode_frame,
    lost_draft,
    scan_frames,
)
from brightline.core.evidence.record import Place, RecordKind
from tests.vault import sealed

SHARD = "gw-1"


def frame(seq: int, kind: RecordKind = RecordKind.PERIOD, exchange: str = "", epoch: int = 1) -> Frame:
    """A frame whose leaf says the same as the frame."""
    header = {"v": 1, "kind": kind.value, "shard": SHARD, "epoch": epoch, "seq": seq, "time": "t"}
    if exchange:
        header["exchange"] = exchange
    return Frame(seq, epoch, kind, exchange, msgspec.json.encode(header), b"contents")


FRAMES = tuple(frame(seq, RecordKind.ATTEMPT, f"ex{seq}") for seq in range(5))
DATA = b"".join(encode_frame(one) for one in FRAMES)
ENDS = tuple(len(encode_frame(FRAMES[0])) * (index + 1) for index in range(5))

frames_any = st.lists(
    st.builds(
        Frame,
        seq=st.integers(0, 2**63),
        epoch=st.integers(0, 2**63),
        kind=st.sampled_from(RecordKind),
        exchange=st.text(max_size=40),
        leaf=st.binary(max_size=300),
        contents=st.binary(max_size=80),
    ),
    max_size=6,
)


@given(frames_any)
def test_frames_read_back_as_they_were_written(frames: list[Frame]) -> None:
    data = b"".join(encode_frame(one) for one in frames)
    result = scan_frames(data)
    assert (result.frames, result.valid_bytes, result.torn) == (tuple(frames), len(data), "")


@given(st.integers(0, len(DATA)))
def test_any_prefix_of_a_log_reads_as_the_whole_frames_in_it(length: int) -> None:
    whole = sum(end <= length for end in ENDS)
    result = scan_frames(DATA[:length])
    assert result.frames == FRAMES[:whole]
    assert result.valid_bytes == ([0, *ENDS][whole])
    assert bool(result.torn) == (length != result.valid_bytes)


@given(st.integers(0, len(DATA)), st.integers(1, 9000))
@example(ENDS[0] - 3, 3)
def test_a_file_that_grew_before_its_bytes_arrived_reads_as_the_whole_frames_in_it(length: int, zeros: int) -> None:
    assume(all(not 0 < end - length < 3 for end in ENDS))  # so near to the end it could be one flipped bit: damage
    whole = sum(end <= length for end in ENDS)
    result = scan_frames(DATA[:length] + bytes(zeros))
    assert result.frames == FRAMES[:whole]
    assert result.torn


def test_any_flipped_bit_of_complete_frames_is_damage_also_in_the_last_frame() -> None:
    for at in range(len(DATA)):
        for bit in range(8):
            damaged = bytearray(DATA)
            damaged[at] ^= 1 << bit
            with pytest.raises(EvidenceDamaged) as caught:
                scan_frames(bytes(damaged), "0.wal")
            start = max(end for end in (0, *ENDS) if end <= at)
            assert caught.value.place == f"0.wal, offset {start}"


def test_a_flipped_bit_that_makes_a_digest_end_in_zero_is_damage_and_no_missing_block() -> None:
    candidates = (encode_frame(frame(seq)) for seq in range(10_000))
    encoded = next(one for one in candidates if one[-1].bit_count() == 1)
    for zeros in (0, 4096):
        with pytest.raises(EvidenceDamaged, match="digest is wrong"):
            scan_frames(encoded[:-1] + bytes(1 + zeros))


def test_zeros_in_the_middle_are_damage_because_frames_follow() -> None:
    damaged = DATA[: ENDS[1]] + bytes(ENDS[2] - ENDS[1]) + DATA[ENDS[2] :]
    with pytest.raises(EvidenceDamaged, match=f"offset {ENDS[1]}"):
        scan_frames(damaged)


def test_a_scan_stops_at_the_number_of_frames_that_it_was_given() -> None:
    result = scan_frames(DATA[: ENDS[1]] + b"half of something", frames_max=2)
    assert (result.frames, result.valid_bytes, result.torn) == (FRAMES[:2], ENDS[1], "")


def test_a_frame_of_another_version_is_damage() -> None:
    payload = msgspec.msgpack.encode([1, 2, 3])
    body = encode_frame(FRAMES[0])[:4] + len(payload).to_bytes(4, "big")
    whole = body + _crc(body) + payload
    with pytest.raises(EvidenceDamaged, match="another version"):
        scan_frames(whole + hashlib.sha256(whole).digest()[:16])


def test_a_frame_that_is_too_large_is_not_encoded() -> None:
    with pytest.raises(ValueError, match="exceeds"):
        encode_frame(Frame(0, 1, RecordKind.PERIOD, "", bytes(FRAME_BYTES_MAX), b""))


def test_a_batch_is_full_at_its_frames_or_its_bytes_and_takes_only_what_follows() -> None:
    assert not Batch.of([frame(seq) for seq in range(BATCH_FRAMES_MAX - 1)]).full
    many = Batch.of([frame(seq) for seq in range(BATCH_FRAMES_MAX)])
    assert many.full
    with pytest.raises(ValueError, match="cannot follow"):
        many.add(frame(BATCH_FRAMES_MAX + 1))
    assert len(many.frames) == BATCH_FRAMES_MAX
    assert scan_frames(many.data).frames == tuple(many.frames)
    large = Frame(0, 1, RecordKind.PERIOD, "", bytes(FRAME_BYTES_MAX // 2), b"")
    assert not Batch.of([large]).full
    assert Batch.of([large, msgspec.structs.replace(large, seq=1)]).full


def test_the_books_know_the_attempts_without_an_outcome_and_the_epoch_of_each() -> None:
    books = Books(SHARD)
    books.add(frame(0, RecordKind.ATTEMPT, "a"))
    books.add(frame(1, RecordKind.ATTEMPT, "b"))
    books.add(frame(2, RecordKind.PASS, "a"))
    books.add(frame(3, RecordKind.OUTCOME, "a"))
    books.add(frame(4, RecordKind.ATTEMPT, "c", epoch=3))
    assert books.open_attempts == (OpenAttempt("b", 1), OpenAttempt("c", 3))
    assert (books.size, books.epoch) == (5, 3)


@pytest.mark.parametrize(
    ("kind", "exchange", "objection"),
    [
        (RecordKind.ATTEMPT, "", "without an exchange id"),
        (RecordKind.ATTEMPT, "a", "second ATTEMPT"),
        (RecordKind.PASS, "b", "not open"),
        (RecordKind.MARK, "b", "not open"),
        (RecordKind.OUTCOME, "b", "not open"),
        (RecordKind.OUTCOME, "", "not open"),
    ],
)
def test_the_books_refuse_what_would_break_attempts_equal_outcomes_plus_open(
    kind: RecordKind, exchange: str, objection: str
) -> None:
    books = Books(SHARD)
    books.add(frame(0, RecordKind.ATTEMPT, "a"))
    assert objection in books.objection(kind, exchange)
    with pytest.raises(EvidenceDamaged, match=objection):
        books.add(frame(1, kind, exchange))
    assert books.size == 1


@pytest.mark.parametrize(
    "wrong",
    [
        frame(2),  # a number is skipped
        frame(1, epoch=1),  # the boot epoch goes back
        msgspec.structs.replace(frame(1, epoch=2), leaf=b"{"),
        msgspec.structs.replace(frame(1, epoch=2), leaf=frame(1, epoch=3).leaf),
        msgspec.structs.replace(frame(1, epoch=2), leaf=frame(1, epoch=2).leaf.replace(b"gw-1", b"gw-2")),
        msgspec.structs.replace(frame(1, epoch=2), kind=RecordKind.WORKLOAD),
    ],
)
def test_the_books_refuse_a_record_that_does_not_follow(wrong: Frame) -> None:
    books = Books(SHARD)
    books.add(frame(0, epoch=2))
    with pytest.raises(EvidenceDamaged, match="shard gw-1, record 1"):
        books.add(wrong)


def test_a_lost_outcome_names_the_epoch_that_lost_it_and_closes_the_attempt() -> None:
    books = Books(SHARD)
    books.add(frame(0, RecordKind.ATTEMPT, "a", epoch=4))
    draft = lost_draft(books.open_attempts[0])
    leaf = sealed(draft, Place(SHARD, 5, 1, "t", "development")).leaf
    assert msgspec.json.decode(leaf) | {"outcome": "lost", "class": "none", "epoch_lost": 4, "epoch": 5} == (
        msgspec.json.decode(leaf)
    )
    books.add(Frame(1, 5, draft.kind, draft.exchange, leaf, b""))
    assert books.open_attempts == ()


def _crc(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "big")
