# SPDX-License-Identifier: Apache-2.0
"""Keys that can be destroyed one by one."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.evidence.keytree import BLOCK_RECORDS, HEIGHT, KeyDestroyed, KeyTree

SEED = bytes(range(32))
WHOLE = KeyTree.grow(SEED)
LEAVES = st.integers(0, BLOCK_RECORDS - 1)
RANGES = st.lists(
    st.tuples(LEAVES, st.integers(0, 300)).map(lambda of: (of[0], min(sum(of), BLOCK_RECORDS - 1))), max_size=5
)


def test_every_record_has_a_key_of_its_own_that_depends_on_the_seed() -> None:
    keys = [WHOLE.key(leaf) for leaf in range(1_000)]
    assert len(set(keys)) == 1_000
    assert {len(key) for key in keys} == {32}
    assert KeyTree.grow(bytes(32)).key(0) != keys[0]


@given(st.lists(LEAVES, min_size=1, max_size=30))
def test_the_order_in_which_keys_are_asked_for_changes_none(leaves: list[int]) -> None:
    tree = KeyTree.grow(SEED)
    assert [tree.key(leaf) for leaf in leaves] == [KeyTree.grow(SEED).key(leaf) for leaf in leaves]


@settings(max_examples=60, deadline=None)
@given(RANGES, st.lists(LEAVES, max_size=30))
def test_what_was_destroyed_is_gone_and_everything_else_is_as_it_was(
    gone: list[tuple[int, int]], asked: list[int]
) -> None:
    left = WHOLE.without(gone)
    edges = [edge for first, last in gone for edge in (first - 1, first, last, last + 1) if 0 <= edge < BLOCK_RECORDS]
    for leaf in [*asked, *edges]:
        destroyed = any(first <= leaf <= last for first, last in gone)
        assert left.has(leaf) is not destroyed
        if destroyed:
            with pytest.raises(KeyDestroyed):
                left.key(leaf)
        else:
            assert left.key(leaf) == KeyTree.grow(SEED).key(leaf)


@settings(max_examples=60, deadline=None)
@given(RANGES)
def test_no_seed_that_is_kept_leads_to_a_destroyed_key(gone: list[tuple[int, int]]) -> None:
    kept = msgspec.msgpack.decode(WHOLE.without(gone).encode())
    for level, index, _seed in kept:
        first, last = index << level, ((index + 1) << level) - 1
        assert not any(first <= end and last >= start for start, end in gone)


@settings(max_examples=40, deadline=None)
@given(RANGES, RANGES)
def test_destroying_twice_or_in_another_order_is_the_same(
    some: list[tuple[int, int]], more: list[tuple[int, int]]
) -> None:
    at_once = WHOLE.without([*some, *more])
    assert WHOLE.without(some).without(more) == at_once == WHOLE.without(more).without(some)
    assert at_once.without(some) == at_once
    assert KeyTree.decode(at_once.encode()) == at_once


def test_a_block_that_lost_nothing_is_one_seed_and_one_that_lost_all_is_none() -> None:
    assert len(WHOLE.encode()) < 64
    assert KeyTree.decode(WHOLE.without([(0, BLOCK_RECORDS - 1)]).encode()) == KeyTree({})


@pytest.mark.parametrize(
    "rows",
    [
        [(HEIGHT + 1, 0, bytes(32))],
        [(HEIGHT, 1, bytes(32))],
        [(0, BLOCK_RECORDS, bytes(32))],
        [(0, -1, bytes(32))],
        [(0, 0, bytes(31))],
        [(0, 0, bytes(32)), (0, 0, bytes(32))],
        [(4, 0, bytes(32)), (0, 15, bytes(32))],
        "text",
    ],
)
def test_seeds_that_stand_where_none_can_are_refused(rows: object) -> None:
    with pytest.raises(ValueError, match="seeds"):
        KeyTree.decode(msgspec.msgpack.encode(rows))


@pytest.mark.parametrize("leaf", [-1, BLOCK_RECORDS])
def test_there_is_no_key_outside_the_block(leaf: int) -> None:
    with pytest.raises(ValueError, match="block"):
        WHOLE.key(leaf)
    with pytest.raises(ValueError, match="block"):
        WHOLE.without([(leaf, leaf)])
