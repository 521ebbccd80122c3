# SPDX-License-Identifier: Apache-2.0
"""Whatever people, callers, crashes and the clock do: a kept answer is given out at most once, after as many distinct
people of the office as the agreement asks for said that it is good, in time; or never.

The machine, the docket and the index of holds are the real ones, for two workers that share a registry; a restart
reads the registry again. That the registry writes each use once is shown in ``tests/shell/registry/test_uses.py``.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from brightline.core.agreement.decide import Subject
from brightline.core.enforcement import commands as do
from brightline.core.errors import TrustError
from brightline.core.review import content as contents
from brightline.core.review.case import Case
from brightline.core.review.decision import FORMAT, Answer, ReviewerDecision
from brightline.core.review.docket import Docket
from brightline.core.review.kept import Kept, kept_reply
from brightline.core.review.roster import ClearedPerson
from brightline.shell.gateway.hold import Hold
from brightline.shell.gateway.holds import Holds
from brightline.shell.gateway.peers import Peers
from tests.playbooks.playbook import AGREEMENT, NOW, RELEASE, WORKLOAD, Book, Story, completion
from tests.playbooks.test_hold import FACT, case_of, holds_of, unknown

HOLD_SECONDS: Final = 300
ANSWER_SECONDS: Final = 200
PATH: Final = "choices[0].content"
PEOPLE: Final = {name: ClearedPerson(name, "provider_cleared", NOW * 2) for name in ("a", "b", "c")} | {
    "d": ClearedPerson("d", "customer_decider", NOW * 2)
}


class Worker:
    """One process: its index of holds, and the registry as it has read it."""

    def __init__(self, kept: dict[str, Kept]) -> None:
        self.docket = Docket()
        self.read = 0  # of the registry
        self.holds = Holds(lambda: self.docket, 100, Peers(), lambda hold: kept[hold.case])


class Once(RuleBasedStateMachine):
    """Two workers, a registry, a caller who comes back, and four persons."""

    def __init__(self) -> None:
        super().__init__()
        self.book, self.seconds = Book(), 0
        self.cases: dict[str, Case] = {}
        self.kept: dict[str, Kept] = {}
        self.registry: list[tuple[int, ReviewerDecision | str]] = []  # decisions, and the digests of used cases
        self.used: set[str] = set()
        self.given: dict[str, list[int]] = {}
        self.workers = [Worker(self.kept), Worker(self.kept)]
        self.patched = mock.patch("brightline.core.enforcement.holding.hold_seconds", return_value=HOLD_SECONDS)
        self.patched.start()

    def teardown(self) -> None:
        self.patched.stop()

    @property
    def now(self) -> int:
        return NOW + self.seconds

    def follow(self, worker: Worker) -> None:
        """Read what is new in the registry."""
        for unix, said in self.registry[worker.read :]:
            if isinstance(said, str):
                worker.docket.use(said)
            else:
                person = PEOPLE[said.reviewer]
                worker.docket.enter(said, person, unix, AGREEMENT.vocabulary, ANSWER_SECONDS)
        worker.read = len(self.registry)

    def story(self, worker: Worker, named: str = "") -> Story:
        word = worker.holds.word(
            WORKLOAD,
            AGREEMENT.digest,
            RELEASE.digest,
            self.now,
            asyncio.run(worker.holds.named(named, WORKLOAD, self.now)) if named else None,
        )
        story = self.book.story(people=word).later(self.seconds)
        story.attempt_durable()
        return story

    @rule()
    def hold(self) -> None:
        """An answer is held, unless people have settled its words; both workers hear of it."""
        self.follow(self.workers[0])
        story = self.story(self.workers[0])
        if story.screened() != ["Record PASS"]:
            return
        story.pass_durable()
        story.replied(completion("Figs."))
        if story.screened(unknown(story, PATH)) != ["CancelUpstream", "Record HOLD"]:
            return
        story.hold_durable()
        story.outcome_durable()
        case = case_of(story)
        parts = [str(draft.committed["content"]) for draft in holds_of(story)]
        self.cases[case.digest] = case
        self.kept[case.digest] = Kept(case.hold, case.digest, kept_reply(contents.read_content(parts, case.content)))
        for worker in self.workers:
            worker.holds.heard(
                Hold(case.hold, case.digest, case.workload, case.unit, case.expires, "shard", 0, kept=True)
            )

    @precondition(lambda self: self.cases)
    @rule(who=st.sampled_from(sorted(PEOPLE)), value=st.sampled_from(["no", "no", "yes"]), newest=st.booleans())
    def decide(self, who: str, value: str, newest: bool) -> None:
        """Somebody answers; what may not count is not logged."""
        self.say(who, value, self.case(newest))

    @precondition(lambda self: self.cases)
    @rule(value=st.sampled_from(["no", "no", "no", "yes"]))
    def two_decide(self, value: str) -> None:
        """Two of the same mind, which chance alone seldom brings together."""
        for who in ("a", "b"):
            self.say(who, value, self.case(newest=True))

    def case(self, newest: bool) -> Case:
        cases = list(self.cases.values())
        return cases[-1] if newest else cases[0]

    def say(self, who: str, value: str, case: Case) -> None:
        answers = (Answer(Subject.FACT, FACT, value, "read"),)
        decision = ReviewerDecision(FORMAT, case, who, answers, "00" * 16, self.now)
        self.follow(self.workers[0])
        try:
            self.workers[0].docket.check(decision, PEOPLE[who], self.now, AGREEMENT.vocabulary)
        except TrustError:
            return
        self.registry.append((self.now, decision))

    @precondition(lambda self: self.cases)
    @rule(worker=st.integers(0, 1), fresh=st.booleans(), crash=st.sampled_from([False, False, False, True]))
    def come_back(self, worker: int, fresh: bool, crash: bool) -> None:
        """The caller names a hold, to a worker that may not have read on, or that crashes after the use."""
        here = self.workers[worker]
        if fresh:
            self.follow(here)
        story = self.story(here, self.case(newest=True).hold)
        if story.machine.state.value != "SCREENING_INPUT" or story.screened() != ["Screen"]:
            return
        if story.screened(unknown(story, PATH)) != ["Use answer"]:
            return
        [draft] = story.last(do.Use).drafts
        case: Any = draft.public["case"]
        if case in self.used:
            assert story.used_before() == ["Record OUTCOME refused malformed"]
            return
        self.used.add(case)
        self.registry.append((self.now, case))
        if crash:
            return
        story.use_durable()
        assert story.outcome_durable() == ["Answer Figs.", "End"]
        self.given.setdefault(case, []).append(self.now)

    @precondition(lambda self: self.cases)
    @rule(crash=st.booleans())
    def two_come_back(self, crash: bool) -> None:
        """At one moment: both workers have read the same of the registry."""
        for worker in self.workers:
            self.follow(worker)
        self.come_back(0, fresh=False, crash=crash)
        self.come_back(1, fresh=False, crash=False)

    @rule(seconds=st.sampled_from([1, 10, 100, 250]))
    def later(self, seconds: int) -> None:
        if self.seconds + seconds < 900:  # the registers of the playbooks end then
            self.seconds += seconds

    @rule(worker=st.integers(0, 1))
    def restart(self, worker: int) -> None:
        """A worker reads everything again."""
        fresh = Worker(self.kept)
        for case in self.cases.values():
            fresh.holds.heard(Hold(case.hold, case.digest, case.workload, case.unit, case.expires, kept=True))
        self.follow(fresh)
        self.workers[worker] = fresh

    @invariant()
    def given_out_at_most_once_by_two_people_in_time(self) -> None:
        for case, times in self.given.items():
            assert len(times) == 1
            said = [(unix, each) for unix, each in self.registry if not isinstance(each, str)]
            good = {
                each.reviewer: unix
                for unix, each in said
                if each.case.digest == case and each.answers[0].value == "no" and unix < each.case.expires
            }
            cleared = {who: unix for who, unix in good.items() if PEOPLE[who].office == "provider_cleared"}
            assert len(cleared) >= 2
            assert sorted(cleared.values())[1] <= times[0] < max(cleared.values()) + ANSWER_SECONDS


Once.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestOnce = Once.TestCase


def test_the_state_machine_meets_an_answer_that_is_given_out() -> None:
    """What is never reached shows nothing."""
    machine = Once()
    machine.hold()
    machine.two_decide("no")
    machine.two_come_back(crash=False)
    assert [len(times) for times in machine.given.values()] == [1]
    machine.teardown()
