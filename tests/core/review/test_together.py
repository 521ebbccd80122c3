# SPDX-License-Identifier: Apache-2.0
"""One signature under many denials: each is verified by itself, nothing else is under it, none says what is good."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.errors import NotSigned, TrustError
from brightline.core.review.decision import Made, ReviewerDecision, open_made
from brightline.core.review.denying import check_together
from brightline.core.review.passkey import decision_bytes, decision_challenge, write_assertion
from brightline.core.review.together import TOGETHER_MAX, Among, challenge_among, put_together
from tests.authenticator import Passkey
from tests.core.review.test_docket import CASE, OPENED, said
from tests.core.review.test_passkey import TERMS, with_passkey
from tests.playbooks.playbook import AGREEMENT

KEY = Passkey(1)


def about(number: int, value: str = "yes") -> ReviewerDecision:
    return said("a", value, case=msgspec.structs.replace(CASE, hold=f"hold_{number}"))


def signed(decisions: list[ReviewerDecision], key: Passkey = KEY) -> list[bytes]:
    """What is logged of decisions under one signature."""
    many = put_together([decision_bytes(each) for each in decisions])
    given = key.get(many.challenge)
    return [write_assertion(each, given, among) for each, among in zip(decisions, many.places, strict=True)]


def opened(envelope: bytes, last: int = 0, key: Passkey = KEY) -> Made:
    return open_made(envelope, {"a": with_passkey(key)}, OPENED, TERMS, {key.credential.id: last})


def test_each_opens_by_itself_and_the_one_counter_is_shown_with_each() -> None:
    key = Passkey(2)
    envelopes = signed([about(n) for n in range(5)], key)
    last = 0
    for number, envelope in enumerate(envelopes):
        made = opened(envelope, last, key)
        assert (made.decision, made.counter, made.together) == (about(number), 1, True)
        assert made.digest == decision_challenge(about(number))
        last = made.counter
    with pytest.raises(TrustError, match="sign count"):
        opened(envelopes[0], 2, key)  # the device has signed something else since


@given(st.integers(1, 40), st.data())
def test_whatever_is_not_at_its_place_is_not_among_them(size: int, data: st.DataObject) -> None:
    many = put_together([str(n).encode() for n in range(size)])
    index = data.draw(st.integers(0, size - 1))
    place = many.places[index]
    assert challenge_among(str(index).encode(), place) == many.challenge
    other = data.draw(st.integers(0, size).filter(lambda n: n != index))
    with pytest.raises(NotSigned):
        challenge_among(str(other).encode(), place)
    for wrong in (
        msgspec.structs.replace(place, path=(*place.path, bytes(32))),
        msgspec.structs.replace(place, index=size),
        msgspec.structs.replace(place, size=TOGETHER_MAX + 1),
        msgspec.structs.replace(place, root=b""),
    ):
        with pytest.raises(NotSigned):
            challenge_among(str(index).encode(), wrong)


def test_an_assertion_over_many_is_none_over_one_and_the_other_way_round() -> None:
    (envelope,) = signed([about(1)])
    alone = json.loads(envelope)
    del alone["among"]
    with pytest.raises(NotSigned, match="another challenge"):
        opened(json.dumps(alone).encode())
    single = write_assertion(about(1), KEY.get(decision_challenge(about(1))))
    forged = json.loads(single) | {"among": json.loads(envelope)["among"]}
    with pytest.raises(NotSigned, match="another challenge"):
        opened(json.dumps(forged).encode())


def test_a_good_answer_under_such_a_signature_counts_for_nothing() -> None:
    bad, good = (opened(each) for each in signed([about(1), about(2, "no")]))
    check_together(bad, AGREEMENT.vocabulary)
    with pytest.raises(TrustError, match="mass_domestic=no is none"):
        check_together(good, AGREEMENT.vocabulary)
    approving = said("a", "approve", "customer_decider")
    with pytest.raises(TrustError, match="customer_decider=approve is none"):
        check_together(opened(signed([approving])[0]), AGREEMENT.vocabulary)
    alone = opened(write_assertion(about(3, "no"), KEY.get(decision_challenge(about(3, "no")))))
    check_together(alone, AGREEMENT.vocabulary)  # by itself it may


def test_nothing_and_too_much_is_not_put_together() -> None:
    for count in (0, TOGETHER_MAX + 1):
        with pytest.raises(ValueError, match="one signature"):
            put_together([b"x"] * count)
    assert put_together([b"x"]).places == (Among(put_together([b"x"]).places[0].root, 1, 0, ()),)
