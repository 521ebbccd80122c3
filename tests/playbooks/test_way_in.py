# SPDX-License-Identifier: Apache-2.0
"""The way in: attempt, standing, screening, decision, PASS, token."""

from __future__ import annotations

import msgspec

from brightline.core.enforcement import commands as do
from brightline.core.enforcement.pass_token import wire_digest
from brightline.core.errors import MalformedRequest
from brightline.core.evidence.record import RecordKind
from brightline.core.exchange.model import tool_digests
from brightline.core.screening.across import ENCODED_MAX
from tests.playbooks.playbook import (
    DENIED,
    DETECTOR_SHA256,
    FAULTY,
    HALTED,
    HELD,
    LAPSED,
    LOST,
    NOW,
    QUESTION,
    SUSPENDED,
    Book,
    asking,
    completion,
    judged,
    saw,
    workload,
)


def test_a_permitted_request_goes_on_record_and_then_to_the_upstream(book: Book) -> None:
    story = book.story()
    assert story.state == "ATTEMPTING"
    assert story.attempt_durable() == ["Screen"]
    assert story.state == "SCREENING_INPUT"
    assert story.screened() == ["Record PASS"]
    assert story.state == "PASSING"
    assert story.pass_durable() == ["Forward"]
    assert story.state == "FORWARDED"


def test_what_is_screened_holds_the_words_of_the_request(book: Book) -> None:
    story = book.story()
    story.attempt_durable()
    assert QUESTION in [segment.text for segment in story.last(do.Screen).segments]


def test_the_token_names_the_pass_record_and_the_bytes_that_are_sent(book: Book) -> None:
    story = book.story().to_forwarded()
    record = story.records[-1]
    forward = story.last(do.Forward)
    claims = forward.token.claims
    assert claims.wire_digest == wire_digest(forward.request)
    assert (claims.exchange, claims.shard, claims.seq) == ("x-1", "shard-1", 1)
    assert (claims.model, claims.upstream, claims.expires) == ("upstream-m", "default", NOW + 60)
    assert claims.agreement == record.draft.public["agreement"]
    assert b'"model":"upstream-m"' in forward.request.body


def test_a_denied_request_is_refused_and_goes_nowhere(book: Book) -> None:
    story = book.story()
    story.attempt_durable()
    assert story.screened(DENIED) == ["Record OUTCOME refused policy"]
    assert story.state == "CLOSING"
    assert story.outcome_durable() == ["Refuse denied_by_agreement", "End"]
    assert story.state == "ENDED"
    assert story.outcome["clauses"] == ["RL-1"]


def test_a_held_request_is_refused_with_a_hold_id(book: Book) -> None:
    story = book.story()
    story.attempt_durable()
    assert story.screened(HELD) == ["Record HOLD"]
    assert story.ticked() == []
    assert story.hold_durable() == ["Record OUTCOME held"]
    assert story.outcome_durable() == ["Refuse held_for_review", "End"]
    assert story.last(do.Refuse).notice["hold"] == story.outcome["hold"]


def test_where_no_server_of_the_model_is_found_nobody_is_sent_on_and_whoever_is_denied_hears_that(book: Book) -> None:
    story = book.story()
    assert story.attempt_durable(LOST) == ["Screen"]
    assert story.screened() == ["Record OUTCOME refused unavailable"]
    assert story.outcome_durable() == ["Refuse model_lost", "End"]
    denied = book.story()
    denied.attempt_durable(LOST)
    assert denied.screened(DENIED) == ["Record OUTCOME refused policy"]
    late = book.story().to_passing()
    assert late.pass_durable(LOST) == ["Record OUTCOME refused unavailable"]
    begun = book.story().to_forwarded()
    assert begun.ticked(LOST) == []


def hold_of(book: Book, text: str = QUESTION, name: str = "w-1") -> object:
    story = book.story(asking(text), who=workload(workload=name))
    story.attempt_durable()
    story.screened(HELD)
    story.hold_durable()
    return story.outcome["hold"]


def test_the_same_workload_that_asks_the_same_meets_the_same_hold_and_nobody_else_does(book: Book) -> None:
    assert hold_of(book) == hold_of(book)
    assert hold_of(book) != hold_of(book, text=QUESTION + "!")
    assert hold_of(book) != hold_of(book, name="w-2")


def test_an_unknown_that_no_clause_turns_on_is_permitted(book: Book) -> None:
    story = book.story()
    story.attempt_durable()
    assert story.screened(saw("private_info", "unknown")) == ["Record PASS"]


def test_a_request_that_was_not_understood_is_recorded_and_refused_unscreened(book: Book) -> None:
    story = book.story(MalformedRequest("no JSON"))
    assert story.attempt_durable() == ["Record OUTCOME refused malformed"]
    assert story.outcome_durable() == ["Refuse malformed_request", "End"]
    assert story.outcome["verdict"] == "none"
    assert story.draft(RecordKind.ATTEMPT).committed["malformed"] == "malformed_request"


def test_a_model_that_is_not_admitted_is_refused_unscreened(book: Book) -> None:
    story = book.story(asking(model="another"))
    assert story.attempt_durable() == ["Record OUTCOME refused malformed"]
    assert story.outcome_durable() == ["Refuse model_not_found", "End"]


def test_a_request_with_more_leaves_than_can_be_screened_is_refused(book: Book) -> None:
    schema = {"type": "object", "enum": ["x"] * 20_001}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    request = asking(tools=[tool])
    story = book.story(request, who=workload(tools=tool_digests(request.tools)))
    assert story.attempt_durable() == ["Record OUTCOME refused malformed"]


def test_a_tool_that_is_not_registered_is_refused_unscreened_and_nothing_was_sent(book: Book) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    story = book.story(asking(tools=[tool]))
    assert story.attempt_durable() == ["Record OUTCOME refused registration"]
    assert story.outcome_durable() == ["Refuse outside_registration", "End"]
    assert story.outcome["verdict"] == "none"


def test_a_suspended_unit_is_told_so_and_not_what_it_is_registered_for(book: Book) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    story = book.story(asking(tools=[tool]))
    assert story.attempt_durable(SUSPENDED) == ["Record OUTCOME refused suspended"]


def test_the_registered_limit_is_asked_where_the_caller_sets_none(book: Book) -> None:
    story = book.story(who=workload(output_tokens_max=77)).to_forwarded()
    assert b'"max_tokens":77' in story.last(do.Forward).request.body


def test_a_suspended_unit_is_refused_unscreened(book: Book) -> None:
    story = book.story()
    assert story.attempt_durable(SUSPENDED) == ["Record OUTCOME refused suspended"]
    assert story.outcome_durable() == ["Refuse unit_suspended", "End"]


def test_what_people_have_halted_is_refused_unscreened_and_counts_against_nobody(book: Book) -> None:
    story = book.story()
    assert story.attempt_durable(HALTED) == ["Record OUTCOME refused halted"]
    assert story.outcome["verdict"] == "none"
    assert story.outcome_durable() == ["Refuse halted", "End"]


def test_a_halt_while_the_pass_was_being_written_sends_nothing(book: Book) -> None:
    story = book.story().to_passing()
    assert story.pass_durable(HALTED) == ["Record OUTCOME refused halted"]
    assert story.outcome["verdict"] == "unavailable"
    assert story.outcome_durable() == ["Refuse halted", "End"]


def test_a_fault_of_the_installation_refuses_unscreened(book: Book) -> None:
    story = book.story()
    assert story.attempt_durable(FAULTY) == ["Record OUTCOME refused unavailable"]
    assert story.outcome_durable() == ["Refuse evidence_unavailable", "End"]


def test_a_lapsed_lease_leaves_no_verdict(book: Book) -> None:
    story = book.story()
    assert story.attempt_durable(LAPSED) == ["Record OUTCOME refused unavailable"]
    assert story.outcome_durable() == ["Refuse lease_stale", "End"]
    assert story.outcome["verdict"] == "unavailable"


def test_an_expired_registration_states_nothing_and_is_denied(book: Book) -> None:
    story = book.story(who=workload(expires=NOW))
    story.attempt_durable()
    assert story.screened() == ["Record OUTCOME refused policy"]
    clauses = story.outcome["clauses"]
    assert isinstance(clauses, list)
    assert "L1" in clauses


# ---- screening that does not judge -------------------------------------------------------------------------


def test_a_detector_that_failed_leaves_no_verdict(book: Book) -> None:
    story = book.story()
    story.attempt_durable()
    assert story.screening_failed() == ["Record OUTCOME refused unavailable"]
    assert story.outcome_durable() == ["Refuse screening_unavailable", "End"]


def test_what_says_more_once_it_is_decoded_than_is_ever_judged_leaves_no_verdict(book: Book) -> None:
    story = book.story(asking("1 2 3 4 " * (ENCODED_MAX // 8 + 1)))
    assert story.attempt_durable() == ["Record OUTCOME refused unavailable"]
    assert story.outcome_durable() == ["Refuse screening_unavailable", "End"]
    answered = book.story().to_forwarded()
    assert (
        answered.replied(completion("1 2 3 4 " * (ENCODED_MAX // 8 + 1)))[-1] == "Record OUTCOME refused unavailable"
    )
    assert answered.outcome_durable() == ["Refuse screening_unavailable", "End"]


def test_a_detector_that_is_missing_leaves_no_verdict(book: Book) -> None:
    story = book.story()
    story.attempt_durable()
    assert story.screened_by() == ["Record OUTCOME refused unavailable"]


def test_a_detector_that_answered_twice_leaves_no_verdict(book: Book) -> None:
    """Else the second answer, with nothing found, would hide what the first one found."""
    story = book.story()
    story.attempt_durable()
    asked = story.last(do.Screen).segments
    assert story.screened_by(judged(asked, DENIED), judged(asked)) == ["Record OUTCOME refused unavailable"]


def test_a_detector_that_the_release_does_not_name_leaves_no_verdict(book: Book) -> None:
    story = book.story()
    story.attempt_durable()
    right = judged(story.last(do.Screen).segments)
    stray = msgspec.structs.replace(right, detector="stray", findings=(saw("mass_domestic", segment=999),))
    assert story.screened_by(right, stray) == ["Record OUTCOME refused unavailable"]


def test_a_detector_of_another_digest_leaves_no_verdict(book: Book) -> None:
    story = book.story()
    story.attempt_durable()
    right = judged(story.last(do.Screen).segments)
    wrong = msgspec.structs.replace(right, digest="sha256:" + DETECTOR_SHA256[::-1])
    assert story.screened_by(wrong) == ["Record OUTCOME refused unavailable"]


def test_a_detector_that_judged_too_few_segments_leaves_no_verdict(book: Book) -> None:
    story = book.story()
    story.attempt_durable()
    right = judged(story.last(do.Screen).segments)
    wrong = msgspec.structs.replace(right, segments_judged=right.segments_judged - 1)
    assert story.screened_by(wrong) == ["Record OUTCOME refused unavailable"]


def test_a_score_that_is_no_number_leaves_no_verdict(book: Book) -> None:
    story = book.story()
    story.attempt_durable()
    assert story.screened(saw("mass_domestic", score=float("nan"))) == ["Record OUTCOME refused unavailable"]


def test_a_finding_about_a_segment_that_was_not_asked_leaves_no_verdict(book: Book) -> None:
    story = book.story()
    story.attempt_durable()
    assert story.screened(saw("mass_domestic", segment=999)) == ["Record OUTCOME refused unavailable"]


# ---- records that fail -------------------------------------------------------------------------------------


def test_an_attempt_that_cannot_be_recorded_is_refused_unscreened(book: Book) -> None:
    story = book.story()
    assert story.record_failed() == ["Refuse evidence_unavailable", "End"]
    assert story.state == "ENDED"


def test_a_pass_that_cannot_be_recorded_sends_nothing_and_is_booked_if_that_can_be(book: Book) -> None:
    story = book.story().to_passing()
    assert story.record_failed() == ["Record OUTCOME refused unavailable"]
    assert story.outcome_durable() == ["Refuse evidence_unavailable", "End"]
    story = book.story().to_passing()
    story.record_failed()
    assert story.record_failed() == ["Refuse evidence_unavailable", "End"]
    assert story.state == "ENDED"


def test_an_outcome_that_cannot_be_recorded_still_refuses(book: Book) -> None:
    story = book.story()
    story.attempt_durable()
    story.screened(DENIED)
    assert story.record_failed() == ["Refuse evidence_unavailable", "End"]


# ---- a client that leaves, and time that passes ------------------------------------------------------------


def test_a_client_that_leaves_during_the_attempt_is_recorded_and_not_screened(book: Book) -> None:
    story = book.story()
    assert story.gone() == []
    assert story.attempt_durable() == ["Record OUTCOME client_gone"]
    assert story.outcome_durable() == ["End"]


def test_a_client_that_leaves_during_the_attempt_of_a_malformed_request_is_told_nothing(book: Book) -> None:
    story = book.story(MalformedRequest("no JSON"))
    story.gone()
    assert story.attempt_durable() == ["Record OUTCOME refused malformed"]
    assert story.outcome_durable() == ["End"]


def test_a_client_that_leaves_during_the_screening_sends_nothing_to_the_upstream(book: Book) -> None:
    story = book.story()
    story.attempt_durable()
    assert story.gone() == ["Record OUTCOME client_gone"]
    assert story.screened() == []
    assert story.outcome_durable() == ["End"]


def test_a_client_that_leaves_during_the_pass_sends_nothing_to_the_upstream(book: Book) -> None:
    story = book.story().to_passing()
    assert story.gone() == []
    assert story.pass_durable() == ["Record OUTCOME client_gone"]
    assert story.outcome_durable() == ["End"]


def test_time_that_passes_under_a_good_lease_changes_nothing(book: Book) -> None:
    story = book.story()
    assert story.ticked() == []
    story.attempt_durable()
    assert story.ticked() == []
    story.screened()
    assert story.ticked() == []
    story.pass_durable()
    assert story.ticked() == []
    assert story.state == "FORWARDED"


def test_a_lease_that_lapses_during_the_screening_refuses(book: Book) -> None:
    story = book.story()
    story.attempt_durable()
    assert story.ticked(LAPSED) == ["Record OUTCOME refused unavailable"]
    assert story.screened() == []
    assert story.outcome_durable() == ["Refuse lease_stale", "End"]


def test_a_unit_that_is_suspended_during_the_screening_is_refused(book: Book) -> None:
    story = book.story()
    story.attempt_durable()
    assert story.ticked(SUSPENDED) == ["Record OUTCOME refused suspended"]
    assert story.outcome_durable() == ["Refuse unit_suspended", "End"]
