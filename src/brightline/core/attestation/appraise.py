# SPDX-License-Identifier: Apache-2.0
"""Verified claims against policy, challenge and time: accepted, or refused with the fault, and the facts that follow.

All pieces that are shown count: one that is refused refuses the whole, so that nobody shows ten and hopes for one.
Facts follow only from what was accepted. *Where* a machine runs is stated only by an operator's endorsement, and only
of the machine that was measured: the same piece, a piece that binds its key, or one that names the same instance.
Two pieces that merely answer the same nonce may be of two machines, and state no place together.

A nonce or a key in evidence does not stop relay: an attested machine elsewhere may answer for the one that is asked.
What is bound (the channel, the node's own key) is for who makes the challenge.
"""

from __future__ import annotations

import enum
import hmac
from collections.abc import Sequence
from typing import Final

import msgspec

from brightline.core.attestation.claims import EAT_PROFILE, Claims, Kind, Place
from brightline.core.attestation.demands import DEMANDS, Challenge, Piece, check_fresh, names_same_instance
from brightline.core.attestation.fault import Fault, refuse
from brightline.core.attestation.policy import STACK_ON, SURFACE, Accept, Policy
from brightline.core.errors import EvidenceRefused
from brightline.core.facts import UNKNOWN, Source, Statement

PIECES_MAX: Final = 8
GOOD: Final = {SURFACE: "provider_cloud", STACK_ON: "yes"}


class Tier(enum.StrEnum):
    """How far evidence is trusted; the words are those of attestation results (EAR, "status")."""

    AFFIRMING = "affirming"  # authentic, and the policy accepts all of it
    NONE = "none"  # signed, by a key for which nobody vouches: anybody could have made it
    WARNING = "warning"  # authentic, and nothing was asked of it that would make it more
    CONTRAINDICATED = "contraindicated"  # refused


class Refused(msgspec.Struct, frozen=True):
    """Why one piece was refused; ``entry`` is the entry of the policy that came closest, or empty."""

    kind: Kind
    fault: Fault
    message: str
    entry: str = ""


class Appraisal(msgspec.Struct, frozen=True):
    """What comes of it. ``facts`` holds both facts, each with its value or unknown; ``until`` is a Unix second."""

    tier: Tier
    at: int
    until: int
    nonce: bytes
    policy: str
    facts: tuple[tuple[str, str], ...]
    accepted: tuple[tuple[str, Claims], ...] = ()
    refused: tuple[Refused, ...] = ()
    notes: tuple[str, ...] = ()
    place: Place | None = None

    @property
    def statements(self) -> tuple[Statement, ...]:
        """As statements to the agreement. What could not be found out is stated as unknown."""
        by = "attestation: " + (", ".join(name for name, _ in self.accepted) or "nothing accepted")
        return tuple(Statement(fact, value, Source.ATTESTATION, by) for fact, value in self.facts)

    def eat(self) -> dict[str, object]:
        """As an EAT claims set (RFC 9711), each accepted piece as a submodule."""
        return {
            "eat_profile": EAT_PROFILE,
            "iat": self.at,
            "exp": self.until,
            "eat_nonce": self.nonce.hex(),
            "submods": {name: claims.eat() for name, claims in self.accepted},
            "brightline": {
                "tier": self.tier.value,
                "policy": self.policy,
                "facts": dict(self.facts),
                "place": msgspec.to_builtins(self.place),
                "refused": [msgspec.to_builtins(each) for each in self.refused],
                "notes": list(self.notes),
            },
        }


def appraise(pieces: Sequence[Claims], policy: Policy, challenge: Challenge, at: float) -> Appraisal:
    """Appraise verified claims at a time (Unix seconds). What evidence says never raises: it is refused in words.

    Raises ``EvidenceRefused`` for no piece at all, and for more than eight.
    """
    if not 1 <= len(pieces) <= PIECES_MAX:
        refuse(Fault.MALFORMED, f"{len(pieces)} pieces of evidence were shown; 1 to {PIECES_MAX} are appraised")
    accepted: list[Piece] = []
    refused: list[Refused] = []
    # Who is vouched for by others comes after them: a quote by a bare key, then a document without a nonce.
    for claims in sorted(pieces, key=lambda each: (each.kind is Kind.EC2, not each.issuer)):
        found = _entry_for(claims, policy, challenge, at, accepted)
        if isinstance(found, Refused):
            refused.append(found)
        else:
            accepted.append(Piece(claims, found))
    if challenge.key and not any(hmac.compare_digest(piece.claims.key, challenge.key) for piece in accepted):
        refused.append(
            Refused(pieces[0].kind, Fault.WRONG_KEY, "no piece of evidence binds the key that was asked for")
        )
    facts, notes, place = _facts(accepted) if not refused else ({}, [], None)
    ends = [int(at) + policy.age_seconds_max]
    ends += [each.until for each in pieces if each.until is not None]
    # An identity document is as old as its instance, and fresh by what stands beside it.
    dated = [each.made for each in pieces if each.made is not None and each.kind is not Kind.EC2]
    ends += [made + policy.age_seconds_max for made in dated]
    return Appraisal(
        Tier.CONTRAINDICATED if refused else Tier.AFFIRMING,
        int(at),
        int(at) if refused else min(ends),
        challenge.nonce,
        policy.digest,
        tuple((fact, facts.get(fact, UNKNOWN)) for fact in (STACK_ON, SURFACE)),
        () if refused else tuple((piece.entry.name, piece.claims) for piece in accepted),
        tuple(refused),
        tuple(notes),
        place,
    )


def _entry_for(
    claims: Claims, policy: Policy, challenge: Challenge, at: float, before: Sequence[Piece]
) -> Accept | Refused:
    """The first entry that accepts the claims; otherwise the refusal of the entry that came furthest."""
    try:
        check_fresh(claims, policy, challenge, at, before)
    except EvidenceRefused as error:
        return Refused(claims.kind, Fault(error.fault), error.said)
    furthest = (-1, Refused(claims.kind, Fault.NOT_ASKED_FOR, f"the policy accepts nothing of kind {claims.kind}"))
    for entry in policy.accept:
        if entry.kind is not claims.kind:
            continue
        step = 0
        try:
            for step, check in enumerate(DEMANDS):  # noqa: B007
                check(claims, entry, before)
        except EvidenceRefused as error:
            if step > furthest[0]:
                furthest = (step, Refused(claims.kind, Fault(error.fault), error.said, entry.name))
        else:
            return entry
    return furthest[1]


def _facts(accepted: Sequence[Piece]) -> tuple[dict[str, str], list[str], Place | None]:
    """The facts that follow, why one does not, and the place that was endorsed."""
    facts: dict[str, str] = {}
    notes: list[str] = []
    stacks = [piece for piece in accepted if STACK_ON in piece.entry.states]
    places = [piece for piece in accepted if SURFACE in piece.entry.states]
    if stacks:
        facts[STACK_ON] = GOOD[STACK_ON]
    else:
        notes.append("no piece of evidence says what runs there")
    of_all = [piece for piece in places if all(_same_machine(piece.claims, stack.claims) for stack in stacks)]
    if of_all:
        facts[SURFACE] = GOOD[SURFACE]
        return facts, notes, of_all[0].claims.place
    if places:
        notes.append("what says where a machine runs is not bound to the machine that was measured")
    else:
        notes.append("no operator says where the machine runs: a chip's report alone does not")
    return facts, notes, None


def _same_machine(a: Claims, b: Claims) -> bool:
    if a is b or names_same_instance(a, b):
        return True
    return bool(a.key and a.key == b.signer) or bool(b.key and b.key == a.signer)
