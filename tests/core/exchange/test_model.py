# SPDX-License-Identifier: Apache-2.0
"""The typed Exchange: values that cannot change, and a digest that stands for all of them."""

from __future__ import annotations

import typing
from typing import Any

import msgspec
import pytest

from brightline.core.exchange import chat_server, model
from brightline.core.exchange.model import (
    Exchange,
    ResponseFormat,
    Role,
    Sampling,
    SpeaksToServer,
    Tool,
    ToolCall,
    ToolChoice,
    Turn,
    VectorsAsked,
    exchange_digest,
)

STRUCTS = [
    value
    for value in vars(model).values()
    if isinstance(value, type) and issubclass(value, msgspec.Struct) and value is not msgspec.Struct
]
FULL = Exchange(
    api="chat",
    model="m",
    turns=(
        Turn(Role.USER, ("Hello.", "You."), in_parts=True, name="ada"),
        Turn(Role.ASSISTANT, refusal="No.", calls=(ToolCall("c", "f", "{}"),)),
        Turn(Role.TOOL, ("1",), answers_call="c"),
    ),
    tools=(Tool("f", "does", {"a": 1}, strict=True),),
    tool_choice=ToolChoice("function", "f"),
    parallel_calls=True,
    response_format=ResponseFormat("json_schema", "n", "d", {"b": 2}, strict=False),
    sampling=Sampling(0.5, 0.5, 1, 2, 0.5, 0.5, 3, ("END",), "low", True, 2, 40, 0.1, 1.1, 4, True),
    choices=2,
    streamed=True,
    usage_in_stream=True,
    metadata={"a": "b"},
    labels={"user": "ada"},
    vectors=VectorsAsked(3, as_base64=True),
)


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_no_value_of_the_model_can_be_changed(struct: type[msgspec.Struct]) -> None:
    assert struct.__struct_config__.frozen


def variants(value: Any) -> list[Any]:
    """Other values of the same type, one for each place below."""
    if isinstance(value, msgspec.Struct):
        return [
            msgspec.structs.replace(value, **{name: other})
            for name in value.__struct_fields__
            for other in variants(getattr(value, name))
        ]
    if isinstance(value, tuple):
        return [(), value[::-1]] * (len(value) > 1) + [
            (*value[:i], other, *value[i + 1 :]) for i, one in enumerate(value) for other in variants(one)
        ]
    if isinstance(value, Role):
        return [Role.SYSTEM]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, str):
        return [value + "x"]
    if isinstance(value, int | float):
        return [value + 1]
    if isinstance(value, dict):
        return [{**value, "more": None}, {}]
    raise AssertionError(f"no other value of {type(value)}")


def test_the_digest_changes_with_every_field() -> None:
    others = variants(FULL)
    assert len(others) > 35
    digests = {exchange_digest(other) for other in others}
    assert len(digests) == len({msgspec.json.encode(other) for other in others})
    assert exchange_digest(FULL) not in digests


def test_the_digest_does_not_hang_on_the_order_of_names() -> None:
    one = msgspec.structs.replace(FULL, tools=(Tool("f", "", {"a": 1, "b": {"c": 2, "d": 3}}),))
    other = msgspec.structs.replace(FULL, tools=(Tool("f", "", {"b": {"d": 3, "c": 2}, "a": 1}),))
    assert exchange_digest(one) == exchange_digest(other)
    assert exchange_digest(one).startswith("sha256:")
    assert len(exchange_digest(one)) == 7 + 64


def test_the_chat_server_is_all_that_the_machine_needs_of_a_model_server() -> None:
    api: SpeaksToServer = chat_server
    needed = {name for name in vars(SpeaksToServer) if not name.startswith("_")}
    assert needed == {"NAMES", "write_request", "read_reply", "read_part"}
    assert all(hasattr(api, name) for name in needed)


def test_what_is_not_given_is_empty_or_no_number() -> None:
    """``None`` is used for numbers and switches alone, so that it never stands for a text."""
    for struct in STRUCTS:
        for name, hint in typing.get_type_hints(struct).items():
            if type(None) in typing.get_args(hint):
                kinds = {kind for kind in typing.get_args(hint) if kind is not type(None)}
                assert kinds <= {int, float, bool}, f"{struct.__name__}.{name}"
