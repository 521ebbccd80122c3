# SPDX-License-Identifier: Apache-2.0
"""THE LEASE: for how long what a machine showed about itself counts, and what ends it sooner.

    none      nothing was shown yet, or what was shown was refused
    held      appraised evidence answers a fresh nonce; the lease ends at a time that is known when it begins
    ended     its time is over, a clock stepped, what it rests on was revoked, or another lease took its place

Only a new lease follows an ended one. What is asked of a machine is a *challenge*: a hash over a fresh random nonce,
the keys by which this node signs, and the agreement and release that it serves under. So evidence that answers it says
that this node has those keys now, and whoever has the record can make the challenge again and look.

A verifier that cannot be reached, and evidence that is refused, never extend a lease; nor do they end one.

Nothing here reads a clock: each question brings an :class:`Instant`, which is both clocks at once.
"""

from __future__ import annotations

import enum
import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection, Sequence
from typing import Final

import msgspec

from brightline.core.attestation.appraise import Appraisal, Tier
from brightline.core.attestation.claims import Claims, Counters
from brightline.core.attestation.demands import signer_of
from brightline.core.attestation.evidence import Evidence
from brightline.core.attestation.fault import Fault, refuse
from brightline.core.attestation.policy import NOT_FOR_PRODUCTION
from brightline.core.canonical import INTEGER_MAX, JsonValue, digest
from brightline.core.facts import Source, Statement, Vocabulary

LEASE_SECONDS_MAX: Final = 600
LEASE_SECONDS_MIN: Final = 2  # evidence that ends sooner was hardly worth asking for
CLOCK_STEP_SECONDS: Final = 5
RENEW_AFTER: Final = 0.5  # of a lease; each node a little sooner or later, so that not all ask at once
NONCE_BYTES: Final = 32
DEVELOPMENT: Final = "development"  # the one profile in which what attests nothing may stand in
EVIDENCE_KEPT_BYTES_MAX: Final = 131_072  # of evidence that lies beside its record, for whoever verifies it again
RESTS_ON_MAX: Final = 128
_PREFIX: Final = b"brightline-lease-v1\0"
_CHALLENGE_BYTES: Final = 24
_Write = Callable[[bytes], str]


class Instant(msgspec.Struct, frozen=True):
    """One moment on both clocks, in seconds: one that never steps, and Unix time."""

    steady: float
    wall: float

    @property
    def skew(self) -> float:
        """How far the clocks are apart: the same for as long as neither steps."""
        return self.wall - self.steady


class Loss(enum.StrEnum):
    """Why there is no lease."""

    NONE = "no lease was taken yet"
    EXPIRED = "the lease expired and was not renewed"
    CLOCK = "the clock was set"
    REVOKED = "what the lease rests on was revoked"
    POLICY = "another policy is in force than the one that the lease rests on"


class Node(msgspec.Struct, frozen=True):
    """Who asks for a lease. ``keys`` are raw public keys; ``agreement`` and ``release`` digests."""

    profile: str
    keys: tuple[bytes, ...]
    agreement: str
    release: str


class Shown(msgspec.Struct, frozen=True):
    """What an attester gave for a nonce of 32 bytes: evidence, whose, and whether it may count in production."""

    nonce: bytes
    evidence: tuple[Evidence, ...]
    attester: str
    production: bool

    @property
    def digest(self) -> str:
        """``sha256:<hex>`` over all pieces, their kinds and parts."""
        return digest([_piece(each, lambda data: hashlib.sha256(data).hexdigest()) for each in self.evidence])


class Lease(msgspec.Struct, frozen=True):
    """A lease that was granted: to when on both clocks, and what follows from it for as long as it is held.

    ``node`` is whom it was granted to; ``rests_on`` are the names (:func:`name_of`) of what may be revoked.
    """

    node: Node
    shown: Shown
    appraisal: Appraisal
    granted: Instant
    until: Instant
    rests_on: frozenset[str]

    def over(self, now: Instant, revoked: Collection[str]) -> Loss | None:
        """Why it is over, or nothing while it is held. A clock that went back keeps no lease alive."""
        if not self.rests_on.isdisjoint(revoked):
            return Loss.REVOKED
        if abs(now.skew - self.granted.skew) > CLOCK_STEP_SECONDS or now.steady < self.granted.steady:
            return Loss.CLOCK
        if now.steady >= self.until.steady or now.wall >= self.until.wall:
            return Loss.EXPIRED
        return None

    def renew_in(self, now: Instant, chance: float) -> float:
        """Seconds until it should be renewed: half of it, a tenth sooner or later by ``chance`` (0 to 1)."""
        length = self.until.steady - self.granted.steady
        return max(0.0, self.granted.steady + length * (RENEW_AFTER + 0.1 * (2 * chance - 1)) - now.steady)

    def statements(self, vocabulary: Vocabulary) -> tuple[Statement, ...]:
        """What it states of the facts that the agreement lets attestation state; of others nothing."""
        found = []
        for said in self.appraisal.statements:
            name, _ = vocabulary.in_words_of_now(said.fact, said.value)
            if name in vocabulary and Source.ATTESTATION in vocabulary.spec(name).set_by:
                found.append(said)
        return tuple(found)

    @property
    def counters(self) -> dict[str, Counters]:
        """The counters of each TPM that answered, by the digest of the key that signed."""
        return {
            signer_of(claims): claims.counters
            for _, claims in self.appraisal.accepted
            if claims.counters is not None and claims.signer
        }

    def public(self) -> dict[str, JsonValue]:
        """What its ATTESTED record says to everybody. Counters stand there so that the next start knows them."""
        counters: dict[str, JsonValue] = {
            name: [each.resets, each.restarts, min(each.clock, INTEGER_MAX)] for name, each in self.counters.items()
        }
        more: dict[str, JsonValue] = {"counters": counters} if counters else {}
        return more | {
            "agreement": self.node.agreement,
            "attester": self.shown.attester,
            "evidence": self.shown.digest,
            "expires": int(self.until.wall),
            "keys": [key.hex() for key in self.node.keys],
            "nonce": self.shown.nonce.hex(),
            "policy": self.appraisal.policy,
            "production": self.shown.production,
            "release": self.node.release,
            "rests_on": [*sorted(self.rests_on)],
            "stated": dict(self.appraisal.facts),
        }

    def committed(self) -> dict[str, JsonValue]:
        """What is opened for whoever verifies it again: the result (RFC 9711), and the evidence if it is not large."""
        found: dict[str, JsonValue] = {"result": msgspec.to_builtins(self.appraisal.eat(), str_keys=True)}
        if sum(len(data) for each in self.shown.evidence for data in (each.main, *each.parts.values())) <= (
            EVIDENCE_KEPT_BYTES_MAX
        ):
            found["shown"] = [_piece(each, lambda data: data.hex()) for each in self.shown.evidence]
        return found


def challenge_of(node: Node, nonce: bytes) -> bytes:
    """What evidence must carry: 32 characters of ASCII (192 bits), which every kind has room for, tokens too."""
    hashed = hashlib.sha256(_PREFIX)
    for part in (nonce, *node.keys, node.agreement.encode(), node.release.encode()):
        hashed.update(len(part).to_bytes(4, "big") + part)
    return urlsafe_b64encode(hashed.digest()[:_CHALLENGE_BYTES])


def grant(node: Node, shown: Shown, appraisal: Appraisal, now: Instant) -> Lease:
    """A lease for what was appraised. Raises ``EvidenceRefused`` with the fault if none follows from it."""
    if appraisal.tier is not Tier.AFFIRMING or not appraisal.accepted:
        for each in appraisal.refused:
            refuse(each.fault, f"{each.kind}: {each.message}")
        refuse(Fault.NOT_ASKED_FOR, "nothing that was shown is accepted")
    for_development = not shown.production or any(
        claims.kind in NOT_FOR_PRODUCTION for _, claims in appraisal.accepted
    )
    if for_development and node.profile != DEVELOPMENT:
        refuse(Fault.NOT_ASKED_FOR, f"{shown.attester} is not for production")
    seconds = min(LEASE_SECONDS_MAX, appraisal.until - now.wall)
    if seconds < LEASE_SECONDS_MIN:
        refuse(Fault.STALE, f"what was shown counts for {max(0, int(seconds))} seconds more")
    names = rests_on([claims for _, claims in appraisal.accepted])
    if len(names) > RESTS_ON_MAX:
        refuse(Fault.TOO_LARGE, f"the evidence rests on {len(names)} things; at most {RESTS_ON_MAX}")
    until = Instant(now.steady + seconds, now.wall + seconds)
    shown = msgspec.structs.replace(shown, production=not for_development)
    return Lease(node, shown, appraisal, now, until, names)


class _Counted(msgspec.Struct):
    counters: dict[str, tuple[int, int, int]] = {}


def read_counters(leaf: bytes) -> dict[str, Counters]:
    """The counters in an ATTESTED record as it is logged; none where it names none, or is not one of ours."""
    try:
        said = msgspec.json.decode(leaf, type=_Counted)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return {name: Counters(*each) for name, each in said.counters.items()}


class Revocable(enum.StrEnum):
    """What can be revoked."""

    MEASUREMENT = "measurement"  # a value, whatever register it stands in
    ISSUER = "issuer"  # who vouches, or a key that signed by itself, as the policy names it
    NODE = "node"  # a machine, by the name that evidence gives it


def name_of(what: Revocable, value: str) -> str:
    """``sha256:<hex>`` by which a record names what a lease rests on, or what was revoked."""
    return digest([what.value, value])


def rests_on(pieces: Sequence[Claims]) -> frozenset[str]:
    """The names of all that these pieces of evidence rest on."""
    return frozenset(name for claims in pieces for name in _names(claims))


def _names(claims: Claims) -> Sequence[str]:
    found = [name_of(Revocable.MEASUREMENT, value) for _, value in claims.measurements if value.strip("0")]
    issuers = [claims.issuer, f"sha256:{hashlib.sha256(claims.signer).hexdigest()}" if claims.signer else ""]
    found += [name_of(Revocable.ISSUER, each) for each in issuers if each]
    return [*found, *([name_of(Revocable.NODE, claims.instance)] if claims.instance else [])]


def _piece(evidence: Evidence, write: _Write) -> JsonValue:
    parts: dict[str, JsonValue] = {name: write(data) for name, data in sorted(evidence.parts.items())}
    return {"kind": evidence.kind.value, "main": write(evidence.main), "parts": parts}
