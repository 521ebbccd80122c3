# SPDX-License-Identifier: Apache-2.0
"""Intel TDX quotes, versions 4 and 5 (Intel TDX DCAP Quoting Library API, "Quote format"), with ECDSA on P-256.

The quoting enclave signs the body with a key of its own; its report, signed by the platform's PCK key, holds that
key's digest; the PCK's certificate leads to the pinned root. Three signatures, and each must hold. Lengths are
demanded exactly, and PEM only as one writes it, so that no byte of a quote can change unseen; zeros may follow it.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from brightline.core.attestation import der
from brightline.core.attestation.chain import Chained, Root, RootFor, follow, read_certificates
from brightline.core.attestation.claims import Claims, Debug, Kind, Tcb
from brightline.core.attestation.cursor import Cursor
from brightline.core.attestation.fault import Fault, refuse

QUOTE_BYTES_MAX: Final = 16_384
HEADER_BYTES: Final = 48
BODIES: Final = {2: 584, 3: 648}
REPORT_BYTES: Final = 384
TEE_TDX: Final = 0x81
KEY_ECDSA_P256: Final = 2
DATA_QE_REPORT: Final = 6
DATA_PCK_CHAIN: Final = 5
INTEL_QE: Final = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
SGX_EXTENSION: Final = "1.2.840.113741.1.13.1"
PCK_NAME: Final = "Intel SGX PCK Certificate"
PCK_AUTHORITIES: Final = frozenset({"Intel SGX PCK Platform CA", "Intel SGX PCK Processor CA"})
_DEBUG: Final = 1
_SEPT_VE_DISABLE: Final = 1 << 28
_WHAT: Final = "the quote"


class Body(msgspec.Struct, frozen=True):
    """TD report body, as far as something is said of it; ``service_td`` is empty in bodies that do not have it."""

    tee_tcb_svn: bytes
    seam_signer: bytes
    seam_attributes: bytes
    attributes: int
    measurements: tuple[tuple[str, str], ...]
    data: bytes
    service_td: bytes


class Platform(msgspec.Struct, frozen=True):
    """What the PCK certificate says of its platform (Intel SGX PCK certificate specification, 1.3.5)."""

    fmspc: bytes
    pceid: bytes
    components: tuple[int, ...]
    pcesvn: int


class Quoted(msgspec.Struct, frozen=True):
    """A quote whose signatures hold: its body, the quoting enclave's report, and the platform with its chain."""

    body: Body
    enclave: bytes
    platform: Platform
    chained: Chained


def open_quote(quote: bytes, roots: tuple[Root, ...], at: float) -> Quoted:
    """Verify a quote's three signatures at a time (Unix seconds). Raises ``EvidenceRefused``."""
    if len(quote) > QUOTE_BYTES_MAX:
        refuse(Fault.TOO_LARGE, f"{_WHAT} has {len(quote)} bytes; at most {QUOTE_BYTES_MAX}")
    cursor = Cursor(quote, _WHAT, "little")
    kind = _header(cursor)
    body = _body(cursor.take(BODIES[kind]))
    signed = quote[: cursor.place]
    data = Cursor(cursor.sized(4, QUOTE_BYTES_MAX), _WHAT, "little")
    if any(quote[cursor.place :]):
        refuse(Fault.MALFORMED, f"{_WHAT} is followed by {cursor.left} bytes that are not zeros")
    signature, key = data.take(64), data.take(64)
    report, report_signature, pem = _certification(data)
    chained = _chained(pem, roots, at)
    pck = chained.leaf.public_key()
    if not isinstance(pck, ec.EllipticCurvePublicKey):
        refuse(Fault.WEAK_KEY, f"{_WHAT} rests on a PCK that is no elliptic key")
    check_p256(pck, report_signature, report.signed, f"{_WHAT}'s enclave report")
    if not hmac.compare_digest(report.signed[320:], hashlib.sha256(key + report.data).digest() + bytes(32)):
        refuse(Fault.INCONSISTENT, f"{_WHAT} was signed by another key than the quoting enclave's")
    check_p256(_point(key), signature, signed, _WHAT)
    return Quoted(body, report.signed, _platform(chained.leaf), chained)


def claims_of(quoted: Quoted, tcb: Tcb | None, until: int) -> Claims:
    """What a verified quote says; ``tcb`` where the vendor's signed lists came with it."""
    body = quoted.body
    parts = (
        ("pcesvn", quoted.platform.pcesvn),
        ("module", body.tee_tcb_svn[0]),
        ("module_major", body.tee_tcb_svn[1]),
    )
    service = "unknown" if not body.service_td else "no" if not any(body.service_td) else "yes"
    return Claims(
        kind=Kind.TDX,
        issuer=f"sha256:{quoted.chained.root.sha256}",
        until=min(quoted.chained.until, until),
        data=body.data,
        debug=Debug.ENABLED if body.attributes & _DEBUG else Debug.DISABLED_PERMANENTLY,
        measurements=body.measurements,
        product=f"Intel TDX {quoted.platform.fmspc.hex()}",
        tcb=tcb if tcb is not None else Tcb(parts),
        conditions=(
            ("sept_ve_disable", "yes" if body.attributes & _SEPT_VE_DISABLE else "no"),
            ("service_td", service),
        ),
    )


def _header(cursor: Cursor) -> int:
    """Returns the kind of body. Whatever is not the one combination that exists is refused."""
    version, key_kind, tee = cursor.number(2), cursor.number(2), cursor.number(4)
    if version not in (4, 5) or key_kind != KEY_ECDSA_P256 or tee != TEE_TDX:
        refuse(Fault.UNSUPPORTED, f"{_WHAT} is of version {version}, key {key_kind}, for {tee:#x}")
    cursor.take(4)  # reserved in one version, svn of the quoting enclave in another; signed either way
    if cursor.take(16) != INTEL_QE:
        refuse(Fault.UNSUPPORTED, f"{_WHAT} is of another vendor's quoting enclave than Intel's")
    cursor.take(20)
    if version == 4:
        return 2
    kind, size = cursor.number(2), cursor.number(4)
    if BODIES.get(kind) != size:
        refuse(Fault.UNSUPPORTED, f"{_WHAT} has a body {kind} of {size} bytes")
    return kind


def _body(data: bytes) -> Body:
    named = {"mr_seam": 16, "mrtd": 136, "mr_config_id": 184, "mr_owner": 232, "mr_owner_config": 280}
    named |= {f"rtmr{index}": 328 + 48 * index for index in range(4)}
    return Body(
        data[:16],
        data[64:112],
        data[112:120],
        int.from_bytes(data[120:128], "little"),
        tuple((name, data[at : at + 48].hex()) for name, at in named.items()),
        data[520:584],
        data[600:648],
    )


class _Report(msgspec.Struct, frozen=True):
    signed: bytes
    data: bytes


def _certification(data: Cursor) -> tuple[_Report, bytes, bytes]:
    """The quoting enclave's report with its data, the signature over it, and the PCK's chain."""
    if data.number(2) != DATA_QE_REPORT:
        refuse(Fault.UNSUPPORTED, f"{_WHAT} carries no report of its quoting enclave")
    inner = Cursor(data.sized(4, QUOTE_BYTES_MAX), _WHAT, "little")
    data.end()
    signed, signature, auth = inner.take(REPORT_BYTES), inner.take(64), inner.sized(2, 1_024)
    if inner.number(2) != DATA_PCK_CHAIN:
        refuse(Fault.UNSUPPORTED, f"{_WHAT} carries no chain of its PCK")
    pem = inner.sized(4, QUOTE_BYTES_MAX)
    inner.end()
    return _Report(signed, auth), signature, pem


def _chained(pem: bytes, roots: tuple[Root, ...], at: float) -> Chained:
    text = pem.removesuffix(b"\0")
    path = read_certificates(text, f"{_WHAT}'s chain")
    if b"".join(each.public_bytes(Encoding.PEM) for each in path) != text:
        refuse(Fault.MALFORMED, f"{_WHAT} has a chain that is not written as PEM is")
    chained = follow(path, roots, RootFor.TDX, at, f"{_WHAT}'s chain")
    if name_of(chained.leaf) != PCK_NAME or name_of(chained.issuers[0]) not in PCK_AUTHORITIES:
        refuse(Fault.BAD_CHAIN, f"{_WHAT} is signed by another certificate of Intel's than a PCK")
    return chained


def name_of(certificate: x509.Certificate) -> str:
    """The common name, by which Intel tells its certificates' uses apart; empty if there is not exactly one."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if len(names) == 1 else ""


def _point(raw: bytes) -> ec.EllipticCurvePublicKey:
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + raw)
    except ValueError:
        refuse(Fault.MALFORMED, f"{_WHAT} has a key that is no point of P-256")


def check_p256(key: ec.EllipticCurvePublicKey, signature: bytes, signed: bytes, what: str) -> None:
    """R and S of 32 bytes each, big-endian, over SHA-256. Raises ``EvidenceRefused``."""
    if not isinstance(key.curve, ec.SECP256R1):
        refuse(Fault.WEAK_KEY, f"{what} is signed by a key that is not on P-256")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        refuse(Fault.BAD_SIGNATURE, f"{what} was not signed by the key that it names")


def _platform(pck: x509.Certificate) -> Platform:
    what = "the PCK's certificate"
    for extension in pck.extensions:
        if extension.oid.dotted_string == SGX_EXTENSION and isinstance(extension.value, x509.UnrecognizedExtension):
            fields = _pairs(der.element(extension.value.value, what), what)
            break
    else:
        refuse(Fault.MALFORMED, f"{what} does not say of which platform it is")
    tcb = _pairs(_of(fields, "2", what), what)
    return Platform(
        _of(fields, "4", what).expect(der.OCTETS, what).content,
        _of(fields, "3", what).expect(der.OCTETS, what).content,
        tuple(_of(tcb, f"2.{index}", what).number(what) for index in range(1, 17)),
        _of(tcb, "2.17", what).number(what),
    )


def _pairs(sequence: der.Element, what: str) -> dict[str, der.Element]:
    found = {}
    for pair in sequence.inside(der.SEQUENCE, what):
        inner = pair.inside(der.SEQUENCE, what)
        if len(inner) != 2:
            refuse(Fault.MALFORMED, f"{what} has a field without a value")
        found[inner[0].oid(what).removeprefix(f"{SGX_EXTENSION}.")] = inner[1]
    return found


def _of(fields: dict[str, der.Element], name: str, what: str) -> der.Element:
    if name not in fields:
        refuse(Fault.MALFORMED, f"{what} leaves out {SGX_EXTENSION}.{name}")
    return fields[name]
