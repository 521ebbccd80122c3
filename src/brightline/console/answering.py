# SPDX-License-Identifier: Apache-2.0
"""From a form to a signed decision, in two steps, so that people see what they sign.

First the form becomes the statement, whole: the case, the answers, the reasons, a nonce. That is shown, and kept here
for a short while under a random name. Then exactly that is signed, with a passkey or, in development alone, with the
software key of the state folder, checked as every reader will check it, and logged.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final

import msgspec

from brightline.console.books import Books
from brightline.console.person import Person
from brightline.core.errors import TrustError
from brightline.core.evidence.record import DurableRecord
from brightline.core.ports import Clock
from brightline.core.review.claims import Claim
from brightline.core.review.decision import REASON_CHARS_MAX, Answer, ReviewerDecision, sign_decision
from brightline.core.review.passkey import base64url, decision_challenge, write_assertion
from brightline.core.review.roster import Credential, CredentialKind
from brightline.shell.registry.decisions import log_decision, new_decision
from brightline.shell.review.desk import OpenedCase
from brightline.shell.state import StateFolder
from brightline.shell.trust.keys import load_key

PREPARED_SECONDS: Final = 900
PREPARED_MAX: Final = 1_000
PASSKEY_SECONDS: Final = 300


class Prepared(msgspec.Struct, frozen=True):
    """A statement that waits for its signature until ``until`` (Unix seconds), and the claim that it rests on."""

    id: str
    decision: ReviewerDecision
    claim: Claim
    until: int


def asks(books: Books, decision: ReviewerDecision) -> str:
    """What the browser must be asked for, as JSON (WebAuthn Level 3, section 5.1.10); empty without a passkey. Blocks.

    The challenge is the digest of the decision, so that the passkey signs it and nothing else.
    """
    relying, passkeys = books.registry.review.passkeys, _passkeys(books, decision.reviewer)
    if relying is None or not passkeys:
        return ""
    asked = {
        "challenge": base64url(decision_challenge(decision)),
        "rpId": relying.id,
        "allowCredentials": [{"type": "public-key", "id": each.id} for each in passkeys],
        "userVerification": "required",
        "timeout": 1_000 * PASSKEY_SECONDS,
    }
    return msgspec.json.encode(asked).decode()


def signed(books: Books, decision: ReviewerDecision, given: str) -> bytes:
    """The decision as it will be logged; ``given`` is what the browser answered. Raises ``TrustError``. Blocks.

    Whoever has a passkey signs with it. A key in a file signs for those who have none, where both parties let it.
    """
    if asks(books, decision):
        return write_assertion(decision, given.encode())
    if not books.registry.review.software_keys:
        raise TrustError(f"{decision.reviewer} has no passkey, and both parties let no key in a file sign decisions")
    return sign_decision(decision, load_key(StateFolder(books.root).key(decision.reviewer)))


def _passkeys(books: Books, person: str) -> list[Credential]:
    known = books.registry.roster.get(person)
    return [each for each in known.credentials if each.kind is CredentialKind.PASSKEY] if known is not None else []


class Desk:
    """The statements that wait for a signature."""

    def __init__(self) -> None:
        self._waiting: dict[str, Prepared] = {}

    def prepare(
        self, opened: OpenedCase, person: Person, claim: Claim, form: Mapping[str, str], clock: Clock
    ) -> Prepared:
        """Make the statement of a form: ``answer-N`` and ``reason-N`` for question N. Raises ``TrustError``."""
        answers = []
        case, now = opened.case, clock.unix()
        for number, question in enumerate(case.questions, 1):
            value = form.get(f"answer-{number}", "")
            if not value:
                continue
            reason = form.get(f"reason-{number}", "").strip()
            if not reason or len(reason) > REASON_CHARS_MAX:
                raise TrustError(
                    f"the answer to {question.name} needs a reason, {REASON_CHARS_MAX} characters at most"
                )
            answers.append(Answer(question.subject, question.name, value, reason))
        if not answers:
            raise TrustError("no question was answered")
        decision = new_decision(case, person.person, tuple(answers), clock, f"{opened.shard}/{opened.seq}")
        prepared = Prepared(secrets.token_urlsafe(16), decision, claim, now + PREPARED_SECONDS)
        for name in [name for name, each in self._waiting.items() if each.until <= now]:
            del self._waiting[name]
        while len(self._waiting) >= PREPARED_MAX:
            del self._waiting[next(iter(self._waiting))]
        self._waiting[prepared.id] = prepared
        return prepared

    def take(self, name: str, person: Person, now: int) -> Prepared:
        """The statement of this name, once. Raises ``TrustError`` if it is not there, or is another person's."""
        prepared = self._waiting.get(name)
        if prepared is None or prepared.until <= now or prepared.decision.reviewer != person.person:
            raise TrustError("what was to be signed is not kept any more; answer again")
        return self._waiting.pop(name)


def sign_and_log(books: Books, prepared: Prepared, given: str) -> DurableRecord:
    """Sign, check and log. Raises ``TrustError`` for what may not count, or if somebody else was first. Blocks."""
    books.registry.refresh()
    envelope = signed(books, prepared.decision, given)
    decisions = books.registry.decisions
    record = log_decision(books.root, books.settings, books.profile, decisions, envelope, books.clock)
    books.registry.refresh()
    if ignored := decisions.why_ignored(record.place.seq):
        raise TrustError(f"somebody was first, and your decision changed nothing: {ignored}")
    return record
