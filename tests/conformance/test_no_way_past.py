# SPDX-License-Identifier: Apache-2.0
"""No way past the red line, over real sockets: the leak table of other gateways, and whatever might be a switch.

Most rows of :data:`LEAKS` pass the red line through some gateway of the field. Here each of them blocks. What a
deployment or a caller may set is enumerated, not listed: settings by reflection, fields in ``tests/coverage``.
"""

from __future__ import annotations

import base64
import json
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import httpx2
import openai
import pytest
from aiohttp import web
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from brightline.core.errors import OperatorError
from brightline.core.evidence.note import VerifierKey
from brightline.shell import shipped
from brightline.shell.clock import SystemClock
from brightline.shell.config import Settings, check_settings
from brightline.shell.node import Node
from brightline.shell.serve import bind, serving
from brightline.wiring import open_node
from tests.certificates import certified
from tests.channels import GATEWAY, GUARD, Authority, channel
from tests.harness import HELD, RL1, Loop, ModelServer, Running, chunk, completion, make_state, running
from tests.playbooks.playbook import PUBLIC_KEY

Messages = list[dict[str, Any]]

PATIENT: Final = 5
"""Times to ask again where no verdict was reached, as on a busy machine; a verdict is never asked for again."""

ASK: Final[Messages] = [{"role": "user", "content": "List three fruits."}]


def tool(name: str, description: str) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": {"type": "object"}},
    }


TOOL: Final = tool("look_up", "Look something up.")
BAD_TOOL: Final = tool("report", RL1)
ARGUMENTS: Final = json.dumps({"task": RL1})


def call(arguments: str) -> dict[str, Any]:
    return {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": arguments}}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("past") / "state", tools=[TOOL, BAD_TOOL]) as node:
        yield node


@pytest.fixture
def node(served: Running) -> Running:
    served.model.answers(served.model._fine)
    served.model.seen.clear()
    served.model.headers.clear()
    return served


# ---- the leak table ----------------------------------------------------------------------------------------------


def _in_pieces(text: str, size: int = 7) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


_CALLED: Final[Messages] = [{"role": "assistant", "content": None, "tool_calls": [call("{}")]}]
_RESULT: Final[Messages] = [{"role": "tool", "tool_call_id": "c1", "content": "Pears."}]

LEAKS: Final[dict[str, dict[str, Any]]] = {
    "user text": {"messages": [{"role": "user", "content": RL1}]},
    "content parts": {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": RL1[:60]}, {"type": "text", "text": RL1[60:]}]}
        ]
    },
    "earlier user turn": {
        "messages": [{"role": "user", "content": RL1}, {"role": "assistant", "content": "Well."}, *ASK]
    },
    "tool result": {"messages": [*ASK, *_CALLED, {"role": "tool", "tool_call_id": "c1", "content": RL1}]},
    "tool-call arguments in history": {
        "messages": [*ASK, {"role": "assistant", "content": None, "tool_calls": [call(ARGUMENTS)]}, *_RESULT]
    },
    "tool description": {"messages": ASK, "tools": [BAD_TOOL]},
    "zero-width character inside the term": {
        "messages": [
            {"role": "user", "content": RL1.replace("licence", "lic\u200bence").replace("links", "li\u200dnks")}
        ]
    },
    "reply text": {"says": completion(RL1)},
    "reply tool-call arguments": {"says": completion("", "tool_calls", content=None, tool_calls=[call(ARGUMENTS)])},
    "streamed reply, term split over chunks": {"streams": [chunk(piece) for piece in _in_pieces(RL1)]},
    "streamed tool-call arguments": {
        "streams": [chunk(tool_calls=[call(piece)]) for piece in _in_pieces(ARGUMENTS)],
    },
}
_END: Final[list[bytes]] = [chunk("", "stop"), b"data: [DONE]\n\n"]


@pytest.mark.parametrize("row", LEAKS)
def test_every_row_of_the_leak_table_blocks(node: Running, row: str) -> None:
    case = LEAKS[row]
    asked: dict[str, Any] = {"model": "m", "messages": case.get("messages", ASK)}
    asked |= {"tools": case.get("tools", [TOOL]), "stream": "streams" in case}
    if "says" in case:
        node.model.says(case["says"])
    if "streams" in case:
        node.model.streams([*case["streams"], *_END])
    with node.client(max_retries=PATIENT) as client, pytest.raises(openai.PermissionDeniedError) as caught:
        client.chat.completions.create(**asked)
    body: Any = caught.value.body
    assert body["brightline"]["verdict"] == "deny"
    assert "RL-1" in [clause["id"] for clause in body["brightline"]["clauses"]]
    assert "licence plate" not in caught.value.response.text
    assert bool(node.model.seen) == ("says" in case or "streams" in case)


def test_a_rule_that_does_not_compile_keeps_the_node_from_starting(tmp_path: Path) -> None:
    folder = tmp_path / "release"
    shutil.copytree(shipped.shipped_release(), folder)
    rules = folder / "rules.toml"
    rules.write_text(rules.read_text("utf-8") + '\n[[rule]]\nid = "broken"\nall = ["("]\n', "utf-8")
    loop = Loop()
    try:
        settings, _, _ = make_state(tmp_path / "state", "http://127.0.0.1:9")
        toml = tmp_path / "state" / "brightline.toml"
        toml.write_text(toml.read_text("utf-8") + f'\n[agreement]\nrelease = "{folder}"\n', "utf-8")
        with pytest.raises(OperatorError, match="rules.toml"):
            loop.call(_start(tmp_path / "state", settings))
    finally:
        loop.close()


async def _start(root: Path, settings: Settings) -> None:
    async with open_node(root, SystemClock()):
        raise AssertionError("it started")


# ---- headers -----------------------------------------------------------------------------------------------------

OFF: Final = ("off", "false", "0", "none", '{"guardrails": false}')
HEADERS: Final = (
    # what SDKs send by themselves
    *[f"x-stainless-{name}" for name in ("lang", "os", "arch", "runtime", "retry-count", "timeout", "raw-response")],
    *["user-agent", "openai-organization", "openai-project", "openai-beta", "idempotency-key", "accept-language"],
    *["traceparent", "tracestate", "baggage", "x-client-request-id", "x-request-id", "cookie", "origin", "referer"],
    # what proxies add and frameworks obey
    *["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-user", "x-real-ip", "via"],
    *["x-original-url", "x-rewrite-url", "x-http-method-override", "x-method-override", "cache-control", "pragma"],
    *["x-ssl-client-verify", "x-forwarded-client-cert", "x-amzn-oidc-data", "x-goog-iap-jwt-assertion", "prefer"],
    # what other gateways take as orders
    *[f"x-portkey-{name}" for name in ("config", "guardrails", "provider", "custom-host", "forward-headers", "debug")],
    *[
        f"x-litellm-{name}"
        for name in ("guardrails", "disable-guardrails", "tags", "timeout", "enable-message-redaction")
    ],
    *["helicone-moderations-enabled", "helicone-omit-request", "cf-aig-skip-cache", "cf-aig-custom-provider"],
    *["x-nemo-guardrails", "x-guardrails", "x-moderation", "x-safety", "x-bypass", "x-admin", "x-debug", "x-test"],
    *["x-model", "x-upstream", "x-priority", "x-data-parallel-rank", "x-kv-cache"],
    # what bears our own name
    *[
        f"x-brightline-{name}"
        for name in ("pass", "receipt", "mode", "observe", "profile", "unit", "workload", "verdict")
    ],
)


def _post(client: httpx2.Client, node: Running, prompt: str, headers: dict[str, str]) -> httpx2.Response:
    body = {"model": "m", "messages": [{"role": "user", "content": prompt}]}
    return client.post(
        f"{node.url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {node.key}", **headers}
    )


def test_no_header_changes_a_verdict(node: Running) -> None:
    everything = dict.fromkeys(HEADERS, OFF[0])
    with httpx2.Client() as client:
        for at, name in enumerate(HEADERS):
            assert _post(client, node, RL1, {name: OFF[at % len(OFF)]}).status_code == 403, name
        for value in OFF:
            assert _post(client, node, RL1, dict.fromkeys(HEADERS, value)).status_code == 403
            assert (
                _post(client, node, HELD, dict.fromkeys(HEADERS, value)).json()["error"]["code"] == "held_for_review"
            )
        assert node.model.seen == []
        assert _post(client, node, "List three fruits.", everything).status_code == 200


def test_no_header_of_the_client_reaches_the_model(node: Running) -> None:
    with httpx2.Client() as client:
        _post(client, node, "List three fruits.", {name: f"client-{at}" for at, name in enumerate(HEADERS)})
    (seen,) = node.model.headers
    assert set(seen) == {
        *["host", "content-type", "content-length", "accept", "accept-encoding", "user-agent", "x-brightline-pass"]
    }
    assert not [value for value in seen.values() if value.startswith("client-")]
    assert node.key not in json.dumps(seen)


# ---- what the upstream says about itself -------------------------------------------------------------------------

TRACE: Final = "up-trace"


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_nothing_that_the_upstream_says_about_itself_reaches_the_client(node: Running, streamed: bool) -> None:
    headers = dict.fromkeys(
        ["x-request-id", "openai-organization", "openai-version", "set-cookie", "server", "via", "x-ratelimit-reset"],
        TRACE,
    )
    about: dict[str, Any] = {
        "id": TRACE,
        "object": TRACE,
        "model": TRACE,
        "system_fingerprint": TRACE,
        "service_tier": TRACE,
    }
    about |= {"created": 1_234_567_890, "x": TRACE}

    async def answer(request: web.Request, asked: dict[str, Any]) -> web.StreamResponse:
        if not streamed:
            return web.json_response({**completion("Fine."), **about}, headers=headers)
        events = [json.loads(event.removeprefix(b"data: ")) for event in (chunk("Fine.", None, role=TRACE), _END[0])]
        response = web.StreamResponse(headers={**headers, "content-type": "text/event-stream"})
        await response.prepare(request)
        for event in events:
            await response.write(f": {TRACE}\nid: {TRACE}\nevent: {TRACE}\nretry: 7\n".encode())
            await response.write(b"data: " + json.dumps({**event, **about}).encode() + b"\n\n")
        await response.write(_END[1])
        return response

    node.model.answers(answer)
    with httpx2.Client() as client:
        body = {"model": "m", "messages": ASK, "stream": streamed}
        got = client.post(
            f"{node.url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {node.key}"}
        )
    assert got.status_code == 200
    assert "Fine." in got.text
    told = got.text + json.dumps(dict(got.headers))
    for words in (TRACE, "1234567890", "upstream-m", "retry:"):
        assert words not in told
    assert got.headers["x-request-id"].startswith("xc_")


# ---- settings ----------------------------------------------------------------------------------------------------

TEXTS: Final[dict[str, Callable[[Path, str], Any]]] = {
    "listen.host": lambda root, url: "localhost",
    "upstream.url": lambda root, url: url.replace("127.0.0.1", "localhost"),
    "upstream.key_env": lambda root, url: "BRIGHTLINE_TEST_KEY",
    "upstream.key_file": lambda root, url: _key_file(root),
    "upstream.same_as": lambda root, url: "default",
    "upstream.roots": lambda root, url: _root_certificate(root),
    "upstream.probe_path": lambda root, url: "/health",
    "upstream.guard": lambda root, url: VerifierKey.of("guard.example/guard", PUBLIC_KEY).vkey(),
    "upstream.channel": lambda root, url: str(root / "channel"),
    "upstream.identity": lambda root, url: GUARD,
    "inference.weights": lambda root, url: str(root),
    "inference.judge_key_file": lambda root, url: _key_file(root),
    "review.queue_url": lambda root, url: "sqlite:///queue.sqlite",
    "review.queue_password_file": lambda root, url: _key_file(root),
    "patterns.database_url": lambda root, url: "postgresql://postgres@127.0.0.1:1/counts",
    "patterns.database_password_file": lambda root, url: _key_file(root),
    "patterns.reader": lambda root, url: "rampart",
    "hunt.database_url": lambda root, url: "postgresql://postgres@127.0.0.1:1/hunts",
    "hunt.database_password_file": lambda root, url: _key_file(root),
    "oidc.issuer": lambda root, url: "https://login.example.org",
    "oidc.client_id": lambda root, url: "console",
    "oidc.client_secret_file": lambda root, url: _key_file(root),
    "oidc.scope": lambda root, url: "openid clearance",
    "oidc.person_claim": lambda root, url: "employee",
    "oidc.roles_claim": lambda root, url: "roles",
    "oidc.roles": lambda root, url: {"staff": "reviewer"},
    "oidc.level_claim": lambda root, url: "level",
    "oidc.compartments_claim": lambda root, url: "compartments",
    "oidc.until_claim": lambda root, url: "until",
    "webhook.url": lambda root, url: "https://203.0.113.7/held",
    "webhook.secret_file": lambda root, url: _webhook_secret(root),
    "webhook.roots": lambda root, url: _root_certificate(root),
    "webhook.networks": lambda root, url: ["203.0.113.0/24"],
    "admin.host": lambda root, url: "localhost",
    "telemetry.log_format": lambda root, url: "json",
    "telemetry.traces": lambda root, url: f"{url}/v1/traces",
    "evidence.directory": lambda root, url: "proofs",
    "evidence.origin": lambda root, url: "elsewhere.example",
    "attestation.command": lambda root, url: _evidence_command(root),
    "attestation.software_tpm": lambda root, url: str(root / "tpm"),
    "agreement.directory": lambda root, url: str(shutil.copytree(shipped.shipped_agreement(), root / "agreement")),
    "agreement.release": lambda root, url: str(shutil.copytree(shipped.shipped_release(), root / "release")),
}
"""Settings that are texts need another text that is valid. A new one fails the test until it has its line."""


def _others(model: type[BaseModel], prefix: str, root: Path, url: str) -> dict[str, Any]:
    """Another value for every setting of a section."""
    values: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        kind = field.annotation
        where = f"{prefix}{name}"
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            values[name] = _others(kind, f"{where}.", root, url)
        elif where in TEXTS:
            values[name] = TEXTS[where](root, url)
        elif isinstance(field.default_factory, type) and field.default_factory is dict:
            (_, inner) = kind.__args__  # type: ignore[union-attr]
            there = _others(inner, f"{where}.", root, url)
            alone = {**there, "same_as": ""} if "same_as" in there else there
            values[name] = {"default": alone, "spare": there}
        elif where in {"listen.port", "admin.port"}:
            values[name] = 0
        elif field.default is None:
            values[name] = 7
        else:
            values[name] = _another_number(field)
    return values


def _key_file(folder: Path) -> str:
    (folder / "key").write_text("sk-of-a-file\n")
    return str(folder / "key")


def _evidence_command(folder: Path) -> str:
    """A command that asks the development attester of the state folder."""
    path = folder / "evidence-command"
    path.write_text(f"#!{sys.executable}\n" + _ASKS_THE_DEVELOPMENT_ATTESTER.replace("FOLDER", str(folder)))
    path.chmod(0o700)
    return str(path)


_ASKS_THE_DEVELOPMENT_ATTESTER: Final = """
import base64, sys, time
from pathlib import Path
from brightline.core.attestation.development import sign_development
from brightline.shell.trust.keys import load_key
[key] = Path("FOLDER").rglob("keys/attester")
main = base64.b64encode(sign_development(load_key(key), sys.argv[1].encode(), int(time.time()))).decode()
print('{"evidence": [{"kind": "development", "main": "' + main + '"}]}')
"""


def _webhook_secret(folder: Path) -> str:
    (folder / "webhook").write_text(f"whsec_{base64.b64encode(bytes(32)).decode()}\n")
    return str(folder / "webhook")


def _root_certificate(folder: Path) -> str:
    certified(folder)
    return str(folder / "cert.pem")


def _another_number(field: FieldInfo) -> float:
    default = field.default
    assert isinstance(default, int | float), field
    assert not isinstance(default, bool), "a setting that is on or off is a switch; say here why it is none"
    return default + 1 if isinstance(default, int) else default * 0.75


def _toml(values: dict[str, Any], at: str = "") -> str:
    rows = [f"{name} = {json.dumps(value)}" for name, value in values.items() if not isinstance(value, dict)]
    head = [f"[{at}]"] if rows and at else []
    inner = [_toml(value, f"{at}.{name}" if at else name) for name, value in values.items() if isinstance(value, dict)]
    return "\n".join([*head, *rows, *inner])


PROMPTS: Final = ("List three fruits.", RL1, HELD, "Is this resident a citizen?")


def _verdicts(node: Running) -> list[Any]:
    """What the node decides, on which grounds, for a table of requests and of answers, plain and streamed."""
    start = len(node.records())
    for prompt in PROMPTS:
        for streamed in (False, True):
            with node.client(max_retries=PATIENT) as client:
                try:
                    answer = client.chat.completions.create(
                        model="m", messages=[{"role": "user", "content": prompt}], stream=streamed
                    )
                    list(answer) if streamed else None
                except openai.PermissionDeniedError:
                    continue
    for streamed in (False, True):
        if streamed:
            node.model.streams([chunk(RL1), *_END])
        else:
            node.model.says(completion(RL1))
        asked: Any = {"model": "m", "messages": ASK, "stream": streamed}
        with node.client(max_retries=PATIENT) as client, pytest.raises(openai.PermissionDeniedError):
            client.chat.completions.create(**asked)
    ends = [record for record in node.records()[start:] if record["kind"] == "OUTCOME"]
    ends = [end for end in ends if end["class"] != "unavailable"]
    assert len(ends) == 2 * len(PROMPTS) + 2
    return [
        [end[name] for name in ("outcome", "class", "verdict", "clauses", "agreement", "release")]
        + [end["committed"][name] for name in ("facts", "findings", "coverage")]
        for end in ends
    ]


def test_no_setting_of_a_deployment_changes_a_verdict(
    node: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every setting at once has another value, and every verdict with its grounds is the same."""
    monkeypatch.setenv("BRIGHTLINE_TEST_KEY", "a key of the model server")
    loop = Loop()
    stack = AsyncExitStack()
    model = ModelServer()
    try:
        authority = Authority()
        authority.part(tmp_path / "channel", GATEWAY)
        served = channel(authority.part(tmp_path / "guard", GUARD), GATEWAY)
        loop.call(model.start(stack, served.server()))
        others = _others(Settings, "", tmp_path, model.url)
        root = tmp_path / "state"
        _, _, key = make_state(root, model.url, tools=[TOOL, BAD_TOOL], toml=_toml(others))
        changed = check_settings(tomllib.loads((root / "brightline.toml").read_text("utf-8")), "test")
        assert _same(changed, Settings.model_validate({"upstream": {"default": {}}})) == set()
        other, url = loop.call(_open(root, changed, stack))
        there = Running(loop, root, other, url, key, model)
        assert _verdicts(there) == _verdicts(node)
        for name in ("windows", "deadline_seconds", "detectors", "entitlements"):
            assert getattr(other.release, name) == getattr(node.node.release, name)
        for name in ("profile", "pass_seconds", "mark_bytes", "mark_seconds"):
            assert getattr(other.terms, name) == getattr(node.node.terms, name)
    finally:
        loop.call(stack.aclose())
        loop.close()


def _same(one: BaseModel, other: BaseModel, prefix: str = "") -> set[str]:
    """The settings that are equal in both."""
    found: set[str] = set()
    for name in type(one).model_fields:
        a, b = getattr(one, name), getattr(other, name)
        if isinstance(a, dict) and "spare" in a:
            a, b = a["spare"], b.get("default")  # of webhooks there are none but those that are named
        if isinstance(a, BaseModel) and b is not None:
            found |= _same(a, b, f"{prefix}{name}.")
        elif a == b:
            found.add(f"{prefix}{name}")
    return found


async def _open(root: Path, settings: Settings, stack: AsyncExitStack) -> tuple[Node, str]:
    listener = bind(settings.listen.host, settings.listen.port)
    opened = await stack.enter_async_context(open_node(root, SystemClock()))
    url = await stack.enter_async_context(serving(opened.app, listener))
    return opened, url
