# SPDX-License-Identifier: Apache-2.0
"""AWS Nitro Enclaves and NitroTPM attestation documents: COSE_Sign1 (RFC 9052, 4.2), ES384, over a CBOR map.

The map is as Amazon describes it ("Verifying the root of trust", attestation document specification), with nothing
more in it and nothing missing. The protected header must be the one that every document has, byte for byte, so that
no algorithm is chosen by what is verified. The chain is in the document; its root is compared with the pinned one.
"""

from __future__ import annotations

import re
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import NameOID

from brightline.core.attestation.cbor import read_cbor
from brightline.core.attestation.chain import Chained, Root, RootFor, follow, read_certificate
from brightline.core.attestation.claims import Claims, Debug, Kind, Place
from brightline.core.attestation.fault import Fault, refuse

DOCUMENT_BYTES_MAX: Final = 16_384
PROTECTED_ES384: Final = bytes.fromhex("a1013822")  # {1: -35}
SIGNATURE_BYTES: Final = 96
PCR_BYTES: Final = 48
PCRS_MAX: Final = 32
FIELD_BYTES_MAX: Final = 1_024
CLOCK_SKEW_SECONDS: Final = 300
_COMMON: Final = frozenset(
    {"module_id", "digest", "timestamp", "certificate", "cabundle", "public_key", "user_data", "nonce"}
)
_PCRS: Final = {Kind.NITRO: "pcrs", Kind.NITRO_TPM: "nitrotpm_pcrs"}
_WHAT: Final = "the attestation document"
# i-<instance>-enc<enclave>.<region>.aws; the module's id is all before the region.
_LEAF_NAME: Final = re.compile(r"((i-[0-9a-f]{8,17})-(?:enc|tpm)[0-9a-f]{16})\.([a-z]{2}(?:-[a-z]+)+-\d{1,2})\.aws")


def verify_nitro(document: bytes, kind: Kind, roots: tuple[Root, ...], at: float) -> Claims:
    """Verify a document of the given kind at a time (Unix seconds). Raises ``EvidenceRefused``."""
    if len(document) > DOCUMENT_BYTES_MAX:
        refuse(Fault.TOO_LARGE, f"{_WHAT} has {len(document)} bytes; at most {DOCUMENT_BYTES_MAX}")
    payload, signature = _opened(document)
    fields = _fields(payload, kind)
    chained = _chained(fields, roots, at)
    _check_signature(chained.leaf, payload, signature)
    made = _number(fields, "timestamp") // 1000
    if made > at + CLOCK_SKEW_SECONDS:
        refuse(Fault.NOT_YET, f"{_WHAT} says that it was made {made - at:.0f} seconds from now")
    pcrs = _pcrs(fields[_PCRS[kind]])
    module, instance, region = _names(chained.leaf)
    if fields["module_id"] != module:
        refuse(Fault.INCONSISTENT, f"{_WHAT} names another module than the certificate that signed it")
    nonce = _optional(fields, "nonce")
    return Claims(
        kind=kind,
        issuer=f"sha256:{chained.root.sha256}",
        made=made,
        until=chained.until,
        nonces=(nonce,) if nonce else (),
        key=_optional(fields, "public_key"),
        data=_optional(fields, "user_data"),
        debug=_debug(kind, pcrs),
        measurements=tuple((f"pcr{index}", value.hex()) for index, value in sorted(pcrs.items())),
        product="AWS Nitro",
        place=Place("aws", region),
        instance=instance,
        conditions=(("module", module),),
    )


def _opened(document: bytes) -> tuple[bytes, bytes]:
    """Payload and signature of an untagged COSE_Sign1 with exactly the header of these documents."""
    outer = read_cbor(document, _WHAT)
    if not isinstance(outer, list) or len(outer) != 4:
        refuse(Fault.MALFORMED, f"{_WHAT} is no array of four")
    protected, unprotected, payload, signature = outer
    if not isinstance(protected, bytes) or unprotected != {} or not isinstance(unprotected, dict):
        refuse(Fault.MALFORMED, f"{_WHAT} has odd headers")
    if protected != PROTECTED_ES384:
        refuse(Fault.UNSUPPORTED, f"{_WHAT} asks for another algorithm than ES384")
    if not isinstance(payload, bytes) or not isinstance(signature, bytes) or len(signature) != SIGNATURE_BYTES:
        refuse(Fault.MALFORMED, f"{_WHAT} has no payload, or no signature of {SIGNATURE_BYTES} bytes")
    return payload, signature


def _fields(payload: bytes, kind: Kind) -> dict[str, object]:
    fields = read_cbor(payload, _WHAT)
    expected = _COMMON | {_PCRS[kind]}
    if not isinstance(fields, dict) or not all(isinstance(key, str) for key in fields):
        refuse(Fault.MALFORMED, f"{_WHAT} holds no map of names")
    if fields.keys() != expected:
        odd = ", ".join(sorted(fields.keys() ^ expected))[:80]
        refuse(Fault.MALFORMED, f"{_WHAT} has not exactly the fields of kind {kind}; the difference is {odd}")
    if fields["digest"] != "SHA384":
        refuse(Fault.UNSUPPORTED, f"{_WHAT} has registers of another hash than SHA-384")
    return fields


def _chained(fields: dict[str, object], roots: tuple[Root, ...], at: float) -> Chained:
    leaf, bundle = fields["certificate"], fields["cabundle"]
    if not isinstance(bundle, list) or not bundle or not all(isinstance(each, bytes) for each in [leaf, *bundle]):
        refuse(Fault.WRONG_ROOT, f"{_WHAT} carries no chain to a root")
    path = [read_certificate(der, _WHAT) for der in [leaf, *reversed(bundle)]]
    return follow(path, roots, RootFor.NITRO, at, _WHAT)


def _check_signature(leaf: x509.Certificate, payload: bytes, signature: bytes) -> None:
    key = leaf.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        refuse(Fault.WEAK_KEY, f"{_WHAT} is signed by a key that is not on P-384")
    half = SIGNATURE_BYTES // 2
    r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
    try:
        key.verify(encode_dss_signature(r, s), _to_be_signed(payload), ec.ECDSA(hashes.SHA384()))
    except InvalidSignature:
        refuse(Fault.BAD_SIGNATURE, f"{_WHAT} was not signed by the key of its certificate")


def _to_be_signed(payload: bytes) -> bytes:
    """Sig_structure (RFC 9052, 4.4): ["Signature1", protected, external (empty), payload]."""
    return (
        b"\x84\x6aSignature1" + bytes([0x40 + len(PROTECTED_ES384)]) + PROTECTED_ES384 + b"\x40" + _head(len(payload))
    ) + payload


def _head(length: int) -> bytes:
    """The shortest head of a byte string (RFC 8949, 4.2.1)."""
    if length < 24:
        return bytes([0x40 | length])
    if length < 256:
        return bytes([0x58, length])
    return b"\x59" + length.to_bytes(2, "big")


def _pcrs(value: object) -> dict[int, bytes]:
    if not isinstance(value, dict) or not value or len(value) > PCRS_MAX:
        refuse(Fault.MALFORMED, f"{_WHAT} has no registers, or more than {PCRS_MAX}")
    for index, digest in value.items():
        if type(index) is not int or not 0 <= index < PCRS_MAX:
            refuse(Fault.MALFORMED, f"{_WHAT} has a register without a number below {PCRS_MAX}")
        if not isinstance(digest, bytes) or len(digest) != PCR_BYTES:
            refuse(Fault.MALFORMED, f"{_WHAT} has a register {index} that is not of {PCR_BYTES} bytes")
    if not {0, 1, 2} <= value.keys():
        refuse(Fault.MALFORMED, f"{_WHAT} leaves out a register from 0 to 2")
    return value


def _debug(kind: Kind, pcrs: dict[int, bytes]) -> Debug:
    """An enclave in debug mode has zeros for PCR 0 to 2. A NitroTPM has no such mode to tell."""
    if kind is Kind.NITRO_TPM:
        return Debug.UNSAID
    return Debug.DISABLED if all(any(pcrs[index]) for index in (0, 1, 2)) else Debug.ENABLED


def _names(leaf: x509.Certificate) -> tuple[str, str, str]:
    """Module, instance and region, from the name that Amazon gave the leaf."""
    names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    matched = _LEAF_NAME.fullmatch(str(names[0].value)) if len(names) == 1 else None
    if matched is None:
        refuse(Fault.MALFORMED, f"{_WHAT} is signed by a certificate without the name of a module and a region")
    return matched[1], matched[2], matched[3]


def _number(fields: dict[str, object], name: str) -> int:
    value = fields[name]
    if type(value) is not int or not 0 < value < 1 << 53:
        refuse(Fault.MALFORMED, f"{_WHAT} has no number as {name}")
    return value


def _optional(fields: dict[str, object], name: str) -> bytes:
    """A field that may be null; empty then. One that is there has 1 to 1024 bytes."""
    value = fields[name]
    if value is None:
        return b""
    if not isinstance(value, bytes) or len(value) > FIELD_BYTES_MAX:
        refuse(Fault.MALFORMED, f"{_WHAT} has a {name} that is not of at most {FIELD_BYTES_MAX} bytes")
    return value
