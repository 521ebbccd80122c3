# SPDX-License-Identifier: Apache-2.0
"""What makes two requests the same hold, and who else may leave something unknown: a candidate beside the release."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest

from brightline.core.enforcement import commands as do
from brightline.core.review.asking import PeoplesWord
from brightline.core.review.decision import APPROVE
from brightline.core.screening.finding import Finding
from tests.playbooks.playbook import NOW, RELEASE, TERMS, Book, Story, judged, saw
from tests.playbooks.test_hold import FACT, answered, case_of, held, places, unknown

CANDIDATE: Final = msgspec.structs.replace(RELEASE, id="candidate", digest="sha256:" + "ee" * 32)


def beside(story: Story, *found: Finding) -> list[str]:
    """Both releases answer; only the candidate found something."""
    segments = story.last(do.Screen).segments
    own = judged(segments)
    theirs = msgspec.structs.replace(judged(segments, *found), release=CANDIDATE.digest)
    return story.screened_by(own, theirs)


@pytest.mark.parametrize("more", [{"metadata": {"trace": "b-2"}}, {"user": "u-7"}, {"prompt_cache_key": "k"}])
def test_what_goes_to_no_model_makes_no_other_hold(book: Book, more: dict[str, Any]) -> None:
    first = case_of(held(book, metadata={"trace": "a-1"}))
    again = book.story(people=PeoplesWord(open_until=lambda hold: NOW + 60 if hold == first.hold else 0), **more)
    again.attempt_durable()
    assert again.screened(unknown(again)) == ["Record OUTCOME held"]
    assert again.outcome["hold"] == first.hold


def test_an_approval_counts_whatever_the_trace_id_is(book: Book) -> None:
    case = case_of(held(book, saw("high_stakes"), metadata={"trace": "a-1"}))
    story = book.story(people=answered(case, APPROVE), metadata={"trace": "b-2"})
    story.attempt_durable()
    assert story.screened(saw("high_stakes")) == ["Use approval"]


def test_words_that_go_to_no_model_are_judged_and_make_another_hold_where_they_are_asked_about(book: Book) -> None:
    plain = case_of(held(book))
    for metadata in ({"note": "mark them"}, {"note": "mark them all"}):
        story = book.story(metadata=metadata)
        story.attempt_durable()
        assert story.screened(unknown(story, "metadata.note")) == ["Record HOLD"]
        case = case_of(story)
        assert case.hold != plain.hold
        again = book.story(people=answered(case, "no"), metadata=metadata)
        again.attempt_durable()
        assert again.screened(unknown(again, "metadata.note")) == ["Record PASS"]
        other = book.story(people=answered(case, "no"), metadata={"note": "another word"})
        other.attempt_durable()
        assert other.screened(unknown(other, "metadata.note")) == ["Record HOLD"]


def test_an_approval_of_a_question_lifts_no_doubt_about_its_metadata(book: Book) -> None:
    case = case_of(held(book, saw("high_stakes")))
    story = book.story(people=answered(case, APPROVE), metadata={"note": "mark them"})
    story.attempt_durable()
    assert story.screened(saw("high_stakes"), unknown(story, "metadata.note")) == ["Record HOLD"]


def test_what_a_candidate_does_not_know_is_asked_and_answered_like_any_other_unknown(book: Book) -> None:
    terms = TERMS.as_canary_of(CANDIDATE)
    story = book.story(terms=terms)
    story.attempt_durable()
    assert beside(story, unknown(story)) == ["Record HOLD"]
    case = case_of(story)
    assert [(question.name, len(question.marks)) for question in case.questions] == [(FACT, 1)]
    again = book.story(terms=terms, people=answered(case, "no"))
    again.attempt_durable()
    assert beside(again, unknown(again)) == ["Record PASS"]
    sure = book.story(terms=terms, people=answered(case, "no"))
    sure.attempt_durable()
    assert beside(sure, saw(FACT, "yes", places(sure)["messages[0].content"])) == ["Record OUTCOME refused policy"]
