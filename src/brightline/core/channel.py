# SPDX-License-Identifier: Apache-2.0
"""The channel between parts: who the other side is, from its certificate, and nothing from where it stands.

A part (gateway, guard) is named by a SPIFFE ID, which stands as the one URI in its certificate (SPIFFE X509-SVID,
section 2). Certificates are short and of an authority that speaks for one trust domain alone (RFC 5280, section
4.2.1.10). The chain is verified by TLS; what is here is issuing, and reading what was verified.

The digest of the certificate's key is what a machine's evidence binds (``Challenge.key``), so that evidence of another
machine says nothing of this channel.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from brightline.core.errors import TrustError

HOURS_MAX: Final = 168
AUTHORITY_DAYS_MAX: Final = 1_826
SKEW: Final = timedelta(minutes=5)
PEM_BYTES_MAX: Final = 65_536
_DOMAIN: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9._-]+")
_ID_CHARS_MAX: Final = 2_048  # SPIFFE-ID, section 2.3


class Peer(msgspec.Struct, frozen=True):
    """The other side: its SPIFFE ID, when its certificate ends (Unix seconds), SHA-256 over its key (SPKI, DER)."""

    identity: str
    until: float
    key_digest: bytes


def domain_of(identity: str) -> str:
    """The trust domain of a SPIFFE ID with a path. Raises ``TrustError`` for what is none (SPIFFE-ID, section 2)."""
    scheme, _, rest = identity.partition("://")
    domain, *path = rest.split("/")
    whole = scheme == "spiffe" and len(identity) <= _ID_CHARS_MAX and path
    if not whole or any(not _SEGMENT.fullmatch(each) or each in {".", ".."} for each in path):
        raise TrustError(f"{identity[:100]!r} is no identity; write spiffe://DOMAIN/PATH")
    return _checked_domain(domain)


def _checked_domain(domain: str) -> str:
    if len(domain) > 255 or not _DOMAIN.fullmatch(domain):
        raise TrustError(f"{domain[:100]!r} is no trust domain; write it as a name of small letters and dots")
    return domain


def make_authority(domain: str, key: ec.EllipticCurvePrivateKey, serial: int, at: float, days: int) -> bytes:
    """The certificate (PEM) of an authority that speaks for ``domain`` and nothing else. Raises ``TrustError``."""
    _checked_domain(domain)
    if not 1 <= days <= AUTHORITY_DAYS_MAX:
        raise TrustError(f"an authority is for 1 to {AUTHORITY_DAYS_MAX} days")
    begins = datetime.fromtimestamp(at, UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"parts of {domain}"[:64])])
    constraints = x509.NameConstraints([x509.UniformResourceIdentifier(domain)], None)
    usage = x509.KeyUsage(False, False, False, False, False, True, False, False, False)  # it signs certificates
    builder = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=serial)
        .not_valid_before(begins - SKEW)
        .not_valid_after(begins + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(constraints, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def make_request(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A request (PEM) for a certificate. It names nobody: who it is for is what the authority says."""
    builder = x509.CertificateSigningRequestBuilder(subject_name=x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def issue(
    request: bytes,
    identity: str,
    authority: bytes,
    key: ec.EllipticCurvePrivateKey,
    serial: int,
    at: float,
    hours: int,
) -> bytes:
    """The certificate (PEM) of whoever holds the key of a request, for a few hours.

    Nothing of the request is taken but its key. Raises ``TrustError``: another domain than the authority's, an
    authority that ends before, a request that its key did not sign.
    """
    try:
        asked, issuer = x509.load_pem_x509_csr(request), x509.load_pem_x509_certificate(authority)
    except ValueError as error:
        raise TrustError("the request or the authority's certificate does not read (PEM)") from error
    public = asked.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise TrustError("the key of a part is on P-256")
    if not asked.is_signature_valid:
        raise TrustError("the request was not signed by its own key")
    if issuer.public_key() != key.public_key():
        raise TrustError("this is not the key of the authority's certificate")
    begins, ends = datetime.fromtimestamp(at, UTC), datetime.fromtimestamp(at, UTC) + timedelta(hours=hours)
    if not 1 <= hours <= HOURS_MAX or ends > issuer.not_valid_after_utc:
        raise TrustError(f"a certificate is for 1 to {HOURS_MAX} hours, and not longer than its authority")
    if domain_of(identity) not in _domains_of(issuer):
        raise TrustError(f"the authority does not speak for {identity[:100]}")
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)  # it signs handshakes
    both_ways = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    named = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity)])
    builder = (
        x509.CertificateBuilder(
            issuer_name=issuer.subject, subject_name=x509.Name([]), public_key=public, serial_number=serial
        )
        .not_valid_before(begins - SKEW)
        .not_valid_after(ends)
        .add_extension(named, critical=True)  # the subject is empty (RFC 5280, section 4.2.1.6)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(both_ways, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _domains_of(authority: x509.Certificate) -> set[str]:
    try:
        constraints = authority.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound as error:
        raise TrustError("the authority's certificate names no trust domain") from error
    return {each.value for each in constraints.permitted_subtrees or () if isinstance(each.value, str)}


def read_peer(der: bytes) -> Peer:
    """Who a certificate names (DER; its chain was verified by TLS). Raises ``TrustError``."""
    try:
        found = x509.load_der_x509_certificate(der)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        constraints = found.extensions.get_extension_for_class(x509.BasicConstraints).value
        public = found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension) as error:
        raise TrustError("the certificate names nobody as a part is named") from error
    identities = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(identities) != 1 or constraints.ca:
        raise TrustError("the certificate of a part has one identity, and issues nothing")
    domain_of(identities[0])
    return Peer(identities[0], found.not_valid_after_utc.timestamp(), hashlib.sha256(public).digest())
