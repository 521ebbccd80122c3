# SPDX-License-Identifier: Apache-2.0
"""One person's answers to the questions of a case, signed.

People supply facts and approvals; the agreement decides again. So there is no "release" among the words that can be
signed: only what is so, with a reason, and whether an office approves. What is signed is the whole case, hence the
exact bytes that were shown, the agreement, the release, and when it ends.
"""

from __future__ import annotations

from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.agreement.decide import Subject
from brightline.core.errors import TrustError
from brightline.core.facts import Vocabulary
from brightline.core.review.case import FORMAT as CASE_FORMAT
from brightline.core.review.case import Case
from brightline.core.review.roster import ClearedPerson, CredentialKind
from brightline.core.statement import open_payload, sign_statement

DECISION_TYPE: Final = "application/vnd.brightline.decision+json"
FORMAT: Final = "brightline-decision/1"
APPROVE: Final = "approve"
REFUSE: Final = "refuse"
REASON_CHARS_MAX: Final = 4_000
DECISION_BYTES_MAX: Final = 262_144


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person says to one question. ``value`` is a value of the fact, or ``approve`` or ``refuse``."""

    subject: Subject
    name: str
    value: str
    reason: str


class ReviewerDecision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The signed statement. ``nonce`` is 32 hex digits, fresh for each; ``issued`` in Unix seconds."""

    format: str
    case: Case
    reviewer: str
    answers: tuple[Answer, ...]
    nonce: str
    issued: int


def sign_decision(decision: ReviewerDecision, key: Ed25519PrivateKey) -> bytes:
    """Sign with a software key: a DSSE envelope as JSON bytes."""
    return sign_statement(decision, DECISION_TYPE, [key])


def open_decision(
    envelope: bytes, roster: dict[str, ClearedPerson], at: int
) -> tuple[ReviewerDecision, ClearedPerson]:
    """Return a decision and who made it, once a credential of theirs is seen to have signed it.

    ``at`` is when it was logged, in Unix seconds: whose clearance had ended by then decided nothing. Raises
    ``TrustError`` for whoever is not on the roster, is not cleared, or did not sign.
    """
    # The name must be read before the signature: it says whose credentials to try, and nothing else.
    person = roster.get(_claimed(envelope))
    if person is None:
        raise TrustError("a decision by somebody who is not on the roster")
    if person.cleared_until <= at:
        raise TrustError(f"the clearance of {person.id} had ended")
    payload = _signed_by(envelope, person)
    try:
        decision = msgspec.json.decode(payload, type=ReviewerDecision, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TrustError(f"a signed decision does not read: {error}") from error
    if decision.format != FORMAT or decision.case.format != CASE_FORMAT:
        raise TrustError(f"a decision of format {decision.format[:40]!r}; expected {FORMAT!r}")
    if decision.reviewer != person.id:
        raise TrustError("a decision names another person than the one who signed it")
    return decision, person


def check_answers(decision: ReviewerDecision, person: ClearedPerson, vocabulary: Vocabulary) -> None:
    """Refuse answers that this person may not give to this case, or that answer nothing. Raises ``TrustError``."""
    case = decision.case
    if person.id in case.recused:
        raise TrustError(f"{person.id} requested this, or wrote the rule that asks, and may not decide it")
    if not decision.answers:
        raise TrustError("a decision without an answer")
    asked = {(question.subject, question.name): question for question in case.questions}
    given: set[tuple[Subject, str]] = set()
    for answer in decision.answers:
        key = answer.subject, answer.name
        question = asked.get(key)
        if question is None:
            raise TrustError(f"this case does not ask about {answer.name[:80]!r}")
        if key in given:
            raise TrustError(f"{answer.name} is answered twice")
        given.add(key)
        if person.office not in dict(question.quorum):
            raise TrustError(f"{answer.name} is not for {person.office} to answer")
        allowed = (APPROVE, REFUSE) if answer.subject is Subject.APPROVAL else vocabulary.spec(answer.name).values
        if answer.value not in allowed:
            raise TrustError(f"{answer.name} is answered by {' or '.join(allowed)}, not {answer.value[:80]!r}")
        if not answer.reason.strip() or len(answer.reason) > REASON_CHARS_MAX:
            raise TrustError(f"the answer to {answer.name} needs a reason of at most {REASON_CHARS_MAX} characters")


class _Claim(msgspec.Struct, frozen=True):
    reviewer: str


class _Envelope(msgspec.Struct, frozen=True):
    payload: bytes  # msgspec reads bytes from base64


def _claimed(envelope: bytes) -> str:
    if len(envelope) > DECISION_BYTES_MAX:
        raise TrustError(f"a decision of {len(envelope)} bytes exceeds {DECISION_BYTES_MAX}")
    try:
        return msgspec.json.decode(msgspec.json.decode(envelope, type=_Envelope).payload, type=_Claim).reviewer
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TrustError("a decision is not a signed statement") from error


def _signed_by(envelope: bytes, person: ClearedPerson) -> bytes:
    for credential in person.credentials:
        if credential.kind is not CredentialKind.KEY:
            continue
        try:
            return open_payload(envelope, DECISION_TYPE, bytes.fromhex(credential.public), DECISION_BYTES_MAX)
        except (TrustError, ValueError):
            continue
    raise TrustError(f"no credential of {person.id} signed this decision")
