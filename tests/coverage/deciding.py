# SPDX-License-Identifier: Apache-2.0
"""One exchange from its first byte to its last, through the pure core, judged by the real rule engine.

The release has the windows of the shipped one and a single rule, which denies :data:`MARK` wherever it stands. What a
client would be sent is collected as bytes, as the API writes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from brightline.core.enforcement import commands as do
from brightline.core.errors import CallerError
from brightline.core.evidence.record import RecordKind
from brightline.core.exchange.api.protocol import Api
from brightline.core.exchange.model import Exchange, tool_digests
from brightline.core.screening.finding import Judgement
from brightline.core.screening.release import RequiredDetector
from brightline.core.screening.rules import load_rules
from brightline.core.workload import Workload
from brightline.shell import shipped
from tests.playbooks.playbook import AGREEMENT, RELEASE, TERMS, Book, Story, workload

MARK: Final = "quagga ledger"
INNOCENT: Final = "little garden"

_RULES: Final = load_rules(
    b"""
format = "brightline-rules/1"
[[rule]]
id = "mark"
fact = "mass_domestic"
value = "yes"
author = "tests"
reason = "what the tests mark"
all = ["quagga ledger"]
must_match = ["quagga ledger", "a Quagga Ledger!", "the quagga ledger of it"]
must_not_match = ["quagga", "ledger", "ledger quagga"]
""",
    "mark.toml",
)
_SHIPPED: Final = shipped.read_release(shipped.shipped_release(), AGREEMENT.vocabulary)
MARKED: Final = msgspec.structs.replace(
    TERMS,
    release=msgspec.structs.replace(
        RELEASE,
        windows=_SHIPPED.windows,
        detectors=(RequiredDetector("rules", "rules", "mark.toml", _RULES.digest.removeprefix("sha256:")),),
    ),
)


class Decided:
    """How an exchange came out: ``verdict`` as recorded, ``sent`` to the client, ``asked`` of the upstream."""

    def __init__(self, story: Story, sent: bytes) -> None:
        self.verdict = str(story.outcome["verdict"])
        self.kind = str(story.outcome["outcome"])
        self.why = str(story.outcome["class"])
        self.sent = sent
        self.asked = [command.request.body for command in story.commands if isinstance(command, do.Forward)]


def registered_for(exchange: Exchange) -> Workload:
    """A workload for which every tool that the exchange names is registered, so that detectors must judge it."""
    digests = dict.fromkeys((call.name for turn in exchange.turns for call in turn.calls), "sha256:" + "0" * 64)
    digests |= dict.fromkeys(filter(None, [exchange.tool_choice.name]), "sha256:" + "0" * 64)
    return workload(tools=digests | tool_digests(exchange.tools))


class Desk:
    """Decides what one API reads and answers."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def read(self, body: Any) -> Exchange | CallerError:
        """A body as the gateway reads it."""
        try:
            return self.api.read_request(msgspec.json.encode(body))
        except CallerError as error:
            return error

    def wire_of(self, body: Any) -> str:
        """What would be sent to the upstream."""
        exchange = self.read(body)
        assert isinstance(exchange, Exchange)
        return self.api.SERVER.write_request(exchange, "upstream-m").body.decode()

    def request(self, body: Any) -> Decided | None:
        """Decide a request body; ``None`` if it is permitted and would be forwarded."""
        story = self._asked(self.read(body))
        return None if story.state == "PASSING" else self._ended(story)

    def reply(self, exchange: Exchange, reply: Any) -> Decided:
        """Decide a plain answer of the upstream."""
        story = self._asked(exchange)
        story.pass_durable()
        story.replied(msgspec.json.encode(reply))
        _judge(story)
        return self._ended(story)

    def recorded(self, exchange: Exchange, reply: Any) -> dict[str, Any]:
        """What the OUTCOME of a plain answer says, in public and committed."""
        story = self._asked(exchange)
        story.pass_durable()
        story.replied(msgspec.json.encode(reply))
        _judge(story)
        draft = story.draft(RecordKind.OUTCOME)
        return {**draft.public, **draft.committed}

    def stream(self, exchange: Exchange, data: Iterable[str]) -> Decided:
        """Decide a stream of the upstream, each event judged before the next arrives: the most that can leave."""
        story = self._asked(exchange)
        story.pass_durable()
        for one in data:
            if story.state == "CLOSING":
                break
            story.said(one)
            _judge(story)
        if story.state != "CLOSING":
            story.ended()
            _judge(story)
        return self._ended(story)

    def _asked(self, request: Exchange | CallerError) -> Story:
        who = registered_for(request) if isinstance(request, Exchange) else workload()
        story = Book().story(request, MARKED, who, self.api)
        story.attempt_durable()
        _judge(story)
        return story

    def _ended(self, story: Story) -> Decided:
        assert story.state == "CLOSING", story.state
        story.outcome_durable()
        return Decided(story, self._sent(story))

    def _sent(self, story: Story) -> bytes:
        if not isinstance(story.request, Exchange):
            return b""
        writer = self.api.open_stream(story.request, "x-1", 1)
        out = b""
        for command in story.commands:
            match command:
                case do.Answer(reply):
                    out += self.api.write_reply(reply, story.request, "x-1", 1)
                case do.Release(segment):
                    out += writer.segment(segment, {})
                case do.CloseStream(usage):
                    out += writer.close(usage, {})
                case _:
                    continue
        return out


def _judge(story: Story) -> None:
    """Answer what the machine asks, until it asks nothing; a MARK becomes durable at once."""
    heard = 0
    while heard < len(story.commands):
        command = story.commands[heard]
        heard += 1
        match command:
            case do.Screen(ask, segments) if ask == story.last(do.Screen).ask and ask > story.answered:
                story.answered = ask
                story.screened_by(Judgement("rules", _RULES.digest, len(segments), _RULES.match(segments)))
            case do.Record(draft) if draft.kind is RecordKind.MARK and command is story.commands[-1]:
                story.mark_durable()
            case _:
                continue


def texts_of(sent: bytes) -> str:
    """All texts of an answer that a client was sent, plain or streamed, in order and run together."""
    out: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, str):
            out.append(value)
        for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(child)

    if sent.startswith(b"{"):
        walk(msgspec.json.decode(sent))
    for line in sent.split(b"\n"):
        if line.startswith(b"data: {"):
            walk(msgspec.json.decode(line.removeprefix(b"data: ")))
    return "".join(out)
