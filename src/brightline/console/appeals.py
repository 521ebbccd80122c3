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
from brightline.core.evidence.record import DurableRecord
from brightline.core.review.appeals import APPEAL_SECONDS, Wish, WishState, state_of, wish_state
from brightline.shell.review.appealing import denied_case, log_appeal, wished

DENIED_SHOWN: Final = 200
WISHES_SHOWN: Final = 100


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


class WishRow(msgspec.Struct, frozen=True):
    """What an application asks its official to appeal, in its words. Times are Unix seconds."""

    id: str
    about: str
    workload: str
    asked: int
    until: int
    reason: str


def wishes_of(books: Books, now: int) -> tuple[WishRow, ...]:
    """What waits for an official, the latest before the others. Blocks."""
    registry = books.registry
    agreement, filed = registry.releases.current, registry.reviewing.appeals
    seconds = rules_of(agreement).appeal_seconds or APPEAL_SECONDS

    def waits(wish: Wish) -> bool:
        state = wish_state(wish, filed, registry.decisions.docket, agreement.vocabulary, seconds, now)
        return state is WishState.ASKED

    found = [each for each in reversed(registry.reviewing.wishes.values()) if waits(each)]
    return tuple(
        WishRow(each.id, each.about, plain(each.workload), each.unix, each.unix + seconds, plain(each.reason))
        for each in found[:WISHES_SHOWN]
    )


def appealable(books: Books, about: str) -> tuple[str, str]:
    """What is appealed, and the wish for it, empty for none: a denied hold, or what a wish is about. Blocks.

    Raises ``TrustError`` for a hold that people have not denied, ``ConfigError`` for what is not there.
    """
    books.registry.refresh()
    wish = wished(books.registry, about)
    if wish is not None and wish.chars:
        return wish.about, wish.id
    hold = denied_case(books.root, books.registry, about if wish is None else wish.about).case.hold
    return hold, "" if wish is None else wish.id


def file_appeal(books: Books, envelope: bytes) -> DurableRecord:
    """Open the case of an appeal that an official signed, and log it. Raises ``OperatorError``. Blocks."""
    books.registry.refresh()
    return log_appeal(books.root, books.settings, books.registry, envelope, books.clock)[1]
