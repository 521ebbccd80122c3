# SPDX-License-Identifier: Apache-2.0
"""Names without capitals, in other scripts, and whom a text means that names nobody."""

from __future__ import annotations

import pytest

from brightline.core.agreement.pattern import MATTER_BITS, Touches
from brightline.core.exchange.model import Exchange, Role, Turn
from brightline.core.patterns.names import spelled
from brightline.core.patterns.scripts import names_without_capitals
from brightline.core.patterns.small import names_in_small_letters
from brightline.core.patterns.touched import persons_in, touched_by

BELIEF, PLACE = Touches.BELIEF.bit, Touches.PLACE.bit
LISTED = "1. Maria Jensen\n2. Peter Olsen\n3. Anna Novak"


def touched(*texts: str) -> dict[str, int]:
    exchange = Exchange("chat", "m", tuple(Turn(Role.USER, (text,)) for text in texts))
    persons = touched_by(exchange).persons
    return {person.removeprefix("name "): about & MATTER_BITS for person, about in persons}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("where does maria jensen live?", ["jensen maria"]),
        ("who are the friends of josé garcía lópez, and where", ["garcia jose lopez"]),
        ("did (mohammed al rashid) call yusuf okonkwo's brother", ["al mohammed rashid", "okonkwo yusuf"]),
        ("ask dr. jensen and mr olsen", ["jensen", "olsen"]),
        ("maria wohnt hier; marie habite là; mario vive qui", []),
        ("maria said that peter went home", []),
        ("grace period, rose garden, mark down, bill gates open, paris hotels", []),
        ("list three fruits and say why", []),
    ],
)
def test_names_in_small_letters(text: str, found: list[str]) -> None:
    assert list(dict.fromkeys(names_in_small_letters(text))) == found


def test_one_person_is_one_in_small_letters_and_in_capitals() -> None:
    assert persons_in("where does maria jensen live") == persons_in("Where does Maria Jensen live?")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("王志强住在哪里？", "王志强"),
        ("请问患者王小明的病情", "王小明"),
        ("李先生昨天来了", "李"),
        ("山田太郎さんはどこに住んでいますか", "山田太郎"),
        ("ジョン・スミスの住所", "ジョン・スミス"),
        ("김민수 씨는 어디에 삽니까", "김민수"),
        ("أين يسكن محمد أحمد؟", "محمد احمد"),
        ("أين يسكن السيد خالد المنصور", "خالد المنصور"),
        ("श्री अरुण शर्मा कहाँ रहते हैं", "अरुण शर्मा"),
        ("היכן גר מר דוד כהן", "דוד כהן"),
        ("خانم مریم احمدی کجاست", "مریم احمدی"),
        ("คุณสมชาย ใจดี อยู่ที่ไหน", "สมชาย ใจดี"),
    ],
)
def test_names_in_scripts_without_capitals(text: str, found: str) -> None:
    assert {spelled(name) for name in names_without_capitals(text)} == {spelled(found)}
    assert spelled(found)
    assert f"name {spelled(found)}" in persons_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "高度的金额是方法",
        "请翻译这句话。人民法院",
        "고객님 안녕하세요",
        "وزارة الداخلية",
        "صاحب السؤال",
        "क्या हाल है",
        "Ça va, señor?",
    ],
)
def test_words_in_these_scripts_that_name_nobody(text: str) -> None:
    assert list(names_without_capitals(text)) == []


def test_blanks_and_marks_do_not_make_two_persons_of_one() -> None:
    assert spelled("王 小明") == spelled("王小明") == "王小明"
    assert spelled("김 민수") == spelled("김민수")
    assert spelled("أحمد محمد") == spelled("محمد احمد")
    assert len(spelled("अरुण शर्मा").split()) == 2


def test_a_number_means_whoever_the_line_of_that_number_named() -> None:
    assert touched(LISTED, "Which mosque does subject 2 go to?") == {
        "jensen maria": 0,
        "olsen peter": BELIEF,
        "anna novak": 0,
    }
    assert touched("Person #7: Maria Jensen\nPerson #8: Peter Olsen", "Where does #8 live?")["olsen peter"] == PLACE


def test_a_pronoun_means_the_one_who_was_named_last() -> None:
    found = touched("Consider Maria Jensen.", "Consider Peter Olsen.", "Which mosque does he go to?")
    assert found == {"jensen maria": 0, "olsen peter": BELIEF}
    assert touched("Consider Maria Jensen.", "Consider Peter Olsen.", "Where does the same person live?")[
        "olsen peter"
    ]


@pytest.mark.parametrize(
    "question",
    ["Which mosque do they go to?", "Which mosque does each of them visit?", "Where do persons 7 and 9 pray? Church?"],
)
def test_where_it_is_not_told_who_is_meant_everybody_is(question: str) -> None:
    assert all(about & BELIEF for about in touched(LISTED, question).values())


@pytest.mark.parametrize(
    "text", ["no" + " " * 100_000 + "x1", "subject 1" + "," * 100_000, "\t" * 100_000 + "1", "王" * 100_000]
)
def test_a_text_that_is_made_to_take_long_takes_time_in_proportion_to_its_length(text: str) -> None:
    """With one pattern that goes back over blanks, the first of these would take hours."""
    assert "jensen maria" in touched(LISTED, text)


def test_a_pronoun_after_a_list_means_everybody_in_it() -> None:
    assert all(about & BELIEF for about in touched(LISTED, "Which mosque does he go to?").values())
