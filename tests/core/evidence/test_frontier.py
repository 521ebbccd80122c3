# SPDX-License-Identifier: Apache-2.0
"""The frontier gives the root of every earlier size that is not too long ago, and of no other."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.evidence.frontier import Frontier
from brightline.core.evidence.merkle import EMPTY_ROOT, Tree, leaf_hash

HASHES = [leaf_hash(number.to_bytes(4, "big")) for number in range(3_000)]
TREE = Tree()
for _hash in HASHES:
    TREE.append(_hash)


@settings(max_examples=80, deadline=None)
@given(size=st.integers(0, 3_000), data=st.data())
def test_roots_are_those_of_the_whole_tree(size: int, data: st.DataObject) -> None:
    asked = sorted(data.draw(st.lists(st.integers(0, size), max_size=6)))
    frontier = Frontier()
    for first in range(0, size, 256):
        frontier.take(HASHES[first : min(first + 256, size)])
    assert frontier.size == size
    for each in asked:
        assert frontier.root(each) == TREE.root(each)
    assert frontier.root(size + 1) is None


def test_what_is_too_long_ago_has_no_root() -> None:
    frontier = Frontier(bundles_max=2)
    assert frontier.root(0) == EMPTY_ROOT
    for first in range(0, 2_560, 256):
        frontier.take(HASHES[first : first + 256])
    assert frontier.root(8 * 256 - 1) is None
    assert frontier.root(8 * 256) == TREE.root(8 * 256)
    assert frontier.root(2_100) == TREE.root(2_100)
