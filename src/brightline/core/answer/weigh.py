# SPDX-License-Identifier: Apache-2.0
"""Answers a question from what was found. Nothing here reads evidence, and nothing here is lenient.

A claim is CONTRADICTED if any evidence that it needs is, SHOWN if all of it is, and else OPEN; evidence that nobody
found is OPEN, and a kind that nothing makes is OPEN whatever is said of it. An answer stands as its worst claim; one
that waits is PENDING where another would be OPEN. So a piece of evidence that breaks opens exactly the claims that
need it, and nothing that is added or broken makes another claim better.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from brightline.core.answer.evidence import EVIDENCE, NOT_MADE
from brightline.core.answer.model import (
    Answer,
    Asked,
    Case,
    Claim,
    ClaimAnswer,
    Evidence,
    Found,
    Question,
    Status,
    Weighed,
)

PENDING: Final = "Answer pending…"
UNASKED: Final = Asked()
_NONE: Final = "none was given"


def answer(
    question: Question,
    found: Mapping[str, Found],
    parties: tuple[str, str],
    cases: Sequence[Case] = (),
    asked: Asked = UNASKED,
    kinds: Mapping[str, Evidence] = EVIDENCE,
) -> Answer:
    """Answer one question. ``found`` is by id of evidence; ``parties`` are provider and customer, by name."""
    claims = tuple(weigh(claim, found, kinds) for claim in question.claims)
    status = _status(question, claims)
    asks = asked.asks or question.asks.format(provider=parties[0], customer=parties[1])
    made = Answer(question, asks, asked.answers, status, "", claims, tuple(cases))
    return msgspec.structs.replace(made, headline=_headline(made))


def weigh(claim: Claim, found: Mapping[str, Found], kinds: Mapping[str, Evidence] = EVIDENCE) -> ClaimAnswer:
    """Weigh one claim. Raises ``KeyError`` for a need that is no kind of evidence."""
    weighed = []
    for need in claim.needs:
        kind = kinds[need]
        if not kind.made:
            weighed.append(Weighed(kind, Found(Status.OPEN, NOT_MADE)))
        elif need in found:
            weighed.append(Weighed(kind, found[need]))
        elif not kind.optional:
            weighed.append(Weighed(kind, Found(Status.OPEN, _NONE)))
    return ClaimAnswer(claim, worst([one.found.status for one in weighed]), tuple(weighed))


def worst(statuses: Sequence[Status]) -> Status:
    """The worst of them; of none, OPEN: nothing shows nothing."""
    if Status.CONTRADICTED in statuses:
        return Status.CONTRADICTED
    return Status.SHOWN if set(statuses) == {Status.SHOWN} else Status.OPEN


def _status(question: Question, claims: Sequence[ClaimAnswer]) -> Status:
    found = worst([claim.status for claim in claims])
    return Status.PENDING if found is Status.OPEN and question.waits else found


def _headline(made: Answer) -> str:
    missing = len(made.missing)
    pieces = f"{missing} {'piece' if missing == 1 else 'pieces'} of evidence"
    match made.status:
        case Status.PENDING:
            return PENDING
        case Status.SHOWN:
            return made.question.shown
        case Status.CONTRADICTED:
            against = sum(claim.status is Status.CONTRADICTED for claim in made.claims)
            said = f"The evidence speaks against {against} of the {len(made.claims)} claims that the answer rests on."
            return f"{PENDING} {said}" if made.question.waits else said
        case Status.OPEN:
            verb = "is" if missing == 1 else "are"
            return f"{made.shown} of {len(made.claims)} claims are shown; {pieces} {verb} missing."
