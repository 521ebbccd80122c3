# SPDX-License-Identifier: Apache-2.0
"""Chat Completions: ``POST /v1/chat/completions`` to and from the typed Exchange (OpenAI API, Chat).

Requests are read with unknown fields forbidden, so that a field which is not screened cannot pass. Answers of the
upstream are read with unknown fields dropped, and written anew with our own ids, names and times. The writers take
judged values only.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from brightline.core.canonical import JsonValue
from brightline.core.errors import CallerError, MalformedRequest, UnsupportedField, UpstreamFailed
from brightline.core.exchange import strict_json
from brightline.core.exchange.judged import JudgedReply, JudgedSegment
from brightline.core.exchange.model import (
    NO_USAGE,
    CallDelta,
    Delta,
    Exchange,
    Reply,
    ReplyChoice,
    ResponseFormat,
    Role,
    Sampling,
    StreamPart,
    Tool,
    ToolCall,
    ToolChoice,
    Turn,
    UpstreamRequest,
    Usage,
)

NAME: Final = "chat"
ROUTE: Final = "/v1/chat/completions"
REQUEST_LIMITS: Final = strict_json.Limits()
REPLY_LIMITS: Final = strict_json.Limits()

CHOICES_MAX: Final = 8
TURNS_MAX: Final = 2_048
PARTS_MAX: Final = 512
TOOLS_MAX: Final = 128
CALLS_MAX: Final = 128
STOPS_MAX: Final = 4
FINISHES: Final = frozenset({"stop", "length", "tool_calls", "content_filter"})
# A field that other servers know and that cannot be carried is refused by its name (see ``strict_json.decode``).
_ROLES: Final = {role.value: role for role in Role}


# ---- the wire, as it comes in ------------------------------------------------------------------------------


class _In(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of everything that a caller sends: what is not named is refused."""


class _Function(_In, frozen=True):
    name: str
    arguments: str


class _Call(_In, frozen=True):
    id: str
    function: _Function
    type: str = "function"


class _Part(_In, frozen=True):
    type: str
    text: str | UnsetType = UNSET
    refusal: str | UnsetType = UNSET


class _Message(_In, frozen=True):
    role: str
    content: str | list[_Part] | None = None
    name: str = ""
    refusal: str | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str = ""


class _FunctionTool(_In, frozen=True):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class _Tool(_In, frozen=True):
    function: _FunctionTool
    type: str = "function"


class _ChosenFunction(_In, frozen=True):
    name: str


class _Choice(_In, frozen=True):
    function: _ChosenFunction
    type: str = "function"


class _JsonSchema(_In, frozen=True):
    name: str
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class _Format(_In, frozen=True):
    type: str
    json_schema: _JsonSchema | None = None


class _StreamOptions(_In, frozen=True):
    include_usage: bool = False


class _Request(_In, frozen=True):
    model: str
    messages: list[_Message]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    n: int | None = None
    tools: list[_Tool] | None = None
    tool_choice: str | _Choice | None = None
    parallel_tool_calls: bool | None = None
    response_format: _Format | None = None
    reasoning_effort: str | None = None


def read_request(body: bytes) -> Exchange:
    """Parse the client's bytes once, strictly.

    Raises ``MalformedRequest``, ``UnsupportedField`` or ``RequestTooLarge``, each with the place.
    """
    wire = strict_json.decode(body, _Request, REQUEST_LIMITS)
    _bounded(len(wire.messages), 1, TURNS_MAX, "messages")
    _bounded(len(wire.tools or ()), 0, TOOLS_MAX, "tools")
    if not wire.model or len(wire.model) > 256:
        raise MalformedRequest("`model` must be a name of 1 to 256 characters", "model")
    choices = 1 if wire.n is None else wire.n
    _bounded(choices, 1, CHOICES_MAX, "n")
    streamed = bool(wire.stream)
    if wire.stream_options is not None and not streamed:
        raise MalformedRequest("`stream_options` is only allowed with `stream: true`", "stream_options")
    return Exchange(
        api=NAME,
        model=wire.model,
        turns=tuple(_turn(message, f"messages[{i}]") for i, message in enumerate(wire.messages)),
        tools=tuple(_tool(tool, f"tools[{i}]") for i, tool in enumerate(wire.tools or ())),
        tool_choice=_tool_choice(wire.tool_choice),
        parallel_calls=wire.parallel_tool_calls,
        response_format=_response_format(wire.response_format),
        sampling=_sampling(wire),
        choices=choices,
        streamed=streamed,
        usage_in_stream=bool(wire.stream_options and wire.stream_options.include_usage),
    )


def _bounded(value: int, low: int, high: int, param: str) -> None:
    if not low <= value <= high:
        raise MalformedRequest(f"`{param}` must be {low} to {high}; found {value}", param)


def _turn(wire: _Message, place: str) -> Turn:
    role = _ROLES.get(wire.role)
    if role is None:
        known = ", ".join(sorted(_ROLES))
        raise MalformedRequest(f"unknown role; expected one of {known}", f"{place}.role")
    texts: tuple[str, ...]
    refusal = wire.refusal or ""
    in_parts = isinstance(wire.content, list)
    if isinstance(wire.content, list):
        _bounded(len(wire.content), 1, PARTS_MAX, f"{place}.content")
        texts, part_refusal = _parts(wire.content, role, place)
        if refusal and part_refusal:
            raise MalformedRequest("one refusal, in the message or in a part", f"{place}.refusal")
        refusal = refusal or part_refusal
    else:
        texts = () if wire.content is None else (wire.content,)
    if role is not Role.ASSISTANT:
        if wire.tool_calls:
            raise MalformedRequest("only an assistant message may carry tool_calls", f"{place}.tool_calls")
        if refusal:
            raise MalformedRequest("only an assistant message may carry a refusal", f"{place}.refusal")
        if wire.content is None:
            raise MalformedRequest(f"a {role.value} message needs content", f"{place}.content")
    elif wire.content is None and not wire.tool_calls and not refusal:
        raise MalformedRequest("an assistant message needs content, tool_calls or a refusal", f"{place}.content")
    if (role is Role.TOOL) != bool(wire.tool_call_id):
        raise MalformedRequest("tool_call_id belongs to every tool message, and to no other", f"{place}.tool_call_id")
    _bounded(len(wire.tool_calls or ()), 0, CALLS_MAX, f"{place}.tool_calls")
    calls = []
    for i, call in enumerate(wire.tool_calls or ()):
        if call.type != "function":
            raise UnsupportedField("only function calls are carried", f"{place}.tool_calls[{i}].type")
        calls.append(ToolCall(call.id, call.function.name, call.function.arguments))
    return Turn(
        role=role,
        texts=texts,
        in_parts=in_parts,
        name=wire.name,
        refusal=refusal,
        calls=tuple(calls),
        answers_call=wire.tool_call_id,
    )


def _parts(parts: list[_Part], role: Role, place: str) -> tuple[tuple[str, ...], str]:
    texts: list[str] = []
    refusal = ""
    for i, part in enumerate(parts):
        where = f"{place}.content[{i}]"
        if part.type == "text" and isinstance(part.text, str) and part.refusal is UNSET:
            texts.append(part.text)
        elif part.type == "refusal" and role is Role.ASSISTANT and isinstance(part.refusal, str) and not refusal:
            refusal = part.refusal
        elif part.type in {"text", "refusal"}:
            raise MalformedRequest(f"a {part.type} part needs its {part.type} and nothing else", where)
        else:
            raise UnsupportedField(
                "only text parts are carried: nothing here can screen another kind", f"{where}.type"
            )
    return tuple(texts), refusal


def _tool(wire: _Tool, place: str) -> Tool:
    if wire.type != "function":
        raise UnsupportedField("only function tools are carried", f"{place}.type")
    function = wire.function
    return Tool(function.name, function.description or "", function.parameters or {}, function.strict)


def read_tools(body: bytes) -> tuple[Tool, ...]:
    """Read a JSON list of tools, as in the ``tools`` of a request. Raises ``CallerError`` with the place."""
    wire = strict_json.decode(body, list[_Tool], REQUEST_LIMITS)
    _bounded(len(wire), 0, TOOLS_MAX, "tools")
    return tuple(_tool(tool, f"tools[{i}]") for i, tool in enumerate(wire))


def _tool_choice(wire: str | _Choice | None) -> ToolChoice:
    if wire is None:
        return ToolChoice()
    if isinstance(wire, str):
        if wire not in {"none", "auto", "required"}:
            raise MalformedRequest("expected none, auto, required or a named function", "tool_choice")
        return ToolChoice(wire)
    if wire.type != "function":
        raise UnsupportedField("only a function can be chosen", "tool_choice.type")
    return ToolChoice("function", wire.function.name)


def _response_format(wire: _Format | None) -> ResponseFormat:
    if wire is None:
        return ResponseFormat()
    if wire.type in {"text", "json_object"} and wire.json_schema is None:
        return ResponseFormat(wire.type)
    if wire.type == "json_schema" and wire.json_schema is not None:
        schema = wire.json_schema
        return ResponseFormat("json_schema", schema.name, schema.description or "", schema.schema or {}, schema.strict)
    raise MalformedRequest("expected text, json_object, or json_schema with its schema", "response_format.type")


def _sampling(wire: _Request) -> Sampling:
    stops = () if wire.stop is None else (wire.stop,) if isinstance(wire.stop, str) else tuple(wire.stop)
    _bounded(len(stops), 0, STOPS_MAX, "stop")
    if wire.reasoning_effort not in {None, "none", "minimal", "low", "medium", "high", "xhigh"}:
        raise MalformedRequest("unknown effort", "reasoning_effort")
    for name, value, low, high in (
        ("temperature", wire.temperature, 0.0, 2.0),
        ("top_p", wire.top_p, 0.0, 1.0),
        ("presence_penalty", wire.presence_penalty, -2.0, 2.0),
        ("frequency_penalty", wire.frequency_penalty, -2.0, 2.0),
        ("max_tokens", wire.max_tokens, 1, 1_000_000),
        ("max_completion_tokens", wire.max_completion_tokens, 1, 1_000_000),
        ("seed", wire.seed, -(2**31), 2**31 - 1),
    ):
        if value is not None and not low <= value <= high:
            raise MalformedRequest(f"`{name}` must be {low} to {high}", name)
    return Sampling(
        temperature=wire.temperature,
        top_p=wire.top_p,
        max_tokens=wire.max_tokens,
        max_completion_tokens=wire.max_completion_tokens,
        presence_penalty=wire.presence_penalty,
        frequency_penalty=wire.frequency_penalty,
        seed=wire.seed,
        stop=stops,
        reasoning_effort=wire.reasoning_effort or "",
    )


# ---- our own bytes to the model server -------------------------------------------------------------------


def write_request(exchange: Exchange, upstream_model: str) -> UpstreamRequest:
    """Serialise the Exchange anew: nothing of the client's bytes is reused."""
    return UpstreamRequest(ROUTE, strict_json.encode(request_value(exchange, upstream_model)), exchange.streamed)


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
    ):
        number = getattr(sampling, name)
        if number is not None:
            value[name] = number
    if sampling.stop:
        value["stop"] = list(sampling.stop)
    if sampling.reasoning_effort:
        value["reasoning_effort"] = sampling.reasoning_effort
    return value


def _message_value(turn: Turn) -> dict[str, Any]:
    value: dict[str, Any] = {"role": turn.role.value}
    if turn.in_parts:
        parts: list[dict[str, str]] = [{"type": "text", "text": text} for text in turn.texts]
        if turn.refusal:
            parts.append({"type": "refusal", "refusal": turn.refusal})
        value["content"] = parts
    else:
        value["content"] = turn.texts[0] if turn.texts else None
        if turn.refusal:
            value["refusal"] = turn.refusal
    if turn.name:
        value["name"] = turn.name
    if turn.calls:
        value["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in turn.calls
        ]
    if turn.answers_call:
        value["tool_call_id"] = turn.answers_call
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
    tool_calls: list[_OutCall] | None = None


class _OutChoice(msgspec.Struct, frozen=True):
    index: int = 0
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
            )
        )
    return StreamPart(tuple(deltas), _usage(wire.usage))


def _read(body: bytes) -> _OutReply:
    try:
        return strict_json.decode(body, _OutReply, REPLY_LIMITS)
    except CallerError as error:
        # The reader blames a caller; here the peer erred. Its text is not repeated: it is unjudged model output.
        raise UpstreamFailed("the upstream's answer is not a chat completion") from error


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


# ---- our own bytes to the client ---------------------------------------------------------------------------


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
                    "logprobs": None,
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
    if choice.calls:
        value["tool_calls"] = _calls_value(choice.calls, exchange_id, choice.index)
    return value


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
    delta: dict[str, Any] = {}
    if segment.text:
        delta["content"] = segment.text
    if segment.refusal:
        delta["refusal"] = segment.refusal
    if segment.calls:
        values = _calls_value(segment.calls, exchange_id, segment.choice)
        delta["tool_calls"] = [{"index": i, **value} for i, value in enumerate(values)]
    choices = [_chunk_choice(segment.choice, delta, segment.finish or None)]
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


def _chunk_choice(index: int, delta: dict[str, Any], finish: str | None) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}


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
