# SPDX-License-Identifier: Apache-2.0
"""What counts of people's decisions: released by enough distinct people in time, at most once, or never."""

from __future__ import annotations

from typing import ClassVar, Final

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from brightline.core.agreement.decide import Subject
from brightline.core.errors import TrustError
from brightline.core.review.case import FORMAT as CASE_FORMAT
from brightline.core.review.case import Case, CaseQuestion, CaseState, case_value
from brightline.core.review.decision import (
    APPROVE,
    FORMAT,
    REFUSE,
    Answer,
    ReviewerDecision,
    open_made,
    sign_decision,
)
from brightline.core.review.docket import Approved, Docket
from brightline.core.review.quorum import one_organisation
from brightline.core.review.roster import ClearedPerson, Credential, CredentialKind, ReviewTerms, check_roster
from tests.playbooks.playbook import AGREEMENT

OPENED: Final = 1_000
EXPIRES: Final = 2_000
ANSWERED: Final = 500
TERMS: Final = ReviewTerms(software_keys=True)
CASE: Final = Case(
    format=CASE_FORMAT,
    hold="hold_1",
    workload="w",
    unit="u",
    agreement="sha256:a",
    release="sha256:r",
    exchange_digest="sha256:x",
    clauses=("RL-1",),
    questions=(
        CaseQuestion(Subject.FACT, "mass_domestic", (("provider_cleared", 2),), ("m1", "m2")),
        CaseQuestion(Subject.APPROVAL, "customer_decider", (("customer_decider", 1),)),
    ),
    recused=("asked-it",),
    content="sha256:c",
    opened=OPENED,
    expires=EXPIRES,
)
KEYS: Final = {name: Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n, name in enumerate("abcdef", 1)}


def person(name: str, office: str = "provider_cleared", until: int = 10_000) -> ClearedPerson:
    public = KEYS[name].public_key().public_bytes_raw().hex()
    return ClearedPerson(name, office, until, "org", (Credential(CredentialKind.KEY, f"{name}-key", public),))


ROSTER: Final = {
    **{name: person(name) for name in "abc"},
    "d": person("d", "customer_decider"),
    "e": person("e", until=OPENED + 10),
}


def said(who: str, value: str = "no", name: str = "mass_domestic", case: Case = CASE) -> ReviewerDecision:
    subject = Subject.APPROVAL if name == "customer_decider" else Subject.FACT
    return ReviewerDecision(FORMAT, case, who, (Answer(subject, name, value, "because"),), "00" * 16, OPENED)


def enter(docket: Docket, decision: ReviewerDecision, at: int = OPENED) -> CaseState:
    people = ROSTER[decision.reviewer]
    return docket.enter(decision, people, at, AGREEMENT.vocabulary, ANSWERED).state(at)


def test_a_case_is_another_where_another_exchange_opened_it_and_one_of_before_has_its_digest_still() -> None:
    again = msgspec.structs.replace(CASE, exchange="xc_2")
    assert len({CASE.digest, again.digest, msgspec.structs.replace(CASE, exchange="xc_3").digest}) == 3
    assert case_value(CASE).keys().isdisjoint({"exchange", "appeal", "organisations"})  # type: ignore[union-attr]
    assert msgspec.convert(case_value(again), Case) == again


# ---- signatures -------------------------------------------------------------------------------------------------


def test_a_decision_opens_under_a_credential_of_its_signer_alone() -> None:
    envelope = sign_decision(said("a"), KEYS["a"])
    made = open_made(envelope, ROSTER, OPENED, TERMS)
    assert (made.decision, made.person.id) == (said("a"), "a")
    with pytest.raises(TrustError, match="no credential of a signed"):
        open_made(sign_decision(said("a"), KEYS["b"]), ROSTER, OPENED, TERMS)
    with pytest.raises(TrustError, match="not on the roster"):
        open_made(sign_decision(said("f"), KEYS["f"]), ROSTER, OPENED, TERMS)


def test_whose_clearance_has_ended_decides_nothing() -> None:
    envelope = sign_decision(said("e"), KEYS["e"])
    assert open_made(envelope, ROSTER, OPENED + 9, TERMS).person.id == "e"
    with pytest.raises(TrustError, match="clearance of e had ended"):
        open_made(envelope, ROSTER, OPENED + 10, TERMS)


@pytest.mark.parametrize("at", range(0, 400, 37))
def test_a_byte_of_a_decision_that_is_changed_is_no_decision(at: int) -> None:
    envelope = bytearray(sign_decision(said("a"), KEYS["a"]))
    place = envelope.index(b'"payload":"') + 11 + at
    envelope[place] = ord("A") if envelope[place] != ord("A") else ord("B")
    with pytest.raises(TrustError):
        open_made(bytes(envelope), ROSTER, OPENED, TERMS)


def test_one_administrator_cannot_make_two_reviewers_of_one_key() -> None:
    shared = msgspec.structs.replace(person("b"), credentials=person("a").credentials)
    with pytest.raises(TrustError, match="shares a credential"):
        check_roster([person("a"), shared])
    with pytest.raises(TrustError, match="twice"):
        check_roster([person("a"), person("a", "customer_decider")])


# ---- what counts ------------------------------------------------------------------------------------------------


def test_all_questions_answered_good_release_and_the_answers_count_until_they_end() -> None:
    docket = Docket()
    enter(docket, said("a"))
    enter(docket, said("b"))
    assert enter(docket, said("d", APPROVE, "customer_decider"), OPENED + 5) is CaseState.RELEASED
    answers = docket.answers("w", "sha256:a", "sha256:r")
    assert [each.value for each in answers.of_words("mass_domestic", "m1", OPENED)] == ["no"]
    assert answers.of_words("mass_domestic", "m3", OPENED) == ()
    assert answers.of_words("mass_domestic", "m1", OPENED + ANSWERED) == ()
    assert answers.approvals("sha256:x", OPENED) == {"customer_decider": Approved(1, "hold_1", CASE.digest)}
    for other in (("v", "sha256:a", "sha256:r"), ("w", "sha256:b", "sha256:r"), ("w", "sha256:a", "sha256:s")):
        assert not docket.answers(*other)


def test_one_bad_answer_denies_and_nothing_that_comes_after_changes_that() -> None:
    docket = Docket()
    assert enter(docket, said("d", REFUSE, "customer_decider")) is CaseState.DENIED
    with pytest.raises(TrustError, match="was decided before"):
        enter(docket, said("a"))
    assert docket.answers("w", "sha256:a", "sha256:r").approvals("sha256:x", OPENED) == {}


@pytest.mark.parametrize("at", [OPENED - 1, EXPIRES])
def test_nothing_is_decided_before_a_hold_is_open_or_after_it_expired(at: int) -> None:
    with pytest.raises(TrustError, match="expired, or was not open"):
        enter(Docket(), said("a"), at)


def test_who_asked_or_wrote_the_rule_decides_nothing() -> None:
    asked_it = msgspec.structs.replace(person("a"), id="asked-it")
    with pytest.raises(TrustError, match="may not decide it"):
        Docket().enter(said("asked-it"), asked_it, OPENED, AGREEMENT.vocabulary, ANSWERED)


@pytest.mark.parametrize(
    ("decision", "why"),
    [
        (said("d"), "not for customer_decider to answer"),
        (said("a", APPROVE, "customer_decider"), "not for provider_cleared to answer"),
        (said("a", "unknown"), "answered by yes or no"),
        (said("a", "no", "weapon_direct"), "does not ask about"),
        (msgspec.structs.replace(said("a"), answers=()), "without an answer"),
        (msgspec.structs.replace(said("a"), answers=said("a").answers * 2), "answered twice"),
        (
            msgspec.structs.replace(said("a"), answers=(Answer(Subject.FACT, "mass_domestic", "no", " "),)),
            "needs a reason",
        ),
    ],
)
def test_an_answer_that_may_not_be_given_changes_nothing(decision: ReviewerDecision, why: str) -> None:
    docket = Docket()
    with pytest.raises(TrustError, match=why):
        enter(docket, decision)
    assert docket.cases == {}


def test_another_scope_under_the_same_hold_is_another_case() -> None:
    """Whoever shows people a case with more words in it than the log holds gains no vote that was given for less."""
    wider = msgspec.structs.replace(
        CASE, questions=(msgspec.structs.replace(CASE.questions[0], marks=("m1", "m9")), CASE.questions[1])
    )
    docket = Docket()
    enter(docket, said("a"))
    enter(docket, said("b", case=wider))
    assert docket.answers("w", "sha256:a", "sha256:r").of_words("mass_domestic", "m9", OPENED) == ()


EMPLOYERS: Final = {"a": "x", "b": "x", "c": "y", "d": "customer", "e": "X "}
GOOD: Final = {"no", APPROVE}


class Deciding(RuleBasedStateMachine):
    """Anybody says anything at any time, some are withdrawn, and what is released is used.

    A plain count beside it says what must have come of it.
    """

    case: ClassVar[Case] = CASE

    def __init__(self) -> None:
        super().__init__()
        self.docket = Docket()
        self.now = OPENED
        self.voted: dict[str, str] = {}  # what counts of it: who was withdrawn releases nothing
        self.approved: set[str] = set()
        self.refused = False
        self.gone: set[str] = set()
        self.used = False

    @rule(who=st.sampled_from("abcde"), value=st.sampled_from(["yes", "no"]))
    def answer(self, who: str, value: str) -> None:
        before = self.state
        ok = self._try(said(who, value, case=self.case))
        if ok:
            assert who in "abce"
            assert who not in self.voted
            assert before is CaseState.OPEN
            self.voted[who] = value

    @rule(who=st.sampled_from("abd"), value=st.sampled_from([APPROVE, REFUSE]))
    def approve(self, who: str, value: str) -> None:
        if self._try(said(who, value, "customer_decider", self.case)):
            assert who == "d"
            self.approved |= {who} if value == APPROVE else set()
            self.refused |= value == REFUSE

    @rule()
    def all_who_must_say_good(self) -> None:
        """Which chance alone seldom brings about, and without which nothing is released."""
        for who in "ac":
            self.answer(who, "no")
        self.approve("d", APPROVE)

    @precondition(lambda self: self.now < EXPIRES + 100)
    @rule(seconds=st.sampled_from([1, 10, 400]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule(who=st.sampled_from("bd"))
    def somebody_is_withdrawn(self, who: str) -> None:
        decided = self.state is not CaseState.OPEN
        self.docket.strike(who, self.now, AGREEMENT.vocabulary, ANSWERED)
        self.gone.add(who)
        if not decided and self.voted.get(who) in GOOD and not self._agreed():
            del self.voted[who]
        if not decided and not self._approved():
            self.approved.discard(who)

    @rule()
    def what_was_released_is_used(self) -> None:
        if self.state in {CaseState.RELEASED, CaseState.USED}:
            self.docket.use(self.case.digest)
            self.used = True
            assert self.state is CaseState.USED

    def _agreed(self) -> bool:
        return bool(self._settled("mass_domestic"))

    def _approved(self) -> bool:
        return bool(self._settled("customer_decider"))

    def _settled(self, name: str) -> str:
        tried = self.docket.of_case(self.case.digest)
        return "" if tried is None else next((v for (_, about), v in tried.answers.items() if about == name), "")

    def _try(self, decision: ReviewerDecision) -> bool:
        who = msgspec.structs.replace(ROSTER[decision.reviewer], organisation=EMPLOYERS[decision.reviewer])
        if who.cleared_until <= self.now or who.id in self.gone:  # as ``open_made`` would say
            return False
        try:
            self.docket.enter(decision, who, self.now, AGREEMENT.vocabulary, ANSWERED)
        except TrustError:
            return False
        return True

    @property
    def state(self) -> CaseState:
        tried = self.docket.of_case(self.case.digest)
        return tried.state(self.now) if tried else CaseState.EXPIRED if self.now >= EXPIRES else CaseState.OPEN

    @invariant()
    def it_is_released_by_enough_distinct_people_or_never(self) -> None:
        good = [who for who, value in self.voted.items() if value == "no"]
        bad = len(self.voted) - len(good)
        employers = {one_organisation(EMPLOYERS[who]) for who in good}
        wanted = dict(self.case.organisations).get("provider_cleared", 1)
        if self.state in {CaseState.RELEASED, CaseState.USED}:
            assert len(good) >= 2
            assert len(good) > bad
            assert len(employers) >= wanted
            assert self.approved
            assert not self.refused
            assert (self.state is CaseState.USED) is self.used
        answers = self.docket.answers("w", "sha256:a", "sha256:r")
        if any(each.value == "no" for each in answers.of_words("mass_domestic", "m1", self.now)):
            assert len(good) >= 2
            assert len(employers) >= wanted
        if self.used:
            assert not answers.approvals("sha256:x", self.now)
        if self.state in {CaseState.DENIED, CaseState.EXPIRED}:
            assert self.state is not CaseState.EXPIRED or self.now >= EXPIRES


class DecidingApart(Deciding):
    """The same, of distinct organisations."""

    case = msgspec.structs.replace(CASE, organisations=(("provider_cleared", 2),))


Deciding.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
DecidingApart.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestDeciding = Deciding.TestCase
TestDecidingApart = DecidingApart.TestCase
