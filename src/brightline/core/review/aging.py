# SPDX-License-Identifier: Apache-2.0
"""How long the content of a case is kept: what its purpose says, what the agreement lets, and what people need.

The words of an exchange lie in the records of its case alone. A purpose that both parties signed may say for how many
days (``content_days``), the agreement for how many at most (``content_days_max``); the shorter counts, and nothing is
kept beyond the purpose's own end. A case that people may still decide keeps what it needs until it expires: that is
the bound. The record says in public until when (``until``), so that whoever verifies the log can hold us to it. What
is agreed later can only shorten that.
"""

from __future__ import annotations

from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.limits import FOR_EVER_DAYS, content_days_max, days_max
from brightline.core.canonical import JsonValue
from brightline.core.errors import TrustError
from brightline.core.facts import Register
from brightline.core.register import DAY_SECONDS, PurposeEntry, RegisterBook

FOR_EVER: Final = 0


class Aging(msgspec.Struct, frozen=True):
    """What a case's records say of the age of its content: until when (Unix seconds; 0: for ever), and the purpose."""

    until: int = FOR_EVER
    purpose: str = ""

    @property
    def public(self) -> dict[str, JsonValue]:
        """What each of its records says in public; nothing, where content is kept as long as the agreement says."""
        return {"until": self.until} if self.until else {}

    @property
    def committed(self) -> dict[str, JsonValue]:
        """What its first record commits to: a purpose that is ended, or made shorter, takes its content along."""
        return {"purpose_id": self.purpose} if self.purpose else {}


class AgingCase(msgspec.Struct, frozen=True):
    """A case as its first record tells it: when it was opened, until when people decide it, what it says of age."""

    opened: int
    expires: int
    said: Aging


NO_END: Final = Aging()


def content_days(purpose: PurposeEntry | None, agreement: Agreement) -> int:
    """For how many days content is kept under a purpose; ``FOR_EVER_DAYS`` where nobody says."""
    stated = 0 if purpose is None else purpose.bounds.content_days
    return min(stated or FOR_EVER_DAYS, content_days_max(agreement))


def ages(book: RegisterBook, agreement: Agreement) -> bool:
    """Whether the agreement or any purpose says how long content is kept."""
    purposes = (each for each in book.of(Register.PURPOSE) if isinstance(each, PurposeEntry))
    return any(content_days(each, agreement) < FOR_EVER_DAYS for each in (None, *purposes))


def aging_of(
    purpose: PurposeEntry | None, book: RegisterBook, agreement: Agreement, opened: int, expires: int
) -> Aging:
    """What the records of a case say that is opened now (Unix seconds) and expires then."""
    name = "" if purpose is None else purpose.id
    return Aging(_due(purpose, book, agreement, opened, expires), name)


def destroyed_at(case: AgingCase, purpose: PurposeEntry | None, book: RegisterBook, agreement: Agreement) -> int:
    """From when on (Unix seconds) the content of a case is due; ``FOR_EVER`` if never.

    The earlier of what its record said and of what the same purpose and the agreement say by now.
    """
    now = _due(purpose, book, agreement, case.opened, case.expires)
    ends = [each for each in (case.said.until, now) if each]
    return max(min(ends), case.expires) if ends else FOR_EVER


def check_content_days(entry: PurposeEntry, agreement: Agreement) -> None:
    """For who registers a purpose: it may not say longer than the agreement lets. Raises ``TrustError``."""
    days, most = entry.bounds.content_days, content_days_max(agreement)
    if days > most:
        raise TrustError(f"purpose {entry.id} would keep content for {days} days; the agreement lets it be {most}")


def _due(purpose: PurposeEntry | None, book: RegisterBook, agreement: Agreement, opened: int, expires: int) -> int:
    days = content_days(purpose, agreement)
    if days >= FOR_EVER_DAYS:
        return FOR_EVER
    until = opened + days * DAY_SECONDS
    if purpose is not None and purpose.bounds.content_days:
        ends = purpose.issued if purpose.retired else book.under(days_max(agreement)).ends(purpose)
        until = min(until, ends)
    return max(until, expires)
