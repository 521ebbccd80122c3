# SPDX-License-Identifier: Apache-2.0
"""A case as its page shows it: questions with what answers lead to, words with what was found, law, who stands where.

Held words become pieces here (``words.py``) and leave this file as nothing else. The first answer is blind: while a
question is open, how many have spoken is told, and not what they said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from brightline.console.books import CaseFile
from brightline.console.law import CrossedView, Lead, as_asked, clauses_of, crossed_of, deciding, leads_of
from brightline.console.shown import SEGMENTS_SHOWN, Looking, SegmentView, SpokenView
from brightline.console.words import Piece, plain_pieces
from brightline.core.agreement.aloud import plain
from brightline.core.agreement.book import Entry
from brightline.core.agreement.limits import answer_seconds
from brightline.core.review.appeals import Filed
from brightline.core.review.case import CaseQuestion, CaseState
from brightline.core.review.claims import may_see_answers
from brightline.core.review.quorum import quorum_in_words
from brightline.shell.review.desk import OpenedCase
from brightline.shell.review.queue.reading import Beside as Found

BESIDE_SHOWN: Final = 8


class QuestionView(msgspec.Struct, frozen=True):
    """A question. ``refusal`` says why this person may not answer it; empty: they may."""

    number: int
    subject: str
    name: str
    asked_of: str
    about: tuple[int, ...]
    whole: bool
    spoken: int
    agreed: str
    mine: bool
    refusal: str
    leads: tuple[Lead, ...]


class Beside(msgspec.Struct, frozen=True):
    """Another hold of the same unit."""

    hold: str
    state: str
    opened: int
    clauses: str
    readable: bool


class BesideView(msgspec.Struct, frozen=True):
    """The other holds of the unit: how many in which state, and the latest."""

    states: tuple[tuple[str, int], ...]
    latest: tuple[Beside, ...]


class AppealView(msgspec.Struct, frozen=True):
    """The appeal that opened a case: about which hold or exchange, when (Unix seconds), who signed it, and why."""

    about: str
    filed: int
    signers: str
    reason: str


class CaseView(msgspec.Struct, frozen=True):
    """All that the page of a case shows. Times are Unix seconds."""

    hold: str
    digest: str
    state: str
    opened: int
    expires: int
    unit: str
    workload: str
    exchange: str
    record: str
    agreement: str
    release: str
    content: str
    model: tuple[Piece, ...]
    api: str
    clauses: tuple[Entry, ...]
    unknown: tuple[str, ...]
    questions: tuple[QuestionView, ...]
    segments: tuple[SegmentView, ...]
    segments_left: int
    conversation: tuple[SpokenView, ...]
    identifiers: tuple[str, ...]
    revealed: frozenset[str]
    standing: str
    pattern: bool
    confirmed: int
    recused: bool
    crossed: tuple[CrossedView, ...] = ()
    appeal: AppealView | None = None

    @property
    def open(self) -> bool:
        """Whether answers still count."""
        return self.state == CaseState.OPEN.value

    @property
    def answerable(self) -> bool:
        """Whether this person may answer something."""
        return self.open and any(not question.refusal for question in self.questions)


def look_at(file: CaseFile, person: str, office: str, revealed: frozenset[str], claimed: bool, now: int) -> CaseView:
    """Make the page of a case for a person, who has it if it is ``claimed``."""
    case, content = file.opened.case, file.content
    file = msgspec.structs.replace(file, judged=as_asked(file.agreement, case, file.judged))
    looking = Looking(file, revealed)
    segments = tuple(looking.segments())
    numbers = {segment.mark: number for number, segment in enumerate(looking.shown, 1)}
    conversation = tuple(looking.conversation())
    return CaseView(
        hold=case.hold,
        digest=case.digest,
        state=file.opened.state(now).value,
        opened=case.opened,
        expires=case.expires,
        unit=plain(case.unit),
        workload=plain(case.workload),
        exchange=plain(file.opened.exchange),
        record=f"{file.opened.shard}/{file.opened.seq}",
        agreement=case.agreement,
        release=plain(file.release),
        content=case.content,
        model=plain_pieces(str(content.request.get("model", ""))),
        api=plain(str(content.request.get("api", ""))),
        clauses=clauses_of(file.agreement, case),
        unknown=deciding(file.agreement, file.judged, case),
        questions=tuple(
            _question(file, number, question, numbers, person, office, claimed, now)
            for number, question in enumerate(case.questions, 1)
        ),
        segments=segments,
        segments_left=max(0, len(content.segments) - SEGMENTS_SHOWN),
        conversation=conversation,
        identifiers=looking.labels.all,
        revealed=revealed,
        standing=file.standing.standing.value,
        pattern=file.standing.pattern,
        confirmed=len(file.standing.confirmed),
        recused=person in case.recused,
        crossed=crossed_of(file.agreement, file.judged),
        appeal=_appeal(file.appeal),
    )


def _appeal(filed: Filed | None) -> AppealView | None:
    if filed is None:
        return None
    said = filed.appeal
    return AppealView(
        plain(said.about), filed.unix, ", ".join(plain(signer) for signer in filed.signers), plain(said.reason)
    )


def _question(
    file: CaseFile,
    number: int,
    question: CaseQuestion,
    numbers: Mapping[str, int],
    person: str,
    office: str,
    claimed: bool,
    now: int,
) -> QuestionView:
    opened = file.opened
    key = question.subject, question.name
    votes = opened.tried.votes.get(key, [])
    agreed = opened.tried.answers.get(key, "")
    mine = any(vote.person == person for vote in votes)
    return QuestionView(
        number=number,
        subject=question.subject.value,
        name=plain(question.name),
        asked_of=plain(quorum_in_words(question.quorum, opened.case.organisations)),
        about=tuple(sorted(numbers[mark] for mark in question.marks if mark in numbers)),
        whole=not question.marks,
        spoken=len({vote.person for vote in votes}),
        agreed=plain(agreed) if may_see_answers(opened.tried, person, now) else "",
        mine=mine,
        refusal=_refusal(opened, question, person, office, mine, claimed, agreed),
        leads=leads_of(file.agreement, opened.case, question, file.judged, answer_seconds(file.agreement)),
    )


def _refusal(
    opened: OpenedCase, question: CaseQuestion, person: str, office: str, mine: bool, claimed: bool, agreed: str
) -> str:
    if agreed:
        return "This is answered."
    if mine:
        return "You have answered. One person counts once."
    if person in opened.case.recused:
        return "You requested this, or wrote the rule that asks, and may not decide it."
    if office not in dict(question.quorum):
        return "This is not for your office to answer."
    return "" if claimed else "Whoever claims this case answers."


def beside_it(found: Found, reads_all: bool) -> BesideView:
    """What the queue has of the same unit, for somebody who reads every case or the claimed one alone."""
    return BesideView(
        tuple((state.value, count) for state, count in found.states),
        tuple(
            Beside(
                hold=each.hold,
                state=each.state.value,
                opened=each.opened,
                clauses=", ".join(plain(clause) for clause in each.clauses),
                readable=reads_all,
            )
            for each in found.latest
        ),
    )
