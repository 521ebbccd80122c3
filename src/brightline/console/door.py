# SPDX-License-Identifier: Apache-2.0
"""What is let in, and under which headers anything goes out.

In: one host name (another one that leads here is how DNS rebinding begins), GET, HEAD and POST, no large body, and
what changes something only from a page of this very origin. Out: a policy (Content Security Policy Level 3) that runs
our own two scripts and nothing else, not even what a script makes of a text (Trusted Types); nothing is framed, kept,
referred to or guessed.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import msgspec
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from brightline.core.errors import ConfigError
from brightline.shell.body import is_http

BODY_BYTES_MAX: Final = 131_072
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types default"
)
HEADERS: Final = (
    ("content-security-policy", POLICY),
    ("referrer-policy", "same-origin"),  # with "no-referrer" a form would be sent from the origin "null"
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    (
        "permissions-policy",
        "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), microphone=(), "
        "geolocation=(), clipboard-read=()",
    ),
)
NO_STORE: Final = "no-store"
_LOOPBACK: Final = frozenset({"127.0.0.1", "[::1]"})


class Origin(msgspec.Struct, frozen=True):
    """Where the console is, for browsers: ``https://review.example``, or ``http://localhost:8092`` on one machine."""

    scheme: str
    host: str

    @classmethod
    def of(cls, text: str) -> Origin:
        """Read an origin (RFC 6454, section 6.2). Raises ``ConfigError``: passkeys work over TLS or on localhost."""
        parts = urlsplit(text)
        plain = parts.scheme == "http" and parts.hostname == "localhost"
        if (parts.scheme != "https" and not plain) or not parts.netloc or text != f"{parts.scheme}://{parts.netloc}":
            raise ConfigError(f"{text[:80]!r} is no origin: expected https://NAME[:PORT], or http://localhost[:PORT]")
        return cls(parts.scheme, parts.netloc.lower())

    @property
    def text(self) -> str:
        """As a browser sends it."""
        return f"{self.scheme}://{self.host}"

    @property
    def secure(self) -> bool:
        """Whether it is reached over TLS."""
        return self.scheme == "https"

    def is_this_machine(self, host: str) -> bool:
        """Whether ``host`` is this origin on localhost, by its number."""
        name, _, port = host.rpartition(":")
        own, _, own_port = self.host.rpartition(":")
        return own == "localhost" and name in _LOOPBACK and port == own_port


class Door:
    """Around the application. Everything that goes out goes through here."""

    def __init__(self, app: ASGIApp, origin: Origin) -> None:
        self._app = app
        self._origin = origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope; websockets are refused."""
        if not await is_http(scope, send):
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._dress(MutableHeaders(scope=message))
            await send(message)

        app = self._refusal(scope) or self._app
        await app(scope, _bounded(receive), sent)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "").lower()
        if host != self._origin.host:
            if self._origin.is_this_machine(host) and scope["method"] == "GET":
                return RedirectResponse(self._origin.text + "/", 307)
            return _say(421, "this console answers to its own name only")
        if scope["method"] in {"GET", "HEAD"}:
            return None
        if scope["method"] != "POST":
            return PlainTextResponse(
                "pages are read with GET and answered with POST\n", 405, {"allow": "GET, HEAD, POST"}
            )
        if headers.get("origin") != self._origin.text or headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return _say(403, "this was not sent from a page of the console")
        length = headers.get("content-length", "")
        if not length.isdigit():
            return _say(411, "the length is missing")
        if int(length) > BODY_BYTES_MAX:
            return _say(413, f"more than {BODY_BYTES_MAX} bytes")
        return None

    def _dress(self, headers: MutableHeaders) -> None:
        for name, value in HEADERS:
            headers[name] = value
        if self._origin.secure:
            headers["strict-transport-security"] = "max-age=31536000"
        if "cache-control" not in headers:
            headers["cache-control"] = NO_STORE


def _bounded(receive: Receive) -> Receive:
    """What arrives, up to the bound: a length that lies ends as if the client had left."""
    left = BODY_BYTES_MAX

    async def received() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        return message if left >= 0 else {"type": "http.disconnect"}

    return received


def _say(status: int, words: str) -> PlainTextResponse:
    return PlainTextResponse(words + "\n", status)
