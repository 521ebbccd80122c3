# SPDX-License-Identifier: Apache-2.0
"""The clause book as a page: complete, inert, the same each time, and readable for everybody."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given, settings

from brightline.core.agreement.book import make_book
from brightline.core.agreement.condition import write
from brightline.shell import shipped
from brightline.shell.book.html import to_html
from tests.core.agreement.hostile import HARMLESS, HOSTILE, book_with, texts

SHIPPED = {name: shipped.read_agreement(folder) for name, folder in shipped.shipped_agreements().items()}
DOW = SHIPPED[shipped.AGREEMENT]
VOID = {"meta"}


class Page(HTMLParser):
    """What a browser would see: elements with their attributes, text, and whether all closes as it opened."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.odd: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        self.odd += self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.odd.append(tag)

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] != "style":
            self.words.append(data)

    def handle_comment(self, data: str) -> None:
        self.odd.append(f"comment {data}")

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    @property
    def skeleton(self) -> list[tuple[str, tuple[str, ...]]]:
        return [(tag, tuple(sorted(attrs))) for tag, attrs in self.elements]

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.elements if name == tag]


PAGE = Page(to_html(make_book(DOW)))


# ---- complete, and the same each time ------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED)
def test_every_clause_quote_and_formula_is_on_the_page(name: str) -> None:
    agreement = SHIPPED[name]
    text = Page(to_html(make_book(agreement))).text
    for clause in agreement.clauses:
        assert clause.id in text
        for part in (*clause.quote, write(clause.condition), clause.says, *clause.assumes):
            assert " ".join(part.split()) in text
    for example in agreement.examples:
        assert example.name in text


@pytest.mark.parametrize("name", SHIPPED)
def test_the_same_book_gives_the_same_page(name: str) -> None:
    assert to_html(make_book(SHIPPED[name])) == to_html(make_book(SHIPPED[name]))


# ---- inert ---------------------------------------------------------------------------------------------------


def test_the_page_loads_and_runs_nothing() -> None:
    tags = {tag for tag, _ in PAGE.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "form", "input", "base", "svg", "video"}
    for _, attrs in PAGE.elements:
        assert not [name for name in attrs if name.startswith("on") or name in {"style", "src", "srcset"}]
        assert attrs.get("href", "#").startswith("#")
    assert "url(" not in to_html(make_book(DOW))
    assert "@import" not in to_html(make_book(DOW))


def test_its_policy_allows_its_own_style_and_nothing_else() -> None:
    html = to_html(make_book(DOW))
    [style] = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    [policy] = [attrs["content"] for attrs in PAGE.of("meta") if "http-equiv" in attrs]
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert html.index("http-equiv") < html.index("<style>")


@given(texts)
@settings(deadline=None, max_examples=40)
def test_no_text_changes_the_structure_of_the_page(text: str) -> None:
    found = Page(to_html(book_with(text)))
    assert found.odd == []
    assert found.skeleton == Page(to_html(book_with(HARMLESS))).skeleton


@pytest.mark.parametrize("text", HOSTILE)
def test_known_hostile_texts_come_out_as_text(text: str) -> None:
    html = to_html(book_with(text))
    assert "<script" not in html
    assert "<img" not in html
    assert all(char.isprintable() or char == "\n" for char in html)
    assert Page(html).skeleton == Page(to_html(book_with(HARMLESS))).skeleton


# ---- for everybody -------------------------------------------------------------------------------------------


def test_the_page_is_well_formed_with_a_language_a_title_and_one_first_heading() -> None:
    assert PAGE.odd == []
    assert PAGE.of("html") == [{"lang": "en"}]
    assert len(PAGE.of("h1")) == len(PAGE.of("title")) == len(PAGE.of("main")) == 1
    levels = [int(tag[1]) for tag, _ in PAGE.elements if re.fullmatch(r"h[1-6]", tag)]
    assert all(below - above <= 1 for above, below in pairwise(levels))


def test_every_link_leads_somewhere_and_no_two_things_have_one_id() -> None:
    ids = [attrs["id"] for _, attrs in PAGE.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {attrs["href"][1:] for attrs in PAGE.of("a")} <= set(ids)
    assert PAGE.of("a")[0] == {"class": "skip", "href": "#clauses"}
    assert {attrs["aria-labelledby"] for _, attrs in PAGE.elements if "aria-labelledby" in attrs} <= set(ids)


def test_every_table_has_a_caption_and_headings_with_a_scope() -> None:
    assert len(PAGE.of("table")) == len(PAGE.of("caption"))
    assert {attrs.get("scope") for attrs in PAGE.of("th")} == {"col", "row"}
    assert all(attrs["role"] == "table" for attrs in PAGE.of("table"))  # a narrow page lays rows out as blocks
    assert all(attrs["data-label"] for attrs in PAGE.of("td"))


def test_a_verdict_is_a_word_and_not_only_a_colour() -> None:
    html = to_html(make_book(DOW))
    for verdict in ("permit", "hold", "deny", "unavailable"):
        assert re.search(rf'<span class="chip {verdict}"><span aria-hidden="true">.</span> {verdict}</span>', html)


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    digits = colour.lstrip("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [0, 1, 2], ids=["light", "dark", "print"])
def test_text_has_the_contrast_that_wcag_aa_asks_for(scheme: int) -> None:
    """WCAG 2.2, success criterion 1.4.3: 4.5 to 1."""
    html = to_html(make_book(DOW))
    blocks = re.findall(r":root \{(.*?)\}", html, re.DOTALL)
    assert len(blocks) == 3
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", blocks[scheme]))
    pairs = [(ink, paper) for ink in ("ink", "soft", "link", "amber") for paper in ("paper", "sheet")]
    pairs += [(colour, f"{colour}-bg") for colour in ("red", "green", "amber", "blue", "grey")]
    pairs += [("ink", "code"), ("soft", "code"), ("ink", "blue-bg"), ("soft", "blue-bg"), ("link", "blue-bg")]
    low = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert {pair: round(value, 2) for pair, value in low.items() if value < 4.5} == {}
    assert contrast("#fff", "#9c1c1c") >= 4.5
