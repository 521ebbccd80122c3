# SPDX-License-Identifier: Apache-2.0
"""Steps out of order, twice, and never: whatever happens to an exchange, what the machine must never do it does not.

The playbooks (``tests/playbooks``) show what it does; here hypothesis throws events at it in any order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.agreement.decide import Subject
from brightline.core.enforcement import commands as do
from brightline.core.enforcement import events as ev
from brightline.core.enforcement.machine import Machine
from brightline.core.enforcement.states import TRANSITIONS, IllegalStep, State, is_late
from brightline.core.errors import MalformedRequest
from brightline.core.evidence.record import Draft, RecordKind
from brightline.core.exchange.api import chat
from brightline.core.exchange.model import Exchange, Reply, ReplyChoice, asked_digest
from brightline.core.review.asking import NO_WORD, PeoplesWord
from brightline.core.review.case import Case, CaseQuestion
from brightline.core.review.decision import APPROVE
from brightline.core.review.docket import Answers
from brightline.core.review.kept import Kept
from brightline.core.screening.finding import Finding, Segment, Surface
from tests.playbooks.playbook import (
    DENIED,
    DONE,
    FAULTY,
    GOOD,
    HALTED,
    HELD,
    LAPSED,
    NOW,
    REGISTERS,
    SUSPENDED,
    TERMS,
    WORKLOAD,
    asking,
    chunk,
    completion,
    durable,
    judged,
)

OTHER_DRAFT: Final = Draft(RecordKind.ATTEMPT, "x-2", TERMS.header(), {})


class Watched:
    """A machine, and somebody who looks at every command for what must never be."""

    def __init__(self, request: Exchange | MalformedRequest, people: PeoplesWord = NO_WORD) -> None:
        self.now = 0.0
        self.comes_back = isinstance(people.named, Kept)
        self.used = False
        arrived = ev.Arrived(self.at, "x-1", WORKLOAD, request, REGISTERS, people)
        self.arrived = arrived
        self.machine = Machine(TERMS, chat, arrived)
        self.drafts: dict[RecordKind, Draft] = {}
        self.uses: tuple[Draft, ...] = ()
        self.ask = 0
        self.asked: tuple[Segment, ...] = ()
        self.said = ""
        self.covered = 0  # characters of choice 0 that a permit covers
        self.left = ""
        self.passed = self.permitted = self.stopped = False
        self.counts: dict[str, int] = {}
        self._watch(arrived, self.machine.start())

    @property
    def at(self) -> ev.Instant:
        return ev.Instant(self.now, NOW)

    def feed(self, event: ev.Event) -> None:
        """Feed one event. An illegal one raises ``IllegalStep`` and leaves everything as it was."""
        before = self.machine.state
        try:
            out = self.machine.handle(event)
        except IllegalStep:
            assert self.machine.state is before
            return
        if before is State.ENDED:
            assert out == []
        if before not in {State.HOLDING, State.CLOSING, State.ENDED}:
            self._learn(event)
        if isinstance(event, ev.RecordFailed):
            self.stopped = True
        self._watch(event, out)

    def _learn(self, event: ev.Event) -> None:
        if isinstance(event, ev.PassDurable):
            self.passed = True
        elif isinstance(event, ev.UseDurable):
            self.used = True
        elif isinstance(event, ev.ScreeningFailed):
            self.stopped = True
        elif isinstance(event, ev.Screened):
            clean = all(not judgement.findings for judgement in event.judgements) and bool(event.judgements)
            self.stopped |= not clean
            if self.comes_back:
                self.permitted |= clean and any(segment.surface is Surface.OUTPUT for segment in self.asked)
            elif clean and self.passed:
                self.permitted = True
                ends = [s.start + len(s.text) for s in self.asked if s.path == "choices[0].content"]
                starts = [s.start for s in self.asked if s.path == "choices[0].content"]
                assert not starts or min(starts) <= self.covered  # no gap between two asks
                self.covered = max([self.covered, *ends])
        elif isinstance(event, ev.Ticked) and event.conditions is not GOOD:
            self.stopped |= self.machine.state is State.CLOSING

    def _watch(self, event: ev.Event, out: list[do.Command]) -> None:
        for command in out:
            name = type(command).__name__
            self.counts[name] = self.counts.get(name, 0) + 1
            assert "End" not in self.counts or name == "End"
            match command:
                case do.Record(draft):
                    self.drafts[draft.kind] = draft
                    self.counts[draft.kind.value] = self.counts.get(draft.kind.value, 0) + 1
                case do.Use(drafts):
                    self.uses = drafts
                case do.Screen(ask, segments):
                    self.ask, self.asked = ask, segments
                case do.Forward():
                    assert isinstance(event, ev.PassDurable)
                    assert not self.comes_back
                case do.Release(segment) if self.comes_back:
                    assert self.permitted
                    assert self.used
                    assert isinstance(event, ev.OutcomeDurable)
                case do.Release(segment):
                    assert self.permitted
                    assert not self.stopped
                    self.left += segment.text
                    assert self.said.startswith(self.left)
                    assert len(self.left) <= self.covered
                    assert not segment.finish or isinstance(event, ev.OutcomeDurable)
                case do.Answer() | do.CloseStream():
                    assert self.permitted
                    assert not self.stopped
                    assert isinstance(event, ev.OutcomeDurable)
                    assert self.used or not self.comes_back
                case do.Refuse():
                    assert not self.left
                case _:
                    pass
        for once in ("Forward", "Use", "End", "Answer", "CloseStream", "ATTEMPT", "PASS", "HOLD", "OUTCOME"):
            assert self.counts.get(once, 0) <= 1, once
        endings = ("Answer", "CloseStream", "CutStream", "BreakStream", "Refuse")
        assert sum(self.counts.get(name, 0) for name in endings) <= 1
        assert ("End" in self.counts) == (self.machine.state is State.ENDED)

    def screened(self, *findings: Finding, ask: int = 0) -> ev.Screened:
        return ev.Screened(self.at, ask or self.ask, (judged(self.asked, *findings),))

    def draft(self, kind: RecordKind) -> Draft:
        return self.drafts.get(kind, OTHER_DRAFT)

    def says(self, *data: str, text: str = "") -> ev.Event:
        if self.machine.state in {State.FORWARDED, State.STREAMING}:
            self.said += text
        return ev.UpstreamSaid(self.at, data)

    def replies(self) -> ev.Event:
        return ev.UpstreamReplied(self.at, completion("Figs."))

    def natural(self) -> ev.Event:
        """What would happen next if nothing went wrong."""
        match self.machine.state:
            case State.ATTEMPTING:
                return ev.AttemptDurable(self.at, durable(self.draft(RecordKind.ATTEMPT)), GOOD)
            case State.PASSING:
                return ev.PassDurable(self.at, durable(self.draft(RecordKind.PASS)), GOOD)
            case State.USING:
                return self.use_durable()
            case State.HOLDING:
                return ev.HoldDurable(self.at, durable(self.draft(RecordKind.HOLD)))
            case State.CLOSING:
                return ev.OutcomeDurable(self.at, durable(self.draft(RecordKind.OUTCOME)))
            case State.FORWARDED if not self.streamed:
                return self.replies()
            case State.FORWARDED:
                return self.says(chunk("Figs, dates, plums and so on; "), text="Figs, dates, plums and so on; ")
            case _:
                return self.screened()

    def use_durable(self) -> ev.Event:
        return ev.UseDurable(self.at, tuple(durable(draft) for draft in self.uses))

    @property
    def streamed(self) -> bool:
        return isinstance(self.arrived.request, Exchange) and self.arrived.request.streamed

    def late_tick(self) -> ev.Event:
        self.now += 5
        return ev.Ticked(self.at, GOOD)


Move = Callable[[Watched], ev.Event]
MOVES: Final[dict[str, Move]] = {
    "natural": Watched.natural,
    "attempt": lambda w: ev.AttemptDurable(w.at, durable(w.draft(RecordKind.ATTEMPT)), GOOD),
    "attempt, suspended": lambda w: ev.AttemptDurable(w.at, durable(w.draft(RecordKind.ATTEMPT)), SUSPENDED),
    "attempt, faulty": lambda w: ev.AttemptDurable(w.at, durable(w.draft(RecordKind.ATTEMPT)), FAULTY),
    "pass": lambda w: ev.PassDurable(w.at, durable(w.draft(RecordKind.PASS)), GOOD),
    "pass, halted": lambda w: ev.PassDurable(w.at, durable(w.draft(RecordKind.PASS)), HALTED),
    "pass of another": lambda w: ev.PassDurable(w.at, durable(w.draft(RecordKind.ATTEMPT)), GOOD),
    "mark": lambda w: ev.MarkDurable(w.at, durable(w.draft(RecordKind.MARK))),
    "hold record": lambda w: ev.HoldDurable(w.at, durable(w.draft(RecordKind.HOLD))),
    "use": Watched.use_durable,
    "use of another": lambda w: ev.UseDurable(w.at, (durable(OTHER_DRAFT),)),
    "used before": lambda w: ev.UsedBefore(w.at),
    "use failed": lambda w: ev.UseFailed(w.at, "full"),
    "outcome": lambda w: ev.OutcomeDurable(w.at, durable(w.draft(RecordKind.OUTCOME))),
    "outcome of another": lambda w: ev.OutcomeDurable(w.at, durable(OTHER_DRAFT)),
    "record failed": lambda w: ev.RecordFailed(w.at, "full"),
    "mark failed": lambda w: ev.MarkFailed(w.at, "full"),
    "clean": lambda w: w.screened(),
    "deny": lambda w: w.screened(DENIED),
    "hold": lambda w: w.screened(HELD),
    "an answer to the last ask": lambda w: w.screened(ask=w.ask - 1 or 99),
    "no detector": lambda w: ev.Screened(w.at, w.ask, ()),
    "screening failed": lambda w: ev.ScreeningFailed(w.at, w.ask, "late"),
    "replied": Watched.replies,
    "replied garbage": lambda w: ev.UpstreamReplied(w.at, b"garbage"),
    "said": lambda w: w.says(chunk("grapes; "), text="grapes; "),
    "said a lot": lambda w: w.says(chunk("pear" * 50), text="pear" * 50),
    "finished": lambda w: w.says(chunk(finish="stop")),
    "done": lambda w: w.says(DONE),
    "finished and done": lambda w: w.says(chunk(finish="stop"), DONE),
    "said garbage": lambda w: w.says("garbage"),
    "ended": lambda w: ev.UpstreamEnded(w.at),
    "broke": lambda w: ev.UpstreamBroke(w.at, "reset"),
    "gone": lambda w: ev.ClientGone(w.at),
    "ticked": Watched.late_tick,
    "lapsed": lambda w: ev.Ticked(w.at, LAPSED),
    "suspended": lambda w: ev.Ticked(w.at, SUSPENDED),
    "arrived": lambda w: w.arrived,
}
# Most moves are the natural ones, so that the others meet every station of the way.
moves = st.lists(
    st.just("natural") | st.sampled_from(["said", "natural"]) | st.sampled_from(sorted(MOVES)), max_size=30
)
requests = st.sampled_from([asking(stream=True), asking(stream=True), asking(), MalformedRequest("no JSON")])


def people_s_words() -> list[PeoplesWord]:
    """Nobody has said anything; somebody has approved; the caller comes back for an answer that was kept."""
    answers = Answers()
    asked = CaseQuestion(Subject.APPROVAL, "customer_decider", (("customer_decider", 1),))
    for request in (asking(), asking(stream=True)):
        case = Case("", "hold_1", "w-1", "", "", "", asked_digest(request), (), (asked,), (), "", NOW, NOW + 9)
        answers.settle(case, asked, APPROVE, NOW + 9)
    machines = [Watched(request).machine for request in (asking(), asking(stream=True))]
    named = [machine._people._id(asked_digest(machine._exchange)) for machine in machines]
    reply = Reply((ReplyChoice(0, "Figs."),))
    return [NO_WORD, PeoplesWord(answers), *(PeoplesWord(named=Kept(hold, "sha256:c", reply)) for hold in named)]


@settings(max_examples=800, deadline=None)
@given(requests, st.sampled_from(people_s_words()), moves)
def test_whatever_happens_nothing_leaves_that_should_not(
    request_: Exchange | MalformedRequest, people: PeoplesWord, names: list[str]
) -> None:
    watched = Watched(request_, people)
    for name in names:
        watched.feed(MOVES[name](watched))


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("late", sorted(MOVES))
def test_whatever_happens_after_the_end_changes_nothing(late: str, streamed: bool) -> None:
    watched = Watched(asking(stream=streamed))
    for name in ["natural"] * 5 + (["finished and done"] if streamed else []) + ["natural"] * 3:
        watched.feed(MOVES[name](watched))
    assert watched.machine.state is State.ENDED
    assert ("CloseStream" if streamed else "Answer") in watched.counts
    watched.feed(MOVES[late](watched))


def test_each_event_that_the_table_does_not_know_in_a_state_raises_and_changes_nothing() -> None:
    ways: dict[State, list[str]] = {
        State.ATTEMPTING: [],
        State.SCREENING_INPUT: ["natural"],
        State.PASSING: ["natural"] * 2,
        State.FORWARDED: ["natural"] * 3,
        State.STREAMING: ["natural"] * 4,
        State.SCREENING_OUTPUT: ["natural"] * 3 + ["replied"],
        State.HOLDING: ["natural", "hold"],
        State.CLOSING: ["natural", "deny"],
    }
    tried = 0
    for state, way in ways.items():
        for name in MOVES:
            watched = Watched(asking(stream=True))
            for step in way:
                watched.feed(MOVES[step](watched))
            assert watched.machine.state is state
            event = MOVES[name](watched)
            late = is_late(state, event)
            if (state, type(event)) in TRANSITIONS or late:
                continue
            with pytest.raises(IllegalStep):
                watched.machine.handle(event)
            assert watched.machine.state is state
            tried += 1
    assert tried > 60


@pytest.mark.parametrize("kind", [RecordKind.ATTEMPT, RecordKind.PASS, RecordKind.MARK, RecordKind.OUTCOME])
def test_a_record_that_was_not_asked_for_proves_nothing(kind: RecordKind) -> None:
    watched = Watched(asking(stream=True))
    other = durable(Draft(kind, "x-2", TERMS.header(), {}))
    events: dict[RecordKind, tuple[int, ev.Event]] = {
        RecordKind.ATTEMPT: (0, ev.AttemptDurable(watched.at, other, GOOD)),
        RecordKind.PASS: (2, ev.PassDurable(watched.at, other, GOOD)),
        RecordKind.MARK: (5, ev.MarkDurable(watched.at, other)),
        RecordKind.OUTCOME: (6, ev.OutcomeDurable(watched.at, other)),
    }
    steps, event = events[kind]
    for name in (["natural"] * 5 + ["lapsed"])[:steps]:
        watched.feed(MOVES[name](watched))
    with pytest.raises(IllegalStep, match=f"not the {kind.value}"):
        watched.machine.handle(event)


@pytest.mark.parametrize("off", [-1, 1])
def test_an_answer_to_another_ask_judges_nothing(off: int) -> None:
    watched = Watched(asking(stream=True))
    for name in ["natural"] * 4:
        watched.feed(MOVES[name](watched))
    assert watched.ask == 2
    for event in (watched.screened(ask=2 + off), ev.ScreeningFailed(watched.at, 2 + off, "late")):
        with pytest.raises(IllegalStep, match="where 2 is open"):
            watched.machine.handle(event)
    watched.feed(watched.screened())
    assert watched.left


def test_an_answer_that_comes_twice_judges_nothing_the_second_time() -> None:
    watched = Watched(asking(stream=True))
    for name in ["natural"] * 5:
        watched.feed(MOVES[name](watched))
    left = watched.left
    with pytest.raises(IllegalStep):
        watched.machine.handle(watched.screened())
    assert watched.left == left


def test_the_same_events_give_the_same_records() -> None:
    def told() -> list[Draft]:
        watched = Watched(asking())
        for _ in range(5):
            watched.feed(MOVES["natural"](watched))
        return list(watched.drafts.values())

    assert told() == told()
