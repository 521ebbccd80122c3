# SPDX-License-Identifier: Apache-2.0
"""Streamed Responses: numbered events that open, grow and close, and that end as the plain answer reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.errors import UpstreamFailed
from brightline.core.exchange.api import responses
from brightline.core.exchange.judged import JudgedSegment, mint_reply, mint_segment
from brightline.core.exchange.model import NO_USAGE, Alternative, Exchange, Reply, ReplyChoice, Token, ToolCall, Usage
from brightline.core.exchange.sse import SseParser

Event = dict[str, Any]
EXCHANGE: Exchange = responses.read_request(
    b'{"model":"m","input":"Hello.","instructions":"Be brief.","stream":true,"metadata":{"a":"b"}}'
)
USED = Usage(1, 2, 3)


def events(data: bytes) -> list[Event]:
    """Events of a stream; each is named by its type."""
    found = SseParser().feed(data)
    values: list[Event] = [json.loads(event.data) for event in found]
    assert [event.event for event in found] == [value["type"] for value in values]
    return values


def stream() -> Any:
    return responses.open_stream(EXCHANGE, "xc_1", 7)


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
segments = st.lists(
    st.builds(lambda text: mint_segment(0, text=text), texts)
    | st.builds(lambda text: mint_segment(0, refusal=text), texts)
    | st.builds(lambda text: mint_segment(0, reasoning=text), texts),
    max_size=5,
)
calls = st.lists(st.builds(ToolCall, st.just(""), texts, texts), max_size=3).map(tuple)
finishes = st.sampled_from(["stop", "length", "tool_calls", "content_filter"])


def said_in(output: list[Event]) -> tuple[str, list[Event], list[Event]]:
    """What an answer says, however it is spread: all that was thought, the parts of the message, the calls.

    In a stream, parts stand in the order in which they began, and a model that thinks again opens another item.
    """
    thought = [part["text"] for item in output if item["type"] == "reasoning" for part in item["content"]]
    parts = [part for item in output if item["type"] == "message" for part in item["content"]]
    calls = [item for item in output if item["type"] == "function_call"]
    return "".join(thought), sorted(parts, key=json.dumps), calls


@settings(max_examples=200, deadline=None)
@given(segments, st.builds(lambda c, f, t: mint_segment(0, t, "", c, f), calls, finishes, st.just("") | texts))
def test_a_stream_ends_as_the_plain_answer_of_the_same_words_reads(
    first: list[JudgedSegment], last: JudgedSegment
) -> None:
    writer = stream()
    said = events(b"".join(writer.segment(segment, {}) for segment in [*first, last]) + writer.close(USED, {}))
    assert [event["sequence_number"] for event in said] == list(range(len(said)))
    assert [event["type"] for event in said[:2]] == ["response.created", "response.in_progress"]

    text = "".join(segment.text for segment in [*first, last])
    refusal = "".join(segment.refusal for segment in first)
    thought = "".join(segment.reasoning for segment in first)
    choice = ReplyChoice(0, text, refusal, last.calls, last.finish, thought)
    plain = json.loads(responses.write_reply(mint_reply(Reply((choice,), USED)), EXCHANGE, "xc_1", 7))
    response = said[-1]["response"]
    assert said[-1]["type"] == f"response.{plain['status']}"
    for one in (response, plain):
        one["output"] = said_in(one["output"])
    assert response == plain

    for kind, whole in (("output_text", text), ("refusal", refusal), ("reasoning_text", thought)):
        deltas = [event["delta"] for event in said if event["type"] == f"response.{kind}.delta"]
        assert "".join(deltas) == whole
    arguments = [event["arguments"] for event in said if event["type"] == "response.function_call_arguments.done"]
    assert arguments == [call.arguments for call in last.calls]


@settings(max_examples=100, deadline=None)
@given(segments, calls, st.sampled_from(["close", "cut"]))
def test_every_item_and_part_is_opened_once_grows_and_is_closed_once(
    first: list[JudgedSegment], called: tuple[ToolCall, ...], end: str
) -> None:
    writer = stream()
    out = b"".join(writer.segment(segment, {}) for segment in first)
    if end == "close":
        out += writer.segment(mint_segment(0, calls=called, finish="stop"), {}) + writer.close(USED, {})
    else:
        out += writer.cut({"verdict": "deny"})
    opened: dict[Any, str] = {}
    for event in events(out):
        kind = event["type"].removeprefix("response.")
        item = ("item", event.get("output_index"))
        part = (*item, event.get("content_index"))
        if kind == "output_item.added":
            assert item not in opened
            assert event["output_index"] == len([key for key in opened if len(key) == 2])
            opened[item] = "open"
        elif kind == "content_part.added":
            assert opened[item] == "open"
            assert part not in opened
            opened[part] = "open"
        elif kind == "content_part.done":
            opened[part] = {"open": "closed"}[opened[part]]
        elif kind == "output_item.done":
            opened[item] = {"open": "closed"}[opened[item]]
        elif "content_index" in event:
            assert opened[part] == "open"
        elif "item_id" in event:
            assert opened[item] == "open"
    assert set(opened.values()) <= {"closed"}


def thoughts(texts: str) -> list[JudgedSegment]:
    return [mint_segment(0, reasoning=text) for text in texts]


def test_what_was_thought_is_closed_when_the_answer_begins_and_opened_again_if_it_goes_on() -> None:
    writer = stream()
    said = events(
        b"".join(
            writer.segment(one, {})
            for one in (*thoughts("ab"), mint_segment(0, "c"), *thoughts("d"), mint_segment(0, "e"))
        )
        + writer.segment(mint_segment(0, finish="stop"), {})
        + writer.close(USED, {})
    )
    output = said[-1]["response"]["output"]
    assert [(item["type"], item["content"][0]["text"]) for item in output] == [
        ("reasoning", "ab"),
        ("message", "ce"),
        ("reasoning", "d"),
    ]
    assert len({item["id"] for item in output}) == 3
    kinds = [event["type"] for event in said]
    assert kinds.index("response.reasoning_text.done") < kinds.index("response.output_text.delta")


def test_chances_of_tokens_come_with_the_end_of_the_text_and_only_there() -> None:
    tokens = (Token(b"On", -0.5, (Alternative(b"Tw", -1.5),)), Token(b"e.", -0.25))
    writer = stream()
    last = mint_segment(0, "e.", "No.", finish="stop", tokens=tokens)
    said = events(writer.segment(mint_segment(0, "On"), {}) + writer.segment(last, {}) + writer.close(USED, {}))
    told = {event["type"]: event["logprobs"] for event in said if "logprobs" in event}
    assert told["response.output_text.delta"] == []
    assert [(one["token"], len(one["top_logprobs"])) for one in told["response.output_text.done"]] == [
        ("On", 1),
        ("e.", 0),
    ]
    (message,) = said[-1]["response"]["output"]
    assert message["content"][0]["logprobs"] == told["response.output_text.done"]
    assert "logprobs" not in message["content"][1]


def test_a_cut_says_what_had_left_and_why_no_more_came() -> None:
    writer = stream()
    said = events(writer.segment(mint_segment(0, "One."), {}) + writer.cut({"verdict": "deny"}))
    assert said[-1]["type"] == "response.incomplete"
    response = said[-1]["response"]
    assert response["status"] == "incomplete"
    assert response["incomplete_details"] == {"reason": "content_filter"}
    assert response["brightline"] == {"verdict": "deny"}
    assert [(item["status"], item["content"][0]["text"]) for item in response["output"]] == [("incomplete", "One.")]


def test_a_cut_before_anything_left_is_a_whole_stream_too() -> None:
    said = events(stream().cut({"verdict": "deny"}))
    assert [event["type"] for event in said] == ["response.created", "response.in_progress", "response.incomplete"]
    assert said[-1]["response"]["output"] == []


def test_a_failure_is_an_error_and_a_response_that_failed() -> None:
    writer = stream()
    said = events(writer.segment(mint_segment(0, "One."), {}) + writer.fail(UpstreamFailed("secret words"), {"v": 1}))
    error, failed = said[-2:]
    assert (error["type"], error["code"], error["param"]) == ("error", "upstream_failed", None)
    assert failed["type"] == "response.failed"
    assert failed["response"]["error"]["code"] == "server_error"
    assert failed["response"]["brightline"]["v"] == 1
    assert failed["response"]["output"] == []
    assert "secret" not in json.dumps(said)


@pytest.mark.parametrize(
    ("finish", "status", "reason"),
    [
        ("stop", "completed", None),
        ("tool_calls", "completed", None),
        ("length", "incomplete", "max_output_tokens"),
        ("content_filter", "incomplete", "content_filter"),
    ],
)
def test_how_an_answer_ended_is_said_in_the_words_of_this_api(finish: str, status: str, reason: str | None) -> None:
    reply = Reply((ReplyChoice(0, "One.", finish=finish),))
    value = json.loads(responses.write_reply(mint_reply(reply), EXCHANGE, "xc_1", 7))
    assert value["status"] == value["output"][0]["status"] == status
    assert value["incomplete_details"] == (reason and {"reason": reason})


def test_an_answer_repeats_its_request_and_has_ids_of_our_own() -> None:
    reply = Reply((ReplyChoice(0, calls=(ToolCall("UPSTREAM", "f", "{}"),) * 2, finish="tool_calls"),), NO_USAGE)
    value = json.loads(responses.write_reply(mint_reply(reply), EXCHANGE, "xc_1", 7))
    assert (value["id"], value["created_at"], value["model"]) == ("resp_xc_1", 7, "m")
    assert (value["instructions"], value["metadata"], value["store"]) == ("Be brief.", {"a": "b"}, False)
    assert "usage" not in value  # the model server did not say
    ids = [item[name] for item in value["output"] for name in ("id", "call_id")]
    assert len(set(ids)) == 4
    assert "UPSTREAM" not in json.dumps(value)
