# SPDX-License-Identifier: Apache-2.0
"""A person becomes a number under a key that will be destroyed, and nobody can go back from it without the key.

A *span* is sixty days that share one key; a new one begins every thirty. So at any time two are under way, the older
of which has seen the last thirty days whole: a window of up to thirty days is counted in it, and nobody gains by
waiting for the end of a span. Once a span is over its key is destroyed, and its tokens say nothing any more, wherever
they still stand. A token is the first eight bytes of HMAC-SHA-256 (RFC 2104) over the person.

Nothing here reads a clock, makes a key or keeps a person.
"""

from __future__ import annotations

import hmac
from typing import Final

from brightline.core.agreement.pattern import DAY_SECONDS

SPAN_SECONDS: Final = 60 * DAY_SECONDS
STEP_SECONDS: Final = 30 * DAY_SECONDS
KEY_BYTES: Final = 32
TOKEN_BYTES: Final = 8
_DOMAIN: Final = b"brightline-subject/1\x00"


def spans_at(unix: int) -> tuple[int, int]:
    """The numbers of the older and the newer span that are under way."""
    newer = unix // STEP_SECONDS
    return newer - 1, newer


def begins(span: int) -> int:
    """When a span begins, in Unix seconds."""
    return span * STEP_SECONDS


def ends(span: int) -> int:
    """When it is over and its key is destroyed, in Unix seconds."""
    return span * STEP_SECONDS + SPAN_SECONDS


def last_over(unix: int) -> int:
    """The number of the last span that is over at a time; so are all before it."""
    return (unix - SPAN_SECONDS) // STEP_SECONDS


def token_of(person: str, key: bytes) -> int:
    """The token of a person under the key of a span (32 bytes): 64 bits."""
    mac = hmac.digest(key, _DOMAIN + person.encode("utf-8", "surrogatepass"), "sha256")
    return int.from_bytes(mac[:TOKEN_BYTES], "big")
