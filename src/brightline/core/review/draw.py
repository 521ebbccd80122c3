# SPDX-License-Identifier: Apache-2.0
"""Which exchanges are drawn, from a month's key and what is durable: for whoever draws, and whoever draws again.

It knows no exchange and no case: an outsider who holds the log and the key needs nothing of a gateway. The steps
are in ``sampling.py``. Source: RFC 2104 (HMAC).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

MILLION: Final = 1_000_000
WORD_BITS: Final = 64


def month_of(time: str) -> str:
    """The month of a record's time (RFC 3339, UTC): ``2026-11``."""
    return time[:7]


def month_key(hold_key: bytes, month: str) -> bytes:
    """The key of one month, 32 bytes. Made known it says nothing of the hold key, nor of another month's."""
    return hmac.new(hold_key, f"brightline sampling\n{month}".encode(), hashlib.sha256).digest()


def commitment(key: bytes) -> str:
    """What is on record of a month's key before anything is drawn: SHA-256 in hex."""
    return hashlib.sha256(key).hexdigest()


def is_drawn(key: bytes, leaf_hash: bytes, per_million: int) -> bool:
    """Whether the exchange whose OUTCOME has this leaf hash is drawn, at so many of a million."""
    word = int.from_bytes(hmac.new(key, leaf_hash, hashlib.sha256).digest()[: WORD_BITS // 8])
    return word * MILLION < per_million << WORD_BITS


# ---- whether what was to be drawn was drawn -------------------------------------------------------------------------


class Drawable(msgspec.Struct, frozen=True):
    """A permitted exchange that was completed, as its public OUTCOME says."""

    exchange: str
    month: str
    leaf_hash: bytes
    per_million: int  # the least, at that time


class Drawn(msgspec.Struct, frozen=True):
    """One month drawn again: how many could be, had to be, and were; and which were left out."""

    month: str
    permitted: int
    due: int
    missing: tuple[str, ...]


def draw_again(keys: Mapping[str, bytes], drawables: Iterable[Drawable], sampled: frozenset[str]) -> list[Drawn]:
    """Draw every month again whose key is known; ``sampled`` are the exchanges of which there is a case."""
    permitted: dict[str, int] = {}
    due: dict[str, int] = {}
    missing: dict[str, list[str]] = {}
    for each in drawables:
        if each.month not in keys:
            continue
        permitted[each.month] = permitted.get(each.month, 0) + 1
        if is_drawn(keys[each.month], each.leaf_hash, each.per_million):
            due[each.month] = due.get(each.month, 0) + 1
            if each.exchange not in sampled:
                missing.setdefault(each.month, []).append(each.exchange)
    return [
        Drawn(month, permitted[month], due.get(month, 0), tuple(missing.get(month, ()))) for month in sorted(permitted)
    ]
