# SPDX-License-Identifier: Apache-2.0
"""Two reviewers decide in their browsers while the real SDK waits; by keys alone; axe finds nothing on the pages."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openai
import pytest

from brightline.client import hold_of, wait_for
from tests.console.browser import Visit, chromium, visiting
from tests.console.desk import QUEUE, Console, console
from tests.harness import HELD, Running, read_records, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ASKING = f"Dr. Jane Roe (jane.roe@example.com, 415-555-0100) asks: {HELD} Copy jane.roe@example.com."


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "state", more_toml=QUEUE) as node:
        yield node


@pytest.fixture
def desk(node: Running) -> Iterator[Console]:
    with console(node.root, node.loop) as desk:
        yield desk


@pytest.fixture
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def held(node: Running, words: str) -> openai.PermissionDeniedError:
    with pytest.raises(openai.PermissionDeniedError) as refused:
        node.ask(words)
    assert hold_of(refused.value)
    return refused.value


def claim(visit: Visit, hold: str) -> Page:
    """Claim the next case, which is this one."""
    page = visit.go("/queue")
    page.keyboard.press("c")
    page.wait_for_url(f"**/case/{hold}")
    return page


def answer(visit: Visit, hold: str, choice: str, reason: str) -> None:
    """Claim the case, choose, say why, read what is signed, sign."""
    page = claim(visit, hold)
    page.get_by_role("radio", name=re.compile(f"^{choice}")).check()
    page.get_by_label("Why", exact=True).fill(reason)
    page.get_by_role("button", name="Read what you sign").click()
    page.get_by_role("button", name="Sign").click()
    page.wait_for_url("**/queue?signed=1")


def test_two_reviewers_sign_and_the_request_that_waited_goes_through(
    node: Running, desk: Console, browser: Browser
) -> None:
    words = HELD + " In the morning."
    refused = held(node, words)
    hold = hold_of(refused)
    heard: list[str] = []

    def wait() -> None:
        with node.client() as client:
            heard.append(wait_for(client, refused, seconds=300))

    waiting = threading.Thread(target=wait)
    waiting.start()
    with visiting(browser, desk.url, "r1") as first, visiting(browser, desk.url, "r2") as second:
        answer(first, hold, "No", "a tender for vehicles")
        page = claim(second, hold)
        assert "1 person has answered; what they said is not told yet." in page.inner_text("aside")
        assert "a tender for vehicles" not in page.content()
        answer(second, hold, "No", "nobody is to be hit")
        waiting.join(330)
        assert heard == ["released"]
        assert second.go(f"/case/{hold}").locator("h1").inner_text().endswith("released")
        assert first.complaints == second.complaints == []
    assert node.ask(words).choices[0].message.content == "Fine."


def test_one_person_counts_once_and_who_has_no_claim_answers_nothing(
    node: Running, desk: Console, browser: Browser
) -> None:
    hold = hold_of(held(node, HELD + " At noon."))
    with visiting(browser, desk.url, "r1") as visit:
        answer(visit, hold, "No", "read, and it is not")
        page = visit.go(f"/case/{hold}")  # whoever has answered may read it again
        assert page.get_by_role("radio").count() == 0
        assert "One person counts once." in page.inner_text("aside")
        page.get_by_role("button", name="Claim the next case").click()
        assert "Nothing waits for you now." in page.get_by_role("alert").inner_text()
    for who in ("senior", "auditor"):  # they read, and answer nothing that is not theirs
        with visiting(browser, desk.url, who) as visit:
            page = visit.go(f"/case/{hold}")
            assert page.get_by_role("radio").count() == page.get_by_label("Why", exact=True).count() == 0
    with visiting(browser, desk.url, "r2") as visit:
        assert "claim the next case" in visit.go(f"/case/{hold}").inner_text("main")


def test_a_case_is_let_go_or_left_to_others_with_a_reason_and_a_lost_claim_signs_nothing(
    node: Running, desk: Console, browser: Browser
) -> None:
    hold = hold_of(held(node, HELD + " At three."))
    with visiting(browser, desk.url, "r1") as visit:
        page = claim(visit, hold)
        page.get_by_role("radio", name=re.compile("^No")).check()
        page.get_by_label("Why", exact=True).fill("read")
        page.get_by_role("button", name="Read what you sign").click()
        with visiting(browser, desk.url, "r1") as elsewhere:  # the same person lets go of it in another window
            elsewhere.go(f"/case/{hold}").get_by_role("button", name="Let it go").click()
            elsewhere.page.wait_for_url("**/queue")
        page.get_by_role("button", name="Sign").click()
        assert "you read what the queue gives you" in page.inner_text("main")
        page = claim(visit, hold)  # whoever let it go gets the same again
        page.get_by_text("Leave it to others").click()
        page.get_by_label("Why: a conflict").fill("I know the author")
        page.get_by_role("button", name="Skip this case").click()
        page.wait_for_url("**/queue")
        page.get_by_role("button", name="Claim the next case").click()
        assert "Nothing waits for you now." in page.get_by_role("alert").inner_text()
    with visiting(browser, desk.url, "r2") as visit:
        claim(visit, hold)


def test_from_the_queue_to_a_signed_decision_by_keys_alone(node: Running, desk: Console, browser: Browser) -> None:
    hold = hold_of(held(node, HELD + " By keys."))
    with visiting(browser, desk.url, "r1") as visit:
        page = visit.go("/queue")
        keys = page.keyboard
        keys.press("j")
        assert page.evaluate("document.activeElement.textContent") == hold[:17]
        keys.press("c")
        page.wait_for_url(f"**/case/{hold}")
        keys.press("?")
        assert page.get_by_role("dialog").is_visible()
        keys.press("Escape")
        keys.press("a")
        keys.press("Space")
        keys.press("Tab")
        keys.type("a question about a tender, j k s a")  # in a field they are letters
        keys.press("Escape")
        keys.press("s")
        page.wait_for_url("**/answer")
        assert "a question about a tender, j k s a" in page.inner_text("main")
        keys.press("s")
        page.wait_for_url("**/queue?signed=1")
        assert visit.complaints == []


def test_single_keys_can_be_turned_off(node: Running, desk: Console, browser: Browser) -> None:
    held(node, HELD + " Quietly.")
    with visiting(browser, desk.url, "r1") as visit:
        page = visit.go("/queue")
        page.keyboard.press("?")
        page.get_by_label("Single keys do this").uncheck()
        page.keyboard.press("Escape")
        page.keyboard.press("j")
        assert page.evaluate("document.activeElement.matches('[data-row]')") is False


def test_what_names_persons_is_masked_until_somebody_says_why_and_that_is_on_record(
    node: Running, desk: Console, browser: Browser
) -> None:
    hold = hold_of(held(node, ASKING))
    with visiting(browser, desk.url, "r1") as visit:
        page = claim(visit, hold)
        assert not re.search("jane|roe@|415-555", page.content(), re.IGNORECASE)
        assert "email 1" in page.inner_text("main")
        page.keyboard.press("r")
        page.get_by_label("Show").select_option("email 1")
        page.get_by_label("Why you must see it").fill("whose tender it is")
        page.get_by_role("button", name="Reveal").click()
        page.wait_for_url(f"**/case/{hold}")
        assert page.content().count("jane.roe@example.com") >= 4  # as judged, as read, and in the conversation
        assert "Jane" not in page.content()
        assert visit.complaints == []
    with visiting(browser, desk.url, "senior") as visit:
        assert "jane.roe" not in visit.go(f"/case/{hold}").content()
    (record,) = [each for each in read_records(node.root, "registry") if each["kind"] == "REVEAL"]
    assert (record["hold"], record["office"]) == (hold, "provider_cleared")
    assert record["committed"] == {
        "person": "provider-cleared-reviewer-1",
        "reason": "whose tender it is",
        "identifiers": ["email 1"],
    }


def test_an_answer_without_a_reason_changes_nothing_and_is_asked_again(
    node: Running, desk: Console, browser: Browser
) -> None:
    hold = hold_of(held(node, HELD + " Why."))
    with visiting(browser, desk.url, "r1") as visit:
        page = claim(visit, hold)
        page.get_by_role("radio", name=re.compile("^Yes")).check()
        page.get_by_role("button", name="Read what you sign").click()
        assert "needs a reason" in page.get_by_role("alert").inner_text()
        assert page.get_by_role("radio", name=re.compile("^Yes")).is_checked()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(node: Running, desk: Console, browser: Browser, scheme: Any) -> None:
    """Every rule in the light scheme; in the dark one, which is the same page, those about colour."""
    from axe_playwright_python.sync_playwright import Axe

    axe = Axe()
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if scheme == "dark":
        options["runOnly"] = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}

    def nothing_found(page: Page) -> None:
        found = axe.run(page, options=options).response["violations"]
        assert not found, (page.url, [(each["id"], [node["target"] for node in each["nodes"]]) for each in found])

    hold = hold_of(held(node, ASKING + " In " + scheme))
    paths = ["/queue", "/queue?state=any", f"/case/{hold}", "/case/hold_missing"]
    with visiting(browser, desk.url, "senior", color_scheme=scheme) as visit:
        claim(visit, hold)
        paths += ["/figures", "/halt", "/deny?unit=unit-1"]
        for path in paths:
            page = visit.go(path)
            page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
            nothing_found(page)
        assert [words for words in visit.complaints if "404" not in words] == []
    with visiting(browser, desk.url, "officer", color_scheme=scheme) as visit:
        for path in ("/appeals", "/standing", "/standing/unit?unit=unit-1"):
            nothing_found(visit.go(path))
        visit.page.get_by_role("radio", name=re.compile("^Suspend")).check()
        visit.page.get_by_label("Why").fill("to see the paper")
        visit.page.get_by_role("button", name="Read what you sign").click()
        visit.page.wait_for_url("**/paper/*")
        nothing_found(visit.page)
        assert visit.complaints == []
