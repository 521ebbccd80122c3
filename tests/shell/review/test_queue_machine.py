# SPDX-License-Identifier: Apache-2.0
"""Whatever reviewers do in whatever order, the queue gives what the core's rules give, and nothing is let out early.

Beside the real queue, over a real database, runs a model of a few lines: the leases of ``core/review/claims.py``, who
may have which case, and the order. What is claimed must be what the model would give. And of every case: it is
released at most once, by two distinct people of the office who may answer, or never; one holds it at most; its tokens
only grow.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import defaultdict
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from brightline.core.errors import LeaseLost, TrustError
from brightline.core.review import claims as core
from brightline.core.review.case import Case, CaseState
from brightline.core.review.claims import Claim, Lease
from brightline.core.review.pace import Pace
from brightline.core.review.roster import Clearance
from brightline.core.review.urgency import DueSeconds, Severity
from brightline.shell.review.queue.database import database_at
from brightline.shell.review.queue.queue import Queue, Terms
from brightline.shell.review.queue.reading import Shown
from brightline.shell.review.queue.tables import METADATA
from tests.postgres import new_database, postgres
from tests.review_desk import CUSTOMER, HOUR, PROVIDER, Pile, SetClock, make_tables

T = TypeVar("T")
LEASE: Final = 600
PEOPLE: Final = {"a": PROVIDER, "b": PROVIDER, "c": PROVIDER, "s": PROVIDER, "z": CUSTOMER}
SENIOR: Final = "s"
TERMS: Final = Terms(LEASE, DueSeconds(HOUR, 2 * HOUR, 3 * HOUR), Pace(0, 0, 1, 0))
NAMES: Final = ("h1", "h2", "h3", "h4")
who_ = st.sampled_from(sorted(PEOPLE))
hold_ = st.sampled_from(NAMES)


class Model:
    """What the queue should know, in memory."""

    def __init__(self, pile: Pile) -> None:
        self.pile = pile
        self.cases: dict[str, Case] = {}
        self.severities: dict[str, Severity] = {}
        self.leases: dict[str, Lease] = {}
        self.skipped: dict[str, set[str]] = defaultdict(set)
        self.seniors: set[str] = set()  # cases that are theirs alone
        self.escalated: set[str] = set()
        self.mine: dict[str, tuple[Claim, str]] = {}  # the last claim of each, and how it ended

    def follow(self) -> None:
        """What time and answers change."""
        now = self.pile.clock.now
        for name, case in self.cases.items():
            tried = self.pile.tried(case)
            lease = self.leases[name]
            if tried.state(now) is not CaseState.OPEN or lease.reviewer in core.barred(tried):
                self.leases[name] = Lease(lease.token)
                for who, (claim, how) in self.mine.items():
                    if claim.hold == name and claim.token == lease.token and how == "open":
                        self.mine[who] = claim, "over"
            if tried.state(now) is CaseState.EXPIRED:
                self.seniors.discard(name)
            elif now >= min(case.opened + TERMS.due.of(self.severities[name]), case.expires):
                self.escalated.add(name)

    def may(self, who: str, name: str) -> bool:
        """Whether somebody may be given a case now."""
        now = self.pile.clock.now
        why = core.why_not(
            self.pile.tried(self.cases[name]), self.pile.people[who], Clearance(), self.skipped[name], now
        )
        theirs = name not in self.seniors or who == SENIOR or not self.senior_can(name)
        return not why and theirs and not self.leases[name].holder(now)

    def senior_can(self, name: str) -> bool:
        """Whether the one senior reviewer is neither recused from it nor through with it."""
        return SENIOR not in core.barred(self.pile.tried(self.cases[name])) and SENIOR not in self.skipped[name]

    def next_for(self, who: str) -> str:
        """What somebody should be given; empty for nothing."""
        if who in self.mine:
            claim, how = self.mine[who]
            if how in {"open", "let go"} and self.may(who, claim.hold):
                return claim.hold
        ranked = [
            ((who == SENIOR and name not in self.escalated), self.severities[name].rank, self._due(name), name)
            for name in self.cases
            if self.may(who, name)
        ]
        return min(ranked)[-1] if ranked else ""

    def held(self, who: str) -> Claim | None:
        """The claim that somebody holds."""
        if who not in self.mine or self.mine[who][1] != "open":
            return None
        claim = self.mine[who][0]
        return claim if self.valid(claim) else None

    def valid(self, claim: Claim) -> bool:
        """Whether a claim holds now."""
        now = self.pile.clock.now
        case = self.cases[claim.hold]
        with contextlib.suppress(LeaseLost):
            core.require(self.leases[claim.hold], claim, now)
            return self.pile.tried(case).state(now) is not CaseState.EXPIRED
        return False

    def _due(self, name: str) -> int:
        case = self.cases[name]
        return min(case.opened + TERMS.due.of(self.severities[name]), case.expires)


class Reviewers(RuleBasedStateMachine):
    """Cases come, people claim, answer, skip, let go and forget, time passes, the database is lost."""

    url: ClassVar[str] = "sqlite:///queue.sqlite"

    @initialize(
        severities=st.lists(st.sampled_from(list(Severity)), min_size=3, max_size=3),
        recused=st.lists(st.sampled_from(["", "", "a", "s"]), min_size=3, max_size=3),
    )
    def begin(self, severities: list[Severity], recused: list[str]) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name)
        self.runner = asyncio.Runner()
        self.pile = Pile(SetClock(), PEOPLE)
        self.pile.senior = {SENIOR}
        self.model = Model(self.pile)
        self.claims: list[Claim] = []
        self.released: dict[str, str] = {}
        self.run(make_tables(self.url, self.root))
        self.run(emptied(self.url, self.root))
        self.queue: Queue = self.run(Queue.open(self.url, self.root, self.pile, self.pile.clock, TERMS))
        for opening in zip(NAMES, severities, recused, strict=False):
            self.pile.clock.now += 1
            self.a_hold_is_opened(*opening)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def followed(self) -> None:
        self.run(self.queue.follow())
        self.model.follow()

    def teardown(self) -> None:
        if hasattr(self, "queue"):
            self.run(self.queue.close())
            self.runner.close()
            self.folder.cleanup()

    # ---- what happens ------------------------------------------------------------------------------------------

    @rule(name=hold_, severity=st.sampled_from(list(Severity)), recused=st.sampled_from(["", "a", "s"]))
    def a_hold_is_opened(self, name: str, severity: Severity, recused: str) -> None:
        """Anew only once the one before has expired, as gateways do."""
        self.followed()
        before = self.model.cases.get(name)
        if before is not None and self.pile.tried(before).state(self.pile.clock.now) is not CaseState.EXPIRED:
            return
        case = self.pile.hold(name, severity, recused=(recused,) if recused else ())
        self.model.cases[name], self.model.severities[name] = case, severity
        self.model.escalated.discard(name)
        self.model.leases[name] = Lease(self.model.leases.get(name, Lease()).token)

    @rule(who=who_)
    def somebody_claims(self, who: str) -> None:
        self.followed()
        held, expected = self.model.held(who), self.model.next_for(who)
        claim = self.run(self.queue.claim(who))
        if held is not None:
            assert claim == held
        elif not expected:
            assert claim is None
        else:
            assert claim is not None
            assert (claim.hold, claim.reviewer, claim.until) == (expected, who, self.pile.clock.now + LEASE)
            assert all(claim.token > before.token for before in self.claims if before.hold == claim.hold)
            self.model.leases[expected] = Lease(claim.token, who, claim.until)
            self.model.mine[who] = claim, "open"
            self.claims.append(claim)

    @rule(who=who_, value=st.sampled_from(["no", "no", "yes"]))
    def somebody_answers_what_they_claimed(self, who: str, value: str) -> None:
        held = self.model.held(who)
        if held is not None:
            self.run(self.queue.check(held))
            with contextlib.suppress(TrustError):
                self.pile.answer(self.model.cases[held.hold], who, value)

    @rule(who=who_, name=hold_, value=st.sampled_from(["no", "yes"]))
    def somebody_answers_past_the_queue(self, who: str, name: str, value: str) -> None:
        """Written into the registry by hand: claims are no rule of the log's."""
        if name in self.model.cases:
            with contextlib.suppress(TrustError):
                self.pile.answer(self.model.cases[name], who, value)

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), act=st.sampled_from(["renew", "release", "skip"]))
    def somebody_goes_on_or_leaves_with_any_claim_they_ever_had(self, data: st.DataObject, act: str) -> None:
        self.followed()
        claim = data.draw(st.sampled_from(self.claims))
        valid = self.model.valid(claim)
        try:
            self._act(claim, act)
        except LeaseLost:
            assert not valid
        else:
            assert valid

    def _act(self, claim: Claim, act: str) -> None:
        if act == "renew":
            after = self.run(self.queue.renew(claim))
            assert after.token == claim.token
            self.claims[self.claims.index(claim)] = after
            self.model.leases[claim.hold] = Lease(after.token, after.reviewer, after.until)
            self.model.mine[claim.reviewer] = after, "open"
            return
        if act == "release":
            self.run(self.queue.release(claim))
        else:
            self.run(self.queue.skip(claim, "because"))
            self.model.skipped[claim.hold].add(claim.reviewer)
            if len(self.model.skipped[claim.hold]) >= 3:
                self.model.escalated.add(claim.hold)
                self.model.seniors.add(claim.hold)
        self.model.leases[claim.hold] = Lease(claim.token)
        self.model.mine[claim.reviewer] = claim, "let go" if act == "release" else "over"

    @rule(who=who_)
    def somebody_claims_at_once(self, who: str) -> None:
        self.somebody_claims(who)

    @rule(who=who_)
    def somebody_skips_what_they_are_given(self, who: str) -> None:
        self.somebody_claims(who)
        held = self.model.held(who)
        if held is not None:
            self._act(held, "skip")

    @rule(seconds=st.sampled_from([1, LEASE - 1, LEASE, LEASE, HOUR, 25 * HOUR]))
    def time_passes(self, seconds: int) -> None:
        self.pile.clock.now += seconds

    @rule()
    def the_database_is_thrown_away(self) -> None:
        self.run(emptied(self.url, self.root))
        self.pile.clock.now += 1
        model = Model(self.pile)
        model.cases, model.severities = self.model.cases, self.model.severities
        model.leases = {name: Lease() for name in model.cases}
        self.model = model
        self.followed()

    # ---- what is always so -------------------------------------------------------------------------------------

    @invariant()
    def one_holds_a_case_at_most_and_it_is_who_the_model_says(self) -> None:
        if not hasattr(self, "queue"):
            return
        self.followed()
        holding = [claim for claim in self.claims if self.holds(claim)]
        assert len({claim.hold for claim in holding}) == len(holding)
        assert len({claim.reviewer for claim in holding}) == len(holding)
        assert holding == [claim for claim in self.claims if self.model.valid(claim)]

    def holds(self, claim: Claim) -> bool:
        try:
            self.run(self.queue.check(claim))
        except LeaseLost:
            return False
        return True

    @invariant()
    def what_is_released_was_answered_by_two_who_may_and_stays_so(self) -> None:
        if not hasattr(self, "queue"):
            return
        for case in self.model.cases.values():
            tried = self.pile.tried(case)
            votes = [vote for all_ in tried.votes.values() for vote in all_]
            assert len({vote.person for vote in votes}) == len(votes)
            assert not {vote.person for vote in votes} & set(case.recused)
            now = tried.state(self.pile.clock.now).value
            if now == CaseState.RELEASED.value:
                assert sum(vote.value == "no" and vote.office == PROVIDER for vote in votes) >= 2
            if case.digest in self.released:
                assert now == CaseState.RELEASED.value
            elif now == CaseState.RELEASED.value:
                self.released[case.digest] = now

    @invariant()
    def the_index_says_what_the_log_says(self) -> None:
        if not hasattr(self, "queue"):
            return
        shown = {item.hold: item for item in self.run(self.queue.page(Shown(state=None)))}
        now = self.pile.clock.now
        for name, case in self.model.cases.items():
            tried = self.pile.tried(case)
            assert (shown[name].case, shown[name].state) == (case.digest, tried.state(now))
            wanted = core.offices_of(tried) if tried.state(now) is CaseState.OPEN else ()
            if tried.state(now) is not CaseState.EXPIRED:
                assert (shown[name].offices, shown[name].answered) == (wanted, len(core.deciders(tried)))


async def emptied(url: str, root: Path) -> None:
    """Throw away everything in a database but its tables."""
    database = database_at(url, root)

    def delete(connection: Any) -> None:
        for table in METADATA.sorted_tables:
            connection.execute(table.delete())

    await database.write(delete)
    await database.close()


def machine_on(url: str) -> type[Reviewers]:
    return type("Reviewers", (Reviewers,), {"url": url})


QUICK: Final = settings(
    max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield asyncio.run(new_database(url, "queue"))


def test_whatever_reviewers_do_on_sqlite() -> None:
    run_state_machine_as_test(Reviewers, settings=QUICK)


def test_whatever_reviewers_do_on_postgresql(server: str) -> None:
    run_state_machine_as_test(machine_on(server), settings=settings(QUICK, max_examples=3))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_whatever_reviewers_do_for_long(kind: str, request: pytest.FixtureRequest) -> None:
    url = Reviewers.url if kind == "sqlite" else str(request.getfixturevalue("server"))
    longer = settings(QUICK, max_examples=600, stateful_step_count=60)
    run_state_machine_as_test(machine_on(url), settings=longer)
