# SPDX-License-Identifier: Apache-2.0
"""Asks the witnesses of a policy to cosign this log (C2SP tlog-witness v1.0.0, client), and keeps their age.

All witnesses are asked at once. One that has another size than we thought says so (409) and is asked again with the
proof from there. What none of them may do is hold the others up: once a quorum has cosigned, the rest have a short
time left. Answers are bounded, redirects are not followed, and a cosignature counts only once it verifies.

At boot the witnesses are asked what they have seen, before this log signs anything: a log that was restored from an
old copy would otherwise sign a second history.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import aiohttp
import msgspec

from brightline.core.evidence.checkpoint import Checkpoint
from brightline.core.evidence.cosignature import add_lines, split_note
from brightline.core.evidence.policy import NONE, Policy, PolicyWitness, QuorumVerdict
from brightline.core.evidence.witnessing import (
    ADD_CHECKPOINT,
    ANSWER_BYTES_MAX,
    Conflict,
    Cosigned,
    Decline,
    Declined,
    Submission,
    read_answer,
)

ASK_SECONDS: Final = 5.0
GRACE_SECONDS: Final = 0.5  # for the others, once a quorum has cosigned
TRIES_MAX: Final = 3  # for one witness in one round: its size may change between two of them
UNWITNESSED_SECONDS_MAX: Final = 60.0
_WAITING_MAX: Final = 1_024

ProofFrom = Callable[[int], Sequence[bytes]]
"""The consistency proof from a smaller size, not 0, to the checkpoint that is being cosigned (32-byte hashes)."""


class Round(msgspec.Struct, frozen=True):
    """One round of questions. ``note`` is the checkpoint with every verified cosignature below it."""

    checkpoint: Checkpoint
    note: bytes
    cosigned: Mapping[str, Cosigned]
    declined: Mapping[str, Declined]
    verdict: QuorumVerdict

    @property
    def alarms(self) -> tuple[str, ...]:
        """What no retry mends: a witness that has seen more than this log has, or another tree. Stop signing."""
        return _alarms(self.declined)


class Survey(msgspec.Struct, frozen=True):
    """What the witnesses have seen at boot. ``objections`` say why nothing may be signed yet; empty means it may."""

    sizes: Mapping[str, int]
    declined: Mapping[str, Declined]
    objections: tuple[str, ...]

    @property
    def alarms(self) -> tuple[str, ...]:
        """Those objections that no waiting mends: a witness has seen more than this log has, or another tree."""
        return _alarms(self.declined)


class Witnesses:
    """The witnesses of one policy for one log. Create it inside the running loop; ``close`` it at the end.

    Nothing here raises for what a witness does: a witness that fails is one cosignature fewer.
    """

    def __init__(self, policy: Policy, ask_seconds: float = ASK_SECONDS, grace_seconds: float = GRACE_SECONDS) -> None:
        self._policy = policy
        self._grace_seconds = grace_seconds
        self._sizes: dict[str, int] = {}
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=ask_seconds),
            headers={"content-type": "text/plain; charset=utf-8", "accept-encoding": "identity"},
            max_line_size=8_190,
            max_field_size=8_190,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def cosign(self, note: bytes, proof_from: ProofFrom) -> Round:
        """Ask every witness to cosign this signed checkpoint. Raises ``NoteError`` if it is none."""
        checkpoint = Checkpoint.parse(split_note(note).text)
        tasks = {
            asyncio.create_task(self._cosign_one(witness, note, checkpoint.size, proof_from)): witness.name
            for witness in self._policy.witnesses
        }
        cosigned: dict[str, Cosigned] = {}
        declined: dict[str, Declined] = {}
        waiting = set(tasks)
        deadline: float | None = None
        loop = asyncio.get_running_loop()
        try:
            while waiting:
                left = None if deadline is None else max(0.0, deadline - loop.time())
                done, waiting = await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                if not done:
                    break
                for task in done:
                    match task.result():
                        case Cosigned() as answer:
                            cosigned[tasks[task]] = answer
                        case Declined() as answer:
                            declined[tasks[task]] = answer
                if deadline is None and self._policy.evaluate(cosigned).satisfied:
                    deadline = loop.time() + self._grace_seconds
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        for task in waiting:
            declined[tasks[task]] = Declined(Decline.UNAVAILABLE, "slower than a quorum of the others")
        lines = [cosigned[witness.name].line for witness in self._policy.witnesses if witness.name in cosigned]
        verdict = self._policy.evaluate(cosigned)
        return Round(checkpoint, add_lines(note, lines), cosigned, declined, verdict)

    async def sizes_seen(self, note: bytes) -> Survey:
        """Ask every witness what it has seen of this log, before anything is signed.

        ``note`` is the newest checkpoint that was published, or one of size 0 if nothing was: asked from its own size,
        a witness that has seen more, less or another tree says so. Raises ``NoteError`` if it is no checkpoint.
        """
        size = Checkpoint.parse(split_note(note).text).size
        submission = Submission.of(size, (), note)
        witnesses = self._policy.witnesses
        answers = await asyncio.gather(*(self._ask(witness, submission) for witness in witnesses))
        sizes: dict[str, int] = {}
        declined: dict[str, Declined] = {}
        for witness, answer in zip(witnesses, answers, strict=True):
            match answer:
                case Cosigned():
                    sizes[witness.name] = size
                case Conflict():
                    sizes[witness.name] = answer.size
                case Declined():
                    declined[witness.name] = answer
                    if answer.size is not None:
                        sizes[witness.name] = answer.size
        self._sizes.update(sizes)
        return Survey(sizes, declined, self._objections(sizes, declined))

    def _objections(self, sizes: Mapping[str, int], declined: Mapping[str, Declined]) -> tuple[str, ...]:
        out = list(_alarms(declined))
        silent = [witness.name for witness in self._policy.witnesses if witness.name not in sizes]
        if not self._policy.evaluate(sizes).satisfied:
            out.append(f"no quorum of witnesses says what it has seen; silent: {', '.join(silent)}")
        elif silent and self._policy.quorum != NONE and self._policy.evaluate(silent).satisfied:
            # The newest cosigned checkpoint may have been seen by exactly those that are silent now.
            out.append(f"the silent witnesses are a quorum of their own: {', '.join(silent)}")
        return tuple(out)

    async def _cosign_one(
        self, witness: PolicyWitness, note: bytes, size: int, proof_from: ProofFrom
    ) -> Cosigned | Declined:
        old = min(self._sizes.get(witness.name, 0), size)
        for _ in range(TRIES_MAX):
            proof = () if old in {0, size} else tuple(proof_from(old))
            answer = await self._ask(witness, Submission.of(old, proof, note))
            match answer:
                case Cosigned():
                    self._sizes[witness.name] = size
                    return answer
                case Conflict():
                    old = self._sizes[witness.name] = answer.size
                case Declined():
                    return answer
        return Declined(Decline.UNAVAILABLE, f"its size was another one at each of {TRIES_MAX} tries")

    async def _ask(self, witness: PolicyWitness, submission: Submission) -> Cosigned | Conflict | Declined:
        if not witness.url:
            return Declined(Decline.UNAVAILABLE, "the policy names no address for it")
        url = witness.url.rstrip("/") + ADD_CHECKPOINT
        try:
            async with self._session.post(url, data=submission.encode(), allow_redirects=False) as response:
                body = await _read_bounded(response.content)
                content_type = response.headers.get("content-type", "")
                return read_answer(response.status, content_type, body, submission, witness.key)
        except TimeoutError:
            return Declined(Decline.UNAVAILABLE, "it did not answer in time")
        except (aiohttp.ClientError, ValueError) as error:
            return Declined(Decline.UNAVAILABLE, f"it cannot be asked: {type(error).__name__}")


def _alarms(declined: Mapping[str, Declined]) -> tuple[str, ...]:
    found = {Decline.AHEAD: "has seen more than this log has", Decline.INCONSISTENT: "has seen another tree"}
    return tuple(
        f"witness {name} {found[why.why]}: {why.detail}" for name, why in declined.items() if why.why in found
    )


async def _read_bounded(content: aiohttp.StreamReader) -> bytes:
    """The body, or one byte more than an answer may have."""
    data = b""
    while len(data) <= ANSWER_BYTES_MAX:
        part = await content.read(ANSWER_BYTES_MAX + 1 - len(data))
        if not part:
            break
        data += part
    return data


class WitnessedAge:
    """For how long published evidence has not been witnessed. Safe to call from any thread.

    The age is that of the oldest published checkpoint which no quorum has cosigned, nor a larger one: a log that grows
    without pause has always a newest one that nobody has seen yet, and a log at rest owes nothing. ``now`` is seconds
    of a clock that never steps, given in.
    """

    def __init__(self) -> None:
        self._witnessed = -1
        self._waiting: deque[tuple[int, float]] = deque()
        self._acting = threading.Lock()

    @property
    def witnessed_size(self) -> int:
        """The size of the largest checkpoint that a quorum has cosigned since the start; -1 before the first."""
        return self._witnessed

    def published(self, size: int, now: float) -> None:
        """A checkpoint of this size is in place since ``now``."""
        with self._acting:
            last = self._waiting[-1][0] if self._waiting else self._witnessed
            if size <= last:
                return
            if len(self._waiting) == _WAITING_MAX:
                # Bounded, and never younger than the truth: the newest two become one that is as old as the older.
                _, now = self._waiting.pop()
            self._waiting.append((size, now))

    def witnessed(self, size: int) -> None:
        """A quorum has cosigned the checkpoint of this size, and so everything before it."""
        with self._acting:
            self._witnessed = max(self._witnessed, size)
            while self._waiting and self._waiting[0][0] <= self._witnessed:
                self._waiting.popleft()

    def unwitnessed_seconds(self, now: float) -> float:
        """The age in seconds: 0 if everything published is witnessed, infinite before the first quorum."""
        with self._acting:
            if self._witnessed < 0:
                return math.inf
            return max(0.0, now - self._waiting[0][1]) if self._waiting else 0.0


async def witness_newest(witnesses: Witnesses, age: WitnessedAge, note: bytes, proof_from: ProofFrom) -> Round:
    """One step of the loop beside the publisher: ask for cosignatures, and book them if they are a quorum."""
    done = await witnesses.cosign(note, proof_from)
    if done.verdict.satisfied:
        age.witnessed(done.checkpoint.size)
    return done
