# SPDX-License-Identifier: Apache-2.0
"""Keeping a lease (``core/attestation/lease.py``): ask, verify, appraise, write down, and again before it is over.

    1. a fresh nonce, and the challenge that binds it to this node's keys, agreement and release
    2. the attester answers the challenge
    3. each piece is verified against the pinned roots, and all of them are appraised under the signed policy
    4. a lease is granted, and its ATTESTED record is durable
    5. only then it is in force

Whoever asks whether it is in force compares both clocks and what was revoked, each time. Whatever fails in between
leaves the lease that there was, which ends when it ends.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from typing import Final

from brightline.core.attestation.appraise import appraise
from brightline.core.attestation.chain import Root
from brightline.core.attestation.claims import Counters
from brightline.core.attestation.demands import Challenge
from brightline.core.attestation.evidence import verify
from brightline.core.attestation.fault import Fault, refuse
from brightline.core.attestation.lease import NONCE_BYTES, Instant, Lease, Loss, Node, Shown, challenge_of, grant
from brightline.core.attestation.policy import Policy
from brightline.core.errors import EvidenceRefused, EvidenceUnavailable
from brightline.core.evidence.record import Draft, RecordKind
from brightline.core.facts import Statement, Vocabulary
from brightline.core.ports import Attester, Clock, RecordLog

RETRY_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 0.5

log = logging.getLogger("brightline")


class LeaseKeeper:
    """The :class:`~brightline.core.ports.LeaseSource` of one process."""

    def __init__(
        self,
        attester: Attester,
        node: Callable[[], Node],
        policy: Callable[[], Policy | None],
        revoked: Callable[[], frozenset[str]],
        roots: tuple[Root, ...],
        vocabulary: Callable[[], Vocabulary],
        records: RecordLog,
        clock: Clock,
        seen: Mapping[str, Counters],
    ) -> None:
        """``policy`` and ``revoked`` are asked each time: what people signed last is what counts.

        ``seen`` are the counters of TPMs that the log knows from earlier leases, also of an earlier start.
        """
        self.attester = attester
        self._node = node
        self._policy = policy
        self._revoked = revoked
        self._roots = roots
        self._vocabulary = vocabulary
        self._records = records
        self._clock = clock
        self._lease: Lease | None = None
        self._under: Policy | None = None  # the policy that the lease was granted under
        self._seen = dict(seen)
        self._loss = Loss.NONE
        self._refused = ""  # why there is no newer one
        self._stated: tuple[Vocabulary | None, tuple[Statement, ...]] = (None, ())
        self._renewing = asyncio.Lock()  # one at a time: of two, the one that was asked first may end last

    # ---- what others see --------------------------------------------------------------------------------------

    @property
    def lease(self) -> Lease | None:
        """The lease in force. One that is over is over for good, however the clock goes on."""
        lease = self._lease
        if lease is None:
            return None
        loss = lease.over(self._now(), self._revoked())
        if loss is None:
            if self._policy() is self._under:  # the same value for as long as nobody signed another
                return lease
            loss = Loss.POLICY
        self._lease, self._loss, self._stated = None, loss, (None, ())
        log.warning("there is no lease: %s", loss.value)
        return None

    @property
    def fault(self) -> str:
        """Why there is no lease in force now; empty while there is one."""
        if self.lease is not None:
            return ""
        return f"{self._loss.value}; {self._refused}" if self._refused else self._loss.value

    def statements(self) -> tuple[Statement, ...]:
        """What the lease in force states; nothing without one."""
        lease = self.lease
        if lease is None:
            return ()
        vocabulary, stated = self._stated
        if vocabulary is not (current := self._vocabulary()):
            stated = lease.statements(current)
            self._stated = current, stated
        return stated

    # ---- getting one ------------------------------------------------------------------------------------------

    async def renew(self) -> bool:
        """Try once to take a new lease; whether there is a new one. What fails is told in ``fault``, not raised."""
        try:
            async with self._renewing:
                await self._renew()
        except EvidenceRefused as error:
            why = f"{error.fault}: {error.said}"
        except EvidenceUnavailable as error:
            why = f"it cannot be recorded: {error}"
        else:
            self._refused = ""
            return True
        if why != self._refused:
            log.warning("no new lease: %s", why)
        self._refused = why
        return False

    async def keep(self) -> None:
        """Renew it, each time at about half of it; where there is none, try again after a moment. Without end."""
        while True:
            lease = self.lease
            if lease is None:
                pause = 0.0 if await self.renew() else RETRY_SECONDS
            else:
                pause = lease.renew_in(self._now(), secrets.randbelow(1_001) / 1_000)
                while pause > 0 and self.lease is lease:  # one that is lost meanwhile is not waited for
                    await asyncio.sleep(min(pause, LOOK_SECONDS))
                    pause -= LOOK_SECONDS
                if (newer := self.lease) is not None and newer is not lease:
                    continue  # somebody else renewed it meanwhile: that one is good for its own time
                pause = 0.0 if await self.renew() else RETRY_SECONDS
            await asyncio.sleep(pause)

    async def _renew(self) -> None:
        policy = self._policy()
        if policy is None:
            refuse(Fault.NOT_ASKED_FOR, "the signed installation has no attestation policy: nothing is accepted")
        lease = await ask(self.attester, self._node(), policy, self._roots, self._clock, self._seen)  # 1. to 3.
        if (loss := lease.over(self._now(), self._revoked())) is not None:
            refuse(Fault.DENIED, loss.value)
        await self._records.append(Draft(RecordKind.ATTESTED, "", lease.public(), lease.committed()))  # 4.
        self._seen |= lease.counters
        self._lease, self._under, self._stated = lease, policy, (None, ())  # 5.

    def _now(self) -> Instant:
        return instant(self._clock)


async def ask(
    attester: Attester,
    node: Node,
    policy: Policy,
    roots: tuple[Root, ...],
    clock: Clock,
    seen: Mapping[str, Counters],
) -> Lease:
    """A lease as it would be recorded and come into force, for what the attester shows now.

    ``seen`` are the counters of each TPM when it was asked last, by the digest of its key. Raises ``EvidenceRefused``.
    """
    nonce = secrets.token_bytes(NONCE_BYTES)  # 1.
    challenge = challenge_of(node, nonce)
    evidence = await attester.attest(challenge)  # 2.
    shown = Shown(nonce, evidence, attester.name, attester.production)

    def appraised() -> Lease:  # 3.
        at = instant(clock)
        claims = [verify(piece, roots, at.wall) for piece in evidence]
        return grant(node, shown, appraise(claims, policy, Challenge(challenge, seen=seen), at.wall), at)

    return await asyncio.to_thread(appraised)


def instant(clock: Clock) -> Instant:
    """Now, on both clocks."""
    return Instant(clock.monotonic(), clock.unix())
