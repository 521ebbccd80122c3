# SPDX-License-Identifier: Apache-2.0
"""The queue as its page shows it: what waits, how long, for whom; narrowed by what a person asks to see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from brightline.console.law import span
from brightline.console.person import Person
from brightline.core.agreement.aloud import plain
from brightline.core.review.case import CaseState
from brightline.shell.review.desk import OpenedCase, offices_wanted

ROWS_SHOWN: Final = 200
SOON_SECONDS: Final = 7_200
STATES: Final = tuple(state.value for state in CaseState)


class Row(msgspec.Struct, frozen=True):
    """One hold. ``mine`` says that this person could still answer something of it."""

    hold: str
    state: str
    unit: str
    clauses: str
    asked: str
    offices: str
    opened: int
    age: str
    left: str
    used: int
    soon: bool
    mine: bool


class QueueView(msgspec.Struct, frozen=True):
    """The rows that were asked for, what there is to ask for, and how the queue stands. Times are Unix seconds."""

    rows: tuple[Row, ...]
    more: int
    chosen: Mapping[str, str]
    units: tuple[str, ...]
    clauses: tuple[str, ...]
    counts: Mapping[str, int]
    oldest: str
    soon: int
    newest: int
    fresh: Sequence[int]


def look_at_queue(cases: Sequence[OpenedCase], person: Person, asked: Mapping[str, str], now: int) -> QueueView:
    """Narrow the cases by ``state``, ``unit``, ``clause`` and ``for`` (``mine``), those that expire first before."""
    state = asked.get("state", CaseState.OPEN.value)
    chosen = {
        "state": state if state in (*STATES, "all") else CaseState.OPEN.value,
        "unit": asked.get("unit", ""),
        "clause": asked.get("clause", ""),
        "for": "mine" if asked.get("for") == "mine" else "",
    }
    rows = []
    waiting = [each for each in cases if each.state(now) is CaseState.OPEN]
    for each in cases:
        row = _row(each, person, now)
        wanted = (
            chosen["state"] in ("all", row.state)
            and chosen["unit"] in ("", row.unit)
            and (not chosen["clause"] or chosen["clause"] in each.case.clauses)
            and (row.mine or not chosen["for"])
        )
        if wanted:
            rows.append(row)
    return QueueView(
        rows=tuple(rows[:ROWS_SHOWN]),
        more=max(0, len(rows) - ROWS_SHOWN),
        chosen=chosen,
        units=tuple(sorted({plain(each.case.unit) for each in cases})),
        clauses=tuple(sorted({plain(clause) for each in cases for clause in each.case.clauses})),
        counts=Counter(each.state(now).value for each in cases),
        oldest=span(now - min(each.case.opened for each in waiting)) if waiting else "",
        soon=sum(each.case.expires - now < SOON_SECONDS for each in waiting),
        newest=max((each.case.opened for each in cases), default=0),
        fresh=tuple(each.case.opened for each in waiting),
    )


def _row(opened: OpenedCase, person: Person, now: int) -> Row:
    case = opened.case
    state = opened.state(now)
    offices = offices_wanted(opened)
    spoken = {vote.person for votes in opened.tried.votes.values() for vote in votes}
    left = case.expires - now
    return Row(
        hold=case.hold,
        state=state.value,
        unit=plain(case.unit),
        clauses=", ".join(plain(clause) for clause in case.clauses),
        asked=", ".join(plain(question.name) for question in opened.tried.open_questions()),
        offices=", ".join(plain(office) for office in offices),
        opened=case.opened,
        age=span(now - case.opened),
        left=span(left) if state is CaseState.OPEN else "–",
        used=min(100, max(0, round(100 * (now - case.opened) / max(1, case.expires - case.opened)))),
        soon=state is CaseState.OPEN and left < SOON_SECONDS,
        mine=state is CaseState.OPEN
        and person.office in offices
        and person.person not in spoken
        and person.person not in case.recused,
    )
