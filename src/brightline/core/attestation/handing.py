# SPDX-License-Identifier: Apache-2.0
"""THE KEY BROKER'S PROTOCOL: keys that sign are handed to a machine that shows what it is, and to no other.

    sealed    on the node's disk: each key encrypted (HPKE, RFC 9180) to the broker, under the key's name
    asked     a nonce of the broker's; a fresh key of the node's, the *recipient*; the sealed keys; evidence that
              answers a challenge over all of these
    handed    the same keys encrypted to the recipient, under name and nonce, in a statement that the broker signs

The recipient's private half never leaves the memory of the process that made it, and is made anew each time. So an
answer of before opens nothing, whoever has kept it, and evidence of before answers another nonce.

The appraisal is that of a lease (``lease.py``): the same policy, the same revocations, the same demand that nothing
which attests nothing counts in production. Beyond that both facts must follow: keys go to the stack, where it may run.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Meta

from brightline.core.attestation.appraise import GOOD, PIECES_MAX, Appraisal
from brightline.core.attestation.claims import Kind
from brightline.core.attestation.evidence import Evidence
from brightline.core.attestation.fault import Fault, refuse
from brightline.core.attestation.lease import Instant, Lease, Loss, Node, Shown, grant
from brightline.core.canonical import JsonValue, digest
from brightline.core.errors import KeysRefused

ASKED_FORMAT: Final = "brightline-keys-asked/1"
HANDED_FORMAT: Final = "brightline-keys-handed/1"
HANDED_TYPE: Final = "application/vnd.brightline.keys-handed+json"
NONCE_BYTES: Final = 32
NONCE_SECONDS: Final = 60
KEY_BYTES: Final = 32  # an Ed25519 seed, or a secret
KEYS_MAX: Final = 64
ASKED_BYTES_MAX: Final = 2_097_152  # evidence with its lists, in base64
HANDED_BYTES_MAX: Final = 65_536
_PREFIX: Final = b"brightline-keys-v1\0"
_SEALED: Final = b"brightline-sealed-key-v1\0"
_HANDED: Final = b"brightline-handed-key-v1\0"
_CHALLENGE_BYTES: Final = 24

KeyName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
_Hex32 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
_Digest = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$")]
_Box = Annotated[str, Meta(min_length=1, max_length=512)]


class SealedKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key as it lies on a disk. ``public`` is that of a key that signs, in hex, and empty for a secret."""

    name: KeyName
    public: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?$")]
    box: _Box

    @property
    def bytes(self) -> bytes:
        """The ciphertext. Raises ``KeysRefused``."""
        return _unboxed(self.box)


class _Piece(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Kind
    main: str
    parts: dict[str, str] = {}


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a node asks. ``installation`` is the digest of what both parties signed for it."""

    format: str
    nonce: _Hex32
    recipient: _Hex32
    installation: _Digest
    keys: Annotated[tuple[SealedKey, ...], Meta(min_length=1, max_length=KEYS_MAX)]
    evidence: Annotated[tuple[_Piece, ...], Meta(min_length=1, max_length=PIECES_MAX)]

    def pieces(self) -> tuple[Evidence, ...]:
        """The evidence as bytes, of which nothing is believed yet. Raises ``KeysRefused``."""
        return tuple(
            Evidence(each.kind, _unboxed(each.main), {name: _unboxed(part) for name, part in each.parts.items()})
            for each in self.evidence
        )


class HandedKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key, for the recipient alone."""

    name: KeyName
    box: _Box


class Handed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the broker signs. Times are Unix seconds: a key is not held beyond ``until`` without asking again."""

    format: str
    nonce: _Hex32
    recipient: _Hex32
    installation: _Digest
    keys: tuple[HandedKey, ...]
    issued: int
    until: int


def seal_info(name: str) -> bytes:
    """Under what a key is sealed: another name opens nothing."""
    return _SEALED + name.encode()


def hand_info(name: str, nonce: bytes) -> bytes:
    """Under what a key is handed over: another name, or another nonce, opens nothing."""
    return _HANDED + nonce + name.encode()


def digest_of(keys: tuple[SealedKey, ...]) -> str:
    """``sha256:<hex>`` over sealed keys as they are asked for; it stands in the record, and in the challenge."""
    return digest([[key.name, key.public, key.box] for key in keys])


def challenge_over(nonce: bytes, recipient: bytes, installation: str, sealed: str) -> bytes:
    """What evidence must carry: 32 characters of ASCII, as for a lease, and never the challenge of one.

    ``sealed`` is the digest of the keys that are asked for.
    """
    hashed = hashlib.sha256(_PREFIX)
    for part in (nonce, recipient, installation.encode(), sealed.encode()):
        hashed.update(len(part).to_bytes(4, "big") + part)
    return urlsafe_b64encode(hashed.digest()[:_CHALLENGE_BYTES])


def write_asked(
    nonce: bytes, recipient: bytes, installation: str, keys: tuple[SealedKey, ...], evidence: tuple[Evidence, ...]
) -> bytes:
    """What a node sends."""
    pieces = tuple(
        _Piece(each.kind, boxed(each.main), {name: boxed(part) for name, part in each.parts.items()})
        for each in evidence
    )
    return msgspec.json.encode(Asked(ASKED_FORMAT, nonce.hex(), recipient.hex(), installation, keys, pieces))


def read_asked(data: bytes) -> Asked:
    """What a node sent. Raises ``KeysRefused``."""
    try:
        asked = msgspec.json.decode(data, type=Asked, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise KeysRefused("malformed", "what was asked does not read") from error
    names = [key.name for key in asked.keys]
    if asked.format != ASKED_FORMAT or len(set(names)) != len(names):
        raise KeysRefused("malformed", "what was asked has another format, or names a key twice")
    return asked


def appraised(
    node: Node,
    asked: Asked,
    evidence: tuple[Evidence, ...],
    appraisal: Appraisal,
    revoked: frozenset[str],
    at: Instant,
) -> Lease:
    """For how long the machine that asks may hold what it asks for: as long as its lease would last.

    Raises ``EvidenceRefused`` with the fault.
    """
    shown = Shown(bytes.fromhex(asked.nonce), evidence, "asked for keys", production=True)
    lease = grant(node, shown, appraisal, at)
    missing = [name for name, good in GOOD.items() if dict(appraisal.facts).get(name) != good]
    if missing:
        refuse(Fault.NOT_ASKED_FOR, f"{' and '.join(missing)} does not follow from what was shown")
    if not lease.rests_on.isdisjoint(revoked):
        refuse(Fault.DENIED, Loss.REVOKED.value)
    return lease


def check_key(sealed: SealedKey, key: bytes) -> None:
    """The key is what its file says that it is. Raises ``KeysRefused``."""
    if len(key) != KEY_BYTES:
        raise KeysRefused("malformed", f"{sealed.name} has {len(key)} bytes; a key has {KEY_BYTES}")
    if sealed.public and Ed25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw().hex() != (
        sealed.public
    ):
        raise KeysRefused("malformed", f"{sealed.name} is the key of another public half than it says")


def handed_record(asked: Asked, lease: Lease) -> tuple[dict[str, JsonValue], dict[str, JsonValue]]:
    """What the KEYS record of keys that are handed over says to everybody, and what it commits to."""
    public = lease.public()
    del public["attester"]  # who asked its machine is nothing that the broker saw
    return {**public, **_of(asked, "handed")}, lease.committed()


def refused_record(asked: Asked, fault: str, said: str) -> tuple[dict[str, JsonValue], dict[str, JsonValue]]:
    """What the KEYS record of a refusal says, and what it commits to."""
    return {**_of(asked, "refused"), "fault": fault}, {"why": said}


def _of(asked: Asked, what: str) -> dict[str, JsonValue]:
    return {
        "what": what,
        "installation": asked.installation,
        "names": [key.name for key in asked.keys],
        "nonce": asked.nonce,
        "recipient": asked.recipient,
        "sealed": digest_of(asked.keys),
        "signs": [key.public for key in asked.keys if key.public],
    }


def read_handed(data: bytes, nonce: bytes, recipient: bytes, installation: str, now: float) -> Mapping[str, bytes]:
    """The boxes of an answer to this very question, by name. Raises ``KeysRefused``."""
    try:
        said = msgspec.json.decode(data, type=Handed, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise KeysRefused("malformed", "what the broker signed does not read") from error
    if said.format != HANDED_FORMAT:
        raise KeysRefused("malformed", f"what the broker signed has the format {said.format[:40]!r}")
    if (said.nonce, said.recipient, said.installation) != (nonce.hex(), recipient.hex(), installation):
        raise KeysRefused("wrong-nonce", "what the broker signed answers another question")
    if said.until <= now:
        raise KeysRefused("expired", "what the broker handed over is over already")
    return {each.name: _unboxed(each.box) for each in said.keys}


def until_of(data: bytes) -> int:
    """Until when what was handed over may be held. Read it with :func:`read_handed` first."""
    return msgspec.json.decode(data, type=Handed, strict=True).until


def boxed(data: bytes) -> str:
    """Bytes as they travel."""
    return b64encode(data).decode()


def _unboxed(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError as error:
        raise KeysRefused("malformed", "bytes are written in base64") from error
