# SPDX-License-Identifier: Apache-2.0
"""A desk for tests of the queue: cases and signed-off answers in memory, in the place of an installation's logs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.agreement.decide import Subject
from brightline.core.review.case import FORMAT, Case, CaseQuestion
from brightline.core.review.decision import FORMAT as DECISION_FORMAT
from brightline.core.review.decision import Answer, ReviewerDecision
from brightline.core.review.docket import Docket, Tried
from brightline.core.review.roles import Role
from brightline.core.review.roster import Clearance, ClearedPerson
from brightline.core.review.urgency import Severity
from brightline.shell.review.queue.database import database_at
from brightline.shell.review.queue.migrate import migrate
from brightline.shell.review.queue.queue import Queue, Terms
from brightline.shell.review.queue.source import Found, News
from brightline.shell.storage.wal import ReadTo
from tests.playbooks.playbook import AGREEMENT, NOW

PROVIDER: Final = "provider_cleared"
CUSTOMER: Final = "customer_decider"
HOUR: Final = 3_600
HOLD_SECONDS: Final = 24 * HOUR


class SetClock:
    """A clock that stands until a test moves it."""

    def __init__(self, unix: int = NOW) -> None:
        self.now = unix

    def unix(self) -> int:
        return self.now

    def monotonic(self) -> float:
        return float(self.now)

    def utc_now(self) -> str:
        return "2027-01-15T08:00:00.000Z"


class Pile:
    """Cases and what was said of them, as :class:`~brightline.shell.review.queue.source.Source` gives them."""

    def __init__(self, clock: SetClock, people: Mapping[str, str]) -> None:
        self.clock = clock
        self.docket = Docket()
        self.people = {name: ClearedPerson(name, office, NOW + 365 * 24 * HOUR) for name, office in people.items()}
        self.senior: set[str] = set()
        self.closed: dict[str, tuple[str, ...]] = {}
        self.needs: dict[str, Clearance] = {}
        self.found: list[Found] = []
        self.said: list[Tried] = []

    # ---- what a queue asks ------------------------------------------------------------------------------------

    def person(self, reviewer: str) -> ClearedPerson | None:
        return self.people.get(reviewer)

    def closed_units(self, person: ClearedPerson) -> tuple[str, ...]:
        needed = (unit for unit, need in self.needs.items() if not person.clearance.covers(need))
        return (*self.closed.get(person.id, ()), *needed)

    def seniors(self, now: int) -> frozenset[str]:
        return frozenset(self.senior)

    def refresh(self) -> None:
        pass

    def news(self, read_to: Mapping[str, ReadTo], now: int) -> News:
        found, said = read_to.get("g", ReadTo()).size, read_to.get("registry", ReadTo()).size
        after: dict[str, ReadTo] = {}
        if found < len(self.found):
            after["g"] = ReadTo(size=len(self.found))
        if said < len(self.said):
            after["registry"] = ReadTo(size=len(self.said))
        new = [msgspec.structs.replace(each, tried=self.tried(each.tried.case)) for each in self.found[found:]]
        return News(tuple(new), tuple(self.said[said:]), after)

    # ---- what a test does -------------------------------------------------------------------------------------

    def hold(
        self,
        name: str,
        severity: Severity = Severity.NORMAL,
        unit: str = "u",
        quorum: tuple[tuple[str, int], ...] = ((PROVIDER, 2),),
        recused: tuple[str, ...] = (),
        *,
        appeal: bool = False,
        organisations: tuple[tuple[str, int], ...] = (),
    ) -> Case:
        """Somebody is held now, or appeals."""
        now = self.clock.now
        case = Case(
            format=FORMAT,
            hold=name,
            workload="w",
            unit=unit,
            agreement="sha256:a",
            release="sha256:r",
            exchange_digest="sha256:x",
            clauses=("RL-1",),
            questions=(CaseQuestion(Subject.FACT, "mass_domestic", quorum),),
            recused=recused,
            content="sha256:c",
            opened=now,
            expires=now + HOLD_SECONDS,
            appeal="a" * 32 if appeal else "",
            organisations=organisations,
        )
        self.found.append(Found(Tried(case), severity, "g", len(self.found), f"x-{len(self.found)}", appeal))
        return case

    def tried(self, case: Case) -> Tried:
        """A case as far as it was decided."""
        return self.docket.of_case(case.digest) or Tried(case)

    def answer(self, case: Case, who: str, value: str = "no") -> Tried:
        """Somebody's signed answer is logged. Raises ``TrustError`` for one that does not count."""
        given = (Answer(Subject.FACT, "mass_domestic", value, "because"),)
        decision = ReviewerDecision(DECISION_FORMAT, case, who, given, "00" * 16, self.clock.now)
        roles = (Role.SENIOR_REVIEWER,) if who in self.senior else (Role.REVIEWER,)
        person = msgspec.structs.replace(self.people[who], roles=roles)
        tried = self.docket.enter(decision, person, self.clock.now, AGREEMENT.vocabulary, HOUR)
        self.said.append(tried)
        return tried


async def make_tables(url: str, root: Path) -> None:
    """What `brightline review migrate` does."""
    database = database_at(url, root)
    await migrate(database)
    await database.close()


async def queue_at(url: str, root: Path, pile: Pile, terms: Terms | None = None) -> Queue:
    """A queue over a pile, its tables made if they are not there."""
    await make_tables(url, root)
    return await Queue.open(url, root, pile, pile.clock, terms)
