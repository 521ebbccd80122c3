# SPDX-License-Identifier: Apache-2.0
"""A hold: what could not be judged by machine, waiting for cleared people.

For now a hold is a refusal with an id. The id is a function of what is held, so the same workload asking the same
thing under the same agreement and release meets the same hold; nothing of the request can be read from it.
"""

from __future__ import annotations

import hashlib
import hmac


def hold_id(key: bytes, workload: str, exchange_digest: str, agreement: str, release: str) -> str:
    """Return ``hold_`` and 24 hex digits: HMAC-SHA256 under the installation's hold key."""
    text = "\n".join((workload, exchange_digest, agreement, release)).encode()
    return "hold_" + hmac.new(key, text, hashlib.sha256).hexdigest()[:24]
