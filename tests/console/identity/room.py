# SPDX-License-Identifier: Apache-2.0
"""A console with its own way in, over a state folder that pins the page where it stands."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, closing, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx2
import msgspec

from brightline.console.serve import serving_console
from brightline.core.review.passkey import RelyingParty, of_base64url
from brightline.core.review.roster import INSTALLATION_TYPE, ClearedPerson
from brightline.core.statement import BOTH_PARTIES, sign_statement
from brightline.shell.clock import SystemClock
from brightline.shell.development import development_keys
from brightline.shell.serve import bind
from brightline.shell.state import StateFolder
from brightline.shell.trust.installation import read_installation, read_roots
from tests.authenticator import RP_ID, Passkey
from tests.console.desk import QUEUE
from tests.harness import NO_TLS, Loop
from tests.shell.cli.in_process import run

NOBODY: Mapping[str, Passkey] = MappingProxyType({})
WORD = "the word that was printed"
WHY = ("--reason", "a drill", "--yes", "--json")


def pin(root: Path, origin: str, people: Mapping[str, Passkey] = NOBODY) -> None:
    """Have both parties sign that passkeys are used on this page, and that these people have theirs already.

    Somebody who is on the roster keeps their entry and has a passkey beside it.
    """
    folder = StateFolder(root)
    installation = read_installation(folder.installation, read_roots(folder.roots), SystemClock().unix())
    until = SystemClock().unix() + 100_000
    signed = msgspec.structs.replace(
        installation,
        review=msgspec.structs.replace(installation.review, passkeys=RelyingParty(RP_ID, (origin,))),
        roster=(
            *(
                msgspec.structs.replace(each, credentials=(*each.credentials, people[each.id].credential))
                if each.id in people
                else each
                for each in installation.roster
            ),
            *(
                ClearedPerson(name, "provider_cleared", until, "org", (key.credential,))
                for name, key in people.items()
                if name not in {each.id for each in installation.roster}
            ),
        ),
    )
    keys = development_keys(root, BOTH_PARTIES)
    folder.installation.write_bytes(sign_statement(signed, INSTALLATION_TYPE, keys))


class Room:
    """Where it is, and who comes with which browser."""

    def __init__(self, root: Path, url: str) -> None:
        self.root = root
        self.url = url
        self._browsers = ExitStack()

    def browser(self) -> Browser:
        """Somebody's browser, without cookies yet."""
        browser = Browser(self.url)
        self._browsers.callback(browser.http.close)
        return browser

    def close(self) -> None:
        """Close all browsers."""
        self._browsers.close()

    def invited(self, person: str, *more: str) -> str:
        """Both parties enrol somebody and give them a code."""
        asked = ("--office", "provider_cleared", "--days", "30", *more, "--invite", *WHY)
        code: str = json.loads(run("review", "enrol", self.root, person, *asked).stdout)["code"]
        return code


class Browser:
    """What a browser does, without one: cookies, forms, and an authenticator in software."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx2.Client(verify=NO_TLS, base_url=url, headers={"origin": url}, timeout=30)

    def get(self, path: str) -> httpx2.Response:
        """A page; what it redirects to is not followed."""
        return self.http.get(path)

    def post(self, path: str, **form: str) -> httpx2.Response:
        """A form."""
        return self.http.post(path, data=form)

    def comes_in(self, key: Passkey, **how: Any) -> httpx2.Response:
        """Come in with a passkey."""
        page = self.get("/login").text
        given = key.get(challenge_in(page), origin=self.url, **how).decode()
        return self.post("/login", sealed=field(page, "sealed"), given=given)

    def signs(self, path: str, key: Passkey) -> httpx2.Response:
        """Sign what a page shows with a passkey."""
        page = self.get(path).text
        given = key.get(challenge_in(page), origin=self.url).decode()
        return self.post(f"{path}/sign", token=field(page, "token"), given=given)

    def makes(self, person: str, code: str, key: Passkey, **how: Any) -> str:
        """Make a passkey with a code; return its fingerprint, or what the page says went wrong."""
        page = self.post("/enrol", person=person, code=code).text
        if "data-make" not in page:
            return trouble_in(page)
        given = key.create(challenge_in(page), origin=self.url, **how).decode()
        page = self.post("/enrol/passkey", sealed=field(page, "sealed"), given=given).text
        found = re.search(r'class="fingerprint"><code>([^<]*)<', page)
        return found.group(1) if found else trouble_in(page)


def challenge_in(page: str) -> bytes:
    """The challenge of the options that a page holds."""
    found = re.search(r'data-(?:passkey|make)="([^"]*)"', page)
    assert found, page
    return of_base64url(json.loads(html.unescape(found.group(1)))["challenge"])


def field(page: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, page
    return html.unescape(found.group(1))


def trouble_in(page: str) -> str:
    """What a page says went wrong."""
    found = re.search(r'class="trouble" role="alert">([^<]*)<', page)
    return html.unescape(found.group(1)) if found else ""


@contextmanager
def room(root: Path, loop: Loop, toml: str, people: Mapping[str, Passkey]) -> Iterator[Room]:
    """A new installation with a console that serves until the block ends."""
    run("init", root, "--model", "m=upstream-m", "--upstream", "http://127.0.0.1:9", "--port", "0")
    with (root / "brightline.toml").open("a") as file:
        file.write(QUEUE + toml)
    run("review", "migrate", root)
    listener = bind("127.0.0.1", 0)
    pin(root, f"http://localhost:{listener.getsockname()[1]}", people)
    with serving_room(root, loop, listener) as opened:
        yield opened


@contextmanager
def serving_room(root: Path, loop: Loop, listener: Any) -> Iterator[Room]:
    """The console of an installation that is there."""
    stack = AsyncExitStack()

    async def open_() -> str:
        return await stack.enter_async_context(serving_console(root, listener, word=WORD))

    try:
        with closing(Room(root, loop.call(open_()))) as opened:
            yield opened
    finally:
        loop.call(stack.aclose())
