# SPDX-License-Identifier: Apache-2.0
"""The current OpenAI SDK works unchanged: sync, async, streaming, tools; a refusal is a normal exception."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from pydantic import BaseModel

from tests.harness import HELD, NO_TLS, RL1, Running, chunk, completion, running

USER: list[Any] = [{"role": "user", "content": "List three fruits."}]
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Look something up.",
        "parameters": {"type": "object", "properties": {"what": {"type": "string"}}},
    },
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("sdk") / "state", tools=[TOOL]) as node:
        yield node


@pytest.fixture
def node(served: Running) -> Running:
    served.model.answers(served.model._fine)
    served.model.seen.clear()
    served.model.headers.clear()
    return served


def test_a_plain_answer_comes_back_with_our_own_ids(node: Running) -> None:
    answer = node.ask()
    assert answer.choices[0].message.content == "Fine."
    assert answer.id.startswith("chatcmpl-xc_")
    assert answer.model == "m"
    assert answer.system_fingerprint is None
    assert answer.usage.total_tokens == 5


def test_the_exchange_id_is_the_request_id(node: Running) -> None:
    with node.client() as client:
        raw = client.chat.completions.with_raw_response.create(model="m", messages=USER)
    assert raw.request_id is not None
    assert raw.parse().id == f"chatcmpl-{raw.request_id}"
    assert raw.headers["x-brightline-receipt"]


def test_what_the_model_is_sent_is_our_own_serialisation(node: Running) -> None:
    node.ask(temperature=0.5, extra_headers={"x-anything": "seen by nobody"})
    assert node.model.seen == [
        {
            "model": "upstream-m",
            "messages": USER,
            "n": 1,
            "stream": False,
            "temperature": 0.5,
            "max_tokens": 4_096,  # the caller set no limit, so the registered one is asked
        }
    ]
    assert "x-anything" not in node.model.headers[0]
    assert node.model.headers[0]["x-brightline-pass"].count(".") == 1


def test_a_streamed_answer_arrives_whole_and_its_last_chunk_holds_the_receipt(node: Running) -> None:
    with node.client() as client:
        chunks = list(client.chat.completions.create(model="m", messages=USER, stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "Fine."
    assert all(len(c.choices) == 1 for c in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert (chunks[-1].model_extra or {})["brightline"]["receipt"]["exchange"] == chunks[0].id.removeprefix(
        "chatcmpl-"
    )


def test_usage_is_streamed_to_those_who_ask(node: Running) -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    tail = b'data: {"choices": [], "usage": ' + str(usage).replace("'", '"').encode() + b"}\n\ndata: [DONE]\n\n"
    node.model.streams([chunk("Hi"), chunk("", "stop"), tail])
    with node.client() as client:
        chunks = list(
            client.chat.completions.create(
                model="m", messages=USER, stream=True, stream_options={"include_usage": True}
            )
        )
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 3
    assert (chunks[-1].model_extra or {})["brightline"]["receipt"]


async def test_the_async_client_works(node: Running) -> None:
    async with openai.AsyncOpenAI(base_url=f"{node.url}/v1", api_key=node.key, max_retries=0) as client:
        plain, streamed = await asyncio.gather(
            client.chat.completions.create(model="m", messages=USER),
            client.chat.completions.create(model="m", messages=USER, stream=True),
        )
        text = "".join([c.choices[0].delta.content or "" async for c in streamed])
    assert plain.choices[0].message.content == text == "Fine."


def test_the_stream_helper_of_the_sdk_works(node: Running) -> None:
    with node.client() as client, client.chat.completions.stream(model="m", messages=USER) as stream:
        stream.until_done()
        assert stream.get_final_completion().choices[0].message.content == "Fine."


def test_a_tool_call_goes_round_and_its_result_comes_back(node: Running) -> None:
    calls = [{"id": "up", "type": "function", "function": {"name": "look_up", "arguments": '{"what": "pears"}'}}]
    node.model.says(completion("", "tool_calls", content=None, tool_calls=calls))
    first = node.ask(tools=[TOOL], tool_choice="auto")
    call = first.choices[0].message.tool_calls[0]
    assert (call.function.name, call.function.arguments) == ("look_up", '{"what": "pears"}')
    assert call.id.startswith("call_")
    node.model.says(completion("Pears are fruit."))
    messages = [*USER, first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "fruit"}]
    with node.client() as client:
        second = client.chat.completions.create(model="m", messages=messages, tools=[TOOL])
    assert second.choices[0].message.content == "Pears are fruit."
    assert node.model.seen[-1]["messages"][1]["tool_calls"][0]["function"]["name"] == "look_up"


def test_a_streamed_tool_call_arrives_whole(node: Running) -> None:
    def part(**function: str) -> list[dict[str, Any]]:
        return [{"index": 0, "id": "up", "function": function}]

    node.model.streams(
        [
            chunk(tool_calls=part(name="look_up", arguments="")),
            chunk(tool_calls=part(arguments='{"what": ')),
            chunk(tool_calls=part(arguments='"pears"}')),
            chunk("", "tool_calls"),
            b"data: [DONE]\n\n",
        ]
    )
    with node.client() as client, client.chat.completions.stream(model="m", messages=USER, tools=[TOOL]) as stream:
        stream.until_done()
        message = stream.get_final_completion().choices[0].message
    assert message.tool_calls is not None
    assert message.tool_calls[0].function.arguments == '{"what": "pears"}'


def test_calls_that_arrive_side_by_side_in_a_stream_are_told_apart(node: Running) -> None:
    def part(index: int, **function: str) -> dict[str, Any]:
        return {"index": index, "id": f"up-{index}", "function": function}

    node.model.streams(
        [
            chunk(tool_calls=[part(0, name="look_up", arguments=""), part(1, name="look_up", arguments="")]),
            *[chunk(tool_calls=[part(at, arguments=piece)]) for piece in ('{"what": ', '"p') for at in (1, 0)],
            chunk(tool_calls=[part(0, arguments='ears"}'), part(1, arguments='lums"}')]),
            chunk("", "tool_calls"),
            b"data: [DONE]\n\n",
        ]
    )
    with (
        node.client() as client,
        client.chat.completions.stream(model="m", messages=USER, tools=[TOOL], parallel_tool_calls=True) as stream,
    ):
        stream.until_done()
        message = stream.get_final_completion().choices[0].message
    assert [call.function.arguments for call in message.tool_calls or ()] == ['{"what": "pears"}', '{"what": "plums"}']
    assert len({call.id for call in message.tool_calls or ()}) == 2
    assert node.model.seen[-1]["parallel_tool_calls"] is True


def said(*tokens: str) -> dict[str, Any]:
    others = [{"token": "x", "logprob": -3.0, "bytes": None}]
    return {"content": [{"token": one, "logprob": -0.5, "bytes": None, "top_logprobs": others} for one in tokens]}


def test_tokens_come_with_their_chances_plain_and_streamed(node: Running) -> None:
    asked: Any = {"logprobs": True, "top_logprobs": 1, "max_completion_tokens": 20}
    body = completion("Fine.")
    body["choices"][0]["logprobs"] = said("Fi", "ne.", "<|im_end|>")
    node.model.says(body)
    plain = node.ask(**asked).choices[0].logprobs.content
    assert [(one.token, one.logprob, bytes(one.bytes)) for one in plain] == [
        ("Fi", -0.5, b"Fi"),
        ("ne.", -0.5, b"ne."),
    ]
    assert plain[0].top_logprobs[0].token == "x"
    assert node.model.seen[-1]["top_logprobs"] == 1

    events = [json.loads(chunk(text).removeprefix(b"data: ")) for text in ("Fi", "ne.")]
    for event, text in zip(events, ("Fi", "ne."), strict=True):
        event["choices"][0]["logprobs"] = said(text)
    node.model.streams(
        [
            *(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events),
            chunk("", "stop"),
            b"data: [DONE]\n\n",
        ]
    )
    with node.client() as client, client.chat.completions.stream(model="m", messages=USER, **asked) as stream:
        stream.until_done()
        streamed = stream.get_final_completion().choices[0].logprobs
    assert streamed is not None
    assert [one.token for one in streamed.content or ()] == ["Fi", "ne."]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_what_a_model_thinks_comes_under_both_names_and_goes_back(node: Running, name: str) -> None:
    node.model.says(completion("Four.", **{name: "Two and two."}))
    message = node.ask().choices[0].message
    assert (message.content, message.reasoning_content, message.reasoning) == ("Four.", "Two and two.", "Two and two.")
    node.model.streams(
        [
            *(chunk("", None, 0, **{name: part}) for part in ("Two ", "and two.")),
            chunk("Four."),
            chunk("", "stop"),
            b"data: [DONE]\n\n",
        ]
    )
    with node.client() as client:
        chunks = list(client.chat.completions.create(model="m", messages=USER, stream=True))
    deltas = [one.choices[0].delta for one in chunks]
    assert "".join((delta.model_extra or {}).get("reasoning_content", "") for delta in deltas) == "Two and two."
    assert "".join(delta.content or "" for delta in deltas) == "Four."
    node.model.answers(node.model._fine)
    with node.client() as client:
        client.chat.completions.create(model="m", messages=[*USER, message, *USER])
    assert node.model.seen[-1]["messages"][1] == {
        "role": "assistant",
        "reasoning_content": "Two and two.",
        "content": "Four.",
    }


def test_a_model_that_thinks_of_a_red_line_is_stopped(node: Running) -> None:
    node.model.streams([chunk(reasoning=RL1), chunk("Fine."), chunk("", "stop"), b"data: [DONE]\n\n"])
    with node.client() as client, pytest.raises(openai.PermissionDeniedError):
        list(client.chat.completions.create(model="m", messages=USER, stream=True))


def test_several_choices_and_parts_of_text_are_carried(node: Running) -> None:
    two = completion("One.")
    two["choices"].append({"index": 1, "message": {"content": "Two."}, "finish_reason": "stop"})
    node.model.says(two)
    parts: Any = [
        {"role": "user", "content": [{"type": "text", "text": "List"}, {"type": "text", "text": " fruits."}]}
    ]
    with node.client() as client:
        answer = client.chat.completions.create(model="m", messages=parts, n=2)
    assert [choice.message.content for choice in answer.choices] == ["One.", "Two."]
    assert node.model.seen[0]["messages"] == parts


class _Fruit(BaseModel):
    name: str


def test_a_response_format_is_carried_and_parsed(node: Running) -> None:
    node.model.says(completion('{"name": "pear"}'))
    with node.client() as client:
        parsed = client.chat.completions.parse(model="m", messages=USER, response_format=_Fruit)
    assert parsed.choices[0].message.parsed == _Fruit(name="pear")
    assert node.model.seen[0]["response_format"]["json_schema"]["name"] == "_Fruit"


def test_models_lists_what_is_admitted(node: Running) -> None:
    with node.client() as client:
        assert [model.id for model in client.models.list()] == ["m"]


def test_a_denial_is_a_normal_exception_with_its_clause_and_is_not_retried(node: Running) -> None:
    with node.client(max_retries=3) as client, pytest.raises(openai.PermissionDeniedError) as caught:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": RL1}])
    body: Any = caught.value.body
    assert caught.value.code == "denied_by_agreement"
    assert body["brightline"]["verdict"] == "deny"
    clause = next(clause for clause in body["brightline"]["clauses"] if clause["id"] == "RL-1")
    assert clause["quote"] == ["No use of OpenAI technology for mass domestic surveillance."]
    assert body["brightline"]["next_step"]
    assert body["brightline"]["receipt"]["exchange"] == caught.value.request_id
    assert node.model.seen == []
    assert sum(record.get("exchange") == caught.value.request_id for record in node.records()) == 2


def test_a_refusal_tells_no_facts_scores_or_rules(node: Running) -> None:
    with pytest.raises(openai.PermissionDeniedError) as caught:
        node.ask(RL1)
    told = caught.value.response.text
    rules = {row[0] for record in node.records() for row in record["committed"].get("findings", ())}
    assert rules
    assert not [rule for rule in rules if rule in told]
    assert not any(word in told for word in ("mass_domestic", "score", "finding", "rules-"))


def test_the_same_question_meets_the_same_hold_and_another_meets_another(node: Running) -> None:
    holds = []
    for prompt in (HELD, HELD, f"{HELD} Today."):
        with pytest.raises(openai.PermissionDeniedError) as caught:
            node.ask(prompt)
        body: Any = caught.value.body
        assert (caught.value.code, body["brightline"]["verdict"]) == ("held_for_review", "hold")
        holds.append(body["brightline"]["hold"])
    assert holds[0] == holds[1] != holds[2]


def test_a_stream_is_cut_in_mid_sentence_with_content_filter_and_the_reason(node: Running) -> None:
    words = [chunk(f"The planning office counts vehicles on bridge {i} every quarter. ") for i in range(12)]
    heard = threading.Event()
    node.model.streams([*words, heard, chunk(RL1), chunk("", "stop"), b"data: [DONE]\n\n"])
    chunks = []
    with node.client() as client:
        for part in client.chat.completions.create(model="m", messages=USER, stream=True):
            chunks.append(part)
            heard.set()
    text = "".join(c.choices[0].delta.content or "" for c in chunks)
    assert text.startswith("The planning office")
    assert "licence plate" not in text
    assert chunks[-1].choices[0].finish_reason == "content_filter"
    notice: Any = (chunks[-1].model_extra or {})["brightline"]
    assert (notice["verdict"], notice["outcome"]) == ("deny", "cut")
    assert node.records()[-1]["released_bytes"] == len(text.encode())


def test_a_tool_call_that_assigns_a_weapon_is_refused(node: Running) -> None:
    arguments = '{"track_id": 7, "weapon": "interceptor-2"}'
    calls = [{"id": "up", "type": "function", "function": {"name": "assign_weapon", "arguments": arguments}}]
    node.model.says(completion("", "tool_calls", content=None, tool_calls=calls))
    with pytest.raises(openai.PermissionDeniedError) as caught:
        node.ask("Handle track seven.", tools=[TOOL])
    body: Any = caught.value.body
    assert "RL-2" in [clause["id"] for clause in body["brightline"]["clauses"]]


def test_a_broken_model_server_is_a_502_and_its_words_reach_nobody(node: Running) -> None:
    node.model.sends(b'{"error": "SECRET-UPSTREAM-TEXT"}', 500)
    with pytest.raises(openai.InternalServerError) as caught:
        node.ask()
    assert caught.value.status_code == 502
    assert "SECRET" not in caught.value.response.text


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"logit_bias": {"50256": -100}}, "logit_bias"),
        ({"logprobs": True, "top_logprobs": 20}, "top_logprobs"),
        ({"user": "x" * 513}, "user"),
        ({"extra_body": {"guardrails": "off"}}, "guardrails"),
        ({"metadata": {"x" * 65: "y"}}, "metadata"),
        ({"extra_body": {"metadata": {"guardrails": []}}}, "metadata[...]"),
        ({"store": True}, "store"),
        ({"n": 9}, "n"),
        ({"temperature": 3}, "temperature"),
    ],
)
def test_what_is_not_carried_is_refused_by_name(node: Running, change: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        node.ask(**change)
    assert caught.value.param == param
    assert node.model.seen == []
    assert node.kinds()[-2:] == ["ATTEMPT", "OUTCOME:refused"]


LABELS: dict[str, Any] = {
    "user": "unit-7/clerk",
    "safety_identifier": "a1b2",
    "prompt_cache_key": "forms",
    "metadata": {"ticket": "7"},
}


def test_what_many_clients_put_on_a_request_goes_to_no_model(node: Running) -> None:
    assert node.ask(**LABELS).choices[0].message.content == "Fine."
    assert not any(name in asked for asked in node.model.seen for name in LABELS)


@pytest.mark.parametrize("name", sorted(LABELS))
def test_and_is_judged_like_any_words(node: Running, name: str) -> None:
    with pytest.raises(openai.PermissionDeniedError):
        said: Any = {"ticket": RL1} if name == "metadata" else RL1
        node.ask(**{name: said})
    assert node.model.seen == []


def test_an_image_is_refused_by_name(node: Running) -> None:
    parts: Any = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]
    with node.client() as client, pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="m", messages=parts)
    assert caught.value.param is not None
    assert caught.value.param.startswith("messages[0].content")


def test_an_unknown_model_is_not_found_and_is_on_record(node: Running) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        node.ask(model="other")
    assert caught.value.code == "model_not_found"
    assert node.kinds()[-2:] == ["ATTEMPT", "OUTCOME:refused"]


@pytest.mark.parametrize("key", ["bl_tests_" + "0" * 64, "sk-x", "bl_nobody_" + "0" * 64])
def test_a_wrong_key_is_refused_and_costs_no_record(node: Running, key: str) -> None:
    before = len(node.records())
    with node.client(key) as client, pytest.raises(openai.AuthenticationError) as caught:
        client.chat.completions.create(model="m", messages=USER)
    assert caught.value.code == "invalid_api_key"
    assert len(node.records()) == before


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/chat/completions", 405),
        ("POST", "/v1/models", 405),
        ("POST", "/v1/completions", 404),
        ("GET", "/v1/responses", 405),
        ("GET", "/v1/responses/resp_1", 404),
        ("POST", "/v1/responses/compact", 404),
        ("POST", "/v1/chat/completions/", 404),
        ("POST", "//v1/chat/completions", 404),
        ("POST", "/v1/chat/completions?guardrails=off", 404),
        ("GET", "/", 404),
        ("GET", "/metrics", 404),
    ],
)
def test_every_other_route_is_refused_in_the_openai_shape(node: Running, method: str, path: str, status: int) -> None:
    headers = {"authorization": f"Bearer {node.key}", "content-type": "application/json"}
    answer = httpx2.request(method, node.url + path, headers=headers, content=b"{}", verify=NO_TLS)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["code"]
    assert error["brightline"]["next_step"]


def test_health_and_readiness_need_no_key(node: Running) -> None:
    assert httpx2.get(f"{node.url}/livez").json() == {"status": "ok", "missing": []}
    assert httpx2.get(f"{node.url}/readyz").json() == {"status": "ok", "missing": []}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/json; charset=utf-16"}, 415),
        ({"content-type": "application/json", "content-encoding": "gzip"}, 415),
        ({}, 415),
    ],
)
def test_only_plain_json_is_read(node: Running, headers: dict[str, str], status: int) -> None:
    headers = {"authorization": f"Bearer {node.key}", **headers}
    answer = httpx2.post(f"{node.url}/v1/chat/completions", headers=headers, content=b"{}", verify=NO_TLS)
    assert answer.status_code == status


def test_two_credentials_are_refused(node: Running) -> None:
    headers = {"authorization": f"Bearer {node.key}", "x-api-key": node.key, "content-type": "application/json"}
    assert (
        httpx2.post(f"{node.url}/v1/chat/completions", headers=headers, content=b"{}", verify=NO_TLS).status_code
        == 401
    )


def test_the_books_balance(node: Running, tmp_path: Path) -> None:
    kinds = node.kinds()
    assert kinds.count("ATTEMPT") == sum(kind.startswith("OUTCOME") for kind in kinds)
