# SPDX-License-Identifier: Apache-2.0
"""Chat Completions: what is understood comes back the same, and what is not understood is refused by its name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.canonical import JsonValue
from brightline.core.errors import CallerError, MalformedRequest, RequestTooLarge, UnsupportedField, UpstreamFailed
from brightline.core.exchange import chat_server
from brightline.core.exchange.api import chat, chat_answers
from brightline.core.exchange.api.reading import TOOLS_MAX, TURNS_MAX
from brightline.core.exchange.judged import mint_reply, mint_segment
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
    Usage,
)

USER: dict[str, Any] = {"role": "user", "content": "Hello."}
BASE: dict[str, Any] = {"model": "m", "messages": [USER]}


def read(**more: Any) -> Exchange:
    return chat.read_request(json.dumps({**BASE, **more}).encode())


def read_message(**message: Any) -> Turn:
    return read(messages=[message]).turns[0]


def refused(**more: Any) -> CallerError:
    with pytest.raises(CallerError) as caught:
        read(**more)
    return caught.value


# ---- there and back ---------------------------------------------------------------------------------------------

texts = st.text(st.characters(codec="utf-8"), max_size=12)
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
floats = st.none() | st.floats(0, 1)
switches = st.none() | st.booleans()
schemas: st.SearchStrategy[dict[str, JsonValue]] = st.dictionaries(
    texts,
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e9, 1e9) | texts,
        lambda child: st.lists(child, max_size=3) | st.dictionaries(texts, child, max_size=3),
        max_leaves=6,
    ),
    max_size=3,
)
calls = st.lists(st.builds(ToolCall, texts, texts, texts), max_size=2).map(tuple)


@st.composite
def turns(draw: st.DrawFn) -> Turn:
    role = draw(st.sampled_from(Role))
    in_parts = draw(st.booleans())
    said = tuple(draw(st.lists(texts, min_size=1, max_size=3 if in_parts else 1)))
    name = draw(texts)
    if role is Role.TOOL:
        return Turn(role, said, in_parts, name, answers_call=draw(names))
    if role is not Role.ASSISTANT:
        return Turn(role, said, in_parts, name)
    refusal, called, reasoning = draw(texts), draw(calls), draw(texts)
    if not in_parts and (refusal or called or reasoning) and draw(st.booleans()):
        said = ()
    return Turn(role, said, in_parts, name, refusal, called, reasoning=reasoning)


@st.composite
def exchanges(draw: st.DrawFn) -> Exchange:
    streamed = draw(st.booleans())
    return Exchange(
        api="chat",
        model=draw(names),
        turns=tuple(draw(st.lists(turns(), min_size=1, max_size=4))),
        tools=tuple(draw(st.lists(st.builds(Tool, texts, texts, schemas, switches), max_size=2))),
        tool_choice=draw(
            st.sampled_from([ToolChoice(), ToolChoice("none"), ToolChoice("auto"), ToolChoice("required")])
            | st.builds(ToolChoice, st.just("function"), texts)
        ),
        parallel_calls=draw(switches),
        response_format=draw(
            st.sampled_from([ResponseFormat(), ResponseFormat("text"), ResponseFormat("json_object")])
            | st.builds(ResponseFormat, st.just("json_schema"), texts, texts, schemas, switches)
        ),
        sampling=Sampling(
            temperature=draw(floats),
            top_p=draw(floats),
            max_tokens=draw(st.none() | st.integers(1, 1_000_000)),
            max_completion_tokens=draw(st.none() | st.integers(1, 1_000_000)),
            presence_penalty=draw(floats),
            frequency_penalty=draw(floats),
            seed=draw(st.none() | st.integers(-(2**31), 2**31 - 1)),
            stop=tuple(draw(st.lists(texts, max_size=4))),
            reasoning_effort=draw(st.sampled_from(["", "none", "minimal", "low", "medium", "high", "xhigh"])),
            logprobs=draw(st.booleans()),
            top_k=draw(st.none() | st.integers(-1, 1_000)),
            min_p=draw(floats),
            repetition_penalty=draw(st.none() | st.floats(0.5, 2)),
            min_tokens=draw(st.none() | st.integers(0, 100)),
            thinking=draw(switches),
        ),
        choices=draw(st.integers(1, chat.CHOICES_MAX)),
        streamed=streamed,
        usage_in_stream=streamed and draw(st.booleans()),
    )


@settings(max_examples=150, deadline=None)
@given(exchanges())
def test_what_is_sent_reads_as_what_was_understood(exchange: Exchange) -> None:
    sent = chat_server.write_request(exchange, exchange.model)
    assert chat.read_request(sent.body) == exchange
    assert (sent.path, sent.streamed) == (chat.ROUTE, exchange.streamed)


def test_the_upstream_is_sent_its_own_name_of_the_model() -> None:
    assert json.loads(chat_server.write_request(read(), "upstream-m").body)["model"] == "upstream-m"


def test_nothing_of_the_clients_bytes_is_reused() -> None:
    body = b'{ "messages" : [ {"content":"\\u0048ello.", "role":"user"} ],\n "model":"m" }'
    sent = chat_server.write_request(chat.read_request(body), "m").body
    assert sent == b'{"model":"m","messages":[{"role":"user","content":"Hello."}],"n":1,"stream":false}'


# ---- refused by name ----------------------------------------------------------------------------------------------

UNSUPPORTED: dict[str, Any] = {
    "logit_bias": {"50256": -100},
    "functions": [{"name": "f"}],
    "function_call": "auto",
    "audio": {"voice": "alloy", "format": "wav"},
    "modalities": ["text", "audio"],
    "prediction": {"type": "content", "content": "Hello."},
    "web_search_options": {},
    "verbosity": "low",
    # of other servers
    "guided_json": {},
    "chat_template": "x",
    "extra_body": {},
    "prompt": "x",
    "prompt_embeds": "x",
    "best_of": 2,
    "stop_token_ids": [1],
    "structured_outputs": {"json": {}},
    "brightline": {"screen": False},
    "Model": "m",
}


@pytest.mark.parametrize("name", sorted(UNSUPPORTED))
@pytest.mark.parametrize("null", [False, True])
def test_a_field_that_is_not_carried_is_refused_by_its_name(name: str, null: bool) -> None:
    error = refused(**{name: None if null else UNSUPPORTED[name]})
    assert isinstance(error, UnsupportedField)
    assert error.param == name
    assert (error.status, error.code) == (400, "unsupported_parameter")


@pytest.mark.parametrize("name", ["audio", "function_call", "thinking", "annotations", "prefix", "weight"])
def test_a_field_of_a_message_that_is_not_carried_is_refused_by_its_name(name: str) -> None:
    error = refused(messages=[{"role": "assistant", "content": "x", name: "y"}])
    assert isinstance(error, UnsupportedField)
    assert error.param.startswith("messages[")
    assert error.param.endswith(f"].{name}")


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_id": "f"}},
        {"type": "video_url", "video_url": {"url": "https://example.com"}},
        {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}},
    ],
    ids=lambda part: list(part)[-1],
)
def test_a_part_that_nothing_can_screen_is_refused_by_its_name(part: dict[str, Any]) -> None:
    error = refused(messages=[{"role": "user", "content": [{"type": "text", "text": "See:"}, part]}])
    assert isinstance(error, UnsupportedField)
    assert list(part)[-1] in error.param


def test_a_part_of_an_unknown_type_is_refused_though_it_is_text() -> None:
    error = refused(messages=[{"role": "user", "content": [{"type": "image_url", "text": "x"}]}])
    assert isinstance(error, UnsupportedField)
    assert error.param == "messages[0].content[0].type"


@pytest.mark.parametrize("role", ["function", "System", "user ", "", "root", "bot"])
def test_an_unknown_role_is_refused_and_the_known_ones_are_named(role: str) -> None:
    error = refused(messages=[USER, {"role": role, "content": "x"}])
    assert error.param == "messages[1].role"
    assert "assistant, developer, system, tool, user" in str(error)


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [USER] * (TURNS_MAX + 1)}, "messages"),
        ({"model": ""}, "model"),
        ({"model": "m" * 257}, "model"),
        ({"n": 0}, "n"),
        ({"n": chat.CHOICES_MAX + 1}, "n"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}] * (TOOLS_MAX + 1)}, "tools"),
        ({"tools": [{"type": "custom", "function": {"name": "f"}}]}, "tools[0].type"),
        ({"tool_choice": "any"}, "tool_choice"),
        ({"tool_choice": {"type": "custom", "function": {"name": "f"}}}, "tool_choice.type"),
        ({"response_format": {"type": "grammar"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.type"),
        ({"response_format": {"type": "text", "json_schema": {"name": "x"}}}, "response_format.type"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"reasoning_effort": "extreme"}, "reasoning_effort"),
        ({"temperature": 2.1}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": 1_000_001}, "max_completion_tokens"),
        ({"presence_penalty": 3}, "presence_penalty"),
        ({"frequency_penalty": -3}, "frequency_penalty"),
        ({"seed": 2**31}, "seed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_value_out_of_its_range_is_refused_with_its_place(more: dict[str, Any], param: str) -> None:
    assert refused(**more).param == param


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "user"}, "messages[0].content"),
        ({"role": "user", "content": []}, "messages[0].content"),
        ({"role": "user", "content": "x", "refusal": "y"}, "messages[0].refusal"),
        ({"role": "user", "content": "x", "tool_call_id": "c"}, "messages[0].tool_call_id"),
        ({"role": "tool", "content": "x"}, "messages[0].tool_call_id"),
        ({"role": "assistant"}, "messages[0].content"),
        ({"role": "user", "content": [{"type": "text"}]}, "messages[0].content[0]"),
        ({"role": "user", "content": [{"type": "text", "text": "x", "refusal": "y"}]}, "messages[0].content[0]"),
        ({"role": "user", "content": [{"type": "refusal", "refusal": "y"}]}, "messages[0].content[0]"),
    ],
)
def test_a_message_that_makes_no_sense_is_refused_with_its_place(message: dict[str, Any], param: str) -> None:
    error = refused(messages=[message])
    assert isinstance(error, MalformedRequest)
    assert error.param == param


def test_a_call_is_carried_from_an_assistant_only_and_only_if_it_is_a_function() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert refused(messages=[{**USER, "tool_calls": [call]}]).param == "messages[0].tool_calls"
    assert read_message(role="assistant", tool_calls=[call]).calls == (ToolCall("c", "f", "{}"),)
    custom = {**call, "type": "custom"}
    error = refused(messages=[{"role": "assistant", "tool_calls": [custom]}])
    assert error.param == "messages[0].tool_calls[0].type"


def test_two_refusals_in_one_message_are_refused_and_none_is_dropped() -> None:
    part = {"type": "refusal", "refusal": "a"}
    assert read_message(role="assistant", content=[part]).refusal == "a"
    assert refused(messages=[{"role": "assistant", "content": [part, part]}]).param == "messages[0].content[1]"
    error = refused(messages=[{"role": "assistant", "content": [part], "refusal": "b"}])
    assert error.param == "messages[0].refusal"


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"model":"m"}', b'{"model":"m","model":"n","messages":[]}', b"{} {}", b"\xff", b"null"],
)
def test_bytes_that_are_no_request_are_malformed(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        chat.read_request(body)


def test_a_request_that_is_too_large_is_refused_unread() -> None:
    with pytest.raises(RequestTooLarge):
        chat.read_request(b" " * (chat.REQUEST_LIMITS.bytes_max + 1))


# ---- the upstream's bytes -----------------------------------------------------------------------------------------

NOISE: dict[str, Any] = {"id": "up-SECRET", "system_fingerprint": "SECRET", "model": "SECRET", "created": 1}


def reply(*choices: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({**NOISE, "choices": choices, **more}).encode()


def noisy_choice(index: int = 0, **more: Any) -> dict[str, Any]:
    message = {
        "role": "SECRET",
        "content": "Figs.",
        "reasoning_details": [{"text": "SECRET"}],
        "annotations": ["SECRET"],
        "audio": {"transcript": "SECRET"},
    }
    logprobs = {"content": [{"token": "SECRET"}]}
    return {"index": index, "message": message, "finish_reason": "stop", "logprobs": logprobs, "SECRET": 1, **more}


def test_unknown_fields_of_an_answer_are_dropped_and_ids_and_names_are_our_own() -> None:
    call = {"id": "SECRET", "type": "SECRET", "function": {"name": "f", "arguments": "{}", "SECRET": 1}}
    choice = noisy_choice(finish_reason="tool_calls")
    choice["message"]["tool_calls"] = [call]
    understood = chat_server.read_reply(reply(choice, usage={"total_tokens": 5, "SECRET": {}}), read())
    written = chat_answers.write_reply(mint_reply(understood), read(), "x-1", 7)
    assert b"SECRET" not in written
    value = json.loads(written)
    assert (value["id"], value["model"], value["created"]) == ("chatcmpl-x-1", "m", 7)
    message = value["choices"][0]["message"]
    assert message["content"] == "Figs."
    assert message["tool_calls"][0]["id"] == chat_answers.call_id("x-1", 0, 0)
    assert value["usage"] == {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 5}


def test_unknown_fields_of_a_chunk_are_dropped_and_ids_and_names_are_our_own() -> None:
    call = {"index": 0, "id": "SECRET", "function": {"name": "f", "arguments": "{"}}
    delta = {"role": "SECRET", "content": "Figs", "reasoning_details": "SECRET", "tool_calls": [call]}
    data = reply({"index": 0, "delta": delta, "finish_reason": None, "SECRET": 1}).decode()
    part = chat_server.read_part(data, read(stream=True))
    assert part == StreamPart((Delta(0, "Figs", "", (CallDelta(0, "SECRET", "f", "{"),)),))
    segment = mint_segment(0, "Figs", calls=(ToolCall("SECRET", "f", "{"),), finish="tool_calls")
    written = chat_answers.write_segment(segment, read(stream=True), "x-1", 7, {"verdict": "permit"})
    assert b"SECRET" not in written
    value = json.loads(written)
    assert (value["id"], value["model"], value["brightline"]) == ("chatcmpl-x-1", "m", {"verdict": "permit"})
    assert value["choices"][0]["delta"]["tool_calls"][0]["id"] == chat_answers.call_id("x-1", 0, 0)


def test_no_two_calls_share_an_id() -> None:
    ids = {chat_answers.call_id(exchange, choice, i) for exchange in ("x", "y") for choice in (0, 1) for i in (0, 1)}
    assert len(ids) == 8


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"SECRET",
        b"[]",
        reply(),
        reply(noisy_choice(1)),
        reply(noisy_choice(0), noisy_choice(0)),
        reply(noisy_choice(0), noisy_choice(1), noisy_choice(2)),
        reply(noisy_choice(-1)),
        reply(noisy_choice(finish_reason="SECRET")),
        reply(noisy_choice(), usage={"total_tokens": -1}),
        reply({**noisy_choice(), "message": {"content": ["SECRET"]}}),
        reply(noisy_choice())[:-1],
        reply(noisy_choice()) + b"x",
        b'{"choices":[{"message":{"content":"a","content":"SECRET"}}]}',
    ],
)
def test_an_answer_that_is_not_understood_is_the_upstreams_fault_and_is_not_repeated(body: bytes) -> None:
    with pytest.raises(UpstreamFailed) as caught:
        chat_server.read_reply(body, read(n=2))
    assert "SECRET" not in str(caught.value)


def test_choices_come_in_order_and_fewer_than_asked_are_an_answer() -> None:
    understood = chat_server.read_reply(reply(noisy_choice(1), noisy_choice(0)), read(n=3))
    assert [choice.index for choice in understood.choices] == [0, 1]


def test_an_answer_without_a_finish_reason_stopped() -> None:
    assert chat_server.read_reply(reply(noisy_choice(finish_reason=None)), read()).choices[0].finish == "stop"


def test_the_end_marker_is_no_json() -> None:
    assert chat_server.read_part("[DONE]", read()) == StreamPart(done=True)


@pytest.mark.parametrize("data", ["", "[DONE] ", "{}", '{"error":{"message":"x"}}', '{"choices":[{"index":1}]}'])
def test_a_chunk_that_is_not_understood_is_the_upstreams_fault(data: str) -> None:
    with pytest.raises(UpstreamFailed):
        chat_server.read_part(data, read(stream=True))


def test_a_chunk_with_usage_alone_has_no_deltas() -> None:
    data = '{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}'
    assert chat_server.read_part(data, read(stream=True)) == StreamPart(usage=Usage(1, 2, 3))


# ---- our own bytes to the client ----------------------------------------------------------------------------------


def test_an_answer_has_null_content_only_beside_calls() -> None:
    called = ReplyChoice(0, calls=(ToolCall("", "f", "{}"),), finish="tool_calls")
    choices = (called, ReplyChoice(1), ReplyChoice(2, refusal="No."))
    value = json.loads(chat_answers.write_reply(mint_reply(Reply(choices)), read(), "x", 0))
    messages = [choice["message"] for choice in value["choices"]]
    assert [message["content"] for message in messages] == [None, "", ""]
    assert [message["refusal"] for message in messages] == [None, None, "No."]


def test_the_opening_of_a_choice_holds_no_output_of_the_model() -> None:
    value = json.loads(chat_answers.write_opening(read(stream=True), "x", 0, 1))
    assert value["choices"][0]["index"] == 1
    assert value["choices"][0]["delta"] == {"role": "assistant", "content": ""}


def test_a_segment_writes_what_it_holds_and_nothing_else() -> None:
    value = json.loads(chat_answers.write_segment(mint_segment(0, refusal="No."), read(stream=True), "x", 0, {}))
    assert value["choices"] == [{"index": 0, "delta": {"refusal": "No."}, "logprobs": None, "finish_reason": None}]
    assert "brightline" not in value


def test_a_stream_that_was_cut_says_so_for_every_choice() -> None:
    value = json.loads(chat_answers.write_filtered(read(stream=True, n=2), "x", 0, {"verdict": "deny"}))
    assert [choice["finish_reason"] for choice in value["choices"]] == ["content_filter"] * 2
    assert [choice["delta"] for choice in value["choices"]] == [{}, {}]
    assert value["brightline"] == {"verdict": "deny"}


def test_the_usage_chunk_has_no_choices() -> None:
    value = json.loads(chat_answers.write_usage(read(stream=True), "x", 0, NO_USAGE, {"verdict": "permit"}))
    assert value["choices"] == []
    assert value["usage"]["total_tokens"] == 0
