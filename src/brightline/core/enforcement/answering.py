# SPDX-License-Identifier: Apache-2.0
"""5, 6 and the end of the way of an exchange: what the model answers is judged, marked, and let out.

The numbers are those of ``machine.py``. Nothing here decides: what was asked of detectors comes back to the machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from brightline.core.canonical import JsonValue
from brightline.core.enforcement import commands as do
from brightline.core.enforcement import events as ev
from brightline.core.enforcement.course import Commands, Course
from brightline.core.enforcement.states import State
from brightline.core.enforcement.terms import Terms
from brightline.core.errors import CallerError, UpstreamFailed
from brightline.core.evidence.record import Outcome, RecordKind, RefusalClass
from brightline.core.exchange.api.protocol import Api
from brightline.core.exchange.coverage import cover_reply
from brightline.core.exchange.judged import JudgedSegment
from brightline.core.exchange.model import Reply


class Answering(Course):
    """The phase in which an answer comes back."""

    def __init__(self, terms: Terms, api: Api, arrived: ev.Arrived) -> None:
        super().__init__(terms, api, arrived)
        self._upstream_ended = False
        self._last_ask = False  # the whole answer of a stream is being judged
        self._waiting: list[JudgedSegment] = []  # judged, and waiting for a MARK
        self._marking = False
        self._unmarked_bytes = 0
        self._unmarked_since = 0.0

    # ---- 5: what comes back ---------------------------------------------------------------------------------------

    def _upstream(self, event: ev.UpstreamReplied | ev.UpstreamSaid | ev.UpstreamEnded | ev.UpstreamBroke) -> Commands:
        if self._gone:
            return []  # cancelled: what had arrived is being judged, and nothing more is taken
        try:
            match event:
                case ev.UpstreamBroke():
                    return self._upstream_failed(event.why)
                case ev.UpstreamReplied():
                    return self._replied(event)
                case ev.UpstreamSaid():
                    self.state = State.STREAMING
                    for data in event.data:
                        self._said(data)
                    return self._ask_more()
                case ev.UpstreamEnded():
                    if self.state is State.FORWARDED or not self._out.finished:
                        return self._upstream_failed("the upstream ended its stream before the answer was finished")
                    self._upstream_ended = True
                    return self._ask_more()
                case _ as never:
                    assert_never(never)
        except UpstreamFailed as error:
            return self._upstream_failed(str(error))

    def _replied(self, event: ev.UpstreamReplied) -> Commands:
        reply = self._api.SERVER.read_reply(event.body, self._exchange)
        self._out.take_reply(reply)
        self._pending_reply, self._whole = reply, True
        self.state = State.SCREENING_OUTPUT
        return self._screen_whole(reply)

    def _said(self, data: str) -> None:
        if self._upstream_ended:
            raise UpstreamFailed("the upstream sent data after [DONE]")
        part = self._api.SERVER.read_part(data, self._exchange)
        if not part.done:
            self._out.take(part)
            return
        if not self._out.finished:
            raise UpstreamFailed("the upstream sent [DONE] before the answer was finished")
        self._upstream_ended = True

    def _ask_more(self) -> Commands:
        """Ask about what is new, one ask at a time; once the stream has ended, ask about all of it."""
        if self._in_flight or self._last_ask:
            return []
        if self._upstream_ended:
            self._last_ask = True
            try:
                self._pending_reply, self._whole = self._out.reply(), self._out.finished
                return self._screen_whole(self._pending_reply)
            except UpstreamFailed as error:  # more than can be judged
                return self._upstream_failed(str(error))
        segments = () if self._withheld else self._out.next_ask()
        return self._screen(segments) if segments else []

    def _screen_whole(self, reply: Reply) -> Commands:
        try:
            coverage = cover_reply(reply, self._exchange)
        except CallerError as error:
            raise UpstreamFailed(str(error)) from error
        self._coverage = coverage.digest
        return self._screen(coverage.segments, reply)

    def _upstream_failed(self, why: str) -> Commands:
        return self._close(Outcome.UPSTREAM_FAILED, RefusalClass.NONE, self._refusal(UpstreamFailed(why)))

    # ---- 6: marks -------------------------------------------------------------------------------------------------

    def _let_out(self, segments: Sequence[JudgedSegment], at: ev.Instant) -> Commands:
        self._waiting += segments
        return self._flush(at)

    def _flush(self, at: ev.Instant) -> Commands:
        """Release what waits, unless a MARK is due first."""
        out: Commands = []
        while self._waiting and not self._marking and not self._gone and not self._withheld:
            segment = self._waiting[0]
            if self._mark_due(at, segment.size):
                out.append(self._mark())
                break
            self._waiting.pop(0)
            if not self._unmarked_bytes:
                self._unmarked_since = at.monotonic
            self._unmarked_bytes += segment.size
            self._out.left(segment)
            self._wrote = True
            out.append(do.Release(segment, {}))
        return out

    def _mark_due(self, at: ev.Instant, more_bytes: int) -> bool:
        if not self._unmarked_bytes:
            return False
        late = at.monotonic - self._unmarked_since >= self._terms.mark_seconds
        return late or self._unmarked_bytes + more_bytes > self._terms.mark_bytes

    def _mark(self) -> do.Record:
        self._marking = True
        public: dict[str, JsonValue] = {"released_bytes": self._out.chain.size}
        return self._record(RecordKind.MARK, public, {"chain": self._out.chain.digest})

    def _mark_durable(self, event: ev.MarkDurable) -> Commands:
        self._on_record(event.record, RecordKind.MARK)
        self._marking = False
        self._unmarked_bytes = 0
        return self._flush(event.at)

    # ---- 8: the last content --------------------------------------------------------------------------------------

    def _complete(self, reply: Reply) -> Commands:
        if self._gone:
            return self._close(Outcome.CLIENT_GONE, RefusalClass.NONE, lambda _notice: [])
        judged = self._out.closing_reply(reply)
        return self._close(Outcome.COMPLETED, RefusalClass.NONE, lambda notice: [do.Answer(judged, notice)])

    def _complete_stream(self) -> Commands:
        if self._gone:
            return self._close(Outcome.CLIENT_GONE, RefusalClass.NONE, lambda _notice: [])
        return self._end_stream([*self._waiting, *self._out.closing()])

    def _end_stream(self, segments: Sequence[JudgedSegment]) -> Commands:
        for segment in segments:
            self._out.left(segment)
        usage = self._out.usage
        usage_asked = self._exchange.usage_in_stream

        def finale(notice: do.Notice) -> Commands:
            last = len(segments) - 1
            out: Commands = [
                do.Release(segment, notice if i == last and not usage_asked else {})
                for i, segment in enumerate(segments)
            ]
            return [*out, do.CloseStream(usage, notice)]

        return self._close(Outcome.COMPLETED, RefusalClass.NONE, finale)
