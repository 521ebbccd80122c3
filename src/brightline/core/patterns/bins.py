# SPDX-License-Identifier: Apache-2.0
"""A number of people as outsiders hear it: the power of ten that it lies in, and never the number.

From exact counts, asked again and again, somebody could learn what one more request added, and so whether a person had
been asked about before. A bin of a power of ten hardly ever moves.
"""

from __future__ import annotations

from typing import Final

import msgspec

LEAST: Final = 10


class Bin(msgspec.Struct, frozen=True):
    """At least ``low`` and at most ``high``."""

    low: int
    high: int

    @property
    def words(self) -> str:
        """As it is said."""
        return f"{self.low:,} to {self.high:,}" if self.low else f"fewer than {self.high + 1:,}"


def bin_of(count: float) -> Bin:
    """The bin that a count lies in."""
    if count < LEAST:
        return Bin(0, LEAST - 1)
    low: int = 10 ** (len(str(int(count))) - 1)
    return Bin(low, 10 * low - 1)
