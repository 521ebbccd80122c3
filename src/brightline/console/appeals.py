# SPDX-License-Identifier: Apache-2.0
"""Appeals against denied holds: on record as a case for people who did not decide. A refusal is appealed elsewhere,
because whoever appeals one brings the request again.
"""

from __future__ import annotations

from typing import Final

import msgspec

from brightline.console.books import Books
from brightline.core.agreement.aloud import plain
from brightline.core.agreement.ladder import rules_of
from brightline.core.canonical import JsonValue
from brightline.core.errors import TrustError
from brightline.core.evidence.record import DurableRecord
from brightline.core.review.appeals import APPEAL_SECONDS, Appeal, case_of_appeal, may_be_appealed, state_of
from brightline.core.review.case import case_value
from brightline.core.review.content import content_bytes
from brightline.shell.registry.reviewing import What, log_review
from brightline.shell.review.desk import Desk, OpenedCase

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
    found = Desk(books.root, books.registry.decisions.docket).find(about)
    if not may_be_appealed(found.tried):
        raise TrustError("people have not denied this hold")
    return found


def log_appeal(books: Books, appeal: Appeal, envelope: bytes) -> DurableRecord:
    """Open the case of an appeal that an official signed, and log it. Raises ``TrustError``. Blocks."""
    found = appealable(books, appeal.about)
    now = books.clock.unix()
    seconds = rules_of(books.registry.releases.current).appeal_seconds or APPEAL_SECONDS
    case = case_of_appeal(appeal, found.tried, now, seconds)
    content = content_bytes(Desk(books.root, books.registry.decisions.docket).content(found))
    public: dict[str, JsonValue] = {"appeal": appeal.id, "hold": case.hold, "expires": case.expires}
    committed: dict[str, JsonValue] = {
        "statement": envelope.decode(),
        "case": case_value(case),
        "content": content.decode(),
        "exchange": found.exchange,
        "shard": found.shard,
    }
    return log_review(books.root, books.settings, books.profile, What.APPEALED, public, committed, books.clock)
