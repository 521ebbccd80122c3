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

Here are 1 to 4 and what may happen at any time; 5 and 6 are in ``answering.py``, 7 in ``withholding.py``, 8 and what
all of them stand on in ``course.py``.

Nothing here reads a clock, draws a random number, or awaits. Nothing here asks who the caller is: the workload's
registration states facts, people settle what is unknown, and the agreement decides from facts alone.
"""

from __future__ import annotations

from typing import assert_never

from brightline.core.agreement.clause import Verdict
from brightline.core.agreement.decide import Decision, without_verdict
from brightline.core.agreement.limits import days_max
from brightline.core.canonical import JsonValue
from brightline.core.conditions import Conditions
from brightline.core.enforcement import commands as do
from brightline.core.enforcement import events as ev
from brightline.core.enforcement.bounds import outside, within
from brightline.core.enforcement.course import UNDECIDED, Commands
from brightline.core.enforcement.pass_token import mint_pass, token_id, wire_digest
from brightline.core.enforcement.states import TRANSITIONS, IllegalStep, State, check_step, is_late
from brightline.core.enforcement.withholding import Withholding
from brightline.core.errors import (
    BrightlineError,
    CallerError,
    EvidenceUnavailable,
    Halted,
    LeaseStale,
    ModelLost,
    ModelNotFound,
    ScreeningUnavailable,
    Suspended,
    Terminated,
    Unavailable,
    UnitHeld,
)
from brightline.core.evidence.record import Outcome, RecordKind, RefusalClass
from brightline.core.exchange.coverage import cover_request
from brightline.core.review.kept import Named
from brightline.core.screening.release import near_paths, statements_from
from brightline.core.screening.trial import beside
from brightline.core.standing import Standing


class Machine(Withholding):
    """One exchange, from its ATTEMPT to its OUTCOME. Feed events in order; perform the commands in order."""

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
            committed |= arrived.watched.fields
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
            case ev.RecordFailed() | ev.MarkFailed():
                return self._record_failed()
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
        self._lost = event.conditions.lost
        agreement = self._terms.agreement
        registers = self._arrived.registers.under(days_max(agreement))
        self._statements = (
            *self._arrived.workload.statements(event.at.unix, registers, agreement.vocabulary),
            *event.conditions.statements,
            *self._arrived.watched.statements,
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
        return self._screen(coverage.segments)

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
        if self._output is not None:
            self._output.heard(near_paths(release, self._asked, own))
        self._touched = event.watched.fields or self._touched
        stated = tuple(dict.fromkeys(self._statements + statements + event.watched.statements))
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
        if self.state is State.SCREENING_INPUT and self._lost:  # only whoever may ask a model hears that there is none
            return self._unjudged(ModelLost(self._lost))
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

    # ---- 4: on record, so it may be sent ---------------------------------------------------------------------------

    def _pass_durable(self, event: ev.PassDurable) -> Commands:
        self._on_record(event.record, RecordKind.PASS)
        if self._gone:
            return self._close(Outcome.CLIENT_GONE, RefusalClass.NONE, lambda _notice: [])
        stopped = self._stopped_by(event.conditions)
        if stopped is None and event.conditions.lost:
            stopped = ModelLost(event.conditions.lost)
        if stopped is not None:
            return self._stop(stopped)
        self.state = State.FORWARDED
        model = self._terms.models[self._exchange.model]
        expires = event.at.unix + self._terms.pass_seconds
        signer = self._terms.token_signer
        now = event.at.unix
        tested = self._arrived.workload.registration.vvt
        served = model.upstream_model, model.upstream
        token = mint_pass(event.record, self._request, *served, now, expires, signer, tested)
        self._output = self._new_output()
        return [do.Forward(token, self._request)]

    # ---- what may happen at any time -----------------------------------------------------------------------------

    def _record_failed(self) -> Commands:
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


def _class_of(error: BrightlineError) -> RefusalClass:
    if isinstance(error, Halted):
        return RefusalClass.HALTED
    return RefusalClass.SUSPENDED if isinstance(error, Suspended | UnitHeld | Terminated) else RefusalClass.UNAVAILABLE
