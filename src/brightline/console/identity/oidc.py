# SPDX-License-Identifier: Apache-2.0
"""An OpenID provider (OpenID Connect Core 1.0 and Discovery 1.0): found, asked with PKCE, and its token verified.

The provider says who somebody is. It is believed for that alone, by keys that its own metadata names over TLS, with
algorithms that are named here. Everything that it sends has a bound, and nothing is followed elsewhere.

    1. discovery: the metadata names this very issuer, and its addresses are as safe as the issuer's
    2. the way there: state, nonce and PKCE (RFC 7636, S256), sealed into the browser that began
    3. the way back: the same browser, the same state, once; the issuer, where it says so (RFC 9207)
    4. the code for a token, from us to the provider
    5. the token: signature by a key and algorithm of ours, issuer, audience, nonce, times (Core 1.0, section 3.1.3.7)
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import msgspec
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from brightline.core.errors import TrustError
from brightline.core.ports import Clock
from brightline.shell.config import oidc_secret
from brightline.shell.people_settings import OidcSettings

ALGORITHMS: Final = ("ES256", "EdDSA", "PS256", "RS256")  # no "none", nothing that a shared or public key could sign
BODY_BYTES_MAX: Final = 262_144
TOKEN_CHARS_MAX: Final = 16_384
LEEWAY_SECONDS: Final = 60
FRESH_SECONDS: Final = 600
KNOWN_SECONDS: Final = 3_600.0
AGAIN_SECONDS: Final = 30.0
TIMEOUT: Final = aiohttp.ClientTimeout(total=15.0, sock_connect=5.0)
CODE_CHARS_MAX: Final = 4_096
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1"})


class Way(msgspec.Struct, frozen=True):
    """Where to send somebody, and what their browser keeps meanwhile."""

    url: str
    words: dict[str, str]


class _Known(msgspec.Struct, frozen=True):
    """The provider as it was found; ``at`` is on the steady clock."""

    metadata: Mapping[str, Any]
    keys: KeySet
    at: float


class Provider:
    """One provider. Make it inside the running loop; ``close`` it at the end."""

    def __init__(self, settings: OidcSettings, back: str, clock: Clock) -> None:
        """``back`` is the address of ours to which the provider sends people back."""
        self._settings = settings
        self._secret = oidc_secret(settings)
        self._back = back
        self._clock = clock
        self._known: _Known | None = None
        self._session: aiohttp.ClientSession | None = None
        self._finding = asyncio.Lock()

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def begin(self) -> Way:
        """Where to send somebody who wants to come in. Raises ``TrustError`` if the provider is not in order."""
        known = await self._find()
        words = {"state": secrets.token_urlsafe(32), "nonce": secrets.token_urlsafe(32)}
        words["verifier"] = secrets.token_urlsafe(48)
        url = prepare_grant_uri(
            known.metadata["authorization_endpoint"],
            self._settings.client_id,
            "code",
            redirect_uri=self._back,
            scope=self._settings.scope,
            state=words["state"],
            nonce=words["nonce"],
            code_challenge=create_s256_code_challenge(words["verifier"]),
            code_challenge_method="S256",
        )
        return Way(url, words)

    async def end(self, query: Mapping[str, str], words: Mapping[str, str]) -> dict[str, Any]:
        """The claims of whoever came back; ``words`` are those that their browser kept. Raises ``TrustError``."""
        known = await self._find()
        if query.get("error"):
            raise TrustError(f"the provider did not let you in: {query['error'][:80]}")
        if not words.get("state") or not secrets.compare_digest(
            query.get("state", "").encode(), words["state"].encode()
        ):
            raise TrustError("this answer is not to what this browser asked")
        named = query.get("iss")
        said = known.metadata.get("authorization_response_iss_parameter_supported") is True
        if (named is not None or said) and named != self._settings.issuer:  # RFC 9207, section 2.4
            raise TrustError("another provider answered than the one that was asked")
        code = query.get("code", "")
        if not 0 < len(code) <= CODE_CHARS_MAX:
            raise TrustError("the provider sent no code")
        return await self._claims(await self._token(known, code, words["verifier"]), words["nonce"])

    # ---- 1: found ---------------------------------------------------------------------------------------------

    async def _find(self, newer_than: float = 0.0) -> _Known:
        async with self._finding:
            now = self._clock.monotonic()
            if self._known is not None and now - self._known.at < KNOWN_SECONDS and self._known.at >= newer_than:
                return self._known
            issuer = self._settings.issuer
            metadata = OpenIDProviderMetadata(await self._get(get_well_known_url(issuer, external=True)))
            try:
                metadata.validate()
            except (ValueError, AttributeError, TypeError) as error:
                raise TrustError(f"the provider's metadata is not in order: {error}") from error
            if metadata["issuer"] != issuer:  # Discovery 1.0, section 4.3
                raise TrustError("the provider's metadata names another issuer")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                if not as_safe(str(metadata.get(name, "")), issuer):
                    raise TrustError(f"the provider's {name} is not reached as safely as the provider")
            try:
                keys = KeySet.import_key_set(await self._get(metadata["jwks_uri"]))  # type: ignore[arg-type]
            except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
                raise TrustError(f"the provider's keys do not read: {error}") from error
            self._known = _Known(metadata, keys, now)
            return self._known

    # ---- 4: the code for a token ------------------------------------------------------------------------------

    async def _token(self, known: _Known, code: str, verifier: str) -> str:
        ways = known.metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        method = "client_secret_basic" if "client_secret_basic" in ways else "client_secret_post"
        client = ClientAuth(self._settings.client_id, self._secret, method if self._secret else "none")
        asked = prepare_token_request("authorization_code", redirect_uri=self._back, code=code, code_verifier=verifier)
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        url, headers, body = client.prepare("POST", known.metadata["token_endpoint"], headers, asked)
        found = (await self._ask("POST", url, headers, body)).get("id_token")
        if not isinstance(found, str) or len(found) > TOKEN_CHARS_MAX:
            raise TrustError("the provider gave no token that says who it is")
        return found

    # ---- 5: the token -----------------------------------------------------------------------------------------

    async def _claims(self, token: str, nonce: str) -> dict[str, Any]:
        known = await self._find()
        try:
            read = self._verified(token, known)
        except TrustError:
            # Keys are changed now and then: looked up once more, not at every bad token.
            if self._clock.monotonic() - known.at < AGAIN_SECONDS:
                raise
            read = self._verified(token, await self._find(newer_than=self._clock.monotonic()))
        settings = self._settings
        options: Any = {
            "iss": {"essential": True, "value": settings.issuer},
            "aud": {"essential": True, "value": settings.client_id},
            "nonce": {"essential": True, "value": nonce},
        }
        claims = CodeIDToken(read.claims, read.header, options, {"nonce": nonce, "client_id": settings.client_id})
        try:
            claims.validate(self._clock.unix(), LEEWAY_SECONDS)
            issued = int(claims["iat"])
        except (JoseError, OAuth2Error, ValueError, TypeError, KeyError) as error:
            raise TrustError(f"the provider's token is not for this: {error}") from error
        if self._clock.unix() - issued > FRESH_SECONDS:
            raise TrustError("the provider's token is old; begin again")
        return dict(claims)

    @staticmethod
    def _verified(token: str, known: _Known) -> jwt.Token:
        try:
            return jwt.decode(token, known.keys, algorithms=ALGORITHMS)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise TrustError(f"the provider's token is not signed by it: {error}") from error

    # ---- over the wire ----------------------------------------------------------------------------------------

    async def _get(self, url: str) -> dict[str, Any]:
        return await self._ask("GET", url, {"accept": "application/json"}, "")

    async def _ask(self, method: str, url: str, headers: Mapping[str, str], body: str) -> dict[str, Any]:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
            )
        data = body.encode() if method == "POST" else None
        plain = {**headers, "accept-encoding": "identity"}
        try:
            async with self._session.request(method, url, headers=plain, data=data, allow_redirects=False) as answer:
                read, status = await _bounded(answer), answer.status
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise TrustError(f"the provider does not answer: {type(error).__name__}") from error
        if status != 200:
            raise TrustError(f"the provider answered with status {status}")
        try:
            value = msgspec.json.decode(read)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise TrustError("the provider's answer does not read") from error
        if not isinstance(value, dict):
            raise TrustError("the provider's answer is no object")
        return value


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    data = bytearray()
    async for piece in answer.content.iter_any():
        data += piece
        if len(data) > BODY_BYTES_MAX:
            raise TrustError(f"the provider's answer exceeds {BODY_BYTES_MAX} bytes")
    return bytes(data)


def as_safe(url: str, issuer: str) -> bool:
    """Over TLS; or, where the issuer is on this machine without it, on this machine."""
    parts, theirs = urlsplit(url), urlsplit(issuer)
    if parts.scheme == "https" and parts.hostname:
        return True
    return (parts.scheme, theirs.scheme) == ("http", "http") and parts.hostname in _LOOPBACK
