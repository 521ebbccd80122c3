# SPDX-License-Identifier: Apache-2.0
"""Speaks Chat Completions to a model server (OpenAI API, Chat): our own bytes out, and what comes back, understood.

vLLM, SGLang, llama.cpp and the hosted services all speak it, so every API whose answers are texts and tool calls goes
out through this file, whatever shape its caller uses. Answers are read with unknown fields dropped.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from brightline.core.errors import CallerError, UpstreamFailed
from brightline.core.exchange import strict_json
from brightline.core.exchange.model import (
    NO_USAGE,
    CallDelta,
    Delta,
    Exchange,
    Reply,
    ReplyChoice,
    ResponseFormat,
    StreamPart,
    Token,
    Tool,
    ToolCall,
    Turn,
    UpstreamRequest,
    Usage,
    WireNames,
)
from brightline.core.exchange.tokens import WireToken, read_tokens, spelling

PATH: Final = "/v1/chat/completions"
REPLY_LIMITS: Final = strict_json.Limits()
FINISHES: Final = frozenset({"stop", "length", "tool_calls", "content_filter"})
NAMES: Final = WireNames(
    fields=frozenset(
        [
            "model",
            "messages",
            "n",
            "stream",
            "stream_options",
            "include_usage",
            "tools",
            "tool_choice",
            "parallel_tool_calls",
            "response_format",
            "json_schema",
            "schema",
            "temperature",
            "top_p",
            "max_tokens",
            "max_completion_tokens",
            "presence_penalty",
            "frequency_penalty",
            "seed",
            "stop",
            "reasoning_effort",
            "logprobs",
            "top_logprobs",
            "top_k",
            "min_p",
            "repetition_penalty",
            "min_tokens",
            "chat_template_kwargs",
            "enable_thinking",
            "thinking",
            "reasoning_content",
            "role",
            "content",
            "type",
            "text",
            "refusal",
            "name",
            "tool_calls",
            "id",
            "function",
            "arguments",
            "tool_call_id",
            "parameters",
            "description",
            "strict",
        ]
    ),
    free_form=frozenset({"parameters", "schema", "arguments"}),
    closed=frozenset({"role", "type"}),
)


# ---- our own bytes to the model server -------------------------------------------------------------------


def write_request(exchange: Exchange, upstream_model: str) -> UpstreamRequest:
    """Serialise the Exchange anew: nothing of the client's bytes is reused."""
    return UpstreamRequest(PATH, strict_json.encode(request_value(exchange, upstream_model)), exchange.streamed)


def request_value(exchange: Exchange, upstream_model: str) -> dict[str, Any]:
    """The JSON value that is sent; the coverage map walks this very value, so that what is screened is sent."""
    value: dict[str, Any] = {
        "model": upstream_model,
        "messages": [_message_value(turn) for turn in exchange.turns],
        "n": exchange.choices,
        "stream": exchange.streamed,
    }
    if exchange.streamed:
        value["stream_options"] = {"include_usage": exchange.usage_in_stream}
    if exchange.tools:
        value["tools"] = [_tool_value(tool) for tool in exchange.tools]
    if exchange.tool_choice.mode == "function":
        value["tool_choice"] = {"type": "function", "function": {"name": exchange.tool_choice.name}}
    elif exchange.tool_choice.mode:
        value["tool_choice"] = exchange.tool_choice.mode
    if exchange.parallel_calls is not None:
        value["parallel_tool_calls"] = exchange.parallel_calls
    if exchange.response_format.kind:
        value["response_format"] = _format_value(exchange.response_format)
    sampling = exchange.sampling
    for name in (
        "temperature",
        "top_p",
        "max_tokens",
        "max_completion_tokens",
        "presence_penalty",
        "frequency_penalty",
        "seed",
        "top_k",
        "min_p",
        "repetition_penalty",
        "min_tokens",
    ):
        number = getattr(sampling, name)
        if number is not None:
            value[name] = number
    if sampling.logprobs:
        value["logprobs"] = True
        if sampling.top_logprobs:
            value["top_logprobs"] = sampling.top_logprobs
    if sampling.thinking is not None:
        # Templates call it either way, and take no notice of the other.
        value["chat_template_kwargs"] = {"enable_thinking": sampling.thinking, "thinking": sampling.thinking}
    if sampling.stop:
        value["stop"] = list(sampling.stop)
    if sampling.reasoning_effort:
        value["reasoning_effort"] = sampling.reasoning_effort
    return value


def _message_value(turn: Turn) -> dict[str, Any]:
    # Names and ids stand before what they name, as coverage joins them.
    value: dict[str, Any] = {"role": turn.role.value}
    if turn.name:
        value["name"] = turn.name
    if turn.answers_call:
        value["tool_call_id"] = turn.answers_call
    if turn.reasoning:
        value["reasoning_content"] = turn.reasoning
    if turn.in_parts:
        parts: list[dict[str, str]] = [{"type": "text", "text": text} for text in turn.texts]
        if turn.refusal:
            parts.append({"type": "refusal", "refusal": turn.refusal})
        value["content"] = parts
    else:
        value["content"] = turn.texts[0] if turn.texts else None
        if turn.refusal:
            value["refusal"] = turn.refusal
    if turn.calls:
        value["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in turn.calls
        ]
    return value


def _tool_value(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "parameters": tool.parameters}
    if tool.description:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _format_value(form: ResponseFormat) -> dict[str, Any]:
    if form.kind != "json_schema":
        return {"type": form.kind}
    schema: dict[str, Any] = {"name": form.name, "schema": form.schema}
    if form.description:
        schema["description"] = form.description
    if form.strict is not None:
        schema["strict"] = form.strict
    return {"type": "json_schema", "json_schema": schema}


# ---- the upstream's bytes ------------------------------------------------------------------------------------


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class _OutFunction(msgspec.Struct, frozen=True):
    name: str | None = None
    arguments: str | None = None


class _OutCall(msgspec.Struct, frozen=True):
    function: _OutFunction = _OutFunction()
    index: int = 0
    id: str | None = None


class _OutMessage(msgspec.Struct, frozen=True):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None  # SGLang, llama.cpp, DeepSeek; vLLM until 0.17
    reasoning: str | None = None  # vLLM, OpenRouter
    tool_calls: list[_OutCall] | None = None


class _OutLogprobs(msgspec.Struct, frozen=True):
    content: list[WireToken] | None = None


class _OutChoice(msgspec.Struct, frozen=True):
    index: int = 0
    logprobs: _OutLogprobs | None = None
    message: _OutMessage = _OutMessage()
    delta: _OutMessage = _OutMessage()
    finish_reason: str | None = None


class _OutReply(msgspec.Struct, frozen=True):
    choices: list[_OutChoice]
    usage: _Usage | None = None


def read_reply(body: bytes, exchange: Exchange) -> Reply:
    """Understand a plain answer. Raises ``UpstreamFailed`` for anything that is not one."""
    wire = _read(body)
    choices = tuple(
        ReplyChoice(
            index=choice.index,
            text=choice.message.content or "",
            refusal=choice.message.refusal or "",
            calls=tuple(
                ToolCall(call.id or "", call.function.name or "", call.function.arguments or "")
                for call in choice.message.tool_calls or ()
            ),
            finish=_finish(choice.finish_reason) or "stop",
            reasoning=_reasoning(choice.message),
            tokens=spelling(_tokens(choice, exchange), choice.message.content or ""),
        )
        for choice in wire.choices
    )
    indexes = sorted(choice.index for choice in choices)
    if indexes != list(range(len(indexes))) or not 1 <= len(indexes) <= exchange.choices:
        raise UpstreamFailed(f"the upstream answered choices {indexes} where {exchange.choices} were asked for")
    return Reply(tuple(sorted(choices, key=lambda choice: choice.index)), _usage(wire.usage))


def read_part(data: str, exchange: Exchange) -> StreamPart:
    """Understand one server-sent event's data. Raises ``UpstreamFailed``."""
    if data == "[DONE]":
        return StreamPart(done=True)
    wire = _read(data.encode())
    deltas = []
    for choice in wire.choices:
        if not 0 <= choice.index < exchange.choices:
            raise UpstreamFailed(f"the upstream streamed choice {choice.index} of {exchange.choices}")
        deltas.append(
            Delta(
                choice=choice.index,
                text=choice.delta.content or "",
                refusal=choice.delta.refusal or "",
                calls=tuple(
                    CallDelta(call.index, call.id or "", call.function.name or "", call.function.arguments or "")
                    for call in choice.delta.tool_calls or ()
                ),
                finish=_finish(choice.finish_reason),
                reasoning=_reasoning(choice.delta),
                tokens=_tokens(choice, exchange),
            )
        )
    return StreamPart(tuple(deltas), _usage(wire.usage))


def _read(body: bytes) -> _OutReply:
    try:
        return strict_json.decode(body, _OutReply, REPLY_LIMITS)
    except CallerError as error:
        # The reader blames a caller; here the peer erred. Its text is not repeated: it is unjudged model output.
        raise UpstreamFailed("the upstream's answer is not a chat completion") from error


def _reasoning(message: _OutMessage) -> str:
    """What the model thought, under either name; a server that goes over from one to the other writes both."""
    one, other = message.reasoning_content or "", message.reasoning or ""
    if one and other and one != other:
        raise UpstreamFailed("the upstream's answer has two reasonings that differ")
    return one or other


def _tokens(choice: _OutChoice, exchange: Exchange) -> tuple[Token, ...]:
    """The tokens of a choice, if they were asked for."""
    if not exchange.sampling.logprobs or choice.logprobs is None:
        return ()
    return read_tokens(choice.logprobs.content, exchange.sampling.top_logprobs)


def _finish(reason: str | None) -> str:
    if reason is None or reason in FINISHES:
        return reason or ""
    raise UpstreamFailed("the upstream gave a finish_reason that this API does not know")


def _usage(wire: _Usage | None) -> Usage:
    if wire is None:
        return NO_USAGE
    if min(wire.prompt_tokens, wire.completion_tokens, wire.total_tokens) < 0:
        raise UpstreamFailed("the upstream reported negative usage")
    return Usage(wire.prompt_tokens, wire.completion_tokens, wire.total_tokens)
