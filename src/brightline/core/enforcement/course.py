# SPDX-License-Identifier: Apache-2.0
"""One exchange as it stands, whichever phase it is in: what is known of it, what is on record, and how it ends.

The phases are built on this, each in a file of its own: ``answering.py`` (5, 6), ``withholding.py`` (7),
``machine.py`` (1 to 4). The numbers are those of ``machine.py``.

Nothing here reads a clock, draws a random number, or awaits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from brightline.core.agreement.clause import Verdict
from brightline.core.agreement.decide import Decision, decided
from brightline.core.canonical import JsonValue
from brightline.core.enforcement import commands as do
from brightline.core.enforcement import events as ev
from brightline.core.enforcement.ended import Closed, Completed
from brightline.core.enforcement.holding import Holding
from brightline.core.enforcement.output import Output
from brightline.core.enforcement.states import IllegalStep, State
from brightline.core.enforcement.terms import Terms
from brightline.core.errors import (
    BrightlineError,
    CallerError,
    DeniedByAgreement,
    Halted,
    HeldForReview,
    QuotaReached,
    ScreeningUnavailable,
    Unavailable,
)
from brightline.core.evidence.receipt import write_receipt
from brightline.core.evidence.record import Draft, DurableRecord, Outcome, RecordKind, RefusalClass
from brightline.core.exchange.api.protocol import Api
from brightline.core.exchange.model import Exchange, Reply, UpstreamRequest, exchange_digest
from brightline.core.facts import Facts, Statement
from brightline.core.screening.finding import Judgement, Segment
from brightline.core.screening.segment import cut
from brightline.core.screening.settle import settled_rule

Commands = list[do.Command]
UNDECIDED: Final = Decision(Verdict.UNAVAILABLE, ())
BYTES_PER_TOKEN: Final = 4  # for a model server that does not count


class Course:
    """What every phase needs of an exchange. :class:`~brightline.core.enforcement.machine.Machine` is what is used."""

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
        self._lost = ""  # why the model cannot be asked, as it was once the attempt was on record
        self._coverage = ""
        understood = None if isinstance(arrived.request, CallerError) else arrived.request
        self._exchange_digest = "" if understood is None else exchange_digest(understood)
        self._people = Holding(terms, arrived.people, arrived.workload, understood)
        self._touched: dict[str, JsonValue] = {}  # the persons of the answer, as tokens
        self._gone = False
        self._decision = UNDECIDED
        # Set as the way goes on; an empty value means "not there yet", and each is read only after it was set.
        self._request = UpstreamRequest("", b"", streamed=False)
        self._asked: tuple[Segment, ...] = ()
        self._output: Output | None = None
        self._pending_reply: Reply | None = None
        self._whole = False  # it is all that the model answered
        self._withheld = False  # nothing more of a stream leaves; the rest is taken in, for people to see
        self._in_flight = False  # a Screen command is being performed
        self._wrote = False  # a byte of an answer was written
        self._finale: Callable[[do.Notice], Commands] = lambda _notice: []
        self.closed: tuple[Closed, ...] = ()  # one, once the OUTCOME is durable
        self.completed: Completed | None = None

    # ---- 8: how it ends: the outcome, then what the caller is told -----------------------------------------------

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
            committed |= {**self._output.fields, **self._touched}
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
            times = {"hold_opened": people.opened, "hold_expires": people.expires}
            closed = msgspec.structs.replace(closed, hold=people.id, hold_case=people.case, **times)
            if people.place is not None:
                shard, seq = people.place.shard, people.place.seq
                closed = msgspec.structs.replace(closed, hold_shard=shard, hold_seq=seq, hold_kept=self._whole)
        self.closed = (closed,)
        if outcome is Outcome.COMPLETED:
            record = event.record
            self.completed = Completed(self._arrived.exchange_id, self._exchange, record.leaf_hash, record.place.time)
        return [*self._finale(self._notice(event.record)), do.End()]

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

    def _screen(self, segments: tuple[Segment, ...], answer: Reply | None = None) -> Commands:
        try:
            self._asked = cut(segments, self._terms.release.windows)
        except ScreeningUnavailable as error:
            return self._unjudged(error)
        self._asks += 1
        self._in_flight = True
        return [do.Screen(self._asks, self._asked, answer)]

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
        if self.completed is None or self._output is None:
            return None
        reply = self._output.reply() if self._pending_reply is None else self._pending_reply
        return None if reply.vectors else self._output.as_it_leaves(reply)

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

    def _new_output(self) -> Output:
        """What takes in the answer; masked where the purpose that both parties signed says so."""
        purpose = self._arrived.registers.purpose(self._arrived.workload.registration.purpose_id)
        minimised = purpose is not None and purpose.bounds.minimised
        return Output(self._exchange, self._terms.release.windows, minimised=minimised)

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
