# SPDX-License-Identifier: Apache-2.0
"""Handing keys over: one question, once, in this order, and each refusal by name.

    1. the nonce is ours, not over, and was not used
    2. what was asked reads, and is for the installation that this broker has
    3. the evidence verifies under the pinned roots, answers the challenge, and is accepted by the policy in force
    4. nothing that it rests on is revoked, and both facts follow
    5. each sealed key opens, and is what its file says
    6. the KEYS record is durable
    7. each key is encrypted to the recipient, and the whole is signed

What was refused for its evidence is on record too, ten times a minute; beyond that, and for everything that anybody
could send, it is counted.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from brightline.core.attestation.appraise import appraise
from brightline.core.attestation.chain import Root
from brightline.core.attestation.demands import Challenge
from brightline.core.attestation.evidence import verify
from brightline.core.attestation.fault import Fault
from brightline.core.attestation.handing import (
    HANDED_FORMAT,
    HANDED_TYPE,
    NONCE_BYTES,
    NONCE_SECONDS,
    Asked,
    Handed,
    HandedKey,
    appraised,
    boxed,
    challenge_over,
    check_key,
    digest_of,
    hand_info,
    handed_record,
    read_asked,
    refused_record,
)
from brightline.core.attestation.lease import Lease, Node
from brightline.core.errors import EvidenceRefused, KeysRefused
from brightline.core.evidence.record import Draft, RecordKind
from brightline.core.ports import Clock, RecordLog
from brightline.core.statement import sign_statement
from brightline.shell.trust.accepted import Accepted
from brightline.shell.trust.lease import instant
from brightline.shell.trust.sealed import SUITE, open_sealed

NONCES_MAX: Final = 4_096
RECORDED_PER_MINUTE: Final = 10
AT_ONCE: Final = 4
MINUTE: Final = 60.0

log = logging.getLogger("brightline.broker")


class Handing:
    """What a broker hands over. It keeps no key of a node beyond the question."""

    def __init__(
        self,
        accepted: Accepted,
        roots: tuple[Root, ...],
        opens: X25519PrivateKey,
        signs: Ed25519PrivateKey,
        records: RecordLog,
        clock: Clock,
    ) -> None:
        """``opens`` is the key to which nodes seal, ``signs`` the one that signs answers and checkpoints."""
        self._accepted = accepted
        self._roots = roots
        self._opens = opens
        self._signs = signs
        self._records = records
        self._clock = clock
        self._nonces: dict[str, float] = {}  # until when, on the steady clock; the oldest first
        self._refused: Counter[str] = Counter()
        self._recorded: list[float] = []
        self._room = asyncio.Semaphore(AT_ONCE)

    @property
    def fault(self) -> str:
        """Why nothing is handed over to anybody now; empty while something may be."""
        if self._accepted.policy is None:
            return self._accepted.fault or "no policy is in force: nothing is accepted"
        return ""

    def challenge(self) -> str:
        """A nonce for one question, within a minute. Raises ``KeysRefused`` while too many are open."""
        now = self._clock.monotonic()
        for nonce in [each for each, until in self._nonces.items() if until <= now]:
            del self._nonces[nonce]
        if len(self._nonces) >= NONCES_MAX:
            raise KeysRefused("busy", "too many questions are open; ask again in a minute")
        nonce = secrets.token_bytes(NONCE_BYTES).hex()
        self._nonces[nonce] = now + NONCE_SECONDS
        return nonce

    async def hand_over(self, body: bytes) -> bytes:
        """The signed answer to what a node asks. Raises ``KeysRefused``, ``EvidenceUnavailable``."""
        try:
            async with self._room:
                return await self._hand_over(body)
        except KeysRefused as error:
            self._refused[error.fault] += 1
            log.warning("nothing is handed over: %s", error)
            raise

    async def _hand_over(self, body: bytes) -> bytes:
        asked = read_asked(body)
        if self._nonces.pop(asked.nonce, float("-inf")) <= self._clock.monotonic():  # 1.
            raise KeysRefused("unknown-nonce", "the nonce is none of ours, is over, or was used before")
        if asked.installation != self._accepted.digest:  # 2.
            raise KeysRefused("another-installation", f"this broker is not for {asked.installation}")
        try:
            lease = await asyncio.to_thread(self._appraised, asked)  # 3., 4.
            keys = {each.name: open_sealed(each, self._opens) for each in asked.keys}  # 5.
            for each in asked.keys:
                check_key(each, keys[each.name])
        except EvidenceRefused as error:
            await self._record_refusal(asked, error.fault, error.said)
            raise KeysRefused(error.fault, error.said) from error
        except KeysRefused as error:
            await self._record_refusal(asked, error.fault, error.said)
            raise
        await self._records.append(Draft(RecordKind.KEYS, "", *handed_record(asked, lease)))  # 6.
        return self._signed(asked, keys, lease)  # 7.

    def _appraised(self, asked: Asked) -> Lease:
        policy = self._accepted.policy
        if policy is None:
            raise EvidenceRefused(Fault.NOT_ASKED_FOR, self.fault)
        evidence, recipient, at = asked.pieces(), bytes.fromhex(asked.recipient), instant(self._clock)
        challenge = challenge_over(bytes.fromhex(asked.nonce), recipient, asked.installation, digest_of(asked.keys))
        claims = [verify(piece, self._roots, at.wall) for piece in evidence]
        said = appraise(claims, policy, Challenge(challenge), at.wall)
        installation = self._accepted.installation
        node = Node(self._accepted.roots.profile, (recipient,), installation.agreement, installation.release)
        return appraised(node, asked, evidence, said, self._accepted.revoked, at)

    def _signed(self, asked: Asked, keys: Mapping[str, bytes], lease: Lease) -> bytes:
        to, nonce = X25519PublicKey.from_public_bytes(bytes.fromhex(asked.recipient)), bytes.fromhex(asked.nonce)
        handed = tuple(
            HandedKey(name, boxed(SUITE.encrypt(key, to, hand_info(name, nonce)))) for name, key in keys.items()
        )
        said = Handed(
            HANDED_FORMAT,
            asked.nonce,
            asked.recipient,
            asked.installation,
            handed,
            int(lease.granted.wall),
            int(lease.until.wall),
        )
        return sign_statement(said, HANDED_TYPE, [self._signs])

    async def _record_refusal(self, asked: Asked, fault: str, said: str) -> None:
        """So many a minute: whoever asks can be anybody, and may not fill the disk."""
        now = self._clock.monotonic()
        self._recorded = [each for each in self._recorded if now - each < MINUTE]
        if len(self._recorded) >= RECORDED_PER_MINUTE:
            return
        self._recorded.append(now)
        await self._records.append(Draft(RecordKind.KEYS, "", *refused_record(asked, fault, said)))

    def take_counts(self) -> dict[str, int]:
        """How many questions were refused since the last call, by fault."""
        counts = dict(self._refused)
        self._refused.clear()
        return counts

    def give_back(self, counts: Mapping[str, int]) -> None:
        """Counts that could not be booked wait for the next PERIOD record."""
        self._refused.update(counts)
