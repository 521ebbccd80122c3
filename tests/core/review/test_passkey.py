# SPDX-License-Identifier: Apache-2.0
"""A decision signed by passkey opens for exactly that decision, person, page and moment, and for nothing else."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, Final

import cbor2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.errors import TrustError
from brightline.core.review.decision import Made, ReviewerDecision, open_made, sign_decision
from brightline.core.review.passkey import (
    RelyingParty,
    check_public_key,
    check_relying_party,
    decision_challenge,
    write_assertion,
)
from brightline.core.review.roles import Role
from brightline.core.review.roster import (
    Clearance,
    ClearedPerson,
    Credential,
    CredentialKind,
    ReviewTerms,
    check_roster,
    check_terms,
)
from tests.authenticator import ORIGIN, PRESENT, RP_ID, Passkey
from tests.core.review.test_docket import CASE, KEYS, OPENED, person, said

Change = Callable[[dict[str, Any]], None]
TERMS: Final = ReviewTerms(RelyingParty(RP_ID, (ORIGIN,)))


def signed_by(key: Passkey, decision: ReviewerDecision | None = None, **how: Any) -> bytes:
    decision = decision or said("a")
    return write_assertion(decision, key.get(decision_challenge(decision), **how))


def with_passkey(key: Passkey, name: str = "a", **more: Any) -> ClearedPerson:
    return msgspec.structs.replace(person(name), credentials=(key.credential,), **more)


def opened(envelope: bytes, who: ClearedPerson, terms: ReviewTerms = TERMS, **counters: int) -> Made:
    seen = {who.credentials[0].id: counters["last"]} if counters else {}
    return open_made(envelope, {who.id: who}, OPENED, terms, seen)


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_a_decision_signed_by_passkey_opens_with_the_roster_alone(algorithm: str) -> None:
    key = Passkey(1, algorithm)
    made = opened(signed_by(key), with_passkey(key))
    assert made.decision == said("a")
    assert (made.person.id, made.credential, made.counter) == ("a", key.credential, 1)
    assert made.digest == decision_challenge(said("a"))


def _text(name: str, value: str) -> Change:
    def change(envelope: dict[str, Any]) -> None:
        decision = json.loads(base64.b64decode(envelope["decision"]))
        decision["answers"][0][name] = value
        text = json.dumps(decision, sort_keys=True, separators=(",", ":")).encode()
        envelope["decision"] = base64.b64encode(text).decode()

    return change


def _spaced(envelope: dict[str, Any]) -> None:
    envelope["decision"] = base64.b64encode(b" " + base64.b64decode(envelope["decision"])).decode()


@pytest.mark.parametrize("change", [_text("value", "yes"), _text("reason", "another"), _spaced])
def test_a_decision_that_was_changed_after_it_was_signed_is_refused(change: Change) -> None:
    key = Passkey(1)
    envelope = json.loads(signed_by(key))
    change(envelope)
    with pytest.raises(TrustError, match="another challenge"):
        opened(json.dumps(envelope).encode(), with_passkey(key))


def test_a_decision_in_another_spelling_is_refused_even_if_that_spelling_was_signed() -> None:
    key, decision = Passkey(1), said("a")
    text = json.dumps(msgspec.to_builtins(decision)).encode()  # the same values, with blanks
    from hashlib import sha256

    envelope = json.loads(write_assertion(decision, key.get(sha256(text).digest())))
    envelope["decision"] = base64.b64encode(text).decode()
    with pytest.raises(TrustError, match="canonical form"):
        opened(json.dumps(envelope).encode(), with_passkey(key))


def test_an_assertion_over_another_challenge_signs_no_decision() -> None:
    key = Passkey(1)
    with pytest.raises(TrustError, match="another challenge"):
        opened(write_assertion(said("a"), key.get(b"a login" * 4)), with_passkey(key))
    other = key.get(decision_challenge(said("a", "yes")))
    with pytest.raises(TrustError, match="another challenge"):
        opened(write_assertion(said("a"), other), with_passkey(key))


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"origin": "https://localhost:8092"}, "none of the pinned origins"),
        ({"origin": "http://localhost:8093"}, "none of the pinned origins"),
        ({"origin": "https://localhost.evil.example"}, "none of the pinned origins"),
        ({"type": "webauthn.create"}, "not of a webauthn.get"),
        ({"crossOrigin": True}, "somebody else's page"),
        ({"crossOrigin": "false"}, "somebody else's page"),
        ({"topOrigin": ORIGIN}, "somebody else's page"),
        ({"flags": PRESENT}, "user was not verified"),
        ({"flags": 0x04}, "not present"),
        ({"flags": 0x45}, "attests no credential"),
        ({"rp_id": "localhost.evil.example"}, "RP ID"),
        ({"pad": "x" * 4_096}, "exceeds"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(f"{k}" for k in value),
)
def test_what_is_not_signed_on_our_page_by_somebody_who_was_verified_is_refused(how: dict[str, Any], why: str) -> None:
    key = Passkey(1)
    with pytest.raises(TrustError, match=why):
        opened(signed_by(key, **how), with_passkey(key))


def test_client_data_that_two_readers_could_read_differently_is_refused() -> None:
    key = Passkey(1)
    envelope = json.loads(signed_by(key))
    twice = base64.b64decode(envelope["clientData"]).replace(b'"crossOrigin"', b'"origin": "x", "crossOrigin"')
    envelope["clientData"] = base64.b64encode(twice).decode()
    with pytest.raises(TrustError, match="in one way"):
        opened(json.dumps(envelope).encode(), with_passkey(key))


def test_another_persons_passkey_signs_nothing_for_somebody() -> None:
    mine, theirs = Passkey(1), Passkey(2)
    with pytest.raises(TrustError, match="not a's"):
        opened(signed_by(theirs), with_passkey(mine))
    renamed = json.loads(signed_by(theirs))
    renamed["credential"] = mine.credential.id  # as if it had been signed by the one on the roster
    with pytest.raises(TrustError, match="did not sign"):
        opened(json.dumps(renamed).encode(), with_passkey(mine))


def test_a_counter_that_does_not_grow_is_a_second_authenticator_and_is_refused() -> None:
    key = Passkey(1, counter=6)
    envelope = signed_by(key)
    assert opened(envelope, with_passkey(key), last=6).counter == 7
    for last in (7, 8):
        with pytest.raises(TrustError, match="sign count"):
            opened(envelope, with_passkey(key), last=last)
    without = Passkey(2, counter=None)
    assert opened(signed_by(without), with_passkey(without), last=0).counter == 0
    with pytest.raises(TrustError, match="sign count"):  # it counted before
        opened(signed_by(without), with_passkey(without), last=1)


def test_a_key_in_a_file_signs_only_where_both_parties_let_it() -> None:
    envelope = sign_decision(said("a"), KEYS["a"])
    with pytest.raises(TrustError, match="no key in a file"):
        open_made(envelope, {"a": person("a")}, OPENED, TERMS)
    both = ReviewTerms(TERMS.passkeys, software_keys=True)
    made = open_made(envelope, {"a": person("a")}, OPENED, both)
    assert (made.credential.kind, made.counter) == (CredentialKind.KEY, 0)
    key = Passkey(1)
    with pytest.raises(TrustError, match="pinned no origin"):
        opened(signed_by(key), with_passkey(key), ReviewTerms(software_keys=True))


def test_who_is_there_for_something_else_or_not_cleared_for_the_unit_decides_nothing() -> None:
    key = Passkey(1)
    for role in (Role.FIELD_ENGINEER, Role.AUDITOR, Role.OFFICER, Role.SAFETY_RESEARCHER):
        with pytest.raises(TrustError, match="something else than deciding"):
            opened(signed_by(key), with_passkey(key, roles=(role,)))
    needs = msgspec.structs.replace(TERMS, needs={CASE.unit: Clearance(2, ("blue",))})
    for too_little in (Clearance(), Clearance(1, ("blue",)), Clearance(9, ("red",))):
        with pytest.raises(TrustError, match="not cleared for"):
            opened(signed_by(key), with_passkey(key, clearance=too_little), needs)
    enough = with_passkey(key, clearance=Clearance(3, ("blue", "red")))
    assert opened(signed_by(key), enough, needs).person is enough
    with pytest.raises(TrustError, match="had ended"):
        opened(signed_by(key), with_passkey(key, cleared_until=OPENED))


@pytest.mark.parametrize(
    "cose",
    [
        Passkey(1, "RS256").cose,
        cbor2.dumps({1: 2, 3: -35, -1: 2, -2: bytes(48), -3: bytes(48)}),
        cbor2.dumps({1: 2, 3: -257, -1: 1, -2: bytes(32), -3: bytes(32)}),
        b"\x04" + bytes(64),
        Passkey(1).cose + b"\x00",
        b"",
    ],
    ids=["RS256", "ES384", "another algorithm on P-256", "a bare point", "a byte more", "nothing"],
)
def test_only_es256_and_eddsa_in_one_encoding_are_keys(cose: bytes) -> None:
    with pytest.raises(TrustError, match="ES256"):
        check_public_key(cose.hex())
    listed = msgspec.structs.replace(person("a"), credentials=(Credential(CredentialKind.PASSKEY, "aa", cose.hex()),))
    with pytest.raises(TrustError, match="ES256"):
        check_roster([listed])


def test_a_point_that_is_on_no_curve_signs_nothing() -> None:
    key = Passkey(1)
    off = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: bytes(31) + b"\x05", -3: bytes(31) + b"\x05"})
    who = msgspec.structs.replace(
        with_passkey(key), credentials=(Credential(CredentialKind.PASSKEY, key.credential.id, off.hex()),)
    )
    with pytest.raises(TrustError, match="did not sign"):
        opened(signed_by(key), who)


def test_one_passkey_is_one_persons() -> None:
    key = Passkey(1)
    with pytest.raises(TrustError, match="shares a credential"):
        check_roster([with_passkey(key), with_passkey(key, "b")])
    other = Credential(CredentialKind.PASSKEY, key.credential.id, Passkey(2).credential.public)
    with pytest.raises(TrustError, match="shares a credential"):  # the same id, another key
        check_roster([with_passkey(key), msgspec.structs.replace(person("b"), credentials=(other,))])


@pytest.mark.parametrize(
    "relying",
    [
        RelyingParty("review.example", ("https://evil.example",)),
        RelyingParty("review.example", ("https://evilreview.example",)),
        RelyingParty("review.example", ("http://review.example",)),
        RelyingParty("review.example", ("https://review.example/",)),
        RelyingParty("review.example", ("https://Review.example",)),
        RelyingParty("review.example", ("https://user@review.example",)),
        RelyingParty("review.example", ("https://review.example:x",)),
        RelyingParty("review.example", ()),
        RelyingParty("", ("https://review.example",)),
        RelyingParty("127.0.0.1", ("http://127.0.0.1:8092",)),
    ],
    ids=lambda relying: f"{relying.id} {relying.origins}",
)
def test_an_origin_that_is_not_the_relying_partys_own_over_https_is_not_pinned(relying: RelyingParty) -> None:
    with pytest.raises(TrustError):
        check_terms(ReviewTerms(relying))


def test_origins_within_the_relying_party_are_pinned() -> None:
    check_relying_party(RelyingParty("review.example", ("https://review.example", "https://a.review.example:8443")))


@given(at=st.integers(0), byte=st.integers(0, 255))
def test_whatever_byte_of_an_assertion_is_changed_it_opens_as_the_same_decision_or_not_at_all(
    at: int, byte: int
) -> None:
    key = Passkey(3, "EdDSA")
    envelope = bytearray(signed_by(key))
    envelope[at % len(envelope)] = byte
    try:
        made = opened(bytes(envelope), with_passkey(key))
    except TrustError:
        return
    assert made.decision == said("a")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_decision_or_a_trust_error(data: bytes) -> None:
    key = Passkey(3, "EdDSA")
    for envelope in (data, b'{"format":"brightline-assertion/1",' + data):
        with pytest.raises(TrustError):
            opened(envelope, with_passkey(key))
