# SPDX-License-Identifier: Apache-2.0
"""The numbers that an agreement may fix, and in which direction each is tighter.

Closed on purpose: a number that nothing enforces would be a promise without a control. Whoever enforces one reads it
with ``Agreement.limit``.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement, Tighter
from brightline.core.quota import HOLDS_MAX, NO_QUOTA, UnitQuotas
from brightline.core.register import DAY_SECONDS, DAYS_MAX_DEFAULT, DaysMax
from brightline.core.standing import HOUR_SECONDS

HOLD_HOURS_DEFAULT: Final = 24
ANSWER_DAYS_DEFAULT: Final = 7


class Kept(enum.StrEnum):
    """The classes of exchanges that are kept for days of their own, by how they ended."""

    PERMITTED = "permitted"
    HELD = "held"
    DENIED = "denied"
    OTHER = "other"  # refused before anything was decided, unavailable, lost


class KnownLimit(msgspec.Struct, frozen=True):
    """What a limit means, its direction, and what is enforced while an agreement is silent about it."""

    says: str
    tighter: Tighter
    silent: int


REGISTRATION_DAYS_MAX: Final = "registration_days_max"
PROTOCOL_DAYS_MAX: Final = "protocol_days_max"
VVT_DAYS_MAX: Final = "vvt_days_max"
FALSE_STOPS_PER_MILLION: Final = "false_stops_per_million"
FALSE_STOPS_DEFAULT: Final = 1_000
KEEP_DAYS: Final[Mapping[Kept, str]] = MappingProxyType({kept: f"keep_days_{kept.value}" for kept in Kept})
FOR_EVER_DAYS: Final = 1_000_000
CONTENT_DAYS_MAX: Final = "content_days_max"
LOST_PER_MILLION: Final = "lost_per_million"
LOST_DEFAULT: Final = 1_000
UNIT_REQUESTS_PER_MINUTE: Final = "unit_requests_per_minute"
UNIT_TOKENS_PER_MINUTE: Final = "unit_tokens_per_minute"
UNIT_HOLDS_PER_DAY: Final = "unit_holds_per_day"
HOLD_HOURS_MAX: Final = "hold_hours_max"
ANSWER_DAYS_MAX: Final = "answer_days_max"
SAMPLED_PER_MILLION: Final = "sampled_per_million"

KNOWN: Final[Mapping[str, KnownLimit]] = MappingProxyType(
    {
        REGISTRATION_DAYS_MAX: KnownLimit(
            "days until a registration or a purpose expires, at most", Tighter.LOWER, DAYS_MAX_DEFAULT
        ),
        PROTOCOL_DAYS_MAX: KnownLimit(
            "days until an oversight protocol must be renewed, at most", Tighter.LOWER, DAYS_MAX_DEFAULT
        ),
        VVT_DAYS_MAX: KnownLimit(
            "days until verification and testing must be repeated, at most", Tighter.LOWER, DAYS_MAX_DEFAULT
        ),
        FALSE_STOPS_PER_MILLION: KnownLimit(
            "policy denies per million requests that a unit is expected to meet by our own error",
            Tighter.LOWER,
            FALSE_STOPS_DEFAULT,
        ),
        **{
            limit: KnownLimit(
                f"days for which what opens an exchange that was {kept.value} is kept", Tighter.HIGHER, FOR_EVER_DAYS
            )
            for kept, limit in KEEP_DAYS.items()
            if kept is not Kept.OTHER
        },
        KEEP_DAYS[Kept.OTHER]: KnownLimit(
            "days for which what opens an exchange that ended undecided is kept", Tighter.HIGHER, FOR_EVER_DAYS
        ),
        CONTENT_DAYS_MAX: KnownLimit(
            "days for which the content of a case is kept, whatever its purpose says, at most",
            Tighter.LOWER,
            FOR_EVER_DAYS,
        ),
        LOST_PER_MILLION: KnownLimit(
            "attempts per million that a crash may leave without an outcome of their own; the verifier recounts them",
            Tighter.LOWER,
            LOST_DEFAULT,
        ),
        UNIT_REQUESTS_PER_MINUTE: KnownLimit(
            "requests in a minute of one unit, over all its workloads", Tighter.LOWER, NO_QUOTA
        ),
        UNIT_TOKENS_PER_MINUTE: KnownLimit(
            "tokens of prompts and answers in a minute of one unit, over all its workloads", Tighter.LOWER, NO_QUOTA
        ),
        UNIT_HOLDS_PER_DAY: KnownLimit(
            "exchanges of one unit that a day may leave to people, over all its workloads", Tighter.LOWER, NO_QUOTA
        ),
        HOLD_HOURS_MAX: KnownLimit(
            "hours for which a hold waits for people; then it is refused", Tighter.LOWER, HOLD_HOURS_DEFAULT
        ),
        ANSWER_DAYS_MAX: KnownLimit(
            "days for which what people answered counts for the same words", Tighter.LOWER, ANSWER_DAYS_DEFAULT
        ),
        SAMPLED_PER_MILLION: KnownLimit(
            "permitted exchanges of a million that cleared people look at, drawn at random", Tighter.HIGHER, 0
        ),
    }
)
SILENT: Final[Mapping[str, int]] = MappingProxyType({limit: known.silent for limit, known in KNOWN.items()})
"""What is enforced while an agreement is silent; a test compares these with those who enforce them."""


def unit_quotas(agreement: Agreement) -> UnitQuotas:
    """What an agreement leaves each unit. 0 leaves nothing: it stops service, or holds, for all."""
    holds = agreement.limit(UNIT_HOLDS_PER_DAY, NO_QUOTA)
    return UnitQuotas(
        requests_per_minute=agreement.limit(UNIT_REQUESTS_PER_MINUTE, NO_QUOTA),
        tokens_per_minute=agreement.limit(UNIT_TOKENS_PER_MINUTE, NO_QUOTA),
        holds_per_day=holds if holds == NO_QUOTA else min(holds, HOLDS_MAX),
    )


def lost_budget(agreement: Agreement) -> int:
    """How many attempts per million a crash may leave open, under an agreement."""
    return agreement.limit(LOST_PER_MILLION, LOST_DEFAULT)


def content_days_max(agreement: Agreement) -> int:
    """For how many days content may be kept under an agreement; ``FOR_EVER_DAYS`` where it is silent."""
    return agreement.limit(CONTENT_DAYS_MAX, FOR_EVER_DAYS)


def hold_seconds(agreement: Agreement) -> int:
    """How long a hold waits for people under an agreement, in seconds."""
    return agreement.limit(HOLD_HOURS_MAX, HOLD_HOURS_DEFAULT) * HOUR_SECONDS


def answer_seconds(agreement: Agreement) -> int:
    """How long what people answered counts under an agreement, in seconds."""
    return agreement.limit(ANSWER_DAYS_MAX, ANSWER_DAYS_DEFAULT) * DAY_SECONDS


def days_max(agreement: Agreement) -> DaysMax:
    """How long the entries of the registers may be in date under an agreement."""
    return DaysMax(
        registration=agreement.limit(REGISTRATION_DAYS_MAX, DAYS_MAX_DEFAULT),
        protocol=agreement.limit(PROTOCOL_DAYS_MAX, DAYS_MAX_DEFAULT),
        vvt=agreement.limit(VVT_DAYS_MAX, DAYS_MAX_DEFAULT),
    )


def keep_days(agreement: Agreement) -> Mapping[Kept, int]:
    """For how many days what opens an exchange is kept, by how it ended; for ever where the agreement is silent."""
    return {kept: agreement.limit(limit, FOR_EVER_DAYS) for kept, limit in KEEP_DAYS.items()}


def false_stops_per_million(agreement: Agreement) -> int:
    """How many policy denies of a million requests are expected to be our own error."""
    return agreement.limit(FALSE_STOPS_PER_MILLION, FALSE_STOPS_DEFAULT)
