# SPDX-License-Identifier: Apache-2.0
"""``/enrol``: somebody whom both parties invited makes a passkey with their one-time code.

What comes of it is a file for both parties to sign in, and its fingerprint on the page for the person to read out to
them. Until they have signed, the passkey opens nothing.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from brightline.console.books import Books, Reader
from brightline.console.forms import form_of
from brightline.console.identity.sealed import Sealer
from brightline.console.pages import Pages
from brightline.core.errors import BrightlineError, TrustError
from brightline.core.review.enrolment import MADE_FORMAT, Listed, MadePasskey, fingerprint
from brightline.core.review.registering import creation_options, verify_registration
from brightline.core.review.roster import Credential
from brightline.shell.state import StateFolder

ENROL: Final = "enrol"


class Enrolling:
    """The page, in three steps: the code, the passkey, its fingerprint."""

    def __init__(self, books: Books, reader: Reader, pages: Pages, sealer: Sealer) -> None:
        self._books = books
        self._read = reader
        self._pages = pages
        self._sealer = sealer

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """The page and its two forms."""
        return (
            Route("/enrol", self._page),
            Route("/enrol", self._code, methods=["POST"]),
            Route("/enrol/passkey", self._passkey, methods=["POST"]),
        )

    async def _page(self, request: Request) -> Response:
        return self._show(request)

    def _show(self, request: Request, trouble: str = "", status: int = 200, **values: object) -> Response:
        shown = {"asks": "", "fingerprint": "", "sealed": "", "who": "", "trouble": trouble}
        return self._pages.render(request, "enrol.html.j2", None, shown | values, status)

    async def _code(self, request: Request) -> Response:
        form = await form_of(request)
        person, code = form.get("person", "").strip(), form.get("code", "").strip().lower()
        try:
            listed = await self._read(self._invited, person, code)
            relying = self._books.registry.review.passkeys
            if relying is None:
                raise TrustError("no passkey is believed here: the parties pinned no origin")
        except TrustError as error:
            return self._show(request, str(error), 403)
        sealed = self._sealer.seal(ENROL, {"person": person, "code": code})
        challenge = self._sealer.challenge(sealed)
        asks = creation_options(relying, challenge, person, listed.person.credentials)
        return self._show(request, asks=asks, sealed=sealed, who=person)

    async def _passkey(self, request: Request) -> Response:
        form = await form_of(request)
        try:
            sealed = form.get("sealed", "")
            words = self._sealer.open(ENROL, sealed)
            made = await self._read(self._made, words, form.get("given", ""), self._sealer.challenge(sealed))
        except BrightlineError as error:
            return self._show(request, str(error), 403)
        return self._show(request, fingerprint=fingerprint(made), who=words["person"])

    def _invited(self, person: str, code: str) -> Listed:
        """The entry of somebody whom this code invites now. Says the same of a wrong name and of a wrong code."""
        registry = self._books.registry
        registry.refresh()
        listed = registry.enrolments.book.listed.get(person)
        if listed is None or not listed.invites(code, self._books.clock.unix()):
            raise TrustError("this code is not good for this id: it was mistyped, used, or is over")
        return listed

    def _made(self, words: dict[str, str], given: str, challenge: bytes) -> Credential:
        """Verify what was made, and put it where both parties find it. Raises ``TrustError``. Blocks."""
        relying = self._books.registry.review.passkeys
        if relying is None:
            raise TrustError("no passkey is believed here: the parties pinned no origin")
        person, code = words["person"], words["code"]
        self._invited(person, code)  # once more: it may have been used meanwhile
        credential = verify_registration(given.encode(), challenge, relying)
        made = MadePasskey(MADE_FORMAT, person, code, credential, self._books.clock.unix())
        folder = StateFolder(self._books.root).enrolments
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / f"{person}.json"  # the id is one of the roster: letters, digits and hyphens
        try:
            if path.exists() and _code_of(path) != code:
                path.unlink()  # of an earlier code, which is good for nothing any more
            _write_once(path, msgspec.json.format(msgspec.json.encode(made)))
        except FileExistsError as error:
            raise TrustError("a passkey was made with this code before; if it was not yours, say so") from error
        except OSError as error:
            raise TrustError(f"the passkey cannot be kept for both parties: {error}") from error
        return credential


def _code_of(path: Path) -> str:
    """The code with which a passkey was made; empty for a file that does not read, which holds nobody's."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=MadePasskey).code
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _write_once(path: Path, data: bytes) -> None:
    """Write a file that stands there whole or not at all, and over nothing. Raises ``OSError``."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        os.link(beside, path)  # which fails where somebody was first
    finally:
        beside.unlink(missing_ok=True)
