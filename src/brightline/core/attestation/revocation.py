# SPDX-License-Identifier: Apache-2.0
"""What is no longer believed of machines: a measurement, an issuer or a node, revoked by one person, for all leases.

As with a halt, what only restricts must not wait for a second person: one signature of either party revokes. To take a
revocation back is another statement, which both parties sign and which names it by its random id. A later policy comes
the same way, and is heard only if it asks for no less than the one before it (``ratchet.py``); a policy that asks for
less takes another installation, which everybody sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from brightline.core.attestation.lease import DEVELOPMENT, Revocable, name_of
from brightline.core.attestation.policy import Policy, check_policy
from brightline.core.attestation.ratchet import looser
from brightline.core.errors import ConfigError, TrustError
from brightline.core.statement import BOTH_PARTIES, Needed, Opened, RoleKeys, SigningRole, TrustRoots, open_signed

REVOCATION_TYPE: Final = "application/vnd.brightline.attestation-revocation+json"
REINSTATEMENT_TYPE: Final = "application/vnd.brightline.attestation-reinstatement+json"
POLICY_TYPE: Final = "application/vnd.brightline.attestation-policy+json"
REVOCATION_FORMAT: Final = "brightline-attestation-revocation/1"
REINSTATEMENT_FORMAT: Final = "brightline-attestation-reinstatement/1"
POLICY_FORMAT: Final = "brightline-attestation-policy/1"
EFFECT_SECONDS: Final = 2  # within which every worker refuses
LAG_SECONDS: Final = 5  # what a verifier allows: the effect, a slow disk, and two clocks that differ a little
REVOKED_MAX: Final = 1_000
VALUE_CHARS_MAX: Final = 512

REVOCATION_ROLES: Final = (
    SigningRole.PROVIDER_OFFICER,
    SigningRole.PROVIDER_SAFETY,
    SigningRole.PROVIDER_CLEARED,
    SigningRole.CUSTOMER_OFFICIAL,
)


class Revocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one person signs. ``value`` is as evidence and policies write it; ``issued`` is in Unix seconds."""

    format: str
    id: str
    what: Revocable
    value: str
    reason: str
    issued: int

    @property
    def name(self) -> str:
        """What records call it: the value itself may say more than everybody has to know."""
        return name_of(self.what, self.value)


class Reinstatement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What both parties sign: the ids of revocations that are over."""

    format: str
    id: str
    revocations: tuple[str, ...]
    reason: str
    issued: int


class PolicyUpdate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What both parties sign: a policy, and the digest of the one that it follows."""

    format: str
    policy: Policy
    replaces: str
    reason: str
    issued: int


class NothingRevoked(ValueError):
    """A statement that is signed and changes nothing."""


class Revoked(msgspec.Struct, frozen=True):
    """What is revoked now, by the id of its revocation. ``seen`` are all that ever were: each counts once."""

    by_id: Mapping[str, Revocation] = MappingProxyType({})
    seen: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    def revoke(self, said: Revocation) -> Revoked:
        """With one more. Raises ``NothingRevoked`` for one that was given before, and beyond a thousand."""
        if said.id in self.seen:
            raise NothingRevoked("this revocation was given before, and counts once")
        if len(self.by_id) >= REVOKED_MAX:
            raise NothingRevoked(f"{REVOKED_MAX} revocations are in force; put the values on the policy's list")
        return _of({**self.by_id, said.id: said}, self.seen | {said.id})

    def reinstate(self, said: Reinstatement) -> Revoked:
        """Without what both parties ended. Raises ``NothingRevoked`` if none of it is in force."""
        ended = self.by_id.keys() & set(said.revocations)
        if not ended:
            raise NothingRevoked("none of the revocations that it names is in force")
        return _of({id_: each for id_, each in self.by_id.items() if id_ not in ended}, self.seen)


def _of(by_id: dict[str, Revocation], seen: frozenset[str]) -> Revoked:
    return Revoked(MappingProxyType(by_id), seen, frozenset(each.name for each in by_id.values()))


def open_revocation(envelope: bytes, roots: TrustRoots, *, at: int) -> Opened[Revocation]:
    """Verify that somebody who may revoke signed, and read it. One signature is enough. Raises ``TrustError``."""
    alone = TrustRoots(roots.profile, {role: RoleKeys(pinned.keys) for role, pinned in roots.roles.items()})
    failures: list[str] = []
    for role in REVOCATION_ROLES:
        try:
            opened = open_signed(envelope, REVOCATION_TYPE, Revocation, alone, at=at, needed=(Needed(role),))
        except TrustError as error:
            failures.append(str(error))
            continue
        said = opened.value
        if said.format != REVOCATION_FORMAT:
            raise TrustError(f"format {said.format[:40]!r} of a revocation; expected {REVOCATION_FORMAT!r}")
        if len(said.id) < 16 or not said.reason.strip() or not 0 < len(said.value) <= VALUE_CHARS_MAX:
            raise TrustError("a revocation has a random id, a reason, and a value as evidence writes it")
        return opened
    raise TrustError("; and ".join(failures))


def open_reinstatement(envelope: bytes, roots: TrustRoots, *, at: int) -> Opened[Reinstatement]:
    """Verify that both parties signed the end of revocations, and read it. Raises ``TrustError``."""
    opened = open_signed(envelope, REINSTATEMENT_TYPE, Reinstatement, roots, at=at, needed=BOTH_PARTIES)
    said = opened.value
    if said.format != REINSTATEMENT_FORMAT:
        raise TrustError(f"format {said.format[:40]!r} of a reinstatement; expected {REINSTATEMENT_FORMAT!r}")
    if len(said.id) < 16 or not said.reason.strip() or not 0 < len(said.revocations) <= REVOKED_MAX:
        raise TrustError("a reinstatement has a random id, a reason, and names the revocations that it ends")
    return opened


def open_policy(envelope: bytes, roots: TrustRoots, before: Policy | None, *, at: int) -> Policy:
    """Verify that both parties signed a policy that asks for no less than the one before it.

    Raises ``TrustError``; without a policy of the installation's there is none that could follow.
    """
    said = open_signed(envelope, POLICY_TYPE, PolicyUpdate, roots, at=at, needed=BOTH_PARTIES).value
    if said.format != POLICY_FORMAT or not said.reason.strip():
        raise TrustError(f"a policy's statement has the format {POLICY_FORMAT!r} and a reason")
    check_for_profile(said.policy, roots.profile)
    if before is None or said.replaces != before.digest:
        now = "there is none" if before is None else f"that is {before.digest}"
        raise TrustError(f"this policy follows {said.replaces[:80]}; in force {now}")
    if found := looser(before, said.policy):
        raise TrustError(f"the policy asks for less: {found[0]}; only another installation may")
    return said.policy


def check_for_profile(policy: Policy, profile: str) -> None:
    """Refuse a policy that asks for too little, or for what is not for production. Raises ``TrustError``."""
    try:
        check_policy(policy, "the attestation policy")
    except ConfigError as error:
        raise TrustError(str(error)) from error
    if profile != DEVELOPMENT and not policy.for_production:
        raise TrustError("the attestation policy accepts development evidence, which is not for production")
