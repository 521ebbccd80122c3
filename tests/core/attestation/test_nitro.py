# SPDX-License-Identifier: Apache-2.0
"""Nitro documents that Amazon would never sign, signed under a root of our own: each is refused for what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from brightline.core.attestation.claims import Claims, Debug, Kind, Place
from brightline.core.attestation.fault import Fault
from brightline.core.attestation.nitro import DOCUMENT_BYTES_MAX, verify_nitro
from brightline.core.errors import EvidenceRefused
from tests.core.attestation.forge import AT, LEAF, MODULE, Chain, chain, document, fields, issue, make_key
from tests.core.attestation.samples import NITRO, NITRO_TPM, roots

ZERO = bytes(48)


def verified(data: bytes, kind: Kind = Kind.NITRO, of: Chain | None = None, at: float = AT) -> Claims:
    return verify_nitro(data, kind, (of or chain()).pinned(), at)


def fault(data: bytes, **more: Any) -> str:
    with pytest.raises(EvidenceRefused) as caught:
        verified(data, **more)
    return caught.value.fault


def pcrs(**changed: bytes) -> dict[int, bytes]:
    found = dict(fields()["pcrs"])
    return found | {int(name.removeprefix("at")): value for name, value in changed.items()}


def test_a_document_in_order_says_what_stands_in_it() -> None:
    claims = verified(document(fields(public_key=b"key", user_data=b"data")))
    assert (claims.key, claims.data, claims.nonces) == (b"key", b"data", (b"n" * 32,))
    assert claims.place == Place("aws", "us-gov-west-1")
    assert claims.instance == "i-0123456789abcdef0"
    assert claims.debug is Debug.DISABLED
    assert claims.measured["pcr3"] == "04" * 48
    assert claims.made == int(AT)


def test_a_payload_of_indefinite_length_is_the_same_document() -> None:
    body = b"\xbf" + b"".join(cbor2.dumps(each) for pair in fields().items() for each in pair) + b"\xff"
    assert verified(document(body)) == verified(document(fields()))


def test_nothing_bound_is_empty_and_not_fine() -> None:
    claims = verified(document(fields(nonce=None)))
    assert (claims.nonces, claims.key, claims.data) == ((), b"", b"")
    assert verified(document(fields(nonce=b""))).nonces == ()


@pytest.mark.parametrize("zeros", [(0, 1, 2), (0,), (1,), (2,)])
def test_a_register_of_the_image_that_is_zero_means_debugging(zeros: tuple[int, ...]) -> None:
    claims = verified(document(fields(pcrs=pcrs(**{f"at{index}": ZERO for index in zeros}))))
    assert claims.debug is Debug.ENABLED


WRONG_FIELDS: dict[str, tuple[dict[str, Any], Fault]] = {
    "a field more": ({"surplus": 1}, Fault.MALFORMED),
    "a field less": ({"nonce": ...}, Fault.MALFORMED),
    "registers of the other kind": ({"pcrs": ..., "nitrotpm_pcrs": fields()["pcrs"]}, Fault.MALFORMED),
    "registers of both kinds": ({"nitrotpm_pcrs": fields()["pcrs"]}, Fault.MALFORMED),
    "another hash": ({"digest": "SHA256"}, Fault.UNSUPPORTED),
    "no time": ({"timestamp": None}, Fault.MALFORMED),
    "a time that is true": ({"timestamp": True}, Fault.MALFORMED),
    "a time below zero": ({"timestamp": -1}, Fault.MALFORMED),
    "a time beyond all": ({"timestamp": 1 << 60}, Fault.MALFORMED),
    "a time to come": ({"timestamp": int((AT + 302) * 1000)}, Fault.NOT_YET),
    "no registers": ({"pcrs": {}}, Fault.MALFORMED),
    "registers as a list": ({"pcrs": [ZERO]}, Fault.MALFORMED),
    "a register of 32 bytes": ({"pcrs": pcrs(at3=bytes(32))}, Fault.MALFORMED),
    "a register 32": ({"pcrs": pcrs(at32=ZERO)}, Fault.MALFORMED),
    "a register by name": ({"pcrs": {**pcrs(), "0": ZERO}}, Fault.MALFORMED),
    "no register 0": ({"pcrs": {1: ZERO, 2: ZERO}}, Fault.MALFORMED),
    "a long nonce": ({"nonce": bytes(1_025)}, Fault.MALFORMED),
    "a nonce that is text": ({"nonce": "n"}, Fault.MALFORMED),
    "a key that is a number": ({"public_key": 1}, Fault.MALFORMED),
    "another module": ({"module_id": MODULE + "0"}, Fault.INCONSISTENT),
    "a certificate that is none": ({"certificate": b"x"}, Fault.MALFORMED),
    "no certificate": ({"certificate": None}, Fault.WRONG_ROOT),
    "no bundle": ({"cabundle": None}, Fault.WRONG_ROOT),
    "an empty bundle": ({"cabundle": []}, Fault.WRONG_ROOT),
    "a bundle of numbers": ({"cabundle": [1]}, Fault.WRONG_ROOT),
    "a bundle the other way round": ({"cabundle": chain().bundle[::-1]}, Fault.BAD_CHAIN),
    "a bundle with a gap": ({"cabundle": chain().bundle[:1]}, Fault.BAD_CHAIN),
    "a bundle that goes on and on": ({"cabundle": chain().bundle * 8}, Fault.BAD_CHAIN),
}


@pytest.mark.parametrize("what", WRONG_FIELDS)
def test_a_document_that_is_signed_and_wrong_is_refused(what: str) -> None:
    changed, expected = WRONG_FIELDS[what]
    assert fault(document(fields(**changed))) == expected


def test_a_bundle_without_its_root_leads_to_the_pinned_one_all_the_same() -> None:
    assert verified(document(fields(cabundle=chain().bundle[1:]))) == verified(document(fields()))


def test_envelopes_of_another_form_are_refused() -> None:
    good = document(fields())
    outer = cbor2.loads(good)
    for changed, expected in (
        (b"\xd2" + good, Fault.MALFORMED),  # tagged COSE_Sign1
        (good + b"\0", Fault.MALFORMED),
        (cbor2.dumps(outer[:3]), Fault.MALFORMED),
        (cbor2.dumps([*outer, b""]), Fault.MALFORMED),
        (cbor2.dumps([outer[0], outer[1], None, outer[3]]), Fault.MALFORMED),
        (cbor2.dumps([*outer[:3], outer[3][:95]]), Fault.MALFORMED),
        (cbor2.dumps([*outer[:3], bytes(96)]), Fault.BAD_SIGNATURE),
        (cbor2.dumps({0: outer}), Fault.MALFORMED),
        (document(fields(), unprotected={4: b"k"}), Fault.MALFORMED),
        (document(fields(), unprotected=[]), Fault.MALFORMED),
        (document(fields(), protected=bytes.fromhex("a10126")), Fault.UNSUPPORTED),  # ES256
        (document(fields(), protected=bytes.fromhex("a10105")), Fault.UNSUPPORTED),  # HMAC
        (document(fields(), protected=b""), Fault.UNSUPPORTED),
        (document(fields(), protected=bytes.fromhex("a201382204416b")), Fault.UNSUPPORTED),
        (bytes(DOCUMENT_BYTES_MAX + 1), Fault.TOO_LARGE),
    ):
        assert fault(changed) == expected


def test_a_key_that_stands_twice_is_refused_wherever_it_stands() -> None:
    body = cbor2.dumps(fields())
    again = b"\xaa" + body[1:] + cbor2.dumps("nonce") + cbor2.dumps(b"m" * 32)
    assert fault(document(again)) == Fault.MALFORMED
    doubled = cbor2.dumps(fields()).replace(b"\x02\x58\x30" + b"\x03" * 48, b"\x01\x58\x30" + b"\x03" * 48)
    assert fault(document(doubled)) == Fault.MALFORMED


def test_the_payload_of_one_document_under_the_signature_of_another_is_refused() -> None:
    one, other = cbor2.loads(document(fields())), cbor2.loads(document(fields(nonce=b"m" * 32)))
    assert fault(cbor2.dumps([one[0], one[1], other[2], one[3]])) == Fault.BAD_SIGNATURE


def test_a_document_that_another_key_signed_is_refused() -> None:
    assert fault(document(fields(), key=make_key())) == Fault.BAD_SIGNATURE
    assert fault(document(fields(), key=chain().between.key)) == Fault.BAD_SIGNATURE


def built(make: Callable[[Chain], Chain]) -> tuple[bytes, Chain]:
    of = make(chain())
    return document(fields(of), key=of.leaf.key), of


def leaf(of: Chain, **more: Any) -> Chain:
    return Chain(of.root, of.between, issue(more.pop("name", LEAF), of.between, **{"ca": False, "sign": False} | more))


def between(of: Chain, **more: Any) -> Chain:
    under = issue("between", of.root, **more)
    return Chain(of.root, under, issue(LEAF, under, ca=False, sign=False))


CHAINS: dict[str, tuple[Callable[[Chain], Chain], Fault]] = {
    "a leaf that is over": (lambda of: leaf(of, days=(-2, -1)), Fault.EXPIRED),
    "a leaf that has not begun": (lambda of: leaf(of, days=(1, 2)), Fault.NOT_YET),
    "an authority that is over": (lambda of: between(of, days=(-2, -1)), Fault.EXPIRED),
    "an authority that has not begun": (lambda of: between(of, days=(1, 2)), Fault.NOT_YET),
    "an authority that is none": (lambda of: between(of, ca=False), Fault.BAD_CHAIN),
    "an authority that may not sign": (lambda of: between(of, sign=False), Fault.BAD_CHAIN),
    "an authority that is not marked": (lambda of: between(of, marked=False), Fault.BAD_CHAIN),
    "an authority on a curve of nobody's": (lambda of: between(of, key=make_key(ec.SECP256K1())), Fault.WEAK_KEY),
    "a leaf that is an authority": (lambda of: leaf(of, ca=True), Fault.BAD_CHAIN),
    "a leaf on another curve": (lambda of: leaf(of, key=make_key(ec.SECP256R1())), Fault.MALFORMED),
    "a leaf on a curve of nobody's": (lambda of: leaf(of, key=make_key(ec.SECP256K1())), Fault.MALFORMED),
    "a leaf that must be understood": (lambda of: leaf(of, critical=x509.OCSPNoCheck()), Fault.UNSUPPORTED),
    "a leaf without a region": (lambda of: leaf(of, name=MODULE), Fault.MALFORMED),
    "a leaf of another domain": (lambda of: leaf(of, name=LEAF + ".io"), Fault.MALFORMED),
}


@pytest.mark.parametrize("what", CHAINS)
def test_a_chain_that_is_not_in_order_is_refused(what: str) -> None:
    make, expected = CHAINS[what]
    data, of = built(make)
    assert fault(data, of=of) == expected


def test_a_signature_on_another_curve_of_the_right_length_is_refused_for_its_key() -> None:
    data, of = built(lambda of: leaf(of, key=make_key(ec.SECP256R1())))
    outer = cbor2.loads(data)
    assert fault(cbor2.dumps([*outer[:3], outer[3] + bytes(32)]), of=of) == Fault.WEAK_KEY


def test_more_authorities_than_one_allows_are_refused() -> None:
    root = issue("root", None)
    narrow = issue("narrow", root, path=0)
    below = issue("below", narrow)
    of = Chain(root, below, issue(LEAF, below, ca=False, sign=False))
    data = document(fields(of, cabundle=[root.der, narrow.der, below.der]), key=of.leaf.key)
    assert fault(data, of=of) == Fault.BAD_CHAIN


def test_a_root_of_the_same_name_is_not_the_pinned_one() -> None:
    root = issue("root", None)
    under = issue("between", root)
    false = Chain(root, under, issue(LEAF, under, ca=False, sign=False))
    data = document(fields(false), key=false.leaf.key)
    assert fault(data) == Fault.WRONG_ROOT
    assert (
        fault(document(fields(false, cabundle=[chain().root.der, under.der]), key=false.leaf.key)) == Fault.BAD_CHAIN
    )
    assert fault(document(fields(false, cabundle=[under.der]), key=false.leaf.key)) == Fault.WRONG_ROOT


def test_a_root_that_is_pinned_for_something_else_is_none_for_this() -> None:
    from brightline.core.attestation.chain import RootFor

    with pytest.raises(EvidenceRefused, match="wrong-root"):
        verify_nitro(document(fields()), Kind.NITRO, chain().pinned(RootFor.TPM), AT)


def test_the_pinned_root_itself_signs_no_evidence() -> None:
    data = document(fields(certificate=chain().root.der, cabundle=[chain().root.der]), key=chain().root.key)
    assert fault(data) == Fault.BAD_CHAIN
    alone = document(fields(certificate=chain().between.der, cabundle=[chain().root.der]), key=chain().between.key)
    assert fault(alone) == Fault.BAD_CHAIN


def test_our_own_documents_are_none_of_amazons() -> None:
    with pytest.raises(EvidenceRefused, match="wrong-root"):
        verify_nitro(document(fields()), Kind.NITRO, roots(), AT)


def test_the_leaf_of_one_real_document_does_not_sign_another() -> None:
    one, other = cbor2.loads(NITRO.evidence.main), cbor2.loads(NITRO_TPM.evidence.main)
    mixed = cbor2.dumps([*other[:3], one[3]])
    with pytest.raises(EvidenceRefused, match="bad-signature"):
        NITRO_TPM.verify(main=mixed)
