# SPDX-License-Identifier: Apache-2.0
"""Signing the files of a release as a model, and checking them before they are loaded (OpenSSF Model Signing)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from brightline.core.errors import TrustError
from brightline.core.screening.oms import SIGNATURE_FILE, check_files, read_public_key, sign_files
from brightline.files import create
from brightline.shell.storage.releases import release_files

CHUNK_BYTES: Final = 1 << 20


def check_folder(folder: Path, public_pem: str) -> None:
    """Every file of a release's folder is one that this key signed, and none is missing. Raises ``TrustError``."""
    path = folder / SIGNATURE_FILE
    try:
        bundle = path.read_bytes()
    except OSError as error:
        raise TrustError(f"{path} cannot be read, and a key was named for it: {error.strerror}") from error
    check_files(bundle, read_public_key(public_pem.encode()), _digests(folder))


def sign_folder(folder: Path, key: ec.EllipticCurvePrivateKey) -> Path:
    """Write ``model.sig`` over every other file of a release's folder. Raises ``ReleaseError``, ``TrustError``."""
    path = folder / SIGNATURE_FILE
    if path.exists():
        raise TrustError(f"{path} is there already; what is signed is not signed over")
    path.write_bytes(sign_files(folder.resolve().name, _digests(folder), key))
    return path


def make_signing_key(path: Path) -> str:
    """Make a key on P-256 that its owner alone can read; returns the public half in PEM. Raises ``TrustError``."""
    key = ec.generate_private_key(ec.SECP256R1())
    try:
        create(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    except OSError as error:
        raise TrustError(f"{path} cannot be made: {error.strerror}; a key is never replaced") from error
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def load_signing_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read a key on P-256. Raises ``TrustError`` if it is missing, another kind, or readable by others."""
    try:
        if path.stat().st_mode & 0o077:
            raise TrustError(f"{path} is readable by others than its owner; chmod 600 it")
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise TrustError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise TrustError(f"{path} holds no private key") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise TrustError(f"{path} holds another kind of key than one on P-256")
    return key


def _digests(folder: Path) -> dict[str, str]:
    return {name: _digest(path) for name, path in release_files(folder).items()}


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            found.update(chunk)
    return found.hexdigest()
