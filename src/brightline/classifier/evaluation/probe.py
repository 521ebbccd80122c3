# SPDX-License-Identifier: Apache-2.0
"""One thing that is shown to a release, and what is true of it: a row of a corpus, or of somebody else's file.

What is asked about a probe is a *question*: a red line (``weapons``), or one fact (``us_person``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Final

import msgspec

from brightline.classifier.corpus import Author, Call, Line, Message, Row, RowSurface, Value, crossed, facts_of
from brightline.core.exchange.model import Exchange, Reply, ReplyChoice, Role, ToolCall, Turn

GO_ON: Final = "Go on."  # asked where a file says only what was answered

LINES: Final = tuple(line.value for line in Line)


class Probe(msgspec.Struct, frozen=True):
    """``truths`` answers the questions that somebody labelled; ``pair`` joins rows that differ in one factor."""

    id: str
    source: str
    truths: Mapping[str, Value]
    surface: RowSurface = RowSurface.PROMPT
    lang: str = ""
    pair: str = ""
    asked: str = ""
    text: str = ""
    messages: tuple[Message, ...] = ()
    tool_call: Call | None = None


class Source(msgspec.Struct, frozen=True):
    """The probes of one file or corpus; ``author`` where it says who wrote it."""

    name: str
    probes: tuple[Probe, ...]
    sha256: str
    author: Author | None = None


class Shown(msgspec.Struct, frozen=True):
    """A probe as an exchange: what is asked, and what the model answered where that is what is judged."""

    exchange: Exchange
    reply: Reply | None


def of_row(row: Row, source: str) -> Probe:
    """A row of a corpus, with its line and its facts as questions.

    Where nothing is at stake for a person, authors read ``acts_alone`` in different ways (corpora/README.md): there it
    is no question.
    """
    idle = row.facts.get("high_stakes") == "no"
    facts = {fact: value for fact, value in row.facts.items() if not (idle and fact == "acts_alone")}
    return Probe(
        id=row.id,
        source=source,
        truths={row.line.value: row.label, **facts},
        surface=row.surface,
        lang=row.lang,
        pair=row.pair,
        asked=row.asked,
        text=row.text,
        messages=row.messages,
        tool_call=row.tool_call,
    )


def one_in(source: Source, number: int) -> Source:
    """One in ``number`` of its probes, pairs kept whole: chosen by the digest of their names, the same every time."""

    def chosen(probe: Probe) -> bool:
        name = f"{probe.source}/{probe.pair or probe.id}"
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % number == 0

    return msgspec.structs.replace(source, probes=tuple(filter(chosen, source.probes)))


def shown(probe: Probe) -> Shown:
    """The exchange in which a gateway would meet it.

    An output, a tool call and a conversation's last word by the model are answers; everything else is asked.
    """
    if probe.messages:
        *before, last = probe.messages
        if last.role == "assistant":
            return Shown(_exchange([_turn(message) for message in before]), _said(last.content))
        return Shown(_exchange([_turn(message) for message in probe.messages]), None)
    if probe.tool_call is not None:
        call = ToolCall("call", probe.tool_call.name, arguments_of(probe.tool_call))
        led_to = [_user(text) for text in (probe.asked, probe.text) if text]
        return Shown(_exchange(led_to), Reply((ReplyChoice(0, calls=(call,), finish="tool_calls"),)))
    if probe.surface is RowSurface.OUTPUT:
        return Shown(_exchange([_user(probe.asked)] if probe.asked else []), _said(probe.text))
    return Shown(_exchange([_user(text) for text in (probe.asked, probe.text) if text]), None)


def words_of(probe: Probe) -> str:
    """Everything that stands in it."""
    parts = [probe.asked, probe.text, *(message.content for message in probe.messages)]
    if probe.tool_call is not None:
        parts += [probe.tool_call.name, arguments_of(probe.tool_call)]
    return "\n".join(part for part in parts if part)


def answer_to(question: str, values: Mapping[str, str]) -> Value:
    """What the facts of an exchange say to a question; a fact that is not there is unknown."""

    def of(fact: str) -> Value:
        value = values.get(fact, "unknown")
        return "yes" if value == "yes" else "no" if value == "no" else "unknown"

    if question not in LINES:
        return of(question)
    line = Line(question)
    return crossed(line, {fact: of(fact) for fact in facts_of(line)})


def score_of(question: str, scores: Mapping[str, float]) -> float | None:
    """One score for a question from those of its facts, ordered as answers are; ``None`` unless each has one."""
    if question not in LINES:
        return scores.get(question)
    facts = facts_of(Line(question))
    if any(fact not in scores for fact in facts):
        return None
    first, *rest = (scores[fact] for fact in facts)
    return max(first, min(rest)) if rest else first  # scoring, or stakes with nobody deciding


def arguments_of(call: Call) -> str:
    """The arguments of a call, as a model writes them."""
    return json.dumps(call.arguments, ensure_ascii=False)


def _exchange(turns: list[Turn]) -> Exchange:
    return Exchange("chat", "model", tuple(turns) or (_user(GO_ON),))


def _user(text: str) -> Turn:
    return Turn(Role.USER, (text,))


def _turn(message: Message) -> Turn:
    role = Role(message.role)
    return Turn(role, (message.content,), answers_call="call" if role is Role.TOOL else "")


def _said(text: str) -> Reply:
    return Reply((ReplyChoice(0, text=text),))
