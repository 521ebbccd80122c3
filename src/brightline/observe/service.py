# SPDX-License-Identifier: Apache-2.0
"""An observer from its folder: settings, its own log with its own origin, and the thread that looks.

observe.toml     where it listens, which agreement and release it looks with; no address of a model, no key for one
keys/            the key that signs the checkpoints of its log, and secrets for its vault and the ids of holds
wal/, vault/,    its own log, private and public
evidence/
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.theorems import require_theorems
from brightline.core.errors import BrightlineError, ConfigError, EvidenceUnavailable, OperatorError
from brightline.core.evidence.note import NoteSigner
from brightline.core.ports import Clock
from brightline.core.toml import TomlError, read_toml
from brightline.files import read_within
from brightline.observe.app import Line, Observer
from brightline.observe.exchanges import BYTES_MAX, NotOurs, of_line
from brightline.observe.look import Look
from brightline.shell import shipped
from brightline.shell.inference.screen import Screen
from brightline.shell.keyring import TENANT_KEY
from brightline.shell.storage.periods import PeriodWriter
from brightline.shell.storage.publisher import Publisher, read_published
from brightline.shell.storage.sequencer import Sequencer
from brightline.shell.storage.vault import Vault
from brightline.shell.trust.keys import load_key, load_secret, make_key, make_secret

FILE_NAME: Final = "observe.toml"
FILE_BYTES_MAX: Final = 65_536
LINES_MAX: Final = 10_000_000
PUBLISH_SECONDS: Final = 0.5
PERIOD_SECONDS: Final = 60.0
LOG_KEY: Final = "log"
HOLD_KEY: Final = "hold"

_NAME: Final = re.compile(r"\A[a-z0-9][a-z0-9-]{0,40}\Z")
_log = logging.getLogger("brightline.observe")


class ObserveSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of ``observe.toml``. ``agreement`` and ``release`` are folders; empty takes those that are shipped."""

    agreement: str = ""
    release: str = ""
    weights: str = ""
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8090
    name: str = "observe"
    origin: str = "brightline.local"
    profile: str = "development"

    @property
    def release_folder(self) -> Path:
        """The folder of the release."""
        return Path(self.release) if self.release else shipped.shipped_release()

    def read_agreement(self) -> Agreement:
        """The agreement. Raises ``AgreementError`` if it does not load or a standing theorem fails."""
        folder = Path(self.agreement) if self.agreement else shipped.shipped_agreement()
        agreement = shipped.read_agreement(folder)
        require_theorems(agreement)
        return agreement


def read_settings(folder: Path) -> ObserveSettings:
    """Read ``observe.toml``. Raises ``ConfigError``."""
    path = folder / FILE_NAME
    try:
        settings = read_toml(read_within(path, FILE_BYTES_MAX), ObserveSettings, FILE_BYTES_MAX)
    except TomlError as error:
        raise ConfigError(f"{path} does not read: {error}") from error
    if not _NAME.match(settings.name):
        raise ConfigError(f"{path}: an observer's name has small letters, digits and hyphens")
    return settings


def make_observer(folder: Path, settings: ObserveSettings) -> None:
    """Make an observer's folder. Raises ``ConfigError`` if one is there, or if it could not look with these."""
    if (folder / FILE_NAME).exists():
        raise ConfigError(f"{folder} is an observer's folder already; take another")
    if not _NAME.match(settings.name):
        raise ConfigError("an observer's name has small letters, digits and hyphens")
    shipped.read_release(settings.release_folder, settings.read_agreement().vocabulary)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_key(folder / "keys" / LOG_KEY)
    for name in (TENANT_KEY, HOLD_KEY):
        make_secret(folder / "keys" / name)
    lines = [
        f"{name} = {msgspec.json.encode(value).decode()}" for name, value in msgspec.to_builtins(settings).items()
    ]
    (folder / FILE_NAME).write_text("\n".join(lines) + "\n", "utf-8")


def signer_of(folder: Path, settings: ObserveSettings) -> NoteSigner:
    """Who signs the checkpoints of an observer's log: an origin of its own."""
    return NoteSigner(f"{settings.origin}/{settings.name}", load_key(folder / "keys" / LOG_KEY))


def open_vault(folder: Path) -> Vault:
    """The keys of an observer's records."""
    return Vault(folder / "vault", load_secret(folder / "keys" / TENANT_KEY))


class Observing:
    """An open observer: it looks, and writes down what it saw. Make it with :func:`opened`."""

    def __init__(self, look: Look, log: Sequencer, periods: PeriodWriter, line: Line) -> None:
        self.line = line
        self._look = look
        self._log = log
        self._periods = periods
        self._thread = threading.Thread(target=self._work, name="observer", daemon=True)

    def start(self) -> None:
        """Begin to look at what waits in the line."""
        self._thread.start()

    def finish(self) -> None:
        """Look at what still waits, and end."""
        self.line.end()
        self._thread.join()

    def _work(self) -> None:
        try:
            while (seen := self.line.take()) is not None:
                try:
                    self._log.append_sync(self._look.at(seen))
                except EvidenceUnavailable as error:
                    _log.warning("an exchange could not be written down: %s", error)
                    self.line.count("not_written")
        finally:
            self.line.stop()

    def read_file(self, path: Path) -> Iterator[tuple[int, bool]]:
        """Look at each line of a file; yields its bytes, and whether an exchange was seen in it.

        Raises ``ConfigError`` or ``EvidenceUnavailable``.
        """
        number = 0
        try:
            with path.open("rb") as file:
                while line := file.readline(BYTES_MAX + 1):
                    number += 1
                    if len(line) > BYTES_MAX or number > LINES_MAX:
                        raise ConfigError(f"{path}, line {number}: longer than is read here")
                    yield len(line), bool(line.strip()) and self._line_of_file(line, number)
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}") from error

    def _line_of_file(self, line: bytes, number: int) -> bool:
        try:
            self._log.append_sync(self._look.at(of_line(line, number)))
        except NotOurs as error:
            self.line.count(error.reason)
            return False
        return True

    def state_period(self) -> None:
        """State in the log what was seen since the last time, and how much was not looked at."""
        counts = self.line.take_counts()
        written = None
        try:
            written = self._periods.write({}, counts, ())
        except (EvidenceUnavailable, OperatorError) as error:
            _log.warning("the PERIOD record is missing: %s", error)
        if written is None:
            self.line.give_back(counts)


@contextlib.contextmanager
def opened(folder: Path, clock: Clock) -> Iterator[Observing]:
    """Open everything, and close it in the end. Raises ``OperatorError`` saying what to mend."""
    settings = read_settings(folder)
    agreement = settings.read_agreement()
    look = Look(
        agreement,
        Screen(agreement, settings.release_folder, settings.weights),
        load_secret(folder / "keys" / HOLD_KEY),
    )
    signer, evidence = signer_of(folder, settings), folder / "evidence"
    with contextlib.ExitStack() as stack:
        published = read_published(evidence, settings.name, signer.verifier)
        log = Sequencer.open(
            folder / "wal", settings.name, settings.profile, clock, vault=open_vault(folder), published=published
        )
        publisher = None
        try:
            publisher = Publisher.open(log, evidence, signer)
            publisher.start(PUBLISH_SECONDS)
            key = load_key(folder / "keys" / LOG_KEY)
            periods = PeriodWriter(log, evidence, signer.verifier.name, settings.profile, key, clock)
            periods.resume()
            observing = Observing(look, log, periods, Line())
            stack.callback(observing.state_period)
            yield observing
        finally:
            stack.close()
            log.close()
            if publisher is not None:
                publisher.close()


@contextlib.asynccontextmanager
async def listening(folder: Path, clock: Clock) -> AsyncIterator[Observer]:
    """The application that takes mirrored traffic in, with the thread that looks. Raises ``OperatorError``."""
    with opened(folder, clock) as observing:
        observing.start()
        stating = asyncio.create_task(_state_periods(observing))
        try:
            yield Observer(observing.line)
        finally:
            stating.cancel()
            await asyncio.gather(stating, return_exceptions=True)
            await asyncio.to_thread(observing.finish)


async def _state_periods(observing: Observing) -> None:
    while True:
        await asyncio.sleep(PERIOD_SECONDS)
        with contextlib.suppress(BrightlineError):
            await asyncio.to_thread(observing.state_period)
