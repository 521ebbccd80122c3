# SPDX-License-Identifier: Apache-2.0
"""The review of an encoding: a party signs that the formulas say what their quotes say.

Nothing proves that a formula means a sentence; people must say so, one for each party. What they sign is the digest of
the encoding (each quote with its formula) and the clauses that they looked at, as a DSSE envelope (``statement.py``).
So a review does not survive a change of any quote or formula, and does survive another example or a corrected comment.

A review decides nothing: an agreement without one loads, and ``lint`` says that nobody reviewed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.errors import TrustError
from brightline.core.statement import Needed, Party, SigningRole, TrustRoots, open_signed

REVIEW_TYPE: Final = "application/vnd.brightline.encoding-review+json"
FORMAT: Final = "brightline-encoding-review/1"
REVIEWERS: Final = (SigningRole.PROVIDER_SAFETY, SigningRole.PROVIDER_OFFICER, SigningRole.CUSTOMER_OFFICIAL)
OFFICE_CHARS_MAX: Final = 300


class EncodingReview(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is signed. ``office`` is the office that looked, in words and no person; ``issued`` is in Unix seconds."""

    format: str
    agreement_id: str
    encoding: str
    party: Party
    office: str
    clauses: tuple[str, ...]
    issued: int


class Reviewed(msgspec.Struct, frozen=True):
    """A review that counts: the file it came in, for which party, who signed in which role, and for which clauses."""

    name: str
    party: Party
    role: SigningRole
    holders: tuple[str, ...]
    office: str
    clauses: frozenset[str]


class Discounted(msgspec.Struct, frozen=True):
    """A review that counts for nothing, and why.

    ``outdated`` says that somebody did sign it, for other quotes and formulas than these.
    """

    name: str
    why: str
    outdated: bool = False


class Reviews(msgspec.Struct, frozen=True):
    """What was found in the envelopes."""

    counted: tuple[Reviewed, ...] = ()
    discounted: tuple[Discounted, ...] = ()

    def clauses_of(self, party: Party) -> frozenset[str]:
        """The clauses that a party's people reviewed."""
        return frozenset().union(*(review.clauses for review in self.counted if review.party is party))


def encoding_review(
    agreement: Agreement, party: Party, office: str, clauses: tuple[str, ...], at: int
) -> EncodingReview:
    """Write down that an office of a party reviewed these clauses (none named: all). Raises ``TrustError``."""
    known = tuple(clause.id for clause in agreement.clauses)
    for clause in clauses:
        if clause not in known:
            raise TrustError(f"{agreement.id} has no clause {clause[:80]!r}; it has {', '.join(known)}")
    if not office.strip() or len(office) > OFFICE_CHARS_MAX:
        raise TrustError(f"a review names the office that looked, in 1 to {OFFICE_CHARS_MAX} characters")
    return EncodingReview(FORMAT, agreement.id, agreement.encoding, party, office, clauses or known, at)


def reviews_of(agreement: Agreement, envelopes: Mapping[str, bytes], roots: TrustRoots, at: int) -> Reviews:
    """Verify the reviews in these envelopes (by file name) and say what each is worth for this agreement.

    ``at`` is the time at which they are read, in Unix seconds: a key that has expired by then counts for nothing.
    Raises nothing: a review that does not verify is discounted, with the reason.
    """
    counted: list[Reviewed] = []
    discounted: list[Discounted] = []
    for name, envelope in envelopes.items():
        found = _reviewed(agreement, name, envelope, roots, at)
        if isinstance(found, Reviewed):
            counted.append(found)
        else:
            discounted.append(found)
    return Reviews(tuple(counted), tuple(discounted))


def _reviewed(agreement: Agreement, name: str, envelope: bytes, roots: TrustRoots, at: int) -> Reviewed | Discounted:
    whys: list[str] = []
    for role in REVIEWERS:
        try:
            opened = open_signed(envelope, REVIEW_TYPE, EncodingReview, roots, at=at, needed=(Needed(role),))
        except TrustError as error:
            whys.append(str(error))
            continue
        review = opened.value
        if review.party is not role.party:
            whys.append(f"the {role} signed it, who does not speak for the {review.party}")
            continue
        return _weighed(agreement, name, review, role, tuple(holder for _, holder in opened.signers))
    return Discounted(name, "; ".join(dict.fromkeys(whys)))


def _weighed(
    agreement: Agreement, name: str, review: EncodingReview, role: SigningRole, holders: tuple[str, ...]
) -> Reviewed | Discounted:
    if review.format != FORMAT:
        return Discounted(name, f"a review of format {review.format[:40]!r}; expected {FORMAT!r}")
    if review.encoding != agreement.encoding or review.agreement_id != agreement.id:
        why = (
            f"the {review.party} reviewed {review.agreement_id[:80]} with encoding {review.encoding[:80]}; "
            f"this is {agreement.id} with {agreement.encoding}"
        )
        return Discounted(name, why, outdated=True)
    known = frozenset(clause.id for clause in agreement.clauses)
    if not known.issuperset(review.clauses):
        return Discounted(name, "it names clauses that are not in this agreement")
    return Reviewed(name, review.party, role, holders, review.office, frozenset(review.clauses))
