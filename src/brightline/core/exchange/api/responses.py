# SPDX-License-Identifier: Apache-2.0
"""Responses: ``POST /v1/responses`` to and from the typed Exchange, stateless (OpenAI API, Responses).

Nothing is stored: a caller sends the whole conversation as items. Items become turns, and the model server is asked
for a chat completion like any other, because that is what model servers speak. Requests are read with unknown fields
forbidden; what needs a store, a hosted tool or a screen that is not there is refused by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from brightline.core.canonical import JsonValue
from brightline.core.errors import BrightlineError, MalformedRequest, OutsideRegistration, UnsupportedField
from brightline.core.exchange import chat_server, strict_json
from brightline.core.exchange.api import responses_answers, responses_stream
from brightline.core.exchange.api.not_carried import with_reason
from brightline.core.exchange.api.reading import (
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
from brightline.core.exchange.api.responses_items import ITEMS, PARTS, Item, take_item
from brightline.core.exchange.judged import JudgedReply
from brightline.core.exchange.model import (
    Exchange,
    ResponseFormat,
    Role,
    Sampling,
    Tool,
    ToolChoice,
    Turn,
)
from brightline.core.exchange.refusal import error_body
from brightline.core.exchange.tokens import ALTERNATIVES_MAX, TOP_MAX

NAME: Final = "responses"
ROUTE: Final = "/v1/responses"
ENDPOINT: Final = "responses"
SERVER: Final = chat_server
REQUEST_LIMITS: Final = strict_json.Limits()

_STATELESS: Final = "nothing is stored here, so there is nothing to go on from: send the whole conversation as `input`"
_NOT_HERE: Final = {
    "previous_response_id": _STATELESS,
    "conversation": _STATELESS,
    "prompt": "no prompts are stored here: send the instructions themselves",
    "max_tool_calls": "there are no hosted tools here whose calls could be counted",
}
"""Fields that may be ``null``, and why they may be nothing else."""
_HOSTED: Final = "only function tools are carried: nothing here runs or screens a hosted one"
_ONLY_TEXT: Final = "only text is carried: nothing here can screen another kind"
_LOGPROBS: Final = "message.output_text.logprobs"


# ---- the wire, as it comes in ------------------------------------------------------------------------------


class _Tool(In, frozen=True):
    name: str
    type: str = "function"
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class _Choice(In, frozen=True):
    type: str
    name: str


class _Format(In, frozen=True):
    type: str
    name: str | None = None
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class _Text(In, frozen=True):
    format: _Format | None = None


class _Reasoning(In, frozen=True):
    effort: str | None = None
    summary: str | None = None


class _StreamOptions(In, frozen=True):
    include_obfuscation: bool = False


class _Request(In, frozen=True):
    model: str
    input: str | list[Item]
    instructions: str | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_output_tokens: int | None = None
    tools: list[_Tool] | None = None
    tool_choice: str | _Choice | None = None
    parallel_tool_calls: bool | None = None
    text: _Text | None = None
    reasoning: _Reasoning | None = None
    metadata: dict[str, str] | None = None
    store: bool | None = None
    background: bool | None = None
    truncation: str | None = None
    include: list[str] | None = None
    top_logprobs: int | None = None
    service_tier: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    previous_response_id: None = None
    conversation: None = None
    prompt: None = None
    max_tool_calls: None = None


REQUEST: Final = _Request
ANSWER: Final = responses_answers.ANSWER


def read_request(body: bytes) -> Exchange:
    """Parse the client's bytes once, strictly.

    Raises ``MalformedRequest``, ``UnsupportedField`` or ``RequestTooLarge``, each with the place.
    """
    value = strict_json.parse(body, REQUEST_LIMITS)
    _refuse_kinds(value)
    try:
        wire = strict_json.convert(value, _Request)
    except UnsupportedField as error:
        raise with_reason(error) from None
    _refuse_what_is_not_here(wire)
    check_model(wire.model)
    bounded(len(wire.tools or ()), 0, TOOLS_MAX, "tools")
    turns = [Turn(Role.SYSTEM, (wire.instructions,))] if wire.instructions is not None else []
    if isinstance(wire.input, str):
        turns.append(Turn(Role.USER, (wire.input,)))
    else:
        bounded(len(wire.input), 1, TURNS_MAX, "input")
        for i, item in enumerate(wire.input):
            take_item(turns, item, f"input[{i}]")
    streamed = bool(wire.stream)
    return Exchange(
        api=NAME,
        model=wire.model,
        turns=tuple(turns),
        tools=tuple(
            Tool(tool.name, tool.description or "", tool.parameters or {}, tool.strict) for tool in wire.tools or ()
        ),
        tool_choice=_tool_choice(wire.tool_choice),
        parallel_calls=wire.parallel_tool_calls,
        response_format=_response_format(wire.text),
        sampling=_sampling(wire),
        streamed=streamed,
        usage_in_stream=streamed,  # every answer of this API says what it used
        metadata=read_metadata(wire.metadata),
        labels=read_labels(
            {
                "user": wire.user,
                "safety_identifier": wire.safety_identifier,
                "prompt_cache_key": wire.prompt_cache_key,
            }
        ),
        instructed=wire.instructions is not None,
    )


def _refuse_kinds(value: JsonValue) -> None:
    """Refuse tools, items and parts of another kind by that, and not by the first member that they have.

    Raises ``UnsupportedField``; what is no object of this API at all is left to the types.
    """
    if not isinstance(value, dict):
        return
    for name, why in _NOT_HERE.items():
        if value.get(name) is not None:
            raise UnsupportedField(f"`{name}` is not carried: {why}", name)
    for i, tool in enumerate(_objects(value.get("tools"))):
        _refuse_kind(tool, frozenset({"function"}), f"tools[{i}]", _HOSTED)
    for choice in _objects([value.get("tool_choice")]):
        _refuse_kind(choice, frozenset({"function"}), "tool_choice", "only a function can be chosen")
    for i, item in enumerate(_objects(value.get("input"))):
        _refuse_kind(item, ITEMS, f"input[{i}]", "items of this type are not carried")
        if item.get("encrypted_content") is not None:
            raise UnsupportedField("what is encrypted cannot be judged", f"input[{i}].encrypted_content")
        for member in ("content", "output", "summary"):
            for j, part in enumerate(_objects(item.get(member))):
                _refuse_kind(part, PARTS, f"input[{i}].{member}[{j}]", _ONLY_TEXT)


def _objects(value: JsonValue) -> list[dict[str, JsonValue]]:
    """The elements of a list, one that is no object as an empty one, so that the others keep their places."""
    return [child if isinstance(child, dict) else {} for child in value] if isinstance(value, list) else []


def _refuse_kind(value: dict[str, JsonValue], kinds: frozenset[str], place: str, why: str) -> None:
    kind = value.get("type")
    if isinstance(kind, str) and kind not in kinds:
        raise UnsupportedField(why, f"{place}.type")


def _refuse_what_is_not_here(wire: _Request) -> None:
    if wire.store:
        raise UnsupportedField("nothing is stored here: leave `store` out, or send false", "store")
    if wire.background:
        raise UnsupportedField("nothing runs in the background here: an answer is given or streamed", "background")
    for i, more in enumerate(wire.include or ()):
        if more != _LOGPROBS:
            raise UnsupportedField("this cannot be included in an answer here", f"include[{i}]")
    if wire.service_tier not in {None, "auto", "default"}:
        raise UnsupportedField("there is one tier here; shares are by workload", "service_tier")
    if wire.truncation not in {None, "disabled"}:
        raise UnsupportedField("nothing is left out of a conversation here: send what is to be read", "truncation")
    if wire.stream_options is not None and not wire.stream:
        raise MalformedRequest("`stream_options` is only allowed with `stream: true`", "stream_options")
    if wire.stream_options is not None and wire.stream_options.include_obfuscation:
        raise UnsupportedField("events are not padded here", "stream_options.include_obfuscation")


def _tool_choice(wire: str | _Choice | None) -> ToolChoice:
    if wire is None:
        return ToolChoice()
    if isinstance(wire, _Choice):
        return ToolChoice("function", wire.name)
    if wire not in {"none", "auto", "required"}:
        raise MalformedRequest("expected none, auto, required or a named function", "tool_choice")
    return ToolChoice(wire)


def _response_format(wire: _Text | None) -> ResponseFormat:
    form = wire.format if wire else None
    if form is None:
        return ResponseFormat()
    if form.type in {"text", "json_object"} and form == _Format(form.type):
        return ResponseFormat(form.type)
    if form.type == "json_schema" and form.name is not None and form.schema is not None:
        return ResponseFormat("json_schema", form.name, form.description or "", form.schema, form.strict)
    raise MalformedRequest("expected text, json_object, or json_schema with its name and schema", "text.format")


def _sampling(wire: _Request) -> Sampling:
    in_range(wire.temperature, 0.0, 2.0, "temperature")
    in_range(wire.top_p, 0.0, 1.0, "top_p")
    in_range(wire.max_output_tokens, 1, TOKENS_MAX, "max_output_tokens")
    reasoning = wire.reasoning or _Reasoning()
    if reasoning.summary not in {None, "auto"}:
        # "auto" asks for the best summary that there is, and there is none.
        raise UnsupportedField("nothing here writes summaries of reasoning", "reasoning.summary")
    top = wire.top_logprobs or 0
    in_range(top, 0, TOP_MAX, "top_logprobs")
    if top * (wire.max_output_tokens or ALTERNATIVES_MAX + 1) > ALTERNATIVES_MAX:
        most = f"`top_logprobs` times `max_output_tokens` must be at most {ALTERNATIVES_MAX}"
        raise MalformedRequest(f"{most}, because each alternative is judged in its place", "top_logprobs")
    return Sampling(
        temperature=wire.temperature,
        top_p=wire.top_p,
        max_completion_tokens=wire.max_output_tokens,
        reasoning_effort=check_effort(reasoning.effort, "reasoning.effort"),
        logprobs=bool(wire.include or top),
        top_logprobs=top,
    )


# ---- what is answered: see responses_answers.py and responses_stream.py ---------------------------------------


def write_reply(judged: JudgedReply, exchange: Exchange, exchange_id: str, created: int) -> bytes:
    """Write a whole plain answer."""
    return responses_answers.write_reply(judged, exchange, exchange_id, created)


def open_stream(exchange: Exchange, exchange_id: str, created: int) -> responses_stream.ResponsesStream:
    """Begin a streamed answer."""
    return responses_stream.ResponsesStream(exchange, exchange_id, created)


def write_error(error: BrightlineError, notice: Mapping[str, JsonValue]) -> bytes:
    """Write an error as the whole answer, with the place in this API's words."""
    if isinstance(error, OutsideRegistration):
        error = OutsideRegistration(str(error), _place(error.param))
    return error_body(error, notice)


def _place(param: str) -> str:
    """Where a caller of this API wrote what a bound of the registration names."""
    if param.startswith("messages"):
        return "input"
    return "max_output_tokens" if param.startswith("max_") else param.replace(".function", "")
