# SPDX-License-Identifier: Apache-2.0
"""Coverage, without a list of fields: put a mark anywhere that carries text, and some segment shows it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.errors import CallerError, MalformedRequest
from brightline.core.exchange import chat_server
from brightline.core.exchange import coverage as coverage_module
from brightline.core.exchange.api import chat
from brightline.core.exchange.coverage import (
    EXCHANGE_VIEW_CHARS,
    LEAVES_MAX,
    Coverage,
    cover_reply,
    cover_request,
)
from brightline.core.exchange.model import Exchange, Reply, ReplyChoice, ToolCall
from brightline.core.screening.finding import Surface

MARK: Final = "zebra"
MARK_NUMBERS: Final = list(MARK.encode())
NUMBERS_TEXT: Final = " ".join(map(str, MARK_NUMBERS))
Path = tuple[str | int, ...]

FULL_REQUEST: Final[dict[str, Any]] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "Be brief.", "name": "sys"},
        {"role": "developer", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
        {"role": "user", "content": "Hello.", "name": "ada"},
        {
            "role": "assistant",
            "content": "I call.",
            "refusal": "I will not.",
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "look_up", "arguments": '{"who": {"name": ["Ada"]}, "at": [1, 2]}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": '{"found": ["x", {"age": 7}]}'},
        {"role": "assistant", "content": [{"type": "text", "text": "So."}, {"type": "refusal", "refusal": "No."}]},
        {"role": "user", "content": [{"type": "text", "text": "And"}, {"type": "text", "text": "now?"}]},
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "look_up",
                "description": "Finds people.",
                "parameters": {
                    "type": "object",
                    "properties": {"who": {"type": "string", "enum": ["a", "b"], "minLength": 1}},
                    "required": ["who"],
                },
                "strict": True,
            },
        }
    ],
    "tool_choice": {"type": "function", "function": {"name": "look_up"}},
    "parallel_tool_calls": False,
    "response_format": {
        "type": "json_schema",
        "json_schema": {
            "name": "answer",
            "description": "The form of it.",
            "schema": {"type": "object", "properties": {"name": {"const": "c"}}},
            "strict": False,
        },
    },
    "temperature": 0.5,
    "stop": ["END", "STOP"],
    "n": 2,
    "seed": 3,
    "stream": True,
    "stream_options": {"include_usage": True},
    "reasoning_effort": "low",
}


def covered(body: dict[str, Any]) -> Coverage:
    """Read a request as the gateway does and cover the bytes that it would send."""
    exchange = chat.read_request(json.dumps(body).encode())
    return cover_request(chat_server.write_request(exchange, exchange.model).body, exchange, chat_server.NAMES)


def texts(coverage: Coverage) -> list[str]:
    return [segment.text for segment in coverage.segments]


def paths_of(coverage: Coverage) -> list[str]:
    return [segment.path for segment in coverage.segments]


def places(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value of a JSON value with the way to it."""
    yield path, value
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


def changed(value: Any, path: Path, change: Callable[[Any], Any]) -> Any:
    """A copy in which the value at ``path`` is replaced."""
    copied = copy.deepcopy(value)
    at = copied
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = change(at[path[-1]])
    return copied


def is_refused(body: dict[str, Any]) -> bool:
    try:
        chat.read_request(json.dumps(body).encode())
    except CallerError:
        return True
    return False


STRINGS: Final = [path for path, value in places(FULL_REQUEST) if isinstance(value, str)]
ARRAYS: Final = [path for path, value in places(FULL_REQUEST) if isinstance(value, list)]
OBJECTS: Final = [path for path, value in places(FULL_REQUEST) if isinstance(value, dict)]
CLOSED_WORDS: Final = {"type", "role", "reasoning_effort"}  # of the API: any other word is refused


def ids(paths: list[Path]) -> list[str]:
    return [".".join(map(str, path)) or "$" for path in paths]


@pytest.mark.parametrize("path", STRINGS, ids=ids(STRINGS))
def test_a_mark_in_any_string_is_screened_or_refused(path: Path) -> None:
    body = changed(FULL_REQUEST, path, lambda old: MARK)
    free = bool({"parameters", "schema"} & set(path))
    if path[-1] in CLOSED_WORDS and not free:
        assert is_refused(body)
        return
    if path == ("model",):  # replaced by the admitted model's own name, which the operator chose
        return
    assert MARK in texts(covered(body))


@pytest.mark.parametrize("path", OBJECTS, ids=ids(OBJECTS))
def test_a_mark_as_a_name_in_any_object_is_screened_or_refused(path: Path) -> None:
    body = copy.deepcopy(FULL_REQUEST)
    at = body
    for step in path:
        at = at[step]  # type: ignore[index]
    at[MARK] = "x"
    if is_refused(body):
        return
    assert {"parameters", "schema"} & set(path)
    assert MARK in texts(covered(body))


def test_names_are_carried_in_the_free_form_places_alone() -> None:
    for path in OBJECTS:
        body = copy.deepcopy(FULL_REQUEST)
        at = body
        for step in path:
            at = at[step]  # type: ignore[index]
        at[MARK] = "x"
        assert is_refused(body) == (not {"parameters", "schema"} & set(path)), path


@pytest.mark.parametrize("word", sorted(chat_server.NAMES.fields))
def test_a_word_of_the_api_is_screened_where_a_caller_chose_it(word: str) -> None:
    body = copy.deepcopy(FULL_REQUEST)
    body["tools"][0]["function"]["parameters"] = {word: {}}
    assert f"tools[0].function.parameters.{word}#key" in paths_of(covered(body))
    body = copy.deepcopy(FULL_REQUEST)
    body["response_format"]["json_schema"]["schema"] = {word: {}}
    assert f"response_format.json_schema.schema.{word}#key" in paths_of(covered(body))
    body = changed(FULL_REQUEST, ("messages", 2, "content"), lambda old: json.dumps({word: 1}))
    assert word in texts(covered(body))


def test_no_name_that_a_caller_chooses_makes_a_text_look_taken_out_of_another() -> None:
    body = copy.deepcopy(FULL_REQUEST)
    body["tools"][0]["function"]["parameters"] = {"a#b": "a text of its own"}
    [found] = [one for one in covered(body).segments if one.text == "a text of its own"]
    assert found.whole


def spellings() -> dict[str, Any]:
    floats = [float(number) for number in MARK_NUMBERS]
    return {
        "flat": MARK_NUMBERS,
        "floats": floats,
        "mixed": [floats[0], *MARK_NUMBERS[1:]],
        "in an object": {str(i): number for i, number in enumerate(MARK_NUMBERS)},
        "one array each": [[number] for number in MARK_NUMBERS],
        "in pairs": [MARK_NUMBERS[:2], MARK_NUMBERS[2:4], MARK_NUMBERS[4:]],
        "one object each": [{"c": number} for number in MARK_NUMBERS],
        "deep": {"a": {"b": [MARK_NUMBERS[:3], {"c": MARK_NUMBERS[3:]}]}},
        "beside a great number": [1e300, 0.5, *MARK_NUMBERS],
        "with words between": [MARK_NUMBERS[0], "x", *MARK_NUMBERS[1:]],
    }


@pytest.mark.parametrize("spelling", sorted(spellings()))
def test_numbers_that_spell_a_word_are_one_text(spelling: str) -> None:
    value = spellings()[spelling]
    parameters = {"type": "object", "default": value}
    in_tool = changed(FULL_REQUEST, ("tools", 0, "function", "parameters"), lambda old: parameters)
    schema_at = ("response_format", "json_schema", "schema")
    in_schema = changed(FULL_REQUEST, schema_at, lambda old: parameters)
    arguments_at = ("messages", 3, "tool_calls", 0, "function", "arguments")
    in_arguments = changed(FULL_REQUEST, arguments_at, lambda old: json.dumps({"bytes": value}))
    in_result = changed(FULL_REQUEST, ("messages", 4, "content"), lambda old: json.dumps(value))
    for body in (in_tool, in_schema, in_arguments, in_result):
        assert any(NUMBERS_TEXT in text for text in texts(covered(body)))


@pytest.mark.parametrize(
    "text", ['["\\u007aebra"]', '{"\\u007aebra": 1}', '"\\"\\\\u007aebra\\""', ' [["\\u007aebra"]]']
)
def test_json_inside_a_string_hides_nothing_behind_its_escapes(text: str) -> None:
    assert MARK not in text
    for path in (("messages", 2, "content"), ("messages", 3, "tool_calls", 0, "function", "arguments")):
        assert MARK in texts(covered(changed(FULL_REQUEST, path, lambda old: text)))


def split_over() -> dict[str, dict[str, Any]]:
    """A word in two halves, at neighbouring places that a model reads in one go."""
    a, b = "ze", "bra"
    part_a, part_b = {"type": "text", "text": a}, {"type": "text", "text": b}
    call = {"id": "c", "type": "function", "function": {"name": b, "arguments": "{}"}}
    return {
        "two parts": {"messages": [{"role": "user", "content": [part_a, part_b]}]},
        "two messages": {"messages": [{"role": "user", "content": a}, {"role": "user", "content": b}]},
        "two roles": {"messages": [{"role": "system", "content": a}, {"role": "user", "content": b}]},
        "name and content": {"messages": [{"role": "user", "name": a, "content": b}]},
        "content and the next name": {
            "messages": [{"role": "user", "content": a}, {"role": "user", "name": b, "content": "?"}]
        },
        "content and refusal": {"messages": [{"role": "assistant", "content": a, "refusal": b}]},
        "content and the name of a call": {"messages": [{"role": "assistant", "content": a, "tool_calls": [call]}]},
        "two tools": {
            "messages": [{"role": "user", "content": "?"}],
            "tools": [{"type": "function", "function": {"name": half}} for half in (a, b)],
        },
        "a tool and its description": {
            "messages": [{"role": "user", "content": "?"}],
            "tools": [{"type": "function", "function": {"name": a, "description": b}}],
        },
    }


@pytest.mark.parametrize("place", sorted(split_over()))
def test_a_word_that_is_split_is_whole_in_a_joined_view(place: str) -> None:
    coverage = covered({"model": "m", **split_over()[place]})
    joined = [segment for segment in coverage.segments if segment.path.startswith("joined:")]
    assert any(MARK in segment.text for segment in joined)
    assert any("ze bra" in segment.text for segment in joined)


# ---- replies -----------------------------------------------------------------------------------------------------

ASKED: Final = chat.read_request(json.dumps(FULL_REQUEST).encode())


def reply_with(value: str, place: str) -> Reply:
    call = ToolCall("id", "look_up", '{"who": "Ada"}')
    full = ReplyChoice(1, "Hello.", "No.", (call, call), "stop")
    if place == "text":
        marked = ReplyChoice(1, value, "No.")
    elif place == "reasoning":
        marked = ReplyChoice(1, "Hello.", reasoning=value)
    elif place == "refusal":
        marked = ReplyChoice(1, "Hello.", value)
    else:
        one = ToolCall("id", **{"name": "look_up", "arguments": "{}", place: value})
        marked = ReplyChoice(1, "Hello.", "", (call, one))
    return Reply((full, marked))


@pytest.mark.parametrize("place", ["text", "refusal", "reasoning", "name", "arguments"])
def test_a_mark_anywhere_in_an_answer_is_screened(place: str) -> None:
    assert MARK in texts(cover_reply(reply_with(MARK, place), ASKED))


@pytest.mark.parametrize("text", ['{"a": ["zebra"]}', '{"zebra": 1}', '["\\u007aebra"]'])
def test_the_arguments_of_a_call_are_screened_leaf_by_leaf(text: str) -> None:
    assert MARK in texts(cover_reply(reply_with(text, "arguments"), ASKED))


@pytest.mark.parametrize("spelling", sorted(spellings()))
def test_numbers_in_the_arguments_of_a_call_are_one_text(spelling: str) -> None:
    arguments = json.dumps({"bytes": spellings()[spelling]})
    assert any(NUMBERS_TEXT in text for text in texts(cover_reply(reply_with(arguments, "arguments"), ASKED)))


@pytest.mark.parametrize(
    "choices",
    [
        (ReplyChoice(0, "ze", "bra"),),
        (ReplyChoice(0, "ze", calls=(ToolCall("", "bra", "{}"),)),),
        (ReplyChoice(0, "ze"), ReplyChoice(1, "bra")),
    ],
    ids=["text and refusal", "text and call", "two choices"],
)
def test_an_answer_in_pieces_is_whole_in_a_joined_view(choices: tuple[ReplyChoice, ...]) -> None:
    assert any(MARK in text for text in texts(cover_reply(Reply(choices), ASKED)))


def test_an_answer_is_also_read_beside_what_was_asked() -> None:
    asked: Exchange = chat.read_request(
        json.dumps({"model": "m", "messages": [{"role": "user", "content": "q" * 5_000 + "ze"}]}).encode()
    )
    views = [
        segment
        for segment in cover_reply(Reply((ReplyChoice(0, "bra"),)), asked).segments
        if segment.path == "exchange[0]"
    ]
    assert [view.text for view in views] == ["q" * (EXCHANGE_VIEW_CHARS - 2) + "ze\nbra"]


def test_calls_are_told_apart_from_text_by_their_surface() -> None:
    surfaces = {segment.path: segment.surface for segment in cover_reply(reply_with("f", "name"), ASKED).segments}
    assert surfaces["choices[1].content"] is Surface.OUTPUT
    assert surfaces["choices[1].tool_calls[1].name"] is Surface.TOOL_CALL
    assert surfaces["choices[1].tool_calls[1]:call"] is Surface.TOOL_CALL
    assert {segment.surface for segment in covered(FULL_REQUEST).segments} == {Surface.INPUT, Surface.TOOL_CALL}


def test_the_words_of_a_called_name_are_read_apart() -> None:
    reply = Reply((ReplyChoice(0, calls=(ToolCall("", "fireNow_HTTPGet2x", "{}"),)),))
    assert any(text.startswith("fire now http get 2 x ") for text in texts(cover_reply(reply, ASKED)))


# ---- the map -----------------------------------------------------------------------------------------------------


def test_the_digest_stands_for_every_leaf() -> None:
    digests = {covered(FULL_REQUEST).digest}
    paths = [path for path in STRINGS if path != ("model",) and path[-1] not in CLOSED_WORDS]
    for path in paths:
        digests.add(covered(changed(FULL_REQUEST, path, lambda old: old + "x")).digest)
        digests.add(covered(changed(FULL_REQUEST, path, lambda old: "~" + old[1:])).digest)  # no longer than before
    assert len(digests) == 1 + 2 * len(paths)
    assert covered(FULL_REQUEST).digest == covered(copy.deepcopy(FULL_REQUEST)).digest


def test_more_leaves_than_can_be_judged_are_refused() -> None:
    parameters = {"enum": ["x"] * (LEAVES_MAX + 1)}
    with pytest.raises(MalformedRequest, match="leaves"):
        covered(changed(FULL_REQUEST, ("tools", 0, "function", "parameters"), lambda old: parameters))


def test_more_text_than_can_be_judged_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage_module, "CHARS_MAX", 100)
    with pytest.raises(MalformedRequest, match="characters"):
        covered(changed(FULL_REQUEST, ("messages", 2, "content"), lambda old: "x" * 301))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-100, 100) | st.floats(-10, 10) | st.text(max_size=8),
    lambda child: st.lists(child, max_size=4) | st.dictionaries(st.text(max_size=8), child, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(min_size=1, max_size=8), json_values, max_size=4))
def test_every_string_and_name_of_any_schema_is_screened(schema: dict[str, Any]) -> None:
    body = changed(FULL_REQUEST, ("tools", 0, "function", "parameters"), lambda old: schema)
    seen = set(texts(covered(body)))
    for path, value in places(schema):
        if isinstance(value, str) and value:
            assert value in seen
        if path and isinstance(path[-1], str):
            assert path[-1] in seen
