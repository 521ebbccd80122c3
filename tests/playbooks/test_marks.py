# SPDX-License-Identifier: Apache-2.0
"""MARKs: what has left is on record before much more of it leaves.

The terms of these playbooks allow 12 bytes and 4 seconds without a MARK.
"""

from __future__ import annotations

from typing import Final

import msgspec

from brightline.core.enforcement import commands as do
from brightline.core.enforcement.output import SEGMENT_CHARS_MAX, Chain
from brightline.core.evidence.record import RecordKind
from tests.playbooks.playbook import DENIED, DONE, HELD, TERMS, Book, Story, chunk

SMALL: Final = msgspec.structs.replace(TERMS, mark_bytes=12)


def chain_of(story: Story, count: int) -> Chain:
    """The chain over the first ``count`` segments that left."""
    chain = Chain()
    for command in [command for command in story.commands if isinstance(command, do.Release)][:count]:
        chain = chain.then(command.segment)
    return chain


def until_a_mark_is_due(book: Book) -> Story:
    """Ten bytes have left; the next five wait for a MARK."""
    story = book.stream(SMALL)
    story.said(chunk("0123456789holdback"))
    assert story.screened() == ["Release 0 0123456789"]
    story.said(chunk("ABCDE"))
    assert story.screened() == ["Record MARK"]
    return story


def test_a_mark_is_on_record_before_more_bytes_leave_than_may_leave_without_one(book: Book) -> None:
    story = until_a_mark_is_due(book)
    assert story.mark_durable() == ["Release 0 holdb"]
    mark = story.draft(RecordKind.MARK)
    assert mark.public["released_bytes"] == 10
    assert mark.committed["chain"] == chain_of(story, 1).digest


def test_while_a_mark_is_being_made_everything_waits(book: Book) -> None:
    story = until_a_mark_is_due(book)
    assert story.said(chunk("FGHIJ")) == ["Screen"]
    assert story.screened() == []
    assert story.mark_durable() == ["Release 0 holdb", "Release 0 ackAB"]


def test_after_a_mark_the_count_starts_anew(book: Book) -> None:
    story = until_a_mark_is_due(book)
    assert story.mark_durable() == ["Release 0 holdb"]
    story.said(chunk("FGHIJ"))
    assert story.screened() == ["Release 0 ackAB"]
    story.said(chunk("KLMNO"))
    assert story.screened() == ["Record MARK"]
    assert story.draft(RecordKind.MARK).public["released_bytes"] == 20


def test_a_mark_is_due_when_the_first_unmarked_byte_has_been_out_for_long(book: Book) -> None:
    story = book.stream()
    story.said(chunk("0123456789holdback"))
    story.screened()
    assert story.later(3.9).ticked() == []
    assert story.later(0.1).ticked() == ["Record MARK"]
    assert story.ticked() == []  # one is enough
    assert story.mark_durable() == []
    assert story.later(10).ticked() == []  # nothing has left since


def test_a_mark_that_is_late_holds_back_the_next_segment(book: Book) -> None:
    story = book.stream()
    story.said(chunk("0123456789holdback"))
    story.screened()
    story.later(4).said(chunk("ABCDE"))
    assert story.screened() == ["Record MARK"]
    assert story.mark_durable() == ["Release 0 holdb"]


def test_no_mark_is_made_where_nothing_has_left(book: Book) -> None:
    story = book.stream()
    story.said(chunk("Figs"))
    assert story.later(100).ticked() == []


def test_a_mark_that_cannot_be_recorded_breaks_the_stream(book: Book) -> None:
    story = until_a_mark_is_due(book)
    assert story.mark_failed() == ["CancelUpstream", "BreakStream evidence_unavailable", "End"]
    assert story.released == "0123456789"


def test_a_deny_while_a_mark_is_being_made_lets_nothing_more_out(book: Book) -> None:
    story = until_a_mark_is_due(book)
    story.said(chunk("SECRET"))
    assert story.screened(DENIED) == ["CancelUpstream", "Record OUTCOME cut policy"]
    assert story.mark_durable() == []
    assert story.outcome_durable() == ["CutStream", "End"]
    assert story.released == "0123456789"
    assert story.outcome["released_bytes"] == 10


def test_a_client_that_leaves_while_a_mark_is_being_made_gets_nothing_more(book: Book) -> None:
    story = until_a_mark_is_due(book)
    story.gone()
    assert story.mark_durable() == []
    assert story.screened() == ["CancelUpstream", "Record OUTCOME client_gone"]
    assert story.outcome["released_bytes"] == 10


def test_what_waits_for_a_mark_may_leave_after_the_outcome_instead(book: Book) -> None:
    story = until_a_mark_is_due(book)
    story.said(chunk(finish="stop"), DONE)
    assert story.screened() == ["CancelUpstream", "Record OUTCOME completed"]
    assert story.mark_durable() == []
    assert story.outcome_durable() == ["Release 0 holdb", "Release 0 ackABCDE stop", "CloseStream", "End"]
    assert story.outcome["released_bytes"] == len("0123456789holdbackABCDE")
    assert story.draft(RecordKind.OUTCOME).committed["chain"] == chain_of(story, 3).digest


def test_a_mark_that_fails_after_the_outcome_was_decided_leaves_the_last_content_to_the_outcome(book: Book) -> None:
    story = until_a_mark_is_due(book)
    story.said(chunk(finish="stop"), DONE)
    story.screened()
    assert story.mark_failed() == []
    assert story.released == "0123456789"
    assert story.outcome_durable() == ["Release 0 holdb", "Release 0 ackABCDE stop", "CloseStream", "End"]
    story = until_a_mark_is_due(book)
    story.said(chunk(finish="stop"), DONE)
    story.screened()
    story.mark_failed()
    assert story.record_failed() == ["CancelUpstream", "BreakStream evidence_unavailable", "End"]
    assert story.released == "0123456789"


def test_a_mark_that_fails_while_a_hold_is_recorded_undoes_no_hold(book: Book) -> None:
    story = until_a_mark_is_due(book)
    story.said(chunk(finish="stop"), DONE)
    assert story.screened(HELD) == ["CancelUpstream", "Record HOLD"]
    assert story.mark_failed() == []
    assert story.hold_durable() == ["Record OUTCOME held"]
    assert story.outcome_durable() == ["CutStream", "End"]


def test_one_great_chunk_leaves_in_pieces_with_marks_between_them(book: Book) -> None:
    """However much is judged at once, no more than 64 KiB of it leave without a MARK."""
    story = book.stream()
    text = "é" * 100_000
    story.said(chunk(text))
    said = story.screened()
    at_once = TERMS.mark_bytes // (2 * SEGMENT_CHARS_MAX)
    assert [line.split()[0] for line in said] == ["Release"] * at_once + ["Record"]
    while said[-1] == "Record MARK":
        released_before = len(story.released.encode())
        assert story.draft(RecordKind.MARK).public["released_bytes"] == released_before
        said = story.mark_durable()
        assert len(story.released.encode()) - released_before <= TERMS.mark_bytes
    assert story.released == text[:-8]
