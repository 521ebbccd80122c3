# SPDX-License-Identifier: Apache-2.0
"""Who is touched by an answer: read passage by passage, joined with what was asked, counted as a request is."""

from __future__ import annotations

import msgspec
import pytest

from brightline.core.agreement.pattern import INQUIRY_BIT, US_PERSON_BIT, Touches
from brightline.core.exchange.model import Exchange, Reply, ReplyChoice, Role, ToolCall, Turn
from brightline.core.patterns.book import PatternBook
from brightline.core.patterns.seen import SUBJECTS_MAX, Seen, Touched, Whose, read_seen, see
from brightline.core.patterns.token import spans_at
from brightline.core.patterns.touched import ANSWER_CHARS_MAX, about_of, touched_by, touched_by_answer

NOW = 1_800_000_000
KEYS = {span: bytes([span % 256]) * 32 for span in spans_at(NOW)}
WHOSE = Whose("key", "unit", "planning")
PLACE, BELIEF, HEALTH = Touches.PLACE.bit, Touches.BELIEF.bit, Touches.HEALTH.bit


def said(text: str = "", **more: object) -> Reply:
    return Reply((msgspec.structs.replace(ReplyChoice(0, text), **more),))


def answered(text: str, asked_about: int = 0) -> dict[str, int]:
    return {
        person.removeprefix("name "): about for person, about in touched_by_answer(said(text), asked_about).persons
    }


def asks(*texts: str) -> Touched:
    return touched_by(Exchange("chat", "m", tuple(Turn(Role.USER, (text,)) for text in texts)))


def together(question: str, answer: str) -> dict[int, int]:
    """Tokens of the persons of an answer, with what came up."""
    asked = asks(question)
    seen = see("x1", asked, WHOSE, NOW, KEYS)
    found = seen.answered(touched_by_answer(said(answer), asked.about), KEYS)
    return {each.older: each.about & ~INQUIRY_BIT for each in found.subjects}


def token(person: str) -> int:
    return see("x", Touched(((f"name {person}", 0),)), WHOSE, NOW, KEYS).subjects[0].older


def test_each_passage_is_about_the_persons_in_it() -> None:
    text = "These are two of them.\n\n- Maria Jensen lives in Oslo.\n- Peter Olsen goes to the mosque."
    assert answered(text) == {"jensen maria": PLACE, "olsen peter": BELIEF}


def test_a_passage_without_persons_goes_on_about_those_of_the_one_before() -> None:
    text = "Maria Jensen lives in Oslo.\n\nShe goes to the mosque.\n\nPeter Olsen was there."
    assert answered(text) == {"jensen maria": PLACE | BELIEF, "olsen peter": 0}


def test_a_number_in_the_line_below_a_name_is_no_second_person() -> None:
    text = "- Maria Jensen\n- Peter Olsen\n- +47 22 33 44 55 is the telephone of the first"
    assert set(answered(text)) == {"jensen maria", "olsen peter"}


def test_what_was_asked_of_nobody_is_said_of_whom_the_answer_names() -> None:
    assert together("Who goes to the mosque in Elm Street?", "Maria Jensen and Peter Olsen.") == {
        token("jensen maria"): BELIEF,
        token("olsen peter"): BELIEF,
    }


def test_what_is_answered_without_a_name_is_said_of_whom_the_request_names() -> None:
    assert (
        together("Tell me about Maria Jensen.", "She is religious and pregnant.")[token("jensen maria")]
        == BELIEF | HEALTH
    )


def test_an_answer_about_nobody_to_a_request_about_nobody_counts_nobody() -> None:
    assert together("List three fruits.", "Figs, dates and plums grow in many places.") == {}


@pytest.mark.parametrize(
    "text",
    [
        'Here:\n\n{"rows": [{"name": "maria jensen"}, {"name": "peter olsen"}]}',
        '```json\n[{"name": "maria jensen"},\n {"name": "peter olsen"}]\n```\n\nThat is all.',
        "Here:\n\n| city | name |\n|---|---|\n| Oslo | maria jensen |\n| Oslo | peter olsen |\n\nThat is all.",
        "name,city\nmaria jensen,Oslo\npeter olsen,Oslo\n\nThat is all.",
    ],
)
def test_tables_and_objects_in_an_answer_are_read_as_such(text: str) -> None:
    assert {"jensen maria", "olsen peter"} <= set(answered(text))


def test_the_arguments_of_a_tool_call_and_the_reasoning_are_read() -> None:
    calls = (ToolCall("c", "locate", '{"target": "maria jensen"}'),)
    reply = said("Done.", calls=calls, reasoning="They want Peter Olsen.")
    assert {person for person, _ in touched_by_answer(reply, 0).persons} == {"name jensen maria", "name olsen peter"}


@pytest.mark.parametrize(
    "text",
    [
        "## Key Findings\n\nKeep Software Updated. Use Strong Passwords.\n\n**Next Steps:** Stay Informed.",
        "- **Active Listening**: pause.\n- **Set Boundaries**: say no.\n- **Legal Compliance**: ask.",
        "The Nobel Prize, the World Cup and the Cold War; African Americans, the Middle East.",
    ],
)
def test_headings_that_a_model_makes_of_ordinary_words_are_nobody(text: str) -> None:
    assert answered(text) == {}


def test_a_name_of_ordinary_words_beside_a_given_name_is_somebody() -> None:
    assert set(answered("Peter Stone met Grace Church.")) == {"peter stone", "church grace"}
    assert set(answered("Dr. Stone met Oyelaran Adisa-Bako.")) == {"stone", "adisa-bako oyelaran"}


def test_a_long_answer_is_read_so_far_and_then_has_more_persons_than_are_told_apart() -> None:
    text = "Maria Jensen. " + "Nothing more. " * (ANSWER_CHARS_MAX // 14)
    touched = touched_by_answer(said(text + "Peter Olsen."), 0)
    assert touched.more
    assert [person for person, _ in touched.persons] == ["name jensen maria"]


def test_that_somebody_is_a_person_of_the_united_states_is_a_mark_of_its_own() -> None:
    assert about_of("She is a U.S. citizen.") == US_PERSON_BIT
    assert about_of("SSN 078-05-1120") & US_PERSON_BIT
    assert not about_of("the United States are large") & US_PERSON_BIT


def test_the_persons_of_an_answer_are_read_back_from_its_outcome_and_count_once_with_the_request() -> None:
    asked = asks("Tell me about Maria Jensen.")
    seen = see("x1", asked, WHOSE, NOW, KEYS)
    answer = seen.answered(touched_by_answer(said("Maria Jensen prays. Peter Olsen does not."), asked.about), KEYS)
    committed = msgspec.json.decode(msgspec.json.encode(answer.fields_of_answer([("many", "unit", 2)])))
    assert read_seen("x1", committed) == answer
    book, twice = PatternBook(), PatternBook()
    for each in (seen, answer):
        book.enter(each)
    for each in (answer, seen, answer):
        twice.enter(each)
    assert {key: sketch.write() for key, sketch in book} == {key: sketch.write() for key, sketch in twice}
    assert max(sketch.total() for _, sketch in book) == 2


def test_an_answer_never_has_more_rows_than_a_record_takes() -> None:
    rows = tuple((f"name a{number}", 0) for number in range(SUBJECTS_MAX))
    seen = see("x", Touched(tuple((f"name b{number}", 0) for number in range(SUBJECTS_MAX))), WHOSE, NOW, KEYS)
    found: Seen = seen.answered(Touched(rows, about=PLACE), KEYS)
    assert (len(found.subjects), found.more) == (SUBJECTS_MAX, True)
    assert read_seen("x", found.fields_of_answer()) == found
