# SPDX-License-Identifier: Apache-2.0
"""Embeddings over real sockets: the SDK as it calls by itself, with what was asked judged before it is sent."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from aiohttp import web

from brightline.shell.config import load_settings
from tests.harness import HELD, RL1, Running, add_workload, running, within_two_seconds

VECTORS = ([0.5, -0.25, 1.0], [0.125, 0.0, -0.75])


def packed(values: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


async def model(request: web.Request, asked: dict[str, Any]) -> web.StreamResponse:
    """A model server that answers in the form that it is asked for."""
    data = [
        {"object": "embedding", "index": index, "embedding": packed(vector) if asked["encoding_format"] else vector}
        for index, vector in enumerate(VECTORS[: len(asked["input"])])
    ]
    usage = {"prompt_tokens": 4, "total_tokens": 4}
    return web.json_response({"object": "list", "model": "up", "data": data, "usage": usage, "id": "up"})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("embeddings") / "state") as node:
        node.model.answers(model)
        yield node


@pytest.fixture
def node(served: Running) -> Running:
    served.model.answers(model)
    served.model.seen.clear()
    return served


def test_the_sdk_gets_its_floats_as_it_calls_by_itself(node: Running) -> None:
    with node.client() as client:
        answer = client.embeddings.create(model="m", input=["Pears.", "Figs."])
    assert [row.embedding for row in answer.data] == list(VECTORS)
    assert (answer.model, answer.usage.prompt_tokens, answer.usage.total_tokens) == ("m", 4, 4)
    assert node.model.seen == [{"model": "upstream-m", "input": ["Pears.", "Figs."], "encoding_format": "base64"}]
    assert node.records()[-1]["outcome"] == "completed"
    assert node.records()[-1]["released_bytes"] == 24


async def test_the_async_client_and_both_forms_work(node: Running) -> None:
    async with openai.AsyncOpenAI(base_url=f"{node.url}/v1", api_key=node.key, max_retries=0) as client:
        numbers = await client.embeddings.create(model="m", input="Pears.", encoding_format="float", dimensions=3)
        text: Any = await client.embeddings.create(model="m", input="Pears.", encoding_format="base64")
    assert numbers.data[0].embedding == VECTORS[0]
    assert text.data[0].embedding == packed(VECTORS[0])
    assert node.model.seen[0]["dimensions"] == 3


@pytest.mark.parametrize(("prompt", "code"), [(RL1, "denied_by_agreement"), (HELD, "held_for_review")])
def test_what_the_agreement_does_not_permit_is_sent_to_no_model(node: Running, prompt: str, code: str) -> None:
    with node.client() as client, pytest.raises(openai.PermissionDeniedError) as caught:
        client.embeddings.create(model="m", input=["Pears.", prompt])
    assert caught.value.code == code
    assert node.model.seen == []


def test_token_ids_are_refused_by_name(node: Running) -> None:
    with node.client() as client, pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model="m", input=[[1212, 318]])
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "input[0]")


def test_words_in_the_place_of_a_vector_reach_nobody(node: Running) -> None:
    words = base64.b64encode(b"SECRET words of the model server").decode()
    node.model.says({"data": [{"index": 0, "embedding": words}]})
    with node.client() as client, pytest.raises(openai.InternalServerError) as caught:
        client.embeddings.create(model="m", input="Pears.")
    assert caught.value.status_code == 502
    assert "SECRET" not in caught.value.response.text
    assert words not in caught.value.response.text


def test_a_workload_calls_it_only_if_that_is_registered(node: Running) -> None:
    settings, agreement = load_settings(node.root), node.node.agreement
    key = add_workload(node.root, settings, agreement, "chats", endpoints=("chat.completions",))
    within_two_seconds(lambda: node.node.registry.workloads.get("chats") is not None)
    with node.client(key) as client, pytest.raises(openai.PermissionDeniedError) as caught:
        client.embeddings.create(model="m", input="Pears.")
    assert caught.value.code == "outside_registration"
