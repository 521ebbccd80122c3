# SPDX-License-Identifier: Apache-2.0
"""7 of the way of an exchange: nothing more leaves, people are asked, and what they released is used once.

The numbers are those of ``machine.py``; what people said and are asked is ``holding.py``'s.
"""

from __future__ import annotations

from typing import Final, assert_never

from brightline.core.enforcement import commands as do
from brightline.core.enforcement import events as ev
from brightline.core.enforcement.answering import Answering
from brightline.core.enforcement.course import UNDECIDED, Commands
from brightline.core.enforcement.holding import Fields
from brightline.core.enforcement.states import IllegalStep, State
from brightline.core.enforcement.terms import Terms
from brightline.core.errors import EvidenceUnavailable, HeldForReview, HoldNotReleased, QuotaReached, UpstreamFailed
from brightline.core.evidence.record import Draft, Outcome, RecordKind, RefusalClass
from brightline.core.exchange.api.protocol import Api
from brightline.core.review.kept import Kept

HOLD_WAIT_SECONDS: Final = 60.0


class Withholding(Answering):
    """The phase in which people are asked, and the one in which what they released is used."""

    def __init__(self, terms: Terms, api: Api, arrived: ev.Arrived) -> None:
        super().__init__(terms, api, arrived)
        self._using: tuple[Draft, ...] = ()

    def _decide(self, at: ev.Instant) -> Commands:
        """Ask the agreement, and go on as it says."""
        raise NotImplementedError

    def _pass(self) -> Commands:
        """Put on record that the request may be sent."""
        raise NotImplementedError

    # ---- 7: people are asked ---------------------------------------------------------------------------------------

    def _withhold(self, at: ev.Instant) -> Commands:
        """Nothing more leaves. Of a stream that goes on, all is taken in first, so that it can be given out whole."""
        if self.state is State.STREAMING and not self._last_ask and not self._gone:
            self._withheld = True
            return self._ask_more()
        return self._hold(at)

    def _hold(self, at: ev.Instant) -> Commands:
        """Nothing more goes either way until cleared people have settled what is unknown."""
        people = self._people
        people.about(self._decision)
        if people.is_open(at.unix):
            return self._held()
        if not people.room:
            return self._unjudged(
                QuotaReached(
                    "this unit has as many holds open as it may; people decide them in turn", HOLD_WAIT_SECONDS
                )
            )
        forwarded = self._sent
        self.state = State.HOLDING
        record = self._hold_part(
            people.open(
                self._arrived.exchange_id,
                self._decision,
                self._exchange,
                self._pending_reply,
                at.unix,
                self._arrived.registers,
                whole=self._whole,
            )
        )
        return [do.CancelUpstream(), record] if forwarded else [record]

    def _hold_part(self, fields: tuple[Fields, Fields]) -> do.Record:
        return self._record(RecordKind.HOLD, *fields)

    def _hold_durable(self, event: ev.HoldDurable) -> Commands:
        self._on_record(event.record, RecordKind.HOLD)
        if not event.record.draft.public["part"]:
            self._people.place = event.record.place
        following = self._people.next_part(event.record.draft.public["part"])
        return self._held() if following is None else [self._hold_part(following)]

    def _held(self) -> Commands:
        error = HeldForReview("the agreement needs cleared people to settle what is unknown here")
        return self._close(Outcome.HELD, RefusalClass.NONE, self._refusal(error))

    # ---- what they released is used, once ---------------------------------------------------------------------------

    def _take_kept(self, kept: Kept) -> Commands:
        """The question is permitted: judge again what the model had answered to it. No model is asked."""
        self._output = self._new_output()
        try:
            self._out.take_reply(kept.reply)
        except UpstreamFailed as error:  # it was kept before the purpose was minimised
            return self._refuse(HoldNotReleased(str(error)), RefusalClass.MALFORMED)
        self._pending_reply, self._whole = kept.reply, True
        self.state = State.SCREENING_KEPT
        return self._screen_whole(kept.reply)

    def _use(self) -> Commands:
        """It may be used, if nobody has used it yet: the registry decides, for all gateways and workers."""
        self.state = State.USING
        self._using = self._people.use(self._arrived.exchange_id)
        return [do.Use(self._using)]

    def _used(self, event: ev.UseDurable | ev.UsedBefore | ev.UseFailed) -> Commands:
        kept = self._people.kept is not None
        match event:
            case ev.UseFailed():
                return self._unjudged(EvidenceUnavailable(event.why))
            case ev.UsedBefore() if kept:
                self._decision = UNDECIDED
                return self._refuse(HoldNotReleased("what this hold keeps was given out"), RefusalClass.MALFORMED)
            case ev.UsedBefore():  # it is decided as if nobody had approved
                self._people.used_before()
                self._decided_last = (None, UNDECIDED)
                return self._decide(event.at)
            case ev.UseDurable():
                if tuple(record.draft for record in event.records) != self._using:
                    raise IllegalStep("a use is durable that is not the one that was asked for")
                if self._gone:
                    return self._close(Outcome.CLIENT_GONE, RefusalClass.NONE, lambda _notice: [])
                return self._give() if kept else self._pass()
            case _ as never:
                assert_never(never)

    def _give(self) -> Commands:
        """Give out what was kept, as a stream if one was asked for."""
        if not self._exchange.streamed:
            return self._complete(self._reply)
        return self._end_stream(self._out.given(self._reply))
