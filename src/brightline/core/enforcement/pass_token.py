# SPDX-License-Identifier: Apache-2.0
"""The pass token: the right to send one request to one model server, once.

A token is Ed25519 over canonical JSON that names the PASS record (shard and leaf index), the digest of the very bytes
that are sent, the model, the upstream, the agreement, the release and an expiry. It can be minted only from a durable
PASS record, and only ``enforcement/machine.py`` does so: whatever takes a :class:`PassToken` need not ask again.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final, Protocol

import msgspec

from brightline.core.canonical import canonical_bytes
from brightline.core.evidence.record import DurableRecord, RecordKind
from brightline.core.exchange.model import UpstreamRequest

TOKEN_VERSION: Final = "brightline-pass/1"  # noqa: S105 - a version
_MINT: Final = object()


class Signs(Protocol):
    """A signing key of this node. Ed25519 is deterministic, so signing is computing."""

    def sign(self, data: bytes) -> bytes:
        """Return 64 bytes."""
        ...


class PassClaims(msgspec.Struct, frozen=True):
    """What a token says. ``expires`` is Unix seconds."""

    exchange: str
    shard: str
    seq: int
    wire_digest: str
    model: str
    upstream: str
    agreement: str
    release: str
    expires: int

    def to_bytes(self) -> bytes:
        """The signed bytes: canonical JSON with the version inside."""
        return canonical_bytes({"v": TOKEN_VERSION, **msgspec.structs.asdict(self)})


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
    return "sha256:" + hashlib.sha256(request.body).hexdigest()


def token_id(exchange: str) -> str:
    """The id under which a token is booked: one exchange has at most one."""
    return hashlib.sha256(f"brightline-token/{exchange}".encode()).hexdigest()[:32]


def mint_pass(
    record: DurableRecord, request: UpstreamRequest, model: str, upstream: str, expires: int, signer: Signs
) -> PassToken:
    """Mint the token of a durable PASS record. Imported by ``enforcement/machine.py`` alone (a test looks)."""
    if record.kind is not RecordKind.PASS:
        raise TypeError(f"a pass token needs a PASS record; this is {record.kind.value}")
    claims = PassClaims(
        exchange=record.draft.exchange,
        shard=record.place.shard,
        seq=record.place.seq,
        wire_digest=wire_digest(request),
        model=model,
        upstream=upstream,
        agreement=str(record.draft.public["agreement"]),
        release=str(record.draft.public["release"]),
        expires=expires,
    )
    payload = claims.to_bytes()
    text = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (payload, signer.sign(payload)))
    return PassToken(_MINT, claims, text)
