# SPDX-License-Identifier: Apache-2.0
"""OpenSSF Model Signing v1.0 over the files of a release, with a key: every file, by digest, and no other beside them.

A signature is a Sigstore bundle (v0.3) around a DSSE envelope around an in-toto statement (v1), whose predicate
``https://model_signing/signature/v1.0`` lists the files. It says who made exactly these weights. Which release is in
force, and since when, is for the statement that both organisations sign (``update.py``), which names the key.

Keys are on P-256 (ECDSA with SHA-256), as the specification has them; nothing is taken from what is verified but the
signature. ``ignore_paths`` is never followed: a file that nobody signed is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from msgspec import Meta

from brightline.core.errors import TrustError

SIGNATURE_FILE: Final = "model.sig"
FILE_BYTES_MAX: Final = 1_048_576
MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://model_signing/signature/v1.0"
_Hex = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class _Resource(msgspec.Struct, frozen=True):
    name: str
    algorithm: str
    digest: _Hex


class _Serialization(msgspec.Struct, frozen=True):
    method: str
    hash_type: str
    allow_symlinks: bool
    ignore_paths: tuple[str, ...] = ()


class _Predicate(msgspec.Struct, frozen=True):
    serialization: _Serialization
    resources: tuple[_Resource, ...]


class _Subject(msgspec.Struct, frozen=True):
    name: str
    digest: dict[str, _Hex]


class _Statement(msgspec.Struct, frozen=True, rename={"type_": "_type", "predicate_type": "predicateType"}):
    type_: str
    subject: tuple[_Subject, ...]
    predicate_type: str
    predicate: _Predicate


class _Signature(msgspec.Struct, frozen=True):
    sig: bytes  # msgspec reads base64
    keyid: str = ""


class _Envelope(msgspec.Struct, frozen=True, rename="camel"):
    payload: bytes
    payload_type: str
    signatures: tuple[_Signature, ...]


class _PublicKey(msgspec.Struct, frozen=True):
    hint: str = ""


class _Material(msgspec.Struct, frozen=True, rename="camel"):
    public_key: _PublicKey
    tlog_entries: tuple[object, ...] = ()


class _Bundle(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str
    verification_material: _Material
    dsse_envelope: _Envelope


def read_public_key(pem: bytes) -> ec.EllipticCurvePublicKey:
    """A public key in PEM. Raises ``TrustError`` for any other than one on P-256."""
    try:
        key = load_pem_public_key(pem)
    except ValueError as error:
        raise TrustError("this is no public key in PEM") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise TrustError("models are signed with keys on P-256, and this is another kind")
    return key


def key_hint(key: ec.EllipticCurvePublicKey) -> str:
    """By what a bundle, and a statement, name a key: SHA-256 over its PEM, in hex."""
    return hashlib.sha256(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def sign_files(name: str, files: Mapping[str, str], key: ec.EllipticCurvePrivateKey) -> bytes:
    """Sign a release's files, by name their SHA-256 in hex; returns the bundle for ``model.sig``."""
    resources = tuple(_Resource(path, "sha256", files[path]) for path in sorted(files))
    statement = _Statement(
        STATEMENT_TYPE,
        (_Subject(name, {"sha256": _root(resources)}),),
        PREDICATE_TYPE,
        _Predicate(_Serialization("files", "sha256", False, (SIGNATURE_FILE,)), resources),
    )
    payload = msgspec.json.encode(statement)
    signature = key.sign(_pae(payload), ec.ECDSA(hashes.SHA256()))
    envelope = _Envelope(payload, PAYLOAD_TYPE, (_Signature(signature),))
    return msgspec.json.encode(_Bundle(MEDIA_TYPE, _Material(_PublicKey(key_hint(key.public_key()))), envelope))


def check_files(bundle: bytes, key: ec.EllipticCurvePublicKey, found: Mapping[str, str]) -> None:
    """These are exactly the files that this key signed, ``model.sig`` aside. Raises ``TrustError``."""
    signed = _signed(bundle, key)
    found = {name: digest for name, digest in found.items() if name != SIGNATURE_FILE}
    for what, names in (
        ("are not there", signed.keys() - found.keys()),
        ("were signed by nobody", found.keys() - signed.keys()),
        ("are not those that were signed", {name for name in signed if found.get(name, signed[name]) != signed[name]}),
    ):
        if names:
            raise TrustError(f"files of the release {what}: {', '.join(sorted(names)[:5])}")


class Signed(msgspec.Struct, frozen=True):
    """What a key signed: each file's SHA-256 by name, and the digest over them by which statements name the whole."""

    files: Mapping[str, str]
    digest: str


def signed_files(bundle: bytes, key: ec.EllipticCurvePublicKey) -> Signed:
    """What this key signed, whatever lies on a disk. Raises ``TrustError``."""
    files = _signed(bundle, key)
    return Signed(files, "sha256:" + hashlib.sha256(b"".join(map(bytes.fromhex, files.values()))).hexdigest())


def _signed(data: bytes, key: ec.EllipticCurvePublicKey) -> Mapping[str, str]:
    """What was signed, by name; verified before a byte of it is read. Raises ``TrustError``."""
    if len(data) > FILE_BYTES_MAX:
        raise TrustError(f"{SIGNATURE_FILE} of {len(data)} bytes exceeds {FILE_BYTES_MAX}")
    try:
        bundle = msgspec.json.decode(data, type=_Bundle)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TrustError(f"{SIGNATURE_FILE} is no bundle: {error}") from error
    envelope = bundle.dsse_envelope
    if bundle.media_type != MEDIA_TYPE or envelope.payload_type != PAYLOAD_TYPE or len(envelope.signatures) != 1:
        raise TrustError(f"{SIGNATURE_FILE} is no bundle of version 0.3 with one signature over an in-toto statement")
    try:
        key.verify(envelope.signatures[0].sig, _pae(envelope.payload), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise TrustError(f"{SIGNATURE_FILE} was not signed by the key with hint {key_hint(key)}") from None
    return _resources(envelope.payload)


def _resources(payload: bytes) -> Mapping[str, str]:
    try:
        statement = msgspec.json.decode(payload, type=_Statement)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TrustError(f"{SIGNATURE_FILE} signs no list of files: {error}") from error
    resources, serialization = statement.predicate.resources, statement.predicate.serialization
    if (statement.type_, statement.predicate_type) != (STATEMENT_TYPE, PREDICATE_TYPE):
        raise TrustError(f"{SIGNATURE_FILE} holds another kind of statement")
    if (serialization.method, serialization.hash_type) != ("files", "sha256"):
        raise TrustError(f"{SIGNATURE_FILE} is over {serialization.method[:40]!r}; expected whole files, SHA-256")
    if any(each.algorithm != "sha256" for each in resources) or len({each.name for each in resources}) != len(
        resources
    ):
        raise TrustError(f"{SIGNATURE_FILE} names a file twice, or with another digest than SHA-256")
    if len(statement.subject) != 1 or statement.subject[0].digest.get("sha256") != _root(resources):
        raise TrustError(f"{SIGNATURE_FILE} is not consistent: its digest is not that of its files")
    return {each.name: each.digest for each in resources}


def _root(resources: tuple[_Resource, ...]) -> str:
    return hashlib.sha256(b"".join(bytes.fromhex(each.digest) for each in resources)).hexdigest()


def _pae(payload: bytes) -> bytes:
    """DSSE v1 pre-authentication encoding."""
    return b" ".join(
        (b"DSSEv1", str(len(PAYLOAD_TYPE)).encode(), PAYLOAD_TYPE.encode(), str(len(payload)).encode(), payload)
    )
