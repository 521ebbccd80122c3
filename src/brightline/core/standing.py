# SPDX-License-Identifier: Apache-2.0
"""Standing of a unit under the agreement, and the lease under which this node may serve at all.

Nothing here reads a clock: whoever builds :class:`Conditions` looks at the clock and leaves out what has lapsed.
What is left out is unknown, and an installation fact that is unknown means *unavailable*, never a verdict.
"""

from __future__ import annotations

import enum

import msgspec

from brightline.core.facts import Statement


class Standing(enum.StrEnum):
    """The states of a unit. Suspended and terminated units are refused."""

    ACTIVE = "active"
    NOTICED = "noticed"
    SUSPENDED = "suspended"
    TERMINATED = "terminated"

    @property
    def serves(self) -> bool:
        """Whether a unit of this standing is served."""
        return self in {Standing.ACTIVE, Standing.NOTICED}


class Conditions(msgspec.Struct, frozen=True):
    """What the installation can state at one instant.

    ``statements`` come from attestation, admission and roster, each only while it is in date. ``faults`` are
    reasons for which no exchange may go on (evidence cannot be written, clock stepped); empty is healthy.
    """

    standing: Standing
    statements: tuple[Statement, ...]
    faults: tuple[str, ...] = ()
