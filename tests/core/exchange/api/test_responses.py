# SPDX-License-Identifier: Apache-2.0
"""Responses: items become the turns that a chat model reads, and what is not carried is refused by its name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.canonical import JsonValue
from brightline.core.errors import (
    CallerError,
    MalformedRequest,
    OutsideRegistration,
    RequestTooLarge,
    UnsupportedField,
)
from brightline.core.exchange import chat_server
from brightline.core.exchange.api import responses
from brightline.core.exchange.api.reading import PARTS_MAX, TOOLS_MAX, TURNS_MAX
from brightline.core.exchange.coverage import cover_request
from brightline.core.exchange.model import Exchange, ResponseFormat, Role, Tool, ToolCall, ToolChoice, Turn

BASE: dict[str, Any] = {"model": "m", "input": "Hello."}
USER: dict[str, Any] = {"role": "user", "content": "Hello."}
CALL: dict[str, Any] = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
OUTPUT: dict[str, Any] = {"type": "function_call_output", "call_id": "c", "output": "7"}
TEXT: dict[str, Any] = {"type": "output_text", "text": "Figs.", "annotations": [], "logprobs": []}


def read(**more: Any) -> Exchange:
    return responses.read_request(json.dumps({**BASE, **more}).encode())


def turns(*items: dict[str, Any]) -> tuple[Turn, ...]:
    return read(input=list(items)).turns


def refused(**more: Any) -> CallerError:
    with pytest.raises(CallerError) as caught:
        read(**more)
    return caught.value


def refused_item(**item: Any) -> CallerError:
    return refused(input=[item])


def said(*items: dict[str, Any]) -> list[dict[str, Any]]:
    """The messages that a model server is sent for these items."""
    messages: list[dict[str, Any]] = chat_server.request_value(read(input=list(items)), "m")["messages"]
    return messages


# ---- items and turns --------------------------------------------------------------------------------------------


def test_a_text_is_what_the_user_says_and_instructions_come_first() -> None:
    assert read().turns == (Turn(Role.USER, ("Hello.",)),)
    exchange = read(instructions="Be brief.")
    assert exchange.turns == (Turn(Role.SYSTEM, ("Be brief.",)), Turn(Role.USER, ("Hello.",)))
    assert exchange.instructed
    assert not read(input=[{"role": "system", "content": "Be brief."}, USER]).instructed


def test_a_conversation_is_sent_as_chat_models_read_it() -> None:
    assistant = {"type": "message", "role": "assistant", "id": "msg_" + "0" * 32, "status": "completed"}
    assert said(
        {"role": "developer", "content": [{"type": "input_text", "text": "Look it up."}]},
        USER,
        {**assistant, "content": [TEXT]},
        CALL,
        {**CALL, "call_id": "d"},
        OUTPUT,
        {**OUTPUT, "call_id": "d", "output": [{"type": "input_text", "text": "8"}]},
        {**assistant, "content": [{"type": "refusal", "refusal": "No."}]},
    ) == [
        {"role": "developer", "content": "Look it up."},
        {"role": "user", "content": "Hello."},
        {
            "role": "assistant",
            "content": "Figs.",
            "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "d", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c", "content": "7"},
        {"role": "tool", "tool_call_id": "d", "content": "8"},
        {"role": "assistant", "content": None, "refusal": "No."},
    ]


def test_a_call_that_follows_no_message_is_a_turn_of_its_own() -> None:
    assert turns(USER, CALL)[1] == Turn(Role.ASSISTANT, calls=(ToolCall("c", "f", "{}"),))
    assert [turn.role for turn in turns(CALL, OUTPUT, CALL)] == [Role.ASSISTANT, Role.TOOL, Role.ASSISTANT]


def test_several_parts_stay_several() -> None:
    parts = [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]
    assert turns({"role": "user", "content": parts}) == (Turn(Role.USER, ("a", "b"), in_parts=True),)


def test_what_shapes_the_answer_is_carried() -> None:
    schema: dict[str, JsonValue] = {"type": "object", "properties": {"a": {"type": "string"}}}
    exchange = read(
        stream=True,
        temperature=0.5,
        top_p=0.25,
        max_output_tokens=99,
        reasoning={"effort": "low", "summary": "auto"},
        parallel_tool_calls=False,
        tools=[{"type": "function", "name": "f", "description": "d", "parameters": schema, "strict": True}],
        tool_choice={"type": "function", "name": "f"},
        text={"format": {"type": "json_schema", "name": "n", "description": "d", "schema": schema, "strict": True}},
        metadata={"a": "b"},
    )
    sampling = exchange.sampling
    assert (sampling.temperature, sampling.top_p, sampling.max_completion_tokens) == (0.5, 0.25, 99)
    assert (sampling.reasoning_effort, exchange.parallel_calls) == ("low", False)
    assert exchange.tools == (Tool("f", "d", schema, strict=True),)
    assert exchange.tool_choice == ToolChoice("function", "f")
    assert exchange.response_format == ResponseFormat("json_schema", "n", "d", schema, strict=True)
    assert (exchange.streamed, exchange.usage_in_stream, exchange.metadata) == (True, True, {"a": "b"})
    assert chat_server.request_value(exchange, "up")["stream_options"] == {"include_usage": True}


def test_chances_of_tokens_are_asked_for_by_either_name() -> None:
    assert not read().sampling.logprobs
    assert read(include=["message.output_text.logprobs"]).sampling.logprobs
    sampling = read(top_logprobs=20, max_output_tokens=100).sampling
    assert (sampling.logprobs, sampling.top_logprobs) == (True, 20)


def thought(*texts: str, **more: Any) -> dict[str, Any]:
    parts = [{"type": "reasoning_text", "text": text} for text in texts]
    return {"type": "reasoning", "id": "rs_" + "0" * 32, "summary": [], "content": parts, **more}


def test_what_was_thought_goes_back_with_what_was_said_or_called() -> None:
    said = {"role": "assistant", "content": "Figs."}
    for sent in (thought("Hm."), thought(summary=[{"type": "summary_text", "text": "Hm."}])):
        assert turns(USER, sent, said)[1:] == (Turn(Role.ASSISTANT, ("Figs.",), reasoning="Hm."),)
    called = Turn(Role.ASSISTANT, calls=(ToolCall("c", "f", "{}"),), reasoning="Hm.")
    assert turns(USER, thought("Hm."), CALL, OUTPUT)[1] == called
    assert turns(USER, said, thought("Hm."), CALL)[1:] == (Turn(Role.ASSISTANT, ("Figs.",)), called)
    assert turns(thought("One."), thought("Two."), said) == (
        Turn(Role.ASSISTANT, reasoning="One."),
        Turn(Role.ASSISTANT, ("Figs.",), reasoning="Two."),
    )
    assert turns(USER, {**thought(), "content": None}) == (Turn(Role.USER, ("Hello.",)),)


def test_what_is_encrypted_is_refused_because_nobody_here_can_judge_it() -> None:
    error = refused(input=[USER, thought("Hm.", encrypted_content="gAAA")])
    assert isinstance(error, UnsupportedField)
    assert error.param == "input[1].encrypted_content"


def test_what_means_nothing_here_may_be_said() -> None:
    nothing = dict.fromkeys(("previous_response_id", "conversation", "prompt", "max_tool_calls", "instructions"))
    said = {"store": False, "background": False, "truncation": "disabled", "include": [], "stream_options": None}
    assert read(**nothing, **said) == read()


# ---- refused by name ----------------------------------------------------------------------------------------------

UNSUPPORTED: dict[str, Any] = {
    "store": True,
    "background": True,
    "previous_response_id": "resp_1",
    "conversation": {"id": "conv_1"},
    "prompt": {"id": "pmpt_1"},
    "max_tool_calls": 3,
    "truncation": "auto",
    "prompt_cache_retention": "24h",
    "service_tier": "flex",
    "moderation": {"model": "x"},
    "context_management": [{"type": "compaction"}],
    "messages": [USER],
    "n": 2,
    "stop": ["a"],
    "brightline": {"screen": False},
}


@pytest.mark.parametrize("name", sorted(UNSUPPORTED))
def test_a_field_that_is_not_carried_is_refused_by_its_name(name: str) -> None:
    error = refused(**{name: UNSUPPORTED[name]})
    assert isinstance(error, UnsupportedField)
    assert (error.param, error.status, error.code) == (name, 400, "unsupported_parameter")


@pytest.mark.parametrize(
    "kind",
    ["web_search", "file_search", "mcp", "computer_use_preview", "code_interpreter", "image_generation", "custom"],
)
def test_a_hosted_tool_is_refused_as_one(kind: str) -> None:
    error = refused(tools=[{"type": "function", "name": "f"}, {"type": kind, "server_url": "x"}])
    assert isinstance(error, UnsupportedField)
    assert error.param == "tools[1].type"
    choice = refused(tool_choice={"type": kind})
    assert isinstance(choice, UnsupportedField)
    assert choice.param == "tool_choice.type"


@pytest.mark.parametrize(
    "kind", ["item_reference", "web_search_call", "computer_call_output", "mcp_call", "compaction", "custom_tool_call"]
)
def test_an_item_of_another_kind_is_refused_as_one(kind: str) -> None:
    error = refused(input=[USER, {"type": kind, "action": {}}])
    assert isinstance(error, UnsupportedField)
    assert error.param == "input[1].type"


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
        {"type": "input_file", "file_id": "f"},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "image_url", "text": "x"},
    ],
    ids=lambda part: str(part["type"]),
)
def test_a_part_that_nothing_can_screen_is_refused_as_one(part: dict[str, Any]) -> None:
    parts = [{"type": "input_text", "text": "See:"}, part]
    error = refused_item(role="user", content=parts)
    assert isinstance(error, UnsupportedField)
    assert error.param == "input[0].content[1].type"
    assert refused_item(**{**OUTPUT, "output": parts}).param == "input[0].output[1].type"


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"input": []}, "input"),
        ({"input": [USER] * (TURNS_MAX + 1)}, "input"),
        ({"input": [USER, {**USER, "content": []}]}, "input[1].content"),
        ({"input": [{**USER, "content": [{"type": "input_text", "text": ""}] * (PARTS_MAX + 1)}]}, "input[0].content"),
        ({"model": ""}, "model"),
        ({"tools": [{"type": "function", "name": "f"}] * (TOOLS_MAX + 1)}, "tools"),
        ({"tool_choice": "any"}, "tool_choice"),
        ({"text": {"format": {"type": "grammar"}}}, "text.format"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format"),
        ({"text": {"format": {"type": "text", "name": "x"}}}, "text.format"),
        ({"reasoning": {"effort": "extreme"}}, "reasoning.effort"),
        ({"reasoning": {"summary": "detailed"}}, "reasoning.summary"),
        ({"include": ["message.output_text.logprobs", "reasoning.encrypted_content"]}, "include[1]"),
        ({"top_logprobs": 21, "max_output_tokens": 1}, "top_logprobs"),
        ({"top_logprobs": 20, "max_output_tokens": 101}, "top_logprobs"),
        ({"top_logprobs": 1}, "top_logprobs"),
        ({"temperature": 2.1}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"stream_options": {}}, "stream_options"),
        ({"stream": True, "stream_options": {"include_obfuscation": True}}, "stream_options.include_obfuscation"),
        ({"metadata": dict.fromkeys("abcdefghijklmnopq", "x")}, "metadata"),
        ({"metadata": {"a" * 65: "x"}}, "metadata"),
        ({"metadata": {"a": "x" * 513}}, "metadata"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_value_out_of_its_range_is_refused_with_its_place(more: dict[str, Any], param: str) -> None:
    assert refused(**more).param == param


@pytest.mark.parametrize(
    ("item", "member"),
    [
        ({"role": "tool", "content": "x"}, "role"),
        ({"role": "user"}, "content"),
        ({"content": "x"}, "role"),
        ({**USER, "call_id": "c"}, "call_id"),
        ({**USER, "name": "ada"}, "name"),
        ({**USER, "status": "odd"}, "status"),
        ({**USER, "id": "the words of a caller"}, "id"),
        ({**USER, "phase": "commentary"}, "phase"),
        ({**USER, "content": [{"type": "output_text", "text": "x"}]}, "content[0].type"),
        ({**USER, "content": [{"type": "input_text"}]}, "content[0]"),
        ({**USER, "content": [{"type": "input_text", "text": "x", "refusal": "y"}]}, "content[0]"),
        ({"role": "assistant", "content": [{"type": "refusal", "text": "x"}]}, "content[0]"),
        ({"role": "assistant", "content": [{**TEXT, "logprobs": [{"token": "Figs."}]}]}, "content[0].logprobs"),
        ({"role": "assistant", "content": [{**TEXT, "annotations": [{"title": "x"}]}]}, "content[0].annotations"),
        ({**CALL, "content": "x"}, "content"),
        ({**CALL, "call_id": ""}, "call_id"),
        ({**CALL, "arguments": None}, "arguments"),
        ({**CALL, "namespace": "n"}, "namespace"),
        ({**OUTPUT, "name": "f"}, "name"),
        ({"type": "function_call_output", "output": "7"}, "call_id"),
        ({"type": "reasoning"}, "summary"),
        (thought() | {"content": "x"}, "content"),
        (thought("One.", "Two."), "content"),
        (thought("One.", summary=[{"type": "summary_text", "text": "Two."}]), "content"),
        (thought() | {"summary": [{"type": "reasoning_text", "text": "x"}]}, "summary[0].type"),
        (thought() | {"content": [{"type": "output_text", "text": "x"}]}, "content[0].type"),
        ({**USER, "content": [{"type": "reasoning_text", "text": "x"}]}, "content[0].type"),
        ({"role": "assistant", "content": [{"type": "reasoning_text", "text": "x"}]}, "content[0].type"),
        ({**USER, "summary": []}, "summary"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_item_that_makes_no_sense_is_refused_with_its_place(item: dict[str, Any], member: str) -> None:
    assert refused_item(**item).param == f"input[0].{member}"


def test_two_refusals_in_one_message_are_refused_and_none_is_dropped() -> None:
    part = {"type": "refusal", "refusal": "a"}
    assert refused_item(role="assistant", content=[part, part]).param == "input[0].content[1]"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"model":"m"}', b'{"model":"m","model":"n","input":"x"}', b"{} {}", b"\xff", b"null", b'""']
)
def test_bytes_that_are_no_request_are_malformed(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        responses.read_request(body)


def test_a_request_that_is_too_large_is_refused_unread() -> None:
    with pytest.raises(RequestTooLarge):
        responses.read_request(b" " * (responses.REQUEST_LIMITS.bytes_max + 1))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda child: st.lists(child, max_size=3) | st.dictionaries(st.text(max_size=5), child, max_size=3),
    max_leaves=8,
)
fields = st.dictionaries(st.sampled_from(sorted(responses.REQUEST.__struct_fields__)), json_values, max_size=5)


@settings(max_examples=200, deadline=None)
@given(fields, st.sampled_from([{}, BASE]))
def test_whatever_stands_in_a_field_is_read_or_refused_and_nothing_else_is_raised(
    more: dict[str, Any], base: dict[str, Any]
) -> None:
    try:
        exchange = responses.read_request(json.dumps({**base, **more}).encode())
    except CallerError:
        return
    assert exchange.turns


def test_metadata_is_judged_though_no_model_is_sent_it() -> None:
    exchange = read(metadata={"zebra": "one", "two": "zeb", "three": "ra"})
    sent = chat_server.write_request(exchange, "m").body
    assert b"zeb" not in sent
    segments = {leaf.path: leaf.text for leaf in cover_request(sent, exchange, chat_server.NAMES).segments}
    assert segments["metadata.zebra#key"] == "zebra"
    assert segments["metadata.two"] == "zeb"
    assert "zebra" in segments["joined:metadata#together"]


def test_a_bound_of_the_registration_is_named_in_the_words_of_this_api() -> None:
    for param, place in (
        ("messages[3].tool_calls[0].function.name", "input"),
        ("max_tokens", "max_output_tokens"),
        ("tools[1].function.name", "tools[1].name"),
        ("tool_choice.function.name", "tool_choice.name"),
    ):
        body = json.loads(responses.write_error(OutsideRegistration("x", param), {}))
        assert body["error"]["param"] == place
