# SPDX-License-Identifier: Apache-2.0
"""Who is touched: structure first, identifiers that hold, names as they are written; one person, one spelling."""

from __future__ import annotations

import pytest

from brightline.core.agreement.pattern import MATTER_BITS, Touches
from brightline.core.exchange.model import Exchange, Role, ToolCall, Turn
from brightline.core.patterns.identifiers import identifiers
from brightline.core.patterns.names import spelled
from brightline.core.patterns.seen import SUBJECTS_MAX
from brightline.core.patterns.touched import about_of, persons_in, touched_by


def asked(*texts: str) -> Exchange:
    return Exchange("chat", "m", tuple(Turn(Role.USER, (text,)) for text in texts))


def names(text: str) -> set[str]:
    return {person.removeprefix("name ") for person in persons_in(text)}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Where was Maria Jensen on Tuesday, and whom did she meet?", {"jensen maria"}),
        ("Wo war Maria Jensen am Dienstag? Wer ist Jörg Müller?", {"jensen maria", "jorg muller"}),
        ("Où habite Amélie de la Tour ?", {"amelie de la tour"}),
        ("¿Dónde vive José García López?", {"garcia jose lopez"}),
        ("Где был Иван Петров?", {"иван петров"}),
        ("Dr. Jensen and Mrs Olsen came.", {"jensen", "olsen"}),
        ("Ask the New York Police Department about Monday.", set()),
        ("A list of three fruits. Then the Army Corps.", set()),
        ("Army Maria Jensen", {"jensen maria"}),
        ("Anna Berg Carl Dahl Eva Falk", {"anna berg", "carl dahl", "eva falk"}),
    ],
)
def test_names_in_running_text(text: str, found: set[str]) -> None:
    assert names(text) == found


def test_one_person_has_one_spelling() -> None:
    assert spelled("Dr. María B. Jensen") == spelled("JENSEN, Maria") == spelled("maria jensen") == "jensen maria"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("name,city\nmaria jensen,Oslo\npeter olsen,Bergen\n", 2),
        ("first_name;last_name;phone\nmaria;jensen;1\npeter;olsen;2", 2),
        ("姓名\t城市\n王伟\t北京\n李娜\t上海", 2),
        ('{"rows": [{"name": "maria jensen", "phone": "+1 415 555 0132"}, {"name": "peter olsen"}]}', 2),
        ('{"subjects": ["maria jensen", "peter olsen", "eva falk"]}', 3),
        ('[{"first_name": "maria", "last_name": "jensen"}]', 1),
        ("fruit,price\napple,1\npear,2\n", 0),
    ],
)
def test_columns_and_members_that_are_called_after_persons_hold_names_however_they_are_written(
    text: str, count: int
) -> None:
    assert len(persons_in(text)) == count


def test_the_arguments_of_a_tool_call_are_read_too() -> None:
    call = ToolCall("c", "locate", '{"target": "maria jensen"}')
    exchange = Exchange("chat", "m", (Turn(Role.ASSISTANT, calls=(call,)), Turn(Role.USER, ("go on",))))
    assert [person for person, _ in touched_by(exchange).persons] == ["name jensen maria"]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("write to Maria.J@Example.org today", "email", "maria.j@example.org"),
        ("call +47 22 33 44 55", "phone", "4722334455"),
        ("call (415) 555-0132", "phone", "4155550132"),
        ("SSN 078-05-1120", "ssn", "078051120"),
        ("handset 356938035643809", "imei", "356938035643809"),
        ("to GB82 WEST 1234 5698 7654 32.", "iban", "GB82WEST12345698765432"),
    ],
)
def test_an_identifier_that_holds_comes_back_in_one_spelling(text: str, kind: str, value: str) -> None:
    assert (kind, value) in list(identifiers(text))


@pytest.mark.parametrize(
    "text",
    [
        "SSN 000-05-1120",
        "SSN 666-05-1120",
        "SSN 900-05-1120",
        "SSN 078-00-1120",
        "handset 356938035643808",
        "to GB83 WEST 1234 5698 7654 32.",
        "on 2026-11-26 12:00",
        "ISBN 978-3-16-148410-0",
        "part 4711-0815-1",
        "version 3.11.7 and 1.5",
        "a@b",
    ],
)
def test_a_number_that_breaks_the_law_of_its_kind_identifies_nobody(text: str) -> None:
    assert list(identifiers(text)) == []


def test_a_name_beside_its_number_is_one_person() -> None:
    assert len(persons_in("Maria Jensen, +47 22 33 44 55, maria@example.org")) == 1


def test_what_a_text_is_about() -> None:
    asked_about = {about for about in Touches if about_of("Whom did she meet at the protest?") & about.bit}
    assert asked_about == {Touches.ASSOCIATION, Touches.BELIEF}
    assert about_of("List three fruits.") == 0
    assert about_of("Generally, an apparent correlation; allocate and devote.") == 0


@pytest.mark.parametrize(
    "text",
    [
        "Where does she live, and which mosque does she visit?",
        "Wo wohnt sie, und in welche Moschee geht sie?",
        "Où est-elle, et quelle mosquée fréquente-t-elle ?",
        "¿Dónde vive y a qué mezquita va?",
        "Dove abita e in quale moschea va?",
    ],
)
def test_five_languages_say_the_same(text: str) -> None:
    assert about_of(text) & (Touches.PLACE.bit | Touches.BELIEF.bit) == Touches.PLACE.bit | Touches.BELIEF.bit


def test_a_question_without_a_name_is_about_whom_another_turn_named() -> None:
    ((person, about),) = touched_by(asked("Consider Maria Jensen.", "Which protests did she attend?")).persons
    assert person == "name jensen maria"
    assert about & MATTER_BITS == Touches.BELIEF.bit


def test_what_is_asked_of_one_person_is_not_said_of_another() -> None:
    persons = dict(touched_by(asked("Which protests did Maria Jensen attend?", "Peter Olsen says hello.")).persons)
    assert persons == {"name jensen maria": Touches.BELIEF.bit, "name olsen peter": 0}


def test_more_persons_than_are_told_apart_are_said_to_be_more() -> None:
    rows = "\n".join(f"person {chr(97 + i % 26)}{i:x}q" for i in range(SUBJECTS_MAX + 1))
    touched = touched_by(asked("name\n" + rows.replace("person ", "p q")))
    assert touched.more
    assert len(touched.persons) == SUBJECTS_MAX
