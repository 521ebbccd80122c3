# SPDX-License-Identifier: Apache-2.0
"""What people decided about holds, from the log; and how a decision is written there.

A decision that may not count (its signer is not on the roster any more, the hold had expired, somebody was first) is
kept among the ``ignored`` for those who look. It stops nothing, because without it the exchange stays held.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.limits import answer_seconds
from brightline.core.canonical import JsonValue
from brightline.core.errors import TrustError
from brightline.core.evidence.record import Draft, DurableRecord, RecordKind
from brightline.core.ports import Clock
from brightline.core.review.case import Case
from brightline.core.review.decision import FORMAT, Answer, ReviewerDecision, open_decision, sign_decision
from brightline.core.review.docket import Docket
from brightline.core.review.roster import ClearedPerson
from brightline.shell.config import Settings
from brightline.shell.registry.log import append_to_registry
from brightline.shell.registry.reader import Entry


class Ignored(msgspec.Struct, frozen=True):
    """A decision that changed nothing, and why."""

    seq: int
    time: str
    why: str


class Decisions:
    """What counts of people's decisions, as a fold of DECISION records."""

    kinds: Final = frozenset({RecordKind.DECISION})

    def __init__(self, roster: Sequence[ClearedPerson], agreement: Callable[[], Agreement]) -> None:
        self.docket = Docket()
        self.ignored: tuple[Ignored, ...] = ()
        self._roster = {person.id: person for person in roster}
        self._agreement = agreement

    def enter(self, entry: Entry) -> None:
        """Take in a decision, or say why it does not count."""
        agreement = self._agreement()
        try:
            decision, person = open_decision(entry.envelope, self._roster, entry.unix)
            self.docket.enter(decision, person, entry.unix, agreement.vocabulary, answer_seconds(agreement))
        except TrustError as error:
            self.ignored += (Ignored(entry.seq, entry.time, str(error)),)

    def check(self, envelope: bytes, now: int) -> tuple[ReviewerDecision, ClearedPerson]:
        """What a decision says and who made it, as of ``now`` (Unix seconds). Raises ``TrustError``."""
        decision, person = open_decision(envelope, self._roster, now)
        self.docket.check(decision, person, now, self._agreement().vocabulary)
        return decision, person

    def why_ignored(self, seq: int) -> str:
        """Why a record changed nothing; empty if it did."""
        return next((each.why for each in reversed(self.ignored) if each.seq == seq), "")


def draft_of(decision: ReviewerDecision, office: str, envelope: bytes) -> Draft:
    """The record of a decision: which hold and case, and for which office; who said what is committed."""
    public: dict[str, JsonValue] = {
        "agreement": decision.case.agreement,
        "release": decision.case.release,
        "hold": decision.case.hold,
        "case": decision.case.digest,
        "office": office,
    }
    return Draft(RecordKind.DECISION, "", public, {"statement": envelope.decode()})


def sign_and_log(
    root: Path,
    settings: Settings,
    profile: str,
    decisions: Decisions,
    case: Case,
    person: str,
    answers: tuple[Answer, ...],
    key: Ed25519PrivateKey,
    clock: Clock,
) -> DurableRecord:
    """Sign one person's answers to a case with a software key, and log them as :func:`log_decision` does."""
    decision = ReviewerDecision(FORMAT, case, person, answers, secrets.token_hex(16), clock.unix())
    return log_decision(root, settings, profile, decisions, sign_decision(decision, key), clock)


def log_decision(
    root: Path, settings: Settings, profile: str, decisions: Decisions, envelope: bytes, clock: Clock
) -> DurableRecord:
    """Check a decision as every reader will, and log it. Raises ``TrustError`` for one that may not count.

    Somebody else may decide just before it is logged; ``Decisions.why_ignored`` says so once the registry was read
    again. Blocks.
    """
    decision, person = decisions.check(envelope, clock.unix())
    draft = draft_of(decision, person.office, envelope)
    return append_to_registry(root, settings, profile, clock, draft)
