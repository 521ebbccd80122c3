# SPDX-License-Identifier: Apache-2.0
"""Canaries: requests of the auditor that look like all others, sent through the front door and looked for in the log.

A gateway that never writes a request down keeps balanced books. It does not know which requests are the auditor's, and
a request that it answers or refuses without a trace is a proof against it. Before they are sent, the auditor publishes
one digest, so that nobody can say that he made them up afterwards.

A canary counts if the gateway decided it (answered or refused): then it must hold

1. a receipt that the log's key signed,
2. whose leaf stands in the log where the receipt says, as the OUTCOME of its exchange,
3. behind the ATTEMPT of the same exchange,
4. and says what the caller was told: answered or refused.

One that was not served at all (no connection, no valid key, shed under load) says nothing either way.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from brightline.core.canonical import digest
from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.note import VerifierKey
from brightline.core.evidence.odds import CONFIDENCE, caught, share_at_most
from brightline.core.evidence.receipt import Receipt, verify_receipt
from brightline.core.evidence.record import Outcome, RecordKind

FORMAT: Final = "brightline-canaries/1"
SHARES: Final = (0.01, 0.02, 0.05)  # of which it is said how surely they would have been met


class Expected(enum.StrEnum):
    """What should become of a canary."""

    ANSWERED = "answered"
    REFUSED = "refused"
    ANY = "any"


class Told(enum.StrEnum):
    """What the gateway said. ``unserved``: no verdict; ``nothing``: no answer at all."""

    ANSWERED = "answered"
    REFUSED = "refused"
    UNSERVED = "unserved"
    NOTHING = "nothing"


class Canary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One request, by an id of the auditor's own that is never sent."""

    id: str
    prompt: str
    expected: Expected


class CanarySet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them. ``secret`` is 32 random bytes in hex, so that the digest tells nothing of the texts."""

    v: Literal["brightline-canaries/1"]
    secret: str
    canaries: tuple[Canary, ...]

    @property
    def commitment(self) -> str:
        """The digest that is published beforehand."""
        return digest(msgspec.to_builtins(self))


class Sent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A canary that was sent. ``at`` is RFC 3339; ``status`` is HTTP's, or 0; ``code`` is the error's, or empty."""

    id: str
    at: str
    told: Told
    status: int
    code: str
    receipt: Receipt | None


class Fate(enum.StrEnum):
    """What the log shows of a canary."""

    FOUND = "found"
    MISSING = "missing"  # decided, and the log does not say so: a contradiction
    PENDING = "pending"  # its record is not published yet, or its log is not here
    UNCOUNTED = "uncounted"  # not decided at all


class Looked(msgspec.Struct, frozen=True):
    """A canary and its fate. ``surprise``: it was found, and not what was expected became of it."""

    id: str
    fate: Fate
    why: str
    expected: Expected
    outcome: str = ""
    verdict: str = ""
    clauses: tuple[str, ...] = ()
    surprise: bool = False


class LogLook:
    """Looks for exchanges in one log, whose signed key and size are known, as its records come."""

    def __init__(self, key: VerifierKey, size: int, wanted: frozenset[str]) -> None:
        self.key = key
        self.size = size
        self._wanted = wanted
        self._attempts: dict[str, int] = {}
        self._outcomes: dict[str, tuple[int, str, Leaf]] = {}

    def enter(self, first: int, leaves: Sequence[Leaf | None], hashes: Sequence[bytes]) -> None:
        """Take in records from index ``first`` on, and their hashes; ``None`` is one that cannot be believed."""
        for offset, leaf in enumerate(leaves):
            if leaf is None or not leaf.exchange or leaf.exchange not in self._wanted:
                continue
            if leaf.kind is RecordKind.ATTEMPT:
                self._attempts.setdefault(leaf.exchange, first + offset)
            elif leaf.kind is RecordKind.OUTCOME:
                self._outcomes.setdefault(leaf.exchange, (first + offset, hashes[offset].hex(), leaf))

    def fate(self, canary: Canary, sent: Sent, receipt: Receipt) -> Looked:
        """What this log shows of a canary that holds a receipt of it."""
        try:
            verify_receipt(receipt, self.key.public_key)
        except ValueError as error:
            return _missing(canary, str(error))
        if receipt.seq >= self.size:
            why = f"its record {receipt.seq} is not among the {self.size} that are published"
            return Looked(canary.id, Fate.PENDING, why, canary.expected)
        found = self._outcomes.get(receipt.exchange)
        if found is None or found[:2] != (receipt.seq, receipt.leaf):
            return _missing(canary, f"what its receipt promises does not stand at record {receipt.seq}")
        if self._attempts.get(receipt.exchange, receipt.seq) >= receipt.seq:
            return _missing(canary, "its exchange has no ATTEMPT")
        leaf = found[2]
        outcome = leaf.outcome or Outcome.LOST
        if (sent.told is Told.ANSWERED) != (outcome is Outcome.COMPLETED):
            return _missing(canary, f"its caller was told that it is {sent.told.value}, the log says {outcome.value}")
        surprise = canary.expected is not Expected.ANY and sent.told.value != canary.expected.value
        return Looked(
            canary.id,
            Fate.FOUND,
            f"record {receipt.seq} of {receipt.shard}",
            canary.expected,
            outcome.value,
            leaf.verdict or "none",
            leaf.clauses or (),
            surprise and sent.told is not Told.UNSERVED,
        )


def look(canary: Canary, sent: Sent | None, logs: Mapping[str, LogLook]) -> Looked:
    """What the logs, by shard, show of a canary."""
    if sent is None:
        return Looked(canary.id, Fate.UNCOUNTED, "it was not sent", canary.expected)
    if sent.receipt is None:
        if sent.told in {Told.ANSWERED, Told.REFUSED}:
            return _missing(canary, f"it was {sent.told.value} without a receipt")
        return Looked(canary.id, Fate.UNCOUNTED, f"it was not decided ({sent.code or 'no answer'})", canary.expected)
    log = logs.get(sent.receipt.shard)
    if log is None:
        why = f"its receipt is of the log {sent.receipt.shard[:64]!r}, which is not here"
        return Looked(canary.id, Fate.PENDING, why, canary.expected)
    return log.fate(canary, sent, sent.receipt)


def _missing(canary: Canary, why: str) -> Looked:
    return Looked(canary.id, Fate.MISSING, why, canary.expected)


class Odds(msgspec.Struct, frozen=True):
    """``counted`` were decided and looked for; ``at_most`` bounds the share that is left out, at ``confidence``.

    ``would_catch`` says of some shares how probably a sample of this size meets them.
    """

    counted: int
    missing: int
    confidence: float
    at_most: float
    would_catch: dict[str, float]


def odds_of(looked: Sequence[Looked]) -> Odds:
    """What so many canaries, found and missing, say of all other requests."""
    counted = [one for one in looked if one.fate in {Fate.FOUND, Fate.MISSING}]
    missing = sum(one.fate is Fate.MISSING for one in counted)
    sample = len(counted)
    return Odds(
        counted=sample,
        missing=missing,
        confidence=CONFIDENCE,
        at_most=share_at_most(sample, missing),
        would_catch={f"{share:g}": caught(sample, share) for share in SHARES},
    )
