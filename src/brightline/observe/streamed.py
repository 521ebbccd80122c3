# SPDX-License-Identifier: Apache-2.0
"""A streamed answer that somebody wrote down, as one whole answer: it is over, so it is judged like a plain one.

It comes as the body of its event stream, or as the list of its chunks. One that broke off is judged as far as it went,
for that much was read by somebody.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from brightline.core.errors import UpstreamFailed
from brightline.core.exchange import strict_json
from brightline.core.exchange.model import (
    Delta,
    Exchange,
    Reply,
    ReplyChoice,
    SpeaksToServer,
    Token,
    ToolCall,
)
from brightline.core.exchange.sse import SseParser
from brightline.core.exchange.tokens import spelling


def chunks_of(answer: Any) -> tuple[str, ...]:
    """The data of each event; empty for what is no stream. Raises ``ValueError`` for one that is not JSON."""
    if isinstance(answer, list) and all(isinstance(chunk, dict) for chunk in answer):
        return tuple(strict_json.encode(chunk).decode() for chunk in answer)
    if not isinstance(answer, str):
        return ()
    try:
        return tuple(event.data for event in SseParser().feed(answer.encode("utf-8", "replace") + b"\n\n"))
    except UpstreamFailed as error:
        raise ValueError("no event stream") from error


def whole(chunks: Iterable[str], server: SpeaksToServer, exchange: Exchange) -> Reply:
    """The answer that these chunks are. Raises ``UpstreamFailed``."""
    choices: dict[int, _Choice] = {}
    for data in chunks:
        part = server.read_part(data, exchange)
        for delta in part.deltas:
            choices.setdefault(delta.choice, _Choice()).take(delta)
        if part.done:
            break
    return Reply(tuple(choice.whole(index) for index, choice in sorted(choices.items())))


class _Choice:
    """What of one choice has come."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, tuple[list[str], list[str]]] = {}
        self._tokens: list[Token] = []

    def take(self, delta: Delta) -> None:
        self._text.append(delta.text)
        self._refusal.append(delta.refusal)
        self._reasoning.append(delta.reasoning)
        self._tokens += delta.tokens
        for call in delta.calls:
            name, arguments = self._calls.setdefault(call.index, ([], []))
            name.append(call.name)
            arguments.append(call.arguments)

    def whole(self, index: int) -> ReplyChoice:
        text = "".join(self._text)
        return ReplyChoice(
            index,
            text=text,
            refusal="".join(self._refusal),
            calls=tuple(
                ToolCall("", "".join(name), "".join(arguments)) for _, (name, arguments) in sorted(self._calls.items())
            ),
            reasoning="".join(self._reasoning),
            tokens=spelling(tuple(self._tokens), text),
        )
