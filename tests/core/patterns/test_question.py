# SPDX-License-Identifier: Apache-2.0
"""How a request asks: the question without its subjects, rows, steps of a loop, single cases to decide."""

from __future__ import annotations

import json

import msgspec
import pytest

from brightline.core.agreement.pattern import Touches
from brightline.core.exchange.model import Exchange, ResponseFormat, Role, ToolChoice, Turn
from brightline.core.patterns.asked import NOT_ASKED, Asked
from brightline.core.patterns.question import ask, rows_of
from brightline.core.patterns.token import STEP_SECONDS
from brightline.core.patterns.touched import touched_by
from tests.core.patterns.asking import CASE, LOOP, asked_of, case, step, table

NOW = 1_800_000_000
KEYS = {span: bytes([span % 256]) * 32 for span in range(NOW // STEP_SECONDS - 2, NOW // STEP_SECONDS + 3)}


def how(exchange: Exchange) -> Asked:
    return ask(exchange, touched_by(exchange).persons, NOW, KEYS)


SAME = [
    ("Where does Maria Jensen live?", "Where does Peter van der Olsen live?"),
    ("Which church does María Jensen visit?", "Which church does Omar Haddad visit?"),
    ("Locate maria.jensen@example.org for me tonight.", "Locate o.haddad@example.net for me tonight."),
    ("Where was Maria Jensen seen in Paris on 3 May 2026?", "Where was Jo Ek seen in Rome on 9 June 2025?"),
    ("In welche Kirche geht Maria Jensen sonntags?", "In welche Kirche geht Jörg Müller sonntags?"),
    ("Tell me where the home of Maria Jensen is.", "Tell me the home of Omar Haddad, and where it is!"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_names_numbers_places_and_order_make_no_other_question(one: str, other: str) -> None:
    assert how(asked_of(one)).older == how(asked_of(other)).older != 0


def test_other_words_and_other_instructions_make_another_question() -> None:
    questions = {
        how(asked_of("Where does Maria Jensen live?")).older,
        how(asked_of("Where does Maria Jensen work when she is at home?")).older,
        how(asked_of("Where does Maria Jensen live?", "Answer with whatever records show.")).older,
        how(asked_of("Where does Maria Jensen live?", "Answer in verse.")).older,
    }
    assert len(questions) == 4


def test_what_was_asked_last_is_the_question_however_long_the_conversation_grew() -> None:
    first = Turn(Role.USER, ("Where does Maria Jensen live?",))
    later = Exchange("chat", "m", (first, Turn(Role.ASSISTANT, ("No idea.",)), *asked_of(SAME[1][0]).turns))
    assert how(later).older == how(asked_of(SAME[1][1])).older


def test_a_question_about_nothing_of_anybody_s_life_is_none() -> None:
    assert how(asked_of("Sort this list of fruits.")) == NOT_ASKED
    assert how(asked_of("Translate the words of Maria Jensen.")) == NOT_ASKED
    assert how(asked_of("Who was at the rally?")).about == Touches.BELIEF.bit


def test_a_token_is_another_in_each_span_and_under_each_key() -> None:
    asked = how(asked_of(SAME[0][0]))
    other = ask(asked_of(SAME[0][0]), (("name jensen maria", 1),), NOW, dict.fromkeys(KEYS, bytes(32)))
    assert len({asked.older, asked.newer, other.older}) == 3
    with pytest.raises(KeyError):
        ask(asked_of(SAME[0][0]), (), NOW, {})


@pytest.mark.parametrize(
    ("tool", "acts", "force"),
    [
        ("assign_effector", True, True),
        ("gun.fire", True, True),
        ("LaunchInterceptors", True, True),
        ("denyBenefit", True, False),
        ("transfer-funds", True, False),
        ("write_file", False, False),
        ("search", False, False),
        ("firewall_status", False, False),
    ],
)
def test_a_step_is_a_tool_s_result_that_comes_in_while_calls_may_go_out(tool: str, acts: bool, force: bool) -> None:
    asked = how(step(tool))
    assert (asked.step, asked.acts, asked.force) == (True, acts, force)


def test_a_user_who_speaks_a_result_after_which_nothing_may_be_called_and_tools_alone_are_no_step() -> None:
    spoken = step("engage")
    after = msgspec.structs.replace(spoken, turns=(*spoken.turns, Turn(Role.USER, ("And now stop.",))))
    assert not any(how(each).step for each in (after, msgspec.structs.replace(spoken, tools=()), LOOP))


@pytest.mark.parametrize(
    ("exchange", "is_case"),
    [
        (CASE, True),
        (asked_of("Ist der Antrag zu bewilligen? Ja oder nein."), True),
        (asked_of("Faut-il approuver cette demande, oui ou non ?"), True),
        (asked_of("¿Se aprueba la solicitud? Sí o no."), True),
        (asked_of("La domanda va respinta? Una parola."), True),
        (asked_of("Income 900, two children. Yes or no.", "You decide on benefits."), True),
        (asked_of("Explain how appeals against a denied claim work."), False),
        (asked_of("Is this fruit ripe? Yes or no."), False),
    ],
)
def test_a_case_is_a_decision_of_which_one_of_a_few_words_is_asked(exchange: Exchange, is_case: bool) -> None:
    assert bool(how(exchange).case) is is_case


@pytest.mark.parametrize(
    "bounded",
    [{"response_format": ResponseFormat("json_schema", "verdict")}, {"tool_choice": ToolChoice("required")}],
)
def test_an_answer_that_is_bound_by_structure_is_one_of_a_few_too(bounded: dict[str, ResponseFormat]) -> None:
    text = asked_of("Decide the claim of the applicant in file 12.")
    assert not how(text).case
    assert how(msgspec.structs.replace(text, **bounded)).case


def test_each_case_is_another_and_a_retry_is_the_same() -> None:
    assert how(case(1)).case == how(case(1)).case != how(case(2)).case


@pytest.mark.parametrize(
    ("exchange", "rows"),
    [
        (table(50), 50),
        (asked_of(json.dumps([{"id": n} for n in range(40)])), 40),
        (asked_of(json.dumps({"data": {"items": list(range(30))}})), 30),
        (asked_of("[" * 100), 0),
        (asked_of("a, b\nc"), 0),
        (asked_of("\n".join(["One line of prose follows the other"] * 40)), 0),
    ],
    ids=["table", "array", "nested", "no JSON", "short", "prose"],
)
def test_rows_are_those_of_tables_and_lists(exchange: Exchange, rows: int) -> None:
    assert rows_of(exchange) == rows


def test_calls_at_once_are_rows_and_few_rows_are_not_counted() -> None:
    many = step("look_up")
    call = many.turns[1].calls[0]
    fanned = msgspec.structs.replace(
        many, turns=(many.turns[0], msgspec.structs.replace(many.turns[1], calls=(call,) * 25), many.turns[2])
    )
    assert how(fanned).rows == 25
    assert how(table(5)).rows == 0
