# SPDX-License-Identifier: Apache-2.0
"""What the auditor gives: keys, receipts, a policy, agreements, disclosures. Whatever does not read is exit code 2."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.errors import ConfigError, TrustError
from brightline.core.evidence.disclosure import Disclosed
from brightline.core.evidence.note import VerifierKey
from brightline.core.evidence.policy import Policy, PolicyError
from brightline.core.evidence.receipt import RECEIPT_CHARS_MAX, Receipt, read_receipt
from brightline.core.review.auditing import RosterAudit
from brightline.core.statement import TrustRoots
from brightline.files import read_within
from brightline.folders import read_agreement, shipped_agreements

POLICY_BYTES_MAX: Final = 65_536
LINE_BYTES_MAX: Final = 4 * 1024 * 1024  # one line of disclosures; the private log's frames have at most 1 MiB
KEY_CHARS_MAX: Final = 1_000
SHOWN_CHARS_MAX: Final = 80
SIGNED_BYTES_MAX: Final = 262_144


def read_key(text: str) -> VerifierKey:
    """A key as text, or from the file that holds it. Raises ``TrustError``."""
    is_file = _names_a_file(text)
    try:
        if is_file:
            with Path(text).open(encoding="utf-8") as file:
                return VerifierKey.parse(file.read(KEY_CHARS_MAX))
        return VerifierKey.parse(text)
    except (OSError, ValueError) as error:
        raise TrustError(f"--key {_named(text, is_file)}: {error}") from error


def read_receipt_argument(text: str) -> Receipt:
    """A receipt given as text or as the name of a file. Raises ``ConfigError``."""
    is_file = _names_a_file(text)
    try:
        if is_file:
            with Path(text).open(encoding="utf-8") as file:
                return read_receipt(file.read(RECEIPT_CHARS_MAX + 1))
        return read_receipt(text)
    except (OSError, ValueError) as error:
        raise ConfigError(f"--receipt {_named(text, is_file)}: {error}") from error


def read_policy(path: Path) -> Policy:
    """The auditor's witness policy. Raises ``ConfigError``."""
    try:
        with path.open("rb") as file:
            return Policy.parse(file.read(POLICY_BYTES_MAX + 1))
    except (OSError, PolicyError) as error:
        raise ConfigError(f"{path} is no witness policy: {error}") from error


def read_people(
    installation: Path | None, parties: Path | None, agreements: Sequence[Agreement] = ()
) -> RosterAudit | None:
    """Who verifies what people signed: from an installation and the keys of the parties; nobody without either.

    ``agreements`` say how many people a case must ask.

    Raises ``ConfigError`` if only one was given or the keys do not read, ``TrustError`` for an installation that both
    parties did not sign.
    """
    if installation is None and parties is None:
        return None
    if installation is None or parties is None:
        raise ConfigError(
            "who is on the roster takes both: --installation, and --parties, whose keys it is believed by"
        )
    try:
        roots = msgspec.json.decode(read_within(parties, SIGNED_BYTES_MAX), type=TrustRoots, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{parties} does not hold the keys of the parties: {error}") from error
    return RosterAudit(read_within(installation, SIGNED_BYTES_MAX), roots, agreements)


def digest_of_file(path: Path) -> str:
    """SHA-256 of a file of the auditor's, in hex. Raises ``ConfigError``."""
    return hashlib.sha256(read_within(path, SIGNED_BYTES_MAX)).hexdigest()


def read_agreements(folders: Sequence[Path]) -> list[Agreement]:
    """The agreements in these folders; of none, those that travel with the package. Raises ``AgreementError``."""
    return [read_agreement(folder) for folder in folders or shipped_agreements().values()]


def _names_a_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a name: a receipt in its header form
        return False


def _named(text: str, is_file: bool) -> str:
    short = text if len(text) <= SHOWN_CHARS_MAX else f"{text[:SHOWN_CHARS_MAX]}…"
    return short if is_file else f"{short} (no such file)"


class DisclosureFile:
    """JSON lines as ``brightline disclose`` writes them. Only the offsets of the lines are held in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offsets: dict[str, dict[int, int]] = {}
        number = offset = 0
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error}") from error
        try:
            while line := self._file.readline(LINE_BYTES_MAX):
                number += 1
                row = msgspec.json.decode(line, type=Disclosed)
                if self._offsets.setdefault(row.shard, {}).setdefault(row.seq, offset) != offset:
                    self._file.close()
                    raise ConfigError(f"{path}, line {number}: record {row.seq} was opened before")
                offset += len(line)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._file.close()
            raise ConfigError(f"{path}, line {number}: no disclosures: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._file.close()

    def of(self, shard: str) -> Mapping[int, Sequence[str]]:
        """What opens the records of a shard, by their number."""
        return _ShardDisclosures(self, self._offsets.get(shard, {}))

    def line_at(self, offset: int) -> Disclosed:
        """The line that begins there. Raises ``ConfigError`` if the file changed in the meantime."""
        try:
            self._file.seek(offset)
            return msgspec.json.decode(self._file.readline(LINE_BYTES_MAX), type=Disclosed)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ConfigError(f"{self._path} changed while it was read: {error}") from error


class _ShardDisclosures(Mapping[int, Sequence[str]]):
    """The disclosures of one shard, each read when it is asked for."""

    def __init__(self, file: DisclosureFile, offsets: Mapping[int, int]) -> None:
        self._file = file
        self._offsets = offsets

    def __getitem__(self, seq: int) -> Sequence[str]:
        return self._file.line_at(self._offsets[seq]).disclosures

    def __iter__(self) -> Iterator[int]:
        return iter(self._offsets)

    def __len__(self) -> int:
        return len(self._offsets)
