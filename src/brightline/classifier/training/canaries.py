# SPDX-License-Identifier: Apache-2.0
"""The canary of a head: the row to learn from that it is surest of. What it misses one day is broken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from brightline.classifier.corpus import Row, RowSurface
from brightline.core.screening.encoder import Canary
from brightline.core.screening.finding import Surface

CHARS_MAX: Final = 600
SURFACES: Final = {RowSurface.TOOL_CALL: Surface.TOOL_CALL, RowSurface.OUTPUT: Surface.OUTPUT}


def canary_of(fact: str, rows: Sequence[Row], said: Any) -> list[Canary]:
    """The short row that is yes of which most is ``said``, shape (rows,); none where no short row is yes."""
    for i in sorted(range(len(rows)), key=lambda i: -float(said[i])):
        row = rows[i]
        if row.facts.get(fact) == "yes" and len(row.judged) <= CHARS_MAX:
            return [Canary(fact, row.judged, SURFACES.get(row.surface, Surface.INPUT))]
    return []
