# SPDX-License-Identifier: Apache-2.0
"""What machines cannot settle: the hold on record, people's answers, and what these count for.

People supply facts and approvals and the agreement decides again: no line here releases anything by itself.
"""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from brightline.core.agreement.decide import Subject
from brightline.core.enforcement import commands as do
from brightline.core.evidence.record import Draft, RecordKind
from brightline.core.review import content as kept
from brightline.core.review.asking import PeoplesWord
from brightline.core.review.case import Case
from brightline.core.review.decision import APPROVE, REFUSE
from brightline.core.review.docket import Answers
from brightline.core.screening.finding import Finding
from tests.playbooks.playbook import (
    AGREEMENT,
    DENIED,
    DONE,
    NOW,
    RELEASE,
    TERMS,
    Book,
    Story,
    asking,
    chunk,
    completion,
    saw,
    words,
)

HOUR: Final = 3_600
FACT: Final = "mass_domestic"
JOINED: Final = "joined:messages#together"


def case_of(story: Story) -> Case:
    """The case of a story that is being held, as its HOLD record commits to it."""
    first = next(each for each in holds_of(story) if each.public["part"] == 0)
    return msgspec.convert(first.committed["case"], Case)


def holds_of(story: Story) -> list[Draft]:
    return [
        command.draft
        for command in story.commands
        if isinstance(command, do.Record) and command.draft.kind is RecordKind.HOLD
    ]


def places(story: Story) -> dict[str, int]:
    """Where each leaf stands in the batch that was asked last."""
    return {segment.path: index for index, segment in enumerate(story.last(do.Screen).segments)}


def unknown(story: Story, path: str = "messages[0].content") -> Finding:
    """The one rule cannot tell, in this leaf."""
    return saw(FACT, "unknown", places(story)[path])


def held(book: Book, *findings: Finding, **asked: Any) -> Story:
    """A request that is being held."""
    story = book.story(**asked)
    story.attempt_durable()
    assert story.screened(*(findings or (unknown(story),))) == ["Record HOLD"]
    return story


def answered(case: Case, value: str, until: int = NOW + HOUR) -> PeoplesWord:
    """The desk after people agreed on one value for every question of a case."""
    answers = Answers()
    for question in case.questions:
        answers.settle(case, question, value, until)
    return PeoplesWord(answers)


# ---- the hold ----------------------------------------------------------------------------------------------


def test_a_hold_is_on_record_with_what_people_will_look_at_before_the_caller_hears_of_it(book: Book) -> None:
    story = held(book)
    [draft] = holds_of(story)
    case = case_of(story)
    assert (draft.public["hold"], draft.public["case"], draft.public["parts"]) == (case.hold, case.digest, 1)
    content = kept.read_content([str(draft.committed["content"])], case.content)
    assert content.request["turns"][0]["texts"] == ["List three fruits."]
    assert [segment.text for segment in content.segments] == ["List three fruits."]
    assert [(finding.rule, finding.mark) for finding in content.findings] == [
        ("secret-rule-mass_domestic", content.segments[0].mark),
    ]
    [question] = case.questions
    assert (question.subject, question.name, question.quorum) == (Subject.FACT, FACT, (("provider_cleared", 2),))
    assert question.marks == (content.segments[0].mark,)
    story.hold_durable()
    story.outcome_durable()
    notice = story.last(do.Refuse).notice
    assert (notice["hold"], notice["hold_expires"]) == (case.hold, case.expires)
    assert notice["hold_url"] == f"/v1/holds/{case.hold}"


def test_what_is_public_of_a_hold_names_no_fact_and_no_word(book: Book) -> None:
    [draft] = holds_of(held(book))
    assert FACT not in json.dumps(draft.public)
    assert "fruits" not in json.dumps(draft.public)


def test_a_long_exchange_is_kept_in_several_records(book: Book) -> None:
    words_of_it = "fig " * 60_000
    story = held(book, request=asking(words_of_it))
    assert holds_of(story)[0].public["parts"] == 2
    assert story.hold_durable() == ["Record HOLD"]
    assert story.hold_durable() == ["Record OUTCOME held"]
    drafts = holds_of(story)
    assert [draft.public["part"] for draft in drafts] == [0, 1]
    content = kept.read_content([str(draft.committed["content"]) for draft in drafts], case_of(story).content)
    assert content.request["turns"][0]["texts"] == [words_of_it]


def test_the_same_question_while_people_look_at_it_is_no_second_hold(book: Book) -> None:
    case = case_of(held(book))
    story = book.story(people=PeoplesWord(open_until=lambda hold: NOW + 60 if hold == case.hold else 0))
    story.attempt_durable()
    assert story.screened(unknown(story)) == ["Record OUTCOME held"]
    assert story.outcome["hold"] == case.hold


def test_a_hold_that_had_expired_is_opened_anew(book: Book) -> None:
    story = book.story(people=PeoplesWord(open_until=lambda _hold: NOW))
    story.attempt_durable()
    assert story.screened(unknown(story)) == ["Record HOLD"]


def test_a_unit_with_as_many_holds_as_it_may_have_is_refused_and_nothing_counts_against_it(book: Book) -> None:
    story = book.story(people=PeoplesWord(room=lambda: False))
    story.attempt_durable()
    assert story.screened(unknown(story)) == ["Record OUTCOME refused unavailable"]
    assert story.outcome_durable() == ["Refuse quota_reached", "End"]
    assert story.outcome["verdict"] == "unavailable"
    assert "hold" not in story.outcome


def test_a_hold_that_cannot_be_recorded_is_no_hold_but_no_verdict(book: Book) -> None:
    story = held(book)
    assert story.record_failed() == ["Record OUTCOME refused unavailable"]
    assert story.outcome_durable() == ["Refuse evidence_unavailable", "End"]


def test_a_client_that_leaves_while_its_hold_is_recorded_has_its_hold(book: Book) -> None:
    story = held(book)
    assert story.gone() == []
    assert story.hold_durable() == ["Record OUTCOME held"]
    assert story.outcome_durable() == ["End"]


# ---- what people said --------------------------------------------------------------------------------------


def test_answered_good_the_same_request_is_decided_anew_and_permitted(book: Book) -> None:
    people = answered(case_of(held(book)), "no")
    story = book.story(people=people)
    story.attempt_durable()
    assert story.screened(unknown(story)) == ["Record PASS"]
    committed = story.draft(RecordKind.PASS).committed
    facts: Any = committed["facts"]
    assert facts[FACT] == "no"
    assert committed["holds"] == [case_of(held(book)).hold]
    assert story.pass_durable() == ["Forward"]


def test_answered_bad_it_is_denied_for_good(book: Book) -> None:
    story = book.story(people=answered(case_of(held(book)), "yes"))
    story.attempt_durable()
    assert story.screened(unknown(story)) == ["Record OUTCOME refused policy"]
    assert story.outcome_durable() == ["Refuse denied_by_agreement", "End"]


def test_an_answer_lifts_nothing_that_is_worse_than_unknown(book: Book) -> None:
    story = book.story(people=answered(case_of(held(book)), "no"))
    story.attempt_durable()
    assert story.screened(unknown(story), DENIED) == ["Record OUTCOME refused policy"]


def test_an_answer_that_has_ended_counts_no_more(book: Book) -> None:
    story = book.story(people=answered(case_of(held(book)), "no", until=NOW))
    story.attempt_durable()
    assert story.screened(unknown(story)) == ["Record HOLD"]


def test_the_next_turn_with_the_same_words_is_not_held_again_and_new_words_are(book: Book) -> None:
    people = answered(case_of(held(book)), "no")
    turns = [
        {"role": "user", "content": "List three fruits."},
        {"role": "assistant", "content": "Figs."},
        {"role": "user", "content": "And three more."},
    ]
    story = book.story(people=people, messages=turns)
    story.attempt_durable()
    old, new = unknown(story), unknown(story, "messages[2].content")
    joined = unknown(story, JOINED)
    assert story.screened(old, joined) == ["Record PASS"]
    story = book.story(people=people, messages=turns)
    story.attempt_durable()
    assert story.screened(old, joined, new) == ["Record HOLD"]
    assert [
        s.path
        for s in kept.read_content(
            [str(draft.committed["content"]) for draft in holds_of(story)], case_of(story).content
        ).segments
    ] == ["messages[2].content"]


def test_what_one_rule_finds_in_a_joined_view_alone_is_settled_by_no_answer_about_a_part(book: Book) -> None:
    people = answered(case_of(held(book)), "no")
    turns = [{"role": "user", "content": "List three fruits."}, {"role": "user", "content": "More."}]
    story = book.story(people=people, messages=turns)
    story.attempt_durable()
    assert story.screened(unknown(story, JOINED)) == ["Record HOLD"]


def test_what_silence_left_unknown_is_answered_for_the_exchange_as_a_whole_and_for_no_other(book: Book) -> None:
    """Where a release lets no silence speak for a fact, there are no words that the question is about."""
    entitled = tuple(each for each in RELEASE.entitlements if each.fact != FACT)
    terms = msgspec.structs.replace(TERMS, release=msgspec.structs.replace(RELEASE, entitlements=entitled))
    story = book.story(terms=terms)
    story.attempt_durable()
    assert story.screened() == ["Record HOLD"]
    case = case_of(story)
    assert [(question.name, question.marks) for question in case.questions] == [(FACT, ())]
    again = book.story(terms=terms, people=answered(case, "no"))
    again.attempt_durable()
    assert again.screened() == ["Record PASS"]
    other = book.story(asking("List four fruits."), terms=terms, people=answered(case, "no"))
    other.attempt_durable()
    assert other.screened() == ["Record HOLD"]


def test_an_approval_is_asked_for_and_counts_for_this_exchange_alone(book: Book) -> None:
    high_stakes = saw("high_stakes")
    case = case_of(held(book, high_stakes))
    assert [(question.subject, question.name) for question in case.questions] == [
        (Subject.APPROVAL, "customer_decider")
    ]
    story = book.story(people=answered(case, APPROVE))
    story.attempt_durable()
    assert story.screened(high_stakes) == ["Use approval"]
    assert story.use_durable() == ["Record PASS"]
    assert story.draft(RecordKind.PASS).committed["approvals"] == {"customer_decider": 1}
    other = book.story(asking("List four fruits."), people=answered(case, APPROVE))
    other.attempt_durable()
    assert other.screened(high_stakes) == ["Record HOLD"]
    refused = book.story(people=answered(case, REFUSE))
    refused.attempt_durable()
    assert refused.screened(high_stakes) == ["Record HOLD"]


def test_an_answer_about_the_question_says_nothing_of_what_the_model_answers(book: Book) -> None:
    people = answered(case_of(held(book)), "no")
    story = book.story(people=people)
    story.attempt_durable()
    assert story.screened(unknown(story)) == ["Record PASS"]
    story.pass_durable()
    story.replied(completion("SECRET"))
    assert story.screened(unknown(story, "choices[0].content")) == ["CancelUpstream", "Record HOLD"]
    content = kept.read_content([str(d.committed["content"]) for d in holds_of(story)], case_of(story).content)
    assert "SECRET" in content.answer
    assert [segment.text for segment in content.segments] == ["SECRET"]


def test_a_hold_of_an_answer_stops_the_stream(book: Book) -> None:
    story = book.stream()
    story.said(chunk("Figs, dates and more", "stop"), DONE)
    assert story.screened(unknown(story, "choices[0].content")) == ["CancelUpstream", "Record HOLD"]
    assert story.hold_durable() == ["Record OUTCOME held"]
    assert [words(command) for command in story.commands if isinstance(command, do.Release)] == []


def test_the_hold_names_the_terms_and_who_may_not_decide_it(book: Book) -> None:
    case = case_of(held(book))
    assert (case.agreement, case.release) == (AGREEMENT.digest, RELEASE.digest)
    assert (case.opened, case.expires - case.opened) == (NOW, 24 * HOUR)
    assert case.recused == ("an office",)


def test_a_case_says_of_how_many_organisations_those_are_who_must_say_the_same(book: Book) -> None:
    assert case_of(held(book)).organisations == ()
    asked = (("provider_cleared", 9), ("customer_decider", 2))
    terms = msgspec.structs.replace(TERMS, agreement=msgspec.structs.replace(AGREEMENT, organisations=asked))
    assert case_of(held(book, terms=terms)).organisations == (("provider_cleared", 2),)  # as many as must say it


def test_who_wrote_a_rule_may_not_decide_what_it_asks_about_and_others_may(book: Book) -> None:
    wrote = {f"secret-rule-{FACT}": "r-1", "another rule": "r-2"}
    case = case_of(
        held(book, terms=msgspec.structs.replace(TERMS, release=msgspec.structs.replace(RELEASE, wrote=wrote)))
    )
    assert case.recused == ("an office", "r-1")


def test_who_wrote_the_rules_may_not_decide_what_they_hold(book: Book) -> None:
    wrote, beside = (msgspec.structs.replace(RELEASE, authors=(name,)) for name in ("rule-writer", "trainer"))
    terms = msgspec.structs.replace(TERMS, release=wrote, beside=beside)
    people = PeoplesWord(recused=lambda names: tuple(f"{name}, whoever that is" for name in names))
    case = case_of(held(book, terms=terms, people=people))
    assert case.recused == tuple(f"{name}, whoever that is" for name in ("an office", "rule-writer", "trainer"))
