# SPDX-License-Identifier: Apache-2.0
"""A new version of an agreement, as the statement that the baseline's signers make about it.

    1. the roles that the *baseline* names sign: never those that the new version would like
    2. it is a version of the same agreement, later than every version before it
    3. it is no weaker than the baseline, in what and in who (``ratchet.py``), and its standing theorems hold

The first two say that somebody wanted this. The third does not depend on anybody: whoever signs, a loosening does not
load. It is checked when the update is made, and again by every node before the version comes into force. The baseline,
not the predecessor, is the floor: what was tightened too far can be taken back, down to what both parties signed.
"""

from __future__ import annotations

from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.errors import TrustError
from brightline.core.statement import Needed, Opened, SigningRole, TrustRoots, open_signed

UPDATE_TYPE: Final = "application/vnd.brightline.agreement-update+json"
FORMAT: Final = "brightline-agreement-update/1"


class AgreementUpdate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is signed. ``agreement`` and ``baseline`` are digests; ``proof`` pins the kept proofs by file name."""

    format: str
    id: str
    version: int
    agreement: str
    baseline: str
    proof: dict[str, str]
    issued: int


def signers_of(baseline: Agreement) -> tuple[Needed, ...]:
    """The roles that must sign a change. Raises ``TrustError`` for a role that may sign none."""
    needed = []
    for name in baseline.change.signers:
        try:
            role = SigningRole(name)
        except ValueError:
            raise TrustError(f"the agreement lets {name!r} sign changes, which is no role here") from None
        if role is SigningRole.FIELD_ENGINEER:
            raise TrustError("a field engineer operates and repairs, and changes no agreement")
        needed.append(Needed(role))
    return tuple(needed)


def open_update(envelope: bytes, roots: TrustRoots, baseline: Agreement, *, at: int) -> AgreementUpdate:
    """The same as :func:`open_signed_update`, for whoever need not know who signed."""
    return open_signed_update(envelope, roots, baseline, at=at).value


def open_signed_update(envelope: bytes, roots: TrustRoots, baseline: Agreement, *, at: int) -> Opened[AgreementUpdate]:
    """Verify who signed, and that it is about this agreement (step 1). Raises ``TrustError``."""
    opened = open_signed(envelope, UPDATE_TYPE, AgreementUpdate, roots, at=at, needed=signers_of(baseline))  # 1.
    update = opened.value
    if update.format != FORMAT:
        raise TrustError(f"update format {update.format[:40]!r}; expected {FORMAT!r}")
    if update.id != baseline.id or update.baseline != baseline.digest:
        raise TrustError(
            f"the update is of {update.id[:80]} over baseline {update.baseline[:80]}; "
            f"both parties signed {baseline.id} with {baseline.digest}"
        )
    return opened


def check_later(version: int, version_in_force: int) -> None:
    """It comes after every version that was in force (step 2). Raises ``TrustError``."""
    if version <= version_in_force:
        raise TrustError(f"version {version} is not later than {version_in_force}, which was in force already")


def fits(update: AgreementUpdate, candidate: Agreement) -> None:
    """The files are those that were signed for. Raises ``TrustError``."""
    if candidate.digest != update.agreement:
        raise TrustError(f"the files have digest {candidate.digest}; signed was {update.agreement}")
    said, signed = f"{candidate.id} version {candidate.version}", f"{update.id} version {update.version}"
    if said != signed:
        raise TrustError(f"the file says {said}; signed was {signed}")
