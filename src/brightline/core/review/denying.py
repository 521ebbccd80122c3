# SPDX-License-Identifier: Apache-2.0
"""Denying in bulk: the bad answer to all that somebody is asked about many cases, each decision signed by itself.

To deny many at once is allowed, because it lets nothing through. There is no such function for good answers.
"""

from __future__ import annotations

from brightline.core.agreement.decide import Subject
from brightline.core.agreement.request import bad_value
from brightline.core.errors import TrustError
from brightline.core.facts import Vocabulary
from brightline.core.review.claims import questions_for
from brightline.core.review.decision import APPROVE, REFUSE, Answer, Made
from brightline.core.review.docket import Tried


def denying_answers(tried: Tried, person: str, office: str, vocabulary: Vocabulary, reason: str) -> tuple[Answer, ...]:
    """The bad answer to each question that a person of an office is still asked about a case; none if it is none."""
    return tuple(
        Answer(
            question.subject,
            question.name,
            REFUSE if question.subject is Subject.APPROVAL else bad_value(vocabulary.spec(question.name)),
            reason,
        )
        for question in questions_for(tried, person, office)
    )


def check_together(made: Made, vocabulary: Vocabulary) -> None:
    """Refuse a decision under one signature with others, unless it says nothing good. Raises ``TrustError``."""
    if not made.together:
        return
    for answer in made.decision.answers:
        if answer.subject is Subject.FACT and answer.name not in vocabulary:
            continue  # which counts for nothing anyway (``check_answers``)
        good = APPROVE if answer.subject is Subject.APPROVAL else vocabulary.spec(answer.name).good
        if answer.value == good:
            raise TrustError(f"one signature is under many denials, and {answer.name}={answer.value[:80]} is none")
