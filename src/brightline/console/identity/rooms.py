# SPDX-License-Identifier: Apache-2.0
"""The pages on which people come in and go, and make a passkey. Open to everybody, so they tell nobody anything.

Coming in takes a passkey of somebody on the roster, or the word of the OpenID provider that the settings name. In
development, where keys in files sign, whoever started the console may come in as anybody, by a word that it printed.
"""

from __future__ import annotations

import contextlib
import hmac
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from brightline.console.books import Books, Reader
from brightline.console.door import Origin
from brightline.console.forms import form_of
from brightline.console.identity.arriving import arrived, asked
from brightline.console.identity.enrolling import Enrolling
from brightline.console.identity.narrowing import narrowing_of, person_of
from brightline.console.identity.oidc import Provider
from brightline.console.identity.sealed import SEALED_SECONDS, Sealer
from brightline.console.identity.sessions import Session, Sessions
from brightline.console.pages import Pages
from brightline.core.errors import TrustError
from brightline.core.review.narrowing import NOT_NARROWED, Narrowing
from brightline.core.review.roster import ClearedPerson

LOGIN: Final = "login"
PROVIDER: Final = "provider"
BACK: Final = "/login/back"
BY_ITSELF: Final = ("/news", "/lease")  # what pages ask for every now and then, with nobody at the desk

Handler = Callable[[Request], Awaitable[Response]]


class People:
    """The :class:`~brightline.console.person.Identity` of an installation. ``close`` it at the end.

    ``word`` lets whoever started the console come in as anybody, where keys in files sign, in development alone.
    """

    def __init__(self, books: Books, reader: Reader, origin: Origin, word: str = "") -> None:
        self._books = books
        self._read = reader
        self._origin = origin
        self._relying = books.registry.review.passkeys
        self._sessions = Sessions(books.settings.login, books.clock)
        self._sealer = Sealer(books.clock)
        self._pages = Pages(secrets.token_bytes(32), books.profile, books.clock.unix)
        self._counters: dict[str, int] = {}
        oidc = books.settings.oidc
        self._provider = Provider(oidc, origin.text + BACK, books.clock) if oidc.issuer else None
        self._enrolling = Enrolling(books, reader, self._pages, self._sealer)
        self._word = word if books.registry.review.software_keys else ""

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """The pages, and where forms of them go."""
        return (
            Route("/login", self._saying(self._login)),
            Route("/login", self._saying(self._come_in), methods=["POST"]),
            Route("/login/provider", self._saying(self._to_provider)),
            Route(BACK, self._saying(self._from_provider)),
            Route("/logout", self._go, methods=["POST"]),
            *self._enrolling.routes,
        )

    async def close(self) -> None:
        """Close what is open to the provider."""
        if self._provider is not None:
            await self._provider.close()

    async def person(self, request: Request) -> Session | None:
        """Who asks, as the roster is at this moment."""
        secret = request.cookies.get(self._cookie("session"), "")
        if not secret:
            return None
        people = await self._read(self._people)
        if request.url.path.endswith(BY_ITSELF):
            return self._sessions.glance(secret, people)
        return self._sessions.find(secret, people)

    def _people(self) -> Mapping[str, ClearedPerson]:
        self._books.registry.refresh()
        return self._books.registry.roster

    # ---- with a passkey -----------------------------------------------------------------------------------------

    async def _login(self, request: Request, trouble: str = "", status: int = 200) -> Response:
        sealed = self._sealer.seal(LOGIN)
        values: dict[str, Any] = {
            "sealed": sealed,
            "asks": "" if self._relying is None else asked(self._relying, self._sealer.challenge(sealed)),
            "provider": self._provider is not None,
            "development": bool(self._word),
            "word": request.query_params.get("word", "") if request.method == "GET" else "",
            "people": sorted(await self._read(self._people)) if self._knows_word(request) else (),
            "trouble": trouble,
        }
        return self._pages.render(request, "login.html.j2", None, values, status)

    def _knows_word(self, request: Request) -> bool:
        given = request.query_params.get("word", "")
        return bool(self._word) and hmac.compare_digest(given.encode(), self._word.encode())

    async def _come_in(self, request: Request) -> Response:
        form = await form_of(request)
        if form.get("person"):
            return await self._as_anybody(form)
        if self._relying is None:
            raise TrustError("no passkey is believed here: the parties pinned no origin")
        sealed = form.get("sealed", "")
        self._sealer.open(LOGIN, sealed)
        people = await self._read(self._people)
        given, challenge = form.get("given", "").encode(), self._sealer.challenge(sealed)
        found = arrived(given, challenge, self._relying, people, self._seen(people))
        self._sealer.use(LOGIN, sealed)  # only who got through has used it
        self._counters[found.credential] = found.counter
        return self._let_in(found.person, found.credential, RedirectResponse("/", 303))

    def _seen(self, people: Mapping[str, ClearedPerson]) -> dict[str, int]:
        """The last counter of each passkey, whether it came in or signed a decision."""
        decisions = self._books.registry.decisions
        ids = [each.id for person in people.values() for each in person.credentials]
        return {id_: max(self._counters.get(id_, 0), decisions.counter(id_)) for id_ in ids}

    async def _as_anybody(self, form: Mapping[str, str]) -> Response:
        given = form.get("word", "")
        if not self._word or not hmac.compare_digest(given.encode(), self._word.encode()):
            raise TrustError("this is not the word that the console printed when it started")
        person = (await self._read(self._people)).get(form["person"])
        if person is None:
            raise TrustError("there is nobody of that name on the roster")
        return self._let_in(person, "", RedirectResponse("/", 303))

    # ---- through a provider -------------------------------------------------------------------------------------

    async def _to_provider(self, request: Request) -> Response:
        if self._provider is None:
            raise TrustError("no provider is named in the settings")
        way = await self._provider.begin()
        answer = RedirectResponse(way.url, 303)
        # Lax, because the provider sends the browser back from its own site; it opens nothing, and ends in minutes.
        self._set(answer, "way", self._sealer.seal(PROVIDER, way.words), SEALED_SECONDS, "lax")
        return answer

    async def _from_provider(self, request: Request) -> Response:
        if self._provider is None:
            raise TrustError("no provider is named in the settings")
        words = self._sealer.use(PROVIDER, request.cookies.get(self._cookie("way"), ""))
        claims = await self._provider.end(request.query_params, words)
        oidc = self._books.settings.oidc
        person = (await self._read(self._people)).get(person_of(claims, oidc))
        if person is None:
            raise TrustError("the provider knows you, and the roster does not")
        # A page of ours that goes on by itself: a redirect from here would still be the provider's, and a browser
        # sends a strict cookie with no request that another site began.
        answer = self._pages.render(request, "arrived.html.j2", None, {})
        answer.delete_cookie(self._cookie("way"), secure=self._origin.secure, httponly=True, samesite="lax")
        return self._let_in(person, "", answer, narrowing_of(claims, oidc))

    # ---- in and out ---------------------------------------------------------------------------------------------

    def _let_in(self, person: ClearedPerson, by: str, answer: Response, left: Narrowing = NOT_NARROWED) -> Response:
        secret, session = self._sessions.begin(person, by, left)
        self._set(answer, "session", secret, max(1, session.until - self._books.clock.unix()), "strict")
        return answer

    async def _go(self, request: Request) -> Response:
        self._sessions.end(request.cookies.get(self._cookie("session"), ""))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(self._cookie("session"), secure=self._origin.secure, httponly=True, samesite="strict")
        return answer

    def _saying(self, handler: Handler) -> Handler:
        """The handler; what it refuses is said on the page to come in."""

        async def handled(request: Request) -> Response:
            try:
                return await handler(request)
            except TrustError as error:
                return await self._login(request, str(error), 403)

        return handled

    def _cookie(self, name: str) -> str:
        """``__Host-``: for this host alone, over TLS (RFC 6265bis, section 4.1.3.2)."""
        return f"__Host-brightline-{name}" if self._origin.secure else f"brightline-{name}"

    def _set(self, answer: Response, name: str, value: str, seconds: int, site: Any) -> None:
        answer.set_cookie(
            self._cookie(name), value, max_age=seconds, httponly=True, secure=self._origin.secure, samesite=site
        )


@contextlib.asynccontextmanager
async def opened_people(books: Books, reader: Reader, origin: Origin, word: str) -> AsyncIterator[People]:
    """Those who may come in, until the block ends. Raises ``ConfigError`` for settings that do not hold."""
    people = People(books, reader, origin, word)
    try:
        yield people
    finally:
        await people.close()
