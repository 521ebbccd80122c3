# SPDX-License-Identifier: Apache-2.0
"""Appeals against what people decided: an official of the customer asks that others look.

An appeal opens a case of its own with the questions of the one that was denied, for people who decided neither it nor
an earlier appeal of the same matter.
What they say are facts and approvals like any others, and the agreement decides again with all of them: an approval
that was refused may be given, while a fact that somebody answered bad stays bad, because the worst answer counts. So
an appeal lifts no red line. That it was upheld all the same is on record, for those who look at reviewers.

A refusal without a hold kept no words. Who appeals one brings the request again; that it is the same is seen by its
digest.

A workload may ask its official to appeal, which is a wish: it is on record and asks nobody else for anything. Only the
official's signature opens a case, so that whoever holds a workload's key cannot put work on people.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from brightline.core.agreement.decide import Subject
from brightline.core.errors import TrustError
from brightline.core.facts import Vocabulary
from brightline.core.review.case import Case, CaseQuestion, CaseState
from brightline.core.review.claims import deciders
from brightline.core.review.decision import APPROVE
from brightline.core.review.docket import Docket, Tried
from brightline.core.statement import Needed, Opened, SigningRole, TrustRoots, open_signed

APPEAL_TYPE: Final = "application/vnd.brightline.appeal+json"
APPEAL_FORMAT: Final = "brightline-appeal/2"
FORMAT_BEFORE: Final = "brightline-appeal/1"  # whose case does not say that it is an appeal: any reviewer decided it
APPEAL_SIGNERS: Final = (Needed(SigningRole.CUSTOMER_OFFICIAL),)
APPEAL_SECONDS: Final = 14 * 86_400  # where the ladder of the agreement says nothing
REASON_CHARS_MAX: Final = 4_000
_ID: Final = re.compile(r"[A-Za-z0-9_-]{16,128}")


class Appeal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the official signs: the hold or the exchange that it is about, and why. ``issued`` in Unix seconds.

    ``wish`` is the id of the one that it is filed for; empty: for none.
    """

    format: str
    id: str
    about: str
    reason: str
    issued: int
    wish: str = ""


class Wish(msgspec.Struct, frozen=True):
    """That a workload asks its official to appeal: a hold, or an exchange whose request is in the record ``seq``.

    ``unix`` is when it was logged, in seconds; ``chars`` of the request, 0 for a hold.
    """

    id: str
    about: str
    workload: str
    unit: str
    reason: str
    unix: int
    seq: int
    chars: int = 0


class WishState(enum.StrEnum):
    """How a wish stands: first by itself, then as the appeal does that was filed for it."""

    ASKED = "asked"  # the official has not signed
    OPEN = "open"
    UPHELD = "upheld"
    REJECTED = "rejected"
    EXPIRED = "expired"  # not signed in time, or not decided in time


class AppealState(enum.StrEnum):
    """How an appeal stands."""

    OPEN = "open"
    UPHELD = "upheld"  # others answered all of it so that the agreement would permit
    REJECTED = "rejected"
    EXPIRED = "expired"  # nobody answered in time, which changes nothing


class Filed(msgspec.Struct, frozen=True):
    """An appeal on record: who signed, when (Unix seconds), the case that it opened, and which it was about."""

    appeal: Appeal
    signers: tuple[str, ...]
    unix: int
    case: Case


def open_appeal(envelope: bytes, roots: TrustRoots, *, at: int) -> Opened[Appeal]:
    """Verify that an official of the customer signed, and read it. Raises ``TrustError``."""
    opened = open_signed(envelope, APPEAL_TYPE, Appeal, roots, at=at, needed=APPEAL_SIGNERS)
    said = opened.value
    if said.format not in {APPEAL_FORMAT, FORMAT_BEFORE}:
        raise TrustError(f"an appeal of format {said.format[:40]!r}; expected {APPEAL_FORMAT!r}")
    # Its beginning becomes the id of a hold, which stands in addresses: nothing there may lead elsewhere.
    if not _ID.fullmatch(said.id) or not 0 < len(said.reason.strip()) <= REASON_CHARS_MAX:
        raise TrustError(
            f"an appeal has a random id of letters and digits and a reason of at most {REASON_CHARS_MAX} characters"
        )
    return opened


def may_be_appealed(tried: Tried) -> bool:
    """Whether people have decided this case against the caller."""
    return tried.denied


def case_of_appeal(appeal: Appeal, tried: Tried, recused: Iterable[str], now: int, seconds: int) -> Case:
    """The case that an appeal against a denied one opens at ``now`` (Unix seconds), for who did not decide it.

    ``recused`` are the ids of those who may not decide it either: who signed the appeal, who heard one before.
    """
    case = tried.case
    return msgspec.structs.replace(
        case,
        hold=hold_of(appeal),
        recused=tuple(sorted({*deciders(tried), *case.recused, *recused})),
        opened=now,
        expires=now + seconds,
        kept=False,
        appeal=appeal.id,
    )


def case_of_refusal(appeal: Appeal, case: Case, questions: tuple[CaseQuestion, ...], now: int, seconds: int) -> Case:
    """The case that an appeal against a refusal opens; ``case`` has its words, under digests that settle nothing."""
    return msgspec.structs.replace(
        case, hold=hold_of(appeal), questions=questions, opened=now, expires=now + seconds, appeal=appeal.id
    )


def heard_before(about: str, appeals: Sequence[Filed], docket: Docket) -> tuple[str, ...]:
    """Who answered anything in appeals of the same matter, in the order in which those were filed: not once more.

    An appeal may be about a hold, an exchange, or the hold of an appeal that was rejected.
    """
    matter = {about}
    for filed in reversed(appeals):
        if filed.case.hold in matter:
            matter.add(filed.appeal.about)
    heard: set[str] = set()
    for filed in appeals:
        if filed.appeal.about in matter:
            matter.add(filed.case.hold)
            heard.update(deciders(docket.of_case(filed.case.digest) or Tried(filed.case)))
    return tuple(sorted(heard))


def check_case(appeal: Appeal, signers: Iterable[str], case: Case) -> None:
    """Refuse a case that is not for this appeal, or that its signers may decide. Raises ``TrustError``."""
    if appeal.format == FORMAT_BEFORE:
        return
    if case.appeal != appeal.id or case.hold != hold_of(appeal):
        raise TrustError("the case does not say that it is for this appeal")
    if not set(signers) <= set(case.recused):
        raise TrustError("whoever signed the appeal may decide it")


def hold_of(appeal: Appeal) -> str:
    """The id under which people find the case of an appeal."""
    return f"hold_{appeal.id[:24]}"


def state_of(filed: Filed, docket: Docket, vocabulary: Vocabulary, now: int) -> AppealState:
    """How an appeal stands at ``now`` (Unix seconds)."""
    tried = docket.of_case(filed.case.digest) or Tried(filed.case)
    match tried.state(now):
        case CaseState.OPEN:
            return AppealState.OPEN
        case CaseState.EXPIRED:
            return AppealState.EXPIRED
        case _:
            return AppealState.UPHELD if _all_good(tried, vocabulary) else AppealState.REJECTED


def _all_good(tried: Tried, vocabulary: Vocabulary) -> bool:
    return not tried.open_questions() and all(
        value == (APPROVE if subject is Subject.APPROVAL else vocabulary.spec(name).good)
        for (subject, name), value in tried.answers.items()
    )


def wish_state(
    wish: Wish, filed: Iterable[Filed], docket: Docket, vocabulary: Vocabulary, seconds: int, now: int
) -> WishState:
    """How a wish stands at ``now`` (Unix seconds): by the latest appeal of what it is about, whoever thought of it.

    ``seconds`` is how long an official has.
    """
    latest = [each for each in filed if each.appeal.about == wish.about][-1:]
    if latest:
        return WishState(state_of(latest[0], docket, vocabulary, now).value)
    return WishState.EXPIRED if now >= wish.unix + seconds else WishState.ASKED
