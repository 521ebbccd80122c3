# SPDX-License-Identifier: Apache-2.0
"""Who signed that the formulas of an agreement say what its quotes say, and when: verified, for a clause book."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from brightline.core.agreement.book import Signature
from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.review import REVIEW_TYPE, EncodingReview, reviews_of
from brightline.core.errors import AgreementError
from brightline.core.statement import Needed, TrustRoots, open_signed


def verified_signatures(
    agreement: Agreement, read: Callable[[str], bytes], roots: TrustRoots, at: int
) -> tuple[Signature, ...]:
    """Read the reviews beside an agreement, and return those that count; ``lint`` says why others do not.

    ``read`` returns a file beside the agreement by its name. ``at`` is in Unix seconds: a key that has expired by then
    counts for nothing. Raises ``AgreementError`` for a review that is named and cannot be read.
    """
    try:
        envelopes = {name: read(name) for name in agreement.reviews}
    except OSError as error:
        raise AgreementError(f"a review cannot be read: {error}", "encoding_review", "put the file there") from error
    found = []
    for review in reviews_of(agreement, envelopes, roots, at).counted:
        needed = (Needed(review.role),)
        said = open_signed(envelopes[review.name], REVIEW_TYPE, EncodingReview, roots, at=at, needed=needed).value
        day = datetime.fromtimestamp(said.issued, UTC).date().isoformat()
        clauses = tuple(clause.id for clause in agreement.clauses if clause.id in review.clauses)
        found.append(Signature(review.party.value, review.office, review.role.value, day, clauses))
    return tuple(found)
