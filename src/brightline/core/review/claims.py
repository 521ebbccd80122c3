# SPDX-License-Identifier: Apache-2.0
"""Who works at which case: a claim with an end and a fencing token, and who may have one.

    free     → claimed    by somebody who may, for a while, under a token greater than every one before
    claimed  → claimed    renewed by its holder, under the same token, before it ends
    claimed  → free       answered, skipped with a reason, let go, or simply over

A claim keeps two people from the same work; it never makes an answer count. Whoever lost a claim, even without
knowing, holds a token that is no longer the greatest, and :func:`require` says so. A database whose claims were edited
gives somebody a case out of turn and releases nothing: only signed answers of enough distinct people do.

Nobody chooses a case. The queue picks the most urgent one that a person may have; a filter may narrow that only as
far as several are left, and whoever let a case go gets the same again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from brightline.core.errors import ClaimRefused, LeaseLost
from brightline.core.review.case import CaseQuestion, CaseState
from brightline.core.review.decision import decides
from brightline.core.review.docket import Tried
from brightline.core.review.quorum import exhausted, one_organisation, still_wanted
from brightline.core.review.roles import May, may
from brightline.core.review.roster import Clearance, ClearedPerson

CHOICE_MIN: Final = 5
"""A filter that leaves fewer cases than this, and not the one that is next anyway, would be a choice."""
REASON_CHARS_MAX: Final = 500


class Claim(msgspec.Struct, frozen=True):
    """A case that a reviewer works at, until when (Unix seconds), under which token."""

    hold: str
    reviewer: str
    token: int
    until: int


class Lease(msgspec.Struct, frozen=True):
    """How a case is claimed: under which token last, by whom (empty: nobody), until when (Unix seconds)."""

    token: int = 0
    reviewer: str = ""
    until: int = 0

    def holder(self, now: int) -> str:
        """Who has the case at ``now``; empty for nobody."""
        return self.reviewer if self.until > now else ""


def next_token(last: int, now: int) -> int:
    """A token greater than the last one of a case, and than those before the queue's database was made anew."""
    return max(last + 1, now * 1_000_000)


def require(lease: Lease, claim: Claim, now: int) -> None:
    """Raise ``LeaseLost`` unless the claim is the one that holds at ``now``."""
    if lease.token != claim.token or lease.reviewer != claim.reviewer:
        raise LeaseLost(
            f"the claim of {claim.reviewer} to {claim.hold} is over: it was answered, let go or given anew"
        )
    if lease.until <= now:
        raise LeaseLost(f"the claim of {claim.reviewer} to {claim.hold} ended at {lease.until}")


# ---- who may have which -----------------------------------------------------------------------------------------


def offices_of(tried: Tried) -> tuple[str, ...]:
    """The offices whose people can still answer something of a case, in the order of its questions."""
    wanted: dict[str, None] = {}
    for question in tried.open_questions():
        votes = tried.votes.get((question.subject, question.name), ())
        wanted.update(dict.fromkeys(still_wanted(question.quorum, votes, tried.case.organisations)))
    return tuple(wanted)


def questions_for(tried: Tried, person: str, office: str) -> tuple[CaseQuestion, ...]:
    """What a person of an office is still asked: what the office can decide, and this person has not answered.

    Where two disagree this is asked of a third, because each of the two has answered.
    """
    asked = []
    for question in tried.open_questions():
        votes = tried.votes.get((question.subject, question.name), ())
        wanted = still_wanted(question.quorum, votes, tried.case.organisations)
        if office in wanted and all(vote.person != person for vote in votes):
            asked.append(question)
    return tuple(asked)


def barred(tried: Tried) -> dict[str, str]:
    """Who may not have a case that is open, and why: they are recused, or have answered all that they are asked."""
    out = dict.fromkeys(tried.case.recused, "recused")
    offices = {vote.person: vote.office for votes in tried.votes.values() for vote in votes}
    for person, office in offices.items():
        if person not in out and not questions_for(tried, person, office):
            out[person] = "answered"
    return out


def closed_to(tried: Tried) -> frozenset[tuple[str, str]]:
    """The offices and organisations whose people can complete nothing that the office is still asked of a case.

    An organisation as it is compared; the empty one is that of whoever has none named. They are given other cases:
    what they say counts as before, and would leave the case open.
    """
    closed: dict[str, frozenset[str]] = {}
    for question in tried.open_questions():
        votes = tried.votes.get((question.subject, question.name), ())
        for office in still_wanted(question.quorum, votes, tried.case.organisations):
            heard = exhausted(question.quorum, votes, office, tried.case.organisations)
            closed[office] = closed.get(office, heard) & heard
    return frozenset((office, each) for office, heard in closed.items() for each in heard)


def why_not(tried: Tried, person: ClearedPerson, need: Clearance, skipped: Iterable[str], now: int) -> str:
    """Why a person may not claim a case at ``now``; empty if they may.

    ``need`` is how far one must be cleared for its unit; ``skipped`` are those who skipped it.
    """
    if tried.state(now) is not CaseState.OPEN:
        return f"it is {tried.state(now).value}"
    if person.cleared_until <= now:
        return f"the clearance of {person.id} has ended"
    if not may(person.roles, May.DECIDE):
        return f"{person.id} has no role that decides"
    if not decides(tried.case, person.roles):
        return f"{person.id} has no role that decides appeals"
    if not person.clearance.covers(need):
        return f"{person.id} is not cleared for {tried.case.unit}"
    if person.id in tried.case.recused:
        return f"{person.id} is recused"
    if person.office not in offices_of(tried):
        return f"{person.office} is not asked"
    if not questions_for(tried, person.id, person.office):
        return f"{person.id} has answered"
    if (person.office, one_organisation(person.organisation)) in closed_to(tried):
        return f"others than {person.organisation or 'those of no organisation'} must say the same"
    return f"{person.id} has skipped it" if person.id in skipped else ""


def deciders(tried: Tried) -> tuple[str, ...]:
    """Everybody who answered anything about a case. An appeal against it recuses these."""
    return tuple(sorted({vote.person for votes in tried.votes.values() for vote in votes}))


def may_see_answers(tried: Tried, person: str, now: int) -> bool:
    """Whether a person may see what others answered: not before they have answered, while the case is open.

    Also a third, who decides between two, looks at the words first and not at the two.
    """
    return tried.state(now) is not CaseState.OPEN or person in deciders(tried)


def check_reason(reason: str) -> str:
    """The reason of somebody who skips, without blanks around it. Raises ``ClaimRefused``."""
    text = reason.strip()
    if not text or len(text) > REASON_CHARS_MAX or not text.isprintable():
        raise ClaimRefused(f"a skip needs a reason: one line of at most {REASON_CHARS_MAX} printable characters")
    return text
