# SPDX-License-Identifier: Apache-2.0
"""What people released is used once: an approval by one exchange, an answer that was kept given out one time.

That it is used stands in the registry before anything goes to a model or to the caller. The agreement decides again,
from what people said: no line here gives out anything that it does not permit.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from brightline.core.agreement.decide import Subject
from brightline.core.enforcement import commands as do
from brightline.core.errors import HoldNotReleased
from brightline.core.evidence.record import RecordKind
from brightline.core.exchange.model import Reply
from brightline.core.review import content as kept_content
from brightline.core.review.asking import PeoplesWord
from brightline.core.review.decision import APPROVE
from brightline.core.review.kept import Kept, Named, kept_reply
from tests.playbooks.playbook import DENIED, DONE, LAPSED, NOW, Book, Story, asking, chunk, completion, saw
from tests.playbooks.test_hold import FACT, answered, case_of, held, holds_of, unknown

ANSWER: Final = "choices[0].content"
STAKES: Final = saw("high_stakes")


def approved(book: Book, **asked: Any) -> Story:
    """A request that a person approved of, up to where that would be used."""
    people = answered(case_of(held(book, STAKES)), APPROVE)
    story = book.story(people=people, **asked)
    story.attempt_durable()
    assert story.screened(STAKES) == ["Use approval"]
    return story


def held_answer(book: Book, *, stream: bool = False) -> Story:
    """A whole answer that people must look at."""
    if stream:
        story = book.stream()
        story.said(chunk("Figs, dates and more", "stop"), DONE)
    else:
        story = book.story().to_forwarded()
        story.replied(completion("Figs."))
    assert story.screened(unknown(story, ANSWER)) == ["CancelUpstream", "Record HOLD"]
    return story


def kept_of(story: Story) -> Kept:
    """What the records of a hold keep, as a gateway reads it again."""
    case, drafts = case_of(story), holds_of(story)
    content = kept_content.read_content([str(draft.committed["content"]) for draft in drafts], case.content)
    approvals: Any = drafts[0].committed.get("approvals", {})
    return Kept(case.hold, case.digest, kept_reply(content), approvals)


def released(story: Story, value: str = "no", until: int = NOW + 60) -> PeoplesWord:
    """People's word for whoever comes back for the answer that this story held."""
    case = case_of(story)
    assert case.kept
    return msgspec.structs.replace(answered(case, value, until), named=kept_of(story))


def coming_back(book: Book, story: Story, people: PeoplesWord | None = None, **asked: Any) -> Story:
    """The same request, which names the hold."""
    back = book.story(people=people or released(story), **asked)
    back.attempt_durable()
    return back


# ---- an approval -------------------------------------------------------------------------------------------


def test_an_approval_is_used_on_record_before_the_request_goes_to_a_model(book: Book) -> None:
    story = approved(book)
    [draft] = story.last(do.Use).drafts
    case = case_of(held(book, STAKES))
    assert draft.kind is RecordKind.USED
    assert (draft.public["hold"], draft.public["case"], draft.public["by"]) == (case.hold, case.digest, "x-1")
    assert draft.committed == {}
    assert story.use_durable() == ["Record PASS"]
    assert story.pass_durable() == ["Forward"]


def test_an_approval_that_another_exchange_was_quicker_to_use_counts_for_nothing(book: Book) -> None:
    story = approved(book)
    assert story.used_before() == ["Record HOLD"]
    assert [(each.subject, each.name) for each in case_of(story).questions] == [(Subject.APPROVAL, "customer_decider")]


def test_where_no_approval_is_needed_any_more_it_goes_on_without(book: Book) -> None:
    people = answered(case_of(held(book, STAKES)), APPROVE)
    story = book.story(people=people)
    story.attempt_durable()
    assert story.screened() == ["Use approval"]
    assert story.used_before() == ["Record PASS"]


def test_without_the_registry_nothing_is_used_and_there_is_no_verdict(book: Book) -> None:
    story = approved(book)
    assert story.use_failed() == ["Record OUTCOME refused unavailable"]
    assert story.outcome_durable() == ["Refuse evidence_unavailable", "End"]


def test_a_full_desk_after_an_approval_was_lost_is_no_verdict(book: Book) -> None:
    people = msgspec.structs.replace(answered(case_of(held(book, STAKES)), APPROVE), room=lambda: False)
    story = book.story(people=people)
    story.attempt_durable()
    story.screened(STAKES)
    assert story.used_before() == ["Record OUTCOME refused unavailable"]


def test_who_leaves_while_it_is_being_used_has_used_it(book: Book) -> None:
    story = approved(book)
    assert story.gone() == []
    assert story.ticked(LAPSED) == []
    assert story.use_durable() == ["Record OUTCOME client_gone"]


# ---- an answer that was kept -------------------------------------------------------------------------------


def test_a_kept_answer_is_judged_again_and_given_out_once_without_asking_a_model(book: Book) -> None:
    held_one = held_answer(book)
    story = coming_back(book, held_one)
    assert story.screened() == ["Screen"]
    assert story.screened(unknown(story, ANSWER)) == ["Use answer"]
    [draft] = story.last(do.Use).drafts
    case = case_of(held_one)
    assert (draft.public["hold"], draft.public["case"], draft.public["by"]) == (case.hold, case.digest, "x-1")
    assert story.use_durable() == ["Record OUTCOME completed"]
    assert (story.outcome["hold"], story.outcome["case"]) == (case.hold, case.digest)
    assert story.outcome_durable() == ["Answer Figs.", "End"]
    assert not [command for command in story.commands if isinstance(command, do.Forward)]
    assert story.machine.closed[0].tokens == 0


def test_a_kept_answer_that_was_given_out_is_not_given_out_again(book: Book) -> None:
    story = coming_back(book, held_answer(book))
    story.screened()
    story.screened(unknown(story, ANSWER))
    assert story.used_before() == ["Record OUTCOME refused malformed"]
    assert story.outcome_durable() == ["Refuse hold_not_released", "End"]


def test_nothing_is_given_out_while_it_cannot_be_recorded(book: Book) -> None:
    story = coming_back(book, held_answer(book))
    story.screened()
    story.screened(unknown(story, ANSWER))
    assert story.use_failed() == ["Record OUTCOME refused unavailable"]


def test_a_stream_that_was_held_takes_in_the_rest_and_is_given_out_whole(book: Book) -> None:
    story = book.stream()
    story.said(chunk("Figs, dates and more. " * 3))
    assert story.screened(unknown(story, ANSWER)) == []
    assert story.said(chunk("Plums.")) == []
    assert story.said(chunk(" Pears.", "stop"), DONE) == ["Screen"]
    assert story.screened(unknown(story, ANSWER)) == ["CancelUpstream", "Record HOLD"]
    assert story.hold_durable() == ["Record OUTCOME held"]
    whole = kept_of(story).reply.choices[0].text
    assert whole == "Figs, dates and more. " * 3 + "Plums. Pears."
    back = coming_back(book, story, stream=True)
    back.screened()
    assert back.screened(unknown(back, ANSWER)) == ["Use answer"]
    assert back.use_durable() == ["Record OUTCOME completed"]
    assert back.outcome_durable() == [f"Release 0 {whole} stop", "CloseStream", "End"]


def test_a_stream_of_which_some_had_left_ends_with_content_filter_and_the_hold(book: Book) -> None:
    story = book.stream()
    story.said(chunk("Figs, dates and more. "))
    assert [word.split()[0] for word in story.screened()] == ["Release"]
    story.said(chunk("Something else. "))
    assert story.screened(unknown(story, ANSWER)) == []
    story.said(chunk("Plums.", "stop"), DONE)
    story.screened(unknown(story, ANSWER))
    story.hold_durable()
    assert story.outcome_durable() == ["CutStream", "End"]
    assert story.last(do.CutStream).notice["hold"] == case_of(story).hold
    assert kept_of(story).reply.choices[0].text == "Figs, dates and more. Something else. Plums."


def test_of_a_stream_that_the_client_left_people_see_what_came_and_nobody_is_given_it(book: Book) -> None:
    story = book.stream()
    story.said(chunk("Figs, dates and more. "))
    story.screened(unknown(story, ANSWER))
    assert story.gone() == ["CancelUpstream", "Screen"]
    story.screened(unknown(story, ANSWER))
    assert not case_of(story).kept
    assert (
        "dates"
        in kept_content.read_content(
            [str(draft.committed["content"]) for draft in holds_of(story)], case_of(story).content
        ).answer
    )


def test_a_stream_that_turns_out_to_be_denied_is_denied(book: Book) -> None:
    story = book.stream()
    story.said(chunk("Figs, dates and more. "))
    story.screened(unknown(story, ANSWER))
    story.said(chunk("Plums.", "stop"), DONE)
    assert story.screened(DENIED) == ["CancelUpstream", "Record OUTCOME refused policy"]


def test_what_people_said_is_so_gives_out_nothing(book: Book) -> None:
    held_one = held_answer(book)
    story = coming_back(book, held_one, released(held_one, "yes"))
    story.screened()
    assert story.screened(unknown(story, ANSWER)) == ["Record OUTCOME refused policy"]


def test_after_the_answers_have_ended_it_is_held_again(book: Book) -> None:
    held_one = held_answer(book)
    story = coming_back(book, held_one, released(held_one, until=NOW))
    story.screened()
    assert story.screened(unknown(story, ANSWER)) == ["Record HOLD"]
    assert case_of(story).kept


def test_what_is_worse_than_unknown_in_it_by_now_is_denied(book: Book) -> None:
    story = coming_back(book, held_answer(book))
    story.screened()
    assert story.screened(unknown(story, ANSWER), saw(FACT)) == ["Record OUTCOME refused policy"]


def test_another_request_cannot_have_it(book: Book) -> None:
    people = released(held_answer(book))
    story = book.story(asking("List four fruits."), people=people)
    assert story.attempt_durable() == ["Record OUTCOME refused malformed"]
    assert story.outcome_durable() == ["Refuse hold_not_found", "End"]


def test_a_hold_that_cannot_be_had_is_refused_on_record(book: Book) -> None:
    story = book.story(people=PeoplesWord(named=HoldNotReleased("it has expired")))
    assert story.attempt_durable() == ["Record OUTCOME refused malformed"]
    assert story.outcome_durable() == ["Refuse hold_not_released", "End"]


def test_a_request_that_names_its_released_hold_goes_to_the_model(book: Book) -> None:
    case = case_of(held(book))
    people = msgspec.structs.replace(answered(case, "no"), named=Named(case.hold, case.digest))
    story = book.story(people=people)
    story.attempt_durable()
    assert story.draft(RecordKind.ATTEMPT).committed["hold"] == case.hold
    assert story.screened(unknown(story)) == ["Record PASS"]


def test_an_approval_that_the_held_exchange_had_used_still_counts_for_its_answer_and_for_nothing_else(
    book: Book,
) -> None:
    story = approved(book)
    story.use_durable()
    story.pass_durable()
    story.replied(completion("Figs."))
    story.screened(unknown(story, ANSWER))
    assert kept_of(story).approvals == {"customer_decider": 1}
    back = coming_back(book, story)
    assert back.screened(STAKES) == ["Screen"]
    assert back.screened(unknown(back, ANSWER)) == ["Use answer"]
    anew = book.story(people=answered(case_of(story), "no"))
    anew.attempt_durable()
    assert anew.screened(STAKES) == ["Record HOLD"]


def test_an_approval_of_a_kept_answer_is_of_that_answer_and_of_no_other(book: Book) -> None:
    story = book.story().to_forwarded()
    story.replied(completion("Figs."))
    assert story.screened(STAKES) == ["CancelUpstream", "Record HOLD"]
    people = answered(case_of(story), APPROVE)
    back = coming_back(book, story, msgspec.structs.replace(people, named=kept_of(story)))
    back.screened()
    assert back.screened(STAKES) == ["Use answer"]
    anew = book.story(people=people)
    anew.attempt_durable()
    assert anew.screened() == ["Record PASS"]
    anew.pass_durable()
    anew.replied(completion("Other figs."))
    assert anew.screened(STAKES) == ["CancelUpstream", "Record HOLD"]


def test_who_leaves_before_it_is_given_out_has_it_given_out(book: Book) -> None:
    story = coming_back(book, held_answer(book))
    story.screened()
    story.screened(unknown(story, ANSWER))
    assert story.gone() == []
    assert story.use_durable() == ["Record OUTCOME client_gone"]
    assert story.outcome_durable() == ["End"]


def test_who_leaves_before_its_answer_is_judged_again_has_used_nothing(book: Book) -> None:
    story = coming_back(book, held_answer(book))
    story.screened()
    assert story.ticked() == []
    assert story.gone() == ["Record OUTCOME client_gone"]


def test_a_kept_answer_that_cannot_be_judged_or_may_not_leave_any_more_stays(book: Book) -> None:
    held_one = held_answer(book)
    story = coming_back(book, held_one)
    story.screened()
    assert story.screening_failed() == ["Record OUTCOME refused unavailable"]
    story = coming_back(book, held_one)
    story.screened()
    assert story.ticked(LAPSED) == ["Record OUTCOME refused unavailable"]


def test_several_choices_and_their_tool_calls_come_back_as_they_were(book: Book) -> None:
    call = {"id": "up", "type": "function", "function": {"name": "book", "arguments": '{"seat":"1A"}'}}
    story = book.story(n=2).to_forwarded()
    story.replied(completion("Figs.", "Dates.", finish="tool_calls", tool_calls=[call]))
    story.screened(unknown(story, ANSWER))
    back = coming_back(book, story, n=2)
    back.screened()
    back.screened(unknown(back, ANSWER))
    back.use_durable()
    back.outcome_durable()
    given: Reply = back.last(do.Answer).reply.reply
    assert [(choice.text, choice.calls[0].arguments) for choice in given.choices] == [
        ("Figs.", '{"seat":"1A"}'),
        ("Dates.", '{"seat":"1A"}'),
    ]
