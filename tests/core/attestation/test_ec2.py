# SPDX-License-Identifier: Apache-2.0
"""Identity documents under a region's key of our own: what the document says must be what the key is for."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID

from brightline.core.attestation.chain import Root, RootFor, sha256_of
from brightline.core.attestation.claims import Claims, Place
from brightline.core.attestation.ec2 import verify_ec2
from brightline.core.attestation.fault import Fault
from brightline.core.errors import EvidenceRefused
from tests.core.attestation.samples import EC2

REGION = "us-gov-west-1"
OPTIONS = [pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities, pkcs7.PKCS7Options.NoCerts]


@cache
def signer(bits: int = 2_048) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(65_537, bits)
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Amazon Web Services LLC")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = (
        builder.serial_number(7).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    )
    return key, builder.sign(key, hashes.SHA256())


def document(**changed: Any) -> bytes:
    found = {
        "accountId": "1",
        "availabilityZone": REGION + "a",
        "imageId": "ami-1",
        "instanceId": "i-0123456789abcdef0",
        "region": REGION,
        "version": "2017-09-30",
    }
    return json.dumps({name: value for name, value in (found | changed).items() if value is not ...}).encode()


def cms(
    content: bytes, options: list[pkcs7.PKCS7Options] | None = None, hashed: Any = None, bits: int = 2_048
) -> bytes:
    key, certificate = signer(bits)
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(certificate, key, hashed or hashes.SHA256())
    return builder.sign(Encoding.DER, OPTIONS if options is None else options)


def verified(data: bytes, region: str = REGION, at: float | None = None, bits: int = 2_048) -> Claims:
    certificate = signer(bits)[1]
    root = Root("ours", RootFor.EC2, region, sha256_of(certificate), certificate)
    return verify_ec2(data, (root,), time.time() if at is None else at)


def fault(data: bytes, **more: Any) -> str:
    with pytest.raises(EvidenceRefused) as caught:
        verified(data, **more)
    return caught.value.fault


def test_a_document_in_order_says_whose_instance_it_is_and_where() -> None:
    claims = verified(cms(document()))
    assert claims.place == Place("aws", REGION, REGION + "a", "1")
    assert claims.instance == "i-0123456789abcdef0"
    assert claims.nonces == ()
    assert claims.made is not None


def test_a_document_of_another_region_than_its_keys_is_refused() -> None:
    assert fault(cms(document()), region="us-east-1") == Fault.INCONSISTENT
    assert fault(cms(document(availabilityZone="us-east-1a"))) == Fault.INCONSISTENT


def test_documents_and_signatures_of_another_form_are_refused() -> None:
    good = cms(document())
    for data, expected in (
        (cms(document(region=...)), Fault.MALFORMED),
        (cms(document(instanceId=7)), Fault.MALFORMED),
        (cms(b"x" * 5_000), Fault.TOO_LARGE),
        (cms(b"\xff"), Fault.MALFORMED),
        (cms(b"[" * 3_000), Fault.MALFORMED),
        (cms(document(), hashed=hashes.SHA384()), Fault.UNSUPPORTED),
        (cms(document(), [OPTIONS[0], OPTIONS[2], pkcs7.PKCS7Options.NoAttributes]), Fault.MALFORMED),
        (cms(document(), [*OPTIONS, pkcs7.PKCS7Options.DetachedSignature]), Fault.MALFORMED),
        (cms(document(), OPTIONS[:2]), Fault.MALFORMED),  # it carries the certificate that it wants to be believed by
        (good + b"\0", Fault.MALFORMED),
        (b"", Fault.MALFORMED),
        (b"\x30\x80" * 4_000, Fault.MALFORMED),
        (bytes(9_000), Fault.TOO_LARGE),
    ):
        assert fault(data) == expected


def test_a_signed_document_with_other_content_is_refused() -> None:
    assert fault(cms(document()).replace(b"ami-1", b"ami-2")) == Fault.BAD_SIGNATURE


def test_a_key_of_1024_bits_is_refused_though_it_were_pinned() -> None:
    assert fault(cms(document(), bits=1_024), bits=1_024) == Fault.WEAK_KEY


def test_a_certificate_that_is_over_and_a_signature_to_come_are_refused() -> None:
    assert fault(cms(document()), at=time.time() + 86_400 * 2) == Fault.EXPIRED
    assert fault(cms(document()), at=time.time() - 3_600) == Fault.NOT_YET


def test_our_key_signs_for_no_region_of_amazons() -> None:
    with pytest.raises(EvidenceRefused, match="bad-signature"):
        EC2.verify(main=cms(document()))
