# SPDX-License-Identifier: Apache-2.0
"""What people signed, verified by an auditor from disclosed records alone: no state folder, no gateway, no console.

The auditor brings the installation and the keys of the parties. The roster is folded as every gateway folds it, so
that somebody is on it here exactly when they were there, and what counts of a case is counted again: distinct persons
who were not recused, as many of each office and of as many organisations as the case asks for, with the role that an
appeal needs. What speaks against a log is a signature that does not hold,
and a public field that says otherwise than what was signed. A decision that was signed and counts for nothing (its
signer was withdrawn, the clearance had ended, it was shown again) speaks against nobody: gateways pass over it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import UNSET

from brightline.core.agreement.clause import Agreement
from brightline.core.canonical import JsonValue
from brightline.core.errors import NotSigned, TrustError
from brightline.core.evidence.audit_findings import shown
from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.record import RecordKind, unix_of
from brightline.core.review.case import Case, CaseQuestion
from brightline.core.review.decision import Answer, Made, open_made
from brightline.core.review.docket import check_asks
from brightline.core.review.enrolment import ENROLMENT_SIGNERS, ENROLMENT_TYPE, Enrolment, RosterBook, check_enrolment
from brightline.core.review.halting import Signers, open_halt_by_people, open_resumption_by_people, read_assertions
from brightline.core.review.quorum import Vote, answer_of
from brightline.core.review.roster import INSTALLATION_TYPE, ClearedPerson, ReviewTerms, check_roster, check_terms
from brightline.core.statement import TrustRoots, open_signed, open_statement

EXPECTED_MAX: Final = 1_000_000


class _Installed(msgspec.Struct, frozen=True):
    """Of an installation what concerns people."""

    roster: tuple[ClearedPerson, ...]
    issued: int
    review: ReviewTerms = ReviewTerms()


class _Struck(msgspec.Struct, frozen=True):
    """What a person said among the first so many votes of a question counts no more, from then on (Unix seconds)."""

    person: str
    first: int
    unix: int


class _Counted(msgspec.Struct):
    """A case as it was signed, and what was said to each of its questions, in the order of the log."""

    case: Case
    votes: dict[str, list[Vote]] = msgspec.field(default_factory=dict)
    struck: dict[str, list[_Struck]] = msgspec.field(default_factory=dict)

    def settled(self, before: int) -> list[bool]:
        """Of each question, whether it was answered by then (Unix seconds)."""
        return [bool(self._answer(question, before)) for question in self.case.questions]

    def strike(self, person: str, unix: int) -> None:
        """Somebody was withdrawn: what they said to what is not answered yet releases nothing any more.

        As gateways do it, who keep of it what would deny; that is not known here, and nothing goes on by it.
        """
        for question in self.case.questions:
            votes = self.votes.get(_key(question), [])
            if any(vote.person == person for vote in votes) and not self._answer(question, unix):
                self.struck.setdefault(_key(question), []).append(_Struck(person, len(votes), unix))

    def _answer(self, question: CaseQuestion, before: int) -> str:
        struck = [each for each in self.struck.get(_key(question), ()) if each.unix < before]
        votes = [
            vote
            for place, vote in enumerate(self.votes.get(_key(question), ()))
            if vote.unix <= before and not any(vote.person == each.person and place < each.first for each in struck)
        ]
        return answer_of(question.quorum, votes, self.case.organisations)


def _key(question: CaseQuestion | Answer) -> str:
    return f"{question.subject.value} {question.name}"


class _Kept(msgspec.Struct, frozen=True):
    """What one visit leaves to the next. ``said`` by case; ``None``: not all of it."""

    book: RosterBook
    counters: dict[str, int]
    seen: tuple[bytes, ...]
    counted: tuple[int, int, int, int, int]
    complete: bool
    said: dict[str, _Counted] | None = None


class RosterAudit:
    """The :class:`~brightline.core.evidence.audit_people.People` of one installation."""

    def __init__(self, installation: bytes, roots: TrustRoots, agreements: Iterable[Agreement] = ()) -> None:
        """Raises ``TrustError`` if both parties did not sign the installation, or its roster does not hold.

        A case that was held under one of these ``agreements`` asks as many people as it.
        """
        issued = open_statement(installation, INSTALLATION_TYPE, _Installed, roots, at=0).issued
        installed = open_statement(installation, INSTALLATION_TYPE, _Installed, roots, at=issued)
        check_roster(installed.roster)
        check_terms(installed.review)
        self._agreements = {each.digest: each for each in agreements}
        self._roots = roots
        self._terms = installed.review
        self._book = RosterBook.begin(installed.roster)
        self._counters: dict[str, int] = {}
        self._seen: set[bytes] = set()
        self._cases: dict[str, str] = {}  # the case of each HOLD record that a decision names
        self._decisions = self._idle = self._enrolments = self._missing = self._halts = 0
        self._complete = True  # whether each change of the roster was disclosed
        self._said: dict[str, _Counted] = {}  # by case
        self._all_said = True  # whether every case is among them

    def enter(self, leaf: Leaf, fields: Mapping[str, JsonValue]) -> str:
        """Take in a record; say what speaks against it."""
        if leaf.kind is RecordKind.HOLD:
            case = self._cases.get(f"{leaf.shard}/{leaf.seq}", leaf.case)
            return "" if case == leaf.case else "people signed another case than the one that this HOLD opens"
        statement = fields.get("statement")
        if not isinstance(statement, str):
            if leaf.kind is RecordKind.HALT:
                return ""  # that service was halted is public, and looked at by itself
            self._missing += 1
            self._complete &= leaf.kind is not RecordKind.ENROLMENT
            return ""
        try:
            unix = unix_of(leaf.time)
        except ValueError:
            return ""  # what is no time is contradicted where records are looked at one by one
        if leaf.kind is RecordKind.HALT:
            return self._halt(leaf, statement.encode("utf-8", "surrogatepass"), unix)
        if leaf.kind is RecordKind.ENROLMENT:
            return self._enrol(statement.encode("utf-8", "surrogatepass"), unix)
        return self._decide(leaf, statement.encode("utf-8", "surrogatepass"), unix)

    def _enrol(self, envelope: bytes, unix: int) -> str:
        try:
            opened = open_signed(envelope, ENROLMENT_TYPE, Enrolment, self._roots, at=unix, needed=ENROLMENT_SIGNERS)
            check_enrolment(opened.value)
        except TrustError as error:
            return f"both parties did not sign this enrolment: {shown(str(error))}"
        self._enrolments += 1
        listed = self._book.roster.keys()
        try:
            holders = [holder for _, holder in opened.signers]
            self._book = self._book.enter(opened.value, holders, unix, self._terms)
        except TrustError:
            return ""  # it changed nothing, here as in every gateway
        for person in listed - self._book.roster.keys():
            for counted in self._said.values():
                if counted.case.opened <= unix < counted.case.expires:
                    counted.strike(person, unix)
        return ""

    def _decide(self, leaf: Leaf, envelope: bytes, unix: int) -> str:
        try:
            made = open_made(envelope, self._book.roster, unix, self._terms, self._counters)
        except NotSigned as error:
            return f"nobody signed this decision: {shown(str(error))}" if self._complete else ""
        except TrustError:
            self._idle += 1
            return ""
        case = made.decision.case
        said = leaf.hold, leaf.case, leaf.agreement, leaf.release
        if said != (case.hold, case.digest, case.agreement, case.release):
            return "what was signed is about another hold, case, agreement or release than the record says"
        self._decisions += 1
        self._idle += made.digest in self._seen
        if made.digest not in self._seen:
            self._count(made, unix)
        self._seen.add(made.digest)
        self._counters[made.credential.id] = made.counter
        if made.decision.record and len(self._cases) < EXPECTED_MAX:
            self._cases[made.decision.record] = case.digest
        return ""

    def _halt(self, leaf: Leaf, statement: bytes, unix: int) -> str:
        signers = Signers(self._roots, self._book.roster, self._terms.passkeys)
        try:
            if leaf.ends is not UNSET:
                if leaf.ends != open_resumption_by_people(statement, signers, at=unix).value.halts:
                    return "what was signed ends other halts than the record says"
            else:
                order = open_halt_by_people(statement, signers, at=unix).value
                if (leaf.halt, leaf.scope) != (order.id, order.scope.value):
                    return "what was signed is another halt than the record says"
        except TrustError as error:
            if not self._complete and read_assertions(statement):
                return ""  # who was on the roster is not known
            return f"nobody who may signed this halt, or its end: {shown(str(error))}"
        self._halts += 1
        return ""

    def _count(self, made: Made, unix: int) -> None:
        """Take in what somebody may say to a case. Whoever said something before is counted by that.

        What stands under one signature with others denies, so nothing goes on by it.
        """
        case, person = made.decision.case, made.person
        if made.together or person.id in case.recused or not case.opened <= unix < case.expires:
            return
        if (agreement := self._agreements.get(case.agreement)) is not None:
            try:
                check_asks(case, agreement)
            except TrustError:
                return  # whoever opened it, it settles nothing
        if case.digest not in self._said and len(self._said) >= EXPECTED_MAX:
            self._all_said = False
            return
        counted = self._said.setdefault(case.digest, _Counted(case))
        asked = {_key(question): dict(question.quorum) for question in case.questions}
        for answer in made.decision.answers:
            if person.office in asked.get(_key(answer), ()):
                vote = Vote(person.id, person.office, answer.value, unix, person.organisation)
                counted.votes.setdefault(_key(answer), []).append(vote)

    def enough(self, case: str, before: int, *, whole: bool) -> bool:
        """Whether what was signed settles a case; also where that cannot be told, because not all was disclosed.

        What somebody said who was withdrawn before the question was answered is not counted. This count may be kinder
        than a gateway's, as within a second, and is never stricter.
        """
        if self._missing or not self._complete or not self._all_said:
            return True
        counted = self._said.get(case)
        if counted is None:
            return False
        settled = counted.settled(before)
        return bool(settled) and (all(settled) if whole else any(settled))

    def missing(self) -> str:
        """What keeps the claim from being shown."""
        return f"{self._missing} records of people's were not disclosed" if self._missing else ""

    def proof(self) -> str:
        """What was verified."""
        halts = f"; {self._halts:,} halts and ends of halts by those who may" if self._halts else ""
        idle = f", {self._idle} of which count for nothing" if self._idle else ""
        return (
            f"{self._decisions + self._idle:,} decisions by people on the roster{idle}; {self._enrolments:,} "
            f"enrolments by both parties{halts}"
        )

    def memory(self) -> bytes:
        """What the next visit goes on from."""
        counted = self._decisions, self._idle, self._enrolments, self._missing, self._halts
        return msgspec.json.encode(
            _Kept(
                self._book,
                self._counters,
                tuple(sorted(self._seen)),
                counted,
                self._complete,
                self._said if self._all_said else None,
            )
        )

    def resume(self, earlier: bytes) -> None:
        """Go on from an earlier visit."""
        kept = msgspec.json.decode(earlier, type=_Kept)
        self._book, self._counters, self._seen = kept.book, dict(kept.counters), set(kept.seen)
        self._decisions, self._idle, self._enrolments, self._missing, self._halts = kept.counted
        self._complete = kept.complete
        self._said, self._all_said = kept.said or {}, kept.said is not None
