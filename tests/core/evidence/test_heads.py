# SPDX-License-Identifier: Apache-2.0
"""The combined heads: nothing goes back, whoever wrote in between, and every record is one of the log's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.evidence.heads import HeadsBook, LogHead, head_leaf, read_head
from brightline.core.evidence.leaf import read_leaf
from brightline.core.evidence.merkle import Tree, leaf_hash
from brightline.core.evidence.record import RecordKind

TREE, OTHER = Tree(), Tree()
for _number in range(50):
    TREE.append(leaf_hash(b"%d" % _number))
    OTHER.append(leaf_hash(b"%d" % (_number if _number < 20 else _number + 1)))
LOG = "log.example/gateway-0"


def at(size: int, tree: Tree = TREE, log: str = LOG) -> LogHead:
    return LogHead(log, size, tree.root(size).hex())


def book_of(*heads: LogHead) -> HeadsBook:
    book = HeadsBook()
    for head in heads:
        book.enter(head_leaf(head, book.size, "2026-11-25T12:00:00.000Z", "development"))
    return book


def test_a_head_is_a_record_like_every_other() -> None:
    leaf = head_leaf(at(7), 3, "2026-11-25T12:00:00.000Z", "development")
    record = read_leaf(leaf)
    assert (record.kind, record.shard, record.seq, record.epoch) == (RecordKind.HEAD, "heads", 3, 1)
    assert (record.log, record.size, record.root, record.commitments) == (LOG, 7, TREE.root(7).hex(), ())
    assert read_head(leaf) == at(7)


@given(recorded=st.integers(0, 50), now=st.integers(0, 50))
def test_a_log_may_say_its_head_exactly_if_it_extends_the_recorded_one(recorded: int, now: int) -> None:
    book = book_of(at(recorded), at(50, log="log.example/another"))
    assert (book.objection(at(now), TREE.root) == "") is (now >= recorded)
    forked = book.objection(at(now, OTHER), OTHER.root)
    assert (forked == "") is (now >= recorded and recorded <= 20)


def test_the_first_head_of_a_log_is_believed() -> None:
    assert book_of(at(50)).objection(at(3, log="log.example/new"), TREE.root) == ""


def test_the_newest_head_of_each_log_counts() -> None:
    book = book_of(at(3), at(5, log="b"), at(9), at(9))
    assert book.logs == (at(5, log="b"), at(9))
    assert (book.newest(LOG), book.newest("nobody"), book.size) == (at(9), None, 4)


@pytest.mark.parametrize(
    "leaf", [b"", b"[]", b"{}", b'{"kind":"HEAD","log":"x"}', b'{"kind":"ATTEMPT"}', b'{"kind":"HEAD","log":1}']
)
def test_what_is_no_head_does_not_stand_among_them(leaf: bytes) -> None:
    with pytest.raises(ValueError, match="HEAD|among the heads|Expecting"):
        HeadsBook().enter(leaf)


def test_heads_that_go_back_are_refused_when_they_are_read() -> None:
    with pytest.raises(ValueError, match="takes log.example/gateway-0 back"):
        book_of(at(9), at(8))
