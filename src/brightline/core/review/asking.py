# SPDX-License-Identifier: Apache-2.0
"""Opening a case: from an exchange that is held, the questions to people and what they will look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from brightline.core.agreement.decide import Decision, Question, Subject
from brightline.core.errors import CallerError
from brightline.core.exchange.model import Exchange, Reply
from brightline.core.review.case import FORMAT, MARKS_MAX, Case, CaseQuestion, organisations_of
from brightline.core.review.content import Content, KeptFinding, KeptSegment, content_bytes, content_digest
from brightline.core.review.docket import NO_ANSWERS, Answers
from brightline.core.review.kept import Named
from brightline.core.review.mark import mark_of
from brightline.core.screening.finding import Finding, Segment

UNSETTLED_MAX: Final = 2_000


def _has_room() -> bool:
    return True


def _themselves(names: tuple[str, ...]) -> tuple[str, ...]:
    return names


def _none_open(_hold: str) -> int:
    return 0


class PeoplesWord(msgspec.Struct, frozen=True):
    """What an exchange needs to know of people's work, as it stood when it arrived.

    ``answers`` are those of its workload, under its agreement and release; ``open_until`` says until when people look
    at a hold (Unix seconds; 0: they do not); ``room`` says whether the unit may have one more open hold;
    ``recused`` says who may not decide (ids), from the names of who asked and
    who wrote the rules. ``named`` is the hold that the caller came back for, if one is
    named, or why it cannot be had.
    """

    answers: Answers = NO_ANSWERS
    open_until: Callable[[str], int] = _none_open
    room: Callable[[], bool] = _has_room
    recused: Callable[[tuple[str, ...]], tuple[str, ...]] = _themselves
    named: Named | CallerError | None = None


NO_WORD: Final = PeoplesWord()


class Held(msgspec.Struct, frozen=True):
    """Who and what is held, in which exchange, under which terms. ``opened`` and ``expires`` are Unix seconds.

    ``organisations`` are those that the agreement asks of offices (``Agreement.organisations``).
    """

    hold: str
    workload: str
    unit: str
    agreement: str
    release: str
    exchange_digest: str
    opened: int
    expires: int
    exchange: str
    organisations: tuple[tuple[str, int], ...] = ()


def open_case(
    held: Held,
    decision: Decision,
    unsettled: Sequence[tuple[Finding, Segment]],
    request: Exchange,
    reply: Reply | None,
    recused: Iterable[str],
    key: bytes,
    *,
    kept: bool,
) -> tuple[Case, bytes]:
    """Return the case of a held exchange, and the bytes of what people will be shown.

    ``kept``: the reply is whole, and is given out if people release it.
    """
    asked = {question.name for question in decision.questions if question.subject is Subject.FACT}
    about = [(finding, segment, mark_of(key, segment)) for finding, segment in unsettled if finding.fact in asked]
    segments = {
        mark: KeptSegment(segment.path, segment.surface, segment.text, segment.start, mark)
        for _, segment, mark in about
    }
    findings = [
        KeptFinding(
            finding.detector,
            finding.fact,
            finding.value,
            finding.rule,
            finding.view,
            mark,
            round(1000 * finding.score),
        )
        for finding, _, mark in about
    ]
    answer = "" if reply is None else msgspec.json.encode(reply, order="sorted").decode()
    data = content_bytes(
        Content(msgspec.to_builtins(request), tuple(segments.values()), tuple(dict.fromkeys(findings)), answer)
    )
    questions = tuple(_question(each, [(f.fact, mark) for f, _, mark in about]) for each in decision.questions)
    apart = organisations_of(questions, held.organisations)
    case = Case(
        format=FORMAT,
        clauses=decision.clauses,
        questions=questions,
        recused=tuple(sorted(set(recused))),
        content=content_digest(data),
        kept=kept,
        **msgspec.structs.asdict(held) | {"organisations": apart},
    )
    return case, data


def _question(question: Question, about: Sequence[tuple[str, str]]) -> CaseQuestion:
    marks: tuple[str, ...] = ()
    if question.subject is Subject.FACT:
        marks = tuple(dict.fromkeys(mark for fact, mark in about if fact == question.name))
        if len(marks) > MARKS_MAX:
            marks = ()
    return CaseQuestion(question.subject, question.name, question.quorum, marks)
