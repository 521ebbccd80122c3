# SPDX-License-Identifier: Apache-2.0
"""One person's answers to the questions of a case, signed.

People supply facts and approvals; the agreement decides again. So there is no "release" among the words that can be
signed: only what is so, with a reason, and whether an office approves. What is signed is the whole case, hence the
exact bytes that were shown, the agreement, the release, and when it ends. It is signed by a passkey
(``passkey.py``), or, where the parties let it (in development), by a key in a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.agreement.decide import Subject
from brightline.core.errors import NotSigned, TrustError
from brightline.core.facts import Vocabulary
from brightline.core.review.case import FORMAT as CASE_FORMAT
from brightline.core.review.case import Case
from brightline.core.review.passkey import (
    Assertion,
    Signed,
    decision_bytes,
    decision_challenge,
    read_assertion,
    verify,
)
from brightline.core.review.roles import May, Role, may
from brightline.core.review.roster import ClearedPerson, Credential, CredentialKind, ReviewTerms
from brightline.core.review.together import challenge_among
from brightline.core.statement import open_payload, sign_statement

DECISION_TYPE: Final = "application/vnd.brightline.decision+json"
FORMAT: Final = "brightline-decision/1"
APPROVE: Final = "approve"
REFUSE: Final = "refuse"
REASON_CHARS_MAX: Final = 4_000
DECISION_BYTES_MAX: Final = 262_144
NO_COUNTERS: Final[Mapping[str, int]] = MappingProxyType({})


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person says to one question. ``value`` is a value of the fact, or ``approve`` or ``refuse``."""

    subject: Subject
    name: str
    value: str
    reason: str


class ReviewerDecision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The signed statement. ``nonce`` is 32 hex digits, fresh for each; ``issued`` in Unix seconds.

    ``record`` is where the case stands, ``shard/seq`` of its first HOLD record; empty if whoever signed did not know.
    """

    format: str
    case: Case
    reviewer: str
    answers: tuple[Answer, ...]
    nonce: str
    issued: int
    record: str = ""


class Made(msgspec.Struct, frozen=True):
    """A decision that was verified: who made it, by which of their credentials, with which counter (0: it has none).

    ``digest`` is SHA-256 of the canonical decision, which is what a passkey signs; 32 bytes. ``together`` if one
    signature is under it and others: then it may only deny (``denying.py``).
    """

    decision: ReviewerDecision
    person: ClearedPerson
    credential: Credential
    counter: int
    digest: bytes
    together: bool = False


def sign_decision(decision: ReviewerDecision, key: Ed25519PrivateKey) -> bytes:
    """Sign with a software key: a DSSE envelope as JSON bytes."""
    return sign_statement(decision, DECISION_TYPE, [key])


def open_made(
    envelope: bytes,
    roster: Mapping[str, ClearedPerson],
    at: int,
    terms: ReviewTerms,
    counters: Mapping[str, int] = NO_COUNTERS,
) -> Made:
    """Verify that somebody on the roster made this decision, by a credential of theirs.

    ``at`` is when it was logged, in Unix seconds: whose clearance had ended by then decided nothing. ``counters`` are
    the last ones that were seen of each passkey, by its id. Raises ``TrustError`` for whoever is not on the roster, is
    not cleared, may not decide (an appeal: has not the role for that), or did not sign.
    """
    if len(envelope) > DECISION_BYTES_MAX:
        raise TrustError(f"a decision of {len(envelope)} bytes exceeds {DECISION_BYTES_MAX}")
    assertion = read_assertion(envelope)
    # The name must be read before the signature: it says whose credentials to try, and nothing else.
    person = roster.get(_claimed(envelope if assertion is None else assertion))
    if person is None:
        raise TrustError("a decision by somebody who is not on the roster")
    if person.cleared_until <= at:
        raise TrustError(f"the clearance of {person.id} had ended")
    if not may(person.roles, May.DECIDE):
        raise TrustError(f"{person.id} is on the roster for something else than deciding")
    if assertion is None:
        payload, credential, counter = *_signed_by_key(envelope, person, terms), 0
    else:
        payload = assertion.decision
        credential, counter = _signed_by_passkey(assertion, person, terms, counters)
    decision = _read(payload)
    if decision.reviewer != person.id:
        raise NotSigned("a decision names another person than the one who signed it")
    if decision.case.appeal and not decides(decision.case, person.roles):
        raise TrustError(f"{person.id} has no role that decides appeals")
    if not person.clearance.covers(terms.need(decision.case.unit)):
        raise TrustError(f"{person.id} is not cleared for what is held of {decision.case.unit[:80]}")
    if assertion is not None and decision_bytes(decision) != payload:
        raise NotSigned("a decision is signed by passkey in its canonical form, and these bytes are another")
    together = assertion is not None and assertion.among is not None
    return Made(decision, person, credential, counter, decision_challenge(decision), together)


def decides(case: Case, roles: Iterable[Role]) -> bool:
    """Whether somebody with these roles decides this case: an appeal takes a role of its own beside the common one."""
    held = tuple(roles)
    return may(held, May.DECIDE) and (not case.appeal or may(held, May.DECIDE_APPEAL))


def check_answers(decision: ReviewerDecision, person: ClearedPerson, vocabulary: Vocabulary) -> None:
    """Refuse answers that this person may not give to this case, or that answer nothing. Raises ``TrustError``."""
    case = decision.case
    if case.appeal and not decides(case, person.roles):
        raise TrustError(f"{person.id} has no role that decides appeals")
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
        if answer.subject is Subject.FACT and answer.name not in vocabulary:
            raise TrustError(f"the agreement in force knows no fact {answer.name[:80]!r}")
        allowed = (APPROVE, REFUSE) if answer.subject is Subject.APPROVAL else vocabulary.spec(answer.name).values
        if answer.value not in allowed:
            raise TrustError(f"{answer.name} is answered by {' or '.join(allowed)}, not {answer.value[:80]!r}")
        if not answer.reason.strip() or len(answer.reason) > REASON_CHARS_MAX:
            raise TrustError(f"the answer to {answer.name} needs a reason of at most {REASON_CHARS_MAX} characters")


class _Claim(msgspec.Struct, frozen=True):
    reviewer: str


class _Envelope(msgspec.Struct, frozen=True):
    payload: bytes  # msgspec reads bytes from base64


def _claimed(signed: bytes | Assertion) -> str:
    try:
        payload = signed.decision if isinstance(signed, Assertion) else _envelope(signed)
        return msgspec.json.decode(payload, type=_Claim).reviewer
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotSigned("a decision is not a signed statement") from error


def _envelope(envelope: bytes) -> bytes:
    return msgspec.json.decode(envelope, type=_Envelope).payload


def _read(payload: bytes) -> ReviewerDecision:
    try:
        decision = msgspec.json.decode(payload, type=ReviewerDecision, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TrustError(f"a signed decision does not read: {error}") from error
    if decision.format != FORMAT or decision.case.format != CASE_FORMAT:
        raise TrustError(f"a decision of format {decision.format[:40]!r}; expected {FORMAT!r}")
    return decision


def _signed_by_key(envelope: bytes, person: ClearedPerson, terms: ReviewTerms) -> tuple[bytes, Credential]:
    if not terms.software_keys:
        raise TrustError("decisions are signed by passkey here: both parties let no key in a file sign them")
    for credential in person.credentials:
        if credential.kind is not CredentialKind.KEY:
            continue
        try:
            public = bytes.fromhex(credential.public)
            return open_payload(envelope, DECISION_TYPE, public, DECISION_BYTES_MAX), credential
        except (TrustError, ValueError):
            continue
    raise NotSigned(f"no credential of {person.id} signed this decision")


def _signed_by_passkey(
    assertion: Assertion, person: ClearedPerson, terms: ReviewTerms, counters: Mapping[str, int]
) -> tuple[Credential, int]:
    if terms.passkeys is None:
        raise TrustError("the parties pinned no origin for passkeys, so none is believed")
    for credential in person.credentials:
        if (credential.kind, credential.id) == (CredentialKind.PASSKEY, assertion.credential):
            break
    else:
        raise TrustError(f"it was signed by a passkey that is not {person.id}'s")
    signed = Signed(assertion.credential, assertion.authenticator_data, assertion.client_data, assertion.signature)
    last = counters.get(credential.id, 0)
    if assertion.among is None:
        challenge = hashlib.sha256(assertion.decision).digest()
    else:
        # One signature has one counter, under however many decisions: each after the first shows the last one again.
        challenge, last = challenge_among(assertion.decision, assertion.among), max(0, last - 1)
    return credential, verify(signed, credential.public, challenge, terms.passkeys, last)
