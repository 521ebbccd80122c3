# SPDX-License-Identifier: Apache-2.0
"""The structures of TPM 2.0 (Library specification, Part 2) that a quote is made of, read whole or refused."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from brightline.core.attestation.claims import Counters
from brightline.core.attestation.cursor import Cursor
from brightline.core.attestation.fault import Fault, refuse

GENERATED: Final = 0xFF544347  # TPM_GENERATED_VALUE (6.2): only a TPM puts it before what a restricted key signs
ST_ATTEST_QUOTE: Final = 0x8018
ALG_RSA: Final = 0x0001
ALG_AES: Final = 0x0006
ALG_NULL: Final = 0x0010
ALG_RSASSA: Final = 0x0014
ALG_RSAPSS: Final = 0x0016
ALG_ECDSA: Final = 0x0018
ALG_ECC: Final = 0x0023
BANKS: Final = {0x000B: "sha256", 0x000C: "sha384", 0x000D: "sha512"}
WEAK_BANKS: Final = {0x0004: "sha1"}
_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_CURVES: Final[dict[int, ec.EllipticCurve]] = {0x0003: ec.SECP256R1(), 0x0004: ec.SECP384R1(), 0x0005: ec.SECP521R1()}
ATTEST_BYTES_MAX: Final = 2_048
SIGNATURE_BYTES_MAX: Final = 1_100
PUBLIC_BYTES_MAX: Final = 1_400
PCRS: Final = 24
# TPMA_OBJECT (8.3): made in this TPM and never outside, signs only what the TPM itself made.
_MUST: Final = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 16 | 1 << 18
_MUST_NOT: Final = 1 << 17  # decrypt

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


class Quote(msgspec.Struct, frozen=True):
    """TPMS_ATTEST of a quote (10.12.12). ``selected`` are (bank, register), in the order in which they are hashed."""

    signer: bytes
    extra: bytes
    counters: Counters
    safe: bool
    firmware: int
    selected: tuple[tuple[str, int], ...]
    digest: bytes


class AttestationKey(msgspec.Struct, frozen=True):
    """A public key, and what is known of it; ``name`` (Part 1, 16) is empty where only the key itself is known."""

    key: PublicKey
    name: bytes

    @property
    def point(self) -> bytes:
        """As other evidence binds it: the uncompressed point of an elliptic key, DER of another."""
        if isinstance(self.key, ec.EllipticCurvePublicKey):
            return self.key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return self.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def read_quote(attest: bytes) -> Quote:
    """Raises ``EvidenceRefused``: malformed, unsupported, or weak-hash for registers of SHA-1."""
    what = "the quote"
    if len(attest) > ATTEST_BYTES_MAX:
        refuse(Fault.TOO_LARGE, f"{what} has {len(attest)} bytes; at most {ATTEST_BYTES_MAX}")
    cursor = Cursor(attest, what, "big")
    if cursor.number(4) != GENERATED:
        refuse(Fault.MALFORMED, f"{what} does not begin as what a TPM made")
    if cursor.number(2) != ST_ATTEST_QUOTE:
        refuse(Fault.UNSUPPORTED, f"{what} is another statement of a TPM than a quote")
    signer = cursor.sized(2, 66)
    extra = cursor.sized(2, 64)
    clock, resets, restarts = cursor.number(8), cursor.number(4), cursor.number(4)
    safe = cursor.number(1)
    if safe > 1:
        refuse(Fault.MALFORMED, f"{what} has a yes or no that is {safe}")
    firmware = cursor.number(8)
    selected = _selection(cursor, what)
    digest = cursor.sized(2, 64)
    cursor.end()
    return Quote(signer, extra, Counters(resets, restarts, clock), bool(safe), firmware, selected, digest)


def _selection(cursor: Cursor, what: str) -> tuple[tuple[str, int], ...]:
    """TPML_PCR_SELECTION (10.9.7): a bank at most once, and something in all."""
    count = cursor.number(4)
    if not 1 <= count <= 4:
        refuse(Fault.MALFORMED, f"{what} selects from {count} banks; 1 to 4 are expected")
    selected: list[tuple[str, int]] = []
    banks = set()
    for _ in range(count):
        algorithm, size = cursor.number(2), cursor.number(1)
        if size > 4:
            refuse(Fault.MALFORMED, f"{what} selects registers with {size} bytes; at most 4")
        bits = int.from_bytes(cursor.take(size), "little")
        if not bits:
            continue  # a bank that is named and of which nothing is selected adds nothing to the digest
        bank = bank_of(algorithm, what)
        if bank in banks or bits >> PCRS:
            refuse(Fault.MALFORMED, f"{what} selects a bank twice, or a register above {PCRS - 1}")
        banks.add(bank)
        selected += [(bank, index) for index in range(PCRS) if bits >> index & 1]
    if not selected:
        refuse(Fault.MALFORMED, f"{what} is over no register at all")
    return tuple(selected)


def bank_of(algorithm: int, what: str) -> str:
    """The hash by its number. Raises ``EvidenceRefused``: weak-hash for SHA-1, unsupported for what we do not know."""
    if algorithm in WEAK_BANKS:
        refuse(Fault.WEAK_HASH, f"{what} rests on SHA-1, for which one can make two boots that look the same")
    if algorithm not in BANKS:
        refuse(Fault.UNSUPPORTED, f"{what} names a hash {algorithm:#06x} that is not on our list")
    return BANKS[algorithm]


def read_public(data: bytes) -> AttestationKey:
    """TPMT_PUBLIC (12.2.4), with or without its length before it, of a restricted signing key. ``EvidenceRefused``."""
    what = "the attestation key"
    if len(data) > PUBLIC_BYTES_MAX:
        refuse(Fault.TOO_LARGE, f"{what} has {len(data)} bytes; at most {PUBLIC_BYTES_MAX}")
    if len(data) > 2 and int.from_bytes(data[:2], "big") == len(data) - 2:
        data = data[2:]
    cursor = Cursor(data, what, "big")
    kind = cursor.number(2)
    name_hash = bank_of(cursor.number(2), what)
    attributes = cursor.number(4)
    if attributes & _MUST != _MUST or attributes & _MUST_NOT:
        refuse(Fault.UNSUPPORTED, f"{what} has attributes {attributes:#x}: it may sign what no TPM said")
    cursor.sized(2, 64)  # the policy for using it, which its owner chose
    _skip_symmetric(cursor, what)
    if kind == ALG_RSA:
        _skip_scheme(cursor, what)
        key: PublicKey = _read_rsa(cursor, what)
    elif kind == ALG_ECC:
        _skip_scheme(cursor, what)
        key = _read_ecc(cursor, what)
    else:
        refuse(Fault.UNSUPPORTED, f"{what} is of kind {kind:#06x}; RSA or ECC is expected")
    cursor.end()
    name = next(number for number, bank in BANKS.items() if bank == name_hash).to_bytes(2, "big")
    return AttestationKey(key, name + hashlib.new(name_hash, data).digest())


def _skip_symmetric(cursor: Cursor, what: str) -> None:
    algorithm = cursor.number(2)
    if algorithm != ALG_NULL:
        refuse(Fault.UNSUPPORTED, f"{what} has a symmetric algorithm, which no signing key has")


def _skip_scheme(cursor: Cursor, what: str) -> None:
    scheme = cursor.number(2)
    if scheme in (ALG_RSASSA, ALG_RSAPSS, ALG_ECDSA):
        bank_of(cursor.number(2), what)
    elif scheme != ALG_NULL:
        refuse(Fault.UNSUPPORTED, f"{what} has a scheme {scheme:#06x} that is not on our list")


def _read_rsa(cursor: Cursor, what: str) -> rsa.RSAPublicKey:
    bits, exponent = cursor.number(2), cursor.number(4) or 65_537
    modulus = cursor.sized(2, 512)
    if not 2_048 <= bits <= 4_096 or len(modulus) * 8 != bits or exponent != 65_537:
        refuse(Fault.WEAK_KEY, f"{what} is RSA of {bits} bits in {len(modulus)} bytes, with exponent {exponent}")
    try:
        return rsa.RSAPublicNumbers(exponent, int.from_bytes(modulus, "big")).public_key()
    except ValueError:
        refuse(Fault.MALFORMED, f"{what} is no RSA key")


def _read_ecc(cursor: Cursor, what: str) -> ec.EllipticCurvePublicKey:
    curve, derivation = cursor.number(2), cursor.number(2)
    x, y = cursor.sized(2, 66), cursor.sized(2, 66)
    if curve not in _CURVES or derivation != ALG_NULL:
        refuse(Fault.UNSUPPORTED, f"{what} is on a curve {curve:#06x} that is not on our list")
    try:
        return ec.EllipticCurvePublicNumbers(
            int.from_bytes(x, "big"), int.from_bytes(y, "big"), _CURVES[curve]
        ).public_key()
    except ValueError:
        refuse(Fault.MALFORMED, f"{what} is no point of its curve")


def check_signature(signature: bytes, signed: bytes, key: PublicKey) -> str:
    """TPMT_SIGNATURE (11.3.4) over these bytes; returns its hash. Raises ``EvidenceRefused``."""
    what = "the quote's signature"
    if len(signature) > SIGNATURE_BYTES_MAX:
        refuse(Fault.TOO_LARGE, f"{what} has {len(signature)} bytes; at most {SIGNATURE_BYTES_MAX}")
    cursor = Cursor(signature, what, "big")
    scheme = cursor.number(2)
    if scheme not in (ALG_RSASSA, ALG_RSAPSS, ALG_ECDSA):
        refuse(Fault.UNSUPPORTED, f"{what} is of scheme {scheme:#06x}, which is not on our list")
    name = bank_of(cursor.number(2), what)
    parts = [cursor.sized(2, 512) for _ in range(2 if scheme == ALG_ECDSA else 1)]
    cursor.end()
    algorithm = _HASHES[name]
    try:
        if isinstance(key, rsa.RSAPublicKey) and scheme == ALG_RSASSA:
            key.verify(parts[0], signed, padding.PKCS1v15(), algorithm)
        elif isinstance(key, rsa.RSAPublicKey) and scheme == ALG_RSAPSS:
            key.verify(parts[0], signed, padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey) and scheme == ALG_ECDSA:
            r, s = (int.from_bytes(part, "big") for part in parts)
            key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(algorithm))
        else:
            refuse(Fault.UNSUPPORTED, f"{what} is of scheme {scheme:#06x}, and the key of another kind")
    except (InvalidSignature, ValueError):
        refuse(Fault.BAD_SIGNATURE, f"{what} is not over this quote by this key")
    return name


def check_registers(quote: Quote, values: bytes, signing_hash: str) -> dict[tuple[str, int], bytes]:
    """The registers whose digest was signed, by (bank, number). ``values`` holds them one behind another.

    The digest is of the hash of the signing scheme, whatever the bank (Part 3, 18.4). Raises ``EvidenceRefused``.
    """
    cursor = Cursor(values, "the list of registers", "big")
    found = {each: cursor.take(hashlib.new(each[0]).digest_size) for each in quote.selected}
    cursor.end()
    if hashlib.new(signing_hash, values).digest() != quote.digest:
        refuse(Fault.INCONSISTENT, "the registers are not those whose digest was signed")
    return found
