# SPDX-License-Identifier: Apache-2.0
"""EC2 instance identity documents, as the RSA-2048 signature (CMS, RFC 5652, in BER) hands them out.

The key that verifies *is* the region: each of Amazon's has a certificate of its own, all pinned. The DSA signature is
shared by many regions, and the other RSA one is of 1024 bits; neither is taken. The document has no nonce: a copy can
be shown again by anybody, so that it counts for nothing alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from brightline.core.attestation import der
from brightline.core.attestation.chain import Root, RootFor, check_in_force, check_key
from brightline.core.attestation.claims import Claims, Kind, Place
from brightline.core.attestation.fault import Fault, refuse

CMS_BYTES_MAX: Final = 8_192
DOCUMENT_BYTES_MAX: Final = 4_096
CLOCK_SKEW_SECONDS: Final = 300
SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
DATA: Final = "1.2.840.113549.1.7.1"
CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
SIGNING_TIME: Final = "1.2.840.113549.1.9.5"
SHA256: Final = "2.16.840.1.101.3.4.2.1"
RSA_SIGNATURES: Final = frozenset({"1.2.840.113549.1.1.1", "1.2.840.113549.1.1.11"})
_CONTEXT_0: Final = 0xA0
_OCTETS_IN_PIECES: Final = 0x24
_UTC_TIME: Final = 0x17
_NULL: Final = b"\x05\x00"
_WHAT: Final = "the identity document"


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    account_id: str
    availability_zone: str
    image_id: str
    instance_id: str
    region: str
    version: str


class _Signer(msgspec.Struct, frozen=True):
    issuer: bytes
    serial: int
    attributes: bytes
    digest: bytes
    time: str
    signature: bytes


def verify_ec2(cms: bytes, roots: tuple[Root, ...], at: float) -> Claims:
    """Verify a document at a time (Unix seconds). Raises ``EvidenceRefused``."""
    if len(cms) > CMS_BYTES_MAX:
        refuse(Fault.TOO_LARGE, f"{_WHAT} has {len(cms)} bytes; at most {CMS_BYTES_MAX}")
    content, signer = _opened(cms)
    if hashlib.sha256(content).digest() != signer.digest:
        refuse(Fault.BAD_SIGNATURE, f"{_WHAT} is not the one whose digest was signed")
    root = _signed_by(signer, (root for root in roots if root.vouches_for is RootFor.EC2))
    check_in_force(root.certificate, at, _WHAT)
    document = _read(content)
    if document.region != root.label:
        refuse(Fault.INCONSISTENT, f"{_WHAT} names region {document.region[:20]!r}, and {root.label} signed it")
    if not document.availability_zone.startswith(document.region):
        refuse(Fault.INCONSISTENT, f"{_WHAT} names a zone of another region")
    made = _time(signer.time)
    if made > at + CLOCK_SKEW_SECONDS:
        refuse(Fault.NOT_YET, f"{_WHAT} says that it was signed {made - at:.0f} seconds from now")
    return Claims(
        kind=Kind.EC2,
        issuer=f"sha256:{root.sha256}",
        made=made,
        until=int(root.certificate.not_valid_after_utc.timestamp()),
        measurements=(("image", document.image_id),),
        product="AWS EC2",
        place=Place("aws", document.region, document.availability_zone, document.account_id),
        instance=document.instance_id,
    )


def _opened(cms: bytes) -> tuple[bytes, _Signer]:
    """Content and signer of a SignedData with its content inside, one signer and no certificates."""
    [outer] = _exactly(1, der.elements(cms, _WHAT, ber=True))
    kind, wrapped = _exactly(2, outer.inside(der.SEQUENCE, _WHAT, ber=True))
    if kind.oid(_WHAT) != SIGNED_DATA:
        refuse(Fault.UNSUPPORTED, f"{_WHAT} is no SignedData")
    [signed] = _exactly(1, wrapped.inside(_CONTEXT_0, _WHAT, ber=True))
    version, hashed, encapsulated, signers = _exactly(4, signed.inside(der.SEQUENCE, _WHAT, ber=True))
    [algorithm] = _exactly(1, hashed.inside(der.SET, _WHAT, ber=True))
    if version.number(_WHAT) != 1 or _algorithm(algorithm) != SHA256:
        refuse(Fault.UNSUPPORTED, f"{_WHAT} is of another version, or over another hash than SHA-256")
    content_kind, content = _exactly(2, encapsulated.inside(der.SEQUENCE, _WHAT, ber=True))
    if content_kind.oid(_WHAT) != DATA:
        refuse(Fault.UNSUPPORTED, f"{_WHAT} holds something else than data")
    [octets] = _exactly(1, content.inside(_CONTEXT_0, _WHAT, ber=True))
    [signer] = _exactly(1, signers.inside(der.SET, _WHAT, ber=True))
    return _octets(octets), _signer(signer)


def _octets(octets: der.Element) -> bytes:
    """An OCTET STRING, whole or in pieces (X.690, 8.7.3)."""
    if octets.tag == der.OCTETS:
        return octets.content
    pieces = octets.inside(_OCTETS_IN_PIECES, _WHAT, ber=True)
    return b"".join(each.expect(der.OCTETS, _WHAT).content for each in pieces)


def _signer(signer: der.Element) -> _Signer:
    """SignerInfo (RFC 5652, 5.3) with signed attributes, each once; SHA-256 throughout."""
    fields = _exactly(6, signer.inside(der.SEQUENCE, _WHAT))
    named, hashed, attributes, signature_kind = fields[1:5]
    issuer, serial = _exactly(2, named.inside(der.SEQUENCE, _WHAT))
    if fields[0].number(_WHAT) != 1:
        refuse(Fault.UNSUPPORTED, f"{_WHAT} has a signer of another version")
    if _algorithm(hashed) != SHA256:
        refuse(Fault.WEAK_HASH, f"{_WHAT} is signed over another hash than SHA-256")
    if _algorithm(signature_kind) not in RSA_SIGNATURES:
        refuse(Fault.UNSUPPORTED, f"{_WHAT} is signed with another scheme than RSA")
    found: dict[str, der.Element] = {}
    for attribute in attributes.inside(_CONTEXT_0, _WHAT):
        name, values = _exactly(2, attribute.inside(der.SEQUENCE, _WHAT))
        [value] = _exactly(1, values.inside(der.SET, _WHAT))
        if name.oid(_WHAT) in found:
            refuse(Fault.MALFORMED, f"{_WHAT} has a signed attribute twice")
        found[name.oid(_WHAT)] = value
    if not {CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME} <= found.keys() or found[CONTENT_TYPE].oid(_WHAT) != DATA:
        refuse(Fault.MALFORMED, f"{_WHAT} leaves out what its signature must say")
    return _Signer(
        issuer.whole,
        serial.number(_WHAT),
        b"\x31" + attributes.whole[1:],  # 5.4: hashed as a SET OF, not with the tag that it has here
        found[MESSAGE_DIGEST].expect(der.OCTETS, _WHAT).content,
        found[SIGNING_TIME].expect(_UTC_TIME, _WHAT).content.decode("ascii", "replace"),
        fields[5].expect(der.OCTETS, _WHAT).content,
    )


def _algorithm(identifier: der.Element) -> str:
    parts = identifier.inside(der.SEQUENCE, _WHAT)
    if not parts or len(parts) > 2 or any(part.whole != _NULL for part in parts[1:]):
        refuse(Fault.MALFORMED, f"{_WHAT} names an algorithm with odd parameters")
    return parts[0].oid(_WHAT)


def _exactly(count: int, found: list[der.Element]) -> list[der.Element]:
    if len(found) != count:
        refuse(Fault.MALFORMED, f"{_WHAT} has {len(found)} elements where {count} were expected")
    return found


def _signed_by(signer: _Signer, roots: Iterable[Root]) -> Root:
    """The region whose key it is. The CMS names it too, by the certificate's issuer and serial; both must be so."""
    for root in roots:
        named = root.certificate.issuer.public_bytes() == signer.issuer
        if not named or root.certificate.serial_number != signer.serial:
            continue
        key = root.certificate.public_key()
        check_key(key, _WHAT)
        if isinstance(key, rsa.RSAPublicKey) and len(signer.signature) * 8 == key.key_size:
            try:
                key.verify(signer.signature, signer.attributes, padding.PKCS1v15(), hashes.SHA256())
            except InvalidSignature:
                continue
            return root
    refuse(Fault.BAD_SIGNATURE, f"{_WHAT} was signed by the key of no region that is pinned")


def _read(content: bytes) -> _Document:
    if len(content) > DOCUMENT_BYTES_MAX:
        refuse(Fault.TOO_LARGE, f"{_WHAT} has {len(content)} bytes; at most {DOCUMENT_BYTES_MAX}")
    try:
        return msgspec.json.decode(content, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        refuse(Fault.MALFORMED, f"{_WHAT} cannot be read: {str(error)[:120]}")


def _time(text: str) -> int:
    """UTCTime of this century (X.680, 47), with seconds, in UTC."""
    try:
        if len(text) != 13:
            raise ValueError(text)
        return int(datetime.strptime(f"20{text}", "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp())
    except ValueError:
        refuse(Fault.MALFORMED, f"{_WHAT} has no time of signing")
