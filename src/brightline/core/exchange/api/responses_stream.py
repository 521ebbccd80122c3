# SPDX-License-Identifier: Apache-2.0
"""A streamed answer of Responses as its semantic events, numbered from 0 (OpenAI API, Responses, "Streaming events").

Items are opened by their first text. What was thought is closed when the answer begins (and opened again, as another
item, should a model think on); the message is closed at the end, because its last text waits for the last judgement;
calls come whole. There is no end marker: ``response.completed``, ``response.incomplete`` and ``response.failed`` are
the ends. The receipt is the ``brightline`` member of the response in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brightline.core.canonical import JsonValue
from brightline.core.errors import BrightlineError
from brightline.core.exchange import strict_json
from brightline.core.exchange.api import responses_answers as answers
from brightline.core.exchange.judged import JudgedSegment
from brightline.core.exchange.model import Exchange, Token, ToolCall, Usage
from brightline.core.exchange.refusal import error_value
from brightline.core.exchange.sse import encode_event


class _Part:
    """A part of an item that is growing: ``kind`` is ``output_text``, ``refusal`` or ``reasoning_text``."""

    __slots__ = ("at", "kind", "texts")

    def __init__(self, kind: str, item_id: str, output_index: int, content_index: int) -> None:
        self.kind = kind
        self.at: dict[str, Any] = {"item_id": item_id, "output_index": output_index, "content_index": content_index}
        self.texts: list[str] = []

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def value(self, text: str, tokens: tuple[Token, ...] = ()) -> dict[str, Any]:
        match self.kind:
            case "output_text":
                return answers.text_part(text, tokens)
            case "refusal":
                return answers.refusal_part(text)
            case _:
                return answers.reasoning_part(text)


class ResponsesStream:
    """One streamed answer; see :class:`~brightline.core.exchange.api.protocol.StreamWriter`."""

    def __init__(self, exchange: Exchange, exchange_id: str, created: int) -> None:
        self._exchange_id = exchange_id
        self._response = answers.response_value(exchange, exchange_id, created)
        self._number = 0
        self._opened = 0  # items
        self._thoughts = 0
        self._closed: dict[int, dict[str, Any]] = {}
        self._thought: _Part | None = None
        self._parts: dict[str, _Part] = {}  # of the message, by kind
        self._finish = ""
        self._out = bytearray()

    def segment(self, segment: JudgedSegment, notice: Mapping[str, JsonValue]) -> bytes:
        """Its texts as deltas; with the last one, the ends of everything, and the calls."""
        self._begin()
        if segment.reasoning:
            self._think(segment.reasoning)
        if segment.text:
            self._say("output_text", segment.text)
        if segment.refusal:
            self._say("refusal", segment.refusal)
        if segment.finish:
            self._finish = segment.finish
            if not self._parts and not segment.calls:
                self._say("output_text", "")
            status = answers.ending(segment.finish)["status"]
            self._close_thought(status)
            self._close_message(status, segment.tokens)
            for i, call in enumerate(segment.calls):
                self._call(i, call, status)
        return self._taken()

    def close(self, usage: Usage, notice: Mapping[str, JsonValue]) -> bytes:
        """``response.completed``, or ``response.incomplete`` where the model came to its limit."""
        self._begin()
        self._end(answers.ending(self._finish) | answers.usage_members(usage), notice)
        return self._taken()

    def cut(self, notice: Mapping[str, JsonValue]) -> bytes:
        """``response.incomplete``, with ``content_filter`` as its reason."""
        self._begin()
        self._close_thought(answers.INCOMPLETE)
        self._close_message(answers.INCOMPLETE)
        self._end(answers.ending(answers.FILTERED), notice)
        return self._taken()

    def fail(self, error: BrightlineError, notice: Mapping[str, JsonValue]) -> bytes:
        """An ``error`` event, then ``response.failed``."""
        self._begin()
        told = error_value(error, notice)
        self._event("error", code=told["code"], message=told["message"], param=told["param"])
        failed = {"status": "failed", "error": {"code": "server_error", "message": told["message"]}, "output": []}
        self._end(failed, told["brightline"])
        return self._taken()

    # ---- items and their parts ---------------------------------------------------------------------------------

    def _begin(self) -> None:
        if not self._number:
            self._event("response.created", response=self._response)
            self._event("response.in_progress", response=self._response)

    def _open(self, item: dict[str, Any]) -> int:
        index = self._opened
        self._opened += 1
        self._event("response.output_item.added", output_index=index, item=item)
        return index

    def _think(self, text: str) -> None:
        if self._thought is None:
            item = answers.reasoning_item(self._exchange_id, self._thoughts, "", answers.IN_PROGRESS)
            self._thought = _Part("reasoning_text", item["id"], self._open(item), 0)
            self._event("response.content_part.added", **self._thought.at, part=self._thought.value(""))
        self._grow(self._thought, text)

    def _say(self, kind: str, text: str) -> None:
        part = self._parts.get(kind)
        if part is None:
            self._close_thought(answers.COMPLETED)
            message_id = answers.item_id("msg", self._exchange_id, 0)
            others = list(self._parts.values())
            index = (
                others[0].at["output_index"]
                if others
                else self._open(answers.message_item(self._exchange_id, [], answers.IN_PROGRESS))
            )
            part = self._parts[kind] = _Part(kind, message_id, index, len(others))
            self._event("response.content_part.added", **part.at, part=part.value(""))
        self._grow(part, text)

    def _grow(self, part: _Part, text: str) -> None:
        part.texts.append(text)
        if text:
            logprobs: dict[str, Any] = {"logprobs": []} if part.kind == "output_text" else {}
            self._event(f"response.{part.kind}.delta", **part.at, delta=text, **logprobs)

    def _close_part(self, part: _Part, tokens: tuple[Token, ...] = ()) -> dict[str, Any]:
        value = part.value(part.text, tokens)
        said = {name: value[name] for name in ("text", "refusal", "logprobs") if name in value}
        self._event(f"response.{part.kind}.done", **part.at, **said)
        self._event("response.content_part.done", **part.at, part=value)
        return value

    def _close_thought(self, status: str) -> None:
        if self._thought is None:
            return
        part, self._thought = self._thought, None
        self._close_part(part)
        item = answers.reasoning_item(self._exchange_id, self._thoughts, part.text, status)
        self._thoughts += 1
        self._close(part.at["output_index"], item)

    def _close_message(self, status: str, tokens: tuple[Token, ...] = ()) -> None:
        if not self._parts:
            return
        values = [
            self._close_part(part, tokens if part.kind == "output_text" else ()) for part in self._parts.values()
        ]
        index = next(iter(self._parts.values())).at["output_index"]
        self._close(index, answers.message_item(self._exchange_id, values, status))

    def _call(self, number: int, call: ToolCall, status: str) -> None:
        item = answers.call_item(self._exchange_id, number, call, status)
        index = self._open({**item, "arguments": "", "status": answers.IN_PROGRESS})
        at = {"item_id": item["id"], "output_index": index}
        self._event("response.function_call_arguments.delta", **at, delta=call.arguments)
        self._event("response.function_call_arguments.done", **at, name=call.name, arguments=call.arguments)
        self._close(index, item)

    def _close(self, index: int, item: dict[str, Any]) -> None:
        self._event("response.output_item.done", output_index=index, item=item)
        self._closed[index] = item

    def _end(self, how: dict[str, Any], notice: Mapping[str, JsonValue]) -> None:
        output = [item for _, item in sorted(self._closed.items())]
        response = self._response | {"output": output} | how
        if notice:
            response["brightline"] = dict(notice)
        self._event(f"response.{response['status']}", response=response)

    def _event(self, kind: str, **members: Any) -> None:
        value = {"type": kind, "sequence_number": self._number, **members}
        self._number += 1
        self._out += encode_event(strict_json.encode(value), kind)

    def _taken(self) -> bytes:
        out = bytes(self._out)
        self._out.clear()
        return out
