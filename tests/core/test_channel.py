# SPDX-License-Identifier: Apache-2.0
"""Certificates of parts: one identity each, of the authority's own domain, for a few hours, and nothing else taken."""

from __future__ import annotations

import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from brightline.core.channel import domain_of, issue, make_authority, make_request, read_peer
from brightline.core.errors import TrustError

AT = 1_800_000_000
DOMAIN = "parts.example"
GUARD = f"spiffe://{DOMAIN}/guard/default"
KEY = ec.derive_private_key(5, ec.SECP256R1())
PART = ec.derive_private_key(6, ec.SECP256R1())
ROOT = make_authority(DOMAIN, KEY, 1, AT, 30)


def issued(identity: str = GUARD, request: bytes | None = None, hours: int = 24, root: bytes = ROOT) -> bytes:
    asked = make_request(PART) if request is None else request
    pem = issue(asked, identity, root, KEY, 2, AT, hours)
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


def test_a_certificate_names_one_part_until_a_time_and_by_its_key() -> None:
    peer = read_peer(issued())
    spki = PART.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert (peer.identity, peer.until) == (GUARD, AT + 24 * 3_600)
    assert peer.key_digest == hashlib.sha256(spki).digest()


@pytest.mark.parametrize(
    "identity",
    [
        "",
        "guard",
        "https://parts.example/guard",
        "spiffe://parts.example",
        "spiffe://parts.example/",
        "spiffe://parts.example/a//b",
        "spiffe://parts.example/../gateway",
        "spiffe://parts.example/a?b",
        "spiffe://parts.example:80/a",
        "spiffe://user@parts.example/a",
        "spiffe://Parts.example/a",
        "spiffe:///a",
        "spiffe://parts.example/" + "a" * 2_100,
    ],
)
def test_what_is_no_identity_is_none(identity: str) -> None:
    with pytest.raises(TrustError):
        domain_of(identity)
    with pytest.raises(TrustError):
        issued(identity)


def test_an_authority_names_nobody_of_another_domain_and_nobody_for_long() -> None:
    for identity in ("spiffe://other.example/guard", "spiffe://sub.parts.example/guard"):
        with pytest.raises(TrustError, match="does not speak for"):
            issued(identity)
    for hours in (0, 169):
        with pytest.raises(TrustError, match="hours"):
            issued(hours=hours)
    with pytest.raises(TrustError, match="not longer than its authority"):
        issued(root=make_authority(DOMAIN, KEY, 1, AT - 86_400, 1))
    with pytest.raises(TrustError, match="days"):
        make_authority(DOMAIN, KEY, 1, AT, 0)


def test_a_request_that_its_key_did_not_sign_or_of_another_kind_of_key_is_refused() -> None:
    der = bytearray(x509.load_pem_x509_csr(make_request(PART)).public_bytes(Encoding.DER))
    der[-1] ^= 1
    forged = x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM)
    other = ec.generate_private_key(ec.SECP384R1())
    for request, why in (
        (forged, "its own key"),
        (make_request(other), "P-256"),
        (b"nothing", "does not read"),
    ):
        with pytest.raises(TrustError, match=why):
            issued(request=request)
    with pytest.raises(TrustError, match="not the key"):
        issue(make_request(PART), GUARD, ROOT, PART, 2, AT, 1)


def test_nothing_of_a_request_is_taken_but_its_key() -> None:
    wanted = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"spiffe://{DOMAIN}/gateway/one")])
    builder = x509.CertificateSigningRequestBuilder(subject_name=x509.Name([]))
    builder = builder.add_extension(wanted, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    request = builder.sign(PART, hashes.SHA256()).public_bytes(Encoding.PEM)
    assert read_peer(issued(request=request)).identity == GUARD


def test_a_certificate_with_two_names_none_or_of_an_authority_is_no_parts() -> None:
    authority = x509.load_pem_x509_certificate(ROOT).public_bytes(Encoding.DER)
    two = [x509.UniformResourceIdentifier(f"spiffe://{DOMAIN}/{name}") for name in "ab"]
    for names in (two, [x509.DNSName("guard")], [x509.UniformResourceIdentifier("https://a/b")]):
        with pytest.raises(TrustError):
            read_peer(_with(names))
    for der in (authority, b"", b"nothing"):
        with pytest.raises(TrustError):
            read_peer(der)
    with pytest.raises(TrustError, match="issues nothing"):
        read_peer(_with(two[:1], ca=True))


def _with(names: list[x509.DNSName] | list[x509.UniformResourceIdentifier], *, ca: bool = False) -> bytes:
    root = x509.load_pem_x509_certificate(ROOT)
    builder = x509.CertificateBuilder(root.subject, x509.Name([]), PART.public_key(), 3)
    builder = builder.not_valid_before(root.not_valid_before_utc).not_valid_after(root.not_valid_after_utc)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)
