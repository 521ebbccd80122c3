# SPDX-License-Identifier: Apache-2.0
"""Private keys of a node: in clear on a disk, for the development profile; or sealed, and asked of the key agent.

Both are asked for by the path where the key would lie in clear. A sealed one comes from the agent that runs for its
folder (``agent.py``), into memory and nowhere else. Where neither is, there is no key.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from brightline.core.errors import TrustError
from brightline.files import create
from brightline.shell.trust.agent_socket import ask_agent
from brightline.shell.trust.sealed import Broker, is_node_key, read_broker, seal_key, sealed_path


def make_key(path: Path) -> Ed25519PrivateKey:
    """Make an Ed25519 key. Raises ``TrustError`` if the file exists: a key is never replaced silently."""
    key = Ed25519PrivateKey.generate()
    if (broker := _broker_for(path)) is not None:
        seal_key(path, key.private_bytes_raw(), public_hex(key), broker)
    else:
        _write_new(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key


def make_secret(path: Path) -> bytes:
    """Make 32 random bytes, kept as hex. Raises ``TrustError`` if the file exists."""
    secret = secrets.token_bytes(32)
    if (broker := _broker_for(path)) is not None:
        seal_key(path, secret, "", broker)
    else:
        _write_new(path, secret.hex().encode())
    return secret


def has_key(path: Path) -> bool:
    """Whether there is a key, in clear or sealed."""
    return path.exists() or sealed_path(path).exists()


def _broker_for(path: Path) -> Broker | None:
    """To which broker this key is sealed before it is written; None: it lies in clear. Raises ``TrustError``."""
    if not is_node_key(path.name) or (broker := read_broker(path.parent)) is None:
        return None
    if has_key(path):
        raise TrustError(f"{path} exists already; a key is never replaced")
    return broker


def _write_new(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        create(path, data)
    except FileExistsError as error:
        raise TrustError(f"{path} exists already; a key is never replaced") from error


def load_key(path: Path) -> Ed25519PrivateKey:
    """Read a key. Raises ``TrustError`` if it is missing, no Ed25519 key, readable by others, or not handed over."""
    if (held := _held(path)) is not None:
        return Ed25519PrivateKey.from_private_bytes(held)
    data = _read_private(path)
    try:
        key = load_pem_private_key(data, password=None)
    except ValueError as error:
        raise TrustError(f"{path} holds no private key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise TrustError(f"{path} holds another kind of key than Ed25519")
    return key


def load_secret(path: Path) -> bytes:
    """Read 32 bytes kept as hex. Raises ``TrustError``."""
    if (held := _held(path)) is not None:
        return held
    try:
        secret = bytes.fromhex(_read_private(path).decode("ascii"))
    except (UnicodeDecodeError, ValueError) as error:
        raise TrustError(f"{path} holds no secret") from error
    if len(secret) != 32:
        raise TrustError(f"{path} holds {len(secret)} bytes; expected 32")
    return secret


def _held(path: Path) -> bytes | None:
    """A sealed key, from the agent; None where the key is not sealed. Raises ``TrustError``."""
    if not sealed_path(path).exists():
        return None
    if path.exists():
        raise TrustError(f"{path} lies there in clear and sealed; remove the one in clear")
    return ask_agent(path.parent, path.name)


def _read_private(path: Path) -> bytes:
    try:
        if path.stat().st_mode & 0o077:
            raise TrustError(f"{path} is readable by others than its owner; chmod 600 it")
        return path.read_bytes()
    except OSError as error:
        raise TrustError(f"{path} cannot be read: {error.strerror}") from error


def public_hex(key: Ed25519PrivateKey) -> str:
    """The raw public key in hex, as trust roots pin it."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
