# SPDX-License-Identifier: Apache-2.0
"""A broker from its folder: what people signed, its keys, its own log.

broker.toml         ``settings.py``
trust.json, installation.json, statements/   ``shell/trust/accepted.py``
keys/open           the X25519 key to which nodes seal theirs; whoever has it and a node's disk has the node's keys
keys/log            signs what is handed over, and the checkpoints of its log
keys/tenant         opens the private part of its records
wal/, vault/, evidence/   its own log, private and public
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from brightline.broker.handing import Handing
from brightline.broker.settings import FILE_NAME, BrokerSettings, read_settings, to_toml
from brightline.core.errors import ConfigError
from brightline.core.evidence.note import NoteSigner
from brightline.core.ports import Clock
from brightline.files import read_within, write_private
from brightline.shell.keyring import TENANT_KEY
from brightline.shell.storage.periods import PeriodWriter, book_period, book_periods
from brightline.shell.storage.publisher import Publisher, read_published
from brightline.shell.storage.sequencer import Sequencer
from brightline.shell.storage.vault import Vault
from brightline.shell.trust.accepted import INSTALLATION, ROOTS, Accepted
from brightline.shell.trust.installation import FILE_BYTES_MAX
from brightline.shell.trust.keys import load_key, load_secret, make_key, make_secret, public_hex
from brightline.shell.trust.roots import read_roots, shipped_roots
from brightline.shell.trust.sealed import BROKER_FORMAT, Broker

LOG_KEY: Final = "log"
OPEN_KEY: Final = "open"
PUBLISH_SECONDS: Final = 0.5
_log = logging.getLogger("brightline.broker")


def make_broker(folder: Path, settings: BrokerSettings, roots: Path, installation: Path, clock: Clock) -> Broker:
    """Make a broker's folder for one installation; return what its nodes have to know. Raises ``OperatorError``."""
    if (folder / FILE_NAME).exists():
        raise ConfigError(f"{folder} is a broker's folder already; take another")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, path in ((ROOTS, roots), (INSTALLATION, installation)):
        write_private(folder / name, read_within(path, FILE_BYTES_MAX))
    Accepted(folder, clock)
    make_key(folder / "keys" / LOG_KEY)
    for name in (OPEN_KEY, TENANT_KEY):
        make_secret(folder / "keys" / name)
    (folder / FILE_NAME).write_text(to_toml(settings), "utf-8")
    return known_broker(folder)


def known_broker(folder: Path) -> Broker:
    """What nodes have to know of a broker. Raises ``OperatorError``."""
    opens = _opens(folder).public_key().public_bytes_raw().hex()
    return Broker(BROKER_FORMAT, read_settings(folder).url, opens, public_hex(_signs(folder)))


def broker_vkey(folder: Path) -> str:
    """The verifier key of a broker's log, for auditors."""
    return _signer(read_settings(folder), _signs(folder)).verifier.vkey()


def _opens(folder: Path) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(load_secret(folder / "keys" / OPEN_KEY))


def _signs(folder: Path) -> Ed25519PrivateKey:
    return load_key(folder / "keys" / LOG_KEY)


def _signer(settings: BrokerSettings, key: Ed25519PrivateKey) -> NoteSigner:
    return NoteSigner(f"{settings.origin}/{settings.name}", key)


@contextlib.asynccontextmanager
async def open_broker(folder: Path, clock: Clock) -> AsyncIterator[Handing]:
    """Open everything, and close it in the end. Raises ``OperatorError`` saying what to mend."""
    settings, accepted, signs = read_settings(folder), Accepted(folder, clock), _signs(folder)
    opens, signer, evidence = _opens(folder), _signer(settings, signs), folder / "evidence"
    published = read_published(evidence, settings.name, signer.verifier)
    vault = Vault(folder / "vault", load_secret(folder / "keys" / TENANT_KEY))
    profile = accepted.roots.profile
    log = Sequencer.open(folder / "wal", settings.name, profile, clock, vault=vault, published=published)
    publisher = Publisher.open(log, evidence, signer)
    publisher.start(PUBLISH_SECONDS)
    periods = PeriodWriter(log, evidence, signer.verifier.name, profile, signs, clock)
    write = partial(periods.write, {}, upstreams=())
    handing = Handing(accepted, read_roots(shipped_roots()), opens, signs, log, clock)
    stating = asyncio.create_task(book_periods(handing, write, _log))
    try:
        yield handing
    finally:
        stating.cancel()
        await asyncio.gather(stating, return_exceptions=True)
        await book_period(handing, write, _log)
        log.close()
        publisher.close()
