# SPDX-License-Identifier: Apache-2.0
"""A short question about somebody is told apart from work on what is handed over."""

from __future__ import annotations

import pytest

from brightline.core.agreement.pattern import HOUR_SECONDS, INQUIRY_BIT, Counts, Over, Pattern, Touches
from brightline.core.exchange.model import Exchange, Reply, ReplyChoice, Role, Turn
from brightline.core.patterns.book import PatternBook
from brightline.core.patterns.crossing import crossings
from brightline.core.patterns.inquiry import is_inquiry
from brightline.core.patterns.seen import Seen, Whose, see
from brightline.core.patterns.token import spans_at
from brightline.core.patterns.touched import touched_by, touched_by_answer

NOW = 1_800_000_000
KEYS = {span: bytes([span % 256]) * 32 for span in spans_at(NOW)}
TABLE = Pattern(
    "it", "mass_domestic", (Over.UNIT,), HOUR_SECONDS, 3, (Touches.PLACE,), joins=1, counts=Counts.PACE, inquiries=True
)


def seen_of(number: int, text: str) -> Seen:
    touched = touched_by(Exchange("chat", "m", (Turn(Role.USER, (text,)),)))
    return see(f"x{number}", touched, Whose("k", "u", "p"), NOW + number, KEYS)


@pytest.mark.parametrize(
    "text",
    [
        "Where does Maria Jensen live?",
        "Find a photo of Maria Jensen.",
        "please list acquaintances of Maria Jensen",
        "The address of Maria Jensen is needed.",
        "I am looking for the whereabouts of Maria Jensen.",
        "Wo wohnt Maria Jensen",
        "Où habite Maria Jensen",
        "¿Dónde vive Maria Jensen?",
        "Trova il telefono di Maria Jensen",
    ],
)
def test_who_asks_in_a_line_inquires(text: str) -> None:
    assert is_inquiry(text)


@pytest.mark.parametrize(
    "text",
    [
        "Reply to Maria Jensen: the delivery goes to your address.",
        "Maria Jensen says the phone does not start.",
        "Draft a letter to Maria Jensen about the payment.",
        "Summarise the file of Maria Jensen: address, income, health.",
        "Translate: Maria Jensen lives in Oslo.",
        "What does this letter of Maria Jensen say?\n\nDear Sir, I have moved to Elm Street.",
        "Where does Maria Jensen live? " + "She wrote to us about her case. " * 10,
    ],
)
def test_who_hands_something_over_does_not(text: str) -> None:
    assert not is_inquiry(text)


def test_only_what_is_asked_last_inquires() -> None:
    turns = (Turn(Role.USER, ("Where does Maria Jensen live?",)), Turn(Role.USER, ("Write to Peter Olsen in Oslo.",)))
    persons = dict(touched_by(Exchange("chat", "m", turns)).persons)
    assert not any(about & INQUIRY_BIT for about in persons.values())


def test_inquiries_about_a_third_person_within_the_hour_are_too_many_and_letters_are_not() -> None:
    names = ["Maria Jensen", "Peter Olsen", "Anna Novak", "Karl Meyer"]
    for text, expected in (("Where does {} live?", [0, 0, 3, 4]), ("Write to {} at the address.", [0, 0, 0, 0])):
        book, found = PatternBook(), []
        for number, name in enumerate(names):
            seen = seen_of(number, text.replace("{}", name))
            book.enter(seen)
            crossed = crossings(book, [TABLE], seen)
            found.append(crossed[0].subjects if crossed else 0)
        assert found == expected


def test_letters_to_others_do_not_make_inquiries_too_many() -> None:
    book = PatternBook()
    for number, name in enumerate(["Peter Olsen", "Anna Novak", "Karl Meyer"]):
        book.enter(seen_of(number, f"Write to {name} at the address."))
    seen = seen_of(9, "Where does Maria Jensen live?")
    book.enter(seen)
    assert crossings(book, [TABLE], seen) == ()


def test_whom_the_answer_to_an_inquiry_names_was_inquired_about() -> None:
    asked = touched_by(Exchange("chat", "m", (Turn(Role.USER, ("Who lives in Elm Street?",)),)))
    reply = Reply((ReplyChoice(0, "Maria Jensen, Peter Olsen and Anna Novak."),))
    persons = dict(touched_by_answer(reply, asked.about).persons)
    assert len(persons) == 3
    assert all(about & INQUIRY_BIT for about in persons.values())
