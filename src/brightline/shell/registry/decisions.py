# SPDX-License-Identifier: Apache-2.0
"""What people decided about holds, from the log; and how a decision is written there.

A decision that may not count (its signer is not on the roster any more, the hold had expired, somebody was first) is
kept among the ``ignored`` for those who look. It stops nothing, because without it the exchange stays held.
"""

from __future__ import annotations

import bisect
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.limits import answer_seconds
from brightline.core.canonical import JsonValue
from brightline.core.errors import TrustError
from brightline.core.evidence.record import Draft, DurableRecord, RecordKind
from brightline.core.facts import Vocabulary
from brightline.core.ports import Clock
from brightline.core.review.case import Case
from brightline.core.review.decision import FORMAT, Answer, Made, ReviewerDecision, open_made, sign_decision
from brightline.core.review.denying import check_together
from brightline.core.review.docket import Docket, check_asks
from brightline.core.review.passkey import read_assertion
from brightline.core.review.roster import ClearedPerson, CredentialKind, ReviewTerms
from brightline.shell.config import Settings
from brightline.shell.registry.log import append_to_registry, patiently_writing
from brightline.shell.registry.reader import Entry


class Ignored(msgspec.Struct, frozen=True):
    """A decision that changed nothing, and why."""

    seq: int
    time: str
    why: str


class Decisions:
    """What counts of people's decisions, as a fold of DECISION records, and of USED ones: what counts no more.

    A decision counts once, whatever signature it is shown with, and a passkey's counter must grow where it has one.
    """

    kinds: Final = frozenset({RecordKind.DECISION, RecordKind.ENROLMENT, RecordKind.USED})

    def __init__(
        self,
        roster: Callable[[], Mapping[str, ClearedPerson]],
        terms: ReviewTerms,
        agreement: Callable[[], Agreement],
        versions: Callable[[], Mapping[str, Agreement]],
    ) -> None:
        """``versions`` of the agreement, by digest, are the one in force and those that were before."""
        self.docket = Docket()
        self.ignored: tuple[Ignored, ...] = ()
        self.terms: Final = terms
        self._roster = roster
        self._counted: list[tuple[int, str]] = []  # in the order of the log: record, case
        self._agreement = agreement
        self._versions = versions
        self._listed = frozenset(roster())
        self._counters: dict[str, int] = {}  # the last of each passkey, by its id
        self._seen: set[bytes] = set()  # digests of the decisions that were made

    def enter(self, entry: Entry) -> None:
        """Take in a decision, or say why it does not count; strike what those said who are not on the roster now.

        What people released and was used counts no more.
        """
        if entry.kind is RecordKind.USED:
            used = str(entry.public.get("case"))
            self.docket.use(used)
            self._counted.append((entry.seq, used))
            return
        agreement = self._agreement()
        if entry.kind is RecordKind.ENROLMENT:
            for person in self._listed - self._roster().keys():
                struck = self.docket.strike(person, entry.unix, agreement.vocabulary, answer_seconds(agreement))
                self._counted += [(entry.seq, case) for case in struck]
            self._listed = frozenset(self._roster())
            return
        try:
            made = self._open(entry.envelope, entry.unix, agreement.vocabulary)
            self._seen.add(made.digest)
            self._counters[made.credential.id] = made.counter
            self.docket.enter(made.decision, made.person, entry.unix, agreement.vocabulary, answer_seconds(agreement))
            self._counted.append((entry.seq, made.decision.case.digest))
        except TrustError as error:
            self.ignored += (Ignored(entry.seq, entry.time, str(error)),)

    @property
    def roster(self) -> Mapping[str, ClearedPerson]:
        """Who may answer, by id."""
        return self._roster()

    def since(self, size: int) -> dict[str, int]:
        """The cases, by digest, that a record from ``size`` on changed, each with the last such record."""
        first = bisect.bisect_left(self._counted, (size, ""))
        return {case: seq for seq, case in self._counted[first:]}

    def check(self, envelope: bytes, now: int) -> tuple[ReviewerDecision, ClearedPerson]:
        """What a decision says and who made it, as of ``now`` (Unix seconds). Raises ``TrustError``."""
        vocabulary = self._agreement().vocabulary
        made = self._open(envelope, now, vocabulary)
        self.docket.check(made.decision, made.person, now, vocabulary)
        return made.decision, made.person

    def counter(self, credential: str) -> int:
        """The last counter that a passkey signed a decision with; 0 if it has none, or has signed none."""
        return self._counters.get(credential, 0)

    def _open(self, envelope: bytes, at: int, vocabulary: Vocabulary) -> Made:
        made = open_made(envelope, self._roster(), at, self.terms, self._counters)
        check_together(made, vocabulary)
        held_under = self._versions().get(made.decision.case.agreement)
        if held_under is None:
            raise TrustError("what is decided was held under no version of the agreement that was in force")
        check_asks(made.decision.case, held_under)
        if made.digest in self._seen:
            raise TrustError("this decision was made before: a signature counts once")
        return made

    def why_ignored(self, seq: int) -> str:
        """Why a record changed nothing; empty if it did."""
        return next((each.why for each in reversed(self.ignored) if each.seq == seq), "")


def signed_with(envelope: bytes) -> CredentialKind:
    """What kind of credential a decision was signed with. Raises ``TrustError`` for what is no decision."""
    return CredentialKind.KEY if read_assertion(envelope) is None else CredentialKind.PASSKEY


def draft_of(decision: ReviewerDecision, office: str, envelope: bytes) -> Draft:
    """The record of a decision: which hold and case, and for which office; who said what is committed."""
    public: dict[str, JsonValue] = {
        "agreement": decision.case.agreement,
        "release": decision.case.release,
        "hold": decision.case.hold,
        "case": decision.case.digest,
        "office": office,
        "signed_with": signed_with(envelope).value,
    }
    return Draft(RecordKind.DECISION, "", public, {"statement": envelope.decode()})


def _nobody_claims() -> None:
    """Without a queue there are no claims."""


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
    record: str = "",
    still_held: Callable[[], object] = _nobody_claims,
) -> DurableRecord:
    """Sign one person's answers to a case with a software key, and log them as :func:`log_decision` does."""
    decision = new_decision(case, person, answers, clock, record)
    return log_decision(root, settings, profile, decisions, sign_decision(decision, key), clock, still_held)


def new_decision(case: Case, person: str, answers: tuple[Answer, ...], clock: Clock, record: str) -> ReviewerDecision:
    """A decision that nobody signed yet, with a fresh nonce; ``record`` is ``shard/seq`` of its HOLD record."""
    return ReviewerDecision(FORMAT, case, person, answers, secrets.token_hex(16), clock.unix(), record)


def log_decision(
    root: Path,
    settings: Settings,
    profile: str,
    decisions: Decisions,
    envelope: bytes,
    clock: Clock,
    still_held: Callable[[], object] = _nobody_claims,
) -> DurableRecord:
    """Check a decision as every reader will, and log it. Raises ``TrustError`` for one that may not count.

    ``still_held`` is asked right before it is logged, and raises where the claim that it rests on is lost. Somebody
    else may decide just before it is logged; ``Decisions.why_ignored`` says so once the registry was read
    again. Blocks.
    """
    decision, person = decisions.check(envelope, clock.unix())
    draft = draft_of(decision, person.office, envelope)
    still_held()
    return append_to_registry(root, settings, profile, clock, draft)


def log_decisions(
    root: Path, settings: Settings, profile: str, decisions: Decisions, envelopes: Sequence[bytes], clock: Clock
) -> list[DurableRecord]:
    """Check several decisions, of different cases, as every reader will, and log each as a record of its own.

    Raises ``TrustError`` for one that may not count, and then logs none.
    """
    now = clock.unix()
    checked = [(decisions.check(envelope, now), envelope) for envelope in envelopes]
    drafts = [draft_of(decision, person.office, envelope) for (decision, person), envelope in checked]
    with patiently_writing(root, settings, profile, clock) as log:
        return [log.append_sync(draft) for draft in drafts]
