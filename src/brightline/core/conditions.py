# SPDX-License-Identifier: Apache-2.0
"""What an installation can state at one instant, beside what is said of an exchange: standings, leases, faults, halts.

Nothing here reads a clock: whoever builds :class:`Conditions` looks at the clock and leaves out what has lapsed. What
is left out is unknown, and an installation fact that is unknown means *unavailable*, never a verdict.
"""

from __future__ import annotations

import msgspec

from brightline.core.facts import Statement
from brightline.core.halt import Scope
from brightline.core.standing import Standing


class Conditions(msgspec.Struct, frozen=True):
    """What the installation can state at one instant.

    ``statements`` come from attestation, admission and roster, each only while it is in date. ``faults`` are
    reasons for which no exchange may go on (evidence cannot be written, clock stepped); empty is healthy. ``held``
    says that the unit waits for cleared people, ``halted`` what people have halted that this exchange is part of.
    ``lost`` says that no server of the model can be found: nothing new is begun, and what runs goes on.
    """

    standing: Standing
    statements: tuple[Statement, ...]
    faults: tuple[str, ...] = ()
    held: bool = False
    halted: Scope | None = None
    lost: str = ""
