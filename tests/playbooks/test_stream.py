# SPDX-License-Identifier: Apache-2.0
"""The way back of a stream: held back, judged, let out piece by piece, cut in mid-sentence.

The release of the playbooks asks once 4 characters are new and holds 8 back behind what is judged.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from brightline.core.enforcement import commands as do
from brightline.core.errors import Halted
from brightline.core.screening.finding import Raised
from tests.playbooks.playbook import (
    DENIED,
    DONE,
    HALTED,
    HELD,
    LAPSED,
    RELEASE,
    SUSPENDED,
    TERMS,
    Book,
    Story,
    call_chunk,
    chunk,
    completion,
    judged,
)

CUT = ["CancelUpstream", "Record OUTCOME cut policy"]
FAILED = ["CancelUpstream", "Record OUTCOME upstream_failed"]
COMPLETED = ["CancelUpstream", "Record OUTCOME completed"]


def in_mid_sentence(book: Book, **asked: Any) -> Story:
    """``Figs,`` has left; `` dates, `` is judged and held back."""
    story = book.stream(**asked)
    assert story.said(chunk("Figs, dates, ")) == ["Screen"]
    assert story.screened() == ["Release 0 Figs,"]
    return story


def test_a_stream_leaves_behind_what_is_judged_and_its_end_after_the_outcome(book: Book) -> None:
    story = book.stream()
    assert story.said(chunk("Fi")) == []  # less than a stride
    assert story.said(chunk("gs, dates, ")) == ["Screen"]
    assert story.said(chunk("and ")) == []  # one ask at a time
    assert story.screened() == ["Release 0 Figs,", "Screen"]
    assert story.screened() == ["Release 0  dat"]
    assert story.said(chunk("plums.")) == ["Screen"]
    assert story.screened() == ["Release 0 es, an"]
    assert story.said(chunk(finish="stop"), DONE) == ["Screen"]
    assert story.screened() == COMPLETED
    assert story.outcome_durable() == ["Release 0 d plums. stop", "CloseStream", "End"]
    assert story.released == "Figs, dates, and plums."
    assert story.outcome["released_bytes"] == len(story.released)


def test_where_something_came_near_a_threshold_the_stream_is_read_further_back_next_time(book: Book) -> None:
    windows = msgspec.structs.replace(RELEASE.windows, reach_chars=48)
    terms = msgspec.structs.replace(TERMS, release=msgspec.structs.replace(RELEASE, windows=windows))
    told = "Figs, dates, plums, pears, "
    for near, back in ((False, 16), (True, len(told))):
        story = book.stream(terms=terms)
        story.said(chunk(told))
        asked = story.last(do.Screen).segments
        raised = (Raised(0, "folded", told),) if near else ()
        story.screened_by(msgspec.structs.replace(judged(asked), raised=raised))
        story.said(chunk("and quinces"))
        again = story.last(do.Screen).segments[0]
        assert (again.path, again.text) == ("choices[0].content", told[-back:] + "and quinces")


def test_an_upstream_may_end_its_stream_without_the_end_marker_once_the_answer_is_finished(book: Book) -> None:
    story = book.stream()
    assert story.said(chunk("Figs", "stop")) == ["Screen"]
    assert story.ended() == []
    assert story.screened() == ["Screen"]
    assert story.screened() == COMPLETED
    assert story.ended() == []


def test_only_the_last_chunk_carries_the_notice(book: Book) -> None:
    story = in_mid_sentence(book)
    story.said(chunk(finish="stop"), DONE)
    story.screened()
    story.outcome_durable()
    releases = [command for command in story.commands if isinstance(command, do.Release)]
    assert [bool(release.notice) for release in releases] == [False, True]


def test_the_notice_is_in_the_usage_chunk_where_the_caller_asked_for_one(book: Book) -> None:
    story = in_mid_sentence(book, stream_options={"include_usage": True})
    story.said(chunk(finish="stop"), json.dumps({"choices": [], "usage": {"total_tokens": 7}}), DONE)
    story.screened()
    story.outcome_durable()
    assert not story.last(do.Release).notice
    assert story.last(do.CloseStream).notice["outcome"] == "completed"
    assert story.last(do.CloseStream).usage.total_tokens == 7


def test_a_deny_in_mid_sentence_cuts_and_nothing_leaves_after_it(book: Book) -> None:
    story = in_mid_sentence(book)
    assert story.said(chunk("SECRET")) == ["Screen"]
    assert story.screened(DENIED) == CUT
    assert story.said(chunk(" and more", "stop"), DONE) == []
    assert story.ended() == []
    assert story.outcome_durable() == ["CutStream", "End"]
    assert story.released == "Figs,"
    assert story.outcome["released_bytes"] == 5
    assert story.last(do.CutStream).notice["verdict"] == "deny"


def test_a_deny_of_the_whole_answer_cuts_before_its_end(book: Book) -> None:
    story = in_mid_sentence(book)
    story.said(chunk(finish="stop"), DONE)
    assert story.screened(DENIED) == CUT
    assert story.outcome_durable() == ["CutStream", "End"]
    assert story.released == "Figs,"


def test_a_deny_before_anything_was_released_is_a_refusal_with_a_status(book: Book) -> None:
    story = book.stream()
    story.said(chunk("SECRET"))
    assert story.screened(DENIED) == ["CancelUpstream", "Record OUTCOME refused policy"]
    assert story.outcome_durable() == ["Refuse denied_by_agreement", "End"]


def test_a_hold_in_mid_stream_cuts_with_a_hold_id(book: Book) -> None:
    story = in_mid_sentence(book)
    story.said(chunk("SECRET"))
    assert story.screened(HELD) == []  # the rest is taken in, and nothing more leaves
    assert story.said(chunk("more"), chunk(finish="stop"), DONE) == ["Screen"]
    assert story.screened(HELD) == ["CancelUpstream", "Record HOLD"]
    assert story.broke() == []  # what we cancelled may still say so
    assert story.hold_durable() == ["Record OUTCOME held"]
    assert story.outcome_durable() == ["CutStream", "End"]
    assert story.last(do.CutStream).notice["hold"] == story.outcome["hold"]
    assert story.released == "Figs,"


# ---- tool calls, choices -----------------------------------------------------------------------------------


def test_a_tool_call_leaves_whole_and_only_at_the_end(book: Book) -> None:
    story = book.stream()
    assert story.said(call_chunk('{"who":', name="look_up"), call_chunk('"Ada"}')) == []
    assert story.said(chunk(finish="tool_calls"), DONE) == ["Screen"]
    screened = [segment.text for segment in story.last(do.Screen).segments]
    assert 'look up look_up {"who":"Ada"}' in screened
    assert "Ada" in screened
    assert story.screened() == COMPLETED
    assert story.outcome_durable() == ['Release 0 look_up({"who":"Ada"}) tool_calls', "CloseStream", "End"]
    assert story.outcome["released_bytes"] == len('look_up{"who":"Ada"}')


def test_a_denied_tool_call_never_leaves(book: Book) -> None:
    story = in_mid_sentence(book)
    assert story.said(call_chunk('{"fire": true}', name="launch")) == []
    assert story.said(chunk(finish="tool_calls"), DONE) == ["Screen"]
    assert story.screened(DENIED) == CUT
    assert story.outcome_durable() == ["CutStream", "End"]
    assert "launch" not in story.released


def test_each_choice_has_its_own_hold_back(book: Book) -> None:
    story = book.stream(n=2)
    assert story.said(chunk("Figs, dates, ", choice=1)) == ["Screen"]
    assert story.screened() == ["Release 1 Figs,"]
    assert story.said(chunk("Plums, grapes", choice=0)) == ["Screen"]
    assert story.screened() == ["Release 0 Plums"]
    story.said(chunk(finish="stop", choice=0), chunk(finish="stop", choice=1), DONE)
    assert story.screened() == COMPLETED
    assert story.outcome_durable() == [
        "Release 0 , grapes stop",
        "Release 1  dates,  stop",
        "CloseStream",
        "End",
    ]


def test_a_deny_on_one_choice_ends_all(book: Book) -> None:
    story = book.stream(n=2)
    story.said(chunk("Figs, dates, ", choice=0))
    story.screened()
    story.said(chunk("SECRET and so", choice=1))
    assert story.screened(DENIED) == CUT
    assert story.outcome_durable() == ["CutStream", "End"]
    assert story.released == "Figs,"


def test_a_refusal_of_the_model_is_held_back_and_judged_like_its_content(book: Book) -> None:
    story = book.stream()
    assert story.said(chunk(refusal="I cannot do so.")) == ["Screen"]
    assert story.screened() == ["Release 0 I canno"]
    story.said(chunk(finish="stop"), DONE)
    story.screened()
    assert story.outcome_durable() == ["Release 0 t do so. stop", "CloseStream", "End"]


# ---- screening that fails ----------------------------------------------------------------------------------


def test_a_detector_that_fails_in_mid_stream_breaks_it(book: Book) -> None:
    story = in_mid_sentence(book)
    story.said(chunk("SECRET"))
    assert story.screening_failed() == ["CancelUpstream", "Record OUTCOME cut unavailable"]
    assert story.outcome_durable() == ["BreakStream screening_unavailable", "End"]
    assert story.released == "Figs,"


def test_a_detector_that_fails_before_anything_left_is_a_refusal_with_a_status(book: Book) -> None:
    story = book.stream()
    story.said(chunk("SECRET"))
    assert story.screening_failed() == ["CancelUpstream", "Record OUTCOME refused unavailable"]
    assert story.outcome_durable() == ["Refuse screening_unavailable", "End"]


# ---- the upstream ------------------------------------------------------------------------------------------


def more_than_can_be_judged() -> str:
    return call_chunk(json.dumps(["x"] * 20_001), name="f")


@pytest.mark.parametrize(
    "data",
    [
        ("garbage",),
        ("{}",),
        (DONE,),
        (chunk("x", choice=1),),
        (chunk("x", finish="because"),),
        (chunk("x", "stop"), chunk("y")),
        (chunk("x", "stop"), DONE, chunk()),
        (chunk("x", "stop"), DONE, DONE),
        (call_chunk("", index=128),),
        (call_chunk("", index=-1),),
        (call_chunk("{}", name="f"), call_chunk("{}", name="g")),
        (chunk("x" * 1_000_001), chunk("x" * 1_000_000)),
        (more_than_can_be_judged(), chunk(finish="stop"), DONE),
    ],
    ids=[
        "no JSON",
        "no chunk",
        "done before the answer is finished",
        "a choice that nobody asked for",
        "an unknown finish",
        "more of a finished choice",
        "data after done",
        "done twice",
        "too many calls",
        "a call before the first",
        "two calls with one number",
        "too long",
        "too many leaves",
    ],
)
@pytest.mark.parametrize("started", [False, True])
def test_a_stream_that_is_not_understood_is_the_upstreams_failure(data: tuple[str, ...], started: bool) -> None:
    story = in_mid_sentence(Book()) if started else Book().stream()
    assert story.said(*data) == FAILED
    told = "BreakStream" if started else "Refuse"
    assert story.outcome_durable() == [f"{told} upstream_failed", "End"]
    assert story.released == ("Figs," if started else "")


def test_garbage_in_place_of_the_first_chunk_is_the_upstreams_failure(book: Book) -> None:
    story = book.stream()
    assert story.said("garbage") == FAILED


def test_garbage_in_mid_stream_is_the_upstreams_failure(book: Book) -> None:
    story = in_mid_sentence(book)
    assert story.said("garbage") == FAILED


def test_an_upstream_that_ends_before_its_answer_is_finished_failed(book: Book) -> None:
    story = in_mid_sentence(book)
    assert story.ended() == FAILED
    assert story.outcome_durable() == ["BreakStream upstream_failed", "End"]


def test_an_upstream_that_breaks_in_mid_stream_failed(book: Book) -> None:
    story = in_mid_sentence(book)
    assert story.broke() == FAILED
    assert story.outcome_durable() == ["BreakStream upstream_failed", "End"]


def test_an_answer_that_is_more_than_can_be_judged_is_found_out_when_the_last_ask_is_answered(book: Book) -> None:
    story = book.stream()
    assert story.said(chunk("Figs, dates, "), more_than_can_be_judged(), chunk(finish="stop"), DONE) == FAILED
    story = book.stream()
    assert story.said(chunk("Figs, dates, ")) == ["Screen"]
    assert story.said(more_than_can_be_judged(), chunk(finish="stop"), DONE) == []
    assert story.screened() == ["Release 0 Figs,", *FAILED]
    assert story.outcome_durable() == ["BreakStream upstream_failed", "End"]


def test_a_stream_that_is_answered_by_a_whole_body_is_held_whole(book: Book) -> None:
    story = book.stream()
    assert story.replied(completion()) == ["Screen"]
    assert story.state == "SCREENING_OUTPUT"


# ---- the client --------------------------------------------------------------------------------------------


def test_a_client_that_leaves_cancels_the_upstream_and_what_arrived_is_judged(book: Book) -> None:
    story = in_mid_sentence(book)
    assert story.gone() == ["CancelUpstream", "Screen"]
    assert story.said(chunk("late")) == []
    assert story.ended() == []
    assert story.broke() == []
    assert story.state == "STREAMING"
    assert story.screened() == ["CancelUpstream", "Record OUTCOME client_gone"]
    assert story.outcome_durable() == ["End"]
    assert story.released == "Figs,"


def test_a_client_that_leaves_while_an_ask_is_open_gets_nothing_of_it(book: Book) -> None:
    story = in_mid_sentence(book)
    story.said(chunk("and plums."))
    assert story.gone() == ["CancelUpstream"]
    assert story.screened() == ["Screen"]
    assert story.screened(DENIED) == CUT
    assert story.outcome_durable() == ["End"]
    assert story.released == "Figs,"


def test_a_client_that_leaves_an_answer_that_is_more_than_can_be_judged_is_on_record(book: Book) -> None:
    story = book.stream()
    story.said(more_than_can_be_judged())
    assert story.gone() == ["CancelUpstream", *FAILED]
    assert story.outcome_durable() == ["End"]


# ---- the lease ---------------------------------------------------------------------------------------------


def test_a_good_lease_lets_the_stream_run(book: Book) -> None:
    story = in_mid_sentence(book)
    assert story.ticked() == []
    assert story.state == "STREAMING"


def test_a_lease_that_lapses_in_mid_stream_breaks_it(book: Book) -> None:
    story = in_mid_sentence(book)
    story.said(chunk("and plums."))
    assert story.ticked(LAPSED) == ["CancelUpstream", "Record OUTCOME cut unavailable"]
    assert story.outcome["verdict"] == "unavailable"
    assert story.screened() == []
    assert story.outcome_durable() == ["BreakStream lease_stale", "End"]
    assert story.released == "Figs,"


def test_a_unit_that_is_suspended_in_mid_stream_is_cut_off(book: Book) -> None:
    story = in_mid_sentence(book)
    assert story.ticked(SUSPENDED) == ["CancelUpstream", "Record OUTCOME cut suspended"]
    assert story.outcome_durable() == ["BreakStream unit_suspended", "End"]


def test_a_halt_in_mid_stream_ends_it_as_filtered(book: Book) -> None:
    story = in_mid_sentence(book)
    assert story.ticked(HALTED) == ["CancelUpstream", "Record OUTCOME cut halted"]
    assert story.outcome_durable() == ["CutStream", "End"]
    assert story.last(do.CutStream).notice["next_step"] == Halted.next_step


# ---- the outcome -------------------------------------------------------------------------------------------


def test_an_outcome_that_cannot_be_recorded_keeps_the_last_content_back(book: Book) -> None:
    story = in_mid_sentence(book)
    story.said(chunk("and plums.", "stop"), DONE)
    assert story.screened() == COMPLETED
    assert story.record_failed() == ["CancelUpstream", "BreakStream evidence_unavailable", "End"]
    assert story.released == "Figs,"


# ---- more than can be judged -------------------------------------------------------------------------------


def with_alternatives(tokens: int) -> str:
    """One chunk of so many tokens, with twenty alternatives each."""
    other = {"token": "y", "logprob": -2.0}
    one = {"token": "x", "logprob": -1.0, "top_logprobs": [other] * 20}
    choice = {"index": 0, "delta": {"content": "x" * tokens}, "logprobs": {"content": [one] * tokens}}
    return json.dumps({"choices": [choice]})


def test_more_alternatives_than_can_be_judged_are_the_upstreams_failure_whenever_they_are_counted(book: Book) -> None:
    failed = ["CancelUpstream", "Record OUTCOME upstream_failed"]
    asked: dict[str, Any] = {"logprobs": True, "top_logprobs": 20, "max_tokens": 100}
    story = book.stream(**asked)
    story.said(with_alternatives(101))
    assert story.said(chunk(finish="stop"), DONE) == []  # the first ask is not answered yet
    assert story.screened()[1:] == failed
    assert story.outcome_durable() == ["BreakStream upstream_failed", "End"]
    story = book.stream(**asked)
    story.said(with_alternatives(101))
    story.screened()
    assert story.gone() == ["CancelUpstream", *failed]
    assert story.outcome_durable() == ["End"]
