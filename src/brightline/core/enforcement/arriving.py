# SPDX-License-Identifier: Apache-2.0
"""An answer as it arrives, choice by choice: texts that grow, calls in fragments, and no lawless continuation.

How far each text was asked about, judged and let go is kept with it; what may leave is for ``output.py`` alone to say.
"""

from __future__ import annotations

from typing import Final

from brightline.core.enforcement.states import CHOICE_TRANSITIONS, ChoiceState, IllegalStep
from brightline.core.errors import UpstreamFailed
from brightline.core.exchange.model import CallDelta, Delta, Token, ToolCall

CALLS_MAX: Final = 128


class Call:
    """A tool call that is still arriving."""

    __slots__ = ("arguments", "id", "name")

    def __init__(self) -> None:
        self.id = ""
        self.name: list[str] = []
        self.arguments: list[str] = []

    def take(self, fragment: CallDelta) -> None:
        """Add a fragment. Some servers repeat id and name in each; a name without its id begins another call.

        Raises ``UpstreamFailed`` for a fragment of another call: run together they would be one that nobody made.
        """
        again = bool(fragment.id) and fragment.id == self.id and fragment.name == "".join(self.name)
        other = bool(self.id and fragment.id) and fragment.id != self.id
        if other or (fragment.name and not again and any(self.arguments)):
            raise UpstreamFailed("the upstream gave two tool calls one number")
        self.id = self.id or fragment.id
        if not again:
            self.name.append(fragment.name)
        self.arguments.append(fragment.arguments)


class Channel:
    """A text that grows: how much of it was asked about, is judged, has left. Counts are characters.

    It lies in the pieces in which it came; only its end, which is still to be judged or to leave, is one string. So a
    piece costs as much as itself, however long the text has become.
    """

    __slots__ = ("_end", "_new", "_pieces", "_start", "asked", "judged", "name", "released", "size", "wary")

    def __init__(self, name: str) -> None:
        self.name = name
        self.size = 0
        self.asked = 0
        self.judged = 0
        self.released = 0
        self.wary = 0  # asks for which it is still read further back
        self._pieces: list[str] = []
        self._new: list[str] = []  # of the pieces, those that the end does not hold yet
        self._end = ""
        self._start = 0  # of the end, in the text

    def add(self, piece: str) -> None:
        """The text goes on."""
        if piece:
            self._pieces.append(piece)
            self._new.append(piece)
            self.size += len(piece)

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self._pieces)

    def since(self, start: int) -> str:
        """The text from a character on that was not let go."""
        if start < self._start:
            raise AssertionError(f"character {start} of {self.name} was let go")
        if self._new:
            self._end += "".join(self._new)
            self._new.clear()
        return self._end[start - self._start :]

    def let_go(self, before: int) -> None:
        """Nobody asks for what stands before this character but as part of the whole."""
        if before > self._start:
            self._end, self._start = self.since(before), before


class Choice:
    def __init__(self, index: int) -> None:
        self.index = index
        self.state = ChoiceState.OPEN
        self.reasoning = Channel("reasoning")
        self.content = Channel("content")
        self.refusal = Channel("refusal")
        self.thought = 0  # characters of the reasoning that were there when the answer began
        self.tokens: list[Token] = []
        self.calls: dict[int, Call] = {}
        self.finish = ""

    def step(self, after: ChoiceState) -> None:
        if after not in CHOICE_TRANSITIONS[self.state]:
            raise IllegalStep(f"a choice may not go from {self.state} to {after}")
        self.state = after

    def take(self, delta: Delta) -> None:
        if self.state is not ChoiceState.OPEN:
            if delta.text or delta.refusal or delta.calls or delta.reasoning or delta.finish not in {"", self.finish}:
                raise UpstreamFailed("the upstream added to a choice that it had finished")
            return
        self.reasoning.add(delta.reasoning)
        if delta.text and not self.content.size:
            self.thought = self.reasoning.size
        self.content.add(delta.text)
        self.refusal.add(delta.refusal)
        self.tokens += delta.tokens
        for fragment in delta.calls:
            if not 0 <= fragment.index < CALLS_MAX:
                raise UpstreamFailed(f"the upstream numbered a tool call {fragment.index}")
            self.calls.setdefault(fragment.index, Call()).take(fragment)
        if delta.finish:
            self.finish = delta.finish
            self.step(ChoiceState.FINISHED)

    def thought_out(self, channel: Channel) -> bool:
        """Whether this is a reasoning that the answer has followed. One that goes on is held back like any text."""
        return channel is self.reasoning and self.thought == self.reasoning.size

    def whole_calls(self) -> tuple[ToolCall, ...]:
        return tuple(
            ToolCall("", "".join(call.name), "".join(call.arguments)) for _, call in sorted(self.calls.items())
        )
