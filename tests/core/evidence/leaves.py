# SPDX-License-Identifier: Apache-2.0
"""Records as a verifier reads them, for tests of what leaves alone tell."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.record import RecordKind


def leaf(second: int, kind: RecordKind, **more: Any) -> Leaf:
    """A record of this second of the year 2026."""
    time = f"{datetime(2026, 1, 1) + timedelta(seconds=second):%Y-%m-%dT%H:%M:%S}.000Z"  # noqa: DTZ001 - written as UTC
    given = {"epoch": 1} | more
    return Leaf(commitments=(), kind=kind, profile="p", seq=0, shard="s", time=time, v=1, **given)
