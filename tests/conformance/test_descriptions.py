# SPDX-License-Identifier: Apache-2.0
"""Two descriptions of the API, held against the server: what OpenAI publishes, for our answers; and our own, whole."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final

import httpx2
import jsonschema_rs
import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from brightline.core.exchange import chat_server
from brightline.core.exchange.api.table import APIS
from brightline.core.exchange.sse import SseParser
from tests.harness import NO_TLS, RL1, Running, chunk, completion, running
from tests.vectors import vectors_dir

DESCRIPTION: Final = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"
FUNCTION: Final[dict[str, Any]] = {"name": "look_up", "parameters": {"type": "object"}}
CALL: Final = {"index": 0, "id": "up", "function": {"name": "look_up", "arguments": "{}"}}
DONE: Final = b"data: [DONE]\n\n"
ASKED: Final[dict[str, dict[str, Any]]] = {
    "chat": {
        "messages": [{"role": "user", "content": "List three fruits."}],
        "tools": [{"type": "function", "function": FUNCTION}],
    },
    "responses": {
        "input": "List three fruits.",
        "instructions": "Be brief.",
        "metadata": {"a": "b"},
        "tools": [{"type": "function", **FUNCTION}],
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}},
    },
}
ANSWERED: Final[dict[str, dict[str, Any]]] = {
    "a text": completion(),
    "a text at its limit": completion("One, two", "length"),
    "a refusal": completion("", content=None, refusal="No."),
    "calls": completion("Let me look.", "tool_calls", tool_calls=[CALL]),
    "nothing": completion(""),
    "a thought": completion("Three.", reasoning_content="One and two."),
}
HEARD: Final = threading.Event()
STREAMED: Final[dict[str, list[bytes | threading.Event]]] = {
    "a text": [chunk("Fi"), chunk("ne."), chunk("", "stop"), DONE],
    "a text at its limit": [chunk("One, two"), chunk("", "length"), DONE],
    "a refusal": [chunk(refusal="No."), chunk("", "stop"), DONE],
    "calls": [chunk("Let me look."), chunk(tool_calls=[CALL]), chunk("", "tool_calls"), DONE],
    "nothing": [chunk("", "stop"), DONE],
    "a thought": [chunk(reasoning_content="One and two."), chunk("Three."), chunk("", "stop"), DONE],
    "a text that is cut": [
        *[chunk(f"The office counts cars on bridge {i} by day. " * 2) for i in range(9)],
        HEARD,
        chunk(RL1),
        chunk("", "stop"),
        DONE,
    ],
    "a text that breaks off": [
        *[chunk(f"The office counts cars on bridge {i} by day. " * 2) for i in range(9)],
        HEARD,
        b"data: {}\n\n",
    ],
}
VECTOR: Final = {"data": [{"index": 0, "embedding": [0.5, 0.25]}], "usage": {"prompt_tokens": 1, "total_tokens": 1}}
SENSE: Final[dict[str, dict[str, Any]]] = {
    "embeddings": {"input": "Hello.", "dimensions": None},
    "chat": {"messages": [{"role": "user", "content": "Hello."}]},
    "responses": {"input": "Hello."},
}
CHATTING: Final = [api for api in APIS if api.SERVER is chat_server]
PLAIN_SCHEMA: Final = {"chat": "CreateChatCompletionResponse", "responses": "Response"}
EVENT_SCHEMA: Final = {"chat": "CreateChatCompletionStreamResponse", "responses": "ResponseStreamEvent"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    registered = [{"type": "function", "function": FUNCTION}]
    with running(tmp_path_factory.mktemp("descriptions") / "state", tools=registered) as node:
        yield node


@pytest.fixture
def node(served: Running) -> Running:
    served.model.answers(served.model._fine)
    return served


def told(node: Running, route: str, body: dict[str, Any]) -> bytes:
    """The bytes of a streamed answer. The model server goes on once some have come."""
    HEARD.clear()
    got = b""
    headers = {"authorization": f"Bearer {node.key}"}
    with httpx2.stream(
        "POST", f"{node.url}{route}", headers=headers, json={"model": "m", **body}, timeout=60, verify=NO_TLS
    ) as answer:
        for part in answer.iter_raw():
            got += part
            HEARD.set()
    return got


def post(node: Running, route: str, body: dict[str, Any]) -> httpx2.Response:
    headers = {"authorization": f"Bearer {node.key}"}
    return httpx2.post(f"{node.url}{route}", headers=headers, json={"model": "m", **body}, verify=NO_TLS)


# ---- what OpenAI publishes ----------------------------------------------------------------------------------------


class Loader(yaml.CSafeLoader):  # type: ignore[misc]
    """Reads a date as a text, as JSON does; schemathesis has a loader, which takes twice the time."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, pattern) for tag, pattern in known if not tag.endswith(":timestamp")]
        for first, known in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }


@cache
def published() -> dict[str, Any]:
    text = (vectors_dir("openai") / "openapi.yaml").read_text("utf-8")
    raw: dict[str, Any] = yaml.load(text, Loader)  # noqa: S506 - a safe loader
    chunk = raw["components"]["schemas"]["CreateChatCompletionStreamResponse"]["properties"]["choices"]["items"]
    for name in ("finish_reason", "logprobs"):  # the description forgets the null that its own examples have
        chunk["properties"][name] = {"anyOf": [chunk["properties"][name], {"type": "null"}]}
    return raw


def validator(schema: str) -> Callable[[Any], None]:
    """Check a value against a schema that OpenAI publishes. Raises ``jsonschema_rs.ValidationError``."""
    whole = {"$ref": f"#/components/schemas/{schema}", "components": {"schemas": published()["components"]["schemas"]}}
    check: Callable[[Any], None] = jsonschema_rs.validator_for(whole).validate
    return check


@pytest.mark.parametrize("answered", sorted(ANSWERED))
@pytest.mark.parametrize("api", CHATTING, ids=lambda api: str(api.NAME))
def test_a_plain_answer_is_one_as_openai_describes_it(node: Running, api: Any, answered: str) -> None:
    validate = validator(PLAIN_SCHEMA[api.NAME])
    node.model.says(ANSWERED[answered])
    answer = post(node, api.ROUTE, ASKED[api.NAME])
    assert answer.status_code == 200
    validate(answer.json())


@pytest.mark.parametrize("streamed", sorted(STREAMED))
@pytest.mark.parametrize("api", CHATTING, ids=lambda api: str(api.NAME))
def test_every_event_of_a_stream_is_one_as_openai_describes_it(node: Running, api: Any, streamed: str) -> None:
    validate = validator(EVENT_SCHEMA[api.NAME])
    node.model.streams(STREAMED[streamed])
    events = SseParser().feed(told(node, api.ROUTE, {**ASKED[api.NAME], "stream": True}))
    values = [json.loads(event.data) for event in events if event.data != "[DONE]"]
    assert values
    for value in values:
        if "error" not in value:  # the end of a chat stream that failed, which is not described
            validate(value)


def test_vectors_are_answered_as_openai_describes_them(node: Running) -> None:
    node.model.says(VECTOR)
    answer = post(node, "/v1/embeddings", {"input": "Hello."})
    assert answer.status_code == 200
    validator("CreateEmbeddingResponse")(answer.json())


def test_the_list_of_models_and_an_error_are_as_openai_describes_them(node: Running) -> None:
    headers = {"authorization": f"Bearer {node.key}"}
    validator("ListModelsResponse")(httpx2.get(f"{node.url}/v1/models", headers=headers).json())
    validator("ErrorResponse")(post(node, "/v1/chat/completions", {}).json())


def test_an_answer_with_a_member_missing_is_none(node: Running) -> None:
    """The schemas can say no: what they accept means something."""
    for api in CHATTING:
        value = post(node, api.ROUTE, ASKED[api.NAME]).json()
        for member in ("id", "object", "model"):
            with pytest.raises(jsonschema_rs.ValidationError):
                validator(PLAIN_SCHEMA[api.NAME])({name: v for name, v in value.items() if name != member})


# ---- our own -----------------------------------------------------------------------------------------------------

load_all_checks()
CHECKED: Final = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
    ]
)


def run_description(node: Running, examples: int) -> Counter[tuple[str, int]]:
    """Requests made of our own description, lawful and not, each answered as it says; counts of statuses."""
    schema = schemathesis.openapi.from_dict(json.loads(DESCRIPTION.read_text("utf-8")))
    schema.config.update(base_url=node.url)
    seen: Counter[tuple[str, int]] = Counter()
    for api in APIS:
        if api.NAME == "embeddings":
            node.model.says(VECTOR)
        for mode in GenerationMode:
            run_operation(node, api.NAME, schema[api.ROUTE]["POST"], mode, examples, seen)
    return seen


def run_operation(
    node: Running, name: str, operation: Any, mode: GenerationMode, examples: int, seen: Counter[tuple[str, int]]
) -> None:
    """One operation. What is lawful by its types is sent again with words that make sense, so that it is answered."""

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        case.headers = {"authorization": f"Bearer {node.key}", "content-type": "application/json"}
        bodies = [case.body]
        if mode is GenerationMode.POSITIVE:
            called = {"tools": None, "tool_choice": None} if "tools" in case.body else {}
            bodies.append({**case.body, "model": "m", **called, **SENSE[name]})
        for body in bodies:
            case.body = body
            response = case.call()
            case.validate_response(response, checks=CHECKED)
            seen[name, response.status_code] += 1

    run()


def test_the_server_answers_as_our_own_description_says(node: Running) -> None:
    seen = run_description(node, 8)
    for api in APIS:
        assert seen[api.NAME, 200] > 0
        assert seen[api.NAME, 400] > 0


@pytest.mark.slow
def test_the_server_answers_as_our_own_description_says_at_length(node: Running) -> None:
    run_description(node, 500)


def test_the_description_names_every_route_that_is_served() -> None:
    paths = json.loads(DESCRIPTION.read_text("utf-8"))["paths"]
    beside = {"/v1/models", "/v1/holds", "/v1/holds/{hold}", "/livez", "/readyz"}
    beside |= {"/v1/holds/{hold}/appeals", "/v1/exchanges/{exchange}/appeals"}
    assert set(paths) == {api.ROUTE for api in APIS} | beside
