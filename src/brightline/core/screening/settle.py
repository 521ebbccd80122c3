# SPDX-License-Identifier: Apache-2.0
"""What a judge may settle: a fact that an earlier detector left unknown, where the release says so and what it errs.

    detectors answer → open questions: readings of which one said *unknown* → the judge is asked about those alone
    it answers in time, for every question, under its pinned digest → what it finds stands in the place of the unknown
    it does not, for whatever reason                                → unknown stays unknown, which holds the exchange

A judge never adds a question, never speaks where somebody said worse than unknown, and cannot turn anything but an
unknown into the good value.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from brightline.core.errors import ReleaseError
from brightline.core.facts import UNKNOWN, Source, Vocabulary
from brightline.core.screening.finding import Finding, Judgement, Segment
from brightline.core.screening.views import views

WORDS_APART_MAX: Final = 2  # joined or split; where more are, somebody may have spelled one
_WORD: Final = re.compile(r"[^\W_]+")
QUESTIONS_MAX: Final = 48  # readings of one batch; with more, nobody is asked and all of them stay unknown
TEXTS_MAX: Final = 8  # that differ among them, each of which is read: likewise


class Settlement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``judge`` may settle ``fact`` where ``after`` left it unknown, as what it finds or, if nothing, as ``value``.

    On rows of authors unseen in training it found nothing in ``misses`` of ``positives`` that are yes, and said yes to
    ``wrongful`` of ``neighbours`` that are no.
    """

    after: str
    fact: str
    value: str
    misses: Annotated[int, Meta(ge=0)]
    positives: Annotated[int, Meta(ge=1)]
    wrongful: Annotated[int, Meta(ge=0)]
    neighbours: Annotated[int, Meta(ge=1)]
    corpus: Annotated[str, Meta(min_length=1)]


class Question(msgspec.Struct, frozen=True):
    """A reading, ``view`` of the ``segment``-th that was asked, with the facts that are open in it.

    ``leanings`` are the scores, 0..1, that whoever left them open gave them, in the order of the facts.
    """

    segment: int
    view: str
    facts: tuple[str, ...]
    leanings: tuple[float, ...]


class Ended(enum.StrEnum):
    """How asking a judge ended. Of more texts than are read for one ask it is not asked: that is too much.

    Not at all is an exchange that was broken off meanwhile, which is no word on the judge.
    """

    ANSWERED = "answered"
    LATE = "late"
    FAILED = "failed"
    TOO_MUCH = "too_much"
    NOT_AT_ALL = ""


class JudgeFigures(msgspec.Struct, frozen=True):
    """How often a judge was asked, by how that ended, and for how many seconds exchanges waited for it altogether."""

    asks: Mapping[Ended, int] = {}
    seconds: float = 0.0


def counted(figures: JudgeFigures, ended: Ended, seconds: float) -> JudgeFigures:
    """The figures with one more ask."""
    if ended is Ended.NOT_AT_ALL:
        return figures
    return JudgeFigures({**figures.asks, ended: figures.asks.get(ended, 0) + 1}, figures.seconds + seconds)


def check_settlements(settlements: Sequence[Settlement], detectors: frozenset[str], vocabulary: Vocabulary) -> None:
    """Hold settlements against the rest of a release and the agreement's facts. Raises ``ReleaseError``."""
    if not settlements:
        raise ReleaseError("the judge may settle nothing, and would be asked nothing")
    named = [(one.after, one.fact) for one in settlements]
    if len(set(named)) != len(named):
        raise ReleaseError("one settlement for a fact and a detector, not two")
    for one in settlements:
        spec = vocabulary.spec(one.fact)
        if one.after not in detectors or Source.DETECTOR not in spec.set_by:
            raise ReleaseError(f"no judge can settle {one.fact} after {one.after}")
        if one.value != spec.good or one.misses > one.positives or one.wrongful > one.neighbours:
            raise ReleaseError(f"what settles {one.fact} is not {spec.good!r} with measured errors")


def check_asked(settlements: Sequence[Settlement], asked: Collection[str], name: str) -> None:
    """Hold settlements against the facts that a judge is ``asked`` about: of another its silence says nothing, and
    would be taken for the good value. Raises ``ReleaseError``.
    """
    if never := sorted({one.fact for one in settlements} - set(asked)):
        raise ReleaseError(f"{name}: the judge would settle {never[0]}, about which it is not asked")


def open_questions(settlements: Sequence[Settlement], judgements: Sequence[Judgement]) -> tuple[Question, ...]:
    """What the judge is asked, in a fixed order; ``judgements`` are the detectors'.

    Empty where there are too many readings. Nothing is asked of a fact that the answer could not change: somebody
    found worse than unknown, or one whom no judge may settle left it unknown.
    """
    questions: dict[tuple[int, str], dict[str, float]] = {}
    for finding in _open(settlements, judgements):
        leanings = questions.setdefault((finding.segment, finding.view), {})
        leanings[finding.fact] = max(leanings.get(finding.fact, 0.0), finding.score)
    if len(questions) > QUESTIONS_MAX:
        return ()
    return tuple(
        Question(*place, tuple(sorted(leanings)), tuple(leanings[fact] for fact in sorted(leanings)))
        for place, leanings in sorted(questions.items())
    )


def as_segments(
    questions: Sequence[Question], asked: Sequence[Segment], judgements: Sequence[Judgement]
) -> tuple[Segment, ...]:
    """The questions as the judge is asked them: it reads what the detector read. Empty where that is too much.

    Raises ``LookupError`` for a reading that a segment does not have.
    """
    raised = {(one.segment, one.view): one.text for judgement in judgements for one in judgement.raised}
    found = []
    for question in questions:
        segment = asked[question.segment]
        text = raised.get((question.segment, question.view)) or reading(segment, question.view)
        if _is_near_copy(text, segment.text):
            text = segment.text
        found.append(
            msgspec.structs.replace(
                segment, text=text, view=question.view, open=question.facts, leanings=question.leanings
            )
        )
    return tuple(found) if len({(one.surface, one.text) for one in found}) <= TEXTS_MAX else ()


def _is_near_copy(read: str, text: str) -> bool:
    """Whether a reading has the same letters and digits in nearly the same words: then a judge, who minds signs and
    capitals, is shown the text as it stands, and the same once.
    """
    if read.split() == text.casefold().split():  # only letters and spaces were made even
        return True
    if not all(character.isprintable() or character.isspace() for character in text):
        return False  # what is hidden between letters is not for the judge to see
    words, others = _WORD.findall(read), _WORD.findall(text.casefold())
    return "".join(words) == "".join(others) and abs(len(words) - len(others)) <= WORDS_APART_MAX


def reading(segment: Segment, name: str) -> str:
    """The reading of a segment that has this name. Raises ``LookupError`` if it has none such."""
    if name in {"text", segment.view}:
        return segment.text
    for view in views(segment.text):
        if view.name == name:
            return view.text
    raise LookupError(f"no reading is called {name!r}")


def settled(
    settlements: Sequence[Settlement], judge: str, digest: str, judgements: Sequence[Judgement]
) -> Mapping[Finding, str]:
    """The findings that are settled, each with the value in its place; empty without a sound answer of ``judge``.

    ``digest`` is the one that the release pins, ``sha256:<hex>``.
    """
    detectors = [one for one in judgements if one.detector != judge]
    answers = [one for one in judgements if one.detector == judge]
    questions = open_questions(settlements, detectors)
    if len(answers) != 1 or not questions or not _sound(answers[0], digest, questions):
        return {}
    found = {(one.segment, one.fact): one.value for one in answers[0].findings}
    numbers = {(question.segment, question.view): number for number, question in enumerate(questions)}
    values = {(one.after, one.fact): one.value for one in settlements}
    return {
        one: found.get((numbers[one.segment, one.view], one.fact), values[one.detector, one.fact])
        for one in _open(settlements, detectors)
    }


def settled_rule(rule: str, judge: str) -> str:
    """How a settled finding is named where it is written down."""
    return f"{rule} settled by {judge}"


def _open(settlements: Sequence[Settlement], judgements: Sequence[Judgement]) -> list[Finding]:
    """The unknowns that a judge may settle and whose fact nobody else stands against."""
    may = {(one.after, one.fact) for one in settlements}
    findings = [finding for judgement in judgements for finding in judgement.findings]
    candidates = [one for one in findings if one.value == UNKNOWN and (one.detector, one.fact) in may]
    barred = {one.fact for one in findings if one.value != UNKNOWN or (one.detector, one.fact) not in may}
    return [one for one in candidates if one.fact not in barred]


def _sound(answer: Judgement, digest: str, questions: Sequence[Question]) -> bool:
    """Whether this is an answer to these questions, each of them at most once."""
    places = [(one.segment, one.fact) for one in answer.findings]
    return (
        answer.digest == digest
        and answer.segments_judged == len(questions)
        and len(set(places)) == len(places)
        and all(
            one.detector == answer.detector
            and 0 <= one.segment < len(questions)
            and one.fact in questions[one.segment].facts
            and math.isfinite(one.score)
            and 0 <= one.score <= 1
            for one in answer.findings
        )
    )
