# SPDX-License-Identifier: Apache-2.0
"""The drawn way: as many levels as the proof has hashes, each subtree on its side, all of it inside the picture."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from brightline.core.evidence.proving import ProofPath, Sibling, sibling_ranges
from brightline.shell.logserver.drawing import MIDDLE, WIDTH, Drawing, draw


def drawn(index: int, size: int) -> Drawing:
    siblings = tuple(Sibling(start, end, bytes(32)) for start, end in sibling_ranges(index, size))
    nodes = tuple(hashlib.sha256(bytes([at])).digest() for at in range(len(siblings) + 1))
    return draw(ProofPath(index, size, siblings, nodes))


def test_the_last_of_ten_records_has_two_subtrees_to_its_left() -> None:
    picture = drawn(9, 10)
    assert [(one.records, one.whole, one.one, one.x < MIDDLE) for one in picture.siblings] == [
        ("0 – 7", True, False, True),
        ("8", True, True, True),
    ]


def test_a_subtree_at_the_right_edge_that_is_not_full_has_another_outline() -> None:
    picture = drawn(0, 10_000_000)
    assert [(one.records, one.whole) for one in picture.siblings[:2]] == [
        ("8,388,608 – 9,999,999", False),
        ("4,194,304 – 8,388,607", True),
    ]
    assert len(picture.siblings) == 24


@given(st.integers(1, 2**40), st.data())
def test_everything_lies_inside_the_picture_and_on_its_side(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    picture = drawn(index, size)
    assert len(picture.nodes) == len(picture.siblings) + 1
    for one in picture.siblings:
        first = int(one.records.split(" ")[0].replace(",", ""))
        assert (one.x < MIDDLE) == (first < index)
        assert (one.anchor == "end") == (one.x < MIDDLE)
        for point in one.points.split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= WIDTH
            assert 0 <= y <= picture.height
    heights = [node.y for node in picture.nodes]
    assert heights == sorted(heights)
    assert heights[-1] < picture.height
