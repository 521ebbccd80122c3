# SPDX-License-Identifier: Apache-2.0
"""A guard from its folder: settings, its own log, the store of used tokens, and the model server behind it.

guard.toml       upstream (its name in the gateway's installation), model_url, gateways (public keys), listen
keys/            the key that signs the checkpoints of its log
consumed.sqlite  used tokens; several guards of one model may share the file (``consumed`` in guard.toml)
wal/, evidence/  its own log, private and public
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Meta

from brightline.core.enforcement.pass_token import PassClaims
from brightline.core.errors import ConfigError, EvidenceUnavailable, OperatorError
from brightline.core.evidence.note import NoteSigner
from brightline.core.evidence.record import Draft, RecordKind
from brightline.core.ports import Clock, RecordLog
from brightline.guard.app import Guard
from brightline.guard.consumed import ConsumedTokens
from brightline.guard.forward import Forward
from brightline.shell.keyring import TENANT_KEY
from brightline.shell.storage.periods import PeriodWriter
from brightline.shell.storage.publisher import Publisher, read_published
from brightline.shell.storage.sequencer import Sequencer
from brightline.shell.storage.vault import Vault
from brightline.shell.trust.keys import load_key, load_secret, make_key, make_secret

FILE_NAME: Final = "guard.toml"
FILE_BYTES_MAX: Final = 65_536
PUBLISH_SECONDS: Final = 0.5
PERIOD_SECONDS: Final = 60.0
LOG_KEY: Final = "log"
_log = logging.getLogger("brightline.guard")

_NAME: Final = re.compile(r"\A[a-z0-9][a-z0-9-]{0,40}\Z")


class GuardSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of ``guard.toml``. ``gateways`` are raw Ed25519 public keys in hex."""

    upstream: Annotated[str, Meta(min_length=1, max_length=100)]
    model_url: Annotated[str, Meta(pattern=r"^https?://")]
    gateways: Annotated[tuple[Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")], ...], Meta(min_length=1, max_length=64)]
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8001
    name: str = "guard"
    origin: str = "brightline.local"
    profile: str = "development"
    consumed: str = "consumed.sqlite"


def read_settings(folder: Path) -> GuardSettings:
    """Read ``guard.toml``. Raises ``ConfigError``."""
    path = folder / FILE_NAME
    try:
        data = path.read_bytes()[: FILE_BYTES_MAX + 1]
        settings = msgspec.convert(tomllib.loads(data.decode()), GuardSettings)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path} does not read: {error}") from error
    if not _NAME.match(settings.name):
        raise ConfigError(f"{path}: a guard's name has small letters, digits and hyphens")
    return settings


def make_guard(folder: Path, settings: GuardSettings) -> None:
    """Make a guard's folder. Raises ``ConfigError`` if one is there."""
    if (folder / FILE_NAME).exists():
        raise ConfigError(f"{folder} is a guard's folder already; take another")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_key(folder / "keys" / LOG_KEY)
    make_secret(folder / "keys" / TENANT_KEY)
    lines = [f"{name} = {_toml(value)}" for name, value in msgspec.to_builtins(settings).items()]
    (folder / FILE_NAME).write_text("\n".join(lines) + "\n", "utf-8")


def guard_vkey(folder: Path) -> str:
    """The verifier key of a guard's log: what the gateway's settings name, and an auditor pins."""
    settings = read_settings(folder)
    return _signer(settings, load_key(folder / "keys" / LOG_KEY)).verifier.vkey()


def _signer(settings: GuardSettings, key: Ed25519PrivateKey) -> NoteSigner:
    return NoteSigner(f"{settings.origin}/{settings.name}", key)


def _toml(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(each) for each in value)}]"
    return msgspec.json.encode(value).decode()  # a JSON string or number is one of TOML


class GuardBook:
    """The guard's own log: one CONSUMED record for each token that it let through."""

    def __init__(self, log: RecordLog, upstream: str) -> None:
        self._log = log
        self._upstream = upstream

    async def consumed(self, claims: PassClaims, token: str) -> None:
        """Book the use of a token, durably. Raises ``EvidenceUnavailable``."""
        draft = Draft(
            kind=RecordKind.CONSUMED,
            exchange="",
            public={
                "token": token,
                "upstream": self._upstream,
                "agreement": claims.agreement,
                "release": claims.release,
            },
            committed={"exchange": claims.exchange, "wire_digest": claims.wire_digest, "model": claims.model},
        )
        await self._log.append(draft)


@contextlib.asynccontextmanager
async def open_guard(folder: Path, clock: Clock) -> AsyncIterator[Guard]:
    """Open everything, and close it in the end. Raises ``OperatorError`` saying what to mend."""
    settings = read_settings(folder)
    key = load_key(folder / "keys" / LOG_KEY)
    signer = _signer(settings, key)
    evidence = folder / "evidence"
    published = read_published(evidence, settings.name, signer.verifier)
    vault = Vault(folder / "vault", load_secret(folder / "keys" / TENANT_KEY))
    log = Sequencer.open(folder / "wal", settings.name, settings.profile, clock, vault=vault, published=published)
    publisher = Publisher.open(log, evidence, signer)
    publisher.start(PUBLISH_SECONDS)
    periods = PeriodWriter(log, evidence, signer.verifier.name, settings.profile, key, clock)
    tokens = ConsumedTokens(folder / settings.consumed, clock.unix())
    forward = Forward(settings.model_url)
    gateways = tuple(bytes.fromhex(pinned) for pinned in settings.gateways)
    guard = Guard(forward, settings.upstream, gateways, tokens, GuardBook(log, settings.upstream), clock.unix)
    stating = asyncio.create_task(_state_periods(periods, guard))
    try:
        yield guard
    finally:
        stating.cancel()
        await asyncio.gather(stating, return_exceptions=True)
        await _state_period(periods, guard)
        await forward.close()
        tokens.close()
        log.close()
        publisher.close()


async def _state_periods(periods: PeriodWriter, guard: Guard) -> None:
    while True:
        await asyncio.sleep(PERIOD_SECONDS)
        await _state_period(periods, guard)


async def _state_period(periods: PeriodWriter, guard: Guard) -> None:
    """State which tokens were used since the last period, and how many requests were refused without a record."""
    counts = guard.take_refused()
    written = None
    try:
        written = await asyncio.to_thread(periods.write, {}, counts, ())
    except (EvidenceUnavailable, OperatorError) as error:
        _log.warning("the PERIOD record is missing: %s", error)
    if written is None:
        guard.give_back(counts)
