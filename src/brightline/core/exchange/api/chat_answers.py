# SPDX-License-Identifier: Apache-2.0
"""Answers in the shape of Chat Completions (OpenAI API, Chat), plain and streamed, with our own ids, names and times.

The writers take judged values only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from brightline.core.canonical import JsonValue
from brightline.core.errors import BrightlineError
from brightline.core.exchange import strict_json
from brightline.core.exchange.judged import JudgedReply, JudgedSegment
from brightline.core.exchange.model import Alternative, Exchange, ReplyChoice, Token, ToolCall, Usage
from brightline.core.exchange.refusal import error_body
from brightline.core.exchange.sse import DONE, encode_event

ANSWER: Final[dict[str, JsonValue]] = {
    "type": "object",
    "required": ["id", "object", "created", "model", "choices", "usage"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "pattern": "^chatcmpl-xc_[0-9a-f]{24}$"},
        "object": {"const": "chat.completion"},
        "created": {"type": "integer"},
        "model": {"type": "string"},
        "choices": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["index", "message", "logprobs", "finish_reason"],
                "additionalProperties": False,
                "properties": {
                    "index": {"type": "integer"},
                    "message": {
                        "type": "object",
                        "required": ["role", "content", "refusal"],
                        "properties": {
                            "role": {"const": "assistant"},
                            "content": {"type": ["string", "null"]},
                            "refusal": {"type": ["string", "null"]},
                            "tool_calls": {"type": "array", "minItems": 1},
                        },
                    },
                    "logprobs": {"type": ["object", "null"]},
                    "finish_reason": {"enum": ["stop", "length", "tool_calls", "content_filter"]},
                },
            },
        },
        "usage": {
            "type": "object",
            "required": ["prompt_tokens", "completion_tokens", "total_tokens"],
            "additionalProperties": {"type": "integer"},
        },
    },
}


class ChatStream:
    """One streamed answer; see :class:`~brightline.core.exchange.api.protocol.StreamWriter`."""

    def __init__(self, exchange: Exchange, exchange_id: str, created: int) -> None:
        self._about = (exchange, exchange_id, created)
        self._opened: set[int] = set()

    def segment(self, segment: JudgedSegment, notice: Mapping[str, JsonValue]) -> bytes:
        """One chunk; the first of a choice is preceded by its role."""
        chunk = encode_event(write_segment(segment, *self._about, dict(notice)))
        if segment.choice in self._opened:
            return chunk
        self._opened.add(segment.choice)
        return encode_event(write_opening(*self._about, segment.choice)) + chunk

    def close(self, usage: Usage, notice: Mapping[str, JsonValue]) -> bytes:
        """The usage, where the caller asked for it, and ``[DONE]``."""
        exchange = self._about[0]
        last = encode_event(write_usage(*self._about, usage, dict(notice))) if exchange.usage_in_stream else b""
        return last + DONE

    def cut(self, notice: Mapping[str, JsonValue]) -> bytes:
        """``content_filter`` for every choice, and ``[DONE]``."""
        return encode_event(write_filtered(*self._about, dict(notice))) + DONE

    def fail(self, error: BrightlineError, notice: Mapping[str, JsonValue]) -> bytes:
        """An error event and no ``[DONE]``."""
        return encode_event(error_body(error, notice))


def write_reply(judged: JudgedReply, exchange: Exchange, exchange_id: str, created: int) -> bytes:
    """Write a whole plain answer with our own ids, model name and time."""
    reply = judged.reply
    return strict_json.encode(
        {
            "id": f"chatcmpl-{exchange_id}",
            "object": "chat.completion",
            "created": created,
            "model": exchange.model,
            "choices": [
                {
                    "index": choice.index,
                    "message": _answer_value(choice, exchange_id),
                    "logprobs": _logprobs_value(choice.tokens),
                    "finish_reason": choice.finish,
                }
                for choice in reply.choices
            ],
            "usage": _usage_value(reply.usage),
        }
    )


def _answer_value(choice: ReplyChoice, exchange_id: str) -> dict[str, Any]:
    value: dict[str, Any] = {
        "role": "assistant",
        "content": choice.text if choice.text or not choice.calls else None,
        "refusal": choice.refusal or None,
    }
    if choice.reasoning:
        value |= _reasoning_value(choice.reasoning)
    if choice.calls:
        value["tool_calls"] = _calls_value(choice.calls, exchange_id, choice.index)
    return value


def _reasoning_value(reasoning: str) -> dict[str, str]:
    """What the model thought, under both names that servers have for it: clients know one or the other."""
    return {"reasoning_content": reasoning, "reasoning": reasoning}


def _logprobs_value(tokens: tuple[Token, ...]) -> dict[str, Any] | None:
    if not tokens:
        return None
    content = [
        {**token_value(token), "top_logprobs": [token_value(one) for one in token.alternatives]} for token in tokens
    ]
    return {"content": content, "refusal": None}


def token_value(token: Token | Alternative) -> dict[str, Any]:
    """A token whose text is written from its bytes, so that the two say the same."""
    return {"token": token.data.decode(errors="replace"), "logprob": token.logprob, "bytes": list(token.data)}


def _calls_value(calls: tuple[ToolCall, ...], exchange_id: str, choice: int) -> list[dict[str, Any]]:
    return [
        {
            "id": call_id(exchange_id, choice, i),
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for i, call in enumerate(calls)
    ]


def call_id(exchange_id: str, choice: int, index: int) -> str:
    """Our own tool-call id: the upstream's could carry text."""
    return "call_" + hashlib.sha256(f"{exchange_id}/{choice}/{index}".encode()).hexdigest()[:24]


def _usage_value(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }


def write_opening(exchange: Exchange, exchange_id: str, created: int, choice: int) -> bytes:
    """Write the first chunk of a choice: the role alone, no model output."""
    return _chunk(exchange, exchange_id, created, [_chunk_choice(choice, {"role": "assistant", "content": ""}, None)])


def write_segment(
    segment: JudgedSegment, exchange: Exchange, exchange_id: str, created: int, notice: dict[str, JsonValue]
) -> bytes:
    """Write a judged segment as one chunk. ``notice`` (the receipt) is empty in all but the last chunk."""
    delta: dict[str, Any] = _reasoning_value(segment.reasoning) if segment.reasoning else {}
    if segment.text:
        delta["content"] = segment.text
    if segment.refusal:
        delta["refusal"] = segment.refusal
    if segment.calls:
        values = _calls_value(segment.calls, exchange_id, segment.choice)
        delta["tool_calls"] = [{"index": i, **value} for i, value in enumerate(values)]
    choices = [_chunk_choice(segment.choice, delta, segment.finish or None, _logprobs_value(segment.tokens))]
    return _chunk(exchange, exchange_id, created, choices, **({"brightline": notice} if notice else {}))


def write_filtered(exchange: Exchange, exchange_id: str, created: int, notice: dict[str, JsonValue]) -> bytes:
    """Write the last chunk of a stream that was cut: ``content_filter`` for every choice, and the reason."""
    choices = [_chunk_choice(index, {}, "content_filter") for index in range(exchange.choices)]
    return _chunk(exchange, exchange_id, created, choices, brightline=notice)


def write_usage(
    exchange: Exchange, exchange_id: str, created: int, usage: Usage, notice: dict[str, JsonValue]
) -> bytes:
    """Write the usage chunk that closes a stream whose caller asked for it. It has no choices: naive clients
    index into ``choices``, so nobody who did not ask gets one.
    """
    return _chunk(exchange, exchange_id, created, [], usage=_usage_value(usage), brightline=notice)


def _chunk_choice(
    index: int, delta: dict[str, Any], finish: str | None, logprobs: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}


def _chunk(exchange: Exchange, exchange_id: str, created: int, choices: list[dict[str, Any]], **more: Any) -> bytes:
    return strict_json.encode(
        {
            "id": f"chatcmpl-{exchange_id}",
            "object": "chat.completion.chunk",
            "created": created,
            "model": exchange.model,
            "choices": choices,
            **more,
        }
    )
