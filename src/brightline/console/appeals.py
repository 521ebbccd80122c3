# SPDX-License-Identifier: Apache-2.0
"""Appeals against denied holds: on record as a case for people who did not decide. A refusal is appealed elsewhere,
because whoever appeals one brings the request again.
"""

from __future__ import annotations

from typing import Final

import msgspec

from brightline.console.books import Books
from brightline.core.agreement.aloud import plain
from brightline.core.evidence.record import DurableRecord
from brightline.core.review.appeals import state_of
from brightline.shell.review.appealing import denied_case, log_appeal
from brightline.shell.review.desk import OpenedCase

DENIED_SHOWN: Final = 200


class AppealRow(msgspec.Struct, frozen=True):
    """One appeal. Times are Unix seconds; ``hold`` is the case that it opened."""

    about: str
    state: str
    filed: int
    until: int
    signers: str
    hold: str


def appeals_of(books: Books, now: int) -> tuple[AppealRow, ...]:
    """Every appeal, the latest before the others. Blocks."""
    books.registry.refresh()
    registry = books.registry
    vocabulary = registry.releases.current.vocabulary
    return tuple(
        AppealRow(
            plain(each.appeal.about),
            state_of(each, registry.decisions.docket, vocabulary, now).value,
            each.unix,
            each.case.expires,
            ", ".join(plain(signer) for signer in each.signers),
            each.case.hold,
        )
        for each in reversed(registry.reviewing.appeals)
    )


def denied(books: Books, rows: tuple[AppealRow, ...]) -> tuple[str, ...]:
    """The holds that people denied and nobody has appealed, the latest before the others. Blocks."""
    done = {row.about for row in rows} | {row.hold for row in rows}
    tried = (each for each in books.registry.decisions.docket.cases.values() if each.denied)
    latest = sorted(tried, key=lambda each: (-each.resolved, each.case.hold))
    return tuple(each.case.hold for each in latest if each.case.hold not in done)[:DENIED_SHOWN]


def appealable(books: Books, about: str) -> OpenedCase:
    """The case that is appealed. Raises ``TrustError`` for one that people have not denied. Blocks."""
    books.registry.refresh()
    return denied_case(books.root, books.registry, about)


def file_appeal(books: Books, envelope: bytes) -> DurableRecord:
    """Open the case of an appeal that an official signed, and log it. Raises ``OperatorError``. Blocks."""
    books.registry.refresh()
    return log_appeal(books.root, books.settings, books.registry, envelope, books.clock)[1]
