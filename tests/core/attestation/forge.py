# SPDX-License-Identifier: Apache-2.0
"""Evidence under roots of our own, so that what no vendor would ever sign can be shown to the verifiers, signed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import cbor2
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from brightline.core.attestation.chain import Root, RootFor, sha256_of

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
AT = (BEGIN + timedelta(hours=1)).timestamp()
MODULE = "i-0123456789abcdef0-enc0123456789abcdef"
LEAF = f"{MODULE}.us-gov-west-1.aws"
Change = Callable[[x509.CertificateBuilder], x509.CertificateBuilder]


class Link(msgspec.Struct, frozen=True):
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)


def make_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    """P-384 where nothing else is said."""
    return ec.generate_private_key(curve or ec.SECP384R1())


def issue(
    name: str,
    issuer: Link | None,
    *,
    ca: bool = True,
    path: int | None = None,
    sign: bool = True,
    days: tuple[float, float] = (0, 10),
    key: ec.EllipticCurvePrivateKey | None = None,
    critical: x509.ExtensionType | None = None,
    marked: bool = True,
    more: Sequence[x509.ExtensionType] = (),
) -> Link:
    """A certificate, signed by its issuer or by itself."""
    own = key or make_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGIN + timedelta(days=days[0]))
        .not_valid_after(BEGIN + timedelta(days=days[1]))
    )
    if marked:
        usage = x509.KeyUsage(True, False, False, False, False, sign, False, False, False)
        builder = builder.add_extension(x509.BasicConstraints(ca, path if ca else None), True)
        builder = builder.add_extension(usage, True)
    for each in more:
        builder = builder.add_extension(each, False)
    if critical is not None:
        builder = builder.add_extension(critical, True)
    return Link(builder.sign(issuer.key if issuer else own, hashes.SHA384()), own)


class Chain(msgspec.Struct, frozen=True):
    """A root, an authority under it and a leaf."""

    root: Link
    between: Link
    leaf: Link

    @property
    def bundle(self) -> list[bytes]:
        """As a document carries it: root first, without the leaf."""
        return [self.root.der, self.between.der]

    def pinned(self, use: RootFor = RootFor.NITRO, label: str = "") -> tuple[Root, ...]:
        """Its root as one that is believed."""
        certificate = self.root.certificate
        return (Root("ours", use, label, sha256_of(certificate), certificate),)


@cache
def chain() -> Chain:
    """One that is in order."""
    root = issue("root", None)
    between = issue("between", root)
    return Chain(root, between, issue(LEAF, between, ca=False, sign=False, days=(0, 1)))


def fields(of: Chain | None = None, **changed: Any) -> dict[str, Any]:
    """The fields of a Nitro document; a value that is ``...`` takes its field away."""
    found: dict[str, Any] = {
        "module_id": MODULE,
        "digest": "SHA384",
        "timestamp": int(AT * 1000),
        "pcrs": {index: bytes([index + 1]) * 48 for index in range(16)},
        "certificate": (of or chain()).leaf.der,
        "cabundle": (of or chain()).bundle,
        "public_key": None,
        "user_data": None,
        "nonce": b"n" * 32,
    }
    return {name: value for name, value in (found | changed).items() if value is not ...}


def document(
    payload: Mapping[str, Any] | bytes,
    *,
    key: ec.EllipticCurvePrivateKey | None = None,
    protected: bytes = bytes.fromhex("a1013822"),
    unprotected: Any = None,
) -> bytes:
    """A COSE_Sign1 over a payload."""
    body = payload if isinstance(payload, bytes) else cbor2.dumps(payload)
    signed = cbor2.dumps(["Signature1", protected, b"", body])
    signer = key or chain().leaf.key
    size = (signer.curve.key_size + 7) // 8
    hashed = hashes.SHA384() if size == 48 else hashes.SHA256()
    r, s = decode_dss_signature(signer.sign(signed, ec.ECDSA(hashed)))
    signature = r.to_bytes(size, "big") + s.to_bytes(size, "big")
    return cbor2.dumps([protected, {} if unprotected is None else unprotected, body, signature])


class TpmParts(msgspec.Struct, frozen=True):
    """A quote and what comes with it."""

    main: bytes
    parts: dict[str, bytes]


def sized(data: bytes) -> bytes:
    """TPM2B."""
    return len(data).to_bytes(2, "big") + data


def public(key: ec.EllipticCurvePrivateKey, attributes: int = 0x50072, **changed: int) -> bytes:
    """TPMT_PUBLIC of a key on P-256."""
    numbers = key.public_key().public_numbers()
    words = {"kind": 0x23, "name_hash": 0x0B, "symmetric": 0x10, "curve": 3, "kdf": 0x10} | changed
    head = words["kind"].to_bytes(2, "big") + words["name_hash"].to_bytes(2, "big") + attributes.to_bytes(4, "big")
    scheme = words["symmetric"].to_bytes(2, "big") + bytes.fromhex("0018000b")
    curve = words["curve"].to_bytes(2, "big") + words["kdf"].to_bytes(2, "big")
    return head + sized(b"") + scheme + curve + b"".join(sized(n.to_bytes(32, "big")) for n in (numbers.x, numbers.y))


def selection(*banks: tuple[int, bytes]) -> bytes:
    """TPML_PCR_SELECTION."""
    chosen = b"".join(number.to_bytes(2, "big") + bytes([len(bits)]) + bits for number, bits in banks)
    return len(banks).to_bytes(4, "big") + chosen


def quote(
    registers: bytes,
    *,
    magic: int = 0xFF544347,
    kind: int = 0x8018,
    selected: bytes | None = None,
    digest: bytes | None = None,
    extra: bytes = b"n" * 32,
    tail: bytes = b"",
    safe: int = 1,
    counters: tuple[int, int, int] = (2, 1, 9),
) -> bytes:
    """TPMS_ATTEST over registers 0 to 7 of the SHA-256 bank; ``counters`` are resets, restarts and the clock."""
    head = magic.to_bytes(4, "big") + kind.to_bytes(2, "big") + sized(b"\x00\x0b" + bytes(32)) + sized(extra)
    resets, restarts, ticks = counters
    clock = (
        ticks.to_bytes(8, "big") + resets.to_bytes(4, "big") + restarts.to_bytes(4, "big") + bytes([safe]) + bytes(8)
    )
    chosen = selected if selected is not None else selection((0x0B, b"\xff\x00\x00"))
    return head + clock + chosen + sized(digest if digest is not None else hashlib.sha256(registers).digest()) + tail


def signed(attest: bytes, key: ec.EllipticCurvePrivateKey, *, scheme: int = 0x18, hashed: int = 0x0B) -> bytes:
    """TPMT_SIGNATURE."""
    parts = decode_dss_signature(key.sign(attest, ec.ECDSA(hashes.SHA256())))
    head = scheme.to_bytes(2, "big") + hashed.to_bytes(2, "big")
    return head + b"".join(sized(part.to_bytes(32, "big")) for part in parts)


def event(register: int, kind: int, data: bytes, digest: bytes | None = None) -> bytes:
    """TCG_PCR_EVENT2 with a SHA-256 digest of its data."""
    own = digest if digest is not None else hashlib.sha256(data).digest()
    head = register.to_bytes(4, "little") + kind.to_bytes(4, "little") + (1).to_bytes(4, "little")
    return head + b"\x0b\x00" + own + len(data).to_bytes(4, "little") + data


def log_head(algorithms: tuple[tuple[int, int], ...] = ((0x0B, 32),)) -> bytes:
    """The first event of a crypto-agile log."""
    named = b"".join(number.to_bytes(2, "little") + size.to_bytes(2, "little") for number, size in algorithms)
    inner = b"Spec ID Event03\0" + bytes(4) + b"\0\2\0\2" + len(algorithms).to_bytes(4, "little") + named + b"\0"
    return bytes(4) + (3).to_bytes(4, "little") + bytes(20) + len(inner).to_bytes(4, "little") + inner
