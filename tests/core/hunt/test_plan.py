# SPDX-License-Identifier: Apache-2.0
"""Plans: every record in one shard, wherever it is cut; and what speaks against a plan that leaves something out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.errors import EvidenceDamaged
from brightline.core.evidence.batch import Frame
from brightline.core.evidence.merkle import leaf_hash
from brightline.core.evidence.record import RecordKind
from brightline.core.hunt.plan import (
    FORMAT,
    NOWHERE,
    UNFINISHED,
    Covered,
    Cutting,
    Plan,
    Shard,
    objections,
    plan_bytes,
    read_plan,
)


def frame(seq: int, kind: RecordKind, exchange: str = "", case: str = "", part: int = 0, parts: int = 1) -> Frame:
    """A record as a log has it, as far as a plan reads it."""
    leaf = msgspec.json.encode({"seq": seq, "case": case, "part": part, "parts": parts})
    return Frame(seq, 1, kind, exchange, leaf, b"")


def cut(frames: list[Frame], records: int = 4_096, gone: Callable[[int], str] = lambda _seq: "") -> tuple[Shard, ...]:
    cutting = Cutting("gw", frames[0].seq, 0, records)
    for each in frames:
        cutting.enter(each, leaf_hash(each.leaf))
    return cutting.shards(gone)


def plan_of(shards: tuple[Shard, ...], start: int, end: int) -> Plan:
    covered = Covered("gw", "an.origin/gw", start, end, "00", end, "")
    return Plan(FORMAT, 0, 0, 0, "sha256:a", "sha256:r", "r", "", (covered,), shards)


ATTEMPT, OUTCOME = RecordKind.ATTEMPT, RecordKind.OUTCOME
HOLD, CASE = RecordKind.HOLD, RecordKind.CASE


@given(st.integers(1, 60), st.integers(1, 9), st.integers(0, 5), st.sets(st.integers(0, 60)))
def test_each_record_is_in_one_shard_and_each_shard_is_named_by_its_leaves(
    count: int, records: int, start: int, cases: set[int]
) -> None:
    kinds = [CASE if seq in cases else ATTEMPT for seq in range(start, start + count)]
    frames = [frame(seq, kind, f"x{seq}", f"c{seq}") for seq, kind in enumerate(kinds, start)]
    shards = cut(frames, records)
    assert [seq for shard in shards for seq in range(shard.start, shard.end)] == [each.seq for each in frames]
    assert list(objections(plan_of(shards, start, start + count))) == []
    for shard in shards:
        leaves = b"".join(leaf_hash(each.leaf) for each in frames if shard.start <= each.seq < shard.end)
        assert shard.leaves == "sha256:" + hashlib.sha256(leaves).hexdigest()
        assert [case.parts for case in shard.cases] == [
            (seq,) for seq in range(shard.start, shard.end) if kinds[seq - start] is CASE
        ]


def test_a_case_is_of_the_shard_in_which_it_begins_and_finds_its_outcome_before_or_behind() -> None:
    (first, second) = cut(
        [
            frame(0, ATTEMPT, "held"),
            frame(1, HOLD, "held", "a", 0, 2),
            frame(2, ATTEMPT, "drawn"),
            frame(3, HOLD, "held", "a", 1, 2),
            frame(4, OUTCOME, "held"),
            frame(5, OUTCOME, "drawn"),
            frame(6, CASE, "drawn", "b"),
            frame(7, CASE, "of before", "c", 1, 2),
        ],
        records=3,
    )[:2]
    assert [(case.parts, case.outcome, case.gone) for case in first.cases] == [((1, 3), 4, "")]
    assert second.cases == ()


def test_what_does_not_end_or_is_destroyed_is_named_with_the_reason() -> None:
    frames = [
        frame(0, CASE, "x", "whole"),
        frame(1, CASE, "y", "half", 0, 2),
        frame(2, CASE, "z", "gone"),
        frame(3, CASE, "w", "late part gone", 0, 2),
        frame(4, CASE, "w", "late part gone", 1, 2),
    ]
    (shard,) = cut(frames, gone=lambda seq: {2: "expired", 4: "ordered"}.get(seq, ""))
    assert [case.gone for case in shard.cases] == ["", UNFINISHED, "expired", "ordered"]
    assert all(case.outcome == NOWHERE for case in shard.cases)


def test_a_shard_ends_after_so_much_content_also_where_records_are_few() -> None:
    shards = cut([frame(seq, CASE, f"x{seq}", f"c{seq}") for seq in range(130)])
    assert [(shard.start, shard.end) for shard in shards] == [(0, 64), (64, 128), (128, 130)]


def test_a_record_that_is_missing_cannot_be_planned_over() -> None:
    with pytest.raises(EvidenceDamaged, match="record 2 stands where record 1 should"):
        cut([frame(0, ATTEMPT), frame(2, ATTEMPT)])


@pytest.mark.parametrize(
    ("shards", "message"),
    [
        (((0, 4), (5, 9)), "by nobody"),
        (((0, 4), (3, 9)), "twice"),
        (((0, 4),), "what is covered at 9"),
        (((0, 4), (4, 9), (9, 12)), "what is covered at 9"),
        (((0, 4), (4, 4), (4, 9)), "ends before it starts"),
    ],
)
def test_a_plan_with_a_gap_or_an_overlap_is_not_read(shards: tuple[tuple[int, int], ...], message: str) -> None:
    made = tuple(Shard(number, "gw", *ends, "sha256:x", ()) for number, ends in enumerate(shards))
    with pytest.raises(EvidenceDamaged, match=message):
        read_plan(plan_bytes(plan_of(made, 0, 9)), "a plan")


def test_a_shard_of_a_log_that_is_not_covered_or_out_of_order_speaks_against_a_plan() -> None:
    good = Shard(0, "gw", 0, 9, "sha256:x", ())
    other = msgspec.structs.replace(good, number=1, log="other")
    assert [*objections(plan_of((good, other), 0, 9))] == ["shard 1 is of no log that is covered"]
    assert [*objections(plan_of((msgspec.structs.replace(good, number=3),), 0, 9))] == [
        "shard 3 stands where shard 0 should"
    ]
    for data in (b"{}", b"\xff", b"[" * 5_000):
        with pytest.raises(EvidenceDamaged, match="no plan"):
            read_plan(data, "a plan")
