# SPDX-License-Identifier: Apache-2.0
"""Having the log witnessed: by a policy that lies in the state folder, beside the publisher.

What is witnessed of a gateway is its own shard and the combined heads, which name the registry and every other shard.

    1. at boot, before anything is signed: has any witness seen more of this log than is here, or another tree?
    2. every few seconds: the newest published checkpoint goes to the witnesses; what a quorum cosigned is published as
       ``cosigned``, beside the checkpoint
    3. all the time: for how long has published evidence not been witnessed? Past the limit nothing more is served

Without a policy a development installation has no witnesses, and says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from brightline.core.errors import ConfigError, EvidenceDamaged, OperatorError
from brightline.core.evidence.checkpoint import Checkpoint, sign_checkpoint
from brightline.core.evidence.cosignature import split_note
from brightline.core.evidence.merkle import root_of
from brightline.core.evidence.note import NoteError, NoteSigner
from brightline.core.evidence.policy import Policy, PolicyError
from brightline.core.evidence.tile import COSIGNED
from brightline.core.ports import Clock
from brightline.shell.storage.durable import HeldDirectory
from brightline.shell.trust.witnesses import UNWITNESSED_SECONDS_MAX, WitnessedAge, Witnesses, witness_newest

POLICY_BYTES_MAX: Final = 65_536
STEP_SECONDS: Final = 2.0
SURVEY_SECONDS: Final = 10.0
TRIES_MAX: Final = 3

Prove = Callable[[int, int], Sequence[bytes]]  # that a log of the second size extends one of the first

log = logging.getLogger("brightline.evidence")


def read_policy(path: Path) -> Policy:
    """Read a tlog-policy. Raises ``ConfigError`` for one that does not read, or that no quorum is asked by."""
    try:
        data = path.read_bytes()[: POLICY_BYTES_MAX + 1]
        policy = Policy.parse(data)
    except (OSError, PolicyError) as error:
        raise ConfigError(f"{path} is no witness policy: {error}") from error
    if not policy.quorums_meet:
        raise ConfigError(f"{path}: two quorums without a witness in common could be shown two logs")
    return policy


class Witnessing:
    """The witnesses of one log, which several processes may publish. Create it inside the running loop."""

    def __init__(self, policy: Policy, directory: Path, signer: NoteSigner, clock: Clock) -> None:
        """``directory`` is the shard's public folder."""
        self._directory = directory
        self._signer = signer
        self._clock = clock
        self._witnesses = Witnesses(policy)
        self._age = WitnessedAge()
        self._alarm = ""

    async def survey(self) -> None:
        """Ask what the witnesses have seen (1). Raises ``EvidenceDamaged`` if that is more than is here or another
        tree, ``OperatorError`` if no quorum can be asked within ten seconds.
        """
        nothing = sign_checkpoint(Checkpoint(self._signer.verifier.name, 0, root_of(())), self._signer)
        until = self._clock.monotonic() + SURVEY_SECONDS
        while True:
            note = self._published() or nothing
            found = await self._witnesses.sizes_seen(note)
            if not found.objections:
                return
            if found.alarms and note == (self._published() or nothing):  # nobody published more meanwhile
                raise EvidenceDamaged("; ".join(found.alarms), str(self._directory))
            if self._clock.monotonic() >= until:
                raise OperatorError(f"the witnesses cannot be asked: {'; '.join(found.objections)}")
            await asyncio.sleep(STEP_SECONDS / 4)

    async def step(self, prove: Prove) -> None:
        """Have the newest checkpoint cosigned (2). Raises nothing: what fails is older when it is looked at again."""
        try:
            for _ in range(TRIES_MAX):
                note = self._published()
                alarms = await self._ask(note, prove) if note else ()
                if not alarms:
                    return
                if note == self._published():  # a fork stays one until people have looked
                    self._alarm = self._alarm or "; ".join(alarms)
                    return
                # somebody else has published more, and had it witnessed, while we asked
        except (NoteError, OperatorError, OSError, ValueError) as error:
            log.warning("the checkpoint could not be witnessed: %s", error)

    async def _ask(self, note: bytes, prove: Prove) -> tuple[str, ...]:
        """Have one checkpoint cosigned; return what witnesses object to in it."""
        size = Checkpoint.parse(split_note(note).text).size
        self._age.published(size, self._clock.monotonic())
        if size <= self._age.witnessed_size:
            return ()
        done = await witness_newest(self._witnesses, self._age, note, lambda old: prove(old, size))
        if done.verdict.satisfied:
            await asyncio.to_thread(self._publish, done.note)
        return done.alarms

    def fault(self, published: int) -> str:
        """Why nothing may be served for want of witnesses (3), given the size published by now; empty if it may.

        Here and not only in the step, which may hang for as long as a witness does.
        """
        if published:
            self._age.published(published, self._clock.monotonic())
        if self._alarm:
            return f"a witness objects: {self._alarm}"
        age = self._age.unwitnessed_seconds(self._clock.monotonic())
        if age > UNWITNESSED_SECONDS_MAX:
            return f"the evidence has not been witnessed for more than {UNWITNESSED_SECONDS_MAX:g} s"
        return ""

    @property
    def witnessed_size(self) -> int:
        """How many records a quorum has cosigned in this process's time."""
        return self._age.witnessed_size

    async def close(self) -> None:
        """Close every connection."""
        await self._witnesses.close()

    def _published(self) -> bytes:
        try:
            return (self._directory / "checkpoint").read_bytes()
        except FileNotFoundError:
            return b""

    def _publish(self, note: bytes) -> None:
        directory = HeldDirectory.create(self._directory)
        try:
            directory.replace(COSIGNED, note, 0o644)
        finally:
            directory.close()
