# SPDX-License-Identifier: Apache-2.0
"""The readers beneath: CBOR and DER of strangers, and chains, compared with a verifier that others wrote."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.x509 import verification
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.attestation import der
from brightline.core.attestation.cbor import DEPTH_MAX, read_cbor
from brightline.core.attestation.chain import (
    RootFor,
    check_issued,
    check_key,
    follow,
    read_certificate,
    read_certificates,
)
from brightline.core.attestation.tdx import open_quote
from brightline.core.errors import EvidenceRefused
from tests.core.attestation.forge import chain
from tests.core.attestation.samples import NITRO, NITRO_TPM, TDX, TPM_GOOGLE, roots

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.binary(max_size=8) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.integers(0, 9), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(PLAIN)
def test_a_plain_value_is_read_as_it_was_written(value: object) -> None:
    assert read_cbor(cbor2.dumps(value), "it") == value


@settings(deadline=None)
@given(st.binary(max_size=64))
def test_any_bytes_are_one_plain_value_or_refused(data: bytes) -> None:
    try:
        value = read_cbor(data, "it")
    except EvidenceRefused:
        return
    assert cbor2.loads(data) == value


@pytest.mark.parametrize(
    "data",
    [
        b"\x81" * (DEPTH_MAX + 1) + b"\x00",
        b"\x9f" * 1_000 + b"\xff" * 1_000,
        b"\x81" * 100_000,
        b"\x5b" + b"\xff" * 8,
        b"\x9b" + b"\xff" * 8,
        b"\xbb" + b"\xff" * 8,
        b"\xa2\x01\x00\x01\x00",
        b"\xbf\x01\x00\x01\x00\xff",
        b"\xbf\x01\xff",
        b"\xc0\x60",
        b"\xc2\x41\x01",
        b"\xd8\x23\x61a",
        b"\xf9\x00\x00",
        b"\xf7",
        b"\xff",
        b"\x5f\x41a\xff",
        b"\x1c",
        b"\x00\x00",
        b"",
        b"\x61\xff",
        b"\xa1\x81\x00\x00",
        b"\xa1\xa0\x00",
    ],
    ids=lambda data: data[:6].hex(),
)
def test_what_is_deep_huge_tagged_or_twice_is_refused(data: bytes) -> None:
    with pytest.raises(EvidenceRefused, match="malformed"):
        read_cbor(data, "it")


@settings(deadline=None)
@given(st.binary(max_size=48))
def test_any_bytes_are_elements_or_refused_and_never_more_than_was_there(data: bytes) -> None:
    for ber in (False, True):
        try:
            found = der.elements(data, "it", ber=ber)
        except EvidenceRefused:
            continue
        assert sum(len(each.content) for each in found) <= len(data)
        if not ber:
            assert b"".join(each.whole for each in found) == data


@pytest.mark.parametrize(
    "data",
    [
        b"\x30",
        b"\x30\x01",
        b"\x30\x81\x01\x00",
        b"\x30\x84\0\0\0\0",
        b"\x30\x80\0\0",
        b"\x1f\xff\xff\xff\x01",
        b"\x04\x82\x00\x01a",
    ],
    ids=lambda data: data.hex(),
)
def test_lengths_that_are_none_or_not_the_shortest_are_refused(data: bytes) -> None:
    with pytest.raises(EvidenceRefused, match="malformed"):
        der.elements(data, "it")


def test_nesting_in_ber_ends() -> None:
    with pytest.raises(EvidenceRefused, match="malformed"):
        der.elements(b"\x30\x80" * 1_000, "it", ber=True)


@pytest.mark.parametrize(
    ("content", "oid"),
    [("2a864886f70d010702", "1.2.840.113549.1.7.2"), ("550403", "2.5.4.3"), ("8837", "2.999"), ("00", "0.0")],
)
def test_object_identifiers_are_read(content: str, oid: str) -> None:
    whole = b"\x06" + bytes([len(content) // 2]) + bytes.fromhex(content)
    assert der.element(whole, "it").oid("it") == oid


# ---- certificates --------------------------------------------------------------------------------------------------


def test_certificates_of_odd_versions_with_an_extension_twice_or_odd_keys_are_refused_in_our_words() -> None:
    whole = chain().leaf.der
    version = whole.index(b"\xa0\x03\x02\x01\x02") + 4
    twice = whole.replace(bytes.fromhex("0603551d0f"), bytes.fromhex("0603551d13"))  # keyUsage as basicConstraints
    point = whole.index(b"\x03\x62\x00\x04") + 4
    for changed in (
        whole[:version] + b"\x01" + whole[version + 1 :],
        whole[:version] + b"\x07" + whole[version + 1 :],
        twice,
        whole[:point] + bytes(96) + whole[point + 96 :],
        whole.replace(bytes.fromhex("06052b81040022"), bytes.fromhex("06052b81040099")),
        whole.replace(b"260101000000Z", b"269901000000Z"),
    ):
        assert changed != whole
        with pytest.raises(EvidenceRefused, match="malformed"):
            read_certificate(changed, "it")


@given(st.integers(0, len(chain().leaf.der) - 1), st.binary(min_size=1, max_size=6))
@settings(deadline=None, max_examples=300)
def test_a_certificate_with_other_bytes_anywhere_is_one_or_is_refused(at: int, put: bytes) -> None:
    whole = chain().leaf.der
    try:
        found = read_certificate(whole[:at] + put + whole[at + len(put) :], "it")
        check_key(found.public_key(), "it")
    except EvidenceRefused:
        return
    with pytest.raises(EvidenceRefused):
        check_issued(found, chain().root.certificate, "it")


def test_rsa_keys_are_of_2048_bits_or_more_and_of_the_one_exponent() -> None:
    good = rsa.generate_private_key(65_537, 2_048).public_key()
    check_key(good, "it")
    for key in (
        rsa.RSAPublicNumbers(3, good.public_numbers().n).public_key(),
        rsa.generate_private_key(65_537, 1_024).public_key(),  # noqa: S505 - it is to be refused
        ed25519.Ed25519PrivateKey.generate().public_key(),
    ):
        with pytest.raises(EvidenceRefused, match="weak-key"):
            check_key(key, "it")


# ---- chains, beside a verifier of others ---------------------------------------------------------------------------


def paths() -> list[tuple[str, RootFor, list[x509.Certificate], float]]:
    found = []
    for name, sample in (("nitro", NITRO), ("nitrotpm", NITRO_TPM)):
        fields = cbor2.loads(cbor2.loads(sample.evidence.main)[2])
        ders = [fields["certificate"], *reversed(fields["cabundle"])]
        found.append((name, RootFor.NITRO, [read_certificate(each, name) for each in ders], sample.at))
    quoted = open_quote(TDX.evidence.main, roots(), TDX.at).chained
    found.append(("tdx", RootFor.TDX, [quoted.leaf, *quoted.issuers], TDX.at))
    google = list(read_certificates(TPM_GOOGLE.evidence.parts["chain"], "google"))
    found.append(("google", RootFor.TPM, google, TPM_GOOGLE.at))
    return found


def ours(path: Sequence[x509.Certificate], use: RootFor, at: float) -> bool:
    try:
        follow(path, roots(), use, at, "it")
    except EvidenceRefused:
        return False
    return True


def theirs(path: Sequence[x509.Certificate], use: RootFor, at: float) -> bool:
    """``cryptography``'s path validation, with the demands taken away that no vendor's chain meets."""
    marked = verification.ExtensionPolicy.permit_all().require_present(
        x509.BasicConstraints,
        verification.Criticality.AGNOSTIC,
        lambda _policy, _certificate, extension: _must(extension.ca),
    )
    verifier = (
        verification.PolicyBuilder()
        .store(verification.Store([root.certificate for root in roots() if root.vouches_for is use]))
        .time(datetime.fromtimestamp(at, UTC))
        .extension_policies(ca_policy=marked, ee_policy=verification.ExtensionPolicy.permit_all())
        .build_client_verifier()
    )
    try:
        verifier.verify(path[0], list(path[1:]))
    except verification.VerificationError:
        return False
    return True


def _must(true: bool) -> None:
    if not true:
        raise ValueError("not an authority")


@pytest.mark.parametrize("index", range(4))
def test_a_chain_that_we_follow_is_one_for_others_too_and_a_broken_one_for_neither(index: int) -> None:
    _, use, path, at = paths()[index]
    assert ours(path, use, at)
    assert theirs(path, use, at)
    other = next(each for each in RootFor if each is not use and each is not RootFor.EC2)
    broken = [
        (path[:1], use, at),
        ([path[0], *path[2:]], use, at),
        (path[1:][:1] + path[:1], use, at),
        (path, use, path[0].not_valid_after_utc.timestamp() + 1),
        (path, use, path[0].not_valid_before_utc.timestamp() - 1),
        (path, other, at),
    ]
    for tried, for_use, when in broken:
        assert not ours(tried, for_use, when)
        if tried is not broken[2][0]:  # theirs searches, and finds a path in another order
            assert not theirs(tried, for_use, when)
