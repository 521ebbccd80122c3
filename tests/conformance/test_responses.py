# SPDX-License-Identifier: Apache-2.0
"""The current OpenAI SDK with the Responses API: items in, semantic events out, and the refusals of every API."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.harness import HELD, RL1, Running, chunk, completion, running

FUNCTION: dict[str, Any] = {
    "name": "look_up",
    "description": "Look something up.",
    "parameters": {"type": "object", "properties": {"what": {"type": "string"}}},
}
TOOL: Any = {"type": "function", **FUNCTION}
DONE = b"data: [DONE]\n\n"
CALLS = [{"id": "up", "type": "function", "function": {"name": "look_up", "arguments": '{"what": "pears"}'}}]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    registered = [{"type": "function", "function": FUNCTION}]
    with running(tmp_path_factory.mktemp("responses") / "state", tools=registered) as node:
        yield node


@pytest.fixture
def node(served: Running) -> Running:
    served.model.answers(served.model._fine)
    served.model.seen.clear()
    return served


def respond(node: Running, said: Any = "List three fruits.", **more: Any) -> Any:
    with node.client() as client:
        return client.responses.create(**{"model": "m", "input": said, **more})


def streamed(node: Running, heard: threading.Event | None = None) -> list[Any]:
    """All events of a stream; ``heard`` is set once there are words among them."""
    events = []
    with node.client() as client:
        for event in client.responses.create(model="m", input="List three fruits.", stream=True):
            events.append(event)
            if heard is not None and event.type == "response.output_text.delta":
                heard.set()
    return events


def test_a_plain_answer_comes_back_with_what_was_asked(node: Running) -> None:
    answer = respond(node, instructions="Be brief.", metadata={"ticket": "7"}, max_output_tokens=50, temperature=0.5)
    assert answer.output_text == "Fine."
    assert (answer.status, answer.instructions, answer.metadata) == ("completed", "Be brief.", {"ticket": "7"})
    assert answer.usage.total_tokens == 5
    assert not answer.store
    assert node.model.seen == [
        {
            "model": "upstream-m",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "List three fruits."},
            ],
            "n": 1,
            "stream": False,
            "temperature": 0.5,
            "max_completion_tokens": 50,
        }
    ]


def test_the_exchange_is_on_record_under_its_api_and_has_a_receipt(node: Running) -> None:
    with node.client() as client:
        raw = client.responses.with_raw_response.create(model="m", input="List three fruits.")
    assert raw.parse().id == f"resp_{raw.request_id}"
    assert raw.headers["x-brightline-receipt"]
    own = [record for record in node.records() if record.get("exchange") == raw.request_id]
    assert [record["kind"] for record in own] == ["ATTEMPT", "PASS", "OUTCOME"]
    assert own[0]["committed"]["api"] == "responses"
    assert own[1]["committed"]["coverage"].startswith("sha256:")
    assert own[1]["committed"]["exchange_digest"] == own[2]["committed"]["exchange_digest"]


def test_a_streamed_answer_comes_as_semantic_events_and_its_last_holds_the_receipt(node: Running) -> None:
    tail = b'data: {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}\n\n'
    node.model.streams([chunk("Fi"), chunk("ne."), chunk("", "stop"), tail, DONE])
    events = streamed(node)
    assert [event.type for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    final = events[-1].response
    assert (final.output_text, final.usage.total_tokens) == ("Fine.", 3)
    assert final.model_extra["brightline"]["receipt"]["exchange"] == final.id.removeprefix("resp_")
    assert node.model.seen[0]["stream_options"] == {"include_usage": True}


async def test_the_async_client_works(node: Running) -> None:
    async with openai.AsyncOpenAI(base_url=f"{node.url}/v1", api_key=node.key, max_retries=0) as client:
        plain, streamed = await asyncio.gather(
            client.responses.create(model="m", input="List three fruits."),
            client.responses.create(model="m", input="List three fruits.", stream=True),
        )
        text = "".join([event.delta async for event in streamed if event.type == "response.output_text.delta"])
        async with client.responses.stream(model="m", input="List three fruits.") as stream:
            final = await stream.get_final_response()
    assert plain.output_text == text == final.output_text == "Fine."


def test_a_tool_call_goes_round_and_its_result_comes_back(node: Running) -> None:
    node.model.says(completion("", "tool_calls", content=None, tool_calls=CALLS * 2))
    question: Any = {"role": "user", "content": "What are pears?"}
    first = respond(node, [question], tools=[TOOL], tool_choice="auto", parallel_tool_calls=True)
    assert [(call.name, call.arguments) for call in first.output] == [("look_up", '{"what": "pears"}')] * 2
    node.model.says(completion("Pears are fruit."))
    results = [{"type": "function_call_output", "call_id": call.call_id, "output": "fruit"} for call in first.output]
    second = respond(node, [question, *first.output, *results], tools=[TOOL])
    assert second.output_text == "Pears are fruit."
    third = respond(node, [question, *first.output, *results, *second.output, question], tools=[TOOL])
    assert third.output_text == "Pears are fruit."
    roles = [message["role"] for message in node.model.seen[-1]["messages"]]
    assert roles == ["user", "assistant", "tool", "tool", "assistant", "user"]
    sent = node.model.seen[-1]["messages"][1]["tool_calls"]
    assert [call["id"] for call in sent] == [call.call_id for call in first.output]


def test_a_streamed_tool_call_arrives_whole_after_the_text(node: Running) -> None:
    def part(index: int, **function: str) -> list[dict[str, Any]]:
        return [{"index": index, "id": "up", "function": function}]

    node.model.streams(
        [
            chunk("Let me look."),
            chunk(tool_calls=part(0, name="look_up", arguments='{"what": ')),
            chunk(tool_calls=part(0, arguments='"pears"}')),
            chunk(tool_calls=part(1, name="look_up", arguments="{}")),
            chunk("", "tool_calls"),
            DONE,
        ]
    )
    with node.client() as client, client.responses.stream(model="m", input="Pears?", tools=[TOOL]) as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert [item.type for item in final.output] == ["message", "function_call", "function_call"]
    done = [event for event in events if event.type == "response.function_call_arguments.done"]
    assert [event.arguments for event in done] == ['{"what": "pears"}', "{}"]
    assert [event.output_index for event in done] == [1, 2]


class _Fruit(BaseModel):
    name: str


def test_a_text_format_is_carried_and_parsed_plain_and_streamed(node: Running) -> None:
    node.model.says(completion('{"name": "pear"}'))
    with node.client() as client:
        parsed = client.responses.parse(model="m", input="A fruit.", text_format=_Fruit)
        assert parsed.output_parsed == _Fruit(name="pear")
        node.model.streams([chunk('{"name": '), chunk('"pear"}'), chunk("", "stop"), DONE])
        with client.responses.stream(model="m", input="A fruit.", text_format=_Fruit) as stream:
            assert stream.get_final_response().output_parsed == _Fruit(name="pear")
    assert {seen["response_format"]["json_schema"]["name"] for seen in node.model.seen} == {"_Fruit"}


def test_a_refusal_of_the_model_is_a_part_of_its_own(node: Running) -> None:
    node.model.says(completion("", content=None, refusal="I would rather not."))
    (part,) = respond(node).output[0].content
    assert (part.type, part.refusal) == ("refusal", "I would rather not.")
    node.model.streams([chunk(refusal="I would "), chunk(refusal="rather not."), chunk("", "stop"), DONE])
    events = streamed(node)
    assert [event.refusal for event in events if event.type == "response.refusal.done"] == ["I would rather not."]


def test_what_a_model_thinks_is_an_item_of_its_own_and_goes_back_with_what_it_said(node: Running) -> None:
    node.model.says(completion("Three.", reasoning_content="One and two."))
    first = respond(node)
    assert [item.type for item in first.output] == ["reasoning", "message"]
    assert first.output[0].content[0].text == "One and two."
    respond(
        node, [{"role": "user", "content": "List three fruits."}, *first.output, {"role": "user", "content": "So?"}]
    )
    back = node.model.seen[-1]["messages"][1]
    assert back == {"role": "assistant", "reasoning_content": "One and two.", "content": "Three."}

    parts: list[bytes | float] = [chunk(reasoning_content="One "), chunk(reasoning="and two."), chunk("Three.")]
    node.model.streams([*parts, chunk("", "stop"), DONE])
    events = streamed(node)
    assert [event.text for event in events if event.type == "response.reasoning_text.done"] == ["One and two."]
    kinds = [event.type for event in events]
    assert kinds.index("response.reasoning_text.done") < kinds.index("response.output_text.delta")
    assert [item.type for item in events[-1].response.output] == ["reasoning", "message"]


def test_a_red_line_in_what_a_model_thinks_is_denied(node: Running) -> None:
    node.model.says(completion("Three.", reasoning_content=RL1))
    with pytest.raises(openai.PermissionDeniedError):
        respond(node)


def test_chances_of_tokens_are_told_to_those_who_ask(node: Running) -> None:
    tokens = [{"token": token, "logprob": -0.5, "bytes": list(token.encode())} for token in ("Fi", "ne.")]
    answer = completion("Fine.")
    answer["choices"][0]["logprobs"] = {"content": tokens}
    node.model.says(answer)
    (part,) = respond(node, include=["message.output_text.logprobs"]).output[0].content
    assert [(token.token, token.logprob) for token in part.logprobs] == [("Fi", -0.5), ("ne.", -0.5)]
    assert respond(node).output[0].content[0].logprobs == []


def test_an_answer_that_came_to_its_limit_is_incomplete(node: Running) -> None:
    node.model.says(completion("One, two", "length"))
    answer = respond(node)
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    node.model.streams([chunk("One, two"), chunk("", "length"), DONE])
    last = streamed(node)[-1]
    assert (last.type, last.response.incomplete_details.reason) == ("response.incomplete", "max_output_tokens")


PLACES: dict[str, dict[str, Any]] = {
    "text": {"input": RL1},
    "instructions": {"instructions": RL1},
    "message": {"input": [{"role": "user", "content": [{"type": "input_text", "text": RL1}]}]},
    "answer": {"input": [{"role": "assistant", "content": RL1}, {"role": "user", "content": "Go on."}]},
    "arguments": {
        "input": [{"type": "function_call", "call_id": "c", "name": "look_up", "arguments": f'{{"a": "{RL1}"}}'}]
    },
    "output": {"input": [{"type": "function_call_output", "call_id": "c", "output": RL1}]},
    "schema": {"text": {"format": {"type": "json_schema", "name": "n", "schema": {"description": RL1}}}},
    "metadata": {"metadata": {"a": RL1}},
    "user": {"user": RL1},
    "thought": {
        "input": [{"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": RL1}]}],
    },
}


@pytest.mark.parametrize("place", sorted(PLACES))
@pytest.mark.parametrize("stream", [False, True])
def test_a_red_line_in_any_place_is_denied_and_nothing_is_sent(node: Running, place: str, stream: bool) -> None:
    with pytest.raises(openai.PermissionDeniedError) as caught:
        respond(node, **PLACES[place], stream=stream)
    body: Any = caught.value.body
    assert "RL-1" in [clause["id"] for clause in body["brightline"]["clauses"]]
    assert node.model.seen == []


def test_a_red_line_in_an_answer_is_denied(node: Running) -> None:
    node.model.says(completion(RL1))
    with pytest.raises(openai.PermissionDeniedError):
        respond(node)
    node.model.streams([chunk(RL1), chunk("", "stop"), DONE])
    with pytest.raises(openai.PermissionDeniedError):
        respond(node, stream=True)


def test_a_stream_is_cut_in_mid_sentence_and_ends_incomplete_with_the_reason(node: Running) -> None:
    words = [chunk(f"The planning office counts vehicles on bridge {i} every quarter. ") for i in range(12)]
    heard = threading.Event()
    node.model.streams([*words, heard, chunk(RL1), chunk("", "stop"), DONE])
    events = streamed(node, heard)
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text.startswith("The planning office")
    assert "licence plate" not in text
    assert events[-1].type == "response.incomplete"
    final = events[-1].response
    assert (final.status, final.incomplete_details.reason) == ("incomplete", "content_filter")
    assert final.output_text == text
    notice = final.model_extra["brightline"]
    assert (notice["verdict"], notice["outcome"]) == ("deny", "cut")
    assert node.records()[-1]["released_bytes"] == len(text.encode())


def test_a_stream_that_breaks_ends_failed_and_the_servers_words_reach_nobody(node: Running) -> None:
    words = [chunk(f"The planning office counts vehicles on bridge {i} every quarter. ") for i in range(12)]
    heard = threading.Event()
    node.model.streams([*words, heard, b'data: {"error": "SECRET"}\n\n'])
    events = streamed(node, heard)
    assert [event.type for event in events[-2:]] == ["error", "response.failed"]
    assert events[-1].response.error.code == "server_error"
    assert not any("SECRET" in event.model_dump_json() for event in events)


def test_the_same_question_meets_the_same_hold(node: Running) -> None:
    holds = set()
    for _ in range(2):
        with pytest.raises(openai.PermissionDeniedError) as caught:
            respond(node, HELD)
        body: Any = caught.value.body
        assert (caught.value.code, body["brightline"]["verdict"]) == ("held_for_review", "hold")
        holds.add(body["brightline"]["hold"])
    assert len(holds) == 1


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"store": True}, "store"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"background": True}, "background"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"include": ["reasoning.encrypted_content"]}, "include[0]"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0].type"),
        ({"extra_body": {"guardrails": "off"}}, "guardrails"),
    ],
)
def test_what_is_not_carried_is_refused_by_name_and_is_on_record(
    node: Running, change: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        respond(node, **change)
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", param)
    assert node.model.seen == []
    assert node.kinds()[-2:] == ["ATTEMPT", "OUTCOME:refused"]


def test_a_tool_that_is_not_registered_is_refused_with_its_place_in_this_api(node: Running) -> None:
    with pytest.raises(openai.PermissionDeniedError) as caught:
        respond(node, tools=[{**TOOL, "name": "other"}])
    assert (caught.value.code, caught.value.param) == ("outside_registration", "tools[0].name")
    with pytest.raises(openai.PermissionDeniedError) as caught:
        respond(node, max_output_tokens=5_000)
    assert caught.value.param == "max_output_tokens"
