# SPDX-License-Identifier: Apache-2.0
"""A text becomes pieces, and nothing of it is lost but what is masked; what has no picture is drawn."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.console.identifiers import Labels, identifiers_in, masked_in
from brightline.console.shown import letter, where
from brightline.console.words import PART_CHARS, Mark, Part, PieceKind, is_unseen, part_of
from brightline.pages import environment
from tests.console.hostile import CORPUS

BOX = environment("brightline.console").from_string(
    '{% import "words.html.j2" as w %}{{ w.box(part, "words", "", "") }}'
)


def part(text: str, marks: tuple[Mark, ...] = (), start: int = 0) -> Part:
    return part_of(text, marks, identifiers_in(text), Labels(), start=start)


def read_back(shown: Part) -> str:
    """The text that pieces stand for, from what a page says of them."""
    out = []
    for piece in shown.pieces:
        if piece.kind is PieceKind.LINE:
            out.append("\n")
        elif piece.kind is PieceKind.UNSEEN:
            code, _, count = piece.text.partition(" ×")
            out.append(chr(int(code.split()[0][2:], 16)) * int(count or 1))
        else:
            out.append(piece.text)
    return "".join(out)


class Shape(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text(max_size=300), st.integers(0, 300), st.integers(0, 300))
def test_nothing_of_a_text_is_lost_or_added_whatever_is_marked(text: str, first: int, last: int) -> None:
    shown = part_of(text, [Mark(min(first, last), max(first, last), "a")], (), Labels())
    assert read_back(shown) == text
    for piece in shown.pieces:
        if piece.kind is PieceKind.TEXT:
            assert not any(is_unseen(char) or char == "\n" for char in piece.text)


@pytest.mark.parametrize("text", CORPUS, ids=range(len(CORPUS)))
def test_hostile_words_are_text_in_a_box_and_add_no_element(text: str) -> None:
    html = BOX.render(part=part(text))
    shape = Shape(html)
    ours = {("div", ("class", "role", "aria-label", "tabindex", "hx-disable")), ("pre", ()), ("bdi", ())}
    assert set(shape.elements) - ours <= {("span", ("class",)), ("span", ("class", "aria-hidden"))}
    assert all(char == "\n" or char.isprintable() for char in html)
    if text.isascii() and text.isprintable() and "@" not in text:
        assert shape.text.strip() == text.strip()


def test_marks_of_direction_blanks_without_a_picture_and_floods_of_marks_are_drawn() -> None:
    shown = part("a\u202eb\u200b\u200b\u200b\u200bc\u3164d\U000e0041 e" + "\u0301" * 9 + "\x1b[31m\t.")
    drawn = [piece.text for piece in shown.pieces if piece.kind is PieceKind.UNSEEN]
    assert drawn[:4] == ["U+202E RLO", "U+200B ZWSP ×4", "U+3164 HF", "U+E0041"]
    assert drawn[-2:] == ["U+001B ESC", "U+0009 TAB"]
    assert "U+0301 ×7" in drawn


def test_a_long_text_comes_in_parts_that_follow_each_other() -> None:
    text = "".join(f"word {n}\n" for n in range(6_000))
    first = part(text)
    assert (first.start, first.end, first.more) == (0, PART_CHARS, True)
    whole, at = "", 0
    while at < len(text):
        shown = part(text, start=at)
        whole, at = whole + read_back(shown), shown.end
    assert whole == text


IDENTIFIERS = {
    "write to jane.roe@example.com.": "email 1",
    "call +1 (415) 555-0100 now": "phone 1",
    "SSN 123-45-6789.": "ssn 1",
    "card 4111 1111 1111 1111": "card 1",
    "from 192.168.10.4": "address 1",
    "ask Dr. Jane Roe": "person 1",
    '{"full_name": "Maria Garcia"}': "person 1",
    "почта иван@пример.рф": "email 1",
}


@pytest.mark.parametrize("text", IDENTIFIERS)
def test_what_names_a_person_by_its_shape_is_masked(text: str) -> None:
    shown = part(text)
    assert [piece.text for piece in shown.pieces if piece.kind is PieceKind.MASKED] == [IDENTIFIERS[text]]


@pytest.mark.parametrize(
    "text", ["on 2026-11-26 09:30", "12 trucks and 300 crates", "Doctor who", "a@b", "version 1.2"]
)
def test_what_names_nobody_is_not_masked(text: str) -> None:
    assert [piece.kind for piece in part(text).pieces] == [PieceKind.TEXT]


def test_the_same_identifier_has_the_same_label_also_in_a_reading_of_the_text() -> None:
    labels = Labels()
    text = "Dr. Jane Roe, jane@x.org, Dr. Jane Roe, Mr. Max Muster"
    first = part_of(text, (), identifiers_in(text), labels)
    labels.same("jane roe", "Jane Roe", "person")
    folded = "dr. jane roe, jane@x.org"
    second = part_of(folded, (), masked_in(folded, [("jane roe", "person")]), labels)
    of_first = [piece.text for piece in first.pieces if piece.kind is PieceKind.MASKED]
    of_second = [piece.text for piece in second.pieces if piece.kind is PieceKind.MASKED]
    assert of_first == ["person 1", "email 1", "person 1", "person 2"]
    assert of_second == ["person 1", "email 1"]
    assert labels.all == ("person 1", "email 1", "person 2")


def test_a_flood_of_identifiers_masks_the_rest_and_a_revealed_one_is_shown() -> None:
    flood = " ".join(f"u{n}@x.org" for n in range(600))
    shown = part(flood)
    assert not re.search("u5[0-9][0-9]@", read_back(shown))
    seen = part_of("to jane@x.org", (), identifiers_in("to jane@x.org"), Labels(), frozenset({"email 1"}))
    assert [(piece.kind, piece.text) for piece in seen.pieces][-1] == (PieceKind.SHOWN, "jane@x.org")


def test_a_place_in_the_folded_reading_is_found_in_words_that_differ_in_case_and_blanks() -> None:
    text = "Well,  WHICH\n of these"
    assert where(text, "which of") == (7, 16)
    assert text[7:16] == "WHICH\n of"
    assert where(text, "never") is None
    assert where("ﬁne İ", "fine") is None
    assert (letter(0), letter(25), letter(26)) == ("a", "z", "a1")
