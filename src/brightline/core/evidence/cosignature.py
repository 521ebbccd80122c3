# SPDX-License-Identifier: Apache-2.0
"""C2SP tlog-cosignature v1.0.1: what a witness adds to a checkpoint, in Ed25519 (0x04) and ML-DSA-44 (0x06).

An Ed25519 cosignature covers two lines (``cosignature/v1``, the time) and the whole text of the checkpoint. An
ML-DSA-44 cosignature covers a binary structure with the cosigner's name, the time, origin, size and root. Both say:
this is the largest consistent tree that I have seen of this log, at this time.

Traps of the standard that are closed here. The rule of signed notes holds: lines of unknown keys are ignored, and one
line of a known key that fails refuses the note, whatever else signed it. A key is its type too: a plain key (0x01)
never becomes a cosigner's. A time of zero says nothing of "largest seen", so it is read but no quorum counts it; a
time of 2^63 or more is refused. An Ed25519 cosignature does not cover its cosigner's name, so whoever counts
cosigners counts public keys. Only a checkpoint is ever cosigned, never any other text.
"""

from __future__ import annotations

import base64
import binascii
import enum
import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from brightline.core.evidence.checkpoint import Checkpoint
from brightline.core.evidence.note import (
    NoteError,
    VerifierKey,
    decode_canonical,
    is_key_name,
    open_note,
    text_and_lines,
)

TIME_MAX: Final = 2**63 - 1
_ID_BYTES: Final = 4
_TIME_BYTES: Final = 8
_NAME_BYTES_MAX: Final = 255  # of the cosigner and of the origin in an ML-DSA-44 cosignature
_LINE_START: Final = "— "
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")


class NoKnownSignature(NoteError):
    """None of the given keys signed this note."""


class CosignerType(enum.IntEnum):
    """The byte that makes a key a cosigner's (tlog-cosignature, "Format")."""

    ED25519 = 0x04
    ML_DSA_44 = 0x06


_KEY_BYTES: Final = {CosignerType.ED25519: 32, CosignerType.ML_DSA_44: 1_312}
_SIGNATURE_BYTES: Final = {CosignerType.ED25519: 64, CosignerType.ML_DSA_44: 2_420}


class CosignerKey(msgspec.Struct, frozen=True):
    """A cosigner's name and public key: ``key_id`` 4 bytes, ``public_key`` 32 bytes (Ed25519) or 1,312."""

    name: str
    key_id: bytes
    type: CosignerType
    public_key: bytes

    @classmethod
    def of(cls, name: str, type_: CosignerType, public_key: bytes) -> CosignerKey:
        """The key of this name. Raises ``NoteError`` for a name or length that the standard does not allow."""
        if not is_key_name(name) or len(public_key) != _KEY_BYTES[type_]:
            raise NoteError(
                f"a cosigner has a name without spaces or plus signs, and {_KEY_BYTES[type_]} bytes of key"
            )
        id_ = hashlib.sha256(name.encode() + b"\n" + bytes([type_]) + public_key).digest()[:_ID_BYTES]
        return cls(name, id_, type_, public_key)

    @classmethod
    def parse(cls, vkey: str) -> CosignerKey:
        """Read ``<name>+<hex id>+<base64 type and key>``; blanks around it are ignored. Raises ``NoteError``."""
        name, _, rest = vkey.strip(" \t\r\n").partition("+")
        id_hex, _, encoded = rest.partition("+")
        data = decode_canonical(encoded)
        if len(id_hex) != 2 * _ID_BYTES or not data or data[0] not in set(CosignerType):
            raise NoteError("not a cosigner's key (type 0x04 or 0x06)")
        key = cls.of(name, CosignerType(data[0]), data[1:])
        if key.key_id.hex() != id_hex:
            raise NoteError("the key id of this cosigner is not the hash of its name, type and key")
        return key

    def vkey(self) -> str:
        """The key as text."""
        encoded = base64.b64encode(bytes([self.type]) + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    def message(self, text: str, time: int) -> bytes:
        """What this cosigner signs for a checkpoint's text at a time (Unix seconds). Raises ``NoteError``."""
        match self.type:
            case CosignerType.ED25519:
                return f"cosignature/v1\ntime {time}\n{text}".encode()
            case CosignerType.ML_DSA_44:
                head = Checkpoint.parse(text)
                return subtree_message(self.name, time, head.origin, 0, head.size, head.root)


def subtree_message(name: str, time: int, origin: str, start: int, end: int, root: bytes) -> bytes:
    """The ``cosigned_message`` of tlog-cosignature ("ML-DSA-44 signed message"). Raises ``NoteError``.

    ``start`` and ``end`` bound the leaves, ``root`` is their RFC 6962 hash of 32 bytes. A checkpoint starts at 0.
    """
    if not (0 <= time <= TIME_MAX and 0 <= start <= end <= TIME_MAX):
        raise NoteError("times and sizes are whole numbers below 2^63")
    if start and time:
        raise NoteError("a cosignature of a subtree that does not start at 0 has the time 0")
    if len(root) != 32:
        raise NoteError(f"a root has 32 bytes; found {len(root)}")
    parts = [b"subtree/v1\n\0", _vector(name), _number(time), _vector(origin), _number(start), _number(end), root]
    return b"".join(parts)


class Cosignature(msgspec.Struct, frozen=True):
    """A cosigner's verified statement: this was the largest tree that it had seen at ``time`` (Unix seconds)."""

    key: CosignerKey
    time: int


class SignatureLine(msgspec.Struct, frozen=True):
    """One line as it stands. ``signature`` is what follows the 4-byte id; ``canonical`` is false for odd pad bits."""

    name: str
    key_id: bytes
    signature: bytes
    canonical: bool
    raw: str


class NoteParts(msgspec.Struct, frozen=True):
    """A note taken apart; nothing of it is verified. ``text`` ends with its line end."""

    text: str
    lines: tuple[SignatureLine, ...]


class CosignedNote(msgspec.Struct, frozen=True):
    """A text and which of the given keys verify on it. At least one does."""

    text: str
    signed_by: tuple[VerifierKey, ...]
    cosignatures: tuple[Cosignature, ...]


class CosignatureSigner(Protocol):
    """Whatever cosigns: it writes one line for a checkpoint's text."""

    @property
    def verifier(self) -> CosignerKey:
        """The key that verifies its lines."""
        ...

    def cosignature_line(self, text: str, time: int) -> str:
        """The line for this text at this time (Unix seconds), without its line end. Raises ``NoteError``."""
        ...


class Ed25519Cosigner:
    """An Ed25519 key under a cosigner's name. It has no other use: a log that signs with it would forge for it."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self._key = key
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.verifier = CosignerKey.of(name, CosignerType.ED25519, raw)

    def cosignature_line(self, text: str, time: int) -> str:
        """See :class:`CosignatureSigner`."""
        return _line(self.verifier, time, self._key.sign(_message_to_sign(self.verifier, text, time)))


class MlDsaCosigner:
    """An ML-DSA-44 key under a cosigner's name."""

    def __init__(self, name: str, key: MLDSA44PrivateKey) -> None:
        self._key = key
        self.verifier = CosignerKey.of(name, CosignerType.ML_DSA_44, key.public_key().public_bytes_raw())

    def cosignature_line(self, text: str, time: int) -> str:
        """See :class:`CosignatureSigner`."""
        return _line(self.verifier, time, self._key.sign(_message_to_sign(self.verifier, text, time)))


def add_lines(note: bytes, lines: Sequence[str]) -> bytes:
    """The note with more signature lines, each without its line end. Raises ``NoteError`` if that is no note."""
    more = note + "".join(f"{line}\n" for line in lines).encode()
    split_note(more)
    return more


def split_note(note: bytes) -> NoteParts:
    """Take a note apart. Raises ``NoteError`` for what is no note at all.

    Base64 with odd pad bits is read here and marked: a witness must tell a signature that does not verify (403) from
    what is not a note (400). ``open_cosigned`` refuses it.
    """
    text, lines = text_and_lines(note)
    if any(map(_CONTROL.search, (text, *lines))):
        raise NoteError("a note has no control character but LF")
    return NoteParts(text, tuple(map(read_line, lines)))


def read_line(line: str) -> SignatureLine:
    """Read one signature line, without its line end. Raises ``NoteError``."""
    name, space, encoded = line.removeprefix(_LINE_START).partition(" ")
    if not line.startswith(_LINE_START) or not space or not is_key_name(name):
        raise NoteError("a signature line is an em dash, a key name and base64 of key id and signature")
    data = _decode(encoded)
    if len(data) <= _ID_BYTES:
        raise NoteError("a signature line holds a key id of 4 bytes and a signature")
    canonical = base64.b64encode(data).decode() == encoded
    return SignatureLine(name, data[:_ID_BYTES], data[_ID_BYTES:], canonical, line)


def read_time(signature: bytes) -> int:
    """The time (Unix seconds) of a ``timestamped_signature``, unverified. Raises ``NoteError``."""
    if len(signature) not in {_TIME_BYTES + size for size in _SIGNATURE_BYTES.values()}:
        raise NoteError("a cosignature is a time of 8 bytes and a signature of Ed25519 or ML-DSA-44")
    time = int.from_bytes(signature[:_TIME_BYTES], "big")
    if time > TIME_MAX:
        raise NoteError("the time of a cosignature is below 2^63")
    return time


def verify_line(line: SignatureLine, key: CosignerKey, text: str) -> Cosignature:
    """Verify one line under the key whose name and id it has. Raises ``NoteError``."""
    if (line.name, line.key_id) != (key.name, key.key_id):
        raise NoteError(f"this line is not one of {key.name}")
    if not line.canonical or len(line.signature) != _TIME_BYTES + _SIGNATURE_BYTES[key.type]:
        raise NoteError(f"the cosignature of {key.name} does not have the length or encoding of its type")
    time = read_time(line.signature)
    message, signature = key.message(text, time), line.signature[_TIME_BYTES:]
    try:
        match key.type:
            case CosignerType.ED25519:
                Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, message)
            case CosignerType.ML_DSA_44:
                MLDSA44PublicKey.from_public_bytes(key.public_key).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise NoteError(f"the cosignature of {key.name} does not verify") from error
    return Cosignature(key, time)


def open_cosigned(note: bytes, keys: Sequence[VerifierKey], cosigners: Sequence[CosignerKey]) -> CosignedNote:
    """Verify a note under plain keys and cosigners' keys.

    Raises ``NoKnownSignature`` if none of them signed it, ``NoteError`` if one of them fails or it is no note. A
    cosigner that signed twice at two times is there twice.
    """
    parts = split_note(note)
    if not all(line.canonical for line in parts.lines):
        raise NoteError("not canonical base64")
    named = {(line.name, line.key_id) for line in parts.lines}
    plain = [key for key in keys if (key.name, key.key_id) in named]
    known = _by_name([*plain, *cosigners])
    signed_by = open_note(note, plain).signed_by if plain else ()
    found: list[Cosignature] = []
    for line in parts.lines:
        key = known.get((line.name, line.key_id))
        if isinstance(key, CosignerKey):
            cosignature = verify_line(line, key, parts.text)
            if cosignature not in found:
                found.append(cosignature)
    if not signed_by and not found:
        raise NoKnownSignature("no known key signed this note")
    return CosignedNote(parts.text, signed_by, tuple(found))


def _by_name(keys: Iterable[VerifierKey | CosignerKey]) -> dict[tuple[str, bytes], VerifierKey | CosignerKey]:
    known: dict[tuple[str, bytes], VerifierKey | CosignerKey] = {}
    for key in keys:
        if known.setdefault((key.name, key.key_id), key) != key:
            raise NoteError(f"two of the given keys have the name {key.name} and one id")
    return known


def _message_to_sign(key: CosignerKey, text: str, time: int) -> bytes:
    Checkpoint.parse(text)  # whoever could choose another text could choose what else the signature says
    if not 1 <= time <= TIME_MAX:
        raise NoteError("a cosignature is made at a time from 1 to 2^63 - 1")
    return key.message(text, time)


def _line(key: CosignerKey, time: int, signature: bytes) -> str:
    data = key.key_id + _number(time) + signature
    return f"{_LINE_START}{key.name} {base64.b64encode(data).decode()}"


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big")


def _vector(text: str) -> bytes:
    data = text.encode()
    if not 1 <= len(data) <= _NAME_BYTES_MAX:
        raise NoteError(f"names in an ML-DSA-44 cosignature have 1 to {_NAME_BYTES_MAX} bytes")
    return bytes([len(data)]) + data


def _decode(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError("not base64") from error
