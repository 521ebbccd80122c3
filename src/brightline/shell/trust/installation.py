# SPDX-License-Identifier: Apache-2.0
"""The installation statement: which agreement and release are in force here, who is cleared, what is admitted.

Both parties sign it (``core/statement.py``). It pins digests, so that an altered agreement or release file does not
start; and it is data, so that nothing in the code knows who the parties are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from brightline.core.attestation.policy import Policy
from brightline.core.attestation.revocation import check_for_profile
from brightline.core.errors import TrustError
from brightline.core.review.roster import INSTALLATION_TYPE, ClearedPerson, ReviewTerms, check_roster, check_terms
from brightline.core.statement import TrustRoots, check_roots, open_statement

FORMAT: Final = "brightline-installation/1"
DEVELOPMENT: Final = "development"
FILE_BYTES_MAX: Final = 262_144


class Admission(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model that may be served, and what its admission states."""

    name: str
    upstream_model: str
    upstream: str
    facts: dict[str, str]


class Installation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The signed statement. ``agreement`` and ``release`` are digests; ``review`` says how people sign.

    ``attestation`` is what is accepted of the machines that serve; without it nothing is, and nothing is served.
    """

    format: str
    profile: str
    agreement: str
    release: str
    roster: tuple[ClearedPerson, ...]
    models: tuple[Admission, ...]
    issued: int
    expires: int
    review: ReviewTerms = ReviewTerms()
    attestation: Policy | None = None


def read_roots(path: Path) -> TrustRoots:
    """Read the pinned keys. Raises ``TrustError``."""
    try:
        roots = msgspec.json.decode(_read(path), type=TrustRoots, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrustError(f"{path} does not hold trust roots: {error}") from error
    check_roots(roots)
    return roots


def read_installation(path: Path, roots: TrustRoots, at: int) -> Installation:
    """Read and verify the installation as of a time in Unix seconds. Raises ``TrustError``."""
    installation = open_statement(_read(path), INSTALLATION_TYPE, Installation, roots, at=at)
    if installation.format != FORMAT:
        raise TrustError(f"{path} has format {installation.format[:40]!r}; expected {FORMAT!r}")
    if installation.profile != roots.profile:
        raise TrustError(f"{path} is for profile {installation.profile!r}; the roots are for {roots.profile!r}")
    if not installation.models:
        raise TrustError(f"{path} admits no model")
    check_roster(installation.roster)
    check_terms(installation.review)
    if installation.attestation is not None:
        check_for_profile(installation.attestation, installation.profile)
    if installation.review.software_keys and installation.profile != DEVELOPMENT:
        raise TrustError(f"{path} lets keys in files sign decisions, which is for the development profile alone")
    return installation


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise TrustError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > FILE_BYTES_MAX:
        raise TrustError(f"{path} exceeds {FILE_BYTES_MAX} bytes")
    return data
