# SPDX-License-Identifier: Apache-2.0
"""What counts of machines where no registry is: beside a guard and at a key broker, from what people signed alone.

    trust.json          the pinned keys and the profile
    installation.json   what both parties signed; its policy is the first
    statements/         what was signed since: revocations, their end, later policies, in the order in which they came

They are the statements that the registry of the installation logs (`brightline attest`); ``take`` verifies one and
keeps it under its number and time. The folder is looked at again twice a second. What does not verify any more, or
cannot be read, leaves no policy: then nothing is accepted.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.attestation.policy import Policy
from brightline.core.attestation.revocation import (
    POLICY_TYPE,
    REINSTATEMENT_TYPE,
    REVOCATION_TYPE,
    NothingRevoked,
    Revoked,
    open_policy,
    open_reinstatement,
    open_revocation,
)
from brightline.core.errors import ConfigError, TrustError
from brightline.core.ports import Clock
from brightline.core.statement import STATEMENT_BYTES_MAX, TrustRoots
from brightline.files import put_whole, read_within
from brightline.shell.trust.installation import FILE_BYTES_MAX, Installation, read_installation, read_roots

ROOTS: Final = "trust.json"
INSTALLATION: Final = "installation.json"
STATEMENTS: Final = "statements"
STATEMENTS_MAX: Final = 10_000
LOOK_SECONDS: Final = 0.5
_NAME: Final = re.compile(r"\A(\d{6})-(\d{1,12})\.json\Z")


class _Type(msgspec.Struct, frozen=True):
    payloadType: str  # noqa: N815 - as DSSE spells it


class Counting(msgspec.Struct, frozen=True):
    """The policy in force, if there is one, and what is revoked."""

    policy: Policy | None
    revoked: Revoked


class Accepted:
    """The policy and the revocations in force, for whoever has these files in ``folder``."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        """Raises ``TrustError``."""
        self._folder = folder
        self._clock = clock
        self.roots: TrustRoots = read_roots(folder / ROOTS)
        self.installation: Installation = read_installation(folder / INSTALLATION, self.roots, clock.unix())
        self.digest = installation_digest(folder)
        self._marks: tuple[tuple[str, int, int], ...] = ()
        self._looked = float("-inf")
        self.fault = ""
        self._counting = Counting(self.installation.attestation, Revoked())
        self._follow()

    @property
    def policy(self) -> Policy | None:
        """The policy in force; None if there is none, if it cannot be told, or the installation is not in date."""
        self._follow()
        if self.fault or not self.installation.issued <= self._clock.unix() < self.installation.expires:
            return None
        return self._counting.policy

    @property
    def revoked(self) -> frozenset[str]:
        """The names of what is revoked."""
        self._follow()
        return self._counting.revoked.names

    def take(self, envelope: bytes) -> str:
        """Verify a statement and keep it; return what it is. Raises ``TrustError`` for one that changes nothing."""
        home = self._folder / STATEMENTS
        with _alone(home) as held:  # of two who take one at once, the second sees the first, and takes the next number
            self._look()
            if self.fault:
                raise TrustError(self.fault)
            now = self._clock.unix()
            try:
                _after(self._counting, envelope, self.roots, now)
            except NothingRevoked as error:
                raise TrustError(str(error)) from error
            _keep(home, held, f"{len(self._marks) + 1:06d}-{now}.json", envelope)
            self._look()
            if self.fault:
                raise TrustError(self.fault)
        return _type_of(envelope)

    def _follow(self) -> None:
        now = self._clock.monotonic()
        if not 0 <= now - self._looked < LOOK_SECONDS:
            self._looked = now
            self._look()

    def _look(self) -> None:
        try:
            marks = self._list()
            if marks != self._marks or self.fault:
                self._counting = self._fold([name for name, _, _ in marks])
                self._marks = marks
        except (TrustError, ConfigError, NothingRevoked, OSError) as error:
            self.fault = f"what people signed of machines cannot be read: {error}"
        else:
            self.fault = ""

    def _list(self) -> tuple[tuple[str, int, int], ...]:
        """What lies there, by number. Raises ``TrustError`` if a number is missing: somebody took a statement away."""
        home = self._folder / STATEMENTS
        if not home.is_dir():
            if self._marks:
                raise TrustError(f"{home} is gone")
            return ()
        found = []
        for path in sorted(home.iterdir()):
            seen = path.stat()
            found.append((path.name, seen.st_size, seen.st_mtime_ns))
        for number, (name, _, _) in enumerate(found, 1):
            if (match := _NAME.match(name)) is None or int(match[1]) != number or number > STATEMENTS_MAX:
                raise TrustError(f"{home}: {name[:80]} is not statement {number}")
        if len(found) < len(self._marks):
            raise TrustError(f"{home} has {len(found)} statements after {len(self._marks)}")
        return tuple(found)

    def _fold(self, names: list[str]) -> Counting:
        counting = Counting(self.installation.attestation, Revoked())
        for name in names:
            match = _NAME.match(name)
            assert match is not None  # noqa: S101 - whoever lists them has looked
            envelope = read_within(self._folder / STATEMENTS / name, STATEMENT_BYTES_MAX)
            counting = _after(counting, envelope, self.roots, int(match[2]))
        known = self._counting.policy
        if known is not None and counting.policy is not None and known.digest == counting.policy.digest:
            return msgspec.structs.replace(counting, policy=known)  # the very value: a lease goes on under it
        return counting


@contextlib.contextmanager
def _alone(home: Path) -> Iterator[int]:
    """The folder's descriptor, while nobody else takes a statement. Raises ``ConfigError``."""
    try:
        home.mkdir(mode=0o700, exist_ok=True)
        held = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(f"{home} cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX)  # it ends with the descriptor, and so with the process
        yield held
    finally:
        os.close(held)


def _keep(home: Path, held: int, name: str, envelope: bytes) -> None:
    """Put a statement in place whole and for good; half of one would leave no policy. Raises ``ConfigError``."""
    try:
        put_whole(held, name, [envelope], f"../.{STATEMENTS}.incoming", 0o600)  # each name in it is a statement
    except OSError as error:
        raise ConfigError(f"{home / name} cannot be written: {error.strerror}") from error


def installation_digest(folder: Path) -> str:
    """``sha256:<hex>`` of the installation's file: broker and node must have the very same. Raises ``ConfigError``."""
    return f"sha256:{hashlib.sha256(read_within(folder / INSTALLATION, FILE_BYTES_MAX)).hexdigest()}"


def _type_of(envelope: bytes) -> str:
    try:
        return msgspec.json.decode(envelope, type=_Type).payloadType
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrustError("a statement is not a DSSE envelope") from error


def _after(counting: Counting, envelope: bytes, roots: TrustRoots, at: int) -> Counting:
    """What counts after one more statement. Raises ``TrustError``, ``NothingRevoked``."""
    kind = _type_of(envelope)
    if kind == REVOCATION_TYPE:
        said = open_revocation(envelope, roots, at=at).value
        return msgspec.structs.replace(counting, revoked=counting.revoked.revoke(said))
    if kind == REINSTATEMENT_TYPE:
        ended = open_reinstatement(envelope, roots, at=at).value
        return msgspec.structs.replace(counting, revoked=counting.revoked.reinstate(ended))
    if kind == POLICY_TYPE:
        return msgspec.structs.replace(counting, policy=open_policy(envelope, roots, counting.policy, at=at))
    raise TrustError(f"{kind[:80]!r} is no statement about machines")
