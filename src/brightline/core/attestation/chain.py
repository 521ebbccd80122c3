# SPDX-License-Identifier: Apache-2.0
"""Certificate chains of vendors, walked link by link up to a root that is pinned by the digest of its bytes.

The path is given, so nothing is searched for. ``cryptography``'s own verifier refuses each vendor's chain for what
vendors leave out (RFC 5280 identifiers, names) or use (RSASSA-PSS on AMD's); with its demands taken away it agrees
with this walk, which the tests compare. Each signature is checked by ``cryptography``; what remains is a list of
questions, and each must be answered. No address in a certificate is ever followed.
"""

from __future__ import annotations

import enum
import hashlib
import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID

from brightline.core.attestation.fault import Fault, refuse

CERTIFICATE_BYTES_MAX: Final = 8_192
CHAIN_LENGTH_MAX: Final = 8
RSA_BITS_MIN: Final = 2_048
RSA_BITS_MAX: Final = 8_192
CURVES: Final = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
HASHES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
UNDERSTOOD: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,  # Google names machines there, and nothing here rests on it
    }
)
# All that the library raises for bytes that are none, or that hold what it does not know; they have no common root.
NO_CERTIFICATE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
RSA_EXPONENT: Final = 65_537
PEM_BEGIN: Final = b"-----BEGIN CERTIFICATE-----"


class RootFor(enum.StrEnum):
    """What a pinned root may vouch for; one for one thing does not vouch for another."""

    NITRO = "aws-nitro"
    TPM = "tpm"
    SNP = "amd-sev-snp"
    TDX = "intel-tdx"
    SPACE = "gcp-confidential-space"
    EC2 = "aws-ec2"


class Root(msgspec.Struct, frozen=True):
    """A certificate that is believed for what it is: ``sha256`` over its DER, in hex.

    ``label`` says more where a vendor has several: AMD's product, Amazon's region. Equal if the digest is.
    """

    name: str
    vouches_for: RootFor
    label: str
    sha256: str
    certificate: x509.Certificate


class Chained(msgspec.Struct, frozen=True):
    """A leaf that was followed up to a pinned root; ``until`` is when the first of its certificates ends."""

    leaf: x509.Certificate
    issuers: tuple[x509.Certificate, ...]
    root: Root
    until: int


def sha256_of(certificate: x509.Certificate) -> str:
    """The digest by which a root is pinned."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def read_certificate(der: bytes, what: str) -> x509.Certificate:
    """A certificate in DER, whole. Raises ``EvidenceRefused``."""
    if len(der) > CERTIFICATE_BYTES_MAX:
        refuse(Fault.TOO_LARGE, f"{what} is a certificate of {len(der)} bytes; at most {CERTIFICATE_BYTES_MAX}")
    try:
        with warnings.catch_warnings():
            # AMD gives every VCEK and VLEK the serial number 0, and Google has names that are too long: the library
            # only warns of either. What is read here is kept, so that it does not warn again.
            warnings.simplefilter("ignore")
            certificate = x509.load_der_x509_certificate(der)
            _ = certificate.extensions, certificate.subject, certificate.issuer, certificate.public_key()
            _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except NO_CERTIFICATE as error:
        refuse(Fault.MALFORMED, f"{what} is no certificate: {type(error).__name__}")
    return certificate


def read_certificates(data: bytes, what: str) -> tuple[x509.Certificate, ...]:
    """One certificate in DER, or several in PEM, in their order. Raises ``EvidenceRefused``."""
    if PEM_BEGIN not in data:
        return (read_certificate(data, what),)
    if len(data) > CHAIN_LENGTH_MAX * 2 * CERTIFICATE_BYTES_MAX or data.count(PEM_BEGIN) > CHAIN_LENGTH_MAX:
        refuse(Fault.TOO_LARGE, f"{what} holds more than {CHAIN_LENGTH_MAX} certificates")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ders = [each.public_bytes(Encoding.DER) for each in x509.load_pem_x509_certificates(data)]
    except NO_CERTIFICATE as error:
        refuse(Fault.MALFORMED, f"{what} holds no certificates in PEM: {type(error).__name__}")
    return tuple(read_certificate(der, what) for der in ders)


def follow(path: Sequence[x509.Certificate], roots: Sequence[Root], use: RootFor, at: float, what: str) -> Chained:
    """Follow a chain, leaf first, each signed by the next, to a pinned root for ``use``, at ``at`` (Unix seconds).

    The root itself may stand at the end or be missing. Raises ``EvidenceRefused``: wrong-root, bad-chain, expired,
    not-yet, weak-hash, weak-key or unsupported.
    """
    if not path or len(path) > CHAIN_LENGTH_MAX:
        refuse(
            Fault.BAD_CHAIN, f"{what} has a chain of {len(path)} certificates; 1 to {CHAIN_LENGTH_MAX} are expected"
        )
    root, links = _root_of(path, roots, use, what)
    whole = [*links, root.certificate]
    for depth, (child, issuer) in enumerate(pairwise(whole)):
        _check_issuer(issuer, depth, what)
        check_issued(child, issuer, what)
    for certificate in whole:
        check_in_force(certificate, at, what)
        check_key(certificate.public_key(), what)
        _check_extensions(certificate, what)
    if len(links) != 1 or links[0] is not root.certificate:
        _check_leaf(links[0], what)
    return Chained(links[0], tuple(whole[1:]), root, min(int(each.not_valid_after_utc.timestamp()) for each in whole))


def _root_of(
    path: Sequence[x509.Certificate], roots: Sequence[Root], use: RootFor, what: str
) -> tuple[Root, list[x509.Certificate]]:
    """The pinned root under which the path ends, and the path without it."""
    mine = [root for root in roots if root.vouches_for is use]
    last = sha256_of(path[-1])
    for root in mine:
        if root.sha256 == last:
            if len(path) == 1:
                refuse(Fault.BAD_CHAIN, f"{what} is signed by the root {root.name} itself")
            return root, list(path[:-1])
    for root in mine:
        if _signed_by(path[-1], root.certificate):  # compares the names first, and warns of none
            return root, list(path)
    refuse(Fault.WRONG_ROOT, f"{what} does not end in a root that is pinned for {use}")


def _signed_by(child: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        child.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def check_issued(child: x509.Certificate, issuer: x509.Certificate, what: str) -> None:
    """The issuer signed the child, by a hash that is on our list. Raises ``EvidenceRefused``."""
    try:
        algorithm = child.signature_hash_algorithm
    except (UnsupportedAlgorithm, ValueError):
        algorithm = None
    if not isinstance(algorithm, HASHES):
        refuse(Fault.WEAK_HASH, f"{what} has a certificate that is signed over a hash that is not on our list")
    if not _signed_by(child, issuer):
        refuse(Fault.BAD_CHAIN, f"{what} has a certificate that the next one in its chain did not sign")


def check_in_force(certificate: x509.Certificate, at: float, what: str) -> None:
    """The time lies within the certificate's. Raises ``EvidenceRefused``."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if at < begin.timestamp():
        refuse(Fault.NOT_YET, f"{what} has a certificate that begins on {begin:%Y-%m-%d %H:%M:%S} UTC")
    if at > end.timestamp():
        refuse(Fault.EXPIRED, f"{what} has a certificate that ended on {end:%Y-%m-%d %H:%M:%S} UTC")


def check_key(key: CertificatePublicKeyTypes, what: str) -> None:
    """RSA of 2048 to 8192 bits with exponent 65537, or a NIST curve from P-256. Raises ``EvidenceRefused``."""
    if isinstance(key, rsa.RSAPublicKey):
        if key.public_numbers().e != RSA_EXPONENT:
            refuse(Fault.WEAK_KEY, f"{what} rests on an RSA key with another exponent than {RSA_EXPONENT}")
        if not RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX:
            refuse(Fault.WEAK_KEY, f"{what} rests on an RSA key of {key.key_size} bits; at least {RSA_BITS_MIN}")
    elif not (isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, CURVES)):
        refuse(Fault.WEAK_KEY, f"{what} rests on a kind of key that is not on our list")


def _check_issuer(issuer: x509.Certificate, below: int, what: str) -> None:
    """RFC 5280, 6.1.4 (k) to (n): it may sign certificates, with so many below it."""
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        refuse(Fault.BAD_CHAIN, f"{what} has an issuer that is not marked as an authority")
    if not constraints.ca or not usage.key_cert_sign:
        refuse(Fault.BAD_CHAIN, f"{what} has an issuer that may not sign certificates")
    if constraints.path_length is not None and below > constraints.path_length:
        refuse(Fault.BAD_CHAIN, f"{what} has {below} authorities below one that allows {constraints.path_length}")


def _check_leaf(leaf: x509.Certificate, what: str) -> None:
    for extension in leaf.extensions:
        if isinstance(extension.value, x509.BasicConstraints) and extension.value.ca:
            refuse(Fault.BAD_CHAIN, f"{what} is signed by an authority's certificate, which signs no evidence")


def _check_extensions(certificate: x509.Certificate, what: str) -> None:
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in UNDERSTOOD:
            refuse(Fault.UNSUPPORTED, f"{what} has a critical extension {extension.oid.dotted_string} that we ignore")
