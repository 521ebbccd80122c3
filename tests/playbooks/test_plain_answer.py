# SPDX-License-Identifier: Apache-2.0
"""The way back of a plain answer: held whole, judged, recorded, then written."""

from __future__ import annotations

import json

import pytest

from brightline.core.enforcement import commands as do
from tests.playbooks.playbook import DENIED, HELD, LAPSED, SUSPENDED, Book, chunk, completion, saw

STOPPED = ["CancelUpstream", "Record OUTCOME refused policy"]
FAILED = ["CancelUpstream", "Record OUTCOME upstream_failed"]
UNAVAILABLE = ["CancelUpstream", "Record OUTCOME refused unavailable"]


def test_a_permitted_answer_is_written_once_its_outcome_is_on_record(book: Book) -> None:
    story = book.story().to_forwarded()
    assert story.replied(completion("Figs, dates, plums.")) == ["Screen"]
    assert story.state == "SCREENING_OUTPUT"
    assert story.screened() == ["CancelUpstream", "Record OUTCOME completed"]
    assert story.outcome_durable() == ["Answer Figs, dates, plums.", "End"]
    assert story.outcome["released_bytes"] == len("Figs, dates, plums.")


def test_the_answer_and_the_answer_beside_the_question_are_both_screened(book: Book) -> None:
    story = book.story().to_forwarded()
    story.replied(completion("Figs."))
    paths = {segment.path: segment.text for segment in story.last(do.Screen).segments}
    assert paths == {"choices[0].content": "Figs.", "exchange[0]": "List three fruits.\nFigs."}


def test_a_denied_answer_is_refused_and_nothing_of_it_leaves(book: Book) -> None:
    story = book.story().to_forwarded()
    story.replied(completion("SECRET"))
    assert story.screened(DENIED) == STOPPED
    assert story.outcome_durable() == ["Refuse denied_by_agreement", "End"]
    assert story.outcome["released_bytes"] == 0
    assert "SECRET" not in json.dumps([dict(notice) for notice in story.notices])


def test_a_held_answer_is_refused_with_a_hold_id(book: Book) -> None:
    story = book.story().to_forwarded()
    story.replied(completion("SECRET"))
    assert story.screened(HELD) == ["CancelUpstream", "Record HOLD"]
    assert story.hold_durable() == ["Record OUTCOME held"]
    assert story.outcome_durable() == ["Refuse held_for_review", "End"]
    assert story.last(do.Refuse).notice["hold"] == story.outcome["hold"]


def test_a_finding_on_the_question_is_not_forgotten_when_the_answer_is_clean(book: Book) -> None:
    """Half of a clause was seen in the question, the other half in the answer."""
    story = book.story()
    story.attempt_durable()
    assert story.screened(saw("acts_alone")) == ["Record PASS"]
    story.pass_durable()
    story.replied(completion())
    assert story.screened(saw("high_stakes")) == STOPPED
    assert story.outcome["clauses"] == ["RL-3"]


def test_a_detector_that_failed_on_the_answer_keeps_it_back(book: Book) -> None:
    story = book.story().to_forwarded()
    story.replied(completion())
    assert story.screening_failed() == UNAVAILABLE
    assert story.outcome_durable() == ["Refuse screening_unavailable", "End"]


def test_a_detector_that_is_missing_on_the_answer_keeps_it_back(book: Book) -> None:
    story = book.story().to_forwarded()
    story.replied(completion())
    assert story.screened_by() == UNAVAILABLE


def test_every_choice_is_screened_and_a_deny_ends_all(book: Book) -> None:
    story = book.story(n=2).to_forwarded()
    assert story.replied(completion("Figs.", "Plums.")) == ["Screen"]
    paths = {segment.path for segment in story.last(do.Screen).segments}
    assert {"choices[0].content", "choices[1].content", "joined:choices#together"} <= paths
    assert story.screened(DENIED) == STOPPED


def test_both_choices_are_written_when_both_are_permitted(book: Book) -> None:
    story = book.story(n=2).to_forwarded()
    story.replied(completion("Figs.", "Plums."))
    story.screened()
    assert story.outcome_durable() == ["Answer Figs. | Plums.", "End"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"choices": []}',
        b'{"choices": [], "choices": []}',
        b'{"error": "SECRET"}',
        completion("one", "and one too many"),
        completion(finish="because"),
        completion(tool_calls=[{"function": {"name": "f", "arguments": json.dumps(["x"] * 20_001)}}]),
    ],
)
def test_an_answer_that_is_not_understood_is_the_upstreams_failure(body: bytes) -> None:
    story = Book().story().to_forwarded()
    assert story.replied(body) == FAILED
    assert story.outcome_durable() == ["Refuse upstream_failed", "End"]


def test_an_answer_of_garbage_is_the_upstreams_failure(book: Book) -> None:
    story = book.story().to_forwarded()
    assert story.replied(b"garbage") == FAILED
    assert story.outcome_durable() == ["Refuse upstream_failed", "End"]


def test_an_upstream_that_breaks_is_not_asked_again(book: Book) -> None:
    story = book.story().to_forwarded()
    assert story.broke() == FAILED
    assert story.outcome_durable() == ["Refuse upstream_failed", "End"]
    assert len([command for command in story.commands if isinstance(command, do.Forward)]) == 1


def test_an_upstream_that_ends_without_a_word_failed(book: Book) -> None:
    story = book.story().to_forwarded()
    assert story.ended() == FAILED


def test_an_outcome_that_cannot_be_recorded_keeps_the_answer_back(book: Book) -> None:
    story = book.story().to_forwarded()
    story.replied(completion("SECRET"))
    story.screened()
    assert story.record_failed() == ["CancelUpstream", "Refuse evidence_unavailable", "End"]
    assert story.notices == []


def test_a_client_that_leaves_before_the_answer_cancels_the_upstream(book: Book) -> None:
    story = book.story().to_forwarded()
    assert story.gone() == ["CancelUpstream", "Record OUTCOME client_gone"]
    assert story.replied(completion()) == []
    assert story.outcome_durable() == ["End"]


def test_what_had_arrived_is_judged_although_the_client_left(book: Book) -> None:
    story = book.story().to_forwarded()
    story.replied(completion())
    assert story.gone() == []
    assert story.screened() == ["CancelUpstream", "Record OUTCOME client_gone"]
    assert story.outcome_durable() == ["End"]


def test_a_deny_is_on_record_although_the_client_left(book: Book) -> None:
    story = book.story().to_forwarded()
    story.replied(completion())
    story.gone()
    assert story.screened(DENIED) == STOPPED
    assert story.outcome_durable() == ["End"]


def test_a_client_that_leaves_when_all_is_decided_changes_nothing(book: Book) -> None:
    story = book.story().to_forwarded()
    story.replied(completion("Figs."))
    story.screened()
    assert story.gone() == []
    assert story.outcome_durable() == ["Answer Figs.", "End"]
    assert story.gone() == []


def test_a_lease_that_lapses_before_the_answer_cancels_the_upstream(book: Book) -> None:
    story = book.story().to_forwarded()
    assert story.ticked(LAPSED) == UNAVAILABLE
    assert story.outcome_durable() == ["Refuse lease_stale", "End"]


def test_a_lease_that_lapses_while_the_answer_is_screened_keeps_it_back(book: Book) -> None:
    story = book.story().to_forwarded()
    story.replied(completion())
    assert story.ticked() == []
    assert story.ticked(LAPSED) == UNAVAILABLE
    assert story.screened() == []
    assert story.outcome_durable() == ["Refuse lease_stale", "End"]


def test_a_unit_that_is_suspended_while_the_answer_is_screened_is_refused(book: Book) -> None:
    story = book.story().to_forwarded()
    story.replied(completion())
    assert story.ticked(SUSPENDED) == ["CancelUpstream", "Record OUTCOME refused suspended"]


def test_a_plain_request_that_is_answered_by_a_stream_is_still_held_back(book: Book) -> None:
    story = book.story().to_forwarded()
    assert story.said(chunk("hi")) == []
    assert story.state == "STREAMING"
