# SPDX-License-Identifier: Apache-2.0
"""Reports, quotes and lists of chips under roots of our own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from brightline.core.attestation.chain import Root, RootFor, sha256_of
from brightline.core.attestation.collateral import Collateral
from tests.core.attestation.forge import BEGIN, Link, issue, make_key

AMD = "1.3.6.1.4.1.3704.1."
CHIP = bytes(range(64))
FMSPC = bytes.fromhex("b0c06f000000")


def tlv(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    size = len(content)
    head = bytes([size]) if size < 0x80 else b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + head + content


def integer(value: int) -> bytes:
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    arcs = [int(each) for each in dotted.split(".")]
    out = [bytes([arcs[0] * 40 + arcs[1]])]
    for arc in arcs[2:]:
        parts = [arc & 0x7F]
        while arc := arc >> 7:
            parts.append(arc & 0x7F | 0x80)
        out.append(bytes(reversed(parts)))
    return tlv(6, *out)


def extension(dotted: str, value: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(dotted), value)


def raw(key: ec.EllipticCurvePrivateKey, data: bytes, order: str = "big") -> tuple[bytes, bytes]:
    """R and S of a signature."""
    size = key.curve.key_size // 8
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA384() if size == 48 else hashes.SHA256())))
    return (
        (r.to_bytes(size, "big"), s.to_bytes(size, "big"))
        if order == "big"
        else (r.to_bytes(size, "little"), s.to_bytes(size, "little"))
    )


# ---- AMD -----------------------------------------------------------------------------------------------------------


def vcek(chip: bytes = CHIP, versions: Mapping[str, int] | None = None) -> Link:
    """A chip's key under an authority named Milan."""
    parts = {"1": 4, "2": 0, "3": 24, "8": 219} | dict(versions or {})
    extensions = [extension(f"{AMD}3.{name}", integer(value)) for name, value in parts.items()]
    return issue("VCEK", amd(), ca=False, sign=False, more=[*extensions, extension(f"{AMD}4", chip)])


@cache
def amd() -> Link:
    return issue("ARK-Milan", None)


def amd_root() -> tuple[Root, ...]:
    certificate = amd().certificate
    return (Root("ours", RootFor.SNP, "Milan", sha256_of(certificate), certificate),)


def report(key: Link, **changed: tuple[int, bytes]) -> bytes:
    """A report of version 3 in order; ``changed`` are (offset, bytes)."""
    tcb = bytes([4, 0, 0, 0, 0, 0, 24, 219])
    body = bytearray(0x2A0)
    for at, value in [
        (0, (3).to_bytes(4, "little")),
        (0x08, (0x30000).to_bytes(8, "little")),
        (0x34, (1).to_bytes(4, "little")),
        (0x50, b"n" * 32),
        (0x90, b"m" * 48),
        (0x180, tcb),
        (0x1A0, CHIP),
        (0x1E0, tcb),
        *changed.values(),
    ]:
        body[at : at + len(value)] = value
    r, s = raw(key.key, bytes(body), "little")
    return bytes(body) + r.ljust(72, b"\0") + s.ljust(72, b"\0") + bytes(0x200 - 144)


# ---- Intel ---------------------------------------------------------------------------------------------------------


class Intel(msgspec.Struct, frozen=True):
    """A root, the PCK's authority, a PCK and the signer of lists."""

    root: Link
    authority: Link
    pck: Link
    signer: Link

    @property
    def pinned(self) -> tuple[Root, ...]:
        return (Root("ours", RootFor.TDX, "", sha256_of(self.root.certificate), self.root.certificate),)


def p256() -> ec.EllipticCurvePrivateKey:
    return make_key(ec.SECP256R1())


@cache
def intel(pck_name: str = "Intel SGX PCK Certificate", authority_name: str = "Intel SGX PCK Platform CA") -> Intel:
    root = issue("Intel SGX Root CA", None, key=p256())
    authority = issue(authority_name, root, key=p256())
    sgx = "1.2.840.113741.1.13.1"
    components = [tlv(0x30, oid(f"{sgx}.2.{index}"), integer(5)) for index in range(1, 17)]
    tcb = tlv(0x30, *components, tlv(0x30, oid(f"{sgx}.2.17"), integer(11)))
    fields = [
        tlv(0x30, oid(f"{sgx}.1"), tlv(4, bytes(16))),
        tlv(0x30, oid(f"{sgx}.2"), tcb),
        tlv(0x30, oid(f"{sgx}.3"), tlv(4, bytes(2))),
        tlv(0x30, oid(f"{sgx}.4"), tlv(4, FMSPC)),
    ]
    platform = extension(sgx, tlv(0x30, *fields))
    pck = issue(pck_name, authority, ca=False, sign=False, key=p256(), more=[platform])
    signer = issue("Intel SGX TCB Signing", root, ca=False, sign=False, key=p256())
    return Intel(root, authority, pck, signer)


def tdx_quote(of: Intel, *, attributes: int = 1 << 28, version: int = 4, service: bytes = bytes(48)) -> bytes:
    """A quote in order, by a quoting enclave of our own."""
    header = version.to_bytes(2, "little") + b"\2\0" + (0x81).to_bytes(4, "little") + bytes(4)
    header += bytes.fromhex("939a7233f79c4ca9940a0db3957f0607") + bytes(20)
    body = bytearray(584 if version == 4 else 648)
    body[0:2] = b"\5\0"
    body[120:128] = attributes.to_bytes(8, "little")
    body[520:552] = b"n" * 32
    if version == 5:
        body[600:648] = service
        header += b"\3\0" + len(body).to_bytes(4, "little")
    own = p256()
    key = own.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]
    enclave = bytearray(384)
    enclave[258:260] = b"\4\0"
    enclave[320:352] = hashlib.sha256(key + b"auth").digest()
    chain = b"".join(each.certificate.public_bytes(Encoding.PEM) for each in (of.pck, of.authority, of.root))
    inner = bytes(enclave) + b"".join(raw(of.pck.key, bytes(enclave))) + b"\4\0auth"
    inner += b"\5\0" + len(chain).to_bytes(4, "little") + chain
    data = b"".join(raw(own, header + bytes(body))) + key + b"\6\0" + len(inner).to_bytes(4, "little") + inner
    return header + bytes(body) + len(data).to_bytes(4, "little") + data


def stamp(days: float) -> str:
    return (BEGIN + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def level(status: str, svn: int, **more: Any) -> dict[str, Any]:
    parts = [{"svn": svn}] * 16
    tcb = {"sgxtcbcomponents": parts, "tdxtcbcomponents": [{"svn": 0}] * 16, "pcesvn": 11}
    return {"tcb": tcb, "tcbStatus": status} | more


def isv(status: str, svn: int, **more: Any) -> dict[str, Any]:
    return {"tcb": {"isvsvn": svn}, "tcbStatus": status} | more


def tcb_info(**changed: Any) -> dict[str, Any]:
    module = {"mrsigner": "00" * 48, "attributes": "00" * 8, "attributesMask": "FF" * 8}
    found = {
        "id": "TDX",
        "version": 3,
        "issueDate": stamp(0),
        "nextUpdate": stamp(5),
        "fmspc": FMSPC.hex().upper(),
        "pceId": "0000",
        "tcbEvaluationDataNumber": 20,
        "tdxModule": module,
        "tcbLevels": [level("UpToDate", 5), level("OutOfDate", 1, advisoryIDs=["INTEL-SA-1"])],
    }
    return found | changed


def qe_identity(**changed: Any) -> dict[str, Any]:
    found = {
        "id": "TD_QE",
        "version": 2,
        "issueDate": stamp(0),
        "nextUpdate": stamp(5),
        "tcbEvaluationDataNumber": 20,
        "miscselect": "00" * 4,
        "miscselectMask": "FF" * 4,
        "attributes": "00" * 16,
        "attributesMask": "FF" * 16,
        "mrsigner": "00" * 32,
        "isvprodid": 0,
        "tcbLevels": [isv("UpToDate", 4), isv("OutOfDate", 1)],
    }
    return found | changed


def answer(of: Intel, name: str, value: dict[str, Any]) -> bytes:
    text = json.dumps(value, separators=(",", ":"))
    signature = b"".join(raw(of.signer.key, text.encode())).hex()
    return f'{{"{name}":{text},"signature":"{signature}"}}'.encode()


def crl(issuer: Link, *revoked: int, days: tuple[float, float] = (0, 6)) -> bytes:
    def at(offset: float) -> datetime:
        return BEGIN + timedelta(days=offset)

    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject)
    builder = builder.last_update(at(days[0])).next_update(at(days[1]))
    for serial in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at(days[0])).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def collateral(of: Intel, **changed: bytes) -> Collateral:
    chain = b"".join(each.certificate.public_bytes(Encoding.PEM) for each in (of.signer, of.root))
    found = {
        "tcb_info": answer(of, "tcbInfo", tcb_info()),
        "qe_identity": answer(of, "enclaveIdentity", qe_identity()),
        "signing_chain": chain,
        "root_crl": crl(of.root),
        "pck_crl": crl(of.authority),
    }
    return Collateral(**(found | changed))
