# SPDX-License-Identifier: Apache-2.0
"""Chat Completions: ``POST /v1/chat/completions`` to and from the typed Exchange (OpenAI API, Chat).

Requests are read with unknown fields forbidden, so that a field which is not screened cannot pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import UNSET, UnsetType

from brightline.core.canonical import JsonValue
from brightline.core.errors import BrightlineError, MalformedRequest, UnsupportedField
from brightline.core.exchange import chat_server, strict_json
from brightline.core.exchange.api import chat_answers
from brightline.core.exchange.api.not_carried import with_reason
from brightline.core.exchange.api.reading import (
    CALLS_MAX,
    PARTS_MAX,
    TOKENS_MAX,
    TOOLS_MAX,
    TURNS_MAX,
    In,
    bounded,
    check_effort,
    check_model,
    in_range,
    read_labels,
    read_metadata,
)
from brightline.core.exchange.judged import JudgedReply
from brightline.core.exchange.model import (
    Exchange,
    ResponseFormat,
    Role,
    Sampling,
    Tool,
    ToolCall,
    ToolChoice,
    Turn,
)
from brightline.core.exchange.refusal import error_body
from brightline.core.exchange.tokens import ALTERNATIVES_MAX, TOP_MAX

NAME: Final = "chat"
ROUTE: Final = "/v1/chat/completions"
ENDPOINT: Final = "chat.completions"
SERVER: Final = chat_server
REQUEST_LIMITS: Final = strict_json.Limits()

CHOICES_MAX: Final = 8
STOPS_MAX: Final = 4
# A field that other servers know and that cannot be carried is refused by its name (see ``strict_json.decode``).
_ROLES: Final = {role.value: role for role in Role}


# ---- the wire, as it comes in ------------------------------------------------------------------------------


class _Function(In, frozen=True):
    name: str
    arguments: str


class _Call(In, frozen=True):
    id: str
    function: _Function
    type: str = "function"


class _Part(In, frozen=True):
    type: str
    text: str | UnsetType = UNSET
    refusal: str | UnsetType = UNSET


class _Message(In, frozen=True):
    role: str
    content: str | list[_Part] | None = None
    name: str = ""
    refusal: str | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str = ""
    reasoning_content: str | None = None
    reasoning: str | None = None


class _FunctionTool(In, frozen=True):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class _Tool(In, frozen=True):
    function: _FunctionTool
    type: str = "function"


class _ChosenFunction(In, frozen=True):
    name: str


class _Choice(In, frozen=True):
    function: _ChosenFunction
    type: str = "function"


class _JsonSchema(In, frozen=True):
    name: str
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class _Format(In, frozen=True):
    type: str
    json_schema: _JsonSchema | None = None


class _StreamOptions(In, frozen=True):
    include_usage: bool = False


class _TemplateArguments(In, frozen=True):
    enable_thinking: bool | None = None
    thinking: bool | None = None


class _Request(In, frozen=True):
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
    logprobs: bool | None = None
    top_logprobs: int | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    min_tokens: int | None = None
    chat_template_kwargs: _TemplateArguments | None = None
    store: bool | None = None
    service_tier: str | None = None
    metadata: dict[str, str] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None


REQUEST: Final = _Request
ANSWER: Final = chat_answers.ANSWER


def read_request(body: bytes) -> Exchange:
    """Parse the client's bytes once, strictly.

    Raises ``MalformedRequest``, ``UnsupportedField`` or ``RequestTooLarge``, each with the place.
    """
    try:
        wire = strict_json.decode(body, _Request, REQUEST_LIMITS)
    except UnsupportedField as error:
        raise with_reason(error) from None
    bounded(len(wire.messages), 1, TURNS_MAX, "messages")
    bounded(len(wire.tools or ()), 0, TOOLS_MAX, "tools")
    check_model(wire.model)
    choices = 1 if wire.n is None else wire.n
    bounded(choices, 1, CHOICES_MAX, "n")
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
        metadata=read_metadata(wire.metadata),
        labels=read_labels(
            {
                "user": wire.user,
                "safety_identifier": wire.safety_identifier,
                "prompt_cache_key": wire.prompt_cache_key,
            }
        ),
    )


def _turn(wire: _Message, place: str) -> Turn:
    role = _ROLES.get(wire.role)
    if role is None:
        known = ", ".join(sorted(_ROLES))
        raise MalformedRequest(f"unknown role; expected one of {known}", f"{place}.role")
    texts: tuple[str, ...]
    refusal = wire.refusal or ""
    reasoning = wire.reasoning_content or wire.reasoning or ""
    if wire.reasoning_content and wire.reasoning and wire.reasoning_content != wire.reasoning:
        raise MalformedRequest("one reasoning, under one name or the same under both", f"{place}.reasoning")
    in_parts = isinstance(wire.content, list)
    if isinstance(wire.content, list):
        bounded(len(wire.content), 1, PARTS_MAX, f"{place}.content")
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
        if reasoning:
            raise MalformedRequest("only an assistant message may carry reasoning", f"{place}.reasoning_content")
        if wire.content is None:
            raise MalformedRequest(f"a {role.value} message needs content", f"{place}.content")
    elif wire.content is None and not wire.tool_calls and not refusal and not reasoning:
        raise MalformedRequest("an assistant message needs content, tool_calls or a refusal", f"{place}.content")
    if (role is Role.TOOL) != bool(wire.tool_call_id):
        raise MalformedRequest("tool_call_id belongs to every tool message, and to no other", f"{place}.tool_call_id")
    bounded(len(wire.tool_calls or ()), 0, CALLS_MAX, f"{place}.tool_calls")
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
        reasoning=reasoning,
    )


def _parts(parts: list[_Part], role: Role, place: str) -> tuple[tuple[str, ...], str]:
    texts: list[str] = []
    refusal = ""
    for i, part in enumerate(parts):
        where = f"{place}.content[{i}]"
        if part.type == "text" and isinstance(part.text, str) and part.refusal is UNSET:
            texts.append(part.text)
        elif (
            part.type == "refusal"
            and role is Role.ASSISTANT
            and isinstance(part.refusal, str)
            and part.text is UNSET
            and not refusal
        ):
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
    bounded(len(wire), 0, TOOLS_MAX, "tools")
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
    bounded(len(stops), 0, STOPS_MAX, "stop")
    effort = check_effort(wire.reasoning_effort, "reasoning_effort")
    for name, value, low, high in (
        ("temperature", wire.temperature, 0.0, 2.0),
        ("top_p", wire.top_p, 0.0, 1.0),
        ("presence_penalty", wire.presence_penalty, -2.0, 2.0),
        ("frequency_penalty", wire.frequency_penalty, -2.0, 2.0),
        ("max_tokens", wire.max_tokens, 1, TOKENS_MAX),
        ("max_completion_tokens", wire.max_completion_tokens, 1, TOKENS_MAX),
        ("seed", wire.seed, -(2**31), 2**31 - 1),
        ("top_k", wire.top_k, -1, 1_000_000),
        ("min_p", wire.min_p, 0.0, 1.0),
        ("repetition_penalty", wire.repetition_penalty, 0.01, 10.0),
        ("min_tokens", wire.min_tokens, 0, 1_000_000),
        ("top_logprobs", wire.top_logprobs, 0, TOP_MAX),
    ):
        in_range(value, low, high, name)
    _alternatives(wire)
    if wire.store:
        why = "nothing is stored for a caller: leave `store` out, or send false; evidence is, under the parties' keys"
        raise UnsupportedField(why, "store")
    if wire.service_tier not in {None, "auto", "default"}:
        raise UnsupportedField("there is one tier here; shares are by workload", "service_tier")
    thinking = wire.chat_template_kwargs or _TemplateArguments()
    if None not in {thinking.enable_thinking, thinking.thinking} and thinking.enable_thinking != thinking.thinking:
        raise MalformedRequest("two names for one choice, which differ", "chat_template_kwargs.thinking")
    return Sampling(
        temperature=wire.temperature,
        top_p=wire.top_p,
        max_tokens=wire.max_tokens,
        max_completion_tokens=wire.max_completion_tokens,
        presence_penalty=wire.presence_penalty,
        frequency_penalty=wire.frequency_penalty,
        seed=wire.seed,
        stop=stops,
        reasoning_effort=effort,
        logprobs=bool(wire.logprobs),
        top_logprobs=wire.top_logprobs or 0,
        top_k=wire.top_k,
        min_p=wire.min_p,
        repetition_penalty=wire.repetition_penalty,
        min_tokens=wire.min_tokens,
        thinking=thinking.thinking if thinking.enable_thinking is None else thinking.enable_thinking,
    )


def _alternatives(wire: _Request) -> None:
    """Bound what is asked beside the answer: every alternative token is judged in its place."""
    if not wire.top_logprobs:
        return
    if not wire.logprobs:
        raise MalformedRequest("`top_logprobs` needs `logprobs: true`", "top_logprobs")
    limits = [limit for limit in (wire.max_tokens, wire.max_completion_tokens) if limit is not None]
    asked = wire.top_logprobs * min(limits, default=ALTERNATIVES_MAX + 1) * (wire.n or 1)
    if asked > ALTERNATIVES_MAX:
        most = f"`top_logprobs` times `max_completion_tokens` times `n` must be at most {ALTERNATIVES_MAX}"
        raise MalformedRequest(f"{most}, because each alternative is judged in its place", "top_logprobs")


# ---- what is answered: see chat_answers.py -------------------------------------------------------------------


def write_reply(judged: JudgedReply, exchange: Exchange, exchange_id: str, created: int) -> bytes:
    """Write a whole plain answer."""
    return chat_answers.write_reply(judged, exchange, exchange_id, created)


def open_stream(exchange: Exchange, exchange_id: str, created: int) -> chat_answers.ChatStream:
    """Begin a streamed answer."""
    return chat_answers.ChatStream(exchange, exchange_id, created)


def write_error(error: BrightlineError, notice: Mapping[str, JsonValue]) -> bytes:
    """Write an error as the whole answer."""
    return error_body(error, notice)
