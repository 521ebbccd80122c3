# SPDX-License-Identifier: Apache-2.0
"""The queue as its page shows it: what waits, how long, for whom; and how much of it somebody had today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from brightline.console.law import span
from brightline.core.agreement.aloud import plain
from brightline.core.review.case import CaseState
from brightline.core.review.claims import Claim
from brightline.core.review.pace import Work
from brightline.core.review.urgency import Severity
from brightline.shell.review.queue.reading import Figures, QueueItem, Shown

ROWS_SHOWN: Final = 100
ANY: Final = "any"
STATES: Final = (*(state.value for state in CaseState), ANY)
SEVERITIES: Final = (ANY, *(severity.value for severity in Severity))
UNIT_CHARS_MAX: Final = 200


class Row(msgspec.Struct, frozen=True):
    """One hold. ``due`` says in words until when it should be decided, ``used`` is of a hundred of its time."""

    hold: str
    state: str
    severity: str
    unit: str
    clauses: str
    offices: str
    opened: int
    age: str
    due: str
    used: int
    late: bool
    answered: int
    mine: bool
    claimed: bool
    escalated: bool
    readable: bool


class QueueView(msgspec.Struct, frozen=True):
    """The rows that were asked for, and how the queue stands. Times are Unix seconds; ``rest`` is 0 or until when."""

    rows: tuple[Row, ...]
    after: str
    chosen: Mapping[str, str]
    units: tuple[str, ...]
    waiting: tuple[tuple[str, int, int, int, str], ...]
    alarms: tuple[str, ...]
    open: int
    newest: int
    claim: Claim | None
    rest: int
    cases_today: int
    minutes_today: int


def shown_by(asked: Mapping[str, str], closed: frozenset[str]) -> tuple[Shown, dict[str, str]]:
    """What a query asks to see, and the words for it; what is not understood is as if it were not there.

    ``closed`` are the units of which whoever asks may know nothing.
    """
    state = asked.get("state", "") if asked.get("state") in STATES else CaseState.OPEN.value
    severity = asked.get("severity", "") if asked.get("severity") in SEVERITIES else ANY
    unit = asked.get("unit", "")[:UNIT_CHARS_MAX]
    shown = Shown(
        state=None if state == ANY else CaseState(state),
        severity=None if severity == ANY else Severity(severity),
        unit=unit,
        closed_units=closed,
    )
    return shown, {"state": state, "severity": severity, "unit": unit}


def look_at_queue(
    items: Sequence[QueueItem],
    figures: Figures,
    chosen: Mapping[str, str],
    units: Sequence[str],
    person: str,
    reads_all: bool,
    claim: Claim | None,
    work: Sequence[Work],
    rest: int,
    now: int,
) -> QueueView:
    """Make the page. ``work`` is what this person claimed in the last day."""
    rows = tuple(_row(item, person, reads_all, now) for item in items[:ROWS_SHOWN])
    return QueueView(
        rows=rows,
        after=rows[-1].hold if len(items) > ROWS_SHOWN else "",
        chosen=chosen,
        units=tuple(plain(unit) for unit in units),
        waiting=tuple(
            (each.severity.value, each.open, each.late, each.claimed, span(now - each.oldest) if each.oldest else "–")
            for each in figures.waiting
        ),
        alarms=tuple(figures.alarms),
        open=sum(each.open for each in figures.waiting),
        newest=max((item.opened for item in items), default=0),
        claim=claim,
        rest=rest,
        cases_today=len(work),
        minutes_today=sum(each.end(now) - each.began for each in work) // 60,
    )


def _row(item: QueueItem, person: str, reads_all: bool, now: int) -> Row:
    opened = item.state is CaseState.OPEN
    late = opened and item.due <= now
    left = span(abs(item.due - now))
    mine = opened and item.claimed_by == person
    return Row(
        hold=item.hold,
        state=item.state.value,
        severity=item.severity.value,
        unit=plain(item.unit),
        clauses=", ".join(plain(clause) for clause in item.clauses),
        offices=", ".join(plain(office) for office in item.offices).replace("_", " "),
        opened=item.opened,
        age=span(now - item.opened),
        due=f"late by {left}" if late else left if opened else "–",
        used=min(100, max(0, round(100 * (now - item.opened) / max(1, item.due - item.opened)))),
        late=late,
        answered=item.answered,
        mine=mine,
        claimed=bool(item.claimed_by) and not mine,
        escalated=item.escalated,
        readable=mine or reads_all,
    )
