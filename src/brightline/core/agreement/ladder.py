# SPDX-License-Identifier: Apache-2.0
"""What an agreement's ladder asks of standing: periods, and what is done at a pattern."""

from __future__ import annotations

import re
from typing import Final

from brightline.core.agreement.clause import Agreement, Rung, RungState
from brightline.core.standing import DAY_SECONDS, HOUR_SECONDS, Rules

_REVIEW: Final = re.compile(r"cleared review within ([0-9]+) h")


def rules_of(agreement: Agreement) -> Rules:
    """Return the rules that the agreement's ladder gives to standing."""
    pattern, confirmed = agreement.rung(RungState.PATTERN), agreement.rung(RungState.CONFIRMED)
    breach = agreement.rung(RungState.MATERIAL_BREACH)
    tests = pattern.tests
    return Rules(
        holds_on_pattern="hold unit" in pattern.do,
        review_seconds=_review_seconds(pattern),
        cure_seconds=confirmed.cure_days * DAY_SECONDS,
        appeal_seconds=confirmed.appeal_days * DAY_SECONDS,
        termination_appeal_seconds=breach.appeal_days * DAY_SECONDS,
        confirmed_needed=tests[0].confirmed if tests else 0,
        window_seconds=tests[0].window_seconds if tests else DAY_SECONDS,
        agreement=agreement.digest,
    )


def _review_seconds(rung: Rung) -> int:
    hours = [int(found[1]) for act in rung.do if (found := _REVIEW.fullmatch(act))]
    return min(hours) * HOUR_SECONDS if hours else 0
