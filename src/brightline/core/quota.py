# SPDX-License-Identifier: Apache-2.0
"""What a unit may use over all its workloads, as an agreement says, and the largest quotas that may be written."""

from __future__ import annotations

from typing import Final

import msgspec

NO_QUOTA: Final = 1_000_000_000
"""As much as may be written down, and more than anybody uses."""
HOLDS_MAX: Final = 100_000
"""The holds of one name that are counted in a day; a quota of more, but not of all, is as many."""


class UnitQuotas(msgspec.Struct, frozen=True):
    """What each unit may use; :data:`NO_QUOTA` where nothing is agreed."""

    requests_per_minute: int = NO_QUOTA
    tokens_per_minute: int = NO_QUOTA
    holds_per_day: int = NO_QUOTA
