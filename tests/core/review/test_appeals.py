# SPDX-License-Identifier: Apache-2.0
"""Appeals: who may file one, who may look, and that what people answered bad stays bad."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.agreement.decide import Subject
from brightline.core.errors import TrustError
from brightline.core.review.appeals import (
    APPEAL_FORMAT,
    APPEAL_TYPE,
    FORMAT_BEFORE,
    Appeal,
    AppealState,
    Filed,
    Wish,
    WishState,
    case_of_appeal,
    check_case,
    may_be_appealed,
    open_appeal,
    state_of,
    wish_state,
)
from brightline.core.review.case import FORMAT as CASE_FORMAT
from brightline.core.review.case import Case, CaseQuestion
from brightline.core.review.decision import (
    APPROVE,
    FORMAT,
    REFUSE,
    Answer,
    ReviewerDecision,
    decides,
    open_made,
    sign_decision,
)
from brightline.core.review.docket import Docket, Tried
from brightline.core.review.roles import Role
from brightline.core.review.roster import ClearedPerson, Credential, CredentialKind, ReviewTerms
from brightline.core.statement import PinnedKey, RoleKeys, SigningRole, TrustRoots, sign_statement
from brightline.shell import shipped

AGREEMENT = shipped.read_agreement(shipped.shipped_agreement())
VOCABULARY = AGREEMENT.vocabulary
NOW = 1_800_000_000
FACT = CaseQuestion(Subject.FACT, "weapon_direct", (("provider_cleared", 1),), ("mark-1",))
APPROVAL = CaseQuestion(Subject.APPROVAL, "customer_decider", (("customer_decider", 1),))
KEYS = {role: Ed25519PrivateKey.generate() for role in SigningRole}
ROOTS = TrustRoots(
    "production",
    {role: RoleKeys((PinnedKey(key.public_key().public_bytes_raw().hex(), role),)) for role, key in KEYS.items()},
)


def appeal(**changes: Any) -> Appeal:
    said: dict[str, Any] = {"format": APPEAL_FORMAT, "id": "a" * 32, "about": "hold_1", "reason": "no", "issued": NOW}
    return Appeal(**said | changes)


def denied(docket: Docket, question: CaseQuestion, value: str) -> Tried:
    """A case that one person decided against the caller."""
    case = Case(
        CASE_FORMAT,
        "hold_1",
        "w",
        "u",
        AGREEMENT.digest,
        "r",
        "sha256:x",
        ("RL-2",),
        (question,),
        (),
        "c",
        NOW,
        NOW + 9,
    )
    return answered(docket, case, "first", value)


def answered(docket: Docket, case: Case, person: str, value: str) -> Tried:
    (question,) = case.questions
    who = ClearedPerson(person, question.quorum[0][0], NOW + 1_000, roles=(Role.SENIOR_REVIEWER,))
    given = (Answer(question.subject, question.name, value, "read"),)
    decision = ReviewerDecision(FORMAT, case, person, given, "0" * 32, case.opened)
    return docket.enter(decision, who, case.opened, VOCABULARY, 1_000)


@pytest.mark.parametrize("role", SigningRole)
def test_only_an_official_of_the_customer_appeals(role: SigningRole) -> None:
    envelope = sign_statement(appeal(), APPEAL_TYPE, [KEYS[role]])
    if role is SigningRole.CUSTOMER_OFFICIAL:
        assert open_appeal(envelope, ROOTS, at=NOW).value == appeal()
        return
    with pytest.raises(TrustError, match="customer-official"):
        open_appeal(envelope, ROOTS, at=NOW)


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": "x"},
        {"id": "short"},
        {"id": "a" * 129},
        {"id": "../../a?b=c#d" + "a" * 16},  # its case would stand at an address that leads elsewhere
        {"id": "a" * 16 + "\n\x1b"},
        {"reason": " "},
        {"reason": "x" * 5_000},
    ],
)
def test_an_appeal_that_is_not_well_formed_is_none(wrong: dict[str, str]) -> None:
    envelope = sign_statement(appeal(**wrong), APPEAL_TYPE, [KEYS[SigningRole.CUSTOMER_OFFICIAL]])
    with pytest.raises(TrustError):
        open_appeal(envelope, ROOTS, at=NOW)


def test_who_decided_does_not_look_again() -> None:
    docket = Docket()
    tried = denied(docket, FACT, "yes")
    assert may_be_appealed(tried)
    case = case_of_appeal(appeal(), tried, (), NOW + 20, 100)
    assert case.recused == ("first",)
    with pytest.raises(TrustError, match="may not decide"):
        answered(docket, case, "first", "no")
    assert case.questions == tried.case.questions
    assert (case.hold != tried.case.hold, case.opened, case.expires) == (True, NOW + 20, NOW + 120)


def test_whoever_has_no_role_for_it_decides_no_appeal() -> None:
    docket = Docket()
    case = case_of_appeal(appeal(), denied(docket, FACT, "yes"), (), NOW + 20, 100)
    given = (Answer(Subject.FACT, "weapon_direct", "no", "read"),)
    decision = ReviewerDecision(FORMAT, case, "second", given, "0" * 32, NOW + 20)
    plain = ClearedPerson("second", "provider_cleared", NOW + 1_000, roles=(Role.REVIEWER,))
    with pytest.raises(TrustError, match="no role that decides appeals"):
        docket.enter(decision, plain, NOW + 20, VOCABULARY, 1_000)
    assert docket.of_case(case.digest) is None
    key = Ed25519PrivateKey.generate()
    credential = Credential(CredentialKind.KEY, "k", key.public_key().public_bytes_raw().hex())
    envelope, terms = sign_decision(decision, key), ReviewTerms(software_keys=True)
    senior = msgspec.structs.replace(plain, credentials=(credential,), roles=(Role.SENIOR_REVIEWER,))
    assert open_made(envelope, {"second": senior}, NOW + 20, terms).decision == decision
    reviewer = msgspec.structs.replace(senior, roles=(Role.REVIEWER,))
    with pytest.raises(TrustError, match="no role that decides appeals"):
        open_made(envelope, {"second": reviewer}, NOW + 20, terms)


@pytest.mark.parametrize("role", Role)
def test_an_appeal_takes_the_role_for_it(role: Role) -> None:
    plain = denied(Docket(), FACT, "yes").case
    assert decides(plain, (role,)) is (role in {Role.REVIEWER, Role.SENIOR_REVIEWER})
    assert decides(msgspec.structs.replace(plain, appeal="a"), (role,)) is (role is Role.SENIOR_REVIEWER)


def test_the_case_of_an_appeal_says_so_and_its_signers_do_not_decide_it() -> None:
    tried = denied(Docket(), FACT, "yes")
    case = case_of_appeal(appeal(), tried, ("official",), NOW + 20, 100)
    check_case(appeal(), ("official",), case)
    with pytest.raises(TrustError, match="is for this appeal"):
        check_case(appeal(), ("official",), msgspec.structs.replace(case, appeal=""))
    with pytest.raises(TrustError, match="may decide it"):
        check_case(appeal(), ("official", "another"), case)
    check_case(appeal(format=FORMAT_BEFORE), ("official",), tried.case)  # as appeals were filed before


def test_an_appeal_that_is_upheld_lifts_no_fact_that_was_answered_bad() -> None:
    docket = Docket()
    tried = denied(docket, FACT, "yes")
    case = case_of_appeal(appeal(), tried, (), NOW + 20, 100)
    filed = Filed(appeal(), ("official",), NOW + 20, case)
    assert state_of(filed, docket, VOCABULARY, NOW + 20) is AppealState.OPEN
    answered(docket, case, "second", "no")
    assert state_of(filed, docket, VOCABULARY, NOW + 20) is AppealState.UPHELD
    settled = docket.answers("w", AGREEMENT.digest, "r").of_words("weapon_direct", "mark-1", NOW + 20)
    assert {each.value for each in settled} == {"yes", "no"}  # of which the worst counts


def test_an_approval_that_was_refused_may_be_given() -> None:
    docket = Docket()
    tried = denied(docket, APPROVAL, REFUSE)
    case = case_of_appeal(appeal(), tried, (), NOW + 20, 100)
    assert not docket.answers("w", AGREEMENT.digest, "r").approvals("sha256:x", NOW + 20)
    answered(docket, case, "second", APPROVE)
    assert docket.answers("w", AGREEMENT.digest, "r").approvals("sha256:x", NOW + 20).keys() == {"customer_decider"}


def test_an_appeal_that_nobody_decides_changes_nothing_and_one_that_is_denied_is_rejected() -> None:
    docket = Docket()
    case = case_of_appeal(appeal(), denied(docket, FACT, "yes"), (), NOW + 20, 100)
    filed = Filed(appeal(), ("official",), NOW + 20, case)
    assert state_of(filed, docket, VOCABULARY, NOW + 120) is AppealState.EXPIRED
    answered(docket, case, "second", "yes")
    assert state_of(filed, docket, VOCABULARY, NOW + 120) is AppealState.REJECTED


def test_a_wish_waits_for_the_official_and_then_stands_as_the_appeal_does() -> None:
    docket = Docket()
    case = case_of_appeal(appeal(), denied(docket, FACT, "yes"), (), NOW + 20, 100)
    wish = Wish("wish_1", "hold_1", "w", "u", "because", NOW + 10, 7)

    def stands(now: int, *filed: Filed) -> WishState:
        return wish_state(wish, filed, docket, VOCABULARY, 100, now)

    assert [stands(NOW + at) for at in (10, 109, 110)] == [WishState.ASKED, WishState.ASKED, WishState.EXPIRED]
    filed = Filed(appeal(), ("official",), NOW + 20, case)
    assert stands(NOW + 20, Filed(appeal(about="hold_2"), ("official",), NOW + 20, case)) is WishState.ASKED
    assert stands(NOW + 20, filed) is WishState.OPEN
    answered(docket, case, "second", "no")
    assert stands(NOW + 20, filed) is WishState.UPHELD


def test_what_people_released_is_not_appealed() -> None:
    docket = Docket()
    assert not may_be_appealed(denied(docket, FACT, "no"))
    assert not may_be_appealed(Tried(msgspec.structs.replace(denied(Docket(), FACT, "yes").case)))
