# SPDX-License-Identifier: Apache-2.0
"""What a workload may send, as structure: what is not on a closed list is outside, whatever it says."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.enforcement.bounds import outside, within
from brightline.core.errors import OutsideRegistration
from brightline.core.exchange import chat_server
from brightline.core.exchange.api import chat
from brightline.core.exchange.model import Tool, tool_digest, tool_digests
from tests.core.test_workload import REGISTRATION

TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Look something up.",
        "parameters": {"type": "object", "properties": {"what": {"type": "string", "maxLength": 0.5}}},
    },
}
LISTED = tool_digests(chat.read_tools(json.dumps([TOOL]).encode()))


def judged(registered: dict[str, Any] | None = None, **asked: Any) -> OutsideRegistration | None:
    """What comes of a request under a registration that a test changes."""
    body = {"model": "m", "messages": [{"role": "user", "content": "List three fruits."}], **asked}
    exchange = chat.read_request(json.dumps(body).encode())
    registration = msgspec.structs.replace(REGISTRATION, **(registered or {}))
    return outside(exchange, chat_server.write_request(exchange, "upstream"), chat.ENDPOINT, registration)


def changed(**function: Any) -> dict[str, Any]:
    return {"type": "function", "function": {**TOOL["function"], **function}}


def test_a_request_inside_its_registration_passes() -> None:
    assert judged() is None
    assert (
        judged({"tools": LISTED}, tools=[TOOL], tool_choice={"type": "function", "function": {"name": "look_up"}})
        is None
    )


def test_an_endpoint_that_is_not_listed_is_outside() -> None:
    found = judged({"endpoints": ("models",)})
    assert found is not None
    assert (found.status, found.code) == (403, "outside_registration")


@pytest.mark.parametrize(
    ("registered", "asked", "param"),
    [
        ({}, {"tools": [TOOL]}, "tools[0].function.name"),
        ({"tools": LISTED}, {"tools": [TOOL, changed(name="launch")]}, "tools[1].function.name"),
        ({"tools": LISTED}, {"tools": [changed(description="Look somebody up.")]}, "tools[0].function"),
        ({"tools": LISTED}, {"tools": [changed(parameters={})]}, "tools[0].function"),
        ({"tools": LISTED}, {"tools": [changed(strict=True)]}, "tools[0].function"),
        ({}, {"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice.function.name"),
        ({}, {"max_tokens": 101}, "max_tokens"),
        ({}, {"max_completion_tokens": 101}, "max_completion_tokens"),
        ({}, {"max_tokens": 1, "max_completion_tokens": 101}, "max_completion_tokens"),
        ({}, {"n": 2}, "n"),
        ({"request_bytes_max": 80}, {}, "messages"),
    ],
)
def test_what_is_not_registered_is_outside_and_the_place_is_named(
    registered: dict[str, Any], asked: dict[str, Any], param: str
) -> None:
    found = judged(registered, **asked)
    assert found is not None
    assert found.param == param


def test_a_call_in_the_conversation_names_a_registered_tool_too() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "launch", "arguments": "{}"}}
    messages = [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c", "content": "ok"}]
    found = judged({"tools": LISTED}, messages=messages)
    assert found is not None
    assert found.param == "messages[0].tool_calls[0].function.name"
    call["function"] = {"name": "look_up", "arguments": "{}"}
    assert judged({"tools": LISTED}, messages=messages) is None


def test_at_its_limits_a_request_is_inside() -> None:
    assert judged({"choices_max": 3}, n=3, max_tokens=100) is None


@given(st.integers(1, 10_000))
def test_bytes_are_counted_on_what_is_sent(most: int) -> None:
    exchange = chat.read_request(b'{"model": "m",   "messages": [{"role": "user", "content": "hello"}]}')
    request = chat_server.write_request(exchange, "upstream")
    registration = msgspec.structs.replace(REGISTRATION, request_bytes_max=most)
    assert (outside(exchange, request, chat.ENDPOINT, registration) is None) == (len(request.body) <= most)


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ({}, (100, None)),
        ({"max_tokens": 5}, (5, None)),
        ({"max_completion_tokens": 5}, (None, 5)),
        ({"max_tokens": 500}, (500, None)),  # left as it is: it is refused, never quietly made smaller
    ],
)
def test_where_no_limit_is_asked_the_registered_one_is_sent(asked: dict[str, int], sent: tuple[Any, Any]) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}], **asked}
    sampling = within(chat.read_request(json.dumps(body).encode()), REGISTRATION).sampling
    assert (sampling.max_tokens, sampling.max_completion_tokens) == sent


def test_a_tools_digest_turns_on_every_part_of_it_and_not_on_the_order_of_keys() -> None:
    tool = Tool("f", "does f", {"a": 1, "b": [0.5]}, None)
    assert tool_digest(tool) == tool_digest(Tool("f", "does f", {"b": [0.5], "a": 1}, None))
    others = [
        Tool("g", "does f", {"a": 1, "b": [0.5]}, None),
        Tool("f", "does g", {"a": 1, "b": [0.5]}, None),
        Tool("f", "does f", {"a": 2, "b": [0.5]}, None),
        Tool("f", "does f", {"a": 1, "b": [0.5]}, strict=False),
    ]
    assert len({tool_digest(other) for other in (tool, *others)}) == 5


def test_one_name_with_two_schemas_cannot_be_listed() -> None:
    with pytest.raises(ValueError, match="differ"):
        tool_digests([Tool("f"), Tool("f", "another")])
