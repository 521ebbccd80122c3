# SPDX-License-Identifier: Apache-2.0
"""The numbers that an agreement may fix, and in which direction each is tighter.

Closed on purpose: a number that nothing enforces would be a promise without a control. Whoever enforces one reads it
with ``Agreement.limit``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement, Tighter
from brightline.core.register import DAYS_MAX_DEFAULT, DaysMax


class KnownLimit(msgspec.Struct, frozen=True):
    """What a limit means, and its direction."""

    says: str
    tighter: Tighter


REGISTRATION_DAYS_MAX: Final = "registration_days_max"
PROTOCOL_DAYS_MAX: Final = "protocol_days_max"
VVT_DAYS_MAX: Final = "vvt_days_max"
FALSE_STOPS_PER_MILLION: Final = "false_stops_per_million"

KNOWN: Final[Mapping[str, KnownLimit]] = MappingProxyType(
    {
        REGISTRATION_DAYS_MAX: KnownLimit("days until a registration or a purpose expires, at most", Tighter.LOWER),
        PROTOCOL_DAYS_MAX: KnownLimit("days until an oversight protocol must be renewed, at most", Tighter.LOWER),
        VVT_DAYS_MAX: KnownLimit("days until verification and testing must be repeated, at most", Tighter.LOWER),
        FALSE_STOPS_PER_MILLION: KnownLimit(
            "policy denies per million requests that a unit is expected to meet by our own error", Tighter.LOWER
        ),
    }
)


def days_max(agreement: Agreement) -> DaysMax:
    """How long the entries of the registers may be in date under an agreement."""
    return DaysMax(
        registration=agreement.limit(REGISTRATION_DAYS_MAX, DAYS_MAX_DEFAULT),
        protocol=agreement.limit(PROTOCOL_DAYS_MAX, DAYS_MAX_DEFAULT),
        vvt=agreement.limit(VVT_DAYS_MAX, DAYS_MAX_DEFAULT),
    )
