# SPDX-License-Identifier: Apache-2.0
"""A streamed answer of Responses as its semantic events, numbered from 0 (OpenAI API, Responses, "Streaming events").

Items are opened by their first text and closed together at the end, because the last text of each waits for the last
judgement; calls come whole. There is no end marker: ``response.completed``, ``response.incomplete`` and
``response.failed`` are the ends. The receipt is the ``brightline`` member of the response in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brightline.core.canonical import JsonValue
from brightline.core.errors import BrightlineError
from brightline.core.exchange import strict_json
from brightline.core.exchange.api import responses_answers as answers
from brightline.core.exchange.judged import JudgedSegment
from brightline.core.exchange.model import Exchange, ToolCall, Usage
from brightline.core.exchange.refusal import error_value
from brightline.core.exchange.sse import encode_event


class _Part:
    """A part of the message that is growing."""

    __slots__ = ("index", "kind", "texts")

    def __init__(self, kind: str, index: int) -> None:
        self.kind = kind  # output_text or refusal
        self.index = index
        self.texts: list[str] = []

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def value(self, text: str) -> dict[str, Any]:
        return answers.text_part(text) if self.kind == "output_text" else answers.refusal_part(text)


class ResponsesStream:
    """One streamed answer; see :class:`~brightline.core.exchange.api.protocol.StreamWriter`."""

    def __init__(self, exchange: Exchange, exchange_id: str, created: int) -> None:
        self._exchange_id = exchange_id
        self._response = answers.response_value(exchange, exchange_id, created)
        self._number = 0
        self._output: list[dict[str, Any]] = []  # the items that are closed
        self._parts: dict[str, _Part] = {}
        self._finish = ""
        self._out = bytearray()

    def segment(self, segment: JudgedSegment, notice: Mapping[str, JsonValue]) -> bytes:
        """Its texts as deltas; with the last one, the ends of everything, and the calls."""
        self._begin()
        if segment.text:
            self._say("output_text", segment.text)
        if segment.refusal:
            self._say("refusal", segment.refusal)
        if segment.finish:
            self._finish = segment.finish
            if not self._parts and not segment.calls:
                self._say("output_text", "")
            status = answers.ending(segment.finish)["status"]
            self._close_message(status)
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
        self._close_message(answers.INCOMPLETE)
        self._end(answers.ending(answers.FILTERED), notice)
        return self._taken()

    def fail(self, error: BrightlineError, notice: Mapping[str, JsonValue]) -> bytes:
        """An ``error`` event, then ``response.failed``."""
        self._begin()
        told = error_value(error, notice)
        self._event("error", code=told["code"], message=told["message"], param=told["param"])
        failed = {"status": "failed", "error": {"code": "server_error", "message": told["message"]}}
        self._end(failed, told["brightline"])
        return self._taken()

    # ---- events ----------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        if not self._number:
            self._event("response.created", response=self._response)
            self._event("response.in_progress", response=self._response)

    def _say(self, kind: str, text: str) -> None:
        part = self._parts.get(kind)
        if part is None:
            if not self._parts:
                item = answers.message_item(self._exchange_id, [], answers.IN_PROGRESS)
                self._event("response.output_item.added", output_index=0, item=item)
            part = self._parts[kind] = _Part(kind, len(self._parts))
            self._event("response.content_part.added", **self._at(part), part=part.value(""))
        part.texts.append(text)
        if text:
            logprobs: dict[str, Any] = {"logprobs": []} if kind == "output_text" else {}
            self._event(f"response.{kind}.delta", **self._at(part), delta=text, **logprobs)

    def _close_message(self, status: str) -> None:
        if not self._parts:
            return
        values = []
        for part in self._parts.values():
            text = part.text
            if part.kind == "output_text":
                self._event("response.output_text.done", **self._at(part), text=text, logprobs=[])
            else:
                self._event("response.refusal.done", **self._at(part), refusal=text)
            values.append(part.value(text))
            self._event("response.content_part.done", **self._at(part), part=values[-1])
        item = answers.message_item(self._exchange_id, values, status)
        self._event("response.output_item.done", output_index=0, item=item)
        self._output.append(item)

    def _call(self, number: int, call: ToolCall, status: str) -> None:
        index = len(self._output)
        item = answers.call_item(self._exchange_id, number, call, status)
        at = {"item_id": item["id"], "output_index": index}
        opened = {**item, "arguments": "", "status": answers.IN_PROGRESS}
        self._event("response.output_item.added", output_index=index, item=opened)
        self._event("response.function_call_arguments.delta", **at, delta=call.arguments)
        self._event("response.function_call_arguments.done", **at, name=call.name, arguments=call.arguments)
        self._event("response.output_item.done", output_index=index, item=item)
        self._output.append(item)

    def _end(self, how: dict[str, Any], notice: Mapping[str, JsonValue]) -> None:
        response = self._response | {"output": self._output} | how
        if notice:
            response["brightline"] = dict(notice)
        self._event(f"response.{response['status']}", response=response)

    def _at(self, part: _Part) -> dict[str, Any]:
        return {
            "item_id": answers.item_id("msg", self._exchange_id, 0),
            "output_index": 0,
            "content_index": part.index,
        }

    def _event(self, kind: str, **members: Any) -> None:
        value = {"type": kind, "sequence_number": self._number, **members}
        self._number += 1
        self._out += encode_event(strict_json.encode(value), kind)

    def _taken(self) -> bytes:
        out = bytes(self._out)
        self._out.clear()
        return out
