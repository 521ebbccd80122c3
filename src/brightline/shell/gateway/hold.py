# SPDX-License-Identifier: Apache-2.0
"""A hold as a gateway knows it: what callers are told of, and where its record stands."""

from __future__ import annotations

import msgspec


class Hold(msgspec.Struct, frozen=True):
    """``case`` is the digest of its latest case, which is from ``opened`` to ``expires`` (Unix seconds) and begins in
    record ``shard/seq``.

    ``kept``: a whole answer is kept, which is given out once if people release it.
    """

    id: str
    case: str
    workload: str
    unit: str
    expires: int
    shard: str = ""
    seq: int = 0
    kept: bool = False
    opened: int = 0
