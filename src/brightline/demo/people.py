# SPDX-License-Identifier: Apache-2.0
"""Two cleared people of the tour, who read what is held and say what is so; each signs with a key of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from brightline.core.review.case import CaseState
from brightline.core.review.decision import Answer
from brightline.shell.clock import SystemClock
from brightline.shell.development import reviewers
from brightline.shell.opening import in_force
from brightline.shell.registry.decisions import sign_and_log
from brightline.shell.review.desk import Desk
from brightline.shell.state import StateFolder
from brightline.shell.trust.keys import load_key

REASON: Final = "A staff-college exercise; an officer decides, and nothing is assigned."


def people_answer(state: Path, value: str) -> tuple[str, str]:
    """Have two persons of the office that is asked answer the last hold; return its id and its workload."""
    clock = SystemClock()
    with in_force(state, clock) as (settings, registry):
        waiting = Desk(state, registry.decisions.docket).cases()
        opened = [each.case for each in waiting if each.state(clock.unix()) is CaseState.OPEN]
        case = max(opened, key=lambda each: (each.opened, each.hold))
        answers = tuple(Answer(question.subject, question.name, value, REASON) for question in case.questions)
        office = case.questions[0].quorum[0][0]
        for person in reviewers(office)[:2]:
            key = load_key(StateFolder(state).key(person))
            profile = registry.roots.profile
            sign_and_log(state, settings, profile, registry.decisions, case, person, answers, key, clock)
            registry.refresh()
    return case.hold, case.workload
