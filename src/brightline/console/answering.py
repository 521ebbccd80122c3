# SPDX-License-Identifier: Apache-2.0
"""From a form to a signed decision, in two steps, so that people see what they sign.

First the form becomes the statement, whole: the case, the answers, the reasons, a nonce. That is shown, and kept here
for a short while under a random name. Then exactly that is signed, with a passkey or, in development alone, with the
software key of the state folder, checked as every reader will check it, and logged.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final, Protocol

import msgspec

from brightline.console.books import Books
from brightline.console.person import Person
from brightline.core.errors import TrustError
from brightline.core.evidence.record import DurableRecord
from brightline.core.review.case import Case
from brightline.core.review.decision import FORMAT, REASON_CHARS_MAX, Answer, ReviewerDecision, sign_decision
from brightline.shell.registry.decisions import log_decision
from brightline.shell.state import StateFolder
from brightline.shell.trust.keys import load_key

PREPARED_SECONDS: Final = 900
PREPARED_MAX: Final = 1_000
DEVELOPMENT: Final = "development"


class Prepared(msgspec.Struct, frozen=True):
    """A statement that waits for its signature until ``until`` (Unix seconds)."""

    id: str
    decision: ReviewerDecision
    until: int


class Signing(Protocol):
    """How a decision is signed."""

    def asks(self, books: Books, decision: ReviewerDecision) -> str:
        """What the browser must be asked for, as JSON; empty where the server holds the key. Blocks."""
        ...

    def signed(self, books: Books, decision: ReviewerDecision, given: str) -> bytes:
        """The signed statement; ``given`` is what the browser answered. Raises ``TrustError``. Blocks."""
        ...


class SoftwareKeys:
    """The keys of the state folder, for development: whoever holds the folder can sign as anybody."""

    def asks(self, books: Books, decision: ReviewerDecision) -> str:
        """Nothing is asked of the browser."""
        return ""

    def signed(self, books: Books, decision: ReviewerDecision, given: str) -> bytes:
        """Sign with the key of this name. Raises ``TrustError`` outside development."""
        if books.profile != DEVELOPMENT:
            raise TrustError("a decision is signed with a passkey here: software keys are for development")
        return sign_decision(decision, load_key(StateFolder(books.root).key(decision.reviewer)))


class Desk:
    """The statements that wait for a signature."""

    def __init__(self, signing: Signing) -> None:
        self.signing = signing
        self._waiting: dict[str, Prepared] = {}

    def prepare(self, case: Case, person: Person, form: Mapping[str, str], now: int) -> Prepared:
        """Make the statement of a form: ``answer-N`` and ``reason-N`` for question N. Raises ``TrustError``."""
        answers = []
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
        decision = ReviewerDecision(FORMAT, case, person.person, tuple(answers), secrets.token_hex(16), now)
        prepared = Prepared(secrets.token_urlsafe(16), decision, now + PREPARED_SECONDS)
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


def sign_and_log(books: Books, desk: Desk, prepared: Prepared, given: str) -> DurableRecord:
    """Sign, check and log. Raises ``TrustError`` for what may not count, or if somebody else was first. Blocks."""
    books.registry.refresh()
    envelope = desk.signing.signed(books, prepared.decision, given)
    decisions = books.registry.decisions
    record = log_decision(books.root, books.settings, books.profile, decisions, envelope, books.clock)
    books.registry.refresh()
    if ignored := decisions.why_ignored(record.place.seq):
        raise TrustError(f"somebody was first, and your decision changed nothing: {ignored}")
    return record
