# SPDX-License-Identifier: Apache-2.0
"""The ceremonies in a real browser, with authenticators that it emulates: a passkey is made, signed in, and used."""

from __future__ import annotations

import base64
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import openai
import pytest

from brightline.client import hold_of
from brightline.core.evidence.record import RecordKind
from brightline.core.review.case import CaseState
from brightline.shell.clock import SystemClock
from brightline.shell.serve import bind
from brightline.shell.storage.wal import frames_on_disk
from tests.authenticator import RP_ID, Passkey
from tests.console.browser import Visit, chromium, visiting
from tests.console.desk import QUEUE
from tests.console.identity.room import WHY, Room, challenge_in, field, pin, serving_room
from tests.harness import HELD, Running, running, within_two_seconds
from tests.shell.cli.in_process import run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


OFFICER, OFFICIAL = "provider-officer", "customer-official"
PEOPLE: Final = {  # on the roster as it was installed
    **{f"p-{n}": Passkey(n) for n in (82, 91, 92, 93, 94, 95, 96, 97)},
    OFFICER: Passkey(101),
    OFFICIAL: Passkey(102),
}


@pytest.fixture(scope="module")
def listener() -> socket.socket:
    return bind("127.0.0.1", 0)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, listener: socket.socket) -> Iterator[Running]:
    def prepare(root: Path) -> None:
        pin(root, f"http://localhost:{listener.getsockname()[1]}", PEOPLE)
        run("review", "migrate", root)

    with running(tmp_path_factory.mktemp("ceremonies") / "state", prepare=prepare, more_toml=QUEUE) as node:
        yield node


@pytest.fixture(scope="module")
def console(node: Running, listener: socket.socket) -> Iterator[Room]:
    with serving_room(node.root, node.loop, listener) as console:
        yield console


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

    def keeps(self, person: str) -> None:
        """Put somebody's passkey in, as if it had been made here."""
        key = PEOPLE[person]
        kept = {
            "credentialId": base64.b64encode(key.id).decode(),
            "isResidentCredential": True,
            "rpId": RP_ID,
            "privateKey": base64.b64encode(key.pkcs8).decode(),
            "userHandle": base64.b64encode(person.encode()).decode(),
            "signCount": 0,
        }
        self._session.send("WebAuthn.addCredential", {"authenticatorId": self._id, "credential": kept})

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
        authenticator.keeps("p-82")
        authenticator.knows_its_user(False)
        page = visit.go("/login")
        page.get_by_role("button", name="Come in with your passkey").click()
        page.locator("[data-trouble]").wait_for()
        assert page.locator("[data-trouble]").is_visible()
        assert page.url.endswith("/login")


# ---- decisions ----------------------------------------------------------------------------------------------------


@contextmanager
def came_in(console: Room, browser: Browser, person: str) -> Iterator[Visit]:
    """Somebody who came in with a passkey of this browser."""
    with visiting(browser, console.url, "") as visit:
        Authenticator(visit).keeps(person)
        page = visit.go("/login")
        page.get_by_role("button", name="Come in with your passkey").click()
        page.get_by_role("button", name="Leave").wait_for()
        yield visit


def held(node: Running, words: str) -> str:
    with pytest.raises(openai.PermissionDeniedError) as refused:
        node.ask(words)
    hold = hold_of(refused.value)
    assert hold
    return hold


def stands(node: Running, hold: str) -> CaseState | None:
    state = node.node.holds.state(hold, "tests", SystemClock().unix())
    return None if state is None else state.state


def about_to_sign(visit: Visit, hold: str) -> Page:
    """Claim the case, answer it, and read what is signed."""
    page = visit.go("/queue")
    page.get_by_role("button", name="Claim the next case").click()
    page.wait_for_url(f"**/case/{hold}")
    page.get_by_role("radio", name=re.compile("^No")).check()
    page.get_by_label("Why", exact=True).fill("read, and it is not")
    page.get_by_role("button", name="Read what you sign").click()
    page.get_by_role("button", name="Sign with your passkey").wait_for()
    return page


def test_two_people_sign_with_their_passkeys_and_the_request_goes_through(
    node: Running, console: Room, browser: Browser
) -> None:
    words = HELD + " At dawn."
    hold = held(node, words)
    with came_in(console, browser, "p-91") as first, came_in(console, browser, "p-92") as second:
        for visit in (first, second):
            page = about_to_sign(visit, hold)
            page.get_by_role("button", name="Sign with your passkey").click()
            page.wait_for_url("**/queue?signed=1")
    within_two_seconds(lambda: stands(node, hold) is CaseState.RELEASED)
    assert node.ask(words).choices[0].message.content == "Fine."
    records = [json.loads(line) for line in _decisions(node.root)]
    assert [record["signed_with"] for record in records if record["hold"] == hold] == ["webauthn", "webauthn"]


def test_two_people_deny_a_flood_with_one_signature_each(node: Running, console: Room, browser: Browser) -> None:
    holds = [held(node, f"{HELD} Of the flood, number {n}.") for n in range(3)]
    spared = held(node, HELD + " Of no flood.")
    for who in ("p-94", "p-95"):
        with came_in(console, browser, who) as visit:
            page = visit.go("/queue")
            page.get_by_role("link", name="Deny many").click()
            assert "nothing is denied by leaving everything out" in page.inner_text("main")
            page.get_by_label("Unit").select_option("unit-1")
            page.get_by_role("button", name="Show").click()
            page.get_by_role("checkbox", name=spared[:17]).uncheck()
            page.get_by_label("Why, of all of them").fill("a flood of one kind")
            page.get_by_role("button", name="Read what you sign").click()
            assert "3 denials" in page.inner_text("main")
            page.get_by_role("button", name="Sign with your passkey").click()
            page.get_by_role("heading", name="Signed and on record").wait_for()
            assert "3 of 3 count" in page.inner_text("main")
            assert visit.complaints == []
    said = [record for record in map(json.loads, _decisions(node.root)) if record["hold"] in holds]
    assert [record["signed_with"] for record in said] == ["webauthn"] * 6
    within_two_seconds(lambda: stands(node, holds[2]) is CaseState.DENIED)
    assert stands(node, spared) is CaseState.OPEN
    for n in (1, 2):  # so that the queue is empty again
        run("review", "deny", console.root, spared, "--as", f"provider-cleared-reviewer-{n}", *WHY)


def test_a_page_that_has_another_statement_signed_than_it_shows_gets_nothing(
    node: Running, console: Room, browser: Browser
) -> None:
    hold = held(node, HELD + " At dusk.")
    with came_in(console, browser, "p-93") as visit:
        page = about_to_sign(visit, hold)
        page.evaluate(
            """() => {
              const form = document.querySelector("form[data-passkey]");
              const asked = JSON.parse(form.dataset.passkey);
              asked.challenge = asked.challenge.replace(/^./, (first) => (first === "A" ? "B" : "A"));
              form.dataset.passkey = JSON.stringify(asked);
            }"""
        )
        page.get_by_role("button", name="Sign with your passkey").click()
        page.get_by_role("alert").first.wait_for()
        assert "another challenge" in page.inner_text("main")
        run("review", "withdraw", console.root, "p-93", *WHY)
        visit.go("/queue")
        assert page.url.endswith("/login")  # out at once


def decides_in_a_terminal(root: Path, hold: str, who: str, heard: list[str]) -> None:
    run("review", "claim", root, "--as", who)
    said = ("--answer", "weapon_direct=no", "--reason", "a tender", "--passkey", "--json")
    heard.append(run("review", "decide", root, hold, "--as", who, *said).stdout)


def test_who_answers_in_a_terminal_signs_on_the_console_and_the_record_is_the_same(
    node: Running, console: Room
) -> None:
    hold = held(node, HELD + " From a terminal.")
    heard: list[str] = []
    waiting = threading.Thread(target=decides_in_a_terminal, args=(console.root, hold, "p-96", heard))
    waiting.start()
    handed = console.root / "handed"
    within_two_seconds(lambda: handed.is_dir() and any(handed.iterdir()))
    (file,) = handed.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    theirs, others = console.browser(), console.browser()
    theirs.comes_in(PEOPLE["p-96"])
    others.comes_in(PEOPLE["p-97"])
    assert "for somebody else to sign" in others.get(f"/handed/{file.name}").text
    assert theirs.get("/handed/..%2Finstallation.json").status_code == 400
    page = theirs.get(f"/handed/{file.name}").text
    assert "a tender" in page
    given = PEOPLE["p-96"].get(challenge_in(page), origin=theirs.url).decode()
    form = {"token": field(page, "token"), "prepared": field(page, "prepared"), "given": given}
    assert theirs.post(f"/case/{hold}/sign", **form).headers["location"] == "/queue?signed=1"
    waiting.join(30)
    (said,) = map(json.loads, heard)
    (record,) = [each for each in map(json.loads, _decisions(console.root)) if each["hold"] == hold]
    assert (record["signed_with"], record["seq"]) == ("webauthn", said["record"])
    assert not any(handed.iterdir())
    for n in (1, 2):  # so that the queue is empty again
        run("review", "deny", console.root, hold, "--as", f"provider-cleared-reviewer-{n}", *WHY)


def refused(node: Running) -> str:
    """The code with which an ordinary question is refused; empty if it is served."""
    try:
        node.ask()
    except openai.APIStatusError as error:
        return str(error.code)
    return ""


def test_an_officer_halts_by_passkey_and_one_of_each_party_resumes(node: Running, console: Room) -> None:
    officer, official = console.browser(), console.browser()
    assert officer.comes_in(PEOPLE[OFFICER]).status_code == official.comes_in(PEOPLE[OFFICIAL]).status_code == 303

    def drawn_up(path: str, **form: str) -> str:
        token = field(officer.get("/halt").text, "token")
        return officer.post(path, token=token, reason="a drill", **form).headers["location"]

    halt = drawn_up("/halt/order", what="installation:")
    assert official.signs(halt, PEOPLE[OFFICER]).status_code == 409  # another's passkey
    assert refused(node) == ""
    assert officer.signs(halt, PEOPLE[OFFICER]).headers["location"] == "/halt"
    within_two_seconds(lambda: refused(node) == "halted")
    (id_,) = node.node.registry.halts.book.halts
    assert node.node.registry.halts.book.halts[id_].signers == (OFFICER,)
    end = drawn_up("/halt/resume", **{f"halt-{id_}": "1"})
    assert officer.signs(end, PEOPLE[OFFICER]).headers["location"] == end  # the other party is waited for
    assert refused(node) == "halted"
    assert official.signs(end, PEOPLE[OFFICIAL]).headers["location"] == "/halt"
    within_two_seconds(lambda: refused(node) == "")


def _decisions(root: Path) -> list[str]:
    return [
        frame.leaf.decode() for frame in frames_on_disk(root / "wal", "registry") if frame.kind is RecordKind.DECISION
    ]


@pytest.mark.parametrize("path", ["/login", "/enrol"])
def test_axe_finds_nothing_on_the_pages_of_those_who_are_not_in_yet(
    console: Room, browser: Browser, path: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    with visiting(browser, console.url, "", bypass_csp=True) as visit:
        found = Axe().run(visit.go(path))
        assert found.violations_count == 0, found.generate_report()
