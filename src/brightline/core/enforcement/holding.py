# SPDX-License-Identifier: Apache-2.0
"""The people's part of one exchange: what they said of it before, what nobody knows, and the hold that asks them.

The machine asks here and steps; nothing here decides. An answer stands where a finding says *unknown*, and the
agreement decides again from facts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from brightline.core.agreement.decide import Decision, Subject
from brightline.core.agreement.limits import hold_seconds
from brightline.core.canonical import JsonValue
from brightline.core.enforcement.terms import Terms
from brightline.core.errors import CallerError, UnknownHold
from brightline.core.evidence.record import Draft, Place, RecordKind
from brightline.core.exchange.coverage import goes_to_no_model
from brightline.core.exchange.model import Exchange, Reply, asked_digest, exchange_digest
from brightline.core.facts import UNKNOWN, Facts
from brightline.core.register import RegisterBook
from brightline.core.review.aging import aging_of
from brightline.core.review.asking import UNSETTLED_MAX, Held, PeoplesWord, open_case
from brightline.core.review.case import case_value, hold_id, wanted_of
from brightline.core.review.content import parts_of
from brightline.core.review.docket import Approved
from brightline.core.review.kept import Kept, Named
from brightline.core.review.mark import mark_of
from brightline.core.review.settle import AnsweredPart, apply_answers, of_whole
from brightline.core.screening.finding import Finding, Judgement, Segment
from brightline.core.screening.release import Release
from brightline.core.workload import Workload

HOLDS_NAMED_MAX: Final = 200

Fields = dict[str, JsonValue]


class Holding:
    """What one exchange has to do with people."""

    def __init__(self, terms: Terms, people: PeoplesWord, workload: Workload, request: Exchange | None) -> None:
        """``request`` is ``None`` for one that was not understood, about which nobody is asked."""
        self._terms = terms
        self._people = people
        self._workload = workload
        self._request = request
        self._unsettled: dict[tuple[Finding, Segment], None] = {}
        self._named: Named | None = None  # the hold that the caller came back for, once it is seen to be this one's
        self.whole: Mapping[str, str] = {}  # what people said of the exchange as a whole; another one once it changes
        self._settled: dict[str, str] = {}  # facts in which their answers stand, and what these are
        self._answered: tuple[AnsweredPart, ...] = ()
        self._holds: dict[str, None] = {}  # in which they said it
        self._parts: deque[str] = deque()
        self._public: Fields = {}
        self.approvals: dict[str, int] = {}
        self._uses: dict[str, str] = {}  # the cases in which they were given, and their holds: each is used once
        self.id = ""  # of the hold that this exchange has
        self._digest = ""  # of what it is about
        self.case = ""  # the digest of the case, if this exchange opened one
        self.place: Place | None = None  # where its first record stands
        self.opened = 0  # when this exchange opened a case, in Unix seconds
        self.expires = 0  # when the hold does

    def _id(self, digest: str) -> str:
        terms = self._terms
        return hold_id(terms.hold_key, self._workload.id, digest, terms.agreement.digest, terms.release.digest)

    @property
    def _digests(self) -> tuple[str, ...]:
        """Under what an approval, or an answer about the whole, is filed: what the model is asked, or all of it."""
        if self._request is None:
            return ()
        return tuple({asked_digest(self._request): None, exchange_digest(self._request): None})

    # ---- what people said ----------------------------------------------------------------------------------

    def hear(self, now: int) -> None:
        """Take in what was said of this very exchange and counts at ``now`` (Unix seconds)."""
        answers = self._people.answers
        if self.kept is not None:
            self.approvals |= self.kept.approvals
            self._approve(answers.of_kept(self.kept.case, now))
            self._uses[self.kept.case] = self.kept.hold
            self._holds[self.kept.hold] = None
        if not answers:
            return
        vocabulary, whole = self._terms.agreement.vocabulary, dict[str, str]()
        for digest in self._digests:
            values, holds = of_whole(answers, vocabulary, digest, now)
            for fact, value in values.items():
                whole[fact] = vocabulary.spec(fact).worst(value, whole.get(fact, value))
            self._holds.update(dict.fromkeys(holds))
            if self.kept is None:
                self._approve(answers.approvals(digest, now))
        self.whole = whole
        self._settled.update(whole)

    def _approve(self, given: Mapping[str, Approved]) -> None:
        for office, approved in given.items():
            self.approvals[office] = max(approved.count, self.approvals.get(office, 0))
            self._holds[approved.hold] = None
            self._uses[approved.case] = approved.hold

    # ---- what a hold released, and is used once ------------------------------------------------------------

    def come_back(self) -> CallerError | None:
        """Why the caller cannot have the hold that it names; ``None`` if it can, or names none."""
        named = self._people.named
        if isinstance(named, CallerError):
            return named
        if named is not None and named.hold not in {self._id(digest) for digest in self._digests}:
            return UnknownHold("what is held under this id is another request, or was held under other terms")
        self._named = named
        return None

    @property
    def kept(self) -> Kept | None:
        """The whole answer that the caller came back for."""
        return self._named if isinstance(self._named, Kept) else None

    @property
    def uses(self) -> bool:
        """Whether this exchange goes on by something that is used once."""
        return bool(self._uses)

    def use(self, exchange: str) -> tuple[Draft, ...]:
        """The records that say so: an approval is used where it goes on to a model, a kept answer where it leaves."""
        what = "approval" if self.kept is None else "answer"
        terms = self._terms.header()
        return tuple(
            Draft(RecordKind.USED, "", terms | {"hold": hold, "case": case, "use": what, "by": exchange}, {})
            for case, hold in self._uses.items()
        )

    def used_before(self) -> None:
        """Another exchange was first: no approval counts here."""
        self.approvals.clear()
        self._uses.clear()

    def given(self) -> Fields:
        """What the OUTCOME says of an answer that is given out: under which hold."""
        return {} if self.kept is None else {"hold": self.kept.hold, "case": self.kept.case}

    # ---- what people said of the words ---------------------------------------------------------------------

    def said(
        self,
        release: Release,
        judgements: Sequence[Judgement],
        asked: Sequence[Segment],
        now: int,
        *,
        of_answer: bool,
    ) -> Mapping[Finding, str]:
        """What people said where detectors and judge know nothing; what is left of that is kept for asking them.

        ``release`` is whose detectors judged: the one in force, or a candidate beside it. ``of_answer``: this is what
        the model said, of which an answer about the question says nothing.
        """
        if not any(finding.value == UNKNOWN for each in judgements for finding in each.findings):
            return {}
        applied = apply_answers(
            judgements,
            asked,
            self._people.answers,
            self._terms.agreement.vocabulary,
            lambda segment: mark_of(self._terms.hold_key, segment),
            now,
            self._answered,
            release.settled(judgements),
        )
        self._answered = applied.parts
        self._holds.update(dict.fromkeys(applied.holds))
        self._settled.update(applied.facts)
        for unsettled in applied.unsettled[: UNSETTLED_MAX - len(self._unsettled)]:
            self._unsettled[unsettled] = None
        left = {finding.fact for finding, _ in applied.unsettled} if of_answer else set()
        if left & self.whole.keys():
            self.whole = {fact: value for fact, value in self.whole.items() if fact not in left}
        return applied.said

    def settle(self, facts: Facts) -> Facts:
        """The facts with what people said of the exchange as a whole, where they are unknown."""
        if not self.whole:
            return facts
        return facts.with_values({fact: value for fact, value in self.whole.items() if facts[fact] == UNKNOWN})

    def public(self) -> Fields:
        """The holds by which this exchange goes on, as its PASS says in public; all of them are committed to."""
        named: list[JsonValue] = [*self._holds]
        return {"holds": named[:HOLDS_NAMED_MAX]} if named else {}

    def fields(self, facts: Facts) -> Fields:
        """What a record commits to of people's part: in which holds, which facts, how many approvals."""
        fields: Fields = {}
        if self._holds:  # what people said stands in the registry, under these
            fields["holds"] = list(self._holds)
            fields["settled"] = {fact: value for fact, value in self._settled.items() if facts[fact] == value}
        if self.approvals:
            fields["approvals"] = dict(self.approvals)
        return fields

    # ---- asking them ---------------------------------------------------------------------------------------

    @property
    def room(self) -> bool:
        """Whether the unit may have one more hold."""
        return self._people.room()

    def about(self, decision: Decision) -> None:
        """Say what is held: what the model would be asked.

        Where words that go to no model are asked about, they are part of it: another hold for other such words.
        """
        if self._request is None:
            raise AssertionError("nobody is asked about a request that was not understood")
        asked = {question.name for question in decision.questions if question.subject is Subject.FACT}
        beside = any(
            finding.fact in asked and goes_to_no_model(segment.path, self._request)
            for finding, segment in self._unsettled
        )
        self._digest = exchange_digest(self._request) if beside else asked_digest(self._request)
        self.id = self._id(self._digest)

    def is_open(self, now: int) -> bool:
        """Whether people look at this hold already."""
        until = self._people.open_until(self.id)
        if until <= now:
            return False
        self.expires = until
        return True

    def open(
        self,
        exchange_id: str,
        decision: Decision,
        request: Exchange,
        reply: Reply | None,
        now: int,
        registers: RegisterBook,
        *,
        whole: bool,
    ) -> tuple[Fields, Fields]:
        """Open the case; return the public and committed fields of its first record.

        ``exchange_id`` is the one that opens it; ``whole``: the reply is all that the model answered, so it can be
        given out. ``registers`` say how long its content is kept.
        """
        terms, workload = self._terms, self._workload
        self.opened, self.expires = now, now + hold_seconds(terms.agreement)
        held = Held(
            self.id,
            workload.id,
            workload.unit,
            terms.agreement.digest,
            terms.release.digest,
            self._digest,
            now,
            self.expires,
            exchange_id,
            terms.agreement.organisations,
        )
        recused = self._people.recused((*self._authors(decision), workload.registration.official))
        unsettled, key = list(self._unsettled), terms.hold_key
        case, content = open_case(held, decision, unsettled, request, reply, recused, key, kept=whole)
        self.case = case.digest
        self._parts.extend(parts_of(content))
        purpose = registers.purpose(workload.registration.purpose_id)
        aging = aging_of(purpose, registers, terms.agreement, now, case.expires)
        self._public = {
            "hold": case.hold,
            "case": case.digest,
            "clauses": list(case.clauses),
            "expires": case.expires,
            "parts": len(self._parts),
            "wanted": wanted_of(case.questions),
            **aging.public,
        }
        public, committed = self._part(0)
        approved: Fields = {"approvals": dict(self.approvals)} if whole and self.approvals else {}
        return public, committed | {"case": case_value(case)} | approved | aging.committed

    def _authors(self, decision: Decision) -> Iterator[str]:
        """Who wrote the rules that ask, and whom the releases name."""
        asked = {question.name for question in decision.questions}
        rules = {finding.rule for finding, _ in self._unsettled if finding.fact in asked}
        for release in self._terms.releases:
            yield from release.authors
            yield from (release.wrote[rule] for rule in sorted(rules & release.wrote.keys()))

    def next_part(self, after: JsonValue) -> tuple[Fields, Fields] | None:
        """The fields of the record that follows part ``after``; ``None`` once all of it is on record."""
        return self._part(after + 1 if isinstance(after, int) else 0) if self._parts else None

    def _part(self, number: int) -> tuple[Fields, Fields]:
        return self._public | {"part": number}, {"content": self._parts.popleft()}
