# SPDX-License-Identifier: Apache-2.0
"""The receipt: a signed promise that an outcome stands in the log at this place.

It is what a caller keeps. An auditor who later finds another leaf there, or none, holds a proof against the operator.
The signature covers canonical JSON; the key is the one that signs the shard's checkpoints.
"""

from __future__ import annotations

import base64
from typing import Final, Protocol

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from brightline.core.canonical import JsonValue, canonical_bytes
from brightline.core.evidence.record import DurableRecord

RECEIPT_VERSION: Final = "brightline-receipt/1"
RECEIPT_CHARS_MAX: Final = 4_096


class _Signs(Protocol):
    def sign(self, data: bytes) -> bytes: ...


class Receipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``leaf`` is the RFC 6962 leaf hash in hex; ``signature`` is base64url over the other fields."""

    v: str
    exchange: str
    profile: str
    shard: str
    epoch: int
    seq: int
    leaf: str
    signature: str = ""

    def to_value(self) -> dict[str, JsonValue]:
        """The receipt as a JSON value, signature included."""
        return msgspec.structs.asdict(self)

    def encode(self) -> str:
        """The receipt as one header value: base64url of canonical JSON."""
        return base64.urlsafe_b64encode(canonical_bytes(self.to_value())).decode().rstrip("=")


def _signed_bytes(receipt: Receipt) -> bytes:
    value = receipt.to_value()
    del value["signature"]
    return canonical_bytes(value)


def write_receipt(record: DurableRecord, signer: _Signs) -> Receipt:
    """Sign the receipt of a durable record; nothing that is not durable has one."""
    place = record.place
    unsigned = Receipt(
        v=RECEIPT_VERSION,
        exchange=record.draft.exchange,
        profile=place.profile,
        shard=place.shard,
        epoch=place.epoch,
        seq=place.seq,
        leaf=record.leaf_hash.hex(),
    )
    signature = base64.urlsafe_b64encode(signer.sign(_signed_bytes(unsigned))).decode().rstrip("=")
    return msgspec.structs.replace(unsigned, signature=signature)


def read_receipt(text: str) -> Receipt:
    """Read a receipt from its header form or from JSON. Raises ``ValueError``."""
    if len(text) > RECEIPT_CHARS_MAX:
        raise ValueError("a receipt has at most 4,096 characters")
    data = text.strip().encode()
    try:
        if not data.startswith(b"{"):
            data = base64.urlsafe_b64decode(data + b"=" * (-len(data) % 4))
        receipt = msgspec.json.decode(data, type=Receipt, strict=True)
    except (msgspec.DecodeError, ValueError) as error:  # not base64, JSON or UTF-8
        raise ValueError(f"not a receipt: {error}") from error
    if receipt.v != RECEIPT_VERSION:
        raise ValueError(f"receipt version {receipt.v[:40]!r}; expected {RECEIPT_VERSION!r}")
    return receipt


def verify_receipt(receipt: Receipt, public_key: bytes) -> None:
    """Check the signature. Raises ``ValueError``."""
    try:
        signature = base64.urlsafe_b64decode(receipt.signature + "=" * (-len(receipt.signature) % 4))
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, _signed_bytes(receipt))
    except (InvalidSignature, ValueError) as error:
        raise ValueError("the receipt's signature does not verify under the log's key") from error


def is_signed(receipt: Receipt, public_key: bytes) -> bool:
    """Whether this key signed the receipt."""
    try:
        verify_receipt(receipt, public_key)
    except ValueError:
        return False
    return True
