# SPDX-License-Identifier: Apache-2.0
"""The guard's own lease: it too shows what its machine is, and lets nothing through while nobody accepts it.

It is asked for as a gateway's is (``shell/trust/lease.py``), under what people signed for the same installation, which
lies in the guard's folder (``shell/trust/accepted.py``). Its evidence binds the key of its log and the key of its
channel's certificate: so what was shown is of the very machine at the other end of the gateway's connection. A
certificate with another key ends the lease, and a new one is asked for at once.

Both facts must follow: the model is served by the stack that the policy names, and where it may be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from brightline.core.attestation.appraise import GOOD
from brightline.core.attestation.chain import Root
from brightline.core.attestation.lease import Node
from brightline.core.errors import ConfigError
from brightline.core.facts import Statement, Vocabulary
from brightline.core.ports import Attester, Clock
from brightline.guard.settings import GuardSettings
from brightline.shell.channel import read_own
from brightline.shell.storage.sequencer import Sequencer
from brightline.shell.trust.accepted import Accepted
from brightline.shell.trust.asking import ATTESTER_KEY, CommandAttester, DevelopmentAttester
from brightline.shell.trust.lease import LeaseKeeper
from brightline.shell.trust.roots import read_roots, shipped_roots

LOOK_SECONDS: Final = 0.5
_NO_FACTS: Final = Vocabulary(())  # a guard knows no agreement; what its lease states is on record


class Found(NamedTuple):
    """What a guard's lease needs of its folder."""

    accepted: Accepted
    attester: Attester
    roots: tuple[Root, ...]
    clock: Clock


def find(folder: Path, settings: GuardSettings, clock: Clock) -> Found | None:
    """What a guard's lease needs, if it is to have one. Raises ``OperatorError`` saying what is missing."""
    asked = settings.attestation
    if asked is None:
        return None
    accepted = Accepted(folder, clock)
    if accepted.roots.profile != settings.profile:
        raise ConfigError(f"{folder} has roots for {accepted.roots.profile!r}; the guard is {settings.profile!r}")
    roots = read_roots(folder / asked.roots if asked.roots else shipped_roots())
    return Found(accepted, guard_attester(folder, settings, clock), roots, clock)


class GuardLease:
    """The :class:`~brightline.core.ports.LeaseSource` of a guard. ``keep`` and ``watch`` are for ever."""

    def __init__(
        self, found: Found, folder: Path, settings: GuardSettings, log_key: bytes, records: Sequencer
    ) -> None:
        """``log_key`` is the raw public key of the guard's log. Raises ``ConfigError`` for a channel that is none."""
        accepted, clock = found.accepted, found.clock
        self._log_key = log_key
        self._channel = folder / settings.channel.folder if settings.channel is not None else None
        self._bound = self._channel_key()
        self._installation = accepted.installation
        self._profile = settings.profile
        self.keeper = LeaseKeeper(
            found.attester,
            self._node,
            lambda: accepted.policy,
            lambda: accepted.revoked,
            found.roots,
            lambda: _NO_FACTS,
            records,
            clock,
            records.counters,
        )
        self._watched = True
        self.looked: Callable[[], None] = lambda: None
        """Called at each look: who let a request through asks ``fault`` again for each that is under way."""

    @property
    def fault(self) -> str:
        """Why nothing may be let through; empty while a lease is in force that binds this guard's channel."""
        if not self._watched:
            return "nobody looks at the channel's certificate any more"
        lease = self.keeper.lease
        if lease is None:
            return self.keeper.fault
        if lease.node.keys != self._keys:
            return "the lease binds another key than that of the channel's certificate"
        missing = [name for name, good in GOOD.items() if dict(lease.appraisal.facts).get(name) != good]
        return f"{' and '.join(missing)} does not follow from what was shown" if missing else ""

    def statements(self) -> tuple[Statement, ...]:
        """Nothing: a guard decides nothing."""
        return ()

    async def watch(self) -> None:
        """Look twice a second at the channel's certificate; ask for a new lease when its key is another."""
        try:
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                await self._look()
                self.looked()
        finally:
            self._watched = False
            self.looked()

    async def _look(self) -> None:
        try:
            bound = await asyncio.to_thread(self._channel_key)
        except ConfigError:
            return  # the channel goes on with what it had, too
        self._bound = bound
        lease = self.keeper.lease
        if lease is not None and lease.node.keys != self._keys:
            await self.keeper.renew()  # at each look until there is one; without any lease, the keeper asks by itself

    @property
    def _keys(self) -> tuple[bytes, ...]:
        return (self._log_key, self._bound) if self._bound else (self._log_key,)

    def _node(self) -> Node:
        return Node(self._profile, self._keys, self._installation.agreement, self._installation.release)

    def _channel_key(self) -> bytes:
        return read_own(self._channel).key_digest if self._channel is not None else b""


def guard_attester(folder: Path, settings: GuardSettings, clock: Clock) -> Attester:
    """Who asks the guard's machine what it is: a command; in development a key in a file. Raises ``TrustError``."""
    asked = settings.attestation
    if asked is not None and asked.command:
        return CommandAttester(asked.command)
    return DevelopmentAttester(folder / "keys" / ATTESTER_KEY, clock)
