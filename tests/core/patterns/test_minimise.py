# SPDX-License-Identifier: Apache-2.0
"""What identifies U.S. persons is masked in an answer wherever it stands; what identifies nobody, or others, stays."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.exchange.model import Exchange, Reply, ReplyChoice, Role, Token, ToolCall, Turn
from brightline.core.patterns.masks import MASKS_MAX, masks_in
from brightline.core.patterns.minimise import Minimised, minimised


def masked(text: str = "", asked: str = "Go on.", **more: object) -> Minimised:
    choice = msgspec.structs.replace(ReplyChoice(0, text), **more)
    return minimised(Exchange("chat", "m", (Turn(Role.USER, (asked,)),)), Reply((choice,)))


def left(text: str, asked: str = "Go on.") -> str:
    return masked(text, asked).reply.choices[0].text


@pytest.mark.parametrize(
    ("text", "leaves"),
    [
        ("SSN 078-05-1120.", "SSN [SSN 1]."),
        ("Her social security number is 078051120.", "Her social security number is [SSN 1]."),
        ("ITIN 912-70-1234", "ITIN [SSN 1]"),
        ("Passport no. 123456789, passport A12345678", "Passport no. [passport 1], passport [passport 2]"),
        ("Call (415) 555-0132 or +1 415 555 0132.", "Call [phone 1] or [phone 1]."),
        ("phone 4155550132", "phone [phone 1]"),
        ("Write to Maria.J@Example.org.", "Write to [e-mail 1]."),
        ("At 12 Elm Street, Springfield, IL 62701.", "At [address 1]."),
        ("At 7 North Main Ave, Apt 4, Portland, Oregon.", "At [address 1]."),
    ],
)
def test_a_number_that_holds_is_masked(text: str, leaves: str) -> None:
    assert left(text) == leaves


@pytest.mark.parametrize(
    "text",
    [
        "SSN 000-05-1120, 078-00-1120, 078-05-0000, 912-10-1234",
        "The order 4155550132 and the part 123456789.",
        "Call +47 22 33 44 55 or 020 7946 0958.",
        "On 2026-11-26, version 3.11.7, 10.0.0.1.",
        "At 10 Downing Street, London.",
        "Maria Jensen lives in Oslo.",
        "The law protects U.S. persons.",
    ],
)
def test_what_breaks_the_law_of_its_kind_or_is_of_nobody_there_stays(text: str) -> None:
    assert left(text) == text


def test_a_name_is_masked_where_it_stands_once_any_sentence_says_whose_it_is() -> None:
    text = "Maria Jensen lives in Oslo. Peter Olsen does not. Jensen is a U.S. citizen; Maria's sister is not."
    assert left(text) == (
        "[US person 1] lives in Oslo. Peter Olsen does not. [US person 1] is a U.S. citizen; "
        "[US person 1]'s sister is not."
    )


def test_a_sentence_that_names_nobody_goes_on_about_the_name_before_it() -> None:
    text = "Peter Olsen was there. Maria Jensen came later. She has a green card."
    assert left(text) == "Peter Olsen was there. [US person 1] came later. She has a green card."


def test_whose_name_it_is_may_be_said_in_the_question_or_in_another_choice() -> None:
    asked = "Where does Maria Jensen, an American citizen, live?"
    assert left("Jensen lives in Oslo, as does Peter Olsen.", asked) == (
        "[US person 1] lives in Oslo, as does Peter Olsen."
    )
    exchange = Exchange("chat", "m", (Turn(Role.USER, ("Go on.",)),))
    reply = Reply((ReplyChoice(0, "Maria Jensen lives in Oslo."), ReplyChoice(1, "Maria Jensen, a US person.")))
    first, second = minimised(exchange, reply).reply.choices
    assert (first.text, second.text) == ("[US person 1] lives in Oslo.", "[US person 1], a US person.")


def test_a_number_makes_the_name_beside_it_one_of_such_a_person() -> None:
    assert left("Maria Jensen (SSN 078-05-1120) called.") == "[US person 1] (SSN [SSN 1]) called."
    assert left("Maria Jensen (maria@example.org) called.") == "Maria Jensen ([e-mail 1]) called."


def test_objects_and_arguments_are_masked_member_by_member_and_stay_objects() -> None:
    rows = [
        {"name": "maria jensen", "ssn": "078051120", "note": "ask maria jensen", "age": 40},
        {"name": "peter olsen", "citizenship": "NO"},
        {"first_name": "eva", "last_name": "falk", "us_person": True},
    ]
    call = ToolCall("c", "store", json.dumps(rows))
    found = masked(json.dumps({"rows": rows[:1]}), calls=(call,))
    choice = found.reply.choices[0]
    assert json.loads(choice.text) == {
        "rows": [{"name": "[US person 1]", "ssn": "[SSN 1]", "note": "ask [US person 1]", "age": 40}]
    }
    first, second, third = json.loads(choice.calls[0].arguments)
    assert (first["name"], first["ssn"], second) == ("[US person 1]", "[SSN 1]", rows[1])
    assert {third["first_name"], third["last_name"]} <= {"[US person 2]", "[US person 3]"}
    assert (choice.calls[0].id, choice.calls[0].name) == ("c", "store")


def test_what_a_member_is_called_is_masked_too_and_no_member_is_lost() -> None:
    found = left(json.dumps({"078-05-1120": 1, "078 05 1120": 2, "maria@example.org": {"n": 3}}))
    assert json.loads(found) == {"[SSN 1]": 1, "[SSN 1]'": 2, "[e-mail 1]": {"n": 3}}


def test_reasoning_and_refusals_are_masked_too_and_tokens_do_not_tell_what_was() -> None:
    tokens = (Token(b"SSN 078-05-1120", -0.1),)
    found = masked("SSN 078-05-1120", reasoning="It is 078-05-1120.", refusal="Not 078-05-1120.", tokens=tokens)
    choice = found.reply.choices[0]
    assert (choice.reasoning, choice.refusal, choice.tokens) == ("It is [SSN 1].", "Not [SSN 1].", ())
    assert masked("Figs.", tokens=(Token(b"Figs.", -0.1),)).reply.choices[0].tokens


def test_what_was_masked_is_told_as_a_count_and_a_digest_of_places_and_never_in_words() -> None:
    one, other = masked("SSN 078-05-1120."), masked("SSN 219-09-9999.")
    assert one.fields() == {"minimised": {"count": 1, "kinds": {"SSN": 1}, "digest": one.digest}}
    assert one.digest == other.digest, "a digest of the words would be found by trying"
    assert one.digest != masked("An SSN 078-05-1120.").digest
    assert masked("Figs.").fields()["minimised"] == {"count": 0, "kinds": {}, "digest": masked("Figs.").digest}


def test_more_than_are_told_apart_take_the_rest_of_the_text_with_them() -> None:
    text = "078-05-1120 " * (MASKS_MAX + 5) + "Maria Jensen"
    masks = masks_in(text, ())
    assert (len(masks), masks[-1].end) == (MASKS_MAX + 1, len(text))


@given(st.text(alphabet="Maria Jensen U.S. citizen078-05-112(415) @example.org\n", max_size=120))
def test_masks_lie_in_the_text_in_order_and_what_leaves_has_no_number_that_holds(text: str) -> None:
    end = 0
    for mask in masks_in(text, ()):
        assert end <= mask.start < mask.end <= len(text)
        end = mask.end
    assert not [mask for mask in masks_in(left(text), ()) if mask.kind in {"SSN", "e-mail", "phone"}]
