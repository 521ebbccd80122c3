# SPDX-License-Identifier: Apache-2.0
"""The key agent: it has the keys of one node handed to it by the broker, and keeps them in memory while it may.

    1. a nonce of the broker's, and a fresh recipient key, whose private half stays here
    2. this machine's evidence over nonce, recipient, installation and sealed keys
    3. what the broker signed is compared with the question, and each key opened
    4. other processes of the same user ask for keys over a Unix socket (``agent_socket.py``), until the time is over

At half of that time it asks anew. A broker that refuses ends it at once: what was held is forgotten. One that cannot
be reached ends nothing before its time. Whoever was given a key has it; what stops a gateway then is its own lease.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from brightline.core.attestation.handing import (
    HANDED_BYTES_MAX,
    HANDED_TYPE,
    SealedKey,
    challenge_over,
    check_key,
    digest_of,
    hand_info,
    read_handed,
    until_of,
    write_asked,
)
from brightline.core.attestation.lease import CLOCK_STEP_SECONDS, Instant
from brightline.core.errors import EvidenceRefused, KeysRefused, TrustError, Unreachable
from brightline.core.ports import Attester, Clock
from brightline.core.statement import open_payload
from brightline.shell.trust.agent_socket import (
    KEY,
    NAME_BYTES_MAX,
    NONE,
    REASON_BYTES_MAX,
    SOCKET_FILE,
    address,
    same_user,
)
from brightline.shell.trust.lease import instant
from brightline.shell.trust.sealed import Broker, all_sealed, read_broker, sealed_path, unseal

CHALLENGE_PATH: Final = "/challenge"
KEYS_PATH: Final = "/keys"
BROKER_SECONDS: Final = 20.0
RETRY_SECONDS: Final = 1.0
ASKERS_MAX: Final = 64
ASKER_SECONDS: Final = 10.0
_ANSWER_BYTES_MAX: Final = 2 * HANDED_BYTES_MAX

log = logging.getLogger("brightline.keys")

Post = Callable[[str, bytes], bytes]
"""Path and body → the body of an answer with status 200. Blocks. Raises ``KeysRefused`` or ``Unreachable``."""


class _Challenge(msgspec.Struct, frozen=True):
    nonce: str


class _Error(msgspec.Struct, frozen=True):
    code: str = "refused"
    message: str = ""


class _Refused(msgspec.Struct, frozen=True):
    error: _Error


class _Held:
    """Keys in memory; none of them is ever printed."""

    def __init__(self, keys: Mapping[str, bytes], since: Instant, until: Instant) -> None:
        self.keys = keys
        self.since = since
        self.until = until

    def over(self, now: Instant) -> bool:
        """Whether their time is over, on either clock."""
        stepped = abs(now.skew - self.since.skew) > CLOCK_STEP_SECONDS or now.steady < self.since.steady
        return stepped or now.steady >= self.until.steady or now.wall >= self.until.wall


class KeyAgent:
    """The keys of one folder. ``keep`` is for ever; ``key`` is asked by who connects."""

    def __init__(self, folder: Path, attester: Attester, installation: str, post: Post, clock: Clock) -> None:
        """``folder`` is that of the keys, ``installation`` the digest of what both parties signed.

        Raises ``TrustError`` if the folder names no broker.
        """
        broker = read_broker(folder)
        if broker is None:
            raise TrustError(f"{folder} names no key broker; `brightline keys seal` names one")
        self._broker: Broker = broker
        self._folder = folder
        self._attester = attester
        self._installation = installation
        self._post = post
        self._clock = clock
        self._held: _Held | None = None
        self._asking = asyncio.Lock()
        self.why = "nothing was asked of the broker yet"

    @property
    def names(self) -> tuple[str, ...]:
        """Which keys are held now."""
        held = self._held
        return () if held is None or held.over(instant(self._clock)) else tuple(held.keys)

    async def key(self, name: str) -> bytes:
        """A key that is held, or that the broker hands over now. Raises ``KeysRefused``, ``TrustError``."""
        if (found := self._key(name)) is not None:
            return found
        if not await asyncio.to_thread(sealed_path(self._folder / name).exists):
            raise KeysRefused("unknown", f"there is no sealed key {name!r}")
        async with self._asking:
            if self._key(name) is None:  # whoever was before us did not have it handed over
                await self._renew()
        if (found := self._key(name)) is None:
            raise KeysRefused("not-handed-over", self.why)
        return found

    def _key(self, name: str) -> bytes | None:
        held = self._held
        return None if held is None or held.over(instant(self._clock)) else held.keys.get(name)

    async def keep(self) -> None:
        """Have the keys handed over, each time at half of their time. Without end."""
        while True:
            held, now = self._held, instant(self._clock)
            half = 0.0 if held is None else (held.since.steady + held.until.steady) / 2 - now.steady
            await asyncio.sleep(max(RETRY_SECONDS, half))
            await self.renew()

    async def renew(self) -> None:
        """Ask once. What fails is told in ``why``, not raised."""
        async with self._asking:
            await self._renew()

    async def _renew(self) -> None:
        try:
            self._held = await self._ask()
        except (KeysRefused, EvidenceRefused) as error:
            self._held = None  # the broker has looked at this machine, or the machine shows nothing: nothing is kept
            self._say(str(error))
        except (TrustError, Unreachable) as error:
            self._say(str(error))
        else:
            self.why = ""

    def _say(self, why: str) -> None:
        if why != self.why:
            log.warning("no keys are handed over: %s", why)
        self.why = why

    async def _ask(self) -> _Held:
        keys = await asyncio.to_thread(all_sealed, self._folder)
        if not keys:
            raise TrustError(f"nothing is sealed in {self._folder}")
        nonce = _nonce(await asyncio.to_thread(self._post, CHALLENGE_PATH, b""))
        recipient, since = X25519PrivateKey.generate(), instant(self._clock)
        public = recipient.public_key().public_bytes_raw()
        evidence = await self._attester.attest(challenge_over(nonce, public, self._installation, digest_of(keys)))
        asked = write_asked(nonce, public, self._installation, keys, evidence)
        answer = await asyncio.to_thread(self._post, KEYS_PATH, asked)
        said = open_payload(answer, HANDED_TYPE, bytes.fromhex(self._broker.signs), _ANSWER_BYTES_MAX)
        boxes = read_handed(said, nonce, public, self._installation, since.wall)
        found = {each.name: _opened(each, boxes, recipient, nonce) for each in keys}
        seconds = until_of(said) - since.wall
        return _Held(found, since, Instant(since.steady + seconds, since.wall + seconds))

    # ---- who asks -------------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Answer at the folder's socket. Raises ``TrustError`` if another agent does."""
        path = self._folder / SOCKET_FILE
        with address(self._folder) as at:
            _nobody_listens(at, path)
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            before = os.umask(0o177)
            try:
                listener.bind(at)
            finally:
                os.umask(before)
        server = await asyncio.start_unix_server(self._serve, sock=listener, backlog=ASKERS_MAX)
        try:
            async with server:
                yield
        finally:
            path.unlink(missing_ok=True)
            self._held = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if not same_user(writer.get_extra_info("socket")):
                return
            async with asyncio.timeout(ASKER_SECONDS):
                line = await reader.readuntil(b"\n")
            writer.write(await self._answer(line[:-1][: NAME_BYTES_MAX + 1].decode("utf-8", "replace")))
            async with asyncio.timeout(ASKER_SECONDS):
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # who does not ask, or does not listen, is answered nothing
        finally:
            writer.close()

    async def _answer(self, name: str) -> bytes:
        try:
            return KEY + await self.key(name)
        except TrustError as error:
            return NONE + str(error).encode()[: REASON_BYTES_MAX - 1]


def _nobody_listens(at: str, path: Path) -> None:
    """Remove the socket that a killed agent left. Raises ``TrustError`` if one is alive."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trying:
        try:
            trying.connect(at)
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise TrustError(f"another key agent listens at {path}")


def _nonce(data: bytes) -> bytes:
    try:
        return bytes.fromhex(msgspec.json.decode(data, type=_Challenge).nonce)
    except (msgspec.DecodeError, ValueError) as error:
        raise KeysRefused("malformed", "the broker's challenge does not read") from error


def _opened(sealed: SealedKey, boxes: Mapping[str, bytes], recipient: X25519PrivateKey, nonce: bytes) -> bytes:
    if sealed.name not in boxes:
        raise KeysRefused("malformed", f"the broker left out {sealed.name}")
    key = unseal(boxes[sealed.name], recipient, hand_info(sealed.name, nonce), sealed.name)
    check_key(sealed, key)
    return key


def post_to(url: str, seconds: float = BROKER_SECONDS) -> Post:
    """How an agent speaks to its broker: no redirect is followed, no proxy asked, and no answer read without end.

    What travels is sealed and signed by itself; TLS hides which machine asks.
    """
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection

    def post(path: str, body: bytes) -> bytes:
        connection = kind(parts.hostname or "", parts.port, timeout=seconds)
        try:
            connection.request("POST", path, body, {"content-type": "application/json"})
            answer = connection.getresponse()
            data = answer.read(_ANSWER_BYTES_MAX + 1)
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"the key broker at {url} does not answer: {type(error).__name__}") from error
        finally:
            connection.close()
        if answer.status == 200 and len(data) <= _ANSWER_BYTES_MAX:
            return data
        if answer.status in {400, 403}:
            raise _refusal(data)
        raise Unreachable(f"the key broker at {url} answers with status {answer.status}")

    return post


def _refusal(data: bytes) -> KeysRefused:
    try:
        said = msgspec.json.decode(data, type=_Refused).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        said = _Error()
    return KeysRefused(said.code[:64], said.message[:400] or "the broker refused")
