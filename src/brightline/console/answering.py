# SPDX-License-Identifier: Apache-2.0
"""From a form to a signed decision, in two steps, so that people see what they sign.

First the form becomes the statement, whole: the case, the answers, the reasons, a nonce. That is shown, and kept here
for a short while under a random name. Then exactly that is signed, with a passkey or, in development alone, with the
software key of the state folder, checked as every reader will check it, and logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from brightline.console.books import Books
from brightline.console.person import Person
from brightline.console.waiting import Waiting
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

PREPARED_MAX: Final = 1_000
PASSKEY_SECONDS: Final = 300


class Prepared(msgspec.Struct, frozen=True):
    """A statement that waits for its signature, and the claim that it rests on."""

    decision: ReviewerDecision
    claim: Claim


def asks(books: Books, decision: ReviewerDecision) -> str:
    """What the browser must be asked for of a decision; empty without a passkey. Blocks.

    The challenge is the digest of the decision, so that the passkey signs it and nothing else.
    """
    return asks_for(books, decision.reviewer, decision_challenge(decision))


def asks_for(books: Books, person: str, challenge: bytes) -> str:
    """What the browser must be asked for (WebAuthn Level 3, section 5.1.10), as JSON; empty without a passkey."""
    relying, passkeys = books.registry.review.passkeys, _passkeys(books, person)
    if relying is None or not passkeys:
        return ""
    asked = {
        "challenge": base64url(challenge),
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
        self._waiting: Waiting[Prepared] = Waiting(PREPARED_MAX)

    def prepare(
        self, opened: OpenedCase, person: Person, claim: Claim, form: Mapping[str, str], clock: Clock
    ) -> tuple[str, Prepared]:
        """Make the statement of a form, and the name under which it waits: ``answer-N``, ``reason-N`` for question N.

        Raises ``TrustError``.
        """
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
        prepared = Prepared(decision, claim)
        return self._waiting.keep(prepared, person.person, now), prepared

    def take(self, name: str, person: Person, now: int) -> Prepared:
        """The statement of this name, once. Raises ``TrustError`` if it is not there, or is another person's."""
        return self._waiting.take(name, person.person, now)


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
