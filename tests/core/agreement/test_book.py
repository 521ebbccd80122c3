# SPDX-License-Identifier: Apache-2.0
"""The clause book: complete, the same each time, and text from anybody stays text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from brightline.core.agreement.aloud import plain, read_aloud
from brightline.core.agreement.book import NO_TEXT, ClauseEvidence, Evidence, Signature, make_book
from brightline.core.agreement.book_markdown import code, escape, to_markdown
from brightline.core.agreement.clause import Agreement, Clause, ClauseKind, Verdict
from brightline.core.agreement.condition import parse, write
from brightline.shell import shipped
from tests.core.agreement.hostile import HARMLESS, HOSTILE, book_with, texts

SHIPPED = {name: shipped.read_agreement(folder) for name, folder in shipped.shipped_agreements().items()}
DOW = SHIPPED[shipped.AGREEMENT]
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

each_agreement = pytest.mark.parametrize("agreement", SHIPPED.values(), ids=SHIPPED.keys())


def flat(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from flat(token.children or ())


def skeleton(markdown: str) -> list[str]:
    """The structure without texts; neighbouring pieces of text are one."""
    types: list[str] = []
    for token in flat(MARKDOWN.parse(markdown)):
        kind = "text" if token.type in {"text", "text_special", "entity"} else token.type
        if kind != "text" or types[-1] != "text":
            types.append(kind)
    return types


def shown(markdown: str) -> str:
    """What a reader sees."""
    pieces = (token.content for token in flat(MARKDOWN.parse(markdown)) if not token.children)
    return " ".join("".join(pieces).split())


# ---- complete ------------------------------------------------------------------------------------------------


@each_agreement
def test_every_clause_quote_formula_and_sentence_is_in_the_book(agreement: Agreement) -> None:
    book = make_book(agreement)
    text = shown(to_markdown(book))
    assert [entry.id for entry in book.clauses] == [clause.id for clause in agreement.clauses]
    for clause in agreement.clauses:
        for part in (*clause.quote, write(clause.condition), clause.says, *clause.assumes, read_aloud(clause)):
            assert plain(part) in text
        if clause.kind is ClauseKind.REQUIRE:
            assert write(clause.that) in text
    for spec in agreement.vocabulary.specs:
        assert spec.name in text
    for authority in agreement.authorities:
        assert plain(authority.cite) in text


def test_a_clause_shows_the_examples_that_it_decides_and_no_others() -> None:
    book = make_book(DOW)
    for entry in book.clauses:
        assert entry.examples == tuple(worked for worked in book.examples if entry.id in worked.by)
    line = next(entry for entry in book.clauses if entry.id == "RL-1")
    shown_by_name = {worked.name: worked for worked in line.examples}
    signed = shown_by_name["mass surveillance, whoever signs"]
    assert signed.verdict is Verdict.DENY
    assert signed.not_good == ("mass_domestic = yes",)
    assert "9 × provider_cleared" in signed.approvals


def test_every_example_is_shown_somewhere() -> None:
    book = make_book(DOW)
    assert {worked.name for entry in book.clauses for worked in entry.examples} == {e.name for e in DOW.examples}


def test_an_authority_stands_as_of_its_date_and_says_if_no_text_is_held() -> None:
    cited = {one.id: one for one in make_book(DOW).authorities}["EO-12333"]
    assert (cited.dated, cited.edition, cited.text) == ("1981-12-04", "2008-07-30", NO_TEXT)
    assert cited.cited_by == ("L5", "L6")
    held = msgspec.structs.replace(DOW.authorities[0], sha256="ab" * 32)
    pinned = msgspec.structs.replace(DOW, authorities=(held, *DOW.authorities[1:]))
    assert make_book(pinned).authorities[0].text == "sha256:" + "ab" * 32


def test_a_control_that_is_not_in_the_catalogue_is_said_not_to_exist() -> None:
    book = make_book(DOW, controls={})
    assert all("no such control" in carrier.says for carrier in book.controls)
    assert not [carrier for carrier in make_book(DOW).controls if "no such control" in carrier.says]


def test_the_standing_theorems_are_in_it() -> None:
    book = make_book(DOW)
    assert {"T1", "T2", "T3", "T4", "T5", "LIVE"} <= {theorem.id for theorem in book.theorems}
    assert all(theorem.holds for theorem in book.theorems)


# ---- evidence and signatures ---------------------------------------------------------------------------------


def test_without_a_log_or_a_signature_the_book_says_so() -> None:
    text = to_markdown(make_book(DOW))
    assert "no log was looked at" in text
    assert text.count("not signed") == len(DOW.clauses) + 1


def test_what_was_counted_and_who_signed_stands_at_its_clause() -> None:
    evidence = Evidence(
        "the log gw-1", 9, {"L4": ClauseEvidence(3, "2026-11-25T12:00:00.000Z", (("deny", 3),))}, others=2
    )
    signature = Signature("customer", "office of the general counsel", "customer-official", "2026-11-20", ("L4",))
    book = make_book(DOW, evidence=evidence, signatures=(signature,))
    text = to_markdown(book)
    assert "9 outcomes in the log gw-1, and 2 that another version decided; counted, not verified" in text
    clause = text[text.index("### L4 ") : text.index("### L5 ")]
    assert "3 outcomes named it (3 deny), the last at 2026-11-25T12:00:00.000Z." in clause
    assert "office of the general counsel, for the customer, as customer-official, 2026-11-20" in clause
    other = text[text.index("### L5 ") : text.index("### L6 ")]
    assert "No outcome named it yet." in other
    assert "not signed" in other


# ---- read aloud ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "when", "that", "aloud"),
    [
        (ClauseKind.DENY, "a != 'no'", "", "Refused while a is not known to be no; no approval lifts it."),
        (
            ClauseKind.REDLINE,
            "a != 'no' or b != 'no' and c != 'no'",
            "",
            "Refused while a is not known to be no or (b is not known to be no and c is not known to be no); "
            "no approval lifts it.",
        ),
        (ClauseKind.GRANT, "not a != 'yes'", "", "Permitted while a is yes, if nothing else stands in the way."),
        (
            ClauseKind.REQUIRE,
            "a != 'no'",
            "approvals.x >= 2 and approvals.y >= 1",
            "While a is not known to be no: needs 2 approvals of x and 1 approval of y.",
        ),
    ],
)
def test_a_formula_is_read_aloud_word_by_word(kind: ClauseKind, when: str, that: str, aloud: str) -> None:
    clause = Clause("C", kind, ("q",), parse(when))
    if that:
        clause = msgspec.structs.replace(clause, that=parse(that))
    assert read_aloud(clause) == aloud


def test_a_clause_without_a_sentence_gets_one_from_its_formula() -> None:
    silent = msgspec.structs.replace(DOW.clauses[0], says="")
    entry = make_book(msgspec.structs.replace(DOW, clauses=(silent, *DOW.clauses[1:]))).clauses[0]
    assert entry.composed
    assert entry.sentence == read_aloud(silent)


# ---- the same each time, and text stays text -----------------------------------------------------------------


@each_agreement
def test_the_same_agreement_gives_the_same_book(agreement: Agreement) -> None:
    assert make_book(agreement) == make_book(agreement)
    assert to_markdown(make_book(agreement)) == to_markdown(make_book(agreement))


@given(texts)
@settings(deadline=None, max_examples=60)
def test_no_text_changes_the_structure_of_the_markdown(text: str) -> None:
    assert skeleton(to_markdown(book_with(text))) == skeleton(to_markdown(book_with(HARMLESS)))


@pytest.mark.parametrize("text", HOSTILE)
def test_known_hostile_texts_change_nothing_either(text: str) -> None:
    markdown = to_markdown(book_with(text))
    assert skeleton(markdown) == skeleton(to_markdown(book_with(HARMLESS)))
    assert "<script" not in re.sub(r"`+[^`\n]*`+", "", markdown)
    assert all(char.isprintable() or char == "\n" for char in markdown)


@given(st.text(max_size=60))
@example("a_b*c|d")
@example("1) x")
@example("http://e.example")
@settings(max_examples=200)
def test_an_escaped_text_is_shown_as_it_is(text: str) -> None:
    assert shown(escape(text)) == plain(text)


@given(st.text("`a| ", min_size=1, max_size=12).filter(lambda text: bool(text.strip())))
def test_a_code_span_shows_its_text(text: str) -> None:
    assert shown(code(text)) == plain(text)


def test_a_bar_in_code_does_not_end_a_cell() -> None:
    cells = {text: skeleton(to_markdown(book_with(text))).count("td_open") for text in ("a|b", "a-b")}
    assert cells["a|b"] == cells["a-b"] > 0


@given(st.text(max_size=60))
def test_plain_text_is_one_printable_line(text: str) -> None:
    made = plain(text)
    assert made.isprintable()
    assert plain(made) == made
