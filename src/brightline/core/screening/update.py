# SPDX-License-Identifier: Apache-2.0
"""Another classifier release, as the statement that people of the parties sign about it.

    1. who signs depends on what it does: both organisations, or for an emergency two safety people of the provider
    2. it follows the statement before it: the next number, and it replaces the release that is in force now
    3. what it does is allowed: a release is of a higher version than any that was in force, and no weaker on the
       pinned cases (``gate.py``); an emergency moreover only tightens, by its very files (``tighten.py``); a rollback
       goes to a release that was in force already, for a stated reason

The first two say that somebody wanted this, now. The third depends on nobody: whoever signs, what does not pass is not
in force. Every node checks all three by itself, from the log.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from brightline.core.errors import TrustError
from brightline.core.screening.release import Release
from brightline.core.screening.trial import Rule
from brightline.core.statement import Needed, Opened, SigningRole, TrustRoots, open_signed

UPDATE_TYPE: Final = "application/vnd.brightline.classifier-update+json"
FORMAT: Final = "brightline-classifier-update/1"
REASON_CHARS_MAX: Final = 2_000


class Kind(enum.StrEnum):
    """What a statement does."""

    RELEASE = "release"
    EMERGENCY = "emergency"
    ROLLBACK = "rollback"


# An officer has an interest in the sale, so the provider's word on classifiers is its safety people's.
BOTH_ORGANISATIONS: Final = (Needed(SigningRole.PROVIDER_SAFETY), Needed(SigningRole.CUSTOMER_OFFICIAL))
TWO_SAFETY_PEOPLE: Final = (Needed(SigningRole.PROVIDER_SAFETY, 2),)
SIGNERS: Final[Mapping[Kind, tuple[Needed, ...]]] = {
    Kind.RELEASE: BOTH_ORGANISATIONS,
    Kind.EMERGENCY: TWO_SAFETY_PEOPLE,
    Kind.ROLLBACK: BOTH_ORGANISATIONS,
}

_Rate = Annotated[float, Meta(ge=0, le=1)]


class ReleaseUpdate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is signed. ``release``, ``replaces``, ``corpus`` and ``outcomes`` are digests, ``sha256:<hex>``.

    ``number`` counts these statements without gaps, so that none is shown twice. ``outcomes`` is the file of pinned
    cases with what both releases said of each; a rollback has none. ``conceded`` holds by fact the share of wrongful
    stops on the worst corpus that the signers accept although it is more than now. With ``trial``, a release first
    stands beside the one in force, by that rule; without, it is in force at once. ``signer`` is the public key (PEM)
    of who signed the files as a model; then no file is loaded that is not among those (``oms.py``).
    """

    format: str
    kind: Kind
    number: int
    id: str
    version: int
    release: str
    replaces: str
    corpus: str
    outcomes: str
    conceded: dict[str, _Rate]
    reason: str
    issued: int
    trial: Rule | None = None
    signer: Annotated[str, Meta(max_length=1_000)] = ""


class Place(msgspec.Struct, frozen=True):
    """Where an installation stands: the release in force, how many statements made it so, and what was in force.

    ``version`` is the highest that ever was.
    """

    current: str
    number: int
    version: int
    was: frozenset[str]


def open_release_update(envelope: bytes, roots: TrustRoots, *, at: int) -> Opened[ReleaseUpdate]:
    """Verify who signed (step 1). Raises ``TrustError`` and says whose signature is missing.

    The roles that are needed stand in the statement itself, as its kind: so it is verified for its kind, and a
    statement of two safety people that calls itself a release has not been signed.
    """
    said: list[TrustError] = []
    for kind, needed in SIGNERS.items():
        try:
            opened = open_signed(envelope, UPDATE_TYPE, ReleaseUpdate, roots, at=at, needed=needed)
        except TrustError as error:
            said.append(error)
            continue
        if opened.value.kind is kind:
            return _well_formed(opened)
    raise said[0] if said else TrustError("those who signed may not sign a statement of this kind")


def _well_formed(opened: Opened[ReleaseUpdate]) -> Opened[ReleaseUpdate]:
    update = opened.value
    if update.format != FORMAT:
        raise TrustError(f"update format {update.format[:40]!r}; expected {FORMAT!r}")
    if update.trial is not None and update.kind is not Kind.RELEASE:
        raise TrustError(f"a statement of kind {update.kind.value} is in force at once: it has no trial")
    if not update.reason.strip() or len(update.reason) > REASON_CHARS_MAX:
        raise TrustError(f"a statement about a release gives its reason, in up to {REASON_CHARS_MAX} characters")
    return opened


def check_next(update: ReleaseUpdate, place: Place) -> None:
    """It follows what is in force (step 2), and goes where it may go (step 3). Raises ``TrustError``."""
    if update.replaces != place.current:
        raise TrustError(f"it replaces {update.replaces[:80]}; in force is {place.current}")
    if update.number != place.number + 1:
        raise TrustError(f"it is statement {update.number}; the next one is {place.number + 1}")
    if update.release == place.current:
        raise TrustError("this release is in force already")
    if update.kind is Kind.ROLLBACK:
        if update.release not in place.was:
            raise TrustError("a rollback goes to a release that was in force here, and this one never was")
    elif update.version <= place.version:
        raise TrustError(
            f"version {update.version} is not later than {place.version}, which was in force already; "
            f"a rollback goes back, and is signed as one"
        )


def fits(update: ReleaseUpdate, release: Release) -> None:
    """The files are those that were signed for. Raises ``TrustError``."""
    if release.digest != update.release:
        raise TrustError(f"the files have digest {release.digest}; signed was {update.release}")
    said, signed = f"{release.id} version {release.version}", f"{update.id} version {update.version}"
    if said != signed:
        raise TrustError(f"the file says {said}; signed was {signed}")
