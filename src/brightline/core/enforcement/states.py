# SPDX-License-Identifier: Apache-2.0
"""The order of things: the states of an exchange, and which event may lead from which to which.

This table is the one home of the order. The machine checks every step against it, the playbooks walk every row, and
``docs/way-of-an-exchange.md`` draws it (a test fails when the drawing differs).
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Final

from brightline.core.enforcement import events


class State(enum.StrEnum):
    """The stations of the way."""

    ATTEMPTING = "ATTEMPTING"  # the ATTEMPT is being made durable; nothing was screened
    SCREENING_INPUT = "SCREENING_INPUT"  # the detectors have the request
    SCREENING_KEPT = "SCREENING_KEPT"  # an answer that was held and kept is judged again; no model is asked
    USING = "USING"  # that what people released is used, once, is being made durable; nothing was sent or given out
    PASSING = "PASSING"  # the PASS is being made durable; nothing was sent
    FORWARDED = "FORWARDED"  # the upstream has the request; nothing of its answer is understood yet
    SCREENING_OUTPUT = "SCREENING_OUTPUT"  # a plain answer is held whole
    STREAMING = "STREAMING"  # a stream is held back, judged, marked and let out piece by piece
    HOLDING = "HOLDING"  # the HOLD is being made durable, and with it what people will look at
    CLOSING = "CLOSING"  # the OUTCOME is being made durable; the last content waits for it
    ENDED = "ENDED"


S = State
TRANSITIONS: Final[dict[tuple[State, type], frozenset[State]]] = {
    (S.ATTEMPTING, events.AttemptDurable): frozenset({S.SCREENING_INPUT, S.CLOSING}),
    (S.ATTEMPTING, events.RecordFailed): frozenset({S.ENDED}),
    (S.ATTEMPTING, events.ClientGone): frozenset({S.ATTEMPTING}),
    (S.ATTEMPTING, events.Ticked): frozenset({S.ATTEMPTING}),
    (S.SCREENING_INPUT, events.Screened): frozenset({S.PASSING, S.USING, S.SCREENING_KEPT, S.HOLDING, S.CLOSING}),
    (S.SCREENING_INPUT, events.ScreeningFailed): frozenset({S.CLOSING}),
    (S.SCREENING_INPUT, events.ClientGone): frozenset({S.CLOSING}),
    (S.SCREENING_INPUT, events.Ticked): frozenset({S.SCREENING_INPUT, S.CLOSING}),
    (S.PASSING, events.PassDurable): frozenset({S.FORWARDED, S.CLOSING}),
    (S.PASSING, events.RecordFailed): frozenset({S.CLOSING}),
    (S.PASSING, events.ClientGone): frozenset({S.PASSING}),
    (S.PASSING, events.Ticked): frozenset({S.PASSING}),
    (S.FORWARDED, events.UpstreamReplied): frozenset({S.SCREENING_OUTPUT, S.CLOSING}),
    (S.FORWARDED, events.UpstreamSaid): frozenset({S.STREAMING, S.CLOSING}),
    (S.FORWARDED, events.UpstreamEnded): frozenset({S.CLOSING}),
    (S.FORWARDED, events.UpstreamBroke): frozenset({S.CLOSING}),
    (S.FORWARDED, events.ClientGone): frozenset({S.CLOSING}),
    (S.FORWARDED, events.Ticked): frozenset({S.FORWARDED, S.CLOSING}),
    (S.SCREENING_OUTPUT, events.Screened): frozenset({S.HOLDING, S.CLOSING}),
    (S.SCREENING_OUTPUT, events.ScreeningFailed): frozenset({S.CLOSING}),
    (S.SCREENING_OUTPUT, events.ClientGone): frozenset({S.SCREENING_OUTPUT}),
    (S.SCREENING_OUTPUT, events.Ticked): frozenset({S.SCREENING_OUTPUT, S.CLOSING}),
    (S.STREAMING, events.UpstreamSaid): frozenset({S.STREAMING, S.CLOSING}),
    (S.STREAMING, events.UpstreamEnded): frozenset({S.STREAMING, S.CLOSING}),
    (S.STREAMING, events.UpstreamBroke): frozenset({S.STREAMING, S.CLOSING}),
    (S.STREAMING, events.Screened): frozenset({S.STREAMING, S.HOLDING, S.CLOSING}),
    (S.STREAMING, events.ScreeningFailed): frozenset({S.CLOSING}),
    (S.STREAMING, events.MarkDurable): frozenset({S.STREAMING}),
    (S.STREAMING, events.MarkFailed): frozenset({S.ENDED}),
    (S.STREAMING, events.ClientGone): frozenset({S.STREAMING, S.CLOSING}),
    (S.STREAMING, events.Ticked): frozenset({S.STREAMING, S.CLOSING}),
    (S.SCREENING_KEPT, events.Screened): frozenset({S.USING, S.HOLDING, S.CLOSING}),
    (S.SCREENING_KEPT, events.ScreeningFailed): frozenset({S.CLOSING}),
    (S.SCREENING_KEPT, events.ClientGone): frozenset({S.CLOSING}),
    (S.SCREENING_KEPT, events.Ticked): frozenset({S.SCREENING_KEPT, S.CLOSING}),
    (S.USING, events.UseDurable): frozenset({S.PASSING, S.CLOSING}),
    (S.USING, events.UsedBefore): frozenset({S.PASSING, S.HOLDING, S.CLOSING}),
    (S.USING, events.UseFailed): frozenset({S.CLOSING}),
    (S.USING, events.ClientGone): frozenset({S.USING}),
    (S.USING, events.Ticked): frozenset({S.USING}),
    (S.HOLDING, events.HoldDurable): frozenset({S.HOLDING, S.CLOSING}),
    (S.HOLDING, events.RecordFailed): frozenset({S.CLOSING}),
    (S.HOLDING, events.ClientGone): frozenset({S.HOLDING}),
    (S.HOLDING, events.Ticked): frozenset({S.HOLDING}),
    (S.CLOSING, events.OutcomeDurable): frozenset({S.ENDED}),
    (S.CLOSING, events.RecordFailed): frozenset({S.ENDED}),
}

# What may still arrive once it is decided that nothing more goes either way. It changes nothing and is dropped.
LATE: Final = (
    events.Screened,
    events.ScreeningFailed,
    events.MarkDurable,
    events.MarkFailed,
    events.UpstreamReplied,
    events.UpstreamSaid,
    events.UpstreamEnded,
    events.UpstreamBroke,
    events.ClientGone,
    events.Ticked,
)


class ChoiceState(enum.StrEnum):
    """The states of one choice of an answer."""

    OPEN = "OPEN"  # the upstream may add to it
    FINISHED = "FINISHED"  # the upstream gave its finish reason; nothing may be added
    RELEASED = "RELEASED"  # all of it is judged, recorded and written
    STOPPED = "STOPPED"  # nothing more of it leaves


CHOICE_TRANSITIONS: Final[dict[ChoiceState, frozenset[ChoiceState]]] = {
    ChoiceState.OPEN: frozenset({ChoiceState.FINISHED, ChoiceState.STOPPED}),
    ChoiceState.FINISHED: frozenset({ChoiceState.RELEASED, ChoiceState.STOPPED}),
    ChoiceState.RELEASED: frozenset(),
    ChoiceState.STOPPED: frozenset(),
}


class IllegalStep(AssertionError):
    """Our own mistake: an event in a state where it cannot happen. The pump refuses and closes."""


def check_step(before: State, event: events.Event, after: State) -> None:
    """Raise :class:`IllegalStep` unless the table allows this step."""
    if after not in TRANSITIONS.get((before, type(event)), frozenset()):
        raise IllegalStep(f"{type(event).__name__} may not lead from {before} to {after}")


def is_late(state: State, event: events.Event) -> bool:
    """Whether this event came after the outcome was decided and is to be dropped."""
    if state is State.ENDED:
        return True
    late = state in {State.HOLDING, State.CLOSING} and isinstance(event, LATE)
    return late and (state, type(event)) not in TRANSITIONS


def table_rows() -> Iterator[tuple[str, str, str]]:
    """The table as (state, event, next states) in order, for the docs."""
    for (state, event), after in TRANSITIONS.items():
        yield state.value, event.__name__, ", ".join(s.value for s in State if s in after)
