# SPDX-License-Identifier: Apache-2.0
"""What lets a playbook read as a transcript: one line says what happened, and what the machine answered.

Nothing here has a clock, a socket or a task. A :class:`Story` is one exchange under the shipped agreement and a tiny
release; each of its methods feeds one event and returns the commands as words (``Record OUTCOME refused policy``).
A :class:`Book` opens stories and notes every step (state, event, next state) that they take.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.canonical import JsonValue
from brightline.core.conditions import Conditions
from brightline.core.enforcement import commands as do
from brightline.core.enforcement import events as ev
from brightline.core.enforcement.machine import Machine
from brightline.core.enforcement.states import State
from brightline.core.enforcement.terms import AdmittedModel, Terms
from brightline.core.errors import CallerError
from brightline.core.evidence.record import Draft, DurableRecord, Place, RecordKind, mint_durable
from brightline.core.exchange.api import chat
from brightline.core.exchange.api.protocol import Api
from brightline.core.exchange.api.table import ENDPOINTS
from brightline.core.exchange.model import Exchange
from brightline.core.facts import INSTALLATION_SOURCES, Source, Statement
from brightline.core.halt import Scope
from brightline.core.review.asking import NO_WORD, PeoplesWord
from brightline.core.screening.finding import Finding, Judgement, Segment
from brightline.core.screening.release import Entitlement, Release, RequiredDetector
from brightline.core.screening.segment import Windows
from brightline.core.standing import Standing
from brightline.core.workload import FORMAT, Bounds, Registration, Workload
from brightline.shell import shipped
from tests.registers import book_of, protocol, purpose, vvt
from tests.vault import sealed

AGREEMENT: Final = shipped.read_agreement(shipped.shipped_agreement())
SIGNER: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC_KEY: Final = SIGNER.public_key().public_bytes_raw()
NOW: Final = 1_800_000_000
DETECTOR_SHA256: Final = "ab" * 32
NOT_SAID_BY_SILENCE: Final = {"us_person", "private_info"}

RELEASE: Final = Release(
    id="tiny",
    digest="sha256:" + "cd" * 32,
    note="for playbooks",
    deadline_seconds=1.0,
    windows=Windows(window_chars=64, overlap_chars=16, holdback_chars=8, stride_chars=4),
    detectors=(RequiredDetector("rules", "rules", "rules.toml", DETECTOR_SHA256),),
    entitlements=tuple(
        Entitlement("rules", spec.name, spec.good, 1, 10, "playbook")
        for spec in AGREEMENT.vocabulary.specs
        if Source.DETECTOR in spec.set_by and spec.name not in NOT_SAID_BY_SILENCE
    ),
)
TERMS: Final = Terms(
    profile="development",
    agreement=AGREEMENT,
    release=RELEASE,
    models={"m": AdmittedModel("m", "upstream-m", "default")},
    token_signer=SIGNER,
    receipt_signer=SIGNER,
    hold_key=b"h" * 32,
)
_REGISTRATION: Final = Registration(
    format=FORMAT,
    workload="w-1",
    version=1,
    unit="unit-1",
    purpose="playbooks",
    purpose_id="planning",
    official="an office",
    authority=("USC-4A",),
    bounds=Bounds(),
    facts={
        spec.name: spec.good
        for spec in AGREEMENT.vocabulary.specs
        if Source.REGISTRATION in spec.set_by and spec.name != "constrained"
    },
    protocols=("two-people",),
    vvt=("convoy-planner",),
    endpoints=ENDPOINTS,
    tools={},
    data_classes=(),
    request_bytes_max=4 * 1024 * 1024,
    output_tokens_max=4_096,
    choices_max=8,
    requests_per_minute=60,
    issued=NOW - 1_000,
    expires=NOW + 1_000,
    key_salt="00" * 16,
    key_digest="",
)
WORKLOAD: Final = Workload(_REGISTRATION)
IN_DATE: Final[dict[str, Any]] = {"issued": NOW - 1_000, "expires": NOW + 1_000}
REGISTERS: Final = book_of(purpose(**IN_DATE, foreign_intelligence=True), protocol(**IN_DATE), vvt(**IN_DATE))


def workload(**changes: Any) -> Workload:
    """The workload of the playbooks with some of its registration changed."""
    return Workload(msgspec.structs.replace(_REGISTRATION, **changes))


def _installation_statements() -> tuple[Statement, ...]:
    return tuple(
        Statement(spec.name, spec.good, min(spec.set_by & INSTALLATION_SOURCES), "playbook")
        for spec in AGREEMENT.vocabulary.specs
        if spec.installation
    )


GOOD: Final = Conditions(Standing.ACTIVE, _installation_statements())
SUSPENDED: Final = Conditions(Standing.SUSPENDED, _installation_statements())
HALTED: Final = Conditions(Standing.ACTIVE, _installation_statements(), halted=Scope.INSTALLATION)
FAULTY: Final = Conditions(Standing.ACTIVE, _installation_statements(), ("the disk is full",))
LAPSED: Final = Conditions(Standing.ACTIVE, ())
LOST: Final = Conditions(Standing.ACTIVE, _installation_statements(), lost="no model server of m can be found")

QUESTION: Final = "List three fruits."


def asking(text: str = QUESTION, **more: Any) -> Exchange:
    """A chat request with one user message."""
    body = {"model": "m", "messages": [{"role": "user", "content": text}], **more}
    return chat.read_request(json.dumps(body).encode())


def completion(text: str = "Figs.", *more_texts: str, finish: str = "stop", **message: Any) -> bytes:
    """The upstream's plain answer; one choice for each text."""
    choices = [
        {"index": i, "message": {"role": "assistant", "content": one, **message}, "finish_reason": finish}
        for i, one in enumerate((text, *more_texts))
    ]
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return json.dumps({"id": "up-1", "choices": choices, "usage": usage}).encode()


def chunk(text: str = "", finish: str | None = None, choice: int = 0, **delta: Any) -> str:
    """The data of one server-sent event of the upstream."""
    content = {"content": text} if text else {}
    one = {"index": choice, "delta": {**content, **delta}, "finish_reason": finish}
    return json.dumps({"id": "up", "choices": [one]})


DONE: Final = "[DONE]"


def call_chunk(arguments: str, name: str = "", index: int = 0) -> str:
    """A fragment of a tool call."""
    function = {"name": name or None, "arguments": arguments}
    return chunk(tool_calls=[{"index": index, "id": "up-call", "function": function}])


def saw(fact: str, value: str = "yes", segment: int = 0, score: float = 1.0) -> Finding:
    """A finding of the one detector."""
    return Finding("rules", fact, value, f"secret-rule-{fact}", segment, "plain", score)


DENIED: Final = saw("mass_domestic")
HELD: Final = saw("mass_domestic", "unknown")


def judged(asked: tuple[Segment, ...], *findings: Finding) -> Judgement:
    """The one detector's whole answer."""
    return Judgement("rules", f"sha256:{DETECTOR_SHA256}", len(asked), findings)


def durable(draft: Draft, seq: int = 0) -> DurableRecord:
    """Say of a draft that it survives a crash, as only the sequencer may outside the tests."""
    place = Place("shard-1", 1, seq, "2027-01-15T08:00:00Z", "development")
    return mint_durable(draft, place, sealed(draft, place).hash)


Step = tuple[State, type, State]
Words = list[str]
E = TypeVar("E")


def words(command: do.Command) -> str:
    """A command as one line of a transcript."""
    name = type(command).__name__
    match command:
        case do.Record(draft):
            public = draft.public
            said = [draft.kind.value, public.get("outcome", ""), public.get("class", "")]
            return " ".join([name, *(str(word) for word in said if word not in {"", "none"})])
        case do.Use(drafts):
            return " ".join([name, *(str(draft.public["use"]) for draft in drafts)])
        case do.Answer(reply):
            return f"{name} {' | '.join(choice.text for choice in reply.reply.choices)}"
        case do.Release(segment):
            calls = [f"{call.name}({call.arguments})" for call in segment.calls]
            parts = [str(segment.choice), segment.text, segment.refusal, *calls, segment.finish]
            return " ".join([name, *(part for part in parts if part)])
        case do.Refuse(error) | do.BreakStream(error):
            return f"{name} {error.code}"
        case _:
            return name


class Story:
    """One exchange, told step by step. ``said_so_far`` holds every command in order."""

    def __init__(
        self,
        note: Callable[[Step], None],
        request: Exchange | CallerError,
        terms: Terms,
        who: Workload,
        api: Api = chat,
        people: PeoplesWord = NO_WORD,
    ) -> None:
        self.now = 0.0
        self.commands: list[do.Command] = []
        self.records: list[DurableRecord] = []
        self.answered = 0  # the last ask, for whoever answers all that is asked
        self._note = note
        arrived = ev.Arrived(self.at, "x-1", who, request, REGISTERS, people)
        self.machine = Machine(terms, api, arrived)
        self.request = request
        self.opening = self._heard(self.machine.start())

    # ---- what happened ---------------------------------------------------------------------------------------

    @property
    def at(self) -> ev.Instant:
        """The time in this story: it passes only in :meth:`later`."""
        return ev.Instant(self.now, NOW + int(self.now))

    def later(self, seconds: float) -> Story:
        """Let time pass."""
        self.now += seconds
        return self

    def feed(self, event: ev.Event) -> Words:
        """Feed one event; return the commands as words."""
        before = self.machine.state
        out = self.machine.handle(event)
        self._note((before, type(event), self.machine.state))
        return self._heard(out)

    def attempt_durable(self, conditions: Conditions = GOOD) -> Words:
        return self.feed(ev.AttemptDurable(self.at, self.made_durable(RecordKind.ATTEMPT), conditions))

    def pass_durable(self, conditions: Conditions = GOOD) -> Words:
        return self.feed(ev.PassDurable(self.at, self.made_durable(RecordKind.PASS), conditions))

    def mark_durable(self) -> Words:
        return self.feed(ev.MarkDurable(self.at, self.made_durable(RecordKind.MARK)))

    def hold_durable(self) -> Words:
        return self.feed(ev.HoldDurable(self.at, self.made_durable(RecordKind.HOLD)))

    def use_durable(self) -> Words:
        records = tuple(durable(draft) for draft in self.last(do.Use).drafts)
        return self.feed(ev.UseDurable(self.at, records))

    def used_before(self) -> Words:
        return self.feed(ev.UsedBefore(self.at))

    def use_failed(self) -> Words:
        return self.feed(ev.UseFailed(self.at, "the registry cannot be written"))

    def outcome_durable(self) -> Words:
        return self.feed(ev.OutcomeDurable(self.at, self.made_durable(RecordKind.OUTCOME)))

    def record_failed(self) -> Words:
        return self.feed(ev.RecordFailed(self.at, "the disk is full"))

    def mark_failed(self) -> Words:
        return self.feed(ev.MarkFailed(self.at, "the disk is full"))

    def screened(self, *findings: Finding) -> Words:
        ask = self.last(do.Screen)
        return self.feed(ev.Screened(self.at, ask.ask, (judged(ask.segments, *findings),)))

    def screened_by(self, *judgements: Judgement) -> Words:
        return self.feed(ev.Screened(self.at, self.last(do.Screen).ask, judgements))

    def screening_failed(self) -> Words:
        return self.feed(ev.ScreeningFailed(self.at, self.last(do.Screen).ask, "rules was late"))

    def replied(self, body: bytes) -> Words:
        return self.feed(ev.UpstreamReplied(self.at, body))

    def said(self, *data: str) -> Words:
        return self.feed(ev.UpstreamSaid(self.at, data))

    def ended(self) -> Words:
        return self.feed(ev.UpstreamEnded(self.at))

    def broke(self) -> Words:
        return self.feed(ev.UpstreamBroke(self.at, "connection reset"))

    def gone(self) -> Words:
        return self.feed(ev.ClientGone(self.at))

    def ticked(self, conditions: Conditions = GOOD) -> Words:
        return self.feed(ev.Ticked(self.at, conditions))

    # ---- what is already told elsewhere ----------------------------------------------------------------------

    def to_passing(self) -> Story:
        """On to the PASS: the request is recorded and permitted."""
        assert self.attempt_durable() == ["Screen"]
        assert self.screened() == ["Record PASS"]
        return self

    def to_forwarded(self) -> Story:
        """On to the upstream."""
        self.to_passing()
        assert self.pass_durable() == ["Forward"]
        return self

    # ---- what the machine said -------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """Where the exchange stands."""
        return self.machine.state.value

    def last(self, kind: type[E]) -> E:
        """The last command of this kind."""
        return [command for command in self.commands if isinstance(command, kind)][-1]

    def draft(self, kind: RecordKind) -> Draft:
        """The last draft of this kind that the machine asked to record."""
        records = [command.draft for command in self.commands if isinstance(command, do.Record)]
        return [draft for draft in records if draft.kind is kind][-1]

    def made_durable(self, kind: RecordKind) -> DurableRecord:
        """The last draft of this kind, on record: the next leaf of the shard."""
        self.records.append(durable(self.draft(kind), len(self.records)))
        return self.records[-1]

    @property
    def outcome(self) -> dict[str, JsonValue]:
        """The public part of the OUTCOME."""
        return self.draft(RecordKind.OUTCOME).public

    @property
    def released(self) -> str:
        """All text of choice 0 that left."""
        left = [command.segment for command in self.commands if isinstance(command, do.Release)]
        return "".join(segment.text for segment in left if segment.choice == 0)

    @property
    def notices(self) -> list[Mapping[str, JsonValue]]:
        """Everything that the caller was told of decisions."""
        return [command.notice for command in self.commands if hasattr(command, "notice") and command.notice]

    def _heard(self, out: list[do.Command]) -> Words:
        self.commands += out
        return [words(command) for command in out]


class Book:
    """Opens stories, and knows every step that was taken in them."""

    def __init__(self) -> None:
        self.walked: set[Step] = set()

    def story(
        self,
        request: Exchange | CallerError | None = None,
        terms: Terms = TERMS,
        who: Workload = WORKLOAD,
        api: Api = chat,
        people: PeoplesWord = NO_WORD,
        **asked: Any,
    ) -> Story:
        """An exchange that has just arrived; ``asked`` are more fields of the default request."""
        story = Story(self.walked.add, request or asking(**asked), terms, who, api, people)
        assert story.opening == ["Record ATTEMPT"]
        return story

    def stream(self, terms: Terms = TERMS, **asked: Any) -> Story:
        """A streamed exchange that the upstream has."""
        return self.story(terms=terms, stream=True, **asked).to_forwarded()
