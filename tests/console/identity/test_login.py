# SPDX-License-Identifier: Apache-2.0
"""Coming in and going, as a browser does it: by passkey, through a provider, by the word of development, or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
import pytest

from brightline.shell.clock import SystemClock
from tests.authenticator import PRESENT, Passkey
from tests.console.identity.openid import CLIENT, OpenId, openid
from tests.console.identity.room import WHY, WORD, Room, challenge_in, field, room, trouble_in
from tests.harness import Loop
from tests.shell.cli.in_process import run

# Who is on the roster as it was installed. Each is one test's.
PEOPLE: Final = {
    "p-52": Passkey(52),
    "p-53": Passkey(53, counter=None),
    "p-54": Passkey(54),
    "p-55": Passkey(55),
    **{f"p-7{n}": Passkey(70 + n) for n in (1, 2, 3)},
}


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture(scope="module")
def idp(loop: Loop) -> Iterator[OpenId]:
    stack = AsyncExitStack()
    yield loop.call(stack.enter_async_context(openid(SystemClock().unix)))
    loop.call(stack.aclose())


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory, loop: Loop, idp: OpenId) -> Iterator[Room]:
    toml = f'[oidc]\nissuer = "{idp.issuer}"\nclient_id = "{CLIENT}"\nroles_claim = "roles"\nuntil_claim = "until"\n'
    with room(tmp_path_factory.mktemp("login") / "state", loop, toml, PEOPLE) as console:
        yield console


def is_in(answer: httpx2.Response) -> bool:
    return answer.status_code == 200 and "Leave" in answer.text


# ---- by passkey ---------------------------------------------------------------------------------------------------


def test_somebody_makes_a_passkey_is_signed_in_by_both_parties_comes_in_and_goes(console: Room) -> None:
    key, browser = Passkey(51), console.browser()
    compared = browser.makes("p-51", console.invited("p-51"), key)
    assert "nobody's on the roster" in trouble_in(browser.comes_in(key).text)  # both parties have yet to sign
    file = console.root / "enrolments" / "p-51.json"
    assert file.stat().st_mode & 0o777 == 0o600
    shown = run("review", "enrol", console.root, "p-51", "--passkey", file, "--reason", "a drill", "--yes").stdout
    assert compared in shown
    came = browser.comes_in(key)
    assert (came.status_code, came.headers["location"]) == (303, "/")
    cookie = came.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert is_in(browser.get("/queue"))
    assert browser.post("/logout").headers["location"] == "/login"
    assert browser.get("/queue").headers["location"] == "/login"


@pytest.mark.parametrize("how", [{"flags": PRESENT}, {"origin": "https://evil.example"}, {"rp_id": "evil.example"}])
def test_a_passkey_elsewhere_or_without_its_user_lets_nobody_in(console: Room, how: dict[str, Any]) -> None:
    key = PEOPLE["p-52"]
    browser = console.browser()
    page = browser.get("/login").text
    given = key.get(challenge_in(page), **{"origin": console.url, **how}).decode()
    refused = browser.post("/login", sealed=field(page, "sealed"), given=given)
    assert (refused.status_code, "set-cookie" in refused.headers) == (403, False)
    assert trouble_in(refused.text)


def test_an_answer_that_is_shown_again_or_to_another_question_lets_nobody_in(console: Room) -> None:
    key = PEOPLE["p-53"]
    browser = console.browser()
    page = browser.get("/login").text
    sealed, given = field(page, "sealed"), key.get(challenge_in(page), origin=console.url).decode()
    assert browser.post("/login", sealed=sealed, given=given).status_code == 303
    thief = console.browser()
    assert "used before" in trouble_in(thief.post("/login", sealed=sealed, given=given).text)
    other = field(thief.get("/login").text, "sealed")
    assert "another challenge" in trouble_in(thief.post("/login", sealed=other, given=given).text)
    assert "not begun here" in trouble_in(thief.post("/login", sealed="AA.AA", given=given).text)


def test_a_counter_that_does_not_grow_lets_nobody_in(console: Room) -> None:
    key = PEOPLE["p-54"]
    assert console.browser().comes_in(key).status_code == 303
    assert key.counter is not None
    key.counter -= 1  # as a copy of it would
    assert "sign count" in trouble_in(console.browser().comes_in(key).text)


def test_who_is_withdrawn_is_out_at_the_next_page(console: Room) -> None:
    key, browser = PEOPLE["p-55"], console.browser()
    browser.comes_in(key)
    assert is_in(browser.get("/queue"))
    run("review", "withdraw", console.root, "p-55", *WHY)
    assert browser.get("/queue").headers["location"] == "/login"
    assert "nobody's on the roster" in trouble_in(browser.comes_in(key).text)


# ---- making a passkey ---------------------------------------------------------------------------------------------


def test_a_passkey_is_made_with_a_code_that_is_good_and_once(console: Room) -> None:
    code, browser = console.invited("p-61"), console.browser()
    for person, wrong in (("p-61", "aaaa-bbbb"), ("p-62", code), ("../p-61", code), ("", "")):
        assert "not good for this id" in browser.makes(person, wrong, Passkey(61))
    assert "not made as it should" in browser.makes("p-61", code, Passkey(61), flags=PRESENT)
    assert "somebody else's page" in browser.makes("p-61", code, Passkey(61), topOrigin="https://evil.example")
    assert "not made as it should" in browser.makes("p-61", code, Passkey(61, "RS256"))
    assert len(browser.makes("p-61", code.upper(), Passkey(61)).split()) == 5
    assert "made with this code before" in browser.makes("p-61", code, Passkey(62))
    file = console.root / "enrolments" / "p-61.json"
    run("review", "enrol", console.root, "p-61", "--passkey", file, *WHY)
    assert "not good for this id" in browser.makes("p-61", code, Passkey(63))


def test_a_new_code_takes_the_place_of_what_an_old_one_made(console: Room) -> None:
    browser = console.browser()
    browser.makes("p-65", console.invited("p-65"), Passkey(65))
    assert len(browser.makes("p-65", console.invited("p-65"), Passkey(66)).split()) == 5


def test_a_file_that_was_begun_and_not_written_keeps_nobody_from_making_a_passkey(console: Room) -> None:
    code = console.invited("p-66")
    file = console.root / "enrolments" / "p-66.json"
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.touch(0o600)  # as of a console that was killed, or a disk that was full
    assert len(console.browser().makes("p-66", code, Passkey(67)).split()) == 5
    assert [each.name for each in file.parent.iterdir() if each.name.startswith(".")] == []


# ---- in development -----------------------------------------------------------------------------------------------


def test_in_development_whoever_has_the_word_comes_in_as_anybody(console: Room) -> None:
    browser = console.browser()
    assert "provider-cleared-reviewer-1" not in browser.get("/login").text
    assert "provider-cleared-reviewer-1" in browser.get(f"/login?word={WORD}").text
    person = "provider-cleared-reviewer-1"
    assert "not the word" in trouble_in(browser.post("/login", person=person, word="a guess").text)
    assert "nobody of that name" in trouble_in(browser.post("/login", person="x", word=WORD).text)
    assert browser.post("/login", person=person, word=WORD).status_code == 303
    assert is_in(browser.get("/queue"))


# ---- through a provider -------------------------------------------------------------------------------------------


def through(browser_url: str, browser: httpx2.Client) -> httpx2.Response:
    """To the provider and back, as a browser is sent."""
    away = browser.get("/login/provider")
    assert away.status_code == 303
    with httpx2.Client() as elsewhere:
        back = elsewhere.get(away.headers["location"]).headers["location"]
    assert back.startswith(f"{browser_url}/login/back?")
    return browser.get(back.removeprefix(browser_url))


def test_somebody_comes_in_through_the_provider_with_no_more_than_both_say(console: Room, idp: OpenId) -> None:
    idp.claims = {"sub": "p-71", "roles": ["officer", "reviewer"], "until": SystemClock().unix() + 1_000}
    browser = console.browser()
    came = through(console.url, browser.http)
    assert (came.status_code, came.headers.get("location", "")) == (200, "")
    assert "url=/" in came.text  # a page of ours that goes on: the strict cookie would not come along otherwise
    assert is_in(browser.get("/queue"))
    cookies = " ".join(came.headers.get_list("set-cookie")).lower()
    assert "samesite=strict" in cookies


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"sub": "somebody-else", "roles": ["reviewer"], "until": 2**40}, "the roster does not"),
        ({"sub": "p-72", "roles": ["officer"], "until": 2**40}, "may not come in"),
        ({"sub": "p-72", "roles": ["reviewer"], "until": 5}, "may not come in"),
        ({"sub": "p-72", "until": 2**40}, "lacks roles"),
        ({"sub": "p-72", "roles": ["reviewer"]}, "lacks until"),
    ],
)
def test_who_is_not_on_the_roster_or_has_nothing_left_does_not_come_in(
    console: Room, idp: OpenId, claims: dict[str, object], why: str
) -> None:
    idp.claims = claims
    browser = console.browser()
    assert why in trouble_in(through(console.url, browser.http).text)
    assert browser.get("/queue").status_code == 303


def test_the_way_back_works_once_and_in_the_browser_that_began(console: Room, idp: OpenId) -> None:
    idp.claims = {"sub": "p-73", "roles": ["reviewer"], "until": 2**40}
    browser, other = console.browser(), console.browser()
    away = browser.get("/login/provider").headers
    assert "samesite=lax" in away["set-cookie"].lower()
    with httpx2.Client() as elsewhere:
        back = elsewhere.get(away["location"]).headers["location"].removeprefix(console.url)
    assert trouble_in(other.get(back).text)  # a login that somebody else began is put on nobody
    way = dict(browser.http.cookies)
    assert is_in(browser.get("/queue")) is False
    assert browser.get(back).status_code == 200
    browser.http.cookies.update(way)
    assert "used before" in trouble_in(browser.get(back).text)
    assert urlsplit(away["location"]).netloc == urlsplit(idp.issuer).netloc
