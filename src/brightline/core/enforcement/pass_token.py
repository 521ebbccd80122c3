# SPDX-License-Identifier: Apache-2.0
"""The pass token: the right to send one request to one model server, once.

A token is Ed25519 over canonical JSON that names the PASS record (shard and leaf index), path and digest of the very
bytes that are sent, the model, the upstream, the agreement, the release, and from when to when. It can be minted only
from a durable PASS record, and only ``enforcement/machine.py`` does so: whatever takes a :class:`PassToken` need not
ask again. On the other side the guard reads it with :func:`read_pass`, which believes nothing but a pinned key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import Final, Literal, Protocol

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from brightline.core.canonical import canonical_bytes
from brightline.core.evidence.record import DurableRecord, RecordKind
from brightline.core.exchange.model import UpstreamRequest

TOKEN_VERSION: Final = "brightline-pass/1"  # noqa: S105 - a version
TOKEN_CHARS_MAX: Final = 4_096
_MINT: Final = object()


class Signs(Protocol):
    """A signing key of this node. Ed25519 is deterministic, so signing is computing."""

    def sign(self, data: bytes) -> bytes:
        """Return 64 bytes."""
        ...


class PassClaims(msgspec.Struct, frozen=True):
    """What a token says. ``issued`` and ``expires`` are Unix seconds.

    ``vvt`` are the records of testing that the workload's registration names: the guard asks for each of them.
    """

    exchange: str
    shard: str
    seq: int
    path: str
    wire_digest: str
    model: str
    upstream: str
    agreement: str
    release: str
    issued: int
    expires: int
    vvt: tuple[str, ...] = ()

    def to_bytes(self) -> bytes:
        """The signed bytes: canonical JSON with the version inside."""
        return canonical_bytes({"v": TOKEN_VERSION, **msgspec.structs.asdict(self), "vvt": list(self.vvt)})


class PassToken:
    """A minted token; ``text`` is what travels in the ``x-brightline-pass`` header."""

    __slots__ = ("claims", "text")

    def __init__(self, token: object, claims: PassClaims, text: str) -> None:
        if token is not _MINT:
            raise TypeError("a PassToken is minted by the machine alone")
        self.claims = claims
        self.text = text


def wire_digest(request: UpstreamRequest) -> str:
    """The digest of the bytes that are sent. It goes into the token; the log holds only a commitment to it."""
    return body_digest(request.body)


def body_digest(body: bytes) -> str:
    """The same of bytes that have arrived."""
    return "sha256:" + hashlib.sha256(body).hexdigest()


def token_id(exchange: str) -> str:
    """The id under which a token is booked: one exchange has at most one."""
    return hashlib.sha256(f"brightline-token/{exchange}".encode()).hexdigest()[:32]


def mint_pass(
    record: DurableRecord,
    request: UpstreamRequest,
    model: str,
    upstream: str,
    issued: int,
    expires: int,
    signer: Signs,
    vvt: tuple[str, ...] = (),
) -> PassToken:
    """Mint the token of a durable PASS record. Imported by ``enforcement/machine.py`` alone (a test looks)."""
    if record.kind is not RecordKind.PASS:
        raise TypeError(f"a pass token needs a PASS record; this is {record.kind.value}")
    claims = PassClaims(
        exchange=record.draft.exchange,
        shard=record.place.shard,
        seq=record.place.seq,
        path=request.path,
        wire_digest=wire_digest(request),
        model=model,
        upstream=upstream,
        agreement=str(record.draft.public["agreement"]),
        release=str(record.draft.public["release"]),
        issued=issued,
        expires=expires,
        vvt=vvt,
    )
    payload = claims.to_bytes()
    text = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (payload, signer.sign(payload)))
    return PassToken(_MINT, claims, text)


class PassRefused(ValueError):
    """What was presented is no token of a pinned gateway. The message tells nothing that helps to make one."""


def read_pass(presented: str, gateways: Sequence[bytes]) -> PassClaims:
    """Verify a presented token and read it.

    ``gateways`` are raw Ed25519 public keys, 32 bytes each. Whether the token is for whoever reads it, in date and
    unused is for them to look at. Raises ``PassRefused``.
    """
    payload, dot, signature = presented.partition(".")
    if not dot or len(presented) > TOKEN_CHARS_MAX or not presented.isascii():
        raise PassRefused("not a pass token")
    try:
        signed, over = _decoded(signature), _decoded(payload)
    except (binascii.Error, ValueError) as error:
        raise PassRefused("not a pass token") from error
    if not any(_verifies(key, signed, over) for key in gateways):
        raise PassRefused("no pinned gateway signed this token")
    try:
        claims = msgspec.json.decode(over, type=_Signed)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PassRefused("a token of another version") from error
    return PassClaims(**{name: getattr(claims, name) for name in PassClaims.__struct_fields__})


class _Signed(PassClaims, frozen=True, forbid_unknown_fields=True, kw_only=True):
    v: Literal["brightline-pass/1"]


def _decoded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def _verifies(key: bytes, signature: bytes, data: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, data)
    except InvalidSignature:
        return False
    return True
