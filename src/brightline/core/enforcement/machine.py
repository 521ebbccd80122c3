# SPDX-License-Identifier: Apache-2.0
"""THE WAY OF AN EXCHANGE: event in, commands out. Read ``states.py`` first; the order of things lives there.

    1. ATTEMPT durable, before anything is screened          (ATTEMPTING)
    2. standing, lease and evidence looked at                 (ATTEMPTING)
    3. the input screened, facts joined, decided              (SCREENING_INPUT)
    4. PASS durable, then the pass token, then our own bytes  (PASSING, FORWARDED)
    5. the output screened, plain whole or streamed in part   (SCREENING_OUTPUT, STREAMING)
    6. MARK durable before too much has left without one      (STREAMING)
    7. HOLD durable, where people must settle what is unknown (HOLDING)
       USED durable, before what they released is used, once  (USING)
    8. OUTCOME durable, before the last content leaves        (CLOSING)

Nothing here reads a clock, draws a random number, or awaits. Nothing here asks who the caller is: the workload's
registration states facts, people settle what is unknown, and the agreement decides from facts alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, assert_never

import msgspec

from brightline.core.agreement.clause import Verdict
from brightline.core.agreement.decide import Decision, decided, without_verdict
from brightline.core.agreement.limits import days_max
from brightline.core.canonical import JsonValue
from brightline.core.enforcement import commands as do
from brightline.core.enforcement import events as ev
from brightline.core.enforcement.bounds import outside, within
from brightline.core.enforcement.holding import Fields, Holding
from brightline.core.enforcement.output import Output
from brightline.core.enforcement.pass_token import mint_pass, token_id, wire_digest
from brightline.core.enforcement.states import TRANSITIONS, IllegalStep, State, check_step, is_late
from brightline.core.enforcement.terms import Terms
from brightline.core.errors import (
    BrightlineError,
    CallerError,
    DeniedByAgreement,
    EvidenceUnavailable,
    Halted,
    HeldForReview,
    HoldNotReleased,
    LeaseStale,
    ModelNotFound,
    QuotaReached,
    ScreeningUnavailable,
    Suspended,
    Terminated,
    Unavailable,
    UnitHeld,
    UpstreamFailed,
)
from brightline.core.evidence.receipt import write_receipt
from brightline.core.evidence.record import Draft, DurableRecord, Outcome, RecordKind, RefusalClass
from brightline.core.exchange.api.protocol import Api
from brightline.core.exchange.coverage import cover_reply, cover_request
from brightline.core.exchange.judged import JudgedSegment
from brightline.core.exchange.model import Exchange, Reply, UpstreamRequest, exchange_digest
from brightline.core.facts import Facts, Statement
from brightline.core.review.kept import Kept, Named
from brightline.core.screening.finding import Judgement, Segment
from brightline.core.screening.release import statements_from
from brightline.core.screening.segment import cut
from brightline.core.screening.settle import settled_rule
from brightline.core.screening.trial import beside
from brightline.core.standing import Conditions, Standing

Commands = list[do.Command]
UNDECIDED = Decision(Verdict.UNAVAILABLE, ())


HOLD_WAIT_SECONDS: Final = 60.0
BYTES_PER_TOKEN: Final = 4  # for a model server that does not count


class Closed(msgspec.Struct, frozen=True):
    """How an exchange ended, as its durable OUTCOME says; for those who count."""

    outcome: Outcome
    refusal_class: RefusalClass
    verdict: str
    exchange_digest: str
    tokens: int = 0  # of prompt and answer, as the model server counts them, or estimated where it does not say
    hold: str = ""  # in which people are asked
    hold_case: str = ""  # the digest of the case, if this exchange opened it
    hold_expires: int = 0  # in Unix seconds
    hold_shard: str = ""  # where its record stands, and at which number
    hold_seq: int = 0
    hold_kept: bool = False  # a whole answer is kept


class Completed(msgspec.Struct, frozen=True):
    """What was permitted and given out whole, once its OUTCOME is durable: ``leaf_hash`` and ``time`` are its."""

    exchange: str
    request: Exchange
    leaf_hash: bytes
    time: str


class Machine:
    """One exchange, from its ATTEMPT to its OUTCOME. Feed events in order; perform the commands in order."""

    def __init__(self, terms: Terms, api: Api, arrived: ev.Arrived) -> None:
        self.state = State.ATTEMPTING
        self._terms = terms
        self._api = api
        self._arrived = arrived
        self._recording: dict[RecordKind, Draft] = {}  # being made durable
        self._asks = 0
        self._statements: tuple[Statement, ...] = ()
        self._joined: tuple[tuple[Statement, ...] | None, Mapping[str, str], Facts] = (None, {}, Facts())
        self._decided_last: tuple[Facts | None, Decision] = (None, UNDECIDED)
        self._findings: list[JsonValue] = []
        self._beside: dict[str, str] = {}  # facts that only a candidate made as bad as they are
        self._coverage = ""
        understood = None if isinstance(arrived.request, CallerError) else arrived.request
        self._exchange_digest = "" if understood is None else exchange_digest(understood)
        self._people = Holding(terms, arrived.people, arrived.workload, understood)
        self._gone = False
        self._decision = UNDECIDED
        # Set as the way goes on; an empty value means "not there yet", and each is read only after it was set.
        self._request = UpstreamRequest("", b"", streamed=False)
        self._asked: tuple[Segment, ...] = ()
        self._output: Output | None = None
        self._pending_reply: Reply | None = None
        self._whole = False  # it is all that the model answered
        self._withheld = False  # nothing more of a stream leaves; the rest is taken in, for people to see
        self._using: tuple[Draft, ...] = ()
        self._in_flight = False  # a Screen command is being performed
        self._upstream_ended = False
        self._last_ask = False  # the whole answer of a stream is being judged
        self._waiting: list[JudgedSegment] = []  # judged, and waiting for a MARK
        self._marking = False
        self._unmarked_bytes = 0
        self._unmarked_since = 0.0
        self._wrote = False  # a byte of an answer was written
        self._finale: Callable[[do.Notice], Commands] = lambda _notice: []
        self.closed: tuple[Closed, ...] = ()  # one, once the OUTCOME is durable
        self.completed: Completed | None = None

    def start(self) -> Commands:
        """The first command: make the ATTEMPT durable. Nothing was screened yet."""
        arrived = self._arrived
        request = arrived.request
        committed: dict[str, JsonValue] = {
            "workload": arrived.workload.id,
            "unit": arrived.workload.unit,
            "purpose": arrived.workload.registration.purpose,
        }
        if isinstance(request, CallerError):
            committed["malformed"] = request.code
        else:
            upstream = self._terms.models.get(request.model)
            upstream_model = upstream.upstream_model if upstream else request.model
            sent = within(request, arrived.workload.registration)
            self._request = self._api.SERVER.write_request(sent, upstream_model)
            committed |= {
                "api": request.api,
                "model": request.model,
                "streamed": request.streamed,
                "exchange_digest": self._exchange_digest,
            }
            if isinstance(arrived.people.named, Named):
                committed["hold"] = arrived.people.named.hold
        return [self._record(RecordKind.ATTEMPT, {}, committed)]

    def handle(self, event: ev.Event) -> Commands:
        """Take one step. Raises ``IllegalStep`` (our own mistake) for an event that the table does not know here."""
        if is_late(self.state, event):
            return []
        before = self.state
        if (before, type(event)) not in TRANSITIONS:  # before anything of it is believed
            raise IllegalStep(f"{type(event).__name__} cannot happen in {before}")
        out = self._step(event)
        check_step(before, event, self.state)
        return out

    def _step(self, event: ev.Event) -> Commands:
        match event:
            case ev.AttemptDurable():
                return self._attempt_durable(event)
            case ev.PassDurable():
                return self._pass_durable(event)
            case ev.Screened() | ev.ScreeningFailed():
                return self._screened(event)
            case ev.UpstreamReplied() | ev.UpstreamSaid() | ev.UpstreamEnded() | ev.UpstreamBroke():
                return self._upstream(event)
            case ev.MarkDurable():
                return self._mark_durable(event)
            case ev.HoldDurable():
                return self._hold_durable(event)
            case ev.UseDurable() | ev.UsedBefore() | ev.UseFailed():
                return self._used(event)
            case ev.OutcomeDurable():
                return self._outcome_durable(event)
            case ev.RecordFailed():
                return self._record_failed(event)
            case ev.ClientGone():
                return self._client_gone()
            case ev.Ticked():
                return self._ticked(event)
            case ev.Arrived():
                raise IllegalStep("an exchange arrives once")
            case _ as never:
                assert_never(never)

    # ---- 1, 2: the attempt is on record; may this node serve this unit now? ------------------------------------

    def _attempt_durable(self, event: ev.AttemptDurable) -> Commands:
        self._on_record(event.record, RecordKind.ATTEMPT)
        request = self._arrived.request
        if isinstance(request, CallerError):
            return self._refuse(request, RefusalClass.MALFORMED)
        if self._gone:
            return self._close(Outcome.CLIENT_GONE, RefusalClass.NONE, lambda _notice: [])
        if request.model not in self._terms.models:
            return self._refuse(ModelNotFound("this model is not admitted here", "model"), RefusalClass.MALFORMED)
        stopped = self._stopped_by(event.conditions)
        if stopped is not None:
            return self._refuse(stopped, _class_of(stopped))
        too_much = outside(request, self._request, self._api.ENDPOINT, self._arrived.workload.registration)
        if too_much is not None:
            return self._refuse(too_much, RefusalClass.REGISTRATION)
        not_had = self._people.come_back()
        if not_had is not None:
            return self._refuse(not_had, RefusalClass.MALFORMED)
        agreement = self._terms.agreement
        registers = self._arrived.registers.under(days_max(agreement))
        self._statements = (
            *self._arrived.workload.statements(event.at.unix, registers, agreement.vocabulary),
            *event.conditions.statements,
        )
        # An installation fact that is not known leaves no verdict; do not ask detectors about it.
        unavailable = without_verdict(agreement, self._facts)
        if unavailable is not None:
            self._decision = unavailable
            return self._refuse(LeaseStale("the lease of this node is not in date"), RefusalClass.UNAVAILABLE)
        try:
            coverage = cover_request(self._request.body, request, self._api.SERVER.NAMES)
        except CallerError as error:
            return self._refuse(error, RefusalClass.MALFORMED)
        self._coverage = coverage.digest
        self._people.hear(event.at.unix)
        self.state = State.SCREENING_INPUT
        return [self._screen(coverage.segments)]

    def _stopped_by(self, conditions: Conditions) -> BrightlineError | None:
        if conditions.halted is not None:
            return Halted(f"people have halted this {conditions.halted.value}; nothing was sent")
        if conditions.standing is Standing.TERMINATED:
            return Terminated("the use of this unit, or the agreement, was ended")
        if not conditions.standing.serves:
            return Suspended(f"the standing of this unit is {conditions.standing.value}")
        if conditions.held:
            return UnitHeld("a pattern was found in what this unit asks for, and cleared people are looking")
        if conditions.faults:
            return EvidenceUnavailable("; ".join(conditions.faults))
        return None

    # ---- 3: screened → facts → decided ---------------------------------------------------------------------------

    def _screened(self, event: ev.Screened | ev.ScreeningFailed) -> Commands:
        if event.ask != self._asks or not self._in_flight:
            raise IllegalStep(f"an answer to ask {event.ask} where {self._asks} is open")
        self._in_flight = False
        if isinstance(event, ev.ScreeningFailed):
            return self._unjudged(ScreeningUnavailable(event.why))
        release = self._terms.release
        own = tuple(judgement for judgement in event.judgements if not judgement.release)
        answered = sorted(judgement.detector for judgement in own)
        required = [detector.id for detector in release.detectors]
        if answered not in (sorted(required), sorted([*required, *([release.judge.id] if release.judge else [])])):
            return self._unjudged(ScreeningUnavailable(f"{answered} answered: not each required detector, once"))
        of_answer = self._output is not None
        people = self._people.said(release, own, self._asked, event.at.unix, of_answer=of_answer)
        try:
            statements = statements_from(release, self._asked, own, people)
        except ScreeningUnavailable as error:
            return self._unjudged(error)
        if self._terms.beside is not None:
            candidate = self._terms.beside
            theirs = tuple(each for each in event.judgements if each.release == candidate.digest)
            people = self._people.said(candidate, theirs, self._asked, event.at.unix, of_answer=of_answer)
            more = beside(self._terms.agreement.vocabulary, statements, candidate, self._asked, theirs, people)
            for each in more:
                worst = self._terms.agreement.vocabulary.spec(each.fact).worst
                self._beside[each.fact] = worst(each.value, self._beside.get(each.fact, each.value))
            statements += more
        self._note_findings(own)
        stated = tuple(dict.fromkeys(self._statements + statements))
        if stated != self._statements:  # a stream's later asks seldom state anything new
            self._statements = stated
        return self._decide(event.at)

    def _decide(self, at: ev.Instant) -> Commands:
        self._decision = self._decided
        match self._decision.verdict:
            case Verdict.PERMIT:
                return self._permitted(at)
            case Verdict.HOLD:
                return self._withhold(at)
            case Verdict.DENY:
                return self._denied()
            case Verdict.UNAVAILABLE:
                return self._unjudged(LeaseStale("a fact of the installation is not known"))
            case _ as never:
                assert_never(never)

    def _permitted(self, at: ev.Instant) -> Commands:
        if self.state is State.SCREENING_INPUT and self._people.kept is not None:
            return self._take_kept(self._people.kept)
        if self.state is State.SCREENING_INPUT and self._people.uses:
            return self._use()
        if self.state in {State.SCREENING_INPUT, State.USING}:
            return self._pass()
        if self.state is State.SCREENING_OUTPUT:
            return self._complete(self._reply)
        if self.state is State.SCREENING_KEPT:
            return self._use()
        if self._withheld:
            raise IllegalStep("more words have made good what they had left unknown")
        if self._last_ask:
            return self._complete_stream()
        return self._let_out(self._out.judged(), at) + self._ask_more()

    def _pass(self) -> Commands:
        self.state = State.PASSING
        model = self._terms.models[self._exchange.model]
        public: dict[str, JsonValue] = {
            "verdict": Verdict.PERMIT.value,
            "clauses": list(self._decision.clauses),
            "token": token_id(self._arrived.exchange_id),
            **self._people.public(),
        }
        committed = self._judged_fields() | {
            "wire_digest": wire_digest(self._request),
            "upstream": model.upstream,
            "upstream_model": model.upstream_model,
        }
        return [self._record(RecordKind.PASS, public, committed)]

    def _denied(self) -> Commands:
        """The agreement denies: nothing more goes either way."""
        outcome = Outcome.CUT if self._wrote else Outcome.REFUSED
        error = DeniedByAgreement("the agreement does not permit this exchange")
        return self._close(outcome, RefusalClass.POLICY, self._refusal(error))

    def _unjudged(self, error: Unavailable | QuotaReached) -> Commands:
        """No verdict: what arrived stays here, and nothing is counted against the caller."""
        self._decision = Decision(Verdict.UNAVAILABLE, self._decision.clauses)
        outcome = Outcome.CUT if self._wrote else Outcome.REFUSED
        return self._close(outcome, RefusalClass.UNAVAILABLE, self._refusal(error))

    # ---- 4: on record, so it may be sent ---------------------------------------------------------------------------

    def _pass_durable(self, event: ev.PassDurable) -> Commands:
        self._on_record(event.record, RecordKind.PASS)
        if self._gone:
            return self._close(Outcome.CLIENT_GONE, RefusalClass.NONE, lambda _notice: [])
        stopped = self._stopped_by(event.conditions)
        if stopped is not None:
            return self._stop(stopped)
        self.state = State.FORWARDED
        model = self._terms.models[self._exchange.model]
        expires = event.at.unix + self._terms.pass_seconds
        signer = self._terms.token_signer
        now = event.at.unix
        token = mint_pass(event.record, self._request, model.upstream_model, model.upstream, now, expires, signer)
        self._output = Output(self._exchange, self._terms.release.windows)
        return [do.Forward(token, self._request)]

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
        return [self._screen_whole(reply)]

    def _take_kept(self, kept: Kept) -> Commands:
        """The question is permitted: judge again what the model had answered to it. No model is asked."""
        self._output = Output(self._exchange, self._terms.release.windows)
        self._out.take_reply(kept.reply)
        self._pending_reply, self._whole = kept.reply, True
        self.state = State.SCREENING_KEPT
        return [self._screen_whole(kept.reply)]

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
            self._pending_reply, self._whole = self._out.reply(), self._out.finished
            try:
                return [self._screen_whole(self._pending_reply)]
            except UpstreamFailed as error:  # more than can be judged
                return self._upstream_failed(str(error))
        segments = () if self._withheld else self._out.next_ask()
        return [self._screen(segments)] if segments else []

    def _screen_whole(self, reply: Reply) -> do.Screen:
        try:
            coverage = cover_reply(reply, self._exchange)
        except CallerError as error:
            raise UpstreamFailed(str(error)) from error
        self._coverage = coverage.digest
        return self._screen(coverage.segments)

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
            people.open(self._decision, self._exchange, self._pending_reply, at.unix, whole=self._whole)
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

    # ---- 8: the outcome, then the last content -------------------------------------------------------------------

    def _complete(self, reply: Reply) -> Commands:
        if self._gone:
            return self._close(Outcome.CLIENT_GONE, RefusalClass.NONE, lambda _notice: [])
        judged = self._out.closing_reply(reply)
        return self._close(Outcome.COMPLETED, RefusalClass.NONE, lambda notice: [do.Answer(judged, notice)])

    def _give(self) -> Commands:
        """Give out what was kept, as a stream if one was asked for."""
        if not self._exchange.streamed:
            return self._complete(self._reply)
        return self._end_stream(self._out.given(self._reply))

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

    def _refuse(self, error: BrightlineError, why: RefusalClass) -> Commands:
        return self._close(Outcome.REFUSED, why, self._refusal(error))

    def _refusal(self, error: BrightlineError) -> Callable[[do.Notice], Commands]:
        """How an error reaches the caller: as a status before a byte was written, else inside the stream."""
        if self._gone:
            return lambda _notice: []
        if not self._wrote:
            return lambda notice: [do.Refuse(error, notice)]
        if isinstance(error, DeniedByAgreement | HeldForReview | Halted):
            return lambda notice: [do.CutStream(notice)]
        return lambda notice: [do.BreakStream(error, notice)]

    def _tokens(self) -> int:
        """What the exchange used of a model: nothing, if it was not sent."""
        if self._output is None or self._people.kept is not None:
            return 0
        return (
            self._output.usage.total_tokens or (len(self._request.body) + self._output.chain.size) // BYTES_PER_TOKEN
        )

    def _close(self, outcome: Outcome, why: RefusalClass, finale: Callable[[do.Notice], Commands]) -> Commands:
        forwarded = self.state in {State.FORWARDED, State.STREAMING, State.SCREENING_OUTPUT}
        self.state = State.CLOSING
        self._finale = finale
        public: dict[str, JsonValue] = {
            "outcome": outcome.value,
            "class": why.value,
            "verdict": self._verdict,
            "clauses": list(self._decision.clauses),
            "released_bytes": self._output.chain.size if self._output else 0,
        }
        if outcome is Outcome.HELD:
            public["hold"] = self._people.id
        elif outcome is Outcome.COMPLETED:
            public |= self._people.given()
        committed = self._judged_fields()
        if self._output is not None:
            committed["chain"] = self._output.chain.digest
            if outcome is not Outcome.COMPLETED:
                self._output.stop()
        record = self._record(RecordKind.OUTCOME, public, committed)
        return [do.CancelUpstream(), record] if forwarded else [record]

    def _outcome_durable(self, event: ev.OutcomeDurable) -> Commands:
        self._on_record(event.record, RecordKind.OUTCOME)
        self.state = State.ENDED
        public = event.record.draft.public
        outcome, why = Outcome(str(public["outcome"])), RefusalClass(str(public["class"]))
        closed = Closed(outcome, why, self._verdict, self._exchange_digest, self._tokens())
        if outcome is Outcome.HELD:
            people = self._people
            closed = msgspec.structs.replace(
                closed, hold=people.id, hold_case=people.case, hold_expires=people.expires
            )
            if people.place is not None:
                shard, seq = people.place.shard, people.place.seq
                closed = msgspec.structs.replace(closed, hold_shard=shard, hold_seq=seq, hold_kept=self._whole)
        self.closed = (closed,)
        if outcome is Outcome.COMPLETED:
            record = event.record
            self.completed = Completed(self._arrived.exchange_id, self._exchange, record.leaf_hash, record.place.time)
        return [*self._finale(self._notice(event.record)), do.End()]

    # ---- what may happen at any time -----------------------------------------------------------------------------

    def _record_failed(self, event: ev.RecordFailed) -> Commands:
        """Without a record nothing goes on; the next boot writes ``lost`` for this attempt.

        On a full disk there is room for an OUTCOME where there is none for a PASS, so that one is tried.
        """
        forwarded = self._output is not None
        error = EvidenceUnavailable("the evidence log cannot be written")
        if self.state in {State.PASSING, State.HOLDING}:
            return self._unjudged(error)
        self.state = State.ENDED
        if self._output is not None:
            self._output.stop()
        self._decision = UNDECIDED
        out: Commands = [do.CancelUpstream()] if forwarded else []
        return [*out, *self._refusal(error)({}), do.End()]

    def _client_gone(self) -> Commands:
        """Nobody listens: stop the upstream; what arrived is still judged."""
        self._gone = True
        if self.state in {State.ATTEMPTING, State.PASSING, State.SCREENING_OUTPUT, State.USING, State.HOLDING}:
            return []  # the record or the judgement that is under way decides what is written
        if self.state is State.STREAMING:
            self._upstream_ended = True
            return [do.CancelUpstream(), *self._ask_more()]
        return self._close(Outcome.CLIENT_GONE, RefusalClass.NONE, lambda _notice: [])

    def _ticked(self, event: ev.Ticked) -> Commands:
        """Look at the lease and the standing again; cut what may no longer run."""
        if self.state in {State.ATTEMPTING, State.PASSING, State.USING, State.HOLDING}:
            return []
        stopped = self._stopped_by(event.conditions)
        if stopped is None:
            facts = self._terms.agreement.vocabulary.join(event.conditions.statements)
            lapsed = [
                spec.name
                for spec in self._terms.agreement.vocabulary.specs
                if spec.installation and facts[spec.name] != spec.good
            ]
            if lapsed:
                stopped = LeaseStale("the lease of this node is not in date")
        if stopped is not None:
            return self._stop(stopped)
        if self.state is State.STREAMING and not self._marking and self._mark_due(event.at, 0):
            return [self._mark()]
        return []

    def _stop(self, why: BrightlineError) -> Commands:
        """What was begun may not go on: nothing more goes either way."""
        if isinstance(why, Unavailable):
            self._decision = Decision(Verdict.UNAVAILABLE, ())
        outcome = Outcome.CUT if self._wrote else Outcome.REFUSED
        return self._close(outcome, _class_of(why), self._refusal(why))

    # ---- records and notices --------------------------------------------------------------------------------------

    def _record(self, kind: RecordKind, public: dict[str, JsonValue], committed: dict[str, JsonValue]) -> do.Record:
        header = self._terms.header() | public
        draft = Draft(kind, self._arrived.exchange_id, header, committed)
        self._recording[kind] = draft
        return do.Record(draft)

    def _on_record(self, record: DurableRecord, kind: RecordKind) -> None:
        """Believe in a durable record only if it is the one that was asked for. Raises ``IllegalStep``."""
        if self._recording.get(kind) != record.draft:
            raise IllegalStep(f"a record is durable that is not the {kind.value} that was asked for")
        del self._recording[kind]

    def _screen(self, segments: tuple[Segment, ...]) -> do.Screen:
        self._asks += 1
        self._in_flight = True
        self._asked = cut(segments, self._terms.release.windows)
        return do.Screen(self._asks, self._asked)

    def _note_findings(self, judgements: tuple[Judgement, ...]) -> None:
        """Which rule saw what where, without the words: for reviewers and auditors, committed and never told."""
        judge = self._terms.release.judge
        settled = self._terms.release.settled(judgements)
        for judgement in judgements:
            if judge is not None and judgement.detector == judge.id:
                continue  # what it settled stands with what it settled
            for finding in judgement.findings:
                rule = finding.rule
                if judge is not None and finding in settled:
                    rule = settled_rule(rule, judge.id)
                row: JsonValue = [
                    rule,
                    finding.fact,
                    settled.get(finding, finding.value),
                    finding.view,
                    self._asked[finding.segment].path,
                ]
                if row not in self._findings and len(self._findings) < 200:
                    self._findings.append(row)

    def _judged_fields(self) -> dict[str, JsonValue]:
        candidate: dict[str, JsonValue] = {}
        if self._terms.beside is not None:
            candidate["beside"] = {"release": self._terms.beside.digest, "facts": dict(sorted(self._beside.items()))}
        return candidate | {
            "facts": dict(self._facts.items()),
            "findings": list(self._findings),
            "coverage": self._coverage,
            "exchange_digest": self._exchange_digest,
            **self._people.fields(self._facts),
        }

    @property
    def _facts(self) -> Facts:
        """What was stated so far, joined; anew only when more was stated."""
        stated, whole, facts = self._joined
        if stated is not self._statements or whole is not self._people.whole:
            facts = self._people.settle(self._terms.agreement.vocabulary.join(self._statements))
            self._joined = (self._statements, self._people.whole, facts)
        return facts

    @property
    def _decided(self) -> Decision:
        """What the agreement says of the facts; asked again only when they are others."""
        facts, decision = self._decided_last
        if facts is not self._facts:
            decision = decided(self._terms.agreement, self._facts, self._people.approvals)
            self._decided_last = (self._facts, decision)
        return decision

    def _notice(self, record: DurableRecord) -> do.Notice:
        clauses: list[JsonValue] = [
            {"id": clause, "quote": list(self._terms.agreement.clause(clause).quote)}
            for clause in self._decision.clauses
        ]
        notice: dict[str, JsonValue] = {
            "exchange": self._arrived.exchange_id,
            "outcome": record.draft.public["outcome"],
            "verdict": self._verdict,
            "clauses": clauses,
            "profile": self._terms.profile,
            "receipt": write_receipt(record, self._terms.receipt_signer).to_value(),
        }
        if record.draft.public["outcome"] == Outcome.HELD.value:
            notice["hold"] = self._people.id
            notice["hold_expires"] = self._people.expires
            notice["hold_url"] = f"/v1/holds/{self._people.id}"
            notice["next_step"] = HeldForReview.next_step
        elif self._decision.verdict is Verdict.DENY:
            notice["next_step"] = DeniedByAgreement.next_step
        elif record.draft.public["class"] == RefusalClass.HALTED.value:
            notice["next_step"] = Halted.next_step
        return notice

    @property
    def _verdict(self) -> str:
        """The verdict as it is written down; ``none`` where the agreement was not asked."""
        return "none" if self._decision is UNDECIDED else self._decision.verdict.value

    @property
    def whole_answer(self) -> Reply | None:
        """What was given out, where it is words: for those who keep it. ``None`` of what was not completed."""
        if self.completed is not None and self._pending_reply is not None:
            return None if self._pending_reply.vectors else self._pending_reply
        return None if self.completed is None or self._output is None else self._output.reply()

    # ---- what is there from this state on -----------------------------------------------------------------------

    @property
    def _exchange(self) -> Exchange:
        if isinstance(self._arrived.request, CallerError):
            raise IllegalStep("a request that was not understood goes nowhere")
        return self._arrived.request

    @property
    def _sent(self) -> bool:
        """Whether a model was asked: nothing is asked for an answer that was kept."""
        return self._output is not None and self._people.kept is None

    @property
    def _out(self) -> Output:
        if self._output is None:
            raise IllegalStep("there is no output before the request was forwarded")
        return self._output

    @property
    def _reply(self) -> Reply:
        if self._pending_reply is None:
            raise IllegalStep("there is no reply to complete")
        return self._pending_reply


def _class_of(error: BrightlineError) -> RefusalClass:
    if isinstance(error, Halted):
        return RefusalClass.HALTED
    return RefusalClass.SUSPENDED if isinstance(error, Suspended | UnitHeld | Terminated) else RefusalClass.UNAVAILABLE
