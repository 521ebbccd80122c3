# SPDX-License-Identifier: Apache-2.0
"""A guard from its folder: settings, its own log, the store of used tokens, and the model server behind it.

guard.toml       ``settings.py``
keys/            the key that signs the checkpoints of its log; outside development sealed to a key broker
trust.json, installation.json, statements/   what people signed of machines, where it has a lease (``lease.py``)
consumed.sqlite  used tokens; several guards of one model share the file, or a database (``consumed`` in guard.toml)
wal/, evidence/  its own log, private and public
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.canonical import JsonValue
from brightline.core.enforcement.pass_token import PassClaims
from brightline.core.errors import ConfigError
from brightline.core.evidence.note import NoteSigner
from brightline.core.evidence.record import Draft, RecordKind
from brightline.core.ports import Clock, RecordLog
from brightline.files import read_within
from brightline.guard.admission import NOTHING, Admission, Admits, AdmitsNothing, ModelAdmission
from brightline.guard.app import Guard
from brightline.guard.consumed import ConsumedTokens, Tokens
from brightline.guard.consumed_postgres import SCHEME, SharedTokens
from brightline.guard.forward import Forward
from brightline.guard.lease import GuardLease, find
from brightline.guard.settings import FILE_NAME, GuardSettings, read_settings, to_toml
from brightline.shell.channel import Channel
from brightline.shell.keyring import TENANT_KEY
from brightline.shell.serve import Door
from brightline.shell.storage.periods import PeriodWriter, book_period, book_periods
from brightline.shell.storage.publisher import Publisher, read_published
from brightline.shell.storage.sequencer import Sequencer
from brightline.shell.storage.vault import Vault
from brightline.shell.trust.asking import ATTESTER_KEY
from brightline.shell.trust.keys import load_key, load_secret, make_key, make_secret
from brightline.shell.trust.sealed import require_sealed

PUBLISH_SECONDS: Final = 0.5
LOG_KEY: Final = "log"
PASSWORD_BYTES_MAX: Final = 4_096
_log = logging.getLogger("brightline.guard")


def make_guard(folder: Path, settings: GuardSettings) -> None:
    """Make a guard's folder. Raises ``ConfigError`` if one is there."""
    if (folder / FILE_NAME).exists():
        raise ConfigError(f"{folder} is a guard's folder already; take another")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_key(folder / "keys" / LOG_KEY)
    make_secret(folder / "keys" / TENANT_KEY)
    if settings.attestation is not None and not settings.attestation.command:
        make_key(folder / "keys" / ATTESTER_KEY)  # the development attester's, which attests nothing
    (folder / FILE_NAME).write_text(to_toml(settings), "utf-8")


def guard_vkey(folder: Path) -> str:
    """The verifier key of a guard's log: what the gateway's settings name, and an auditor pins."""
    settings = read_settings(folder)
    return _signer(settings, load_key(folder / "keys" / LOG_KEY)).verifier.vkey()


def _signer(settings: GuardSettings, key: Ed25519PrivateKey) -> NoteSigner:
    return NoteSigner(f"{settings.origin}/{settings.name}", key)


class GuardBook:
    """The guard's own log: a CONSUMED for each token that was used, an ADMISSION when its model comes or goes."""

    def __init__(self, log: RecordLog, upstream: str) -> None:
        self._log = log
        self._upstream = upstream

    async def consumed(self, claims: PassClaims, token: str, admitted: str) -> None:
        """Book the use of a token, durably. Raises ``EvidenceUnavailable``."""
        draft = Draft(
            kind=RecordKind.CONSUMED,
            exchange="",
            public={
                "token": token,
                "upstream": self._upstream,
                "agreement": claims.agreement,
                "release": claims.release,
                "admitted": admitted,
            },
            committed={"exchange": claims.exchange, "wire_digest": claims.wire_digest, "model": claims.model},
        )
        await self._log.append(draft)

    async def admission(self, said: Admission) -> None:
        """Record that a model is admitted, or is not any more, durably. Raises ``EvidenceUnavailable``."""
        public: dict[str, JsonValue] = {
            "what": said.what,
            "condition": said.condition,
            "upstream": self._upstream,
            "model": said.model,
            "until": said.until,
            "probes": said.probes,
            "asked": said.asked,
            "failed": list(said.failed),
        }
        await self._log.append(Draft(RecordKind.ADMISSION, "", public, {"why": said.why}))


def open_door(folder: Path, settings: GuardSettings, guard: Guard, clock: Clock) -> Door:
    """How a guard listens: over its channel, if it has one; who is turned away is counted. Raises ``ConfigError``."""
    if settings.channel is None:
        return Door(refused=guard.refuse_unheard)
    channel = Channel(folder / settings.channel.folder, settings.channel.gateways, clock.unix)
    channel.turned_away = lambda: guard.count("peer_refused")
    return Door(refused=guard.refuse_unheard, channel=channel)


@contextlib.asynccontextmanager
async def open_guard(folder: Path, clock: Clock) -> AsyncIterator[Guard]:
    """Open everything, and close it in the end. Raises ``OperatorError`` saying what to mend."""
    settings = read_settings(folder)
    require_sealed(folder / "keys", settings.profile)
    found = find(folder, settings, clock)
    key = load_key(folder / "keys" / LOG_KEY)
    signer = _signer(settings, key)
    evidence = folder / "evidence"
    published = read_published(evidence, settings.name, signer.verifier)
    vault = Vault(folder / "vault", load_secret(folder / "keys" / TENANT_KEY))
    log = Sequencer.open(folder / "wal", settings.name, settings.profile, clock, vault=vault, published=published)
    publisher = Publisher.open(log, evidence, signer)
    publisher.start(PUBLISH_SECONDS)
    periods = PeriodWriter(log, evidence, signer.verifier.name, settings.profile, key, clock)
    write = partial(periods.write, {}, upstreams=())
    forward = Forward(settings.model_url, settings.model_socket)
    gateways = tuple(bytes.fromhex(pinned) for pinned in settings.gateways)
    tokens, close_tokens = await _open_tokens(folder, settings, clock)
    book = GuardBook(log, settings.upstream)
    admits: Admits = AdmitsNothing()
    work: list[asyncio.Task[None]] = []
    if settings.model is not None:
        admits = ModelAdmission(settings.model, folder, forward.ask, book, clock.unix)
        work.append(asyncio.create_task(admits.run()))
        work[0].add_done_callback(_say_why)
    lease: GuardLease | None = None
    if found is not None:
        lease = GuardLease(found, folder, settings, key.public_key().public_bytes_raw(), log)
        work += [asyncio.create_task(each) for each in (lease.keeper.keep(), lease.watch())]
        for each in work[-2:]:
            each.add_done_callback(_say_why)
    guard = Guard(forward, settings.upstream, gateways, tokens, book, admits, clock.unix, lease, lambda: forward.lost)
    work.append(asyncio.create_task(forward.look()))
    work[-1].add_done_callback(_say_why)
    for looks in (admits, lease):
        if isinstance(looks, ModelAdmission | GuardLease):
            looks.looked = guard.cut_what_may_not_go_on
    work.append(asyncio.create_task(book_periods(guard, write, _log)))
    try:
        if settings.model is None:
            await book.admission(Admission(NOTHING))
        yield guard
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await book_period(guard, write, _log)
        await forward.close()
        await close_tokens()
        log.close()
        publisher.close()


async def _open_tokens(
    folder: Path, settings: GuardSettings, clock: Clock
) -> tuple[Tokens, Callable[[], Awaitable[None]]]:
    """The store of used tokens, and what closes it. Raises ``OperatorError``."""
    if settings.consumed.startswith(SCHEME):
        path = settings.consumed_password_file
        password = read_within(folder / path, PASSWORD_BYTES_MAX).decode("utf-8", "replace").strip() if path else ""
        shared = await SharedTokens.open(settings.consumed, settings.upstream, clock.unix(), password)
        return shared, shared.close
    tokens = ConsumedTokens(folder / settings.consumed, settings.upstream, clock.unix())
    return tokens, lambda: asyncio.to_thread(tokens.close)


def _say_why(looking: asyncio.Task[None]) -> None:
    if not looking.cancelled() and (failure := looking.exception()) is not None:
        _log.error(
            "nobody looks at the model, at the lease, or whether the model server is there, any more; without the "
            "first two nothing is let through",
            exc_info=failure,
        )
