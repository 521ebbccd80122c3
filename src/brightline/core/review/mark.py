# SPDX-License-Identifier: Apache-2.0
"""What stands for words in a case: a keyed digest, which tells nothing of them to whoever has not the key."""

from __future__ import annotations

import hashlib
import hmac

from brightline.core.screening.finding import Segment


def mark_of(key: bytes, segment: Segment) -> str:
    """Return 32 hex digits that stand for the words of a segment: the same words on the same surface, wherever.

    HMAC-SHA256 under the installation's hold key: a bare digest of short text can be found by trying.
    """
    text = f"segment\n{segment.surface.value}\n{segment.text}".encode("utf-8", "surrogatepass")
    return hmac.new(key, text, hashlib.sha256).hexdigest()[:32]
