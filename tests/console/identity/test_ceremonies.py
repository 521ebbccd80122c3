# SPDX-License-Identifier: Apache-2.0
"""The ceremonies in a real browser, with authenticators that it emulates: a passkey is made, signed in, and used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.console.browser import Visit, chromium, visiting
from tests.console.identity.room import WHY, Room, room
from tests.harness import Loop
from tests.shell.cli.in_process import run

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    loop = Loop()
    with room(tmp_path_factory.mktemp("ceremonies") / "state", loop) as console:
        yield console
    loop.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


class Authenticator:
    """The browser's own (WebAuthn Level 3, section 11): a device that keeps passkeys and knows its user."""

    def __init__(self, visit: Visit) -> None:
        self._session = visit.page.context.new_cdp_session(visit.page)
        self._session.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        self._id = self._session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    def knows_its_user(self, known: bool) -> None:
        """Whether the finger or the PIN is right."""
        self._session.send("WebAuthn.setUserVerified", {"authenticatorId": self._id, "isUserVerified": known})

    @property
    def passkeys(self) -> list[dict[str, Any]]:
        """What it keeps."""
        found: list[dict[str, Any]] = self._session.send("WebAuthn.getCredentials", {"authenticatorId": self._id})[
            "credentials"
        ]
        return found


def made(visit: Visit, person: str, code: str) -> str:
    """Make a passkey with a code; return its fingerprint on the page."""
    page = visit.go("/enrol")
    page.get_by_label("Your id on the roster").fill(person)
    page.get_by_label("Your one-time code").fill(code)
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Make a passkey").click()
    return page.locator(".fingerprint").inner_text()


def test_somebody_makes_a_passkey_with_their_code_and_comes_in_with_it(console: Room, browser: Browser) -> None:
    with visiting(browser, console.url, "") as visit:
        authenticator = Authenticator(visit)
        shown_there = made(visit, "p-81", console.invited("p-81"))
        (passkey,) = authenticator.passkeys
        assert (passkey["isResidentCredential"], passkey["rpId"]) == (True, "localhost")
        file = console.root / "enrolments" / "p-81.json"
        shown = run("review", "enrol", console.root, "p-81", "--passkey", file, "--reason", "a drill", "--yes").stdout
        assert shown_there in shown
        page = visit.go("/")
        page.get_by_role("button", name="Come in with your passkey").click()
        page.get_by_role("button", name="Leave").wait_for()
        assert page.locator(".who").inner_text() == "p-81"
        page.get_by_role("button", name="Leave").click()
        page.get_by_role("button", name="Come in with your passkey").wait_for()
        # Chromium would have RS256 asked for too, which no decision may be signed with.
        assert [each for each in visit.complaints if "ES256 and RS256" not in each] == visit.elsewhere == []


def test_a_device_that_does_not_know_its_user_lets_nobody_in(console: Room, browser: Browser) -> None:
    with visiting(browser, console.url, "") as visit:
        authenticator = Authenticator(visit)
        made(visit, "p-82", console.invited("p-82"))
        run("review", "enrol", console.root, "p-82", "--passkey", console.root / "enrolments" / "p-82.json", *WHY)
        authenticator.knows_its_user(False)
        page = visit.go("/login")
        page.get_by_role("button", name="Come in with your passkey").click()
        page.locator("[data-trouble]").wait_for()
        assert page.locator("[data-trouble]").is_visible()
        assert page.url.endswith("/login")


@pytest.mark.parametrize("path", ["/login", "/enrol"])
def test_axe_finds_nothing_on_the_pages_of_those_who_are_not_in_yet(
    console: Room, browser: Browser, path: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    with visiting(browser, console.url, "", bypass_csp=True) as visit:
        found = Axe().run(visit.go(path))
        assert found.violations_count == 0, found.generate_report()
