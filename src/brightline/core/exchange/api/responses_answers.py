# SPDX-License-Identifier: Apache-2.0
"""Answers in the shape of Responses (OpenAI API, Responses): the response, its items and their parts.

The writers take judged values only; ids, names and times are our own. What a response repeats of its request was
judged as part of it.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from brightline.core.canonical import JsonValue
from brightline.core.exchange import strict_json
from brightline.core.exchange.api.chat_answers import call_id, token_value
from brightline.core.exchange.judged import JudgedReply
from brightline.core.exchange.model import NO_USAGE, Exchange, ReplyChoice, Token, Tool, ToolCall, Usage

COMPLETED: Final = "completed"
INCOMPLETE: Final = "incomplete"
IN_PROGRESS: Final = "in_progress"
FILTERED: Final = "content_filter"


ANSWER: Final[dict[str, JsonValue]] = {
    "type": "object",
    "required": ["id", "object", "created_at", "status", "error", "incomplete_details", "model", "output", "store"],
    "properties": {
        "id": {"type": "string", "pattern": "^resp_xc_[0-9a-f]{24}$"},
        "object": {"const": "response"},
        "created_at": {"type": "integer"},
        "status": {"enum": ["completed", "incomplete"]},
        "error": {"type": "null"},
        "incomplete_details": {
            "type": ["object", "null"],
            "properties": {"reason": {"enum": ["max_output_tokens", "content_filter"]}},
        },
        "model": {"type": "string"},
        "output": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["id", "type", "status"],
                "properties": {"type": {"enum": ["message", "function_call", "reasoning"]}},
            },
        },
        "store": {"const": False},
    },
}


def write_reply(judged: JudgedReply, exchange: Exchange, exchange_id: str, created: int) -> bytes:
    """Write a whole plain answer."""
    choice = judged.reply.choices[0]
    value = response_value(exchange, exchange_id, created)
    value |= ending(choice.finish)
    value["output"] = _items(choice, exchange_id, value["status"])
    return strict_json.encode(value | usage_members(judged.reply.usage))


def response_value(exchange: Exchange, exchange_id: str, created: int) -> dict[str, Any]:
    """A response that has only begun: what it repeats of its request, and no output."""
    sampling, form = exchange.sampling, exchange.response_format
    chosen = exchange.tool_choice
    return {
        "id": f"resp_{exchange_id}",
        "object": "response",
        "created_at": created,
        "status": IN_PROGRESS,
        "error": None,
        "incomplete_details": None,
        "instructions": exchange.turns[0].texts[0] if exchange.instructed else None,
        "model": exchange.model,
        "output": [],
        "tools": [_tool_value(tool) for tool in exchange.tools],
        "tool_choice": {"type": "function", "name": chosen.name} if chosen.name else chosen.mode or "auto",
        "parallel_tool_calls": exchange.parallel_calls is not False,
        "text": {"format": _format_value(exchange) if form.kind else {"type": "text"}},
        "reasoning": {"effort": sampling.reasoning_effort or None, "summary": None},
        "max_output_tokens": sampling.max_completion_tokens,
        "top_logprobs": sampling.top_logprobs,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "truncation": "disabled",
        "previous_response_id": None,
        "background": False,
        "store": False,
        "metadata": exchange.metadata,
    }


def _tool_value(tool: Tool) -> dict[str, Any]:
    value: dict[str, Any] = {"type": "function", "name": tool.name, "parameters": tool.parameters}
    if tool.description:
        value["description"] = tool.description
    return {**value, "strict": tool.strict}


def _format_value(exchange: Exchange) -> dict[str, Any]:
    form = exchange.response_format
    if form.kind != "json_schema":
        return {"type": form.kind}
    value: dict[str, Any] = {"type": form.kind, "name": form.name, "schema": form.schema}
    if form.description:
        value["description"] = form.description
    if form.strict is not None:
        value["strict"] = form.strict
    return value


def ending(finish: str) -> dict[str, Any]:
    """How a response ended, from the finish reason of its model."""
    if finish == "length":
        return {"status": INCOMPLETE, "incomplete_details": {"reason": "max_output_tokens"}}
    if finish == FILTERED:
        return {"status": INCOMPLETE, "incomplete_details": {"reason": FILTERED}}
    return {"status": COMPLETED, "incomplete_details": None}


def _items(choice: ReplyChoice, exchange_id: str, status: str) -> list[dict[str, Any]]:
    parts = [text_part(choice.text, choice.tokens)] if choice.text else []
    if choice.refusal:
        parts.append(refusal_part(choice.refusal))
    if not parts and not choice.calls:
        parts.append(text_part(""))
    items = [reasoning_item(exchange_id, 0, choice.reasoning, status)] if choice.reasoning else []
    if parts:
        items.append(message_item(exchange_id, parts, status))
    return [*items, *(call_item(exchange_id, i, call, status) for i, call in enumerate(choice.calls))]


def text_part(text: str, tokens: tuple[Token, ...] = ()) -> dict[str, Any]:
    """A part of a message: a text, with its tokens if they were asked for."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs(tokens)}


def logprobs(tokens: tuple[Token, ...]) -> list[dict[str, Any]]:
    """Tokens with their chances, in the same words as in a chat completion."""
    return [
        {**token_value(token), "top_logprobs": [token_value(one) for one in token.alternatives]} for token in tokens
    ]


def refusal_part(refusal: str) -> dict[str, Any]:
    """A part of a message: the model's own refusal."""
    return {"type": "refusal", "refusal": refusal}


def reasoning_item(exchange_id: str, index: int, text: str, status: str) -> dict[str, Any]:
    """What the model thought. Nothing here writes summaries."""
    return {
        "id": item_id("rs", exchange_id, index),
        "type": "reasoning",
        "status": status,
        "summary": [],
        "content": [reasoning_part(text)] if text else [],
    }


def reasoning_part(text: str) -> dict[str, Any]:
    """The part of a reasoning."""
    return {"type": "reasoning_text", "text": text}


def message_item(exchange_id: str, parts: list[dict[str, Any]], status: str) -> dict[str, Any]:
    """The message of an answer."""
    return {
        "id": item_id("msg", exchange_id, 0),
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": parts,
    }


def call_item(exchange_id: str, index: int, call: ToolCall, status: str) -> dict[str, Any]:
    """One call of a function."""
    return {
        "id": item_id("fc", exchange_id, index),
        "type": "function_call",
        "call_id": call_id(exchange_id, 0, index),
        "name": call.name,
        "arguments": call.arguments,
        "status": status,
    }


def item_id(prefix: str, exchange_id: str, index: int) -> str:
    """Our own id of an item: a model server has none, and one could carry text."""
    return f"{prefix}_" + hashlib.sha256(f"{exchange_id}/{prefix}/{index}".encode()).hexdigest()[:32]


def usage_members(usage: Usage) -> dict[str, Any]:
    """What was used, as a member of the response; nothing where the model server did not say."""
    if usage == NO_USAGE:
        return {}
    used = {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.total_tokens,
    }
    return {"usage": used}
