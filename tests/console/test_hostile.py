# SPDX-License-Identifier: Apache-2.0
"""Held words run nothing, restyle nothing and forge nothing: each stays text, in its box, on the page as it was."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import httpx2
import openai
import pytest

from brightline.client import hold_of
from tests.console.browser import chromium, visiting
from tests.console.desk import QUEUE, Console, console
from tests.console.hostile import CORPUS
from tests.harness import HELD, NO_TLS, Running, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ELEMENTS = "script, img, svg, style, link, a, form, input, button, iframe, object, embed, video, dialog, template"
PLAIN = "An ordinary sentence."
TOOL = {"type": "function", "function": {"name": "look", "description": PLAIN, "parameters": {"type": "object"}}}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("hostile") / "state", tools=[TOOL], more_toml=QUEUE) as node:
        yield node


@pytest.fixture(scope="module")
def desk(node: Running) -> Iterator[Console]:
    with console(node.root, node.loop) as desk:
        yield desk


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def held(node: Running, texts: tuple[str, ...]) -> str:
    """A conversation of these texts that is held, by its hold id."""
    messages: Any = [{"role": "user", "content": text} for text in texts]
    messages.append({"role": "user", "content": HELD})
    with pytest.raises(openai.PermissionDeniedError) as refused, node.client() as client:
        client.chat.completions.create(model="m", messages=messages, tools=[TOOL])  # type: ignore[list-item]
    hold = hold_of(refused.value)
    assert hold, refused.value.body
    return hold


class Shape(HTMLParser):
    """The elements of a page with their attributes, as a parser that follows the standard's syntax sees them."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        drawn = dict(attrs).get("class") in {"unseen", "eol", "masked"} or tag in {"sup", "mark"}
        if not drawn:  # our own drawing of characters, marks and masks may be more or less of it
            self.elements.append((tag, tuple(name for name, _ in attrs)))


def page_of(desk: Console, path: str) -> httpx2.Response:
    with httpx2.Client(verify=NO_TLS, base_url=desk.url, follow_redirects=True, timeout=30) as client:
        client.get("/as/senior")
        return client.get(path)


def test_no_hostile_word_changes_one_element_of_the_page(node: Running, desk: Console) -> None:
    plain = (PLAIN,) * (len(CORPUS) - 1) + ("Write to somebody@example.com.",)
    benign = page_of(desk, f"/case/{held(node, plain)}")
    hostile = page_of(desk, f"/case/{held(node, CORPUS)}")
    assert said_in(hostile.text) == said_in(benign.text)
    assert set(Shape(hostile.text).elements) <= set(Shape(benign.text).elements)
    assert len(CORPUS) >= 60
    assert hostile.headers.keys() == benign.headers.keys()
    assert "49" not in hostile.text.partition("{{ 7 * 7 }}")[2][:20]


def said_in(html: str) -> list[tuple[str, tuple[str, ...]]]:
    """The elements of the conversation."""
    return Shape(html.partition('<ol class="said">')[2].partition('<section aria-labelledby="law-title">')[0]).elements


def test_hostile_words_do_nothing_in_a_browser_and_stay_in_their_boxes(
    node: Running, desk: Console, browser: Browser
) -> None:
    hold = held(node, CORPUS)
    with visiting(browser, desk.url, "senior") as visit:
        page = visit.go(f"/case/{hold}")
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        page.keyboard.press("s")  # what is written in the words is no key of the page
        page.wait_for_load_state()
        visit.go(f"/case/{hold}")
        assert page.evaluate("window.pwned") is None
        assert page.evaluate("document.querySelectorAll('script').length") == 2
        assert page.locator(".held").locator(ELEMENTS).count() == 0
        names = page.locator(".held *").evaluate_all(
            "all => [...new Set(all.flatMap((one) => one.getAttributeNames()))]"
        )
        assert set(names) <= {"class", "aria-hidden"}
        said = page.locator(".said .held pre")
        for place, words in enumerate(CORPUS):
            if words.isascii() and words.isprintable() and "@" not in words:
                assert said.nth(place).text_content() == words
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0
        assert visit.elsewhere == []
        assert [words for words in visit.complaints if "409" not in words] == []


def test_no_direction_mark_or_control_character_reaches_a_page(node: Running, desk: Console) -> None:
    text = page_of(desk, f"/case/{held(node, CORPUS)}").text
    unseen = {char for char in text if not char.isprintable() and char != "\n"}
    assert unseen == set()
    assert "U+202E RLO" in text
    assert "U+001B ESC" in text


def test_hostile_words_in_an_address_are_none(desk: Console) -> None:
    for path in (
        "/case/%3Cscript%3E",
        "/queue?unit=%3Cscript%3Ewindow.pwned=1%3C/script%3E&state=%22%3E",
        "/case/a/more?place=%3Cb%3E&from=1",
    ):
        answer = page_of(desk, path)
        assert "<script>window" not in answer.text
        assert "<b>" not in answer.text.partition("<main")[2]
