# SPDX-License-Identifier: Apache-2.0
"""All that people decided, in the order of the log, and which of it counts for an exchange.

Only what each question's quorum agreed on counts, for the same words, workload, agreement and release, until it ends.
A decision that may not count changes nothing and is told why: it never loosens anything, so there is no need to stop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.decide import Subject
from brightline.core.errors import TrustError
from brightline.core.facts import Vocabulary
from brightline.core.review.case import Case, CaseQuestion, CaseState, organisations_of
from brightline.core.review.decision import APPROVE, ReviewerDecision, check_answers
from brightline.core.review.quorum import Vote, answer_of
from brightline.core.review.roster import ClearedPerson

Key: TypeAlias = "tuple[Subject, str]"


class Settled(msgspec.Struct, frozen=True):
    """What people agreed on: a value, until when (Unix seconds), and the hold and the case in which they did."""

    value: str
    until: int
    hold: str
    case: str


class Approved(msgspec.Struct, frozen=True):
    """So many of an office approved, in this hold and case (its digest)."""

    count: int
    hold: str
    case: str


class Answers:
    """What people settled for one workload under one agreement and one release."""

    __slots__ = ("_approvals", "_by_mark", "_of_kept", "_whole")

    def __init__(self) -> None:
        self._by_mark: dict[tuple[str, str], list[Settled]] = {}
        self._whole: dict[str, dict[str, list[Settled]]] = {}  # exchange digest → fact
        self._approvals: dict[str, dict[str, tuple[int, Settled]]] = {}  # exchange digest → office
        self._of_kept: dict[str, dict[str, tuple[int, Settled]]] = {}  # the case that keeps an answer → office

    def __bool__(self) -> bool:
        return bool(self._by_mark or self._whole or self._approvals)

    def of_words(self, fact: str, mark: str, now: int) -> tuple[Settled, ...]:
        """What was said of a fact in these words and counts at ``now`` (Unix seconds)."""
        return _in_date(self._by_mark.get((fact, mark), ()), now)

    def of_whole(self, exchange_digest: str, now: int) -> Mapping[str, tuple[Settled, ...]]:
        """What was said of an exchange as a whole and counts at ``now``, by fact."""
        said = {fact: _in_date(all_, now) for fact, all_ in self._whole.get(exchange_digest, {}).items()}
        return {fact: settled for fact, settled in said.items() if settled}

    def approvals(self, exchange_digest: str, now: int) -> Mapping[str, Approved]:
        """How many of which office approved of an exchange that is yet to be made, and that none has used."""
        return _approved(self._approvals.get(exchange_digest, {}), now)

    def of_kept(self, case: str, now: int) -> Mapping[str, Approved]:
        """How many of which office approved of the answer that a case (by its digest) keeps."""
        return _approved(self._of_kept.get(case, {}), now)

    def spend(self, exchange_digest: str, case: str) -> None:
        """The approvals of a case were used. For :class:`Docket` alone."""
        given = self._approvals.get(exchange_digest, {})
        for office in [office for office, (_, said) in given.items() if said.case == case]:
            del given[office]

    def settle(self, case: Case, question: CaseQuestion, value: str, until: int) -> None:
        """Enter what was agreed. For :class:`Docket` alone."""
        digest = case.digest
        settled = Settled(value, until, case.hold, digest)
        if question.subject is Subject.APPROVAL:
            if value == APPROVE:
                given = self._of_kept if case.kept else self._approvals
                about = digest if case.kept else case.exchange_digest
                count = dict(question.quorum).get(question.name, 0)
                given.setdefault(about, {})[question.name] = count, settled
        elif question.marks:
            for mark in question.marks:
                self._by_mark.setdefault((question.name, mark), []).append(settled)
        else:
            self._whole.setdefault(case.exchange_digest, {}).setdefault(question.name, []).append(settled)


def check_asks(case: Case, agreement: Agreement) -> None:
    """Refuse a case that asks fewer people than the agreement under which it was held. Raises ``TrustError``.

    Whoever signs a decision signs the case with it, so what it asks for is first of all their word. How many approvals
    are enough is weighed when they are used.
    """
    for question in case.questions:
        if question.subject is not Subject.FACT or question.name not in agreement.vocabulary:
            continue
        asked, wanted = dict(question.quorum), agreement.vocabulary.spec(question.name).settled_by
        if not wanted or any(asked.get(office, 0) < count for office, count in wanted):
            raise TrustError(f"this case asks fewer people about {question.name[:80]!r} than the agreement")
    apart = dict(case.organisations)
    if any(
        apart.get(office, 0) < count for office, count in organisations_of(case.questions, agreement.organisations)
    ):
        raise TrustError("this case asks people of fewer organisations than the agreement")


def _good(key: Key, vocabulary: Vocabulary) -> str:
    """The answer that does not deny; none does about a fact that the agreement in force no longer knows."""
    subject, name = key
    if subject is Subject.FACT and name not in vocabulary:
        return ""
    return APPROVE if subject is Subject.APPROVAL else vocabulary.spec(name).good


def _approved(given: Mapping[str, tuple[int, Settled]], now: int) -> Mapping[str, Approved]:
    return {
        office: Approved(count, said.hold, said.case) for office, (count, said) in given.items() if said.until > now
    }


def _in_date(settled: Sequence[Settled], now: int) -> tuple[Settled, ...]:
    return tuple(each for each in settled if each.until > now)


NO_ANSWERS: Final = Answers()


class Tried(msgspec.Struct):
    """A case as far as it was decided. ``resolved`` is when it was, in Unix seconds; 0: not yet.

    ``until`` is when what people said ends (Unix seconds); ``used``: what they released was used.
    """

    case: Case
    votes: dict[Key, list[Vote]] = msgspec.field(default_factory=dict)
    answers: dict[Key, str] = msgspec.field(default_factory=dict)
    denied: bool = False
    resolved: int = 0
    until: int = 0
    used: bool = False

    def state(self, now: int) -> CaseState:
        """How the case stands at ``now`` (Unix seconds)."""
        if self.denied:
            return CaseState.DENIED
        if self.resolved:
            return CaseState.USED if self.used else CaseState.RELEASED
        return CaseState.EXPIRED if now >= self.case.expires else CaseState.OPEN

    def open_questions(self) -> tuple[CaseQuestion, ...]:
        """What nobody has agreed on yet."""
        return tuple(each for each in self.case.questions if (each.subject, each.name) not in self.answers)


class Docket:
    """The cases that somebody decided something about."""

    def __init__(self) -> None:
        self._cases: dict[str, Tried] = {}  # by the digest of the case
        self._answers: dict[tuple[str, str, str], Answers] = {}

    def check(self, decision: ReviewerDecision, person: ClearedPerson, unix: int, vocabulary: Vocabulary) -> Tried:
        """Return the case that a decision would go on with. Raises ``TrustError`` for one that may not count."""
        case = decision.case
        if not case.opened <= unix < case.expires:
            raise TrustError(f"hold {case.hold} had expired, or was not open yet")
        check_answers(decision, person, vocabulary)
        tried = self._cases.get(case.digest) or Tried(case)
        if tried.resolved or tried.denied:
            raise TrustError(f"hold {case.hold} was decided before")
        for answer in decision.answers:
            key = answer.subject, answer.name
            if key in tried.answers:
                raise TrustError(f"{answer.name} was answered before")
            if any(vote.person == person.id for vote in tried.votes.get(key, ())):
                raise TrustError(f"{person.id} has answered {answer.name} before: one person counts once")
        return tried

    def enter(
        self, decision: ReviewerDecision, person: ClearedPerson, unix: int, vocabulary: Vocabulary, answer_seconds: int
    ) -> Tried:
        """Take in one person's answers, as of when they were logged. Raises ``TrustError`` for what may not count."""
        tried = self.check(decision, person, unix, vocabulary)
        case = decision.case
        self._cases[case.digest] = tried
        for answer in decision.answers:
            vote = Vote(person.id, person.office, answer.value, unix, person.organisation)
            tried.votes.setdefault((answer.subject, answer.name), []).append(vote)
        self._resolve(tried, unix, vocabulary, answer_seconds)
        return tried

    def strike(self, person: str, unix: int, vocabulary: Vocabulary, answer_seconds: int) -> list[str]:
        """Somebody was withdrawn: what they said that would release counts no more in a case that is still open.

        What they said that would deny still counts, and what was decided stays decided: to strike may tighten, and
        never loosens. Returns the digests of the cases in which they had answered.
        """
        struck = []
        for digest, tried in self._cases.items():
            if tried.state(unix) is not CaseState.OPEN:
                continue
            if any(vote.person == person for votes in tried.votes.values() for vote in votes):
                struck.append(digest)
            for key, votes in tried.votes.items():
                good = _good(key, vocabulary)
                tried.votes[key] = [vote for vote in votes if vote.person != person or vote.value != good]
            self._resolve(tried, unix, vocabulary, answer_seconds)
        return struck

    def _resolve(self, tried: Tried, unix: int, vocabulary: Vocabulary, answer_seconds: int) -> None:
        case = tried.case
        book = self._answers.setdefault((case.workload, case.agreement, case.release), Answers())
        for question in tried.open_questions():
            key = question.subject, question.name
            value = answer_of(question.quorum, tried.votes.get(key, ()), case.organisations)
            if not value:
                continue
            tried.answers[key] = value
            tried.denied |= value != _good(key, vocabulary)
            book.settle(case, question, value, unix + answer_seconds)
        if tried.denied or not tried.open_questions():
            tried.resolved = unix
            tried.until = unix + answer_seconds

    def use(self, case: str) -> None:
        """What people released in a case, by its digest, was used: its approvals count no more."""
        tried = self._cases.get(case)
        if tried is not None:
            tried.used = True
            terms = tried.case.workload, tried.case.agreement, tried.case.release
            self._answers.setdefault(terms, Answers()).spend(tried.case.exchange_digest, case)

    def answers(self, workload: str, agreement: str, release: str) -> Answers:
        """What counts for the exchanges of a workload under an agreement and a release, by their digests."""
        return self._answers.get((workload, agreement, release), NO_ANSWERS)

    def of_case(self, digest: str) -> Tried | None:
        """A case by its digest, as far as it was decided; ``None`` if nobody has said anything."""
        return self._cases.get(digest)

    @property
    def cases(self) -> Mapping[str, Tried]:
        """All of them, by digest."""
        return MappingProxyType(self._cases)
