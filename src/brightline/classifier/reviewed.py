# SPDX-License-Identifier: Apache-2.0
"""What reviewers answered, as rows of a corpus: their answers are the labels, and the words are those that they read.

One row for a case, on a red line that the answers cross, or else on the first that they decide about; the other
answers stand in its facts. A fact of its line that nobody was asked about is *unknown*, and where that leaves the line
open there is no row. Nothing is taken from what detectors said: they are to learn from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal

import msgspec

from brightline.classifier.corpus import FACTS, Line, Message, Row, RowSurface, Value, crossed, facts_of
from brightline.core.exchange.model import Reply, Role
from brightline.core.review.content import Content

Speaker = Literal["system", "user", "assistant", "tool"]

LANGUAGE: Final = "und"  # nobody said which (BCP 47: undetermined)
_TOLD: Final[Mapping[str, Value]] = {"yes": "yes", "no": "no"}
_ROLES: Final[Mapping[Role, Speaker]] = {
    Role.SYSTEM: "system",
    Role.USER: "user",
    Role.ASSISTANT: "assistant",
    Role.TOOL: "tool",
}


class _Turn(msgspec.Struct, frozen=True):
    role: Role
    texts: tuple[str, ...] = ()


class _Request(msgspec.Struct, frozen=True):
    """What of an exchange a row has."""

    turns: tuple[_Turn, ...]


class Reviewed(msgspec.Struct, frozen=True):
    """A case that people decided: an id without a meaning, what they read and what they agreed on, and who they are.

    ``setting`` and ``reason`` are what a row says of itself; neither names a workload, a unit or a person.
    """

    id: str
    content: Content
    answers: Mapping[str, str]
    setting: str
    reason: str


def row_of(reviewed: Reviewed, mask: Callable[[str], str]) -> Row | None:
    """The row of a case, its words masked by ``mask``; ``None`` where answers decide about no line, or words lack."""
    told = {name: _TOLD[value] for name, value in reviewed.answers.items() if name in FACTS and value in _TOLD}
    request = msgspec.convert(reviewed.content.request, _Request)
    answer = _answer(reviewed.content)
    messages = tuple(Message(_role(turn.role), mask("\n".join(turn.texts))) for turn in request.turns if turn.texts)
    row = _words(messages, mask(answer))
    decided = {line: label for line in Line if (label := crossed(line, _facts(line, told))) != "unknown"}
    if row is None or not decided:
        return None
    line = next((line for line, label in decided.items() if label == "yes"), next(iter(decided)))
    return msgspec.structs.replace(
        row,
        id=reviewed.id,
        line=line,
        facts=_facts(line, told),
        setting=reviewed.setting,
        reason=reviewed.reason,
    )


def _facts(line: Line, told: Mapping[str, Value]) -> dict[str, Value]:
    unknown: dict[str, Value] = dict.fromkeys(facts_of(line), "unknown")
    return unknown | dict(told)


def _words(messages: tuple[Message, ...], answer: str) -> Row | None:
    """The words as a row has them: an answer with what was asked, one question, or a conversation."""
    empty = Row("", Line.SURVEILLANCE, {}, RowSurface.PROMPT, LANGUAGE, "", "")
    if answer.strip():
        asked = "\n".join(message.content for message in messages)
        return msgspec.structs.replace(empty, surface=RowSurface.OUTPUT, asked=asked, text=answer)
    if len(messages) == 1 and messages[0].content.strip():
        return msgspec.structs.replace(empty, text=messages[0].content)
    if any(message.content.strip() for message in messages):
        return msgspec.structs.replace(empty, surface=RowSurface.CONVERSATION, messages=messages)
    return None


def _role(role: Role) -> Speaker:
    return _ROLES.get(role, "system")


def _answer(content: Content) -> str:
    if not content.answer:
        return ""
    reply = msgspec.json.decode(content.answer.encode(), type=Reply)
    parts: list[str] = []
    for choice in reply.choices:
        parts += [choice.text, choice.refusal, *(f"{call.name} {call.arguments}" for call in choice.calls)]
    return "\n".join(part for part in parts if part)
