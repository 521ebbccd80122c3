# SPDX-License-Identifier: Apache-2.0
"""Coming on the roster, changing there and going: by both parties, one person a credential, one passkey a code."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.errors import TrustError
from brightline.core.review.case import CaseState
from brightline.core.review.docket import Docket
from brightline.core.review.enrolment import (
    CODE_SECONDS_MAX,
    FORMAT,
    Enrolment,
    RosterBook,
    code_digest,
    fingerprint,
)
from brightline.core.review.passkey import RelyingParty
from brightline.core.review.roles import Role
from brightline.core.review.roster import ClearedPerson, Credential, CredentialKind, ReviewTerms
from tests.authenticator import ORIGIN, RP_ID, Passkey
from tests.core.review.test_docket import ANSWERED, CASE, OPENED, enter, person, said
from tests.playbooks.playbook import AGREEMENT

NOW: Final = 1_000
LATER: Final = NOW + 500
SIGNERS: Final = ("an-officer", "an-official")
PASSKEYS: Final = ReviewTerms(RelyingParty(RP_ID, (ORIGIN,)))
CODE: Final = "a code"
INVITED: Final[dict[str, Any]] = {"code_digest": code_digest("n", CODE), "code_until": LATER}


def new(name: str = "n", *keys: Passkey, **more: Any) -> ClearedPerson:
    credentials = tuple(key.credential for key in keys)
    return ClearedPerson(name, "provider_cleared", 10_000, "org", credentials, **more)


def entry(who: ClearedPerson, version: int = 1, **more: Any) -> Enrolment:
    members: dict[str, Any] = {"withdrawn": False, "reason": "begins work", "issued": NOW, **more}
    return Enrolment(format=FORMAT, person=who, version=version, **members)


def begun(*entries: Enrolment, terms: ReviewTerms = PASSKEYS, at: int = NOW) -> RosterBook:
    book = RosterBook.begin([person("a"), person("b")])
    for each in entries:
        book = book.enter(each, SIGNERS, at, terms)
    return book


def test_somebody_is_enrolled_invited_and_their_passkey_signed_in() -> None:
    key = Passkey(1)
    book = begun(entry(new(), **INVITED))
    assert book.roster["n"].credentials == ()
    assert book.listed["n"].invites(CODE, NOW)
    book = book.enter(entry(new("n", key), 2, code=CODE), SIGNERS, LATER - 1, PASSKEYS)
    assert book.roster["n"].credentials == (key.credential,)
    assert not book.listed["n"].invites(CODE, NOW)  # once


@pytest.mark.parametrize(
    ("change", "at", "why"),
    [
        ({"code": "another"}, NOW, "one-time code"),
        ({}, NOW, "one-time code"),
        ({"code": CODE}, LATER, "one-time code"),
        ({"code": CODE, "person": new("n", Passkey(1), Passkey(2))}, NOW, "one code makes one"),
        ({"code": CODE, "version": 3}, NOW, "at version 1; this would be 3"),
        ({"code": CODE, "version": 1}, NOW, "at version 1; this would be 1"),
        ({"code": CODE, "reason": " "}, NOW, "says why"),
        ({"code": CODE, "format": "other"}, NOW, "of format 'other'"),
        ({"code": CODE, "person": new("n", Passkey(1), roles=())}, NOW, "name a role"),
        ({"code": CODE, "person": new("n", Passkey(1), roles=(Role.AUDITOR, Role.REVIEWER))}, NOW, "no role beside"),
    ],
)
def test_a_passkey_without_the_code_in_time_or_out_of_turn_is_not_signed_in(
    change: dict[str, Any], at: int, why: str
) -> None:
    book = begun(entry(new(), **INVITED))
    tried = msgspec.structs.replace(entry(new("n", Passkey(1)), 2), **change)
    with pytest.raises(TrustError, match=why):
        book.enter(tried, SIGNERS, at, PASSKEYS)


def test_a_code_is_one_persons_and_good_for_a_week_at_most() -> None:
    book = begun(entry(new("m"), code_digest=code_digest("n", CODE), code_until=LATER))
    assert not book.listed["m"].invites(CODE, NOW)
    with pytest.raises(TrustError, match="at most 7 days"):
        begun(entry(new(), code_digest="x", code_until=NOW + CODE_SECONDS_MAX + 1))
    with pytest.raises(TrustError, match="at most 7 days"):
        begun(entry(new(), code_digest="x", code_until=NOW))


def test_nobody_enrols_themselves_and_nobody_whose_clearance_is_over() -> None:
    with pytest.raises(TrustError, match="nobody enrols themselves"):
        RosterBook.begin([]).enter(entry(new("an-officer")), SIGNERS, NOW, PASSKEYS)
    with pytest.raises(TrustError, match="ends before it begins"):
        begun(entry(new()), at=10_000)


def test_a_credential_is_one_persons_for_ever_also_after_it_was_taken_off() -> None:
    key = Passkey(1)
    book = begun(entry(new(), **INVITED), entry(new("n", key), 2, code=CODE))
    book = book.enter(entry(new("n"), 3), SIGNERS, NOW, PASSKEYS)
    assert book.roster["n"].credentials == ()
    invited = entry(new("m"), code_digest=code_digest("m", CODE), code_until=LATER)
    book = book.enter(invited, SIGNERS, NOW, PASSKEYS)
    with pytest.raises(TrustError, match="somebody else's"):
        book.enter(entry(new("m", key), 2, code=CODE), SIGNERS, NOW, PASSKEYS)
    same_id = Credential(CredentialKind.PASSKEY, key.credential.id, Passkey(2).credential.public)
    with pytest.raises(TrustError, match="somebody else's"):
        other = msgspec.structs.replace(new("m"), credentials=(same_id,))
        book.enter(entry(other, 2, code=CODE), SIGNERS, NOW, PASSKEYS)
    with pytest.raises(TrustError, match="somebody else's"):
        stolen = msgspec.structs.replace(new("m"), credentials=person("a").credentials)
        book.enter(entry(stolen, 2), SIGNERS, NOW, ReviewTerms(software_keys=True))


def test_a_key_in_a_file_is_enrolled_only_where_both_parties_let_it() -> None:
    with_key = msgspec.structs.replace(new(), credentials=person("c").credentials)
    with pytest.raises(TrustError, match="no key in a file"):
        begun(entry(with_key))
    assert begun(entry(with_key), terms=ReviewTerms(software_keys=True)).roster["n"] == with_key
    with pytest.raises(TrustError, match="pinned no origin"):
        begun(entry(new(), **INVITED), entry(new("n", Passkey(1)), 2, code=CODE), terms=ReviewTerms())


def test_a_withdrawal_counts_at_once_and_is_heard_even_after_somebody_elses_change() -> None:
    gone = entry(person("a"), 1, withdrawn=True)
    assert set(begun(gone).roster) == {"b"}
    changed = entry(msgspec.structs.replace(person("a"), organisation="other"), 1)
    assert set(begun(changed, gone).roster) == {"b"}
    again = entry(person("a"), 2)
    assert set(begun(gone, again).roster) == {"a", "b"}
    with pytest.raises(TrustError, match="came back since"):  # an old one that is shown again
        begun(gone, again, gone)
    with pytest.raises(TrustError, match="not on the roster"):
        begun(entry(new("nobody"), withdrawn=True))


@given(st.lists(st.tuples(st.sampled_from("nm"), st.booleans(), st.integers(0, 2), st.booleans()), max_size=8))
def test_whatever_both_parties_sign_no_credential_is_ever_two_persons(
    steps: list[tuple[str, bool, int, bool]],
) -> None:
    book, seen = begun(), dict[str, str]()
    for name, withdrawn, key, invites in steps:
        who = new(name, *([Passkey(key, "EdDSA")] if key else []))
        more: dict[str, Any] = {"code_digest": code_digest(name, CODE), "code_until": LATER} if invites else {}
        said_now = entry(who, book.next_version(name), withdrawn=withdrawn, code=CODE, **more)
        try:
            book = book.enter(said_now, SIGNERS, NOW, PASSKEYS)
        except TrustError:
            continue
        for each in book.roster.values():
            for credential in each.credentials:
                assert seen.setdefault(credential.public, each.id) == each.id


def test_people_can_compare_what_was_made() -> None:
    shown = fingerprint(Passkey(1).credential)
    assert len(shown.split()) == 5
    assert shown != fingerprint(Passkey(2).credential)


# ---- what becomes of the votes of who was withdrawn ---------------------------------------------------------------

ONE_QUESTION: Final = msgspec.structs.replace(CASE, questions=CASE.questions[:1])


def struck(*votes: tuple[str, str], who: str) -> tuple[Docket, CaseState]:
    docket = Docket()
    for name, value in votes:
        enter(docket, said(name, value, case=ONE_QUESTION))
    docket.strike(who, OPENED, AGREEMENT.vocabulary, ANSWERED)
    tried = docket.of_case(ONE_QUESTION.digest)
    assert tried is not None
    return docket, tried.state(OPENED)


def test_what_a_withdrawn_person_said_that_would_release_counts_no_more() -> None:
    docket, state = struck(("a", "no"), who="a")
    assert state is CaseState.OPEN
    assert enter(docket, said("b", "no", case=ONE_QUESTION)) is CaseState.OPEN
    assert enter(docket, said("c", "no", case=ONE_QUESTION)) is CaseState.RELEASED


def test_what_a_withdrawn_person_said_that_would_deny_still_counts() -> None:
    docket, _ = struck(("a", "yes"), who="a")
    assert enter(docket, said("b", "yes", case=ONE_QUESTION)) is CaseState.DENIED


def test_what_was_decided_stays_decided() -> None:
    docket, state = struck(("a", "no"), ("b", "no"), who="a")
    assert state is CaseState.RELEASED
    assert [len(votes) for votes in docket.cases[ONE_QUESTION.digest].votes.values()] == [2]
