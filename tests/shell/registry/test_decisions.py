# SPDX-License-Identifier: Apache-2.0
"""Decisions as every gateway folds them: a signature counts once, and what does not count is kept with the reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from brightline.core.evidence.record import RecordKind
from brightline.core.review.case import CaseState
from brightline.core.review.decision import ReviewerDecision, sign_decision
from brightline.core.review.passkey import RelyingParty, decision_bytes, decision_challenge, write_assertion
from brightline.core.review.roster import ClearedPerson, ReviewTerms
from brightline.core.review.together import put_together
from brightline.shell.registry.decisions import Decisions, draft_of
from brightline.shell.registry.reader import Entry
from tests.authenticator import ORIGIN, RP_ID, Passkey
from tests.core.review.test_docket import CASE, KEYS, OPENED, person, said
from tests.playbooks.playbook import AGREEMENT

TERMS: Final = ReviewTerms(RelyingParty(RP_ID, (ORIGIN,)), software_keys=True)
ONE_QUESTION: Final = msgspec.structs.replace(CASE, questions=CASE.questions[:1], agreement=AGREEMENT.digest)


APART: Final = msgspec.structs.replace(
    AGREEMENT, organisations=(("provider_cleared", 2),), digest="sha256:" + "a" * 64
)


class Registry:
    """A fold and the records that it is given."""

    def __init__(self, *passkeys: Passkey) -> None:
        self.people: dict[str, ClearedPerson] = {
            name: msgspec.structs.replace(person(name), credentials=(key.credential,))
            for name, key in zip("abc", passkeys, strict=False)
        }
        self.fold = Decisions(
            lambda: self.people, TERMS, lambda: AGREEMENT, lambda: {each.digest: each for each in (AGREEMENT, APART)}
        )
        self._seq = 0

    def log(self, envelope: bytes, at: int = OPENED) -> str:
        """Log a statement; return why it does not count, or nothing."""
        self._seq += 1
        time = datetime.fromtimestamp(at, UTC).isoformat()
        self.fold.enter(Entry(RecordKind.DECISION, self._seq, time, {}, {"statement": envelope.decode()}))
        return self.fold.why_ignored(self._seq)

    def state(self) -> CaseState:
        tried = self.fold.docket.of_case(ONE_QUESTION.digest)
        return CaseState.OPEN if tried is None else tried.state(OPENED)


def signed(key: Passkey, decision: ReviewerDecision) -> bytes:
    return write_assertion(decision, key.get(decision_challenge(decision)))


def about(who: str, value: str = "no") -> ReviewerDecision:
    return said(who, value, case=ONE_QUESTION)


def test_two_passkeys_of_two_persons_release() -> None:
    a, b = Passkey(1), Passkey(2, "EdDSA", counter=None)
    registry = Registry(a, b)
    assert registry.log(signed(a, about("a"))) == ""
    assert registry.state() is CaseState.OPEN
    assert registry.log(signed(b, about("b"))) == ""
    assert registry.state() is CaseState.RELEASED


def test_an_assertion_that_is_shown_again_changes_nothing() -> None:
    counts, does_not = Passkey(1), Passkey(2, counter=None)
    registry = Registry(counts, does_not)
    first, second = signed(counts, about("a", "yes")), signed(does_not, about("b"))
    assert registry.log(first) == registry.log(second) == ""
    assert "sign count" in registry.log(first)
    assert "a signature counts once" in registry.log(second)
    assert registry.state() is CaseState.OPEN


def test_one_decision_with_two_signatures_is_one_decision() -> None:
    key = Passkey(1)
    registry = Registry(key)
    decision = about("a")
    assert registry.log(signed(key, decision)) == ""
    assert "a signature counts once" in registry.log(signed(key, decision))  # signed anew, so the counter has grown


def test_many_denials_under_one_signature_count_each_once_and_nothing_good_is_among_them() -> None:
    key = Passkey(1)
    registry = Registry(key)
    decisions = [
        said("a", value, case=msgspec.structs.replace(ONE_QUESTION, hold=f"hold_{n}"))
        for n, value in enumerate(("yes", "yes", "no"))
    ]
    many = put_together([decision_bytes(each) for each in decisions])
    given = key.get(many.challenge)
    logged = [write_assertion(each, given, among) for each, among in zip(decisions, many.places, strict=True)]
    why = [registry.log(each) for each in logged]
    assert why[:2] == ["", ""]
    assert "mass_domestic=no is none" in why[2]
    assert registry.fold.counter(key.credential.id) == 1
    assert "a signature counts once" in registry.log(logged[0])
    assert registry.log(signed(key, decisions[2])) == ""  # by itself it may say so
    assert "sign count" in registry.log(logged[2])


def test_a_case_that_asks_fewer_people_than_its_agreement_counts_for_nothing() -> None:
    """Who signs a decision signs the case: one person could write one that a single answer settles."""
    key = Passkey(1)
    registry = Registry(key)
    (fact,) = ONE_QUESTION.questions
    nobody = msgspec.structs.replace(fact, name="lawful", quorum=(("provider_cleared", 2),))
    for odd, why in (
        ({"questions": (msgspec.structs.replace(fact, quorum=(("provider_cleared", 1),)),)}, "asks fewer people"),
        ({"questions": (msgspec.structs.replace(fact, quorum=(("customer_decider", 2),)),)}, "asks fewer people"),
        ({"questions": (nobody,)}, "asks fewer people"),  # whom nobody may settle
        ({"agreement": APART.digest}, "of fewer organisations"),
        ({"agreement": "sha256:" + "b" * 64}, "no version of the agreement"),
    ):
        case = msgspec.structs.replace(ONE_QUESTION, **odd)
        assert why in registry.log(signed(key, said("a", name=case.questions[0].name, case=case)))
    apart = msgspec.structs.replace(
        ONE_QUESTION, agreement=APART.digest, organisations=(("provider_cleared", 2),), hold="hold_2"
    )
    assert registry.log(signed(key, said("a", case=apart))) == ""
    more = msgspec.structs.replace(
        ONE_QUESTION, questions=(msgspec.structs.replace(fact, quorum=(("provider_cleared", 3),)),)
    )
    assert registry.log(signed(key, said("a", case=more))) == ""  # what is drawn may ask more


def test_an_answer_about_a_fact_that_the_agreement_does_not_know_counts_for_nothing() -> None:
    key = Passkey(1)
    registry = Registry(key)
    asked = (msgspec.structs.replace(CASE.questions[0], name="none_such"),)
    case = msgspec.structs.replace(ONE_QUESTION, questions=asked)
    assert "knows no fact" in registry.log(signed(key, said("a", name="none_such", case=case)))
    other = said("a", name="none_such", case=msgspec.structs.replace(case, hold="hold_2"))
    many = put_together([decision_bytes(other)])
    together = write_assertion(other, key.get(many.challenge), many.places[0])
    assert "knows no fact" in registry.log(together)


def test_a_copy_of_an_authenticator_is_heard_no_more() -> None:
    key, copy = Passkey(1), Passkey(1)
    registry = Registry(key)
    other = msgspec.structs.replace(ONE_QUESTION, hold="hold_2")
    assert registry.log(signed(key, about("a"))) == ""
    assert registry.fold.counter(key.credential.id) == 1
    assert "sign count" in registry.log(signed(copy, said("a", case=other)))


def test_who_is_taken_off_the_roster_signs_nothing_from_then_on() -> None:
    a, b = Passkey(1), Passkey(2)
    registry = Registry(a, b)
    del registry.people["a"]
    assert "not on the roster" in registry.log(signed(a, about("a")))


def test_the_record_says_what_kind_of_credential_signed() -> None:
    key = Passkey(1)
    for envelope, kind in ((signed(key, about("a")), "webauthn"), (sign_decision(about("a"), KEYS["a"]), "ed25519")):
        assert draft_of(about("a"), "provider_cleared", envelope).public["signed_with"] == kind


def test_who_is_withdrawn_has_not_answered_what_is_still_open() -> None:
    a, b = Passkey(1), Passkey(2)
    registry = Registry(a, b)
    assert registry.log(signed(a, about("a"))) == ""
    del registry.people["a"]
    time = datetime.fromtimestamp(OPENED, UTC).isoformat()
    registry.fold.enter(Entry(RecordKind.ENROLMENT, 99, time, {}, {}))
    assert registry.log(signed(b, about("b"))) == ""
    assert registry.state() is CaseState.OPEN


def test_whoever_follows_hears_of_each_case_that_a_record_changed() -> None:
    """Answers, the withdrawal of who answered, and a release that was used: an index must look again."""
    a, b = Passkey(1), Passkey(2)
    registry = Registry(a, b)
    case = ONE_QUESTION.digest
    assert registry.fold.since(0) == {}
    registry.log(signed(a, about("a")))
    assert registry.fold.since(0) == {case: 1}
    registry.log(signed(a, about("a")))  # which does not count
    assert registry.fold.since(2) == {}
    del registry.people["a"]
    time = datetime.fromtimestamp(OPENED, UTC).isoformat()
    registry.fold.enter(Entry(RecordKind.ENROLMENT, 3, time, {}, {}))
    assert registry.fold.since(2) == {case: 3}
    registry.fold.enter(Entry(RecordKind.USED, 4, time, {"case": case}, {}))
    assert (registry.fold.since(4), registry.fold.since(5)) == ({case: 4}, {})
