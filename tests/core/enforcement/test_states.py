# SPDX-License-Identifier: Apache-2.0
"""The table of the order: what it promises by itself, before any machine reads it."""

from __future__ import annotations

from typing import get_args

import pytest

from brightline.core.enforcement import events as ev
from brightline.core.enforcement.states import (
    CHOICE_TRANSITIONS,
    LATE,
    TRANSITIONS,
    ChoiceState,
    IllegalStep,
    State,
    check_step,
    is_late,
)

AT = ev.Instant(0.0, 0)
EVENTS = set(get_args(ev.Event))


def states_without(*removed: tuple[State, type]) -> set[State]:
    """Which states can be reached from the first if these rows are taken out."""
    reached = {State.ATTEMPTING}
    for _ in State:
        for (before, event), after in TRANSITIONS.items():
            if before in reached and (before, event) not in removed:
                reached |= after
    return reached


def test_every_state_is_reached_and_every_state_can_end() -> None:
    assert states_without() == set(State)
    for start in State:
        reached = {start}
        for _ in State:
            for (before, _event), after in TRANSITIONS.items():
                reached |= after if before in reached else set()
        assert State.ENDED in reached


def test_there_is_no_way_to_the_upstream_but_over_a_durable_attempt_a_judgement_and_a_durable_pass() -> None:
    after_pass = {State.FORWARDED, State.STREAMING, State.SCREENING_OUTPUT}
    for row in (
        (State.ATTEMPTING, ev.AttemptDurable),
        (State.SCREENING_INPUT, ev.Screened),
        (State.PASSING, ev.PassDurable),
    ):
        assert not states_without(row) & after_pass


def test_there_is_no_end_without_a_durable_outcome_but_by_a_record_that_failed() -> None:
    ends = {(before, event) for (before, event), after in TRANSITIONS.items() if State.ENDED in after}
    assert {event for _, event in ends} == {ev.OutcomeDurable, ev.RecordFailed, ev.MarkFailed}
    failing = [row for row in ends if row[1] is not ev.OutcomeDurable]
    assert State.ENDED not in states_without(*failing, (State.CLOSING, ev.OutcomeDurable))


def test_there_is_no_way_back() -> None:
    order = list(State)
    for (before, _), after in TRANSITIONS.items():
        for state in after:
            sideways = {before, state} == {State.STREAMING, State.SCREENING_OUTPUT}
            assert not sideways
            assert order.index(state) >= order.index(before)


def test_a_record_that_fails_ends_every_state_in_which_one_is_being_made_a_pass_and_a_hold_by_their_outcome() -> None:
    recording = {
        state
        for state, event in TRANSITIONS
        if event in {ev.AttemptDurable, ev.PassDurable, ev.MarkDurable, ev.HoldDurable, ev.OutcomeDurable}
    }
    closing = {State.PASSING, State.HOLDING}
    for state in recording:
        failed = ev.MarkFailed if state is State.STREAMING else ev.RecordFailed
        assert TRANSITIONS[state, failed] == {State.CLOSING if state in closing else State.ENDED}


def test_time_and_a_client_that_leaves_are_known_in_every_state() -> None:
    for state in set(State) - {State.CLOSING, State.ENDED}:
        assert (state, ev.Ticked) in TRANSITIONS
        assert (state, ev.ClientGone) in TRANSITIONS


def test_what_may_come_late_is_everything_but_records_that_the_outcome_hangs_on_and_an_arrival() -> None:
    assert EVENTS - set(LATE) == {
        ev.Arrived,
        ev.AttemptDurable,
        ev.PassDurable,
        ev.HoldDurable,
        ev.UseDurable,
        ev.UsedBefore,
        ev.UseFailed,
        ev.OutcomeDurable,
        ev.RecordFailed,
    }


def test_an_event_is_late_once_it_is_decided_that_nothing_more_goes() -> None:
    gone, failed = ev.ClientGone(AT), ev.RecordFailed(AT, "full")
    assert [state for state in State if is_late(state, gone)] == [State.CLOSING, State.ENDED]
    assert [state for state in State if is_late(state, failed)] == [State.ENDED]
    broke = ev.UpstreamBroke(AT, "reset")
    assert [state for state in State if is_late(state, broke)] == [State.HOLDING, State.CLOSING, State.ENDED]


def test_a_step_beside_the_table_is_our_own_mistake() -> None:
    with pytest.raises(IllegalStep, match="ClientGone may not lead from PASSING to FORWARDED"):
        check_step(State.PASSING, ev.ClientGone(AT), State.FORWARDED)
    check_step(State.PASSING, ev.ClientGone(AT), State.PASSING)


def test_a_choice_that_was_stopped_or_released_stays_so() -> None:
    assert CHOICE_TRANSITIONS[ChoiceState.STOPPED] == CHOICE_TRANSITIONS[ChoiceState.RELEASED] == frozenset()
    assert ChoiceState.RELEASED not in CHOICE_TRANSITIONS[ChoiceState.OPEN]
