# SPDX-License-Identifier: Apache-2.0
"""What a challenge and an entry of the policy demand of verified claims, each demand by itself, in their order.

Each raises ``EvidenceRefused`` with its fault, or lets the claims pass. One that finds nothing to look at refuses.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from brightline.core.attestation.claims import Claims, Counters, Debug, Kind
from brightline.core.attestation.fault import Fault, refuse
from brightline.core.attestation.policy import SURFACE, Accept, Policy, TcbFloor
from brightline.core.facts import UNKNOWN

NONCE_BYTES_MIN: Final = 16
NONCE_BYTES_MAX: Final = 1_024
REPORT_DATA_BYTES: Final = 64
CLOCK_SKEW_SECONDS: Final = 60
_IN_REPORT_DATA: Final = frozenset({Kind.SNP, Kind.TDX})


class Challenge(msgspec.Struct, frozen=True):
    """What evidence must answer: a nonce that was never used before; a key that it must bind, where there is one.

    ``after`` are the counters of the machine's last accepted evidence; ``seen`` those of each key that signed any
    (:func:`signer_of`), which go before. ``ValueError`` for a nonce of odd length.
    """

    nonce: bytes
    key: bytes = b""
    after: Counters | None = None
    seen: Mapping[str, Counters] = {}

    def __post_init__(self) -> None:
        if not NONCE_BYTES_MIN <= len(self.nonce) <= NONCE_BYTES_MAX:
            raise ValueError(f"a nonce has {NONCE_BYTES_MIN} to {NONCE_BYTES_MAX} bytes, and not {len(self.nonce)}")


def signer_of(claims: Claims) -> str:
    """``sha256:<hex>`` of the key that signed evidence; empty if nobody says which."""
    return f"sha256:{hashlib.sha256(claims.signer).hexdigest()}" if claims.signer else ""


class Piece(msgspec.Struct, frozen=True):
    """Claims, and the entry that accepted them."""

    claims: Claims
    entry: Accept


def check_nonce(claims: Claims, nonce: bytes) -> None:
    """The evidence carries exactly this nonce (report data: padded with zeros). Raises ``EvidenceRefused``."""
    if claims.kind in _IN_REPORT_DATA:
        if not any(claims.data):
            refuse(Fault.NO_NONCE, f"evidence of kind {claims.kind} has zeros where a nonce belongs")
        if len(nonce) > REPORT_DATA_BYTES or not hmac.compare_digest(
            claims.data, nonce.ljust(REPORT_DATA_BYTES, b"\0")
        ):
            refuse(Fault.WRONG_NONCE, f"evidence of kind {claims.kind} carries other report data than the nonce")
        return
    if not claims.nonces:
        refuse(Fault.NO_NONCE, f"evidence of kind {claims.kind} carries no nonce, and may be of any time")
    if sum(hmac.compare_digest(each, nonce) for each in claims.nonces) == 0:  # all are compared, whichever is right
        refuse(Fault.WRONG_NONCE, f"evidence of kind {claims.kind} carries another nonce")


def check_not_debug(claims: Claims) -> None:
    """No debugger can read its memory. Raises ``EvidenceRefused``."""
    if claims.debug is Debug.ENABLED:
        refuse(Fault.DEBUG, f"evidence of kind {claims.kind} is of a machine in debug mode: its memory can be read")


def check_fresh(claims: Claims, policy: Policy, challenge: Challenge, at: float, before: Sequence[Piece]) -> None:
    """Nonce, age, counters, debugging and the list of what is never accepted: whatever the entry."""
    if claims.kind is Kind.EC2:
        if not any(names_same_instance(claims, piece.claims) for piece in before):
            refuse(Fault.NO_NONCE, "an identity document has no nonce, and nothing that has one names its instance")
    else:
        check_nonce(claims, challenge.nonce)
        if claims.made is not None and at - claims.made > policy.age_seconds_max:
            refuse(Fault.STALE, f"evidence is {at - claims.made:.0f} seconds old; at most {policy.age_seconds_max}")
    if claims.made is not None and claims.made - at > CLOCK_SKEW_SECONDS:
        refuse(Fault.NOT_YET, f"evidence says that it was made {claims.made - at:.0f} seconds from now")
    if claims.until is not None and at > claims.until:
        refuse(Fault.EXPIRED, f"what the evidence rests on ended {at - claims.until:.0f} seconds ago")
    if claims.counters is not None:
        last = challenge.seen.get(signer_of(claims)) or challenge.after
        if last is not None and (why := claims.counters.behind(last)):
            refuse(Fault.WENT_BACK, why)
    check_not_debug(claims)
    never = {claims.instance, signer_of(claims)} - {""}
    if never & set(policy.deny):
        refuse(Fault.DENIED, "the policy names this machine among those that are never accepted")


def _check_issuer(claims: Claims, entry: Accept, before: Sequence[Piece]) -> None:
    if claims.issuer and claims.issuer in entry.issuers:
        return
    if claims.signer and signer_of(claims) in entry.signers:
        return
    if claims.signer and any(p.claims.kind in entry.bound_by and p.claims.key == claims.signer for p in before):
        return
    if not claims.issuer:
        refuse(Fault.UNENDORSED, "nobody whom the policy names vouches for the key that signed")
    refuse(Fault.WRONG_ISSUER, f"{claims.issuer} vouches for it, whom the entry does not name")


def _check_audience(claims: Claims, entry: Accept, before: Sequence[Piece]) -> None:
    if entry.audiences and claims.audience not in entry.audiences:
        refuse(Fault.WRONG_AUDIENCE, f"the token was made for {claims.audience[:80]!r}")


def _check_conditions(claims: Claims, entry: Accept, before: Sequence[Piece]) -> None:
    said = dict(claims.conditions)
    for name, wanted in entry.demanded.items():
        if said.get(name, UNKNOWN) not in wanted:
            refuse(Fault.CONDITION, f"{name} is {said.get(name, UNKNOWN)!r}; {' or '.join(wanted)} is asked for")


def _check_tcb(claims: Claims, entry: Accept, before: Sequence[Piece]) -> None:
    if entry.products and claims.product not in entry.products:
        refuse(Fault.CONDITION, f"the product is {claims.product!r}; {' or '.join(entry.products)} is asked for")
    if entry.tcb is not None:
        _check_floor(claims, entry.tcb)


def _check_floor(claims: Claims, floor: TcbFloor) -> None:
    tcb = claims.tcb
    if tcb is None or (floor.status and not tcb.status):
        refuse(Fault.TCB_UNKNOWN, "nothing that came with the evidence says how old its platform is")
    have = dict(tcb.parts)
    for name, least in floor.least.items():
        if have.get(name, -1) < least:
            refuse(Fault.TCB_OUT_OF_DATE, f"{name} is at {have.get(name, 'nothing')}; at least {least} is asked for")
    if floor.status and tcb.status not in floor.status:
        refuse(Fault.TCB_OUT_OF_DATE, f"the vendor calls the platform {tcb.status}")
    if tcb.evaluation < floor.evaluation_min:
        refuse(
            Fault.TCB_OUT_OF_DATE, f"the vendor's list is number {tcb.evaluation}; {floor.evaluation_min} is asked for"
        )
    warned = set(tcb.advisories) - set(floor.advisories_accepted)
    if warned:
        refuse(Fault.TCB_OUT_OF_DATE, f"the vendor warns of {', '.join(sorted(warned))[:120]}")


def _check_measured(claims: Claims, entry: Accept, before: Sequence[Piece]) -> None:
    measured = claims.measured
    for name, allowed in entry.measurements.items():
        if name not in measured:
            refuse(Fault.WRONG_MEASUREMENT, f"{name} was not measured")
        if measured[name] not in allowed:
            refuse(Fault.WRONG_MEASUREMENT, f"{name} is {measured[name][:24]}…, which is not on the list")


def _check_place(claims: Claims, entry: Accept, before: Sequence[Piece]) -> None:
    if SURFACE not in entry.states and not (entry.regions or entry.zones or entry.accounts):
        return
    place = claims.place
    if place is None:
        refuse(Fault.WRONG_PLACE, f"this evidence of kind {claims.kind} says nothing of where it runs")
    for what, have, allowed in (
        ("region", place.region, entry.regions),
        ("zone", place.zone, entry.zones),
        ("account", place.account, entry.accounts),
    ):
        if allowed and have not in allowed:
            refuse(Fault.WRONG_PLACE, f"its {what} is {have or 'not said'}, which is not on the list")


DEMANDS: Final[tuple[Callable[[Claims, Accept, Sequence[Piece]], None], ...]] = (
    _check_issuer,
    _check_audience,
    _check_conditions,
    _check_tcb,
    _check_measured,
    _check_place,
)


def names_same_instance(a: Claims, b: Claims) -> bool:
    """Both name one instance of one provider."""
    if not a.instance or a.instance != b.instance or a.place is None or b.place is None:
        return False
    return a.place.provider == b.place.provider
