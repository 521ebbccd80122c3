# SPDX-License-Identifier: Apache-2.0
"""What a caller is told of a decision, and what is kept for reviewers and auditors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from brightline.core.enforcement import commands as do
from brightline.core.errors import BrightlineError
from brightline.core.evidence.receipt import Receipt, verify_receipt
from brightline.core.evidence.record import Place, RecordKind
from brightline.core.exchange.refusal import error_body
from tests.playbooks.playbook import (
    AGREEMENT,
    DENIED,
    DONE,
    HELD,
    PUBLIC_KEY,
    QUESTION,
    RELEASE,
    Book,
    Story,
    chunk,
    completion,
    saw,
)
from tests.vault import sealed


def denied_at_input(book: Book) -> Story:
    story = book.story()
    story.attempt_durable()
    story.screened(DENIED)
    story.outcome_durable()
    return story


def held_at_output(book: Book) -> Story:
    story = book.story().to_forwarded()
    story.replied(completion("SECRET-ANSWER"))
    story.screened(HELD)
    story.hold_durable()
    story.outcome_durable()
    return story


def cut_in_mid_stream(book: Book) -> Story:
    story = book.stream()
    story.said(chunk("Figs, dates, "))
    story.screened()
    story.said(chunk("SECRET-ANSWER"))
    story.screened(saw("weapon_direct"), DENIED)
    story.outcome_durable()
    return story


def completed(book: Book) -> Story:
    story = book.story().to_forwarded()
    story.replied(completion())
    story.screened(saw("private_info"))
    story.outcome_durable()
    return story


def streamed(book: Book) -> Story:
    story = book.stream()
    story.said(chunk("Figs", "stop"), DONE)
    story.screened(saw("private_info"))
    story.screened(saw("private_info"))
    story.outcome_durable()
    return story


def unjudged(book: Book) -> Story:
    story = book.story()
    story.attempt_durable()
    story.screening_failed()
    story.outcome_durable()
    return story


ENDINGS = [denied_at_input, held_at_output, cut_in_mid_stream, completed, streamed, unjudged]


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_ending_is_told_with_a_receipt_that_verifies(ending: Any, book: Book) -> None:
    story: Story = ending(book)
    assert story.notices
    for notice in story.notices:
        receipt: Any = notice["receipt"]
        verify_receipt(Receipt(**receipt), PUBLIC_KEY)
        record = story.records[-1]
        assert record.kind is RecordKind.OUTCOME
        assert (receipt["leaf"], receipt["seq"]) == (record.leaf_hash.hex(), record.place.seq)
        assert (receipt["exchange"], notice["exchange"], notice["profile"]) == ("x-1", "x-1", "development")


def test_a_receipt_for_another_place_does_not_verify(book: Book) -> None:
    receipt: Any = denied_at_input(book).notices[0]["receipt"]
    with pytest.raises(ValueError, match="does not verify"):
        verify_receipt(Receipt(**{**receipt, "seq": receipt["seq"] + 1}), PUBLIC_KEY)


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_caller_is_told_facts_scores_rules_or_what_was_cut(ending: Any, book: Book) -> None:
    story: Story = ending(book)
    told = json.dumps([dict(notice) for notice in story.notices])
    told += "".join(
        error_body(command.error, command.notice).decode()
        for command in story.commands
        if isinstance(command, do.Refuse | do.BreakStream)
    )
    for spec in AGREEMENT.vocabulary.specs:
        assert f'"{spec.name}"' not in told, spec.name
    for secret in ("secret-rule", "score", "findings", "facts", "coverage", "SECRET-ANSWER", QUESTION, "late"):
        assert secret not in told


def test_the_told_words_are_a_closed_list(book: Book) -> None:
    said = {key for ending in ENDINGS for notice in ending(book).notices for key in notice}
    known = {"exchange", "outcome", "verdict", "clauses", "profile", "receipt", "next_step"}
    known |= {"hold", "hold_expires", "hold_url"}
    assert said == known


def test_a_deny_quotes_the_clause_that_decided_and_says_what_can_be_done(book: Book) -> None:
    notice = denied_at_input(book).notices[0]
    quote = "No use of OpenAI technology for mass domestic surveillance."
    assert notice["clauses"] == [{"id": "RL-1", "quote": [quote]}]
    assert (notice["verdict"], notice["outcome"]) == ("deny", "refused")
    assert "Do not resend" in str(notice["next_step"])


def test_the_facts_and_findings_are_committed_and_stand_in_no_leaf(book: Book) -> None:
    draft = cut_in_mid_stream(book).draft(RecordKind.OUTCOME)
    facts: Any = draft.committed["facts"]
    assert facts["mass_domestic"] == "yes"
    assert facts["us_person"] == "unknown"
    findings: Any = draft.committed["findings"]
    assert [row[0] for row in findings] == ["secret-rule-weapon_direct", "secret-rule-mass_domestic"]
    leaf = sealed(draft, Place("s", 1, 0, "2027-01-15T08:00:00Z", "development")).leaf.decode()
    assert "mass_domestic" not in leaf
    assert "secret-rule" not in leaf


def test_no_record_holds_a_word_of_the_exchange_but_what_people_are_to_look_at(book: Book) -> None:
    for ending in ENDINGS:
        for command in ending(book).commands:
            if isinstance(command, do.Record):
                kept = {} if command.draft.kind is RecordKind.HOLD else command.draft.committed
                text = json.dumps([command.draft.public, kept])
                assert QUESTION not in text
                assert "SECRET-ANSWER" not in text
                assert "Figs" not in text


def test_every_record_names_the_agreement_and_the_release(book: Book) -> None:
    story = completed(book)
    drafts = [command.draft for command in story.commands if isinstance(command, do.Record)]
    assert [draft.kind.value for draft in drafts] == ["ATTEMPT", "PASS", "OUTCOME"]
    for draft in drafts:
        assert draft.public["agreement"] == AGREEMENT.digest
        assert draft.public["release"] == RELEASE.digest
        assert draft.exchange == "x-1"


def test_what_was_said_of_an_unavailable_part_names_no_part(book: Book) -> None:
    told = unjudged(book).last(do.Refuse)
    error: BrightlineError = told.error
    assert b"rules" not in error_body(error, told.notice)
