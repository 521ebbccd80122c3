# SPDX-License-Identifier: Apache-2.0
"""An ATTESTED record looked at again by somebody else: what was shown, verified at its time, answers for this node.

The record names all that the challenge was made of, so that nothing has to be believed of the node but that this is
its record. What is opened must have the digest that the record names; each piece must verify under the pinned roots at
the time of the record, and answer the challenge; and the record must name all that its lease rests on. With the policy
it must follow once more that the same facts are stated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from brightline.core.attestation.appraise import PIECES_MAX, Tier, appraise
from brightline.core.attestation.chain import Root
from brightline.core.attestation.claims import Claims, Kind
from brightline.core.attestation.demands import Challenge, check_nonce, check_not_debug
from brightline.core.attestation.evidence import Evidence, verify
from brightline.core.attestation.fault import Fault, refuse
from brightline.core.attestation.handing import challenge_over
from brightline.core.attestation.lease import Node, Shown, challenge_of, rests_on
from brightline.core.attestation.policy import Policy
from brightline.core.canonical import JsonValue


class Recorded(msgspec.Struct, frozen=True):
    """Of an ATTESTED record, or a KEYS record of a key broker, what is looked at again.

    ``stated`` are the facts that it says follow. ``sealed`` and ``installation`` are of a KEYS record alone.
    """

    profile: str
    agreement: str
    release: str
    keys: tuple[str, ...]
    nonce: str
    evidence: str
    policy: str
    rests_on: tuple[str, ...]
    stated: dict[str, str]
    installation: str = ""
    sealed: str = ""

    def challenge(self, nonce: bytes, keys: tuple[bytes, ...]) -> bytes:
        """What its evidence had to carry. Raises ``EvidenceRefused``."""
        if not self.sealed:
            return challenge_of(Node(self.profile, keys, self.agreement, self.release), nonce)
        if len(keys) != 1:
            refuse(Fault.MALFORMED, "keys are handed to one recipient")
        return challenge_over(nonce, keys[0], self.installation, self.sealed)


class _Piece(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Kind
    main: str
    parts: dict[str, str]

    @property
    def evidence(self) -> Evidence:
        """As bytes. Raises ``ValueError``."""
        parts = {name: bytes.fromhex(part) for name, part in self.parts.items()}
        return Evidence(self.kind, bytes.fromhex(self.main), parts)


class _Opened(msgspec.Struct, frozen=True):
    shown: Annotated[tuple[_Piece, ...], Meta(min_length=1, max_length=PIECES_MAX)]


def recheck(
    record: Recorded, opened: Mapping[str, JsonValue], roots: tuple[Root, ...], at: float, policy: Policy | None
) -> tuple[Claims, ...]:
    """What the evidence of a record says, verified at the record's time (Unix seconds).

    Raises ``EvidenceRefused`` with the first thing that is not as the record says.
    """
    try:
        pieces = msgspec.convert(dict(opened), _Opened).shown
        shown = tuple(
            Evidence(
                each.kind, bytes.fromhex(each.main), {name: bytes.fromhex(part) for name, part in each.parts.items()}
            )
            for each in pieces
        )
        nonce, keys = bytes.fromhex(record.nonce), tuple(map(bytes.fromhex, record.keys))
    except (msgspec.ValidationError, ValueError) as error:
        refuse(Fault.MALFORMED, f"what was opened is no evidence: {str(error)[:200]}")
    if Shown(nonce, shown, "", production=False).digest != record.evidence:
        refuse(Fault.INCONSISTENT, "what was opened is other evidence than the record names")
    challenge = record.challenge(nonce, keys)
    claims = tuple(verify(piece, roots, at) for piece in shown)
    for each in claims:
        check_not_debug(each)
        if each.kind is not Kind.EC2:  # it has no place for one; the policy asks for another piece beside it
            check_nonce(each, challenge)
    if not rests_on(claims) <= set(record.rests_on):
        refuse(Fault.INCONSISTENT, "the record leaves out what its lease rests on")
    if policy is not None:
        _appraised(record, claims, policy, challenge, at)
    return claims


def _appraised(record: Recorded, claims: tuple[Claims, ...], policy: Policy, challenge: bytes, at: float) -> None:
    if policy.digest != record.policy:
        refuse(Fault.INCONSISTENT, f"the record rests on the policy {record.policy[:80]}, which this is not")
    appraisal = appraise(claims, policy, Challenge(challenge), at)
    if appraisal.tier is not Tier.AFFIRMING:
        [first, *_] = appraisal.refused
        refuse(first.fault, first.message)
    if dict(appraisal.facts) != record.stated:
        refuse(Fault.INCONSISTENT, "the policy makes other facts of it than the record states")
