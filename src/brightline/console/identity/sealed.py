# SPDX-License-Identifier: Apache-2.0
"""Values that a browser keeps for us for a few minutes: made by this process, unchanged, in time, and used once.

So a stranger who asks for the first page a million times fills nothing here: what is kept is only what was used, and
only who got through has used anything.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

import msgspec

from brightline.core.errors import TrustError
from brightline.core.ports import Clock
from brightline.core.review.passkey import base64url, of_base64url

SEALED_SECONDS: Final = 300
SEALED_CHARS_MAX: Final = 2_048
USED_MAX: Final = 100_000


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    purpose: str
    nonce: str
    until: int
    words: dict[str, str]


class Sealer:
    """Seals under a key that is gone with the process."""

    def __init__(self, clock: Clock) -> None:
        self._key = secrets.token_bytes(32)
        self._clock = clock
        self._used: dict[str, int] = {}

    def seal(self, purpose: str, words: dict[str, str] | None = None) -> str:
        """A sealed value for one purpose, with a nonce of its own."""
        kept = _Kept(purpose, secrets.token_hex(16), self._clock.unix() + SEALED_SECONDS, words or {})
        body = msgspec.json.encode(kept)
        return f"{base64url(body)}.{base64url(self._tag(body))}"

    def challenge(self, sealed: str) -> bytes:
        """32 bytes that stand for this value, for an authenticator to sign."""
        return hmac.digest(self._key, b"challenge\n" + sealed.encode(), hashlib.sha256)

    def open(self, purpose: str, sealed: str) -> dict[str, str]:
        """The words of a value that was sealed for this purpose. Raises ``TrustError``."""
        return self._read(purpose, sealed).words

    def use(self, purpose: str, sealed: str) -> dict[str, str]:
        """As :meth:`open`, once. Raises ``TrustError`` the second time."""
        kept = self._read(purpose, sealed)
        if kept.nonce in self._used:
            raise TrustError("this was used before; begin again")
        now = self._clock.unix()
        if len(self._used) >= USED_MAX:
            self._used = {nonce: until for nonce, until in self._used.items() if until > now}
        if len(self._used) >= USED_MAX:
            raise TrustError("too many come in at this moment; try again")
        self._used[kept.nonce] = kept.until
        return kept.words

    def _read(self, purpose: str, sealed: str) -> _Kept:
        body, _, tag = sealed.partition(".")
        if len(sealed) > SEALED_CHARS_MAX:
            raise TrustError("this was not begun here")
        data = of_base64url(body)
        if not hmac.compare_digest(of_base64url(tag), self._tag(data)):
            raise TrustError("this was not begun here, or the console was started anew; begin again")
        kept = msgspec.json.decode(data, type=_Kept)
        if kept.purpose != purpose:
            raise TrustError("this was begun for something else")
        if kept.until <= self._clock.unix():
            raise TrustError("this took too long; begin again")
        return kept

    def _tag(self, body: bytes) -> bytes:
        return hmac.digest(self._key, b"sealed\n" + body, hashlib.sha256)
