# SPDX-License-Identifier: Apache-2.0
"""What a caller's own server is told once people have decided its hold, and by what it knows that we said it.

The message holds no content: an id and how it stands. It is signed as Standard Webhooks has it (specification 1.0.0,
"Signature scheme", ``v1``: HMAC-SHA256 over id, time and body), so that servers check it with libraries that exist.
Delivery is at least once: the id of a message is the same each time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
from collections.abc import Sequence
from typing import Final

import msgspec

from brightline.core.errors import ConfigError

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - how a secret begins
SECRET_BYTES_MIN: Final = 24  # the specification asks for 24 to 64
AGAIN_SECONDS: Final = (5, 30, 120, 600, 1_800)
"""After a failure it is sent again after so many seconds, and then no more: callers may always ask."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_EMBEDDING: Final = tuple(
    ipaddress.ip_network(net) for net in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
)


class Told(msgspec.Struct, frozen=True):
    """A message. ``id`` tells it from others and is the same when it is sent again."""

    id: str
    body: bytes


def message(hold: str, case: str, status: str, unix: int, *, keeps_answer: bool) -> Told:
    """What is said of a hold that people have decided, or that expired; ``case`` is its digest."""
    data = {"id": hold, "object": "hold", "status": status, "keeps_answer": keeps_answer}
    body = msgspec.json.encode({"type": f"hold.{status}", "timestamp": unix, "data": data})
    return Told(f"msg_{hashlib.sha256(f'{case} {status}'.encode()).hexdigest()[:32]}", body)


def read_secret(text: str) -> bytes:
    """The key of the signature: the bytes after ``whsec_`` in base64. Raises ``ConfigError``."""
    try:
        secret = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not text.startswith(SECRET_PREFIX) or len(secret) < SECRET_BYTES_MIN:
        raise ConfigError(
            f"the secret of a webhook is {SECRET_PREFIX} and at least {SECRET_BYTES_MIN} bytes in base64"
        )
    return secret


def signed(told: Told, secret: bytes, unix: int) -> dict[str, str]:
    """The headers of a message that is sent at ``unix`` (seconds)."""
    over = f"{told.id}.{unix}.".encode() + told.body
    signature = base64.b64encode(hmac.new(secret, over, hashlib.sha256).digest()).decode()
    return {
        "content-type": "application/json",
        "webhook-id": told.id,
        "webhook-timestamp": str(unix),
        "webhook-signature": f"v1,{signature}",
    }


def may_be_told(address: str, networks: Sequence[Network]) -> bool:
    """Whether a server at this address may be spoken to: it is public, or lies in a network that was named.

    An address that stands for another (mapped, translated, tunnelled) is that other one, or is none.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if any(found.version == network.version and found in network for network in networks):
        return True
    embeds = any(found.version == network.version and found in network for network in _EMBEDDING)
    return found.is_global and not found.is_multicast and not embeds
