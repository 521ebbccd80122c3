# SPDX-License-Identifier: Apache-2.0
"""A small OpenID provider on a socket of its own: a Starlette app with real keys, which lies where a test says so."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from brightline.core.review.passkey import base64url
from brightline.shell.serve import bind, serving

CLIENT = "brightline"
SECRET = "a secret of the console"
Lie = Callable[[dict[str, Any]], None]


class OpenId:
    """The provider. ``claims`` is what it says of whoever comes; ``lies`` change a token before it is signed."""

    def __init__(self, now: Callable[[], int]) -> None:
        self.now = now
        self.issuer = ""
        self.claims: dict[str, Any] = {"sub": "p"}
        self.lies: list[Lie] = []
        self.metadata: dict[str, Any] = {}
        self.asked: list[dict[str, str]] = []
        self.key = ECKey.generate_key("P-256", {"kid": "one"})
        self.signs: Callable[[dict[str, Any]], str] = self._properly
        self.also = ""
        self._codes: dict[str, dict[str, str]] = {}

    # ---- how tokens are signed ------------------------------------------------------------------------------

    def _properly(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "ES256", "kid": "one"}, claims, self.key)

    def signs_with_nothing(self, claims: dict[str, Any]) -> str:
        """``alg: none``."""
        head = base64url(b'{"alg":"none","typ":"JWT"}')
        return f"{head}.{self._properly(claims).split('.')[1]}."

    def signs_with_its_public_key(self, claims: dict[str, Any]) -> str:
        """HS256 under what everybody knows: the algorithm confusion of RFC 8725, section 2.1."""
        head = base64url(json.dumps({"alg": "HS256", "kid": "one"}).encode())
        said = f"{head}.{base64url(json.dumps(claims).encode())}"
        return f"{said}.{base64url(hmac.digest(self.key.as_pem(private=False), said.encode(), 'sha256'))}"

    def signs_with_another_key(self, claims: dict[str, Any]) -> str:
        """Somebody else's key under our id."""
        return jwt.encode({"alg": "ES256", "kid": "one"}, claims, ECKey.generate_key("P-256", {"kid": "one"}))

    def signs_with_a_key_of_its_own(self, claims: dict[str, Any]) -> str:
        """A key that comes with the token (``jwk``), believed by whoever believes what he verifies."""
        key = RSAKey.generate_key(2_048, {"kid": "two"})
        return jwt.encode({"alg": "RS256", "kid": "two"}, claims, key)

    def changes_its_key(self) -> None:
        """From now on another key signs, and stands in the set."""
        self.key = ECKey.generate_key("P-256", {"kid": "one"})

    # ---- what it serves -------------------------------------------------------------------------------------

    def app(self) -> Starlette:
        """The provider's pages."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/keys", self._keys),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    async def _discovery(self, request: Request) -> Response:
        found = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256", "RS256"],
        }
        return JSONResponse(found | self.metadata)

    async def _keys(self, request: Request) -> Response:
        return JSONResponse(KeySet([self.key]).as_dict(private=False))

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        self.asked.append(asked)
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        back = {"code": code, "state": asked["state"]}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", 303)

    async def _token(self, request: Request) -> Response:
        async with request.form() as form:
            given = {name: str(value) for name, value in form.items()}
        asked = self._codes.pop(given["code"], None)  # once, as RFC 6749, section 4.1.2, wants it
        if asked is None or given["redirect_uri"] != asked["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        proof = base64url(hashlib.sha256(given["code_verifier"].encode()).digest())
        if proof != asked["code_challenge"] or asked["code_challenge_method"] != "S256":
            return JSONResponse({"error": "invalid_grant"}, 400)
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "exp": self.now() + 60,
            "iat": self.now(),
            "nonce": asked["nonce"],
            **self.claims,
        }
        for lie in self.lies:
            lie(claims)
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": self.signs(claims)})

    def back(self, url: str) -> dict[str, str]:
        """What the browser brings back from ``/authorize``, without a browser."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        self.asked.append(asked)
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        return {"code": code, "state": asked["state"]}


@asynccontextmanager
async def openid(now: Callable[[], int]) -> AsyncIterator[OpenId]:
    """A provider that serves until the block ends."""
    provider = OpenId(now)
    listener: socket.socket = bind("127.0.0.1", 0)
    provider.issuer = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with serving(provider.app(), listener):
        yield provider
