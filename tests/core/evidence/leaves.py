# SPDX-License-Identifier: Apache-2.0
"""Records as a verifier reads them, for tests of what leaves alone tell."""

from __future__ import annotations

from typing import Any

from brightline.core.evidence.audit_books import Leaf
from brightline.core.evidence.record import RecordKind


def leaf(second: int, kind: RecordKind, **more: Any) -> Leaf:
    """A record of this second."""
    time = f"2026-01-01T00:{second // 60:02d}:{second % 60:02d}.000Z"
    return Leaf(commitments=(), epoch=1, kind=kind, profile="p", seq=0, shard="s", time=time, v=1, **more)
