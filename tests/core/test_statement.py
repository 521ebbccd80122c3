# SPDX-License-Identifier: Apache-2.0
"""Statements of both parties: nobody speaks for the other, and no byte is read before it is verified."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.signer._key import SSlibKey

from brightline.core.errors import TrustError
from brightline.core.statement import (
    Needed,
    PinnedKey,
    RoleKeys,
    SigningRole,
    TrustRoots,
    add_signature,
    open_signed,
    open_statement,
    sign_statement,
)
from tests.vectors import vectors_dir


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str


PROVIDER = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
CUSTOMER = Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32)
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes([3]) * 32)
TYPE = "application/vnd.test+json"


def public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


OFFICER, OFFICIAL = SigningRole.PROVIDER_OFFICER, SigningRole.CUSTOMER_OFFICIAL
NOW = 1_800_000_000


def roots_of(provider: tuple[PinnedKey, ...], customer: tuple[PinnedKey, ...], threshold: int = 1) -> TrustRoots:
    return TrustRoots("development", {OFFICER: RoleKeys(provider, threshold), OFFICIAL: RoleKeys(customer)})


ROOTS = roots_of((PinnedKey(public(PROVIDER), "ada"),), (PinnedKey(public(CUSTOMER), "bob"),))
SIGNED = sign_statement(Said("hello"), TYPE, [PROVIDER, CUSTOMER])


def test_a_statement_that_both_signed_is_read() -> None:
    assert open_statement(SIGNED, TYPE, Said, ROOTS, at=NOW) == Said("hello")


@pytest.mark.parametrize(
    ("keys", "missing"),
    [
        ([PROVIDER], "customer"),
        ([CUSTOMER], "provider"),
        ([PROVIDER, STRANGER], "customer"),
        ([STRANGER, CUSTOMER], "provider"),
        ([PROVIDER, PROVIDER], "customer"),
    ],
)
def test_one_party_alone_or_with_a_stranger_is_refused(keys: list[Ed25519PrivateKey], missing: str) -> None:
    with pytest.raises(TrustError, match=f"no pinned key of the {missing}"):
        open_statement(sign_statement(Said("hello"), TYPE, keys), TYPE, Said, ROOTS, at=NOW)


def test_one_key_pinned_for_both_parties_is_refused() -> None:
    both = roots_of((PinnedKey(public(PROVIDER), "ada"),), (PinnedKey(public(PROVIDER).upper(), "bob"),))
    with pytest.raises(TrustError, match="both parties"):
        open_statement(sign_statement(Said("hello"), TYPE, [PROVIDER]), TYPE, Said, both, at=NOW)


def test_no_pinned_key_at_all_is_refused() -> None:
    with pytest.raises(TrustError):
        open_statement(SIGNED, TYPE, Said, TrustRoots("development", {}), at=NOW)


def test_another_type_of_statement_cannot_be_passed_off() -> None:
    with pytest.raises(TrustError, match="where 'application/other' is expected"):
        open_statement(SIGNED, "application/other", Said, ROOTS, at=NOW)


def test_a_relabelled_type_breaks_the_signature() -> None:
    envelope = json.loads(SIGNED)
    envelope["payloadType"] = "application/other"
    with pytest.raises(TrustError, match="no pinned key"):
        open_statement(json.dumps(envelope).encode(), "application/other", Said, ROOTS, at=NOW)


@given(st.integers(0, 13 * 8 - 1))
def test_every_flipped_bit_of_the_payload_is_refused(bit: int) -> None:
    envelope = json.loads(SIGNED)
    payload = bytearray(base64.b64decode(envelope["payload"]))
    payload[bit // 8] ^= 1 << bit % 8
    envelope["payload"] = base64.b64encode(bytes(payload)).decode()
    with pytest.raises(TrustError, match="no pinned key"):
        open_statement(json.dumps(envelope).encode(), TYPE, Said, ROOTS, at=NOW)


class Other(msgspec.Struct, frozen=True):
    text: str
    more: int


def test_a_signed_statement_of_another_form_is_refused() -> None:
    signed = sign_statement(Other("hello", 1), TYPE, [PROVIDER, CUSTOMER])
    with pytest.raises(TrustError, match="does not read as Said"):
        open_statement(signed, TYPE, Said, ROOTS, at=NOW)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b'{"payload": 1}', b"x" * 70_000, b"null"])
def test_what_is_no_envelope_is_refused(data: Any) -> None:
    with pytest.raises(TrustError):
        open_statement(data, TYPE, Said, ROOTS, at=NOW)


def test_a_role_counts_persons_and_not_keys() -> None:
    one_person = (PinnedKey(public(PROVIDER), "ada"), PinnedKey(public(STRANGER), "ada"))
    signed = sign_statement(Said("hello"), TYPE, [PROVIDER, STRANGER])
    needed = [Needed(OFFICER, 2)]
    with pytest.raises(TrustError, match="1 of the provider-officer signed this statement; it takes 2 persons"):
        open_statement(signed, TYPE, Said, roots_of(one_person, ()), at=NOW, needed=needed)
    two = (PinnedKey(public(PROVIDER), "ada"), PinnedKey(public(STRANGER), "eve"))
    opened = open_signed(signed, TYPE, Said, roots_of(two, ()), at=NOW, needed=needed)
    assert opened.signers == ((OFFICER, "ada"), (OFFICER, "eve"))


def test_a_pinned_threshold_is_never_undercut() -> None:
    two = (PinnedKey(public(PROVIDER), "ada"), PinnedKey(public(STRANGER), "eve"))
    with pytest.raises(TrustError, match="it takes 2 persons"):
        open_statement(SIGNED, TYPE, Said, roots_of(two, (), 2), at=NOW, needed=[Needed(OFFICER)])
    with pytest.raises(TrustError, match="nobody would have to sign"):
        open_statement(SIGNED, TYPE, Said, roots_of(two, (), 0), at=NOW, needed=[Needed(OFFICER)])


def test_an_expired_key_counts_for_nothing_from_its_second_on() -> None:
    expiring = roots_of((PinnedKey(public(PROVIDER), "ada", NOW),), (PinnedKey(public(CUSTOMER), "bob"),))
    assert open_statement(SIGNED, TYPE, Said, expiring, at=NOW - 1) == Said("hello")
    with pytest.raises(TrustError, match="the key of ada has expired"):
        open_statement(SIGNED, TYPE, Said, expiring, at=NOW)


def test_a_statement_that_nobody_needs_to_sign_is_refused() -> None:
    with pytest.raises(TrustError, match="nobody needs"):
        open_statement(SIGNED, TYPE, Said, ROOTS, at=NOW, needed=[])


def test_signers_may_sign_one_after_the_other() -> None:
    alone = sign_statement(Said("hello"), TYPE, [PROVIDER])
    assert open_statement(add_signature(alone, TYPE, CUSTOMER), TYPE, Said, ROOTS, at=NOW) == Said("hello")
    with pytest.raises(TrustError, match="is expected"):
        add_signature(alone, "application/other", CUSTOMER)


class Anything(msgspec.Struct, frozen=True):
    """A statement of whose members the test reads none."""


def test_the_thresholds_of_the_dsse_vectors_count_persons_and_not_signatures() -> None:
    cases = json.loads((vectors_dir("dsse") / "cases.json").read_text("utf-8"))
    raw = {name: bytes.fromhex(key["public_hex"]) for name, key in cases["keys"].items()}
    found = {}
    for case in (case for case in cases["envelopes"] if case["threshold"] > 1):
        roots = roots_of(tuple(PinnedKey(raw[name].hex(), name) for name in case["keys"]), ())
        # The library finds a signature by the id of its key alone; the vectors call their keys by letters.
        for signature in case["envelope"]["signatures"]:
            signature["keyid"] = SSlibKey.from_crypto(
                Ed25519PublicKey.from_public_bytes(raw[signature["keyid"]])
            ).keyid
        envelope, kind = json.dumps(case["envelope"]).encode(), case["accepted_types"][0]
        try:
            open_statement(envelope, kind, Anything, roots, at=NOW, needed=[Needed(OFFICER, case["threshold"])])
        except TrustError:
            found[case["name"]] = "threshold_not_met"
        else:
            found[case["name"]] = "ok"
    assert found == {case["name"]: case["expect"] for case in cases["envelopes"] if case["threshold"] > 1}
    assert len(found) == 4
