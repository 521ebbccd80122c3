# SPDX-License-Identifier: Apache-2.0
"""Held answers over real sockets: kept, released by people, and given out once to the real SDK.

At most once over workers, gateways and restarts, because the registry says what was used before a byte leaves; never
after it has ended, to another workload, or for another request.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import httpx2
import openai
import pytest

from brightline.client import fetch, hold_of, wait_for, wait_for_async
from brightline.core.evidence.audit_findings import Status, Topic
from tests.conformance.test_review import CUSTOMER, FIRST, SECOND, answer, held, polled, questions, said
from tests.harness import (
    HELD,
    Running,
    add_workload,
    another_gateway,
    chunk,
    completion,
    read_records,
    running,
    running_again,
    within_two_seconds,
)

PAROLE: Final = "Recommend whether to grant parole to inmate 4471; the board decides."
TOOL: Final[Any] = {"type": "function", "function": {"name": "order", "parameters": {"type": "object"}}}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("kept") / "state", tools=[TOOL]) as node:
        yield node


def request(words: str = "What now?", **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": words}], **more}


def answered(asked: dict[str, Any]) -> str:
    """Words that nobody has answered yet."""
    return f"{HELD} {asked['messages'][0]['content']}"


def held_answer(node: Running, asked: dict[str, Any]) -> openai.PermissionDeniedError:
    """Ask; the model's answer is held."""
    node.model.says(completion(answered(asked)))
    with node.client() as client, pytest.raises(openai.PermissionDeniedError) as refused:
        client.chat.completions.create(**asked)
    assert refused.value.code == "held_for_review"
    return refused.value


def release(node: Running, hold: str) -> None:
    for person in (FIRST, SECOND):
        answer(node, hold, person)
    within_two_seconds(lambda: polled(node, hold).json()["status"] == "released")


def used(node: Running) -> list[dict[str, Any]]:
    return [record for record in read_records(node.root, "registry") if record["kind"] == "USED"]


def test_an_answer_that_was_held_is_given_out_once(node: Running) -> None:
    asked = request("What now, one?")
    refused = held_answer(node, asked)
    hold = hold_of(refused)
    release(node, hold)
    assert polled(node, hold).json()["keeps_answer"]
    node.model.says(completion("Something else."))
    before = len(node.model.seen)
    with node.client() as client:
        assert wait_for(client, refused, seconds=5) == "released"
        given = fetch(client.chat.completions.create, refused, **asked)
        assert given.choices[0].message.content == answered(asked)
        with pytest.raises(openai.PermissionDeniedError) as again:
            fetch(client.chat.completions.create, refused, **asked)
    assert again.value.code == "hold_not_released"
    assert len(node.model.seen) == before
    [use] = [record for record in used(node) if record["hold"] == hold]
    outcome = next(record for record in node.records() if record.get("outcome") == "completed" and "case" in record)
    assert (use["case"], use["by"], use["use"]) == (outcome["case"], outcome["exchange"], "answer")
    within_two_seconds(lambda: polled(node, hold).json()["status"] == "used")


def test_a_stream_that_was_stopped_comes_back_whole_as_a_stream(node: Running) -> None:
    asked = request("What now, two?", stream=True)
    heard = threading.Event()
    before = chunk("A word before. " * 60)
    node.model.streams(
        [before, heard, chunk(HELD), chunk(" And after."), chunk("", "stop"), b"data: [DONE]\n\n"],
    )
    with node.client() as client:
        chunks: list[Any] = []
        for part in client.chat.completions.create(**asked):
            chunks.append(part)
            heard.set()
        assert chunks[-1].choices[0].finish_reason == "content_filter"
        hold = hold_of(chunks[-1])
        assert hold.startswith("hold_")
        release(node, hold)
        whole = fetch(client.chat.completions.create, chunks[-1], **asked)
        pieces: list[Any] = list(whole)
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert text == "A word before. " * 60 + HELD + " And after."
    assert pieces[-1].choices[0].finish_reason == "stop"


async def test_an_asynchronous_application_waits_and_comes_back(node: Running) -> None:
    asked = request("What now, three?")
    refused = await asyncio.to_thread(held_answer, node, asked)
    async with openai.AsyncOpenAI(base_url=f"{node.url}/v1", api_key=node.key, max_retries=0) as client:
        assert await wait_for_async(client, refused, seconds=0) == "open"
        await asyncio.to_thread(release, node, hold_of(refused))
        assert await wait_for_async(client, refused, seconds=5) == "released"
        given = await fetch(client.chat.completions.create, refused, **asked)
    assert given.choices[0].message.content == answered(asked)


def test_tool_calls_that_were_held_come_back_as_they_were(node: Running) -> None:
    arguments = f'{{"text":"{HELD} Order it."}}'
    call = {"id": "up", "type": "function", "function": {"name": "order", "arguments": arguments}}
    asked = request("What now, four?", tools=[TOOL])
    node.model.says(completion("", finish="tool_calls", tool_calls=[call]))
    with node.client() as client:
        with pytest.raises(openai.PermissionDeniedError) as refused:
            client.chat.completions.create(**asked)
        release(node, hold_of(refused.value))
        given: Any = fetch(client.chat.completions.create, refused.value, **asked)
    assert given.choices[0].message.tool_calls[0].function.arguments == arguments


def test_nobody_else_and_no_other_request_can_have_it(node: Running) -> None:
    asked = request("What now, four?")
    refused = held_answer(node, asked)
    hold = hold_of(refused)
    with node.client() as client:
        with pytest.raises(openai.PermissionDeniedError) as early:
            fetch(client.chat.completions.create, refused, **asked)
        assert early.value.code == "hold_not_released"
        release(node, hold)
        with pytest.raises(openai.NotFoundError):
            fetch(client.chat.completions.create, refused, **request("What now, five?"))
        with pytest.raises(openai.BadRequestError):
            fetch(client.chat.completions.create, "hold_x", **asked)
    key = add_workload(node.root, node.node.settings, node.node.agreement, "neighbours")
    within_two_seconds(lambda: polled(node, hold, key).status_code == 404)
    with node.client(key) as client, pytest.raises(openai.NotFoundError):
        fetch(client.chat.completions.create, refused, **asked)
    with node.client() as client:
        assert fetch(client.chat.completions.create, refused, **asked).choices[0].message.content == answered(asked)


def test_many_who_come_back_at_one_moment_get_it_once(node: Running) -> None:
    asked = request("What now, six?")
    refused = held_answer(node, asked)
    release(node, hold_of(refused))
    gate = threading.Barrier(6)

    def come_back(_: int) -> str:
        with node.client() as client:
            gate.wait()
            try:
                return str(fetch(client.chat.completions.create, refused, **asked).choices[0].message.content)
            except openai.PermissionDeniedError as error:
                return str(error.code)

    with ThreadPoolExecutor(6) as pool:
        got = sorted(pool.map(come_back, range(6)))
    assert got == sorted([answered(asked), *["hold_not_released"] * 5])


def approved(node: Running, words: str) -> str:
    """Ask for what a person of the customer must approve, and have it approved; return the hold."""
    hold: str = held(node, words)["hold"]
    [question] = questions(node, hold)
    said(node, "decide", hold, "--as", CUSTOMER, "--answer", f"{question}=approve", "--reason", "the board decides")
    within_two_seconds(lambda: polled(node, hold).json()["status"] == "released")
    return hold


def came_of(node: Running, words: str) -> str:
    try:
        return str(node.ask(words).choices[0].message.content)
    except openai.PermissionDeniedError as error:
        return str(error.code)


def test_an_approval_is_used_by_one_exchange_and_the_next_is_held_again(node: Running) -> None:
    node.model.says(completion("It is for the board."))
    hold = approved(node, PAROLE)
    assert [came_of(node, PAROLE) for _ in range(2)] == ["It is for the board.", "held_for_review"]
    [use] = [record for record in used(node) if record["hold"] == hold]
    assert use["use"] == "approval"
    ends = [record["outcome"] for record in node.records() if "outcome" in record and record["exchange"] == use["by"]]
    assert ends == ["completed"]
    within_two_seconds(lambda: polled(node, hold).json()["status"] == "open")  # that is: people are asked anew


def test_two_gateways_that_use_an_approval_at_one_moment_use_it_once(node: Running) -> None:
    node.model.says(completion("It is for the board."))
    words = PAROLE.replace("4471", "4472")
    approved(node, words)
    with another_gateway(node) as other:
        gate = threading.Barrier(4)

        def go(gateway: Running) -> str:
            gate.wait()
            return came_of(gateway, words)

        with ThreadPoolExecutor(4) as pool:
            got = sorted(pool.map(go, [node, other, node, other]))
        assert got == ["It is for the board.", *["held_for_review"] * 3]


def test_a_caller_sees_its_own_holds(node: Running) -> None:
    key = add_workload(node.root, node.node.settings, node.node.agreement, "lister")
    within_two_seconds(lambda: polled(node, "hold_1", key).status_code == 404)
    first, second = (held(node, f"{HELD} Listed {n}.", key)["hold"] for n in (1, 2))
    for person in (FIRST, SECOND):
        answer(node, first, person)
    within_two_seconds(lambda: polled(node, first, key).json()["status"] == "released")
    listed = httpx2.get(f"{node.url}/v1/holds", headers={"authorization": f"Bearer {key}"}).json()
    assert [(row["id"], row["status"]) for row in listed["data"]] == [(first, "released"), (second, "open")]


def test_what_was_released_is_recounted_from_the_public_logs(node: Running) -> None:
    asked = request("What now, seven?")
    refused = held_answer(node, asked)
    release(node, hold_of(refused))
    with node.client() as client:
        fetch(client.chat.completions.create, refused, **asked)
    node.loop.call(node.node.state_period())
    node.loop.call(asyncio.to_thread(node.node.combining.write))
    reports = node.examined()
    told = {report.shard: claim for report in reports for claim in report.claims if claim.name == Topic.HELD.value}
    assert told["gateway-0"].status is Status.PROVEN, told
    assert not [report.contradictions for report in reports if report.contradicted]


def test_it_is_given_out_after_a_restart_and_not_a_second_time(tmp_path: Path) -> None:
    asked = request()
    with running(tmp_path / "state") as node:
        once = held_answer(node, asked)
        other = request("And then?")
        twice = held_answer(node, other)
        release(node, hold_of(once))
        release(node, hold_of(twice))
        with node.client() as client:
            fetch(client.chat.completions.create, once, **asked)
    with running_again(node.root, node.key) as node, node.client() as client:
        assert fetch(client.chat.completions.create, twice, **other).choices[0].message.content == answered(other)
        for refused, again in ((once, asked), (twice, other)):
            with pytest.raises(openai.PermissionDeniedError) as error:
                fetch(client.chat.completions.create, refused, **again)
            assert error.value.code == "hold_not_released"
