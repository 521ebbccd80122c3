# SPDX-License-Identifier: Apache-2.0
"""What counts of what machines show, from the log: the policy in force and what was revoked; and how both get there.

A statement whose signatures do not hold raises: a revocation that this node cannot believe might be one, so it stops.
One that holds and changes nothing (it was given before, what it ends is over) is kept among the ``ignored``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from brightline.core.attestation.policy import Policy
from brightline.core.attestation.revocation import (
    NothingRevoked,
    Revoked,
    open_policy,
    open_reinstatement,
    open_revocation,
)
from brightline.core.canonical import JsonValue
from brightline.core.errors import TrustError
from brightline.core.evidence.record import Draft, DurableRecord, RecordKind
from brightline.core.ports import Clock
from brightline.core.statement import TrustRoots
from brightline.shell.config import Settings
from brightline.shell.registry.log import append_to_registry, lasting
from brightline.shell.registry.reader import Entry

POLICY: Final = "policy"
REINSTATEMENT: Final = "reinstatement"


class Attestations:
    """The policy and the revocations in force, as a fold of ATTESTATION records; it begins with the installation's."""

    kinds: Final = frozenset({RecordKind.ATTESTATION})

    def __init__(self, roots: TrustRoots, policy: Policy | None) -> None:
        self._roots = roots
        self.policy = policy
        self.revoked = Revoked()
        self.ignored: dict[int, str] = {}

    def enter(self, entry: Entry) -> None:
        """Take in a record. Raises ``TrustError`` for one that is not signed by those who must."""
        try:
            if entry.public.get("what") == POLICY:
                if self.policy is not None:  # for those who read the registry for something else there is none
                    self.policy = open_policy(entry.envelope, self._roots, self.policy, at=entry.unix)
            elif entry.public.get("what") == REINSTATEMENT:
                said = open_reinstatement(entry.envelope, self._roots, at=entry.unix).value
                self.revoked = self.revoked.reinstate(said)
            else:
                self.revoked = self.revoked.revoke(open_revocation(entry.envelope, self._roots, at=entry.unix).value)
        except NothingRevoked as error:
            self.ignored[entry.seq] = str(error)


def log_revocation(
    root: Path, settings: Settings, now: Attestations, roots: TrustRoots, envelope: bytes, clock: Clock
) -> DurableRecord:
    """Check a revocation as every reader will, and log it. Public is what kind of thing it is, and its digest.

    Blocks. Raises ``TrustError`` if nobody who may revoke signed it or it changes nothing, ``OperatorError`` or
    ``EvidenceUnavailable`` if it cannot be logged.
    """
    said = lasting(lambda at: open_revocation(envelope, roots, at=at), clock).value
    try:
        now.revoked.revoke(said)
    except NothingRevoked as error:
        raise TrustError(str(error)) from error
    public: dict[str, JsonValue] = {"what": said.what.value, "revocation": said.id, "name": said.name}
    return _log(root, settings, roots, public, {"statement": envelope.decode(), "value": said.value}, clock)


def log_reinstatement(
    root: Path, settings: Settings, now: Attestations, roots: TrustRoots, envelope: bytes, clock: Clock
) -> DurableRecord:
    """Check what ends revocations as every reader will, and log it with its ids; raises as :func:`log_revocation`."""
    said = lasting(lambda at: open_reinstatement(envelope, roots, at=at), clock).value
    try:
        now.revoked.reinstate(said)
    except NothingRevoked as error:
        raise TrustError(str(error)) from error
    public: dict[str, JsonValue] = {"what": REINSTATEMENT, "ends": list(said.revocations)}
    return _log(root, settings, roots, public, {"statement": envelope.decode()}, clock)


def log_policy(
    root: Path, settings: Settings, now: Attestations, roots: TrustRoots, envelope: bytes, clock: Clock
) -> DurableRecord:
    """Check a later policy as every reader will, and log it. Raises ``TrustError`` if it asks for less in anything."""
    policy = lasting(lambda at: open_policy(envelope, roots, now.policy, at=at), clock)
    public: dict[str, JsonValue] = {"what": POLICY, "policy": policy.digest}
    return _log(root, settings, roots, public, {"statement": envelope.decode()}, clock)


def _log(
    root: Path,
    settings: Settings,
    roots: TrustRoots,
    public: dict[str, JsonValue],
    committed: dict[str, JsonValue],
    clock: Clock,
) -> DurableRecord:
    draft = Draft(RecordKind.ATTESTATION, "", public, committed)
    return append_to_registry(root, settings, roots.profile, clock, draft)
