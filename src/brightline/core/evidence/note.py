# SPDX-License-Identifier: Apache-2.0
"""C2SP signed-note v1.0.0: text with signature lines, and the keys that verify them (Ed25519, type 0x01).

Traps of the standard that are closed here: signatures of unknown keys are ignored, but any signature line of a *known*
key that fails refuses the whole note, also beside a good line of the same key; the whole note, names included, has no
control characters below U+0020 but LF; a key's id is a hash and may collide, so name and id are both compared.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

NOTE_BYTES_MAX: Final = 1_000_000
SIGNATURES_MAX: Final = 100
ED25519: Final = 0x01
COSIGNED_TEXTS: Final = ("cosignature/v1", "subtree/v1")
_SIGNATURE_START: Final = "— "
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")


class NoteError(ValueError):
    """A note, key or signature that is malformed or does not verify."""


class VerifierKey(msgspec.Struct, frozen=True):
    """A named Ed25519 key: ``key_id`` 4 bytes, ``public_key`` 32 bytes."""

    name: str
    key_id: bytes
    public_key: bytes

    @classmethod
    def of(cls, name: str, public_key: bytes) -> VerifierKey:
        """The key of this name. Raises ``NoteError`` for a name that the standard does not allow."""
        if not is_key_name(name) or len(public_key) != 32:
            raise NoteError("a key has a name without spaces or plus signs, and 32 bytes")
        return cls(name, key_id_of(name, public_key), public_key)

    @classmethod
    def parse(cls, vkey: str) -> VerifierKey:
        """Read ``<name>+<hex id>+<base64 type and key>``. Raises ``NoteError``.

        Blanks and line ends around the key are ignored, so that a file that holds one key can be given as it is.
        """
        name, _, rest = vkey.strip(" \t\r\n").partition("+")
        id_hex, _, encoded = rest.partition("+")
        data = decode_canonical(encoded)
        if len(id_hex) != 8 or not data or data[0] != ED25519 or len(data) != 33:
            raise NoteError("not a verifier key of type Ed25519")
        key = cls.of(name, data[1:])
        if key.key_id.hex() != id_hex:
            raise NoteError("the key id of this verifier key is not the hash of its name and key")
        return key

    def vkey(self) -> str:
        """The key as text."""
        encoded = base64.b64encode(bytes([ED25519]) + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"


def key_id_of(name: str, public_key: bytes) -> bytes:
    """SHA-256(name ‖ LF ‖ type ‖ key), the first four bytes."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([ED25519]) + public_key).digest()[:4]


def is_key_name(name: str) -> bool:
    """Whether the standard allows this key name: not empty, no spaces, plus signs or control characters."""
    return bool(name) and "+" not in name and not _CONTROL.search(name) and not any(map(str.isspace, name))


class Signer(Protocol):
    """Whatever signs notes: it adds one signature line."""

    def signature_line(self, text: str) -> str:
        """The line for this text, without its line end."""
        ...


class NoteSigner:
    """An Ed25519 key under a name, for notes alone: what a cosigner would sign it refuses.

    A plain signature over a text that begins ``cosignature/v1`` or ``subtree/v1`` is byte for byte a cosignature under
    the same key (C2SP tlog-cosignature). A log whose key could be led to sign one could be made its own witness.
    """

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.verifier = VerifierKey.of(name, key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def signature_line(self, text: str) -> str:
        """The line for this text, without its line end. Raises ``NoteError`` for what only a cosigner signs."""
        if text.startswith(COSIGNED_TEXTS):
            raise NoteError("a text that begins as what a cosigner signs is not signed as a note")
        signature = self.verifier.key_id + self._key.sign(text.encode())
        return f"{_SIGNATURE_START}{self.verifier.name} {base64.b64encode(signature).decode()}"


class OpenedNote(msgspec.Struct, frozen=True):
    """A text and the given keys whose signatures verify on it, at least one."""

    text: str
    signed_by: tuple[VerifierKey, ...]


def sign_note(text: str, signers: Sequence[Signer]) -> bytes:
    """Write a note. Raises ``NoteError`` for what ``open_note`` would refuse: the text, the length, no signature."""
    _check_text(text)
    if not 1 <= len(signers) <= SIGNATURES_MAX:
        raise NoteError(f"a note has 1 to {SIGNATURES_MAX} signatures, not {len(signers)}")
    lines = [signer.signature_line(text) for signer in signers]
    note = (text + "\n" + "".join(f"{line}\n" for line in lines)).encode()
    if len(note) > NOTE_BYTES_MAX:
        raise NoteError(f"a note of {len(note)} bytes exceeds {NOTE_BYTES_MAX}")
    return note


def open_note(note: bytes, keys: Sequence[VerifierKey]) -> OpenedNote:
    """Verify a note under the given keys. Raises ``NoteError`` if none of them signed it, or one fails."""
    text, lines = text_and_lines(note)
    _check_text(text)
    known: dict[tuple[str, bytes], list[VerifierKey]] = {}
    for given in keys:
        known.setdefault((given.name, given.key_id), []).append(given)
    signed_by: list[VerifierKey] = []
    for line in lines:
        name, signature = _read_line(line)
        candidates = known.get((name, signature[:4]))
        if candidates is None:
            continue  # "Verifiers MUST ignore unknown signatures"
        if len(candidates) > 1:
            raise NoteError(f"two of the given keys have the name {name} and one id")
        key = candidates[0]
        try:
            Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature[4:], text.encode())
        except (InvalidSignature, ValueError) as error:
            raise NoteError(f"the signature of {key.name} does not verify") from error
        if key not in signed_by:
            signed_by.append(key)
    if not signed_by:
        raise NoteError("no known key signed this note")
    return OpenedNote(text, tuple(signed_by))


def text_and_lines(note: bytes) -> tuple[str, list[str]]:
    """The text of a note, with its line end, and its signature lines, none of them read. Raises ``NoteError``."""
    if len(note) > NOTE_BYTES_MAX:
        raise NoteError(f"a note of {len(note)} bytes exceeds {NOTE_BYTES_MAX}")
    try:
        whole = note.decode("utf-8", "strict")
    except UnicodeDecodeError as error:
        raise NoteError("a note is UTF-8") from error
    text, separator, block = whole.rpartition("\n\n")
    if not separator or not block.endswith("\n"):
        raise NoteError("a note has a text, an empty line and signature lines")
    lines = block[:-1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise NoteError(f"a note has at most {SIGNATURES_MAX} signatures")
    return f"{text}\n", lines


def _read_line(line: str) -> tuple[str, bytes]:
    if not line.startswith(_SIGNATURE_START):
        raise NoteError("a signature line starts with an em dash and a space")
    name, space, encoded = line[len(_SIGNATURE_START) :].partition(" ")
    signature = decode_canonical(encoded)
    if not space or not is_key_name(name) or len(signature) < 5:
        raise NoteError("a signature line is an em dash, a key name and base64 of key id and signature")
    return name, signature


def decode_canonical(encoded: str) -> bytes:
    """Read base64 that is written in the one canonical way. Raises ``NoteError``."""
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError("not base64") from error
    if base64.b64encode(data).decode() != encoded:
        raise NoteError("not canonical base64")
    return data


def _check_text(text: str) -> None:
    if not text.endswith("\n") or _CONTROL.search(text):
        raise NoteError("the text of a note ends in a line end and has no other control characters below U+0020")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NoteError("the text of a note has no lone surrogates") from error
