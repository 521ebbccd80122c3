# SPDX-License-Identifier: Apache-2.0
"""Keys of a node on its disk, as ciphertext that its key broker alone can open (HPKE, RFC 9180).

    keys/broker.json   where the broker is, to which key is sealed, and by which key the broker signs
    keys/NAME.sealed   one key: its name, its public half, and the key itself encrypted to the broker

Once a folder names its broker, a key of the node that is made there is sealed before it is written: what lies on the
disk was never there in clear. Keys of people are none of a node's, and are not touched.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from msgspec import Meta

from brightline.core.attestation.handing import SealedKey, boxed, seal_info
from brightline.core.attestation.lease import DEVELOPMENT
from brightline.core.errors import ConfigError, KeysRefused, TrustError
from brightline.files import create, read_within, write_private

BROKER_FILE: Final = "broker.json"
BROKER_FORMAT: Final = "brightline-broker/1"
SUFFIX: Final = ".sealed"
FILE_BYTES_MAX: Final = 4_096
LOG_PREFIX: Final = "log-"
NODE_KEYS: Final = frozenset({"token", "hold", "tenant", "log"})
SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
T = TypeVar("T")
_Hex32 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class Broker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a node has to know of its broker. ``seal_to`` is an X25519 key, ``signs`` an Ed25519 one, raw, in hex."""

    format: str
    url: Annotated[str, Meta(pattern=r"^https?://[^/?#]+$")]
    seal_to: _Hex32
    signs: _Hex32


def is_node_key(name: str) -> bool:
    """Whether this is a key by which a node signs, or under which it keeps what it wrote; no person's."""
    return name in NODE_KEYS or name.startswith(LOG_PREFIX)


def read_broker(folder: Path) -> Broker | None:
    """The broker that a folder of keys names, if it names one. Raises ``TrustError``."""
    path = folder / BROKER_FILE
    if not path.exists():
        return None
    return _read(path, Broker, BROKER_FORMAT)


def read_card(path: Path) -> Broker:
    """A broker as its card says. Raises ``TrustError``."""
    return _read(path, Broker, BROKER_FORMAT)


def write_broker(folder: Path, broker: Broker) -> None:
    """Name the broker of a folder of keys. Raises ``ConfigError`` if another is named there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (known := read_broker(folder)) == broker:
        return
    if known is not None:
        raise ConfigError(f"{folder / BROKER_FILE} names another broker; its keys open nowhere else")
    write_private(folder / BROKER_FILE, msgspec.json.format(msgspec.json.encode(broker)))


def sealed_path(path: Path) -> Path:
    """Where a key lies sealed that would lie in clear at ``path``."""
    return path.with_name(path.name + SUFFIX)


def seal_key(path: Path, key: bytes, public: str, broker: Broker) -> None:
    """Write a key sealed. Raises ``TrustError`` if one is there: a key is never replaced silently."""
    box = SUITE.encrypt(key, X25519PublicKey.from_public_bytes(bytes.fromhex(broker.seal_to)), seal_info(path.name))
    sealed = SealedKey(path.name, public, boxed(box))
    try:
        create(sealed_path(path), msgspec.json.encode(sealed))
    except FileExistsError as error:
        raise TrustError(f"{sealed_path(path)} exists already; a key is never replaced") from error


def read_sealed(path: Path) -> SealedKey:
    """A key as it lies there. Raises ``TrustError``."""
    sealed = _read(path, SealedKey, None)
    if sealed.name + SUFFIX != path.name:
        raise TrustError(f"{path} is the sealed key {sealed.name!r}")
    return sealed


def all_sealed(folder: Path) -> tuple[SealedKey, ...]:
    """All sealed keys of a folder, by name. Raises ``TrustError``."""
    return tuple(read_sealed(path) for path in sorted(folder.glob(f"*{SUFFIX}")))


def open_sealed(sealed: SealedKey, key: X25519PrivateKey) -> bytes:
    """What the broker does: open a key that was sealed to it. Raises ``KeysRefused``."""
    return unseal(sealed.bytes, key, seal_info(sealed.name), sealed.name)


def unseal(box: bytes, key: X25519PrivateKey, info: bytes, name: str) -> bytes:
    """Open a box. Raises ``KeysRefused`` for one that was made for another key, name or question."""
    try:
        return SUITE.decrypt(box, key, info)
    except (InvalidTag, ValueError) as error:
        raise KeysRefused("not-sealed-to-it", f"{name} does not open: it was sealed to another key or name") from error


def clear_keys(folder: Path) -> tuple[str, ...]:
    """The names of a node's keys that lie in clear in a folder."""
    found = [each.name for each in folder.glob("*") if each.is_file() and not each.name.endswith(SUFFIX)]
    return tuple(sorted(name for name in found if is_node_key(name)))


def require_sealed(folder: Path, profile: str) -> None:
    """Raise ``TrustError`` where a node's keys lie in clear, in any profile but development."""
    if profile == DEVELOPMENT:
        return
    if clear := clear_keys(folder):
        raise TrustError(
            f"{', '.join(clear)} lies in clear in {folder}: in profile {profile!r} keys are sealed to a key broker; "
            "`brightline keys seal`"
        )


def _read(path: Path, type_: type[T], format_: str | None) -> T:
    try:
        found = msgspec.json.decode(read_within(path, FILE_BYTES_MAX), type=type_, strict=True)
    except (ConfigError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrustError(f"{path} does not read: {error}") from error
    if format_ is not None and getattr(found, "format", "") != format_:
        raise TrustError(f"{path} has another format than {format_!r}")
    return found
