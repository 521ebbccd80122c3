# SPDX-License-Identifier: Apache-2.0
"""The output phase: what has arrived, what is judged, what has left.

Text leaves only ``holdback_chars`` behind what is judged; tool calls and the end of a choice leave only after the
whole answer was judged and the OUTCOME is durable. This file alone mints judged values, and only when the machine
says that the agreement permits (``judged``/``closing``). It decides nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

import msgspec

from brightline.core.canonical import JsonValue, canonical_bytes
from brightline.core.enforcement.arriving import Channel, Choice
from brightline.core.enforcement.states import ChoiceState
from brightline.core.errors import UpstreamFailed
from brightline.core.exchange.coverage import exchange_view
from brightline.core.exchange.judged import JudgedReply, JudgedSegment, mint_reply, mint_segment
from brightline.core.exchange.model import (
    NO_USAGE,
    Exchange,
    Reply,
    ReplyChoice,
    StreamPart,
)
from brightline.core.exchange.tokens import spelling
from brightline.core.patterns.minimise import Minimised, minimised
from brightline.core.screening.finding import Segment, Surface
from brightline.core.screening.segment import SENTENCE_END, Windows, releasable, sentence_due

ANSWER_CHARS_MAX: Final = 2_000_000
MINIMISED_CHARS_MAX: Final = 262_144  # of an answer that is masked before it leaves
CALM_AFTER: Final = 3  # asks without anything near, until a stream is read no further back than it need be
SEGMENT_CHARS_MAX: Final = 4_096  # at most 16 KiB: a MARK can be made between any two segments


class Chain(msgspec.Struct, frozen=True):
    """A digest over everything that left, in order, and its size. It is committed in MARK and OUTCOME."""

    digest: str = ""
    size: int = 0

    def then(self, segment: JudgedSegment) -> Chain:
        """The chain after one more segment: SHA-256 over the last digest and the segment's canonical form."""
        calls: list[JsonValue] = [[call.name, call.arguments] for call in segment.calls]
        said: list[JsonValue] = [segment.choice, segment.text, segment.refusal, calls, segment.finish]
        tokens = hashlib.sha256(msgspec.json.encode(segment.tokens)).hexdigest() if segment.tokens else ""
        link = canonical_bytes([self.digest, *said, segment.reasoning, tokens])
        return Chain("sha256:" + hashlib.sha256(link).hexdigest(), self.size + segment.size)

    def then_vectors(self, vectors: tuple[bytes, ...]) -> Chain:
        """The chain after an answer of vectors: SHA-256 over the last digest and theirs."""
        digests: list[JsonValue] = [hashlib.sha256(vector).hexdigest() for vector in vectors]
        link = canonical_bytes([self.digest, "vectors", digests])
        return Chain("sha256:" + hashlib.sha256(link).hexdigest(), self.size + sum(map(len, vectors)))


class Output:
    """The answer of one exchange, plain or streamed."""

    def __init__(self, exchange: Exchange, windows: Windows, *, minimised: bool = False) -> None:
        self._exchange = exchange
        self._windows = windows
        self._minimised = minimised
        self._masked: tuple[Reply, Minimised] | None = None
        self._choices = [Choice(index) for index in range(exchange.choices)]
        self._chars = 0
        self.usage = NO_USAGE
        self.chain = Chain()

    # ---- what arrives -----------------------------------------------------------------------------------

    def take(self, part: StreamPart) -> None:
        """Take one part of a stream. Raises ``UpstreamFailed`` when it is not a lawful continuation."""
        for delta in part.deltas:
            self._chars += len(delta.text) + len(delta.refusal) + len(delta.reasoning) + len(delta.tokens)
            if delta.calls:
                self._chars += sum(len(call.name) + len(call.arguments) for call in delta.calls)
            if self._chars > ANSWER_CHARS_MAX:
                raise UpstreamFailed(f"the upstream's answer exceeds {ANSWER_CHARS_MAX} characters")
            self._bounded(self._chars)
            self._choices[delta.choice].take(delta)
        if part.usage != NO_USAGE:
            self.usage = part.usage

    def take_reply(self, reply: Reply) -> None:
        """Take a whole plain answer. Raises ``UpstreamFailed`` for more than is masked, where it is to be."""
        self._bounded(
            sum(
                len(one.text) + len(one.refusal) + len(one.reasoning) + sum(len(call.arguments) for call in one.calls)
                for one in reply.choices
            )
        )
        self._choices = [Choice(choice.index) for choice in reply.choices]
        self.usage = reply.usage

    def _bounded(self, chars: int) -> None:
        if self._minimised and chars > MINIMISED_CHARS_MAX:
            raise UpstreamFailed(
                f"the upstream's answer exceeds {MINIMISED_CHARS_MAX} characters, and is to be masked"
            )

    @property
    def finished(self) -> bool:
        """Whether every choice has its finish reason."""
        return all(choice.state is ChoiceState.FINISHED for choice in self._choices)

    def reply(self) -> Reply:
        """The stream so far as a whole answer, for the last judgement."""
        return Reply(
            tuple(
                ReplyChoice(
                    choice.index,
                    text := choice.content.text,
                    choice.refusal.text,
                    choice.whole_calls(),
                    choice.finish,
                    choice.reasoning.text,
                    spelling(tuple(choice.tokens), text),
                )
                for choice in self._choices
            ),
            self.usage,
        )

    # ---- what must be judged -----------------------------------------------------------------------------

    def next_ask(self) -> tuple[Segment, ...]:
        """What is new since the last ask, with the overlap before it; empty if less is new than is asked about."""
        segments: list[Segment] = []
        for choice in self._choices:
            for channel in self._channels(choice):
                if not self._due(channel):
                    continue
                start = max(0, channel.asked - self._windows.back(channel.wary > 0))
                segments.append(Segment(_path(choice, channel), Surface.OUTPUT, channel.since(start), start))
                if channel is choice.content:
                    segments.append(exchange_view(self._exchange, segments[-1].text, choice.index))
                    segments += self._seam(choice)
                channel.asked = channel.size
                kept = channel.asked if self._minimised else channel.released
                channel.let_go(min(kept, channel.asked - self._windows.back(near=True)))
        return tuple(segments)

    def heard(self, near: frozenset[str]) -> None:
        """What was asked last has been answered; in these places something came near a threshold.

        There the text is read further back from now on, until several asks in a row find nothing near.
        """
        for choice in self._choices:
            for channel in self._channels(choice):
                channel.wary = CALM_AFTER if _path(choice, channel) in near else max(0, channel.wary - 1)

    def _due(self, channel: Channel) -> bool:
        """Whether enough is new: a stride, or the end of a sentence where the release wants them asked about."""
        new = channel.size - channel.asked
        if sentence_due(new, self._windows):
            return SENTENCE_END.search(channel.since(channel.asked)) is not None
        return new >= self._windows.stride_chars

    def judged(self) -> tuple[JudgedSegment, ...]:
        """The agreement permits what was asked: return what may leave now, minted.

        Nothing of a minimised answer does: who is masked in it may stand in its last sentence.
        """
        out: list[JudgedSegment] = []
        for choice in self._choices:
            for channel in self._channels(choice):
                channel.judged = channel.asked
            if self._minimised:
                continue
            for channel in self._channels(choice):
                end = releasable(channel.judged, channel.released, self._windows)
                if choice.thought_out(channel) and choice.content.judged > self._windows.holdback_chars:
                    end = channel.judged  # as much of what follows it was judged as is ever held back
                leaving = channel.since(channel.released)[: max(0, end - channel.released)]
                for start in range(0, len(leaving), SEGMENT_CHARS_MAX):
                    out.append(_minted(choice, channel, leaving[start : start + SEGMENT_CHARS_MAX]))
                channel.released += len(leaving)
        return tuple(out)

    def _seam(self, choice: Choice) -> Iterator[Segment]:
        """The end of the reasoning with the beginning of the answer: a client reads them in one go."""
        overlap = self._windows.overlap_chars
        if choice.reasoning.size and choice.content.asked < overlap:
            thought = choice.reasoning.since(max(0, choice.reasoning.size - overlap))
            joined = thought + choice.content.since(0)[: 2 * overlap]
            yield Segment(f"joined:choices[{choice.index}]#seam", Surface.OUTPUT, joined)

    def left(self, segment: JudgedSegment) -> None:
        """This segment is being written: book it in the chain."""
        self.chain = self.chain.then(segment)

    # ---- the end -----------------------------------------------------------------------------------------

    def closing(self) -> tuple[JudgedSegment, ...]:
        """The agreement permits the whole answer: the last content of every choice, minted, one for each."""
        if self._minimised:
            for choice in self._choices:
                choice.step(ChoiceState.RELEASED)
            return self.given(self.reply())
        out: list[JudgedSegment] = []
        for choice in self._choices:
            choice.step(ChoiceState.RELEASED)
            if rest := choice.reasoning.since(choice.reasoning.released):
                out.append(_minted(choice, choice.reasoning, rest))
            out.append(
                mint_segment(
                    choice.index,
                    text=choice.content.since(choice.content.released),
                    refusal=choice.refusal.since(choice.refusal.released),
                    calls=choice.whole_calls(),
                    finish=choice.finish,
                    tokens=spelling(tuple(choice.tokens), choice.content.text),
                )
            )
        return tuple(out)

    def closing_reply(self, reply: Reply) -> JudgedReply:
        """The agreement permits the plain answer: mint it and book it in the chain."""
        reply = self.as_it_leaves(reply)
        for choice in reply.choices:
            said = (choice.text, choice.refusal, choice.calls, choice.finish, choice.reasoning, choice.tokens)
            self.left(mint_segment(choice.index, *said))
        if reply.vectors:
            self.chain = self.chain.then_vectors(reply.vectors)
        return mint_reply(reply)

    def given(self, reply: Reply) -> tuple[JudgedSegment, ...]:
        """The agreement permits a whole answer that is there: as the segments of a stream, minted."""
        out: list[JudgedSegment] = []
        for choice in self.as_it_leaves(reply).choices:
            if choice.reasoning:
                out.append(mint_segment(choice.index, reasoning=choice.reasoning))
            said = (choice.text, choice.refusal, choice.calls, choice.finish)
            out.append(mint_segment(choice.index, *said, tokens=choice.tokens))
        return tuple(out)

    def as_it_leaves(self, reply: Reply) -> Reply:
        """A whole answer as it leaves: masked, where the purpose is minimised."""
        if not self._minimised:
            return reply
        if self._masked is None or self._masked[0] is not reply:
            self._masked = reply, minimised(self._exchange, reply)
        return self._masked[1].reply

    @property
    def fields(self) -> dict[str, JsonValue]:
        """What an OUTCOME commits to of what left: the chain, and what was masked."""
        masked = {} if self._masked is None else self._masked[1].fields()
        return {"chain": self.chain.digest, **masked}

    def stop(self) -> None:
        """Nothing more leaves."""
        for choice in self._choices:
            if choice.state in {ChoiceState.OPEN, ChoiceState.FINISHED}:
                choice.step(ChoiceState.STOPPED)

    @staticmethod
    def _channels(choice: Choice) -> Iterator[Channel]:
        yield choice.reasoning
        yield choice.content
        yield choice.refusal


def _path(choice: Choice, channel: Channel) -> str:
    return f"choices[{choice.index}].{channel.name}"


def _minted(choice: Choice, channel: Channel, text: str) -> JudgedSegment:
    if channel is choice.reasoning:
        return mint_segment(choice.index, reasoning=text)
    return (
        mint_segment(choice.index, text=text)
        if channel is choice.content
        else mint_segment(choice.index, refusal=text)
    )
